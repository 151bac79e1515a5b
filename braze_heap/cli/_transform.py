"""``braze-heap transform``: events in any form, as calls, one JSON object a line."""

import sys

import click

from braze_heap.cli import _console as ui
from braze_heap.cli import _options as opts
from braze_heap.cli._inputs import Source, source_options
from braze_heap.cli._output import Output, refuse_input
from braze_heap.cli._report import Ending, ending_options
from braze_heap.cli._run import Run


@ui.command(
    one="events were rejected, and --strict is given",
    zero="done, also if events were rejected",
    without=(),
)
@opts.storage_option
@source_options
@opts.output_option(
    "Write the calls to this file or URL, compressed if it ends in .gz."
)
@opts.setup_options("transform")
@opts.option(
    "--jobs N",
    "Use N processes (0 = one per core). The output and its order stay the same. "
    "Stdin, pipes and memory: URLs are read by one process.",
    type=click.IntRange(0),
    default=1,
)
@opts.all_types_option
@ending_options("an event was rejected")
def transform(
    source: Source,
    output: Output,
    jobs: int,
    all_types: bool,
    ending: Ending,
    setup: opts.Setup,
) -> None:
    """
    Turn events into Heap calls, one JSON object a line.

    Reads request bodies, JSON arrays and lines, and Avro files, gzipped or not; the
    files of directories and URLs, such as s3://bucket/folder; stdin for "-", or if no
    file is named. Files with an event type in their path that --include and --exclude
    do not select are not read. A report goes to stderr; with --json, to stdout if -o
    names a file. In a directory, files without events, such as CSV, are skipped and
    reported.

    The file of -o appears when it is complete; else nothing is changed there.

    Examples::

        braze-heap transform batch.json > calls.jsonl
        braze-heap transform s3-export/ -o calls.jsonl.gz --strict
        braze-heap transform s3-export/ -o calls.jsonl --jobs 0
        braze-heap transform s3://bucket/a --since 2026-01-15 -o s3://bucket/b.gz
        zcat *.json.gz | braze-heap transform - | head
        braze-heap transform --event-type users.behaviors.Purchase records.json
    """
    refuse_input(output, [setup.file], "--output")
    run = Run.of(setup.config, source, jobs)
    is_mixed = output == opts.STDIN and sys.stdout.isatty()
    bar = None if is_mixed else ending.bar
    result = run.result(output, bar, all_types=all_types)
    if result.outcome.failure and not run.report.counts.received:
        raise result.outcome.failure
    is_free = ending.as_json and output != opts.STDIN
    result.finish("stdout" if is_free else "stderr", ending)
