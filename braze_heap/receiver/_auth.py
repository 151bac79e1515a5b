"""
Who may send: tokens, kept as digests.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NoReturn, Protocol, runtime_checkable

from braze_heap._wiring import is_async, kind_of

logger = logging.getLogger("braze_heap.receiver")

MIN_LENGTH: Final = 16
"""Characters of a token below which there is a warning."""

_TOKEN: Final = re.compile(r"[!-~]+")
_SCHEME: Final = re.compile(r"bearer(?![^\s:=])", re.IGNORECASE)
_QUOTES: Final = frozenset("\"'`")
_OPT_OUT: Final = "; to let everybody in, write tokens=UNAUTHENTICATED"
_CREDENTIALS: Final = re.compile(r"[ \t]*bearer +(\S+)[ \t]*", re.IGNORECASE)


@runtime_checkable
class Authenticator(Protocol):
    """
    Decides by the values of ``Authorization``.
    """

    def is_authorized(self, authorizations: Sequence[str], /) -> bool:
        """
        Tell whether a request with these values may come in.
        """
        ...


class Tokens:
    """
    One bearer token, or several while one is being replaced. No repr shows them.

    Args:
        tokens: Printable ASCII without blanks and quotes, as entered in Braze.

    Raises:
        ValueError: There is no token, or one that Braze does not send like that.
    """

    def __init__(self, tokens: str | Iterable[str]) -> None:
        if isinstance(tokens, bytes) or not isinstance(tokens, Iterable):
            raise TypeError(
                "tokens must be text, or a list of texts, "
                f"not {kind_of(tokens)}{_OPT_OUT}"
            )
        given = [tokens] if isinstance(tokens, str) else list(tokens)
        if not all(isinstance(token, str) for token in given):
            raise TypeError("each token must be text")
        if not given or not all(given):
            raise ValueError(f"a receiver needs a token{_OPT_OUT}")
        if flaw := next(filter(None, map(_flaw, given)), None):
            raise ValueError(f"a token of the receiver {flaw}{_OPT_OUT}")
        self._shortest = min(map(len, given))
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
            ValueError: It is not set, empty, or a token in it is not one.
        """
        tokens = environ.get(name, "").split()
        if not tokens:
            raise ValueError(f"{name} holds no token: set it to the token of the feed")
        if flaw := next(filter(None, map(_flaw, tokens)), None):
            raise ValueError(f"a token in {name} {flaw}")
        return cls(tokens)

    def weakness(self) -> str | None:
        """
        Return what makes the tokens easy to guess, and what to do; `None` if nothing.
        """
        if self._shortest >= MIN_LENGTH:
            return None
        return (
            f"has fewer than {MIN_LENGTH} characters ({self._shortest}): it can be "
            "guessed. For a new one: openssl rand -hex 32"
        )

    def is_authorized(self, authorizations: Sequence[str], /) -> bool:
        """
        Tell whether there is one credential, and it is one of ours.

        Takes the same time whichever of the tokens it is.
        """
        found = [_CREDENTIALS.fullmatch(value) for value in authorizations]
        given = _digest(found[0][1]) if len(found) == 1 and found[0] else b""
        same = [hmac.compare_digest(given, known) for known in self._digests]
        return any(same)


def _flaw(token: str) -> str | None:
    """
    Return what is wrong with *token*, without a character of it; `None` if nothing.
    """
    if _SCHEME.match(token):
        return "is written without the word Bearer: it is added by the sender"
    if not _TOKEN.fullmatch(token):
        return "is printable ASCII without blanks and line ends"
    if _QUOTES & {*token}:
        return "is written without quotes: they would be a part of it"
    return None


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


class _Unauthenticated:
    def __repr__(self) -> str:
        return "UNAUTHENTICATED"

    def is_authorized(self, authorizations: Sequence[str], /) -> bool:  # noqa: ARG002
        return True


UNAUTHENTICATED: Final[Authenticator] = _Unauthenticated()
"""
Everybody may send. For a receiver behind something else that asks who is there.
"""


def as_authenticator(tokens: str | Iterable[str] | Authenticator) -> Authenticator:
    """
    Return who decides: *tokens* itself if it can, else one for these tokens.

    A token that is easy to guess is a warning in the log.

    Raises:
        TypeError: *tokens* is not text, or its ``is_authorized`` is async.
    """
    if not isinstance(tokens, Authenticator):
        tokens = Tokens(tokens)
    if isinstance(tokens, type):
        raise TypeError(f"tokens is {kind_of(tokens)}: write {tokens.__name__}(...)")
    if is_async(tokens.is_authorized):  # what it returns would be true for everybody
        raise TypeError(
            f"{type(tokens).__name__}.is_authorized is async, "
            "but it is called without await"
        )
    weakness = tokens.weakness() if isinstance(tokens, Tokens) else None
    if weakness:
        logger.warning("The token of the receiver %s", weakness)
    return tokens
