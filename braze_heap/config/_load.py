"""A team's own mappers or transformer, imported from ``module:name``."""

import contextlib
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

from braze_heap._wiring import UnknownNameError, check_function, import_named, kind_of
from braze_heap.config._values import ConfigError
from braze_heap.mappers import MapperRegistry, Mappers
from braze_heap.transformer import Transformer

if TYPE_CHECKING:
    from braze_heap.config._tables import TransformConfig

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
    if isinstance(found, type):
        raise ConfigError(f"transformer: {spec} is {kind_of(found)}. Name {_ACCEPTED}.")
    try:
        check_function(spec, found, takes="a TransformConfig")
    except TypeError as error:
        raise ConfigError(f"transformer: {error}. Name {_ACCEPTED}.") from None
    with _failures_of(f"{spec} failed, called with a TransformConfig:"):
        made = found(config)
    if not isinstance(made, Transformer):
        flaw = f"{spec} returned {kind_of(made)}, not a Transformer"
        raise ConfigError(f"transformer: {flaw}. Name {_ACCEPTED}.")
    return made


def _imported(spec: str) -> Any:
    if "" not in sys.path:
        sys.path.insert(0, "")  # the current folder
    with _failures_of(f"importing {spec.partition(':')[0]} failed:"):
        try:
            return import_named(spec)
        except UnknownNameError as error:
            text = f"transformer: {spec!r} cannot be imported: {error}"
            raise ConfigError(f"{text} Name {_ACCEPTED}.") from None


@contextlib.contextmanager
def _failures_of(doing: str) -> Iterator[None]:
    """Raise a `ConfigError` with the traceback if a team's own code fails or exits."""
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
    """Remove the frames of this package and of Python's import machinery."""
    while tb is not None:
        name = tb.tb_frame.f_globals.get("__name__", "")
        if name.partition(".")[0] not in ("braze_heap", "importlib"):
            return tb
        tb = tb.tb_next
    return None
