"""A tracking plan and its text forms: JSON, Markdown, CSV and HTML."""

import json
from typing import Any, Final

import attrs

from braze_heap.exceptions import BrazeHeapError
from braze_heap.mappers._custom import exactly
from braze_heap.plan._html import page
from braze_heap.plan._text import csv_table, markdown
from braze_heap.plan._values import PlanContent

SCHEMA: Final = 1
"""Version of the JSON form. It increases when a reader of an older one would fail."""


class PlanError(BrazeHeapError, ValueError):
    """
    A text is not a tracking plan. Write one with ``TrackingPlan.to_json``.

    Attributes:
        flaw: What is wrong with it.
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
        events: By Braze type and name.
        user_properties: By name.
        unsent: The types that never become an event, by type.
        deletions: The types whose events delete the user in Heap.
    """

    def to_json(self) -> str:
        """Return the plan as JSON, always in the same order; `from_json` reads it."""
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
        except (ValueError, RecursionError):
            raise PlanError("it is no JSON") from None
        return _structured(plan)

    def to_markdown(self) -> str:
        """Return the plan as one Markdown page."""
        return markdown(self)

    def to_csv(self) -> str:
        """Return the plan as a table, a line for each property of each event."""
        return csv_table(self)

    def to_html(self) -> str:
        """
        Return the plan as one page that can be searched and sorted, and needs no net.
        """
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
