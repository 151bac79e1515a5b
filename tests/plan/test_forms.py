import csv
import io
import json
from html.parser import HTMLParser

import attrs
import pytest

import braze_heap as bh
from braze_heap.events import EmailClick
from braze_heap.plan import (
    PlanError,
    PlannedEvent,
    PlannedProperty,
    PlannedUserProperty,
    TrackingPlan,
    UnsentField,
    UnsentType,
    tracking_plan,
)

HOSTILE = "</script><img src=x onerror=alert(1)> \"'&$style | `=1+1"


def hostile() -> TrackingPlan:
    planned = PlannedProperty(
        name=HOSTILE,
        type="text",
        example=HOSTILE,
        field=None,
        origin="derived",
        sources=(HOSTILE,),
        personal=True,
        sensitive=False,
        since=2,
        doc=HOSTILE,
    )
    fact = PlannedUserProperty(
        **attrs.asdict(planned) | {"sources": (HOSTILE,)}, event_types=(HOSTILE,)
    )
    event = PlannedEvent(
        name=HOSTILE,
        event_type=HOSTILE,
        event_class="X",
        meaning=HOSTILE,
        since=13,
        status=HOSTILE,
        properties=(planned,),
        unsent=(UnsentField(HOSTILE, HOSTILE),),
        note=HOSTILE,
    )
    return TrackingPlan((event,), (fact,), (UnsentType("a", "A", HOSTILE),), ("b",))


class Tags(HTMLParser):
    """Collects the tags of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.found.append(tag)


def test_plan_from_its_json_is_equal() -> None:
    """A plan is equal after it was written as JSON and read."""
    for plan in (hostile(), tracking_plan(bh.Transformer(), {})):
        assert plan == TrackingPlan.from_json(plan.to_json())


@pytest.mark.parametrize(
    ("text", "flaw"),
    [
        ("{", "it is not JSON"),
        ("[]", "it has no schema number"),
        ('{"schema": 2}', "its schema is 2, not 1"),
        ('{"schema": 1, "events": [{"name": 5}]}', "plan.events"),
        ('{"schema": 1}', "events"),
    ],
)
def test_invalid_plan_raises(text: str, flaw: str) -> None:
    """The error about an invalid plan has the flaw and the command that writes one."""
    with pytest.raises(PlanError, match="braze-heap plan --format json") as caught:
        TrackingPlan.from_json(text)

    assert flaw in str(caught.value)


def test_html_escapes_names() -> None:
    """Hostile names become no element, and the page loads nothing."""
    page = hostile().to_html()
    tags = Tags()
    tags.feed(page)

    assert "img" not in tags.found
    assert tags.found.count("script") == 1
    assert tags.found.count("style") == 1
    assert not {"link", "iframe", "object", "base"} & set(tags.found)
    assert "http://" not in page
    assert "https://" not in page


def test_csv_cell_is_not_a_formula() -> None:
    """Cells that look like formulas begin with an apostrophe."""
    plan = hostile()
    evil = TrackingPlan((), (), (UnsentType("=1+1", "A", "@x"),))
    head, *rows = csv.reader(io.StringIO(plan.to_csv() + evil.to_csv()))

    assert {len(head)} == {len(row) for row in rows}
    assert rows[-1][-2:] == ["'=1+1", "'@x"]


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r"])
def test_csv_cell_that_begins_like_a_formula_has_an_apostrophe(first: str) -> None:
    """Each first character that a spreadsheet interprets is escaped."""
    plan = TrackingPlan((), (), (UnsentType(f"{first}1", "A", "plain - text"),))
    _, row = csv.reader(io.StringIO(plan.to_csv(), newline=""))

    assert row[-2:] == [f"'{first}1", "plain - text"]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("a|b", "`a\\|b`"),
        ("a`b", "`` a`b ``"),
        ("a``b`c", "``` a``b`c ```"),
        ("a\n  b", "`a b`"),
        ("*_<b>", "`*_<b>`"),
    ],
)
def test_markdown_code_keeps_its_cell(name: str, code: str) -> None:
    """Bars and line breaks do not end a cell, and backticks do not end the code."""
    (event,) = hostile().events
    (planned,) = event.properties
    renamed = attrs.evolve(planned, name=name)
    plan = TrackingPlan((attrs.evolve(event, properties=(renamed,), unsent=()),))
    row = plan.to_markdown().splitlines()[-1]

    assert row.startswith(f"| {code} | text |")


def test_markdown_has_a_row_for_each_property() -> None:
    """Each property is a row, with bars and angle brackets escaped."""
    plan = tracking_plan(bh.Transformer(), {EmailClick.event_type: EmailClick})
    lines = plan.to_markdown().splitlines()

    assert "## Braze Email Click" in lines
    assert "## Braze \\<event type\\>" in lines
    assert (
        "| `link_alias` | text | `hero` | link\\_alias |  | 2 or before | both "
        "| The author's name of the link. Steadier than a personalized url. |"
    ) in lines
    assert "- `email_address`: Personal data, marked by Braze." in lines


def test_json_has_a_schema_number() -> None:
    """The JSON form has a schema number and the parts of the plan."""
    plan = json.loads(hostile().to_json())

    assert [*plan] == ["schema", "events", "user_properties", "unsent", "deletions"]
