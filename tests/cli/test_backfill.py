"""``braze-heap backfill``: reports, statuses, signals, and the state it shares."""

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from braze_heap.sinks import MemorySink
from braze_heap.state import SqliteState
from braze_heap.testing import make_raw
from braze_heap.testing.fake_heap import FakeHeap
from tests.cli.conftest import Run, click_event, lines, start
from tests.cli.test_serve import Serve, serve  # noqa: F401 (a fixture)
from tests.storage.test_read import Store, bucket, put  # noqa: F401 (a fixture)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work beside a folder with three files of 1,000 events, an hour each."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HEAP_API_KEY", raising=False)
    for hour in range(3):
        path = tmp_path / f"currents/date=2026-01-15-0{hour}/part.jsonl"
        path.parent.mkdir(parents=True)
        numbers = range(1_000 * hour, 1_000 * (hour + 1))
        path.write_bytes(lines([click_event(number) for number in numbers]))
    return tmp_path / "currents"


@pytest.fixture
def heap() -> Iterator[FakeHeap]:
    with FakeHeap(app_id="11", rate_limits=False) as heap:
        yield heap


class Nameless(MemorySink):
    """A sink that names no destination."""

    destination = None  # type: ignore[assignment]


def spec(heap: FakeHeap, events_a_minute: int = 10_000_000) -> str:
    options = f"allow_http=1&deadline=3&events_a_minute={events_a_minute}"
    return f"heap:?app_id=11&base_url={heap.url}&{options}"


def wait_for_events(heap: FakeHeap, number: int) -> None:
    end = time.monotonic() + 60
    while heap.counts.events < number:
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_second_run_sends_only_what_is_new(run: Run, folder: Path) -> None:
    """The report counts objects of this run and of earlier ones."""
    command = ("backfill", "currents", "--sink", "file:calls.jsonl", "--json")

    first = json.loads(run(*command).stdout)
    (folder / "new.jsonl").write_bytes(lines([click_event(5_000)]))
    second = json.loads(run(*command).stdout)

    assert (first["events"], first["delivered"], first["objects"]) == (3_000, 3_000, 3)
    assert (first["done"], first["done_before"], first["finished"]) == (3, 0, True)
    assert first["bytes"] == first["bytes_read"] > 100_000
    assert (second["events"], second["done"], second["done_before"]) == (1, 4, 3)
    assert len(Path("calls.jsonl").read_text("utf-8").splitlines()) == 3_001


def test_the_report_is_for_people(run: Run, folder: Path) -> None:
    """It counts objects, and says which user properties are not sent, and why."""
    command = ("backfill", "currents/", "--sink", "file:calls.jsonl")
    shown = run(*command)
    change = make_raw("users.behaviors.subscription.GlobalStateChange")
    (folder / "change.jsonl").write_bytes(lines([change]))
    again = run(*command)

    assert shown.exit_code == 0
    assert "  3  delivered by this run\n" in shown.stdout
    assert "  0  not delivered yet\n" in shown.stdout
    assert "User properties" not in shown.stdout
    assert "User properties are not sent (2)" in again.stdout
    assert "name it with --state" in again.stdout


def test_user_properties_are_sent_with_a_named_state(run: Run, folder: Path) -> None:
    """By default they are not sent but counted."""
    change = make_raw("users.behaviors.subscription.GlobalStateChange")
    (folder / "change.jsonl").write_bytes(lines([change]))

    default = run("backfill", "currents", "--sink", "file:a.jsonl", "--json")
    named = run(
        "backfill", "currents", "--sink", "file:b.jsonl", "--json", "--state", "live.db"
    )

    assert json.loads(default.stdout)["skipped_user_properties"] == 2
    assert json.loads(named.stdout)["skipped_user_properties"] == 0
    assert "add_user_properties" not in Path("a.jsonl").read_text("utf-8")
    sent = (
        Path("b.jsonl").read_text("utf-8").count("braze_email_subscription_changed_at")
    )
    assert sent == 1


def test_a_state_without_user_properties_is_not_that_of_a_live_service(
    run: Run, folder: Path, heap: FakeHeap
) -> None:
    """So old user properties are not sent, and the report says so."""
    change = make_raw("users.behaviors.subscription.GlobalStateChange")
    (folder / "change.jsonl").write_bytes(lines([change]))
    send = ("backfill", "currents", "--yes", "--sink", spec(heap))

    shown = run(*send, "--state", "new.db")

    assert not heap.people
    assert "not sent (2)" in shown.stdout
    assert "but new.db knows none of this destination" in " ".join(shown.stdout.split())


def test_a_damaged_state_is_status_2(run: Run) -> None:
    """Another run would fail in the same way, so the status is not 75."""
    with SqliteState("state.db"):
        pass
    damaged = bytearray(Path("state.db").read_bytes())
    for page in range(1, len(damaged) // 4096):
        damaged[page * 4096 : page * 4096 + 100] = b"x" * 100
    Path("state.db").write_bytes(damaged)

    result = run("backfill", "currents", "--sink", "file:calls.jsonl")

    assert result.exit_code == 2
    assert "state.db is damaged" in result.output


def test_hours_are_chosen(run: Run) -> None:
    """An hour without objects is a success, and the report says so."""
    sink = ("--sink", "file:calls.jsonl")
    shown = run("backfill", "currents", *sink, "--since", "2026-01-15T02", "--json")
    none = run("backfill", "currents", *sink, "--since", "2026-03-01")

    assert json.loads(shown.stdout)["events"] == 1_000
    assert none.exit_code == 0
    assert "  0  found\n" in none.stdout
    assert "none in these hours, so there is nothing to deliver" in none.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["currents", "--sink", "-"], "which cannot be known for stdout"),
        (["empty", "--sink", "file:a.jsonl"], "there are no objects in it"),
        (["typo", "--sink", "file:a.jsonl"], "'typo' does not exist"),
        (
            ["memory://typo", "--sink", "file:a.jsonl", "--since", "2026-01-01"],
            "there is no such bucket",
        ),
        (
            ["currents/table.csv", "--sink", "file:a.jsonl"],
            "No file has events. currents/table.csv looks like CSV",
        ),
        (["s33://b", "--sink", "file:a"], "unknown scheme, 's33'. Did you mean 's3'?"),
        (["currents", "--sink", "file:state.db"], "state.db is"),
        ([".", "--sink", "file:/tmp/a.jsonl"], "state.db is in the folder"),
        (["currents", "--sink", "file:currents/a"], "currents/a is in the folder"),
        (["currents", "--sink", f"{__name__}:Nameless"], "but Nameless names none"),
        (["currents", "--sink", "file:a", "--state", "a.txt"], "a.txt"),
    ],
)
def test_what_cannot_work_is_status_2(
    run: Run, folder: Path, words: list[str], message: str
) -> None:
    """The message says why."""
    Path("empty").mkdir()
    Path("a.txt").write_bytes(b"no state")
    (folder / "table.csv").write_bytes(b"a,b\n1,2\n")

    result = run("backfill", *words)

    assert result.exit_code == 2
    assert message in " ".join(result.output.split()).replace(f"{folder.parent}/", "")


def test_an_object_that_cannot_be_read_is_status_2(
    run: Run,
    bucket: str,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The others are sent; the next run sends the rest."""
    put(f"{bucket}/a.jsonl", lines([click_event(1)]))
    put(f"{bucket}/b.jsonl", lines([click_event(number) for number in range(2, 500)]))
    monkeypatch.setattr(Store, "requests", [])
    command = ("backfill", bucket, "--sink", "file:calls.jsonl", "--json")

    def fail(start: int) -> None:
        if start:
            raise PermissionError("expired")

    monkeypatch.setattr("braze_heap.storage._objects.CHUNK", 10_000)
    monkeypatch.setattr(Store, "before", staticmethod(fail))
    failed = run(*command)
    monkeypatch.setattr(Store, "before", staticmethod(lambda start: None))
    again = run(*command)

    assert failed.exit_code == 2
    report = json.loads(failed.stdout)
    assert report["done"] == 1
    assert 1 < report["delivered"] < 499
    (name,) = report["failures"]
    assert name.endswith("b.jsonl")
    assert name in failed.stderr
    assert again.exit_code == 0
    assert json.loads(again.stdout)["delivered"] == 499 - report["delivered"]


def test_max_time_stops_with_75(run: Run) -> None:
    """The report says that nothing is lost; the same command continues."""
    command = ("backfill", "currents", "--sink", "file:calls.jsonl")

    stopped = run(*command, "--max-time", "0.000001")
    finished = run(*command)

    assert stopped.exit_code == 75
    assert "Stopped by --max-time, and nothing is lost" in stopped.stdout
    assert "Rerun the same command. It continues" in stopped.stdout
    assert finished.exit_code == 0


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_with_75(heap: FakeHeap, number: signal.Signals) -> None:
    """It stops while it waits for Heap's rate, too; the next run sends the rest."""
    command = ("backfill", "currents", "--yes", "--json")
    process = start(*command, "--sink", spec(heap, events_a_minute=1_000))
    wait_for_events(heap, 1_000)

    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    stopped = json.loads(out)
    again = start(*command, "--sink", spec(heap))
    finished = json.loads(again.communicate(timeout=60)[0])

    assert process.returncode == 75, err
    assert not stopped["finished"]
    assert stopped["events"] == 1_000
    assert stopped["seconds_left"] > 60
    assert finished["finished"]
    assert finished["events"] == 2_000
    assert heap.counts.events == 3_000


@pytest.mark.slow
def test_a_second_backfill_is_refused_with_75(heap: FakeHeap) -> None:
    """However the folder is written."""
    command = ("backfill", "--yes", "--sink", spec(heap, events_a_minute=1_000))
    first = start(*command, "currents")
    wait_for_events(heap, 1_000)

    second = start(*command, f"file://{Path.cwd()}/currents/")
    _, err = second.communicate(timeout=60)
    first.terminate()
    first.communicate(timeout=60)

    assert second.returncode == 75
    assert b"running" in err
    assert first.returncode == 75


def test_a_sink_that_is_down_is_75(run: Run) -> None:
    """What earlier batches delivered is kept."""
    with FakeHeap(app_id="11", rate_limits=False) as heap:
        down = spec(heap)
    result = run(
        "backfill", "currents", "--yes", "--sink", down, "--patience", "0", "--json"
    )

    assert result.exit_code == 75
    assert json.loads(result.stdout)["finished"] is False


@pytest.mark.slow
def test_a_service_and_a_backfill_share_a_state(
    serve: Serve,  # noqa: F811
    heap: FakeHeap,
    folder: Path,
) -> None:
    """Both deliver and keep dead letters, and an old user property stays old."""

    def change(event_id: str, time: int, status: str) -> dict[str, Any]:
        event_type = "users.behaviors.subscription.GlobalStateChange"
        change = {"subscription_status": status, "channel": "email"}
        return make_raw(event_type, id=event_id, time=time, **change)

    old = change("old", 1_700_000_000, "Subscribed")
    (folder / "a.jsonl").write_bytes(lines([old, click_event(5_000, time=None)]))
    sink, posted = ("--sink", spec(heap), "--state", "live.db"), 0
    service = serve(*sink)
    assert service.post(change("new", 1_700_000_060, "Unsubscribed")) == 200

    process = start("backfill", "currents", "--yes", "--json", *sink)
    while process.poll() is None:
        number = 10_000 + 2 * posted
        bad = click_event(number + 1, time=None)
        assert service.post(click_event(number), bad) == 200
        posted += 1
    report = json.loads(process.communicate()[0])

    assert report["delivered"] == 3_001
    assert report["not_sent"] == {"outdated": 2}
    assert heap.counts.events == 3_002 + posted
    assert "Unsubscribed" in json.dumps(heap.people)
    with SqliteState("live.db") as state:
        assert state.dead_letter.stats().records == posted + 1
