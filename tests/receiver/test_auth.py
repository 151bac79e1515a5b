"""
Who may send.
"""

import pickle

import pytest

from braze_heap.receiver import UNAUTHENTICATED
from braze_heap.receiver._auth import Tokens, as_authenticator


def test_tokens_come_from_the_environment():
    """
    Those in the variable, apart by blanks, are let in; nothing else is.
    """
    tokens = Tokens.from_env("FEED", {"FEED": " new  old ", "BRAZE_TOKEN": "other"})

    admitted = {
        t for t in ("new", "old", "other", "x") if tokens.is_authorized([f"Bearer {t}"])
    }
    assert admitted == {"new", "old"}


def test_the_variable_has_a_name_of_its_own():
    """
    Unless another is named, it is ``BRAZE_TOKEN``.
    """
    assert Tokens.from_env(environ={"BRAZE_TOKEN": "t"}).is_authorized(["Bearer t"])


@pytest.mark.parametrize("environ", [{}, {"FEED": ""}, {"FEED": "  "}])
def test_an_environment_without_a_token_is_an_error(environ):
    """
    It names the variable, and nobody is let in by mistake.
    """
    with pytest.raises(ValueError, match=r"^FEED contains no token"):
        Tokens.from_env("FEED", environ)


@pytest.mark.parametrize(
    ("token", "flaw"),
    [
        ("schlüssel", "printable ASCII"),
        ("a\x00b", "printable ASCII"),
        ("good b\ud800d", "printable ASCII"),
        ("Bearer s3cr3t-s3cr3t", "without the word Bearer"),
        ("s3cr3t bearer", "without the word Bearer"),
        ("Authorization: BEARER s3cr3t", "without the word Bearer"),
        ("bearer=s3cr3t", "without the word Bearer"),
        ('"s3cr3t-s3cr3t"', "without quotes"),
        ("'s3cr3t s3cr3t'", "without quotes"),
    ],
)
def test_an_environment_with_an_odd_token_is_an_error(token, flaw):
    """
    It names the variable and what a token is, and does not show it.
    """
    with pytest.raises(ValueError, match=rf"^a token in FEED .*{flaw}") as raised:
        Tokens.from_env("FEED", {"FEED": token})

    assert token not in str(raised.value)
    assert "s3cr3t" not in str(raised.value)


def test_a_token_may_begin_like_the_scheme():
    """
    Only the word Bearer itself is refused, not a token that begins with it.
    """
    assert Tokens("bearers-of-good-news").is_authorized(["Bearer bearers-of-good-news"])


@pytest.mark.parametrize(("length", "is_short"), [(15, True), (16, False)])
def test_a_short_token_is_a_warning(length, is_short, caplog):
    """
    Fewer than 16 characters can be guessed; the log shows their number alone.
    """
    as_authenticator(["a-token-that-is-long-enough", "s" * length])

    assert ("fewer than 16 characters (15)" in caplog.text) == is_short
    assert "sss" not in caplog.text


def test_a_token_that_is_no_text_is_refused():
    """
    A lone surrogate in a header is compared like anything else, and is not ours.
    """
    assert not Tokens("t").is_authorized(["Bearer \ud800"])


def test_tokens_are_not_shown_nor_pickled():
    """
    A repr tells their number, a pickle is refused.
    """
    tokens = Tokens(["first", "second"])

    assert repr(tokens) == "<2 tokens>"
    assert repr(UNAUTHENTICATED) == "UNAUTHENTICATED"
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(tokens)
