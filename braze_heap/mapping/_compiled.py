"""
The standard mapping of one event class, with all policies, compiled to one function.

`compile_mapping` writes the function from `_MAP_EVENT`, with the steps of each field in
it. The function declines unusual events by returning ``None``, without side effects;
the generic mapping then maps them. An exception in it is a bug.

A policy has one step here and one twin in `braze_heap.mapping._generic`.
"""

import functools
import linecache
import re
import textwrap
from collections.abc import Callable
from types import CodeType
from typing import Any, Final, TypeAlias

import attrs

from braze_heap._json_limits import within_fast_limits
from braze_heap.events import CurrentsEvent, UnknownEvent
from braze_heap.events._base import extra_key
from braze_heap.events._field_types import INVALID
from braze_heap.events._schema import schema_of
from braze_heap.heap._encoder import are_legal_texts, is_legal_text, to_simple_value
from braze_heap.heap.calls import (
    MAX_INTEGER,
    MAX_TEXT,
    Call,
    Track,
    Value,
    timestamp,
    timestamp_of_second,
)
from braze_heap.mappers._custom import DISCRIMINATORS
from braze_heap.mappers._standard import (
    BOT_CLICK,
    CUSTOM_EVENT,
    EPOCH_FIELDS,
    MACHINE_OPEN,
    TAKEN_NAMES,
    copy_of,
    date_of,
    decoded,
    is_machine_open,
    own_name,
    property_names,
    standard,
)
from braze_heap.mappers.shipped import StandardWithUserProperties
from braze_heap.mapping._batch import Batch
from braze_heap.mapping._policies import Policies
from braze_heap.parsing import exact_time
from braze_heap.payloads import StandardEvent
from braze_heap.policies.derived import (
    FIRST_OF,
    channel_of,
    constants_of,
    domain_of,
    seconds_since,
    varying_of,
)
from braze_heap.policies.local_time import local_time
from braze_heap.policies.naming import Naming
from braze_heap.policies.redaction import CUSTOM_FIELDS, Redaction
from braze_heap.policies.urls import URL_FIELDS, is_url, may_change
from braze_heap.reasons import SkipReason

MapEvent: TypeAlias = Callable[
    [str, int, dict[str, Any], dict[str, Any], Batch],
    Track | list[Call] | SkipReason | None,
]
"""
Function that returns the calls of an event, or the reason to skip it; ``None`` if it
declines the event.

Its arguments are id, UTC epoch seconds, fields of the user, properties, and batch. The
id is a legal idempotency key. The function counts redacted and unknown fields in the
batch, and does not change the dicts.
"""


def compile_mapping(cls: type[CurrentsEvent], policies: Policies) -> MapEvent | None:
    """
    Return the function that maps usual events of *cls*.

    Return ``None`` if a mapper of a team maps the class, or none does.
    """
    entry = policies.mappers.registration_for(cls)
    mapper = entry.mapper if entry else None
    stating = mapper if isinstance(mapper, StandardWithUserProperties) else None
    if issubclass(cls, UnknownEvent) or not (mapper is standard or stating):
        return None
    event_type = cls.event_type
    if (event_type, None) in policies.customs or policies.options.derive:
        return None
    if len(policies.fixed) > _MAX_FIXED:  # a call may have too many properties
        return None
    keeps = policies.keeps_user_properties(event_type)
    state = stating.user_properties if stating and keeps else None
    if not policies.selects(event_type) and not state:
        return lambda *_: SkipReason.EXCLUDED
    is_sampled = policies.rate_of(event_type) < 1
    if state and (is_sampled or not policies.selects(event_type)):
        return None  # the event is not sent, but what it states is
    objects = _objects(cls, policies, state)
    switches = {n: each for n, each in objects.items() if isinstance(each, bool)}
    used = _GLOBALS | {n: objects[n] for n in objects.keys() - switches}
    # The text and the objects are those of this module.
    exec(_code(cls.__name__, _text(cls, policies, switches)), used)  # noqa: S102
    map_event: MapEvent = used["map_event"]
    return map_event


@functools.lru_cache(1024)
def _code(name: str, text: str) -> CodeType:
    """Return the code of *text*. Tracebacks and debuggers show its lines."""
    file, number = f"<braze_heap mapping of {name}>", 1
    while file in linecache.cache:
        number += 1
        file = f"<braze_heap mapping of {name} {number}>"
    linecache.cache[file] = len(text), None, text.splitlines(keepends=True), file
    return compile(text, file, "exec")


def _text(
    cls: type[CurrentsEvent], policies: Policies, switches: dict[str, bool]
) -> str:
    """Return `_MAP_EVENT` with the steps of each field, and with its switches set."""
    steps = {
        name: _steps_of(cls, policies.redaction, name, kind.name)
        for name, kind in schema_of(cls).kinds.items()
    }

    def write(place: re.Match[str]) -> str:
        if place[2] == "derived":
            return _derived_steps(cls, policies)
        lines = [_written(getattr(s, place[2]), name) for name, s in steps.items()]
        return textwrap.indent("".join(lines), place[1])

    body = re.sub(r"( *)FIELDS\.(\w+)\n", write, _MAP_EVENT)
    body = re.sub(r"\b[A-Z_]+\b", lambda m: str(switches.get(m[0], m[0])), body)
    header = "def map_event(event_id, time, user, properties, batch):\n"
    return header + textwrap.indent(body, "    ")


def _objects(
    cls: type[CurrentsEvent],
    policies: Policies,
    state: Callable[[Any], dict[str, Any]] | None,
) -> dict[str, Any]:
    """Return the objects that `_MAP_EVENT` uses, and its switches, which are bool."""
    schema, event_type = schema_of(cls), cls.event_type
    options, identity = policies.options, policies.identity
    naming, redaction = policies.naming, policies.redaction
    typed_names = {name for kind, name in policies.customs if kind == event_type}
    has_mark = not schema.places.keys().isdisjoint((MACHINE_OPEN, BOT_CLICK))
    drops_machines = has_mark and options.machines == "drop"
    suppresses, rate = policies.suppresses is not None, policies.rate_of(event_type)
    keeps_exact_time = redaction.treatment_of(cls, "time_ms") == "keep"
    needs_redacted = state is not None or callable(naming.event_names)
    constants = constants_of(cls, policies.derived) | {"event_type": event_type}
    return {
        "policies": policies,
        "naming": naming,
        "redaction": redaction,
        "FIELDS_OF_USER": schema.names_in("user"),
        "PROPERTIES": schema.names_in("properties"),
        "unknown_fields": _UnknownFields(cls, redaction),
        "VALIDATE": {name: kind.validate for name, kind in schema.kinds.items()},
        "HAS_IDENTITY_FIELDS": bool(identity.fields),
        "HAS_OTHER_FIELDS": len(identity.fields) > 1,
        "IDENTITY_FIELDS": identity.fields,
        "is_legal_identity": identity.is_legal,
        "HAS_LOCAL_TIME": options.local_time,
        "HAS_EXACT_TIME": "time_ms" in schema.places and keeps_exact_time,
        "HAS_TYPED_NAMES": bool(typed_names),
        "TYPED_NAMES": typed_names,
        "DISCRIMINATOR": DISCRIMINATORS.get(event_type),
        "NEEDS_EVENT": needs_redacted or not identity.fields,
        "event_of": functools.partial(_event_of, cls),
        "MAY_SKIP": suppresses or drops_machines or rate < 1,
        "SUPPRESSES": suppresses,
        "DROPS_MACHINES": drops_machines,
        "IS_SAMPLED": rate < 1,
        "EVENT_TYPE": event_type,
        "NEEDS_REDACTED": needs_redacted,
        "HAS_USER_PROPERTIES": state is not None,
        "state": state,
        **_event_name(cls, naming),
        "CONSTANTS": constants | ({"sample_rate": rate} if rate < 1 else {}),
        "MARKS_MACHINES": MACHINE_OPEN in schema.places,
        "RENAMES": naming.touches_properties,
        "new_name": functools.lru_cache(10_000)(functools.partial(_new_name, naming)),
        "HAS_FIXED": bool(policies.fixed),
    }


def _event_name(cls: type[CurrentsEvent], naming: Naming) -> dict[str, Any]:
    """Return the objects of `_MAP_EVENT` for the name of the event."""
    is_custom = cls.event_type == CUSTOM_EVENT
    is_function = callable(naming.event_names)
    sample = cls(id="", time=1)

    def name_of(own: str | None, event: CurrentsEvent = sample) -> str:
        payload = StandardEvent(own or cls.display_name, has_own_name=bool(own))
        return naming.event_name(payload, event)

    name = "" if is_custom or is_function else name_of(None)
    return {
        "IS_CUSTOM_EVENT": is_custom,
        "IS_NAMED_BY_FUNCTION": is_function,
        "HAS_LEGAL_NAME": bool(name) and is_legal_text(name),
        "EVENT_NAME": name,
        "name_of": name_of if is_function else functools.lru_cache(1024)(name_of),
    }


@attrs.frozen
class _FieldSteps:
    """
    The lines for one field, by their place in `_MAP_EVENT`.

    ``NAME`` stands for the field, and ``LOCAL`` for its local variable.

    Attributes:
        check: Check the value. All values that stay in ``fields`` must be texts.
        add_typed: Replace the value in ``typed``.
        redact: Apply the policy for personal data.
        put: Put the value back as a property.
        put_object: Put the values in an object back, after all scalars.
    """

    check: str = ""
    add_typed: str = ""
    redact: str = ""
    put: str = ""
    put_object: str = ""


def _steps_of(
    cls: type[CurrentsEvent], redaction: Redaction, name: str, kind: str
) -> _FieldSteps:
    treatment, steps = redaction.treatment_of(cls, name), _STEPS[kind]
    is_of_user = schema_of(cls).places[name] == "user"
    if treatment == "drop" and is_of_user and kind == "string":
        return _FieldSteps(_CHECK_USER_TEXT, redact=_REDACT)
    if treatment != "keep" and kind in ("string", "json text"):
        steps = _FieldSteps(redact=_HASH_TEXT if treatment == "hash" else _REDACT_TEXT)
    elif treatment != "keep":
        is_bounded = "_is_small(LOCAL) and " if kind == "json object" else ""
        check = _take(f"{is_bounded}VALIDATE[NAME](LOCAL) is not INVALID")
        steps = _FieldSteps(check, steps.add_typed, _REDACT)
    elif kind == "string":
        lines = _REDACT_INSIDE_TEXT if redaction.has_nested(name) else ""
        steps = _FieldSteps(redact=lines + _CLEAN_URL * (name in URL_FIELDS))
    elif name in EPOCH_FIELDS and kind == "int":
        steps = attrs.evolve(steps, put=_PUT_DATE)
    elif steps.put_object:
        lines = _REDACT_INSIDE if redaction.has_nested(name) else ""
        lines += _PROTECT * (name in CUSTOM_FIELDS)
        steps = attrs.evolve(steps, redact=lines)
    if is_of_user:
        steps = attrs.evolve(steps, check=_TAKE_FROM_USER + steps.check)
    new_name = property_names(cls).get(name)
    if new_name is None or treatment == "drop":
        return steps
    return attrs.evolve(steps, put=steps.put + _RENAME_FIELD.format(new=repr(new_name)))


def _derived_steps(cls: type[CurrentsEvent], policies: Policies) -> str:
    """Return the lines that add the derived properties of *cls*."""
    renamed = property_names(cls)
    own = {renamed.get(field, field) for field in schema_of(cls).places}
    lines = ""
    for name in varying_of(cls, policies.derived):
        condition = _DERIVED.get(name)
        if condition is None:
            found = (f"fields.get({n!r})" for n in FIRST_OF[name] if n in own)
            value = " or ".join(found)
            value = f"channel_of({value})" if name == "channel" else value
            condition = f"value := {value}"
        lines += _written(_ADD_DERIVED.format(condition=condition), name)
    return lines


def _written(lines: str, name: str) -> str:
    """Return *lines* for the field *name*."""
    lines = re.sub(r"\bNAME\b", repr(name), lines)
    return lines.replace("LOCAL", f"{name}_")


class _UnknownFields:
    """
    The properties that a class does not know. When Braze adds a field to a type, all of
    its events have it, so the names are learned, up to 1,000.

    *labels* has the names in the counts of those that are learned.
    """

    def __init__(self, cls: type[CurrentsEvent], redaction: Redaction) -> None:
        self._cls = cls
        self._redaction = redaction
        self._known = schema_of(cls).names_in("properties")
        self.labels: dict[str, str] = {}
        self._guarded: set[str] = set()
        self._drops = redaction.drops_unknown
        self._taken = TAKEN_NAMES.union(property_names(cls).values())

    def split(
        self, properties: dict[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Value | None]] | None:
        """
        Return the known properties and the legal values of the others, with ``None``
        for those to redact.

        Return ``None`` if a name is unusual or marked as personal, or a value is not
        simple or a URL.
        """
        known, unknown, labels = properties.copy(), {}, self.labels
        names = properties.keys() - self._known
        ordered = names if len(names) == 1 else [n for n in properties if n in names]
        for name in ordered:
            value = known.pop(name)
            simple: Any = to_simple_value(value)
            if simple is None or not (name in labels or self._learn(name)):
                return None
            cls = type(value)
            if (cls is str or cls is list) and ("{" in simple or "[" in simple):
                return None  # JSON, perhaps
            if cls is str and may_change(value) and is_url(value):
                return None
            if cls is list and may_change(simple):
                return None
            if name in self._guarded and (cls is str or cls is list or self._drops):
                simple = None
            unknown[name] = simple
        return None if len(unknown) > _MAX_UNKNOWN else (known, unknown)

    def _learn(self, name: str) -> bool:
        if (
            type(name) is not str
            or len(self.labels) >= _MAX_LEARNED
            or not _is_usual_name(name)
            or name in self._taken
            or name in schema_of(self._cls).places
            or self._redaction.treatment_of_unknown(self._cls, name) != "keep"
        ):
            return False
        self.labels[name] = f"{self._cls.event_type} {name}"
        if self._redaction.is_guarded(name):
            self._guarded.add(name)
        return True


_MAX_UNKNOWN: Final = 20
"""Unknown fields of one event; more are left to the generic mapping."""

_MAX_LEARNED: Final = 1_000
_is_usual_name: Final = re.compile("[a-z][a-z0-9_]{0,99}").fullmatch


def _new_name(naming: Naming, name: str) -> str | None:
    """Return the name of a property after renaming; ``None`` if it may be illegal."""
    new = naming.property_name(name)
    return new if new and to_simple_value(new) == new else None


def _event_of(
    cls: type[CurrentsEvent],
    event_id: str,
    time: int,
    fields: dict[str, Any],
    extra: dict[str, Any] | None,
) -> CurrentsEvent:
    event = object.__new__(cls)
    fields["id"], fields["time"] = event_id, time
    if extra:
        pairs = extra.items()
        fields["extra"] = {extra_key("properties", name): v for name, v in pairs}
    event.__dict__ = fields
    return event


def _is_small(value: Any) -> bool:
    """
    Return whether *value* becomes far fewer properties than a call may have, and is
    decoded exactly.
    """
    if type(value) is str:
        return len(value) <= _MAX_JSON_TEXT
    return within_fast_limits(value)


def _is_machine(fields: dict[str, Any]) -> bool:
    mark = fields.get(MACHINE_OPEN)
    return fields.get(BOT_CLICK) is True or is_machine_open(mark)


_MAX_FIXED: Final = 100
_MAX_JSON_TEXT: Final = 1_800
"""Characters of JSON text that has at most 300 values."""

_GLOBALS: Final[dict[str, Any]] = {
    "INVALID": INVALID,
    "MAX_INTEGER": MAX_INTEGER,
    "MAX_TEXT": MAX_TEXT,
    "new": object.__new__,
    **{
        each.__name__: each
        for each in (
            *(SkipReason, Track, _is_machine, _is_small, are_legal_texts, channel_of),
            *(copy_of, date_of, decoded, domain_of, exact_time, is_machine_open),
            *(local_time, own_name, seconds_since, timestamp, timestamp_of_second),
            to_simple_value,
        )
    },
}
"""Objects that every function may use."""


_MAP_EVENT: Final = """\
if not FIELDS_OF_USER.issuperset(user):
    return None
unknown = None
if not PROPERTIES.issuperset(properties):
    split = unknown_fields.split(properties)
    if split is None:
        return None
    given, (properties, unknown) = properties, split
fields = properties.copy()

# Policies read fields before these are taken out.
if HAS_IDENTITY_FIELDS:
    identity = user.get(IDENTITY_FIELDS[0])
    if HAS_OTHER_FIELDS:
        prefix = ''
        for field in IDENTITY_FIELDS[1:]:
            if not identity:
                identity, prefix = user.get(field), policies.identity.prefix
    if type(identity) is not str or not is_legal_identity(identity):
        return None
    if HAS_OTHER_FIELDS and prefix:
        identity = prefix + identity
        if not is_legal_identity(identity):
            return None
if DROPS_MACHINES:
    is_by_machine = _is_machine(fields)
if HAS_LOCAL_TIME:
    zone = user.get('timezone')
if HAS_EXACT_TIME:
    exact = fields.get('time_ms')

FIELDS.check
try:
    joined = ''.join(fields.values())
except TypeError:
    fields = {field: value for field, value in fields.items() if value is not None}
    if not all(type(value) is str for value in fields.values()):
        return None
    joined = ''.join(fields.values())

if HAS_TYPED_NAMES and fields.get(DISCRIMINATOR) in TYPED_NAMES:
    return None
if NEEDS_EVENT:
    typed = {n: v for n, v in (properties | user).items() if v is not None}
    FIELDS.add_typed
    extra = {n: given[n] for n in unknown} if unknown else None
    event = event_of(event_id, time, typed, extra)
# If a function of a team fails, the generic mapping calls it again, and reports that.
if not HAS_IDENTITY_FIELDS:
    try:
        identity = policies.identity.identity_of(copy_of(event))
    except Exception:
        return None
    batch.note_success(policies.identity.function, event)
if MAY_SKIP:
    reason = None
    if SUPPRESSES:
        try:
            is_suppressed = policies.is_suppressed(identity)
        except Exception:
            return None
        if is_suppressed:
            reason = SkipReason.SUPPRESSED
    if DROPS_MACHINES and not reason and is_by_machine:
        reason = SkipReason.MACHINE
    if IS_SAMPLED and not reason:
        if not policies.sampling.keeps(identity, EVENT_TYPE):
            reason = SkipReason.SAMPLED
    if reason:
        labels = unknown_fields.labels
        batch.result.unknown.update(labels[field] for field in unknown or ())
        return reason
if NEEDS_REDACTED:
    redaction.apply(event)
    redaction.guard(event)
if IS_NAMED_BY_FUNCTION:
    own = own_name(event.__dict__.get('name')) if IS_CUSTOM_EVENT else None
    try:
        name = name_of(own, copy_of(event))
    except Exception:
        return None
if HAS_USER_PROPERTIES:
    stated = state(event)

# From here on nothing declines the event. Properties and counts are written.
redacted = batch.result.redacted_fields
FIELDS.redact
if not IS_NAMED_BY_FUNCTION:
    own = own_name(fields.get('name')) if IS_CUSTOM_EVENT else None
    name = name_of(own) if IS_CUSTOM_EVENT else EVENT_NAME
if not HAS_LEGAL_NAME:
    name = batch.encoder.text(name)
if len(joined) > MAX_TEXT or not joined.isascii() or '\\0' in joined:
    if not are_legal_texts(fields.values(), joined):
        batch.encoder.legalize_in_place(fields, [*fields])
FIELDS.put
fields |= CONSTANTS
if MARKS_MACHINES:
    is_open = is_machine_open(fields.get('machine_open'))
    fields['is_machine_open'] = 'true' if is_open else 'false'
if HAS_LOCAL_TIME and zone:
    fields = {**local_time(time, zone), **fields}
FIELDS.derived
FIELDS.put_object
if unknown:
    counts, labels = batch.result.unknown, unknown_fields.labels
    for field, value in unknown.items():
        counts[labels[field]] += 1
        if value is None:
            redacted.append(field)
        else:
            fields[field] = value

if RENAMES:
    renamed = {new_name(field): value for field, value in fields.items()}
    if len(renamed) < len(fields) or None in renamed:
        renamed = naming.properties(fields, batch.encoder)
    fields = renamed
if HAS_FIXED:
    fields = {**policies.fixed, **fields}
seconds = exact_time(time, exact) if HAS_EXACT_TIME else time
track = new(Track)  # half the price of a call of the class
track.event = name
track.identity = identity
track.timestamp = timestamp(seconds) if HAS_EXACT_TIME else timestamp_of_second(seconds)
track.idempotency_key = event_id
track.properties = fields
if HAS_USER_PROPERTIES:
    call = batch.call_of(stated, identity, seconds, event_id, naming)
    if call is not None:
        return [track, call]
return track
"""
"""
Body of a compiled function. Python omits the code of switches that are off.

``FIELDS`` are the places of the steps of each field.
"""


def _take(condition: str, before: str = "") -> str:
    """Return lines that take a field out if it fulfills *condition*, else decline."""
    return f"""\
LOCAL = None
if NAME in fields:
    LOCAL = fields.pop(NAME)
{before}    if LOCAL is not None and not ({condition}):
        return None
"""


def _to_text(condition: str, text: str) -> str:
    """Return lines that turn a field into *text* if it fulfills *condition*."""
    return f"""\
if NAME in fields and (value := fields[NAME]) is not None:
    if not ({condition}):
        return None
    fields[NAME] = {text}
"""


_IS_EXACT: Final = "-MAX_INTEGER <= LOCAL <= MAX_INTEGER"
_IS_NUMBER: Final = f"(type(LOCAL) is float or type(LOCAL) is int) and {_IS_EXACT}"
_IS_TEXTS: Final = (
    "type(value) is list and (value := to_simple_value(value)) is not None"
)
_IS_OBJECT: Final = (
    "flat_LOCAL is not None or _is_small(LOCAL) "
    "and (LOCAL := VALIDATE[NAME](LOCAL)) is not INVALID"
)
_FLATTEN: Final = "    flat_LOCAL = batch.encoder.flatten_plain(NAME, LOCAL)\n"


def _if_given(line: str) -> str:
    """Return lines that run *line* if a field that was taken out has a value."""
    return f"if LOCAL is not None:\n    {line}\n"


_STEPS: Final = {
    "string": _FieldSteps(),
    "boolean": _FieldSteps(
        _to_text("type(value) is bool", "'true' if value else 'false'")
    ),
    "array<string>": _FieldSteps(_to_text(_IS_TEXTS, "value")),
    "int": _FieldSteps(
        _take(f"type(LOCAL) is int and {_IS_EXACT}"),
        put=_if_given("fields[NAME] = LOCAL"),
    ),
    "float": _FieldSteps(_take(_IS_NUMBER), put=_if_given("fields[NAME] = LOCAL")),
    "double": _FieldSteps(_take(_IS_NUMBER), put=_if_given("fields[NAME] = LOCAL")),
    "json object": _FieldSteps(
        _take(_IS_OBJECT, _FLATTEN),
        add_typed=_if_given("typed[NAME] = LOCAL"),
        put_object=_if_given(
            "batch.encoder.add_object(fields, NAME, LOCAL, flat_LOCAL)"
        ),
    ),
    "json text": _FieldSteps(
        _take("type(LOCAL) is str and _is_small(LOCAL)"),
        put_object=_if_given("batch.encoder.add(fields, NAME, decoded(LOCAL))"),
    ),
}
"""Lines for the fields of a type; text stays as it is."""

_CHECK_USER_TEXT: Final = """\
LOCAL = user.get(NAME)
if LOCAL is not None and type(LOCAL) is not str:
    return None
"""
_TAKE_FROM_USER: Final = """\
if NAME in user:
    fields[NAME] = user[NAME]
"""
_PUT_DATE: Final = _if_given("fields[NAME] = date_of(LOCAL)")
_REDACT: Final = _if_given("redacted.append(NAME)")
_REDACT_TEXT: Final = """\
if NAME in fields:
    del fields[NAME]
    redacted.append(NAME)
"""
_HASH_TEXT: Final = """\
if NAME in fields:
    fields[NAME] = redaction.hash_text(fields[NAME])
"""
_REDACT_INSIDE: Final = """\
if LOCAL is not None:
    LOCAL = redaction.apply_nested(NAME, LOCAL, redacted)
    flat_LOCAL = None
"""
_PROTECT: Final = """\
if LOCAL is not None and flat_LOCAL is None:  # it was JSON text, perhaps
    flat_LOCAL = batch.encoder.flatten_plain(NAME, LOCAL)
if LOCAL is not None and (flat_LOCAL is None or not redaction.is_usual(flat_LOCAL)):
    LOCAL, flat_LOCAL = redaction.protected(NAME, LOCAL, redacted), None
"""
_CLEAN_URL: Final = """\
if NAME in fields:
    fields[NAME] = redaction.clean_url(NAME, fields[NAME], redacted)
"""
_REDACT_INSIDE_TEXT: Final = """\
if NAME in fields:
    value = redaction.apply_nested(NAME, fields.pop(NAME), redacted)
    if value is not None:
        fields[NAME] = value
        joined += value
"""
_RENAME_FIELD: Final = """\
if NAME in fields:
    fields[{new}] = fields.pop(NAME)
"""
_ADD_DERIVED: Final = """\
if {condition}:
    fields[NAME] = value
"""
_DERIVED: Final = {
    "link_domain": "value := domain_of(fields.get('url'))",
    "seconds_since_send": (
        "'send_time' in fields "
        "and (value := seconds_since(send_time_, time)) is not None"
    ),
}
"""Derived property to the condition for it, which sets ``value``."""
