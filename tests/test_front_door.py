"""The public names of the package, and what importing it costs."""

import ast
import compileall
import importlib
import importlib.util
import inspect
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import braze_heap

PAGES = Path(__file__).parents[1] / "docs/reference/api"

HAS_ARROW = importlib.util.find_spec("pyarrow") is not None

MODULES = {
    name: importlib.import_module(name)
    for page in sorted(PAGES.glob("*.md"))
    for name in re.findall(r"{api} (\S+)", page.read_text(encoding="utf-8"))
    if HAS_ARROW or page.stem not in ("arrow", "spark")
}
"""The modules that the API reference documents."""

PUBLIC = {name: module.__all__ for name, module in MODULES.items()}

every_module = pytest.mark.parametrize("name", MODULES)


def annotations_of(value: object) -> Iterator[str]:
    """
    Yield the annotations of a function, or of a class and its public methods, as text.
    """
    members = vars(value).items() if inspect.isclass(value) else ()
    public = [member for name, member in members if not re.match("_[^_]", name)]
    for member in (value, *public):
        function = getattr(member, "__func__", getattr(member, "fget", member))
        for annotation in getattr(function, "__annotations__", {}).values():
            yield inspect.formatannotation(annotation)


def classes_named_by(value: object) -> Iterator[str]:
    """
    Yield the classes of the package, private ones aside, that *value* is declared with.
    """
    scope = vars(sys.modules[getattr(value, "__module__", "builtins")])
    for annotation in annotations_of(value):
        for name in re.findall(r"\b[A-Z]\w+", annotation):
            found = scope.get(name)
            home = getattr(found, "__module__", "")
            if inspect.isclass(found) and home.startswith("braze_heap."):
                yield found.__name__


def test_every_public_name_exists() -> None:
    """All names in ``__all__`` can be imported, and none is listed twice."""
    assert len(braze_heap.__all__) == len({*braze_heap.__all__})
    for name in braze_heap.__all__:
        assert getattr(braze_heap, name) is not None


@every_module
def test_a_module_lists_its_public_names_in_order(name: str) -> None:
    """Constants, classes and functions are each in order, and all exist."""

    def order(name: str) -> tuple[bool, bool, str]:
        return (not name.isupper(), name[0].islower(), name)

    assert sorted({*PUBLIC[name]}, key=order) == list(PUBLIC[name])
    assert [each for each in PUBLIC[name] if not hasattr(MODULES[name], each)] == []


def test_public_names_are_public_in_their_modules() -> None:
    """A name can be imported from its home as well."""
    stub = Path(braze_heap.__file__).with_name("__init__.pyi").read_text("utf-8")
    homes = {
        name: node.module
        for node in ast.parse(stub).body
        if isinstance(node, ast.ImportFrom) and node.module != "braze_heap"
        for name in (alias.name for alias in node.names)
    }

    assert {*homes} == {*braze_heap.__all__}
    assert [name for name, home in homes.items() if name not in PUBLIC[home]] == []


@every_module
def test_a_public_signature_names_public_classes(name: str) -> None:
    """Every class in a public signature can be imported to annotate your own code."""
    public = {each for names in PUBLIC.values() for each in names}
    public.add("Connection")  # of an `Exchange`, which only a `FakeHeap` makes
    named = {
        each
        for listed in PUBLIC[name]
        for each in classes_named_by(getattr(MODULES[name], listed))
    }

    assert {each for each in named if each[0] != "_"} - public == set()


def test_importing_the_package_loads_nothing_else() -> None:
    """A module is loaded when it is first used."""
    script = "import sys, braze_heap; print(*(m for m in sys.modules if '.' in m))"
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.split()

    loaded = [m for m in loaded if m.startswith(("braze_heap", "attr", "cattrs"))]
    assert loaded == ["braze_heap._lazy"]


def test_using_one_type_does_not_load_the_others() -> None:
    """Mapping an email event loads only the email family."""
    script = """
import sys
import braze_heap as bh
event = {"event_type": "users.messages.email.Open", "id": "1", "time": 1,
         "user": {"external_user_id": "a"}, "properties": {}}
assert len(bh.Transformer().transform(event).calls) == 1
print(*(m for m in sys.modules))
"""
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.split()

    families = {m for m in loaded if m.startswith("braze_heap.events.")}
    assert {m for m in families if not m.rpartition(".")[2].startswith("_")} == {
        "braze_heap.events.email",
        "braze_heap.events.groups",
        "braze_heap.events.unknown",
    }
    heavy = ("cattrs", "dateutil", "click", "rich", "fastavro", "httpx2", "hypothesis")
    assert not {*heavy} & {*loaded}


def test_an_unknown_name_is_an_attribute_error() -> None:
    """The package behaves like any module."""
    assert not hasattr(braze_heap, "no_such_name")


@pytest.mark.parametrize(
    ("name", "package", "install"),
    [
        ("heap.HeapSink", "httpx2", "'braze_heap[http]'"),
        ("heap.AsyncHeapSink", "httpx2", "'braze_heap[http]'"),
        ("receiver.django", "django", "'braze_heap[django]'"),
        ("receiver.flask", "flask", "'braze_heap[flask]'"),
        ("receiver.starlette", "starlette", "'braze_heap[starlette]'"),
        ("testing.pytest_plugin", "pytest", "'braze_heap[testing]'"),
        ("testing.strategies", "hypothesis", "'braze_heap[testing]'"),
    ],
)
def test_a_missing_package_is_named_with_its_install_command(
    name: str, package: str, install: str
) -> None:
    """A module that needs a framework or an extra says so when it is imported."""
    module, _, last = name.rpartition(".")
    code = f"""
import sys

class Without:
    def find_spec(name, *_):
        if name == {package!r}:
            raise ModuleNotFoundError(name=name)

sys.meta_path.insert(0, Without)
from braze_heap.{module} import {last}
"""

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    requires_extra = last if last[0].isupper() else f"braze_heap.{name}"
    assert done.stderr.splitlines()[-1] == (
        f"ModuleNotFoundError: {requires_extra} needs {package}: pip install {install}"
    )


@pytest.mark.parametrize(
    ("call", "package", "message"),
    [
        (
            "open_sink('heap:?app_id=11')",
            "httpx2",
            "the sink 'heap' needs httpx2: pip install {http}",
        ),
        (
            "observers.prometheus.PrometheusObserver()",
            "prometheus_client",
            "PrometheusObserver needs prometheus_client: pip install {prometheus}",
        ),
        (
            "receiver.service.Metrics()",
            "prometheus_client",
            "Metrics needs prometheus_client: pip install {server}",
        ),
        (
            "observers.opentelemetry.OpenTelemetryObserver()",
            "opentelemetry",
            "OpenTelemetryObserver needs opentelemetry: pip install 'braze_heap[otel]'",
        ),
    ],
)
def test_a_call_that_needs_an_extra_names_it(
    call: str, package: str, message: str
) -> None:
    """The error says what to install, where the package is imported by a call."""
    code = f"""
import sys

class Without:
    def find_spec(name, *_):
        if name.partition(".")[0] == {package!r}:
            raise ModuleNotFoundError(name=name)

sys.meta_path.insert(0, Without)
import braze_heap, braze_heap.observers.opentelemetry, braze_heap.observers.prometheus
import braze_heap.receiver.service
braze_heap.{call}
"""

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    wanted = re.sub(r"{(\w+)}", r"'braze_heap[\1]'", message)
    assert done.stderr.splitlines()[-1] == f"ModuleNotFoundError: {wanted}"


def test_the_sources_need_not_be_installed(tmp_path: Path) -> None:
    """A bundle may have compiled modules only, and the lists of public names."""
    shutil.copytree(Path(braze_heap.__file__).parent, tmp_path / "braze_heap")
    compileall.compile_dir(tmp_path, quiet=1, legacy=True)
    for path in tmp_path.rglob("*.py"):
        path.unlink()
    script = "from braze_heap import events; print(events.__file__, *events.__all__)"
    ran = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )

    file, *names = ran.stdout.split()
    assert file.endswith("__init__.pyc")
    assert names == braze_heap.events.__all__
