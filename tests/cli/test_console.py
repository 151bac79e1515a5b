import sys
import unicodedata

import pytest
from rich.console import Console
from rich.text import Text

from braze_heap.cli._console import UnusableError, plural, safe, to_text
from braze_heap.cli._report import Section


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("users.messages.email.Click", "users.messages.email.Click"),
        ("Été お知らせ", "Été お知らせ"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\nb", "a\\nb"),
        ("\udc80", "\\udc80"),
        ("\u202eexe.txt", "\\u202eexe.txt"),
        ("\u2066a\u2069\u200b\u200f", "\\u2066a\\u2069\\u200b\\u200f"),
        ("\ufeffa\U000e0041", "\\ufeffa\\U000e0041"),
        ("x" * 65, "x" * 61 + "..."),
    ],
)
def test_safe_text_cannot_steer_a_terminal(text: str, expected: str) -> None:
    """Readable text stays, everything else is escaped, and the length is bounded."""
    assert expected == safe(text)


def test_no_control_or_format_character_passes() -> None:
    """Of every character that steers, hides or breaks a line, the escape is shown."""
    steering = [
        c
        for c in map(chr, range(sys.maxunicode + 1))
        if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")
    ]

    assert len(steering) > 2_000
    assert [c for c in steering if not safe(c).startswith("\\")] == []


def test_errors_show_paths_without_control_characters() -> None:
    """A file may be called anything."""
    error = UnusableError("cannot read a\u202eb\x1b[2J:\nno such file")

    assert error.format_message() == "cannot read a\\u202eb\\x1b[2J:\nno such file"


@pytest.mark.parametrize(
    ("number", "noun", "expected"),
    [
        (1, "event", "1 event"),
        (1000, "event", "1,000 events"),
        (2, "update of user properties", "2 updates of user properties"),
    ],
)
def test_plural_agrees_with_its_number(number: int, noun: str, expected: str) -> None:
    """The word that is counted gets the outcome."""
    assert plural(number, noun) == expected


@pytest.mark.parametrize("is_terminal", [False, True])
def test_no_text_that_is_shown_can_steer_a_terminal(is_terminal: bool) -> None:
    """Neither in a table, nor in a line that is folded."""
    odd = "a\u202e\u2066\u200b\x1b[31m\x9b\u2028b"
    out = Console(force_terminal=is_terminal, width=40, markup=False)
    section = Section(title=odd, rows=[(Text(odd, "bold"),)], note=odd)

    text = to_text(section, out).replace("\x1b[1m", "").replace("\x1b[0m", "")

    assert all(line.isprintable() for line in text.split("\n"))
    assert text.count("u202e") == 3
