"""
A sink from one line of text: for command lines and configuration files.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import os
import re
import sys
import typing
import urllib.parse
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from typing import Any, Final, TypeAlias

from braze_heap._errors import requires_extra
from braze_heap._text import did_you_mean
from braze_heap._wiring import kind_of
from braze_heap.exceptions import SinkSpecError
from braze_heap.sinks._local import ConsoleSink, JsonLinesSink, MemorySink
from braze_heap.sinks._protocol import Sink

GROUP: Final = "braze_heap.sinks"
"""Entry points of this group are found by `open_sink`, by their name."""

SinkFactory: TypeAlias = Callable[..., Sink]
"""
Makes a sink: called with what stands between the colon and the question mark, if
anything does, and with the options as keyword arguments, all of them text.
"""


def open_sink(spec: str) -> Sink:
    """
    Return the sink that *spec* names.

    A spec is code: it imports the module and calls what it names, with the options. So
    take it from whoever may deploy code, never from a request or an event. What cannot
    make a sink is refused before it is called: it is a class without `send` and
    `close`, a function whose return annotation is something else, or anything of
    Python's standard library.

    Args:
        spec: ``heap:?app_id=11&region=eu``, ``file:out.jsonl.gz``, ``console:``,
            ``memory:``, or ``-`` for JSON lines on standard output. A name from the
            entry point group ``braze_heap.sinks``, or an import string:
            ``acme:bucket?region=eu``, ``acme.sinks:make_sink?region=eu``. Options that
            are secrets are named by their environment variable: ``api_key_env=KEY``.

    Raises:
        SinkSpecError: It names no sink, or options that the sink does not take.
        Exception: What importing or making somebody else's sink raises.
    """
    if not isinstance(spec, str):
        raise TypeError(f"open_sink needs text, not {kind_of(spec)}")
    if spec == "-":
        return JsonLinesSink(sys.stdout)
    name, colon, rest = spec.partition(":")
    if not colon:
        raise SinkSpecError(
            "a sink is written scheme:target?options, "
            "such as heap:?app_id=11 or file:calls.jsonl"
        )
    target, _, query = rest.partition("?")
    factory = _BUILT_IN.get(name) or _entry_point(name)
    if factory is None:
        factory, target = _imported(name, target), ""
    given = [target] if target else []
    options, secrets = _options(query), _secrets(query)
    shown = [*map(repr, options.values()), *filter(None, secrets.values())]
    try:
        _check_call(factory, given, options | secrets)
        sink: Sink = _checked(factory(*given, **options | secrets))
    except (ValueError, OSError) as error:
        detail = str(error)
        for value in shown:
            detail = detail.replace(value, "…")
        raise SinkSpecError(f"the sink {name!r} cannot be opened: {detail}") from None
    return sink


def _check_call(
    factory: SinkFactory, given: list[str], options: Mapping[str, str]
) -> None:
    """
    Tell a wrong option from an error of the sink's own, before anything is called.
    """
    _check_makes_sinks(factory)
    signature = inspect.signature(factory)
    try:
        signature.bind(*given, **options)
    except TypeError as error:
        names = ", ".join(signature.parameters) or "nothing"
        raise ValueError(f"{error}; it takes {names}") from None


def _check_makes_sinks(factory: Any) -> None:
    """
    Raise `ValueError` for what cannot make a sink, without calling it.
    """
    while isinstance(factory, functools.partial):
        factory = factory.func
    if not callable(factory):
        raise ValueError("it is not a class or a function")
    module = getattr(factory, "__module__", None) or type(factory).__module__
    if inspect.isbuiltin(factory) or module.partition(".")[0] in _STANDARD:
        raise ValueError("it is not a sink but a part of Python's standard library")
    if inspect.iscoroutinefunction(factory):
        raise ValueError("it is an async function; a sink is made by a sync one")
    made = factory if inspect.isclass(factory) else _annotated(factory)
    if inspect.isclass(made):
        _checked(made)


def _annotated(function: Any) -> Any:
    """
    Return the class that *function* says that it returns; `None` if it does not say.
    """
    try:
        made = typing.get_type_hints(function).get("return")
    except Exception:  # a name for type checkers alone
        return None
    return typing.get_origin(made) or made


def _checked(sink: Any) -> Any:
    """
    Return *sink*, or raise `ValueError` unless it, or its class, is one.
    """
    for name in ("send", "close"):
        if not callable(getattr(sink, name, None)):
            raise ValueError(f"it is not a sink: it has no {name}")
    if inspect.iscoroutinefunction(sink.send):
        raise ValueError("it is for async code; a line of text is for a sync sink")
    return sink


def _options(query: str) -> dict[str, str]:
    pairs = urllib.parse.parse_qsl(query, keep_blank_values=True)
    for key, _ in pairs:
        if key.endswith("api_key"):
            raise SinkSpecError(f"no secrets in a spec: {key}_env=NAME_OF_VARIABLE")
    return {key: value for key, value in pairs if not _is_secret(key)}


def _secrets(query: str) -> dict[str, str]:
    return {
        key.removesuffix("_env"): _variable(variable)
        for key, variable in urllib.parse.parse_qsl(query, keep_blank_values=True)
        if _is_secret(key)
    }


def _is_secret(key: str) -> bool:
    """
    Tell whether an option names the variable that holds it, and is not Heap's switch.
    """
    return key.endswith("_env") and key != "trust_env"


def _variable(name: str) -> str:
    try:
        return os.environ[name]
    except KeyError:
        raise SinkSpecError(f"the environment has no variable {name!r}") from None


def _entry_point(name: str) -> SinkFactory | None:
    found = entry_points(group=GROUP, name=name)
    return next(iter(found)).load() if found else None


def _imported(module: str, attribute: str) -> Any:
    if not _MODULE.fullmatch(module) or not attribute.isidentifier():
        raise _unknown(module)
    if module.partition(".")[0] in _STANDARD:
        detail = f"{module} is a part of Python's standard library, which has no sinks"
        raise SinkSpecError(detail)
    try:
        found = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if not f"{module}.".startswith(f"{error.name}."):
            raise  # the module is there, and needs another one
        raise _unknown(module) from None
    if not hasattr(found, attribute):
        raise SinkSpecError(f"{module} has no {attribute!r}")
    return getattr(found, attribute)


_STANDARD: Final = sys.stdlib_module_names

_MODULE: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


def _unknown(name: str) -> SinkSpecError:
    known = sorted({*_BUILT_IN, *(e.name for e in entry_points(group=GROUP))})
    hint, names = did_you_mean(name, known), ", ".join(known)
    return SinkSpecError(f"no sink is called {name!r}.{hint} There are: {names}")


def _file(path: str = "", *, max_bytes: str | None = None) -> Sink:
    if not path:
        raise ValueError("write file:PATH, such as file:calls.jsonl.gz")
    return JsonLinesSink(path, max_bytes=int(max_bytes) if max_bytes else None)


def _console() -> Sink:
    return ConsoleSink()


def _heap(target: str = "", **options: str) -> Sink:
    with requires_extra("the sink 'heap'", "'braze_heap[http]'"):
        # By name, because sinks know nothing of one destination.
        heap_sink = importlib.import_module("braze_heap.heap").HeapSink

    if target or "app_id" not in options:
        raise ValueError("write heap:?app_id=YOUR_APP_ID")
    unknown = sorted(options.keys() - _HEAP_OPTIONS.keys())
    if unknown:
        raise ValueError(
            f"heap has no option {unknown[0]!r}: {', '.join(_HEAP_OPTIONS)}"
        )
    given: dict[str, Any] = {n: _HEAP_OPTIONS[n](v) for n, v in options.items()}
    sink: Sink = heap_sink(**given)
    return sink


def _truth(text: str) -> bool:
    if text.lower() not in _TRUTHS:
        raise ValueError("a switch is 1 or 0, true or false, yes or no")
    return _TRUTHS[text.lower()]


_TRUTHS: Final = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}
_HEAP_OPTIONS: Final[Mapping[str, Callable[[str], Any]]] = {
    "app_id": str,
    "region": str,
    "base_url": str,
    "api_key": str,
    "deadline": float,
    "timeout": float,
    "max_bytes": int,
    "events_a_minute": int,
    "identity_events_a_minute": int,
    "allow_http": _truth,
    "trust_env": _truth,
}
_BUILT_IN: Final[Mapping[str, SinkFactory]] = {
    "heap": _heap,
    "file": _file,
    "console": _console,
    "memory": MemorySink,
}
