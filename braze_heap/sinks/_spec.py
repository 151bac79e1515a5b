"""Sink specs: one line of text for command lines and configuration files."""

from __future__ import annotations

import functools
import importlib
import inspect
import os
import sys
import typing
import urllib.parse
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from typing import Any, Final, TypeAlias

from braze_heap._errors import requires_extra
from braze_heap._options import from_text, number
from braze_heap._text import did_you_mean
from braze_heap._wiring import UnknownNameError, import_named, kind_of
from braze_heap.exceptions import SinkSpecError
from braze_heap.sinks._local import NO_URL, ConsoleSink, JsonLinesSink, MemorySink
from braze_heap.sinks._protocol import Sink
from braze_heap.wire._source import is_url

GROUP: Final = "braze_heap.sinks"
"""Entry point group in which `open_sink` looks up names."""

SinkFactory: TypeAlias = Callable[..., Sink]
"""
Class or function that returns a sink. Its argument is the text between the colon and
the question mark, if any; options are keyword arguments. All are strings.
"""


def open_sink(spec: str, **more: str) -> Sink:
    """
    Open the sink that *spec* names.

    A spec is code: it imports a module and calls a factory with the options. Accept it
    only from people who may deploy code, never from a request or an event. Some
    factories are rejected before the call: a class without `send` and `close`, a
    function whose return annotation is not a sink, and any part of Python's standard
    library.

    Args:
        spec: ``heap:?app_id=11&region=eu``, ``file:out.jsonl.gz``, ``console:``,
            ``memory:``, or ``-`` for JSON lines on standard output. A name from the
            entry point group ``braze_heap.sinks``, or an import string:
            ``acme:bucket?region=eu``, ``acme.sinks:make_sink?region=eu``. A secret is
            read from an environment variable: ``api_key_env=KEY``.
        more: Further options, such as an ``api_key`` that was read elsewhere. No
            message contains their values.

    Raises:
        SinkSpecError: *spec* does not name a sink, or an option is invalid.
        Exception: Exceptions of importing or creating a third-party sink.
    """
    if not isinstance(spec, str):
        raise TypeError(f"open_sink needs a string, not {kind_of(spec)}")
    if spec == "-" and not more:
        return JsonLinesSink(sys.stdout)
    name, colon, rest = spec.partition(":")
    if not colon:
        raise SinkSpecError(
            "a sink spec is scheme:target?options, such as heap:?app_id=11 or "
            "file:calls.jsonl"
        )
    target, _, query = rest.partition("?")
    factory = _BUILT_IN.get(name)
    if factory is None:
        installed = entry_points(group=GROUP, name=name)
        factory = next((found.load() for found in installed), None)
    if factory is None and is_url(spec):
        raise SinkSpecError(f"a sink is not a URL: {NO_URL}")
    if factory is None:
        factory, target = _import_factory(name, target), ""
    args = [target] if target else []
    options, secrets = _options(query)
    if twice := next(iter(more.keys() & (options | secrets).keys()), None):
        raise SinkSpecError(f"{twice} is given twice: in the sink, and apart from it")
    secrets |= more
    private = [*map(repr, options.values()), *filter(None, secrets.values())]
    try:
        _check_call(factory, args, options | secrets)
        sink: Sink = _require_sink_methods(factory(*args, **options | secrets))
    except (ValueError, OSError) as error:
        detail = str(error)
        for value in private:
            detail = detail.replace(value, "…")
        raise SinkSpecError(f"the sink {name!r} cannot be opened: {detail}") from None
    return sink


def _check_call(
    factory: SinkFactory, args: list[str], options: Mapping[str, str]
) -> None:
    """Raise `ValueError` before the call if the factory does not take the arguments."""
    _check_factory(factory)
    signature = inspect.signature(factory)
    try:
        signature.bind(*args, **options)
    except TypeError as error:
        names = ", ".join(signature.parameters) or "none"
        raise ValueError(f"{error}; its options are: {names}") from None


def _check_factory(factory: Any) -> None:
    """Raise `ValueError` if *factory* cannot return a sink, without calling it."""
    while isinstance(factory, functools.partial):
        factory = factory.func
    if not callable(factory):
        raise ValueError("it is not a class or a function")
    module = getattr(factory, "__module__", None) or type(factory).__module__
    if inspect.isbuiltin(factory) or module.partition(".")[0] in _STANDARD:
        raise ValueError("it is part of Python's standard library, not a sink")
    if inspect.iscoroutinefunction(factory):
        raise ValueError("it is an async function: write a plain one")
    sink_class = factory if inspect.isclass(factory) else _return_type(factory)
    if inspect.isclass(sink_class):
        _require_sink_methods(sink_class)


def _return_type(function: Any) -> Any:
    """Return the return annotation of *function*; `None` if it has none."""
    try:
        annotation = typing.get_type_hints(function).get("return")
    except Exception:  # a name imported only for type checkers
        return None
    return typing.get_origin(annotation) or annotation


def _require_sink_methods(sink: Any) -> Any:
    """Return *sink*, a sink or its class; raise `ValueError` for any other value."""
    for name in ("send", "close"):
        if not callable(getattr(sink, name, None)):
            raise ValueError(f"it is not a sink: {name} is missing")
    if inspect.iscoroutinefunction(sink.send):
        raise ValueError("it is an async sink, but open_sink needs a sync one")
    return sink


def _options(query: str) -> tuple[dict[str, str], dict[str, str]]:
    """Return the options in *query*, and those with the value of a variable."""
    options, secrets = dict[str, str](), dict[str, str]()
    for key, value in urllib.parse.parse_qsl(query, keep_blank_values=True):
        is_named = key.endswith("_env") and key != "trust_env"
        name = key.removesuffix("_env") if is_named else key
        if name in options or name in secrets:
            raise SinkSpecError(f"{name} is given twice: remove one of them")
        if key.endswith("api_key"):
            advice = f"write {key}_env=NAME_OF_VARIABLE"
            raise SinkSpecError(f"a spec must not contain secrets: {advice}")
        if not is_named:
            options[name] = value
        elif value in os.environ:
            secrets[name] = os.environ[value]
        else:
            raise SinkSpecError(f"the environment variable {value!r} is not set")
    return options, secrets


def _import_factory(name: str, attribute: str) -> Any:
    if name.partition(".")[0] in _STANDARD:
        detail = f"{name} is part of Python's standard library, which has no sinks"
        raise SinkSpecError(detail)
    try:
        return import_named(f"{name}:{attribute}")
    except UnknownNameError as error:
        known = sorted({*_BUILT_IN, *(e.name for e in entry_points(group=GROUP))})
        hint, names = did_you_mean(name, known), ", ".join(known)
        raise SinkSpecError(
            f"unknown sink {name!r}: {error}{hint} Known sinks: {names}"
        ) from None


_STANDARD: Final = sys.stdlib_module_names


def _file(path: str = "", *, max_bytes: str | None = None) -> Sink:
    if not path:
        raise ValueError("write file:PATH, such as file:calls.jsonl.gz")
    most = None if max_bytes is None else number(int, max_bytes)
    return JsonLinesSink(path, max_bytes=most)


def _console() -> Sink:
    return ConsoleSink()


def _heap(target: str = "", **options: str) -> Sink:
    if target or "app_id" not in options:
        raise ValueError("write heap:?app_id=YOUR_APP_ID")
    with requires_extra("the sink 'heap'", "'braze_heap[http]'"):
        # By name, because sinks know nothing of one destination.
        heap = importlib.import_module("braze_heap.heap")
        sink: Sink = heap.HeapSink(**from_text(heap.HeapOptions, options))
    return sink


_BUILT_IN: Final[Mapping[str, SinkFactory]] = {
    "heap": _heap,
    "file": _file,
    "console": _console,
    "memory": MemorySink,
}
