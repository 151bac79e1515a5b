"""
Public names of a package that load their module when they are first used.

A package lists its public names once, in ``__init__.pyi``, which type checkers and
`attach` read.
"""

import importlib
import re
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any, Final

_IMPORT: Final = re.compile(r"^from ([\w.]+) import (?:\(([^)]+)\)|(.+))", re.MULTILINE)
_NAME: Final = re.compile(r"\b\w+ as (\w+)\b")
_CLASS: Final = re.compile(r"^class ([A-Za-z]\w*)", re.MULTILINE)


def attach(
    spec: ModuleSpec,
) -> tuple[list[str], Callable[[str], Any], Callable[[], list[str]]]:
    """
    Return ``__all__``, ``__getattr__`` and ``__dir__`` of a package.

    Each name is listed as ``name as name`` in a ``from module import`` statement of
    ``__init__.pyi``; ``*`` stands for the classes of a submodule. Submodules are
    attributes, but not in ``__all__``, which has constants, classes and functions, each
    in alphabetical order.
    """

    loader: Any = spec.loader  # of files or of a zip archive: both have `get_data`

    def read(file: str) -> str:
        data: bytes = loader.get_data(str(Path(spec.origin or "").with_name(file)))
        return data.decode()

    def classes_in(module: str) -> list[str]:
        try:
            return _CLASS.findall(read(f"{module.rpartition('.')[2]}.py"))
        except OSError:  # only compiled modules are installed
            every = vars(importlib.import_module(module)).items()
            return [n for n, v in every if getattr(v, "__module__", "") == module]

    homes = {
        name: f"{module}.{name}" if module == spec.name else module
        for module, several, one in _IMPORT.findall(read("__init__.pyi"))
        for name in (
            classes_in(module) if one == "*" else _NAME.findall(several or one)
        )
    }

    def load(name: str) -> Any:
        package = sys.modules[spec.name]
        if name not in homes:
            raise AttributeError(f"module {spec.name!r} has no attribute {name!r}")
        module = importlib.import_module(homes[name])
        is_module = module.__name__ == f"{spec.name}.{name}"
        value = module if is_module else getattr(module, name)
        setattr(package, name, value)
        return value

    names = [n for n, home in homes.items() if home != f"{spec.name}.{n}"]
    return sorted(names, key=_order), load, lambda: [*homes]


def _order(name: str) -> tuple[bool, bool, str]:
    return not name.isupper(), name[0].islower(), name
