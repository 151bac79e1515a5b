"""
Support for tests of your own mappers: sample events, a check of Heap's contract, and
simulations of Heap and Braze.

>>> from braze_heap.testing import assert_legal, make_event
>>> click(make_event(EmailClick, link_alias="hero"))
HeapEvent(name='Newsletter Click', properties={'link': 'hero'})

Hypothesis strategies are in `braze_heap.testing.strategies`, a pytest fixture with a
Heap is in `braze_heap.testing.pytest_plugin`; they need Hypothesis and pytest.
"""

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from braze_heap import _lazy
from braze_heap.testing._legal import assert_legal
from braze_heap.testing._samples import Form, make_event, make_raw
from braze_heap.testing._traffic import make_malformed, make_traffic

if TYPE_CHECKING:
    from braze_heap.testing._sinks import check_async_sink, check_sink
    from braze_heap.testing.fake_heap import FakeHeap
    from braze_heap.testing.simulated_braze import SimulatedBraze, simulate

__all__ = [
    "FakeHeap",
    "Form",
    "SimulatedBraze",
    "assert_legal",
    "check_async_sink",
    "check_sink",
    "make_event",
    "make_malformed",
    "make_raw",
    "make_traffic",
    "simulate",
]


_HOMES: Final = MappingProxyType(
    {
        "FakeHeap": "fake_heap",
        "SimulatedBraze": "simulated_braze",
        "check_async_sink": "_sinks",
        "check_sink": "_sinks",
        "simulate": "simulated_braze",
    }
)
"""
Public name to the module that defines it: what needs a server, or delivery, loads when
it is first used.
"""


if not TYPE_CHECKING:  # a type checker would take every misspelled name for this

    def __getattr__(name: str) -> Any:
        return _lazy.load(__name__, name, _HOMES)


def __dir__() -> list[str]:
    return __all__
