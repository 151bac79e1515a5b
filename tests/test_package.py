"""What installers and package indexes read about the package."""

import ast
import importlib.metadata
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

import braze_heap

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
METADATA = importlib.metadata.metadata("braze_heap")
EXTRAS = PROJECT["optional-dependencies"]
FOR_DEVELOPERS = {"bench", "dev", "docs", "engines", "mutation", "test"}
LOADERS = {"import_module", "importorskip"}
"""Functions whose first argument is the name of a module."""


def declared(extras: set[str]) -> set[str]:
    """Return the distributions that the package with *extras* depends on directly."""
    lists = [PROJECT["dependencies"], *(EXTRAS[extra] for extra in extras)]
    return {re.split(r"[\[><=]", each)[0] for names in lists for each in names}


def _normal(name: str) -> str:
    return name.lower().replace("_", "-")


def imported(folder: str) -> Iterator[str]:
    """Yield the modules outside of the project that the code in *folder* imports."""
    for path in sorted((ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            for name in _modules(node):
                top = name.partition(".")[0]
                if top not in {*sys.stdlib_module_names, "_ext", "braze_heap", "tests"}:
                    yield top


def _modules(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Import(names=names):
            yield from (alias.name for alias in names)
        case ast.ImportFrom(module=str(module), level=0):
            yield module
        case ast.Call(func=function, args=[ast.Constant(str(module)), *_]):
            name = getattr(function, "attr", getattr(function, "id", ""))
            if name in LOADERS:
                yield module


def test_each_extra_for_users_is_in_the_reference() -> None:
    """The table on the first page of the reference has all of them, and no other."""
    page = (ROOT / "docs/reference/index.md").read_text("utf-8")
    rows = page.partition("| extra |")[2].partition("\n\n")[0].splitlines()
    named = {name for row in rows for name in re.findall("`(.*?)`", row.split("|")[1])}

    assert named == EXTRAS.keys() - FOR_DEVELOPERS - {"distributed"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("folder", "extras"),
    [
        ("braze_heap", EXTRAS.keys() - FOR_DEVELOPERS),
        ("tests", EXTRAS.keys()),
        ("docs", {"docs"}),
    ],
)
def test_every_imported_distribution_is_declared(folder: str, extras: set[str]) -> None:
    """Nothing is imported only because another dependency happens to install it."""
    installed = importlib.metadata.packages_distributions()
    known = declared(extras)
    modules = {*imported(folder)}

    assert modules
    assert [
        module
        for module in sorted(modules)
        if known.isdisjoint(map(_normal, installed.get(module, [module])))
    ] == []


def test_the_extras_of_users_install_no_tools_of_developers() -> None:
    """Whoever sends events does not install a linter."""
    users = declared(EXTRAS.keys() - FOR_DEVELOPERS)

    assert users & declared({"dev"}) == declared(set())


def test_the_version_is_the_same_everywhere() -> None:
    """`braze_heap.__version__` is the version that an installer shows."""
    assert braze_heap.__version__ == METADATA["Version"]


def test_the_license_is_distributed() -> None:
    """The wheel has the text of the license that the metadata names."""
    assert METADATA["License-Expression"] == "MIT"
    assert METADATA.get_all("License-File") == ["LICENSE"]
    assert (ROOT / "LICENSE").read_text("utf-8").startswith("MIT License\n")


def test_the_description_has_no_dead_links() -> None:
    """A package index has no file beside the README, so each link is absolute."""
    text = str(METADATA.json["description"])
    links = r"\]\((?!https?:)|^\[[^\]]+\]:\s*(?!https?:)|(?:src|href)=.(?!https?:)"

    assert text.startswith("# braze_heap\n")
    assert re.findall(links, text, re.MULTILINE) == []


def test_every_python_of_the_classifiers_is_tested() -> None:
    """The classifiers and the command that tests all versions name the same ones."""
    named = re.findall(r":: (3\.\d+)", " ".join(PROJECT["classifiers"]))
    defaults = re.search(
        r"set -- lowest (.+)", (ROOT / ".ci/versions").read_text("utf-8")
    )

    assert defaults
    assert defaults[1].split() == named
