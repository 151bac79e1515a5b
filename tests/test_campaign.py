"""Long runs: ``python -m pytest -m campaign``. Figures: docs/explanation/proofs.md."""

import json
import random

import pytest

import braze_heap as bh
from braze_heap.testing import assert_legal
from tests.mapping.oddities import any_json, mutated, unwrapped


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(10))
def test_whatever_comes_is_accounted_for_and_legal(seed: int) -> None:
    """Ten thousand values a seed: none raises, all are counted, all calls are legal."""
    chance = random.Random(seed)
    transformers = [
        bh.Transformer(),
        bh.Transformer(personal_data="keep", identity="user_id", local_time=True),
        bh.Transformer(
            nested="json",
            machines="drop",
            deletions=True,
            delete_identity=lambda request: request.user_id,
        ),
    ]
    for _ in range(1_000):
        batch = [
            unwrapped(mutated(chance)) if chance.random() < 0.8 else any_json(chance)
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
