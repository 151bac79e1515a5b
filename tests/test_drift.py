"""
What Braze sends and the classes do not say: found, named, and turned into classes.
"""

import itertools
import json
import sys
import tracemalloc
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

import braze_heap as bh
from braze_heap.drift import MAX_NAMES, MAX_TYPES, Drift, DriftObserver, Lines, observe
from braze_heap.drift._declarations import class_for
from braze_heap.events import (
    EVENT_TYPES,
    CustomEvent,
    EmailClick,
    EventField,
    event_fields,
)
from braze_heap.reasons import Reason
from braze_heap.testing import Form, make_raw
from braze_heap.wire import RawEvent, Unreadable, read_events
from tests.support.for_each import for_each

CLICK = "users.messages.email.Click"
NEW = "users.messages.email.Read"
CANARY = "canary-7f3a"
NUMBER = 31337

FORMS: tuple[Form, ...] = ("http", "storage", "union")


def drift_of(*raws: dict[str, Any], event_type: str | None = None) -> Drift:
    """Observe decoded events."""
    return observe(RawEvent(raw, event_type) for raw in raws)


def click(**properties: Any) -> dict[str, Any]:
    """Return a click with *properties* that `make_raw` does not know."""
    raw = make_raw(EmailClick, only=["user_id", "link_alias"])
    raw["properties"] |= properties
    return raw


def invented() -> list[dict[str, Any]]:
    """Return traffic with two fields and a type that Braze never had."""
    plain, odd = click(), click(link_color=CANARY)
    odd["user"]["loyalty_points"] = NUMBER
    new = make_raw("users.messages.email.Bounce") | {"event_type": NEW}
    new["properties"] |= {"read_seconds": NUMBER + 0.5, "words": [CANARY]}
    return [plain, odd, new]


def found(drift: Drift) -> list[tuple[str, ...]]:
    """Return type, place and name of all new fields."""
    return [(f.event_type, f.place, f.name) for f in drift.new_fields]


def class_from(lines: Lines) -> type[Any]:
    """Execute lines in a module of their own, beside what their module defines."""
    module = ModuleType("pasted")
    if lines.module:
        vars(module).update(vars(sys.modules[lines.module]))
    module.__name__ = "pasted"
    text = lines.text
    if not lines.is_class:
        head = f"class {lines.class_name}({lines.class_name}, event_type=TYPE):\n"
        head += "    '''The lines follow.'''\n"
        vars(module)["TYPE"] = lines.event_type
        text = head + text
    exec(f"{lines.imports}\n{text}", vars(module))
    return vars(module)[lines.class_name]


# --- Findings -------------------------------------------------------------------------


def test_only_invented_fields_and_types_are_found() -> None:
    """Two invented fields and one invented type are all the findings."""
    drift = drift_of(*invented())

    assert [new.event_type for new in drift.new_types] == [NEW]
    assert found(drift) == [
        (CLICK, "properties", "link_color"),
        (CLICK, "user", "loyalty_points"),
    ]
    assert (
        drift.type_changes,
        drift.other_form,
        drift.events,
        drift.has_findings,
    ) == ((), (), 3, True)


def test_decoded_json_is_not_compared() -> None:
    """The error says what to write."""
    with pytest.raises(TypeError, match=r"not a dict: write RawEvent\(value\)"):
        observe([make_raw(CLICK)])  # type: ignore[list-item]


def test_new_field_has_types_and_a_share() -> None:
    """A new field has its JSON types, its count and its share of the events."""
    drift = drift_of(click(), click(tint="a"), click(tint=None), click(tint=None))

    (tint,) = drift.new_fields
    assert (tint.types, tint.count, tint.share) == (("null", "text"), 3, 0.75)
    assert f"{CLICK} properties.tint: null or text, 3 events (75%)" == str(tint)


@for_each("form", FORMS)
@for_each("event_type", sorted(EVENT_TYPES))
def test_complete_samples_have_no_findings(event_type: str, form: Any) -> None:
    """Samples with all documented fields have no findings, in each form."""
    raw = make_raw(event_type, form=form)
    cls = EVENT_TYPES[event_type]
    is_documented = cls.http if form == "http" else cls.storage

    drift = drift_of(raw, event_type=event_type)

    assert str(drift) == "Nothing new."
    assert not drift.has_findings
    assert (drift.unseen_fields, drift.malformed) == ((), ())
    assert is_documented != bool(drift.other_form)


def _invalid_fields(field: EventField) -> Iterator[tuple[Any, str]]:
    if field.kind not in ("string", "json text"):
        yield "[REDACTED]", "text"
    if field.kind not in ("int", "float", "double"):
        yield NUMBER, "int"
    if field.kind != "array<string>":
        yield [1, "a"], "list of int and text"


def test_value_of_another_type_is_a_finding() -> None:
    """Each known field with a value of another type is a type change."""
    names = (CLICK, "users.behaviors.CustomEvent", "users.behaviors.Location")
    for cls in (EVENT_TYPES[name] for name in names):
        for field in event_fields(cls).values():
            if field.place == "envelope" or not field.http:
                continue
            for value, kind in _invalid_fields(field):
                drift = drift_of(make_raw(cls, only=[], **{field.name: value}))

                changes = [(c.name, c.documented, c.types) for c in drift.type_changes]
                own = field.kind == "json object"
                assert ([] if own else [(field.name, field.kind, (kind,))]) == changes
                assert found(drift) == []


def test_type_change_has_a_readable_text() -> None:
    """The text has the observed and the documented type."""
    raw = make_raw("users.messages.email.Send", only=[])
    raw["properties"] |= {"send_id": 5}

    assert "int where string is documented" in str(drift_of(raw))


@pytest.mark.parametrize(
    ("changes", "name", "types"),
    [
        ({"time": "2026-01-01T00:00:00Z"}, "time", ("text",)),
        ({"time": "1763900000"}, "time", ("text",)),
        ({"id": 5}, "id", ("int",)),
        ({"user": [1]}, "user", ("list of int",)),
    ],
)
def test_invalid_envelope_is_a_finding(
    changes: dict[str, Any], name: str, types: tuple[str, ...]
) -> None:
    """An invalid part of the envelope is a type change, even if it is unreadable."""
    (change,) = drift_of(click() | changes).type_changes

    assert ("envelope", name, types) == (change.place, change.name, change.types)


def test_content_of_custom_properties_is_not_a_finding() -> None:
    """Customers may send any custom properties."""
    raws = [
        make_raw("users.behaviors.Purchase", only=[], purchase_properties=value)
        for value in ({"new": 1}, {"new": "a"}, [1], "[REDACTED]", 5)
    ]

    assert not drift_of(*raws).has_findings


def test_field_of_the_other_form_is_not_new() -> None:
    """A field that is documented only for the other form is not a new field."""
    over_http = make_raw("users.messages.banner.Click", only=[], carrier="Example")
    stored = make_raw("users.messages.email.Bounce", form="storage", device_id="d")

    drift = observe(
        [RawEvent(over_http), RawEvent(stored, "users.messages.email.Bounce")]
    )

    assert [(f.place, f.name) for f in drift.other_form] == [
        ("properties", "carrier"),
        ("storage", "device_id"),
    ]
    assert not drift.has_findings


def test_known_field_in_another_place_is_new() -> None:
    """A known name in another part of the event is a new field."""
    drift = drift_of(click(device_id="d"))

    assert found(drift) == [(CLICK, "properties", "device_id")]
    assert "# 'device_id': the class has another use" in drift.lines_to_add()[0].text


def test_unseen_fields_are_those_of_observed_forms() -> None:
    """Fields that were absent or null are listed, for observed forms only."""
    raw = make_raw(EmailClick)
    del raw["properties"]["url"]
    raw["properties"]["esp"] = None

    drift = drift_of(raw)

    (unseen,) = drift.unseen_fields
    assert (
        unseen.event_type,
        unseen.form,
        unseen.names,
    ) == (CLICK, "http", ("esp", "url"))
    assert sorted({*EVENT_TYPES} - {CLICK}) == [*drift.unseen_types]


def test_unreadable_event_is_counted() -> None:
    """Unreadable events are counted by reason, and are not findings."""
    drift = observe([Unreadable(0, "damaged"), RawEvent(5), *read_events(b"{]")])

    assert (drift.events, drift.has_findings) == (3, False)
    assert drift.malformed == (("not_an_object", 1), (Reason.UNREADABLE, 2))


def test_known_findings_can_be_ignored() -> None:
    """Findings can be ignored by type, by name, or by both, and are counted."""
    drift = drift_of(*invented())

    rest = drift.ignoring({NEW, f"{CLICK}.link_color"})

    assert found(rest) == [(CLICK, "user", "loyalty_points")]
    assert (rest.new_types, rest.ignored) == ((), 2)
    assert not drift.ignoring({NEW, CLICK}).has_findings


@pytest.mark.parametrize(
    ("count", "total", "shown"),
    [
        (1, 1, "1 event (100%)"),
        (1, 300, "1 event (0.333%)"),
        (299, 300, "299 events (99.7%)"),
        (2, 3, "2 events (66.7%)"),
        (1, 3_000, "1 event (under 0.1%)"),
        (2_999, 3_000, "2,999 events (over 99.9%)"),
    ],
)
def test_share_has_three_digits(count: int, total: int, shown: str) -> None:
    """A rare field, or one that some events lack, is not shown as 0% or 100%."""
    events = [click(tint="a")] * count + [click()] * (total - count)

    (tint,) = drift_of(*events).new_fields

    assert tint.frequency == shown


def test_markdown_has_the_counts_of_what_is_not_listed() -> None:
    """Ignored findings and names beyond the limits are counted in the report."""
    drift = drift_of(*invented(), click(**{"n" * 300: 1}))
    page = drift.ignoring([NEW]).to_markdown()

    assert "\nIgnored: 1.\n" in page
    assert "\n1 more new names than are kept.\n" in page
    assert "1 more new names than are kept" in str(drift)


def test_markdown_shortens_long_names() -> None:
    """A name of more than a hundred characters is cut in the report."""
    page = drift_of(click(**{"n" * 101: 1}, **{"m" * 100: 1})).to_markdown()

    assert f"`{'n' * 97}...`" in page
    assert f"`{'m' * 100}`" in page


def test_markdown_of_equal_traffic_has_no_findings() -> None:
    """The verdict of traffic that fits the classes is short."""
    page = drift_of(click()).to_markdown()

    assert page.startswith("# Drift\n\nNothing new. Read: 1 event.\n")
    assert "## New" not in page


# --- What is kept and shown -----------------------------------------------------------


def test_no_value_is_shown() -> None:
    """No form of a report shows a value."""
    invalid = click(link_alias=[CANARY, NUMBER])
    bad = click() | {"time": CANARY}
    drift = drift_of(*invented(), invalid, bad)

    shown = f"{drift!r}{drift}{drift.to_json()}{drift.to_markdown()}"

    assert CANARY not in shown
    assert str(NUMBER) not in shown


def test_number_of_new_names_is_bounded() -> None:
    """New names and types are kept up to a limit, and the others are counted."""
    observer, event = DriftObserver(), click()
    tracemalloc.start()
    for number in range(MAX_TYPES + 5):
        raw = {"event_type": f"x.T{number}", "time": 1, "properties": {f"p{number}": 1}}
        observer.add(RawEvent(raw))
    for number in range(MAX_NAMES + 5):
        names = {f"n{number}": 1, "n" * 100_000 + str(number): 1}
        observer.add(RawEvent(event | {"properties": names}))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    drift = observer.drift()

    assert (len(drift.new_types), len(drift.new_fields)) == (MAX_TYPES, MAX_NAMES)
    assert drift.truncated == 5 + 5 + (MAX_NAMES + 5)
    assert peak < 10_000_000


def test_hostile_name_cannot_break_the_markdown() -> None:
    """A name cannot add markup to a table or lines to the declarations."""
    name = 'x` | <b>\n"""\nimport os #'
    raw = click(**{name: 1}) | {"event_type": CLICK}
    new = click(**{name: 1}) | {"event_type": f"users.{name}"}

    drift = drift_of(raw, new)

    (lines,) = drift.lines_to_add()
    assert lines.text.startswith("    # ")
    assert lines.text.count("\n") == 1
    assert r"`x\x60 \x7c <b>\x0a" in drift.to_markdown()


def test_json_has_findings_and_lines() -> None:
    """The JSON form has the findings, the verdict and the declarations."""
    data = json.loads(drift_of(*invented(), click(link_alias=5)).to_json())

    assert data["has_findings"] is True
    assert [new["event_type"] for new in data["new_types"]] == [NEW]
    assert [change["name"] for change in data["type_changes"]] == ["link_alias"]
    assert [lines["class_name"] for lines in data["lines_to_add"]] == [
        "EmailRead",
        "EmailClick",
    ]


# --- What to add ----------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
def test_pasted_declarations_end_the_drift(form: Any) -> None:
    """With classes made from the declarations, the same events have no findings."""
    odd, new = (
        make_raw(EmailClick, form=form),
        make_raw("users.messages.email.Bounce", form=form),
    )
    fields = {"tint": "a", "rank": 5, "is_odd": True, "size": 1.5, "tags": ["a"]}
    for raw in (odd, new):
        (raw["properties"] if form == "http" else raw).update(fields)
    if form == "http":
        odd["user"]["points"], new["event_type"] = 7, NEW
    reads = [RawEvent(odd, CLICK), RawEvent(new, NEW)]

    pasted = [class_from(lines) for lines in observe(reads).lines_to_add()]
    types = EVENT_TYPES | {cls.event_type: cls for cls in pasted}

    assert [cls.__name__ for cls in pasted] == ["EmailRead", "EmailClick"]
    assert str(observe(reads, event_types=types)) == "Nothing new."


def test_declarations_for_any_type_read_its_events() -> None:
    """If a known type were new, its declarations would read its events."""
    for event_type, form in zip(
        sorted(EVENT_TYPES), itertools.cycle(FORMS), strict=False
    ):
        raw, new = make_raw(event_type, form=form), f"{event_type}Again"
        reads = [RawEvent(raw | {"event_type": new} if form == "http" else raw, new)]

        (lines,) = observe(reads).lines_to_add()
        types = EVENT_TYPES | {new: class_from(lines)}

        assert str(observe(reads, event_types=types)) == "Nothing new."


def test_new_class_has_groups_and_marks() -> None:
    """A new class derives from known groups, and marks known personal data."""
    (lines, _) = drift_of(*invented()).lines_to_add(release=14)

    cls = class_from(lines)

    assert issubclass(cls, vars(sys.modules[lines.module])["EmailEvent"])
    assert (cls.display_name, cls.release) == ("Email Read", 14)
    assert event_fields(cls)["email_address"].personal
    assert event_fields(cls)["bounce_reason"].personal


def test_known_name_has_the_type_of_other_classes() -> None:
    """A field has the type that other classes declare for its name."""
    (lines,) = drift_of(click(message_extras="{}", latitude=1)).lines_to_add(14)

    assert (
        "    latitude: Float32 | None = field(privacy=Privacy.MARKED, since=14)\n"
        in lines.text
    )
    marked = "field(privacy=Privacy.MARKED, since=14)"
    assert f"    message_extras: JsonText | None = {marked}\n" in lines.text
    assert lines.imports == (
        "from braze_heap.events import Float32, JsonText, Privacy, field"
    )


def test_declaration_has_the_release() -> None:
    """A declaration has the given release, or an ellipsis."""
    drift = drift_of(click(tint="a"))

    assert "    tint: str | None = field(since=14)\n" in drift.lines_to_add(14)[0].text
    assert "    tint: str | None = field(since=...)\n" in drift.lines_to_add()[0].text


def test_field_that_cannot_be_declared_is_a_comment() -> None:
    """A comment has the reason why a field cannot be declared."""
    raws = [click(mix=1), click(mix="a"), click(**{"a-b": 1}), click(rows=[{}])]
    raws += [click(release="a"), click() | {"batch": "a"}]

    (lines,) = drift_of(*raws).lines_to_add()

    assert [line for line in lines.text.splitlines() if line] == [
        "    # 'a-b': not a valid name of a Python field",
        "    # 'batch': the envelope of an event cannot gain fields",
        "    # 'mix': no field type fits int and text",
        "    # 'release': the class has another use for this name",
        "    # 'rows': no field type fits list of object",
    ]
    assert class_from(lines)


@for_each("event_type", sorted(EVENT_TYPES))
def test_suggested_names_match_existing_classes(event_type: str) -> None:
    """The suggestion for each known type is its actual name and module."""
    cls = EVENT_TYPES[event_type]

    assert (cls.__name__, cls.__module__) == class_for(event_type)


@pytest.mark.parametrize(
    ("event_type", "name", "family"),
    [
        ("users.messages.email.Read", "EmailRead", "email"),
        ("users.canvas.pause.Begin", "CanvasPauseBegin", "canvas"),
        ("users.behaviors.Refund", "Refund", "behaviors"),
        ("agentconsole.memory.Write", "MemoryWrite", "agent"),
        ("users.messages.pigeon.Send", "PigeonSend", ""),
        ("users.messages.pigeon.Send\n", "", ""),
        ("Send", "", ""),
    ],
)
def test_new_type_is_named_after_its_channel(
    event_type: str, name: str, family: str
) -> None:
    """A new type has the prefix and module of its channel, if that is known."""
    assert (name, f"braze_heap.events.{family}" if family else "") == class_for(
        event_type
    )


# --- Redacted because of their names --------------------------------------------------


def custom(**properties: Any) -> dict[str, Any]:
    """Return a custom event with *properties*."""
    return make_raw(CustomEvent, custom_properties=properties)


def redacted(drift: Drift) -> dict[str, int]:
    """Return the names that are redacted by default, with the number of events."""
    return {field.name: field.count for field in drift.redacted}


def test_redacted_custom_properties_are_named() -> None:
    """The names are listed with the number of events, and no value is shown."""
    drift = drift_of(
        custom(email=CANARY, plan="pro", contact={"phone": CANARY}),
        custom(email=CANARY, email_opt_in=True, token_count=5),
    )

    assert redacted(drift) == {
        "custom_properties.email": 2,
        "custom_properties.contact.phone": 1,
    }
    shown = drift.to_markdown() + drift.to_json() + str(drift)
    assert "| `custom_properties.email` | 2 |" in shown
    assert CANARY not in shown


def test_redacted_unknown_fields_are_named() -> None:
    """Of known and unknown types; what is personal by its own name is not listed."""
    new = click(work_email=CANARY) | {"event_type": NEW}

    drift = drift_of(click(mail_client=CANARY, color=CANARY, dob=CANARY), new)

    assert [(f.event_type, f.name) for f in drift.redacted] == [
        (CLICK, "mail_client"),
        (NEW, "work_email"),
    ]


def test_a_redacted_name_can_be_kept() -> None:
    """The names are the keys of ``personal_data``, as the hint says."""
    raw = custom(contact={"phone": CANARY})
    new = click(work_email=CANARY) | {"event_type": NEW, "id": "new"}
    new["user"]["external_user_id"] = "somebody"
    names = redacted(drift_of(raw, new))

    with pytest.warns(UserWarning, match="No event class has a field 'work_email'"):
        transformer = bh.Transformer(personal_data=dict.fromkeys(names, "keep"))
    calls = transformer.transform([raw, new]).calls

    for name, call in zip(names, calls, strict=True):
        assert isinstance(call, bh.Track)
        assert call.properties[name] == CANARY


def test_redacted_names_in_storage_are_those_over_http() -> None:
    """The form makes no difference."""
    raw = make_raw(CustomEvent, form="storage", custom_properties={"email": CANARY})

    drift = drift_of(raw, event_type=CustomEvent.event_type)

    assert redacted(drift) == {"custom_properties.email": 1}


def test_redacted_names_are_no_finding_and_can_be_ignored() -> None:
    """They do not change the exit status, because nothing is new."""
    drift = drift_of(custom(email=CANARY))
    ignoring = drift.ignoring(["custom_properties.email"])

    assert not drift.has_findings
    assert (ignoring.redacted, ignoring.ignored) == ((), 0)


def test_drift_lists_what_a_transformer_redacts() -> None:
    """Both use the same guard."""
    raw = custom(email=CANARY, homeAddress=CANARY, nickname=CANARY, size="L")
    raw["properties"]["contact_phone"] = CANARY

    counted = bh.Transformer().transform([raw]).redacted.keys()

    names = {"custom_properties.email", "contact_phone"}
    assert names <= redacted(drift_of(raw)).keys() <= counted
