"""
Webhook endpoint for a Braze Currents feed, for any web framework or none.

`Receiver` turns a `Request` into a `Response`. Adapters: `braze_heap.receiver.asgi`,
`wsgi` and `aws_lambda` need no extra; `starlette`, `flask` and `django` need theirs.
"""

from braze_heap.receiver._admission import Limits
from braze_heap.receiver._auth import UNAUTHENTICATED, Authenticator, Tokens
from braze_heap.receiver._http import IncompleteBodyError, Request, Response
from braze_heap.receiver._receiver import AsyncReceiver, Receiver

__all__ = [
    "UNAUTHENTICATED",
    "AsyncReceiver",
    "Authenticator",
    "IncompleteBodyError",
    "Limits",
    "Receiver",
    "Request",
    "Response",
    "Tokens",
]
