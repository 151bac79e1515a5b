"""What every event class does: hold, show, compare, copy, and load late."""

import copy
import json
import pickle
import subprocess
import sys
from statistics import mean

import attrs
import pytest

from braze_heap import parse_event
from braze_heap.events import (
    EVENT_TYPES,
    CurrentsEvent,
    CustomEvent,
    EmailClick,
    EmailOpen,
    HasCampaign,
    Purchase,
    PushOpen,
    UnknownEvent,
    event_fields,
)
from braze_heap.testing import make_event, make_raw
from tests.support.for_each import for_each

CANARY = "canary-7f3a"
NUMBER_CANARY = 31337.25

every_type = for_each("event_type", sorted(EVENT_TYPES))


def secret_of(kind):
    """
    Return a value of *kind* that would be recognised anywhere; ``None`` if none would.
    """
    secrets = {
        "string": CANARY,
        "json text": json.dumps({"a": CANARY}),
        "json object": {"a": CANARY},
        "array<string>": [CANARY],
        "float": NUMBER_CANARY,
        "double": NUMBER_CANARY,
    }
    return secrets.get(kind)


def full_of_secrets(cls):
    """Make an event whose personal data, and whose unknown fields, are canaries."""
    fields = {
        name: secret_of(field.kind)
        for name, field in event_fields(cls).items()
        if field.personal or field.sensitive
    }
    extra = {"new": CANARY, "/user/new": {"a": [CANARY]}, "/new": CANARY}
    return cls(id="event-1", time=1, extra=extra, **fields)


def modules_after(code):
    """Name the modules that a fresh interpreter has loaded after it ran *code*."""
    script = f"{code}\nimport sys\nprint(*sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(ran.stdout.split())


def families_among(modules):
    """Tell the event families among names of modules."""
    place = "braze_heap.events."
    names = {m.removeprefix(place) for m in modules if m.startswith(place)}
    return {n for n in names if not n.startswith("_")} - {"groups", "unknown"}


# --- What an event shows --------------------------------------------------------------


@every_type
def test_repr_shows_no_personal_data(event_type):
    """Nothing that is marked, sensitive or unknown appears in a repr."""
    shown = repr(full_of_secrets(EVENT_TYPES[event_type]))

    assert CANARY not in shown
    assert str(NUMBER_CANARY) not in shown


@every_type
def test_repr_names_the_personal_fields_that_are_set(event_type):
    """A repr lists the personal fields of an event, with dots for their values."""
    event = full_of_secrets(EVENT_TYPES[event_type])
    hidden = {
        name
        for name, field in event_fields(type(event)).items()
        if (field.personal or field.sensitive) and getattr(event, name) is not None
    }

    assert hidden == {name for name in hidden if f"{name}=..." in repr(event)}


def test_repr_of_unknown_events_shows_no_personal_data():
    """Of an event of an unknown type, only the envelope is shown."""
    raw = {
        "event_type": "users.messages.pigeon.Send",
        "id": "event-1",
        "time": 1,
        "user": {"user_id": CANARY, "external_user_id": CANARY, "new": CANARY},
        "properties": {"note": CANARY, "inner": {"a": CANARY}},
    }

    assert CANARY not in repr(parse_event(raw))


def test_repr_shows_no_custom_properties():
    """Custom properties may contain anything, so a repr hides them."""
    event = make_event(CustomEvent, custom_properties={"note": CANARY, CANARY: 1})

    assert CANARY not in repr(event)


def test_repr_shows_no_links():
    """They may have tokens and addresses."""
    event = make_event(EmailClick, url=f"https://a.example/?token={CANARY}")

    assert CANARY not in repr(event)
    assert "url=..." in repr(event)


def test_repr_shows_the_rest():
    """Fields that are not personal are shown, and the number of unknown fields."""
    event = EmailClick(
        id="e", time=1, user_id="u", link_alias="hero", extra={"new": CANARY}
    )
    expected = (
        "EmailClick(id='e', time=1, user_id=..., link_alias='hero', extra=<1 more>)"
    )

    assert expected == repr(event)


# --- What an event holds --------------------------------------------------------------


@every_type
def test_absent_fields_are_none(event_type):
    """Every field that was not given reads as ``None``."""
    event = EVENT_TYPES[event_type](id="event-1", time=1)
    optional = event_fields(type(event)).keys() - {"id", "time"}

    assert dict.fromkeys(optional) == {name: getattr(event, name) for name in optional}


@pytest.mark.parametrize(
    ("given", "missing"),
    [({"time": 1}, "id"), ({"id": "a"}, "time"), ({}, "id and time")],
)
def test_id_and_time_are_required(given, missing):
    """An event without id or time cannot be made by hand."""
    with pytest.raises(TypeError, match=f"^EmailClick needs {missing}$"):
        EmailClick(**given)


def test_unknown_events_need_their_type():
    """An event of an unknown type has to say what it is."""
    with pytest.raises(TypeError, match="event_type"):
        UnknownEvent(id="a", time=1)


def test_unknown_keyword_is_answered_with_a_close_one():
    """A misspelled field is an error with the right spelling."""
    hint = "EmailClick has no field 'link_alis'. Did you mean 'link_alias'?"

    with pytest.raises(TypeError) as raised:
        EmailClick(id="a", time=1, link_alis="hero")

    assert hint == str(raised.value)


def test_fields_are_keyword_only():
    """Positions mean nothing: fields move between releases."""
    with pytest.raises(TypeError):
        EmailClick("a", 1)


def test_fields_can_be_set():
    """An event is an ordinary object: a rule may correct a copy of it."""
    event = make_event(EmailClick)
    event.link_alias = "hero"

    assert event == make_event(EmailClick, link_alias="hero")


def test_events_know_their_groups():
    """A rule for anything with a campaign covers an email click and no purchase."""
    assert isinstance(make_event(EmailClick), HasCampaign)
    assert not isinstance(make_event(Purchase), HasCampaign)


def test_extra_is_empty_and_not_shared():
    """An event without unknown fields has an empty ``extra`` that is read-only."""
    extra = make_event(EmailClick).extra

    with pytest.raises(TypeError):
        extra["new"] = 1


# --- Equality -------------------------------------------------------------------------


def test_equal_fields_make_equal_events():
    """Two events are equal when their type and fields are."""
    assert make_event(EmailClick, url="u") == make_event(EmailClick, url="u")


@pytest.mark.parametrize(
    "other",
    [
        make_event(EmailClick, id="other"),
        make_event(EmailClick, time=2),
        make_event(EmailClick, url="u"),
        make_event(EmailClick, user_id=None),
        make_event(EmailClick, extra={"new": None}),
    ],
    ids=["id", "time", "more", "less", "extra"],
)
def test_any_other_field_makes_other_events(other):
    """One field more, less or different is another event."""
    assert make_event(EmailClick) != other


def test_none_fields_are_absent():
    """A field that is ``None`` and one that was never given are the same."""
    event = make_event(EmailClick, url="u")
    event.url = None

    assert make_event(EmailClick) == event


def test_empty_extra_equals_missing_extra():
    """An ``extra`` that is given and empty changes nothing."""
    assert make_event(EmailClick) == make_event(EmailClick, extra={})


def test_events_of_different_types_differ():
    """The type counts, also where all fields are the same."""
    assert EmailClick(id="a", time=1) != EmailOpen(id="a", time=1)


def test_events_differ_from_anything_else():
    """An event is not equal to a dictionary of its fields."""
    assert EmailClick(id="a", time=1) != {"id": "a", "time": 1}


def test_events_have_no_hash():
    """Events are mutable and therefore not hashable; use ``id`` as key."""
    with pytest.raises(TypeError, match="unhashable"):
        hash(make_event(EmailClick))


# --- Copies ---------------------------------------------------------------------------


@every_type
def test_events_survive_pickle(event_type):
    """An event can go to another process."""
    event = parse_event(make_raw(event_type) | {"new": [1]})

    assert event == pickle.loads(pickle.dumps(event))


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, attrs.evolve])
def test_copies_are_equal(copied):
    """A copy has the type and the fields of the event, the unknown ones too."""
    event = parse_event(make_raw("users.behaviors.Purchase") | {"new": [1]})

    assert event == copied(event)


def test_shallow_copies_are_apart():
    """Setting a field of a copy does not change the event."""
    event = make_event(EmailClick)
    copy.copy(event).url = "u"

    assert event.url is None


def test_evolve_changes_the_named_fields():
    """``attrs.evolve`` gives the event with some fields replaced."""
    event = make_event(EmailClick, url="u", link_alias="hero")

    expected = make_event(EmailClick, url="u", link_alias="footer")

    assert expected == attrs.evolve(event, link_alias="footer")


def test_evolve_with_none_removes_a_field():
    """``None`` takes a field away."""
    event = attrs.evolve(make_event(EmailClick, url="u"), url=None)

    assert make_event(EmailClick) == event


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda e: pickle.loads(pickle.dumps(e))]
)
def test_evolved_events_can_be_copied_on(copied):
    """``attrs.evolve`` returns an event like any other."""
    event = attrs.evolve(make_event(EmailClick), url="u")

    assert event == copied(event)


def test_asdict_gives_every_field():
    """``attrs.asdict`` works, with ``None`` for what is absent."""
    event = make_event(PushOpen, platform="ios")
    absent = dict.fromkeys(attrs.fields_dict(PushOpen))
    expected = absent | {"extra": {}} | vars(event)

    assert expected == attrs.asdict(event)


@every_type
def test_attrs_knows_the_fields(event_type):
    """``attrs.fields`` lists what the class holds."""
    cls = EVENT_TYPES[event_type]

    assert {*event_fields(cls), "extra"} == {a.name for a in attrs.fields(cls)}


# --- Cost -----------------------------------------------------------------------------


def test_events_are_small():
    """An event with every field set costs under 1 kB on average beside its values."""
    events = [parse_event(make_raw(event_type)) for event_type in EVENT_TYPES]
    sizes = [sys.getsizeof(event) + sys.getsizeof(vars(event)) for event in events]

    assert mean(sizes) < 1024


def test_events_cost_the_fields_that_they_have():
    """Absent fields take no memory: an event with five fields takes a third of a kB."""
    event = make_event(EmailClick, link_alias="hero")

    assert sys.getsizeof(event) + sys.getsizeof(vars(event)) < 400


# --- Loading --------------------------------------------------------------------------


def test_import_loads_no_family():
    """``import braze_heap`` does not pay for a hundred event classes."""
    assert set() == families_among(modules_after("import braze_heap"))


@pytest.mark.parametrize(
    "optional",
    ["cattrs", "click", "rich", "fastavro", "orjson", "hypothesis", "httpx", "pytest"],
)
def test_import_loads_no_extra(optional):
    """``import braze_heap`` works, and is quick, without any extra."""
    assert optional not in modules_after("import braze_heap")


def test_one_class_loads_one_family():
    """Using an email event loads only the email family."""
    modules = modules_after("from braze_heap.events import EmailClick")

    assert {"email"} == families_among(modules)


def test_one_event_loads_one_family():
    """Reading an email click loads the email events."""
    raw = {"event_type": "users.messages.email.Click", "id": "a", "time": 1}
    modules = modules_after(f"import braze_heap\nbraze_heap.parse_event({raw})")

    assert {"email"} == families_among(modules)


def test_asking_for_a_type_loads_nothing():
    """Whether a type is known, and how many are, is known without its class."""
    code = (
        "from braze_heap import EVENT_TYPES\n"
        "'users.messages.email.Click' in EVENT_TYPES, len(EVENT_TYPES), [*EVENT_TYPES]"
    )

    assert set() == families_among(modules_after(code))


# --- Classes of your own --------------------------------------------------------------


class OwnSend(HasCampaign, event_type="users.messages.pigeon.Send"):
    """A pigeon took off."""

    ring: str | None = None
    altitude: float | None = None


def test_own_classes_are_read():
    """A class that joined `EVENT_TYPES` is read like a shipped one."""
    raw = make_raw(OwnSend, only=("ring", "campaign_id"))
    types = EVENT_TYPES | {OwnSend.event_type: OwnSend}

    event = parse_event(raw, event_types=types, strict=True)

    assert OwnSend(**raw["properties"], id=raw["id"], time=raw["time"]) == event


def test_own_classes_do_not_become_known_to_others():
    """Defining a class registers it nowhere."""
    assert UnknownEvent is type(parse_event(make_raw(OwnSend)))


def test_fields_of_other_types_are_rejected():
    """
    An annotation that no Currents field has is an error that lists the possible ones.
    """

    class OddSend(CurrentsEvent, event_type="users.messages.odd.Send"):
        """Odd."""

        size: complex | None = None

    with pytest.raises(TypeError, match=r"OddSend\.size is annotated with .*Use str"):
        event_fields(OddSend)
