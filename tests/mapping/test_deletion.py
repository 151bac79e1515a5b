"""Deletions: they reach the right user, or are an error; never skipped in silence."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import braze_heap as bh
from braze_heap.events import EmailClick, UserDeleteRequest
from braze_heap.heap.calls import DeleteUser
from braze_heap.results import TransformResult
from braze_heap.testing import make_raw
from braze_heap.testing.fake_heap import FakeHeap

DELETION = "users.UserDeleteRequest"
BRAZE_ID = "0123456789abcdef01234567"
KNOWN = {BRAZE_ID: "cust-21"}


def identity_in_heap(request: UserDeleteRequest) -> str | None:
    """Return the identity that a team stored for a Braze id."""
    return KNOWN.get(request.user_id or "")


def deletion(user_id: str = BRAZE_ID) -> dict[str, Any]:
    """Return a request as it is in storage."""
    return make_raw(DELETION, form="storage", user_id=user_id) | {
        "event_type": DELETION
    }


def transformed(**options: Any) -> TransformResult:
    return bh.Transformer(deletions=True, **options).transform([deletion()])


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"identity": "external_user_id"},
        {"identity": bh.first_of("external_user_id", "device_id", prefix="device:")},
    ],
)
def test_deletions_without_an_identity_are_an_error(options: dict[str, Any]) -> None:
    """A request has only Braze's id: another identity could never be deleted."""
    with pytest.raises(ValueError, match=r"cannot delete anybody.*delete_identity"):
        bh.Transformer(deletions=True, **options)


@pytest.mark.parametrize(
    ("options", "identity"),
    [
        ({"identity": "user_id"}, BRAZE_ID),
        (
            {"identity": bh.first_of("external_user_id", "user_id", prefix="braze:")},
            f"braze:{BRAZE_ID}",
        ),
        ({"identity": lambda event: f"b:{event.user_id}"}, f"b:{BRAZE_ID}"),
        ({"delete_identity": identity_in_heap}, "cust-21"),
        ({"identity": "user_id", "delete_identity": identity_in_heap}, "cust-21"),
    ],
)
def test_a_deletion_reaches_the_user_of_the_events(
    options: dict[str, Any], identity: str
) -> None:
    """The identity is that of the events, or the one that ``delete_identity`` gives."""
    assert transformed(**options).calls == [DeleteUser(identity)]


@pytest.mark.parametrize("exclude", [DELETION, "users.*", "user", UserDeleteRequest])
def test_deletions_that_are_excluded_are_an_error(exclude: Any) -> None:
    """A selection cannot remove the deletions that another option enables."""
    with pytest.raises(ValueError, match=r"exclude removes users\.UserDeleteRequest"):
        bh.Transformer(deletions=True, identity="user_id", exclude=[exclude])


def test_deletions_without_a_mapper_are_an_error() -> None:
    """A registry without a mapper for the requests would skip each of them."""
    mappers = bh.MapperRegistry().add(EmailClick, bh.declare("Click"))
    skipping = mappers.add(UserDeleteRequest, lambda request: None)

    with pytest.raises(ValueError, match=r"users\.UserDeleteRequest has no mapper"):
        bh.Transformer(mappers, identity="user_id", deletions=True)
    assert bh.Transformer(skipping, identity="user_id", deletions=True)


def test_delete_identity_without_deletions_is_an_error() -> None:
    """It would have no effect."""
    with pytest.raises(ValueError, match="no effect without deletions=True"):
        bh.Transformer(delete_identity=identity_in_heap)


@pytest.mark.parametrize(
    "options",
    [
        {"include": [EmailClick]},
        {"include": bh.ENGAGEMENT, "exclude": [EmailClick]},
        {"sample": {"*": 0.0}},
        {"user_properties": "none"},
        {"suppress": {"cust-21", BRAZE_ID}},
        {"suppress": lambda identity: True},
        {"machines": "drop"},
    ],
)
def test_no_other_policy_stops_a_deletion(options: dict[str, Any]) -> None:
    """Selection, sample and suppression are about events and user properties alone."""
    result = transformed(delete_identity=identity_in_heap, **options)

    assert result.calls == [DeleteUser("cust-21")]
    assert not result.skipped


@pytest.mark.parametrize("given", [None, "", " ", "null", "x" * 256, 1.5])
@pytest.mark.parametrize("option", ["identity", "delete_identity"])
def test_a_deletion_without_a_usable_identity_is_dead_lettered(
    option: str, given: Any
) -> None:
    """It is rejected, so that somebody looks; it is never skipped."""
    result = transformed(**{option: lambda _: given})

    assert (result.calls, result.skipped) == ([], [])
    (rejected,) = result.rejected
    expected = "identity_too_long" if given == "x" * 256 else "bad_identity"
    assert rejected.reason == expected


@pytest.mark.parametrize("option", ["identity", "delete_identity"])
def test_a_missing_identity_is_named_in_the_reason(option: str) -> None:
    """The reason is ``bad_identity``, and the detail is about the user to delete."""
    (rejected,) = transformed(**{option: lambda _: None}).rejected

    assert rejected.reason == "bad_identity"
    assert "of the user to delete" in rejected.detail


def test_a_lookup_that_is_down_decides_nothing() -> None:
    """A `DeliveryError` of ``delete_identity`` means to send the batch again."""

    def down(_: UserDeleteRequest) -> str:
        raise bh.DeliveryError

    with pytest.raises(bh.DeliveryError):
        transformed(delete_identity=down)


def test_a_lookup_that_fails_is_dead_lettered() -> None:
    """Any other error keeps the request, with its reason."""
    result = transformed(delete_identity=lambda request: {}[request.user_id])

    assert len(result.rejected) == 1
    assert not result.skipped


@pytest.mark.parametrize("wrong", ["user_id", 5, lambda: None])
def test_delete_identity_is_a_function_of_a_request(wrong: Any) -> None:
    """Anything else is an error when the transformer is made."""
    with pytest.raises(TypeError, match="delete_identity"):
        bh.Transformer(deletions=True, delete_identity=wrong)


def test_without_the_option_a_request_is_an_event() -> None:
    """Nobody is deleted by default."""
    (call,) = bh.Transformer(identity="user_id").transform([deletion()]).calls

    assert isinstance(call, bh.Track)


def send(
    heap: FakeHeap, path: Path, events: list[Any], suppress: Callable[[str], bool]
) -> bh.Report:
    """Send *events* to *heap* as a team with deletions does."""
    transformer = bh.Transformer(
        deletions=True, delete_identity=identity_in_heap, suppress=suppress
    )
    sink = bh.HeapSink("11", base_url=heap.url, allow_http=True, api_key="secret")
    with bh.SqliteDeadLetter(path) as dead_letter, sink:
        return bh.Pipeline(transformer, sink, dead_letter).run(events)


def test_a_deleted_user_stays_deleted_with_suppress(tmp_path: Path) -> None:
    """A later event makes a new user in Heap, unless the identity is suppressed."""
    deleted: set[str] = set()
    path = tmp_path / "dead.db"
    click = make_raw(EmailClick, id="early", external_user_id="cust-21")
    late = make_raw(EmailClick, id="late", external_user_id="cust-21")
    later = make_raw(EmailClick, id="later", external_user_id="cust-21")

    with FakeHeap() as heap:
        send(heap, path, [click, deletion()], deleted.__contains__)
        after_deletion = dict(heap.events)
        send(heap, path, [late], deleted.__contains__)
        new_user = dict(heap.events)
        deleted.add("cust-21")
        report = send(heap, path, [later, deletion()], deleted.__contains__)

    assert after_deletion == {}
    assert new_user.keys() == {"late"}
    assert heap.events == {}
    assert report.skipped_by_reason == {"suppressed": 1}
    assert report.delivered == 1
