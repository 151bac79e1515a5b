"""
One test for many values.

A report for each value costs more than a quick check of it, and some thousands of them
cost minutes.
"""

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any


def for_each(names: str | tuple[str, ...], values: Iterable[Any]) -> Callable[..., Any]:
    """
    Run a test for each of *values*, which are its arguments *names*.

    All are tried, and one error names those that fail. They share the fixtures.
    """
    names = (names,) if isinstance(names, str) else names
    cases = [v if len(names) > 1 else (v,) for v in values]
    assert cases, "a test of nothing"

    def decorate(test: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(test)
        def run(**fixtures: Any) -> None:
            failures = []
            for case in cases:
                arguments = dict(zip(names, case, strict=True))
                try:
                    test(**fixtures, **arguments)
                except Exception as error:
                    error.add_note(f"with {arguments!r:.300}")
                    failures.append(error)
            if failures:
                raise ExceptionGroup(f"{len(cases)} cases", failures)

        given = inspect.signature(test)
        others = [p for p in given.parameters.values() if p.name not in names]
        run.__signature__ = given.replace(parameters=others)  # type: ignore[attr-defined]
        return run

    return decorate
