"""``braze-heap config``: an example of a configuration file."""

from pathlib import Path

from braze_heap.cli import _console as ui
from braze_heap.cli import _options as opts
from braze_heap.cli._output import Output, write_text
from braze_heap.config import example


@ui.command(without=(ui.UNAVAILABLE, *ui.SIGNALS))
@opts.output_option("Write to this file or URL.")
def config(output: Output) -> None:
    """
    Print a configuration file with every key and its meaning.

    Each key is a comment, with its default value. Commands read it with --config, and
    `braze-heap check` shows what is in force.

    Examples::

        braze-heap config > service.toml
        braze-heap config -o service.toml
    """
    if isinstance(output, Path) and output.is_file():
        raise ui.UnusableError(f"{output} exists: remove it, or name another file.")
    write_text(example(), output)
