"""
Redaction of personal data, unknown fields, and URLs.

It is applied before any mapper, so that no mapper can send redacted data.
"""

import functools
import hmac
from collections.abc import Callable, Mapping, Set
from typing import Any, Final

from braze_heap._json import is_json_text
from braze_heap.events import CurrentsEvent
from braze_heap.events._base import split_pointer
from braze_heap.events._schema import schema_of
from braze_heap.policies._walk import (
    REDACTED,
    WITHIN,
    Path,
    names_within,
    unescaped,
    walk,
)
from braze_heap.policies.privacy import PERSONAL_NAMES, PersonalData, Treatment
from braze_heap.policies.urls import (
    URL_FIELDS,
    URL_PARAMETERS,
    clean_url,
    clean_urls_within,
    is_url,
    may_change,
    may_contain_url,
    url_parameters_of,
)
from braze_heap.policies.word_guard import (
    CustomFields,
    UnknownFields,
    is_personal_name,
    without_personal_text,
)

CUSTOM_FIELDS: Final = frozenset(
    ("custom_properties", "custom_attributes", "purchase_properties")
)
"""Fields with the properties and attributes that a team defines."""

_FIELDS_WITH_URLS: Final = URL_FIELDS | CUSTOM_FIELDS
_MAX_KNOWN: Final = 500
_MAX_NAMES: Final = 10_000

_clean_known: Final = functools.lru_cache(4096)(clean_url)
"""Cached, because the links of a message are the same in many events."""


class Redaction:
    """
    Applies the policies for personal data, fields that no class declares, and URLs.

    Args:
        policy: Treatment of personal data.
        unknown_fields: Treatment of fields that the class of an event does not declare.
        custom_fields: Treatment of custom properties and attributes.
        url_parameters: Globs of the query parameters that stay in URLs.

    Attributes:
        guards_custom_fields: Whether text under personal names in custom fields is
            redacted.
        guards_unknown: Whether it is in unknown fields.
        drops_unknown: Whether unknown fields are redacted, whatever their value.
    """

    def __init__(
        self,
        policy: PersonalData,
        unknown_fields: UnknownFields = "guard",
        custom_fields: CustomFields = "guard",
        url_parameters: tuple[str, ...] = URL_PARAMETERS,
    ) -> None:
        self._policy = policy
        is_kept = policy.default == "keep"  # then names decide nothing
        self.guards_custom_fields: bool = custom_fields == "guard" and not is_kept
        self.guards_unknown: bool = unknown_fields == "guard" and not is_kept
        self.drops_unknown: bool = unknown_fields == "drop"
        self._url_parameters = url_parameters
        self._impersonal: set[str] = set()
        self._overridden = tuple(f"{name}." for name in policy.overrides)
        self._by_class: dict[type[CurrentsEvent], dict[str, Treatment]] = {}
        self._nested: dict[str, Treatment] = {
            name: treatment
            for name, treatment in policy.overrides.items()
            if "." in name and treatment != "keep"
        }
        self._with_nested = dict.fromkeys(n.partition(".")[0] for n in self._nested)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_impersonal": set(), "_by_class": {}}

    def treatment_of(self, cls: type[CurrentsEvent], name: str) -> Treatment:
        """Return the treatment of the field *name* of *cls* as a whole."""
        is_personal = name in schema_of(cls).personal
        default = self._policy.default if is_personal else "keep"
        return self._policy.overrides.get(name, default)

    def treatment_of_unknown(self, cls: type[CurrentsEvent], *path: str) -> Treatment:
        """
        Return the treatment that the last name of *path* decides, which may have dots.

        The first name is that of a field that is unknown to *cls*. What a dotted name
        of the policy includes is kept, because `apply_nested` treats it.
        """
        overrides, dotted = self._policy.overrides, ".".join(path)
        names, first = path[-1].split("."), path[0].partition(".")[0]
        if first in overrides:
            return overrides[first]
        if outer := min(filter(f"{dotted}.".startswith, self._overridden), default=""):
            end = len(names) + outer.count(".") - dotted.count(".") - 2
            names = names[: max(0, end)]  # those around what the policy names
        for name in names:
            treatment = self.treatment_of(cls, name)
            if name in PERSONAL_NAMES and name not in overrides:
                treatment = self._policy.default
            if treatment != "keep":
                return treatment
        return "keep"

    def _is_overridden(self, name: str) -> bool:
        """Return whether the policy names *name*, or what is around it."""
        return f"{name}.".startswith(self._overridden)

    def _is_decided(self, path: Path) -> bool:
        """Return whether the policy has decided about *path* in an unknown field."""
        is_personal = not PERSONAL_NAMES.isdisjoint(path[-1].split("."))
        return is_personal or self._is_overridden(".".join(path))

    def always_redacts(self, cls: type[CurrentsEvent], name: str) -> bool:
        """Return whether no value of the field *name* of *cls* is sent in any form."""
        schema, treatment = schema_of(cls), self.treatment_of(cls, name)
        if name not in schema.places or treatment == "keep":
            return False
        kind = schema.kinds.get(name)
        return treatment == "drop" or (kind is not None and not kind.is_text)

    def has_nested(self, name: str) -> bool:
        """Return whether the policy treats values inside the field *name*."""
        return name in self._with_nested

    def apply(self, event: CurrentsEvent) -> list[str]:
        """
        Treat the personal data and the URLs of *event* in place.

        Return the redacted names: of a field, of a path such as
        ``custom_properties.email``, or of a parameter of a URL, such as ``url?token``.
        """
        redacted: list[str] = []
        fields = event.__dict__
        for name, treatment in self._treatments(type(event)).items():
            if name in fields:
                value = self._treat(name, fields.pop(name), treatment, redacted)
                if value is not REDACTED:
                    fields[name] = value
        if event.extra:
            self._treat_extra(event, redacted)
        for name in self._with_nested:
            if name in fields:
                value = self.apply_nested(name, fields.pop(name), redacted)
                if value is not REDACTED:
                    fields[name] = value
        for name in fields.keys() & _FIELDS_WITH_URLS:
            fields[name] = self.clean_urls(name, fields[name], redacted)
        return redacted

    def _treatments(self, cls: type[CurrentsEvent]) -> dict[str, Treatment]:
        """Return the fields of *cls* that are not kept, with their treatment."""
        if cls not in self._by_class:
            chosen = {
                name: self.treatment_of(cls, name) for name in schema_of(cls).places
            }
            self._by_class[cls] = {
                n: each for n, each in chosen.items() if each != "keep"
            }
        return self._by_class[cls]

    def _treat(
        self, name: str, value: Any, treatment: Treatment, out: list[str]
    ) -> Any:
        """Return the hash of *value*; or add *name* to *out* and return `REDACTED`."""
        if treatment == "hash" and isinstance(value, str):
            return self.hash_text(value)
        out.append(name)
        return REDACTED

    def hash_text(self, text: str) -> str:
        """Return the HMAC-SHA-256 of *text*, in hexadecimal digits."""
        data = text.encode("utf-8", "surrogatepass")
        return hmac.digest(self._policy.key, data, "sha256").hex()

    def apply_nested(self, name: str, value: Any, out: list[str]) -> Any:
        """
        Return *value*, of the field *name*, with the values inside it treated.

        The paths of the redacted ones are added to *out*. Truncated JSON text cannot be
        decoded. It is redacted if it contains the last name of a path.
        """
        for path, treatment in self._nested.items():
            one, other = sorted((f"{name}.", f"{path}."))
            if other.startswith(one) and value not in (None, REDACTED):
                redacted: list[str] = []
                value = self._treat_within(name, value, path, treatment, redacted)
                out += redacted[:1]
        return value

    def _treat_within(
        self, name: str, value: Any, wanted: str, treatment: Treatment, out: list[str]
    ) -> Any:
        """
        Return *value*, of the field *name*, with what is at the path *wanted* treated.

        A name in the path may have dots itself.
        """

        def visit(path: Path, value: Any) -> Any:
            dotted = ".".join(path)
            if f"{dotted}.".startswith(f"{wanted}.") and value is not None:
                return self._treat(wanted, value, treatment, out)
            return WITHIN if wanted.startswith(f"{dotted}.") else value

        def truncated(_: Path, text: str) -> Any:
            if wanted.rpartition(".")[2] in unescaped(text):
                return self._treat(wanted, text, "drop", out)
            return text

        return walk((name,), value, visit, truncated)

    def guard(
        self, event: CurrentsEvent, declared: Set[str] = frozenset()
    ) -> list[str]:
        """
        Redact text under personal names in custom fields of *event*, in place.

        Return the redacted paths. Paths in *declared*, by a typed class, stay.
        """
        redacted: list[str] = []
        if self.guards_custom_fields:
            for name in event.__dict__.keys() & CUSTOM_FIELDS:
                value = event.__dict__[name]
                event.__dict__[name] = self.guarded(name, value, redacted, declared)
        return redacted

    def guarded(
        self, name: str, value: Any, out: list[str], declared: Set[str] = frozenset()
    ) -> Any:
        """Return *value*, of the custom field *name*, without text to redact."""

        def stays(path: Path) -> bool:
            dotted = ".".join(path)
            return dotted in declared or self._is_overridden(dotted)

        return without_personal_text(name, value, out, stays)

    def protected(self, name: str, value: Any, out: list[str]) -> Any:
        """Return *value*, of the custom field *name*, cleaned and guarded."""
        value = self.clean_urls(name, value, out)
        return self.guarded(name, value, out) if self.guards_custom_fields else value

    def is_usual(self, flat: Mapping[str, Any]) -> bool:
        """Return whether *flat*, a flattened custom field, surely needs no change."""
        if not self._impersonal.issuperset(flat):
            names = flat.keys() - self._impersonal
            if self.guards_custom_fields and any(map(is_personal_name, names)):
                return False
            if len(self._impersonal) < _MAX_NAMES:
                self._impersonal |= names
        texts = [value for value in flat.values() if type(value) is str]
        joined = "\n".join(texts)
        if "{" in joined or "[" in joined:
            return False
        return not (may_change(joined) and any(map(is_url, texts)))

    def clean_urls(self, name: str, value: Any, out: list[str]) -> Any:
        """
        Return *value*, of the field *name*, with all URLs in it cleaned.

        Removed parameters are added to *out*, as in ``url?token``.
        """
        if name in URL_FIELDS and isinstance(value, str):
            return self.clean_url(name, value, out)
        if name not in URL_FIELDS and not may_contain_url(value):  # almost always
            return value

        def visit(path: Path, value: Any) -> Any:
            if not isinstance(value, str):
                return WITHIN
            field = ".".join(path)
            if field in URL_FIELDS:
                return self.clean_url(field, value, out)
            if not may_change(value):
                return value
            if is_url(value) and not is_json_text(value):
                return self.clean_url(field, value, out)
            return WITHIN  # JSON, perhaps

        def truncated(path: Path, text: str) -> str:
            return self.clean_url(".".join(path), text, out, clean_urls_within)

        return walk((name,), value, visit, truncated)

    def clean_url(
        self,
        field: str,
        text: str,
        out: list[str],
        clean: Callable[[str, tuple[str, ...]], tuple[str, list[str]]] = clean_url,
    ) -> str:
        """Return *text*, of *field*, cleaned; as `clean_urls`."""
        patterns = url_parameters_of(field, self._url_parameters)
        if clean is clean_url and len(text) <= _MAX_KNOWN:
            clean = _clean_known
        cleaned, removed = clean(text, patterns)
        out += [f"{field}?{name}" for name in removed]
        return cleaned

    def is_guarded(self, name: str) -> bool:
        """Return whether text under *name*, unknown to its class, is redacted."""
        if name in self._policy.overrides:
            return False
        return self.drops_unknown or (self.guards_unknown and is_personal_name(name))

    def _treat_extra(self, event: CurrentsEvent, out: list[str]) -> None:
        extra = {}
        for key, value in event.extra.items():
            name = split_pointer(key)[-1]
            kept = self._treat_unknown(type(event), key, value, out)
            if kept is not REDACTED:
                kept = self.clean_urls(name, kept, out)
            extra[key] = self.apply_nested(name, kept, out)
        event.extra = {k: each for k, each in extra.items() if each is not REDACTED}

    def _treat_unknown(
        self, cls: type[CurrentsEvent], key: str, value: Any, out: list[str]
    ) -> Any:
        """Return *value*, which is unknown to *cls* and has the *key* in ``extra``."""
        path = split_pointer(key)
        place, name = path[0], path[-1]
        treatment = self.treatment_of_unknown(cls, name)
        if treatment != "keep":
            return self._treat(key, value, treatment, out)
        if self._is_overridden(name):
            return value
        value = self._without_personal(cls, key, value, out)
        is_declared = schema_of(cls).places.get(name) == place
        if is_declared and name in CUSTOM_FIELDS:  # invalid, such as truncated JSON
            guards = self.guards_custom_fields
            return self.guarded(name, value, out) if guards else value
        if is_declared or path in (["id"], ["time"]):
            return value
        if self.drops_unknown:
            out.append(name)
            return REDACTED
        if self.guards_unknown:
            stays = functools.cache(self._is_decided)  # as above
            return without_personal_text(name, value, out, stays)
        return value

    def _without_personal(
        self, cls: type[CurrentsEvent], key: str, value: Any, out: list[str]
    ) -> Any:
        """
        Return *value*, unknown to *cls*, with the personal fields inside it treated.

        Truncated JSON text cannot be decoded. It is redacted if it has a personal name.
        """
        field = split_pointer(key)[-1]

        @functools.cache  # the elements of a list have the same path
        def treatment_of(path: Path) -> Treatment:
            return self.treatment_of_unknown(cls, field, *path[1:])

        def visit(path: Path, value: Any) -> Any:
            treatment = treatment_of(path)
            if treatment == "keep":
                return WITHIN
            return self._treat(".".join(path), value, treatment, out)

        def truncated(path: Path, text: str) -> str | None:
            names = names_within(text)
            if all(self.treatment_of_unknown(cls, name) == "keep" for name in names):
                return text
            out.append(".".join(path))
            return None

        return walk((key,), value, visit, truncated)
