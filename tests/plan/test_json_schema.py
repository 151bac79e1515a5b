import functools
import itertools
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import braze_heap as bh
from braze_heap.events import EmailClick, EmailSend, Purchase, PushSend, event_fields
from braze_heap.heap.calls import Track
from braze_heap.plan import TrackingPlan
from braze_heap.plan._json_schema import is_pattern, pattern_of
from braze_heap.testing import make_raw, make_traffic
from braze_heap.testing.strategies import raw_events
from braze_heap.wire import RawEvent
from tests.plan.test_plan import POLICIES, plan_under, small

pytestmark = pytest.mark.slow

FORMS = ("http", "storage", "union")


def schemas_of(plan: TrackingPlan) -> dict[str, dict[str, Any]]:
    """Return the documents of *plan* by the name of the event."""
    documents = map(json.loads, plan.to_jsonschema().splitlines())
    return {document["title"]: document for document in documents}


class Validators:
    """Validators of the calls of one policy."""

    def __init__(self, policy: str) -> None:
        self.transformer = POLICIES[policy]
        documents = schemas_of(plan_under(policy))
        self.exact = {n: Draft202012Validator(d) for n, d in documents.items()}
        self.names = sorted(filter(is_pattern, documents), key=len, reverse=True)

    def check(self, events: list[Any]) -> int:
        """Validate the Track calls for *events*, and return their number."""
        calls = [
            c for c in self.transformer.transform(events).calls if type(c) is Track
        ]
        for call in calls:
            validator = self.exact.get(call.event) or next(
                self.exact[name] for name in self.names if self._fits(name, call.event)
            )
            assert not [
                (call.event, e.json_path, e.message)
                for e in validator.iter_errors(json.loads(call.to_json()))
            ]
        return len(calls)

    def _fits(self, name: str, event: str) -> bool:
        pattern = {"pattern": pattern_of(name)}
        return Draft202012Validator(pattern).is_valid(event)


def events_of_all_types(seed: int) -> Iterator[Any]:
    """Yield events of all types with some of their fields, in every form, forever."""
    chance, ids = random.Random(seed), itertools.count()
    while True:
        for event_type, cls in bh.EVENT_TYPES.items():
            form = chance.choice(FORMS)
            names = [name for name, f in event_fields(cls).items() if f.documented]
            only = {*chance.sample(names, chance.randint(0, len(names)))}
            only |= {"external_user_id", "user_id"} & {*names}
            raw = make_raw(event_type, form=form, only=only, id=str(next(ids)))
            yield RawEvent(raw, event_type)


def check_calls(policy: str, number: int) -> None:
    """Validate at least *number* calls, of realistic traffic and of all types."""
    validators = Validators(policy)
    checked = validators.check(make_traffic(number // 2, seed=number))
    events = events_of_all_types(number)
    while checked < number:
        checked += validators.check([*itertools.islice(events, 200)])


@pytest.mark.parametrize("policy", ["default", "local, prefixed"])
def test_calls_fit_the_schema_of_their_event(policy: str) -> None:
    """Ten thousand calls, half of each policy, fit the schema of their event."""
    check_calls(policy, 5_000)


@pytest.mark.campaign
@pytest.mark.parametrize("policy", POLICIES)
def test_many_calls_fit_the_schema_of_their_event(policy: str) -> None:
    """A hundred thousand calls fit the schemas, under all policies."""
    check_calls(policy, 100_000 // len(POLICIES) + 1)


@example([make_raw(EmailClick, send_time=0), make_raw(Purchase, id="p", price=2**60)])
@given(st.lists(raw_events(), max_size=10))
def test_calls_with_unusual_values_fit_the_schema(events: list[Any]) -> None:
    """Values of the documented types fit, however long or large."""
    default_validators().check(events)


@functools.cache
def default_validators() -> Validators:
    return Validators("default")


def test_there_is_one_valid_document_for_each_event() -> None:
    """Each name of an event has one document of draft 2020-12, sorted by name."""
    plan = plan_under("keep")
    documents = [json.loads(line) for line in plan.to_jsonschema().splitlines()]

    assert [d["title"] for d in documents] == sorted({e.name for e in plan.events})
    for document in documents:
        assert document["$schema"].endswith("/draft/2020-12/schema")
        Draft202012Validator.check_schema(document)


def test_events_of_one_name_share_a_document() -> None:
    """Types whose events have one name in Heap are one document with all properties."""
    naming = bh.Naming(event_names="action")
    plan = small(bh.Transformer(naming=naming), EmailSend, PushSend)
    properties = schemas_of(plan)["Braze Message Send"]["properties"]["properties"]

    assert {"from_domain", "platform"} <= properties["properties"].keys()


@pytest.mark.parametrize(
    "price", [2**53 + 1, -(2**60), 10**30, float("inf"), float("-inf"), float("nan")]
)
def test_number_that_is_sent_as_text_fits(price: float) -> None:
    """Numbers that Heap cannot represent are text, and fit; other text does not."""
    transformer = bh.Transformer()
    document = schemas_of(small(transformer, Purchase))["Braze Purchase"]
    raw = make_raw(Purchase, price=price)
    (call,) = (c for c in transformer.transform([raw]).calls if type(c) is Track)
    validator = Draft202012Validator(document)

    assert type(call.properties["price"]) is str
    assert validator.is_valid(call.to_dict())
    for text in ("5", "x", "", "9007199254740993 EUR"):
        call.properties["price"] = text
        assert not validator.is_valid(call.to_dict())


@pytest.mark.parametrize(
    "change",
    [
        {"event": "Braze Email Clicks"},
        {"identity": ""},
        {"properties": {"link_alias": 5}},
        {"properties": {"is_amp": "yes"}},
        {"more": 1},
    ],
)
def test_other_calls_do_not_fit(change: dict[str, Any]) -> None:
    """Another name, an empty identity, other types and new keys do not fit."""
    transformer = bh.Transformer()
    document = schemas_of(small(transformer, EmailClick))["Braze Email Click"]
    (call,) = (
        c for c in transformer.transform(make_raw(EmailClick)).calls if type(c) is Track
    )
    validator = Draft202012Validator(document)

    assert validator.is_valid(call.to_dict())
    assert not validator.is_valid(call.to_dict() | change)


@pytest.mark.parametrize(
    ("name", "fits", "others"),
    [
        ("Braze <event type>", ["Braze a.b"], ["Braze ", "a.b"]),
        ("tags.*", ["tags.a"], ["tagsxa", "tags."]),
        ("a (b) [c]?", ["a (b) [c]?"], ["a b c", "a (b) [c"]),
        ("a+b|c^$\\{2}", ["a+b|c^$\\{2}"], ["aab", "c"]),
    ],
)
def test_pattern_of_a_planned_name(
    name: str, fits: list[str], others: list[str]
) -> None:
    """A pattern represents the names that a placeholder can become, and no others."""
    validator = Draft202012Validator({"pattern": pattern_of(name)})

    assert [validator.is_valid(each) for each in (*fits, *others)] == (
        [True] * len(fits) + [False] * len(others)
    )
