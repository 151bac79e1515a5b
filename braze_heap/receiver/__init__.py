"""
The webhook that a Currents feed is pointed at, for any framework or none.

`Receiver` turns a `Request` into a `Response`. Adapters: `braze_heap.receiver.asgi`,
`wsgi` and `aws_lambda` need nothing; `starlette`, `flask` and `django` their framework.
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
