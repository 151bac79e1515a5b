"""Run a generator of steps, sync or async, so that the logic is written once."""

from __future__ import annotations

import asyncio
import contextvars
import functools
from collections.abc import Awaitable, Callable, Coroutine, Generator
from concurrent.futures import Executor
from typing import Any, TypeVar

Out = TypeVar("Out")


def run_steps(steps: Generator[Any, Any, Out], perform: Callable[[Any], Any]) -> Out:
    """
    Perform each step, send its reply to the generator, and return the final value.

    An exception of *perform* is raised in *steps*, at the step.
    """

    async def perform_now(step: Any) -> Any:
        return perform(step)

    return run_now(run_steps_async(steps, perform_now))


def run_now(work: Coroutine[Any, Any, Out]) -> Out:
    """Return the result of *work*, a coroutine that awaits nothing that suspends."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    raise AssertionError("unreachable")


async def run_steps_async(
    steps: Generator[Any, Any, Out], perform: Callable[[Any], Awaitable[Any]]
) -> Out:
    """`run_steps` with an awaitable *perform*."""
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
        error = None  # its traceback refers to this frame
        steps.close()


async def in_thread(
    work: Callable[..., Out], *args: Any, threads: Executor | None = None
) -> Out:
    """Call *work* in one of *threads*, by default those of the event loop."""
    call = functools.partial(contextvars.copy_context().run, _call, work, *args)
    return await asyncio.get_running_loop().run_in_executor(threads, call)


def _call(work: Callable[..., Out], *args: Any) -> Out:
    try:
        return work(*args)
    except StopIteration:  # a future rejects it, and would be awaited forever
        raise RuntimeError("a StopIteration") from None
