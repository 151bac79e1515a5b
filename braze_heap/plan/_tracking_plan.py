"""A tracking plan and its text forms: JSON, Markdown, CSV and HTML."""

import json
from typing import Any, Final

import attrs

from braze_heap.exceptions import BrazeHeapError
from braze_heap.mappers._custom import exactly
from braze_heap.plan._content import PlanContent
from braze_heap.plan._html import page
from braze_heap.plan._tables import csv_table, markdown

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


def _structured(plan: Any) -> TrackingPlan:
    import cattrs

    if not isinstance(plan, dict) or "schema" not in plan:
        raise PlanError("it has no schema number")
    if plan["schema"] != SCHEMA:
        raise PlanError(f"its schema is {plan['schema']!r}, not {SCHEMA}")
    converter = cattrs.Converter()
    for cls in (str, int, bool):
        converter.register_structure_hook(cls, exactly)
    try:
        return converter.structure(plan, TrackingPlan)
    except Exception as error:
        flaws = "; ".join(cattrs.transform_error(error, path="plan"))
        raise PlanError(flaws) from None
