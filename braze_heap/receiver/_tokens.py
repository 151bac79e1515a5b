"""
Who may send: tokens, kept as digests.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NoReturn, Protocol, runtime_checkable

from braze_heap._wiring import is_async, kind_of

_TOKEN: Final = re.compile(r"[!-~]+")
_CREDENTIALS: Final = re.compile(r"[ \t]*bearer +(\S+)[ \t]*", re.IGNORECASE)


@runtime_checkable
class Doorkeeper(Protocol):
    """
    Decides by the values of ``Authorization``.
    """

    def admits(self, authorizations: Sequence[str], /) -> bool:
        """
        Tell whether a request with these values may come in.
        """
        ...


class Tokens:
    """
    One bearer token, or several while one is being replaced. No repr shows them.

    Args:
        tokens: Printable ASCII without blanks, as Braze sends them (RFC 6750).

    Raises:
        ValueError: There is none, or one that no header can carry.
    """

    def __init__(self, tokens: str | Iterable[str]) -> None:
        if isinstance(tokens, bytes) or not isinstance(tokens, Iterable):
            raise TypeError(
                f"tokens must be text, or a list of texts, not {kind_of(tokens)}; to "
                "let everybody in, write tokens=UNAUTHENTICATED"
            )
        given = [tokens] if isinstance(tokens, str) else list(tokens)
        if not all(isinstance(token, str) for token in given):
            raise TypeError("each token must be text")
        if not given or not all(map(_TOKEN.fullmatch, given)):
            raise ValueError(
                "a receiver needs a token of printable ASCII without blanks; to let "
                "everybody in, write tokens=UNAUTHENTICATED"
            )
        self._digests = [_digest(token) for token in given]

    def __repr__(self) -> str:
        return f"<{len(self._digests)} tokens>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("tokens are not pickled: read them where they are used")

    @classmethod
    def from_env(
        cls, name: str = "BRAZE_TOKEN", environ: Mapping[str, str] = os.environ
    ) -> Tokens:
        """
        Return the tokens in the environment variable *name*, separated by blanks.

        Raises:
            ValueError: It is not set, empty, or holds what no header can carry.
        """
        tokens = environ.get(name, "").split()
        if not tokens:
            raise ValueError(f"{name} holds no token: set it to the token of the feed")
        if not all(map(_TOKEN.fullmatch, tokens)):
            raise ValueError(f"{name} holds more than printable ASCII, as tokens are")
        return cls(tokens)

    def admits(self, authorizations: Sequence[str], /) -> bool:
        """
        Tell whether there is one credential, and it is one of ours.

        Takes the same time whichever of the tokens it is.
        """
        found = [_CREDENTIALS.fullmatch(value) for value in authorizations]
        given = _digest(found[0][1]) if len(found) == 1 and found[0] else b""
        same = [hmac.compare_digest(given, known) for known in self._digests]
        return any(same)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


class _Unauthenticated:
    def __repr__(self) -> str:
        return "UNAUTHENTICATED"

    def admits(self, authorizations: Sequence[str], /) -> bool:  # noqa: ARG002
        return True


UNAUTHENTICATED: Final[Doorkeeper] = _Unauthenticated()
"""
Everybody may send. For a receiver behind something else that asks who is there.
"""


def doorkeeper(tokens: str | Iterable[str] | Doorkeeper) -> Doorkeeper:
    """
    Return who decides: *tokens* itself if it can, else one for these tokens.

    Raises:
        TypeError: *tokens* is not text, or its ``admits`` is async.
    """
    if not isinstance(tokens, Doorkeeper):
        return Tokens(tokens)
    if isinstance(tokens, type):
        raise TypeError(f"tokens is {kind_of(tokens)}: write {tokens.__name__}(...)")
    if is_async(tokens.admits):  # what it returns would be true for everybody
        raise TypeError(
            f"{type(tokens).__name__}.admits is async, but it is called without await"
        )
    return tokens
