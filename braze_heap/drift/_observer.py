"""Compare events with the classes, keeping only names, JSON types and counts."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Set
from types import MappingProxyType, NoneType
from typing import Any, Final, Literal, TypeAlias, cast

import attrs

from braze_heap._wiring import kind_of
from braze_heap.drift._declarations import class_for
from braze_heap.drift._model import (
    Drift,
    Form,
    NewType,
    Place,
    RedactedField,
    SeenField,
    UnseenFields,
)
from braze_heap.events import EVENT_TYPES, CurrentsEvent, UnknownEvent, event_fields
from braze_heap.events._base import split_pointer
from braze_heap.events._schema import schema_of
from braze_heap.parsing import EventError, EventParser, is_nested
from braze_heap.policies.privacy import PERSONAL_NAMES
from braze_heap.policies.redaction import CUSTOM_FIELDS
from braze_heap.policies.word_guard import without_personal_text
from braze_heap.wire import RawEvent, Read, Unreadable

MAX_NAMES: Final = 1_000
"""Maximum number of new fields kept for one type; ten times as many for all types."""

MAX_TYPES: Final = 1_000
"""Maximum number of new event types kept."""

_Finding: TypeAlias = Literal["new", "invalid", "other form"]
_Spot: TypeAlias = tuple[_Finding, Place, str]

_ENVELOPE: Final = frozenset(("id", "time"))

_NECESSARY: Final = MappingProxyType(
    {"id": "text", "time": "epoch seconds", "user": "object", "properties": "object"}
)
"""The parts of every event, and their documented types."""


def observe(
    reads: Iterable[Read],
    *,
    event_types: Mapping[str, type[CurrentsEvent]] = EVENT_TYPES,
) -> Drift:
    """
    Compare *reads*, as `read_events` returns them, with the event classes.

    Memory is bounded for any input. Use `DriftObserver` for several sources.

    Args:
        reads: Decoded events, not yet checked.
        event_types: Event classes by type. See `EventTypes` to add some.
    """
    observer = DriftObserver(event_types)
    for read in reads:
        observer.add(read)
    return observer.drift()


class DriftObserver:
    """
    Comparison of events from several sources with the event classes.

    Args:
        event_types: Event classes by type.
    """

    def __init__(
        self, event_types: Mapping[str, type[CurrentsEvent]] = EVENT_TYPES
    ) -> None:
        self._event_types = event_types
        self._parser = EventParser(event_types)
        self._stats: dict[str, _TypeStats] = {}
        self._malformed: Counter[str] = Counter()
        self._events = 0
        self._budget = _NameBudget()

    def add(self, read: Read) -> None:
        """
        Compare one event, or count an unreadable one.

        Raises:
            TypeError: *read* is decoded JSON, not in a `RawEvent`.
        """
        if not isinstance(read, RawEvent | Unreadable):
            raise TypeError(
                f"drift compares what read_events returns, not {kind_of(read)}: write "
                "RawEvent(value) for a decoded event"
            )
        self._events += 1
        if isinstance(read, Unreadable):
            self._malformed[read.reason] += 1
            return
        try:
            event = self._parser.parse(read.value, read.event_type)
        except EventError as error:
            self._count_malformed(read.value, error)
            return
        stats = self._stats_of(event.event_type, type(event))
        if stats:
            stats.add(read.value, event)

    def _count_malformed(self, raw: Any, error: EventError) -> None:
        """Count a malformed event. Another type of one of its parts is a finding."""
        self._malformed[str(error.reason)] += 1
        part = error.problems[0].path
        if part not in _NECESSARY or raw.get("event_type") not in self._event_types:
            return
        kind = json_type(raw.get(part))
        if kind != "null" and (part != "time" or kind not in ("int", "float")):
            cls = self._event_types[raw["event_type"]]
            if stats := self._stats_of(cls.event_type, cls):
                stats.events["http"] += 1
                stats.note("invalid", "http", "envelope", part, kind)

    def _stats_of(
        self, event_type: str, cls: type[CurrentsEvent]
    ) -> "_TypeStats | None":
        stats = self._stats.get(event_type)
        if stats is None:
            if issubclass(cls, UnknownEvent) and not self._budget.allows_type():
                return None
            stats = self._stats[event_type] = _TypeStats(event_type, cls, self._budget)
        return stats

    def drift(self) -> Drift:
        """Return the findings so far."""
        all_stats = [self._stats[name] for name in sorted(self._stats)]
        known = [stats for stats in all_stats if not stats.is_new]
        return Drift(
            events=self._events,
            new_types=tuple(t.new_type() for t in all_stats if t.is_new),
            new_fields=tuple(f for t in known for f in t.fields("new")),
            type_changes=tuple(f for t in known for f in t.fields("invalid")),
            other_form=tuple(f for t in known for f in t.fields("other form")),
            redacted=tuple(f for t in all_stats for f in t.redacted()),
            unseen_fields=tuple(u for t in known for u in t.unseen()),
            unseen_types=tuple(sorted(set(self._event_types) - set(self._stats))),
            malformed=tuple(sorted(self._malformed.items())),
            truncated=self._budget.truncated,
        )


@attrs.define
class _NameBudget:
    """Limit on the names kept, so that hostile input cannot exhaust memory."""

    types: int = MAX_TYPES
    names: int = 10 * MAX_NAMES
    truncated: int = 0

    def allows_type(self) -> bool:
        self.types -= 1
        if self.types < 0:
            self.truncated += 1
        return self.types >= 0

    def allows_name(self, name: str, kept: int) -> bool:
        is_long = len(name) > 255  # Braze's longest has 44 characters
        if is_long or kept >= MAX_NAMES or self.names <= 0:
            self.truncated += 1
            return False
        self.names -= 1
        return True


class _TypeStats:
    """Statistics of one event type."""

    def __init__(
        self, event_type: str, cls: type[CurrentsEvent], budget: _NameBudget
    ) -> None:
        self.is_new = issubclass(cls, UnknownEvent)
        self.events: Counter[Form] = Counter()
        self._event_type = event_type
        self._schema = schema_of(cls)
        self._budget = budget
        self._spots: dict[_Spot, Counter[str]] = {}
        self._redacted: Counter[str] = Counter()
        self._unseen: dict[Form, set[str]] = {"http": set(), "storage": set()}
        self._stray: dict[Form, Set[str]]  # fields of the class that are findings
        self._stray = dict.fromkeys(self._unseen, self._schema.places.keys())
        if not self.is_new:
            fields = event_fields(cls).values()
            http = {f.name for f in fields if f.http}
            storage = {f.name for f in fields if f.storage}
            # Any event may have the keys of `user` over HTTP: they are not drift there.
            user = {f.name for f in fields if not f.documented}
            self._unseen = {"http": http - _ENVELOPE, "storage": storage - _ENVELOPE}
            names = self._schema.kinds.keys()
            self._stray = {"http": names - http - user, "storage": names - storage}

    def add(self, raw: dict[str, Any], event: CurrentsEvent) -> None:
        """Add *event*, which was parsed from *raw*."""
        form: Form = "http" if is_nested(raw, self._schema) else "storage"
        self.events[form] += 1
        fields = event.__dict__
        self._unseen[form].difference_update(fields)
        for name in self._stray[form] & fields.keys():
            if fields[name] is not None:
                finding: _Finding = "new" if self.is_new else "other form"
                at = self._schema.places[name]
                self.note(finding, form, at, name, json_type(fields[name]))
        for name in CUSTOM_FIELDS & fields.keys():
            self._note_redacted(name, fields[name])
        for key, value in event.extra.items():
            self._note_extra(form, key, value)

    def _note_extra(self, form: Form, key: str, value: Any) -> None:
        """Count an unknown or invalid field."""
        *parents, name = split_pointer(key)
        at = cast("Place", parents[0] if parents else "envelope")
        is_known = not self.is_new and (
            (at == "envelope" and name in _ENVELOPE)
            or self._schema.places.get(name) == at
        )
        if is_known:
            self._unseen[form].discard(name)
        elif name not in PERSONAL_NAMES and name not in self._schema.personal:
            self._note_redacted(name, value)
        kind = self._schema.kinds.get(name)
        is_custom = kind is not None and kind.name == "json object"
        if not (is_known and is_custom):  # whose content the customer decides
            finding: _Finding = "invalid" if is_known else "new"
            self.note(finding, form, at, name, json_type(value))

    def _note_redacted(self, name: str, value: Any) -> None:
        """Count the names under which the guard redacts text."""
        found: list[str] = []
        without_personal_text(name, value, found)
        for path in dict.fromkeys(found):
            kept = len(self._redacted)
            if path in self._redacted or self._budget.allows_name(path, kept):
                self._redacted[path] += 1

    def redacted(self) -> Iterator[RedactedField]:
        """Yield what the guard redacts, by name."""
        for name, count in sorted(self._redacted.items()):
            yield RedactedField(self._event_type, name, count)

    def note(
        self, finding: _Finding, form: Form, at: Place, name: str, kind: str
    ) -> None:
        """Count a value of the JSON type *kind*."""
        spot: _Spot = (finding, "storage" if form == "storage" else at, name)
        if spot not in self._spots:
            kept = len(self._spots)
            if finding == "new" and not self._budget.allows_name(name, kept):
                return
            self._spots[spot] = Counter()
        self._spots[spot][kind] += 1

    def fields(self, finding: _Finding) -> Iterator[SeenField]:
        """Yield the findings, by place and name."""
        for spot in sorted(s for s in self._spots if s[0] == finding):
            _, place, name = spot
            kinds = self._spots[spot]
            form: Form = "storage" if place == "storage" else "http"
            kind = self._schema.kinds.get(name)
            documented = kind.name if kind else _NECESSARY.get(name, "")
            yield SeenField(
                event_type=self._event_type,
                place=place,
                name=name,
                types=tuple(kind for kind, _ in kinds.most_common()),
                count=kinds.total(),
                share=kinds.total() / self.events[form],
                documented=documented if finding == "invalid" else "",
            )

    def new_type(self) -> NewType:
        """Return the finding for a type without a class."""
        return NewType(
            self._event_type,
            self.events.total(),
            tuple(self.fields("new")),
            *class_for(self._event_type),
        )

    def unseen(self) -> Iterator[UnseenFields]:
        """Yield the documented fields of observed forms that were not seen."""
        for form, count in sorted(self.events.items()):
            if names := tuple(sorted(self._unseen[form])):
                yield UnseenFields(self._event_type, form, count, names)


def json_type(value: object) -> str:
    """Return the JSON type of a decoded value for people."""
    if not isinstance(value, list):
        return _TYPES.get(type(value), "other")
    items = " and ".join(sorted({_TYPES.get(type(item), "other") for item in value}))
    return f"list of {items}" if items else "list"


_TYPES: Final[Mapping[type, str]] = MappingProxyType(
    {
        NoneType: "null",
        bool: "boolean",
        int: "int",
        float: "float",
        str: "text",
        list: "list",
        dict: "object",
        bytes: "bytes",
    }
)
