"""
Test helpers for your mappers and sinks: sample events, a check of Heap's contract, a
fake Heap and a simulated Braze.

>>> from braze_heap.testing import assert_legal, make_event
>>> click(make_event(EmailClick, link_alias="hero"))
HeapEvent(name='Newsletter Click', properties={'link': 'hero'})

`braze_heap.testing.strategies` has Hypothesis strategies, and
`braze_heap.testing.pytest_plugin` a pytest fixture with a fake Heap. They need
Hypothesis and pytest. The public names are listed in ``__init__.pyi``.
"""

from braze_heap import _lazy

__all__, __getattr__, __dir__ = _lazy.attach(__spec__)
