"""Tests of typed custom events: each type gets exactly what fits it, or nothing."""

import contextlib
import dataclasses
import datetime as dt
import enum
import typing as t
from collections.abc import Mapping, Sequence
from decimal import Decimal
from uuid import UUID

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import braze_heap as bh
from braze_heap.events import CustomEvent
from braze_heap.mappers._structure import InvalidValueError, reader_of
from braze_heap.testing import make_raw
from braze_heap.testing.strategies import json_values
from tests.support.for_each import for_each


class Color(enum.Enum):
    RED = "red"
    ONE = 1


class Size(enum.StrEnum):
    SMALL = "s"


@attrs.define
class Item:
    sku: str
    price: float = 0.0


@attrs.define
class Bundle:
    items: list[Item]
    parent: "Bundle | None" = None


@dataclasses.dataclass
class Place:
    city: str
    code: int | None = None
    tags: list[str] = dataclasses.field(default_factory=list)
    note: dataclasses.InitVar[str] = ""


@dataclasses.dataclass
class Street(Place):
    street: str = ""


@dataclasses.dataclass
class Plan:
    city: str


class Options(t.TypedDict):
    gift: bool
    note: t.NotRequired[str]


class Point(t.NamedTuple):
    x: float
    y: float = 0.0


Sku = t.NewType("Sku", str)

UUID_TEXT = "7c6e5b0b-6987-4f37-8f8d-1b9df686f646"


def read(hint: t.Any, value: t.Any) -> t.Any:
    """Return what a field of the type *hint* holds."""
    cls = attrs.make_class("C", {"x": attrs.field(type=hint)})
    return reader_of(cls)({"x": value}).x


@for_each(
    ("hint", "value", "expected"),
    [
        (str, "a", "a"),
        (int, 5, 5),
        (float, 5.5, 5.5),
        (float, 5, 5.0),
        (bool, True, True),
        (Decimal, "19.99", Decimal("19.99")),
        (Decimal, 19.99, Decimal("19.99")),
        (Decimal, 20, Decimal(20)),
        (dt.date, "2026-01-02", dt.date(2026, 1, 2)),
        (
            dt.datetime,
            "2026-01-02T03:04:05Z",
            dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC),
        ),
        (dt.datetime, "2026-01-02 03:04", dt.datetime(2026, 1, 2, 3, 4)),
        (dt.time, "03:04:05", dt.time(3, 4, 5)),
        (UUID, UUID_TEXT, UUID(UUID_TEXT)),
        (Color, "red", Color.RED),
        (Color, 1, Color.ONE),
        (Size, "s", Size.SMALL),
        (t.Literal["a", 1, None], 1, 1),
        (t.Literal["a", None], None, None),
        (t.Literal[Color.RED], "red", Color.RED),
        (Sku, "a", "a"),
        (t.Annotated[int, "unit"], 5, 5),
        (t.Any, {"a": 1}, {"a": 1}),
        (object, [1], [1]),
        (None, 3, 3),
        (int | str, 5, 5),
        (int | str, "5", "5"),
        (float | str, 5.5, 5.5),
        (float | int, 5, 5),
        (str | list[str], ["a"], ["a"]),
        (t.Optional[float], None, None),  # noqa: UP045 (another form of a union)
        (dt.date | str, "2026-01-02", dt.date(2026, 1, 2)),
        (dt.date | str, "soon", "soon"),
        (Item | None, {"sku": "a"}, Item("a")),
        (Item | None, None, None),
        (Item | Place, {"city": "Ulm", "code": 7}, Place("Ulm", 7)),
        (Plan | Street, {"city": "Ulm", "code": 7}, Street("Ulm", 7)),
        (Street | Plan, {"city": "Ulm", "street": ""}, Street("Ulm")),
        (list, [1, "a"], [1, "a"]),
        (list[Item], [{"sku": "a", "price": 1}], [Item("a", 1.0)]),
        (Sequence[int], [1], [1]),
        (tuple[Item, ...], [{"sku": "a"}], (Item("a"),)),
        (tuple[int, str], [1, "a"], (1, "a")),
        (set[str], ["a", "a"], {"a"}),
        (frozenset[int], [1], frozenset({1})),
        (dict, {"a": 1}, {"a": 1}),
        (dict[str, Item], {"k": {"sku": "a"}}, {"k": Item("a")}),
        (Mapping[Size, int], {"s": 1}, {Size.SMALL: 1}),
        (Place, {"city": "Ulm", "other": 1}, Place("Ulm")),
        (Options, {"gift": True, "other": 1}, {"gift": True}),
        (Point, [1, 2], Point(1.0, 2.0)),
        (Point, {"x": 1}, Point(1.0)),
        (
            Bundle,
            {"items": [], "parent": {"items": [{"sku": "a"}]}},
            Bundle([], Bundle([Item("a")])),
        ),
        ("Item", {"sku": "a"}, Item("a")),
    ],
)
def test_a_value_that_fits_is_read(hint: t.Any, value: t.Any, expected: t.Any) -> None:
    """Each type has the one Python value that the JSON value stands for."""
    found = read(hint, value)

    assert found == expected
    assert type(found) is type(expected)


@for_each(
    ("hint", "value", "reason"),
    [
        (str, 5, "a number, not str"),
        (str, None, "null, not str"),
        (int, 5.0, "a number, not int"),
        (int, True, "a boolean, not int"),
        (int, "5", "text, not int"),
        (float, "1.5", "text, not float"),
        (float, True, "a boolean, not float"),
        (float, 2**53 + 1, "a number, not float"),
        (bool, 1, "a number, not bool"),
        (bool, "true", "text, not bool"),
        (Decimal, "NaN", "text, not Decimal"),
        (Decimal, "1_000", "text, not Decimal"),
        (Decimal, " 1", "text, not Decimal"),
        (Decimal, True, "a boolean, not Decimal"),
        (dt.date, "2026-13-01", "text, not date"),
        (dt.date, "2026-01-02T00:00:00", "text, not date"),
        (dt.datetime, "2026-01-02", "text, not datetime"),
        (dt.datetime, 1767225600, "a number, not datetime"),
        (UUID, "7c6e5b0b", "text, not UUID"),
        (Color, "blue", "text, not a value of Color"),
        (Color, True, "a boolean, not a value of Color"),
        (Color, ["red"], "a list, not a value of Color"),
        (t.Literal["a", 1], True, "a boolean, not one of its literals"),
        (t.Literal["a"], ["a"], "a list, not one of its literals"),
        (int | str, 5.5, "a number, not int or str"),
        (int | None, "5", "text, not int"),
        (list[str], "abc", "text, not a list"),
        (list[str], {"a": 1}, "an object, not a list"),
        (tuple[int, str], [1], "a list of another length than 2"),
        (set[t.Any], [[1]], "items that a set cannot hold"),
        (dict[str, int], [["a", 1]], "a list, not an object"),
        (Item, "sku", "text, not an object"),
        (Options, [], "a list, not an object"),
        (Point, "ab", "text, not an object"),
        (Point, [1, 2, 3], "a list of another length than Point"),
    ],
)
def test_a_value_that_does_not_fit_is_not_converted(
    hint: t.Any, value: t.Any, reason: str
) -> None:
    """The reason names the kind of the value and the type, and never the value."""
    with pytest.raises(InvalidValueError) as caught:
        read(hint, value)

    assert (caught.value.path, caught.value.reason) == ("x", reason)


@pytest.mark.parametrize(
    ("hint", "value", "path"),
    [
        (list[Item], [{"sku": "a"}, {"sku": "b", "price": "1.5"}], "x[].price"),
        (list[Item], [{}], "x[].sku"),
        (dict[str, list[int]], {"secret": ["a"]}, "x[][]"),
        (Bundle, {"items": [], "parent": {"items": 1}}, "x.parent.items"),
        (tuple[int, Item], [1, {"sku": 1}], "x[].sku"),
    ],
)
def test_a_misfit_names_its_place_without_keys_of_the_data(
    hint: t.Any, value: t.Any, path: str
) -> None:
    """The number of paths is bounded by the classes, whatever Braze sends."""
    with pytest.raises(InvalidValueError) as caught:
        read(hint, value)

    assert caught.value.path == path


class Plain:
    """A class that nothing describes."""


@pytest.mark.parametrize(
    "hint",
    [
        bytes,
        complex,
        dt.timedelta,
        Plain,
        type,
        t.Callable[[], int],
        t.TypeVar("T"),
        list[bytes],
        dict[str, Plain],
        dict[int, str],
        dict[tuple[str, ...], str],
        dict[Item, str],
        int | Plain,
        t.Literal[b"a"],
        enum.Enum("Opaque", {"A": Plain()}),
        attrs.make_class("Inner", {"y": attrs.field(type=bytes)}),
    ],
    ids=str,
)
def test_a_type_that_no_json_value_fits_is_an_error_while_wiring(
    hint: t.Any,
) -> None:
    """The error names the class, the field and what to use instead."""
    cls = bh.custom_event("E")(attrs.make_class("C", {"x": attrs.field(type=hint)}))

    with pytest.raises(TypeError, match=r"(C\.x|Inner\.y) .*Use") as caught:
        bh.Mappers().maps_custom(cls)(lambda c: None)

    assert "convert in the mapper" in str(caught.value)


def test_a_converter_of_the_class_reads_a_type_of_its_own() -> None:
    """
    The converter of an attrs field gets the JSON value if the type is a team's own.
    """
    field = attrs.field(type=Plain, converter=lambda value: Plain())
    cls = attrs.make_class("C", {"x": field})

    assert isinstance(reader_of(cls)({"x": 1}).x, Plain)


def test_a_validator_makes_a_misfit() -> None:
    """What a class itself does not accept does not fit it."""
    field = attrs.field(type=int, validator=attrs.validators.gt(0))
    cls = attrs.make_class("C", {"x": field})

    with pytest.raises(InvalidValueError, match="C raises ValueError"):
        reader_of(cls)({"x": 0})


def test_a_type_that_is_not_defined_is_an_error_of_the_transformer() -> None:
    """A class may be defined below its mapper; it has to be there when all is wired."""
    cls = attrs.make_class("C", {"x": attrs.field(type="Nowhere")})
    mappers = bh.DEFAULT_MAPPERS.add(bh.custom_event("E")(cls), lambda c: None)

    with pytest.raises(TypeError, match=r"a field of C .*Nowhere"):
        bh.Transformer(mappers)


@given(json_values() | st.from_regex(r"\A[-0-9eE.:TZ+ ]{1,30}\Z"))
def test_any_json_value_fits_or_is_a_misfit(value: t.Any) -> None:
    """No JSON value makes reading raise anything else."""
    hints: list[t.Any] = [
        *(str, int, float, bool, Decimal, dt.datetime, dt.date, dt.time, UUID, Color),
        *(Item, Bundle, Place, Options, Point, list[Item], dict[str, Item], set[str]),
        *(int | str | None, t.Literal["a", 1], tuple[int, ...], Item | Place),
    ]
    for hint in hints:
        with contextlib.suppress(InvalidValueError):
            read(hint, value)


@attrs.define
class AllOptional:
    note: str = ""


def test_properties_that_are_no_object_do_not_become_an_empty_instance() -> None:
    """A class without required fields takes no properties, and nothing else."""
    cls = bh.custom_event("E")(AllOptional)
    mappers = bh.DEFAULT_MAPPERS.add(cls, lambda c: bh.HeapEvent("Typed"))
    transformer = bh.Transformer(mappers)
    without = transformer.transform(make_raw(CustomEvent, name="E"))
    damaged = transformer.transform(
        make_raw(CustomEvent, name="E", custom_properties="[1")
    )

    assert [call.to_dict()["event"] for call in without.calls] == ["Typed"]
    assert [call.to_dict()["event"] for call in damaged.calls] == ["Braze Custom E"]
    assert damaged.invalid == {("AllOptional", "", "text, not an object"): 1}


def test_a_dataclass_may_take_more_than_its_fields() -> None:
    """Its own ``__init__`` may have ``*args`` and ``**more``, which are no fields."""

    @dataclasses.dataclass
    class Line:
        sku: str

        def __init__(self, sku: str, *args: object, **more: object) -> None:
            self.sku = sku

    assert reader_of(Line)({"sku": "a"}) == Line("a")
