"""Options of `Transformer`, each declared once."""

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final, Literal, TypeAlias

import attrs

from braze_heap._options import copy_of_mapping, doc, documented, option
from braze_heap.events import EVENT_TYPES, CurrentsEvent, EventTypes
from braze_heap.heap._encoder import Lists, Nested
from braze_heap.heap.calls import Value
from braze_heap.mappers import DEFAULT_MAPPERS, MapperRegistry, Mappers
from braze_heap.payloads import HeapEvent
from braze_heap.policies.derived import DERIVED_PROPERTIES, DerivedProperty
from braze_heap.policies.identity import PLACEHOLDER_IDENTITIES, Identity
from braze_heap.policies.naming import Naming
from braze_heap.policies.privacy import PersonalData, Treatment
from braze_heap.policies.sampling import Sample, Suppress
from braze_heap.policies.selection import Events
from braze_heap.policies.urls import URL_PARAMETERS
from braze_heap.policies.word_guard import CustomFields, UnknownFields

Derive: TypeAlias = Callable[[Any, HeapEvent], Mapping[str, Any]]
"""Function of an event and its payload to the properties to add."""

DeleteIdentity: TypeAlias = Callable[[Any], str | None]
"""Function of a deletion request to the identity to delete."""

_DEFAULT_NAMING: Final = Naming()


def _copy_unless_immutable(event_types: Any) -> Any:
    is_immutable = isinstance(event_types, EventTypes)
    return event_types if is_immutable else copy_of_mapping(event_types)


@documented
@attrs.frozen(kw_only=True)
class TransformerOptions:
    """Options of `Transformer` that `TransformConfig` has, too."""

    include: Events = option(
        (),
        "Events to send; by default all. Event types, globs such as "
        "``users.messages.*.Click``, classes and groups or their names, categories "
        "such as ``message_engagement``, ``engagement``, ``delivery``, "
        "``channel:email`` or ``action:click``. User properties of other events are "
        "sent, too.",
    )
    exclude: Events = option(
        (), "Events not to send, including their user properties; see *include*."
    )
    sample: Sample = option(
        {},
        "Events, written as *include*, to the share of users whose events are sent, "
        "from 0 to 1. Sampled events have the share as ``sample_rate``. User "
        "properties are not sampled.",
    )
    user_properties: Literal["all", "none"] = option(
        "all", "Whether user properties are sent (``all``), or none (``none``)."
    )
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
        "sent and counted as ``omitted`` (``drop``). The custom properties of an event "
        "are one object. Each custom attribute is a user property of its own.",
    )
    lists: Lists = option(
        "json",
        "Form of lists of objects in events, beside ``<name>.count``. ``json`` is JSON "
        "text of the elements that fit. ``columns`` are the values of each of their "
        "fields, joined by ``||``, which Heap can read as an array.",
    )
    machines: Literal["keep", "drop"] = option(
        "keep",
        "Whether opens by machines and clicks of suspected bots are sent, with a flag "
        "(``keep``), or skipped (``drop``).",
    )
    deletions: bool = option(
        False,
        "Whether mappers may delete users. The shipped mapper of "
        "``users.UserDeleteRequest`` does. This event has only Braze's ``user_id``.",
    )
    local_time: bool = option(
        False, "Whether events have the hour and weekday on the user's clock."
    )
    ecommerce: bool = option(
        False,
        "Whether Braze's recommended e-commerce events, such as "
        "``ecommerce.order_placed``, are typed: their properties, such as "
        "``total_value``, have names of their own, without a prefix.",
    )
    unknown_fields: UnknownFields = option(
        "guard",
        "Fields that no event class declares, such as new ones: ``guard`` redacts text "
        "under names with a word such as ``email``, ``send`` sends and ``drop`` "
        "redacts all of them. ``guard`` has no effect beside *personal_data* ``keep``.",
    )
    custom_fields: CustomFields = option(
        "guard",
        "Custom properties and attributes that no typed class declares: ``guard`` "
        "redacts text under names with a word such as ``email``, ``send`` sends all. "
        "``guard`` has no effect beside *personal_data* ``keep``.",
    )
    url_parameters: Collection[str] = option(
        URL_PARAMETERS,
        "Query parameters to keep in URLs, as globs of names. All others, fragments "
        "and user info are removed, and counted as ``url?name``; ``*`` keeps all "
        "parameters.",
    )
    derived_properties: Collection[DerivedProperty] = option(
        DERIVED_PROPERTIES,
        "Properties that are derived from each standard event: ``channel``, "
        "``action``, ``message_key``, ``message_name``, ``link_domain`` and "
        "``seconds_since_send``.",
        shown="DERIVED_PROPERTIES",
    )
    fixed_properties: Mapping[str, Value] = option(
        {},
        "Properties of every tracked event, such as the name of the workspace. "
        "Properties of the event itself take precedence.",
    )


@attrs.frozen(kw_only=True)
class TransformerArguments(TransformerOptions):
    """All options of `Transformer`."""

    mappers: MapperRegistry | Mappers = attrs.field(
        default=DEFAULT_MAPPERS,
        kw_only=False,
        metadata=doc(
            "A registry; or a `Mappers`, for the mappers that it has collected so far."
        ),
    )
    identity: Identity = option(
        "external_user_id",
        "Field that identifies the user of an event, or a function, such as the one "
        "that `first_of` returns. Its value must be the identity in Heap.",
    )
    personal_data: PersonalData | Treatment | Mapping[str, Treatment] = option(
        "drop",
        '``"drop"`` removes personal fields; ``"keep"`` sends them; a mapping changes '
        'single fields of ``"drop"``; see `PersonalData` for both in one, and for '
        "hashing.",
    )
    suppress: Suppress | None = option(
        None,
        "Identities for which only deletions are sent: a container such as a set, or a "
        "function of an identity.",
    )
    derive: Derive | None = option(
        None,
        "Function of an event and its `HeapEvent` to properties to add. It is called "
        "after any mapper, and its properties take precedence.",
    )
    delete_identity: DeleteIdentity | None = option(
        None,
        "Function of a ``UserDeleteRequest``, which has only Braze's ``user_id``, to "
        "the identity to delete.",
    )
    naming: Naming = option(_DEFAULT_NAMING, "Names of events and properties in Heap.")
    event_types: Mapping[str, type[CurrentsEvent]] = option(
        EVENT_TYPES, "The event classes by type.", converter=_copy_unless_immutable
    )
