"""Compiled functions: their names, their errors, and a policy more."""

import ast
import linecache
import logging
import shutil
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

import pytest

import braze_heap as bh
from braze_heap.events import EmailClick, JsonObject
from braze_heap.events._declare import field
from braze_heap.events._schema import schema_of
from braze_heap.mapping import _batches, _compiled
from braze_heap.policies.identity import first_of
from braze_heap.testing import make_raw
from braze_heap.wire import RawEvent
from tests.benchmarks.inputs import MIXES, OPTIONS, as_storage
from tests.mapping.oddities import generic, observed
from tests.support.for_each import for_each

PACKAGE = Path(bh.__file__).parent
ROOT = Path(__file__).parents[2]
CLICK = EmailClick.event_type


def source_of(file: str) -> str:
    """Return the generated text of a compiled function."""
    return "".join(linecache.getlines(file))


def test_a_generated_file_is_named_after_the_class() -> None:
    """Tracebacks show the class, and the lines of its function."""
    transformer = bh.Transformer(fixed_properties={"own": "file name"})
    transformer.transform(make_raw(CLICK))
    function: Any = transformer._mapping._compiled[CLICK]
    file = function.__code__.co_filename
    with pytest.raises(AttributeError) as caught:
        function("id", 1, {"external_user_id": "a"}, {"send_id": "b"}, None)

    assert file.startswith("<braze_heap mapping of EmailClick")
    assert "def map_event(" in source_of(file)
    shown = "".join(traceback.format_exception(caught.value))
    assert f'File "{file}"' in shown
    assert "batch.result" in shown


def test_locals_are_named_after_the_fields() -> None:
    """A local variable that holds a field has its name and an underscore."""
    transformer = bh.Transformer(personal_data="keep")
    transformer.transform(make_raw("users.behaviors.Purchase"))
    function: Any = transformer._mapping._compiled["users.behaviors.Purchase"]
    fields = schema_of(bh.EVENT_TYPES["users.behaviors.Purchase"]).kinds

    tree = ast.parse(source_of(function.__code__.co_filename))

    stored = {
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    held = {name for name in stored if name.endswith("_")}
    assert {"price_", "purchase_properties_"} <= held
    assert {name.removeprefix("flat_").removesuffix("_") for name in held} <= {*fields}


def failing(*_: object) -> Any:
    """Return a compiled function with a bug."""

    def map_event(*_: object) -> Any:
        raise ZeroDivisionError

    return map_event


def test_an_error_of_a_compiled_function_is_counted_and_logged_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The generic mapping takes the events, so that nothing is lost."""
    events = [{**make_raw(CLICK), "id": f"e{number}"} for number in range(3)]
    expected = bh.Transformer().transform(events)
    monkeypatch.setattr(_batches, "RAISE_ERRORS", False)
    monkeypatch.setattr(_batches, "compile_mapping", failing)
    transformer = bh.Transformer()

    with caplog.at_level(logging.ERROR, "braze_heap"):
        results = [transformer.transform(events) for _ in range(2)]

    assert [r.compiled_errors for r in results] == [{CLICK: 3}, {CLICK: 3}]
    (record,) = caplog.records
    assert CLICK in record.getMessage()
    assert "report it" in record.getMessage()
    results[0].compiled_errors.clear()
    assert observed(results[0]) == observed(expected)


def test_an_error_of_a_compiled_function_is_raised_in_tests(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No bug is hidden by the generic mapping in the tests of the package."""
    monkeypatch.setattr(_batches, "compile_mapping", failing)

    with pytest.raises(ZeroDivisionError):
        bh.Transformer().transform(make_raw(CLICK))


@for_each("event_type", sorted(bh.EVENT_TYPES))
def test_usual_events_of_shipped_mappers_do_not_need_the_generic_mapping(
    event_type: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A complete event is mapped by its compiled function, in each wire form."""
    transformer = bh.Transformer(identity=lambda _: "somebody", deletions=True)
    if transformer._mapping._compiled[event_type] is None:
        assert event_type in NOT_COMPILED
        return
    monkeypatch.setattr(transformer._mapping.generic, "map", failing())
    raw, record = make_raw(event_type), make_raw(event_type, form="storage")
    read = bh.wire.RawEvent(record, event_type)

    for item in (raw, read, bh.parse_event(raw)):
        assert transformer.transform([item]).calls


@pytest.mark.parametrize("name", OPTIONS)
def test_an_option_does_not_need_the_generic_mapping(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Usual events stay fast under each option, also if they have an unknown field."""
    transformer = bh.Transformer(**OPTIONS[name])
    monkeypatch.setattr(transformer._mapping.generic, "map", failing())
    for event_type in sorted(bh.EVENT_TYPES.keys() - NOT_COMPILED):
        raw = make_raw(event_type)
        record = make_raw(event_type, form="storage")
        if "external_user_id" not in raw["user"]:
            continue
        longer = raw | {"properties": raw["properties"] | {"brand_new": "x"}}
        columns = schema_of(bh.EVENT_TYPES[event_type]).storage_names
        row = dict.fromkeys(columns) | record | {"brand_new": "x"}

        records = (bh.wire.RawEvent(each, event_type) for each in (record, row))
        items = (raw, longer, *records, bh.parse_event(raw))

        for item in items:
            result = transformer.transform([item])
            assert result.calls or result.skipped


def test_functions_of_a_team_get_the_whole_event_without_the_generic_mapping(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Id, time, known and unknown fields are those of the parsed event."""
    seen: list[bh.CurrentsEvent] = []

    def identity(event: bh.CurrentsEvent) -> str:
        seen.append(event)
        return f"user-{event.id}"

    def event_name(event: bh.CurrentsEvent) -> str:
        return f"{event.id} at {event.time}"

    naming = bh.Naming(event_name)
    transformer = bh.Transformer(identity=identity, naming=naming, personal_data="keep")
    monkeypatch.setattr(transformer._mapping.generic, "map", failing())
    raw = make_raw("users.behaviors.Purchase")
    raw["properties"] |= {"brand_new": "x", "newer": 5}

    (call,) = transformer.transform(raw).calls

    assert seen == [bh.parse_event(raw)]
    assert isinstance(call, bh.Track)
    assert call.event == f"Braze {raw['id']} at {raw['time']}"
    assert call.identity == f"user-{raw['id']}"


def test_the_second_field_of_an_identity_does_not_need_the_generic_mapping(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An event without an external id is usual where `first_of` has a second field."""
    identity = first_of("external_user_id", "user_id", prefix="braze:")
    transformer = bh.Transformer(identity=identity)
    monkeypatch.setattr(transformer._mapping.generic, "map", failing())
    raw = make_raw(CLICK, external_user_id=None, user_id="b1")

    (call,) = transformer.transform(raw).calls

    assert call.identity == "braze:b1"


class Visit(bh.CurrentsEvent, event_type="acme.Visit"):
    """A type of a team, with more fields of the user than those of Braze."""

    level: int | None = field(place="user")
    is_member: bool | None = field(place="user")
    tags: JsonObject | None = field(place="user")
    note: str | None = field(place="user")


@pytest.mark.parametrize("treatment", ["keep", "drop", "hash"])
def test_fields_of_the_user_have_any_type(treatment: Any) -> None:
    """They are checked and redacted as properties are."""
    names = ("level", "is_member", "tags", "note", "device_id")
    overrides = dict.fromkeys(names, treatment)
    key = b"0123456789abcdef" if treatment == "hash" else b""
    chosen = {
        "personal_data": bh.PersonalData(overrides=overrides, key=key),
        "event_types": bh.EVENT_TYPES | {"acme.Visit": Visit},
    }
    usual = {"level": 5, "is_member": True, "tags": {"a": "b"}, "note": "x"}
    users = [usual, *(usual | {name: odd} for name in names for odd in (None, 1.5))]
    events = [
        make_raw(CLICK, id=f"e{number}")
        | {"event_type": "acme.Visit", "properties": {}}
        | {"user": {"external_user_id": "a", "device_id": "d", **user}}
        for number, user in enumerate(users)
    ]

    found = bh.Transformer(**chosen).transform(events)

    assert observed(found) == observed(generic(**chosen).transform(events))


def test_storage_records_do_not_need_the_generic_mapping(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Neither with empty columns nor with one that no class knows."""
    transformer = bh.Transformer()
    monkeypatch.setattr(transformer._mapping.generic, "map", failing())
    records = [r for mix in MIXES.values() for r in as_storage(mix(0))]

    for record in records:
        if "external_user_id" not in record.value:
            continue
        longer = {"brand_new": "x", **record.value, "newer": 1.5}
        for value in (record.value, longer):
            assert transformer.transform([RawEvent(value, record.event_type)]).calls


NOT_COMPILED = {"users.UserDeleteRequest", "users.UserOrphan"}
"""Types without a standard event."""


OPTION = """\
    trial: Literal["off", "on"] = option("off", "A trial policy.")
"""
STEP = """\
    if options.trial == "on":
        constants["trial"] = "on"
"""
TWIN = """\
        if self._policies.options.trial == "on" and payload.is_standard:
            legal["trial"] = "on"
"""
EDITS = (
    ("mapping/_options.py", "    deletions: bool = option(\n", OPTION),
    ("mapping/_compiled.py", '    return {\n        "policies": policies,\n', STEP),
    ("mapping/_generic.py", "        if isinstance(payload, StandardEvent):\n", TWIN),
)
CHECKS = """
import pathlib, sys, warnings
warnings.simplefilter("ignore")
import braze_heap as bh
import subprocess
from tests.mapping import oddities
from tests.mapping.test_equality import check_equality
from braze_heap._options import types_of

pathlib.Path("trial.toml").write_text('[transform]\\ntrial = "on"')
assert bh.Config.from_file("trial.toml").transform.trial == "on"
environ = {"BRAZE_HEAP_TRANSFORM__TRIAL": "on"}
assert bh.Config.from_env(environ).transform.trial == "on"
command = [sys.executable, "-m", "braze_heap", "check", "--config", "trial.toml"]
shown = subprocess.run(command, capture_output=True, text=True).stdout
assert "trial" in shown, shown
drawn = {name for name in types_of(oddities.TransformerArguments)}
assert "trial" in drawn - oddities.VALUES.keys()
event = oddities.make_raw("users.messages.email.Click")
(call,) = bh.Transformer(trial="on").transform(event).calls
assert call.properties["trial"] == "on"
check_equality({"trial": "on"}, range(20))
print("equal")
"""


@pytest.mark.slow
@pytest.mark.parametrize("has_twin", [True, False])
def test_a_policy_is_a_declaration_a_step_and_its_generic_twin(
    has_twin: bool, tmp_path: Path
) -> None:
    """
    Configuration, command line and equality test see it without another edit. The
    equality test fails if the generic mapping forgets it.
    """
    copy = shutil.copytree(PACKAGE, tmp_path / "braze_heap")
    for file, line, more in EDITS[: 3 if has_twin else 2]:
        text = (copy / file).read_text("utf-8")
        assert text.count(line) == 1, file
        more = more.replace("payload.is_standard", "isinstance(payload, StandardEvent)")
        (copy / file).write_text(text.replace(line, f"{more}{line}"), "utf-8")
    shutil.copytree(ROOT / "tests", tmp_path / "tests")

    done = subprocess.run(
        [sys.executable, "-c", CHECKS],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    if has_twin:
        assert done.stdout == "equal\n", done.stderr
    else:
        assert "AssertionError" in done.stderr
        assert "check_equality" in done.stderr


def test_one_code_object_serves_equal_functions() -> None:
    """A second transformer with the same options compiles nothing."""
    before = _compiled._code.cache_info().misses

    for _ in range(2):
        bh.Transformer(fixed_properties={"a": 1}).transform(make_raw(CLICK))

    assert _compiled._code.cache_info().misses <= before + 1
