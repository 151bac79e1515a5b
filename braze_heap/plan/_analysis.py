"""Tracking plan of a transformer, from the results of its probes."""

import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Final

import attrs

from braze_heap._json import is_json_text
from braze_heap._wiring import kind_of
from braze_heap.events import EVENT_TYPES, CurrentsEvent, EventField, UnknownEvent
from braze_heap.events._catalog import CatalogEntry
from braze_heap.events._schema import docs_in
from braze_heap.heap.calls import Value, timestamp
from braze_heap.mappers._names import is_shipped
from braze_heap.parsing import YEAR_2100
from braze_heap.plan._model import (
    Origin,
    PlannedEvent,
    PlannedProperty,
    PlannedUserProperty,
    TrackingPlan,
    Type,
    UnsentField,
    UnsentType,
    Wire,
)
from braze_heap.plan._tracing import (
    Evidence,
    ProbeFactory,
    Trace,
    of_everybody,
    without_sentinels,
)
from braze_heap.policies.derived import MEANINGS
from braze_heap.policies.redaction import CUSTOM_FIELDS
from braze_heap.policies.urls import URL_FIELDS
from braze_heap.policies.word_guard import is_personal_name
from braze_heap.reasons import Reason, SkipReason
from braze_heap.transformer import Transformer

NEW: Final = "*"  # Type of the events, and name of the properties, that no class knows


def tracking_plan(
    transformer: Transformer,
    event_types: Mapping[str, type[CurrentsEvent]] = EVENT_TYPES,
) -> TrackingPlan:
    """
    Return every event and every user property that *transformer* can send to Heap.

    Mappers are functions, so they are called with some 10,000 events: complete events
    of each class, and the same with one field changed. A mapper's special case for one
    particular string, or for a combination of fields, may not be found.

    Args:
        transformer: The transformer with its mappers and options. It sends nothing.
        event_types: The event classes by type.

    Raises:
        TypeError: *transformer* is not a `Transformer`.
    """
    if not isinstance(transformer, Transformer):
        raise TypeError(
            f"tracking_plan needs a Transformer, not {kind_of(transformer)}: "
            "write tracking_plan(Transformer(mappers))"
        )
    keys = transformer.mappers.registrations
    transformer = of_everybody(transformer)
    known = {*event_types, *EVENT_TYPES}
    unknown = sorted(k for k in keys if isinstance(k, str) and k not in known)
    analyses = [
        *(_TypeAnalysis(transformer, *each) for each in event_types.items()),
        *(_TypeAnalysis(transformer, event_type) for event_type in (*unknown, NEW)),
    ]
    events = [event for analysis in analyses for event in analysis.events()]
    unsent = [analysis.unsent_type() for analysis in analyses if not analysis.names]
    return TrackingPlan(
        events=tuple(sorted(events, key=attrgetter("event_type", "name"))),
        user_properties=_merged(p for a in analyses for p in a.user_properties()),
        unsent=tuple(sorted(unsent, key=attrgetter("event_type"))),
        deletions=tuple(sorted(a.event_type for a in analyses if a.trace.deletes)),
        policies=_policies_of(transformer),
    )


_POLICIES: Final = (
    "custom_fields lists machines nested placeholder_identities unknown_fields "
    "url_parameters user_properties"
).split()


def _policies_of(transformer: Transformer) -> dict[str, str]:
    """Return the policies that decide about values, by name, as text."""
    options, personal = transformer._policies.options, transformer.personal_data
    identity, naming = transformer._identity, transformer.naming
    policies = {name: _text_of(getattr(options, name)) for name in _POLICIES}
    prefix = f", with the prefix {identity.prefix}" if identity.prefix else ""
    policies["identity"] = f"{', '.join(identity.fields) or 'a function'}{prefix}"
    policies["personal_data"] = personal.default
    for name in ("derive", "suppress"):
        if (value := getattr(options, name)) is not None:
            policies[name] = kind_of(value)
    for name, values in {
        "event_renames": naming.event_renames,
        "fixed_properties": options.fixed_properties,
        "personal_data": personal.overrides,
        "property_renames": naming.property_renames,
        "sample": options.sample,
    }.items():
        policies |= {f"{name}.{_text_of(key)}": str(v) for key, v in values.items()}
    return dict(sorted(policies.items()))


def _text_of(value: Any) -> str:
    if isinstance(value, str):
        return value
    return (
        value.__name__ if isinstance(value, type) else ", ".join(map(_text_of, value))
    )


class _TypeAnalysis:
    """
    Analysis of one event type, or of all types without a class and a mapper.

    Attributes:
        event_type: The type; `NEW` for all.
        guarded: Names that the guard redacts, with the reason: those that mappers
            read in the probes, and `NEW` for all others.
        meanings: Properties that a shipped mapper derives, with their meanings.
    """

    def __init__(
        self,
        transformer: Transformer,
        event_type: str,
        cls: type[CurrentsEvent] = UnknownEvent,
    ) -> None:
        self.event_type = event_type
        unknown_type = None if event_type == NEW else event_type
        factory = ProbeFactory(transformer, cls, unknown_type)
        self.fields = factory.fields
        self.trace = Trace(transformer, factory)
        self.guarded = _guarded(transformer, factory)
        self.meanings = _meanings(transformer, cls)
        self._cls = cls
        self._sentinels = factory.sentinels
        self._overrides = transformer.personal_data.overrides
        unknown = CatalogEntry(event_type, cls.__name__, event_type)
        self._entry: CatalogEntry = getattr(cls, "_entry", unknown)

    @property
    def names(self) -> list[str]:
        """Names of the class's events in Heap."""
        return sorted(name for name in self.trace.properties if name is not None)

    def events(self) -> Iterator[PlannedEvent]:
        """Yield the planned events of the class, one for each name."""
        names = sorted(self.trace.redacted | self._unused() | self.guarded.keys())
        unsent = tuple(UnsentField(name, self._why(name)) for name in names)
        is_known = self._cls is not UnknownEvent
        for name in self.names:
            found = self._properties(self.trace.properties[name])
            new = [p for p in found if p.name == NEW and not p.field]
            yield PlannedEvent(
                name=name,
                event_type=self.event_type,
                event_class=self._cls.__name__,
                meaning=_first_paragraph(inspect.getdoc(self._cls) or ""),
                since=self._entry.release,
                status=self._entry.status,
                properties=tuple(p for p in found if not (is_known and p in new)),
                unsent=unsent,
                takes_new_fields=bool(new),
                note=self._note(name),
                category=self._entry.category or "",
                channel=self._entry.channel or "",
                action=self._entry.action or "",
                wire=self._wire(()),
            )

    def _wire(self, sources: Sequence[str]) -> Wire:
        """Return the form in which Braze sends a value that comes from *sources*."""
        http, storage = self._entry.http, self._entry.storage
        # Every event has a time, so it decides nothing beside another field.
        fields = [self.fields[n] for n in sources if n not in ("id", "time")]
        if http and storage and fields and self._cls is not UnknownEvent:
            # A field of no form is a key of ``user`` that Braze does not document.
            http = any(f.http or not f.documented for f in fields)
            storage = any(f.storage is not None for f in fields)
        return "both" if http == storage else "HTTP" if http else "storage"

    def user_properties(self) -> Iterator[PlannedUserProperty]:
        """Yield the user properties that events of the class set."""
        for planned in self._properties(self.trace.properties.get(None, {})):
            known = attrs.asdict(planned, recurse=False)
            yield PlannedUserProperty(**known, event_types=(self.event_type,))

    def unsent_type(self) -> UnsentType:
        """Return why events of the class never become an event in Heap."""
        return UnsentType(self.event_type, self._cls.__name__, self._why_absent())

    def _why_absent(self) -> str:
        if self.trace.deletes:
            return "The user is deleted instead."
        if None in self.trace.properties:
            return "It only sets user properties."
        if not self.trace.reasons:
            return "It is not sent."
        reason, _ = self.trace.reasons.most_common(1)[0]
        detail = self.trace.details[reason]
        why = _first_paragraph(docs_in(type(reason)).get(reason.name, reason))
        return f"{why} {detail}".rstrip()

    def _note(self, name: str) -> str:
        parts = []
        labels = _roots(self._sentinels.labels_named_in(name))
        fields = [self.fields[label] for label in labels if label in self.fields]
        if any(field.personal or field.sensitive for field in fields):
            parts.append("Its name holds personal data.")
        if self.trace.reasons[SkipReason.MACHINE]:
            parts.append("Events of machines are skipped.")
        if self.trace.reasons[SkipReason.NOT_MAPPED]:
            parts.append("The mapper skips some of these events.")
        if failed := self.trace.reasons[Reason.MAPPER_ERROR]:
            detail = self.trace.details[Reason.MAPPER_ERROR]
            parts.append(
                f"The mapper failed on {failed} of {self.trace.tried} samples, "
                f"so the list may be incomplete: {detail}"
            )
        return " ".join(parts)

    def _unused(self) -> set[str]:
        used = {"id", "time"}.union(*self.trace.envelope_fields)
        for found in self.trace.properties.values():
            for evidence in found.values():
                used |= _roots(evidence.sources)
        return self.fields.keys() - used

    def _why(self, name: str) -> str:
        if name in self.guarded:
            return self.guarded[name]
        identity, time, _ = self.trace.envelope_fields
        if name not in self.trace.redacted:
            return "The mapper does not use it."
        why = "The policy for personal data names it."
        if "." in name and name not in self._overrides:
            why = _by_guard(name)
        if field := self.fields.get(name):
            if field.personal:
                why = "Personal data, marked by Braze."
            elif field.sensitive:
                why = "Personal data, though not marked by Braze."
        if name in identity:
            why += " It is sent only as the identity."
        return why + (" It is in the time of the event." if name in time else "")

    def _properties(self, found: Mapping[str, Evidence]) -> list[PlannedProperty]:
        return [
            self._property(name, found[name])
            for name in sorted(found)
            if found[name].values
        ]

    def _property(self, name: str, evidence: Evidence) -> PlannedProperty:
        is_derived = name in self.meanings
        field = None if is_derived else self._copied(evidence)
        roots = _roots(evidence.sources | self._sentinels.labels_named_in(name))
        sources = tuple(sorted(roots & self.fields.keys()))
        origin: Origin = "derived" if is_derived else _origin(field, roots, evidence)
        known = self.fields.get(field or "")
        kind = _type(name, known, evidence)
        doc = _doc(name, known, sources, origin, is_time=kind == "time as text")
        return PlannedProperty(
            name=name,
            type=kind,
            example=_example(evidence),
            field=field,
            origin=origin,
            sources=sources,
            personal=any(self.fields[n].personal for n in sources),
            sensitive=any(self.fields[n].sensitive for n in sources),
            since=max(self._entry.release, (known.since if known else None) or 2),
            doc=self.meanings.get(name, doc),
            identifying=name == NEW or not MAY_IDENTIFY.isdisjoint(sources),
            wire=self._wire((field,) if field else sources),
        )

    def _copied(self, evidence: Evidence) -> str | None:
        """Return the field whose value the property always has."""
        for name in sorted(_roots(evidence.sources) & self.fields.keys()):
            values = evidence.values.items()
            if all(_is_from(value, p.fields.get(name)) for (value, _), p in values):
                return name
        return None


def _guarded(transformer: Transformer, factory: ProbeFactory) -> dict[str, str]:
    redaction = transformer._policies.redaction
    guarded: dict[str, str] = {}
    if redaction.drops_unknown:
        guarded[NEW] = "Fields that Braze adds later."
    elif redaction.guards_unknown:
        guarded[NEW] = f"{_GUARDED}, of fields that Braze adds later."
    if redaction.guards_custom_fields:
        for name in CUSTOM_FIELDS & factory.fields.keys():
            guarded[f"{name}.*"] = f"{_GUARDED}. `braze-heap drift` lists the names."
        allowed = transformer.personal_data.overrides
        for path in factory.names_read - allowed.keys():
            if is_personal_name(path):
                guarded[path] = _by_guard(path)
    return guarded


def _meanings(transformer: Transformer, cls: type[CurrentsEvent]) -> Mapping[str, str]:
    entry = transformer.mappers.registration_for(cls)
    if cls is UnknownEvent or entry is None or not is_shipped(entry):
        return {}
    names = transformer._policies.derived
    return {transformer.naming.property_name(n): MEANINGS[n] for n in names}


_GUARDED: Final = "Text whose name has a word such as email, phone or token"


def _by_guard(path: str) -> str:
    return (
        "Text is redacted, because the name has a word such as email. To send it: "
        f"personal_data={{{path!r}: 'keep'}}."
    )


def _doc(
    name: str,
    field: EventField | None,
    sources: tuple[str, ...],
    origin: Origin,
    *,
    is_time: bool,
) -> str:
    """Return the meaning of a property, and its use in Heap."""
    states_time = is_time and name.endswith("_at") and "time" in sources
    if field and not states_time and not name.endswith(".*"):
        text = _first_paragraph(field.doc)
    else:
        found = (doc for end, doc in _DOCS_BY_END.items() if name.endswith(end))
        text = next(found, "")
    if is_time:
        text = _EPOCH.sub("ISO 8601 in UTC", text)
    hints = (_IN_HEAP[source] for source in sources if source in _IN_HEAP)
    return " ".join((text or _DOCS[origin], *hints))


_EPOCH: Final = re.compile("UTC epoch (milli)?seconds")

_DOCS_BY_END: Final = MappingProxyType(
    {
        "email_bounced_at": "Time of the last hard bounce. Braze stops sending to the "
        "address; a new address of the person does not remove this time.",
        "email_marked_as_spam_at": "Time at which the person last marked an email as "
        "spam. A new address of the person does not remove this time.",
        "first_session_at": "Time of the earliest first session, in the app if the "
        "name has its id.",
        "push_permission_at": "Time of the report of the permission.",
        "uninstalled_at": "Time of the last uninstall, of the app if the name has its "
        "id. A later install does not remove it.",
        "_changed_at": "Time of the newest change of the subscription.",
        "_at": "Time of the event that states it.",
        "custom_attributes.*": "New value of a custom attribute that changed, under "
        "its own name. Empty text if it was removed.",
        "custom_properties.*": "A property that the app logged with the event, under "
        "its own name.",
        "purchase_properties.*": "A property that the app logged with the purchase, "
        "under its own name.",
        "conversion_behavior.*": "A part of the definition of the goal, under its own "
        "name.",
        "content.*": "A part of the content of the combination, under its own name.",
        ".*": "A value within the field, under its own name.",
        "*": "A field that this version does not know, under its own name.",
        "event_type": "Braze's type of the event: users.messages.email.Click.",
        ".count": "Number of the elements of the list, sent or not.",
        "is_machine_open": "Whether a machine opened the email, not the person.",
        "local_hour": "Hour on the clock of the user, 0 to 23.",
        "local_weekday": "Weekday on the calendar of the user.",
        "push_permission": "Permission for notifications, as a device of the app last "
        "reported it: allowed, provisional or not_allowed, also if never asked.",
        "sample_rate": "Share of the people whose events are sent, from 0 to 1. Divide "
        "numbers of events and of people by it.",
    }
)
"""End of the name of a property that is not a field, to its meaning."""

_IN_HEAP: Final = MappingProxyType(
    {
        "is_unique": "In Heap it is text, so it has no sum: filter on true and count "
        "the events, or count unique users of all of them.",
        "price": "Braze sends one purchase for each unit, so the sum is the revenue. "
        "Refunds are negative.",
        "orphaned_by_id": "Heap cannot merge two users, nor move their events: exclude "
        "users with this property from counts of people.",
    }
)
"""Use of a field in Heap, for analysts."""

MAY_IDENTIFY: Final = (
    CUSTOM_FIELDS
    | URL_FIELDS
    | {
        *("device_id", "user_agent", "ll_accuracy", "alt_accuracy"),
        *("error", "provider_error_title", "reason"),
    }
)
"""Fields that may identify a person, though they are not marked as personal data."""

_DOCS: Final[Mapping[Origin, str]] = {
    "field": "",
    "derived": "Set by the mapper or by an option.",
    "fixed": "Always the same for these events.",
}


def _roots(labels: set[str]) -> set[str]:
    return {label.partition(".")[0] for label in labels}


def _is_from(value: Value, given: Any) -> bool:
    """Return whether *value* is the field value *given* as Heap stores it."""
    if isinstance(given, bool):
        return value == ("true" if given else "false")
    if isinstance(value, str) and type(given) is int:
        return value == timestamp(given / 1000 if given > YEAR_2100 else given)
    if isinstance(given, dict):
        return any(_is_from(value, v) for v in given.values()) or str(value)[:1] in "{["
    if isinstance(given, list):
        return str(value) == "||".join(map(str, given)) or value in given
    if is_json_text(given):
        return str(value) in given or value == given.replace(": ", ":")
    return given is not None and type(value) is type(given) and value == given


def _origin(field: str | None, roots: set[str], evidence: Evidence) -> Origin:
    if field:
        return "field"
    is_one = len({value for value, _ in evidence.values}) == 1
    return "derived" if roots or not is_one else "fixed"


_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(\+00:00|Z)")

_TYPES: Final[Mapping[str, Type]] = {
    "boolean": "boolean as text",
    "array<string>": "list as text",
    "int": "number",
    "float": "number",
    "double": "number",
    "string": "text",
}


def _type(name: str, field: EventField | None, evidence: Evidence) -> Type:
    if name.endswith("*"):
        return "any"
    values = [value for value, _ in evidence.values]
    texts = [value for value in values if isinstance(value, str)]
    is_time = bool(texts) and all(map(_TIME.fullmatch, texts))  # an epoch number before
    if field and field.kind in _TYPES and not is_time:
        return _TYPES[field.kind]
    if len(texts) < len(values):
        return "text or number" if texts else "number"
    if {"true", "false"}.issuperset(texts):
        return "boolean as text"
    if is_time:
        return "time as text"
    return "JSON as text" if all(map(is_json_text, texts)) else "text"


def _example(evidence: Evidence) -> str:
    """Return a value of a realistic event, if there is one."""
    values = sorted(evidence.values, key=lambda each: not each[1])
    return without_sentinels(values[0][0])


def _merged(found: Iterator[PlannedUserProperty]) -> tuple[PlannedUserProperty, ...]:
    name = attrgetter("name")
    by_name = groupby(sorted(found, key=name), key=name)
    return tuple(_as_one([*same]) for _, same in by_name)


def _as_one(same: list[PlannedUserProperty]) -> PlannedUserProperty:
    """Return one user property for those of one name that different events set."""
    first = same[0]

    def shared(attribute: str, otherwise: Any) -> Any:
        values = {getattr(planned, attribute) for planned in same}
        return values.pop() if len(values) == 1 else otherwise

    has_numbers = any(planned.type == "number" for planned in same)
    return attrs.evolve(
        first,
        type=shared("type", "text or number" if has_numbers else "text"),
        field=shared("field", None),
        origin=shared("origin", "derived"),
        sources=tuple(sorted({s for p in same for s in p.sources})),
        personal=any(p.personal for p in same),
        sensitive=any(p.sensitive for p in same),
        identifying=any(p.identifying for p in same),
        since=min(p.since for p in same),
        wire=shared("wire", "both"),
        event_types=tuple(sorted({t for p in same for t in p.event_types})),
    )


def _first_paragraph(doc: str) -> str:
    return " ".join(doc.partition("\n\n")[0].split()).replace("``", "")
