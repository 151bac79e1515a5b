"""
The public names of the package, and what importing it costs.
"""

import subprocess
import sys

import braze_heap


def test_every_public_name_is_there() -> None:
    """
    What ``__all__`` lists can be imported, and nothing is listed twice.
    """
    assert len(braze_heap.__all__) == len({*braze_heap.__all__})
    for name in braze_heap.__all__:
        assert getattr(braze_heap, name) is not None


def test_the_table_of_names_is_complete() -> None:
    """
    Each public name has a home to be loaded from.
    """
    assert {*braze_heap.__all__} == {*braze_heap._HOMES}


def test_importing_the_package_loads_nothing_else() -> None:
    """
    A program pays for what it uses, when it uses it.
    """
    script = "import sys, braze_heap; print(*(m for m in sys.modules if '.' in m))"
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.split()

    assert [m for m in loaded if m.startswith(("braze_heap", "attr", "cattrs"))] == []


def test_using_one_type_does_not_load_the_others() -> None:
    """
    Mapping an email event loads the email family alone.
    """
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
    """
    The front door behaves like any module.
    """
    assert not hasattr(braze_heap, "no_such_name")
