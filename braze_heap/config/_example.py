"""An example of a configuration file, with every key and its default value."""

import inspect
import json
import re
import textwrap
from collections.abc import Collection, Iterator, Mapping
from typing import Final

import attrs

from braze_heap._options import declaration_of, doc_of
from braze_heap.config._tables import TABLES, Field, declared_keys, variable_of

_HEAD: Final = f"""\
# Configuration of braze-heap. Remove the # before a key to set it. Each has its default
# value; a key without one has an example.
# An option of a command wins over a variable, such as {variable_of("serve", "port")},
# and a variable over this file. Secrets are not in this file: a key that ends in _env
# names a variable with the secret, one that ends in _file a file.
"""


def example() -> str:
    """Return a TOML file with every key as a comment, with its meaning and default."""
    return "\n".join([_HEAD, *(_table(table) for table in TABLES)])


def _table(table: str) -> str:
    doc = inspect.getdoc(TABLES[table]) or ""
    title = doc.partition(": ")[2].partition(".")[0].replace("`", "")
    lines = [f"# {title[:1].upper()}{title[1:]}.", f"[{table}]"]
    for key, declared in declared_keys(table).items():
        lines += ["", *_comment(doc_of(declared)), *_lines(key, declared)]
    return "\n".join([*lines, ""])


def _comment(text: str) -> Iterator[str]:
    parts = text.split("``")
    parts[::2] = [re.sub(r"[*`]", "", part) for part in parts[::2]]
    return (f"# {line}" for line in textwrap.wrap("".join(parts), 84))


def _lines(key: str, field: Field) -> Iterator[str]:
    declared = declaration_of(field)
    if declared.secret:
        variable = declared.variable or key.upper()
        yield f'#{key}_env = "{variable}"'
        yield f'#{key}_file = "/run/secrets/{key}"'
    elif field.default is attrs.NOTHING or (declared.filled and not field.default):
        yield f'#{key} = "..."'
    else:
        is_set = field.default is not None
        yield f"#{key} = {_toml(field.default if is_set else declared.example)}"


def _toml(value: object) -> str:
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_toml(k)} = {_toml(v)}' for k, v in value.items())}}}"
    if isinstance(value, Collection) and not isinstance(value, str):
        items = sorted(value) if isinstance(value, frozenset) else value
        return f"[{', '.join(map(_toml, items))}]"
    return json.dumps(value, ensure_ascii=False)
