import pytest

from braze_heap.cli._console import plural, safe


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("users.messages.email.Click", "users.messages.email.Click"),
        ("Été お知らせ", "Été お知らせ"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\nb", "a\\nb"),
        ("\udc80", "\\udc80"),
        ("\u202eexe.txt", "\\u202eexe.txt"),
        ("x" * 65, "x" * 61 + "..."),
    ],
)
def test_safe_text_cannot_steer_a_terminal(text: str, expected: str) -> None:
    """
    Readable text stays, everything else is escaped, and the length is bounded.
    """
    assert expected == safe(text)


@pytest.mark.parametrize(
    ("number", "noun", "expected"),
    [
        (1, "event", "1 event"),
        (1000, "event", "1,000 events"),
        (2, "update of user properties", "2 updates of user properties"),
    ],
)
def test_plural_agrees_with_its_number(number: int, noun: str, expected: str) -> None:
    """
    The word that is counted gets the ending.
    """
    assert plural(number, noun) == expected
