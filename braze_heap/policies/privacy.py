"""
Policy for the personal data that leaves your systems, applied before any mapper.

Mappers never see redacted fields, so they cannot send them by mistake.
"""

import hmac
import re
from collections.abc import Mapping, Set
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias

import attrs

from braze_heap._json import decode, encode_text, is_json_text
from braze_heap._json_limits import UnreadableError
from braze_heap._text import did_you_mean
from braze_heap._wiring import kind_of, warn
from braze_heap.events import EVENT_TYPES, CurrentsEvent
from braze_heap.events._base import split_pointer
from braze_heap.events._schema import schema_of

__all__ = ["PERSONAL_NAMES", "PersonalData", "Treatment"]

Treatment: TypeAlias = Literal["drop", "keep", "hash"]
"""Treatment of a personal value: redact it, send it, or send its HMAC-SHA-256."""

PERSONAL_NAMES: Final = frozenset(
    """
    abort_log ad_id altitude answer_long_string answer_multiple_strings
    answer_single_boolean answer_single_number answer_single_string bounce_reason bsuid
    channel_identifier country data_object_provenance deferral_reason dob email_address
    endpoint_url external_user_id first_name flow_response_json gender home_city
    in_reply_to inbound_phone_number input language last_name latitude locale_key
    longitude media_id media_urls message_body message_extras message_id native_line_id
    orphaned_by_id output phone_number push_to_start_token push_token
    push_token_device_id quick_reply_text raw_response retry_log template_name
    to_phone_number tool_arguments update_token url_path user_id user_phone_number
    web_push_token_public_key web_push_token_user_auth
    """.split()
)
"""
Names of personal fields in unknown types, and of unknown fields. They are the names
that the event classes mark, except ``device_id``, which only one of 77 types marks.
"""


SHORTEST_KEY: Final = 16
"""Bytes of a key. A shorter one could be found by brute force."""

_TREATMENTS: Final = ("drop", "keep", "hash")


def _flat(overrides: Any) -> dict[str, Treatment]:
    """Return *overrides* with dotted names instead of nested mappings."""
    if not isinstance(overrides, Mapping):
        hint = "; the key is written key=..." if isinstance(overrides, bytes) else ""
        raise TypeError(
            f"overrides must be a mapping from field to treatment, not "
            f"{kind_of(overrides)}{hint}"
        )
    flat: dict[str, Treatment] = {}
    for name, treatment in overrides.items():
        if not isinstance(name, str):
            raise TypeError(f"overrides must be by field name, not {kind_of(name)}")
        if isinstance(treatment, Mapping):
            flat |= {f"{name}.{n}": t for n, t in _flat(treatment).items()}
        else:
            flat[name] = treatment
    return flat


@attrs.frozen
class PersonalData:
    """
    Treatment of personal data.

    Attributes:
        default: Treatment of the fields that Braze marks, and of sensitive ones that it
            does not mark. ``hash`` hashes text and redacts numbers and lists.
        overrides: Field name to treatment, for any field, marked or not. A dotted name
            such as ``custom_properties.email``, or a nested mapping, applies inside
            objects, lists of objects and JSON text.
        key: The secret of ``hash``, at least 16 bytes. Under the same key, equal values
            have equal hashes.

    Raises:
        ValueError: Unknown treatment, ``hash`` without a key, a key that is too short,
            or an unused key.
        TypeError: Overrides that are not a mapping, or a key that is not bytes.
    """

    default: Treatment = "drop"
    overrides: Mapping[str, Treatment] = attrs.field(
        default=MappingProxyType({}), converter=_flat
    )
    key: bytes = attrs.field(default=b"", repr=False)

    def __attrs_post_init__(self) -> None:
        chosen = (self.default, *self.overrides.values())
        for treatment in chosen:
            if treatment not in _TREATMENTS:
                raise ValueError(
                    f"personal data is dropped, kept or hashed: write 'drop', 'keep' "
                    f"or 'hash', not {treatment!r}"
                )
        if not isinstance(self.key, bytes):
            raise TypeError(
                f"the key of 'hash' must be bytes, not {kind_of(self.key)}: "
                "write key=secret.encode()"
            )
        if "hash" in chosen and not self.key:
            raise ValueError(
                "hashing personal data needs a secret: PersonalData('hash', key=...)"
            )
        if self.key and len(self.key) < SHORTEST_KEY:
            raise ValueError(
                f"the key of 'hash' has {len(self.key)} bytes, but needs at least "
                f"{SHORTEST_KEY}: make one with secrets.token_bytes(32)"
            )
        if self.key and "hash" not in chosen:
            raise ValueError(
                "a key is given, but no treatment is 'hash': write "
                "PersonalData('hash', key=...), or leave the key out"
            )


def personal_data(
    policy: PersonalData | Treatment | Mapping[str, Treatment],
    event_types: Mapping[str, type[CurrentsEvent]] = EVENT_TYPES,
) -> PersonalData:
    """
    Return *policy*, written in any of its short forms, as a `PersonalData`.

    A mapping overrides the default for single fields.

    Raises:
        TypeError: It has another type, such as a set, because it would be a guess
            whether to send the other fields.
        ValueError: See `PersonalData`.

    Warns:
        UserWarning: A name is unknown to all event classes, including *event_types*.
            Braze may have added it, or a typo would send data you meant to redact. Or a
            dotted name is inside a field that is dropped as a whole.
    """
    chosen = _to_policy(policy)
    _warn_without_effect(chosen)
    named = {name.partition(".")[0] for name in chosen.overrides}
    if named <= PERSONAL_NAMES:  # loads no class
        return chosen
    classes = (EVENT_TYPES | event_types).values()
    known = {name for cls in classes for name in schema_of(cls).places}
    for name in sorted(named - known):
        warn(f"No event class has a field {name!r}.{did_you_mean(name, known)}")
    return chosen


def _warn_without_effect(policy: PersonalData) -> None:
    """Warn about overrides inside fields that are dropped or hashed as a whole."""
    for path in policy.overrides:
        field, _, inner = path.partition(".")
        default = policy.default if field in PERSONAL_NAMES else "keep"
        treatment = policy.overrides.get(field, default)
        if inner and treatment != "keep":
            done = {"drop": "dropped", "hash": "hashed"}[treatment]
            warn(
                f"The treatment of {path!r} has no effect, because {field!r} as a "
                f"whole is {done}: add {{{field!r}: 'keep'}} to send the rest of it."
            )


def _to_policy(
    policy: PersonalData | Treatment | Mapping[str, Treatment],
) -> PersonalData:
    if isinstance(policy, PersonalData):
        return policy
    if isinstance(policy, str):
        return PersonalData(policy)
    if isinstance(policy, Mapping):
        return PersonalData(overrides=dict(policy))
    fields = policy if isinstance(policy, Set | list | tuple) else ()
    names = sorted(name for name in fields if isinstance(name, str)) or [
        "email_address"
    ]
    drop, keep = dict.fromkeys(names, "drop"), dict.fromkeys(names, "keep")
    raise TypeError(
        f"personal_data must be 'drop', 'keep', a mapping or PersonalData, not "
        f"{kind_of(policy)}. To drop only these fields and send all others, write "
        f"PersonalData('keep', {drop}); to send these fields and drop the other "
        f"personal ones, write {keep}"
    )


class Redaction:
    """Applies a policy to events, in place."""

    def __init__(self, policy: PersonalData) -> None:
        self._policy = policy
        self._by_class: dict[type[CurrentsEvent], tuple[list[str], list[str]]] = {}
        self._nested = [
            (name.split("."), treatment)
            for name, treatment in policy.overrides.items()
            if "." in name and treatment != "keep"
        ]

    def __reduce__(self) -> tuple[Any, ...]:
        return Redaction, (self._policy,)

    def treatment_of(self, cls: type[CurrentsEvent], name: str) -> Treatment:
        """Return the treatment of the field *name* of *cls* as a whole."""
        is_personal = name in schema_of(cls).personal
        default = self._policy.default if is_personal else "keep"
        return self._policy.overrides.get(name, default)

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
        """Treat the personal data of *event* in place; return the redacted names."""
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
        return redacted

    def treatment_of_unknown(self, cls: type[CurrentsEvent], name: str) -> Treatment:
        """Return the treatment of a field that is unknown to *cls*."""
        is_personal = name in PERSONAL_NAMES or name in schema_of(cls).personal
        default = self._policy.default if is_personal else "keep"
        return self._policy.overrides.get(name, default)

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
            elif name not in self._policy.overrides:
                extra[key] = self._without_personal(cls, key, value, out)
        for path, treatment in self._nested:
            for key in event.extra:
                inner = [key, *path[1:]]
                if split_pointer(key)[-1] == path[0] and self._treat_nested(
                    extra, inner, treatment
                ):
                    out.append(".".join(path))
        event.extra = extra

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
            return value if inner == given else encode_text(inner)
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
            return (value if inner == given else encode_text(inner)), is_less
        if isinstance(value, list):
            treated = [self._treat_within(item, path, treatment) for item in value]
            return [item for item, _ in treated], any(less for _, less in treated)
        if not isinstance(value, dict):
            return value, False
        inner = dict(value)
        return inner, self._treat_nested(inner, path, treatment)


_QUOTED: Final = re.compile('"([a-z_]+)"')
"""Possible names in truncated JSON text."""
