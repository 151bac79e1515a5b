"""One odd value at a time, at every place of an event: both mappings agree."""

import itertools
import math
from collections.abc import Iterator
from typing import Any

import pytest

import braze_heap as bh
from braze_heap.events import (
    CustomEvent,
    EmailClick,
    EmailOpen,
    EmailSend,
    ProfileUpdate,
    Purchase,
    PushSend,
    SessionEnd,
    SubscriptionGroupStateChange,
)
from braze_heap.testing import make_raw
from tests.mapping.oddities import generic, observed

pytestmark = pytest.mark.slow


class Text(str):
    """A subclass of a string."""

    __slots__ = ()


ODD_VALUES = (
    [None, True, False, 0, 5, -1, 2**53, 2**53 + 1, 10**30, 1.5, 1e300, math.inf]
    + ["", " ", "null", "true", "{}", '{"a": [1, {"b": null}]}', "[1", "é" * 300]
    + ["x" * 1023, "x" * 1024, "é" * 1023, "🎉" * 511, "🎉" * 512, "y" * 255, "y" * 256]
    + ["a\0", "\ud800", "\ud83d\ude00", "\x7f", "\ufffd", Text("own"), Text("y" * 2000)]
    + [[], {}, ["a"], ["a", None], ["a", 1], [["a"]], [{"a": 1}], {"a": {"b": [1]}}]
    + [{"": "x"}, {"a\0": "y" * 1024, "a": None}, {"email": "a@example.com"}]
    + [{"a.b": 1, "a": {"b": 2}}, {"a": [{"b": [1.5, None]}], "c": ["d", "e"]}]
)

OTHER_NAMES = """
id time user properties event_type extra new_field external_user_id user_id timezone
email_address message_extras name machine_open dob is_amp braze_user_id is_machine_open
""".split()


def scratched(event_type: str) -> Iterator[dict[str, Any]]:
    """Yield events with few fields, each with one odd value at one place."""
    full: dict[str, Any] = make_raw(event_type)
    few = dict(itertools.islice(full["properties"].items(), 6))
    number = 0
    for place in ("envelope", "user", "properties"):
        names = full if place == "envelope" else full[place]
        for name in dict.fromkeys([*names, *OTHER_NAMES]):
            for value in [..., *ODD_VALUES]:
                event = full | {"user": dict(full["user"]), "properties": dict(few)}
                event["id"] = f"e{(number := number + 1)}"
                part = event if place == "envelope" else event[place]
                part[name] = value
                if value is ...:
                    del part[name]
                yield event


CLASSES: list[type[bh.CurrentsEvent]] = [
    CustomEvent,
    EmailClick,
    EmailOpen,
    EmailSend,
    ProfileUpdate,
    Purchase,
    PushSend,
    SessionEnd,
    SubscriptionGroupStateChange,
]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"personal_data": {"email_address": "keep", "name": "drop", "is_amp": "drop"}},
        {"nested": "json", "fixed_properties": {"workspace": "a", "send_id": "b"}},
        {"nested": "drop", "naming": bh.Naming(event_prefix="é" * 500)},
    ],
    ids=["default", "personal", "fixed", "names"],
)
def test_an_odd_value_anywhere_is_mapped_the_same_way(options: dict[str, Any]) -> None:
    """Calls, counts and reasons are equal, and the events are not changed."""
    compiled, oracle = bh.Transformer(**options), generic(**options)
    for cls in CLASSES[: 2 if options else None]:
        events = [*scratched(cls.event_type)]
        before = repr(events)

        result = compiled.transform(events)

        assert observed(result, events) == observed(oracle.transform(events), events)
        assert before == repr(events)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("color", "red"), ("color", 1.5), ("color", True), ("color", ["a", "b"])),
        *(("color", '{"dob": "1990", "a": 1}'), ("color", {"dob": "1990"})),
        *(("color", None), ("color", {"a": 1}), ("color", "x" * 2_000), ("Color", "x")),
        *(("timezone", "x"), ("event_type", "x"), ("is_machine_open", "x"), ("id", 1)),
        *(("first_name", "Jane"), ("user_id", "u"), ("braze_user_id", "u"), ("a.b", 1)),
        *(("workspace", "own"), ("time", 5), ("extra", "x"), ("", "x"), ("/a", "x")),
    ],
)
def test_an_unknown_field_is_mapped_the_same_way(name: str, value: object) -> None:
    """It is sent, counted or redacted alike, when its name is new and when learned."""
    options: dict[str, Any] = {"fixed_properties": {"workspace": "a"}}
    events = [make_raw("users.messages.email.Open"), make_raw(CustomEvent.event_type)]
    for event in events:
        event["properties"][name] = value
    compiled, oracle = bh.Transformer(**options), generic(**options)

    for _ in range(2):
        result = compiled.transform(events)

        assert observed(result) == observed(oracle.transform(events))
