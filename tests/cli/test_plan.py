import json
from pathlib import Path

import pytest

from braze_heap.cli import _plan
from braze_heap.events import EmailBounce, EmailClick
from braze_heap.plan import TrackingPlan, tracking_plan
from braze_heap.testing import make_raw
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


@pytest.mark.usefixtures("quick")
def test_plan_is_filtered(run: Run) -> None:
    """Channels and actions narrow the table, and an old plan that is compared."""
    shown = run("plan", "--channel", "email,push", "--action", "click")

    assert "Braze Email Click" in shown.stdout
    assert "Braze Email Bounce" not in shown.stdout


@pytest.mark.usefixtures("quick")
def test_filters_apply_to_both_plans_of_a_difference(run: Run, tmp_path: Path) -> None:
    """What differs outside of the filter is not shown."""
    path = tmp_path / "keep.json"
    run("plan", "--personal-data", "keep", "--json", "-o", path)
    shown = run("plan", "--diff", path, "--action", "click").stdout

    assert "of Braze Email Click" in shown
    assert "of Braze Email Bounce" not in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--channel", "emial"], "Did you mean 'email'"),
        (["--category", "user", "--action", "click"], "category:user and action:click"),
        (["--channel", "email,"], "a choice is empty"),
        (["plan.json"], "are for --observed FILE, which is missing"),
        (["--event-type", "a.b"], "--event-type, --since and --until are for"),
        (["--observed", "plan.json", "--diff", "plan.json"], "leave --observed out"),
        (["--observed", "plan.json", "--format", "jsonschema"], "leave --observed out"),
    ],
)
@pytest.mark.usefixtures("quick")
def test_options_that_would_do_nothing_are_errors(
    run: Run, tmp_path: Path, arguments: list[str], message: str
) -> None:
    """Unknown words, empty filters, and options without effect are refused."""
    path = tmp_path / "plan.json"
    path.write_text(TrackingPlan(()).to_json())
    shown = run("plan", *(path if word == path.name else word for word in arguments))

    assert shown.exit_code == 2
    assert message in " ".join(shown.stderr.split())


@pytest.mark.usefixtures("quick")
def test_each_line_is_a_json_schema(run: Run) -> None:
    """There is a line for each event in Heap."""
    lines = run("plan", "--format", "jsonschema").stdout.splitlines()

    assert [json.loads(line)["title"] for line in lines] == [
        *("Braze <event type>", "Braze Email Bounce", "Braze Email Click"),
    ]


@pytest.mark.usefixtures("quick")
def test_observed_files_add_counts(run: Run, tmp_path: Path) -> None:
    """Several files are counted; what was read is reported on stderr."""
    first = tmp_path / "a.json"
    first.write_text(json.dumps([make_raw(EmailClick), make_raw(EmailBounce)]))
    raw = make_raw(EmailClick, id="second", time=None)
    other = tmp_path / "b.json"
    other.write_text(json.dumps([raw, make_raw(EmailClick, id="third")]))
    shown = run("plan", "--observed", first, other)

    assert "2 (66.7%)" in shown.stdout
    assert "4 events from 2 files" in shown.stderr


@pytest.mark.usefixtures("quick")
def test_observed_names_outside_the_plan_are_reported(run: Run, tmp_path: Path) -> None:
    """Fields that Braze added later are named, because the plan has none of them."""
    raw = make_raw(EmailClick)
    raw["properties"]["brand_new"] = "x"
    path = tmp_path / "a.json"
    path.write_text(json.dumps([raw]))

    shown = run("plan", "--observed", path, "--channel", "email")

    assert "Not in the plan; see braze-heap drift\n  brand_new  1\n" in shown.stderr


@pytest.mark.usefixtures("quick")
def test_damaged_observed_file_is_an_error(run: Run, tmp_path: Path) -> None:
    """Counts of a part of the traffic would mislead, so there is no plan."""
    path = tmp_path / "a.csv"
    path.write_text("a,b\n")
    shown = run("plan", "--observed", path)

    assert (shown.exit_code, shown.stdout) == (2, "")
