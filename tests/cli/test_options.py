"""What every option has in common."""

import click
import pytest

from braze_heap.cli._app import app
from tests.cli.conftest import Run, click_event, lines


def commands(group: click.Group = app) -> list[tuple[str, click.Command]]:
    """Return all commands with their names."""
    found = []
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        assert command
        if isinstance(command, click.Group):
            found += [(f"{name} {sub}", each) for sub, each in commands(command)]
        else:
            found.append((name, command))
    return found


ONE_VALUE = [
    (name, option.opts[-1])
    for name, command in commands()
    for option in command.params
    if isinstance(option, click.Option) and not (option.multiple or option.is_flag)
]
NUMBERS = [
    (name, option.opts[-1])
    for name, command in commands()
    for option in command.params
    if isinstance(option.type, click.types.FloatParamType)
    and not (option.name or "").startswith("serve__")  # the configuration checks it
]


@pytest.mark.parametrize(("command", "option"), ONE_VALUE)
def test_an_option_with_two_values_is_an_error(
    command: str, option: str, run: Run
) -> None:
    """Otherwise the first one has no effect, without a word."""
    shown = run(*command.split(), option, "1", option, "2")

    assert shown.exit_code == 2
    assert f"{option}: give one value, not several." in shown.stderr.replace(
        "--format and --json", "--format"
    )


def test_the_same_value_twice_is_one_value(run: Run) -> None:
    """As in an alias that repeats it."""
    shown = run("plan", "--json", "--json", "--format", "json")

    assert shown.exit_code == 0


def test_two_options_for_one_value_must_agree(run: Run) -> None:
    """`--json` is `--format json`."""
    shown = run("plan", "--json", "--format", "csv")

    assert shown.exit_code == 2
    assert "--format and --json: give one value, not several." in shown.stderr


@pytest.mark.parametrize("value", ["nan", "-nan", "inf"])
@pytest.mark.parametrize(("command", "option"), NUMBERS)
def test_a_number_must_be_finite(
    command: str, option: str, value: str, run: Run
) -> None:
    """Nothing is compared with nan, and nothing waits forever."""
    shown = run(*command.split(), f"{option}={value}")

    assert shown.exit_code == 2
    assert f"Invalid value for '{option}'" in shown.stderr


@pytest.mark.parametrize(
    "words", ["--yes", "--strict", "-q", "--discard", "--patience 5", "--state s.db"]
)
def test_an_option_of_a_delivery_needs_a_sink(words: str, run: Run) -> None:
    """Who gives it expects a delivery, and a dry run would be a surprise."""
    events = lines([click_event()])

    shown = run("send", *words.split(), stdin=events)
    dry = run("send", "--dry-run", "--yes", stdin=events)

    assert shown.exit_code == 2
    assert "Missing option '--sink'" in shown.stderr
    assert dry.exit_code == 0
