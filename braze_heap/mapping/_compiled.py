"""
The standard mapping of one event class, with all policies, compiled to one function.

`compile_mapping` writes the function: a step for each field, and a step for each policy
that has an effect on the class. The function declines unusual events by returning
``None``, without side effects; the generic mapping then maps them. An exception in it
is a bug.

A policy has one step here and one twin in `braze_heap.mapping._generic`.
"""

import functools
import keyword
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
from braze_heap.events._field_types import INVALID, FieldType
from braze_heap.events._schema import schema_of
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
    to_idempotency_key,
)
from braze_heap.mappers._copies import copy_of
from braze_heap.mappers._standard import (
    CUSTOM_EVENT,
    MACHINE_OPEN,
    decoded,
    is_machine,
    own_name,
    standard,
)
from braze_heap.mappers._user_properties import StandardWithUserProperties
from braze_heap.mapping._batch import Batch
from braze_heap.mapping._policies import DISCRIMINATORS, Policies
from braze_heap.parsing import exact_time
from braze_heap.payloads import StandardEvent
from braze_heap.policies.identity import IdentityError
from braze_heap.policies.local_time import local_time
from braze_heap.policies.naming import Naming
from braze_heap.policies.privacy import Redaction
from braze_heap.reasons import SkipReason

MapEvent: TypeAlias = Callable[
    [str, int, dict[str, Any], dict[str, Any], Batch],
    Track | list[Call] | SkipReason | None,
]
"""
Function from id, UTC epoch seconds, fields of the user, properties, and batch to the
calls of an event, or the reason why a policy skips it; ``None`` if it declines.

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
    if (cls.event_type, None) in policies.customs:
        return None
    function = _Function(cls, policies)
    function.write(stating.user_properties if stating else None)
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
class _Field:
    """
    The lines for one field of a class, by the place where they stand.

    Attributes:
        take: Take the field out of ``fields`` and check it; all others are texts.
        redact: Apply the policy for personal data.
        put: Put it back, if it is a number or was hashed.
        flatten: Add the properties of an object.
        local: Its local variable; empty if it stays in ``fields``.
    """

    take: str = ""
    redact: str = ""
    put: str = ""
    flatten: str = ""
    local: str = ""


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
        }
        self._lines: list[str] = []

    def text(self) -> str:
        """Return the text of the function."""
        body = textwrap.indent("".join(self._lines), "    ")
        return f"def map_event(event_id, time, user, properties, batch):\n{body}"

    def add(self, lines: str, **constants: Any) -> None:
        """Add *lines*, which may use *constants*."""
        self._lines.append(lines)
        self.globals |= constants

    def write(self, user_properties: Callable[[Any], Any] | None) -> None:
        """Write all steps, in the order of the generic mapping."""
        fields = [self._field(name, kind) for name, kind in self.schema.kinds.items()]
        has_function_for_names = callable(self.policies.naming.event_names)
        has_identity_function = not self.policies.identity.fields
        self.add(_BEGIN)
        self._read_for_policies()
        for field in fields:
            self.add(field.take)
        self.add(_CHECK_TEXTS)
        if has_identity_function or has_function_for_names or user_properties:
            self._typed_event(fields)
        if has_identity_function:
            self._identity_function()
        self._skip_machines()
        self._decline_typed_custom_events()
        if has_function_for_names or user_properties:
            self.add("redact(event)\n", redact=self.policies.redaction.apply)
        if has_function_for_names:
            self._function_for_names()
        if user_properties:
            self.add("stated = state(event)\n", state=user_properties)

        self.add(_LEGALIZE_TEXTS)
        for field in fields:
            self.add(field.redact)
            self.add(field.put)
        if not has_function_for_names:
            self._event_name()
        self._added_properties()
        for field in fields:
            self.add(field.flatten)
        self.add(_ADD_UNKNOWN)
        self._property_names()
        if self.policies.fixed:
            self.add("fields = {**FIXED, **fields}\n", FIXED=self.policies.fixed)
        self._track()
        if user_properties:
            self.add(_CALLS)
        else:
            self.add("return track\n")

    def _field(self, name: str, kind: FieldType) -> _Field:
        """Return the lines for a field."""
        redaction = self.policies.redaction
        treatment = redaction.treatment_of(self.cls, name)
        local = f"{name}_" if name in _TAKEN_LOCALS or keyword.iskeyword(name) else name
        check = kind.name if kind.name in _CHECKS or not kind.is_text else "string"
        has_nested = redaction.has_nested(name)
        lines = _Field(_TAKE + _CHECKS.get(check, _CHECK_VALID), local=local)
        if treatment == "hash" and kind.is_text:
            self.globals["hash_text"] = redaction.hash_text
            lines = attrs.evolve(lines, put=_PUT_HASH)
        elif treatment != "keep":
            lines = attrs.evolve(lines, redact=_REDACT)
        elif has_nested:
            take = _TAKE + _CHECK_OBJECT if check == "json object" else lines.take
            self.globals["redact_nested"] = redaction.apply_nested
            decode = _DECODE if check == "json text" else ""
            put, flatten = (_ADD, "") if check == "string" else ("", _ADD)
            lines = _Field(take, _REDACT_NESTED + decode, put, flatten, local)
        elif check == "json object":
            lines = _Field(_TAKE_OBJECT, flatten=_FLATTEN, local=local)
        elif check == "json text":
            lines = attrs.evolve(lines, flatten=_DECODE + _FLATTEN_LATER + _FLATTEN)
        elif check in _IN_PLACE:
            lines = _Field(_IN_PLACE[check])
        else:
            lines = _Field() if check == "string" else attrs.evolve(lines, put=_PUT)
        places = ("take", "redact", "put", "flatten")
        words = {"NAME": repr(name), "LOCAL": local}
        filled = {place: _filled(getattr(lines, place), words) for place in places}
        return attrs.evolve(lines, **filled)

    def _read_for_policies(self) -> None:
        """Read what policies need before fields are taken out."""
        identity = self.policies.identity
        if identity.fields:
            first, *others = identity.fields
            self.globals["is_legal_identity"] = identity.is_legal
            if not others:
                self.add(_filled(_IDENTITY, {"NAME": repr(first)}))
            else:
                self.add(_filled(_FIRST_IDENTITY, {"NAME": repr(first)}))
                for field in others:
                    self.add(_filled(_NEXT_IDENTITY, {"NAME": repr(field)}))
                self.add(_IDENTITY_FOUND, PREFIX=identity.prefix)
        if self._drops_machines:
            self.add("is_by_machine = is_machine(fields)\n")
        if self.policies.options.local_time:
            self.add("zone = fields.get('timezone')\n")
        if "time_ms" in self.schema.places:
            self.add("exact = fields.get('time_ms')\n")
        if self._custom_names:
            self.add(f"own_kind = fields.get({self._discriminator!r})\n")

    @property
    def _drops_machines(self) -> bool:
        marks = {MACHINE_OPEN, "is_suspected_bot_click"}
        has_mark = not marks.isdisjoint(self.schema.places)
        return has_mark and self.policies.options.machines == "drop"

    @property
    def _custom_names(self) -> frozenset[str]:
        """The names of the events of the class that a team declared classes for."""
        event_type = self.cls.event_type
        names = (n for kind, n in self.policies.customs if kind == event_type)
        return frozenset(name for name in names if name is not None)

    @property
    def _discriminator(self) -> str:
        return DISCRIMINATORS[self.cls.event_type]

    def _decline_typed_custom_events(self) -> None:
        if names := self._custom_names:
            self.add(
                "if own_kind in TYPED_NAMES:\n    return None\n", TYPED_NAMES=names
            )

    def _skip_machines(self) -> None:
        if self._drops_machines:
            self.add(_SKIP_MACHINE)

    def _typed_event(self, fields: list[_Field]) -> None:
        """Make the typed event, for functions of a team and of user properties."""
        self.add(_TYPED, CLASS=self.cls, event_of=_event_of)
        for (name, kind), field in zip(self.schema.kinds.items(), fields, strict=True):
            if kind.name == "json object":
                words = {"NAME": repr(name), "LOCAL": field.local}
                self.add(_filled(_TYPED_OBJECT, words))
        self.add("event = event_of(CLASS, typed, event_id, time, extra)\n")

    def _identity_function(self) -> None:
        identity = self.policies.identity
        names = {"identity_of": identity.identity_of, "identify": identity.function}
        self.add(_IDENTITY_FUNCTION, **names)

    def _function_for_names(self) -> None:
        naming, cls = self.policies.naming, self.cls
        own = "own_name(event.__dict__.get('name')) or " if self._has_own_name else ""
        self.add(
            f"name = name_of(StandardEvent({own}DISPLAY_NAME), event)\n"
            "if name is None:\n    return None\n",
            name_of=functools.partial(_name_by_function, naming),
            DISPLAY_NAME=cls.display_name,
        )

    @property
    def _has_own_name(self) -> bool:
        return self.cls.event_type == CUSTOM_EVENT

    def _event_name(self) -> None:
        naming, cls = self.policies.naming, self.cls
        sample = cls(id="", time=1)

        @functools.lru_cache(1024)
        def name_of(own: str) -> str:
            return naming.event_name(StandardEvent(own), sample)

        if self._has_own_name:
            self.add(_OWN_NAME, name_of=name_of, DISPLAY_NAME=cls.display_name)
            return
        name = name_of(cls.display_name)
        is_legal = is_legal_text(name)
        value = "EVENT_NAME" if is_legal else "batch.encoder.text(EVENT_NAME)"
        self.add(f"name = {value}\n", EVENT_NAME=name)

    def _added_properties(self) -> None:
        """Add the properties that are not fields of the event."""
        self.add("fields['event_type'] = EVENT_TYPE\n")
        if self.policies.redaction.treatment_of(self.cls, "user_id") != "drop":
            self.add(_USER_ID)
        if MACHINE_OPEN in self.schema.places:
            self.add(_IS_MACHINE_OPEN)
        if self.policies.options.local_time:
            self.add("if zone:\n    fields = {**local_time(time, zone), **fields}\n")

    def _property_names(self) -> None:
        naming = self.policies.naming
        if naming.touches_properties:
            self.add(_RENAME, NAMES=_NewNames(naming), rename=naming.properties)

    def _track(self) -> None:
        is_exact = self.policies.redaction.treatment_of(self.cls, "time_ms") == "keep"
        if "time_ms" in self.schema.places and is_exact:
            self.add("seconds = exact_time(time, exact)\n")
            self.add("written = timestamp(seconds)\n")
        else:
            self.add("seconds = time\nwritten = timestamp_of_second(time)\n")
        self.add(_TRACK)


def _filled(lines: str, words: dict[str, str]) -> str:
    for word, text in words.items():
        lines = lines.replace(word, text)
    return lines


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

    def split(
        self, properties: dict[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Value]] | None:
        """
        Return the known properties and the legal values of the others.

        Return ``None`` if a name is unusual or personal, or a value is not simple.
        """
        known, unknown = properties.copy(), {}
        for name in properties.keys() - self.known:
            value = known.pop(name)
            simple = None if is_json_text(value) else to_simple_value(value)
            if simple is None or not (name in self.labels or self._learn(name)):
                return None
            unknown[name] = simple
        if len(unknown) > _MAX_UNKNOWN:
            return None
        return known, {name: unknown[name] for name in properties if name in unknown}

    def _learn(self, name: str) -> bool:
        if (
            len(self.labels) >= _MAX_LEARNED
            or not _is_usual_name(name)
            or name in _TAKEN_NAMES
            or name in schema_of(self._cls).places
            or self._redaction.treatment_of_unknown(self._cls, name) != "keep"
        ):
            return False
        self.labels[name] = f"{self._cls.event_type} {name}"
        return True


_MAX_UNKNOWN: Final = 20
"""Unknown fields of one event; more are left to the generic mapping."""

_MAX_LEARNED: Final = 1_000
_is_usual_name: Final = re.compile("[a-z][a-z0-9_]{0,99}").fullmatch

_TAKEN_NAMES: Final = frozenset(
    "braze_user_id event_type extra is_machine_open local_hour local_weekday".split()
)
"""Names that the properties of an event get besides those of its fields."""


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
    fields: dict[str, Any],
    event_id: str,
    time: int,
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
    naming: Naming, payload: StandardEvent, event: CurrentsEvent
) -> str | None:
    """Return the name of an event; ``None`` if the function of the team failed."""
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


_MAX_JSON_TEXT: Final = 1_800
"""Characters of JSON text that has at most 300 values."""

_GLOBALS: Final = {
    "IdentityError": IdentityError,
    "INVALID": INVALID,
    "MAX_INTEGER": MAX_INTEGER,
    "MAX_TEXT": MAX_TEXT,
    "SkipReason": SkipReason,
    "StandardEvent": StandardEvent,
    "Track": Track,
    "are_legal_texts": are_legal_texts,
    "copy_of": copy_of,
    "decoded": decoded,
    "exact_time": exact_time,
    "is_machine": is_machine,
    "is_small": _is_small,
    "local_time": local_time,
    "new": object.__new__,
    "own_name": own_name,
    "timestamp": timestamp,
    "timestamp_of_second": timestamp_of_second,
    "to_idempotency_key": to_idempotency_key,
    "to_simple_value": to_simple_value,
}
"""Objects that every function may use."""

_BEGIN: Final = """\
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

_IDENTITY: Final = """\
identity = fields.get(NAME)
if type(identity) is not str or not is_legal_identity(identity):
    return None
"""

_FIRST_IDENTITY: Final = """\
identity = fields.get(NAME)
prefix = ''
"""

_NEXT_IDENTITY: Final = """\
if not identity:
    identity = fields.get(NAME)
    prefix = PREFIX
"""

_IDENTITY_FOUND: Final = """\
if type(identity) is not str or not is_legal_identity(identity):
    return None
if prefix:
    identity = prefix + identity
    if not is_legal_identity(identity):
        return None
"""

_IDENTITY_FUNCTION: Final = """\
try:
    identity = identity_of(copy_of(event))
except Exception:  # the generic mapping calls it again, and reports the error
    return None
batch.note_success(identify, event)
"""

_TAKE: Final = """\
LOCAL = None
if NAME in fields:
    LOCAL = fields.pop(NAME)
"""

_CHECK_VALID: Final = """\
    if LOCAL is not None and VALIDATE[NAME](LOCAL) is INVALID:
        return None
"""

_CHECKS: Final = {
    "string": """\
    if LOCAL is not None and type(LOCAL) is not str:
        return None
""",
    "int": """\
    if LOCAL is not None and not (
        type(LOCAL) is int and -MAX_INTEGER <= LOCAL <= MAX_INTEGER
    ):
        return None
""",
    "float": """\
    if LOCAL is not None and not (
        (type(LOCAL) is float or type(LOCAL) is int)
        and -MAX_INTEGER <= LOCAL <= MAX_INTEGER
    ):
        return None
""",
    "json text": """\
    if LOCAL is not None and not (type(LOCAL) is str and is_small(LOCAL)):
        return None
""",
}
_CHECKS["double"] = _CHECKS["float"]
"""Lines that check a field that was taken out, by type; others are validated."""

_IN_PLACE: Final = {
    "boolean": """\
if NAME in fields:
    value = fields[NAME]
    if value is True:
        fields[NAME] = 'true'
    elif value is False:
        fields[NAME] = 'false'
    elif value is not None:
        return None
""",
    "array<string>": """\
if NAME in fields:
    value = fields[NAME]
    if value is not None:
        if type(value) is not list or (value := to_simple_value(value)) is None:
            return None
        fields[NAME] = value
""",
}
"""Lines that turn a field into text, by type."""

_TAKE_OBJECT: Final = """\
LOCAL = flat_LOCAL = None
if NAME in fields:
    LOCAL = fields.pop(NAME)
    flat_LOCAL = batch.encoder.flatten_plain(NAME, LOCAL)
    if flat_LOCAL is None and LOCAL is not None:
        if not is_small(LOCAL) or (LOCAL := VALIDATE[NAME](LOCAL)) is INVALID:
            return None
"""

_CHECK_OBJECT: Final = """\
    if LOCAL is not None:
        if not is_small(LOCAL) or (LOCAL := VALIDATE[NAME](LOCAL)) is INVALID:
            return None
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

_TYPED_OBJECT: Final = """\
if LOCAL is not None:
    typed[NAME] = LOCAL
"""

_SKIP_MACHINE: Final = """\
if is_by_machine:
    if unknown:
        for field in unknown:
            batch.result.unknown[LABELS[field]] += 1
    return SkipReason.MACHINE
"""

_DECLINE_TYPED: Final = """\
if own_kind in TYPED_NAMES:
    return None
"""

_LEGALIZE_TEXTS: Final = """\
if len(joined) > MAX_TEXT or not joined.isascii() or '\\0' in joined:
    if not are_legal_texts(fields.values(), joined):
        batch.encoder.legalize_in_place(fields, [*fields])
"""

_REDACT: Final = """\
if LOCAL is not None:
    batch.result.redacted_fields.append(NAME)
"""

_REDACT_NESTED: Final = """\
if LOCAL is not None:
    LOCAL = redact_nested(NAME, LOCAL, batch.result.redacted_fields)
"""

_PUT: Final = """\
if LOCAL is not None:
    fields[NAME] = LOCAL
"""

_PUT_HASH: Final = """\
if LOCAL is not None:
    fields[NAME] = hash_text(LOCAL)
"""

_DECODE: Final = """\
if LOCAL is not None:
    LOCAL = decoded(LOCAL)
"""

_FLATTEN_LATER: Final = """\
flat_LOCAL = batch.encoder.flatten_plain(NAME, LOCAL)
"""

_FLATTEN: Final = """\
if flat_LOCAL and fields.keys().isdisjoint(flat_LOCAL):
    fields |= flat_LOCAL
elif LOCAL is not None:
    batch.encoder.add(fields, NAME, LOCAL)
"""

_ADD: Final = """\
if LOCAL is not None:
    batch.encoder.add(fields, NAME, LOCAL)
"""

_OWN_NAME: Final = """\
own = own_name(fields.get('name'))
name = batch.encoder.text(name_of(own or DISPLAY_NAME))
"""

_USER_ID: Final = """\
if 'user_id' in fields:
    fields['braze_user_id'] = fields.pop('user_id')
"""

_IS_MACHINE_OPEN: Final = f"""\
is_open = fields.get({MACHINE_OPEN!r}) == 'true'
fields['is_machine_open'] = 'true' if is_open else 'false'
"""

_ADD_UNKNOWN: Final = """\
if unknown:
    fields |= unknown
    for field in unknown:
        batch.result.unknown[LABELS[field]] += 1
"""

_RENAME: Final = """\
try:
    renamed = {NAMES[field]: value for field, value in fields.items()}
except KeyError:
    renamed = {}
fields = (
    renamed if len(renamed) == len(fields) else rename(fields, batch.encoder)
)
"""

_TRACK: Final = """\
track = new(Track)  # half the price of a call of the class
track.event = name
track.identity = identity
track.timestamp = written
track.idempotency_key = to_idempotency_key(event_id)
track.properties = fields
"""

_CALLS: Final = """\
call = batch.call_of(stated, identity, seconds)
return [track] if call is None else [track, call]
"""

_TEMPLATES: Final = (
    *(_BEGIN, _FIRST_IDENTITY, _IDENTITY_FUNCTION, _CHECK_TEXTS, _TYPED, _OWN_NAME),
    *(_IS_MACHINE_OPEN, _SKIP_MACHINE, _ADD_UNKNOWN, _RENAME, _TRACK, _CALLS),
    "event_id time is_by_machine zone exact own_kind seconds written name_of stated",
)
_TAKEN_LOCALS: Final = frozenset(re.findall(r"\w+", " ".join(_TEMPLATES))) | {*_GLOBALS}
"""Names that the local variable of a field cannot have."""
