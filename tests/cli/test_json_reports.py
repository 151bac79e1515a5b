"""``--json``: what a command reports, for programs; and the exit statuses."""

import json
from pathlib import Path
from typing import Any

import pytest

from braze_heap.cli import _demo
from braze_heap.cli._console import STATUSES
from braze_heap.state import SqliteDeadLetter
from tests.cli.conftest import Run, click_event, lines
from tests.testing.endpoint import Endpoint, listening

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "command-line.md"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, with a good event, one without a user, and a bad one."""
    monkeypatch.chdir(tmp_path)
    events = [click_event(1), click_event(2, user={}), click_event(3, time=None)]
    (tmp_path / "in.jsonl").write_bytes(lines(events))
    return tmp_path


def report(run: Run, *words: Any, stream: str = "stdout") -> dict[str, Any]:
    """Run a command with ``--json`` and return its report."""
    shown = run(*words, "--json")
    value: dict[str, Any] = json.loads(getattr(shown, stream))
    return value


def test_transform_reports_on_stderr_because_calls_go_to_stdout(run: Run) -> None:
    """All counts are there, and examples that contain no value."""
    found = report(run, "transform", "in.jsonl", stream="stderr")

    assert (found["events"], found["mapped"], found["finished"]) == (3, 1, True)
    assert (found["skipped"], found["rejected"]) == (
        {"no_identity": 1},
        {"bad_time": 1},
    )
    assert found["calls"] == {"event": 1}
    assert found["examples"]["bad_time"][0]["number"] == 3


def test_transform_into_a_file_reports_on_stdout(run: Run) -> None:
    """A program can read it without the notes on stderr."""
    assert report(run, "transform", "in.jsonl", "-o", "calls.jsonl")["events"] == 3


def test_jobs_change_no_json_report(run: Run) -> None:
    """Workers count as one process does."""
    one = report(run, "transform", "in.jsonl", "in.jsonl", "-o", "one")
    two = report(run, "transform", "in.jsonl", "in.jsonl", "-o", "two", "--jobs", 2)

    assert one | {"seconds": 0} == two | {"seconds": 0}


@pytest.mark.parametrize("words", [("--sink", "memory:"), ()])
def test_send_reports_what_became_of_the_events(
    words: tuple[str, ...], run: Run
) -> None:
    """Also a dry run, which maps but does not deliver."""
    found = report(run, "send", "in.jsonl", *words)

    assert found["events"] == 3
    assert found["delivered" if words else "mapped"] == 1
    assert found["state"] == ("state.db" if words else None)


def test_a_failed_run_has_its_error_in_the_report(run: Run) -> None:
    """The exit status is that of the error."""
    sink = "heap:?app_id=1&base_url=http://127.0.0.1:1&allow_http=1&deadline=0.1"
    words = ("send", "in.jsonl", "--sink", sink, "--yes", "--patience", 0, "--json")

    shown = run(*words)

    found = json.loads(shown.stdout)
    assert (shown.exit_code, found["finished"]) == (75, False)
    assert "the sink is not available" in found["error"]


def test_dead_letters_are_replayed_shown_and_purged_with_json(run: Run) -> None:
    """Each subcommand that reports has a JSON form."""
    run("send", "in.jsonl", "--sink", "memory:")

    replayed = report(run, "dead-letters", "replay", "state.db", "--sink", "memory:")
    shown = report(run, "dead-letters", "show", "state.db", "event-3")
    purged = report(run, "dead-letters", "purge", "state.db", "cust-3", "--yes")

    assert replayed["dead_lettered"] == {"bad_time": 1}
    assert (shown["reason"], "original" in shown) == ("bad_time", True)
    assert (purged["removed"], purged["suspected"]) == ([shown["key"]], {})
    with SqliteDeadLetter("state.db") as store:
        assert store.stats().records == 0


@pytest.mark.parametrize("words", [("plan",), ("drift", "in.jsonl")])
def test_json_is_short_for_the_format(words: tuple[str, ...], run: Run) -> None:
    """Commands with other formats have ``--json``, too."""
    assert report(run, *words) == json.loads(run(*words, "--format", "json").stdout)


def test_explain_has_each_field_before_and_after(run: Run) -> None:
    """A field is sent under a name, is the identity, or does not reach Heap."""
    found = report(run, "explain", "in.jsonl", "--show-values")

    places = {field["name"]: field["in_heap"] for field in found["fields"]}
    values = {field["name"]: field["value"] for field in found["fields"]}
    assert (places["link_alias"], values["link_alias"]) == ("link_alias", "hero")
    assert (places["external_user_id"], places["email_address"]) == (
        "identity",
        "redacted",
    )
    assert found["calls"][0]["properties"]["link_alias"] == "hero"


def test_explain_hides_personal_values_in_json(run: Run) -> None:
    """As in the text."""
    shown = run("explain", "in.jsonl", "--json")

    assert "secret@example.com" not in shown.stdout
    assert "cust-1" not in shown.stdout


def test_simulate_reports_fates_and_a_verdict(run: Run) -> None:
    """With the same exit status as without."""
    with listening(Endpoint()) as url:
        found = report(run, "simulate", url, "--events", 5)

    assert found["ok"]
    assert found["fates"]["delivered"] == 5


def test_demo_reports_one_event_before_and_after(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """JSON is all that is written."""
    monkeypatch.setattr(_demo, "NUMBER", 150)

    found = report(run, "demo")

    assert found["adds_up"]
    assert found["before"]["id"] == found["after"]["idempotency_key"]
    assert found["before"]["user"]["external_user_id"] == "..."


@pytest.mark.parametrize("words", [("--json", "-q"), ("-q", "--json")])
@pytest.mark.parametrize("command", [("transform",), ("send",)])
def test_json_and_quiet_exclude_each_other(
    command: tuple[str, ...], words: tuple[str, ...], run: Run
) -> None:
    """One asks for a report and the other for none."""
    shown = run(*command, "in.jsonl", *words)

    assert shown.exit_code == 2
    assert "--json and --quiet exclude each other" in shown.stderr


def test_every_help_has_the_exit_statuses_of_its_command(run: Run) -> None:
    """The page has the same table."""
    page = PAGE.read_text("utf-8")

    for number, meaning in STATUSES.items():
        assert f"| {number} | {meaning} |" in page
    stopped = {129, 130, 143}
    for command, absent in {
        "transform": set(),
        "send": set(),
        "plan": set(),
        "explain": set(),
        "drift": {75},
        "check": {75},
        "events": {75, *stopped},
        "config": {75, *stopped},
        "backfill": stopped,
        "serve": {75, 141, *stopped},
    }.items():
        shown = run(command, "--help").stdout
        found = {n for n in STATUSES if f"  {n:<5}{STATUSES[n]}\n" in shown}
        assert found - {0, 1} == STATUSES.keys() - {0, 1} - absent, command
