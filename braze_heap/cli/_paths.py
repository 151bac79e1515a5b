"""Paths that a user names."""

import os
from pathlib import Path
from typing import Any

import click


class FilePath(click.Path):
    """
    A path as `pathlib.Path`, refused with the reason if it cannot be looked at.

    click reports a path in a folder that may not be searched as missing, or accepts it.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(path_type=Path, **options)

    def convert(
        self,
        value: Any,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Any:
        """Return *value* as a path."""
        if self.allow_dash and value in ("-", Path("-")):
            return Path("-")
        try:
            Path(value).stat()
        except (FileNotFoundError, NotADirectoryError):
            pass
        except (OSError, ValueError) as error:
            flaw = getattr(error, "strerror", None) or str(error)
            self.fail(f"{os.fspath(value)!r}: {flaw}.", param, ctx)
        return super().convert(value, param, ctx)
