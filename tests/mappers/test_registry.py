"""A registry is a value: mappers by key, and the nearest decides."""

import threading
from typing import Any

import pytest

import braze_heap as bh
from braze_heap.events import (
    EVENT_TYPES,
    CurrentsEvent,
    EmailClick,
    EmailEvent,
    EmailOpen,
    HasCampaign,
    HasUser,
    PushOpen,
    UnknownEvent,
)
from braze_heap.mappers import MapperConflictError, MapperRegistry, Mappers
from braze_heap.testing import make_event


def named(name: str) -> Any:
    return lambda event: bh.HeapEvent(name)


def name_for(registry: MapperRegistry, event: Any) -> str | None:
    mapper = registry.mapper_for(event)
    return mapper(event).name if mapper else None  # type: ignore[union-attr]


def test_the_nearest_class_decides() -> None:
    """The class itself comes before its channel, its groups, and all events."""
    registry = (
        MapperRegistry()
        .add(CurrentsEvent, named("any"))
        .add(HasUser, named("user"))
        .add(HasCampaign, named("campaign"))
        .add(EmailEvent, named("email"))
        .add(EmailClick, named("click"))
    )

    assert name_for(registry, EmailClick) == "click"
    assert name_for(registry, EmailOpen) == "email"
    assert name_for(registry, PushOpen) == "user"
    assert name_for(registry.without(HasUser), PushOpen) == "campaign"
    assert name_for(registry, EVENT_TYPES["agentconsole.ToolInvocation"]) == "any"


@pytest.mark.filterwarnings("ignore:No event class has the type")
def test_a_type_by_name_comes_first() -> None:
    """A mapper can be for a type that has a class, or has none yet."""
    registry = (
        MapperRegistry()
        .add(EmailClick, named("class"))
        .add("users.messages.email.Click", named("name"))
        .add("users.messages.kakao.Send", named("kakao"))
    )
    unknown = make_event(UnknownEvent, event_type="users.messages.kakao.Send")
    other = make_event(UnknownEvent, event_type="users.messages.kakao.Read")

    assert name_for(registry, EmailClick) == "name"
    assert name_for(registry, unknown) == "kakao"
    assert name_for(registry, other) is None


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (EmailClick, "users.messages.email.Click"),
        ("users.messages.email.Click", EmailClick),
    ],
)
def test_an_override_wins_however_its_type_is_written(first: Any, second: Any) -> None:
    """A mapper for the type by name would come before the one that overrides it."""
    registry = bh.DEFAULT_MAPPERS.override(first, named("first"))

    registry = registry.override(second, named("second"))

    assert name_for(registry, EmailClick) == "second"


def test_a_second_mapper_for_a_class_names_both_places() -> None:
    """Which of the two is meant is not guessed."""

    def first(event: EmailClick) -> None: ...
    def second(event: EmailClick) -> None: ...

    with pytest.raises(MapperConflictError) as caught:
        MapperRegistry().add(EmailClick, first).add(EmailClick, second)

    text = str(caught.value)
    assert "first" in text
    assert "second" in text
    assert "test_registry.py" in text
    assert "override()" in text


def test_the_right_side_wins() -> None:
    """A team's registry goes behind the default one."""
    left = MapperRegistry().add(EmailClick, named("left")).add(EmailOpen, named("left"))
    right = MapperRegistry().add(EmailClick, named("right"))

    assert name_for(left | right, EmailClick) == "right"
    assert name_for(left | right, EmailOpen) == "left"
    assert name_for(right | left, EmailClick) == "left"


def test_changing_a_registry_gives_a_new_one() -> None:
    """Whoever holds the old value keeps it."""
    registry = MapperRegistry().add(EmailClick, named("old"))

    registry.override(EmailClick, named("new"))
    registry.without(EmailClick)
    registry.add(EmailOpen, named("open"))

    assert name_for(registry, EmailClick) == "old"


def test_without_an_unknown_key_is_an_error() -> None:
    """A typo would leave the mapper in force."""
    with pytest.raises(KeyError, match="EmailOpen"):
        MapperRegistry().add(EmailClick, named("a")).without(EmailOpen)


def test_explain_names_winner_and_losers() -> None:
    """At three in the morning, one call explains which mapper decides and why."""
    registry = bh.DEFAULT_MAPPERS.add(EmailEvent, named("email"))

    explanation = registry.explain(EmailClick)

    assert explanation.winner is not None
    assert explanation.winner.key is EmailEvent
    assert "the mapper for EmailEvent" in str(explanation)
    assert "instead of braze_heap.mappers" in str(explanation)
    assert "for CurrentsEvent" in str(explanation)
    assert "site-packages" not in str(explanation)
    assert str(explanation).count(".py:") == 1
    assert "no mapper" in str(MapperRegistry().explain(EmailClick))


@pytest.mark.parametrize(
    "nothing",
    [
        bh.DEFAULT_MAPPERS,
        MapperRegistry(),
        MapperRegistry().add(CurrentsEvent, named("any")),
    ],
)
def test_undecided_lists_what_no_mapper_of_the_team_is_for(
    nothing: MapperRegistry,
) -> None:
    """Shipped mappers, and one for all events, decide about no type in particular."""
    assert nothing.undecided() == [*EVENT_TYPES]
    for some in (nothing.add(EmailEvent, named("email")), named_emails() | nothing):
        assert {*EVENT_TYPES} - {*some.undecided()} == {
            event_type for event_type in EVENT_TYPES if ".email." in event_type
        }


def named_emails() -> MapperRegistry:
    return MapperRegistry().add(EmailEvent, named("email"))


@pytest.mark.parametrize("key", [int, 5, None, object()])
def test_a_mapper_is_for_events(key: Any) -> None:
    """Wiring fails, not streaming."""
    with pytest.raises(TypeError, match="an event class, or an event type"):
        MapperRegistry().add(key, named("x"))


def test_a_mapper_is_callable() -> None:
    """Wiring fails, not streaming."""
    with pytest.raises(TypeError, match="must be a function of an event, not a str"):
        MapperRegistry().add(EmailClick, "click")  # type: ignore[arg-type]


def test_a_decorated_function_stays_itself() -> None:
    """A test calls it directly."""
    mappers = Mappers()

    @mappers.maps(EmailClick, EmailOpen)
    def engaged(event: EmailClick | EmailOpen) -> bh.HeapEvent:
        return bh.HeapEvent("Engaged", {"type": event.event_type})

    assert engaged(make_event(EmailOpen)).properties == {"type": EmailOpen.event_type}
    assert mappers.registry().mapper_for(EmailClick) is engaged


def test_collectors_do_not_know_each_other() -> None:
    """Two teams in one process have nothing in common."""
    one, two = Mappers(), Mappers()

    one.maps(EmailClick)(named("one"))
    two.maps(EmailClick)(named("two"))

    assert name_for(one.registry(), EmailClick) == "one"
    assert name_for(two.registry(), EmailClick) == "two"


def test_nothing_to_map_is_an_error() -> None:
    """``@mappers.maps()`` would silently do nothing."""
    with pytest.raises(TypeError, match="needs an event class"):
        Mappers().maps()


def test_a_registry_is_used_from_many_threads() -> None:
    """The same value serves many threads at once."""
    registry = bh.DEFAULT_MAPPERS.add(EmailEvent, named("email"))
    classes = [EmailClick, EmailOpen, PushOpen] * 200
    wrong: list[object] = []

    def look_up() -> None:
        for cls in classes:
            entry = registry.registration_for(cls)
            if entry is None or (entry.key is EmailEvent) != issubclass(
                cls, EmailEvent
            ):
                wrong.append(cls)

    threads = [threading.Thread(target=look_up) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []
