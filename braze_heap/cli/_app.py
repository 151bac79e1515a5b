"""
The commands, as one click application.
"""

import sys

import click

from braze_heap.cli._console import INTERRUPTED
from braze_heap.cli._demo import demo
from braze_heap.cli._events import events
from braze_heap.cli._explain import explain
from braze_heap.cli._plan import plan
from braze_heap.cli._transform import transform

_EPILOG = """\b
Examples:
  braze-heap demo
  braze-heap transform currents/ -o calls.jsonl
  braze-heap events email
"""


@click.group(
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=_EPILOG,
)
@click.version_option(package_name="braze_heap", message="%(prog)s %(version)s")
def app() -> None:
    """
    Braze Currents events, as calls for Heap.

    Start with `braze-heap demo`: it needs no data and no network.
    """


def run() -> None:
    """
    Run the command line, and exit with its status.
    """
    try:
        sys.exit(app.main(prog_name="braze-heap", standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        sys.exit(INTERRUPTED)


app.add_command(demo)
app.add_command(transform)
app.add_command(events)
app.add_command(plan)
app.add_command(explain)
