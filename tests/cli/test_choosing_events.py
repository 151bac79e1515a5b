"""The options ``--include`` and ``--exclude``, and what commands say of a selection."""

import json
from pathlib import Path
from typing import Any

import pytest

from braze_heap.mapping import _batches
from tests.cli.conftest import Run, click_event, keys, lines
from tests.mapping.test_compiled import failing

SEND = click_event(2, event_type="users.messages.email.Send", properties={})
BOUNCE = click_event(3, event_type="users.messages.email.Bounce", properties={})


@pytest.fixture(autouse=True)
def feed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A click, a send and a hard bounce, in the current folder."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "feed.jsonl"
    path.write_bytes(lines([click_event(1), SEND, BOUNCE]))
    return path


@pytest.mark.parametrize(
    ("words", "sent"),
    [
        (["--include", "engagement"], ["event-1"]),
        (
            ["--include", "EmailClick", "--include", "action:send"],
            ["event-1", "event-2"],
        ),
        (["--include", "EmailClick,action:send"], ["event-1", "event-2"]),
        (["--exclude", "users.messages.*.Send"], ["event-1", "event-3"]),
        (["--include", "channel:email", "--exclude", "delivery"], ["event-1"]),
    ],
)
def test_events_are_chosen_by_options(
    run: Run, words: list[str], sent: list[str]
) -> None:
    assert keys(run("transform", "feed.jsonl", *words).stdout) == sent


@pytest.mark.parametrize("option", ["--include", "--exclude"])
def test_an_option_overrides_the_variable_and_the_file(
    run: Run, option: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = option.removeprefix("--")
    Path("c.toml").write_text(f'transform.{name} = ["EmailClick"]', encoding="utf-8")
    monkeypatch.setenv(f"BRAZE_HEAP_TRANSFORM__{name.upper()}", "EmailBounce")
    words = ("--config", "c.toml", option, "EmailSend")

    found = keys(run("transform", "feed.jsonl", *words).stdout)

    expected = {"--include": ["event-2"], "--exclude": ["event-1", "event-3"]}
    assert found == expected[option]


@pytest.mark.parametrize(
    "command",
    [
        ["transform", "feed.jsonl"],
        ["send", "feed.jsonl"],
        ["explain", "feed.jsonl"],
        ["plan"],
        ["serve", "--sink", "file:out.jsonl"],
        ["dead-letters", "replay", "state.db", "--sink", "memory:"],
    ],
)
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--include", "channel:emial"], "Did you mean 'email'?"),
        (["--exclude", "EmailClik"], "Did you mean 'EmailClick'?"),
        (["--exclude", "*"], "every event would be skipped"),
        (["--include", ""], "Name events, or leave --include out."),
        (["--exclude", "EmailClick,"], "Name events, or leave --exclude out."),
    ],
)
def test_a_wrong_choice_is_an_error_in_every_command(
    run: Run,
    command: list[str],
    words: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BRAZE_TOKEN", "canary-token-of-the-tests")
    if command[0] == "dead-letters":
        run("send", "-", "--sink", "memory:", stdin=b"{")

    shown = run(*command, *words)

    assert shown.exit_code == 2
    assert message in " ".join(shown.stderr.split())


def test_the_plan_has_only_the_selected_events(run: Run) -> None:
    plan = json.loads(run("plan", "--json", "--include", "EmailClick").stdout)

    assert [event["name"] for event in plan["events"]] == ["Braze Email Click"]


@pytest.mark.parametrize("identity", ["device_id", "email"])
def test_an_identity_that_no_transformer_accepts_is_not_offered(
    run: Run, identity: str
) -> None:
    shown = run("transform", "feed.jsonl", "--identity", identity)

    assert shown.exit_code == 2
    assert "is not one of 'external_user_id', 'user_id'" in shown.stderr


@pytest.mark.parametrize("words", [[], ["--sink", "memory:"]])
def test_a_run_that_skips_everything_says_so_first(run: Run, words: list[str]) -> None:
    """The status stays 0, because a policy decided it."""
    shown = run("send", "feed.jsonl", "--exclude", "channel:email", *words)

    report = (shown.stdout + shown.stderr).partition("goes to state.db.\n")
    first = (report[2] or report[0]).splitlines()[0]
    assert first == "Nothing to send: 3 events, all skipped."
    assert shown.exit_code == 0


def test_a_run_that_sends_something_does_not_say_that_all_was_skipped(run: Run) -> None:
    """An event of which only user properties are sent counts as sent."""
    bounce = lines([BOUNCE])
    shown = run("transform", "-", "--include", "EmailClick", stdin=bounce)

    assert "all skipped" not in shown.stderr
    assert "Parts of delivered events that were not sent" in shown.stderr
    assert "excluded  1  The options include and exclude do not select" in shown.stderr


@pytest.mark.parametrize("words", [[], ["--sink", "memory:"]])
def test_omitted_calls_are_in_the_json_report(run: Run, words: list[str]) -> None:
    shown = run("send", "feed.jsonl", "--include", "EmailClick", *words, "--json")

    report = json.loads(shown.stdout or shown.stderr)
    assert report["not_sent"] == {"excluded": 1}
    assert report["skipped"] == {"excluded": 1}
    assert report["compiled_errors"] == {}


@pytest.mark.parametrize("words", [[], ["--sink", "memory:"]])
def test_an_error_of_the_compiled_mapping_is_a_warning_in_the_report(
    run: Run, words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The events are sent all the same."""
    monkeypatch.setattr(_batches, "RAISE_ERRORS", False)
    monkeypatch.setattr(_batches, "compile_mapping", failing)

    shown = run("send", "-", *words, stdin=lines([click_event(1)]))

    report = shown.stdout + shown.stderr
    assert "Warning: mapped slowly, by a bug of braze_heap." in report
    assert "users.messages.email.Click  1" in report
    assert shown.exit_code == 0


def check(run: Run, *words: str) -> dict[str, Any]:
    """Return what a check finds about the selection of events."""
    shown = run("check", *words, "--json")
    (found,) = (
        each for each in json.loads(shown.stdout)["checks"] if each["check"] == "events"
    )
    assert isinstance(found, dict)
    return found


def test_check_shows_the_selected_types_of_each_category(run: Run) -> None:
    found = check(run, "--include", "channel:email", "--include", "user")

    assert found["ok"]
    assert "4 of 4 user" in found["detail"]
    assert "0 of 10 customer_behavior" in found["detail"]
    assert "User properties that other events state are sent, too." in found["advice"]
    assert "user never arrives over HTTP" in found["advice"]


def test_check_without_a_selection_has_all_types(run: Run) -> None:
    assert "10 of 10 customer_behavior" in check(run)["detail"]
    assert "and unknown types" in check(run)["detail"]
    assert check(run)["advice"] == ""


def test_check_has_a_problem_with_a_type_that_no_class_has(run: Run) -> None:
    found = check(run, "--exclude", "users.messages.kakao.Send")

    assert not found["ok"]
    assert "no class for users.messages.kakao.Send" in found["advice"]


def test_check_does_not_show_a_selection_that_is_wrong(run: Run) -> None:
    shown = run("check", "--include", "EmailClik", "--json")

    found = json.loads(shown.stdout)["checks"]
    checks = {each["check"]: each["ok"] for each in found}
    oks = {"sink": True, "state": True, "disk": True}
    assert checks == {"configuration": False, **oks}


def explain(run: Run, event: Any, *words: str) -> str:
    """Return what is explained of *event*."""
    shown = run("explain", "-", *words, stdin=json.dumps(event).encode())
    assert shown.exit_code == 0, shown.output
    return shown.stdout


@pytest.mark.parametrize(
    ("words", "decision"),
    [
        ([], "all events"),
        (
            ["--include", "engagement", "--include", "EmailSend"],
            "included by EmailSend",
        ),
        (["--exclude", "channel:email"], "excluded by channel:email"),
        (["--exclude", "channel:sms"], "not excluded"),
        (["--include", "engagement"], "not included; user properties"),
    ],
)
def test_explain_names_the_choice_that_decides(
    run: Run, words: list[str], decision: str
) -> None:
    assert f"selection      {decision}" in explain(run, SEND, *words)


OWN = """
import braze_heap as bh

suppressing = bh.Transformer(suppress={"cust-1"})
sampling = bh.Transformer(sample={"EmailClick": 0})
machines = bh.Transformer(machines="drop")
"""


@pytest.mark.parametrize(
    ("name", "decision"),
    [
        ("suppressing", "suppressed  The option suppress names the identity."),
        ("sampling", "sampled  The person is not in the sample"),
        ("machines", 'machine  machines="drop": a machine opened the email'),
    ],
)
def test_explain_names_the_option_that_skips_an_event(
    run: Run, name: str, decision: str
) -> None:
    Path("own_options.py").write_text(OWN, encoding="utf-8")
    event = click_event(1)
    event["properties"]["is_suspected_bot_click"] = True

    shown = explain(run, event, "--transformer", f"own_options:{name}")

    assert decision in shown


def test_explain_counts_the_events_that_are_omitted(run: Run) -> None:
    shown = explain(run, BOUNCE, "--include", "EmailClick")

    assert "excluded  1  The options include and exclude" in shown
    assert "update of user properties" in shown
