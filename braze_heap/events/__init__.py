"""
Typed events: one class for every Braze Currents event type, by family.

A family loads when one of its classes is first used, so a program that needs email
events does not pay for the other hundred types. The public names are listed in
``__init__.pyi``.
"""

from braze_heap import _lazy

__all__, __getattr__, __dir__ = _lazy.attach(__spec__)
