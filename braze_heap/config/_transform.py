"""Options of a transformer that are plain data."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

import attrs

from braze_heap._options import documented, option, types_of
from braze_heap.config._load import load_transformer
from braze_heap.config._values import ConfigError
from braze_heap.mappers import (
    DEFAULT_MAPPERS,
    MapperRegistry,
    Mappers,
)
from braze_heap.policies.identity import FirstOfField, Identity, IdentityField, first_of
from braze_heap.policies.naming import Naming
from braze_heap.policies.privacy import PersonalData, Treatment
from braze_heap.transformer import Transformer, TransformerOptions


def _texts(given: Any) -> Any:
    """Return *given* as a tuple of texts, where one text may stand for itself."""
    return (given,) if isinstance(given, str) else tuple(given)


@documented
@attrs.frozen(kw_only=True)
class TransformConfig(TransformerOptions):
    """
    Table ``[transform]``: the options of `Transformer` that are plain data.
    """

    import_name: str = option(
        "",
        "Your own mappers as ``module:name``, such as ``mappers:registry``: a registry "
        "or `Mappers`, a function from `TransformConfig` to `Transformer`, or a "
        "`Transformer`, which has its own options. Importing it runs its code.",
        filled=True,
        key="transformer",
    )
    identity: tuple[FirstOfField, ...] = option(
        ("external_user_id",),
        "``external_user_id`` or ``user_id``; of several, with or without "
        "``device_id``, the first that is present.",
        converter=_texts,
    )
    identity_prefix: str = option(
        "braze:", "Beginning of identities from all but the first field."
    )
    personal_data: Treatment = option("drop", "``drop``, ``keep`` or ``hash``.")
    personal_fields: Mapping[str, Treatment] = option(
        {}, "Field name to treatment, for fields that differ from *personal_data*."
    )
    hash_key: str = option(
        "",
        "Secret of ``hash``, at least 16 bytes.",
        secret=True,
    )
    event_names: Literal["display", "type", "action"] = option(
        "display",
        "``display`` (``Email Click``), ``type`` (``users.messages.email.Click``) or "
        "``action`` (``Message Click`` for all channels).",
    )
    event_prefix: str = option("Braze ", "Beginning of the names of standard events.")
    custom_event_prefix: str | None = option(
        None,
        "Beginning of the names of custom events. By default that of standard events "
        "and ``Custom``.",
    )
    event_renames: Mapping[str, str] = option(
        {}, "Name in Heap to the name to send instead."
    )
    property_prefix: str = option(
        "", "Beginning of the names of properties of standard events."
    )
    property_renames: Mapping[str, str] = option(
        {}, "Property name to the name to send instead."
    )

    def transformer(
        self,
        mappers: MapperRegistry | Mappers | None = None,
        *,
        given: Sequence[str] | None = None,
    ) -> Transformer:
        """
        Return the transformer that this describes.

        Args:
            mappers: A team's own registry, instead of the one that `import_name` names
                or the shipped one.
            given: Names, for a message, of the options that were set. By default of
                those that differ from their default value.

        Raises:
            ConfigError: An option has no effect beside the others, such as `hash_key`
                without ``hash``. Or `import_name` cannot be imported.
            ValueError: See `Transformer`; ``hash`` without a key, for example.
            TypeError: See `Transformer`.

        Warns:
            UserWarning: A name that this version does not have; see `Transformer`.
        """
        if self.import_name and mappers is None:
            own = attrs.evolve(self, import_name="")
            if given is None:
                values = attrs.asdict(TransformConfig(), recurse=False).items()
                given = [name for name, value in values if getattr(own, name) != value]
            return load_transformer(self.import_name, own, given)
        treatments = (self.personal_data, *self.personal_fields.values())
        if self.hash_key and "hash" not in treatments:
            raise ConfigError(
                "hash_key is given, but nothing is hashed: set personal_data or a "
                "field in personal_fields to 'hash', or remove hash_key"
            )
        return Transformer(
            DEFAULT_MAPPERS if mappers is None else mappers,
            identity=self._identity(),
            personal_data=PersonalData(
                self.personal_data, self.personal_fields, self.hash_key.encode()
            ),
            naming=Naming(
                self.event_names,
                self.event_prefix,
                self.event_renames,
                self.property_prefix,
                self.property_renames,
                self.custom_event_prefix,
            ),
            **{name: getattr(self, name) for name in types_of(TransformerOptions)},
        )

    def _identity(self) -> Identity:
        if len(self.identity) == 1:
            if self.identity_prefix != attrs.fields(type(self)).identity_prefix.default:
                raise ConfigError(
                    "identity_prefix has no effect, because identity is one field: it "
                    "stands before the ids of the second and further fields"
                )
            return cast("IdentityField", self.identity[0])  # checked by the transformer
        return first_of(*self.identity, prefix=self.identity_prefix)
