"""
Runs a generator of steps: the logic is written once, and waits in two ways.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import Executor
from typing import Any, TypeVar

Out = TypeVar("Out")


def drive(steps: Generator[Any, Any, Out], perform: Callable[[Any], Any]) -> Out:
    """
    Perform each step, hand its outcome back, and return what *steps* return.

    What *perform* raises is raised in *steps*, at the step.
    """
    reply, error = None, None
    try:
        while True:
            step = steps.send(reply) if error is None else steps.throw(error)
            reply, error = None, None
            try:
                reply = perform(step)
            except Exception as raised:
                error = raised
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    finally:
        error = None  # its traceback holds this frame
        steps.close()


async def drive_async(
    steps: Generator[Any, Any, Out], perform: Callable[[Any], Awaitable[Any]]
) -> Out:
    """
    The same, for a *perform* that is awaited.
    """
    reply, error = None, None
    try:
        while True:
            step = steps.send(reply) if error is None else steps.throw(error)
            reply, error = None, None
            try:
                reply = await perform(step)
            except Exception as raised:
                error = raised
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    finally:
        error = None  # its traceback holds this frame
        steps.close()


async def in_thread(
    work: Callable[..., Out], *args: Any, threads: Executor | None = None
) -> Out:
    """
    Do *work* in one of *threads*, by default of the event loop's own.
    """
    done = functools.partial(contextvars.copy_context().run, _done, work, *args)
    return await asyncio.get_running_loop().run_in_executor(threads, done)


def _done(work: Callable[..., Out], *args: Any) -> Out:
    """
    Do *work*. A future takes no `StopIteration`, and would be awaited for ever.
    """
    try:
        return work(*args)
    except StopIteration:
        raise RuntimeError("a StopIteration") from None
