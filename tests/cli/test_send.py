import gzip
import io
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from braze_heap.events import EmailSend, Purchase
from braze_heap.state import SqliteDeadLetter
from braze_heap.testing import make_raw
from braze_heap.testing.fake_heap import FakeHeap, Poison, Status
from tests.cli.conftest import Run, click_event, lines, start

STRANGER = '''
import json
from pathlib import Path

from braze_heap.sinks import Receipt, Rejection


class Bucket:
    """
    A sink as somebody writes it who read the documentation.
    """

    def __init__(self, *, path, refuse=""):
        self._file = Path(path).open("a")
        self._refuse = refuse

    def send(self, calls):
        refused = []
        for index, call in enumerate(calls):
            if call.identity == self._refuse:
                refused.append(Rejection(index, "not_welcome", detail="go away"))
            else:
                self._file.write(json.dumps(call.to_dict()) + "\\n")
        return Receipt(len(calls) - len(refused), tuple(refused))

    def close(self):
        self._file.close()


class Careless(Bucket):
    def send(self, calls):
        self._file.write("sent\\n")
        return Receipt(accepted=0)


class Broken(Bucket):
    def send(self, calls):
        raise LookupError("secret@example.com")


class Stuck(Bucket):
    def close(self):
        self._file.write("closed\\n")
        self._file.flush()
        raise OSError("secret@example.com")


def slip(path):
    raise LookupError("secret@example.com")
'''

ENTRY_POINT = """
[braze_heap.sinks]
acme = acme_sinks:Bucket
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, without an API key."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.delenv("HEAP_API_KEY", raising=False)
    return folder


@pytest.fixture
def heap() -> Iterator[FakeHeap]:
    with FakeHeap(app_id="11", api_key="canary") as heap:
        yield heap


def spec(heap: FakeHeap, more: str = "") -> str:
    """Return the sink that sends to *heap*."""
    return f"heap:?app_id=11&base_url={heap.url}&allow_http=1{more}"


def dead(path: str = "state.db") -> dict[str, int]:
    """Return what a dead letter holds, by reason."""
    with SqliteDeadLetter(path) as store:
        return dict(store.stats().by_reason)


def test_without_a_sink_nothing_leaves_and_nothing_is_written(
    run: Run, batch: Path, here: Path
) -> None:
    """A dry run says what would be sent and how long Heap would take for it."""
    bad = click_event(3, time=None)

    shown = run("send", batch, "-", stdin=lines([bad]))

    assert shown.exit_code == 0
    assert "Dry run: nothing was sent." in shown.stdout
    assert "  2  events\n" in shown.stdout
    assert "  1  dead letter\n" in shown.stdout
    limit = "less than a minute, because Heap accepts 15,000 events a minute"
    assert limit in shown.stdout
    assert list(here.iterdir()) == []


def test_dry_run_forecasts_shares_people_and_savings(run: Run) -> None:
    """It shows shares by category and type, people, and what engagement would skip."""
    sends = [
        make_raw(EmailSend, id=f"s{i}", external_user_id=f"u{i}") for i in range(3)
    ]
    events = [*sends, make_raw(Purchase, id="p", external_user_id="u0")]

    shown = run("send", stdin=lines(events)).stdout

    assert "  3  users\n" in shown
    assert re.search(r"message_engagement +3 +75.0%\n", shown)
    assert re.search(r"users.behaviors.Purchase +1 +25.0%\n", shown)
    assert "--include engagement would skip 3 of these events (75.0%)" in shown


def test_dry_run_counts_what_would_be_sent(run: Run) -> None:
    """Skipped events have no share, and a chosen preset saves nothing more."""
    events = [make_raw(EmailSend), make_raw(Purchase, id="p")]

    shown = run("send", "--include", "engagement", stdin=lines(events)).stdout

    assert re.search(r"customer_behavior +1 +100.0%\n", shown)
    assert "would skip" not in shown


def test_dry_run_as_json_has_the_forecast(run: Run) -> None:
    """Programs read people, minutes, categories, types and savings."""
    events = [make_raw(EmailSend), make_raw(Purchase, id="p")]
    shown = json.loads(run("send", "--json", stdin=lines(events)).stdout)

    assert shown["people"] == 1
    assert shown["minutes"] == 0.0
    assert shown["events_by_category"] == {
        "message_engagement": 1,
        "customer_behavior": 1,
    }
    assert shown["events_by_type"] == {
        "users.messages.email.Send": 1,
        "users.behaviors.Purchase": 1,
    }
    assert shown["events_with_engagement_alone"] == 1


def test_dry_run_of_nothing_has_no_shares(run: Run) -> None:
    """Without an event to send there is nothing to divide."""
    shown = run("send", stdin=lines([click_event(user={})])).stdout

    assert "Events to send by" not in shown


def test_dry_run_fails_with_strict(run: Run) -> None:
    """What would go to the dead letter is a failure, if one says so."""
    shown = run("send", "--strict", stdin=lines([click_event(time=None)]))

    assert shown.exit_code == 1


def test_events_reach_heap_and_are_accounted_for(
    run: Run, heap: FakeHeap, batch: Path
) -> None:
    """
    Received is delivered, skipped and dead-lettered; the report says what comes next.
    """
    others = [click_event(3, user={}), click_event(4, time=None)]

    shown = run("send", batch, "-", "--sink", spec(heap), "--yes", stdin=lines(others))

    assert shown.exit_code == 0, shown.output
    assert {"event-1", "event-2"} == heap.events.keys()
    assert dead() == {"bad_time": 1}
    assert [line.split() for line in shown.stdout.splitlines()[1:5]] == [
        ["events", "4"],
        ["delivered", "2"],
        ["skipped", "1"],
        ["dead-lettered", "1", "in", "state.db"],
    ]
    assert "no_identity  1  The event has no identity" in shown.stdout
    assert "braze-heap dead-letters list state.db" in shown.stdout


def test_host_and_app_are_shown_and_need_a_yes(
    run: Run, heap: FakeHeap, batch: Path, here: Path
) -> None:
    """Where nobody can be asked, nothing is sent and nothing is made."""
    shown = run("send", batch, "--sink", spec(heap))

    assert shown.exit_code == 2
    assert f"Heap: app 11 at {heap.url}\n" in shown.stderr
    assert "Heap accepts events for a wrong app ID without an error." in shown.stderr
    assert "Pass --yes" in shown.stderr
    assert (heap.counts.requests, list(here.iterdir())) == (0, [])


@pytest.mark.parametrize(("answer", "sent"), [(b"y\n", 2), (b"n\n", 0)])
def test_a_terminal_is_asked(
    answer: bytes, sent: int, heap: FakeHeap, batch: Path
) -> None:
    """Yes sends; anything else does not, with a status of its own."""
    pty = pytest.importorskip("pty")
    terminal, stdin = pty.openpty()
    os.write(terminal, answer)
    process = start("send", batch, "--sink", spec(heap), stdin=stdin)

    _, stderr = process.communicate(timeout=20)
    os.close(stdin)
    os.close(terminal)

    assert b"Send the events of 1 file there?" in stderr
    assert (0 if sent else 2, sent) == (process.returncode, heap.counts.events)


def test_running_it_again_is_harmless(run: Run, heap: FakeHeap, batch: Path) -> None:
    """Heap knows each event by its id."""
    for _ in range(2):
        run("send", batch, "--sink", spec(heap), "--yes")

    assert (heap.counts.events, heap.counts.duplicates) == (2, 2)


def test_refused_events_are_kept_by_name(run: Run, heap: FakeHeap, batch: Path) -> None:
    """
    One poison event costs neither the other nor the exit status, but with --strict.
    """
    heap.always(Poison(lambda item: item.get("idempotency_key") == "event-1"))
    words = ("send", batch, "--sink", spec(heap), "--yes", "--state", "lost.db")

    shown = run(*words, "--strict")

    assert shown.exit_code == 1
    assert {"event-2"} == heap.events.keys()
    assert dead("lost.db") == {"rejected_by_heap": 1}


def test_dead_letters_are_given_up_by_name_alone(run: Run, here: Path) -> None:
    """--discard counts them, and no file is made."""
    bad = lines([click_event(time=None)])

    shown = run("send", "--sink", "memory:", "--discard", stdin=bad)

    assert "dead-lettered  1  discarded" in shown.stdout
    assert list(here.iterdir()) == []
    assert run("send", "--discard", "--state", "x", stdin=bad).exit_code == 2


def test_calls_on_stdout_stay_alone(run: Run, batch: Path) -> None:
    """The report goes to stderr, where calls go to stdout."""
    shown = run("send", batch, "--sink", "-")

    assert [json.loads(line)["idempotency_key"] for line in shown.stdout.splitlines()]
    assert "2 events from 1 file" in shown.stderr


def test_files_need_no_confirmation(run: Run, batch: Path) -> None:
    """What stays on the machine is written at once."""
    shown = run("send", batch, "--sink", "file:calls.jsonl.gz", "-q")

    assert (shown.exit_code, shown.output) == (0, "")
    assert gzip.decompress(Path("calls.jsonl.gz").read_bytes()).count(b"\n") == 2


def test_its_own_files_are_no_input(run: Run, batch: Path, here: Path) -> None:
    """
    A folder with the dead letter in it is sent again without it; one with the file
    that is written is refused.
    """
    (here / "bad.jsonl").write_bytes(lines([click_event(time=None)]))
    words = ("send", here, "--sink")
    run(*words, "memory:")

    again = run(*words, "memory:")
    (here / "calls.jsonl").touch()
    endless = run(*words, "file:calls.jsonl")

    assert "1 event from 1 file" in again.stdout
    assert endless.exit_code == 2
    assert "Name another file with --sink." in endless.stderr


def test_a_file_that_is_no_dead_letter_is_left_alone(run: Run, batch: Path) -> None:
    """Neither its content nor its mode changes."""
    batch.chmod(0o644)
    before = batch.read_bytes()

    shown = run("send", batch, "--sink", "memory:", "--state", batch)

    assert shown.exit_code == 2
    assert "is not a state file: it is JSON" in shown.stderr
    assert (before, 0o644) == (batch.read_bytes(), batch.stat().st_mode & 0o777)


def test_an_unavailable_sink_is_told_and_given_up(
    run: Run, heap: FakeHeap, batch: Path
) -> None:
    """
    The status says "again later", nothing is in the dead letter, the cause is named.
    """
    heap.always(Status(503))
    quick = spec(heap, "&deadline=0.7")

    shown = run("send", batch, "--sink", quick, "--yes", "--patience", "0.5")

    assert shown.exit_code == 75
    assert f"Waiting: {heap.url[7:]} answers 503 to /api/track" in shown.stderr
    assert (
        f"Error: the sink is not available: {heap.url[7:]} answers 503" in shown.stderr
    )
    assert "Rerun the same command." in shown.stdout
    assert dead() == {}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "name", "status"),
    [("SIGINT", "Ctrl-C", 130), ("SIGTERM", "SIGTERM", 143), ("SIGHUP", "SIGHUP", 129)],
)
def test_signal_ends_it_with_a_report(
    number: str, name: str, status: int, heap: FakeHeap
) -> None:
    """
    The report counts what was delivered, and says that running it again is harmless.
    """
    process = start("send", "--sink", spec(heap), "--yes", stdin=subprocess.PIPE)
    assert process.stdin
    process.stdin.write(lines([click_event(n) for n in range(1_005)]))
    process.stdin.flush()
    while heap.counts.events < 1_000:
        time.sleep(0.01)
    process.send_signal(getattr(signal, number))

    stdout, _ = process.communicate(timeout=20)

    report = stdout.decode()
    assert process.returncode == status
    assert report.startswith(f"Stopped by {name}. Processed before that:\n")
    assert "It starts over" in " ".join(report.split())


def test_reader_that_goes_away_ends_it(tmp_path: Path) -> None:
    """Nobody waits for a pipe to open again."""
    path = tmp_path / "many.jsonl"
    path.write_bytes(lines([click_event(n) for n in range(1_500)]))
    read, write = os.pipe()
    os.close(read)
    process = start("send", path, "--sink", "-", "--discard", stdout=write)
    os.close(write)

    _, stderr = process.communicate(timeout=20)

    assert process.returncode == 141
    assert b"Traceback" not in stderr


def test_the_cause_of_a_failure_is_not_logged_beside_the_error(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    """The command itself reports it."""
    sink = "heap:?app_id=1&base_url=http://127.0.0.1:1&allow_http=1&deadline=0.5"

    shown = run(
        "send", "--sink", sink, "--yes", "--patience", 0, stdin=lines([click_event()])
    )

    assert shown.exit_code == 75
    assert shown.stderr.count("refuses the connection") == 1
    assert caplog.messages == []


def test_a_full_dead_letter_stops_it(run: Run) -> None:
    """
    Rather late than lost: the batch is still the user's, and a higher cap takes it.
    """
    big = click_event(time=None, properties={"url": "u" * 100_000})
    words = ("send", "--sink", "memory:", "--max-bytes")

    shown = run(*words, 65_536, stdin=lines([big]))
    again = run(*words, 262_144, stdin=lines([big]))

    assert shown.exit_code == 75
    assert "Error: the dead letter is full: 0 of 65,536 bytes" in shown.stderr
    assert "Replay or purge it, or raise its cap (max_bytes, --max-b" in shown.stderr
    assert again.exit_code == 0


def test_a_cap_for_nothing_is_an_error(run: Run, batch: Path) -> None:
    """With --discard there is no dead letter that it could be for."""
    words = ("--sink", "memory:", "--discard", "--max-bytes", 100_000)

    shown = run("send", batch, *words)

    assert shown.exit_code == 2
    assert "--max-bytes and --discard exclude each other" in shown.stderr


def test_secrets_come_from_the_environment(
    run: Run, heap: FakeHeap, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    HEAP_API_KEY deletes users; the key is refused on the command line, and never shown.
    """
    Path("c.toml").write_text(
        '[transform]\ndeletions = true\nidentity = "user_id"\n', encoding="utf-8"
    )
    request = lines([click_event(event_type="users.UserDeleteRequest")])
    words = ("send", "--config", "c.toml", "--yes", "--patience", "0", "--sink")
    without = run(*words, spec(heap), stdin=request)
    monkeypatch.setenv("HEAP_API_KEY", "canary")

    with_key = run(*words, spec(heap), stdin=request)
    written = run(*words, spec(heap, "&api_key=canary"), stdin=request)

    assert without.exit_code == 75
    assert "deletions need the API key" in without.stderr
    assert with_key.exit_code == 0, with_key.output
    assert heap.deleted == ["braze-1"]
    assert written.exit_code == 2
    assert "canary" not in with_key.output + written.output


@pytest.mark.parametrize("name", ["httpx2", "acme_driver"])
def test_missing_packages_are_named(
    name: str, run: Run, monkeypatch: pytest.MonkeyPatch, batch: Path
) -> None:
    """A Heap sink has an extra; others say what they need."""

    def missing(_: str) -> Any:
        raise ModuleNotFoundError(name=name)

    monkeypatch.setattr("braze_heap.sinks.open_sink", missing)

    shown = run("send", batch, "--sink", "heap:?app_id=11")

    advice = "pip install" if name == "httpx2" else "needs the package acme_driver"
    assert shown.exit_code == 2
    assert advice in shown.stderr


def stranger(tmp_path: Path, sink: str, batch: Path, *more: str) -> Any:
    """Send *batch* to a *sink* of somebody else, in a process of its own."""
    packages = tmp_path / "packages"
    packages.mkdir()
    (packages / "acme_sinks.py").write_text(STRANGER)
    installed = packages / "acme-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Name: acme\nVersion: 1.0\n")
    (installed / "entry_points.txt").write_text(ENTRY_POINT)
    words = ("send", batch, "--sink", sink, *more)
    process = start(*words, env={**os.environ, "PYTHONPATH": str(packages)})
    stdout, stderr = process.communicate(timeout=20)
    return process.returncode, stdout.decode(), stderr.decode()


@pytest.mark.parametrize("name", ["acme_sinks:Bucket", "acme:"])
def test_a_strangers_sink_works(name: str, tmp_path: Path, batch: Path) -> None:
    """
    A class with send and close, on PYTHONPATH or registered by a package, is enough;
    its own reasons are reported.
    """
    spec = f"{name}?path=got.jsonl&refuse=cust-2"

    status, stdout, stderr = stranger(tmp_path, spec, batch)

    assert status == 0
    assert stderr.startswith("What cannot be delivered goes to state.db.\n")
    assert "The sink names no destination" in stderr
    (call,) = map(
        json.loads, Path("got.jsonl").read_text(encoding="utf-8").splitlines()
    )
    assert call["identity"] == "cust-1"
    assert "not_welcome  1  Reason defined by the sink." in stdout
    assert dead() == {"not_welcome": 1}


@pytest.mark.parametrize(
    ("sink", "message"),
    [
        ("Careless", "braze_heap.testing.check_sink"),
        ("Broken", "the sink raised LookupError in send ("),
    ],
)
def test_a_strangers_mistake_is_named(
    sink: str, message: str, tmp_path: Path, batch: Path
) -> None:
    """The place is told, values are not, and nothing is sent in circles."""
    words = (f"acme_sinks:{sink}?path=got.jsonl", batch, "--patience", "0")

    status, _, stderr = stranger(tmp_path, *words)

    assert status == 75
    assert message in stderr
    assert "secret@example.com" not in stderr
    assert Path("got.jsonl").read_text(encoding="utf-8") in ("", "sent\n")


def test_a_sink_that_cannot_be_closed_is_named(tmp_path: Path, batch: Path) -> None:
    """It is closed once; the events before that are reported."""
    status, stdout, stderr = stranger(
        tmp_path, "acme_sinks:Stuck?path=got.jsonl", batch
    )

    assert status == 2
    assert stderr.endswith("Error: the sink cannot be closed: OSError\n")
    assert "Traceback" not in stderr
    assert Path("got.jsonl").read_text(encoding="utf-8").count("closed\n") == 1
    assert re.search(r"delivered +2\b", stdout)


def test_a_sink_that_cannot_be_made_is_named(tmp_path: Path, batch: Path) -> None:
    """The class of the error and its place, and no traceback with values."""
    status, _, stderr = stranger(tmp_path, "acme_sinks:slip?path=got.jsonl", batch)

    assert status == 2
    assert "acme_sinks:slip raised LookupError in slip (" in stderr
    assert "Traceback" not in stderr
    assert "secret@example.com" not in stderr


def failing(folder: Path, name: str) -> None:
    """Put a file into *folder* whose reading fails."""
    (folder / name).symlink_to("/proc/self/mem")
    if not (folder / name).exists():
        pytest.skip("needs Linux")


@pytest.mark.parametrize("words", [(), ("--state", "lost.db"), ("--discard",)])
def test_a_file_that_fails_costs_no_other(
    words: tuple[str, ...], run: Run, heap: FakeHeap, tmp_path: Path, here: Path
) -> None:
    """
    The others are sent, the failure is named and no damage; a second run completes.
    """
    folder = tmp_path / "currents"
    folder.mkdir()
    for number in (1, 3):
        (folder / f"{number}.jsonl").write_bytes(lines([click_event(number)]))
    failing(folder, "2.jsonl")
    command = ("send", folder, "--sink", spec(heap), "--yes", *words)

    failed = run(*command)
    (folder / "2.jsonl").unlink()
    (folder / "2.jsonl").write_bytes(lines([click_event(2)]))
    done = run(*command)

    assert (failed.exit_code, done.exit_code) == (2, 0)
    assert f"cannot read {folder / '2.jsonl'}: Input/output error" in failed.stderr
    assert "Rerun the same command" in failed.stdout
    assert heap.events.keys() == {"event-1", "event-2", "event-3"}
    for store in here.glob("*.db"):
        assert dead(store.name) == {}


def test_a_stream_may_fail_in_the_middle(
    run: Run, heap: FakeHeap, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Events before the failure are sent, whatever the stream raises; nothing is damage.
    """
    events = [click_event(number) for number in range(3_000)]
    data = gzip.compress(lines(events))
    path = tmp_path / "events.jsonl.gz"
    path.write_bytes(data)

    class Failing:
        def __init__(self, path: Path) -> None:
            self._file = io.FileIO(path)

        def __enter__(self) -> "Failing":
            return self

        def __exit__(self, *_: object) -> None:
            self._file.close()

        def read1(self, size: int) -> bytes:
            left = len(data) // 2 - self._file.tell()
            if not left:
                raise LookupError("503 SlowDown")
            return self._file.read(min(size, left))

    original = Path.open

    def opened(opened: Path, *args: Any, **options: Any) -> Any:
        return Failing(path) if opened == path else original(opened, *args, **options)

    monkeypatch.setattr(Path, "open", opened)

    shown = run("send", path, "--sink", spec(heap), "--yes")

    assert shown.exit_code == 2
    assert "LookupError: 503 SlowDown" in shown.stderr
    assert 500 < heap.counts.events < 3_000
    assert dead() == {}


@pytest.mark.parametrize("command", ["send", "transform", "drift"])
def test_a_wrong_file_that_is_named_is_refused(
    command: str, run: Run, batch: Path, here: Path
) -> None:
    """Before anything is sent or written, and with what it looks like."""
    (here / "people.csv").write_text("id,name\n" + "a,b\n" * 300_000)
    sink = ("--sink", "file:calls.jsonl") if command == "send" else ()

    shown = run(command, batch, "people.csv", *sink)

    assert (shown.exit_code, shown.stdout) == (2, "")
    assert "people.csv looks like CSV." in shown.stderr
    assert [path.name for path in here.iterdir()] == ["people.csv"]


@pytest.mark.parametrize(
    "words", [("send", "--sink", "memory:"), ("send",), ("transform", "--jobs", "2")]
)
def test_a_wrong_file_in_a_folder_is_skipped(
    words: tuple[str, ...], run: Run, batch: Path, here: Path
) -> None:
    """It is counted and named in the report, and costs the other files nothing."""
    for name in ("notes.txt", "people.csv"):
        (batch.parent / "in").mkdir(exist_ok=True)
        (batch.parent / "in" / name).write_text("id,name\na,b\n")
    (batch.parent / "in" / "batch.json").write_bytes(batch.read_bytes())

    shown = run(words[0], batch.parent / "in", *words[1:])
    text = " ".join(shown.output.split())

    assert shown.exit_code == 0
    assert "2 files skipped: no events in them" in text
    assert "notes.txt looks like CSV." in text
    assert "2 events from 3 files" in text
    assert not Path("state.db").exists() or dead() == {}


@pytest.mark.parametrize("command", ["send", "transform", "drift"])
def test_a_folder_without_events_is_refused(
    command: str, run: Run, tmp_path: Path
) -> None:
    """No input at all is an error: an empty folder, empty files, or only wrong ones."""
    folder = tmp_path / "currents"
    folder.mkdir()
    statuses = [run(command, folder).exit_code]
    (folder / "empty.jsonl").touch()
    statuses.append(run(command, folder).exit_code)
    statuses.append(run(command, folder / "empty.jsonl").exit_code)
    (folder / "empty.jsonl").write_text("only text")
    statuses.append(run(command, folder).exit_code)
    statuses.append(run(command, stdin=b"").exit_code)

    assert statuses == [2] * 5


def test_an_empty_file_among_others_is_fine(run: Run, batch: Path) -> None:
    """Spark marks a folder as complete with an empty file."""
    (batch.parent / "in").mkdir()
    (batch.parent / "in" / "_SUCCESS").touch()
    (batch.parent / "in" / "batch.json").write_bytes(batch.read_bytes())

    assert run("send", batch.parent / "in", "--sink", "memory:").exit_code == 0


def change(event_id: str, time: float, status: str) -> dict[str, Any]:
    """Return an event that states a user property."""
    name = "users.behaviors.subscription.GlobalStateChange"
    more = {"channel": "email", "subscription_status": status}
    return make_raw(name, id=event_id, time=time, external_user_id="cust-1", **more)


def send_changes(run: Run, sink: str, *changes: dict[str, Any]) -> str:
    """Send *changes* with the default state, and return the report."""
    body = json.dumps({"events": changes}).encode()
    shown = run("send", "--sink", sink, "--yes", stdin=body)
    assert shown.exit_code == 0
    return shown.stdout


def test_a_state_suppresses_nothing_at_another_destination(run: Run) -> None:
    """A trial into a file and another app share a state with the first app."""
    early, late = change("a", 1_700_000_000, "In"), change("b", 1_700_000_060, "Out")
    with FakeHeap(app_id="11") as one, FakeHeap(app_id="12") as two:
        apps = [spec(one), spec(two).replace("app_id=11", "app_id=12")]
        send_changes(run, "file:calls.jsonl", late)
        trial = send_changes(run, "file:calls.jsonl", early)
        reports = [send_changes(run, app, early) for app in apps]
        send_changes(run, apps[0], late)
        again = send_changes(run, apps[0], change("c", 1_700_000_030, "Middle"))
        people = [heap.people["cust-1"] for heap in (one, two)]

    assert "outdated" in trial + again
    assert not any("outdated" in report for report in reports)
    assert ["Out" in person.values() for person in people] == [True, False]
    assert ["In" in person.values() for person in people] == [False, True]


def test_stdout_has_no_state(run: Run) -> None:
    """What was written there is not known to have arrived anywhere."""
    send_changes(run, "-", change("b", 1_700_000_060, "Out"))

    shown = run(
        *("send", "--sink", "-"),
        stdin=json.dumps(change("a", 1_700_000_000, "In")).encode(),
    )

    assert '"In"' in shown.stdout
    assert "outdated" not in shown.stderr
