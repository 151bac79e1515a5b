"""The options of a transformer, checked and prepared for both mappings."""

from collections.abc import Mapping
from typing import Any, Final, cast

import attrs

from braze_heap.events import CurrentsEvent, EventTypes
from braze_heap.heap._encoder import LegalNames, PropertyEncoder, UnsupportedValueError
from braze_heap.heap.calls import Value
from braze_heap.mappers import MapperRegistry, Registration
from braze_heap.mappers._copies import deep_copy
from braze_heap.mappers._custom import custom_of
from braze_heap.mappers._registry import check_selection, registry_of
from braze_heap.mappers._structure import InvalidValueError, Reader, reader_of
from braze_heap.mapping._options import TransformerArguments
from braze_heap.policies.identity import IdentityPolicy
from braze_heap.policies.naming import Naming, checked_naming
from braze_heap.policies.privacy import PersonalData, Redaction, personal_data
from braze_heap.report import InvalidField

DISCRIMINATORS: Final = {
    "users.behaviors.CustomEvent": "name",
    "users.behaviors.Purchase": "product_id",
}
"""Event type to the field by which `custom_event` and `purchase` tell classes apart."""


class Policies:
    """
    What a transformer does with events.

    Args:
        options: The options, not checked yet.

    Attributes:
        options: The options. Policies that need no preparation are read from them.
        mappers: Registry of the mappers.
        identity: Reads and checks identities.
        personal_data: Treatment of personal data.
        redaction: Applies it.
        naming: Names of events and properties.
        fixed: Legal properties of all events.
        customs: Mappers of typed custom events and purchases, by event type and name.
        legal_names: Names of properties that are known to be legal.

    Raises:
        ValueError, TypeError: See `Transformer`.
    """

    def __init__(self, options: TransformerArguments) -> None:
        self.options = options
        event_types = options.event_types
        if not isinstance(event_types, EventTypes):
            EventTypes(event_types)  # raises for what is not an event class
        self.mappers: MapperRegistry = registry_of(options.mappers)
        check_selection(self.mappers, event_types)
        self.identity = IdentityPolicy(options.identity, options.placeholder_identities)
        self.personal_data: PersonalData = personal_data(
            options.personal_data, event_types
        )
        self.redaction = Redaction(self.personal_data)
        self.naming: Naming = checked_naming(options.naming, self.mappers, event_types)
        self.fixed = _legal_fixed(options.fixed_properties)
        self.customs = {
            key: CustomMapper.of(entry)
            for key, entry in self.mappers.custom_registrations().items()
        }
        self.legal_names = LegalNames()

    def custom_of(self, event: CurrentsEvent) -> "CustomMapper | None":
        """Return the mapper for the typed properties of *event*, if there is one."""
        kind = event.event_type
        name = getattr(event, DISCRIMINATORS.get(kind, ""), None)
        custom = self.customs.get((kind, name)) or self.customs.get((kind, None))
        return custom if custom and custom.entry.admits(type(event), kind) else None


@attrs.frozen
class CustomMapper:
    """
    The mapper for a class that `custom_event` or `purchase` marks.

    Attributes:
        entry: Registration of the mapper.
        field: Field of the event with the properties.
        reader: Reads them into the class.
    """

    entry: Registration
    field: str
    reader: Reader

    @classmethod
    def of(cls, entry: Registration) -> "CustomMapper":
        """
        Return the mapper of *entry*, with a reader of properties.

        Raises:
            TypeError: No JSON value fits one of the fields of the class.
        """
        mark = custom_of(entry.key)
        if mark is None or not isinstance(entry.key, type):
            raise TypeError(
                f"{entry.key!r} is not marked with custom_event or purchase"
            )
        try:
            return cls(entry, mark.field, reader_of(entry.key))
        except NameError as error:
            raise TypeError(
                f"a field of {entry.key.__name__} has a type that is not defined in "
                f"{entry.key.__module__}: {error}"
            ) from None

    def __reduce__(self) -> tuple[Any, ...]:
        return CustomMapper.of, (self.entry,)

    def read(self, event: CurrentsEvent) -> Any:
        """
        Return the properties of *event* as an instance of the class; an `InvalidField`
        if they do not fit.
        """
        given = event.__dict__.get(self.field, event.extra.get(self.field, {}))
        try:
            return self.reader(deep_copy(given))
        except InvalidValueError as invalid:
            cls = cast("type", self.entry.key)
            return InvalidField(cls.__name__, invalid.path, invalid.reason)


def _legal_fixed(properties: Mapping[str, Value]) -> dict[str, Value]:
    try:
        return PropertyEncoder().properties(properties)
    except UnsupportedValueError as error:
        raise TypeError(f"fixed_properties: {error}") from None
