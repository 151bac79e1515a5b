"""
Runs a generator of steps: the logic is written once, and waits in two ways.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from typing import Any, TypeVar

Out = TypeVar("Out")


def drive(steps: Generator[Any, Any, Out], perform: Callable[[Any], Any]) -> Out:
    """
    Perform each step, hand its outcome back, and return what *steps* return.

    What *perform* raises is raised in *steps*, at the step.
    """
    try:
        resume: Callable[[], Any] = lambda: next(steps)  # noqa: E731
        while True:
            step = resume()
            try:
                reply = perform(step)
            except Exception as error:
                resume = _throwing(steps, error)
            else:
                resume = _sending(steps, reply)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    finally:
        steps.close()


async def drive_async(
    steps: Generator[Any, Any, Out], perform: Callable[[Any], Awaitable[Any]]
) -> Out:
    """
    The same, for a *perform* that is awaited.
    """
    try:
        resume: Callable[[], Any] = lambda: next(steps)  # noqa: E731
        while True:
            step = resume()
            try:
                reply = await perform(step)
            except Exception as error:
                resume = _throwing(steps, error)
            else:
                resume = _sending(steps, reply)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    finally:
        steps.close()


def _sending(steps: Generator[Any, Any, Any], reply: Any) -> Callable[[], Any]:
    return lambda: steps.send(reply)


def _throwing(steps: Generator[Any, Any, Any], error: Exception) -> Callable[[], Any]:
    return lambda: steps.throw(error)
