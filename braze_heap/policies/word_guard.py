"""
Guard for fields that no class declares.

Text is redacted if the name of its field contains a word such as ``email``.
"""

import functools
import re
import unicodedata
from collections.abc import Callable
from typing import Any, Final, Literal, TypeAlias

from braze_heap.policies._walk import (
    REDACTED,
    WITHIN,
    Path,
    may_contain_json,
    names_within,
    walk,
)

__all__ = ["CustomFields", "UnknownFields"]

UnknownFields: TypeAlias = Literal["guard", "send", "drop"]
"""
Treatment of fields that no class declares: redact text under a personal name, send
everything, or send nothing.
"""

CustomFields: TypeAlias = Literal["guard", "send"]
"""
Treatment of custom properties and attributes: redact text under a personal name, or
send everything.
"""

_WORDS: Final = frozenset(
    """
    address birth cell coordinates dob email fax gender geo iban ip lat lng lon mail
    mobile msisdn passport password phone postal secret ssn street tel telephone
    token zip
    """.split()
)

_COMPOUNDS: Final = frozenset(
    """
    accesstoken apikey authtoken bankaccount billingaddress birthdate birthday
    birthplace cardnumber cellnumber cellphone contactemail creditcard customeremail
    customerphone dateofbirth email emailaddress emailid familyname firstname
    fullname geolocation givenname homeaddress homephone ipaddr ipaddress ipv
    lastname latitude latlng latlon latlong longitude lonlat maidenname middlename
    mobilenumber mobilephone nickname passcode passphrase passport passwd password
    phoneno phonenumber postalcode postcode privatekey pwd recipientemail
    refreshtoken secretkey sessiontoken shippingaddress socialsecurity streetaddress
    surname taxid telephone telephonenumber useremail username userphone workphone
    zipcode
    """.split()
)

_PART: Final = re.compile(
    r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+|[A-Z]"  # IPAddress, emailAddress, e_mail
)
_MAX_NAME: Final = 1_000


def is_personal_name(name: str) -> bool:
    """
    Return whether *name* contains a word for personal data, in any letter case.

    Words end before capital letters, and at characters that are not letters.
    ``postcode``, ``post_code`` and ``postCode`` are the same compound. ``emails`` is
    ``email``; ``emailing`` is not. Of a long name or path, only the end is read.
    """
    return _is_personal_name(name[-_MAX_NAME:])


@functools.lru_cache(4096)
def _is_personal_name(name: str) -> bool:
    parts = _PART.findall(unicodedata.normalize("NFKC", name))
    words = [part.lower() for part in parts]
    return any(_is_listed(word, _WORDS) for word in words) or any(
        _is_listed("".join(words[start : start + length]), _COMPOUNDS)
        for start in range(len(words))
        for length in (1, 2, 3)
    )


def _is_listed(word: str, listed: frozenset[str]) -> bool:
    return word in listed or any(
        word.endswith(plural) and word.removesuffix(plural) in listed
        for plural in ("s", "es")
    )


_MAX_CACHED: Final = 32


def without_personal_text(
    path: str,
    value: Any,
    redacted: list[str],
    stays: Callable[[Path], bool] = lambda _: False,
) -> Any:
    """
    Return *value* without the text under personal names, or `REDACTED`.

    Numbers, booleans and null stay, whatever the name. A list is redacted as a whole if
    it contains text. Objects, lists of objects and JSON text are searched; text
    that has JSON in it but cannot be decoded is redacted if it has a personal name.

    Args:
        path: Dotted path to the value, such as ``custom_properties.contact.email``. The
            first name counts as a word, too.
        value: A value of JSON. It is not changed.
        redacted: Receives the path of each redacted value.
        stays: Returns whether the value at a path stays, with all that it contains,
            because a typed class declares it or a policy names it.
    """

    def visit(names: Path, value: Any) -> Any:
        path = ".".join(names)
        if stays(names):
            return value
        if isinstance(value, dict):
            return value if _is_surely_impersonal(path, value) else WITHIN
        is_text = isinstance(value, str) or (
            isinstance(value, list) and _contains_text(value)
        )
        return redact(path) if is_text and is_personal_name(path) else WITHIN

    def truncated(names: Path, text: str) -> Any:
        is_personal = any(map(is_personal_name, names_within(text)))
        return redact(".".join(names)) if is_personal else text

    def redact(path: str) -> object:
        redacted.append(path)
        return REDACTED

    return walk((path,), value, visit, truncated)


def _is_surely_impersonal(path: str, value: dict[str, Any]) -> bool:
    """
    Return whether *value* has no personal name and nothing to search.

    Events of one kind have the same names, so the answer about these is cached.
    """
    if len(value) > _MAX_CACHED or _has_personal_name(path, tuple(value)):
        return False
    for name, each in value.items():
        for item in each if each.__class__ is list else (each,):
            cls = item.__class__
            if isinstance(item, dict):
                if not _is_surely_impersonal(f"{path}.{name}", item):
                    return False
            elif cls is list or may_contain_json(item):
                return False
    return True


@functools.lru_cache(256)
def _has_personal_name(path: str, names: tuple[str, ...]) -> bool:
    return any(is_personal_name(f"{path}.{name}") for name in names)


def _contains_text(value: list[Any]) -> bool:
    return any(
        isinstance(each, str)
        or (isinstance(each, list) and _contains_text(each))
        or (isinstance(each, dict) and _contains_text([*each.values()]))
        for each in value
    )
