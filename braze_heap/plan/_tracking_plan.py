"""A tracking plan and its text forms: JSON, Markdown, CSV, HTML and JSON Schema."""

import json
from typing import Any, Final

import attrs

from braze_heap.exceptions import BrazeHeapError
from braze_heap.mappers._custom import exactly
from braze_heap.plan._content import PlanContent
from braze_heap.plan._html import page
from braze_heap.plan._json_schema import json_schemas
from braze_heap.plan._tables import csv_table, markdown
from braze_heap.policies.selection import Events, Vocabulary, types_of

SCHEMA: Final = 1
"""Version of the JSON form. It increases when a reader of an older one would fail."""


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
class TrackingPlan(PlanContent):
    """
    Everything that a transformer can send to Heap, with its text forms.

    Attributes:
        events: Events, sorted by Braze type and name.
        user_properties: User properties, sorted by name.
        unsent: Types that never become an event, sorted by type.
        deletions: Types whose events delete the user in Heap.
    """

    def narrowed(self, *choices: Events) -> "TrackingPlan":
        """
        Return the part of the plan for event types that are in each of *choices*.

        ``plan.narrowed("channel:email", ["action:open", "action:click"])``. Types
        without a class are in none of them.

        Raises:
            ValueError: A choice names no event type of this version, or no type is in
                all of them.
        """
        vocabulary, names = Vocabulary(), []
        types = vocabulary.known
        for choice in choices:
            found = vocabulary.resolve("tracking plan", choice)
            types &= types_of(found)
            names.append(", ".join(each.name for each in found))
        if not types:
            shown = " and ".join(names)
            raise ValueError(f"tracking plan: no event type is in {shown}")
        return TrackingPlan(
            tuple(e for e in self.events if e.event_type in types),
            tuple(p for p in self.user_properties if types.intersection(p.event_types)),
            tuple(e for e in self.unsent if e.event_type in types),
            tuple(t for t in self.deletions if t in types),
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
        return _structured(plan)

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


def _structured(plan: Any) -> TrackingPlan:
    import cattrs

    if not isinstance(plan, dict) or "schema" not in plan:
        raise PlanError("it has no schema number")
    if plan["schema"] != SCHEMA:
        raise PlanError(f"its schema is {plan['schema']!r}, not {SCHEMA}")
    converter = cattrs.Converter()
    for cls in (str, int, float, bool):
        converter.register_structure_hook(cls, exactly)
    try:
        return converter.structure(plan, TrackingPlan)
    except Exception as error:
        flaws = "; ".join(cattrs.transform_error(error, path="plan"))
        raise PlanError(flaws) from None
