"""
The two methods that make a sink a context manager.
"""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self


class _Closes(Protocol):
    def close(self) -> None: ...


class ClosesAtExit:
    """
    ``with`` closes it. A convenience for the sinks here, nothing that others inherit.
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self: _Closes,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None:
        self.close()


class _ClosesAwaited(Protocol):
    async def close(self) -> None: ...


class AsyncClosesAtExit:
    """
    ``async with`` closes it. The same for the asynchronous sinks here.
    """

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self: _ClosesAwaited,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None:
        await self.close()
