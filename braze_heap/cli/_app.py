"""The commands, as one click application."""

import contextlib
import importlib
import os
import sys
from collections.abc import Iterator
from typing import Any, Final

import click

from braze_heap import __version__
from braze_heap._text import did_you_mean
from braze_heap.cli import _console as ui
from braze_heap.exceptions import DeliveryError

_COMMANDS: Final = (
    "backfill check config dead-letters delete demo drift events explain plan send "
    "serve simulate transform"
).split()


class _LazyGroup(click.Group):
    """The commands, whose modules load when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return [*_COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        """Return the command; the error for a wrong name suggests another one."""
        if cmd_name not in _COMMANDS:
            hint = did_you_mean(cmd_name, _COMMANDS)
            name = ui.safe(cmd_name)
            raise click.UsageError(f"There is no command {name!r}.{hint}", ctx)
        name = cmd_name.replace("-", "_")
        module = importlib.import_module(f"braze_heap.cli._{name}")
        command: click.Command = getattr(module, name)
        return command

    def make_context(self, *args: Any, **options: Any) -> click.Context:
        """Return the context; a help that cannot be written is an error to show."""
        with _shown_errors():
            return super().make_context(*args, **options)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; a path that cannot be used is an error to show."""
        with _shown_errors():
            return super().invoke(ctx)


@contextlib.contextmanager
def _shown_errors() -> Iterator[None]:
    try:
        yield
    except DeliveryError as error:  # of a mapper, while explain or plan tries it
        raise ui.mapper_unavailable(error) from None
    except OSError as error:
        if error is ui.error_of("stdout"):
            raise ui.unwritten("stdout", error) from None
        if error.filename is None:
            raise
        path = os.fsdecode(error.filename)
        flaw = f"cannot use {path}: {ui.describe_os_error(error)}."
        raise ui.UnusableError(f"{flaw} {ui.advice_about(error)}".rstrip()) from None


@click.group(
    cls=_LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
    epilog=ui.epilog(
        """
        braze-heap demo
        braze-heap serve
        braze-heap transform currents/ -o calls.jsonl
        braze-heap send currents/ --sink 'heap:?app_id=11'
        braze-heap events email
        """,
        one=ui.STATUSES[1],
    ),
)
@click.version_option(__version__, message="%(prog)s %(version)s")
def app() -> None:
    """
    Braze Currents events, as calls for Heap.

    Start with `braze-heap demo`: it needs no data and no network.
    """


def run() -> None:
    """Run the command line, and exit with its status."""
    ui.replace_closed_streams()
    ui.record_errors()
    try:
        sys.exit(app.main(prog_name="braze-heap", standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort as error:
        sys.exit(ui.status_of(error.__cause__))
