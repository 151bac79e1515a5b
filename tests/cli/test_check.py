import json
import re
import socket
import threading
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from braze_heap.policies.identity import PLACEHOLDER_IDENTITIES
from braze_heap.state import DeadRecord, SqliteDeadLetter
from braze_heap.testing.fake_heap import FakeHeap
from tests.cli.conftest import Run, click_event, lines


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, without an API key."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HEAP_API_KEY", raising=False)
    return tmp_path


def findings(run: Run, *words: Any) -> dict[str, Any]:
    """Return what a check finds, by what it looks at."""
    shown = run("check", *words, "--json")
    found = json.loads(shown.stdout)
    assert shown.exit_code == int(not found["ok"])
    return {finding["check"]: finding for finding in found["checks"]}


def problems(found: dict[str, Any]) -> list[str]:
    """Return what is not well."""
    return [name for name, finding in found.items() if not finding["ok"]]


def test_all_is_well(run: Run, here: Path) -> None:
    """
    Host, app id, limits and dead letter are shown; no event is sent, nothing is made.
    """
    with FakeHeap() as heap:
        spec = f"heap:?app_id=11&base_url={heap.url}&allow_http=1&deadline=7"
        shown = run("check", "--sink", spec, "--state", "state.db")

        assert [(r.method, r.items) for r in heap.requests] == [("HEAD", 0)]
    assert shown.exit_code == 0
    assert f"OK  host           {heap.url} answers" in shown.stdout
    assert "OK  app id         11\n" in shown.stdout
    assert "Heap accepts events for a wrong app ID without an error." in shown.stdout
    assert "15,000 events a minute, 1,000 of each identity; 7 s for" in shown.stdout
    assert "state.db will be created when needed" in shown.stdout
    assert shown.stdout.endswith("\nNo problem found.\n")
    assert list(here.iterdir()) == []


def test_a_sink_that_is_missing_is_not_called_fine(run: Run) -> None:
    """Without a sink the result says that none was tested."""
    shown = run("check").stdout

    assert "OK  sink           not configured, so not tested\n" in shown


def test_default_values_are_shown_and_no_names_of_constants(run: Run) -> None:
    """A list that is long is shown as its length."""
    shown = run("check").stdout

    assert f"placeholder_identities  {len(PLACEHOLDER_IDENTITIES)} texts " in shown
    assert "derived_properties      channel, action, message_key, " in shown


def test_a_sink_as_one_text_replaces_its_parts(run: Run) -> None:
    """Kind and path are not shown, because they have no effect."""
    shown = run("check", "--sink", "file:x.jsonl").stdout

    assert re.search(r"sink\.spec +file:x\.jsonl +option --sink", shown)
    assert "sink.kind" not in shown
    assert "sink.path" not in shown


def test_options_in_force_are_named_without_secrets(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Identity and personal data always, the others where they are not the default."""
    Path("c.toml").write_text(
        '[transform]\npersonal_data = "hash"\nhash_key_env = "KEY"\n', encoding="utf-8"
    )
    monkeypatch.setenv("KEY", "canary of sixteen")

    found = findings(run, "--config", "c.toml", "--identity", "user_id")

    assert found["configuration"]["detail"] == (
        "identity = user_id; personal_data = hash; hash_key = set"
    )


def test_wrong_configuration_is_a_problem(run: Run) -> None:
    """It is said where it is wrong."""
    Path("c.toml").write_text('transform.includ = "all"\n', encoding="utf-8")

    shown = run("check", "--config", "c.toml")

    assert shown.exit_code == 1
    assert (
        "configuration  c.toml: there is no key 'includ' in [transform]."
        in shown.stdout
    )
    assert shown.stdout.endswith("\n1 problem\n")


@pytest.mark.parametrize(
    ("option", "problem"),
    [
        ('include = ["EmailOpen", "users.messages.email.Clik"]', "email.Click'?"),
        ('exclude = ["users.messages.email.Clik"]', "email.Click'?"),
        ('exclude = ["users.messages.*.Clik"]', "no event type or class matches"),
        ('include = ["EmailClik"]', "Did you mean 'EmailClick'?"),
        ('include = ["users.messages.email.Clik"]', "select none of"),
        ('include = "delivery"\nexclude = "delivery"', "select none of"),
        ('exclude = ["CurrentsEvent"]', "select none of"),
        ("sample = {EmailSend = 10}", "write 0.1 for 10 %"),
        ('event_renames = {"Braze Email Clik" = "Click"}', "Did you mean 'Braze Email"),
    ],
)
def test_an_event_that_this_version_lacks_is_a_problem(
    run: Run, option: str, problem: str
) -> None:
    """So is a choice of events that leaves nothing."""
    Path("c.toml").write_text(f"[transform]\n{option}", encoding="utf-8")

    shown = run("check", "--config", "c.toml", "--json")

    checks = json.loads(shown.stdout)["checks"]
    assert shown.exit_code == 1
    assert any(problem in check["detail"] for check in checks if not check["ok"])


def test_misspelt_personal_field_is_pointed_out(run: Run) -> None:
    """It may be a field that is newer than its class, and is no problem then."""
    Path("c.toml").write_text(
        'transform.personal_fields = {emial_address = "drop"}', encoding="utf-8"
    )

    shown = run("check", "--config", "c.toml")

    assert shown.exit_code == 0
    assert "Did you mean 'email_address'?\n" in shown.stdout


def test_unreachable_host_is_a_problem(run: Run) -> None:
    """With advice."""
    with FakeHeap() as heap:
        url = heap.url

    found = findings(run, "--sink", f"heap:?app_id=1&base_url={url}&allow_http=1")

    assert problems(found) == ["host"]
    assert "ConnectError" in found["host"]["detail"]
    assert "region and base_url" in found["host"]["advice"]


@pytest.mark.parametrize(("key", "expected"), [("", ["API key"]), ("canary", [])])
def test_deletions_need_a_key(
    key: str, expected: list[str], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told from the environment, and never shown."""
    monkeypatch.setenv("HEAP_API_KEY", key)
    Path("c.json").write_text(
        '{"transform": {"deletions": true, "identity": "user_id"}}', encoding="utf-8"
    )

    with FakeHeap() as heap:
        spec = f"heap:?app_id=11&base_url={heap.url}&allow_http=1"
        found = findings(run, "--config", "c.json", "--sink", spec)

    assert expected == problems(found)
    assert "canary" not in json.dumps(found)


@pytest.mark.parametrize(
    ("config", "flaw"),
    [
        (
            "deletions = true",
            "transform.deletions (file c.toml): deletions cannot",
        ),
        (
            'deletions = true\nidentity = "user_id"\nexclude = ["UserDeleteRequest"]',
            "exclude removes users.UserDeleteRequest",
        ),
    ],
)
def test_deletions_that_reach_nobody_are_a_problem(
    config: str, flaw: str, run: Run
) -> None:
    """What the transformer would raise is a problem of the configuration."""
    Path("c.toml").write_text(f"[transform]\n{config}", encoding="utf-8")

    found = findings(run, "--config", "c.toml")

    assert problems(found) == ["configuration"]
    assert flaw in found["configuration"]["detail"]


def test_deletions_arrive_in_storage_files_alone(run: Run) -> None:
    """It is said, because a service that only receives requests deletes nobody."""
    Path("c.toml").write_text(
        '[transform]\ndeletions = true\nidentity = "user_id"', encoding="utf-8"
    )

    found = findings(run, "--config", "c.toml")

    assert problems(found) == []
    assert "only in storage files" in found["deletions"]["advice"]


def test_wrong_sink_is_a_problem(run: Run) -> None:
    """What is wrong with it is said."""
    found = findings(run, "--sink", "haep:?app_id=11")

    assert problems(found) == ["sink"]
    assert "Did you mean 'heap'" in found["sink"]["detail"]


@pytest.mark.parametrize("name", ["calls.jsonl", "calls.jsonl.gz"])
def test_a_file_with_other_content_is_a_problem(name: str, run: Run) -> None:
    """Calls that are appended to it could not be read."""
    Path(name).write_text("garbage", encoding="utf-8")

    found = findings(run, "--sink", f"file:{name}")

    assert problems(found) == ["sink"]
    assert f"{name} is not " in found["sink"]["detail"]


def test_file_that_is_not_there_is_not_made(run: Run, here: Path) -> None:
    """Opening it proves that it can be written, and leaves no trace."""
    found = findings(run, "--sink", "file:calls.jsonl")

    assert list(found) == [
        *("configuration", "events", "sink", "serve", "state", "disk"),
    ]
    assert list(here.iterdir()) == []


def test_dead_letter_is_measured(run: Run) -> None:
    """What it holds is a reason to look, and no problem."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    with SqliteDeadLetter("state.db") as store:
        store.append([DeadRecord.of(click_event(), "bad_time", "", at)])

    found = findings(run, "--state", "state.db")

    assert problems(found) == []
    assert "state.db has 1 dead letter, " in found["state"]["detail"]
    assert "dead-letters list state.db" in found["state"]["advice"]


def test_a_full_dead_letter_is_a_problem_until_it_is_emptied(run: Run) -> None:
    """Its file keeps its size, which is no problem."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    big = DeadRecord.of(click_event(properties={"x": "x" * 200_000}), "bad", "", at)
    with SqliteDeadLetter("state.db") as store:
        store.append([big])

    full = findings(run, "--max-bytes", 100_000)
    with SqliteDeadLetter("state.db") as store:
        store.forget([big.key])
    emptied = findings(run, "--max-bytes", 100_000)

    assert problems(full) == ["state"]
    assert problems(emptied) == []


@pytest.mark.parametrize("path", ["no/such/state.db", "text.txt"])
def test_unusable_dead_letter_is_a_problem(path: str, run: Run) -> None:
    """A folder that is not there, or a file that is something else."""
    Path("text.txt").write_text(
        "hello, I am longer than a header of SQLite is", encoding="utf-8"
    )

    assert problems(findings(run, "--state", path)) == ["state"]
    assert Path("text.txt").read_text(encoding="utf-8").startswith("hello")


@pytest.mark.parametrize(
    ("args", "token", "state", "said"),
    [
        ((), "canary-canary-canary", "OK", "set, from the variable 'BRAZE_TOKEN'"),
        ((), "canary", "OK", "fewer than 16 characters (6)"),
        ((), "Bearer canary-canary-canary", "PROBLEM", "without the word Bearer"),
        ((), "'canary-canary-canary'", "PROBLEM", "without quotes"),
    ],
)
def test_the_token_is_looked_at_and_not_shown(
    run: Run,
    args: tuple[str, ...],
    token: str,
    state: str,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What Braze would never send is a problem, what can be guessed a warning."""
    monkeypatch.setenv("BRAZE_TOKEN", token)

    result = run("check", "--sink", "file:calls.jsonl", "--json", *args)

    (found,) = [c for c in json.loads(result.stdout)["checks"] if c["check"] == "token"]
    assert (result.exit_code == 0, found["ok"]) == (state == "OK", state == "OK")
    assert said in f"{found['detail']} {found['advice']}"
    assert "canary" not in result.output


def test_a_path_that_cannot_be_looked_at_is_a_problem(run: Run, here: Path) -> None:
    """Here links that lead to themselves; elsewhere a folder of another user."""
    for name in ("state.db", "calls.jsonl"):
        Path(name).symlink_to(name)

    found = findings(run, "--state", "state.db", "--sink", "file:calls.jsonl")

    assert problems(found) == ["sink", "state"]
    assert "symbolic links" in found["state"]["detail"]


def test_each_value_is_shown_with_its_place(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of secrets only that they are set."""
    Path("c.toml").write_text(
        "[sink]\nkind = 'memory'\n[serve]\ngrace = 9", encoding="utf-8"
    )
    monkeypatch.setenv("BRAZE_HEAP_LOG__LEVEL", "debug")
    monkeypatch.setenv("BRAZE_TOKEN", "canary-canary-canary")

    shown = run("check", "--config", "c.toml", "--state", "s.db", "--json")

    text = run("check", "--config", "c.toml", "--state", "s.db").stdout
    assert re.search(r"^  state.path +s.db +option --state$", text, re.MULTILINE)
    values = json.loads(shown.stdout)["values"]
    found = {each["key"]: (each["value"], each["source"]) for each in values}
    assert found["state.path"] == ("s.db", "option --state")
    assert found["log.level"] == ("debug", "variable BRAZE_HEAP_LOG__LEVEL")
    assert found["serve.grace"] == ("9", "file c.toml")
    assert found["serve.port"] == ("8080", "default")
    assert found["serve.token"] == ("set", "variable BRAZE_TOKEN")
    assert "canary" not in shown.output


@pytest.mark.parametrize(
    ("name", "is_well"), [("BRAZE_HEAP_SERVE_PROT", False), ("BRAZE_HEAP_XYZ", True)]
)
def test_a_variable_that_is_nearly_a_key_is_a_problem(
    name: str, is_well: bool, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "1")

    found = findings(run)

    assert found["variables"]["ok"] is is_well
    assert name in found["variables"]["detail"]


def test_every_error_of_a_configuration_is_a_problem(run: Run) -> None:
    Path("c.toml").write_text("[serve]\nport = 'x'\nhots = 'y'", encoding="utf-8")

    shown = run("check", "--config", "c.toml", "--token-env", "NO_SUCH")

    assert shown.exit_code == 1
    assert "--token-env: the variable NO_SUCH is not set" in shown.stdout
    assert shown.stdout.endswith("\n3 problems\n")


def test_storage_is_listed(run: Run, here: Path) -> None:
    """A folder with files is well, an empty one is a problem."""
    (here / "files").mkdir()
    empty = findings(run, "files")
    (here / "files" / "a.jsonl").touch()

    assert problems(empty) == ["storage"]
    assert problems(findings(run, "files")) == []


def test_a_full_disk_is_a_problem(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = SimpleNamespace(free=1 << 20)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)

    assert problems(findings(run)) == ["disk"]


def test_a_file_of_a_variable_configures_every_command(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`send` delivers to the sink of the file, unless it is a dry run."""
    Path("c.toml").write_text(
        "[sink]\nkind = 'file'\npath = 'calls.jsonl'\n[state]\npath = 'own.db'",
        encoding="utf-8",
    )
    Path("events.jsonl").write_bytes(lines([click_event(1), click_event(2, time=None)]))
    monkeypatch.setenv("BRAZE_HEAP_CONFIG", "c.toml")

    dry = run("send", "events.jsonl", "--dry-run")
    assert "nothing was sent" in dry.stdout
    assert not Path("calls.jsonl").exists()
    sent = run("send", "events.jsonl")
    assert (dry.exit_code, sent.exit_code) == (0, 0)
    assert Path("calls.jsonl").read_bytes().count(b"\n") == 1
    assert "1 dead letter in own.db" in run("dead-letters", "list").stdout
    assert run("dead-letters", "replay").exit_code == 0


def test_the_example_is_a_configuration(run: Run) -> None:
    Path("service.toml").write_text(run("config").stdout, encoding="utf-8")

    assert problems(findings(run, "--config", "service.toml")) == []


TOKEN = "canary-token-of-the-tests"


@pytest.mark.parametrize(
    ("toml", "words", "place"),
    [
        ("", ["--token-env", "MISSING"], "configuration"),
        ("", ["--token-env", "TOKEN"], "serve"),  # without a sink
        ("[log]\nformat = 'json'", [], "serve"),  # without token and sink
        ("[serve]\nhost = '0.0.0.0'", [], "serve"),
        ("[serve]\nhost = 'http://0.0.0.0'", ["--token-env", "TOKEN"], "serve"),
        ("[serve]\nhost = 'a..b'", [], "serve"),
        ("[serve]\nhost = '192.0.2.1'\ntoken_env = 'TOKEN'", [], "serve"),
        ("", ["--sink", "file:state.db"], "sink"),
        ("", ["--sink", "file:state.db-wal"], "sink"),
        ("", ["--sink", "file:c.toml"], "sink"),
        ("", ["--state", ":memory:"], "configuration"),
        ("", ["--state", "file:state.db"], "configuration"),
        ("", ["--state", "dangling.db"], "state"),
    ],
)
def test_what_serve_would_refuse_is_a_problem(
    toml: str,
    words: list[str],
    place: str,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`serve` ends with status 2 for the same configuration."""
    monkeypatch.delenv("BRAZE_TOKEN", raising=False)
    monkeypatch.setenv("TOKEN", TOKEN)
    Path("c.toml").write_text(toml, encoding="utf-8")
    Path("dangling.db").symlink_to("no/folder")

    found = findings(run, "--config", "c.toml", *words)
    served = run("serve", "--config", "c.toml", "--port", 0, *words)

    assert place in problems(found)
    assert served.exit_code == 2


def test_a_blank_token_is_a_problem(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that is set shows that somebody wants to serve."""
    monkeypatch.setenv("BRAZE_TOKEN", " ")

    found = findings(run, "--sink", "file:calls.jsonl")

    assert problems(found) == ["serve"]
    assert "BRAZE_TOKEN contains no token" in found["serve"]["detail"]


@pytest.mark.parametrize(
    ("answer", "expected"), [(b"alive\n", []), (b"something else", ["serve"])]
)
def test_a_port_in_use_is_a_problem_unless_by_the_service(
    answer: bytes,
    expected: list[str],
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`check` also runs beside the service, in its container."""
    monkeypatch.setenv("BRAZE_TOKEN", TOKEN)
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(answer)}\r\n\r\n".encode()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        monkeypatch.setenv("BRAZE_HEAP_SERVE__PORT", str(listener.getsockname()[1]))

        def respond() -> None:
            connection, _ = listener.accept()
            connection.recv(1_000)
            connection.sendall(head + answer)
            connection.close()

        thread = threading.Thread(target=respond)
        thread.start()
        found = findings(run, "--sink", "file:calls.jsonl")
        thread.join()

    assert problems(found) == expected


def test_a_port_that_is_free_stays_free(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tried, and left."""
    monkeypatch.setenv("BRAZE_TOKEN", TOKEN)
    monkeypatch.setenv("BRAZE_HEAP_SERVE__PORT", "0")

    found = findings(run, "--sink", "file:calls.jsonl")

    assert found["serve"]["detail"] == "can listen on 127.0.0.1, port 0"


def test_the_example_replaces_no_file(run: Run) -> None:
    Path("service.toml").write_text("edited", encoding="utf-8")

    shown = run("config", "-o", "service.toml")

    assert shown.exit_code == 2
    assert "service.toml exists: remove it, or name another file." in shown.stderr
    assert Path("service.toml").read_text(encoding="utf-8") == "edited"


def test_an_error_of_a_sink_names_its_file_or_variable(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("c.toml").write_text('sink.spec = "heap:?app_id=1&app_id=2"', encoding="utf-8")
    in_file = findings(run, "--config", "c.toml")["sink"]["detail"]
    monkeypatch.setenv("BRAZE_HEAP_SINK__SPEC", "file:no/such/file")
    in_variable = findings(run)["sink"]["detail"]

    assert in_file == (
        "[sink] (file c.toml): app_id is given twice: remove one of them"
    )
    assert in_variable == (
        "[sink] (variable BRAZE_HEAP_SINK__SPEC): the sink 'file' cannot be opened: "
        f"[Errno 2] No such file or directory: {str(Path('no/such/file').absolute())!r}"
    )


def test_a_folder_of_the_state_that_is_missing_is_named(run: Run, here: Path) -> None:
    """The state cannot be created when it is needed."""
    shown = run("check", "--state", "nodir/x.db")

    assert shown.exit_code == 1
    words = " ".join(shown.stdout.split())
    assert f"PROBLEM state {here / 'nodir'} cannot be written Make the dir" in words
    assert "will be created" not in words
