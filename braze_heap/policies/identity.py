"""
Policy for the identity of a user in Heap, and the texts that cannot be one.

Heap merges all users who share an identity, and this cannot be undone. An identity is
therefore sent unchanged, or the event is not sent.
"""

import functools
import hashlib
import re
import string
import typing
import unicodedata
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final, Literal, TypeAlias

import attrs

from braze_heap._text import did_you_mean, utf16_length
from braze_heap._wiring import check_function, kind_of
from braze_heap.events import CurrentsEvent
from braze_heap.exceptions import BrazeHeapError
from braze_heap.heap.calls import MAX_IDENTITY
from braze_heap.reasons import Reason, SkipReason

__all__ = [
    "PLACEHOLDER_IDENTITIES",
    "Identify",
    "Identity",
    "IdentityError",
    "first_of",
]


def _digests(*texts: str) -> set[str]:
    """Return the MD5, SHA-1 and SHA-256 of *texts* in hexadecimal."""
    return {
        hashlib.new(name, text.encode(), usedforsecurity=False).hexdigest()
        for name in ("md5", "sha1", "sha256")
        for text in texts
    }


PLACEHOLDER_IDENTITIES: Final = frozenset(
    """
    0 -1 -1.0 anon anonymous anonymous_id distinct_id distinctid email external_id
    external_user_id false guest id
    n/a nan nil none not_authenticated null [redacted] string true undefined unknown
    user user_id
    """.split()
) | {"[object Object]", *_digests("", "null", "None", "undefined")}
"""
Texts that programs write if the id of a user is missing, so that many users share them.

Letter case, surrounding blanks, brackets and quotes are ignored. ``0`` means every text
of zeros, such as ``000``, ``0.0`` and the UUID of zeros. The long ones are the MD5,
SHA-1 and SHA-256 of the empty text and of ``null``, ``None`` and ``undefined``.
"""


@attrs.frozen
class IdentityError(BrazeHeapError, ValueError):
    """
    A value that cannot identify one person.

    Attributes:
        reason: A `SkipReason` if the identity is missing, a `Reason` if it is rejected.
        detail: The rule that rejected it. Contains no value of the event.
    """

    reason: Reason | SkipReason
    detail: str

    def __str__(self) -> str:
        return self.detail


Identify: TypeAlias = Callable[[CurrentsEvent], Any]
"""Function of an event to a value that identifies its user, or ``None``."""

IdentityField: TypeAlias = Literal["external_user_id", "user_id"]
"""Field whose value identifies the user."""

FirstOfField: TypeAlias = Literal["external_user_id", "user_id", "device_id"]
"""Field that `first_of` accepts."""

Identity: TypeAlias = IdentityField | Identify
"""The field that identifies the user, or a function that returns such a value."""


class IdentityPolicy:
    """
    Reads the identity of an event, and rejects values that many users may share.

    Args:
        identity: The field or function that identifies the user.
        placeholders: The texts to reject; see `PLACEHOLDER_IDENTITIES`.

    Attributes:
        field: The field that identifies the user; ``""`` for a function.
        fields: The fields in the order of preference; none for a function of a team.
        prefix: Text before the values of all fields but the first.
        function: Returns the unchecked value of an event.
    """

    def __init__(
        self, identity: Identity, placeholders: Collection[str] = PLACEHOLDER_IDENTITIES
    ) -> None:
        if (
            isinstance(placeholders, str | bytes | Mapping)
            or not isinstance(placeholders, Collection)
            or not all(isinstance(text, str) and text.strip() for text in placeholders)
        ):
            raise TypeError(
                "placeholder_identities must be a set or list of texts that are not "
                f"blank, not {placeholders!r}"
            )
        self.field: str = identity if isinstance(identity, str) else ""
        self.function: Identify = identify_by(identity)
        self.fields: tuple[str, ...] = (self.field,) if self.field else ()
        self.prefix: str = ""
        if isinstance(self.function, _FirstOf):
            self.fields, self.prefix = self.function.fields, self.function.prefix
        self._placeholders = {_canonical(text): text for text in placeholders}
        self._suspects = {text.strip(_EDGES) for text in self._placeholders} | {""}

    def is_legal(self, text: str) -> bool:
        """Return whether *text* can identify one person."""
        if (  # decides for almost all, in a fraction of a microsecond
            text.isascii()
            and text.isprintable()
            and len(text) <= MAX_IDENTITY
            and "{" not in text
            and text.strip(_EDGES).lower() not in self._suspects
        ):
            return True
        return self._flaw(text) is None

    def identity_of(self, event: CurrentsEvent) -> str:
        """
        Return the identity of *event*.

        Raises:
            IdentityError: It is missing or rejected. An identity with a prefix is
                checked with and without it.
        """
        if isinstance(self.function, _FirstOf):
            prefix, value = self.function.parts(event)
            identity = self.check(value)
            return self.check(prefix + identity) if prefix else identity
        identity = self.check(self.function(event))
        if self.field or self._is_surely_legal(identity, event):
            return identity
        if flaw := self._flaw_in_part(identity, event):
            raise IdentityError(Reason.BAD_IDENTITY, flaw)
        return identity

    def _is_surely_legal(self, identity: str, event: CurrentsEvent) -> bool:
        """
        Return whether *identity*, composed by a function, surely has no illegal part.

        It is fast, because it is called for almost every event. If all ids of the event
        are legal, only ``None`` or a placeholder after a separator can be such a part.
        """
        if "none" in identity.lower() or event.extra:
            return False
        fields = event.__dict__
        for name in _ID_FIELDS:
            value = fields.get(name)
            if value is not None and not (type(value) is str and self.is_legal(value)):
                return False
        tail = identity.replace("|", ":").replace("/", ":").rpartition(":")[2]
        return self.is_legal(tail)

    def check(self, value: Any) -> str:
        """
        Return *value* as an identity for Heap. A whole number becomes its decimal text.

        Raises:
            IdentityError: It is missing (null, empty, blank) or rejected: a
                placeholder, only invisible characters, unrendered Liquid, control
                characters, U+FFFD, a boolean, fraction, list or object, or over 255
                UTF-16 units.
        """
        if value.__class__ is int:
            value = _decimal(value)
        elif value is None:
            raise IdentityError(SkipReason.NO_IDENTITY, "there is no identity")
        if not isinstance(value, str):
            raise IdentityError(
                Reason.BAD_IDENTITY,
                f"the identity is a {type(value).__name__}, not text or a whole number",
            )
        if not self.is_legal(value) and (flaw := self._flaw(value)):
            raise IdentityError(*flaw)
        return value

    def _flaw(self, text: str) -> tuple[Reason | SkipReason, str] | None:
        if not text or text.isspace():
            return SkipReason.NO_IDENTITY, "the identity is blank"
        if (length := utf16_length(text)) > MAX_IDENTITY:
            detail = f"the identity has {length:,} UTF-16 units, over {MAX_IDENTITY}"
            return Reason.IDENTITY_TOO_LONG, detail
        detail = ""
        if any(map(_is_forbidden, text)):
            detail = "the identity has a control character or U+FFFD"
        elif "{{" in text or "{%" in text:
            detail = "the identity has Liquid that Braze did not render: {{ or {%"
        elif not (word := _canonical(text)):
            detail = "the identity has only invisible characters, brackets or quotes"
        elif (listed := self._placeholders.get(word)) is not None:
            detail = (
                f"the identity is the placeholder {listed!r}, "
                "which many users can share"
            )
        return (Reason.BAD_IDENTITY, detail) if detail else None

    def _flaw_in_part(self, identity: str, event: CurrentsEvent) -> str | None:
        """
        Return the flaw of an identity that a function composed, if it has one.

        It contains a rejected id of the event, or ends with a placeholder after ``:``,
        ``/`` or ``|``. A number at the end is legal, because many ids contain numbers.
        """
        ids = [_read(field, event) for field in _ID_FIELDS]
        texts = [str(i).strip() for i in ids if isinstance(i, str | bool)]
        texts += [_decimal(i) for i in ids if i.__class__ is int]
        texts.append("None")  # a field that is missing or invalid, as text
        rest = identity
        for text in sorted(filter(self.is_legal, texts), key=len, reverse=True):
            rest = rest.replace(text, "x")  # a legal id may contain any word
            if text.lower() in rest.lower():  # the function changed its case
                rest = rest.lower().replace(text.lower(), "x")
        part = next((t for t in texts if not self.is_legal(t) and _has(rest, t)), None)
        if part is None:
            part = re.split("[:/|]", rest)[-1]
            word = _canonical(part)
            is_number = bool(word) and not word.strip("-.0123456789")
            is_rejected = word in self._placeholders and not is_number
            if not word and any(map(_is_blank, ids[:2])):
                is_rejected = True
            if part == rest or not is_rejected:
                return None
        flaw = self._flaw(part)
        return f"without its prefix or suffix, {flaw[1]}" if flaw else None


def _decimal(number: int) -> str:
    if number.bit_length() > 4 * MAX_IDENTITY:
        detail = f"the identity is a number of over {MAX_IDENTITY} digits"
        raise IdentityError(Reason.IDENTITY_TOO_LONG, detail)
    return str(number)


_AROUND: Final = f"{string.whitespace}()<>[]{{}}\"'`"
_ZERO: Final = "0-+."
_EDGES: Final = _AROUND + _ZERO


def _canonical(text: str) -> str:
    """
    Return the form of *text* to compare with placeholders: ``0`` for zeros, empty for
    invisible text.
    """
    if not text.isascii():
        compatible = unicodedata.normalize("NFKC", text)
        text = "".join(c for c in compatible if not _is_invisible(c))
    word = text.strip(_AROUND).casefold()
    return word if word.strip(_ZERO) else "0"[: len(word)]


def _is_invisible(character: str) -> bool:
    return (
        unicodedata.category(character) in ("Cf", "Zl", "Zp")
        or character in _INVISIBLE
        or "\ufe00" <= character <= "\ufe0f"
        or "\U000e0100" <= character <= "\U000e01ef"
    )


_INVISIBLE: Final = "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800"
"""Invisible letters, marks and symbols: fillers, joiners, the empty Braille pattern."""


def _is_forbidden(character: str) -> bool:
    return (
        character < " "
        or "\x7f" <= character <= "\x9f"
        or "\ud800" <= character <= "\udfff"
        or character == "\ufffd"
    )


def _has(identity: str, part: str) -> bool:
    """
    Return whether *identity* was composed of *part*: it contains *part* with no letter
    or digit next to it, or begins or ends with *part* if that is a word.

    For an empty *part*, return whether a separator is left at the beginning or end.
    """
    if not part:
        return identity.strip(_SEPARATORS) != identity
    is_word = sum(map(str.isalpha, part)) >= _WORD or not part.isascii()
    if is_word and (identity.startswith(part) or identity.endswith(part)):
        return True
    bounded = rf"(?<![^\W_]){re.escape(part)}(?![^\W_])"
    return re.search(bounded, identity, re.IGNORECASE) is not None


_SEPARATORS: Final = f"{string.whitespace}:/|#@_-.=~+,;"
_WORD: Final = 3
"""Minimum number of letters of a word that an id does not contain by chance."""


def identify_by(identity: Identity) -> Identify:
    """Return the function that reads *identity*, or raise what is wrong with it."""
    if isinstance(identity, list | tuple):
        raise TypeError(
            f"identity must be one field or a function, not {kind_of(identity)}: "
            "for several fields write first_of('external_user_id', 'user_id', "
            "prefix='braze:')"
        )
    if not isinstance(identity, str):
        if isinstance(identity, type) or not callable(identity):
            raise TypeError(
                "identity must be 'external_user_id', 'user_id' or a function, "
                f"not {kind_of(identity)}"
            )
        check_function("identity", identity)
        return identity
    if identity not in ("external_user_id", "user_id"):
        hint = (
            ": a person can use several devices, so write "
            "first_of('external_user_id', 'device_id', prefix='device:')"
        )
        raise ValueError(
            "identity must be 'external_user_id', 'user_id' or a function, not "
            f"{identity!r}{hint if str(identity) == 'device_id' else ''}"
        )
    return functools.partial(_read, identity)


def _read(field: str, event: CurrentsEvent) -> Any:
    value = event.__dict__.get(field)
    return event.extra.get(f"/user/{field}") if value is None and event.extra else value


_ID_FIELDS: Final = typing.get_args(FirstOfField)
_LENGTH_OF_UUID: Final = 36


def first_of(*fields: FirstOfField, prefix: str) -> Identify:
    """
    Identify users by the first of *fields* that an event has.

    Args:
        fields: ``"external_user_id"``, ``"user_id"``, ``"device_id"`` in the order of
            preference. All users of a shared device have the same ``device_id``.
        prefix: Text before the identities of all but the first field, so that ids of
            two kinds cannot be equal: ``"braze:"``. May be empty.

    Raises:
        TypeError: *fields* are not names, or *prefix* is not text.
        ValueError: A name is unknown, or named twice, or *prefix* makes identities
            illegal.

    A user who is anonymous first and identified later ends up with two identities. Heap
    does not know that both are one person.

    A placeholder such as ``null`` does not fall back to the next field: the event is
    rejected as ``bad_identity``. Braze has one profile for all users with that external
    id, so the next field would identify all of them too.
    """
    if not fields or not all(isinstance(field, str) for field in fields):
        raise TypeError(
            "first_of needs names of fields: write "
            "first_of('external_user_id', 'user_id', prefix='braze:')"
        )
    if len(set(fields)) < len(fields):
        raise ValueError(f"identity names a field twice: {', '.join(fields)}")
    if not isinstance(prefix, str):
        raise TypeError(f"the prefix of first_of must be text, not {kind_of(prefix)}")
    if flaw := IdentityPolicy("user_id")._flaw(prefix + "x" * _LENGTH_OF_UUID):
        raise ValueError(
            "identity_prefix, the prefix of first_of, makes all identities illegal: "
            f"with an id of {_LENGTH_OF_UUID} characters {flaw[1]}"
        )
    for field in fields:
        if field not in _ID_FIELDS:
            raise ValueError(
                f"first_of takes {', '.join(map(repr, _ID_FIELDS))}, not {field!r}."
                f"{did_you_mean(field, _ID_FIELDS)}"
            )
    return _FirstOf(prefix, fields)


@attrs.frozen
class _FirstOf:
    """The function that `first_of` returns."""

    prefix: str
    fields: tuple[str, ...]

    def __call__(self, event: CurrentsEvent) -> Any:
        prefix, value = self.parts(event)
        if value.__class__ is int:
            value = _decimal(value)
        return prefix + value if isinstance(value, str) else value

    def parts(self, event: CurrentsEvent) -> tuple[str, Any]:
        """Return the prefix and the id, which is ``None`` if it is missing."""
        for number, field in enumerate(self.fields):
            value = _read(field, event)
            if not _is_blank(value):
                return self.prefix if number else "", value
        return "", None


def _is_blank(value: Any) -> bool:
    return value is None or (isinstance(value, str) and (not value or value.isspace()))
