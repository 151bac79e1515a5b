"""
How much of the decision code the tests hold: break it on purpose, and see who notices.

``python -m tests.mutation`` samples mutants of each module with a fixed seed, and
prints the figures and the survivors. ``--sample 0`` takes all; names of modules, like
``_core`` or ``_pacing``, choose. Needs the extra ``mutation`` and an operating system
that forks. The checkout is left alone: mutants live in a copy.

A mutant is caught by a test that fails, or by time: one that makes the tests hang is
noticed by whoever waits. Those are counted apart, as a busy machine can be the reason.

Texts for people, in errors and logs, are no decisions and stay as they are: see
``tool.mutmut`` in ``pyproject.toml``. Neither are constants changed, for which mutmut
has no operators. The exception is ``mapping/steps``: the lines that the compiled
functions of the mapping are made of are mutated as if they were functions.
"""

import argparse
import ast
import contextlib
import difflib
import io
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import attrs
import pytest
from hypothesis import HealthCheck, Phase, settings
from mutmut.mutation.file_mutation import MutatedFile, mutate_file_contents

ROOT: Final = Path(__file__).parents[1]

SINK: Final = ("heap/test_pacing", "heap/test_delivery", "heap/test_sink")
ENCODER: Final = ("heap/test_encoder", "heap/test_lists", "test_transformer")
RECEIVER: Final = ("receiver/test_contract",)
STATE_FILE: Final = ("state/test_state", "state/test_sqlite_file")
DRIFT: Final = ("test_drift_page", "test_drift")
MAPPING: Final = (
    *("mapping/test_policies", "mapping/test_both_mappings", "mapping/test_compiled"),
    *("test_transformer", "mapping/test_equality"),
)

STEPS: Final = "mapping/steps"
"""Lines of compiled functions: they are text, and the module of `written_steps`."""

COVER: Final[Mapping[str, tuple[str, ...]]] = {
    "mapping/_batch": (*MAPPING[:2], "test_mapper_outages", "test_user_properties"),
    "mapping/_batches": MAPPING,
    "mapping/_compiled": MAPPING,
    "mapping/_generic": (*MAPPING, "test_mapper_outages"),
    "mapping/_policies": ("test_wiring", "mapping/test_policies_odd", *MAPPING[:2]),
    "policies/identity": ("policies/test_identity", "test_transformer"),
    "policies/local_time": MAPPING[:1],
    "policies/naming": (*MAPPING[:1], "test_wiring"),
    "policies/privacy": ("policies/test_privacy", *MAPPING[:1]),
    "policies/sampling": ("policies/test_sampling",),
    "policies/selection": ("policies/test_selection",),
    "policies/urls": ("policies/test_urls",),
    "policies/word_guard": ("policies/test_word_guard",),
    "drift/_declarations": DRIFT,
    "drift/_model": DRIFT,
    "drift/_observer": DRIFT,
    "plan/_diff": ("plan/test_diff",),
    "plan/_tables": ("plan/test_forms",),
    "plan/_tracing": (
        *("plan/test_typed_events", "plan/test_people", "plan/test_forms"),
        "plan/test_plan",
    ),
    "wire/_avro": ("wire/test_avro",),
    "wire/_elements": ("wire/test_body", "wire/test_json"),
    "wire/_formats": ("wire/test_formats", "wire/test_source"),
    "wire/_json": ("wire/test_json", "wire/test_source"),
    "wire/_source": ("wire/test_source", "wire/test_reexports", "wire/test_formats"),
    "wire/_stream": ("wire/test_json", "wire/test_interrupted", "wire/test_source"),
    "parsing": ("test_parsing",),
    "heap/_answers": ("heap/test_answers", "heap/test_sink"),
    "heap/_bulk": SINK,
    "heap/_core": (*SINK, "heap/test_shared_pacer"),
    "heap/_delivery": SINK,
    "heap/_encoder": ENCODER,
    "heap/_json_values": (*ENCODER[:2], "mappers/test_boundary"),
    "heap/_pacing": (*SINK[:2], "heap/test_shared_pacer"),
    "heap/calls": ("heap/test_calls", *ENCODER[:2], "test_user_properties"),
    "sinks/_local": ("sinks/test_local", "sinks/test_spec"),
    "sinks/_protocol": ("sinks/test_local", "sinks/test_wrappers", "test_wiring"),
    "sinks/_spec": ("sinks/test_spec",),
    "sinks/_wrappers": ("sinks/test_wrappers",),
    "state/_ledger": ("state/test_state", "test_user_properties", "state/test_ledger"),
    "state/_parts": ("state/test_state", "state/test_ledger", "test_backfill"),
    "state/_person_search": ("state/test_purge",),
    "state/_purge": ("state/test_purge", "state/test_state", "state/test_ledger"),
    "state/_record": ("state/test_dead_letters", "test_pipeline"),
    "state/_sql_database": ("state/test_sql",),
    "state/_sqlite": (*STATE_FILE, "state/test_dead_letters"),
    "state/_state_file": STATE_FILE,
    "storage/_find": ("storage/test_find",),
    "storage/_objects": ("storage/test_read", "storage/test_find"),
    "_batch_result": ("test_pipeline", "test_user_properties", "test_backfill"),
    "_ordered_delivery": ("test_user_properties",),
    "backfill": ("test_backfill",),
    "pipeline": (
        *("test_pipeline", "test_pipeline_observers", "test_mapper_outages"),
        *("test_wiring", "test_user_properties"),
    ),
    "replaying": ("state/test_mappers", *STATE_FILE, "test_user_properties"),
    "report": ("test_pipeline", "test_pipeline_observers"),
    "receiver/_admission": ("receiver/test_admission", *RECEIVER),
    "receiver/_auth": ("receiver/test_auth", *RECEIVER),
    "receiver/_envelope": RECEIVER,
    "receiver/_http": ("receiver/test_responses", *RECEIVER, "receiver/test_service"),
    "receiver/_receiver": (*RECEIVER, "receiver/test_log", "receiver/test_service"),
    STEPS: MAPPING,
}
"""The tests that each module answers to. The steps are last: reading them imports."""

CHOSEN: Final = " and ".join(
    f"not {name}"
    for name in (
        *("wsgi", "asgi", "aws_lambda"),  # two carriers of five try what is behind
        *("no_json_value", "every_event_is_counted"),  # slow, and decide about nothing
        *("a_year_in_any_order", "with_one_file"),
        "test_processes_",  # on a busy machine they fail without a mutant
    )
)
"""Tests to run."""

SLOW: Final = "state/test_ledger"
"""Tests that run although they are marked as slow: the only ones of their module."""


@attrs.frozen
class Mutant:
    """
    A function with one thing changed.

    Attributes:
        module: A key of `COVER`.
        name: As mutmut has it.
        step: For a step of compiled functions, its lines as they are.
        mutated: The lines to write instead.
    """

    module: str
    name: str
    step: str = ""
    mutated: str = ""

    @property
    def qualified(self) -> str:
        """The name that wakes it."""
        return f"braze_heap.{self.module.replace('/', '.')}.{self.name}"


def undecorated(code: str) -> str:
    """
    Apply the decorators of functions at the end of *code*: mutmut leaves decorated
    functions alone, but for class methods and static ones.
    """
    lines, late = code.splitlines(), list[str]()
    module = ast.parse(code)
    classes = [node for node in module.body if isinstance(node, ast.ClassDef)]
    for owner in (module, *classes):
        prefix = f"{owner.name}." if isinstance(owner, ast.ClassDef) else ""
        for function in owner.body:
            if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            for decorator in reversed(function.decorator_list):
                applied, name = ast.unparse(decorator), prefix + function.name
                if applied not in ("classmethod", "staticmethod"):
                    lines[decorator.lineno - 1 : decorator.end_lineno] = [""]
                    late.append(f"{name} = {applied}({name})")
    return "\n".join((*lines, *late, ""))


def written_steps() -> list[str]:
    """Return the lines of which compiled functions of all types are made."""
    import braze_heap as bh
    from tests.mapping.oddities import IDENTITIES, NAMINGS, PERSONAL

    steps = dict[str, None]()
    chosen: list[dict[str, Any]] = [{"identity": identity} for identity in IDENTITIES]
    chosen += [{"naming": naming, "local_time": True} for naming in NAMINGS]
    chosen += [{"personal_data": policy, "machines": "drop"} for policy in PERSONAL]
    warnings.simplefilter("ignore")  # of options, as they are odd
    with written_through(lambda lines: steps.setdefault(lines) or lines):
        for options in chosen:
            transformer = bh.Transformer(fixed_properties={"a": 1}, **options)
            for event_type in bh.EVENT_TYPES:
                transformer._mapping._compiled[event_type]
    return [lines for lines in steps if lines]


@contextlib.contextmanager
def written_through(change_lines: Callable[[str], str]) -> Iterator[None]:
    """Let *change_lines* change the lines of compiled functions."""
    from braze_heap.mapping import _compiled

    body, written = _compiled._MAP_EVENT, _compiled._written
    _compiled._MAP_EVENT = change_lines(body)  # type: ignore[misc]
    _compiled._written = lambda lines, name: written(change_lines(lines), name)
    try:
        yield
    finally:
        _compiled._MAP_EVENT = body  # type: ignore[misc]
        _compiled._written = written


def planted(module: str) -> MutatedFile:
    """Write all mutants of *module* into the file, asleep."""
    if module == STEPS:
        steps = enumerate(written_steps())
        code = (f"def step_{n}():\n{textwrap.indent(s, '    ')}" for n, s in steps)
        return mutate_file_contents("steps.py", "".join(code))
    path = Path("braze_heap", f"{module}.py")
    mutated = mutate_file_contents(
        str(path), undecorated(path.read_text(encoding="utf-8"))
    )
    path.write_text(mutated.code, encoding="utf-8")
    return mutated


def run_tests(module: str, *more: str) -> int:
    """Run what covers *module* up to the first failure; give pytest's exit code."""
    files = [f"tests/{name}.py" for name in COVER[module]]
    warning = "ignore::pytest.PytestAssertRewriteWarning"
    options = ["-qx", "--tb=no", "-p", "no:cacheprovider", "-W", warning]
    options += ["-k", CHOSEN]
    if SLOW in COVER[module]:
        options += ["-m", "not campaign and not engines and not timing"]
    return int(pytest.main([*options, *more, *files]))


def forked(mutant: Mutant, seconds: int) -> int:
    """Wake *mutant* in a process of its own, for at most *seconds*; give its id."""
    child = os.fork()
    if child:
        return child
    os.setsid()
    os.environ["MUTANT_UNDER_TEST"] = mutant.qualified if mutant.name else ""
    signal.alarm(seconds)
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    with contextlib.ExitStack() as stack:
        if mutant.step:
            swap = {mutant.step: mutant.mutated}
            stack.enter_context(written_through(lambda lines: swap.get(lines, lines)))
        os._exit(run_tests(mutant.module))


def fates(
    mutants: list[Mutant], seconds: Mapping[str, int], jobs: int
) -> Iterator[tuple[Mutant, int]]:
    """Run each of *mutants*, *jobs* at a time; give it with its exit status."""
    waiting, running = list(reversed(mutants)), dict[int, Mutant]()
    while waiting or running:
        if waiting and len(running) < jobs:
            mutant = waiting.pop()
            running[forked(mutant, seconds[mutant.module])] = mutant
            continue
        child, status = os.wait()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)  # what a test of it started
        yield running.pop(child), status


def patience(module: str) -> int:
    """
    Return the seconds that a mutant of *module* may take: some times the usual.

    Raises:
        SystemExit: The tests fail without any mutant.
    """
    with contextlib.redirect_stdout(io.StringIO()):
        run_tests(module, "--collect-only")  # imports them, once for all mutants
    start = time.monotonic()
    _, status = os.waitpid(forked(Mutant(module, ""), 600), 0)
    if status:
        sys.exit(f"the tests of {module} fail as they are: {COVER[module]}")
    return 10 + 2 * round(time.monotonic() - start)


def change(file: MutatedFile, mutant: Mutant) -> str:
    """Return what *mutant* changed, as lines to be taken out and put in."""
    before, after = bodies(file, mutant.name)
    changed = list(difflib.unified_diff(before, after, lineterm="", n=0))[2:]
    skipped = re.compile(r"@@|[-+] *(async )?def ")
    return "\n".join(f"    {line}" for line in changed if not skipped.match(line))


def bodies(file: MutatedFile, name: str) -> tuple[list[str], list[str]]:
    """Return the lines of the function that the mutant *name* changed, and its own."""
    lines = file.code.splitlines()
    original = f"{name.rpartition('__mutmut_')[0]}__mutmut_orig"
    spans = [file.line_span_by_function_name[n] for n in (original, name)]
    before, after = (lines[span.start : span.end] for span in spans)
    return before, after


def mutant_of(module: str, file: MutatedFile, name: str) -> Mutant:
    """Return the mutant *name* of *module*, with its lines if it is a step."""
    if module != STEPS:
        return Mutant(module, name)
    step, mutated = (
        textwrap.dedent("\n".join(lines)).rstrip() + "\n"
        for lines in bodies(file, name)
    )
    return Mutant(module, name, step, mutated)


def chosen(module: str, file: MutatedFile, sample: int, only: str) -> list[Mutant]:
    """
    Return *sample* mutants of *module*, or all; of those, the ones that *only* names.
    """
    mutants = [mutant_of(module, file, name) for name in file.mutant_names]
    if sample and len(mutants) > sample:
        mutants = random.Random(module).sample(mutants, sample)
    return [mutant for mutant in mutants if re.search(only, mutant.name)]


def measure(modules: list[str], sample: int, only: str, jobs: int) -> None:
    """Print the figures of *modules*, and their survivors. Runs in the copy."""
    settings.register_profile(
        "mutation",
        deadline=None,
        derandomize=True,
        max_examples=20,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    os.environ["HYPOTHESIS_PROFILE"] = "mutation"
    files = {module: planted(module) for module in modules}
    from braze_heap import _wiring

    # So that warnings point to the line of a test, and not to one of mutmut.
    _wiring._PACKAGE = ("braze_heap.", "mutmut.")  # type: ignore[misc, assignment]
    seconds = {module: patience(module) for module in modules}
    tried = caught = 0
    for module, file in files.items():
        mutants = chosen(module, file, sample, only)
        ends = list(fates(mutants, seconds, jobs))
        alive = [mutant for mutant, status in ends if status == 0]
        late = [mutant for mutant, status in ends if status == signal.SIGALRM]
        tried, caught = tried + len(mutants), caught + len(mutants) - len(alive)
        print(
            f"{module}: {len(mutants) - len(alive)} of {len(mutants)} caught, "
            f"{len(late)} by time; there are {len(file.mutant_names)} in all",
            flush=True,
        )
        for mutant in alive:
            print(f"  {mutant.name}\n{change(file, mutant)}", flush=True)
        for mutant in late:
            print(f"  by time: {mutant.name}\n{change(file, mutant)}", flush=True)
    print(f"score: {caught} of {tried}, {caught / max(tried, 1):.1%}")


def in_a_copy(arguments: list[str]) -> int:
    """Run this program again in a copy of the checkout."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("braze_heap", "tests", "docs"):
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(ROOT / name, Path(folder, name), ignore=ignored)
        for name in ("pyproject.toml", "README.md", "CHANGELOG.md"):
            shutil.copy(ROOT / name, folder)
        command = [sys.executable, "-m", "tests.mutation", "--here", *arguments]
        return subprocess.run(command, cwd=folder, check=False).returncode


def main(arguments: list[str]) -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser("python -m tests.mutation")
    parser.add_argument("modules", nargs="*", help="ends of names; all without")
    parser.add_argument("--sample", type=int, default=60, help="of each; 0 for all")
    parser.add_argument("--only", default="", help="pattern of names, to repeat some")
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time")
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if not given.here:
        return in_a_copy(arguments)
    ends = tuple(given.modules) or ("",)
    modules = [module for module in COVER if module.endswith(ends)]
    measure(modules, given.sample, given.only, given.jobs)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
