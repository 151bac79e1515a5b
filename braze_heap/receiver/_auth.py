"""Authentication of senders by bearer tokens, which are stored as digests."""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NoReturn, Protocol, runtime_checkable

from braze_heap._wiring import kind_of, require

logger = logging.getLogger("braze_heap.receiver")

MIN_LENGTH: Final = 16
"""Characters; a shorter token is logged as a warning."""

_FLAWS: Final = (
    (r"(?i)\Abearer(?![^\s:=])", "without the word Bearer, because Braze adds it"),
    (r"[^!-~]", "in printable ASCII without spaces"),
    ("[\"'`]", "without quotes"),
)
_OPT_OUT: Final = "; to disable authentication, pass tokens=UNAUTHENTICATED"
_CREDENTIALS: Final = re.compile(r"[ \t]*bearer +(\S+)[ \t]*", re.IGNORECASE)


@runtime_checkable
class Authenticator(Protocol):
    """Decide whether a request is authorized."""

    def is_authorized(self, authorizations: Sequence[str], /) -> bool:
        """Return whether these ``Authorization`` headers authorize a request."""
        ...


class Tokens:
    """
    One bearer token, or several during a rotation. The repr does not show them.

    Args:
        tokens: Printable ASCII without spaces and quotes, as entered in Braze.

    Raises:
        ValueError: No token is given, or a token is not valid in a header.
    """

    def __init__(self, tokens: str | Iterable[str]) -> None:
        if isinstance(tokens, bytes | Mapping) or not isinstance(tokens, Iterable):
            raise TypeError(
                "tokens must be a string or a list of strings, "
                f"not {kind_of(tokens)}{_OPT_OUT}"
            )
        given = [tokens] if isinstance(tokens, str) else list(tokens)
        if not all(isinstance(token, str) for token in given):
            raise TypeError("each token must be a string")
        if not given or not all(given):
            raise ValueError(f"a receiver needs a token{_OPT_OUT}")
        if flaw := _flaw(given):
            raise ValueError(f"a token of the receiver {flaw}{_OPT_OUT}")
        self._shortest = min(map(len, given))
        self._digests = [_digest(token) for token in given]

    def __repr__(self) -> str:
        number = len(self._digests)
        return f"<{number} token{'s' * (number != 1)}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("tokens cannot be pickled: read them in each process")

    @classmethod
    def from_env(
        cls, name: str = "BRAZE_TOKEN", environ: Mapping[str, str] = os.environ
    ) -> Tokens:
        """
        Read tokens from the environment variable *name*, separated by spaces.

        Raises:
            ValueError: The variable is not set or empty, or a token is invalid.
        """
        tokens = environ.get(name, "").split()
        if not tokens:
            raise ValueError(
                f"{name} contains no token: set it to the token of the feed"
            )
        if flaw := _flaw(tokens):
            raise ValueError(f"a token in {name} {flaw}")
        return cls(tokens)

    def weakness(self) -> str | None:
        """Return a warning if a token is short enough to guess, else `None`."""
        if self._shortest >= MIN_LENGTH:
            return None
        return (
            f"has fewer than {MIN_LENGTH} characters ({self._shortest}) and can be "
            "guessed. Generate a new one: openssl rand -hex 32"
        )

    def is_authorized(self, authorizations: Sequence[str], /) -> bool:
        """Return whether exactly one credential is given, and it is a known token."""
        found = [_CREDENTIALS.fullmatch(value) for value in authorizations]
        given = _digest(found[0][1]) if len(found) == 1 and found[0] else b""
        # Compare with every token: the time must not reveal which one matches.
        same = [hmac.compare_digest(given, known) for known in self._digests]
        return any(same)


def _flaw(tokens: Iterable[str]) -> str:
    """Return what is wrong with one of *tokens*; empty if all are valid."""
    found = (flaw for token in tokens for p, flaw in _FLAWS if re.search(p, token))
    return next((f"must be written {flaw}" for flaw in found), "")


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


class _Unauthenticated:
    def __repr__(self) -> str:
        return "UNAUTHENTICATED"

    def is_authorized(self, authorizations: Sequence[str], /) -> bool:  # noqa: ARG002
        return True


UNAUTHENTICATED: Final[Authenticator] = _Unauthenticated()
"""Disable authentication. Only behind a proxy that authenticates."""


def as_authenticator(tokens: str | Iterable[str] | Authenticator) -> Authenticator:
    """Return *tokens* as an authenticator, and log a warning for short tokens."""
    if not isinstance(tokens, Authenticator):
        tokens = Tokens(tokens)
    require("a receiver", "tokens", tokens, "is_authorized")
    weakness = tokens.weakness() if isinstance(tokens, Tokens) else None
    if weakness:
        logger.warning("The token of the receiver %s", weakness)
    return tokens
