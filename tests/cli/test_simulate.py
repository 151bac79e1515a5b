"""
Trying an endpoint from the command line, against real ones on the loopback interface.
"""

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from itertools import pairwise

import pytest

from braze_heap.cli._options import is_here
from braze_heap.receiver import Request
from tests.cli.conftest import Run, start
from tests.testing.endpoint import Answered, Endpoint, events_of, listening

TOKEN = "canary-token"


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the token as people do."""
    monkeypatch.setenv("BRAZE_TOKEN", TOKEN)


def report_of(text: str) -> str:
    """Return *text* with single blanks."""
    return " ".join(text.split())


@contextlib.contextmanager
def closed_port() -> Iterator[int]:
    """Give a port that nobody listens on, and that nobody else gets."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def test_a_good_endpoint_gets_a_good_verdict(run: Run) -> None:
    """All events delivered is exit status 0 and a report of it."""
    with listening(Endpoint()) as url:
        result = run("simulate", url, "--events", 250)

    report = report_of(result.stdout)
    assert result.exit_code == 0
    assert "250 events in" in report
    assert "delivered 250 the endpoint accepted them" in report
    assert "OK: Braze would treat every event as delivered." in report


def test_events_are_marked_as_tests(run: Run) -> None:
    """Every user is recognisable in Heap, and the events happened yesterday."""
    endpoint = Endpoint()
    with listening(endpoint) as url:
        run("simulate", url, "--events", 50)

    users = {event["user"]["external_user_id"] for event in endpoint.taken}
    age = time.time() - min(event["time"] for event in endpoint.taken)
    assert {user[:16] for user in users} == {"braze-heap-test-"}
    assert 86_000 < age < 87_000


def test_a_probe_comes_before_everything(run: Run) -> None:
    """The endpoint sees the token before it sees an event."""
    endpoint = Endpoint()
    with listening(endpoint) as url:
        run("simulate", url, "--events", 1)

    assert endpoint.batches[0] == []
    assert endpoint.requests[0].values("authorization") == [f"Bearer {TOKEN}"]


def test_the_token_comes_from_the_variable_of_your_choice(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--token-env names the variable; of several tokens in it the first is sent."""
    monkeypatch.setenv("OTHER", "new old")
    endpoint = Endpoint()
    with listening(endpoint) as url:
        run("simulate", url, "--token-env", "OTHER", "--events", 1)

    assert endpoint.requests[0].values("authorization") == ["Bearer new"]


def test_no_token_is_a_note(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a variable and a terminal, no token is sent, and that is said."""
    monkeypatch.delenv("BRAZE_TOKEN")
    endpoint = Endpoint()
    with listening(endpoint) as url:
        result = run("simulate", url, "--events", 1)

    assert "BRAZE_TOKEN is not set, so no token is sent" in result.stderr
    assert endpoint.requests[0].values("authorization") == []


def test_a_token_that_is_none_is_an_error_that_does_not_show_it(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Characters outside of RFC 6750 are refused before anything is sent."""
    monkeypatch.setenv("BRAZE_TOKEN", "canary{}")
    endpoint = Endpoint()
    with listening(endpoint) as url:
        result = run("simulate", url)

    assert (result.exit_code, endpoint.requests) == (2, [])
    assert "RFC 6750" in result.stderr
    assert "canary" not in result.output


def test_the_token_is_never_shown(run: Run) -> None:
    """Neither a good nor a bad verdict holds the token."""
    for endpoint in (Endpoint(), Endpoint(then=401), Endpoint([200], then=401)):
        with listening(endpoint) as url:
            assert TOKEN not in run("simulate", url, "--events", 1).output


def test_faults_and_malformed_events_are_asked_for(run: Run) -> None:
    """
    Answers get lost, events come twice, malformed ones are mixed in; the report says.
    """
    endpoint = Endpoint()
    with listening(endpoint) as url:
        result = run(
            *("simulate", url, "--events", 100, "--malformed", 24, "--seed", 7),
            *("--lose-answers", 0.3, "--send-twice", 0.5),
        )

    assert result.exit_code == 0
    assert "discarded on purpose, so events were sent again" in result.stdout
    assert "124 events in" in result.stdout
    assert len(endpoint.taken) > 150
    assert "not an event" in endpoint.taken


def test_the_seed_gives_the_same_ids(run: Run) -> None:
    """A second run changes nothing in Heap, which knows the ids."""
    ids = []
    for seed in (7, 7, 8):
        endpoint = Endpoint()
        with listening(endpoint) as url:
            run("simulate", url, "--events", 20, "--seed", seed)
        ids.append({event["id"] for event in endpoint.taken})

    assert ids[0] == ids[1] != ids[2]


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (301, "Give it the URL that this one leads to."),
        (307, "Give it the URL that this one leads to."),
        (400, "cannot read the request"),
        (401, "Compare it with the one in BRAZE_TOKEN."),
        (403, "forbids the request"),
        (404, "Compare it with the endpoint's path."),
        (405, "accepts a POST"),
        (413, "Raise its limit"),
        (503, "Check the log of the endpoint."),
    ],
)
def test_a_refused_probe_says_what_to_do(run: Run, status: int, advice: str) -> None:
    """An endpoint that refuses a request without events gets none with events."""
    endpoint = Endpoint(then=status)
    with listening(endpoint) as url:
        result = run("simulate", url)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"Error: answer {status}. ")
    assert advice in result.stderr
    assert endpoint.batches == [[]]


def test_a_redirect_is_not_followed(run: Run) -> None:
    """The token goes to the host that was named, and to no other."""
    other = Endpoint()
    with (
        listening(other) as target,
        listening(Endpoint(then=(308, {"Location": target}))) as url,
    ):
        result = run("simulate", url)

    assert (result.exit_code, other.requests) == (1, [])


def test_a_refused_connection_says_what_to_do(run: Run) -> None:
    """Where nobody listens, the URL is wrong or the endpoint is not up."""
    with closed_port() as port:
        result = run("simulate", f"http://127.0.0.1:{port}/")

    assert result.exit_code == 1
    assert "no answer (ConnectionRefusedError). Check that it runs" in result.stderr


def test_a_failure_of_tls_says_what_to_do(run: Run) -> None:
    """https to a port without TLS is named as that."""
    with listening(Endpoint()) as url:
        result = run("simulate", url.replace("http:", "https:"))

    assert result.exit_code == 1
    assert "no answer (SSLError). Check" in result.stderr
    assert "port and scheme" in result.stderr


class Picky(Endpoint):
    """Takes requests without events, and answers the others by its script."""

    def __call__(self, request: Request) -> Answered:
        """Answer one request."""
        return super().__call__(request) if events_of(request) else Answered(200)


@pytest.mark.parametrize(
    ("status", "fate", "advice"),
    [
        (400, "dropped 1 ", "FAILED: answer 400. The endpoint cannot read"),
        (401, "abandoned 1 ", "FAILED: answer 401. The endpoint does not know the"),
        (413, "dropped 1 ", "FAILED: answer 413. The endpoint rejects bodies"),
    ],
)
def test_lost_events_are_a_bad_verdict(
    run: Run, status: int, fate: str, advice: str
) -> None:
    """An endpoint that makes Braze lose events is told what Braze would have done."""
    options = ("--events", 1, "--send-twice", 0, "--lose-answers", 0)
    with listening(Picky(then=status)) as url:
        result = run("simulate", url, *options)

    assert result.exit_code == 1
    assert fate in report_of(result.stdout)
    assert advice in report_of(result.stdout)


def test_patience_ends_the_trial(run: Run) -> None:
    """An endpoint that is down does not keep you for five days."""
    began = time.monotonic()
    with listening(Picky(then=503)) as url:
        result = run("simulate", url, "--events", 1, "--patience", 0.3)

    assert time.monotonic() - began < 3
    assert result.exit_code == 1
    assert "pending 1 not accepted yet" in report_of(result.stdout)
    assert "asks Braze to retry" in report_of(result.stdout)


def test_rate_spreads_the_events(run: Run) -> None:
    """--rate keeps a pause between batches."""
    times: list[float] = []

    class Timed(Endpoint):
        def __call__(self, request: Request) -> Answered:
            times.append(time.monotonic())
            return super().__call__(request)

    with listening(Timed()) as url:
        run("simulate", url, "--events", 300, "--rate", 1000, "--send-twice", 0)

    pauses = [after - before for before, after in pairwise(times)]
    assert sum(pause > 0.05 for pause in pauses) >= 2


def test_another_host_needs_agreement(run: Run) -> None:
    """
    Without a terminal to ask at, nothing goes to another host unless --yes is given.
    """
    result = run("simulate", "http://currents.example.com/", "--events", 5)

    assert result.exit_code == 2
    assert "5 test events will go to currents.example.com" in report_of(result.stderr)
    assert "http is not encrypted" in result.stderr
    assert "Pass --yes" in result.stderr


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.1", "::1"])
def test_this_machine_needs_none(host: str) -> None:
    """Loopback addresses are tried without a question."""
    assert is_here(host)


@pytest.mark.parametrize("host", ["example.com", "10.0.0.1", "localhost.example.com"])
def test_every_other_machine_does(host: str) -> None:
    """Private addresses and look-alikes are other machines."""
    assert not is_here(host)


@pytest.mark.parametrize("url", ["currents", "https://me:secret@host/", "http://[::1"])
def test_what_is_no_url_is_a_wrong_argument(run: Run, url: str) -> None:
    """The usage is explained, and a password in a URL is not repeated."""
    result = run("simulate", url)

    assert result.exit_code == 2
    assert "Invalid value for 'URL'" in result.stderr
    assert "secret" not in result.stderr


def test_ctrl_c_ends_with_a_report() -> None:
    """What was done until then is shown, and the status is 130."""
    is_there = threading.Event()

    class Watched(Picky):
        def __call__(self, request: Request) -> Answered:
            if events_of(request):
                is_there.set()
            return super().__call__(request)

    with listening(Watched(then=503)) as url:
        process = start("simulate", url, "--events", 1)
        assert is_there.wait(20)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=20)

    assert process.returncode == 130
    assert stdout.startswith(b"Stopped by Ctrl-C. Processed before that:\n1 event in")
    assert b"Traceback" not in stderr


def test_at_a_terminal_agreement_and_token_are_asked_for() -> None:
    """A yes is followed by the question for the token; what is typed is not shown."""
    endpoint = Endpoint()
    environment = {**os.environ, "BRAZE_TOKEN": ""}
    options = {"start_new_session": True, "env": environment}
    with listening(endpoint) as url, terminal() as (typing, stdin):
        os.write(typing, b"y\n")
        words = ("simulate", elsewhere(url), "--events", 1, "--lose-answers", 0)
        process = start(*words, stdin=stdin, **options)
        assert process.stderr
        asked = b""
        while not asked.endswith(b"Token (empty for none): "):
            asked += process.stderr.read(1) or pytest.fail("no question")
        os.write(typing, b"typed\n")
        stdout, stderr = process.communicate(timeout=20)

    assert (process.returncode, b"Send them?" in asked) == (0, True)
    assert endpoint.requests[0].values("authorization") == ["Bearer typed"]
    assert b"typed" not in asked + stdout + stderr


def test_a_no_at_a_terminal_sends_nothing() -> None:
    """Anything but a yes ends it, with a status of its own."""
    endpoint = Endpoint()
    with listening(endpoint) as url, terminal() as (typing, stdin):
        os.write(typing, b"n\n")
        process = start("simulate", elsewhere(url), stdin=stdin)
        _, stderr = process.communicate(timeout=20)

    assert (process.returncode, endpoint.requests) == (2, [])
    assert b"not confirmed, and nothing was sent" in stderr


def elsewhere(url: str) -> str:
    """Return the *url* of this machine under an address that is no loopback address."""
    return url.replace("127.0.0.1", "0.0.0.0")


@contextlib.contextmanager
def terminal() -> Iterator[tuple[int, int]]:
    """Give both ends of a terminal: where is typed, and where that is read."""
    pty = pytest.importorskip("pty")
    typing, stdin = pty.openpty()
    yield typing, stdin
    os.close(typing)
    os.close(stdin)
