import json

import pytest

from braze_heap import Reason, SkipReason, Transformer, UnknownEvent, parse_event
from braze_heap.cli._demo import pretty
from tests.cli.conftest import Run, start


def test_demo_shows_the_whole_way(run: Run) -> None:
    """
    A person sees what came in, one event before and after, and what came out.
    """
    result = run("demo")

    assert result.exit_code == 0
    for part in (
        "What came in: 40 events",
        "One of them, before and after",
        '"event": "Braze Added To Cart"',
        "What Heap gets:",
        "Delivered twice: 1 event",
        "Skipped: 3 events",
        "Rejected: 1 event",
        "Personal fields left out",
        "What next",
    ):
        assert part in result.stdout


def test_demo_fits_80_columns_without_colour_where_it_is_piped(run: Run) -> None:
    """
    The demo reads well in a log.
    """
    shown = run("demo").stdout

    assert "\x1b" not in shown
    assert [line for line in shown.splitlines() if len(line) > 80] == []


def test_demo_works_in_any_encoding() -> None:
    """
    A terminal that knows ASCII alone gets the demo too.
    """
    process = start("demo", env={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})

    stdout, stderr = process.communicate(timeout=20)

    assert (process.returncode, stderr) == (0, b"")
    assert stdout.isascii()


def test_demo_batch_can_be_piped_into_transform(run: Run) -> None:
    """
    What the demo advises works, and gives the calls that it shows.
    """
    batch = run("demo", "--batch").stdout_bytes

    result = run("transform", stdin=batch)

    calls = Transformer().transform(batch).calls
    assert [call.to_json() for call in calls] == result.stdout.splitlines()


def test_demo_batch_has_what_real_traffic_has(run: Run) -> None:
    """
    One of each: a skip, a rejection, a repeat, an unknown type, personal data.
    """
    result = Transformer().transform(run("demo", "--batch").stdout_bytes)

    assert {SkipReason.NO_IDENTITY} == {event.reason for event in result.skipped}
    assert [event.reason for event in result.rejected] == [Reason.BAD_TIME]
    assert result.repeated == 1
    assert result.left_out["email_address"] > 0


def test_demo_batch_is_what_braze_documents(run: Run) -> None:
    """
    Each field of the batch is one that its class knows, and of its type.
    """
    batch = json.loads(run("demo", "--batch").stdout_bytes)
    events = [
        parse_event(raw, strict=True)
        for raw in batch["events"]
        if isinstance(raw["time"], int)
    ]

    assert len(events) == 39
    assert [
        event for event in events if event.extra and not isinstance(event, UnknownEvent)
    ] == []


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": 1}, ['{"a": 1}']),
        (
            {"a": [1, 2], "b": "x" * 9},
            ["{", '  "a": [1, 2],', '  "b": "xxxxxxxxx"', "}"],
        ),
        ({"long_long_name": "value"}, ["{", '  "long_long_name":', '    "value"', "}"]),
        (["x" * 20], ["[", f'  "{"x" * 20}"', "]"]),
    ],
)
def test_pretty_json_takes_as_few_lines_as_fit(
    value: object, expected: list[str]
) -> None:
    """
    Values break at brackets, then behind long names; texts are left whole.
    """
    assert expected == pretty(value, 20)
