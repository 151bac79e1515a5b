"""``--state`` with the URL of a database, here a file of SQLite."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run

pytest.importorskip("sqlalchemy", reason="needs the extra engines")

SECRET = "postgresql://user:secret@127.0.0.1:1/name?sslpassword=secret"


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Go to an empty folder with one bad event; return the URL of a database."""
    monkeypatch.chdir(tmp_path)
    Path("bad.json").write_text('[{"id": "bad"}]', encoding="utf-8")
    return "sqlite:///state.sqlite"


def test_each_command_takes_a_database(run: Run, url: str) -> None:
    """The state of one command is that of the next."""
    sent = run("send", "bad.json", "--sink", "file:calls.jsonl", "--state", url)
    assert sent.exit_code == 0
    assert f"dead-lettered  1  in {url}" in sent.stdout

    listed = run("dead-letters", "list", url, "--json")
    assert json.loads(listed.stdout)["records"] == 1
    assert f"{url} has 1 dead letter" in run("check", "--state", url).stdout
    assert '"id":"bad"' in run("dead-letters", "export", url).stdout
    replay = run("dead-letters", "replay", url, "--sink", "file:calls.jsonl")
    assert replay.exit_code == 0
    assert "1 dead letter removed" in (
        run("dead-letters", "purge", url, "--all", "--yes").output
    )
    assert json.loads(run("dead-letters", "list", url, "--json").stdout)["records"] == 0


def test_a_database_has_no_cap(run: Run, url: str) -> None:
    """So --max-bytes is an error, in place of being ignored."""
    sent = run(
        "send", "bad.json", "--state", url, "--max-bytes", 100_000, "--sink", "-"
    )

    assert sent.exit_code == 2
    assert "--max-bytes is for a state in a file" in sent.stderr


def test_a_wrong_url_is_explained(run: Run, url: str) -> None:
    """Before anything is sent."""
    sent = run("send", "bad.json", "--state", "mysql://h/d", "--sink", "-")

    assert sent.exit_code == 2
    assert "works with PostgreSQL, not with mysql" in sent.stderr


def test_an_outage_lets_a_command_be_repeated(run: Run, url: str) -> None:
    """The exit status says so, and the password is not shown."""
    pytest.importorskip("psycopg", reason="needs the extra engines")
    send = "send", "bad.json", "--sink", "-", "--patience", 0

    sent = run(*send, "--state", SECRET)

    assert sent.exit_code == 75
    assert "Connection refused" in sent.stderr
    assert "secret" not in sent.output


def test_a_backfill_keeps_its_progress_in_a_database(run: Run, url: str) -> None:
    """A second run finds nothing left to deliver."""
    Path("currents").mkdir()
    Path("bad.json").rename("currents/bad.json")
    command = "backfill", "currents", "--sink", "file:calls.jsonl", "--state", url

    first, second = (json.loads(run(*command, "--json").stdout) for _ in range(2))

    assert (first["done"], first["done_before"]) == (1, 0)
    assert (second["done"], second["done_before"]) == (1, 1)
