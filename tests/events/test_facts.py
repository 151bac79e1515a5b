"""The event classes against the facts, both ways, field by field."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator, Mapping
from types import MappingProxyType

import attrs
import pytest

from braze_heap import events
from braze_heap.events import (
    EVENT_TYPES,
    CurrentsEvent,
    Privacy,
    catalog_entry,
    event_fields,
    groups,
)
from braze_heap.events._declare import field_metadata
from tests.facts import FACTS, FieldFacts, TypeFacts
from tests.support.for_each import for_each

SENSITIVE = frozenset(
    """
    bsuid endpoint_url in_reply_to inbound_phone_number input media_id media_urls
    message_body message_id native_line_id orphaned_by_id output push_to_start_token
    push_token push_token_device_id quick_reply_text raw_response retry_log
    tool_arguments update_token url_path user_phone_number web_push_token_public_key
    web_push_token_user_auth
    """.split()
)
"""Personal data, whether Braze marks it or not."""

every_type = for_each("event_type", sorted(FACTS.keys() & EVENT_TYPES.keys()))


def facts_told_by(cls: type[CurrentsEvent]) -> TypeFacts:
    """Read the facts about its type from a class."""
    entry = catalog_entry(cls)
    return TypeFacts(
        display_name=entry.display_name,
        category=entry.category,
        channel=entry.channel,
        action=entry.action,
        status=entry.status,
        release=entry.release,
        http=entry.http,
        storage=entry.storage,
        fields={},
    )


def field_facts_told_by(
    cls: type[CurrentsEvent], known: Mapping[str, FieldFacts]
) -> dict[str, FieldFacts]:
    """Read the same from its fields; places only where the facts know one."""
    return {
        name: FieldFacts(
            kind=field.kind,
            at=field.place if name not in known or known[name].at else None,
            http=field.http,
            storage=field.storage,
            personal=field.personal,
            since=field.since,
            deprecated=field.deprecated,
        )
        for name, field in event_fields(cls).items()
        if field.documented
    }


def family_modules() -> Iterator[str]:
    """Name the modules of `braze_heap.events` that are not private."""
    for module in pkgutil.iter_modules(events.__path__):
        if not module.name.startswith("_"):
            yield module.name


def classes_of(module: str) -> set[str]:
    """Name the classes that a module of `braze_heap.events` defines."""
    loaded = importlib.import_module(f"braze_heap.events.{module}")
    return {
        name
        for name, value in vars(loaded).items()
        if inspect.isclass(value) and value.__module__ == loaded.__name__
    }


def test_every_type_has_a_class_and_every_class_a_type():
    """The index names the types of the facts and no others."""
    assert set(FACTS) == set(EVENT_TYPES)


@every_type
def test_class_agrees_with_the_facts_about_its_type(event_type):
    """
    Name, category, channel, action, status, release and wire forms are those of Braze.
    """
    assert FACTS[event_type] == facts_told_by(EVENT_TYPES[event_type])


@every_type
def test_class_knows_its_type(event_type):
    """The class that the index gives for a type is of that type."""
    assert event_type == EVENT_TYPES[event_type].event_type


@every_type
def test_fields_are_those_of_the_facts(event_type):
    """No field is missing or too many, and each has the properties in the facts."""
    known = FACTS[event_type].fields

    assert dict(known) == field_facts_told_by(EVENT_TYPES[event_type], known)


@every_type
def test_every_type_has_the_four_keys_of_user(event_type):
    """
    Any event can have them over HTTP, so no class takes them for unknown. Fields that
    the facts lack are these alone.
    """
    fields = event_fields(EVENT_TYPES[event_type])
    keys = ("user_id", "external_user_id", "device_id", "timezone")

    assert {"user"} == {fields[name].place for name in keys}
    assert fields.keys() - FACTS[event_type].fields.keys() <= set(keys)


@every_type
def test_undocumented_keys_of_user_are_marked_as_documented_ones(event_type):
    """
    Only the ids of a user are personal data in types that Braze documents without them.
    """
    fields = event_fields(EVENT_TYPES[event_type]).items()
    marks = {name: field.personal for name, field in fields if not field.documented}

    assert marks == {name: name.endswith("user_id") for name in marks}


@every_type
def test_all_fields_but_id_and_time_are_optional(event_type):
    """
    Braze has made required fields optional before, so only id and time are required.
    """
    required = {
        attribute.name
        for attribute in attrs.fields(EVENT_TYPES[event_type])
        if attribute.default is attrs.NOTHING
    }

    assert {"id", "time"} == required


@every_type
def test_arrays_admit_null_items_where_the_facts_do(event_type):
    """The annotation of an array says whether its items may be null."""
    types = {a.name: a.type for a in attrs.fields(EVENT_TYPES[event_type])}
    arrays = {
        name: facts.items_nullable
        for name, facts in FACTS[event_type].fields.items()
        if facts.kind == "array<string>"
    }

    assert arrays == {n: types[n] == list[str | None] | None for n in arrays}


@every_type
def test_sensitive_fields_are_marked(event_type):
    """Personal data that Braze does not mark is marked as sensitive."""
    attributes = attrs.fields_dict(EVENT_TYPES[event_type])
    unmarked = {n for n, a in attributes.items() if field_metadata(a).privacy is None}

    assert set() == unmarked & SENSITIVE


@every_type
def test_only_unmarked_personal_data_is_called_sensitive(event_type):
    """A field is either marked by Braze or sensitive all the same, never both."""
    attributes = attrs.fields_dict(EVENT_TYPES[event_type])
    sensitive = {
        n
        for n, a in attributes.items()
        if field_metadata(a).privacy is Privacy.SENSITIVE
    }
    marked = {n for n, facts in FACTS[event_type].fields.items() if facts.personal}

    assert set() == sensitive & marked


def test_a_field_name_is_treated_alike_in_all_types():
    """A field is personal in all types or in none; Braze marks ``device_id`` in one."""
    treatments = {}
    for cls in EVENT_TYPES.values():
        for name, attribute in attrs.fields_dict(cls).items():
            is_personal = field_metadata(attribute).privacy is not None
            treatments.setdefault(name, set()).add(is_personal)

    assert [name for name, seen in treatments.items() if len(seen) > 1] == ["device_id"]


@every_type
def test_every_field_has_a_docstring(event_type):
    """The docstring of a field describes it."""
    fields = event_fields(EVENT_TYPES[event_type])

    undocumented = {name for name, field in fields.items() if not field.doc}

    assert set() == undocumented


@every_type
def test_every_class_has_a_docstring_of_its_own(event_type):
    """Each class says what its event means, in a sentence on a line of its own."""
    doc = EVENT_TYPES[event_type].__dict__.get("__doc__") or ""

    assert doc.strip().splitlines()[0].endswith(".")


@for_each("name", sorted(classes_of("groups")))
def test_every_group_has_a_docstring_of_its_own(name):
    """Each field group says what its events have in common."""
    assert getattr(groups, name).__dict__.get("__doc__")


@every_type
def test_attributes_of_a_class_are_those_of_the_catalog(event_type):
    """What a class says about its type is what the catalog says."""
    cls = EVENT_TYPES[event_type]
    names = ("event_type", "display_name", "status", "release", "http", "storage")

    assert {n: getattr(catalog_entry(cls), n) for n in names} == {
        n: getattr(cls, n) for n in names
    }


def test_index_reads_the_same_both_ways():
    """No two types share a class."""
    assert len(EVENT_TYPES) == len(set(map(id, EVENT_TYPES.values())))


@for_each("module", [*family_modules()])
def test_every_class_is_public_in_the_module_that_defines_it(module):
    """Each event class, channel base and field group is listed with its module."""
    public = {
        name
        for name in events.__all__
        if getattr(events, name).__module__ == f"braze_heap.events.{module}"
    }

    assert classes_of(module) == public


@for_each("name", events.__all__)
def test_every_public_name_exists(name):
    """Each name of ``__all__`` can be imported."""
    assert hasattr(events, name)


def test_lists_every_public_name():
    """``dir()`` shows classes that are not loaded yet."""
    assert set(events.__all__) <= set(dir(events))


def test_misspelt_class_is_an_attribute_error():
    """A name that is none of ours is reported as any module reports it."""
    with pytest.raises(AttributeError, match="EmailClik"):
        events.EmailClik  # noqa: B018


def test_own_types_join_on_the_right():
    """``EVENT_TYPES | {...}`` knows the shipped types and the added one, which wins."""

    class OwnClick(CurrentsEvent, event_type="users.messages.email.Click"):
        """A click, seen differently."""

    class OwnSend(CurrentsEvent, event_type="users.messages.pigeon.Send"):
        """A pigeon took off."""

    own = MappingProxyType({cls.event_type: cls for cls in (OwnClick, OwnSend)})
    joined = EVENT_TYPES | own

    assert len(EVENT_TYPES) + 1 == len(joined) == len(list(joined))
    assert own == {name: joined[name] for name in own}


def test_joining_does_not_change_the_shipped_types():
    """``EVENT_TYPES`` is a value: ``|`` gives another one."""
    EVENT_TYPES | {"users.messages.pigeon.Send": CurrentsEvent}

    assert "users.messages.pigeon.Send" not in EVENT_TYPES
