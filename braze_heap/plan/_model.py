"""A tracking plan: its content, and its forms."""

import json
from collections.abc import Mapping
from typing import Final, Literal, TypeAlias, cast

import attrs

from braze_heap.exceptions import BrazeHeapError
from braze_heap.mappers._structure import InvalidValueError, reader_of
from braze_heap.plan._html import page
from braze_heap.plan._json_schema import json_schemas
from braze_heap.plan._tables import csv_table, markdown
from braze_heap.policies.naming import name_of_action
from braze_heap.policies.selection import Events, types_in_each

SCHEMA: Final = 1
"""Version of the JSON form. It increases when a reader of an older one would fail."""

Type: TypeAlias = Literal[
    "any",
    "boolean as text",
    "JSON as text",
    "list as text",
    "number",
    "text",
    "text or number",
    "time as text",
]
"""
Type of a value in Heap, which has text and numbers only.

Booleans are ``true`` and ``false``, items of a list are joined with ``||``, and times
are ISO 8601 in UTC.
"""

Wire: TypeAlias = Literal["HTTP", "storage", "both"]
"""Form in which Braze sends a value: HTTP requests, storage files, or both."""

Origin: TypeAlias = Literal["field", "derived", "fixed"]
"""An unchanged field, a value made from fields, or a constant."""


@attrs.frozen
class PlannedProperty:
    """
    A property that an event can have.

    Attributes:
        name: Name in Heap. ``*`` represents names that are not known beforehand.
        type: Type of the value in Heap.
        example: An invented value, as text.
        field: Braze field with the same value, or ``None``.
        origin: Whether the value is a field, derived, or always the same.
        sources: Fields that the value or the name depends on.
        personal: Whether Braze marks one of the sources as personal data.
        sensitive: Whether one of the sources is personal data that Braze does not mark.
        since: First Currents release with the property; 2 for all until 2.
        doc: Meaning of the value.
        identifying: Whether one of the sources may identify a person in another way: a
            device, a user agent, a URL, the accuracy of a location, free text, custom
            and unknown fields.
        wire: Form in which Braze sends the sources.
        observed: Number of calls that had it; ``None`` if no traffic was observed.
        share: Their share of the event's calls, or of all updates of users.
    """

    name: str
    type: Type
    example: str
    field: str | None
    origin: Origin
    sources: tuple[str, ...]
    personal: bool
    sensitive: bool
    since: int
    doc: str
    identifying: bool = False
    wire: Wire = "both"
    observed: int | None = None
    share: float | None = None

    @property
    def is_personal(self) -> bool:
        """Whether Braze or this library marks it as personal data."""
        return self.personal or self.sensitive


@attrs.frozen
class PlannedUserProperty(PlannedProperty):
    """
    A property that a user can have.

    Attributes:
        event_types: Types of the events that set it.
    """

    event_types: tuple[str, ...] = ()


@attrs.frozen
class UnsentField:
    """
    A field that does not reach Heap as a property of its own.

    Attributes:
        name: Name as Braze writes it; dotted within an object.
        why: The reason, as a sentence.
    """

    name: str
    why: str


@attrs.frozen
class PlannedEvent:
    """
    An event that Heap can get.

    Attributes:
        name: Name in Heap. Parts in ``<`` and ``>`` differ from event to event.
        event_type: Type as Braze writes it.
        event_class: Name of the class.
        meaning: Description of the event.
        since: Currents release that added the type; 2 for all until 2.
        status: Status of the type in Braze, such as ``current``.
        properties: Properties, sorted by name.
        unsent: Fields that do not become properties, sorted by name.
        takes_new_fields: Whether fields that this version does not know are sent too,
            under their own names.
        note: Remarks; may be empty.
        category: Braze's group of the type; empty if it has none.
        channel: Messaging channel of all events of the type; empty if they have none.
        action: Action, such as ``click``, the same in all channels; may be empty.
        wire: Form in which Braze sends the type.
        observed: Number of calls; ``None`` if no traffic was observed.
        share: Their share of the calls of all events.
    """

    name: str
    event_type: str
    event_class: str
    meaning: str
    since: int
    status: str
    properties: tuple[PlannedProperty, ...]
    unsent: tuple[UnsentField, ...] = ()
    takes_new_fields: bool = False
    note: str = ""
    category: str = ""
    channel: str = ""
    action: str = ""
    wire: Wire = "both"
    observed: int | None = None
    share: float | None = None


@attrs.frozen
class UnsentType:
    """
    A type whose events never become an event in Heap.

    Attributes:
        event_type: Type as Braze writes it.
        event_class: Name of the class.
        why: The reason, as a sentence.
    """

    event_type: str
    event_class: str
    why: str


class PlanError(BrazeHeapError, ValueError):
    """
    A text is not a tracking plan. Write one with ``TrackingPlan.to_json``.

    Attributes:
        flaw: Description of the problem.
    """

    def __init__(self, flaw: str) -> None:
        super().__init__(flaw)
        self.flaw = flaw

    def __str__(self) -> str:
        return (
            f"this tracking plan cannot be read: {self.flaw}. "
            "Write it again with `braze-heap plan --format json`."
        )


@attrs.frozen
class TrackingPlan:
    """
    Everything that a transformer can send to Heap, with its text forms.

    Attributes:
        events: Events, sorted by Braze type and name.
        user_properties: User properties, sorted by name.
        unsent: Types that never become an event, sorted by type.
        deletions: Types whose events delete the user in Heap.
        policies: Policies that decide about values, by name, as text.
    """

    events: tuple[PlannedEvent, ...]
    user_properties: tuple[PlannedUserProperty, ...] = ()
    unsent: tuple[UnsentType, ...] = ()
    deletions: tuple[str, ...] = ()
    policies: Mapping[str, str] = attrs.field(factory=dict)

    @property
    def combo_events(self) -> dict[str, tuple[str, ...]]:
        """
        Combo events to make in Heap for charts over channels: name to events.

        There is one for each action with several names of events, so none if
        ``event_names="action"`` gives all channels one name.
        """
        names: dict[str, set[str]] = {}
        for event in self.events:
            if event.category == "message_engagement" and event.channel:
                names.setdefault(event.action, set()).add(event.name)
        return {
            name_of_action(action): tuple(sorted(found))
            for action, found in sorted(names.items())
            if len(found) > 1
        }

    def narrowed(self, *choices: Events) -> "TrackingPlan":
        """
        Return the part of the plan for event types that are in each of *choices*.

        ``plan.narrowed("channel:email", ["action:open", "action:click"])``. Types
        without a class are in none of them.

        Raises:
            ValueError: A choice names no event type of this version, or no type is in
                all of them.
        """
        types = types_in_each("tracking plan", choices)
        return TrackingPlan(
            tuple(e for e in self.events if e.event_type in types),
            tuple(p for p in self.user_properties if types.intersection(p.event_types)),
            tuple(e for e in self.unsent if e.event_type in types),
            tuple(t for t in self.deletions if t in types),
            self.policies,
        )

    def to_json(self) -> str:
        """Return the plan as JSON in a stable order, which `from_json` reads."""
        plan = {"schema": SCHEMA, **attrs.asdict(self)}
        return json.dumps(plan, ensure_ascii=False, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> "TrackingPlan":
        """
        Read a plan that `to_json` wrote.

        Raises:
            PlanError: *text* is not a plan, or one of another version.
        """
        try:
            plan = json.loads(text)
        except (ValueError, RecursionError):
            raise PlanError("it is not JSON") from None
        schema = plan.get("schema") if isinstance(plan, dict) else None
        if schema != SCHEMA:
            raise PlanError(f"its schema is {schema!r}, not {SCHEMA}")
        try:
            return cast("TrackingPlan", reader_of(cls)(plan))
        except InvalidValueError as error:
            raise PlanError(f"{error.path}: {error.reason}") from None

    def to_markdown(self) -> str:
        """Return the plan as one Markdown page."""
        return markdown(self)

    def to_csv(self) -> str:
        """Return the plan as CSV, with a line for each property of each event."""
        return csv_table(self)

    def to_html(self) -> str:
        """Return the plan as one HTML page with search, which works offline."""
        return page(self)

    def to_jsonschema(self) -> str:
        """
        Return JSON lines: a JSON Schema (draft 2020-12) for each event in Heap.

        Each describes the object that ``Track.to_dict`` returns. Values of another type
        than Braze documents do not fit.
        """
        documents = json_schemas(self.events)
        return "".join(f"{json.dumps(d, ensure_ascii=False)}\n" for d in documents)
