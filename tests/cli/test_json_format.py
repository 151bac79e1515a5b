import pytest

from braze_heap.cli._json_format import format_json


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": 1}, ['{"a": 1}']),
        (
            {"a": [1, 2], "b": "x" * 9},
            ["{", '  "a": [1, 2],', '  "b": "xxxxxxxxx"', "}"],
        ),
        ({"long_long_name": "value"}, ["{", '  "long_long_name":', '    "value"', "}"]),
        (["x" * 20], ["[", f'  "{"x" * 20}"', "]"]),
    ],
)
def test_pretty_json_takes_as_few_lines_as_fit(
    value: object, expected: list[str]
) -> None:
    """Values break at brackets, then behind long names; texts are left whole."""
    assert expected == format_json(value, 20)
