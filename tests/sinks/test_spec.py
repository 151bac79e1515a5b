"""Tests of sink specs."""

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


class ThirdPartySink(MemorySink):
    """Sink of another package."""

    def __init__(self, bucket: str = "none", *, region: str = "nowhere") -> None:
        super().__init__()
        self.where = (bucket, region)


class AsyncThirdPartySink:
    """A sink for `AsyncPipeline`."""

    async def send(self, calls: Any, /) -> Receipt:
        """Take *calls*."""
        return Receipt(len(calls))

    async def close(self) -> None:
        """Do nothing."""


NUMBER = 5
bound_system = functools.partial(system, "touch canary")


def makes_a_number() -> int:
    """Factory whose annotation is not a sink."""
    raise AssertionError("it was called")


def makes_nothing() -> None:
    """Factory annotated with `None`."""
    raise AssertionError("it was called")


async def makes_later() -> MemorySink:
    """Async factory."""
    raise AssertionError("it was called")


def makes_async() -> AsyncThirdPartySink:
    """Factory of an async sink."""
    raise AssertionError("it was called")


ModuleOf = Callable[..., None]
"""Installs a module, by its name and what is in it."""


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ModuleOf:
    """Install modules, in *tmp_path* if they are files."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(name: str, **content: Any) -> None:
        made = ModuleType(name)
        made.__dict__.update(content)
        monkeypatch.setitem(sys.modules, name, made)

    return install


@pytest.fixture
def acme(module: ModuleOf) -> None:
    """Install a package with a sink."""
    module("acme_sinks", ThirdPartySink=ThirdPartySink)


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
def test_included_sinks_are_opened_by_name(spec: str, kind: type) -> None:
    """Each included sink has a spec."""
    with open_sink(spec) as sink:
        assert isinstance(sink, kind)


def test_a_file_has_a_path_and_a_size(tmp_path: Path) -> None:
    """The spec of a file has a path and a size for rotation."""
    with open_sink(f"file:{tmp_path}/out.jsonl?max_bytes=10") as sink:
        sink.send([track(1)])
        sink.send([track(2)])

    assert {file.name for file in tmp_path.iterdir()} == {"out.jsonl", "out.1.jsonl"}


def test_heap_options_are_converted() -> None:
    """Options of the Heap sink are converted from text."""
    sink = open_sink("heap:?app_id=11&base_url=http://127.0.0.1:9&allow_http=yes")

    assert repr(sink) == "HeapSink(app_id='11', base_url='http://127.0.0.1:9')"


def test_trust_env_is_a_boolean_option(monkeypatch: pytest.MonkeyPatch) -> None:
    """``trust_env`` is not the name of an environment variable."""
    monkeypatch.setenv("HTTPS_PROXY", "socks5://127.0.0.1:9")

    assert "HeapSink" in repr(open_sink("heap:?app_id=11&trust_env=0"))
    with pytest.raises(SinkSpecError, match="HTTPS_PROXY must be"):
        open_sink("heap:?app_id=11&trust_env=1")


def test_an_import_string_names_a_sink(acme: None) -> None:
    """A sink of another package does not need an entry point."""
    sink: Any = open_sink("acme_sinks:ThirdPartySink?region=eu")

    assert sink.where == ("none", "eu")


def test_factory_functions_are_accepted(module: ModuleOf) -> None:
    """Factories may be annotated, unannotated, bound, or use typing-only names."""

    def plain(region: str = "") -> Any:
        return ThirdPartySink(region=region)

    def checked_only() -> NoSuchName:  # type: ignore[name-defined]  # noqa: F821
        return ThirdPartySink(region="eu")

    plain.__annotations__.pop("return")
    bound = functools.partial(ThirdPartySink, region="eu")
    module("acme", plain=plain, checked_only=checked_only, bound=bound)

    for spec in ("acme:plain?region=eu", "acme:checked_only", "acme:bound"):
        sink: Any = open_sink(spec)
        assert sink.where == ("none", "eu")


def test_entry_point_names_a_sink(acme: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry point gives a sink of another package a name."""
    point = importlib.metadata.EntryPoint(
        "acme", "acme_sinks:ThirdPartySink", "braze_heap.sinks"
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
        ("heap:?app_id=1&app_id=2", "app_id is given twice: remove one of them"),
        ("heap:?app_id=1&trust_env=0&trust_env=0", "trust_env is given twice"),
        ("memory:?token=canary&token_env=PATH", "token is given twice"),
        ("heap:?app_id=YOUR_APP_ID", "app_id must be that under Manage"),
        ("heap:?app_id=11#x", "app_id must be that under Manage"),
        ("file:x?max_bytes=1_0", "is not a whole number"),
        ("file:x?max_bytes=", "is not a whole number"),
        ("heap:?app_id=1&allow_http=maybe", "is not true or false"),
        ("heap:?app_id=1&base_url=http://x.y", "allow_http"),
        ("heap:?app_id=1&api_key=canary", "api_key_env"),
        ("memory:?my_api_key=canary", "my_api_key_env"),
        ("heap:?app_id=1&deadline=canary", "is not a number"),
        ("heap:?app_id=1&region=canary", "one of us, eu"),
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
        ("tests.sinks.test_spec:AsyncThirdPartySink", "async"),
        ("file:/no/such/directory/x", "No such file"),
        ("memory:?a=1", r"unexpected keyword argument 'a'; its options are: none"),
    ],
)
def test_an_invalid_spec_is_an_error_with_advice(spec: str, message: str) -> None:
    """The error gives advice and does not show secrets."""
    with pytest.raises(SinkSpecError, match=message) as caught:
        open_sink(spec)

    assert "canary" not in str(caught.value)


def test_a_hint_names_a_sink_or_a_module_of_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package that happens to be installed, such as pytest, is not suggested."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.path_importer_cache, "", raising=False)  # another folder
    Path("acme_sinks.py").touch()
    hints = []
    for spec in ("acme_sink:Bucket", "haep:x", "pytezt:x"):
        with pytest.raises(SinkSpecError) as caught:
            open_sink(spec)
        hints += [str(caught.value).partition("Did you mean ")[2].partition(" ")[0]]

    assert hints == ["'acme_sinks'?", "'heap'?", ""]


def test_stdout_takes_no_options() -> None:
    """An option that is passed apart from the sink is not ignored."""
    with pytest.raises(SinkSpecError, match="scheme:target"):
        open_sink("-", api_key="canary")


def test_the_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret option names an environment variable."""
    monkeypatch.setenv("HEAP_KEY", "canary")

    sink: Any = open_sink("heap:?app_id=11&api_key_env=HEAP_KEY")

    assert sink._core.settings.api_key == "canary"


def test_secrets_are_hidden(monkeypatch: pytest.MonkeyPatch, module: ModuleOf) -> None:
    """The value of the variable is removed from the sink's own message."""
    monkeypatch.setenv("STRANGER_KEY", "canary")

    def refuse(key: str) -> MemorySink:
        raise ValueError(f"{key} is no key")

    module("stranger", make=refuse)

    with pytest.raises(SinkSpecError, match="… is no key"):
        open_sink("stranger:make?key_env=STRANGER_KEY")


def test_errors_of_a_module_are_not_hidden(module: ModuleOf, tmp_path: Path) -> None:
    """A missing import or a bug there is not reported as an unknown sink."""

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
