"""
Heap: calls, legal values, limits and delivery.

The public names are listed in ``__init__.pyi``, and each is imported when it is first
used. The sinks need the extra ``http``.
"""

from typing import Any

from braze_heap import _lazy
from braze_heap._errors import requires_extra

__all__, _load, __dir__ = _lazy.attach(__spec__)


def __getattr__(name: str) -> Any:
    with requires_extra(name, "'braze_heap[http]'"):
        return _load(name)
