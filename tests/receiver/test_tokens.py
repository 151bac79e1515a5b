"""
Who may send.
"""

import pickle

import pytest

from braze_heap.receiver import UNAUTHENTICATED
from braze_heap.receiver._tokens import Tokens


def test_tokens_come_from_the_environment():
    """
    Those in the variable, apart by blanks, are let in; nothing else is.
    """
    tokens = Tokens.from_env("FEED", {"FEED": " new  old ", "BRAZE_TOKEN": "other"})

    admitted = {
        t for t in ("new", "old", "other", "x") if tokens.admits([f"Bearer {t}"])
    }
    assert admitted == {"new", "old"}


def test_the_variable_has_a_name_of_its_own():
    """
    Unless another is named, it is ``BRAZE_TOKEN``.
    """
    assert Tokens.from_env(environ={"BRAZE_TOKEN": "t"}).admits(["Bearer t"])


@pytest.mark.parametrize("environ", [{}, {"FEED": ""}, {"FEED": "  "}])
def test_an_environment_without_a_token_is_an_error(environ):
    """
    It names the variable, and nobody is let in by mistake.
    """
    with pytest.raises(ValueError, match=r"^FEED holds no token"):
        Tokens.from_env("FEED", environ)


@pytest.mark.parametrize("token", ["schlüssel", "a\x00b", "good b\ud800d"])
def test_an_environment_with_an_odd_token_is_an_error(token):
    """
    It names the variable and what a token is, and does not show it.
    """
    with pytest.raises(ValueError, match=r"^FEED holds more than printable") as raised:
        Tokens.from_env("FEED", {"FEED": token})

    assert token not in str(raised.value)


def test_a_token_that_is_no_text_is_refused():
    """
    A lone surrogate in a header is compared like anything else, and is not ours.
    """
    assert not Tokens("t").admits(["Bearer \ud800"])


def test_tokens_are_not_shown_nor_pickled():
    """
    A repr tells their number, a pickle is refused.
    """
    tokens = Tokens(["first", "second"])

    assert repr(tokens) == "<2 tokens>"
    assert repr(UNAUTHENTICATED) == "UNAUTHENTICATED"
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(tokens)
