"""
Values that can be recognised again wherever a mapping rule puts them.
"""

import re
from typing import Any, Final, Literal, TypeAlias

Salt: TypeAlias = Literal["a", "b", "c"]
"""Tells values of one field apart."""

ANY_KEY: Final = "q7anyx"
"""A name within an object, standing for all names."""

_TEXT: Final = re.compile(r"q7f(\d{4})x[abc]", re.IGNORECASE)
_ANY_KEY: Final = re.compile(ANY_KEY, re.IGNORECASE)
_HEX_DIGEST: Final = re.compile(r"[0-9a-f]{64}")

_OFFSETS: Final = {"a": 0, "b": 1, "c": 2}


class Marks:
    """
    Hands out values for the fields of one event class, and tells later whose they are.

    Attributes:
        named: The fields whose values showed up in names.
    """

    def __init__(self) -> None:
        self._labels: list[str] = []
        self._numbers: dict[float, str] = {}
        self.named: set[str] = set()
        self._readable: dict[str, str] = {}

    def text(self, label: str, salt: Salt = "a") -> str:
        """
        Return a text that stands for *label*, in whatever case it is found again.
        """
        return f"q7f{self._index(label):04d}x{salt}"

    def number(self, label: str, salt: Salt = "a") -> int:
        """
        Return a whole number that stands for *label*.
        """
        number = 70_000 + 10 * self._index(label) + _OFFSETS[salt]
        self._numbers[number] = label
        return number

    def fraction(self, label: str, salt: Salt = "a") -> float:
        """
        Return a number that stands for *label*.
        """
        number = self.number(label, salt) + 0.25
        self._numbers[number] = label
        return number

    def _index(self, label: str) -> int:
        if label not in self._labels:
            self._labels.append(label)
        return self._labels.index(label)

    def salt_of(self, text: str) -> str:
        """
        Return what `text` was called with to return *text*.
        """
        return text[-1:]

    def labels_in(self, value: Any) -> set[str]:
        """
        Return whose values are in *value*.
        """
        if isinstance(value, str):
            return {self._labels[int(number)] for number in _TEXT.findall(value)}
        label = self._numbers.get(value)
        return {label} if label else set()

    def readable(self, name: str) -> str:
        """
        Return *name* with what varies in it named: ``Braze <channel>``, ``tags.*``.
        """
        try:
            return self._readable[name]
        except KeyError:
            named = _TEXT.sub(lambda found: self._placeholder(int(found[1])), name)
            return self._readable.setdefault(name, _ANY_KEY.sub("*", named))

    def labels_named_in(self, name: str) -> set[str]:
        """
        Return whose values vary in a readable *name*.
        """
        return {label for label in self.named if f"<{_said(label)}>" in name}

    def _placeholder(self, index: int) -> str:
        label = self._labels[index]
        self.named.add(label)
        return f"<{_said(label)}>"


def _said(label: str) -> str:
    return _PLACEHOLDERS.get(label, label)


_PLACEHOLDERS: Final = {
    "name": "name of the custom event",
    "event_type": "event type",
}


def without_marks(value: Any) -> str:
    """
    Return *value* as an example that people understand.
    """
    text = _ANY_KEY.sub("name", _TEXT.sub("example", str(value)))
    return "<64 hexadecimal digits>" if _HEX_DIGEST.fullmatch(text) else text
