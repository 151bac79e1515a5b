"""
Braze Currents events, typed, as calls for Heap.

>>> import braze_heap as bh
>>> result = bh.Transformer().transform(body)
>>> result.calls, result.skipped, result.rejected

The public names are listed in ``__init__.pyi``. Each is imported when it is first used,
so importing the package is free.
"""

from braze_heap import _lazy

__version__ = "1.0.0rc1"

__all__, __getattr__, __dir__ = _lazy.attach(__spec__)
