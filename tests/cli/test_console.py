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


def test_plural_agrees_with_its_number() -> None:
    """
    One event, 1,000 events.
    """
    assert (plural(1, "event"), plural(1000, "event")) == ("1 event", "1,000 events")
