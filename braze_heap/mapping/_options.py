"""Options of `Transformer`, each declared once."""

from collections.abc import Collection, Mapping
from typing import Any, Final, Literal

import attrs

from braze_heap._options import copy_of_mapping, doc, documented, option
from braze_heap.events import EVENT_TYPES, CurrentsEvent, EventTypes
from braze_heap.heap._encoder import Nested
from braze_heap.heap.calls import Value
from braze_heap.mappers import DEFAULT_MAPPERS, MapperRegistry, Mappers
from braze_heap.policies.identity import PLACEHOLDER_IDENTITIES, Identity
from braze_heap.policies.naming import Naming
from braze_heap.policies.privacy import PersonalData, Treatment

_DEFAULT_NAMING: Final = Naming()


def _copy_unless_immutable(event_types: Any) -> Any:
    is_immutable = isinstance(event_types, EventTypes)
    return event_types if is_immutable else copy_of_mapping(event_types)


@documented
@attrs.frozen(kw_only=True)
class TransformerOptions:
    """Options of `Transformer` that `TransformConfig` has, too."""

    placeholder_identities: Collection[str] = option(
        PLACEHOLDER_IDENTITIES,
        "Texts that many users can share, such as ``null``: an event with one of them "
        "as its identity is rejected as ``bad_identity``. They replace the default, "
        "`braze_heap.policies.identity.PLACEHOLDER_IDENTITIES`.",
        shown="PLACEHOLDER_IDENTITIES",
    )
    nested: Nested = option(
        "flatten",
        "Form of objects: dotted names (``flatten``), JSON text (``json``), or not "
        "sent (``drop``).",
    )
    machines: Literal["keep", "drop"] = option(
        "keep",
        "Whether opens by machines and clicks of suspected bots are sent, with a flag "
        "(``keep``), or skipped (``drop``).",
    )
    deletions: bool = option(
        False,
        "Whether a mapper may delete users. The shipped one does for "
        "``users.UserDeleteRequest``, which carries only Braze's ``user_id``.",
    )
    local_time: bool = option(
        False, "Whether events have the hour and weekday on the user's clock."
    )
    fixed_properties: Mapping[str, Value] = option(
        {},
        "Properties of every tracked event, such as the name of the workspace. "
        "Properties of the event itself win over them.",
    )


@attrs.frozen(kw_only=True)
class TransformerArguments(TransformerOptions):
    """All options of `Transformer`."""

    mappers: MapperRegistry | Mappers = attrs.field(
        default=DEFAULT_MAPPERS,
        kw_only=False,
        metadata=doc(
            "A registry; or a `Mappers`, of which those count that it has collected "
            "so far."
        ),
    )
    identity: Identity = option(
        "external_user_id",
        "Field that names the user of an event, or a function such as `first_of` "
        "makes. Heap must know the same people by its value.",
    )
    personal_data: PersonalData | Treatment | Mapping[str, Treatment] = option(
        "drop",
        '``"drop"`` removes personal fields; ``"keep"`` sends them; a mapping changes '
        'single fields of ``"drop"``; see `PersonalData` for both in one, and for '
        "hashing.",
    )
    naming: Naming = option(_DEFAULT_NAMING, "Names of events and properties in Heap.")
    event_types: Mapping[str, type[CurrentsEvent]] = option(
        EVENT_TYPES, "The event classes by type.", converter=_copy_unless_immutable
    )
