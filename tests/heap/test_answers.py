"""Tests of reading Heap's answers."""

from __future__ import annotations

import errno
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from braze_heap.heap._answers import (
    MAX_RETRY_AFTER,
    Answer,
    Failure,
    Verdict,
    describe_reply,
    redact_reply,
    rejected_index,
    retry_seconds,
    verdict,
)

NOW = 784111777.0  # Sun, 06 Nov 1994 08:49:37 GMT


def test_every_status_has_a_verdict() -> None:
    """
    Unlisted statuses below 500 are configuration errors, those from 500 on are retried.
    """
    verdicts = {status: verdict(Answer(status)) for status in range(100, 1000)}
    by_verdict = {
        Verdict.ACCEPTED: {*range(200, 300)},
        Verdict.REJECTED: {400, 422},
        Verdict.TOO_LARGE: {413},
        Verdict.RETRY: {*range(100, 200), 408, 429, *range(500, 1000)},
    }

    for expected, statuses in by_verdict.items():
        assert {s for s, found in verdicts.items() if found is expected} == statuses
    assert {verdicts[s] for s in (300, 308, 401, 403, 404, 405, 410)} == {
        Verdict.MISCONFIGURED
    }


@pytest.mark.parametrize(
    ("failure", "problem"),
    [
        (Failure("ConnectError", "OSError", errno.EMFILE), "raise ulimit -n"),
        (Failure("ConnectError", "OSError", errno.ENFILE), "raise ulimit -n"),
        (Failure("ConnectError", "gaierror", -2), "heap.test cannot be resolved"),
        (Failure("ConnectError", "herror", 1), "heap.test cannot be resolved"),
        (Failure("ConnectError", "SSLError EOF"), "TLS with heap.test fails"),
        (
            Failure("ConnectError", "OSError", errno.ECONNREFUSED),
            "heap.test refuses the connection",
        ),
        (Failure("ConnectTimeout"), "check firewall and proxies"),
        (Failure("ReadTimeout"), "heap.test does not answer in time"),
        (Failure("ReadError", "OSError", 104), "the connection to heap.test fails"),
    ],
)
def test_failure_is_described_by_its_cause(failure: Failure, problem: str) -> None:
    """Each kind of failure of the network has its own description."""
    assert problem in describe_reply(failure, "heap.test", "/track")


def test_incomplete_success_is_retried() -> None:
    """A 2xx counts only if the end of its body was declared and read."""
    assert verdict(Answer(200, complete=False)) is Verdict.RETRY
    assert verdict(Failure("ReadTimeout")) is Verdict.RETRY


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("120", 120.0),
        (" 1.5 ", 1.5),
        ("-5", 0.0),
        ("5, 10", 10.0),
        ("1e400", None),
        ("nan", None),
        ("inf", None),
        ("9" * 200, MAX_RETRY_AFTER),
        ("1" + " " * 255, 1.0),
        ("1" + " " * 256, None),
        ("soon, 7", 7.0),
        ("Sun, 06 Nov 1994 08:50:37 +0100", 0.0),
        ("Sun, 06 Nov 1994 08:50:37", 60.0),
        ("9" * 5000, None),
        ("\u0661\u0662", None),
        ("Sun, 06 Nov 1994 08:50:37 GMT", 60.0),
        ("Sunday, 06-Nov-94 08:50:37 GMT", 60.0),
        ("Sun Nov  6 08:50:37 1994", 60.0),
        ("Sun, 06 Nov 1994 08:00:00 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", MAX_RETRY_AFTER),
        ("Sun, 99 Foo 1994 99:99:99 XYZ", None),
    ],
)
def test_retry_after_grammars(value: str | None, expected: float | None) -> None:
    """
    Seconds and the three dates of RFC 9110 are parsed, anything else gives ``None``.
    """
    assert retry_seconds(value, NOW) == expected


@given(
    st.one_of(st.text(max_size=40), st.from_regex(r"[A-Z][a-z]{2}, [\d :A-Za-z+-]+"))
)
def test_retry_after_never_raises(value: str) -> None:
    """Any header gives ``None`` or at most an hour."""
    seconds = retry_seconds(value, NOW)

    assert seconds is None or 0.0 <= seconds <= MAX_RETRY_AFTER


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"postBody.events[7].properties should be object", 7),
        (b"postBody.events[9]", 9),
        (b"postBody.events[10]", None),
        (b"postBody.users[7]", None),
        (b"postBody.events[-1]", None),
        (b"postBody.events[99999999999999999]", None),
        ("postBody.events[\u0661]".encode(), None),
        (b"\xff", None),
        (b"", None),
    ],
)
def test_rejected_index(text: bytes, expected: int | None) -> None:
    """An index counts only if the request has that item."""
    assert rejected_index(text, "events", 10) == expected


def test_details_hide_personal_data() -> None:
    """Values of the call, quoted text, addresses and long numbers are removed."""
    text = (
        b"postBody.events[0].identity 'jane doe' is not jane doe, j@x.org, 491701234567"
    )

    assert (
        redact_reply(text, ["jane doe", 3])
        == "postBody.events[0].identity … is not …, … …"
    )


def test_details_hide_escaped_values() -> None:
    """A value is also found as JSON escapes in Heap's text."""
    text = rb'{"message": "bad \"Jos\u00e9\" here"}'

    assert "Jos" not in redact_reply(text, ["Jos\u00e9"])


def test_details_hide_values_that_contain_others() -> None:
    """Longer values are removed first, so that no part of them remains."""
    values = ["smith", "jane smith", "Zoë"]

    assert redact_reply("jane smith, smith, Zoë".encode(), values) == "…, …, …"


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the zone cannot be changed")
def test_a_date_without_a_zone_is_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    """A date without a zone is UTC, whatever the zone of the machine is."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert retry_seconds("Sun, 06 Nov 1994 08:50:37", NOW) == 60.0
    finally:
        monkeypatch.undo()
        time.tzset()


def test_details_keep_schema_terms() -> None:
    """Names of Heap's own fields stay readable."""
    text = b"postBody.events[0] should have required property 'event'"

    assert redact_reply(text, []) == text.decode()


def test_details_end_after_300_characters() -> None:
    """A text of 300 characters is kept, a longer one is truncated with an ellipsis."""
    assert redact_reply(b"a" * 300, []) == "a" * 300
    assert redact_reply(b"a" * 301, []) == "a" * 299 + "…"


@pytest.mark.parametrize(
    ("text", "values", "expected"),
    [
        (b"is Jane-Ann here", ["Jane", "Jane-Ann"], "is … here"),
        (b"not 12.5 and not 123", [12.5, 123], "not … and not …"),
        (b"ab and abc", ["ab", "abc"], "ab and …"),
        (rb"is Jos\u00e9!", ["Jos\u00e9"], "is …!"),
        (b"the user_id of None", ["user_id", None], "the user_id of None"),
        (b"12345 and 123456", [], "12345 and …"),
        (b'"event" or "name" or `x`', [], '"event" or … or …'),
        (b" a\r\nb\xff\x00c ", [], "a b c"),
    ],
)
def test_details_hide_values(text: bytes, values: list[object], expected: str) -> None:
    """Values of three or more characters are removed, unless they are schema terms."""
    assert redact_reply(text, values) == expected


@given(st.binary(max_size=5000))
def test_details_are_short_and_printable(text: bytes) -> None:
    """Details of any answer fit into one line."""
    detail = redact_reply(text, ["x" * 10])

    assert len(detail) <= 300
    assert "\n" not in detail
