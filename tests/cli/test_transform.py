import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Run, click_event, keys, lines, start


def test_calls_are_lines_of_json_in_order(run: Run, batch: Path) -> None:
    """Stdout holds one call a line, and nothing else."""
    result = run("transform", batch)

    assert result.exit_code == 0
    assert keys(result.stdout) == ["event-1", "event-2"]
    assert json.loads(result.stdout.splitlines()[0]) == {
        "event": "Braze Email Click",
        "identity": "cust-1",
        "timestamp": "2025-11-23T12:13:21+00:00",
        "idempotency_key": "event-1",
        "properties": {
            "link_alias": "hero",
            "event_type": "users.messages.email.Click",
            "channel": "email",
            "action": "click",
        },
    }


@pytest.mark.parametrize("args", [(), ("-",)])
def test_stdin_is_read_where_no_file_is_named(args: tuple[str, ...], run: Run) -> None:
    """A pipe needs no dash, and may have one."""
    result = run("transform", *args, stdin=lines([click_event(1), click_event(2)]))

    assert keys(result.stdout) == ["event-1", "event-2"]


def test_gzipped_input_is_inflated(run: Run, batch: Path) -> None:
    """Neither files nor pipes need to be inflated first."""
    assert keys(run("transform", stdin=gzip.compress(batch.read_bytes())).stdout) == [
        "event-1",
        "event-2",
    ]


def test_avro_is_read_under_the_type_of_its_path(run: Run, tmp_path: Path) -> None:
    """Records from storage carry no type; their directory does."""
    fastavro = pytest.importorskip("fastavro")
    fields = ["id", "external_user_id"]
    schema = {
        "type": "record",
        "name": "any",
        "fields": [{"name": name, "type": "string"} for name in fields]
        + [{"name": "time", "type": "int"}],
    }
    file = io.BytesIO()
    record = {"id": "a", "external_user_id": "cust-1", "time": 1763900000}
    fastavro.writer(file, schema, [record])
    path = tmp_path / "event_type=users.behaviors.app.SessionStart" / "1.avro"
    path.parent.mkdir()
    path.write_bytes(file.getvalue())

    result = run("transform", tmp_path)

    assert json.loads(result.stdout)["event"] == "Braze Session Start"


def test_event_type_names_records_that_nothing_else_names(run: Run) -> None:
    """--event-type makes records from storage readable out of a pipe."""
    record = {"id": "a", "external_user_id": "cust-1", "time": 1763900000}

    result = run(
        "transform", "--event-type", "users.behaviors.Purchase", stdin=lines([record])
    )

    assert json.loads(result.stdout)["event"] == "Braze Purchase"


def test_misspelt_event_type_is_pointed_out(run: Run) -> None:
    """An unknown type may be news, so it is a note and no error."""
    result = run("transform", "--event-type", "users.behaviors.Purchas", stdin=b"[]")

    assert result.exit_code == 0
    assert "Did you mean 'users.behaviors.Purchase'?" in result.stderr


def test_output_file_takes_the_calls(run: Run, batch: Path, tmp_path: Path) -> None:
    """With --output, stdout stays empty."""
    calls = tmp_path / "calls.jsonl"

    result = run("transform", batch, "--output", calls)

    assert result.stdout == ""
    assert keys(calls.read_text("utf-8")) == ["event-1", "event-2"]


def test_output_ending_in_gz_is_compressed(
    run: Run, batch: Path, tmp_path: Path
) -> None:
    """The name of the output says how it is written."""
    calls = tmp_path / "calls.jsonl.gz"

    run("transform", batch, "-o", calls)

    assert keys(gzip.decompress(calls.read_bytes()).decode()) == ["event-1", "event-2"]


def test_input_is_never_overwritten(run: Run, batch: Path) -> None:
    """An output that is an input too is an error, before anything is written."""
    before = batch.read_bytes()

    result = run("transform", batch, "-o", batch)

    assert result.exit_code == 2
    assert "Name another file with --output." in result.stderr
    assert before == batch.read_bytes()


def test_missing_file_is_named(run: Run, batch: Path) -> None:
    """Nothing is transformed if one of the files is missing."""
    result = run("transform", batch, "missing.json")

    assert (result.exit_code, result.stdout) == (2, "")
    assert "Path 'missing.json' does not exist." in result.stderr


@pytest.mark.parametrize(("option", "status"), [((), 0), (("--strict",), 1)])
def test_rejected_events_fail_the_run_with_strict_alone(
    option: tuple[str, ...], status: int, run: Run
) -> None:
    """A rejected event is in the report always, in the exit status on demand."""
    events = [click_event(1), click_event(2, time="yesterday")]

    result = run("transform", *option, stdin=lines(events))

    assert status == result.exit_code
    assert keys(result.stdout) == ["event-1"]


def test_skipped_events_do_not_fail_a_strict_run(run: Run) -> None:
    """What a policy leaves out is no fault."""
    assert (
        run("transform", "--strict", stdin=lines([click_event(user={})])).exit_code == 0
    )


def test_identity_may_be_the_id_of_braze(run: Run) -> None:
    """--identity user_id names the user by Braze's own id."""
    result = run("transform", "--identity", "user_id", stdin=lines([click_event()]))

    assert json.loads(result.stdout)["identity"] == "braze-1"


def test_personal_data_is_sent_when_asked_for(run: Run) -> None:
    """--personal-data keep sends what is left out by default."""
    result = run("transform", "--personal-data", "keep", stdin=lines([click_event()]))

    sent = json.loads(result.stdout)["properties"]["email_address"]
    assert sent == "secret@example.com"


def test_quiet_run_says_nothing(run: Run, batch: Path) -> None:
    """With --quiet, stderr stays empty."""
    assert run("transform", "--quiet", batch).stderr == ""


def test_report_adds_up(run: Run) -> None:
    """
    Each event is mapped, skipped or rejected; a repeat shares the fate of its first.
    """
    events = [
        click_event(1),
        click_event(1),
        click_event(2, user={}),
        click_event(3, time="yesterday"),
    ]

    report = run("transform", stdin=lines(events)).stderr

    assert [line.split() for line in report.splitlines()[1:6]] == [
        ["events", "4"],
        ["mapped", "2", *"1 repeat of an earlier event among them".split()],
        ["skipped", "1"],
        ["rejected", "1"],
        ["calls", "1", "1", "event"],
    ]


def test_rejected_event_is_found_by_its_place(
    run: Run, batch: Path, tmp_path: Path
) -> None:
    """The report names file, number, offset, type and id, and what is wrong."""
    path = tmp_path / "bad.jsonl"
    path.write_bytes(lines([click_event(1)]) + b'{"torn\n' + lines([{"id": "x"}]))
    offset = len(lines([click_event(1)]))

    report = " ".join(run("transform", batch, path).stderr.split())

    assert "bad.jsonl, event 2 at byte " + str(offset) in report
    assert f"bad.jsonl, event 3 at byte {offset + 7}, id x: event_type is" in report


@pytest.mark.parametrize("length", [8, 50, 90])
def test_a_path_is_never_broken(run: Run, tmp_path: Path, length: int) -> None:
    """What is piped can be searched and copied, however long a path is."""
    path = tmp_path / ("x" * length)
    path.write_bytes(b'{"torn\n')

    report = run("transform", path).stderr

    assert f"{path}, event 1 at byte 0: {path} is unreadable" in report


def test_report_holds_no_value_of_any_event(run: Run) -> None:
    """Neither personal data nor any other value gets into the report."""
    canary = "canary@example.com"
    events = [
        click_event(1, user={"external_user_id": canary + "\0"}),
        click_event(2, user={"external_user_id": canary * 20}),
        click_event(3, time=canary),
        click_event(4, properties=canary),
        click_event(5, user=canary),
        click_event(6, properties={"email_address": canary, "url": canary}),
    ]

    report = run("transform", stdin=lines(events) + b'{"' + canary.encode()).stderr

    assert "rejected  6" in report
    assert canary not in report.replace("\n", "")


def test_report_cannot_steer_the_terminal(run: Run) -> None:
    """A name with control characters is shown escaped, and markup is shown as it is."""
    event = click_event(event_type="[red]\x1b[31mevil")

    report = run("transform", stdin=lines([event])).stderr

    assert "[red]\\x1b[31mevil" in report
    assert "\x1b" not in report


def test_report_names_the_top_types_or_all(run: Run) -> None:
    """A long list of types ends with how many there are besides."""
    events = lines([click_event(n, event_type=f"users.x.Type{n}") for n in range(12)])

    short = run("transform", stdin=events).stderr
    full = run("transform", "--all-types", stdin=events).stderr

    assert "... and 2 more (--all-types)" in short
    assert [text.count("users.x.Type") for text in (short, full)] == [10, 12]


def test_report_tells_what_was_left_out_and_changed(run: Run) -> None:
    """Personal fields and adjustments values are counted."""
    event = click_event(properties={"email_address": "x", "url": "u" * 2000})

    report = run("transform", stdin=lines([event])).stderr

    assert "email_address     1" in report
    assert "external_user_id  1  sent only as the identity" in report
    shown = "truncated  1  A text, a name or a joined list was truncated to 1,023"
    assert shown in report


@pytest.mark.parametrize("empty", [b'{"events": []}', b"[]", b"\n", b"null"])
def test_input_without_events_is_no_error(run: Run, empty: bytes) -> None:
    """An hour without events is an hour without calls."""
    result = run("transform", stdin=empty)

    assert (result.exit_code, result.stdout) == (0, "")
    assert "0 events from 1 file" in result.stderr


def test_empty_stdin_is_an_error(run: Run) -> None:
    """
    A pipeline whose first command failed must not look like an hour without events.
    """
    result = run("transform", stdin=b"")

    assert result.exit_code == 2
    assert "stdin is empty: nothing was read." in result.stderr


@pytest.mark.parametrize("words", [("transform",), ("transform", "--jobs", 2)])
def test_misspelt_personal_field_is_pointed_out(
    words: tuple[Any, ...], tmp_path: Path
) -> None:
    """In one line, once, and the run goes on: Braze may have added the field."""
    events, config = tmp_path / "events.jsonl", tmp_path / "c.toml"
    events.write_bytes(lines([click_event(n) for n in range(1_000)]))
    config.write_text('transform.personal_fields = {emial_address = "drop"}')

    out, err = start(*words, "--config", config, events).communicate()

    said = "No event class has a field 'emial_address'. Did you mean 'email_address'?"
    assert err.decode().startswith(f"Warning: {said}\n")
    assert err.decode().count("Warning") == 1
    assert len(out.splitlines()) == 1_000
