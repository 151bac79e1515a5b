"""
Tests of sinks from one line of text.
"""

from __future__ import annotations

import functools
import importlib.metadata
import sys
from collections.abc import Callable
from os import system
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from braze_heap.exceptions import SinkSpecError
from braze_heap.heap import HeapSink
from braze_heap.sinks import ConsoleSink, JsonLinesSink, MemorySink, Receipt, open_sink
from tests.heap.support import track


class StrangerSink(MemorySink):
    """
    What somebody else would write.
    """

    def __init__(self, bucket: str = "none", *, region: str = "nowhere") -> None:
        super().__init__()
        self.where = (bucket, region)


class AsyncStranger:
    """
    A sink for `AsyncPipeline`.
    """

    async def send(self, calls: Any, /) -> Receipt:
        """
        Take *calls*.
        """
        return Receipt(len(calls))

    async def close(self) -> None:
        """
        Do nothing.
        """


NUMBER = 5
bound_system = functools.partial(system, "touch canary")


def makes_a_number() -> int:
    """
    Say before the call that a sink is not to be had here.
    """
    raise AssertionError("it was called")


def makes_nothing() -> None:
    """
    Do something else than to make a sink.
    """
    raise AssertionError("it was called")


async def makes_later() -> MemorySink:
    """
    Make a sink that nobody awaits.
    """
    raise AssertionError("it was called")


def makes_async() -> AsyncStranger:
    """
    Make a sink of the wrong kind.
    """
    raise AssertionError("it was called")


ModuleOf = Callable[..., None]
"""Installs a module, by its name and what is in it."""


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleOf:
    """
    Install modules; those that are files lie in *tmp_path*.
    """
    monkeypatch.syspath_prepend(tmp_path)

    def install(name: str, **content: Any) -> None:
        made = ModuleType(name)
        made.__dict__.update(content)
        monkeypatch.setitem(sys.modules, name, made)

    return install


@pytest.fixture
def acme(module: ModuleOf) -> None:
    """
    Install a package with a sink.
    """
    module("acme_sinks", StrangerSink=StrangerSink)


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


def test_the_proxy_is_a_switch(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    ``trust_env`` is an option of Heap's, not the name of a variable.
    """
    monkeypatch.setenv("HTTPS_PROXY", "socks5://127.0.0.1:9")

    assert "HeapSink" in repr(open_sink("heap:?app_id=11&trust_env=0"))
    with pytest.raises(SinkSpecError, match="HTTPS_PROXY is written"):
        open_sink("heap:?app_id=11&trust_env=1")


def test_import_string(acme: None) -> None:
    """
    A sink of another package needs no registration.
    """
    sink: Any = open_sink("acme_sinks:StrangerSink?region=eu")

    assert sink.where == ("none", "eu")


def test_functions_that_make_sinks(module: ModuleOf) -> None:
    """
    With an annotation or without, with names that only a type checker has, bound.
    """

    def plain(region: str = "") -> Any:
        return StrangerSink(region=region)

    def checked_only() -> NoSuchName:  # type: ignore[name-defined]  # noqa: F821
        return StrangerSink(region="eu")

    plain.__annotations__.pop("return")
    bound = functools.partial(StrangerSink, region="eu")
    module("acme", plain=plain, checked_only=checked_only, bound=bound)

    for spec in ("acme:plain?region=eu", "acme:checked_only", "acme:bound"):
        sink: Any = open_sink(spec)
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

    monkeypatch.setattr("braze_heap.sinks._spec.entry_points", entry_points)

    sink: Any = open_sink("acme:bucket-1?region=eu")

    assert sink.where == ("bucket-1", "eu")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("", "scheme:target"),
        ("heap", "scheme:target"),
        ("haep:?app_id=1", "Did you mean 'heap'"),
        ("no.such.module:sink", "unknown sink"),
        ("tests.sinks.test_spec:no_such", "test_spec has no 'no_such'"),
        ("os:system?command=touch+canary", "os is part of Python's standard library"),
        ("subprocess:run?args=canary", "standard library, which has no sinks"),
        ("shutil:rmtree?path=canary", "standard library, which has no sinks"),
        ("socket:socket", "standard library, which has no sinks"),
        ("os.path:exists?path=canary", "standard library, which has no sinks"),
        ("antigravity:fly", "standard library, which has no sinks"),
        ("heap:", "app_id=YOUR_APP_ID"),
        ("heap:?app_id=1&regin=eu", "no option 'regin'"),
        ("heap:?app_id=1&allow_http=maybe", "a switch"),
        ("heap:?app_id=1&base_url=http://x.y", "allow_http"),
        ("heap:?app_id=1&api_key=canary", "api_key_env"),
        ("memory:?my_api_key=canary", "my_api_key_env"),
        ("heap:?app_id=1&deadline=canary", "could not convert"),
        ("heap:?app_id=1&region=canary", "'us' or 'eu'"),
        ("heap:?app_id=1&api_key_env=NO_SUCH_VARIABLE", "NO_SUCH_VARIABLE"),
        ("file:", "write file:PATH"),
        ("file:x?max_bytes=0", "at least 1"),
        ("heap:11", "app_id=YOUR_APP_ID"),
        ("console:x", "too many positional"),
        ("console:?stream=x", "unexpected keyword argument 'stream'"),
        ("tests.sinks.test_spec:ModuleOf", "part of Python's standard library"),
        ("tests.sinks.test_spec:NUMBER", "it is not a class or a function"),
        ("tests.sinks.test_spec:Path?canary=1", "part of Python's standard library"),
        ("tests.sinks.test_spec:system?command=canary", "Python's standard library"),
        ("tests.sinks.test_spec:bound_system", "part of Python's standard library"),
        ("tests.sinks.test_spec:Receipt", "it is not a sink: send is missing"),
        ("tests.sinks.test_spec:makes_a_number", "it is not a sink: send is missing"),
        ("tests.sinks.test_spec:makes_nothing", "it is not a sink: send is missing"),
        ("tests.sinks.test_spec:makes_later", "it is an async function"),
        ("tests.sinks.test_spec:makes_async", "it is an async sink"),
        ("tests.sinks.test_spec:AsyncStranger", "async"),
        ("file:/no/such/directory/x", "No such file"),
        ("memory:?a=1", r"unexpected keyword argument 'a'; it takes nothing"),
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


def test_no_secret_is_quoted(monkeypatch: pytest.MonkeyPatch, module: ModuleOf) -> None:
    """
    What a variable holds is in no error, in whatever words the sink complains.
    """
    monkeypatch.setenv("STRANGER_KEY", "canary")

    def refuse(key: str) -> MemorySink:
        raise ValueError(f"{key} is no key")

    module("stranger", make=refuse)

    with pytest.raises(SinkSpecError, match="… is no key"):
        open_sink("stranger:make?key_env=STRANGER_KEY")


def test_an_error_of_the_sink_is_its_own(module: ModuleOf, tmp_path: Path) -> None:
    """
    A package that is missing there, or a slip in its code, is not taken for a typo.
    """

    def slip() -> MemorySink:
        return {}["x"]  # type: ignore[no-any-return, misc]

    module("stranger", make=slip)
    (tmp_path / "stranger_needs.py").write_text("import no_such_package")
    (tmp_path / "stranger_slips.py").write_text("import os; os.no_such_thing")

    with pytest.raises(KeyError, match="x"):
        open_sink("stranger:make")
    with pytest.raises(ModuleNotFoundError, match="no_such_package"):
        open_sink("stranger_needs:make")
    with pytest.raises(AttributeError, match="no_such_thing"):
        open_sink("stranger_slips:make")
