import contextlib
import gzip
import json
import os
import re
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from braze_heap.state import DeadRecord, SqliteDeadLetter
from braze_heap.testing.fake_heap import FakeHeap, Status
from tests.cli.conftest import Run, click_event, lines, start


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A dead letter with a good event, one without a time, and a damaged body."""
    monkeypatch.chdir(tmp_path)
    kept = [
        (click_event(1), "rejected_by_heap", 3),
        (click_event(2, time=None), "bad_time", 1),
        (b'{"email": "cust-77@example.com', "unreadable", 2),
    ]
    path = tmp_path / "state.db"
    with SqliteDeadLetter(path) as store:
        for original, reason, day in kept:
            at = datetime(2026, 1, day, 12, tzinfo=UTC)
            record = DeadRecord.of(
                original, reason, "what is wrong", at, destination="memory"
            )
            store.append([record])
    return path


def reasons(path: Path) -> list[str]:
    """Return the reasons of what is left."""
    with SqliteDeadLetter(path) as store:
        return [record.reason for record in store.read()]


@pytest.mark.parametrize(
    "words",
    [
        ("list",),
        ("show", "KEY"),
        ("replay", "--sink", "memory:"),
        ("purge", "--all"),
        ("export",),
    ],
)
def test_only_a_dead_letter_is_opened(
    words: tuple[str, ...], run: Run, tmp_path: Path
) -> None:
    """A path without one is an error, and nothing is made or changed there."""
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as db:
        db.execute("CREATE TABLE mine (a)")
    db.close()
    before = other.read_bytes()
    command, *rest = words

    missing = run("dead-letters", command, tmp_path / "no.db", *rest)
    strange = run("dead-letters", command, other, *rest)

    assert (missing.exit_code, strange.exit_code) == (2, 2)
    assert "does not exist" in missing.stderr
    assert "is not a state file: it is a SQLite database" in strange.stderr
    assert "tables: 'mine'" in strange.stderr
    assert before == other.read_bytes()
    assert [file.name for file in tmp_path.iterdir()] == ["other.db"]


def test_list_counts_by_reason_and_names_keys(run: Run, store: Path) -> None:
    """The values of events are not shown."""
    shown = run("dead-letters", "list", store)

    assert shown.stdout.startswith(f"3 dead letters in {store}\n")
    words = " ".join(shown.stdout.split())
    assert "bad_time 1 2026-01-01T12:00 2026-01-01T12:00 time is missing" in words
    assert "event-2:" in shown.stdout
    assert "example.com" not in shown.output


def test_list_distinguishes_long_ids(run: Run, store: Path) -> None:
    """An id is shown whole, with the zone of its times, and `show` accepts its key."""
    ids = [f"{'a' * 60}-{number}" for number in range(2)]
    with SqliteDeadLetter(store) as kept:
        for each in ids:
            event, at = click_event(id=each), datetime(2026, 1, 4, tzinfo=UTC)
            kept.append([DeadRecord.of(event, "long", "", at, destination="memory")])

    shown = run("dead-letters", "list", store, "--reason", "long").stdout
    keys = re.findall(r"a{60}-\d:[0-9a-f]{8}\b", shown)

    assert re.search(r"oldest \(UTC\) +newest \(UTC\)", shown)
    assert [key[:62] for key in keys] == ids
    for key in keys:
        assert run("dead-letters", "show", store, key).exit_code == 0


def test_list_is_narrowed(run: Run, store: Path) -> None:
    """By reason, and to the oldest."""
    one = run("dead-letters", "list", store, "--reason", "bad_time").stdout
    few = run("dead-letters", "list", store, "--limit", 1).stdout

    assert "unreadable" not in one
    assert "  ... and 2 more (--limit)\n" in few


def test_list_as_json(run: Run, store: Path) -> None:
    """Programs get whole keys and exact times."""
    listed = json.loads(run("dead-letters", "list", store, "--json").stdout)

    assert listed["records"] == 3
    assert {
        "reason": "bad_time",
        "records": 1,
        "oldest": "2026-01-01T12:00:00+00:00",
        "newest": "2026-01-01T12:00:00+00:00",
    } in listed["by_reason"]
    assert len(listed["letters"][0]["key"]) > 32


def test_show_by_the_beginning_of_a_key(run: Run, store: Path) -> None:
    """The event is whole, and the warning apart from it."""
    shown = run("dead-letters", "show", store, "event-2")

    assert '\n    "email_address": "secret@example.com",\n' in shown.stdout
    assert "reason       bad_time\n" in shown.stdout
    assert shown.stderr == "This is personal data, unmasked.\n"


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (("list",), "3 dead letters in"),
        (("show", "event-2"), "bad_time"),
        (("purge", "cust-2", "--yes"), "1 dead letter removed."),
        (("purge", "--reason", "bad_time", "--yes"), "1 dead letter removed."),
        (("export",), "rejected_by_heap"),
    ],
)
@pytest.mark.parametrize("named", [True, False])
def test_the_configuration_or_the_folder_can_name_the_state(
    words: tuple[str, ...], shown: str, named: bool, run: Run, store: Path
) -> None:
    """A single word is the key or the identity then. The default is state.db."""
    if named:
        store.rename("live.db")
        Path("c.toml").write_text("state.path = 'live.db'", encoding="utf-8")

    done = run("dead-letters", *words, *["--config", "c.toml"] * named)

    assert done.exit_code == 0, done.output
    assert shown in done.stdout


@pytest.mark.parametrize(
    ("words", "missing"),
    [
        (("show", "state.db"), "Missing argument 'KEY'."),
        (("show", "state.db", "--config", "c.toml"), "Missing argument 'KEY'."),
        (("show",), "Missing argument 'KEY'."),
        (("purge", "x.db", "--all", "--yes"), "File 'x.db' does not exist."),
        (("purge", "state.db", "--config", "c.toml"), "Name an IDENTITY, --reason,"),
    ],
)
def test_a_missing_argument_is_named(
    words: tuple[str, ...], missing: str, run: Run, store: Path
) -> None:
    """If no dead letter or a missing file is named, nothing is guessed."""
    Path("c.toml").write_text(f"state.path = {str(store)!r}", encoding="utf-8")

    done = run("dead-letters", *words)

    assert done.exit_code == 2
    assert missing in done.stderr


@pytest.mark.parametrize("words", [["list"], ["show", "event-2"], ["purge", "a"]])
def test_without_a_state_the_message_names_the_default(
    words: list[str], run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A single word that is not a file is the key or the identity."""
    monkeypatch.chdir(tmp_path)

    done = run("dead-letters", *words)

    assert done.exit_code == 2
    assert (
        "Missing argument 'STATE.db': there is no state.db in this folder. Name the "
    ) in done.stderr


def test_original_can_be_explained(run: Run, store: Path) -> None:
    """What is kept goes through a pipe as it came."""
    original = run("dead-letters", "show", store, "event-2", "--original").stdout

    explained = run("explain", "-", stdin=original.encode())

    assert json.loads(original) == click_event(2, time=None)
    assert "  bad_time  time is " in explained.stdout


@pytest.mark.parametrize("zipped", [True, False])
def test_damaged_bodies_are_shown_as_text(
    zipped: bool, run: Run, tmp_path: Path
) -> None:
    """Inflated, and unable to steer a terminal."""
    body = b'{"a": "\x1b[31m\xff'
    at = datetime(2026, 1, 1, tzinfo=UTC)
    raw = gzip.compress(body) if zipped else body
    with SqliteDeadLetter(tmp_path / "d.db") as store:
        store.append([DeadRecord.of(raw, "unreadable", "", at, zipped=zipped)])

    shown = run("dead-letters", "show", tmp_path / "d.db", "")

    assert '\n{"a": "\\x1b[31m\\xff\n' in shown.stdout


def test_an_id_is_not_the_beginning_of_another(run: Run, tmp_path: Path) -> None:
    """Whoever writes all of it means this one."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    with SqliteDeadLetter(tmp_path / "d.db") as store:
        records = [DeadRecord.of(click_event(n), "bad_time", "", at) for n in (1, 10)]
        store.append(records)

    shown = run("dead-letters", "show", tmp_path / "d.db", "event-1")

    assert '"id": "event-1"' in shown.stdout


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("event-", "2 keys begin with 'event-': event-1:"),
        ("x", "no dead letter has a key that begins with 'x'. See `"),
    ],
)
def test_one_key_is_meant(key: str, message: str, run: Run, store: Path) -> None:
    """Several, or none, are an error that helps."""
    shown = run("dead-letters", "show", store, key)

    assert (shown.exit_code, shown.stdout) == (2, "")
    assert message in shown.stderr


def test_replay_delivers_and_keeps_the_rest(run: Run, store: Path) -> None:
    """
    What is settled is gone from the dead letter; with --strict the rest is a failure.
    """
    with FakeHeap(app_id="11") as heap:
        spec = f"heap:?app_id=11&base_url={heap.url}&allow_http=1"
        words = ("dead-letters", "replay", store, "--sink", spec)
        words += ("--destination", "memory")
        unasked = run(*words)
        shown = run(*words, "--yes", "--strict")

        assert {"event-1"} == heap.events.keys()
    assert (unasked.exit_code, shown.exit_code) == (2, 1)
    assert "3 events from" in shown.stdout
    assert {"bad_time", "unreadable"} == set(reasons(store))


def test_replay_leaves_what_failed_elsewhere(run: Run, store: Path) -> None:
    """It counts them and names the option that replays them; `list` shows them, too."""
    listed = run("dead-letters", "list", store)
    words = ("dead-letters", "replay", store, "--sink", "file:calls.jsonl")

    shown = run(*words, "--strict")
    wrong = run(*words, "--destination", "memry")
    named = run(*words, "--destination", "memory")

    assert "By destination" in listed.stdout
    assert "memory  3  --destination memory" in listed.stdout
    see = f"To see one with its event: braze-heap dead-letters show {store}"
    assert see in listed.stdout
    assert shown.exit_code == 0
    assert "0 events from" in shown.stdout
    title = "Not replayed: they failed elsewhere"
    assert f"{title}\n  memory  3  --destination memory\n" in shown.stdout
    assert wrong.exit_code == 2
    assert "no dead letter is for 'memry'. Did you mean" in wrong.stderr
    assert "3 events from" in named.stdout
    assert len(Path("calls.jsonl").read_text(encoding="utf-8").splitlines()) == 1


def test_replay_counts_what_is_damaged(run: Run, store: Path) -> None:
    """A record that cannot be read stays, and the others are delivered."""
    with contextlib.closing(sqlite3.connect(store)) as db, db:
        db.execute("UPDATE dead_letters SET original = '{' WHERE reason = 'bad_time'")

    shown = run("dead-letters", "replay", store, "--sink", "memory:")

    assert shown.exit_code == 0
    assert "  delivered      1\n" in shown.stdout
    assert "  dead-lettered  2  in" in shown.stdout
    assert {"bad_time", "unreadable"} == set(reasons(store))


def test_replay_takes_todays_configuration(run: Run, store: Path) -> None:
    """What a policy leaves out today is gone, too."""
    Path("c.toml").write_text('transform.exclude = ["EmailClick"]\n', encoding="utf-8")

    shown = run(
        "dead-letters", "replay", store, "--sink", "memory:", "--config", "c.toml"
    )

    assert shown.exit_code == 0
    assert "excluded" in shown.stdout
    assert "rejected_by_heap" not in reasons(store)


def test_replay_that_cannot_go_on_keeps_what_is_left(run: Run, store: Path) -> None:
    """The status says "again later"."""
    with FakeHeap(app_id="11") as heap:
        heap.always(Status(503))
        spec = f"heap:?app_id=11&base_url={heap.url}&allow_http=1&deadline=0.1"
        words = ("--sink", spec, "--yes", "--patience", 0, "--destination", "memory")
        shown = run("dead-letters", "replay", store, *words)

    assert shown.exit_code == 75
    assert "contains only what still needs to be delivered" in " ".join(
        shown.stdout.split()
    )
    assert len(reasons(store)) == 3


@pytest.mark.parametrize(
    ("words", "left"),
    [
        (["cust-2"], ["rejected_by_heap", "unreadable"]),
        (["cust-77@example.com"], ["rejected_by_heap", "bad_time"]),
        (["nobody"], ["rejected_by_heap", "bad_time", "unreadable"]),
        (["--reason", "bad_time"], ["rejected_by_heap", "unreadable"]),
        (["--before", "2026-01-03"], ["rejected_by_heap"]),
        (
            ["--before", "2026-01-03", "--reason", "bad_time"],
            ["rejected_by_heap", "unreadable"],
        ),
        (
            ["cust-1", "--reason", "bad_time"],
            ["rejected_by_heap", "bad_time", "unreadable"],
        ),
        (["--all"], []),
    ],
)
def test_purge_removes_what_is_named(
    words: list[str], left: list[str], run: Run, store: Path
) -> None:
    """A person, a reason, what is old, or everything; conditions narrow down."""
    shown = run("dead-letters", "purge", store, *words, "--yes")

    assert shown.exit_code == 0
    assert f"{3 - len(left)} dead letter" in shown.stdout
    assert left == reasons(store)


def test_identity_from_stdin_stays_out_of_the_history(run: Run, store: Path) -> None:
    """It is not repeated in the output either."""
    shown = run("dead-letters", "purge", store, "-", "--yes", stdin=b"cust-2\n")

    assert shown.output == "1 dead letter removed.\n"
    assert "bad_time" not in reasons(store)


def test_purge_reads_every_identity_from_stdin(run: Run, store: Path) -> None:
    """Each line is one; a byte order mark, blank lines and \\r do not count."""
    stdin = b"\xef\xbb\xbfcust-1\r\n\ncust-2\ncust-77@example.com"

    shown = run("dead-letters", "purge", store, "-", "--yes", stdin=stdin)

    assert shown.output == "3 dead letters removed.\n"
    assert reasons(store) == []


def test_purge_names_what_it_suspects(run: Run, tmp_path: Path) -> None:
    """With what to do about it; `--suspected` removes that too."""
    path = tmp_path / "suspects.db"
    with SqliteDeadLetter(path) as store:
        events = [{"id": "a", "user_id": "42"}, {"id": "b", "x": "42"}]
        at = datetime(2026, 1, 1, tzinfo=UTC)
        store.append([DeadRecord.of(e, "bad_time", "", at) for e in events])

    first = run("dead-letters", "purge", path, "42", "--yes")
    second = run("dead-letters", "purge", path, "42", "--yes", "--suspected")

    assert (first.exit_code, second.exit_code) == (1, 0)
    assert first.stdout.startswith("1 dead letter removed.\n\nMay be about the same")
    assert "kept: 1 dead letter\n  b:" in first.stdout
    assert f"braze-heap dead-letters show {path} KEY" in first.stdout
    assert second.stdout == "1 dead letter removed.\n"
    assert reasons(path) == []


@pytest.mark.parametrize(
    ("words", "stdin"),
    [([], None), (["--all", "cust-1"], None), (["-"], b"\n"), ([" "], None)]
    + [(["-"], b"\xff"), ([""], None), (["--all", "--suspected"], None)],
)
def test_purge_needs_to_know_what(
    words: list[str], stdin: bytes | None, run: Run, store: Path
) -> None:
    """Nothing is removed by mistake."""
    shown = run("dead-letters", "purge", store, *words, "--yes", stdin=stdin)

    assert shown.exit_code == 2
    assert len(reasons(store)) == 3


@pytest.mark.parametrize("age", ["1w", "36h", "2d"])
def test_purge_by_age(age: str, run: Run, tmp_path: Path) -> None:
    """A job of cron removes what is too old, and nothing whose date cannot be read."""
    now, path = datetime.now(UTC), tmp_path / "state.db"
    with SqliteDeadLetter(path) as store:
        for days, reason in ((1.4, "rejected_by_heap"), (9, "bad_time"), (10, "none")):
            at = now - timedelta(days=days)
            store.append([DeadRecord.of({"id": reason}, reason, "", at)])
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE dead_letters SET at = '?' WHERE reason = 'none'")

    shown = run("dead-letters", "purge", path, "--older-than", age, "--yes")

    assert shown.exit_code == 0
    assert reasons(path) == ["rejected_by_heap", "damaged_record"]


@pytest.mark.parametrize(
    "age", ["30", "d", "0d", "-3d", "30 d", "3m", "99999w", "\u0663d"]
)
def test_an_age_is_a_number_and_a_unit(age: str, run: Run, store: Path) -> None:
    """Anything else removes nothing."""
    shown = run("dead-letters", "purge", store, "--older-than", age, "--yes")
    both = ("--older-than", "3d", "--before", "2026-01-01", "--yes")
    twice = run("dead-letters", "purge", store, *both)

    assert (shown.exit_code, twice.exit_code) == (2, 2)
    assert "12h, 30d or 8w" in shown.stderr
    assert "exclude each other" in twice.stderr
    assert len(reasons(store)) == 3


def test_damaged_rows_are_shown_and_do_no_harm(run: Run, store: Path) -> None:
    """Every command goes on, and names the row."""
    with contextlib.closing(sqlite3.connect(store)) as db, db:
        db.execute("UPDATE dead_letters SET at = '?', key = NULL WHERE rowid = 2")

    listed = run("dead-letters", "list", store)
    shown = run("dead-letters", "show", store, "damaged-row-2", "--original")
    exported = run("dead-letters", "export", store)
    replayed = run("dead-letters", "replay", store, "--sink", "memory:")
    purged = run("dead-letters", "purge", store, "--reason", "damaged_record", "--yes")

    assert "damaged_record          1  1970-01-01T00:00  " in listed.stdout
    assert "row 2 of the file is damaged: key, at" in listed.stdout
    assert json.loads(shown.stdout) == click_event(2, time=None)
    assert len(exported.stdout.splitlines()) == 3
    assert "damaged_record" in replayed.stdout
    assert purged.output == "1 dead letter removed.\n"


def test_replay_keeps_what_a_missing_mapper_took_part_in(
    run: Run, tmp_path: Path
) -> None:
    """The report names the mapper and says what to do; --force delivers it."""
    path, at = tmp_path / "state.db", datetime(2026, 1, 1, tzinfo=UTC)
    mappers = {"users.messages.email.Click": "team.mappers:newsletter"}
    with SqliteDeadLetter(path) as store:
        event = click_event(1)
        store.append([DeadRecord.of(event, "mapper_error", "", at, mappers=mappers)])
    words = ("dead-letters", "replay", path, "--sink", "memory:", "--destination", "")

    whole = run("dead-letters", "show", path, "event-1")
    kept, strict = run(*words), run(*words, "--strict")
    left = reasons(path)
    forced = run(*words, "--force")

    assert "team.mappers:newsletter, for users.messages.email.Click" in whole.stdout
    assert (kept.exit_code, strict.exit_code, forced.exit_code) == (0, 1, 0)
    assert "mapper_missing" in kept.stdout
    assert "  users.messages.email.Click team.mappers:newsletter  1\n" in kept.stdout
    assert "mappers are missing (--transformer, --force)" in kept.stdout
    assert left == ["mapper_error"]
    assert reasons(path) == []


def test_purge_asks(run: Run, store: Path) -> None:
    """Where nobody can be asked, nothing is removed."""
    pty = pytest.importorskip("pty")
    unasked = run("dead-letters", "purge", store, "--all")
    terminal, stdin = pty.openpty()
    os.write(terminal, b"n\n")
    process = start("dead-letters", "purge", store, "--all", stdin=stdin)

    _, stderr = process.communicate(timeout=20)
    os.close(stdin)
    os.close(terminal)

    assert (unasked.exit_code, process.returncode) == (2, 2)
    assert "Pass --yes" in unasked.stderr
    assert b"Remove 3 dead letters permanently? [y/N]" in stderr
    assert len(reasons(store)) == 3


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz"])
def test_export_is_for_its_owner_alone(name: str, run: Run, store: Path) -> None:
    """Also where the file was there before, with another mode."""
    path = Path(name)
    path.touch(0o644)

    shown = run("dead-letters", "export", store, "-o", path)

    data = path.read_bytes()
    text = gzip.decompress(data) if path.suffix == ".gz" else data
    records: list[Any] = [json.loads(line) for line in text.splitlines()]
    assert click_event(1) == records[0]["original"]
    assert path.stat().st_mode & 0o777 == 0o600
    assert "3 dead letters. This is personal data" in shown.stderr


def test_export_to_stdout(run: Run, store: Path) -> None:
    """It is the default."""
    assert len(run("dead-letters", "export", store).stdout.splitlines()) == 3


def test_export_never_overwrites_the_dead_letter(run: Run, store: Path) -> None:
    """Nor does it hide that a file cannot be written."""
    itself = run("dead-letters", "export", store, "-o", store)
    nowhere = run("dead-letters", "export", store, "-o", "no/such/file")

    assert (itself.exit_code, nowhere.exit_code) == (2, 2)
    assert "--output: " in itself.stderr
    assert "is a file of the state. Name another file." in itself.stderr
    assert "cannot write no/such/file: No such file" in nowhere.stderr
    assert len(reasons(store)) == 3


@pytest.mark.parametrize("command", ["list", "purge --yes"])
def test_reason_that_does_not_exist_is_an_error(
    command: str, run: Run, store: Path
) -> None:
    """A typo would show, or remove, nothing; the error names all reasons."""
    name, *words = command.split()
    before = run("dead-letters", "list", store).stdout

    wrong = run("dead-letters", name, store, *words, "--reason", "bad_tiem")
    unused = run("dead-letters", name, store, *words, "--reason", "sink_down")

    assert wrong.exit_code == 2
    assert "no reason 'bad_tiem'. Did you mean 'bad_time'?" in wrong.stderr
    assert "mapper_error" in wrong.stderr
    assert unused.exit_code == 0
    assert run("dead-letters", "list", store).stdout == before


def test_a_state_on_a_read_only_mount_can_be_read(
    run: Run, batch: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To list, show and export, nothing has to be written beside it."""
    batch.write_bytes(lines([click_event(1, time=None)]))
    store = tmp_path / "mount" / "state.db"
    store.parent.mkdir()
    run("send", batch, "--sink", "memory:", "--state", store)
    before = {path.name: path.read_bytes() for path in store.parent.iterdir()}
    access = os.access
    monkeypatch.setattr(
        os,
        "access",
        lambda path, mode: (
            access(path, mode)
            and not (mode & os.W_OK and Path(path) in (store, store.parent))
        ),
    )

    listed = run("dead-letters", "list", store)
    shown = run("dead-letters", "show", store, "event-1")
    exported = run("dead-letters", "export", store)
    purged = run("dead-letters", "purge", store, "--all", "--yes")

    assert (listed.exit_code, shown.exit_code, exported.exit_code) == (0, 0, 0)
    assert f"1 dead letter in {store}" in listed.stdout
    assert purged.exit_code == 2
    assert {path.name: path.read_bytes() for path in store.parent.iterdir()} == before
