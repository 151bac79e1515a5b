"""Tests of ``braze-heap delete``."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from braze_heap import MemorySink
from braze_heap.sinks import Receipt, Rejection
from braze_heap.state import DeadRecord, SqliteDeadLetter
from braze_heap.state._ledger import LedgerKey, Statement, claim
from braze_heap.testing.fake_heap import FakeHeap, Poison, Status
from tests.cli.conftest import Run, click_event

AT = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, with the API key of the fake Heap."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HEAP_API_KEY", "secret")
    return tmp_path


@pytest.fixture
def heap() -> Iterator[FakeHeap]:
    """Provide a Heap."""
    with FakeHeap() as running:
        yield running


def spec(heap: FakeHeap) -> str:
    return f"heap:?app_id=11&base_url={heap.url}&allow_http=1&deadline=0.5"


def keep(*events: dict[str, Any]) -> None:
    """Put *events* into state.db."""
    with SqliteDeadLetter("state.db") as store:
        store.append([DeadRecord.of(event, "bad_time", "", AT) for event in events])


def kept() -> list[str]:
    """Return the ids of the events in state.db."""
    with SqliteDeadLetter("state.db") as store:
        return [record.key.partition(":")[0] for record in store.read()]


def test_people_are_deleted_in_heap_and_in_the_dead_letter(
    run: Run, heap: FakeHeap
) -> None:
    """Their dead letters are removed, Heap is asked to delete them, others stay."""
    keep(click_event(1), click_event(2), click_event(3))
    words = ("--sink", spec(heap), "--state", "state.db", "--yes")

    shown = run("delete", "cust-1", "cust-2", *words)

    assert shown.exit_code == 0, shown.output
    assert heap.deleted == ["cust-1", "cust-2"]
    assert kept() == ["event-3"]
    assert "Requested the deletion of 2 users" in shown.stdout
    assert "Removed 2 dead letters from state.db." in shown.stdout
    assert "suppress" in shown.stdout


def test_dry_run_shows_app_people_and_dead_letters(run: Run, heap: FakeHeap) -> None:
    """A dry run names the app, the people and the dead letters, and deletes nothing."""
    keep(click_event(1))
    words = ("--sink", spec(heap), "--state", "state.db", "--dry-run")

    shown = run("delete", "cust-1", *words)

    assert shown.exit_code == 0
    assert "Would request the deletion of 1 user with all" in shown.stdout
    assert f"Heap: app 11 at {heap.url}" in shown.stdout
    assert "  cust-1\n" in shown.stdout
    assert "Would remove 1 dead letter from state.db." in shown.stdout
    assert heap.requests == []
    assert kept() == ["event-1"]


def test_without_yes_it_is_shown_and_asked(run: Run, heap: FakeHeap) -> None:
    """Where nobody can answer, nothing is deleted, but it is shown what would be."""
    keep(click_event(1))

    shown = run("delete", "cust-1", "--sink", spec(heap), "--state", "state.db")

    assert shown.exit_code == 2
    assert "Would request the deletion of 1 user" in shown.stderr
    assert "nothing was deleted. Pass --yes" in shown.stderr
    assert heap.requests == []
    assert kept() == ["event-1"]


def test_identities_come_from_stdin(run: Run, heap: FakeHeap) -> None:
    """Each line is one identity, as it is; empty lines and repeats do not count."""
    stdin = "cust-1\r\n\n b\u2028c\ncust-1\n".encode()

    shown = run("delete", "-", "--sink", spec(heap), "--yes", stdin=stdin)

    assert shown.exit_code == 0, shown.output
    assert heap.deleted == ["cust-1", " b\u2028c"]


def test_the_default_state_file_is_searched_if_it_exists(
    run: Run, heap: FakeHeap
) -> None:
    """Its dead letters of all destinations are removed, without naming it."""
    words = ("delete", "cust-1", "--sink", spec(heap), "--yes")
    without = run(*words)
    keep(click_event(1), click_event(2))

    shown = run(*words)

    assert "No state file was searched (--state)." in without.stdout
    assert "Removed 1 dead letter from state.db." in shown.stdout
    assert kept() == ["event-2"]


@pytest.mark.parametrize(
    ("words", "stdin", "flaw"),
    [
        (["null"], b"", "'null' was not deleted, nor any other: the identity is the"),
        (["cust-1", " "], b"", "An IDENTITY is empty. Nothing was removed."),
        (["x" * 256], b"", "the identity has 256 UTF-16 units"),
        (["-"], b"\n", "stdin has no identities"),
        (["-"], b"\xff", "stdin is not text in UTF-8"),
        (["cust-1", "--suspected"], b"", "--suspected is for --state"),
        (["cust-1", "--dry-run"], b"", "--dry-run and --yes exclude each other"),
        (["cust-1", "--state", "no.db"], b"", "'no.db' does not exist"),
    ],
)
def test_wrong_request_deletes_nobody(
    words: list[str], stdin: bytes, flaw: str, run: Run, heap: FakeHeap
) -> None:
    """The message names the problem, and the status is 2."""
    shown = run("delete", *words, "--sink", spec(heap), "--yes", stdin=stdin)

    assert shown.exit_code == 2
    assert flaw in " ".join(shown.stderr.split())
    assert heap.requests == []


def test_missing_key_is_an_error_before_anything_is_deleted(
    run: Run, heap: FakeHeap, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message names the environment variable."""
    monkeypatch.delenv("HEAP_API_KEY")
    keep(click_event(1))
    words = ("--sink", spec(heap), "--state", "state.db", "--yes")

    shown = run("delete", "cust-1", *words)

    assert shown.exit_code == 2
    assert "set the environment variable HEAP_API_KEY" in shown.stderr
    assert kept() == ["event-1"]


def test_wrong_key_is_an_error_of_the_configuration(
    run: Run, heap: FakeHeap, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The status is 2, because a later run fails too; the key is not shown."""
    monkeypatch.setenv("HEAP_API_KEY", "canary")

    shown = run("delete", "cust-1", "--sink", spec(heap), "--yes")

    assert shown.exit_code == 2
    assert "run the same command again" in shown.stderr
    assert "canary" not in shown.output


def test_unavailable_heap_is_a_temporary_failure(run: Run, heap: FakeHeap) -> None:
    """The status is 75, and the same command succeeds later."""
    words = ("delete", "cust-1", "--sink", spec(heap), "--yes")
    heap.always(Status(503))
    shown = run(*words)
    heap.calm()
    again = run(*words)

    assert shown.exit_code == 75
    assert "run the same command again later" in shown.stderr
    assert again.exit_code == 0
    assert heap.deleted == ["cust-1"]


def test_suspected_dead_letters_are_named_and_kept(run: Run, heap: FakeHeap) -> None:
    """The status is 1; with --suspected they are removed, too."""
    properties = {"name": "guess", "custom_properties": {"answer": "42"}}
    keep(click_event(1, properties=properties))
    words = ("--sink", spec(heap), "--state", "state.db", "--yes")

    shown = run("delete", "42", *words)
    before = kept()
    again = run("delete", "42", *words, "--suspected")

    assert shown.exit_code == 1
    assert "May be about the same person, and kept: 1 dead letter" in shown.stdout
    assert before == ["event-1"]
    assert again.exit_code == 0
    assert kept() == []


@pytest.mark.parametrize("command", ["delete", "purge"])
def test_ledger_in_the_file_forgets_the_person(
    command: str, run: Run, heap: FakeHeap
) -> None:
    """It has values of user properties, so a deletion and a purge cover it."""
    with SqliteDeadLetter("state.db") as store:
        for identity in ("cust-1", "cust-2"):
            key, stated = LedgerKey("heap", identity, "plan"), Statement(1, "a", "pro")
            claim(store.ledger, {key: stated}, "token", 0.0)
    words: tuple[Any, ...] = ("dead-letters", "purge", "state.db", "cust-1", "--yes")
    if command == "delete":
        words = ("delete", "cust-1", "--sink", spec(heap), "--yes")
        words += ("--state", "state.db")

    shown = run(*words)

    assert shown.exit_code == 0, shown.output
    assert "the user properties of 1 user in the ledger" in shown.stdout
    with SqliteDeadLetter("state.db") as store:
        assert [key.identity for key, _ in store.ledger.read()] == ["cust-2"]


def test_report_for_programs(run: Run, heap: FakeHeap) -> None:
    """The JSON has the identities, the destination and the keys of dead letters."""
    keep(click_event(1))
    words = ("--sink", spec(heap), "--state", "state.db", "--yes", "--json")

    report = json.loads(run("delete", "cust-1", *words).stdout)

    (key,) = report.pop("removed")
    assert key.startswith("event-1:")
    assert report == {
        "dry_run": False,
        "sink": f"Heap: app 11 at {heap.url}",
        "identities": ["cust-1"],
        "rejected": {},
        "state": "state.db",
        "forgotten": 0,
        "suspected": {},
    }


def test_rejected_identity_is_named(run: Run, heap: FakeHeap) -> None:
    """What Heap rejects is named with the reason, and the status is 1."""
    heap.always(Poison(lambda user: user["identity"] == "cust-1"))

    shown = run("delete", "cust-1", "cust-2", "--sink", spec(heap), "--yes")

    assert shown.exit_code == 1, shown.output
    assert "Requested the deletion of 1 user " in shown.stdout
    assert "Rejected: 1 user\n  cust-1  rejected" in shown.stdout
    assert heap.deleted == ["cust-2"]


def test_other_sinks_get_the_deletions(run: Run) -> None:
    """A file sink gets one call for each person."""
    shown = run("delete", "cust-1", "--sink", "file:calls.jsonl", "--yes")

    assert shown.exit_code == 0
    assert Path("calls.jsonl").read_text(encoding="utf-8") == '{"identity":"cust-1"}\n'


def test_an_invalid_receipt_is_an_error_of_the_sink(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What Heap has deleted is not certain, and the message says so."""
    receipt = Receipt(0, (Rejection(0, "refused", "text"),))  # type: ignore[arg-type]
    monkeypatch.setattr(MemorySink, "send", lambda self, calls: receipt)

    shown = run("delete", "cust-1", "--sink", "memory:", "--yes")

    assert shown.exit_code == 2
    assert "invalid receipt" in shown.stderr
    assert "not certain" in shown.stderr
