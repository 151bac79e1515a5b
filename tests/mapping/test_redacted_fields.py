"""Mappers that read a redacted field: an error where it is known, else ``None``."""

import re
import warnings
from typing import Any

import attrs
import pytest

import braze_heap as bh
from braze_heap.events import (
    CustomEvent,
    EmailBounce,
    EmailClick,
    EmailEvent,
    Location,
    SurveyResponse,
)
from braze_heap.testing import make_event

KEY = b"only for the tests"
URL = "https://user@shop.example/a?utm_source=mail&token=secret#top"


def registry(key: Any, field: str) -> bh.MapperRegistry:
    return bh.DEFAULT_MAPPERS.override(key, bh.declare("Own", {"value": field}))


@pytest.mark.parametrize(
    ("key", "field", "options"),
    [
        (EmailClick, "email_address", {}),
        ("users.messages.email.Click", "external_user_id", {}),
        (EmailEvent, "email_address", {}),
        (EmailBounce, "bounce_reason", {"personal_data": {"email_address": "keep"}}),
        (EmailClick, "link_alias", {"personal_data": {"link_alias": "drop"}}),
        (SurveyResponse, "device_id", {}),
        ("users.acme.New", "external_user_id", {}),
        (
            Location,
            "longitude",
            {"personal_data": bh.PersonalData("hash", key=KEY)},
        ),
    ],
)
def test_declared_mapper_of_a_redacted_field_is_an_error(
    key: Any, field: str, options: dict[str, Any]
) -> None:
    """It could never send its property, so no transformer is made with it."""
    if key == "users.acme.New":
        warnings.simplefilter("ignore", UserWarning)  # that no class has the type
    text = re.escape(f"declare('Own') reads {field}, which is redacted from ")
    with pytest.raises(ValueError, match=text):
        bh.Transformer(registry(key, field), **options)


@pytest.mark.parametrize(
    ("key", "field", "options"),
    [
        (EmailClick, "link_alias", {}),
        (EmailClick, "device_id", {}),
        (EmailClick, "email_address", {"personal_data": "keep"}),
        (EmailClick, "email_address", {"personal_data": {"email_address": "keep"}}),
        (EmailClick, "email_address", {"exclude": [EmailClick]}),
        (
            EmailClick,
            "email_address",
            {"personal_data": bh.PersonalData("hash", key=KEY)},
        ),
    ],
)
def test_declared_mapper_of_a_field_that_is_sent_is_accepted(
    key: Any, field: str, options: dict[str, Any]
) -> None:
    """A field that is kept or hashed has a value; an excluded type has no mapping."""
    assert bh.Transformer(registry(key, field), **options)


def test_declared_mapper_that_another_one_replaces_is_accepted() -> None:
    """Only the mapper that decides about a type is checked for it."""
    mappers = registry(EmailEvent, "email_address")
    for cls in (c for c in bh.EVENT_TYPES.values() if issubclass(c, EmailEvent)):
        mappers = mappers.override(cls, bh.declare("Replaced"))

    assert bh.Transformer(mappers)


def test_declared_mapper_of_a_redacted_custom_property_is_an_error() -> None:
    """The typed class of a custom event declares the property, a policy redacts it."""

    @bh.custom_event("Signed Up")
    @attrs.define
    class SignedUp:
        email: str | None = None

    mappers = bh.DEFAULT_MAPPERS.add(SignedUp, bh.declare("Own", {"value": "email"}))
    policy = {"custom_properties.email": "drop"}

    assert bh.Transformer(mappers)
    with pytest.raises(ValueError, match=r"reads custom_properties\.email, which is"):
        bh.Transformer(mappers, personal_data=policy)


def test_a_function_gets_none_for_a_redacted_field() -> None:
    """Nobody knows what a function reads, so it is not an error."""
    seen: list[Any] = []
    mappers = bh.Mappers()

    @mappers.maps(EmailClick)
    def click(event: EmailClick) -> bh.HeapEvent:
        seen.append(event.email_address)
        return bh.HeapEvent("Click")

    event = make_event(EmailClick, email_address="a@example.com")
    bh.Transformer(mappers).transform([event])

    assert seen == [None]


def test_make_event_gives_the_event_that_a_mapper_gets() -> None:
    """Its personal fields are redacted, and its URLs are clean."""
    fields = {"email_address": "a@example.com", "url": URL, "link_alias": "hero"}

    plain = make_event(EmailClick, **fields)
    seen = make_event(EmailClick, transformer=bh.Transformer(), **fields)
    kept = make_event(
        EmailClick,
        transformer=bh.Transformer(personal_data="keep", url_parameters=["*"]),
        **fields,
    )

    assert (plain.email_address, plain.url) == ("a@example.com", URL)
    assert (seen.email_address, seen.external_user_id) == (None, None)
    assert seen.url == "https://shop.example/a?utm_source=mail"
    assert seen.link_alias == "hero"
    assert kept.email_address == "a@example.com"


def test_make_event_guards_custom_properties() -> None:
    """
    Text under a personal name is gone, unless a typed class that fits declares it.
    """

    @bh.custom_event("Signed Up")
    @attrs.define
    class SignedUp:
        email: str

    mappers = bh.DEFAULT_MAPPERS.add(SignedUp, bh.declare("Own", {"value": "email"}))
    properties = {"email": "a@example.com", "phone": "+1555", "plan": "pro"}

    guarded = make_event(
        CustomEvent, custom_properties=properties, transformer=bh.Transformer()
    )
    declared = make_event(
        CustomEvent,
        name="Signed Up",
        custom_properties=properties,
        transformer=bh.Transformer(mappers),
    )

    invalid = make_event(
        CustomEvent,
        name="Signed Up",
        custom_properties={"email": ["a@example.com"]},
        transformer=bh.Transformer(mappers),
    )

    assert invalid.custom_properties == {}
    assert guarded.custom_properties == {"plan": "pro"}
    assert declared.custom_properties == {"email": "a@example.com", "plan": "pro"}
    assert properties["phone"] == "+1555"


def test_make_event_sees_what_the_mapper_of_the_transformer_sees() -> None:
    """The event equals the one that a mapper gets when the transformer maps it."""
    got: list[EmailClick] = []
    mappers = bh.Mappers()

    @mappers.maps(EmailClick)
    def click(event: EmailClick) -> None:
        got.append(event)

    transformer = bh.Transformer(
        mappers, personal_data=bh.PersonalData("hash", key=KEY)
    )
    fields = {"email_address": "a@example.com", "url": URL, "user_agent": "x"}
    transformer.transform([make_event(EmailClick, **fields)])

    assert got == [make_event(EmailClick, transformer=transformer, **fields)]


def test_make_event_needs_a_transformer() -> None:
    """Mappers alone have no policies."""
    with pytest.raises(TypeError, match="make_event needs a Transformer, not a Mappe"):
        make_event(EmailClick, transformer=bh.DEFAULT_MAPPERS)  # type: ignore[arg-type]
