import json
import sys
from pathlib import Path
from typing import Any

import pytest

from braze_heap.testing import make_raw
from tests.cli.conftest import Run, click_event


def explain(run: Run, event: Any, *words: str) -> str:
    """Return what is explained of *event*."""
    shown = run("explain", "-", *words, stdin=json.dumps(event).encode())
    assert shown.exit_code == 0, shown.output
    return shown.stdout


def test_every_step_is_told(run: Run) -> None:
    """From the form of the event to the call."""
    shown = explain(run, click_event())

    assert "form   HTTP form" in shown
    assert "class  EmailClick: Someone, or a link scanner, followed a link" in shown
    assert "link_alias        string  hero" in shown
    assert "the mapper for users.messages.email.Click" in shown
    assert "The most specific mapper wins" in shown
    assert (
        "Redacted\n  email_address\n  external_user_id  sent only as the identity\n"
        in shown
    )
    assert '"event": "Braze Email Click"' in shown


@pytest.mark.parametrize("personal_data", ["drop", "keep"])
def test_personal_values_are_masked(run: Run, personal_data: str) -> None:
    """In the fields as well as in the call, unless one asks for them."""
    event = click_event(user={"external_user_id": "cust-1", "email_address": "e@x.org"})
    event["properties"] |= {"gender": 5, "url": "https://x.org/secret@example.com"}
    words = ("--personal-data", personal_data)
    hidden = explain(run, event, *words)
    shown = explain(run, event, *words, "--show-values")

    for value in ("secret@example.com", "cust-1", "e@x.org"):
        assert value not in hidden
        assert value in shown
    assert '"identity": "cust-1"' in shown


@pytest.mark.parametrize("options", ["", 'custom_fields = "send"', 'nested = "json"'])
def test_what_is_redacted_by_default_is_masked(
    run: Run, tmp_path: Path, options: str
) -> None:
    """In objects and links too, before and after, also if the policies send it."""
    config = tmp_path / "config.toml"
    config.write_text(f'[transform]\nurl_parameters = ["*"]\n{options}', "utf-8")
    own = {"email": "jane@example.com", "link": "https://x.org/?t=k3jf9", "size": 5}
    event = make_raw("users.behaviors.CustomEvent", custom_properties=own)

    for words in ((), ("--json",)):
        hidden = explain(run, event, "--config", str(config), *words)
        assert "jane@example.com" not in hidden
        assert "k3jf9" not in hidden
    assert "size" in hidden


@pytest.mark.parametrize(
    "mapper",
    [
        'bh.declare("Click", {"address": "email_address", "alias": "link_alias"})',
        'lambda e: sent(e) if e.email_address.split("@") else None',
        'lambda e: sent(e) if e.email_address == "jane@example.com" else fail()',
    ],
)
def test_a_mapper_that_needs_personal_values_is_explained(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mapper: str
) -> None:
    """They are kept for it, and masked in what is shown."""
    (tmp_path / "own_mappers.py").write_text(
        "import braze_heap as bh\n"
        "from braze_heap.events import EmailClick\n"
        "def sent(e):\n"
        '    return bh.HeapEvent("Click", {"alias": e.link_alias})\n'
        "def fail():\n"
        "    raise bh.DeliveryError\n"
        f"registry = bh.DEFAULT_MAPPERS.override(EmailClick, {mapper})\n",
        "utf-8",
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own_mappers", raising=False)
    config = tmp_path / "c.toml"
    config.write_text('[transform.personal_fields]\nemail_address = "keep"\n', "utf-8")
    event = click_event()
    event["properties"]["email_address"] = "jane@example.com"

    words = ("--config", str(config), "--transformer", "own_mappers:registry")
    shown = explain(run, event, *words)

    assert "jane@example.com" not in shown
    assert '"alias": "hero"' in shown


def test_classes_of_the_transformer_are_explained(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transformer can read a type into a class of its own."""
    (tmp_path / "colored_clicks.py").write_text(
        "import braze_heap as bh\n"
        "from braze_heap.events import EmailClick, since\n"
        "class ColoredClick(EmailClick, event_type=EmailClick.event_type):\n"
        '    """A click, with the color of its link."""\n'
        "    link_color: str | None = since(14)\n"
        '    """Color."""\n'
        "transformer = bh.Transformer(\n"
        "    event_types=bh.EVENT_TYPES | {EmailClick.event_type: ColoredClick}\n"
        ")\n",
        "utf-8",
    )
    monkeypatch.syspath_prepend(tmp_path)
    event = click_event()
    event["properties"]["link_color"] = "red"

    shown = explain(run, event, "--transformer", "colored_clicks:transformer")

    assert "ColoredClick: A click, with the color of its link" in shown
    assert "link_color" in shown.partition("3. Mapper")[0]
    assert "Unknown" not in shown


def test_invalid_and_unknown_fields_are_named(run: Run) -> None:
    """What does not fit, and what the class does not know."""
    event = click_event(properties={"link_alias": 5, "tomorrow": "x"})
    shown = explain(run, event)

    assert "properties.link_alias is a number (int), not string" in shown
    assert "tomorrow" in shown


def test_names_that_change_are_told(run: Run) -> None:
    """A field that has another name in Heap."""
    shown = explain(run, click_event(), "--personal-data", "keep")

    assert "braze-1" not in shown
    assert "yes       braze_user_id" in shown


@pytest.mark.parametrize(
    ("amount", "mapper"),
    [
        (5, "send_ecommerce"),
        ("5", "CustomEvent: braze_heap.mappers._standard.standard"),
    ],
)
def test_mapper_of_a_typed_custom_event_is_named(
    run: Run, monkeypatch: pytest.MonkeyPatch, amount: Any, mapper: str
) -> None:
    """It is that of the class if the properties fit, else that of any custom event."""
    monkeypatch.setenv("BRAZE_HEAP_TRANSFORM__ECOMMERCE", "true")
    event = make_raw(
        "users.behaviors.CustomEvent",
        name="ecommerce.order_placed",
        custom_properties={"total_value": amount, "currency": "EUR"},
    )

    section = explain(run, event).partition("3. Mapper")[2].partition("4. Policies")[0]

    assert mapper in " ".join(section.split())


def test_event_without_a_call_has_a_reason(run: Run) -> None:
    """Skipped or rejected, and what that means."""
    anonymous = explain(run, click_event(user={}))
    broken = explain(run, click_event(time=None))

    assert "5. No call" in anonymous
    assert "no_identity  The event has no identity" in anonymous
    assert "It cannot be read as an event." in broken
    assert "  bad_time  time is missing  time is missing, not a number" in broken
    assert "time is missing" in broken


def test_records_from_storage_need_their_type(run: Run) -> None:
    """The option names it."""
    record = {"id": "1", "time": 1763900000, "external_user_id": "c-1", "name": "Order"}
    shown = explain(run, record, "--event-type", "users.behaviors.CustomEvent")

    assert "record from storage" in shown
    assert '"event": "Braze Custom Order"' in shown


def test_types_of_tomorrow_are_explained(run: Run) -> None:
    """The rule for all events covers them."""
    shown = explain(run, click_event(event_type="users.messages.kakao.Send"))

    assert "This version does not know the type" in shown
    assert "the mapper for CurrentsEvent" in shown


def test_one_event_of_a_batch_is_chosen(run: Run, batch: Path) -> None:
    """By its number, and there has to be one."""
    assert "event-2" in run("explain", batch, "-n", 2).stdout
    missing = run("explain", batch, "-n", 3)
    assert missing.exit_code == 2
    assert "has no event number 3" in missing.stderr


def test_damage_is_no_crash(run: Run) -> None:
    """Bytes that are no event are rejected with their reason."""
    shown = run("explain", "-", stdin=b"{nonsense")

    assert shown.exit_code == 0
    assert "  unreadable  stdin is unreadable" in shown.stdout
