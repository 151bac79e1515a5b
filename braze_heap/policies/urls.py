"""Policy for the parts of URLs that are sent. Links can contain personal data."""

import functools
import re
from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase
from typing import Any, Final
from urllib.parse import quote, unquote, unquote_plus

from braze_heap._text import did_you_mean
from braze_heap._wiring import kind_of
from braze_heap.policies._walk import unescaped

__all__ = ["URL_PARAMETERS"]

URL_PARAMETERS: Final = ("utm_*",)
"""Globs of the query parameters that are kept in URLs, in any letter case."""

URL_FIELDS: Final = frozenset(("url", "click_url", "short_url"))
"""Fields of event classes that contain a URL."""

USER_INFO: Final = "@"
"""Name under which removed user info (``user:password@``) is counted."""

FRAGMENT: Final = "#"
"""Name under which a removed fragment is counted."""

UNNAMED: Final = "?"
"""
Name under which a removed parameter is counted if its name may itself be a value, as in
``?jane@example.com``.
"""

_KEYED_URLS: Final = frozenset(("checkouturl", "orderstatusurl"))

_CONTACT: Final = (
    "mailto|tel|sms|smsto|mms|mmsto|callto|facetime|facetime-audio|sips?|skype|xmpp|geo"
)
_BEFORE: Final = r"[^\w/\\?\#%]*+"
"""Blanks, brackets, quotes and invisible characters that may precede a URL."""

_IS_CONTACT: Final = re.compile(rf"{_BEFORE}({_CONTACT}):", re.IGNORECASE)

# Each alternative matches in linear time, because values can have 100,000 characters.
_IS_URL: Final = re.compile(
    rf"""{_BEFORE}(?:
        (?:[a-z][a-z\d+.-]*:)+[/\\]{{2}}        # https://, a deep link of an app, blob:
      | (?:https?|{_CONTACT}):(?=\S)
      | [/\\]{{2}}[^\s/\\]+\.
      | www\.(?=[^\s.])
      | (?:
            /[^\s?\#]*
          | (?:[\w-]+(?:(?:\.[\w-]+)+(?::\d+)?|:\d+)|localhost)(?:/[^\s?\#]*)?
        )[?\#][^\s=]+=
      | [?\#][a-z_][^\s=]*=
    )""",
    re.IGNORECASE | re.VERBOSE,
)
_IS_ENCODED: Final = re.compile(rf"{_BEFORE}[a-z][a-z\d+.-]*%(?:25)*3a", re.IGNORECASE)
_ENCODED_QUERY: Final = re.compile(r"%(?:25)*(?:3f|23)(?=.)", re.IGNORECASE | re.DOTALL)
"""An encoded question mark or number sign, after which values may follow."""

_SCHEME_AND_SLASHES: Final = re.compile(
    rf"{_BEFORE}(?:(?:https?|ftp|wss?):[/\\]*|(?:[a-z][a-z\d+.-]*:)*[/\\]{{2}})?",
    re.IGNORECASE,
)
_NO_END: Final = r"""[^\s"'<>]|'(?!\s*[,:}\]])"""
"""Characters within a URL in JSON; an apostrophe may be part of it."""

_CONTACT_LINK: Final = rf"(?:{_CONTACT})(?::|%(?:25)*3a)"
_CONTACT_VALUE: Final = r"""(?:
        (?:\+|%(?:25)*2b|\(?\d)(?:[ \d().-]|%(?:25)*20){4}  # a telephone number
      | -?\d[\d.]*+(?:,|%(?:25)*2c)[\d-]                   # coordinates
      | (?:[^\s"'<>@%]|%(?!(?:25)*40)){1,320}+(?:@|%(?:25)*40)
    )"""
"""Beginning of the value of a link that does not follow a quote."""

_WITHIN_TEXT: Final = re.compile(
    rf"""/{{2}}(?:{_NO_END})*
      | (?<=["'])\s*{_CONTACT_LINK}(?=\S)(?:{_NO_END}|\s)*  # tel:+4 17
      | \b{_CONTACT_LINK}(?={_CONTACT_VALUE})
        (?:(?![\]}}])(?:{_NO_END})|[ ](?=[\d(]))*
    """,
    re.IGNORECASE | re.VERBOSE,
)
_IS_CONTACT_LINK: Final = re.compile(_BEFORE + _CONTACT_LINK, re.IGNORECASE)
_WORD: Final = re.compile(rf"(?:{_NO_END})+")
_END_OF_AUTHORITY: Final = re.compile(r"[/\\?#]")
_IS_PLAIN: Final = re.compile(r"[\w.~+ -]*\Z")
_IS_QUERY: Final = re.compile(r"[^\s?#]*[?#][^\s=]*=")
_IS_NAME: Final = re.compile(r"[A-Za-z_][\w.\-\[\]]{0,39}", re.ASCII)
_MAX_NAME: Final = 200
_MAX_DEPTH: Final = 3
"""Levels of URLs within parameters of URLs; a parameter with more is removed."""


def checked_url_parameters(patterns: object) -> tuple[str, ...]:
    """Return the globs *patterns* as a tuple, or raise what is wrong with them."""
    if isinstance(patterns, _NO_LISTS) or not isinstance(patterns, Collection):
        raise TypeError(
            "url_parameters must be a list of names, such as ['utm_*', 'ref'], not "
            f"{kind_of(patterns)}"
        )
    for pattern in patterns:
        if not isinstance(pattern, str):
            raise TypeError(f"url_parameters contains {kind_of(pattern)}, not text")
        name = pattern.lstrip("?&").partition("=")[0].strip()
        if not pattern or name != pattern:
            raise ValueError(
                f"url_parameters contains {pattern!r}, which is not the name of a "
                f"parameter.{did_you_mean(name, [name]) if name else ''}"
            )
        if not _MAY_MATCH.fullmatch(pattern):
            raise ValueError(
                f"url_parameters contains {pattern!r}, which matches no parameter: "
                "names have only the letters A to Z, digits, '_', '-', '.', '[', ']', "
                "and begin with a letter or '_'"
            )
    return tuple(patterns)


_NO_LISTS: Final = (str, bytes, Mapping)
_MAY_MATCH: Final = re.compile(r"[A-Za-z_*?\[][\w.\-\[\]*?!]*", re.ASCII)


def is_url(text: str) -> bool:
    """
    Return whether *text* begins with a URL.

    It may be encoded. A host or path without a scheme counts only if a query with ``=``
    follows.
    """
    return _IS_URL.match(text) is not None or (
        "%" in text and any(map(_IS_URL.match, _decodings(text)))
    )


def _decodings(text: str) -> list[str]:
    """Return *text* as it is, and with its percent-escapes decoded again and again."""
    texts = [text]
    while len(texts) <= _MAX_DEPTH and "%" in text:
        # bytes that are not UTF-8 become surrogates, from which `_quoted` restores them
        text = unquote(text, errors="surrogateescape")
        texts.append(text)
    return texts


def _quoted(text: str) -> str:
    """Return *text* with percent-escapes; half a character has none, so it stays."""
    return _ENCODABLE.sub(lambda m: quote(m[0], "+", errors="surrogateescape"), text)


_ENCODABLE: Final = re.compile("[^\ud800-\udc7f\udd00-\udfff]+")


def may_change(texts: str) -> bool:
    """
    Return whether *texts*, joined in one, may contain a URL to clean.

    It is fast, because most events have no such text.
    """
    return (
        "?" in texts
        or ":" in texts
        or "#" in texts
        or "@" in texts
        or "%" in texts
        or "\\" in texts
    )


def may_contain_url(value: Any) -> bool:
    """Return whether a text in *value*, a value of JSON, may contain a URL to clean."""
    if isinstance(value, str):
        return may_change(value)
    if isinstance(value, dict):
        return any(map(may_contain_url, value.values()))
    return isinstance(value, list) and any(map(may_contain_url, value))


def url_parameters_of(field: str, patterns: tuple[str, ...]) -> tuple[str, ...]:
    """
    Return the globs, of *patterns*, that apply to a field or dotted path.

    No parameter of ``checkout_url`` and ``order_status_url`` is kept, because their
    queries contain secret keys.
    """
    name = field.rpartition(".")[2].replace("_", "").replace("-", "").lower()
    return () if name in _KEYED_URLS else patterns


def clean_url(text: str, patterns: tuple[str, ...]) -> tuple[str, list[str]]:
    """
    Return the URL *text* without parts that may identify a person, and their names.

    Fragment, user info and the query parameters whose decoded name matches no glob are
    removed. ``mailto:``, ``tel:``, ``sms:`` and similar URLs keep only the scheme. URLs
    in kept parameters are cleaned too. Cleaning a clean URL does not change it.
    """
    removed: list[str] = []
    clean = _clean_value if _IS_ENCODED.match(text) else _clean
    return clean(text, patterns, removed, 0), removed


def clean_urls_within(text: str, patterns: tuple[str, ...]) -> tuple[str, list[str]]:
    """
    Return *text* with the URLs in it cleaned, and the names of the removed parts.

    It is for text such as truncated JSON. URLs are found by ``//``, as `is_url` finds
    them at the beginning of a word, or by ``mailto:`` after a quote or before a value.
    """
    removed: list[str] = []

    def cleaned(url: re.Match[str]) -> str:
        if url.re is _WORD and (_IS_CONTACT_LINK.match(url[0]) or not is_url(url[0])):
            return url[0]
        kept, names = clean_url(url[0], patterns)
        removed.extend(names)
        return kept

    clean = _WORD.sub(cleaned, _WITHIN_TEXT.sub(cleaned, unescaped(text)))
    return (clean if removed else text), removed


def _clean(text: str, patterns: tuple[str, ...], removed: list[str], depth: int) -> str:
    while True:
        if contact := _IS_CONTACT.match(text):
            if not text[contact.end() :].strip():
                return text
            removed.append(f"{contact[1].lower()}:")
            return removed[-1]
        cleaned = _without_user_info(text)
        if cleaned == text:
            break
        removed.append(USER_INFO)
        text = cleaned  # which may have user info again, as in a@https://b@c/
    text, _, fragment = text.partition("#")
    if fragment:
        removed.append(FRAGMENT)
    path, _, query = text.partition("?")
    path = _without_encoded_query(path, patterns, removed)
    query = _clean_query(query, patterns, removed, depth)
    return f"{path}?{query}" if query else path


def _without_encoded_query(
    text: str, patterns: tuple[str, ...], removed: list[str]
) -> str:
    """Return *text* up to the first encoded question mark or number sign."""
    encoded = None if "*" in patterns else _ENCODED_QUERY.search(text)
    if encoded is None:
        return text
    removed.append(UNNAMED)
    return text[: encoded.start()]


def _without_user_info(text: str) -> str:
    scheme = _SCHEME_AND_SLASHES.match(text)
    start = scheme.end() if scheme else 0
    end = _END_OF_AUTHORITY.search(text, start)
    authority = text[start : end.start() if end else None]
    host = authority.rpartition("@")[2]
    return f"{text[:start]}{host}{text[start + len(authority) :]}"


def _clean_query(
    query: str, patterns: tuple[str, ...], removed: list[str], depth: int
) -> str:
    kept = ""
    separator = ""
    for number, part in enumerate(re.split("([&;])", query)):
        if number % 2:
            separator = part
        elif part:
            name, equals, value = part.partition("=")
            if not _stays(name, patterns) or (value and depth > _MAX_DEPTH):
                removed.append(name if equals and _IS_NAME.fullmatch(name) else UNNAMED)
                continue
            cleaned = _clean_value(value, patterns, removed, depth + 1)
            kept += f"{separator if kept else ''}{name}{equals}{cleaned}"
    return kept


def _stays(name: str, patterns: tuple[str, ...]) -> bool:
    if "*" in patterns:
        return True
    return len(name) <= _MAX_NAME and _is_listed(name, patterns)


@functools.lru_cache(4096)
def _is_listed(name: str, patterns: tuple[str, ...]) -> bool:
    # Whatever else a decoded name contains, such as "=", may be a value in disguise.
    decoded = unquote_plus(name)
    return bool(_IS_NAME.fullmatch(decoded)) and any(
        fnmatchcase(decoded.lower(), pattern.lower()) for pattern in patterns
    )


def _clean_value(
    value: str, patterns: tuple[str, ...], removed: list[str], depth: int
) -> str:
    """Return the value of a parameter with a URL in it, maybe encoded, cleaned."""
    if _IS_PLAIN.match(value):
        return value
    for times, decoded in enumerate(_decodings(value)):
        if _IS_URL.match(decoded) or _IS_QUERY.match(decoded):
            names: list[str] = []
            cleaned = _clean(decoded, patterns, names, depth)
            if cleaned != decoded:
                removed += names
                for _ in range(times):
                    cleaned = _quoted(cleaned)
                return cleaned
    if _ENCODED_QUERY.search(decoded):  # it is encoded more often
        return _without_encoded_query(value, patterns, removed)
    return value
