"""Each option is declared once, and every other place derives from the declaration."""

import inspect
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal

import attrs
import pytest

import braze_heap as bh
from braze_heap._options import doc_of, from_text, option, takes
from braze_heap.config._tables import TABLES
from braze_heap.heap import AsyncHeapSink, HeapOptions, HeapSink

PACKAGE = Path(bh.__file__).parent
DOCS = PACKAGE.parent / "docs"

TRIAL = '    trial: int = option(7, "A trial of {}.")\n'

OF_HEAP = """
import inspect, pydoc
from braze_heap.exceptions import SinkSpecError
from braze_heap.config._tables import TABLES
from braze_heap.heap import AsyncHeapSink, HeapOptions, HeapSink
from braze_heap.sinks import open_sink

assert HeapSink("11")._core.settings.trial == 7
assert AsyncHeapSink("11", trial=8)._core.settings.trial == 8
assert open_sink("heap:?app_id=11&trial=9")._core.settings.trial == 9
for spec, message in {"trail=9": "mean 'trial'", "trial=x": "trial: "}.items():
    try:
        open_sink(f"heap:?app_id=11&{spec}")
    except SinkSpecError as error:
        assert message in str(error), error
    else:
        raise AssertionError(spec)
for cls in HeapSink, AsyncHeapSink:
    assert inspect.signature(cls).parameters["trial"].default == 7
    assert "trial: A trial of the sink." in pydoc.render_doc(cls)
row = "| `trial`<br>`BRAZE_HEAP_SINK__TRIAL` | `7` | A trial of the sink. |"
cls = HeapOptions
"""

OF_TRANSFORMER = """
import inspect, pathlib, pydoc
from braze_heap import TransformConfig, Transformer
from braze_heap.config import Config, ConfigError, example

pathlib.Path("service.toml").write_text("[transform]\\ntrial = 8")
config = Config.from_file("service.toml", {}).transform
assert (TransformConfig().trial, config.trial) == (7, 8)
environ = {"BRAZE_HEAP_TRANSFORM__TRIAL": "9"}
assert Config.from_file("service.toml", environ).transform.trial == 9
try:
    Config.from_env({"BRAZE_HEAP_TRANSFORM__TRIAL": "x"})
except ConfigError as error:
    assert "TRIAL: 'x' is not a whole number" in str(error), error
else:
    raise AssertionError(environ)
assert "#trial = 7" in example()
seen = []
Transformer._seen = staticmethod(seen.append)
Transformer(trial=6)
config.transformer()
assert seen == [6, 8]
assert inspect.signature(Transformer).parameters["trial"].default == 7
assert "trial: A trial of the transformer." in pydoc.render_doc(Transformer)
assert "trial: A trial of the transformer." in pydoc.render_doc(TransformConfig)
row = "| `trial`<br>`BRAZE_HEAP_TRANSFORM__TRIAL` | `7` | A trial of the transformer. |"
cls = TransformConfig
"""

OF_PAGE = """
import sys

sys.path.insert(0, sys.argv[1])
from _ext.texts import option_rows

assert row in option_rows(cls)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "declared", "behavior", "script"),
    [
        (
            "heap/_options.py",
            ("    region: Literal", TRIAL.format("the sink")),
            None,
            OF_HEAP,
        ),
        (
            "mapping/_options.py",
            ("    nested: Nested = ", TRIAL.format("the transformer")),
            (
                "transformer.py",
                "        policies = Policies(options)\n",
                "        self._seen(options.trial)\n",
            ),
            OF_TRANSFORMER,
        ),
    ],
)
def test_one_declaration_adds_an_option_everywhere(
    file: str, declared: Any, behavior: Any, script: str, tmp_path: Path
) -> None:
    """A copy of the package gets one more declaration, and what the option does."""
    copy = shutil.copytree(PACKAGE, tmp_path / "braze_heap")
    for name, line, more in filter(None, ((file, *declared), behavior)):
        text = (copy / name).read_text("utf-8")
        assert text.count(line) == 1
        (copy / name).write_text(text.replace(line, f"{more}{line}"), "utf-8")

    done = subprocess.run(
        [sys.executable, "-c", script + OF_PAGE, str(DOCS)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "cls",
    [
        bh.AsyncPipeline,
        bh.AsyncReceiver,
        bh.Pipeline,
        bh.Receiver,
        bh.Transformer,
        AsyncHeapSink,
        HeapSink,
    ],
)
def test_unknown_option_is_an_error_with_a_hint(cls: Any) -> None:
    """The hint names an option of the class."""
    name = next(reversed(inspect.signature(cls).parameters))

    with pytest.raises(TypeError, match=f"'{name}s'. Did you mean '{name}'"):
        cls(**{f"{name}s": 1})


@pytest.mark.parametrize(
    "cls", [bh.Transformer, bh.TransformConfig, HeapSink, bh.Pipeline, bh.Receiver]
)
def test_help_documents_each_argument(cls: Any) -> None:
    """The docstring has an entry for each parameter of the signature."""
    text = f"{cls.__doc__}{cls.__init__.__doc__}"

    for name in inspect.signature(cls).parameters:
        assert re.search(rf"^ +{name}: \S", text, re.MULTILINE), name


def test_every_declared_option_is_documented() -> None:
    """No option lacks its one sentence."""
    for cls in (*TABLES.values(), HeapOptions):
        assert [f.name for f in attrs.fields(cls) if not doc_of(f)] == []


@attrs.frozen(kw_only=True)
class Things:
    """One option of each kind."""

    flag: bool = option(False, "A switch.")
    count: int = option(1, "A number.", positive=True)
    share: float | None = option(None, "A number, or nothing.")
    kind: Literal["one", "two"] = option("one", "A choice.")
    kinds: tuple[Literal["one", "two"], ...] = option((), "Several choices.")
    renames: Mapping[str, str] = option({}, "A mapping.")
    key: str = option("", "A secret.", secret=True)
    clock: Callable[[], float] = option(time.time, "A function.")


class Thing:
    """A class with options."""

    @takes(Things)
    def __init__(self, options: Things) -> None:
        self.options = options


def test_text_is_read_by_the_type_of_the_option() -> None:
    """Switches, numbers, choices, lists with commas, mappings as JSON."""
    texts = {
        "flag": "Yes",
        "count": "5",
        "share": "0.5",
        "kind": "two",
        "kinds": "one, two,",
        "renames": '{"a": "b"}',
        "key": "canary",
    }

    values = from_text(Things, texts)

    assert values == {
        "flag": True,
        "count": 5,
        "share": 0.5,
        "kind": "two",
        "kinds": ["one", "two"],
        "renames": {"a": "b"},
        "key": "canary",
    }
    assert "canary" not in repr(Things(**values))


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"flag": "maybe"}, "^flag: 'maybe' is not true or false"),
        ({"count": "many"}, "^count: 'many' is not a whole number"),
        ({"renames": "{"}, "^renames: not a JSON object"),
        ({"clock": "time"}, "^no option 'clock'"),
        ({"cuont": "1"}, "^no option 'cuont'. Did you mean 'count'"),
    ],
)
def test_text_without_a_value_is_an_error(texts: dict[str, str], message: str) -> None:
    """An option without a text form, such as a function, is unknown there."""
    with pytest.raises(ValueError, match=message):
        from_text(Things, texts)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"flag": 1}, ValueError, "flag must be one of True, False, not 1"),
        ({"count": 0}, ValueError, "count must be a positive number"),
        ({"kind": "three"}, ValueError, "kind must be one of one, two, not 'three'"),
        ({"renames": []}, TypeError, "renames must be a mapping, not a list"),
    ],
)
def test_constructor_checks_values(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    """The check derives from the type of the option."""
    with pytest.raises(error, match=message):
        Thing(**options)


def test_default_mapping_is_not_shared() -> None:
    """Each instance has a copy."""
    assert Thing().options.renames is not Thing().options.renames
