"""
What type checkers must accept, and what they must refuse. Read by two of them.

A ``type: ignore`` that is not needed is an error, so each one proves a refusal.
"""

from collections.abc import Callable
from typing import Any, Literal, assert_type

import braze_heap as bh
from braze_heap.arrow import transform_rows
from braze_heap.events import (
    CatalogEntry,
    Category,
    EmailClick,
    EmailOpen,
    HasCampaign,
    PushOpen,
)

click = EmailClick(id="1", time=1, link_alias="hero")
assert_type(click.link_alias, str | None)
assert_type(click.is_amp, bool | None)
assert_type(click.suspected_bot_click_reason, list[str] | None)
assert_type(click.id, str)
assert_type(bh.parse_event({}), bh.CurrentsEvent)
assert_type(bh.EVENT_TYPES["x"], type[bh.CurrentsEvent])
assert_type(bh.events.catalog()["x"], CatalogEntry)
assert_type(bh.events.catalog_entry(EmailClick).category, Category | None)
assert_type(bh.events.catalog_entry(EmailClick).channel, str | None)

config = bh.TransformConfig(local_time=True)
assert_type(config.local_time, bool)
assert_type(config.identity_prefix, str)
assert_type(config.nested, Literal["flatten", "json", "drop"])
assert_type(bh.HeapSink("11", region="eu"), bh.HeapSink)
assert_type(bh.Transformer(bh.DEFAULT_MAPPERS, nested="json"), bh.Transformer)

EmailClick(id="1")  # type: ignore[call-arg]
EmailClick(id="1", time=1, link_alias=5)  # type: ignore[arg-type]
EmailClick(id="1", time=1, no_such_field="x")  # type: ignore[call-arg]
_ = click.no_such_field  # type: ignore[attr-defined]


class KakaoSend(
    HasCampaign, event_type="users.messages.kakao.Send", channel="kakao", action="send"
): ...


class KakaoOpen(
    HasCampaign,
    event_type="users.messages.kakao.Open",
    category="messages",  # type: ignore[arg-type]
): ...


class KakaoRead(HasCampaign, event_type="x.Read", chanel="x"): ...  # type: ignore[call-arg]


mappers = bh.Mappers()


@mappers.maps(EmailClick)
def for_clicks(event: EmailClick) -> bh.HeapEvent:
    return bh.HeapEvent("Click", {"link": event.link_alias})


@mappers.maps(EmailClick, PushOpen)
def for_either(event: EmailClick | PushOpen) -> bh.HeapEvent:
    return bh.HeapEvent("Engaged", {"campaign": event.campaign_name})


@mappers.maps(EmailClick, PushOpen)
def for_a_group(event: HasCampaign) -> None:
    return None


@mappers.maps("users.messages.kakao.Send")
def for_a_name(event: bh.UnknownEvent) -> bh.HeapEvent:
    return bh.HeapEvent(event.event_type)


@mappers.maps(EmailClick)  # type: ignore[arg-type]
def for_another_class(event: EmailOpen) -> bh.HeapEvent:
    return bh.HeapEvent("Open")


@mappers.maps(EmailClick)  # type: ignore[type-var]
def without_a_payload(event: EmailClick) -> str:
    return "click"


still_a_function: Callable[[EmailClick], bh.HeapEvent] = for_clicks


class DuckTable:
    """Exports Arrow, and is not iterable, as a relation of DuckDB."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> Any: ...


transform_rows(DuckTable(), bh.Transformer())
transform_rows(5, bh.Transformer())  # type: ignore[arg-type]
