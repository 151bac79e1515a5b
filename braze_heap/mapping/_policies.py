"""The options of a transformer, prepared for both mappings."""

from collections.abc import Awaitable, Mapping
from typing import Any, Final, cast

import attrs

from braze_heap._wiring import check_arguments, check_function, kind_of, warn
from braze_heap.events import CurrentsEvent, EventTypes
from braze_heap.heap._encoder import LegalNames, PropertyEncoder
from braze_heap.heap._json_values import UnsupportedValueError
from braze_heap.heap.calls import Value
from braze_heap.mappers import MapperRegistry, Registration
from braze_heap.mappers._custom import DISCRIMINATORS, custom_of, is_event_taker
from braze_heap.mappers._registry import registry_of
from braze_heap.mappers._standard import CUSTOM_EVENT, deep_copy
from braze_heap.mappers._structure import InvalidValueError, Reader, reader_of
from braze_heap.mapping._options import TransformerArguments
from braze_heap.payloads import ReturnValueError, described
from braze_heap.policies.derived import DERIVED_PROPERTIES, checked_derived
from braze_heap.policies.identity import IdentityPolicy
from braze_heap.policies.naming import Naming, checked_naming
from braze_heap.policies.privacy import PersonalData, personal_data
from braze_heap.policies.redaction import Redaction
from braze_heap.policies.sampling import Sampling, suppressor
from braze_heap.policies.selection import Selection, Vocabulary, select_events
from braze_heap.policies.urls import checked_url_parameters
from braze_heap.report import InvalidField

DELETION: Final = "users.UserDeleteRequest"
"""Event type of requests to delete a user. It arrives only in storage files."""


class Policies:
    """
    The policies of a transformer, checked and prepared.

    Args:
        options: The options, not checked yet.

    Attributes:
        options: The options. Policies that need no preparation are read from them.
        redaction: Applies the policies for personal data, unknown fields and URLs.
        derived: Names of the derived properties.
        selection: Events to send; ``None`` for all.
        suppresses: Whether nothing of an identity is sent; ``None`` for no one.
        sampling: Shares of people; ``None`` for all.
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
        if not self.mappers.registrations:
            raise ValueError(
                "mappers is empty, so every event would be skipped: register mappers "
                "first, and join them to DEFAULT_MAPPERS with |"
            )
        if options.ecommerce:
            # Imported here, because most transformers do not need the classes.
            from braze_heap.mappers.ecommerce import ECOMMERCE_MAPPERS

            self.mappers = ECOMMERCE_MAPPERS | self.mappers
        self.identity = IdentityPolicy(options.identity, options.placeholder_identities)
        self.personal_data: PersonalData = personal_data(
            options.personal_data, event_types
        )
        self.redaction = Redaction(
            self.personal_data,
            options.unknown_fields,
            options.custom_fields,
            checked_url_parameters(options.url_parameters),
        )
        self.derived = checked_derived(options.derived_properties)
        self.naming: Naming = checked_naming(
            options.naming,
            self.mappers,
            event_types,
            absent=self._absent(),
            nested=options.nested,
            derives=options.derive is not None,
        )
        if self.naming.event_names == "action" and "channel" not in self.derived:
            raise ValueError(
                "event_names='action' gives events of all channels one name, so "
                "derived_properties must include 'channel'"
            )
        keys = (key for key in self.mappers.registrations if isinstance(key, str))
        known = event_types, [key for key in keys if key not in event_types]
        self.selection: Selection | None = None
        self.sampling: Sampling | None = None
        if (options.include, options.exclude) != ((), ()):
            self.selection = select_events(options.include, options.exclude, *known)
        if options.sample:
            self.sampling = Sampling(options.sample, Vocabulary(*known))
            self.sampling.check(self.selects)
        if options.ecommerce:
            self._warn_about_ecommerce()
        self.suppresses = suppressor(options.suppress)
        if options.derive is not None:
            check_arguments("derive", options.derive, ("an event", "its HeapEvent"))
        self._check_deletions()
        self.fixed = _legal_fixed(options.fixed_properties)
        self.customs = {
            key: CustomMapper.of(entry)
            for key, entry in self.mappers.custom_registrations().items()
        }
        self.legal_names = LegalNames()

    def _absent(self) -> set[str]:
        """Return the properties that no event has, because an option is off."""
        absent = {*map(str, DERIVED_PROPERTIES)} - self.derived
        if not self.options.local_time:
            absent |= {"local_hour", "local_weekday"}
        return absent if self.options.sample else absent | {"sample_rate"}

    def selects(self, event_type: str) -> bool:
        """Return whether events of *event_type* are tracked."""
        return self.selection is None or self.selection.selects(event_type)

    def keeps_user_properties(self, event_type: str) -> bool:
        """Return whether user properties that *event_type* states are sent."""
        if self.options.user_properties == "none":
            return False
        selection = self.selection
        return selection is None or selection.keeps_user_properties(event_type)

    def is_suppressed(self, identity: str) -> bool:
        """Return whether nothing of *identity* is sent."""
        if self.suppresses is None:
            return False
        answer = self.suppresses(identity)
        if isinstance(answer, Awaitable):  # it would count as true
            raise ReturnValueError(f"suppress returned {described(answer)}")
        return bool(answer)

    def rate_of(self, event_type: str) -> float:
        """Return the share of people whose events of *event_type* are sent."""
        return 1 if self.sampling is None else self.sampling.rate_of(event_type)

    def _warn_about_ecommerce(self) -> None:
        """Warn if custom events or their properties are not sent."""
        field = "custom_properties"
        is_sent = self.personal_data.overrides.get(field, "keep") == "keep"
        if not (is_sent and self.selects(CUSTOM_EVENT)):
            cause = f"{CUSTOM_EVENT} is skipped" if is_sent else f"{field} is not kept"
            warn(f"ecommerce has no effect, because {cause}")

    def _check_deletions(self) -> None:
        """Raise `ValueError` unless deletions, if enabled, reach the right user."""
        options, fields = self.options, self.identity.fields
        if options.delete_identity is not None:
            check_function("delete_identity", options.delete_identity)
            if not options.deletions:
                raise ValueError(
                    "delete_identity has no effect without deletions=True: add it, or "
                    "remove delete_identity"
                )
        if not options.deletions:
            return
        if options.delete_identity is None and fields and "user_id" not in fields:
            raise ValueError(
                "deletions cannot delete anybody: a UserDeleteRequest has only Braze's "
                f"user_id, but the identity is {fields[0]}. Pass delete_identity, a "
                "function from the request to the identity in Heap, to a Transformer"
            )
        cls = options.event_types.get(DELETION)
        if cls is not None and self.mappers.registration_for(cls) is None:
            raise ValueError(
                f"deletions has no effect, because {DELETION} has no mapper: "
                "join DEFAULT_MAPPERS with |. To skip these requests on purpose, "
                "register a mapper that returns None"
            )
        selection = self.selection
        if selection and not selection.keeps_user_properties(DELETION):
            raise ValueError(
                f"deletions has no effect, because exclude removes {DELETION}: "
                "remove one of them"
            )

    def custom_of(self, event: CurrentsEvent) -> "CustomMapper | None":
        """Return the mapper for the typed properties of *event*, if there is one."""
        kind = event.event_type
        name = getattr(event, DISCRIMINATORS.get(kind, ""), None)
        return self.customs.get((kind, name)) or self.customs.get((kind, None))


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
        Return the mapper of *entry*, whose key is marked, with a reader of properties.

        Raises:
            TypeError: No JSON value fits one of the fields of the class.
        """
        key: Any = entry.key
        mark: Any = custom_of(key)
        try:
            return cls(entry, mark.field, reader_of(key))
        except NameError as error:
            raise TypeError(
                f"a field of {key.__name__} has a type that is not defined in "
                f"{key.__module__}: {error}"
            ) from None

    @property
    def takes_event(self) -> bool:
        """Whether the mapper gets the event instead of an instance of the class."""
        return is_event_taker(self.entry.mapper)

    def declared(self, given: Any) -> frozenset[str]:
        """
        Return the paths of the properties that the guard leaves to the mapper.

        The standard mapper sends them if *given*, which `read` returned, is invalid.
        """
        if self.takes_event or isinstance(given, InvalidField):
            return frozenset()
        names = (a.name for a in attrs.fields(cast("Any", self.entry.key)))
        return frozenset(f"{self.field}.{name}" for name in names)

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
    encoder = PropertyEncoder()
    try:
        legal = encoder.properties(properties)
    except UnsupportedValueError as error:
        raise TypeError(f"fixed_properties: {error}") from None
    for name, value in properties.items():
        if not isinstance(name, str) or value is None:
            raise TypeError(
                "fixed_properties is a mapping from text to text, numbers or booleans, "
                f"not from {name!r} to {kind_of(value)}"
            )
    if encoder.adjustments:
        changes = ", ".join(encoder.adjustments)
        raise ValueError(
            f"Heap does not accept fixed_properties as they are ({changes}): shorten "
            "them, use finite numbers, and names that are neither empty nor Heap's own"
        )
    return legal
