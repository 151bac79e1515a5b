"""
The standard mapping of one event class, with all policies, compiled to one function.

`compile_mapping` writes the function: a step for each field, and a step for each policy
that has an effect on the class. The function declines unusual events by returning
``None``, without side effects; the generic mapping then maps them. An exception in it
is a bug.

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

from braze_heap._json import is_json_text
from braze_heap._json_limits import within_fast_limits
from braze_heap.events import CurrentsEvent, UnknownEvent
from braze_heap.events._base import extra_key
from braze_heap.events._field_types import INVALID
from braze_heap.events._schema import Schema, schema_of
from braze_heap.heap._encoder import (
    are_legal_texts,
    is_legal_text,
    to_simple_value,
)
from braze_heap.heap.calls import (
    MAX_INTEGER,
    MAX_TEXT,
    Call,
    Track,
    Value,
    timestamp,
    timestamp_of_second,
)
from braze_heap.mappers._copies import copy_of
from braze_heap.mappers._custom import DISCRIMINATORS
from braze_heap.mappers._standard import (
    BOT_CLICK,
    CUSTOM_EVENT,
    EPOCH_FIELDS,
    MACHINE_OPEN,
    TAKEN_NAMES,
    date_of,
    decoded,
    is_machine_open,
    own_name,
    property_names,
    standard,
)
from braze_heap.mappers._user_properties import StandardWithUserProperties
from braze_heap.mapping._batch import Batch
from braze_heap.mapping._policies import Policies
from braze_heap.parsing import exact_time
from braze_heap.payloads import StandardEvent
from braze_heap.policies.derived import (
    CHANNEL_FIELDS,
    KEYS,
    NAMES,
    channel_of,
    constants_of,
    domain_of,
    seconds_since,
    varying_of,
)
from braze_heap.policies.local_time import local_time
from braze_heap.policies.naming import Naming
from braze_heap.policies.privacy import Treatment
from braze_heap.policies.redaction import CUSTOM_FIELDS, Redaction
from braze_heap.policies.urls import URL_FIELDS, is_url, may_change
from braze_heap.reasons import SkipReason

MapEvent: TypeAlias = Callable[
    [str, int, dict[str, Any], dict[str, Any], Batch],
    Track | list[Call] | SkipReason | None,
]
"""
Function from id, a legal idempotency key, UTC epoch seconds, fields of the user,
properties, and batch to the calls of an event, or the reason why a policy skips it;
``None`` if it declines.

It counts redacted and unknown fields in the batch, and does not change the dicts.
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
    user_properties = stating.user_properties if stating and keeps else None
    if not policies.selects(event_type) and not user_properties:
        return lambda *_: SkipReason.EXCLUDED
    is_sampled = policies.rate_of(event_type) < 1
    if user_properties and (is_sampled or not policies.selects(event_type)):
        return None  # the event is not sent, but what it states is
    function = _Function(cls, policies)
    function.write(user_properties)
    # The text and the objects are those of this module.
    exec(_code(cls.__name__, function.text()), function.globals)  # noqa: S102
    map_event: MapEvent = function.globals["map_event"]
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


@attrs.frozen
class _FieldSteps:
    """
    The lines for one field, by their place in the function; empty where none is needed.

    Attributes:
        check: Check the value. All values that stay in ``fields`` must be texts.
        redact: Apply the policy for personal data.
        put: Put the value back as a property.
        put_object: Put the values in an object back, after all scalars.
    """

    check: str = ""
    redact: str = ""
    put: str = ""
    put_object: str = ""


class _Function:
    """
    The function for one class, while it is written.

    First it checks the fields, then come the policies that skip events. From then on
    nothing declines the event, and properties and counts are written.

    Attributes:
        globals: Objects that the function uses, by name.
    """

    def __init__(self, cls: type[CurrentsEvent], policies: Policies) -> None:
        self.cls = cls
        self.schema = schema_of(cls)
        self.policies = policies
        unknown = _UnknownFields(cls, policies.redaction)
        self.globals: dict[str, Any] = {
            **_GLOBALS,
            "EVENT_TYPE": cls.event_type,
            "FIELDS_OF_USER": self.schema.names_in("user"),
            "PROPERTIES": unknown.known,
            "VALIDATE": {n: kind.validate for n, kind in self.schema.kinds.items()},
            "split_unknown": unknown.split,
            "LABELS": unknown.labels,
            "hash_text": policies.redaction.hash_text,
            "redact_inside": policies.redaction.apply_nested,
            "clean_urls": policies.redaction.clean_urls,
            "is_usual": policies.redaction.is_usual,
            "protected": policies.redaction.protected,
        }
        self._lines: list[str] = []
        self._steps = {n: self._steps_of(n, kind) for n, kind in _kinds(self.schema)}

    def text(self) -> str:
        """Return the text of the function."""
        body = textwrap.indent("".join(self._lines), "    ")
        return f"def map_event(event_id, time, user, properties, batch):\n{body}"

    def add(self, lines: str, name: str = "", **constants: Any) -> None:
        """
        Add *lines*, which may use *constants*.

        ``NAME`` stands for the field *name*, and ``LOCAL`` for its local variable.
        """
        lines = re.sub(r"\bNAME\b", repr(name), lines)
        self._lines.append(lines.replace("LOCAL", f"{name}_"))
        self.globals |= constants

    def write(self, user_properties: Callable[[Any], Any] | None) -> None:
        """Write all steps, in the order of the generic mapping."""
        self.add(_MERGE)
        self._read_for_policies()
        self._for_fields("check")
        self.add(_CHECK_TEXTS)
        self._skip_or_decline(user_properties)
        self.add(_REDACTING)
        self._for_fields("redact")
        self._event_name()
        self.add(_LEGALIZE_TEXTS)
        self._for_fields("put")
        self._added_properties()
        self._derived_properties()
        self._for_fields("put_object")
        self.add(_ADD_UNKNOWN)
        self._finish(user_properties is not None)

    def _for_fields(self, place: str) -> None:
        for name, steps in self._steps.items():
            self.add(getattr(steps, place), name)

    def _read_for_policies(self) -> None:
        """Read fields for policies, before the fields are taken out."""
        if self.policies.identity.fields:
            self._identity_fields()
        if self._drops_machines:
            self.add("is_by_machine = _is_machine(fields)\n")
        if self.policies.options.local_time:
            self.add("zone = fields.get('timezone')\n")
        if self._is_time_exact:
            self.add("exact = fields.get('time_ms')\n")

    def _skip_or_decline(self, user_properties: Callable[[Any], Any] | None) -> None:
        identity, naming = self.policies.identity, self.policies.naming
        event_type, customs = self.cls.event_type, self.policies.customs
        if names := {name for kind, name in customs if kind == event_type}:
            lines = "if fields.get(NAME) in TYPED_NAMES:\n    return None\n"
            self.add(lines, DISCRIMINATORS[event_type], TYPED_NAMES=names)
        needs_redacted = user_properties or callable(naming.event_names)
        if needs_redacted or not identity.fields:
            self._typed_event()
        if not identity.fields:
            self.globals |= {"identity_of": identity.identity_of}
            self.add(_IDENTITY_FUNCTION, read=identity.function)
        if self.policies.suppresses:
            self.add(_SUPPRESS, suppresses=self.policies.is_suppressed)
            self._skip_if("is_suppressed", SkipReason.SUPPRESSED)
        if self._drops_machines:
            self._skip_if("is_by_machine", SkipReason.MACHINE)
        if self.policies.sampling and self.policies.rate_of(event_type) < 1:
            self.globals["keeps"] = self.policies.sampling.keeps
            self._skip_if("not keeps(identity, EVENT_TYPE)", SkipReason.SAMPLED)
        if needs_redacted:
            redaction = self.policies.redaction
            self.globals["redact_event"] = redaction.apply
            line = "redact_event(event)\nguard_event(event)\n"
            self.add(line, guard_event=redaction.guard)
        if callable(naming.event_names):
            self._function_for_names()
        if user_properties:
            self.add("stated = state(event)\n", state=user_properties)

    def _skip_if(self, condition: str, reason: SkipReason) -> None:
        lines = _SKIP.replace("CONDITION", condition)
        self.add(lines.replace("REASON", f"SkipReason.{reason.name}"))

    def _finish(self, has_user_properties: bool) -> None:
        naming, fixed = self.policies.naming, self.policies.fixed
        if naming.touches_properties:
            self.add(_RENAME, NEW_NAMES=_NewNames(naming), rename=naming.properties)
        if fixed:
            self.add("fields = {**FIXED, **fields}\n", FIXED=fixed)
        value = "exact_time(time, exact)" if self._is_time_exact else "time"
        self.add(f"seconds = {value}\n")
        written = "timestamp" if self._is_time_exact else "timestamp_of_second"
        self.add(_TRACK.format(written=written))
        if has_user_properties:
            self.add(_CALLS, NAMING=naming)
        else:
            self.add("return track\n")

    def _derived_properties(self) -> None:
        places = property_names(self.cls)
        own = [places.get(field, field) for field in self.schema.places]
        for name in varying_of(self.cls, self.policies.derived):
            value = _DERIVED.get(name)
            if value is None:  # the first of some fields
                found = [n for n in _FIRST_OF[name] if n in own]
                value = " or ".join(f"fields.get({each!r})" for each in found)
                value = f"channel_of({value})" if name == "channel" else value
            self.add(_ADD_DERIVED.format(value=value), name)

    def _treatment(self, name: str) -> Treatment:
        return self.policies.redaction.treatment_of(self.cls, name)

    def _steps_of(self, name: str, kind: str) -> _FieldSteps:
        treatment, is_text = self._treatment(name), kind in ("string", "json text")
        has_nested = self.policies.redaction.has_nested(name)
        if is_text and treatment != "keep":
            return _FieldSteps(
                redact=_HASH_TEXT if treatment == "hash" else _REDACT_TEXT
            )
        if treatment != "keep":
            is_bounded = "_is_small(LOCAL) and " if kind == "json object" else ""
            is_valid = f"{is_bounded}VALIDATE[NAME](LOCAL) is not INVALID"
            return _FieldSteps(_take(is_valid), _REDACT)
        if kind == "string":
            lines = _REDACT_INSIDE_TEXT if has_nested else ""
            return _FieldSteps(redact=lines + _CLEAN_URL * (name in URL_FIELDS))
        steps = _STEPS[kind]
        if name in EPOCH_FIELDS and kind == "int":
            steps = attrs.evolve(steps, put=_PUT_DATE)
        if has_nested and steps.put_object:
            steps = attrs.evolve(steps, redact=_REDACT_INSIDE)
        if name in CUSTOM_FIELDS:
            return attrs.evolve(steps, redact=steps.redact + _PROTECT)
        return steps

    def _identity_fields(self) -> None:
        identity = self.policies.identity
        first, *others = identity.fields
        self.add("identity = fields.get(NAME)\n", first)
        if others:
            self.add("prefix = ''\n", PREFIX=identity.prefix)
        for name in others:
            self.add(_NEXT_IDENTITY, name)
        self.add(_CHECK_IDENTITY, is_legal_identity=identity.is_legal)
        if others:
            self.add(_PREFIX_IDENTITY)

    @property
    def _is_time_exact(self) -> bool:
        has_exact = "time_ms" in self.schema.places
        return has_exact and self._treatment("time_ms") == "keep"

    @property
    def _drops_machines(self) -> bool:
        has_mark = not self.schema.places.keys().isdisjoint((MACHINE_OPEN, BOT_CLICK))
        return has_mark and self.policies.options.machines == "drop"

    def _typed_event(self) -> None:
        """Make the event for functions of a team and of user properties."""
        self.add(_TYPED, event_of=functools.partial(_event_of, self.cls))
        for name, kind in _kinds(self.schema):
            if kind == "json object":
                self.add("if LOCAL is not None:\n    typed[NAME] = LOCAL\n", name)
        self.add("event = event_of(event_id, time, typed, extra)\n")

    def _function_for_names(self) -> None:
        name_of = functools.partial(
            _name_by_function, self.policies.naming, self.cls.display_name
        )
        lines = "name = name_of(event)\nif name is None:\n    return None\n"
        self.add(lines, name_of=name_of)

    def _event_name(self) -> None:
        naming, display_name = self.policies.naming, self.cls.display_name
        if callable(naming.event_names):  # it is known already
            self.add("name = batch.encoder.text(name)\n")
            return
        sample = self.cls(id="", time=1)

        @functools.lru_cache(1024)
        def name_of(own: str) -> str:
            own_name = own or display_name
            payload = StandardEvent(own_name, has_own_name=bool(own))
            return naming.event_name(payload, sample)

        if self.cls.event_type == CUSTOM_EVENT:
            own = "own_name(fields.get('name')) or ''"
            self.add(f"name = batch.encoder.text(name_of({own}))\n", name_of=name_of)
            return
        name = name_of("")
        is_legal = is_legal_text(name)
        value = "EVENT_NAME" if is_legal else "batch.encoder.text(EVENT_NAME)"
        self.add(f"name = {value}\n", EVENT_NAME=name)

    def _added_properties(self) -> None:
        """Add the properties that are not fields of the event."""
        for field, name in property_names(self.cls).items():
            if self._treatment(field) != "drop":
                self.add(_RENAME_FIELD.format(new=repr(name)), field)
        constants = constants_of(self.cls, self.policies.derived)
        constants["event_type"] = self.cls.event_type
        if (rate := self.policies.rate_of(self.cls.event_type)) < 1:
            constants["sample_rate"] = rate
        self.add("fields |= CONSTANTS\n", CONSTANTS=constants)
        if MACHINE_OPEN in self.schema.places:
            self.add(_IS_MACHINE_OPEN)
        if self.policies.options.local_time:
            self.add("if zone:\n    fields = {**local_time(time, zone), **fields}\n")


def _kinds(schema: Schema) -> list[tuple[str, str]]:
    """Return the names of the fields, each with the name of its type."""
    return [(name, kind.name) for name, kind in schema.kinds.items()]


class _UnknownFields:
    """
    The properties that a class does not know. When Braze adds a field to a type, all of
    its events have it, so the names are learned, up to 1,000.

    Attributes:
        known: Names of the properties that the class knows.
        labels: Name of a learned field to its name in the counts.
    """

    def __init__(self, cls: type[CurrentsEvent], redaction: Redaction) -> None:
        self._cls = cls
        self._redaction = redaction
        self.known = schema_of(cls).names_in("properties")
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
        names = properties.keys() - self.known
        ordered = names if len(names) == 1 else [n for n in properties if n in names]
        for name in ordered:
            value = known.pop(name)
            simple: Any = None if is_json_text(value) else to_simple_value(value)
            if simple is None or not (name in labels or self._learn(name)):
                return None
            cls = type(value)
            if cls is str and may_change(value) and is_url(value):
                return None
            if cls is list and ("{" in simple or "[" in simple or may_change(simple)):
                return None  # JSON or URLs, perhaps
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


class _NewNames(dict[str, str]):
    """Name of a property to its name after renaming."""

    def __init__(self, naming: Naming) -> None:
        super().__init__()
        self._naming = naming

    def __missing__(self, name: str) -> str:
        """
        Return the name after renaming.

        Raises:
            KeyError: It may not be legal, or the limit of names is reached.
        """
        new = self._naming.property_name(name)
        if not new or to_simple_value(new) != new or len(self) >= _MAX_NEW_NAMES:
            raise KeyError(name)
        self[name] = new
        return new


_MAX_NEW_NAMES: Final = 10_000


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


def _name_by_function(
    naming: Naming, display_name: str, event: CurrentsEvent
) -> str | None:
    """Return the name of an event; ``None`` if the function of the team failed."""
    is_custom = event.event_type == CUSTOM_EVENT
    own = own_name(event.__dict__.get("name")) if is_custom else None
    payload = StandardEvent(own or display_name, has_own_name=own is not None)
    try:
        return naming.event_name(payload, copy_of(event))
    except Exception:  # the generic mapping calls it again, and reports the error
        return None


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
    "NOTHING": (None, ""),
    "new": object.__new__,
}
_GLOBALS.update(
    (each.__name__, each)
    for each in (
        *(SkipReason, Track, _is_machine, _is_small, are_legal_texts, channel_of),
        *(copy_of, date_of, decoded, domain_of, exact_time, is_machine_open),
        *(local_time, own_name, seconds_since, timestamp, timestamp_of_second),
        to_simple_value,
    )
)
"""Objects that every function may use."""


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

_PUT: Final = "if LOCAL is not None:\n    fields[NAME] = LOCAL\n"
_PUT_DATE: Final = "if LOCAL is not None:\n    fields[NAME] = date_of(LOCAL)\n"
_PUT_OBJECT: Final = """\
if LOCAL is not None:
    batch.encoder.add_object(fields, NAME, LOCAL, flat_LOCAL)
"""
_PUT_JSON_TEXT: Final = """\
if LOCAL is not None:
    batch.encoder.add(fields, NAME, decoded(LOCAL))
"""

_STEPS: Final = {
    "boolean": _FieldSteps(
        _to_text("type(value) is bool", "'true' if value else 'false'")
    ),
    "array<string>": _FieldSteps(_to_text(_IS_TEXTS, "value")),
    "int": _FieldSteps(_take(f"type(LOCAL) is int and {_IS_EXACT}"), put=_PUT),
    "float": _FieldSteps(_take(_IS_NUMBER), put=_PUT),
    "double": _FieldSteps(_take(_IS_NUMBER), put=_PUT),
    "json object": _FieldSteps(_take(_IS_OBJECT, _FLATTEN), put_object=_PUT_OBJECT),
    "json text": _FieldSteps(
        _take("type(LOCAL) is str and _is_small(LOCAL)"), put_object=_PUT_JSON_TEXT
    ),
}
"""Lines for the fields of a type; text stays as it is."""

_REDACT_TEXT: Final = """\
if NAME in fields:
    del fields[NAME]
    redact(NAME)
"""

_HASH_TEXT: Final = """\
if NAME in fields:
    fields[NAME] = hash_text(fields[NAME])
"""

_REDACT: Final = """\
if LOCAL is not None:
    redact(NAME)
"""

_REDACT_INSIDE: Final = """\
if LOCAL is not None:
    LOCAL = redact_inside(NAME, LOCAL, batch.result.redacted_fields)
    flat_LOCAL = None
"""

_PROTECT: Final = """\
if LOCAL is not None and flat_LOCAL is None:  # it was JSON text, perhaps
    flat_LOCAL = batch.encoder.flatten_plain(NAME, LOCAL)
if LOCAL is not None and (flat_LOCAL is None or not is_usual(flat_LOCAL)):
    LOCAL, flat_LOCAL = protected(NAME, LOCAL, batch.result.redacted_fields), None
"""

_CLEAN_URL: Final = """\
if NAME in fields:
    fields[NAME] = clean_urls(NAME, fields[NAME], batch.result.redacted_fields)
"""

_REDACT_INSIDE_TEXT: Final = """\
if NAME in fields:
    value = redact_inside(NAME, fields.pop(NAME), batch.result.redacted_fields)
    if value is not None:
        fields[NAME] = value
        joined += value
"""

_MERGE: Final = """\
if not FIELDS_OF_USER.issuperset(user):
    return None
unknown = None
if not PROPERTIES.issuperset(properties):
    split = split_unknown(properties)
    if split is None:
        return None
    given, (properties, unknown) = properties, split
fields = properties | user
"""

_NEXT_IDENTITY: Final = """\
if not identity:
    identity, prefix = fields.get(NAME), PREFIX
"""

_CHECK_IDENTITY: Final = """\
if type(identity) is not str or not is_legal_identity(identity):
    return None
"""

_PREFIX_IDENTITY: Final = """\
identity = prefix + identity
if prefix and not is_legal_identity(identity):
    return None
"""

_IDENTITY_FUNCTION: Final = """\
try:
    identity = identity_of(copy_of(event))
except Exception:  # the generic mapping calls it again, and reports the error
    return None
batch.note_success(read, event)
"""

_CHECK_TEXTS: Final = """\
try:
    joined = ''.join(fields.values())
except TypeError:
    fields = {field: value for field, value in fields.items() if value is not None}
    if not all(type(value) is str for value in fields.values()):
        return None
    joined = ''.join(fields.values())
"""

_TYPED: Final = """\
typed = {n: v for n, v in (properties | user).items() if v is not None}
extra = {n: given[n] for n in unknown} if unknown else None
"""

_SKIP: Final = """\
if CONDITION:
    batch.result.unknown.update(LABELS[field] for field in unknown or ())
    return REASON
"""

_SUPPRESS: Final = """\
try:
    is_suppressed = suppresses(identity)
except Exception:  # the generic mapping calls it again, and reports the error
    return None
"""

_REDACTING: Final = "redact = batch.result.redacted_fields.append\n"

_LEGALIZE_TEXTS: Final = """\
if len(joined) > MAX_TEXT or not joined.isascii() or '\\0' in joined:
    if not are_legal_texts(fields.values(), joined):
        batch.encoder.legalize_in_place(fields, [*fields])
"""

_RENAME_FIELD: Final = """\
if NAME in fields:
    fields[{new}] = fields.pop(NAME)
"""

_IS_MACHINE_OPEN: Final = f"""\
is_open = is_machine_open(fields.get({MACHINE_OPEN!r}))
fields['is_machine_open'] = 'true' if is_open else 'false'
"""

_ADD_DERIVED: Final = """\
if (value := {value}) not in NOTHING:
    fields[NAME] = value
"""
_FIRST_OF: Final = {
    "channel": CHANNEL_FIELDS,
    "message_key": KEYS,
    "message_name": NAMES,
}
"""Derived property to the properties of which it has the first value."""

_DERIVED: Final = {
    "link_domain": "domain_of(fields.get('url'))",
    "seconds_since_send": (
        "seconds_since(send_time_, time) if 'send_time' in fields else None"
    ),
}
"""Derived property to the expression for its value."""

_ADD_UNKNOWN: Final = """\
if unknown:
    counts = batch.result.unknown
    for field, value in unknown.items():
        counts[LABELS[field]] += 1
        if value is None:
            batch.result.redacted_fields.append(field)
        else:
            fields[field] = value
"""

_RENAME: Final = """\
try:
    renamed = {NEW_NAMES[field]: value for field, value in fields.items()}
except KeyError:
    renamed = {}
fields = renamed if len(renamed) == len(fields) else rename(fields, batch.encoder)
"""

_TRACK: Final = """\
track = new(Track)  # half the price of a call of the class
track.event = name
track.identity = identity
track.timestamp = {written}(seconds)
track.idempotency_key = event_id
track.properties = fields
"""

_CALLS: Final = """\
call = batch.call_of(stated, identity, seconds, event_id, NAMING)
return [track] if call is None else [track, call]
"""
