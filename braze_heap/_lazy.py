"""
Public names of a package that load their module when they are first used.
"""

import importlib
import sys
from collections.abc import Mapping
from typing import Any

from braze_heap._text import did_you_mean


def load(package: str, name: str, homes: Mapping[str, str]) -> Any:
    """
    Return the public *name* of *package*; for its module ``__getattr__``.

    Args:
        package: Import name of the package.
        name: The attribute that was asked for.
        homes: Public name to the submodule that defines it, or to itself if the name is
            that of a submodule.

    Raises:
        AttributeError: *package* has no such name.
    """
    if name not in homes:
        known = () if name.startswith("_") else dir(sys.modules[package])
        hint = did_you_mean(name, known)
        raise AttributeError(f"module {package!r} has no attribute {name!r}.{hint}")
    module = importlib.import_module(f"{package}.{homes[name]}")
    value = module if name == homes[name] else getattr(module, name)
    setattr(sys.modules[package], name, value)
    return value
