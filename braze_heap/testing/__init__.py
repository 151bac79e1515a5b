"""
Help for testing your own rules: sample events, the judge of Heap's contract, a Heap.

>>> from braze_heap.testing import assert_legal, make_event
>>> click(make_event(EmailClick, link_alias="hero"))
HeapEvent(name='Newsletter Click', properties={'link': 'hero'})

Hypothesis strategies are in `braze_heap.testing.strategies`, a pytest fixture with a
Heap is in `braze_heap.testing.pytest_plugin`; they need Hypothesis and pytest.
"""

from typing import TYPE_CHECKING, Any

from braze_heap.testing._legal import assert_legal
from braze_heap.testing._samples import Form, make_event, make_raw

if TYPE_CHECKING:
    from braze_heap.testing._sinks import check_sink
    from braze_heap.testing.fake_heap import FakeHeap

__all__ = [
    "FakeHeap",
    "Form",
    "assert_legal",
    "check_sink",
    "make_event",
    "make_raw",
]


def __getattr__(name: str) -> Any:
    if name == "FakeHeap":
        from braze_heap.testing.fake_heap import FakeHeap

        return FakeHeap
    if name == "check_sink":
        from braze_heap.testing._sinks import check_sink

        return check_sink
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
