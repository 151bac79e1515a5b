"""
Receiver process on uvicorn that a test kills.

Arguments: port to listen on, URL of a Heap, path of a dead letter, token.
"""

import sys

import uvicorn

import braze_heap as bh
from braze_heap.receiver.asgi import ASGIReceiver


def main(port: str, heap: str, path: str, token: str) -> None:
    """Serve until killed."""
    sink = bh.HeapSink("11", base_url=heap, allow_http=True)
    pipeline = bh.Pipeline(bh.Transformer(), sink, bh.SqliteDeadLetter(path))
    app = ASGIReceiver(bh.AsyncReceiver(pipeline, token))
    uvicorn.run(app, port=int(port), log_level="error")


if __name__ == "__main__":
    main(*sys.argv[1:])
