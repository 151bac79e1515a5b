"""
Who an event is about, and whom Heap must never take for one person.

Heap merges everyone who shares an identity, for ever. So nothing is guessed, cut or
repaired here: an identity is taken as it is, or the event is kept back.
"""

from collections.abc import Callable
from typing import Any, Final, Literal, TypeAlias

from braze_heap._text import utf16_length
from braze_heap._wiring import check_function, kind_of
from braze_heap.calls import MAX_IDENTITY
from braze_heap.events import CurrentsEvent
from braze_heap.reasons import Reason, SkipReason

__all__ = [
    "SHARED_WORDS",
    "Identify",
    "Identity",
    "IdentityError",
    "checked_identity",
    "first_of",
]

SHARED_WORDS: Final = frozenset(
    "null undefined none nan anonymous guest user unknown [redacted]".split()
)
"""Words that stand for nobody, and so for everybody. Compared in lower case."""


class IdentityError(ValueError):
    """
    A value that cannot identify one person.

    Attributes:
        reason: As reports name it: skipped if there is none, rejected if it is unfit.
    """

    def __init__(self, reason: Reason | SkipReason) -> None:
        super().__init__(reason)
        self.reason = reason


def checked_identity(value: Any) -> str:
    """
    Return *value* as an identity for Heap.

    Args:
        value: As Braze sent it. A number stands for its decimal text.

    Raises:
        IdentityError: There is none (missing, null, empty, blank), or it is unfit: a
            boolean, fraction, list or object, control characters, U+FFFD, a word that
            many share, zeros alone, over 255 UTF-16 units.
    """
    if value.__class__ is int:
        value = _decimal(value)
    elif value is None:
        raise IdentityError(SkipReason.NO_IDENTITY)
    if not isinstance(value, str):
        raise IdentityError(Reason.BAD_IDENTITY)
    if flaw := flaw_of(value):
        raise IdentityError(flaw)
    return value


def _decimal(number: int) -> str:
    if number.bit_length() > 4 * MAX_IDENTITY:
        raise IdentityError(Reason.IDENTITY_TOO_LONG)
    return str(number)


def is_usual(text: str) -> bool:
    """
    Tell whether *text* can surely identify one person.
    """
    return (
        text.isascii()
        and text.isprintable()
        and len(text) <= MAX_IDENTITY
        and text.strip(" 0-").lower() not in _SUSPECT
    )


def flaw_of(text: str) -> Reason | SkipReason | None:
    """
    Return why *text* identifies nobody; ``None`` if it can.
    """
    if is_usual(text):
        return None
    if not text or text.isspace():
        return SkipReason.NO_IDENTITY
    if utf16_length(text) > MAX_IDENTITY:
        return Reason.IDENTITY_TOO_LONG
    word = text.strip().lower()
    is_shared = word in SHARED_WORDS or not word.strip("0-")
    return Reason.BAD_IDENTITY if is_shared or any(map(_is_unfit, text)) else None


_SUSPECT: Final = SHARED_WORDS | {""}


def _is_unfit(character: str) -> bool:
    return (
        character < " "
        or "\x7f" <= character <= "\x9f"
        or "\ud800" <= character <= "\udfff"
        or character == "\ufffd"
    )


Identify: TypeAlias = Callable[[CurrentsEvent], Any]
"""From an event to a value that names its user; ``None`` if there is none."""

Identity: TypeAlias = Literal["external_user_id", "user_id"] | Identify
"""The field that names the user, or a function that gives a value to name them."""


def identify_by(identity: Identity) -> Identify:
    """
    Return the function that *identity* means.

    Raises:
        ValueError: It is not a field that names users.
        TypeError: It is neither text nor a function of an event.
    """
    if isinstance(identity, list | tuple):
        raise TypeError(
            f"identity is one field or a function, not {kind_of(identity)}: "
            "for several fields write first_of('external_user_id', 'user_id', "
            "prefix='braze:')"
        )
    if not isinstance(identity, str):
        if isinstance(identity, type) or not callable(identity):
            raise TypeError(
                "identity is 'external_user_id', 'user_id' or a function, "
                f"not {kind_of(identity)}"
            )
        check_function("identity", identity)
        return identity
    if identity not in ("external_user_id", "user_id"):
        raise ValueError(
            f"identity is 'external_user_id', 'user_id' or a function, not {identity!r}"
        )
    misfit = f"/user/{identity}"

    def identify(event: CurrentsEvent) -> Any:
        value = event.__dict__.get(identity)
        return event.extra.get(misfit) if value is None and event.extra else value

    return identify


def first_of(*fields: Literal["external_user_id", "user_id"], prefix: str) -> Identify:
    """
    Name users by the first of *fields* that an event has.

    Args:
        fields: ``"external_user_id", "user_id"`` in the order of preference.
        prefix: What the identities of all but the first field begin with, so that two
            kinds of ids are never taken for one: ``"braze:"``. May be empty.

    A person who is anonymous first and known later has two identities then; Heap does
    not know that they are one.
    """
    if not fields or not all(isinstance(field, str) for field in fields):
        raise TypeError(
            "first_of needs names of fields: write "
            "first_of('external_user_id', 'user_id', prefix='braze:')"
        )
    if not isinstance(prefix, str):
        raise TypeError(f"the prefix of first_of must be text, not {kind_of(prefix)}")
    first, *others = map(identify_by, fields)

    def identify(event: CurrentsEvent) -> Any:
        value = first(event)
        if not _is_nothing(value):
            return value
        found = (v for v in (other(event) for other in others) if not _is_nothing(v))
        fallback = next(found, None)
        return f"{prefix}{fallback}" if isinstance(fallback, str) else fallback

    return identify


def _is_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, str) and (not value or value.isspace()))
