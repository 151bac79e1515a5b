"""
Typed events: one class for every Braze Currents event type, by family.

A family loads when one of its classes is first used, so the other types cost nothing.
The public names are listed in ``__init__.pyi``.
"""

from braze_heap import _lazy

__all__, __getattr__, __dir__ = _lazy.attach(__spec__)
