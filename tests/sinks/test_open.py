"""
Tests of sinks from one line of text.
"""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from braze_heap.sinks import (
    ConsoleSink,
    HeapSink,
    JsonLinesSink,
    MemorySink,
    SinkSpecError,
    open_sink,
)
from tests.sinks.support import track


class StrangerSink(MemorySink):
    """
    What somebody else would write.
    """

    def __init__(self, bucket: str = "none", *, region: str = "nowhere") -> None:
        super().__init__()
        self.where = (bucket, region)


@pytest.fixture
def acme(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Install a package with a sink.
    """
    module = ModuleType("acme_sinks")
    module.__dict__["StrangerSink"] = StrangerSink
    monkeypatch.setitem(sys.modules, "acme_sinks", module)


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        ("-", JsonLinesSink),
        ("console:", ConsoleSink),
        ("memory:", MemorySink),
        ("heap:?app_id=11", HeapSink),
        ("heap:?app_id=11&region=eu&deadline=5&allow_http=no", HeapSink),
    ],
)
def test_shipped_sinks(spec: str, kind: type) -> None:
    """
    Each of them is one line.
    """
    with open_sink(spec) as sink:
        assert isinstance(sink, kind)


def test_files(tmp_path: Path) -> None:
    """
    A path, and a size to rotate at.
    """
    with open_sink(f"file:{tmp_path}/out.jsonl?max_bytes=10") as sink:
        sink.send([track(1)])
        sink.send([track(2)])

    assert {file.name for file in tmp_path.iterdir()} == {"out.jsonl", "out.1.jsonl"}


def test_options_of_heap() -> None:
    """
    They arrive as what they mean.
    """
    sink = open_sink("heap:?app_id=11&base_url=http://127.0.0.1:9&allow_http=yes")

    assert repr(sink) == "HeapSink(app_id='11', base_url='http://127.0.0.1:9')"


def test_import_string(acme: None) -> None:
    """
    A sink of another package needs no registration.
    """
    sink: Any = open_sink("acme_sinks:StrangerSink?region=eu")

    assert sink.where == ("none", "eu")


def test_entry_point(acme: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A sink of another package can have a name.
    """
    point = importlib.metadata.EntryPoint(
        "acme", "acme_sinks:StrangerSink", "braze_heap.sinks"
    )

    def entry_points(**wanted: str) -> importlib.metadata.EntryPoints:
        return importlib.metadata.EntryPoints([point]).select(**wanted)

    monkeypatch.setattr("braze_heap.sinks._open.entry_points", entry_points)

    sink: Any = open_sink("acme:bucket-1?region=eu")

    assert sink.where == ("bucket-1", "eu")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("", "scheme:target"),
        ("heap", "scheme:target"),
        ("haep:?app_id=1", "Did you mean 'heap'"),
        ("no.such.module:sink", "no sink is called"),
        ("os:no_such", "os has no 'no_such'"),
        ("heap:", "app_id=YOUR_APP_ID"),
        ("heap:?app_id=1&regin=eu", "no option 'regin'"),
        ("heap:?app_id=1&allow_http=maybe", "a switch"),
        ("heap:?app_id=1&base_url=http://x.y", "allow_http"),
        ("heap:?app_id=1&api_key=canary", "api_key_env"),
        ("memory:?my_api_key=canary", "my_api_key_env"),
        ("heap:?app_id=1&deadline=canary", "could not convert"),
        ("heap:?app_id=1&region=canary", "'us' or 'eu'"),
        ("heap:?app_id=1&api_key_env=NO_SUCH_VARIABLE", "NO_SUCH_VARIABLE"),
        ("file:", "does not take"),
        ("file:/no/such/directory/x", "No such file"),
        ("memory:?a=1", "does not take"),
    ],
)
def test_errors_say_what_to_write(spec: str, message: str) -> None:
    """
    A wrong line is an error at once, with advice and without secrets.
    """
    with pytest.raises(SinkSpecError, match=message) as caught:
        open_sink(spec)

    assert "canary" not in str(caught.value)


def test_the_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Secrets are named, not written.
    """
    monkeypatch.setenv("HEAP_KEY", "canary")

    sink: Any = open_sink("heap:?app_id=11&api_key_env=HEAP_KEY")

    assert sink._core.settings.api_key.reveal() == "canary"
