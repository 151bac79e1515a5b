"""Pickling and copying of transformers, their parts, sinks and stores."""

import contextlib
import copy
import importlib
import inspect
import json
import multiprocessing
import pickle
import pkgutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any

import attrs
import cloudpickle
import pytest

import braze_heap as bh
from braze_heap import sinks, state
from braze_heap.events import (
    EVENT_TYPES,
    CurrentsEvent,
    EmailClick,
    EmailOpen,
    EventTypes,
)
from braze_heap.exceptions import BrazeHeapError
from braze_heap.mappers._names import is_shipped
from braze_heap.policies.naming import Naming
from braze_heap.receiver import AsyncReceiver, Receiver
from braze_heap.testing import make_raw
from braze_heap.transformer import Transformer

pytestmark = pytest.mark.slow

EVENTS = [make_raw(cls) for cls in EVENT_TYPES.values()]
BODY = json.dumps({"events": EVENTS}).encode()


@bh.custom_event("Added To Cart")
@attrs.define
class AddedToCart:
    """A typed custom event of a team."""

    sku: str


class LoyaltyJoin(CurrentsEvent, event_type="users.behaviors.LoyaltyJoin"):
    """An event class of a team."""

    tier: str | None = None


def click(event: EmailClick) -> bh.HeapEvent:
    """Map a click, as a team does."""
    return bh.HeapEvent("Our Click", {"url": event.url})


def added(event: AddedToCart) -> bh.HeapEvent:
    """Map a typed custom event, as a team does."""
    return bh.HeapEvent("Added", {"sku": event.sku})


def join(event: LoyaltyJoin) -> bh.HeapEvent:
    """Map an event of a class of a team."""
    return bh.HeapEvent("Joined", {"tier": event.tier})


def name_of(event: CurrentsEvent) -> str:
    """Return a name for an event, as a team does."""
    return event.event_type.upper()


def identity_of(event: CurrentsEvent) -> str | None:
    """Return an identity for an event, as a team does."""
    return event.external_user_id


MAPPERS = bh.DEFAULT_MAPPERS.override(EmailClick, click).add(AddedToCart, added)
OPTIONS: dict[str, Callable[[], dict[str, Any]]] = {
    "default": dict,
    "mappers": lambda: {"mappers": MAPPERS},
    "selection": lambda: {
        "mappers": MAPPERS,
        "include": "users.messages.email.*",
        "exclude": EmailOpen,
        "sample": {"EmailClick": 0.5},
        "suppress": {"example-user-2"},
    },
    "declared": lambda: {
        "mappers": bh.DEFAULT_MAPPERS.override(
            EmailOpen, bh.declare("Opened", {"device": "device_model"})
        )
    },
    "identity of a field": lambda: {"identity": "user_id"},
    "identity of several fields": lambda: {
        "identity": bh.first_of("external_user_id", "device_id", prefix="d:")
    },
    "identity of a function": lambda: {"identity": identity_of},
    "naming": lambda: {
        "naming": Naming(
            name_of, "B ", {"B A": "C"}, "p_", MappingProxyType({"p_url": "link"})
        )
    },
    "hashed": lambda: {"personal_data": bh.PersonalData("hash", key=b"k" * 16)},
    "nested": lambda: (
        {"personal_data": {"custom_properties.email": "hash"}}
        and {"personal_data": bh.PersonalData("drop", {"a": {"b": "hash"}}, b"k" * 16)}
    ),
    "fixed": lambda: {"fixed_properties": MappingProxyType({"workspace": "w"})},
    "team classes": lambda: {
        "event_types": EVENT_TYPES | {LoyaltyJoin.event_type: LoyaltyJoin},
        "mappers": bh.DEFAULT_MAPPERS.add(LoyaltyJoin, join),
    },
    "plain mapping of classes": lambda: {
        "event_types": MappingProxyType({LoyaltyJoin.event_type: LoyaltyJoin}),
        "mappers": bh.DEFAULT_MAPPERS.add(LoyaltyJoin, join),
    },
    "others": lambda: {"machines": "drop", "local_time": True, "nested": "json"},
}

COPIES: dict[str, Callable[[Any], Any]] = {
    **{
        f"pickle {protocol}": lambda v, p=protocol: pickle.loads(pickle.dumps(v, p))
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
    },
    "cloudpickle": lambda value: pickle.loads(cloudpickle.dumps(value)),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
}
TEAM_EVENT = {
    "event_type": LoyaltyJoin.event_type,
    "id": "own",
    "time": 1763900000,
    "user": {"external_user_id": "a"},
    "properties": {"tier": "gold", "x": 2**70},
}


@pytest.mark.filterwarnings("ignore:No event class has")
@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_a_copied_transformer_gives_the_same_results(
    options: Callable[[], dict[str, Any]], copied: Callable[[Any], Any]
) -> None:
    """A copy maps as the original, whether it was made before or after use."""
    transformer = Transformer(**options())
    batch = [*EVENTS, TEAM_EVENT]
    before = copied(transformer)
    expected = transformer.transform(batch)

    for same in (before, copied(transformer), copied(copied(transformer))):
        assert same.transform(batch) == expected
        assert repr(same) == repr(transformer)
        assert same.team_mappers() == transformer.team_mappers()


def test_a_copied_transformer_does_not_warn_again() -> None:
    """A warning about an option is shown once, not in each process."""
    with pytest.warns(UserWarning, match="No event class has a field 'emial'"):
        transformer = Transformer(personal_data={"emial": "drop"})

    assert pickle.loads(pickle.dumps(transformer)).personal_data.overrides


def test_a_copy_has_the_mappers_of_the_original() -> None:
    """Mappers that a collector gets later count neither in the original nor in it."""
    mappers = bh.Mappers()
    mappers.maps(EmailClick)(click)
    transformer = Transformer(mappers)
    mappers.maps(EmailOpen)(name_of)  # type: ignore[arg-type]

    copied = pickle.loads(pickle.dumps(transformer))

    assert [*copied.mappers.registrations] == [EmailClick]
    assert copied.transform(BODY) == transformer.transform(BODY)


def test_what_a_pickle_contains_does_not_grow_with_use() -> None:
    """Compiled functions and learned names are made anew, not pickled."""
    transformer = Transformer()
    size = len(pickle.dumps(transformer))

    transformer.transform(BODY)

    assert len(pickle.dumps(transformer)) < size + 100


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
def test_shipped_mappers_stay_shipped(copied: Callable[[Any], Any]) -> None:
    """A copy of the registry has the mappers of the package itself."""
    registry = copied(bh.DEFAULT_MAPPERS)

    assert registry.registrations == bh.DEFAULT_MAPPERS.registrations
    assert all(map(is_shipped, registry.registrations.values()))


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
@pytest.mark.parametrize(
    "value",
    [
        Naming(event_renames={"a": "b"}),
        bh.PersonalData("keep", {"email_address": "drop"}),
        bh.first_of("external_user_id", "user_id", prefix="b:"),
        bh.declare("Opened", {"device": "device_model"}),
        bh.TransformConfig(include=("engagement",), fixed_properties={"a": 1}),
        MAPPERS.explain(EmailClick),
        Transformer().transform(BODY),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_are_copied_equal(value: Any, copied: Callable[[Any], Any]) -> None:
    """Policies, configurations and results are equal to their copies."""
    assert copied(value) == value


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
def test_event_types_are_copied_with_the_classes_of_a_team(
    copied: Callable[[Any], Any],
) -> None:
    """The event types of the package stay one object."""
    team = EVENT_TYPES | {LoyaltyJoin.event_type: LoyaltyJoin}

    assert copied(EVENT_TYPES) is EVENT_TYPES
    assert type(copied(team)) is EventTypes
    assert dict(copied(team)) == dict(team)


def test_lambdas_and_local_classes_are_pickled_by_cloudpickle() -> None:
    """Functions without a name in a module work as mapper, identity and name."""

    @bh.custom_event("Local")
    @attrs.define
    class Local:
        n: int

    class Own(CurrentsEvent, event_type="users.behaviors.Own"):
        tier: str | None = None

    transformer = Transformer(
        bh.DEFAULT_MAPPERS.override(EmailClick, lambda e: bh.HeapEvent("C", {}))
        .add(Local, lambda e: bh.HeapEvent("L", {"n": e.n}))
        .add(Own, lambda e: bh.HeapEvent("O", {"tier": e.tier})),
        identity=lambda e: e.external_user_id,
        naming=Naming(lambda e: e.display_name),
        event_types=EVENT_TYPES | {Own.event_type: Own},
    )
    local = {"name": "Local", "custom_properties": {"n": 1}}
    custom = {"event_type": "users.behaviors.CustomEvent", "id": "l"}
    own = {"event_type": Own.event_type, "id": "o", "properties": {"tier": "g"}}
    batch = [
        *EVENTS,
        TEAM_EVENT | custom | {"properties": local},
        TEAM_EVENT | own,
    ]
    before = cloudpickle.dumps(transformer)
    expected = transformer.transform(batch)

    for pickled in (before, cloudpickle.dumps(transformer)):
        calls = pickle.loads(pickled).transform(batch).calls
        assert calls == expected.calls
    assert {"C", "L", "O"} <= {c.event for c in expected.calls if type(c) is bh.Track}


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_pool_maps_batches(method: str) -> None:
    """A method of a transformer is a function for the processes of a pool."""
    transformer = Transformer(MAPPERS, naming=Naming(name_of))
    transformer.transform(BODY)

    with multiprocessing.get_context(method).Pool(2) as pool:
        results = pool.map(transformer.transform, [BODY, BODY[:100], EVENTS])

    assert results == [*map(transformer.transform, [BODY, BODY[:100], EVENTS])]


def test_a_lookup_that_is_down_is_reported_from_a_process() -> None:
    """The error of a mapper reaches the process that has the pool."""
    transformer = Transformer(bh.DEFAULT_MAPPERS.override(EmailClick, is_down))

    with (
        multiprocessing.get_context("spawn").Pool(1) as pool,
        pytest.raises(bh.DeliveryError, match="no answer"),
    ):
        pool.map(transformer.transform, [BODY])


def is_down(event: EmailClick) -> bh.HeapEvent:
    """Fail, as a mapper whose lookup is down."""
    raise bh.DeliveryError("no answer")


def errors() -> Iterator[type[BrazeHeapError]]:
    """Yield every error class of the package that has no arguments of its own."""
    for module in pkgutil.walk_packages(bh.__path__, "braze_heap."):
        if not module.name.endswith("__main__"):
            with contextlib.suppress(ModuleNotFoundError):  # of an extra
                importlib.import_module(module.name)
    waiting = [BrazeHeapError]
    for cls in waiting:
        waiting += cls.__subclasses__()
        if cls.__module__.startswith("braze_heap"):
            yield cls


def test_errors_survive_pickle() -> None:
    """A process of a pool would hang at an error that cannot be unpickled."""
    values = {"event": EmailClick, "close": ("a",), "fields": ("a",), "times": ()}
    for cls in errors():
        own = inspect.isfunction(cls.__init__)
        parameters = inspect.signature(cls).parameters.values() if own else ()
        names = [p.name for p in parameters if p.default is p.empty] or ["text"]
        error = cls(*(values.get(name, "text") for name in names))

        again = pickle.loads(pickle.dumps(error))

        assert type(again) is cls
        assert again.args == error.args
        assert vars(again) == vars(error)


def makers(folder: Path) -> dict[str, Callable[[], Any]]:
    """Return how to make each object that stays in its process."""
    sink, transformer = sinks.MemorySink(), Transformer()
    pipeline = bh.Pipeline(transformer, sink, state.DISCARD)
    asynchronous = bh.AsyncPipeline(
        transformer, sinks.ThreadedSink(sink), state.DISCARD
    )
    return {
        "MemorySink": sinks.MemorySink,
        "ConsoleSink": sinks.ConsoleSink,
        "JsonLinesSink": lambda: sinks.JsonLinesSink(folder / "calls.jsonl"),
        "Tee": lambda: sinks.Tee(sink),
        "Filtered": lambda: sinks.Filtered(sink, bool),
        "Buffered": lambda: sinks.Buffered(sink),
        "ThreadedSink": lambda: sinks.ThreadedSink(sink),
        "HeapSink": lambda: bh.HeapSink("11"),
        "AsyncHeapSink": lambda: bh.AsyncHeapSink("11"),
        "SqliteDeadLetter": lambda: state.SqliteDeadLetter(folder / "dead.db"),
        "Pipeline": lambda: pipeline,
        "AsyncPipeline": lambda: asynchronous,
        "Receiver": lambda: Receiver(pipeline, "t" * 20),
        "AsyncReceiver": lambda: AsyncReceiver(asynchronous, "t" * 20),
    }


@pytest.mark.parametrize("name", makers(Path()))
@pytest.mark.parametrize(
    "take", [pickle.dumps, cloudpickle.dumps, copy.copy, copy.deepcopy]
)
def test_sinks_and_stores_say_what_to_do_instead(
    name: str, take: Callable[[Any], Any], tmp_path: Path
) -> None:
    """The error names the class and says where to make the object."""
    made = makers(tmp_path)[name]()

    with pytest.raises(TypeError, match=f"^{name} cannot.*make the {name} in the pro"):
        take(made)
    if not inspect.iscoroutinefunction(getattr(made, "close", print)):
        getattr(made, "close", print)()
