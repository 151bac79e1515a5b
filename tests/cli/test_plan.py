import json
from pathlib import Path

import pytest

from braze_heap.cli import _plan
from braze_heap.events import EmailBounce, EmailClick
from braze_heap.plan import TrackingPlan, tracking_plan
from tests.cli.conftest import Run


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plan two types instead of all."""
    types = {c.event_type: c for c in (EmailClick, EmailBounce)}
    monkeypatch.setattr(_plan, "tracking_plan", lambda t: tracking_plan(t, types))


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("plans") / "old.json"


def test_table_has_one_line_for_each_event(run: Run) -> None:
    """A table that is piped can be searched with grep."""
    shown = run("plan").stdout

    assert "Braze Email Click" in shown
    assert "braze_email_bounced_at" in shown
    assert "agentconsole.ToolInvocation" in shown
    (line,) = [row for row in shown.splitlines() if row.startswith("Braze Email Click")]
    assert line.split()[3] == "users.messages.email.Click"


@pytest.mark.usefixtures("quick")
def test_plan_is_compared_with_an_old_one(run: Run, old: Path) -> None:
    """The exit status tells whether anything differs."""
    run("plan", "--format", "json", "-o", old)
    assert TrackingPlan.from_json(old.read_bytes()).events

    same = run("plan", "--diff", old)
    other = run("plan", "--diff", old, "--personal-data", "keep")

    assert (same.exit_code, same.stdout) == (0, "No differences.\n")
    assert other.exit_code == 1
    assert "+ property email_address of Braze Email Click\n" in other.stdout


@pytest.mark.usefixtures("quick")
def test_difference_as_json(run: Run, tmp_path: Path) -> None:
    """Programs read it, too."""
    path = tmp_path / "empty.json"
    path.write_text(TrackingPlan(()).to_json())
    shown = run("plan", "--diff", path, "--format", "json")

    assert shown.exit_code == 1
    assert {"added"} == {c["kind"] for c in json.loads(shown.stdout)["changes"]}


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("form", "start"),
    [
        ("markdown", "# Tracking plan\n"),
        ("csv", "kind,event,property,"),
        ("html", "<!doctype html>\n"),
    ],
)
def test_other_formats(run: Run, form: str, start: str) -> None:
    """Each is written as the library writes it."""
    assert run("plan", "--format", form).stdout.startswith(start)


def test_what_is_no_plan_is_an_error(run: Run, tmp_path: Path) -> None:
    """The message names the file and what to do."""
    path = tmp_path / "x.json"
    path.write_text("{}")
    shown = run("plan", "--diff", path)

    assert shown.exit_code == 2
    assert "x.json: this tracking plan cannot be read" in shown.stderr


def test_diff_has_two_formats(run: Run, tmp_path: Path) -> None:
    """An option that would do nothing is refused."""
    path = tmp_path / "x.json"
    path.write_text("{}")

    assert run("plan", "--diff", path, "--format", "html").exit_code == 2


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "", "[]", "5"])
def test_file_that_is_no_plan_is_an_error(run: Run, tmp_path: Path, text: str) -> None:
    """However deep it is nested, the error says what to do."""
    path = tmp_path / "plan.json"
    path.write_text(text)

    done = run("plan", "--diff", path)

    assert done.exit_code == 2
    assert "Write it again with `braze-heap plan --format json`" in done.stderr
