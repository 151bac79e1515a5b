"""
Search for one person in dead letters, in every form in which an id may be written.

A match is certain or suspected. A purge removes certain matches, and reports suspected
ones for review.
"""

import base64
import html
import json
import re
import unicodedata
import zlib
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import unquote

import attrs

from braze_heap._wiring import kind_of
from braze_heap.state._record import MAX_INFLATED, DeadRecord

__all__ = ["Match", "PersonSearch"]

_MIN_DISTINCTIVE: Final = 6
"""Characters that make a text unlikely to match by chance."""

_MAX_DEPTH: Final = 5
"""Levels of escapes within escapes, and of nested compression, that are undone."""

_SEPARATOR: Final = r"[\s()./-]"
"""Pattern of a character between the digits of a phone number."""


@attrs.frozen
class Match:
    """A match of a record."""

    suspicion: str = ""
    """Reason for a suspicion, without values; empty for a certain match."""


_CERTAIN: Final = Match()


class PersonSearch:
    """
    Search for an identity, an email address or a phone number in events and bodies.

    Letter case does not matter. A phone number that begins with ``+`` is also found
    without it, with ``00`` instead, and with separators. A short text (under six
    characters, or a single word) is certain only in a field that identifies a person.
    Elsewhere it is suspected.

    Raises:
        ValueError: *identity* is blank or not a string.
    """

    def __init__(self, identity: str) -> None:
        if not isinstance(identity, str) or not identity.strip():
            given = "blank text" if isinstance(identity, str) else kind_of(identity)
            raise ValueError(f"the identity to search for must be text, not {given}")
        self._exact = identity
        self._folded = _fold(identity)
        phone = re.sub(_SEPARATOR, "", identity)
        self._is_phone = re.fullmatch(r"\+\d{7,}", phone) is not None
        if self._is_phone:
            self._folded = phone[1:]
            pattern = f"{_SEPARATOR}*".join(self._folded)
            before = r"(?:(?<![\d.])|(?<=\D00)|(?<=^00))"
            after = r"(?!\d)"
            loose = before + pattern + after
        else:
            pattern = re.escape(self._folded)
            before, after = r"(?<![\w.%+@-])", r"(?![\w@-])(?!\.\w)"
            first, last = map(_same_kind, (self._folded[0], self._folded[-1]))
            loose = f"(?<!{first}){pattern}(?!{last})"
        least = _MIN_DISTINCTIVE * (2 if identity.isalpha() else 1)
        self._is_distinctive = len(identity) >= least
        self._anywhere = re.compile(pattern)
        self._bounded = re.compile(before + pattern + after)
        self._loose = re.compile(loose)
        self._named = re.compile(
            rf'(?:{_IDENTITY_FIELDS.pattern})[^":]*"\s*:\s*\[?\s*"?{pattern}(?=["\s,}}\]]|$)'
        )
        in_json = json.dumps(self._exact)[1:-1]
        self._base64 = {*_base64_forms(self._folded, self._exact, in_json)}

    def in_record(self, record: DeadRecord) -> Match | None:
        """Return the match of a dead letter; ``None`` if it does not match."""
        if record.is_damaged and not record.original:
            return Match("is damaged, so that it cannot be searched")
        find = self.in_event if record.format == "json" else self.in_body
        return find(record.original) or self.in_text(record.detail)

    def in_event(self, original: bytes) -> Match | None:
        """Return the match of an event, as JSON; ``None`` if it does not match."""
        text = original.decode("utf-8", "replace")
        if not self._may_have(text):
            return None
        is_clear = self._is_distinctive and not self._folded.isdigit()  # as a time is
        if is_clear and self._has(_fold(text), self._bounded):
            return _CERTAIN
        try:
            event = json.loads(original)
        except (ValueError, RecursionError):
            return self.in_body(original)
        return _best_match(self._in_value(event))

    def in_body(self, body: bytes) -> Match | None:
        """
        Return the match of an unreadable body; ``None`` if it does not match.

        The body may be compressed, damaged, and in any common encoding.
        """
        gaps = ""
        for _ in range(_MAX_DEPTH):
            if not body.startswith(b"\x1f\x8b"):
                break
            body, is_complete = _inflate(body)
            gaps = gaps or (
                "" if is_complete else "is damaged, and only searched in part"
            )
        for magic, name in _ARCHIVES.items():
            if body.startswith(magic):
                gaps = f"is compressed ({name}), and not searched"
        found = _best_match(self.in_text(text) for text in self._decodings(body))
        return found or (Match(gaps) if gaps else None)

    def _may_have(self, text: str) -> bool:
        """Return whether *text*, an event, may match: a fast test before the search."""
        return any(self._has(view, self._loose) for view in self._views(text)) or any(
            form in text for form in self._base64
        )

    def _has(self, view: str, pattern: re.Pattern[str]) -> bool:
        """Return whether *view* contains *pattern*."""
        # The patterns look behind, which is slow at every position of a long text.
        places = self._anywhere.finditer(view)
        return any(pattern.match(view, place.start()) for place in places)

    def _in_value(self, value: Any) -> Iterator[Match | None]:
        waiting: list[tuple[str, Any]] = [("identity", value)]
        while waiting:
            name, value = waiting.pop()
            if isinstance(value, dict):
                waiting += value.items()
                yield from map(self.in_text, value)
            elif isinstance(value, list):
                waiting += [(name, element) for element in value]
            elif isinstance(value, str):
                nested = _parse_json(value)
                if nested is not None:
                    waiting.append((name, nested))
                yield self._match_value(name, value) or self.in_text(value)
            elif isinstance(value, int | float) and not isinstance(value, bool):
                yield self._match_number(name, value)

    def _match_value(self, name: str, text: str) -> Match | None:
        """Return the match of *text*, the whole value of the field *name*."""
        if not self._is_same(text):
            return None
        is_identity = text == self._exact and _IDENTITY_FIELDS.search(name.lower())
        if self._is_distinctive or is_identity:
            return _CERTAIN
        return Match("has the short text, but not as an id in this letter case")

    def _is_same(self, text: str) -> bool:
        folded = _fold(text)
        if self._is_phone:
            folded = re.sub(_SEPARATOR, "", folded)
            folded = folded.removeprefix("+").removeprefix("00")
        return folded == self._folded

    def _match_number(self, name: str, number: float) -> Match | None:
        try:
            text = str(int(number) if number == int(number) else number)
        except (ValueError, OverflowError):
            return None
        if text != self._folded:
            return None
        lowered = name.lower()
        if _IDENTITY_FIELDS.search(lowered):
            return _CERTAIN
        is_time = "time" in lowered or lowered.endswith("_at")
        if len(text) < _MIN_DISTINCTIVE + 2 or is_time:
            return Match("has the number, but not as an id")
        return _CERTAIN

    def in_text(self, text: str) -> Match | None:
        """Return the match of a part of *text*; ``None`` if no part matches."""
        suspicion = None
        for view in filter(self._anywhere.search, self._views(text)):
            if self._has(view, self._bounded):
                if self._is_distinctive or self._named.search(view):
                    return _CERTAIN
                suspicion = Match("has the short text among other text")
            elif self._is_distinctive and self._has(view, self._loose):
                suspicion = suspicion or Match("has it within a longer word")
        if any(form in text for form in self._base64):
            suspicion = suspicion or Match("has it in Base64")
        return suspicion

    def _views(self, text: str) -> Iterator[str]:
        """Yield *text* as it is, and with its escapes undone step by step."""
        yield _fold(text)
        if "\\" in self._folded:  # DOMAIN\user, however often it was written as JSON
            yield _fold(_BACKSLASHES.sub(r"\\", text))
        for _ in range(_MAX_DEPTH):
            if not any(mark in text for mark in "\\%&"):
                return
            plain = html.unescape(unquote(_without_escapes(text, _ESCAPES)))
            if any(mark in self._folded for mark in "\\%&"):  # `plain` has fewer
                yield _fold(_without_escapes(text, _ESCAPE))
            if "%" in text and not self._folded.isascii():
                yield _fold(unquote(text, "latin-1"))
            if "%" in text and " " in self._folded:
                yield _fold(plain.replace("+", " "))
            if plain == text:
                return
            text = plain
            yield _fold(text)

    def _decodings(self, body: bytes) -> Iterator[str]:
        yield body.decode("utf-8", "replace")
        if b"\0" in body:  # UTF-16 or UTF-32, also if it begins within a character
            yield body.replace(b"\0", b"").decode("latin-1")
        if not self._folded.isascii():
            yield body.decode("latin-1")
            for start in (0, 1):
                for order in ("le", "be"):
                    yield body[start:].decode(f"utf-16-{order}", "replace")


_IDENTITY_FIELDS: Final = re.compile(
    "(?:user|customer|member|contact|person|profile|account|client|subscriber|device"
    "|line|braze|crm)[_-]?id|^uid$|identi|e-?mail|phone|msisdn|bsuid|orphaned_by"
)
"""Names, in lower case, of fields that identify a person by their whole value."""

_ARCHIVES: Final = {
    b"PK\x03\x04": "zip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
}


def _best_match(matches: Iterator[Match | None]) -> Match | None:
    suspicion = None
    for match in matches:
        if match and not match.suspicion:
            return match
        suspicion = suspicion or match
    return suspicion


def _fold(text: str) -> str:
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    return text.strip().casefold()


def _same_kind(character: str) -> str:
    """Return the pattern of the characters that continue a word after *character*."""
    return r"\d" if character.isdigit() else r"[^\W\d_]"


def _parse_json(text: str) -> Any:
    """Return the JSON object, list or text in *text*; ``None`` if it is not JSON."""
    if text.lstrip()[:1] not in ("{", "[", '"'):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _without_escapes(text: str, pattern: re.Pattern[str]) -> str:
    """Return *text* without the JSON escapes that *pattern* matches."""
    if "\\" not in text:
        return text
    plain = pattern.sub(_unescape, text)
    data = plain.encode("utf-16-le", "surrogatepass")  # joins pairs of surrogates
    return data.decode("utf-16-le", "surrogatepass")


_BACKSLASHES: Final = re.compile(r"\\{2,}")
_ESCAPE: Final = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))")
_ESCAPES: Final = re.compile(r"\\+(?:u([0-9a-fA-F]{4})|(.))")
"""One escape, also if it was encoded as JSON several times."""


def _unescape(found: re.Match[str]) -> str:
    code, character = found.groups()
    if code:
        return chr(int(code, 16))
    return {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}.get(
        character, character
    )


def _inflate(data: bytes) -> tuple[bytes, bool]:
    """Return the readable part of gzipped *data*, and whether that is all of it."""
    parts, room = [], MAX_INFLATED
    while data.startswith(b"\x1f\x8b"):
        inflater = zlib.decompressobj(wbits=31)
        try:
            parts.append(inflater.decompress(data, room))
        except zlib.error:
            return b"".join(parts), False
        room -= len(parts[-1])
        if not inflater.eof:
            return b"".join(parts), False
        data = inflater.unused_data
    return b"".join(parts), True


def _base64_forms(*texts: str) -> Iterator[str]:
    """Yield the forms of *texts* inside longer data in Base64."""
    for text in dict.fromkeys(texts):
        data = text.encode("utf-8", "replace")
        if len(data) < _MIN_DISTINCTIVE + 2:
            continue
        for shift in range(3):
            form = base64.b64encode(bytes(shift) + data).decode()
            form = form[-(-8 * shift // 6) : 8 * (shift + len(data)) // 6]
            yield form
            yield form.replace("+", "-").replace("/", "_")
