"""
Public names of a package that load their module when they are first used.

A package lists its public names once, in ``__init__.pyi``, which type checkers and
`attach` read.
"""

import importlib
import re
import sys
from collections.abc import Callable, Mapping
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any, Final

from braze_heap._text import did_you_mean

_IMPORT: Final = re.compile(
    r"^from ([\w.]+) import (?:\(\n(.*?)\)|(.*)$)", re.MULTILINE | re.DOTALL
)
_NAME: Final = re.compile(r"\b\w+ as (\w+)\b")


def attach(
    spec: ModuleSpec,
) -> tuple[list[str], Callable[[str], Any], Callable[[], list[str]]]:
    """
    Return ``__all__``, ``__getattr__`` and ``__dir__`` of a package.

    Each name is listed as ``name as name`` in a ``from module import`` statement of
    ``__init__.pyi``. Submodules are attributes, but not in ``__all__``.
    """
    loader: Any = spec.loader  # of files or of a zip archive: both have `get_data`
    stub = str(Path(spec.origin or "").with_name("__init__.pyi"))
    homes = {
        name: f"{module}.{name}" if module == spec.name else module
        for module, several, one in _IMPORT.findall(loader.get_data(stub).decode())
        for name in _NAME.findall(several or one)
    }
    names = [n for n, home in homes.items() if home != f"{spec.name}.{n}"]
    return names, lambda name: load(spec.name, name, homes), lambda: [*homes]


def load(package: str, name: str, homes: Mapping[str, str]) -> Any:
    """
    Return the public *name* of *package*; for its module ``__getattr__``.

    Args:
        package: Import name of the package.
        name: The attribute that was asked for.
        homes: Public name to the module that defines it, or that it is.

    Raises:
        AttributeError: *package* has no such name.
    """
    if name not in homes:
        known = () if name.startswith("_") else dir(sys.modules[package])
        hint = did_you_mean(name, known)
        raise AttributeError(f"module {package!r} has no attribute {name!r}.{hint}")
    home = homes[name]
    module = importlib.import_module(home if "." in home else f"{package}.{home}")
    value = module if module.__name__ == f"{package}.{name}" else getattr(module, name)
    setattr(sys.modules[package], name, value)
    return value
