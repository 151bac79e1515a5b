"""A team's own mappers or transformer, imported from ``module:name``."""

import contextlib
import importlib
import inspect
import os
import re
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

from braze_heap._text import did_you_mean
from braze_heap._wiring import kind_of
from braze_heap.config._values import ConfigError
from braze_heap.mappers import MapperRegistry, Mappers
from braze_heap.transformer import Transformer

if TYPE_CHECKING:
    from braze_heap.config._tables import TransformConfig

_SPEC: Final = re.compile(r"(?P<module>[^\W\d]\w*(\.[^\W\d]\w*)*):(?P<name>[\w.]+)")

_KINDS: Final = (Transformer, Mappers, MapperRegistry)

_ACCEPTED: Final = (
    "a registry or Mappers, a function from TransformConfig to Transformer, "
    "or a Transformer"
)


def load_transformer(
    spec: str, config: "TransformConfig", given: Sequence[str]
) -> Transformer:
    """
    Return the transformer that *spec* names.

    Importing the module, also from the current folder, runs its code. The options
    *given* are in *config*; a finished transformer has its own.

    Raises:
        ConfigError: It cannot be imported, is something else, or is finished although
            options are *given*.
        ValueError: The *config* does not fit the registry.
    """
    found = _imported(spec)
    if isinstance(found, Transformer):
        if given:
            raise ConfigError(
                f"{spec} is a finished Transformer, so {', '.join(given)} would have "
                "no effect. Remove it, or name a registry or a function from "
                "TransformConfig to Transformer instead."
            )
        return found
    if isinstance(found, Mappers):
        warnings.warn(
            f"{spec} has your own mappers only: all other event types are skipped "
            "(not_mapped). To keep the shipped ones, name DEFAULT_MAPPERS | mappers.",
            stacklevel=2,
        )
        found = found.registry()
    if isinstance(found, MapperRegistry):
        return config.transformer(found)
    if isinstance(found, type) or not callable(found):
        what = kind_of(found)
        raise ConfigError(f"transformer: {spec} is {what}. Name {_ACCEPTED}.")
    return _called(spec, found, config)


def _called(spec: str, function: Any, config: "TransformConfig") -> Transformer:
    try:
        inspect.signature(function).bind(config)
    except TypeError as error:
        raise ConfigError(
            f"transformer: {spec} must take one argument, a TransformConfig ({error})"
        ) from None
    except ValueError:  # a function without a signature
        pass
    with _failures_of(f"{spec} failed, called with a TransformConfig:"):
        made = function(config)
    if isinstance(made, Transformer):
        return made
    if inspect.iscoroutine(made):
        made.close()
    raise ConfigError(
        f"transformer: {spec} returned {kind_of(made)}, not a Transformer. "
        f"Name {_ACCEPTED}."
    )


def _imported(spec: str) -> Any:
    match = _SPEC.fullmatch(spec)
    if not match:
        raise ConfigError(
            f"transformer: {spec!r} is not module:name, such as mappers:transformer"
        )
    folder = str(_current_folder())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    module, found = match["module"], None
    with _failures_of(f"importing {module} failed:"):
        try:
            found = importlib.import_module(module)
        except ModuleNotFoundError as error:
            if not f"{module}.".startswith(f"{error.name}."):
                raise  # the module is there, and needs another one
            raise ConfigError(_missing(str(error.name), folder)) from None
    path = module
    for name in match["name"].split("."):
        if not hasattr(found, name):
            raise ConfigError(f"transformer: {_no_attribute(path, name, found)}")
        found, path = getattr(found, name), f"{path}.{name}"
    return found


def _current_folder() -> str:
    try:
        return os.getcwd()  # noqa: PTH109 (text, as sys.path has it)
    except OSError as error:
        raise ConfigError(f"the current folder: {error.strerror}") from None


def _missing(module: str, folder: str) -> str:
    try:
        names = [entry.removesuffix(".py") for entry in os.listdir(folder)]  # noqa: PTH208
    except OSError:
        names = []
    hint = did_you_mean(module, [name for name in names if name.isidentifier()])
    return (
        f"transformer: there is no module {module!r} in {folder} "
        f"or among what is installed.{hint}"
    )


def _no_attribute(path: str, name: str, found: object) -> str:
    fitting = [
        other
        for other, value in getattr(found, "__dict__", {}).items()
        if not other.startswith("_")
        and not isinstance(value, type)
        and (isinstance(value, _KINDS) or callable(value))
    ]
    hint = did_you_mean(name, fitting)
    return f"{path} has no {name!r}.{hint} Name {_ACCEPTED}."


@contextlib.contextmanager
def _failures_of(doing: str) -> Iterator[None]:
    """
    Turn any exception of a team's own code into an error with its traceback.

    Raises:
        ConfigError: The code failed, or ended the process.
    """
    try:
        yield
    except (ConfigError, KeyboardInterrupt):
        raise
    except BaseException as error:  # a module can call sys.exit()
        lines = traceback.format_exception(
            type(error), error, _without_own_frames(error.__traceback__)
        )
        text = "".join(lines).rstrip()
        raise ConfigError(f"transformer: {doing}\n{text}") from None


def _without_own_frames(tb: TracebackType | None) -> TracebackType | None:
    """Remove the frames of this file and of Python's import machinery."""
    while tb is not None:
        name = tb.tb_frame.f_code.co_filename
        if name != __file__ and "importlib" not in name:
            return tb
        tb = tb.tb_next
    return None
