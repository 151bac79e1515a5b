"""Values that can be recognized wherever a mapper puts them."""

import re
from typing import Any, Final, Literal, TypeAlias

Variant: TypeAlias = Literal["a", "b", "c"]
"""Distinguishes values of one field."""

ANY_KEY: Final = "q7anyx"
"""A name within an object that represents all names."""

_TEXT: Final = re.compile(r"q7f(\d{4})x[abc]", re.IGNORECASE)
_ANY_KEY: Final = re.compile(ANY_KEY, re.IGNORECASE)
_HEX_DIGEST: Final = re.compile(r"[0-9a-f]{64}")

_OFFSETS: Final = {"a": 0, "b": 1, "c": 2}


class SentinelValues:
    """
    Provide values for the fields of one event class, and find the field of a value.

    Attributes:
        fields_in_names: The fields whose values were found in names.
    """

    def __init__(self) -> None:
        self._labels: list[str] = []
        self._numbers: dict[float, str] = {}
        self.fields_in_names: set[str] = set()
        self._readable: dict[str, str] = {}

    def text(self, label: str, variant: Variant = "a") -> str:
        """Return a string that represents *label*. It is recognized in any case."""
        return f"q7f{self._index(label):04d}x{variant}"

    def number(self, label: str, variant: Variant = "a") -> int:
        """Return an integer that represents *label*."""
        number = 70_000 + 10 * self._index(label) + _OFFSETS[variant]
        self._numbers[number] = label
        return number

    def fraction(self, label: str, variant: Variant = "a") -> float:
        """Return a number that represents *label*."""
        number = self.number(label, variant) + 0.25
        self._numbers[number] = label
        return number

    def _index(self, label: str) -> int:
        if label not in self._labels:
            self._labels.append(label)
        return self._labels.index(label)

    def variant_of(self, text: str) -> str:
        """Return the variant with which `text` returned *text*."""
        return text[-1:]

    def labels_in(self, value: Any) -> set[str]:
        """Return the labels of the values in *value*."""
        if isinstance(value, str):
            return {self._labels[int(number)] for number in _TEXT.findall(value)}
        label = self._numbers.get(value)
        return {label} if label else set()

    def readable(self, name: str) -> str:
        """Return *name* with placeholders, such as ``Braze <channel>``, ``tags.*``."""
        if name not in self._readable:
            named = _TEXT.sub(lambda found: self._placeholder(int(found[1])), name)
            self._readable[name] = _ANY_KEY.sub("*", named)
        return self._readable[name]

    def labels_named_in(self, name: str) -> set[str]:
        """Return the labels of the placeholders in a readable *name*."""
        return {
            label
            for label in self.fields_in_names
            if f"<{_placeholder_text(label)}>" in name
        }

    def _placeholder(self, index: int) -> str:
        label = self._labels[index]
        self.fields_in_names.add(label)
        return f"<{_placeholder_text(label)}>"


def _placeholder_text(label: str) -> str:
    return _PLACEHOLDERS.get(label, label)


_PLACEHOLDERS: Final = {"name": "name of the custom event", "event_type": "event type"}


def without_sentinels(value: Any) -> str:
    """Return *value* as an example that people understand."""
    text = _ANY_KEY.sub("name", _TEXT.sub("example", str(value)))
    return "<64 hexadecimal digits>" if _HEX_DIGEST.fullmatch(text) else text
