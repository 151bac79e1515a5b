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
        ("[]", "its schema is None, not 1"),
        ('{"schema": 2}', "its schema is 2, not 1"),
        (
            '{"schema": 1, "events": [{"name": 5}]}',
            "events[].name: a number",
        ),
        ('{"schema": 1}', "events: missing"),
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

    assert [*plan] == [
        *("schema", "events", "user_properties", "unsent", "deletions", "policies")
    ]


SMALL_MARKDOWN = """\
# Tracking plan

2 events, 1 user properties.

Personal data: 1 marked by Braze, 3 sensitive without a mark, 2 may identify (the \
identity included).

## Click

A click.

From `X` (EmailClick, current), Currents release 2 or before, wire form: both.

category message\\_engagement, channel email, action click

Observed: 2,000 (50.0%) of all events.

A note.

Fields that Braze adds later are sent too, under their own names.

| property | type | example | from | personal data | since | wire form | meaning | \
observed |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
| `link` | text | `x` | link\\_alias | sensitive | 9 | both | A link. | 1,500 (75.0%) |
| `app` | text | `x` | fixed | sensitive | 9 | both | A link. | 1,500 (75.0%) |
| `sum` | text | `x` | derived | personal | 9 | both | A link. | 1,500 (75.0%) |
| `pair` | text | `x` | derived from a, b | may identify | 9 | both | A link. | \
1,500 (75.0%) |

Not sent:

- `user_agent`: Too long.

## Tap

A click.

From `X` (EmailClick, current), Currents release 2 or before, wire form: both.

category message\\_engagement, channel email, action click

No properties.

## User properties

| property | type | example | from | personal data | since | wire form | meaning |
| --- | --- | --- | --- | --- | --- | --- | --- |
| `opened` | text | `x` | link\\_alias (X, Y) | sensitive | 9 | both | A link. |

## Combo events to make in Heap

A chart over all channels needs one event. Make each of these in Heap by hand, or send \
one name with event_names="action".

- Message Click: Click, Tap

## Never an event in Heap

- `Y`: Not chosen.
- `Z`: It deletes the user in Heap.
- `users.UserDeleteRequest`: It deletes the user in Heap. It only arrives in storage \
files.
"""

SMALL_CSV = """\
kind,event,property,type,example,field,origin,sources,personal,sensitive,may_identify,\
since,wire,category,channel,action,observed,share,event_type,doc
event,Click,,,,,,,,,,2,both,message_engagement,email,click,2000,0.5,X,A click.
property,Click,link,text,x,link_alias,field,link_alias,,yes,,9,both,,,,1500,0.75,X,\
A link.
property,Click,app,text,x,,fixed,,,yes,,9,both,,,,1500,0.75,X,A link.
property,Click,sum,text,x,,derived,,yes,yes,yes,9,both,,,,1500,0.75,X,A link.
property,Click,pair,text,x,,derived,a b,,,yes,9,both,,,,1500,0.75,X,A link.
unsent field,Click,user_agent,,,,,,,,,,,,,,,,X,Too long.
event,Tap,,,,,,,,,,2,both,message_engagement,email,click,,0.5,X,A click.
user property,,opened,text,x,link_alias,field,link_alias,,yes,,9,both,,,,,,X Y,A link.
not sent,,,,,,,,,,,,,,,,,,Y,Not chosen.
deletion,,,,,,,,,,,,,,,,,,Z,It deletes the user in Heap.
deletion,,,,,,,,,,,,,,,,,,users.UserDeleteRequest,It deletes the user in Heap. It only \
arrives in storage files.
"""


def small() -> TrackingPlan:
    """Return a plan with a line of each kind."""
    link = PlannedProperty(
        name="link",
        type="text",
        example="x",
        field="link_alias",
        origin="field",
        sources=("link_alias",),
        personal=False,
        sensitive=True,
        since=9,
        doc="A link.",
        observed=1_500,
        share=0.75,
    )
    fixed = attrs.evolve(link, name="app", field=None, origin="fixed", sources=())
    summed = attrs.evolve(
        fixed, name="sum", origin="derived", personal=True, identifying=True
    )
    pair = attrs.evolve(
        fixed,
        name="pair",
        origin="derived",
        sources=("a", "b"),
        sensitive=False,
        identifying=True,
    )
    opened = PlannedUserProperty(
        **attrs.asdict(attrs.evolve(link, name="opened", observed=None, share=None)),
        event_types=("X", "Y"),
    )
    event = PlannedEvent(
        name="Click",
        event_type="X",
        event_class="EmailClick",
        meaning="A click.",
        since=2,
        status="current",
        category="message_engagement",
        channel="email",
        action="click",
        properties=(link, fixed, summed, pair),
        unsent=(UnsentField("user_agent", "Too long."),),
        takes_new_fields=True,
        note="A note.",
        observed=2_000,
        share=0.5,
    )
    bare = attrs.evolve(
        event,
        name="Tap",
        properties=(),
        unsent=(),
        observed=None,
        takes_new_fields=False,
        note="",
    )
    return TrackingPlan(
        (event, bare),
        (opened,),
        (UnsentType("Y", "EmailOpen", "Not chosen."),),
        ("Z", "users.UserDeleteRequest"),
    )


def test_markdown_to_the_last_character() -> None:
    """The Markdown form has a section for each part of the plan."""
    assert small().to_markdown() == SMALL_MARKDOWN


def test_csv_to_the_last_character() -> None:
    """The CSV form has a line for each event, property and field."""
    assert small().to_csv() == SMALL_CSV.replace("\n", "\r\n")
