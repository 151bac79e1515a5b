"""
Tracking plan: every event and property that a transformer can send to Heap.

>>> plan = tracking_plan(Transformer())
>>> Path("plan.html").write_text(plan.to_html(), "utf-8")
>>> print(diff(TrackingPlan.from_json(old), plan))
> event Braze Email Click (users.messages.email.Click): -> Newsletter Click

The public names are listed in ``__init__.pyi``.
"""

from braze_heap import _lazy

__all__, __getattr__, __dir__ = _lazy.attach(__spec__)
