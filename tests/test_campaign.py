"""
Long runs, left out by default: ``python -m pytest -m campaign``.

Last figures, 2026-11-24: see `docs/explanation/proofs.md`.
"""

import json
import random
from typing import Any

import pytest

import braze_heap as bh
from braze_heap.testing import assert_legal, make_raw

TYPES = sorted(bh.EVENT_TYPES)
TEXTS = ["", " ", "null", "[REDACTED]", "a\x00b", "\ud800", "é" * 600, "🎉" * 600, "0"]
NUMBERS = [0, -1, 5, 2**53 + 1, 10**400, 1.5, 1e308, float("nan"), float("inf")]


def any_json(chance: random.Random, depth: int = 3) -> Any:
    """Return a JSON value, odd more often than not."""
    kind = chance.randrange(8 if depth else 6)
    if kind == 0:
        return chance.choice([None, True, False])
    if kind in (1, 2):
        return chance.choice(NUMBERS)
    if kind in (3, 4):
        return chance.choice([*TEXTS, *TYPES[:3]])
    if kind == 5:
        return chance.choice([[], {}])
    if kind == 6:
        return [any_json(chance, depth - 1) for _ in range(chance.randrange(4))]
    names = [*TEXTS, "id", "time", "user", "properties", "event_type", "string", "/x"]
    return {chance.choice(names): any_json(chance, depth - 1) for _ in range(3)}


def mutated(chance: random.Random) -> Any:
    """Return an event of some type and form, with a few things changed."""
    form = chance.choice(["http", "http", "storage", "union"])
    event = make_raw(chance.choice(TYPES), form=form)
    for _ in range(chance.randrange(4)):
        places = [event, *(v for v in event.values() if isinstance(v, dict))]
        place = chance.choice(places)
        name = chance.choice([*place, "brand_new", "/odd", "event_type"])
        if chance.random() < 0.3:
            place.pop(name, None)
        else:
            place[name] = any_json(chance)
    return event


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(10))
def test_whatever_comes_is_accounted_for_and_legal(seed: int) -> None:
    """Ten thousand values a seed: none raises, all are counted, all calls are legal."""
    chance = random.Random(seed)
    transformers = [
        bh.Transformer(),
        bh.Transformer(personal_data="keep", identity="user_id", local_time=True),
        bh.Transformer(nested="json", machines="drop", deletions=True),
    ]
    for _ in range(1_000):
        batch = [
            mutated(chance) if chance.random() < 0.8 else any_json(chance)
            for _ in range(10)
        ]
        body = json.dumps({"events": batch})
        transform = chance.choice(transformers).transform
        result = transform(chance.choice([batch, {"events": batch}, body]))
        assert repr(transform(json.loads(body))) == repr(transform(body.encode()))
        assert result.received == 10
        assert result.mapped >= 0
        for call in result.calls:
            assert_legal(call)
