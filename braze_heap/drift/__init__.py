"""
Schema drift: types, fields and values of Braze that the event classes do not have.

Braze adds types and fields monthly, some without announcement. Values are neither kept
nor shown, only names, JSON types and counts.

>>> drift = observe(read_events(Path("batch.json")))
>>> print(drift)
new type users.messages.pigeon.Send, 2 events
new field users.messages.email.Click properties.link_color: text, 3 events (100%)

The public names are listed in ``__init__.pyi``.
"""

from braze_heap import _lazy

__all__, __getattr__, __dir__ = _lazy.attach(__spec__)
