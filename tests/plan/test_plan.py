import functools
import re
from typing import Any

import attrs
import pytest

import braze_heap as bh
from braze_heap.events import (
    BannerClick,
    CustomEvent,
    EmailBounce,
    EmailClick,
    EmailOpen,
    EmailSend,
    Location,
    PushOpen,
    UserDeleteRequest,
    UserOrphan,
    event_fields,
)
from braze_heap.heap.calls import AddUserProperties, Track
from braze_heap.plan import PlannedEvent, PlannedProperty, TrackingPlan, tracking_plan
from braze_heap.plan._tables import privacy_counts
from braze_heap.policies.derived import MEANINGS
from braze_heap.testing import make_raw

POLICIES = {
    "default": bh.Transformer(),
    "keep": bh.Transformer(personal_data="keep"),
    "hash": bh.Transformer(
        personal_data=bh.PersonalData("hash", key=b"only for the tests")
    ),
    "braze id": bh.Transformer(identity="user_id", deletions=True),
    "local, prefixed": bh.Transformer(
        local_time=True,
        naming=bh.Naming(event_names="type", property_prefix="p_"),
        fixed_properties={"source": "braze"},
    ),
    "json, no machines": bh.Transformer(nested="json", machines="drop"),
    "engagement": bh.Transformer(include=bh.ENGAGEMENT),
}


@functools.cache
def plan_under(policy: str) -> TrackingPlan:
    return tracking_plan(POLICIES[policy])


@pytest.fixture(scope="module")
def plan() -> TrackingPlan:
    return plan_under("default")


def is_planned(name: str, planned: set[str]) -> bool:
    """Tell whether one of the *planned* names covers *name*."""
    return name in planned or any(_pattern(p).fullmatch(name) for p in planned)


@functools.cache
def _pattern(planned: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"<[^<>]+>|\\\*", ".+", re.escape(planned)))


def small(
    transformer: bh.Transformer, *classes: type[bh.CurrentsEvent]
) -> TrackingPlan:
    return tracking_plan(transformer, {cls.event_type: cls for cls in classes})


def event_of(plan: TrackingPlan, name: str) -> PlannedEvent:
    return next(event for event in plan.events if event.name == name)


def property_of(event: PlannedEvent, name: str) -> PlannedProperty:
    return next(planned for planned in event.properties if planned.name == name)


@pytest.mark.parametrize(
    "policy",
    [
        pytest.param(name, marks=[pytest.mark.slow] if number else [])
        for number, name in enumerate(POLICIES)
    ],
)
def test_everything_that_is_sent_is_in_the_plan(policy: str) -> None:
    """All calls for events of all types are in the plan, under every policy."""
    transformer = POLICIES[policy]
    planned = plan_under(policy)
    missing = []
    for event_type in bh.EVENT_TYPES:
        events = [e for e in planned.events if e.event_type == event_type]
        users = {"user_id", "external_user_id"}
        fields = event_fields(bh.EVENT_TYPES[event_type]).items()
        documented = {name for name, field in fields if field.documented}
        bare = make_raw(event_type, only=users & documented)
        for raw in (make_raw(event_type), bare):
            for call in transformer.transform(raw).calls:
                if isinstance(call, Track):
                    named = [e for e in events if is_planned(call.event, {e.name})]
                    names = {p.name for e in named for p in e.properties}
                elif isinstance(call, AddUserProperties):
                    names = {p.name for p in planned.user_properties}
                else:
                    assert event_type in planned.deletions
                    continue
                missing += [
                    (event_type, name)
                    for name in call.properties
                    if not is_planned(name, names)
                ]

    assert not missing


def test_every_type_has_an_event_or_a_reason(plan: TrackingPlan) -> None:
    """Each type has an event in the plan, or a reason why not."""
    known = {e.event_type for e in plan.events} | {e.event_type for e in plan.unsent}

    assert {*bh.EVENT_TYPES, "*"} == known


def test_every_field_has_a_property_or_a_reason(plan: TrackingPlan) -> None:
    """Each field becomes a property, or is in the list of unsent fields."""
    for event in plan.events:
        if event.event_type != "*":
            fields = event_fields(bh.EVENT_TYPES[event.event_type]).items()
            documented = {name for name, field in fields if field.documented}
            known = {p.field for p in event.properties} | {f.name for f in event.unsent}
            absent = documented - known - {"id", "time", "time_ms", "name"}
            assert not absent, event.name


def test_undocumented_user_field_has_a_remark(
    plan: TrackingPlan,
) -> None:
    """Fields that Braze does not document for the type have a remark."""
    event = event_of(plan, "Braze Purchase")

    assert property_of(event, "timezone").doc.endswith(
        "Braze does not document it for the type."
    )
    assert not property_of(event, "device_id").doc.endswith("for the type.")


def test_default_plan_has_no_personal_data(plan: TrackingPlan) -> None:
    """By default no property of an event or user is personal data."""
    sent = [p for event in plan.events for p in event.properties]

    assert not [p.name for p in (*sent, *plan.user_properties) if p.is_personal]


def test_kept_personal_data_has_the_mark_of_its_field() -> None:
    """Properties have the marks of their fields, for every type."""
    planned = plan_under("keep")

    for event in planned.events:
        if event.event_type != "*":
            fields = event_fields(bh.EVENT_TYPES[event.event_type])
            for found in event.properties:
                if found.field:
                    field = fields[found.field]
                    assert (found.personal, found.sensitive) == (
                        field.personal,
                        field.sensitive,
                    )
    assert {p.name for p in planned.user_properties if p.is_personal} >= {"email"}


def test_property_derived_from_personal_data_is_personal() -> None:
    """A property that a mapper computes from an address is personal data."""
    mappers = bh.Mappers()

    @mappers.maps(EmailSend)
    def send(event: EmailSend) -> bh.HeapEvent:
        domain = (event.email_address or "").upper()
        return bh.HeapEvent("Newsletter", {"domain": domain, "team": "crm"})

    planned = small(bh.Transformer(mappers.registry(), personal_data="keep"), EmailSend)
    event = event_of(planned, "Newsletter")

    assert property_of(event, "domain").sources == ("email_address",)
    assert property_of(event, "domain").is_personal
    assert property_of(event, "team").origin == "fixed"
    assert "The mapper does not use it." in {f.why for f in event.unsent}


def test_event_behind_a_flag_is_in_the_plan() -> None:
    """An event that a mapper returns for one value of a flag is in the plan."""
    mappers = bh.Mappers()

    @mappers.maps(EmailClick)
    def click(event: EmailClick) -> bh.HeapEvent | None:
        if event.is_suspected_bot_click:
            return bh.HeapEvent("Bot")
        return bh.HeapEvent("Click", {"link": event.link_alias, "amp": event.is_amp})

    planned = small(bh.Transformer(mappers.registry()), EmailClick)

    assert [event.name for event in planned.events] == ["Bot", "Click"]
    assert property_of(planned.events[1], "link").field == "link_alias"
    assert property_of(planned.events[1], "amp").type == "boolean as text"


def test_typed_custom_event_and_read_property_are_in_the_plan() -> None:
    """Typed custom events and custom properties that a mapper reads are in the plan."""
    mappers = bh.Mappers()

    @bh.custom_event("Added To Cart")
    @attrs.define
    class AddedToCart:
        sku: str
        price: float | None = None

    @mappers.maps(AddedToCart)
    def added(cart: AddedToCart) -> bh.HeapEvent:
        return bh.HeapEvent("Cart", {"sku": cart.sku, "price": cart.price})

    @mappers.maps(CustomEvent)
    def custom(event: CustomEvent) -> bh.HeapEvent:
        color = (event.custom_properties or {}).get("color")
        return bh.HeapEvent("Custom", {"color": color})

    planned = small(bh.Transformer(mappers.registry()), CustomEvent)

    assert property_of(event_of(planned, "Cart"), "sku").sources == (
        "custom_properties",
    )
    assert property_of(event_of(planned, "Cart"), "price").type == "number"
    assert (
        property_of(event_of(planned, "Custom"), "color").field == "custom_properties"
    )


def test_varying_name_has_a_placeholder(plan: TrackingPlan) -> None:
    """Names that depend on the event have placeholders instead of invented values."""
    names = {event.name for event in plan.events}
    user_properties = {fact.name for fact in plan.user_properties}
    custom = event_of(plan, "Braze Custom <name of the custom event>")

    assert "Braze <event type>" in names
    assert "braze_subscription_group_<subscription_group_id>" in user_properties
    assert {
        "braze_email_subscription",
        "braze_<channel>_subscription",
    } <= user_properties
    assert property_of(custom, "custom_properties.*").type == "any"
    assert "q7" not in plan.to_json()


def test_hash_is_not_an_example() -> None:
    """
    The example of a hashed property is a description, because readers could try
    keys.
    """
    planned = small(POLICIES["hash"], EmailClick)
    address = property_of(event_of(planned, "Braze Email Click"), "email_address")

    assert address.example == "<64 hexadecimal digits>"
    assert address.is_personal


def test_derived_properties_have_their_meaning() -> None:
    """The plan explains them under the names that they have in Heap."""
    naming = bh.Naming(property_prefix="p_", property_renames={"p_channel": "Channel"})
    event = small(bh.Transformer(naming=naming), EmailClick).events[1]

    for name, derived in {"Channel": "channel", "p_message_key": "message_key"}.items():
        assert property_of(event, name).doc == MEANINGS[derived]  # type: ignore[index]
        assert property_of(event, name).origin == "derived"


def test_options_explain_the_properties_that_they_add() -> None:
    """No property of a shipped mapper is described as just set by something."""
    transformer = bh.Transformer(
        local_time=True, sample={"EmailSend": 0.5}, personal_data="keep"
    )
    planned = small(transformer, EmailSend, EmailBounce, CustomEvent)
    found = [
        *planned.user_properties,
        *(p for e in planned.events for p in e.properties),
    ]

    vague = {p.name for p in found if p.doc.startswith("Set by the mapper")}
    assert vague <= {"*", "event_type"}


def test_epoch_times_are_planned_as_they_are_sent() -> None:
    """``send_time`` and times of user properties are ISO 8601 in Heap."""
    planned = small(bh.Transformer(), EmailBounce)
    sent = property_of(event_of(planned, "Braze Email Bounce"), "send_time")
    (bounced,) = (p for p in planned.user_properties if p.name.endswith("_at"))

    assert (sent.type, bounced.type) == ("time as text", "time as text")
    assert sent.field == "send_time"
    assert "epoch" not in sent.doc + bounced.doc
    assert bounced.doc.startswith("Time of the last hard bounce.")


def test_plan_says_what_heap_can_do() -> None:
    """Heap cannot sum ``is_unique``, or merge users: the plan says what can be done."""
    transformer = bh.Transformer(
        identity="user_id", personal_data={"orphaned_by_id": "keep"}
    )
    planned = small(transformer, UserOrphan, BannerClick)
    unique = property_of(event_of(planned, "Braze Banner Click"), "is_unique")
    (merged,) = (p for p in planned.user_properties if p.name == "braze_merged_into")

    assert "filter on true and count the events" in unique.doc
    assert "exclude users with this property" in merged.doc


def test_headline_counts_three_kinds_of_personal_data() -> None:
    """Marked by Braze, sensitive, and what may identify, with the identity."""
    planned = small(bh.Transformer(personal_data="keep"), UserOrphan, Location)
    names = {p.name for e in planned.events for p in e.properties if p.identifying}

    counts = privacy_counts(planned)

    assert counts["marked by Braze"] >= 5
    assert counts["sensitive without a mark"] >= 1
    assert names >= {"device_id", "ll_accuracy", "alt_accuracy", "*"}
    assert counts["may identify"] == len(names) + 1
    headline = ", ".join(f"{number} {kind}" for kind, number in counts.items())
    assert f"Personal data: {headline} (the identity included)" in planned.to_markdown()
    assert f"<b>{counts['may identify']}</b>may identify" in planned.to_html()


@pytest.mark.parametrize(
    ("cls", "names"),
    [
        (EmailClick, {"url", "user_agent", "device_id"}),
        (CustomEvent, {"custom_properties.*", "device_id"}),
    ],
)
def test_urls_and_custom_fields_may_identify(
    cls: type[bh.CurrentsEvent], names: set[str]
) -> None:
    """They have no mark, and may have personal data all the same."""
    events = small(bh.Transformer(), cls).events

    found = {p.name for e in events for p in e.properties if p.identifying}
    assert names <= found


def test_what_the_word_guard_redacts_is_in_the_plan() -> None:
    """With the names that mappers read and options hold, and how to allow one."""
    mappers = bh.Mappers()

    @mappers.maps(CustomEvent)
    def custom(event: CustomEvent) -> bh.HeapEvent:
        given = event.custom_properties or {}
        return bh.HeapEvent("Own", {"a": given.get("email"), "b": given.get("color")})

    naming = bh.Naming(property_renames={"custom_properties.phone": "phone"})
    planned = small(bh.Transformer(mappers), CustomEvent)
    renamed = small(bh.Transformer(naming=naming), CustomEvent)
    allowing = bh.Transformer(
        mappers, personal_data={"custom_properties.email": "keep"}
    )
    allowed = small(allowing, CustomEvent)
    sending = small(bh.Transformer(mappers, custom_fields="send"), CustomEvent)

    def unsent(plan: TrackingPlan) -> dict[str, str]:
        return {f.name: f.why for e in plan.events for f in e.unsent if "." in f.name}

    assert unsent(planned).keys() == {"custom_properties.*", "custom_properties.email"}
    assert "{'custom_properties.email': 'keep'}" in unsent(planned).popitem()[1]
    assert "custom_properties.phone" in unsent(renamed)
    assert unsent(allowed).keys() == {"custom_properties.*"}
    assert unsent(sending) == {}


def test_guard_of_unknown_fields_is_in_the_plan() -> None:
    """What happens to fields that Braze adds later depends on the option."""

    def later(**options: str) -> list[str]:
        event = small(bh.Transformer(**options), EmailClick).events[1]
        return [field.why for field in event.unsent if field.name == "*"]

    (guarded,) = later()
    assert guarded.startswith("Text whose name has a word such as email")
    assert later(unknown_fields="send") == []
    assert later(unknown_fields="drop") == ["Fields that Braze adds later."]


def test_deletions_only_arrive_in_storage_files() -> None:
    """The plan says it, because a service over HTTP never deletes anybody."""
    planned = small(
        bh.Transformer(identity="user_id", deletions=True), UserDeleteRequest
    )
    text = "deletes the user in Heap. It only arrives in storage files."

    assert text in planned.to_markdown()
    assert text in planned.to_html()
    assert text in planned.to_csv()


def test_failing_mapper_is_reported() -> None:
    """A mapper that raises is reported in the plan."""
    mappers = bh.Mappers()

    @mappers.maps(EmailClick)
    def click(event: EmailClick) -> bh.HeapEvent:
        raise RuntimeError

    (absent, *_) = [
        e
        for e in small(bh.Transformer(mappers.registry()), EmailClick).unsent
        if e.event_class == "EmailClick"
    ]

    assert absent.why.startswith("The mapper raised, or returned something")


def test_names_in_options_are_probed() -> None:
    """Renamed custom events and redacted nested properties are in the plan."""
    transformer = bh.Transformer(
        naming=bh.Naming(event_renames={"Braze Custom Order": "Order Placed"}),
        personal_data={"custom_properties.email": "drop"},
    )
    planned = small(transformer, CustomEvent)

    unsent = {f.name for f in event_of(planned, "Order Placed").unsent}
    assert "custom_properties.email" in unsent


def test_plan_is_deterministic(plan: TrackingPlan) -> None:
    """Two plans of one configuration are equal, and a part equals its whole."""
    again = small(bh.Transformer(), EmailClick, CustomEvent)

    assert again == small(bh.Transformer(), EmailClick, CustomEvent)
    assert set(again.events) <= set(plan.events)


def test_every_property_has_a_meaning() -> None:
    """Properties of events and users have a description of their own."""
    for policy in ("default", "keep", "local, prefixed"):
        planned = plan_under(policy)
        found = [p for event in planned.events for p in event.properties]
        vague = {"", "Set by the mapper or by an option."}

        assert not [
            p.name for p in (*found, *planned.user_properties) if p.doc in vague
        ]


def test_user_property_has_the_meaning_of_its_name(plan: TrackingPlan) -> None:
    """A time of a user property says which time it is."""
    docs = {p.name: p.doc for p in plan.user_properties}

    assert docs["braze_email_subscription_changed_at"].startswith("Time of the newest")
    assert docs["braze_app_<app_id>_uninstalled_at"].startswith("Time of the last")
    assert docs["braze_custom_attributes.*"].startswith("New value of a custom")
    assert "Time of the event that states it." not in docs.values()


def test_events_have_their_category_channel_action_and_wire_form(
    plan: TrackingPlan,
) -> None:
    """They are those of the catalog."""
    click, update, card = (
        event_of(plan, f"Braze {name}")
        for name in ("Email Click", "User Profile Update", "News Feed Card Click")
    )

    assert (click.category, click.channel, click.action, click.wire) == (
        *("message_engagement", "email", "click", "both"),
    )
    assert (update.category, update.channel, update.wire) == ("user", "", "storage")
    assert card.wire == "HTTP"


def test_property_has_the_wire_form_of_its_field(plan: TrackingPlan) -> None:
    """A property whose field Braze sends in one form alone says so."""
    for event in plan.events:
        if event.event_type == "*":
            continue
        fields = event_fields(bh.EVENT_TYPES[event.event_type])
        for planned in event.properties:
            if planned.field:
                field = fields[planned.field]
                forms = (field.http or not field.documented, field.storage is not None)
                possible = {(True, True): "both", (True, False): "HTTP"}
                form = possible.get(forms, "storage")
                assert planned.wire == (form if event.wire == "both" else event.wire)
    assert {p.wire for e in plan.events for p in e.properties} == {
        *("both", "HTTP", "storage"),
    }


def test_combo_events_are_the_events_of_one_action(plan: TrackingPlan) -> None:
    """There is one for each action on several channels, none if names are shared."""
    naming = bh.Naming(event_names="action")
    shared = small(bh.Transformer(naming=naming), EmailOpen, PushOpen)

    assert plan.combo_events["Message Open"] == (
        "Braze Email Open",
        "Braze Push Notification Open",
    )
    assert "- Message Open: Braze Email Open, Braze Push" in plan.to_markdown()
    assert "Combo events to make in Heap" in plan.to_html()
    assert shared.combo_events == {}
    assert "Combo events" not in shared.to_markdown() + shared.to_html()


@pytest.mark.parametrize(
    ("choices", "names"),
    [
        (["channel:email", "action:click"], ["Braze Email Click"]),
        (
            [["channel:email", "channel:push"], "action:open"],
            ["Braze Email Open", "Braze Push Notification Open"],
        ),
        (["agent"], ["Braze Agent Executed"]),
        (
            ["users.messages.banner.*", bh.ENGAGEMENT, "action:click"],
            ["Braze Banner Click"],
        ),
    ],
)
def test_plan_is_narrowed(
    plan: TrackingPlan, choices: list[Any], names: list[str]
) -> None:
    """Each choice narrows the plan to the types that it names."""
    assert [event.name for event in plan.narrowed(*choices).events] == names


def test_narrowed_plan_keeps_what_its_types_do(plan: TrackingPlan) -> None:
    """User properties, unsent types and deletions of other types are not in it."""
    bounces = plan.narrowed("EmailBounce")
    user = small(POLICIES["braze id"], EmailBounce, UserDeleteRequest).narrowed("user")

    assert [p.name for p in bounces.user_properties] == ["braze_email_bounced_at"]
    assert (bounces.unsent, bounces.deletions) == ((), ())
    assert user.deletions == (UserDeleteRequest.event_type,)


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        (["channel:emial"], "Did you mean 'email'"),
        (["channel:email", "action:purchase"], "channel:email and action:purchase"),
    ],
)
def test_choice_without_a_type_is_an_error(
    plan: TrackingPlan, choices: list[str], message: str
) -> None:
    """An unknown word and choices that no type fulfills raise."""
    with pytest.raises(ValueError, match=message):
        plan.narrowed(*choices)


def test_event_without_properties_has_no_empty_table() -> None:
    """Markdown says that there are no properties, and has no head of an empty table."""
    event = attrs.evolve(plan_under("default").events[0], properties=(), unsent=())
    text = TrackingPlan((event,)).to_markdown()

    assert "\nNo properties.\n" in text
    assert "|" not in text
    assert "Not sent" not in text
