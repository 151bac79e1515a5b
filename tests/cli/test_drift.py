"""``braze-heap drift``: a verdict for cron, and the news for people."""

import json
from pathlib import Path

import pytest

from braze_heap import EVENT_TYPES
from braze_heap.testing import make_raw
from tests.cli.conftest import Run, click_event, lines

CANARY = "canary-7f3a"
NEW = "users.messages.email.Read"


@pytest.fixture
def news(tmp_path: Path) -> Path:
    """Lines with a new field, a new type, a invalid and a damage."""
    path = tmp_path / "news.jsonl"
    odd = click_event(1, properties={"link_color": CANARY, "link_alias": [CANARY]})
    path.write_bytes(
        lines([odd, click_event(2), click_event(3, event_type=NEW)]) + b'{"a\n'
    )
    return path


def test_known_traffic_is_status_0(run: Run, batch: Path) -> None:
    """Without novelty there is nothing to do."""
    shown = run("drift", batch)

    assert shown.exit_code == 0
    assert shown.stdout.startswith("2 events: nothing new\n")
    rest = len(EVENT_TYPES) - 11
    assert f"... and {rest} more (--all-types)" in shown.stdout


def test_redacted_names_are_listed_with_the_option_that_allows_one(run: Run) -> None:
    """They are not news, so the status stays 0, and no value is shown."""
    properties = {"name": "a", "custom_properties": {"email": CANARY}}
    event = click_event(event_type="users.behaviors.CustomEvent", properties=properties)

    shown = run("drift", "-", stdin=lines([event]))

    assert shown.exit_code == 0
    assert "custom_properties.email      1" in shown.stdout
    assert 'personal_fields = {"NAME" = "keep"}' in shown.stdout
    assert CANARY not in shown.output


def test_news_is_status_1_and_named(run: Run, news: Path) -> None:
    """Each piece of news has its line, and no value is shown."""
    shown = run("drift", news)

    assert shown.exit_code == 1
    assert "4 events: 1 new type, 1 new field, 1 type change\n" in shown.stdout
    assert f"{NEW}      1  EmailRead   braze_heap.events.email\n" in shown.stdout
    assert "properties  link_color  text" in shown.stdout
    assert "list of text where string is documented" in shown.stdout
    assert "unreadable" in shown.stdout
    assert CANARY not in shown.output


@pytest.mark.parametrize("form", ["text", "markdown", "json"])
def test_every_format_goes_to_a_file(
    run: Run, news: Path, tmp_path: Path, form: str
) -> None:
    """The file holds the news and no value, and stdout stays empty."""
    path = tmp_path / "drift"
    shown = run("drift", news, "--format", form, "-o", path)

    assert (shown.exit_code, shown.stdout) == (1, "")
    assert "link_color" in path.read_text("utf-8")
    assert CANARY not in path.read_text("utf-8")


def test_json_is_for_programs(run: Run, news: Path) -> None:
    """stdout is one JSON object."""
    told = json.loads(run("drift", news, "--format", "json").stdout)

    assert told["has_findings"] is True
    assert told["malformed"] == {"unreadable": 1}


def test_known_news_is_ignored(run: Run, news: Path) -> None:
    """What a team knows already does not wake it up again, and is counted."""
    names = ("link_color", "users.messages.email.Click.link_alias", NEW)
    words = [word for name in names for word in ("--ignore", name)]

    shown = run("drift", news, *words)

    assert shown.exit_code == 0
    assert "4 events: nothing new; 3 findings ignored\n" in shown.stdout


def test_storage_records_get_their_type(run: Run) -> None:
    """Records from stdin are of the type that is named."""
    raw = make_raw("users.behaviors.Purchase", form="storage")
    words = ("drift", "-", "--event-type", "users.behaviors.Purchase")

    shown = run(*words, stdin=lines([raw | {"coupon": CANARY}]))

    assert shown.exit_code == 1
    assert "storage  coupon  text" in shown.stdout


def test_names_cannot_steer_the_terminal(run: Run) -> None:
    """Control characters of a name are shown as escapes."""
    event = click_event(1, properties={"\x1b[2J": 1}, event_type="users.\x1b[2J.X")

    assert "\x1b" not in run("drift", "-", stdin=lines([event])).stdout


def test_output_cannot_be_an_input(run: Run, batch: Path) -> None:
    """The traffic is not written over."""
    shown = run("drift", batch, "-o", batch)

    assert shown.exit_code == 2
    assert "Name another file with --output." in shown.stderr


def test_missing_file_is_status_2(run: Run, tmp_path: Path) -> None:
    """An error is told from news by the exit status."""
    assert run("drift", tmp_path / "none.json").exit_code == 2


def test_help_has_examples_and_fits_80_columns(run: Run) -> None:
    """The command shows how it is used."""
    shown = run("drift", "--help").stdout

    assert "Examples:\n" in shown
    assert [line for line in shown.splitlines() if len(line) > 80] == []


def test_name_to_ignore_that_matches_nothing_is_pointed_out(
    run: Run, batch: Path
) -> None:
    """It may be a typo, or no longer needed; the status stays."""
    done = run("drift", batch, "--ignore", "link_colour")

    assert "Note: --ignore link_colour matches nothing here." in done.stderr
    assert done.exit_code == run("drift", batch).exit_code
