"""
What a tracking plan says, as values, and how it is written down as JSON.
"""

import json
from typing import Any, Final, Literal, TypeAlias

import attrs

from braze_heap.mappers._custom import exactly
from braze_heap.plan._errors import PlanError

SCHEMA: Final = 1
"""Version of the JSON form. It changes where a reader of the old one would be wrong."""

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
What Heap gets as the value. Heap knows text and numbers: booleans are ``true`` and
``false``, items of a list are joined with ``||``, times are ISO 8601 in UTC.
"""

Origin: TypeAlias = Literal["field", "derived", "fixed"]
"""A field as it is; made of fields or whatever else varies; always the same."""


@attrs.frozen
class PlannedProperty:
    """
    A property that an event can have.

    Attributes:
        name: In Heap. ``*`` stands for names that nobody knows beforehand.
        type: What Heap gets as its value.
        example: A value, as text; invented.
        field: The field of the Braze event that it repeats; ``None`` if it is none.
        origin: Whether it repeats a field, is derived, or is always the same.
        sources: The fields that it was seen to depend on, its name included.
        personal: Whether Braze marks one of its sources as personal data.
        sensitive: Whether one of its sources is personal data that Braze does not mark.
        since: The Currents release from which on Braze sends it; 2 for it and before.
        doc: What it holds.
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

    @property
    def is_personal(self) -> bool:
        """
        Whether it is personal data, in Braze's judgement or in that of this library.
        """
        return self.personal or self.sensitive


@attrs.frozen
class PlannedUserProperty(PlannedProperty):
    """
    A property that a user can have.

    Attributes:
        event_types: The types of the events that set it.
    """

    event_types: tuple[str, ...] = ()


@attrs.frozen
class LeftOutField:
    """
    A field that does not reach Heap as a property of its own.

    Attributes:
        name: As Braze writes it; dotted where it lies within an object.
        why: Which policy leaves it out.
    """

    name: str
    why: str


@attrs.frozen
class PlannedEvent:
    """
    An event that Heap can get.

    Attributes:
        name: In Heap. What stands in ``<`` and ``>`` differs from event to event.
        event_type: The type as Braze writes it.
        event_class: The name of its class.
        meaning: What happened.
        since: The Currents release that added the type; 2 for it and all before.
        status: What Braze says about the life of the type.
        properties: By name.
        left_out: The fields that do not become properties, by name.
        takes_new_fields: Whether fields that this version does not know are sent too,
            under their own names.
        note: What else there is to know; empty if nothing.
    """

    name: str
    event_type: str
    event_class: str
    meaning: str
    since: int
    status: str
    properties: tuple[PlannedProperty, ...]
    left_out: tuple[LeftOutField, ...] = ()
    takes_new_fields: bool = False
    note: str = ""


@attrs.frozen
class LeftOutEvent:
    """
    A type whose events never become an event in Heap.

    Attributes:
        event_type: The type as Braze writes it.
        event_class: The name of its class.
        why: What leaves it out.
    """

    event_type: str
    event_class: str
    why: str


@attrs.frozen
class TrackingPlan:
    """
    Everything that a transformer can send to Heap.

    Attributes:
        events: By Braze type and name.
        user_properties: By name.
        left_out: The types that never become an event, by type.
        deletions: The types whose events delete the user in Heap.
    """

    events: tuple[PlannedEvent, ...]
    user_properties: tuple[PlannedUserProperty, ...] = ()
    left_out: tuple[LeftOutEvent, ...] = ()
    deletions: tuple[str, ...] = ()

    def to_json(self) -> str:
        """
        Return the plan as JSON, always in the same order; `from_json` reads it.
        """
        plan = {"schema": SCHEMA, **attrs.asdict(self)}
        return json.dumps(plan, ensure_ascii=False, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes) -> "TrackingPlan":
        """
        Read a plan that `to_json` wrote.

        Raises:
            PlanError: *text* is no such plan, or one of a newer version.
        """
        try:
            plan = json.loads(text)
        except ValueError:
            raise PlanError("it is no JSON") from None
        return _structured(plan)

    def to_markdown(self) -> str:
        """
        Return the plan as one Markdown page.
        """
        from braze_heap.plan._text import markdown

        return markdown(self)

    def to_csv(self) -> str:
        """
        Return the plan as a table, a line for each property of each event.
        """
        from braze_heap.plan._text import csv_table

        return csv_table(self)

    def to_html(self) -> str:
        """
        Return the plan as one page that can be searched and sorted, and needs no net.
        """
        from braze_heap.plan._html import page

        return page(self)


def _structured(plan: Any) -> TrackingPlan:
    import cattrs

    if not isinstance(plan, dict) or "schema" not in plan:
        raise PlanError("it says nothing about its schema")
    if plan["schema"] != SCHEMA:
        raise PlanError(f"its schema is {plan['schema']!r}, and not {SCHEMA}")
    converter = cattrs.Converter()
    for cls in (str, int, bool):
        converter.register_structure_hook(cls, exactly)
    try:
        return converter.structure(plan, TrackingPlan)
    except Exception as error:
        flaws = "; ".join(cattrs.transform_error(error, path="plan"))
        raise PlanError(flaws) from None
