"""Tests of the delivery protocol, against a small fake of Heap."""

from __future__ import annotations

import json
import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from braze_heap._sansio import run_steps
from braze_heap.exceptions import SinkUnavailable
from braze_heap.heap._answers import Answer, Failure
from braze_heap.heap._core import HeapCore, Post
from braze_heap.heap._delivery import deliver
from braze_heap.heap._options import HeapOptions
from braze_heap.heap.calls import AddUserProperties, Call, DeleteUser
from tests.heap.support import Clock, track


class TinyHeap:
    """
    Reject requests with a bad item, and large ones; fail for one in ten.

    *names* is the way it names the index of a bad item: truly, wrongly if possible,
    always the same, or not at all.
    """

    def __init__(self, seed: int, bad: set[int], names: str, max_bytes: int) -> None:
        self.dice = random.Random(seed)
        self.bad = bad
        self.names = names
        self.max_bytes = max_bytes
        self.clock = Clock()
        self.accepted: Counter[int] = Counter()
        self.decisions = 0

    def perform(self, step: Any) -> Answer | Failure | None:
        """Sleep or answer."""
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
        bad_indexes = [i for i, some in enumerate(numbers) if some & self.bad]
        if size > self.max_bytes:
            return Answer(413)
        if bad_indexes:
            return Answer(400, text=self._text(name, bad_indexes, len(numbers)))
        self.accepted.update(number for some in numbers for number in some)
        return Answer(200)

    def _text(self, name: str, bad_indexes: list[int], length: int) -> bytes:
        others = [*sorted(set(range(length)) - set(bad_indexes)), bad_indexes[0]]
        shown = {"truly": bad_indexes[0], "wrongly": others[0], "always the same": 0}
        named = f"postBody.{name}[{shown.get(self.names)}] should be object"
        return named.encode() if self.names in shown else b"Bad Request"


def core_of(heap: TinyHeap, **options: Any) -> HeapCore:
    """Make the state of a sink under the clock of *heap*."""
    settings = HeapOptions(
        "11", clock=heap.clock, now=heap.clock, random=lambda: 0.5, **options
    )
    return HeapCore(settings)


def numbers_of(item: dict[str, Any]) -> set[int]:
    """Return the numbers of the calls that are merged into an item."""
    properties = item["properties"]
    return {properties["n"]} if "event" in item else {int(n[1:]) for n in properties}


def call_of(number: int, is_user: bool) -> Call:
    """Make a call that contains its number."""
    if is_user:
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
def test_each_call_is_accepted_or_rejected(
    seed: int, kinds: list[bool], bad: set[int], names: str, most: int
) -> None:
    """
    Good calls are accepted and only bad ones rejected, unless 64 requests are not
    enough.
    """
    calls = [call_of(number, is_user) for number, is_user in enumerate(kinds)]
    heap = TinyHeap(seed, bad, names, most)
    core = core_of(heap, deadline=10_000.0)
    core.note_acceptance()

    receipt = run_steps(deliver(core, calls), heap.perform)

    rejected = {rejection.index for rejection in receipt.rejections}
    details = {rejection.detail for rejection in receipt.rejections}
    assert receipt.checked(len(calls)).accepted == len(calls) - len(rejected)
    assert rejected.isdisjoint(heap.accepted)
    assert rejected | heap.accepted.keys() == set(range(len(calls)))
    if "not isolated in 64 calls" not in details:
        assert rejected == bad & set(range(len(calls)))


def test_rejections_for_one_status_are_one_cause_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """However many calls each batch loses, the log has one warning a minute."""
    heap = TinyHeap(1, {1, 4, 5, 6}, "truly", 10**7)
    heap.dice.random = lambda: 1.0  # type: ignore[method-assign]
    core = core_of(heap)
    core.note_acceptance()
    caplog.set_level("DEBUG", "braze_heap")

    for batch in (range(3), range(3, 9)):
        run_steps(deliver(core, [track(number) for number in batch]), heap.perform)

    records = [r for r in caplog.records if "rejects" in r.getMessage()]
    assert {r.levelname for r in records[1:]} == {"DEBUG"}
    assert records[0].levelname == "WARNING"
    assert not hasattr(records[0], "cause")
    context: dict[str, object] = records[0].__dict__["braze_context"]
    assert context == {"host": "Heap", "status": 400, "items": 1, "suppressed": 0}


@pytest.mark.parametrize("names", ["truly", "wrongly", "always the same", "not at all"])
def test_isolation_sends_at_most_64_requests(names: str) -> None:
    """The limit holds for any number of bad calls, and any naming by Heap."""
    for bad in ({3}, set(range(0, 300, 2)), set(range(300))):
        heap = TinyHeap(1, bad, names, 10**7)
        heap.dice.random = lambda: 1.0  # type: ignore[method-assign]
        core = core_of(heap)
        core.note_acceptance()

        run_steps(deliver(core, [track(number) for number in range(300)]), heap.perform)

        assert heap.decisions <= 64


def test_everything_rejected_raises() -> None:
    """If Heap rejects everything, the batch fails until Heap accepted something."""
    heap = TinyHeap(1, {0, 1}, "truly", 10**7)
    core = core_of(heap)
    batch = [track(0), track(1)]
    with pytest.raises(SinkUnavailable, match="accepted nothing lately"):
        run_steps(deliver(core, batch), heap.perform)
    core.note_acceptance()

    assert len(run_steps(deliver(core, batch), heap.perform).rejections) == 2


def quiet_heap(*bad: int) -> TinyHeap:
    """Make a Heap that never fails, and names the right index."""
    heap = TinyHeap(1, {*bad}, "truly", 10**7)
    heap.dice.random = lambda: 1.0  # type: ignore[method-assign]
    return heap


def test_rejection_has_status_and_reply() -> None:
    """A rejection contains Heap's status and text."""
    heap = quiet_heap(1)
    core = core_of(heap)

    receipt = run_steps(deliver(core, [track(0), track(1)]), heap.perform)

    (rejection,) = receipt.rejections
    assert (rejection.index, rejection.status) == (1, 400)
    assert rejection.detail.startswith("postBody.events[")


def test_rate_limit_is_named() -> None:
    """The error says whether the app or an identity is at its limit."""
    heap = quiet_heap()
    core = core_of(heap, events_a_minute=1)

    with pytest.raises(SinkUnavailable, match="the rate of the app") as caught:
        run_steps(deliver(core, [track(0), track(1)]), heap.perform)

    assert caught.value.throttled


def test_accepted_keys_last_until_the_batch_is_complete() -> None:
    """Accepted calls are skipped only while their batch is incomplete."""
    heap, calls = quiet_heap(), [call_of(0, is_user=False), call_of(1, is_user=True)]
    core = core_of(heap)

    def no_users(step: Any) -> Answer | Failure | None:
        is_user = isinstance(step, Post) and "users" in json.loads(step.body)
        return Answer(401) if is_user else heap.perform(step)

    with pytest.raises(SinkUnavailable):
        run_steps(deliver(core, calls), no_users)
    run_steps(deliver(core, calls), heap.perform)
    assert heap.accepted == {0: 1, 1: 1}

    run_steps(deliver(core, calls), heap.perform)
    assert heap.accepted == {0: 2, 1: 2}


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 2_000), min_size=1, max_size=40),
    st.sets(st.integers(0, 39)),
    st.integers(300, 20_000),
)
def test_request_size_is_bounded(
    lengths: list[int], unwritable: set[int], most: int
) -> None:
    """
    Calls are sent in order and once, in bodies within the limit, unless one call is
    larger. Calls that cannot be JSON are rejected.
    """
    heap, bodies = quiet_heap(), list[bytes]()
    calls = [track(n, text="x" * length) for n, length in enumerate(lengths)]
    for number in unwritable & {*range(len(calls))}:
        calls[number].properties["text"] = "\ud800"

    def keep(step: Any) -> Answer | Failure | None:
        if isinstance(step, Post):
            bodies.append(step.body)
        return heap.perform(step)

    receipt = run_steps(deliver(core_of(heap, max_bytes=most), calls), keep)

    groups = [json.loads(body)["events"] for body in bodies]
    sent = [event["properties"]["n"] for group in groups for event in group]
    assert sent == [n for n in range(len(calls)) if n not in unwritable]
    assert {r.index for r in receipt.rejections} == {*range(len(calls))} - {*sent}
    for group, body in zip(groups, bodies, strict=True):
        assert len(body) <= most or len(group) == 1


def test_backoff_doubles_up_to_two_seconds() -> None:
    """The backoff of seven failures, with the largest jitter."""
    answers = [Answer(503)] * 7 + [Answer(200)]
    clock, pauses = Clock(), list[float]()
    core = HeapCore(
        HeapOptions("11", clock=clock, now=clock, random=lambda: 1.0, deadline=60.0)
    )

    def perform(step: Any) -> Answer | None:
        if isinstance(step, Post):
            return answers.pop(0)
        pauses.append(step.seconds)
        return None

    run_steps(deliver(core, [track(0)]), perform)

    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 2.0, 2.0]


def test_unknown_api_key_is_not_retried() -> None:
    """A 401 to the token request raises at once. The request is an empty object."""
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
        run_steps(deliver(HeapCore(set_up), [DeleteUser("a")]), perform)

    (post,) = posts
    assert json.loads(post.body) == {}


def test_detail_of_a_rejection_has_no_values() -> None:
    """Identity, key and properties of the call are removed from Heap's text."""
    text = b"jane doe with gold card (key-2) is wrong"
    core = core_of(TinyHeap(1, set(), "truly", 10**7))
    core.note_acceptance()

    steps = deliver(core, [track(2, "jane doe", plan="gold card")])
    receipt = run_steps(steps, lambda step: Answer(400, text=text))

    assert [r.detail for r in receipt.rejections] == ["… with … (…) is wrong"]
