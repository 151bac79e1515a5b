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


def test_json_comes_back_as_the_same_plan() -> None:
    """Also with names that need escaping."""
    for plan in (hostile(), tracking_plan(bh.Transformer(), {})):
        assert plan == TrackingPlan.from_json(plan.to_json())


@pytest.mark.parametrize(
    ("text", "flaw"),
    [
        ("{", "it is no JSON"),
        ("[]", "it says nothing about its schema"),
        ('{"schema": 2}', "its schema is 2, and not 1"),
        ('{"schema": 1, "events": [{"name": 5}]}', "plan.events"),
        ('{"schema": 1}', "events"),
    ],
)
def test_what_is_no_plan_is_refused(text: str, flaw: str) -> None:
    """The error names the flaw and what to do."""
    with pytest.raises(PlanError, match="braze-heap plan --format json") as caught:
        TrackingPlan.from_json(text)

    assert flaw in str(caught.value)


def test_html_escapes_what_comes_from_outside() -> None:
    """Hostile names make no element, and the page asks for none."""
    page = hostile().to_html()
    tags = Tags()
    tags.feed(page)

    assert "img" not in tags.found
    assert tags.found.count("script") == 1
    assert tags.found.count("style") == 1
    assert not {"link", "iframe", "object", "base"} & set(tags.found)
    assert "http://" not in page
    assert "https://" not in page


def test_csv_cells_are_no_formulas() -> None:
    """A spreadsheet calculates nothing, and every row has every column."""
    plan = hostile()
    evil = TrackingPlan((), (), (UnsentType("=1+1", "A", "@x"),))
    head, *rows = csv.reader(io.StringIO(plan.to_csv() + evil.to_csv()))

    assert {len(head)} == {len(row) for row in rows}
    assert rows[-1][-2:] == ["'=1+1", "'@x"]


def test_markdown_of_one_event() -> None:
    """A row for each property; bars and angle brackets do not break the page."""
    plan = tracking_plan(bh.Transformer(), {EmailClick.event_type: EmailClick})
    lines = plan.to_markdown().splitlines()

    assert "## Braze Email Click" in lines
    assert "## Braze \\<event type\\>" in lines
    assert (
        "| `link_alias` | text | `hero` | link\\_alias |  | 2 or before "
        "| The author's name of the link. Steadier than a personalized url. |"
    ) in lines
    assert "- `email_address`: Personal data, marked by Braze." in lines


def test_json_is_plain_data_with_a_version() -> None:
    """Other programs read it without this library."""
    plan = json.loads(hostile().to_json())

    assert [*plan] == ["schema", "events", "user_properties", "unsent", "deletions"]
