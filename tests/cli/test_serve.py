"""The endpoint as people run it: a process of its own, on a port, ended by a signal."""

import contextlib
import http.client
import json
import os
import re
import shlex
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from braze_heap import SqliteState
from braze_heap.testing import FakeHeap
from tests.cli.conftest import MAIN, Run, click_event, start

TOKEN = "canary-token-of-the-tests"


PATIENCE = 60.0
"""Seconds after which something hangs; a busy machine may take a while."""


class Served:
    """A service that runs, and what it has written so far."""

    def __init__(
        self, folder: Path, *args: object, code: str = MAIN, **environ: str
    ) -> None:
        own = {"BRAZE_TOKEN": TOKEN, "PYTHONPATH": str(folder)}
        self.process = start(
            *("serve", *(() if "--port" in args else ("--port", 0)), *args),
            code=code,
            cwd=folder,
            env={**os.environ, **own, **environ},
        )
        self.lines: list[str] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr
        for line in self.process.stderr:
            self.lines.append(line.decode())

    @property
    def port(self) -> int:
        """Where it listens, once it does."""
        return int(self.read(r"http://[\d.]+:(\d+)"))

    def read(self, pattern: str) -> str:
        """Return the first group of what it writes sooner or later."""
        end = time.monotonic() + PATIENCE
        while not (found := re.search(pattern, "".join(self.lines))):
            assert self.process.poll() is None or self._reader.is_alive(), self.lines
            assert time.monotonic() < end, self.lines
            time.sleep(0.01)
        return found[1]

    def ask(
        self, method: str, path: str, body: str = "", token: str = TOKEN
    ) -> tuple[int, str]:
        """Make a request, and return status and text."""
        with contextlib.closing(
            http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        ) as connection:
            headers = {"Authorization": f"Bearer {token}"}
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            assert answer.headers["server"] is None
            return answer.status, answer.read().decode()

    def post(self, *events: Any) -> int:
        """Post a batch, and return the status."""
        return self.ask("POST", "/any?secret=canary", json.dumps({"events": events}))[0]

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, and return the exit status."""
        self.process.send_signal(number)
        return self.ended()

    def ended(self) -> int:
        """Wait for the end, and return the exit status."""
        status = self.process.wait(PATIENCE)
        self._reader.join()
        return status


Serve = Callable[..., Served]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start services in an empty folder; they end with the test."""
    started: list[Served] = []

    def serve(*args: object, **options: Any) -> Served:
        started.append(Served(tmp_path, *args, **options))
        return started[-1]

    yield serve
    for each in started:
        each.process.kill()
        each.ended()
        for stream in (each.process.stdout, each.process.stderr):
            assert stream
            stream.close()


SLOW = """
import pathlib, time
from braze_heap import JsonLinesSink

class Slow(JsonLinesSink):
    def __init__(self):
        super().__init__("slow.jsonl")
    def send(self, calls, /):
        pathlib.Path("in-hand").touch()
        while not pathlib.Path("go").exists():
            time.sleep(0.01)
        return super().send(calls)
    def close(self):
        super().close()
        pathlib.Path("closed").touch()
"""


def until(path: Path) -> None:
    """Wait for a file."""
    end = time.monotonic() + PATIENCE
    while not path.exists():
        assert time.monotonic() < end
        time.sleep(0.01)


def until_refused(port: int) -> None:
    """Wait until nobody listens on *port* any more."""
    with contextlib.suppress(ConnectionRefusedError):
        while True:
            socket.create_connection(("127.0.0.1", port)).close()
            time.sleep(0.01)


def test_without_options_it_runs_and_says_how_to_try_it(
    serve: Serve, tmp_path: Path
) -> None:
    """What it shows for curl is settled: the call is in the file."""
    served = serve(BRAZE_TOKEN="")
    words = shlex.split(served.read(r"(curl -i .*)\n"))

    token = words[words.index("-H") + 1].removeprefix("Authorization: Bearer ")
    status, _ = served.ask("POST", "/", words[-1], token)

    (line,) = (tmp_path / "calls.jsonl").read_text("utf-8").splitlines()
    assert (status, json.loads(line)["event"]) == (200, "Braze Email Click")
    assert "".join(served.lines).count(token) == 2
    assert served.stop() == 0


def test_all_events_are_accounted_for_at_the_end(serve: Serve, tmp_path: Path) -> None:
    """
    The last line says what became of the events; the dead letter holds what it says.
    """
    served = serve("--sink", "file:out.jsonl", "--state", "lost.db")
    nobody = click_event(2, user={})
    stating = click_event(1) | {
        "event_type": "users.behaviors.subscription.GlobalStateChange",
        "properties": {"channel": "email", "subscription_status": "Subscribed"},
    }

    status = served.post(stating, nobody, click_event(3, time=None))
    ended = served.stop(signal.SIGINT)

    assert (status, ended) == (200, 0)
    assert served.lines[-1].endswith(
        "Stopped. 3 events = 1 delivered + 1 skipped + 1 dead-lettered\n"
    )
    with SqliteState(tmp_path / "lost.db") as state:
        assert state.dead_letter.stats().by_reason == {"bad_time": 1}
        destinations = {key.destination for key, _ in state.ledger.read()}
        assert destinations == {*state.dead_letter.stats().by_destination}
        assert destinations == {f"file {tmp_path / 'out.jsonl'}"}


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_request_in_flight_is_settled_before_the_end(
    serve: Serve, tmp_path: Path, number: signal.Signals
) -> None:
    """SIGTERM and SIGHUP wait for the sink; then sink and dead letter are closed."""
    (tmp_path / "slow_sink.py").write_text(SLOW)
    served = serve("--sink", "slow_sink:Slow")
    answers: list[int] = []
    post = threading.Thread(target=lambda: answers.append(served.post(click_event())))
    post.start()
    until(tmp_path / "in-hand")

    served.process.send_signal(number)
    until_refused(served.port)
    served.read(r"(Stopping: waiting for 1 request in flight, for up to 25 s)")
    is_closed_early = (tmp_path / "closed").exists()
    (tmp_path / "go").touch()
    post.join()

    assert (served.ended(), answers, is_closed_early) == (0, [200], False)
    assert (tmp_path / "closed").exists()
    assert served.lines[-1].endswith(
        "1 event = 1 delivered + 0 skipped + 0 dead-lettered\n"
    )


@pytest.mark.slow
def test_what_takes_longer_than_the_grace_is_cut_off(
    serve: Serve, tmp_path: Path
) -> None:
    """Braze is told that it has the events still; the exit status is 1."""
    (tmp_path / "slow_sink.py").write_text(SLOW)
    served = serve("--sink", "slow_sink:Slow", "--grace", 1)
    answers: list[int] = []
    post = threading.Thread(target=lambda: answers.append(served.post(click_event())))
    post.start()
    until(tmp_path / "in-hand")

    served.process.send_signal(signal.SIGTERM)
    served.read(r"(1 request cut off)")
    (tmp_path / "go").touch()
    post.join()

    assert (served.ended(), answers) == (1, [503])
    assert "Exception" not in "".join(served.lines)
    assert "Request cut off (503)" in "".join(served.lines)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "second"),
    [
        (signal.SIGTERM, signal.SIGINT),
        (signal.SIGHUP, signal.SIGINT),
        (signal.SIGINT, signal.SIGINT),
        (signal.SIGTERM, signal.SIGTERM),
        (signal.SIGINT, signal.SIGHUP),
    ],
)
def test_a_second_signal_cuts_requests_off_at_once(
    serve: Serve, tmp_path: Path, first: signal.Signals, second: signal.Signals
) -> None:
    """It does not wait for the grace."""
    (tmp_path / "slow_sink.py").write_text(SLOW)
    served = serve("--sink", "slow_sink:Slow", "--grace", 1_000)
    answers: list[int] = []
    post = threading.Thread(target=lambda: answers.append(served.post(click_event())))
    post.start()
    until(tmp_path / "in-hand")

    served.process.send_signal(first)
    served.read(r"(Stopping: waiting for 1 request)")
    served.process.send_signal(second)
    served.read(r"(1 request cut off)")
    (tmp_path / "go").touch()
    post.join()

    assert (served.ended(), answers) == (1, [503])


def test_a_sink_that_cannot_be_closed_is_said(serve: Serve, tmp_path: Path) -> None:
    """What became of the events is told all the same; the exit status is 2."""
    failing = "def close(self): raise OSError(28, 'No space left on device')"
    (tmp_path / "full_sink.py").write_text(
        f"from braze_heap import MemorySink\nclass Full(MemorySink):\n    {failing}\n"
    )
    served = serve("--sink", "full_sink:Full")
    served.post(click_event())

    assert served.stop() == 2
    assert "Stopped. 1 event = 1 delivered" in served.lines[-2]
    assert served.lines[-1] == (
        "Error: the sink cannot be closed: No space left on device\n"
    )


def test_a_line_a_request_tells_no_value(serve: Serve) -> None:
    """Time, status, events, milliseconds: neither token nor identity nor query."""
    served = serve("--sink", "file:out.jsonl")
    served.post(click_event(1), click_event(2, time="canary"))
    served.ask("POST", "/?canary", token="canary")
    served.stop()

    told = "".join(served.lines)
    assert re.search(r"Z  200  2 events = 1 delivered \+ 0 sk.*  \d+ ms", told)
    assert re.search(r"Z  401  0 events  \d+ ms\n", told)
    assert "canary" not in told
    assert "cust-" not in told


def test_the_log_can_be_json(serve: Serve) -> None:
    """With --log-json each line is an object, warnings too."""
    served = serve("--sink", "file:out.jsonl", "--log-json")
    served.post(click_event(1), click_event(2, time=None))
    served.ask("POST", "/", token="wrong")
    served.stop()

    begun, request, warning, refused, ended = map(json.loads, served.lines)
    assert begun["message"].startswith("Listening at http://127.0.0.1:")
    assert request["dead_lettered"] == {"bad_time": 1}
    assert warning["level"] == "warning"
    assert (request["status"], refused["status"]) == (200, 401)
    assert ended["message"].startswith("Stopped. 2 events = 1 delivered")
    assert (ended["events"], ended["delivered"]) == (2, 1)


def test_bytes_that_are_not_http_are_logged_with_advice(serve: Serve) -> None:
    """TLS arrives here if a proxy forwards it instead of ending it."""
    served = serve("--sink", "file:out.jsonl")

    with socket.create_connection(("127.0.0.1", served.port)) as connection:
        connection.sendall(b"\x16\x03\x01\x02\x00\x01")
        answer = connection.recv(99)

    served.read(r"(warning: Request rejected \(400\): it is not HTTP/1.1. If Braze)")
    metrics = served.ask("GET", "/metrics", token="")[1]
    assert answer.startswith(b"HTTP/1.1 400")
    assert 'braze_heap_requests_total{status="400"} 1.0' in metrics
    assert served.stop() == 0
    assert "Invalid HTTP" not in "".join(served.lines)


def test_pages_and_metrics_are_served(serve: Serve) -> None:
    """What looks after the service needs no token."""
    served = serve("--sink", "file:out.jsonl")
    served.post(click_event(1), click_event(2, time=None))

    pages = {
        page: served.ask("GET", page, token="") for page in ("/healthz", "/readyz")
    }
    _, text = served.ask("GET", "/metrics", token="")

    assert pages == {"/healthz": (200, "alive\n"), "/readyz": (200, "ready\n")}
    assert "braze_heap_events_received_total 2.0\n" in text
    bad_time = 'braze_heap_events_total{outcome="dead_lettered",reason="bad_time"}'
    assert f"{bad_time} 1.0\n" in text
    assert "_created" not in text


def test_a_choice_that_cannot_arrive_over_http_is_a_warning(serve: Serve) -> None:
    """Only storage files have the events of that category."""
    served = serve("--sink", "file:out.jsonl", "--include", "user,EmailClick")
    served.post(click_event(1))

    assert served.stop() == 0
    warnings = [line for line in served.lines if "warning: " in line]
    assert len(warnings) == 1
    assert "user never arrives over HTTP" in warnings[0]


def test_a_file_configures_the_service(serve: Serve, tmp_path: Path) -> None:
    """Nothing is left for options; the log has warnings only."""
    (tmp_path / "token").write_text("canary-of-the-file-1\n")
    (tmp_path / "service.toml").write_text(
        """
        transform.identity = "user_id"
        sink = {kind = "file", path = "out.jsonl"}
        state.path = "own.db"
        serve = {token_file = "token", grace = 5}
        log.level = "warning"
        """
    )

    served = serve("--config", "service.toml")
    body = json.dumps({"events": [click_event(1)]})
    status, _ = served.ask("POST", "/", body, token="canary-of-the-file-1")
    refused, _ = served.ask("POST", "/", body)
    served.stop()

    assert (status, refused) == (200, 401)
    assert (tmp_path / "own.db").exists()
    assert json.loads((tmp_path / "out.jsonl").read_text())["identity"] == "braze-1"
    text = "".join(served.lines)
    assert "in file token" in text
    assert "$(cat token)" in text
    assert "200  1 event" not in text
    assert "canary" not in text


def test_heap_gets_the_events_as_configured(serve: Serve) -> None:
    """Where they go is shown, with a word about wrong app ids; the key never is."""
    with FakeHeap() as heap:
        sink = f"heap:?app_id=11&allow_http=1&base_url={heap.url}"
        served = serve("--sink", sink, "--identity", "user_id", HEAP_API_KEY="canary")
        served.post(click_event(1), click_event(1))
        served.stop()

    identities = {key: event["identity"] for key, event in heap.events.items()}
    assert identities == {"event-1": "braze-1"}
    assert f"Heap: app 11 at {heap.url}" in "".join(served.lines)
    assert "Heap accepts events for a wrong app ID" in "".join(served.lines)
    assert "canary" not in "".join(served.lines)


@pytest.mark.parametrize(
    ("args", "flaw"),
    [
        (("--sink", "file:out.jsonl"), "BRAZE_TOKEN contains no token"),
        (("--token-env", "TOKEN"), "--token-env: the variable TOKEN is not set"),
        (("--host", "0.0.0.0"), "For a new one: openssl rand -hex 32"),
        (("--log-json",), "BRAZE_TOKEN contains no token"),
    ],
)
def test_a_token_is_made_for_a_try_alone(
    run: Run,
    args: tuple[str, ...],
    flaw: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """A token that changes at each start would stop a real feed for good."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BRAZE_TOKEN", raising=False)

    result = run("serve", *args)

    assert result.exit_code == 2
    assert flaw in result.stderr
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    ("args", "token", "flaw"),
    [
        (
            (),
            TOKEN,
            "a token is set (variable BRAZE_TOKEN), so this is not a trial, and --sink",
        ),
        (("--log-json",), TOKEN, "--sink is missing"),
        (("--host", "0.0.0.0"), TOKEN, "--sink is missing"),
        (("--sink", ""), TOKEN, "--sink must not be empty"),
        (("--sink", "  "), TOKEN, "--sink must not be empty"),
        (("--sink", ""), "", "--sink must not be empty"),
        (("--sink", "file:x"), f"Bearer {TOKEN}", "without the word Bearer"),
        (("--sink", "file:x"), f"'{TOKEN}'", "without quotes"),
        (("--sink", "file:x"), f"{TOKEN}\x01", "printable ASCII"),
    ],
)
def test_a_feed_needs_a_sink_and_a_token_that_braze_sends(
    run: Run,
    args: tuple[str, ...],
    token: str,
    flaw: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """
    A feed whose sink was forgotten would end in a local file, with an answer of 200.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BRAZE_TOKEN", token)

    result = run("serve", "--port", 0, *args)

    assert result.exit_code == 2
    assert flaw in result.stderr
    assert "canary" not in result.output
    assert [*tmp_path.iterdir()] == []


def test_a_short_token_is_a_warning(serve: Serve) -> None:
    """It is in the log of the start, and not shown."""
    served = serve("--sink", "file:out.jsonl", BRAZE_TOKEN="canary-short")
    assert served.port

    assert "fewer than 16 characters (12)" in "".join(served.lines)
    assert "canary" not in "".join(served.lines)


def test_a_port_that_is_taken_is_one_line_of_advice(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Another port is proposed, and no file is made."""
    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        result = run("serve", "--port", port)

    assert (result.exit_code, result.stdout) == (2, "")
    assert f"port {port}: Address already in use. Name another" in result.stderr
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize(
    ("args", "advice"),
    [
        (("--host", "host.invalid"), "cannot listen on host.invalid"),
        (("--host", "192.0.2.1"), "cannot listen on 192.0.2.1"),
        (("--sink", "hepa:?app_id=11"), "Did you mean 'heap'?"),
        (("--sink", "heap:?app_id=11&api_key=canary"), "must not contain secrets"),
        (
            ("--state", "no/such/folder.db"),
            "for folder.db does not exist",
        ),
        (
            ("--state", "/dev/null/state.db"),
            "the folder /dev/null for state.db",
        ),
        (("--config", "/dev/null/none"), "does not exist"),
    ],
)
def test_errors_say_what_to_do(
    run: Run,
    args: tuple[str, ...],
    advice: str,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """Exit status 2, one line, no traceback."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BRAZE_TOKEN", TOKEN)

    sink = () if "--sink" in args else ("--sink", "memory:")

    result = run("serve", "--port", 0, *sink, *args)

    assert result.exit_code == 2
    assert advice in result.stderr
    assert "canary" not in result.output


def test_without_uvicorn_the_extra_is_named(tmp_path: Path) -> None:
    """The command line alone can do without."""
    code = f"import sys; sys.modules['uvicorn'] = None; {MAIN}"
    process = start("serve", "--port", 0, code=code, cwd=tmp_path)

    _, stderr = process.communicate(timeout=PATIENCE)

    expected = b"Error: serving needs an extra: pip install 'braze_heap[server]'\n"
    assert (process.returncode, stderr) == (2, expected)
    assert [*tmp_path.iterdir()] == []


def test_serve_maps_with_the_mappers_of_the_team(serve: Serve, tmp_path: Path) -> None:
    """The current folder is searched for them."""
    (tmp_path / "own.py").write_text(
        "import braze_heap as bh\n"
        "click = bh.declare('Newsletter Click', {'link': 'link_alias'})\n"
        "registry = bh.DEFAULT_MAPPERS.override('users.messages.email.Click', click)\n"
    )
    own = ("--transformer", "own:registry")
    served = serve("--sink", "file:calls.jsonl", *own, PYTHONPATH="")

    assert served.post(click_event(1)) == 200
    assert served.stop() == 0

    (call,) = map(
        json.loads, (tmp_path / "calls.jsonl").read_text("utf-8").splitlines()
    )
    assert call["event"] == "Newsletter Click"
