"""URLs keep the listed query parameters, and nothing else that may identify people."""

import time
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from braze_heap.policies.urls import (
    URL_PARAMETERS,
    checked_url_parameters,
    clean_url,
    clean_urls_within,
    is_url,
    may_change,
    url_parameters_of,
)

PIECES = st.sampled_from(
    "https: http:// // / ? # & ; = @ : % %3A %2F %3F %26 %3D %25 mailto: tel: www. a "
    "b. utm_a= utm_b token= jane%40x.com jane@x.com \\ \t [::1 é".split(" ")
)
TEXTS = st.lists(PIECES, max_size=14).map("".join) | st.text(max_size=40)
PATTERNS = st.sampled_from([URL_PARAMETERS, (), ("*",), ("utm_*", "redirect"), ("?",)])


@pytest.mark.parametrize(
    ("text", "expected", "removed"),
    [
        ("https://shop/a", "https://shop/a", []),
        ("https://shop/unsub?email=jane@x.com", "https://shop/unsub", ["email"]),
        ("https://s/a?utm_source=x&t=1", "https://s/a?utm_source=x", ["t"]),
        (
            "https://s/a?t=1&utm_source=x&utm_id=",
            "https://s/a?utm_source=x&utm_id=",
            ["t"],
        ),
        ("https://s/a?UTM_Source=x", "https://s/a?UTM_Source=x", []),
        ("https://s/a?utm_source=x;t=1", "https://s/a?utm_source=x", ["t"]),
        ("https://s/a#otp=1", "https://s/a", ["#"]),
        ("https://s/a?utm_source=x#", "https://s/a?utm_source=x", []),
        ("https://jane:pw@s/a", "https://s/a", ["@"]),
        ("https:jane:pw@s/a", "https:s/a", ["@"]),
        ("jane:pw@s/a", "s/a", ["@"]),
        ("https://medium.com/@jane", "https://medium.com/@jane", []),
        ("//s/a?t=1", "//s/a", ["t"]),
        ("/a?t=1", "/a", ["t"]),
        ("?t=1", "", ["t"]),
        ("app://open?t=1", "app://open", ["t"]),
        ("mailto:jane@x.com?subject=hi", "mailto:", ["mailto:"]),
        (" MailTo:jane@x.com", "mailto:", ["mailto:"]),
        ("tel:+4915", "tel:", ["tel:"]),
        ("sms:+4915&body=hi", "sms:", ["sms:"]),
        ("mailto:", "mailto:", []),
        ("", "", []),
    ],
)
def test_a_url_keeps_only_the_listed_parameters(
    text: str, expected: str, removed: list[str]
) -> None:
    """Fragment and user info always go, and so do addresses and numbers."""
    assert clean_url(text, URL_PARAMETERS) == (expected, removed)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://[::1?token=1", "http://[::1"),
        ("https://s:port/?token=1", "https://s:port/"),
        ("https://s/%zz?utm_a=%zz&token=%", "https://s/%zz?utm_a=%zz"),
        ("https://s/?&&utm_a=1&&", "https://s/?utm_a=1"),
        ("https://s/?utm_a=1?token=2", "https://s/?utm_a=1"),
        ("https://s/\n?token=1", "https://s/\n"),
    ],
)
def test_an_invalid_url_is_cleaned_like_a_valid_one(text: str, expected: str) -> None:
    assert clean_url(text, URL_PARAMETERS)[0] == expected


@pytest.mark.parametrize(
    ("name", "stays"),
    [
        ("utm%5Fsource", True),
        ("%75tm_source", True),
        ("utm_x%3Dtoken", False),
        ("utm_x%26token", False),
        ("utm_jane%40x.com", False),
        ("t%6Fken", False),
    ],
)
def test_an_encoded_name_is_compared_decoded(name: str, stays: bool) -> None:
    """An encoded delimiter does not smuggle another parameter past the globs."""
    text = f"https://s/?{name}=1"

    assert (clean_url(text, URL_PARAMETERS)[0] == text) is stays


NESTED = "https://y/?token=1&utm_a=2#f"


@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_url_in_a_parameter_that_stays_is_cleaned(times: int) -> None:
    """However often it is encoded."""
    value, expected = NESTED, "https://y/?utm_a=2"
    for _ in range(times):
        value, expected = quote(value, safe=""), quote(expected, safe="")

    cleaned, removed = clean_url(f"https://s/?utm_content={value}", URL_PARAMETERS)

    assert cleaned == f"https://s/?utm_content={expected}"
    assert removed == ["#", "token"]


@pytest.mark.parametrize(
    "value", ["%2Flogin%3Ftoken%3D1", "www.y%3Ftoken%3D1", "mailto%3Atoken%40x.com"]
)
def test_a_relative_url_in_a_parameter_is_cleaned(value: str) -> None:
    assert "token" not in clean_url(f"https://s/?next={value}", ("next",))[0]


def test_a_wholly_encoded_url_is_cleaned() -> None:
    text = quote("https://s/?token=1&utm_a=2", safe="")

    assert clean_url(text, URL_PARAMETERS) == (
        quote("https://s/?utm_a=2", safe=""),
        ["token"],
    )


@pytest.mark.parametrize("times", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("url", ["https://y/?token=1", "mailto:token@y.example"])
def test_an_encoded_url_is_cleaned(url: str, times: int) -> None:
    """A query is removed however often it is encoded, an address up to three times."""
    for _ in range(times):
        url = quote(url, safe="")

    cleaned, removed = clean_url(url, URL_PARAMETERS)

    if times <= 3 or "%3F" in url:
        assert is_url(url) is (times <= 3)
        assert "token" not in cleaned
        assert removed


@pytest.mark.parametrize(
    ("text", "expected", "removed"),
    [
        ("https://s/sale%3Femail=j", "https://s/sale", ["?"]),
        ("https://s/sale%253femail=j?utm_a=1", "https://s/sale?utm_a=1", ["?"]),
        ("/sale%3Fjane%40x.com", "/sale", ["?"]),
        ("https://s/c/https%3A%2F%2Fy%2F%23j", "https://s/c/https%3A%2F%2Fy%2F", ["?"]),
        ("https://s/Who%3F", "https://s/Who%3F", []),
        ("https://s/a%20b", "https://s/a%20b", []),
    ],
)
def test_an_encoded_question_mark_in_a_path_begins_a_query(
    text: str, expected: str, removed: list[str]
) -> None:
    """An encoded number sign begins a fragment. Names of parameters are not read."""
    assert clean_url(text, URL_PARAMETERS) == (expected, removed)
    assert clean_url(text, ("*",)) == (text, [])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("\ud800https%3A%2F%2Fy%2F%3Ft%3D1", "\ud800https%3A%2F%2Fy%2F"),
        ("https%3A%2F%2Fy%2F\ud83d%3Ft%3D1", "https%3A%2F%2Fy%2F\ud83d"),
        ("https%3A%2F%2Fy%2F\udce9%3Ft%3D1", "https%3A%2F%2Fy%2F%E9"),
        ("https%3A%2F%2Fy%2F%E9%3Ft%3D1", "https%3A%2F%2Fy%2F%E9"),
        ("https%253A%252F%252Fy%252F%25E9%253Ft", "https%253A%252F%252Fy%252F%25E9"),
    ],
)
def test_what_is_not_utf_8_stays_in_a_clean_url(value: str, expected: str) -> None:
    """Half a character, as JSON can have it, and escapes of another encoding."""
    cleaned, removed = clean_url(f"https://s/?utm_a={value}", URL_PARAMETERS)

    assert cleaned == f"https://s/?utm_a={expected}"
    assert removed == [removed[0]]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (r"https://y/?utm_a=1\u0026token=2", "https://y/?utm_a=1"),
        (r"https:\u002f\u002fy\/\u003ftoken=2", "https://y/"),
        (r"https:\\u002f\\u002Fy\\/\\u003Ftoken=2", "https://y/"),
        ("https%3A%2F%2Fy%2F%3Ftoken%3D2", "https%3A%2F%2Fy%2F"),
        ("www.y.example/?token=2", "www.y.example/"),
        ("/x?token=2", "/x"),
        ("https://y/?name=O'Neil&token=2", "https://y/"),
        ("see https://y/?token=2", "see https://y/"),
        ("tel:+49 170 2", "tel:"),
        ("mailto%3Atoken@y.example", "mailto%3A"),
        (" skype:token", "skype:"),
    ],
)
def test_a_url_in_truncated_json_is_cleaned(url: str, expected: str) -> None:
    """As elsewhere, and with escapes of JSON, up to the quote or blank after it."""
    cleaned, removed = clean_urls_within(f'{{"a":"{url}","b":"c\'d', URL_PARAMETERS)

    assert cleaned == f'{{"a":"{expected}","b":"c\'d'
    assert removed


@pytest.mark.parametrize(
    "text",
    [
        r'{"a":"\u0026 10:30 tel: x \/","b',
        "[SMS:promo] Buy two get one",
        "[geo:DE] sale",
    ]
    + ["{sms:true,push:false}", "{sms:12,push:0}", "[skype:off] [Tel:none] x"],
)
def test_text_with_brackets_but_without_a_url_does_not_change(text: str) -> None:
    assert clean_urls_within(text, URL_PARAMETERS) == (text, [])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[tel:+49 170 12345] call us", "[tel:] call us"),
        ("{a: sms:(030) 123-45 now}", "{a: sms: now}"),
        ("[mailto:jane@x.example?subject=a] b", "[mailto:] b"),
        ("[geo:52.5,13.4] b", "[geo:] b"),
        ("[sip%3Ajane%40x.example] b", "[sip%3A] b"),
    ],
)
def test_an_address_in_text_with_brackets_is_removed(text: str, expected: str) -> None:
    """The rest of the text stays."""
    cleaned, removed = clean_urls_within(text, URL_PARAMETERS)

    assert cleaned == expected
    assert len(removed) == 1


@pytest.mark.parametrize(
    "value", ["50%25+off", "a+b", "spring%20sale", "jane%40x.com", "100%25%3F", "1:2"]
)
def test_an_ordinary_value_of_a_parameter_stays_as_it_is(value: str) -> None:
    text = f"https://s/?utm_content={value}"

    assert clean_url(text, URL_PARAMETERS) == (text, [])


@pytest.mark.parametrize(
    "query",
    [
        "jane@example.com",
        "jane%40example.com=1",
        "eyJhbGciOiJIUzI1NiJ9",
        "x" * 60 + "=1",
    ],
)
def test_a_name_that_may_be_a_value_is_not_counted_by_name(query: str) -> None:
    """Counts reach logs and metrics, where no personal data may be."""
    assert clean_url(f"https://s/?{query}", URL_PARAMETERS) == ("https://s/", ["?"])


def test_all_or_no_parameters_stay() -> None:
    text = "https://s/?token=1;b&c=%20#f"

    assert clean_url(text, ("*",)) == ("https://s/?token=1;b&c=%20", ["#"])
    assert clean_url(text, ())[0] == "https://s/"
    odd = f"https://s/?{'n' * 500}=1&a%3Db=2"
    assert clean_url(odd, ("*",)) == (odd, [])


@pytest.mark.parametrize(
    "field",
    [
        "checkout_url",
        "order_status_url",
        "checkoutUrl",
        "custom_properties.checkout_url",
    ]
    + ["custom_properties.metadata.order_status_url"],
)
def test_urls_with_secret_keys_keep_no_query(field: str) -> None:
    assert url_parameters_of(field, ("*",)) == ()
    assert url_parameters_of("url", ("*",)) == ("*",)


@pytest.mark.parametrize(
    "text",
    ["https://s", "HTTP://s/?a", " https://s", "https:s", "app://open", "//s.com/a"]
    + ["mailto:jane@x.com", "tel:1", "sms:1", "www.s.com", "https%3A%2F%2Fs%2F"]
    + ["https%253A%252F%252Fs", "mailto%3Ajane", "tel%3A+4915", "s.com%2Fa%3Fb%3D1"]
    + ["s.com/a?b=1", "s.com?b=1", "/a?b=1"],
)
def test_a_text_is_a_url(text: str) -> None:
    assert is_url(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain",
        "12:30",
        "a: b",
        "tel: call me",
        "https: the protocol",
        "see https://s",
    ]
    + [
        "// comment",
        "what?",
        "/a/b",
        "jane@x.com",
        "s.com",
        "C:\\temp",
        "is a=b? no=yes",
    ],
)
def test_a_text_is_not_a_url(text: str) -> None:
    """Prose, paths and times stay as they are."""
    assert not is_url(text)


@given(TEXTS, PATTERNS)
@example("a@https://b@c/", ("*",))
@example("https://s/?utm_a=www.x%3Ftoken%3D1", URL_PARAMETERS)
def test_a_clean_url_does_not_change(text: str, patterns: tuple[str, ...]) -> None:
    """Cleaning twice is cleaning once, and the second time removes nothing."""
    cleaned, _ = clean_url(text, patterns)

    assert clean_url(cleaned, patterns) == (cleaned, [])


@given(TEXTS, TEXTS)
def test_the_fast_check_of_joined_texts_misses_no_url(one: str, other: str) -> None:
    if not may_change(one + other):
        assert clean_url(one, ()) == (one, [])
        assert clean_url(other, ()) == (other, [])


@given(TEXTS, PATTERNS)
@example("=mailto:", ())
def test_a_change_is_counted(text: str, patterns: tuple[str, ...]) -> None:
    """Only empty parameters and fragments go without a name."""
    cleaned, removed = clean_url(text, patterns)

    if not removed:
        assert _bare(cleaned) == _bare(text)


def _bare(text: str) -> str:
    """Return *text* without delimiters, blanks and letter case."""
    return "".join(c for c in text.lower() if c not in "?#&;" and not c.isspace())


@given(
    st.text("abc/.-", max_size=8),
    st.lists(
        st.tuples(
            st.from_regex("[a-z_]{1,6}", fullmatch=True),
            st.text("xyz", min_size=1, max_size=3),
        ),
        max_size=6,
    ),
    st.lists(st.from_regex("[a-z_]{1,6}", fullmatch=True), max_size=3),
)
def test_exactly_the_listed_parameters_stay(
    path: str, parameters: list[tuple[str, str]], listed: list[str]
) -> None:
    """In their order, with their values."""
    query = "&".join(f"{name}={value}" for name, value in parameters)
    kept = "&".join(f"{name}={value}" for name, value in parameters if name in listed)
    removed = [name for name, _ in parameters if name not in listed]

    assert clean_url(f"https://s/{path}?{query}", tuple(listed)) == (
        f"https://s/{path}?{kept}" if kept else f"https://s/{path}",
        removed,
    )


@pytest.mark.parametrize(
    "text",
    ["/" + "#" * 100_000, "[" + "%25" * 30_000, "\\" * 100_000, "' " * 50_000]
    + ["a." * 50_000, "/?" * 50_000, "https://s/?" + "utm_a=https://s/?" * 5_000]
    + ["https://s/?" + "utm_a=%2525" * 9_000, "a@x://" * 20_000, "x" * 100_000 + "@"]
    + ["tel:" * 25_000, "'   " * 25_000, "geo:1." * 16_000 + "geo:" + "1" * 50_000],
    ids=lambda text: text[:12],
)
def test_a_long_text_takes_linear_time(text: str) -> None:
    """An event can have 100,000 characters of custom properties."""
    start = time.thread_time()
    is_url(text)
    clean_url(text, URL_PARAMETERS)
    clean_urls_within(text, URL_PARAMETERS)

    assert time.thread_time() - start < 1


@pytest.mark.parametrize(
    ("patterns", "error", "message"),
    [
        ("utm_*", TypeError, r"such as \['utm_\*', 'ref'\], not a str"),
        (None, TypeError, "not None"),
        ([5], TypeError, "contains an int"),
        ([""], ValueError, "not the name of a parameter"),
        (["?ref="], ValueError, "Did you mean 'ref'"),
    ],
)
def test_wrong_globs_are_errors(
    patterns: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        checked_url_parameters(patterns)
