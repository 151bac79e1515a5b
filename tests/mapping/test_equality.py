"""The compiled mapping and the generic one give the same, whatever the options."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import braze_heap as bh
from tests.mapping.oddities import batch, body, generic, observed, options


def check_equality(chosen: dict[str, Any], seeds: Iterable[int]) -> None:
    """Map odd batches twice with one pair of transformers; names are learned."""
    compiled, oracle = bh.Transformer(**chosen), generic(**chosen)
    for seed in seeds:
        items = batch(seed)
        before = repr(items)
        assert observed(compiled.transform(items), items) == observed(
            oracle.transform(items), items
        )
        assert repr(items) == before
        data = body(seed)
        assert observed(compiled.transform(data)) == observed(oracle.transform(data))


seeds = st.lists(st.integers(0, 2**32), min_size=1, max_size=3)


@pytest.mark.filterwarnings("ignore::UserWarning")
@given(options(), seeds)
@settings(max_examples=150, deadline=None)
def test_both_mappings_give_the_same_for_every_option(
    chosen: dict[str, Any], numbers: list[int]
) -> None:
    """Calls, origins, counts, reasons, details and order are equal."""
    check_equality(chosen, numbers)


@pytest.mark.campaign
@pytest.mark.filterwarnings("ignore::UserWarning")
@given(options(), st.lists(st.integers(0, 2**32), min_size=10, max_size=10))
@settings(max_examples=1_000, deadline=None)
def test_both_mappings_give_the_same_for_twenty_thousand_batches(
    chosen: dict[str, Any], numbers: list[int]
) -> None:
    """A thousand sets of options, ten batches as objects and ten as bodies for each."""
    check_equality(chosen, numbers)
