"""Tests of tokens and authenticators."""

import pickle

import pytest

from braze_heap.receiver import UNAUTHENTICATED
from braze_heap.receiver._auth import Tokens, as_authenticator


def test_from_env_reads_tokens_separated_by_spaces():
    """Only tokens in the variable are authorized."""
    tokens = Tokens.from_env("FEED", {"FEED": " new  old ", "BRAZE_TOKEN": "other"})

    admitted = {
        t for t in ("new", "old", "other", "x") if tokens.is_authorized([f"Bearer {t}"])
    }
    assert admitted == {"new", "old"}


def test_from_env_reads_braze_token_by_default():
    """The default variable is ``BRAZE_TOKEN``."""
    assert Tokens.from_env(environ={"BRAZE_TOKEN": "t"}).is_authorized(["Bearer t"])


@pytest.mark.parametrize("environ", [{}, {"FEED": ""}, {"FEED": "  "}])
def test_an_environment_without_a_token_is_an_error(environ):
    """The error names the variable."""
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
def test_an_environment_with_an_invalid_token_is_an_error(token, flaw):
    """The error names the variable and the flaw, and does not show the token."""
    with pytest.raises(ValueError, match=rf"^a token in FEED .*{flaw}") as raised:
        Tokens.from_env("FEED", {"FEED": token})

    assert token not in str(raised.value)
    assert "s3cr3t" not in str(raised.value)


def test_a_token_may_start_like_the_scheme():
    """Only the word Bearer is invalid, not a token that starts with it."""
    assert Tokens("bearers-of-good-news").is_authorized(["Bearer bearers-of-good-news"])


def test_only_the_rule_that_a_token_breaks_is_named():
    """The reader need not find out which of several it is."""
    with pytest.raises(ValueError, match=r"FEED must be written without quotes$"):
        Tokens.from_env("FEED", {"FEED": 'a"b'})


@pytest.mark.parametrize(("length", "is_short"), [(15, True), (16, False)])
def test_a_short_token_is_a_warning(length, is_short, caplog):
    """Fewer than 16 characters are a warning, which shows only their number."""
    as_authenticator(["a-token-that-is-long-enough", "s" * length])

    assert ("fewer than 16 characters (15)" in caplog.text) == is_short
    assert "sss" not in caplog.text


def test_a_lone_surrogate_is_unauthorized():
    """A header that cannot be encoded is compared without an exception."""
    assert not Tokens("t").is_authorized(["Bearer \ud800"])


def test_tokens_are_not_shown_or_pickled():
    """The repr shows their number; pickling raises."""
    tokens = Tokens(["first", "second"])

    assert repr(tokens) == "<2 tokens>"
    assert repr(UNAUTHENTICATED) == "UNAUTHENTICATED"
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(tokens)
