"""Options and arguments that several commands share, each declared once."""

import contextlib
import datetime as dt
import functools
import ipaddress
import json
import math
import os
import re
import warnings
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any, Final, Literal, Self, TypeAlias, get_args, get_origin

import attrs
import click
from click.core import ParameterSource

from braze_heap import EVENT_TYPES, Transformer
from braze_heap._options import declaration_of, doc_of, shown_default
from braze_heap._text import did_you_mean
from braze_heap.cli import _console as ui
from braze_heap.config import ENVIRONMENT_PREFIX, Config
from braze_heap.config._tables import declared_keys, variable_of
from braze_heap.policies.identity import IdentityField
from braze_heap.sinks._local import is_zipped
from braze_heap.storage._objects import shown
from braze_heap.wire._source import is_url

STDIN: Final = Path("-")

TOKEN_VARIABLE: Final = declaration_of(declared_keys("serve")["token"]).variable
"""Variable with the bearer token, unless ``--token-env`` names another one."""

NEW_TOKEN: Final = "For a new one: openssl rand -hex 32"  # noqa: S105 (advice)

Decorator: TypeAlias = Callable[[Any], Any]
"""Function that adds options to a command."""


class FloatRange(click.FloatRange):
    """A finite number in a range; click accepts ``nan`` in each."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return *value* as a number."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is not a finite number.", param, ctx)
        return number


class _Option(click.Option):
    """An option that must not be given twice with different values; click uses one."""

    def add_to_parser(self, parser: Any, ctx: click.Context) -> None:
        is_multiple, self.multiple = self.multiple, True  # so that it keeps all values
        super().add_to_parser(parser, ctx)
        self.multiple = is_multiple

    def handle_parse_result(
        self, ctx: click.Context, opts: Any, args: list[str]
    ) -> tuple[Any, list[str]]:
        values = opts.get(self.name)
        if isinstance(values, list) and not self.multiple:
            if len(set(values)) > 1:
                same = [p.opts[-1] for p in ctx.command.params if p.name == self.name]
                text = f"{' and '.join(same)}: give one value, not several."
                raise click.UsageError(text, ctx)
            opts = {**opts, self.name: values[0]}
        return super().handle_parse_result(ctx, opts, args)


def option(names: str, text: str, **settings: Any) -> Decorator:
    """
    Return an option of click; without a metavar and *settings* it is a flag.

    *names* are words as in ``--help``: names, then the parameter if it has another
    name, then a metavar with a capital: ``--sink spec SPEC``.
    """
    words = names.split()
    if words[-1][0].isupper():
        settings["metavar"] = words.pop()
    elif not settings:
        settings["is_flag"] = True
    return click.option(*words, cls=_Option, help=text, **settings)


def group(name: str, build: Callable[..., Any], *options: Decorator) -> Decorator:
    """
    Return a decorator that adds *options* to a command.

    The command gets the result of *build*, called with their values, as *name*.
    """

    def add(command: Any) -> Any:
        @functools.wraps(command)
        def run(**values: Any) -> Any:
            own = {each: values.pop(each) for each in names}
            return command(**values, **{name: build(**own)})

        before = len(getattr(command, "__click_params__", ()))
        for each in reversed(options):
            each(run)
        names = {param.name for param in vars(run)["__click_params__"][before:]}
        return run

    return add


@attrs.frozen
class StoreUrl:
    """
    URL of an object, a folder, a bucket or a database. As text it has no password.

    `storage_option` adds arguments of the fsspec file system. They can be secret.
    """

    url: str = attrs.field(repr=False)
    storage_options: dict[str, Any] = attrs.field(factory=dict, repr=False)

    def __str__(self) -> str:
        return shown(re.sub(r"(?<=://)[^:/]*:.*(?=@)", "…", self.url))


Place: TypeAlias = Path | StoreUrl
"""Path or URL; ``-`` is stdin or stdout."""


def place_of(text: str) -> Place:
    """Return *text* as a URL, or as a path, also that of a ``file:`` URL."""
    text = re.sub(r"(?i)^\s*file://(localhost(?=/))?(?=\S)", "", text)
    return StoreUrl(text.strip()) if is_url(text) else Path(text)


class FilePath(click.Path):
    """
    A path as `pathlib.Path`, or with *urls* a `StoreUrl`. A ``file:`` URL is a path.

    An `OSError` is raised if it cannot be looked at. click reports a path in a folder
    that may not be searched as missing, or accepts it.
    """

    def __init__(self, *, urls: bool = False, **options: Any) -> None:
        super().__init__(path_type=Path, **options)
        self._urls = urls

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Any:
        """Return *value* as a path, or a URL as a `StoreUrl`."""
        if self.allow_dash and value in ("-", STDIN):
            return STDIN
        text = os.fspath(value)
        if not text:
            self.fail("The path is empty.", param, ctx)
        place = place_of(text)
        if isinstance(place, StoreUrl):
            if self._urls:
                return place
            name = ui.safe(str(place), 200)
            self.fail(f"{name} is a URL, but this takes a path.", param, ctx)
        try:
            place.stat()
        except (FileNotFoundError, NotADirectoryError):
            found = re.match(r"([A-Za-z][A-Za-z0-9+.-]+):(/[^/].*)", text)
            if found and (self._urls or found[1] == "file"):
                slashes = "//" if found[1] == "file" else "/"
                url = ui.safe(f"{found[1]}:{slashes}{found[2]}", 200)
                flaw = f"{ui.safe(text, 200)} is not a whole URL: write {url}"
                self.fail(flaw, param, ctx)
        return super().convert(place, param, ctx)


def is_here(host: str) -> bool:
    """Return whether *host* is this machine."""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


InputPath: Final = functools.partial(FilePath, exists=True, allow_dash=True, urls=True)
"""The path of a file that exists, ``-`` for stdin, or a URL."""


def _hour(text: str) -> dt.datetime:
    """Return *text*, in ISO 8601 or as in a path of storage, as a time in UTC."""
    try:
        iso = re.sub(r"^(\d{4}-\d\d-\d\d)-(\d\d)$", r"\1T\2", text)
        time = dt.datetime.fromisoformat(iso)
    except ValueError:
        raise click.BadParameter(
            f"{ui.safe(text)!r} is not a date or an hour, such as 2026-01-15 or "
            "2026-01-15T07."
        ) from None
    return time if time.tzinfo else time.replace(tzinfo=dt.UTC)


def _storage_options(
    _: click.Context, __: click.Parameter, values: tuple[str, ...]
) -> dict[str, Any]:
    """Return *values* as options. An error does not contain a value."""
    options: dict[str, Any] = {}
    for value in values:
        key, equals, text = value.partition("=")
        if not (key.isidentifier() and equals):
            raise click.BadParameter("write KEY=VALUE, such as profile=braze.")
        if key in options:
            raise click.BadParameter(f"{key} is given twice.")
        is_json = text in ("true", "false") or text.startswith("{")
        try:
            options[key] = json.loads(text) if is_json else text
        except ValueError:
            raise click.BadParameter(f"the value of {key} is not JSON.") from None
    return options


def storage_option(command: Any) -> Any:
    """Add ``--storage-option``, whose values each URL of the command gets."""

    @functools.wraps(command)
    def run(storage_options: dict[str, Any], **values: Any) -> Any:
        urls = [
            each
            for value in values.values()
            for each in (value if isinstance(value, tuple) else (value,))
            if isinstance(each, StoreUrl)
        ]
        if storage_options and not urls:
            raise click.UsageError("--storage-option is for URLs, but there is no URL.")
        for url in urls:
            url.storage_options.update(storage_options)
        return command(**values)

    return option(
        "--storage-option storage_options KEY=VALUE",
        "Argument of the client of the object store, such as endpoint_url=URL or "
        "profile=NAME. May be repeated.",
        multiple=True,
        callback=_storage_options,
    )(run)


WINDOW: Final = (
    option(
        "--since HOUR",
        "Read only files with this hour or a later one in their path, in UTC, such as "
        "2026-01-15 or 2026-01-15T07.",
        type=_hour,
    ),
    option(
        "--until HOUR",
        "Read only files with an earlier hour in their path, in UTC.  "
        "[default: all, or a day from now with --since]",
        type=_hour,
    ),
)
"""Options for the hours of files that Braze wrote."""


def _event_type(text: str) -> str:
    """Return *text*; on stderr, point out a type that this version does not know."""
    if text not in EVENT_TYPES:
        hint = did_you_mean(text, EVENT_TYPES)
        note = f"{ui.safe(text)} is not a type that this version knows.{hint}"
        click.echo(f"Note: {note}", err=True)
    return text


event_type_option: Final = option(
    "--event-type TYPE",
    "Type of records from storage, if neither they nor their path contain it.",
    type=_event_type,
)


def _not_both(ctx: click.Context, _: click.Parameter, value: bool) -> bool:
    """Refuse --json with --quiet, whichever comes second."""
    if value and (ctx.params.get("quiet") or ctx.params.get("as_json")):
        raise click.UsageError("--json and --quiet exclude each other.")
    return value


json_option: Final = option(
    "--json as_json", "Write the report as JSON.", callback=_not_both, is_flag=True
)


quiet_option: Final = option(
    "-q --quiet", "No report and no progress bar.", callback=_not_both, is_flag=True
)

all_types_option: Final = option(
    "--all-types", "Name all types and fields in the report."
)

seed_option: Final = option(
    "--seed N", "Random seed. The same seed gives the same events.", type=int, default=1
)


def format_options(*forms: str, text: str) -> Decorator:
    """Add ``--format``, one of *forms*, and ``--json``, short for the JSON format."""

    given = option("--format form", text, type=click.Choice(forms), default=forms[0])
    as_json = option("--json form", "Short for --format json.", flag_value="json")
    return lambda command: given(as_json(command))


def output_option(text: str) -> Decorator:
    """Return ``--output``, the file or URL that a command writes; default: stdout."""
    return option(
        "-o --output FILE",
        text,
        type=FilePath(dir_okay=False, allow_dash=True, urls=True),
        default=STDIN,
        show_default="stdout",
        callback=_written,
    )


def _written(_: click.Context, __: click.Parameter, place: Place) -> Place:
    """Return *place*; refuse a format that is not written, before any work."""
    try:
        is_zipped(place.url if isinstance(place, StoreUrl) else place)
    except ValueError as error:
        raise click.BadParameter(f"{error}.") from None
    return place


def yes_option(text: str = "Do not ask before sending to Heap.") -> Decorator:
    """Return ``--yes``, which replaces a confirmation."""
    return option("--yes", text)


def split_choices(
    _: click.Context, param: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...]:
    """Return the choices of events in *values*, each of which may list several."""
    choices = [each.strip() for value in values for each in value.split(",")]
    if "" in choices:
        raise click.BadParameter(
            f"a choice is empty. Name events, or leave {param.opts[0]} out."
        )
    return tuple(choices)


_CHOICES: Final = {"multiple": True, "callback": split_choices, "show_default": False}


def choices_option(names: str, text: str) -> Decorator:
    """Return an option of words: it may be repeated, and may list several."""
    return option(names, text, **_CHOICES)


def key_option(key: str, names: str = "", text: str = "", **settings: Any) -> Decorator:
    """
    Return the option of a key of the configuration, such as ``serve.port``.

    *names* and *text* are those of `option`. By default they are the name, the meaning
    and the default value of the key.
    """
    table, _, name = key.partition(".")
    declared = declared_keys(table).get(name)
    types: dict[Any, Any] = {int: click.INT, float: click.FLOAT}
    if declared:
        default = shown_default(declared)
        shown = f"  [default: {default}]" if default not in ("", None) else ""
        text = text or f"{doc_of(declared).replace('`', '')}{shown}"
        kind: Any = declared.type
        if get_origin(kind) is Literal:
            settings.setdefault("type", click.Choice(get_args(kind)))
        settings.setdefault("type", types.get(kind))
    words = (names or f"--{name.replace('_', '-')}").split()
    words.insert(1, f"{table}__{name}")
    settings |= {"default": None, "show_default": False}
    return option(" ".join(words), text, **settings)


CONFIG_VARIABLE: Final = f"{ENVIRONMENT_PREFIX}CONFIG"

_CONFIG: Final = option(
    "--config FILE",
    "Read the configuration from this TOML or JSON file; `braze-heap config` prints "
    f"one. Variables {ENVIRONMENT_PREFIX}* override it, and options override both.  "
    f"[default: that of {CONFIG_VARIABLE}]",
    type=FilePath(exists=True, dir_okay=False),
    envvar=CONFIG_VARIABLE,
    show_default=False,
)

_TRANSFORM: Final = (
    key_option(
        "transform.transformer",
        "--transformer MODULE:NAME",
        "Map with your own mappers, such as mappers:transformer in mappers.py: a "
        "registry or Mappers, a function from TransformConfig to Transformer, or a "
        "Transformer (then without the options below).",
    ),
    key_option(
        "transform.identity",
        text="Field whose value is the identity in Heap.  [default: external_user_id]",
        type=click.Choice(get_args(IdentityField)),
    ),
    key_option(
        "transform.personal_data",
        text="Remove, send or hash personal fields; hash needs the variable "
        f"{variable_of('transform', 'hash_key')}.  [default: drop]",
    ),
    key_option(
        "transform.include",
        "--include EVENTS",
        "Send only these events: types, globs, classes, categories such as "
        "message_engagement, engagement, delivery, channel:email, action:click. May be "
        "repeated. User properties that other events state are sent, too.",
        **_CHOICES,
    ),
    key_option(
        "transform.exclude",
        "--exclude EVENTS",
        "Send nothing of these events, not even user properties; as --include.",
        **_CHOICES,
    ),
)


def given(*names: str) -> list[str]:
    """Return those of the options with the parameters *names* that the user gave."""
    context = click.get_current_context()
    return [
        param.opts[-1]
        for param in context.command.params
        if param.name in names
        and context.get_parameter_source(param.name) is ParameterSource.COMMANDLINE
    ]


@attrs.frozen
class Setup:
    """The configuration of a command, and its file, if there is one."""

    config: Config
    file: Path | None = None

    @classmethod
    def load(
        cls,
        tables: Collection[str],
        values: dict[str, Any],
        warn: Callable[[str], object] = ui.show_warning,
    ) -> Self:
        """
        Return what options, variables and the file set, in this order.

        *values* are those of the options of `key_option`, and ``config``. Secrets of
        *tables* are read. *warn* is called with each warning about a variable.
        """
        file, options = values.pop("config"), dict[tuple[str, str], tuple[Any, str]]()
        params = click.get_current_context().command.params
        names = {param.name: param.opts[0] for param in params}
        for name, value in values.items():
            if value not in (None, ()):
                table, _, key = name.partition("__")
                if isinstance(value, StoreUrl):
                    key, value = "url", value.url
                value = str(value) if isinstance(value, Path) else value
                options[table, key] = (value, names[name])
        try:
            with shown_warnings(warn):
                config = Config.load(file, options=options, secrets_of=tables)
        except ValueError as error:
            raise ui.UnusableError(str(error)) from None
        return cls(config, file)


@contextlib.contextmanager
def shown_warnings(show: Callable[[str], object] = ui.show_warning) -> Iterator[None]:
    """Call *show* with each user warning of the block; by default, write to stderr."""
    with warnings.catch_warnings(record=True, action="always") as caught:
        try:
            yield
        finally:
            for warning in caught:
                if issubclass(warning.category, UserWarning):
                    show(str(warning.message))


def described(config: Config, transformer: Transformer) -> Iterator[tuple[str, str]]:
    """
    Yield key and value of the identity, of personal data, and of all else that is set.

    A *transformer* that *config* only names has an identity and treatments of its own.
    """
    for name, value, source in config.values():
        table, _, key = name.partition(".")
        if name == "transform.identity":
            several = value if "," in value else "a function"
            yield key, transformer._identity.field or several
        elif name == "transform.personal_data":
            yield key, str(transformer.personal_data.default)
        elif table == "transform" and source != "default":
            yield key, value


def setup_options(
    tables: str, *options: Decorator, load: Callable[..., Any] = Setup.load
) -> Decorator:
    """
    Add ``--config``, *options* of keys, and those of the transformer, if it is used.

    The command gets the result of *load* as *setup*. *tables* are those that it uses,
    such as ``transform sink``.
    """
    used = tables.split()
    added = (*_TRANSFORM, *options) if "transform" in used else options
    return group("setup", lambda **values: load(used, values), _CONFIG, *added)


def never_over_http(transformer: Transformer) -> list[str]:
    """Return a sentence about the selected events that only storage files have."""
    selection = transformer._policies.selection
    names = selection.only_in_storage() if selection else []
    return [
        f"{name} never arrives over HTTP: Braze writes it to storage files only."
        for name in names
    ]


def build_transformer(config: Config) -> Transformer:
    """Return the transformer of *config*, and write what it warns of to stderr."""
    with shown_warnings():
        try:
            return config.transformer()
        except (ValueError, TypeError) as error:
            raise ui.UnusableError(str(error)) from None
