"""
Redaction of personal data, unknown fields, and URLs.

It is applied before any mapper, so that no mapper can send redacted data.
"""

import functools
import hmac
import re
from collections.abc import Mapping, Set
from typing import Any, Final

from braze_heap._json import decode, encode_changed, is_json_text
from braze_heap._json_limits import UnreadableError
from braze_heap.events import CurrentsEvent
from braze_heap.events._base import split_pointer
from braze_heap.events._schema import schema_of
from braze_heap.policies.privacy import PERSONAL_NAMES, PersonalData, Treatment
from braze_heap.policies.urls import (
    URL_FIELDS,
    URL_PARAMETERS,
    clean_url,
    clean_urls_within,
    is_url,
    may_change,
    url_parameters_of,
)
from braze_heap.policies.word_guard import (
    REDACTED,
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


class _DecidedPaths(dict[str, Treatment]):
    """Paths in unknown fields that a treatment of personal data has decided about."""

    def __contains__(self, path: object) -> bool:
        name = str(path).rpartition(".")[2]
        return super().__contains__(path) or name in PERSONAL_NAMES


class Redaction:
    """
    Applies the policies for personal data, fields that no class declares, and URLs.

    Args:
        policy: Treatment of personal data.
        unknown_fields: Treatment of fields that the class of an event does not declare.
        custom_fields: Treatment of custom properties and attributes.
        url_parameters: Globs of the query parameters that stay in URLs.
    """

    def __init__(
        self,
        policy: PersonalData,
        unknown_fields: UnknownFields = "guard",
        custom_fields: CustomFields = "guard",
        url_parameters: tuple[str, ...] = URL_PARAMETERS,
    ) -> None:
        self._policy = policy
        self._arguments = (policy, unknown_fields, custom_fields, url_parameters)
        is_kept = policy.default == "keep"  # then names decide nothing
        self._unknown_fields: UnknownFields = (
            "send" if is_kept and unknown_fields == "guard" else unknown_fields
        )
        self.guards_custom_fields: bool = custom_fields == "guard" and not is_kept
        self._url_parameters = url_parameters
        self._impersonal: set[str] = set()
        self._treated = _DecidedPaths(policy.overrides)
        self._by_class: dict[type[CurrentsEvent], tuple[list[str], list[str]]] = {}
        self._nested = [
            (name.split("."), treatment)
            for name, treatment in policy.overrides.items()
            if "." in name and treatment != "keep"
        ]

    def __reduce__(self) -> tuple[Any, ...]:
        return Redaction, self._arguments

    def treatment_of(self, cls: type[CurrentsEvent], name: str) -> Treatment:
        """Return the treatment of the field *name* of *cls* as a whole."""
        is_personal = name in schema_of(cls).personal
        default = self._policy.default if is_personal else "keep"
        return self._policy.overrides.get(name, default)

    def always_redacts(self, cls: type[CurrentsEvent], name: str) -> bool:
        """Return whether no value of the field *name* of *cls* is sent in any form."""
        schema, treatment = schema_of(cls), self.treatment_of(cls, name)
        if name not in schema.places or treatment == "keep":
            return False
        kind = schema.kinds.get(name)
        return treatment == "drop" or (kind is not None and not kind.is_text)

    def has_nested(self, name: str) -> bool:
        """Return whether the policy treats values inside the field *name*."""
        return any(path[0] == name for path, _ in self._nested)

    def apply_nested(self, name: str, value: Any, out: list[str]) -> Any:
        """
        Return *value*, of the field *name*, with the values inside it treated.

        The names of the redacted ones are added to *out*.
        """
        holder = {name: value}
        for path, treatment in self._nested:
            if path[0] == name and self._treat_nested(holder, path, treatment):
                out.append(".".join(path))
        return holder.get(name)

    def apply(self, event: CurrentsEvent) -> list[str]:
        """
        Treat the personal data and the URLs of *event* in place.

        Return the redacted names: of a field, of a path such as
        ``custom_properties.email``, or of a parameter of a URL, such as ``url?token``.
        """
        redacted: list[str] = []
        fields = event.__dict__
        try:
            dropped, hashed = self._by_class[type(event)]
        except KeyError:
            dropped, hashed = self._treatments(type(event))
        for name in dropped:
            if name in fields:
                del fields[name]
                redacted.append(name)
        for name in hashed:
            if name in fields:
                self._treat(fields, name, "hash", redacted)
        if event.extra:
            self._treat_extra(event, redacted)
        for path, treatment in self._nested:
            if self._treat_nested(fields, path, treatment):
                redacted.append(".".join(path))
        for name in fields.keys() & _FIELDS_WITH_URLS:
            fields[name] = self.clean_urls(name, fields[name], redacted)
        return redacted

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
        allowed = self._policy.overrides.keys() | declared
        return without_personal_text(name, value, out, allowed)

    def clean_urls(self, path: str, value: Any, out: list[str]) -> Any:
        """
        Return *value* with all URLs in it cleaned.

        Removed parameters are added to *out*, as in ``url?token``.
        """
        if isinstance(value, str):
            if path not in URL_FIELDS and may_change(value) and is_json_text(value):
                return self._clean_json_text(path, value, out)
            if path not in URL_FIELDS and not (may_change(value) and is_url(value)):
                return value
            patterns = url_parameters_of(path, self._url_parameters)
            clean = _clean_known if len(value) <= _MAX_KNOWN else clean_url
            cleaned, removed = clean(value, patterns)
            out += [f"{path}?{name}" for name in removed]
            return cleaned
        if isinstance(value, list):
            return [self.clean_urls(path, item, out) for item in value]
        if isinstance(value, dict):
            within = {
                name: self.clean_urls(f"{path}.{name}", inner, out)
                for name, inner in value.items()
            }
            return value if within == value else within
        return value

    def _clean_json_text(self, path: str, text: str, out: list[str]) -> str:
        try:
            given = decode(text)
        except UnreadableError:
            patterns = url_parameters_of(path, self._url_parameters)
            cleaned, removed = clean_urls_within(text, patterns)
            out += [f"{path}?{name}" for name in removed]
            return cleaned
        inner = self.clean_urls(path, given, out)
        return encode_changed(text, given, inner)

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

    def is_guarded(self, name: str) -> bool:
        """Return whether text under *name*, unknown to its class, is redacted."""
        if name in self._policy.overrides or self._unknown_fields == "send":
            return False
        return self._unknown_fields == "drop" or is_personal_name(name)

    def protected(self, name: str, value: Any, out: list[str]) -> Any:
        """Return *value*, of the custom field *name*, cleaned and guarded."""
        value = self.clean_urls(name, value, out)
        return self.guarded(name, value, out) if self.guards_custom_fields else value

    @property
    def guards_unknown(self) -> bool:
        """Whether text under personal names in unknown fields is redacted."""
        return self._unknown_fields == "guard"

    @property
    def drops_unknown(self) -> bool:
        """Whether unknown fields are redacted, whatever their value."""
        return self._unknown_fields == "drop"

    def treatment_of_unknown(self, cls: type[CurrentsEvent], name: str) -> Treatment:
        """Return the treatment of a field that is unknown to *cls*."""
        if name in PERSONAL_NAMES:
            return self._policy.overrides.get(name, self._policy.default)
        return self.treatment_of(cls, name)

    def _treatments(self, cls: type[CurrentsEvent]) -> tuple[list[str], list[str]]:
        schema = schema_of(cls)
        chosen = {name: self.treatment_of(cls, name) for name in schema.places}
        names = tuple(
            [name for name, treatment in chosen.items() if treatment == wanted]
            for wanted in ("drop", "hash")
        )
        self._by_class[cls] = names[0], names[1]
        return self._by_class[cls]

    def _treat(
        self, holder: dict[str, Any], key: str, treatment: Treatment, out: list[str]
    ) -> None:
        value = holder[key]
        if treatment == "hash" and isinstance(value, str):
            holder[key] = self.hash_text(value)
        else:
            del holder[key]
            out.append(key)

    def hash_text(self, text: str) -> str:
        """Return the HMAC-SHA-256 of *text*, in hexadecimal digits."""
        data = text.encode("utf-8", "surrogatepass")
        return hmac.digest(self._policy.key, data, "sha256").hex()

    def _treat_extra(self, event: CurrentsEvent, out: list[str]) -> None:
        extra, cls = dict(event.extra), type(event)
        for key, value in event.extra.items():
            name = split_pointer(key)[-1]
            treatment = self.treatment_of_unknown(cls, name)
            if treatment != "keep":
                self._treat(extra, key, treatment, out)
                continue
            if name not in self._policy.overrides:
                value = self._without_personal(cls, key, value, out)
                value = self._guarded_unknown(cls, key, name, value, out)
            if value is REDACTED:
                del extra[key]
            else:
                extra[key] = self.clean_urls(name, value, out)
        for path, treatment in self._nested:
            for key in event.extra:
                inner = [key, *path[1:]]
                if split_pointer(key)[-1] == path[0] and self._treat_nested(
                    extra, inner, treatment
                ):
                    out.append(".".join(path))
        event.extra = extra

    def _guarded_unknown(
        self, cls: type[CurrentsEvent], key: str, name: str, value: Any, out: list[str]
    ) -> Any:
        """Return *value*, unknown to *cls*, or `REDACTED`, by the word guard."""
        path = split_pointer(key)
        is_declared = schema_of(cls).places.get(name) == path[0]
        if is_declared and name in CUSTOM_FIELDS:  # invalid, such as truncated JSON
            guards = self.guards_custom_fields
            return self.guarded(name, value, out) if guards else value
        if is_declared or path in (["id"], ["time"]):
            return value
        if self._unknown_fields == "send":
            return value
        if self._unknown_fields == "drop":
            out.append(name)
            return REDACTED
        return without_personal_text(name, value, out, self._treated)

    def _without_personal(
        self, cls: type[CurrentsEvent], path: str, value: Any, out: list[str]
    ) -> Any:
        """
        Return *value*, unknown to *cls*, with the personal fields inside it treated.

        Truncated JSON text cannot be decoded. It is redacted if it has a personal name.
        """
        if is_json_text(value):
            try:
                given = decode(value)
            except UnreadableError:
                names = set(_QUOTED.findall(value))
                if all(
                    self.treatment_of_unknown(cls, name) == "keep" for name in names
                ):
                    return value
                out.append(path)
                return None
            inner = self._without_personal(cls, path, given, out)
            return encode_changed(value, given, inner)
        if isinstance(value, list):
            return [self._without_personal(cls, path, item, out) for item in value]
        if not isinstance(value, dict):
            return value
        kept = dict(value)
        for name, inner in value.items():
            within = f"{path}.{name}"
            dotted = split_pointer(within)[-1]
            treatment = self._policy.overrides.get(
                dotted, self.treatment_of_unknown(cls, name)
            )
            if treatment == "keep":
                kept[name] = self._without_personal(cls, within, inner, out)
            else:
                redacted: list[str] = []
                self._treat(kept, name, treatment, redacted)
                out += [within for _ in redacted]
        return kept

    def _treat_nested(
        self, holder: dict[str, Any], path: list[str], treatment: Treatment
    ) -> bool:
        """
        Treat the value at *path*, inside objects, lists of objects and JSON text.

        Return whether anything was redacted.

        Truncated JSON text cannot be decoded. It is redacted if it contains the name.
        """
        name, *rest = path
        out: list[str] = []
        if holder.get(name) is None:
            return False
        if not rest:
            self._treat(holder, name, treatment, out)
            return bool(out)
        try:
            holder[name], is_less = self._treat_within(holder[name], rest, treatment)
        except UnreadableError:
            is_less = rest[-1] in str(holder[name])
            if is_less:
                del holder[name]
        return is_less

    def _treat_within(
        self, value: Any, path: list[str], treatment: Treatment
    ) -> tuple[Any, bool]:
        if is_json_text(value):
            given = decode(value)
            inner, is_less = self._treat_within(given, path, treatment)
            return encode_changed(value, given, inner), is_less
        if isinstance(value, list):
            treated = [self._treat_within(item, path, treatment) for item in value]
            return [item for item, _ in treated], any(less for _, less in treated)
        if not isinstance(value, dict):
            return value, False
        inner = dict(value)
        return inner, self._treat_nested(inner, path, treatment)


_QUOTED: Final = re.compile('"([a-z_]+)"')
"""Possible names in truncated JSON text."""
