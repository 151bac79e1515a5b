"""Ways to run the command line: inside of the test, or as a process of its own."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from braze_heap.cli._app import app

MAIN = "from braze_heap.cli import main; main()"

Run = Callable[..., Result]


@pytest.fixture
def run() -> Run:
    """Run a command inside of the test."""

    def run(*args: Any, stdin: bytes | None = None) -> Result:
        words = [str(arg) for arg in args]
        return CliRunner().invoke(app, words, stdin, prog_name="braze-heap")

    return run


def start(*args: Any, code: str = MAIN, **options: Any) -> "subprocess.Popen[bytes]":
    """
    Start a command as a process of its own, its output piped unless *options* differ.
    """
    words = [sys.executable, "-c", code, *map(str, args)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(words, **(pipes | options))


def click_event(number: int = 1, **changes: Any) -> dict[str, Any]:
    """Return an email click in the HTTP form."""
    event = {
        "event_type": "users.messages.email.Click",
        "id": f"event-{number}",
        "time": 1763900000 + number,
        "user": {"user_id": f"braze-{number}", "external_user_id": f"cust-{number}"},
        "properties": {"link_alias": "hero", "email_address": "secret@example.com"},
    }
    return event | changes


def lines(events: list[dict[str, Any]]) -> bytes:
    """Return *events* as lines of JSON."""
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)


def keys(output: str) -> list[str]:
    """Return the idempotency keys of the events in *output*."""
    calls = [json.loads(line) for line in output.splitlines()]
    return [call["idempotency_key"] for call in calls if "event" in call]


@pytest.fixture
def batch(tmp_path: Path) -> Path:
    """A request body with two events."""
    path = tmp_path / "batch.json"
    path.write_text(json.dumps({"events": [click_event(1), click_event(2)]}))
    return path
