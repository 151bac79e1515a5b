"""
Policy for personal data. It is applied before any mapper.

Mappers do not get redacted fields, so they cannot send them by mistake.
"""

from collections import defaultdict
from collections.abc import Mapping, Set
from types import MappingProxyType
from typing import Any, Final, Literal, TypeAlias

import attrs

from braze_heap._text import did_you_mean
from braze_heap._wiring import kind_of, warn
from braze_heap.events import EVENT_TYPES, CurrentsEvent
from braze_heap.events._schema import schema_of
from braze_heap.policies.urls import URL_FIELDS

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
Names that are personal in unknown types, and as names of unknown fields.

The event classes mark them. ``device_id`` is excluded: only 1 of 77 types marks it.
"""


SHORTEST_KEY: Final = 16
"""Minimum bytes of a key. A shorter one could be found by brute force."""

_TREATMENTS: Final = ("drop", "keep", "hash")
_SCALARS: Final = frozenset(("boolean", "int", "float", "double"))


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
                    "the treatment of personal data must be 'drop', 'keep' or 'hash', "
                    f"not {treatment!r}"
                )
        if not isinstance(self.key, bytes):
            raise TypeError(
                f"the key of 'hash' must be bytes, not {kind_of(self.key)}: "
                "write key=secret.encode()"
            )
        if "hash" in chosen and not self.key:
            raise ValueError(
                "personal_data: 'hash' needs a secret, the key of PersonalData or "
                "hash_key of a configuration"
            )
        if self.key and len(self.key) < SHORTEST_KEY:
            raise ValueError(
                f"the key of 'hash' (hash_key) has {len(self.key)} bytes, but needs at "
                f"least {SHORTEST_KEY}: make one with openssl rand -hex 32"
            )
        if self.key and "hash" not in chosen:
            raise ValueError(
                "the key of 'hash' (hash_key) has no effect, because no treatment is "
                "'hash': choose 'hash', or remove the key"
            )


def personal_data(
    policy: PersonalData | Treatment | Mapping[str, Treatment],
    event_types: Mapping[str, type[CurrentsEvent]] = EVENT_TYPES,
) -> PersonalData:
    """
    Return *policy*, written in any of its short forms, as a `PersonalData`.

    A mapping overrides the default for single fields.

    Warns:
        UserWarning: No event class, including *event_types*, has a name: a typo would
            send data you meant to redact. Or a dotted name has no effect, because what
            is around it is dropped as a whole, or is a number or a URL.
    """
    chosen = _to_policy(policy)
    _warn_without_effect(chosen)
    named = {name.partition(".")[0] for name in chosen.overrides}
    if named <= PERSONAL_NAMES:  # loads no class
        return chosen
    classes = (EVENT_TYPES | event_types).values()
    kinds: defaultdict[str, set[str]] = defaultdict(set)
    for name, kind in (
        each for cls in classes for each in schema_of(cls).kinds.items()
    ):
        kinds[name].add(kind.name)
    for name in sorted(named - kinds.keys()):
        warn(f"No event class has a field {name!r}.{did_you_mean(name, kinds)}")
    for path in chosen.overrides:
        field, _, inner = path.partition(".")
        flaw = ""
        if field in URL_FIELDS:
            flaw = "a URL: url_parameters chooses its query parameters"
        elif field in kinds and kinds[field] <= _SCALARS:
            flaw = "a number or a boolean"
        if inner and flaw:
            warn(f"The treatment of {path!r} has no effect: {field!r} is {flaw}.")
    return chosen


def _warn_without_effect(policy: PersonalData) -> None:
    """Warn about overrides inside of what is dropped or hashed as a whole."""
    for path in policy.overrides:
        names = path.split(".")
        for outer in (".".join(names[:end]) for end in range(1, len(names))):
            default = policy.default if outer in PERSONAL_NAMES else "keep"
            treatment = policy.overrides.get(outer, default)
            if treatment != "keep":
                done = {"drop": "dropped", "hash": "hashed"}[treatment]
                warn(
                    f"The treatment of {path!r} has no effect, because {outer!r} as a "
                    f"whole is {done}: add {{{outer!r}: 'keep'}} to send the rest of "
                    "it."
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
