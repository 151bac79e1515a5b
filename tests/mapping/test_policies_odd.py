"""Policies under values, functions and options that they do not expect."""

import asyncio
import datetime as dt
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import braze_heap as bh
from braze_heap.config import Config, ConfigError
from braze_heap.events import UserDeleteRequest

from .oddities import generic
from .test_policies import CUSTOM, OPEN, event, properties_of, transform

LINK = "https://shop.example/?utm_id=1&token=secret"


def custom(value: Any) -> dict[str, Any]:
    """Return a custom event with *value* as a property."""
    return event(CUSTOM, name="N", custom_properties={"a": value})


def both(given: dict[str, Any], **options: Any) -> bh.TransformResult:
    """Return the result for *given*, in which both mappings agree."""
    result = bh.Transformer(**options).transform([given])
    expected = generic(**options).transform([given])
    assert result.calls == expected.calls
    assert result.redacted == expected.redacted
    assert result.rejected == expected.rejected
    return result


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"b": LINK}),
        json.dumps([{"b": [LINK]}]),
        json.dumps({"b": json.dumps({"c": LINK})}),
        f' {{"b": "{LINK}"}}',
        f'{{"b": "{LINK}", "n": NaN}}',
        f'{{"b": "{LINK}", "c": "trunc',
        f'{{"b": "{LINK.replace("/", chr(92) + "/")}", "c": "trunc',
        f'{{"b": "{LINK}", "b": "{LINK}"}}',
        f'\u00a0{{"b": "{LINK}"}}',
        f')]}},{{"b": "{LINK}"}}',
        f"<{LINK}>",
        f'"{LINK}"',
        f"\u200b{LINK}",
        f"\ufeff{LINK}",
        f"view-source:{LINK}",
        "localhost:80/?token=secret",
        "?token=secret",
        "#token=secret",
        "xmpp:secret@shop.example",
    ],
)
def test_links_are_clean_in_any_text_around_them(text: str) -> None:
    """In JSON text, complete or truncated, in quotes, after invisible characters."""
    for given in (custom(text), event(brand_new=text), event(brand_new={"a": [text]})):
        result = both(given)

        assert "secret" not in str(result.calls[0].to_dict())
        assert any("?" in name for name in result.redacted)


@pytest.mark.parametrize("before", ["", "\ud800", "é", "%E9"])
@pytest.mark.parametrize("after", ["", "\ud83d"])
def test_half_a_character_in_a_link_becomes_the_replacement_character(
    before: str, after: str
) -> None:
    """As in any other text. Escapes that are not UTF-8 stay."""
    link = f"https://a.example/?utm_id={before}https%3A%2F%2Fb.example%2F{after}"
    text = f"{link}%3Ftoken%3Dsecret"
    for given in (custom(text), event(brand_new=text), event(url=text)):
        result = both(given)

        assert not result.rejected
        assert not result.compiled_errors
        assert "secret" not in str(result.calls[0].to_dict())


@pytest.mark.parametrize(
    "text",
    ["10:30", "#1=a", "C#", "Re: hello", "geo: Berlin", "a?b", "[link] x", "1:2"],
)
def test_texts_that_only_resemble_links_stay(text: str) -> None:
    assert properties_of(custom(text))["custom_properties.a"] == text


@pytest.mark.parametrize(
    "text",
    [
        ' {"email": "jane"}',
        '\ufeff{"email": "jane"}',
        '{"email": "jane", "n": NaN}',
        '{"email": "jane", "n": 1e999}',
        json.dumps(json.dumps({"email": "jane"})),
        r'{"\u0065mail": "jane',
        r'"{\"email\": \"jane',
        "{'email': 'jane'}",
        '\u00a0{"email": "jane"}',
        '({"email": "jane"})',
        ')]}\',\n{"email": "jane"}',
        '// c\n{"email": "jane"}',
        'Body: {\\u0022email\\u0022: 1, "name": "jane"}',
    ],
)
def test_personal_names_are_found_in_any_json_text(text: str) -> None:
    """JSON with blanks before it, in JSON, with NaN, truncated, or in Python's form."""
    for given in (custom(text), event(brand_new=text)):
        result = both(given)

        assert "jane" not in str(result.calls[0].to_dict())
        assert any("a" in name for name in result.redacted.keys() - {"user_id"})


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ('{"email": "jane", "email": 5}', '{"email":5}'),
        ('{"email": "jane", "email": null, "b": 1}', '{"email":null,"b":1}'),
        ('{"b": {"email": "jane"}, "b": {"c": 1}}', '{"b":{},"b":{"c":1}}'),
        (r'{"email": "jane", "\u0065mail": 1}', '{"email":1}'),
        (
            f'{{"link": "{LINK}#jane", "link": 1}}',
            '{"link":"https://shop.example/?utm_id=1","link":1}',
        ),
        (r'{"n": "x", "\u006e": 1.10}', r'{"n": "x", "\u006e": 1.10}'),
        ('[{"b": 1}, {"b": 2}]', '[{"b": 1}, {"b": 2}]'),
    ],
)
def test_every_value_of_a_name_that_json_text_repeats_is_checked(
    text: str, sent: str
) -> None:
    """Readers choose different ones. Text without any to redact stays as it is."""
    result = both(custom(text))

    assert result.calls[0].to_dict()["properties"]["custom_properties.a"] == sent


@pytest.mark.parametrize("value", ['{"email": "jane', [{"email": "jane"}]])
def test_custom_properties_that_are_invalid_as_a_whole_are_guarded(value: Any) -> None:
    given = event(CUSTOM, name="N", custom_properties=value)

    assert "jane" not in str(both(given).calls[0].to_dict())
    sent = transform(given, custom_fields="send").calls[0]
    assert "jane" in str(sent.to_dict())


@pytest.mark.parametrize(
    "text",
    ["{" + "a:" * 40_000, "-" * 99_000, '{"' * 30_000, '{"a":"' + '\\"' * 40_000]
    + ["<" * 99_000, "[" + "://" * 30_000, "{" + "mailto:" * 10_000, '"' * 99_000],
)
def test_no_text_takes_long(text: str) -> None:
    begin = time.thread_time()
    transform(custom(text), event(brand_new=text) | {"id": "e2"})

    assert time.thread_time() - begin < 2


@pytest.mark.parametrize(
    ("sent", "seconds"), [(1763800000, 100_000), (1763800000123, 100_000), (0, None)]
)
def test_the_seconds_since_a_send_have_one_unit(sent: int, seconds: Any) -> None:
    """Braze may send milliseconds; 0 is not a time."""
    result = both(event(send_time=sent))

    properties = result.calls[0].to_dict()["properties"]
    assert properties.get("seconds_since_send") == seconds


def test_fractions_of_seconds_become_dates_too() -> None:
    sent = both(event(send_time=1763800000.5)).calls[0].to_dict()["properties"]

    at = dt.datetime.fromisoformat(sent["send_time"])
    assert at.timestamp() == 1763800000.5


def test_machines_are_dropped_in_any_spelling() -> None:
    clicks = [event(is_suspected_bot_click=mark) for mark in (True, "true", "True")]
    people = event(is_suspected_bot_click="false")

    for click in clicks:
        assert [s.reason for s in both(click, machines="drop").skipped] == ["machine"]
    assert both(people, machines="drop").calls
    assert properties_of(event(OPEN, machine_open=[]))["is_machine_open"] == "false"


def awaited(*_: Any) -> Any:
    """Return an awaitable, as a lambda around an async function does."""
    return asyncio.sleep(0)


def test_a_suppression_that_must_be_awaited_suppresses_nobody() -> None:
    """A coroutine is true, so everybody would be skipped in silence."""
    (rejected,) = transform(event(), suppress=lambda i: awaited(i)).rejected

    assert rejected.reason == "mapper_error"
    assert "suppress returned a coroutine: write def" in rejected.detail


@pytest.mark.parametrize(
    ("derive", "flaw"),
    [
        (lambda e, p: None, "it returned None, not a mapping"),
        (lambda e, p: [("a", 1)], "it returned a value of the type list"),
        (lambda e, p: "ab", "it returned text"),
        (lambda e, p: awaited(), "it returned a coroutine"),
        (lambda e, p: {}[e.id], "KeyError in <lambda>"),
    ],
)
def test_a_wrong_derive_is_named(derive: Any, flaw: str) -> None:
    """The detail leads to the function of the team, not to the library."""
    (rejected,) = transform(event(), derive=derive).rejected

    assert rejected.reason == "mapper_error"
    assert f"derive, {__name__}.<lambda>" in rejected.detail
    assert flaw in rejected.detail


@pytest.mark.parametrize(
    ("name", "flaw"),
    [("", "blank text"), (" ", "blank text"), (None, "None"), (5, "the type int")],
)
def test_a_function_for_names_returns_a_name(name: Any, flaw: str) -> None:
    """A blank one would make the prefix the name of all events."""
    (rejected,) = both(event(), naming=bh.Naming(lambda e: name)).rejected

    assert rejected.reason == "mapper_error"
    assert "event_names returned " in rejected.detail
    assert flaw in rejected.detail


@pytest.mark.parametrize("option", ["identity", "delete_identity"])
def test_a_function_for_identities_that_fails_is_named(option: str) -> None:
    """It is not a bug of this library, as ``internal_error`` says."""
    given = event(UserDeleteRequest.event_type)
    options: Mapping[str, Any] = {option: lambda e: {}[e.id]}

    (rejected,) = transform(given, deletions=True, **options).rejected

    assert rejected.reason == "mapper_error"
    assert rejected.detail.startswith(f"{__name__}.test_a_function_for")


def test_a_blank_identity_for_a_deletion_is_explained() -> None:
    given = event(UserDeleteRequest.event_type)

    result = transform(given, deletions=True, delete_identity=lambda e: "")

    detail = "the identity of the user to delete is blank"
    assert [r.detail for r in result.rejected] == [detail]


@pytest.mark.parametrize(
    ("option", "value", "flaw"),
    [
        ("fixed_properties", {1: 2}, "text to text"),
        ("fixed_properties", {"a": None}, "text to text"),
        ("fixed_properties", {"": 1}, "renamed"),
        ("fixed_properties", {"a": float("nan")}, "number_as_text"),
        ("fixed_properties", {"a": "x" * 2000}, "truncated"),
        ("suppress", [None], "never equal"),
        ("url_parameters", {"utm_*": True}, "list of names"),
        ("url_parameters", ['["utm_*"]'], "matches no parameter"),
        ("url_parameters", ["utm *"], "matches no parameter"),
        ("derived_properties", {"channel": False}, "list of names"),
        ("placeholder_identities", {"null": False}, "set or list"),
        ("placeholder_identities", [" "], "set or list"),
        ("include", "ENGAGEMENT", "Did you mean 'engagement'"),
    ],
)
def test_a_wrong_option_is_an_error(option: str, value: Any, flaw: str) -> None:
    """It would have no effect, or another one than it says."""
    options: Mapping[str, Any] = {option: value}
    with pytest.raises((TypeError, ValueError), match=flaw):
        bh.Transformer(**options)


@pytest.mark.parametrize(
    "option",
    ["include", "exclude", "url_parameters", "derived_properties"]
    + ["placeholder_identities"],
)
def test_a_table_is_no_list_in_a_configuration(
    option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The values of the table would be ignored."""
    monkeypatch.chdir(tmp_path)
    Path("c.toml").write_text(
        f"[transform.{option}]\nEmailClick = 0.1", encoding="utf-8"
    )

    with pytest.raises(ConfigError, match="a list of texts"):
        Config.from_file("c.toml", {})


def test_unknown_fields_with_one_name_are_two_properties() -> None:
    """A field of the user, and a property whose name has a dot."""
    given = event()
    given["user"]["new"], given["properties"]["user.new"] = 1, 2
    result = both(given)

    sent = result.calls[0].to_dict()["properties"]
    assert (sent["user.new"], sent["user.new_2"]) == (1, 2)
    assert result.adjustments["renamed"] == 1
