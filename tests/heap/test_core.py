"""
The laws of isolation, against a Heap that is a few lines of Python.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from braze_heap._sansio import drive
from braze_heap.exceptions import SinkUnavailable
from braze_heap.heap._answers import Answer, Failure
from braze_heap.heap._core import HeapCore, Post
from braze_heap.heap._options import HeapOptions
from braze_heap.heap._pacing import Pacer
from braze_heap.heap.calls import AddUserProperties, Call, DeleteUser
from tests.heap.support import Clock, track


class TinyHeap:
    """
    Refuses calls with a bad item, and large ones; fails now and then.

    *names* says how it names a culprit: truly, wrongly where it can, always the same,
    or not at all.
    """

    def __init__(self, seed: int, bad: set[int], names: str, most: int) -> None:
        self.dice = random.Random(seed)
        self.bad = bad
        self.names = names
        self.most = most
        self.clock = Clock()
        self.taken: Counter[int] = Counter()
        self.decisions = 0

    def perform(self, step: Any) -> Answer | Failure | None:
        """
        Sleep, or answer.
        """
        if not isinstance(step, Post):
            self.clock.sleep(step.seconds)
            return None
        if self.dice.random() < 0.1:
            return self.dice.choice([Failure("ReadTimeout"), Answer(503), Answer(429)])
        self.decisions += 1
        return self._decide(json.loads(step.body), len(step.body))

    def _decide(self, body: dict[str, Any], size: int) -> Answer:
        name = "events" if "events" in body else "users"
        numbers = [numbers_of(item) for item in body[name]]
        places = [i for i, some in enumerate(numbers) if some & self.bad]
        if size > self.most:
            return Answer(413)
        if places:
            return Answer(400, text=self._text(name, places, len(numbers)))
        self.taken.update(number for some in numbers for number in some)
        return Answer(200)

    def _text(self, name: str, places: list[int], length: int) -> bytes:
        innocent = [*sorted(set(range(length)) - set(places)), places[0]]
        shown = {"truly": places[0], "wrongly": innocent[0], "always the same": 0}
        named = f"postBody.{name}[{shown.get(self.names)}] should be object"
        return named.encode() if self.names in shown else b"Bad Request"


def numbers_of(item: dict[str, Any]) -> set[int]:
    """
    Give the numbers of the calls that an item stands for.
    """
    context = item["properties"]
    return {context["n"]} if "event" in item else {int(name[1:]) for name in context}


def call_of(number: int, is_fact: bool) -> Call:
    """
    Make a call that says its number.
    """
    if is_fact:
        return AddUserProperties(f"person-{number % 5}", {f"f{number}": 1})
    return track(number)


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 10**6),
    st.lists(st.booleans(), min_size=1, max_size=80),
    st.sets(st.integers(0, 79), max_size=12),
    st.sampled_from(["truly", "wrongly", "always the same", "not at all"]),
    st.sampled_from([300, 1500, 10**6]),
)
def test_each_call_has_one_fate(
    seed: int, kinds: list[bool], bad: set[int], names: str, most: int
) -> None:
    """
    What Heap took is accepted, what is bad is refused; nobody else is, within 64 calls.
    """
    calls = [call_of(number, is_fact) for number, is_fact in enumerate(kinds)]
    heap = TinyHeap(seed, bad, names, most)
    set_up = HeapOptions(
        "11", clock=heap.clock, now=heap.clock, random=lambda: 0.5, deadline=10_000.0
    )
    core = HeapCore(set_up, Pacer())
    core.accepted()

    receipt = drive(core.deliver(calls), heap.perform)

    refused = {rejection.index for rejection in receipt.rejections}
    details = {rejection.detail for rejection in receipt.rejections}
    assert receipt.checked(len(calls)).accepted == len(calls) - len(refused)
    assert refused.isdisjoint(heap.taken)
    assert refused | heap.taken.keys() == set(range(len(calls)))
    if "not isolated in 64 calls" not in details:
        assert refused == bad & set(range(len(calls)))


@pytest.mark.parametrize("names", ["truly", "wrongly", "always the same", "not at all"])
def test_a_refused_request_costs_at_most_64(names: str) -> None:
    """
    However many are bad, and however Heap names them.
    """
    for bad in ({3}, set(range(0, 300, 2)), set(range(300))):
        heap = TinyHeap(1, bad, names, 10**7)
        heap.dice.random = lambda: 1.0  # type: ignore[method-assign]
        core = HeapCore(
            HeapOptions("11", clock=heap.clock, now=heap.clock, random=lambda: 0.5),
            Pacer(),
        )
        core.accepted()

        drive(core.deliver([track(number) for number in range(300)]), heap.perform)

        assert heap.decisions <= 64


def test_everything_refused_is_held() -> None:
    """
    Until Heap accepted something; then the same batch is refused.
    """
    heap = TinyHeap(1, {0, 1}, "truly", 10**7)
    core = HeapCore(
        HeapOptions("11", clock=heap.clock, now=heap.clock, random=lambda: 0.5), Pacer()
    )
    batch = [track(0), track(1)]
    with pytest.raises(SinkUnavailable, match="accepted nothing lately"):
        drive(core.deliver(batch), heap.perform)
    core.accepted()

    assert len(drive(core.deliver(batch), heap.perform).rejections) == 2


def quiet_heap(*bad: int) -> TinyHeap:
    """
    Make a Heap that never fails, and names culprits truly.
    """
    heap = TinyHeap(1, {*bad}, "truly", 10**7)
    heap.dice.random = lambda: 1.0  # type: ignore[method-assign]
    return heap


def test_a_refusal_says_what_heap_said() -> None:
    """
    The status and the words, for whoever looks into the dead letter.
    """
    heap = quiet_heap(1)
    core = HeapCore(
        HeapOptions("11", clock=heap.clock, now=heap.clock, random=lambda: 0.5), Pacer()
    )

    receipt = drive(core.deliver([track(0), track(1)]), heap.perform)

    (rejection,) = receipt.rejections
    assert (rejection.index, rejection.status) == (1, 400)
    assert rejection.detail.startswith("postBody.events[")


def test_a_rate_that_keeps_us_is_named() -> None:
    """
    Who operates it learns whether the app or one identity is at its limit.
    """
    heap = quiet_heap()
    pacer = Pacer(events_a_minute=1)
    core = HeapCore(
        HeapOptions("11", clock=heap.clock, now=heap.clock, random=lambda: 0.5), pacer
    )

    with pytest.raises(SinkUnavailable, match="the rate of the app") as caught:
        drive(core.deliver([track(0), track(1)]), heap.perform)

    assert caught.value.throttled


def test_a_batch_that_is_done_is_forgotten() -> None:
    """
    What Heap took is not sent again while its batch is to come again, and only then.
    """
    heap, calls = quiet_heap(), [call_of(0, is_fact=False), call_of(1, is_fact=True)]
    core = HeapCore(
        HeapOptions("11", clock=heap.clock, now=heap.clock, random=lambda: 0.5), Pacer()
    )

    def no_users(step: Any) -> Answer | Failure | None:
        is_user = isinstance(step, Post) and "users" in json.loads(step.body)
        return Answer(401) if is_user else heap.perform(step)

    with pytest.raises(SinkUnavailable):
        drive(core.deliver(calls), no_users)
    drive(core.deliver(calls), heap.perform)
    assert heap.taken == {0: 1, 1: 1}

    drive(core.deliver(calls), heap.perform)
    assert heap.taken == {0: 2, 1: 2}


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 2_000), min_size=1, max_size=40),
    st.sets(st.integers(0, 39)),
    st.integers(300, 20_000),
)
def test_a_request_is_no_larger_than_it_may_be(
    lengths: list[int], unwritable: set[int], most: int
) -> None:
    """
    Calls go in order, each once, in requests within the bound that a call alone may
    break; what is no JSON is rejected and stops nobody.
    """
    heap, bodies = quiet_heap(), list[bytes]()
    calls = [track(n, text="x" * length) for n, length in enumerate(lengths)]
    for number in unwritable & {*range(len(calls))}:
        calls[number].properties["text"] = "\ud800"
    set_up = HeapOptions(
        "11", clock=heap.clock, now=heap.clock, random=lambda: 0.5, max_bytes=most
    )

    def keep(step: Any) -> Answer | Failure | None:
        if isinstance(step, Post):
            bodies.append(step.body)
        return heap.perform(step)

    receipt = drive(HeapCore(set_up, Pacer()).deliver(calls), keep)

    groups = [json.loads(body)["events"] for body in bodies]
    told = [event["properties"]["n"] for group in groups for event in group]
    assert told == [n for n in range(len(calls)) if n not in unwritable]
    assert {r.index for r in receipt.rejections} == {*range(len(calls))} - {*told}
    for group, body in zip(groups, bodies, strict=True):
        assert len(body) <= most or len(group) == 1


def test_pauses_double_up_to_two_seconds() -> None:
    """
    The longest that chance allows, for a Heap that fails seven times.
    """
    answers = [Answer(503)] * 7 + [Answer(200)]
    clock, pauses = Clock(), list[float]()
    core = HeapCore(
        HeapOptions("11", clock=clock, now=clock, random=lambda: 1.0, deadline=60.0),
        Pacer(),
    )

    def perform(step: Any) -> Answer | None:
        if isinstance(step, Post):
            return answers.pop(0)
        pauses.append(step.seconds)
        return None

    drive(core.deliver([track(0)]), perform)

    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]


def test_a_key_that_heap_does_not_know_is_tried_once() -> None:
    """
    A 401 to the request for a token holds at once; the request has an empty object.
    """
    clock, posts = Clock(), list[Post]()
    set_up = HeapOptions(
        "11", clock=clock, now=clock, random=lambda: 0.5, api_key="wrong"
    )

    def perform(step: Any) -> Answer:
        posts.append(step)
        return Answer(401)

    with pytest.raises(
        SinkUnavailable, match="answers 401 to /api/public/v0/auth_token; check"
    ):
        drive(HeapCore(set_up, Pacer()).deliver([DeleteUser("a")]), perform)

    (post,) = posts
    assert json.loads(post.body) == {}
