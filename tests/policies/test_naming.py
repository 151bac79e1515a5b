"""Checks of new names, when a transformer is made."""

import warnings
from typing import Any

import pytest

import braze_heap as bh
from braze_heap.events import CustomEvent
from braze_heap.testing import make_event


def warnings_of(naming: bh.Naming, **options: Any) -> list[str]:
    """Return the warnings of a transformer with these options."""
    with warnings.catch_warnings(record=True, action="always") as caught:
        bh.Transformer(naming=naming, **options)
    return [str(warning.message) for warning in caught]


@pytest.mark.parametrize(
    "naming",
    [
        bh.Naming("type", event_renames={"Braze Email Click": "x"}),
        bh.Naming("action", event_renames={"Braze Email Click": "x"}),
        bh.Naming(event_prefix="", event_renames={"Braze Email Click": "x"}),
        bh.Naming(event_renames={"Braze Email Click Twice": "x"}),
    ],
)
def test_a_new_name_for_an_event_that_the_style_names_otherwise_warns(
    naming: bh.Naming,
) -> None:
    """It would never be applied."""
    (warning,) = warnings_of(naming)

    assert "event_renames: no event is called 'Braze Email Click" in warning


@pytest.mark.parametrize(
    "name", ["Braze Custom Cart", "Braze users.messages.fax.Send", "Braze Email Click"]
)
def test_custom_events_and_new_event_types_can_be_renamed(name: str) -> None:
    """Their names are not known in advance."""
    assert warnings_of(bh.Naming(event_renames={name: "x"})) == []


@pytest.mark.parametrize("prefix", ["Shop ", ""])
def test_custom_events_behind_a_prefix_of_their_own_can_be_renamed(prefix: str) -> None:
    """The prefix of Braze's events says nothing about them."""
    renames = {f"{prefix}Signed Up": "Registration"}
    naming = bh.Naming(custom_event_prefix=prefix, event_renames=renames)

    assert warnings_of(naming) == []


@pytest.mark.parametrize(
    ("nested", "name", "hint"),
    [
        ("flatten", "custom_properties", "Write custom_properties.<key>"),
        ("json", "custom_properties.a", "Write custom_properties"),
    ],
)
def test_a_new_name_for_an_object_fits_the_form_of_objects(
    nested: Any, name: str, hint: str
) -> None:
    """Flattened, only its parts are properties; as JSON, only the whole."""
    (warning,) = warnings_of(bh.Naming(property_renames={name: "x"}), nested=nested)

    assert warning == (
        f"property_renames: with nested={nested!r} no property is called {name!r}. "
        f"{hint}"
    )


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("channel", {"derived_properties": ["action"]}),
        ("local_hour", {}),
        ("sample_rate", {}),
    ],
)
def test_a_new_name_for_a_property_that_is_turned_off_warns(
    name: str, options: dict[str, Any]
) -> None:
    """No event has the property."""
    (warning,) = warnings_of(bh.Naming(property_renames={name: "x"}), **options)

    assert f"no property is called {name!r}" in warning


def test_user_properties_and_derived_ones_of_a_team_can_be_renamed() -> None:
    """Their names are not known in advance, and need not resemble others."""
    names = ["braze_random_bucket_number", "braze_custom_attributes.tags", "url_host"]
    naming = bh.Naming(property_renames={name: name.upper() for name in names})

    assert warnings_of(naming, derive=lambda event, payload: {"url_host": "a"}) == []


@pytest.mark.parametrize("new", ["id", "Id", "user_id"])
def test_a_user_property_cannot_get_a_name_that_heap_reserves(new: str) -> None:
    """Heap would reject each statement."""
    naming = bh.Naming(property_renames={"braze_random_bucket_number": new})

    with pytest.raises(ValueError, match="Heap does not accept"):
        bh.Transformer(naming=naming)


@pytest.mark.parametrize(
    "name", ["braze_first_session_at", "braze_app_a1_first_session_at"]
)
def test_the_time_of_a_first_session_keeps_the_end_of_its_name(name: str) -> None:
    """The end of the name decides that the earliest value wins."""
    with pytest.raises(ValueError, match="must end with 'braze_first_session_at'"):
        bh.Transformer(naming=bh.Naming(property_renames={name: "first_seen"}))

    assert warnings_of(bh.Naming(property_renames={name: f"ios_{name}"})) == []
    call = bh.AddUserProperties("cust-1", {}, time=5.0, event_id="e")
    assert call.order(f"ios_{name}") == (-5.0, "e")


@pytest.mark.parametrize(
    ("renames", "pair"),
    [
        ({"price": "item", "product_id": "item"}, "'price' and 'product_id'"),
        ({"link_alias": "url"}, "'link_alias' and 'url'"),
        ({"campaign_id": "from", "canvas_id": "from"}, "'campaign_id' and 'canvas_id'"),
    ],
)
def test_one_name_for_two_properties_of_an_event_warns_once(
    renames: dict[str, str], pair: str
) -> None:
    """One of them gets a number, so the type of the property varies."""
    (found,) = warnings_of(bh.Naming(property_renames=renames))

    assert f"{pair} both become" in found


@pytest.mark.parametrize(
    ("options", "flaw"),
    [
        ({"exclude": "Purchase", "sample": {"Purchase": 0.5}}, "sample has no effect"),
        ({"include": "Purchase", "sample": {"Email*": 0.5}}, "sample has no effect"),
        ({"ecommerce": True, "exclude": "CustomEvent"}, "CustomEvent is skipped"),
        (
            {"ecommerce": True, "personal_data": {"custom_properties": "drop"}},
            "custom_properties is not kept",
        ),
    ],
)
def test_an_option_that_another_one_cancels_warns(
    options: dict[str, Any], flaw: str
) -> None:
    """A file of options may be used with a narrower choice of events."""
    (warning,) = warnings_of(bh.Naming(), **options)

    assert flaw in warning


def test_a_deletion_by_a_mapper_is_rejected_while_deletions_are_off() -> None:
    """The event can be replayed when they are on."""
    mappers = bh.Mappers()
    mappers.maps(CustomEvent)(lambda event: bh.HeapUserDeletion())
    event = make_event(CustomEvent).to_raw()

    result = bh.Transformer(mappers).transform([event])

    assert [r.reason for r in result.rejected] == [bh.Reason.MAPPER_ERROR]
    assert "pass deletions=True" in result.rejected[0].detail
    deleting = bh.Transformer(
        bh.DEFAULT_MAPPERS | mappers, deletions=True, identity="user_id"
    )
    (call,) = deleting.transform([event]).calls
    assert isinstance(call, bh.DeleteUser)


@pytest.mark.parametrize(
    "options",
    [
        {"event_prefix": "x" * 501},
        {"event_prefix": "\U0001f600" * 251},
        {"property_prefix": "x" * 501},
        {"custom_event_prefix": "x" * 501},
        {"event_renames": {"a": "x" * 1024}},
        {"property_renames": {"a": "x" * 1024}},
    ],
)
def test_names_that_would_be_truncated_are_an_error(options: dict[str, Any]) -> None:
    """Many names with one long beginning would become one name in Heap."""
    (name, value), *_ = options.items()
    with pytest.raises(ValueError, match=rf"^{name} .* UTF-16 units"):
        bh.Naming(**options)

    shorter = {"a": "x" * 1023} if isinstance(value, dict) else value[:-1]
    bh.Naming(**{name: shorter})
