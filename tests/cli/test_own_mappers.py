"""A team's own mappers on the command line."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import braze_heap as bh
from braze_heap.sinks import JsonLinesSink
from braze_heap.state import SqliteDeadLetter
from braze_heap.testing import make_raw
from tests.cli.conftest import MAIN, Run, click_event, lines, start

MODULE = """
import braze_heap as bh
from braze_heap.events import EmailClick

mappers = bh.Mappers()


@mappers.maps(EmailClick)
def newsletter_click(event):
    return bh.HeapEvent("Newsletter Click", {"link": event.link_alias})


registry = bh.DEFAULT_MAPPERS | mappers.registry()
transformer = bh.Transformer(registry, identity="user_id")
number = 5


class Factory:
    own = transformer

    def __call__(self, config):
        return make(config)


factory = Factory()


def make(config):
    return config.transformer(registry)


def without_argument():
    return transformer


def returns_registry(config):
    return registry


async def later(config):
    return transformer


def divides(config):
    return 1 / 0
"""


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Work in a folder with mappers, where Python alone does not look for modules."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = {*sys.modules}
    (tmp_path / "mappers.py").write_text(MODULE)
    (tmp_path / "events.jsonl").write_bytes(lines([click_event(1)]))
    yield tmp_path
    for name in {*sys.modules} - before:
        if not name.startswith("braze_heap"):
            sys.modules.pop(name)


def names(output: str) -> list[str]:
    """Return the names of the events in *output*."""
    return [json.loads(line)["event"] for line in output.splitlines()]


ALL = ["mappers", "registry", "transformer", "make", "factory", "factory.own"]


@pytest.mark.parametrize("name", ALL)
def test_every_kind_of_object_maps(run: Run, name: str) -> None:
    """A collector, a registry, a transformer, and anything callable that makes one."""
    done = run("transform", "events.jsonl", "--transformer", f"mappers:{name}")

    assert done.exit_code == 0
    assert names(done.stdout) == ["Newsletter Click"]


def test_collector_alone_warns_that_the_rest_is_skipped(run: Run) -> None:
    """It means what it means in Python: there are no other mappers."""
    Path("entry.jsonl").write_bytes(lines([make_raw("users.canvas.Entry")]))

    done = run("transform", "-q", "entry.jsonl", "--transformer", "mappers:mappers")

    assert done.stdout == ""
    assert done.stderr.startswith("Warning: mappers:mappers has your own mappers only")


@pytest.mark.parametrize("name", ["mappers", "registry", "make"])
def test_other_options_apply(
    run: Run, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Options, variables and the file are in force for a team's mappers."""
    Path("c.toml").write_text(
        'transform.fixed_properties = {source = "braze"}', encoding="utf-8"
    )
    monkeypatch.setenv("BRAZE_HEAP_TRANSFORM__PROPERTY_PREFIX", "b_")
    words = ("--config", "c.toml", "--identity", "user_id")

    done = run("transform", "events.jsonl", "--transformer", f"mappers:{name}", *words)

    (call,) = map(json.loads, done.stdout.splitlines())
    assert call["identity"] == "braze-1"
    assert call["properties"]["source"] == "braze"


@pytest.mark.parametrize(
    ("words", "variables", "named"),
    [
        (["--identity", "user_id"], {}, "identity (option --identity)"),
        (["--personal-data", "keep"], {}, "personal_data (option --personal-data)"),
        (["--config", "c.toml"], {}, "local_time (file c.toml)"),
        (["--include", "engagement"], {}, "include (option --include)"),
        (["--exclude", "EmailSend"], {}, "exclude (option --exclude)"),
        (
            [],
            {"BRAZE_HEAP_TRANSFORM__INCLUDE": "engagement"},
            "include (variable BRAZE_HEAP_TRANSFORM__INCLUDE)",
        ),
    ],
)
def test_finished_transformer_takes_no_other_option(
    words: list[str],
    variables: dict[str, str],
    named: str,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An option that would have no effect is an error that names it."""
    Path("c.toml").write_text("transform.local_time = true", encoding="utf-8")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    done = run(
        "transform", "events.jsonl", "--transformer", "mappers:transformer", *words
    )

    assert done.exit_code == 2
    assert (
        f"finished Transformer, so transform.{named} would have no effect"
        in done.stderr
    )
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("spec", "flaw"),
    [
        ("mappers", "'mappers' cannot be imported: it is not of the form module:name"),
        ("mappers.py:registry", "no module 'mappers.py'"),
        (":registry", "is not of the form module:name"),
        ("../mappers:registry", "is not of the form module:name"),
        ("mapperz:registry", "there is no module 'mapperz'.*Did you mean 'mappers'"),
        (
            "mappers:transfomer",
            "mappers has no 'transfomer'. Did you mean 'transformer'",
        ),
        ("mappers:factory.oven", "mappers.factory has no 'oven'"),
        ("mappers:number", "not an int. Name a registry or Mappers"),
        ("mappers:Factory", "is the class Factory. Name a registry or Mappers, a"),
        ("mappers:without_argument", "but is called with a TransformConfig"),
        ("mappers:returns_registry", "not a Transformer. Name a registry or"),
        ("mappers:later", "is async, but it is called without await"),
        (
            "mappers:divides",
            r'mappers.py", line \d+, in divides(.|\n)*ZeroDivisionError',
        ),
        ("mappers:newsletter_click", "called with a TransformConfig:(.|\n)*link_alias"),
        ("needs:x", r'needs.py", line 1(.|\n)*No module named .not_there.'),
        ("broken:x", r'broken.py", line 2(.|\n)*SyntaxError'),
        ("raises:x", r'raises.py", line 1(.|\n)*ZeroDivisionError'),
        ("quits:x", r'quits.py", line 1(.|\n)*SystemExit'),
    ],
)
def test_what_cannot_be_a_transformer_is_an_error(
    spec: str, flaw: str, run: Run
) -> None:
    """The error says what failed, where, and what to name instead."""
    Path("needs.py").write_text("import not_there\n", encoding="utf-8")
    Path("broken.py").write_text("a = 1\ndef f(:\n", encoding="utf-8")
    Path("raises.py").write_text("1 / 0\n", encoding="utf-8")
    Path("quits.py").write_text("raise SystemExit(0)\n", encoding="utf-8")

    done = run("transform", "events.jsonl", "--transformer", spec)

    assert done.exit_code == 2
    assert done.stdout == ""
    assert "config/_load.py" not in done.stderr
    assert "importlib" not in done.stderr
    assert re.search(flaw, done.stderr)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_use_the_mappers_of_the_team(here: Path, method: str) -> None:
    """Several jobs give the output of one, however processes are started."""
    Path("more.jsonl").write_bytes(lines([click_event(n) for n in range(500)]))
    code = (
        "import multiprocessing\n"
        "if __name__ == '__main__':\n"
        f"    multiprocessing.set_start_method({method!r})\n"
        f"    {MAIN}"
    )
    Path("run.py").write_text(code.replace("; ", "\n    "), encoding="utf-8")

    words = ("transform", "events.jsonl", "more.jsonl", "--transformer", "mappers:make")
    process = start(
        *words,
        "--jobs",
        2,
        code="import runpy; runpy.run_path('run.py', run_name='__main__')",
    )
    out, err = process.communicate(timeout=60)

    assert process.returncode == 0, err
    assert {*names(out.decode())} == {"Newsletter Click"}
    assert len(out.splitlines()) == 501


def test_plan_shows_the_events_of_the_team(run: Run) -> None:
    """What a privacy officer reads is what is sent."""
    done = run("plan", "--format", "csv", "--transformer", "mappers:registry")

    assert "Newsletter Click" in done.stdout
    assert "Braze Email Click" not in done.stdout
    assert "Braze Email Open" in done.stdout


def test_explain_names_the_mapper_of_the_team(run: Run) -> None:
    """
    The explanation follows the event through the team's mapper, and shows its options.
    """
    done = run("explain", "events.jsonl", "--transformer", "mappers:transformer")

    assert "newsletter_click" in done.stdout
    assert '"event": "Newsletter Click"' in done.stdout
    assert "transformer    mappers:transformer" in done.stdout
    assert "identity       user_id" in done.stdout
    assert "None" not in done.stdout


def test_check_shows_the_transformer(run: Run) -> None:
    """One that cannot be imported is a problem, one that can is named."""
    good = run("check", "--transformer", "mappers:registry")
    bad = run("check", "--transformer", "mapperz:registry")

    assert "transformer = mappers:registry" in good.stdout
    assert "PROBLEM  configuration" in bad.stdout
    assert "no module 'mapperz'. Did you mean 'mappers'?" in " ".join(
        bad.stdout.split()
    )
    assert (good.exit_code, bad.exit_code) == (0, 1)


def test_send_delivers_what_the_team_maps(run: Run) -> None:
    """Sent, and in a dry run counted, is what the team's mappers return."""
    words = ("events.jsonl", "--transformer", "mappers:registry")

    dry = run("send", *words)
    sent = run("send", *words, "--sink", "file:calls.jsonl")

    assert (dry.exit_code, sent.exit_code) == (0, 0)
    assert names(Path("calls.jsonl").read_text(encoding="utf-8")) == [
        "Newsletter Click"
    ]


def test_replay_sends_what_the_team_maps(run: Run) -> None:
    """A record whose mapper was fixed goes out under the team's name."""

    def fails(_: Any) -> None:
        raise ValueError

    fails.__module__, fails.__qualname__ = "mappers", "newsletter_click"
    registry = bh.DEFAULT_MAPPERS.override("users.messages.email.Click", fails)
    with SqliteDeadLetter("state.db") as store, JsonLinesSink("calls.jsonl") as sink:
        bh.Pipeline(bh.Transformer(registry), sink, store).run([click_event(1)])
        assert store.stats().records == 1

    words = ("--sink", "file:calls.jsonl", "--transformer", "mappers:registry")
    done = run("dead-letters", "replay", "state.db", *words)

    assert done.exit_code == 0
    assert names(Path("calls.jsonl").read_text(encoding="utf-8")) == [
        "Newsletter Click"
    ]
