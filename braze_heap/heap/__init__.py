"""
Everything specific to Heap: calls, legal values, limits, delivery.

The sinks need the extra ``http`` and are imported when they are first used. The public
names are listed in ``__init__.pyi``.
"""

from typing import Any

from braze_heap import _lazy
from braze_heap._errors import needed_by

__all__, _load, __dir__ = _lazy.attach(__spec__)


def __getattr__(name: str) -> Any:
    with needed_by(name, "'braze_heap[http]'"):
        return _load(name)
