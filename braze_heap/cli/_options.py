"""Options and arguments that several commands share, each declared once."""

import datetime as dt
import functools
import json
import os
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Protocol, Self, TypeVar, cast, get_args

import attrs
import click

from braze_heap import EVENT_TYPES, Transformer
from braze_heap._options import choices_of
from braze_heap._text import did_you_mean
from braze_heap.cli import _console as ui
from braze_heap.cli._load import load_transformer
from braze_heap.config import (
    ENVIRONMENT_PREFIX,
    TransformConfig,
    variable_of,
    variables,
)
from braze_heap.policies.identity import IdentityField
from braze_heap.policies.privacy import Treatment
from braze_heap.storage._objects import shown
from braze_heap.wire._source import is_url

STDIN: Final = Path("-")

TOKEN_VARIABLE: Final = "BRAZE_TOKEN"  # noqa: S105 (a name)
"""Variable with the bearer token, unless ``--token-env`` names another one."""

NEW_TOKEN: Final = "For a new one: openssl rand -hex 32"  # noqa: S105 (advice)

_Command = TypeVar("_Command", bound=Callable[..., Any])


class Decorator(Protocol):
    """Function that adds options to a command."""

    def __call__(self, command: _Command, /) -> _Command: ...


def option(names: str, text: str, **settings: Any) -> Decorator:
    """
    Return an option of click; without a metavar and *settings* it is a flag.

    Args:
        names: Words as in ``--help``: names, then the parameter if it has another
            name, then a metavar with a capital: ``--sink spec SPEC``.
        text: Help text.
        settings: Other arguments of `click.option`.
    """
    words = names.split()
    if words[-1][0].isupper():
        settings["metavar"] = words.pop()
    elif not settings:
        settings["is_flag"] = True
    return click.option(*words, help=text, **settings)


def group(name: str, build: Callable[..., Any], *options: Decorator) -> Decorator:
    """
    Return a decorator that adds *options* to a command.

    The command gets the result of *build*, called with their values, as *name*.
    """

    def add(command: _Command) -> _Command:
        def run(**values: Any) -> Any:
            own = {each: values.pop(each) for each in names}
            return command(**values, **{name: build(**own)})

        functools.update_wrapper(run, command)
        before = len(getattr(command, "__click_params__", ()))
        for each in reversed(options):
            each(run)
        params: list[click.Parameter] = vars(run)["__click_params__"]
        names = {param.name for param in params[before:]}
        return cast("_Command", run)

    return add


@attrs.frozen
class StoreUrl:
    """
    URL of an object, a folder or a bucket.

    Attributes:
        url: URL.
        storage_options: Arguments of the fsspec file system. They can be secret.
    """

    url: str
    storage_options: Mapping[str, Any] = attrs.field(factory=dict, repr=False)

    @property
    def name(self) -> str:
        """The part after the last slash."""
        return self.url.rpartition("/")[2]

    @property
    def suffix(self) -> str:
        """The file extension, such as ``.gz``."""
        return Path(self.name).suffix

    def __str__(self) -> str:
        return shown(self.url)


class FilePath(click.Path):
    """
    A path as `pathlib.Path`, refused with the reason if it cannot be looked at.

    click reports a path in a folder that may not be searched as missing, or accepts it.

    Args:
        urls: Whether a `StoreUrl` is accepted, too. A ``file:`` URL is a path.
        options: Arguments of `click.Path`.
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
        if is_url(text):
            scheme, _, rest = text.strip().partition("://")
            if scheme.lower() != "file" and self._urls:
                return StoreUrl(text.strip())
            if scheme.lower() != "file":
                name = ui.safe(shown(text), 200)
                self.fail(f"{name} is a URL, but this takes a path.", param, ctx)
            value = rest
        try:
            Path(value).stat()
        except (FileNotFoundError, NotADirectoryError):
            if self._urls and (found := _SLASHES.match(text)):
                self.fail(f"{ui.safe(text, 200)}: write {found[1]}://...", param, ctx)
        except (OSError, ValueError) as error:
            flaw = getattr(error, "strerror", None) or str(error)
            self.fail(f"{os.fspath(value)!r}: {flaw}.", param, ctx)
        return super().convert(value, param, ctx)


_SLASHES: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/(?!/)")
"""Beginning of a URL that has too few slashes."""


class InputPath(FilePath):
    """The path of a file that exists, ``-`` for stdin, or a URL."""

    def __init__(self, *, dir_okay: bool = True) -> None:
        super().__init__(exists=True, dir_okay=dir_okay, allow_dash=True, urls=True)


def _hour(
    _: click.Context, __: click.Parameter, value: str | None
) -> dt.datetime | None:
    """Return *value*, in ISO 8601 or as in a path of storage, as a time in UTC."""
    if value is None:
        return None
    try:
        time = dt.datetime.fromisoformat(_HOUR_IN_PATH.sub(r"\1T\2", value))
    except ValueError:
        raise click.BadParameter(
            f"{ui.safe(value)!r} is not a date or an hour, such as 2026-01-15 or "
            "2026-01-15T07."
        ) from None
    return time if time.tzinfo else time.replace(tzinfo=dt.UTC)


_HOUR_IN_PATH: Final = re.compile(r"^(\d{4}-\d\d-\d\d)-(\d\d)$")


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


def storage_option(command: _Command) -> _Command:
    """Add ``--storage-option``, whose values each URL of the command gets."""

    def run(storage_options: dict[str, Any], **values: Any) -> Any:
        number = 0

        def with_options(value: Any) -> Any:
            nonlocal number
            if isinstance(value, tuple):
                return tuple(map(with_options, value))
            if not isinstance(value, StoreUrl):
                return value
            number += 1
            return attrs.evolve(value, storage_options=storage_options)

        values = {name: with_options(value) for name, value in values.items()}
        if storage_options and not number:
            raise click.UsageError("--storage-option is for URLs, but there is no URL.")
        return command(**values)

    functools.update_wrapper(run, command)
    return cast("_Command", _storage_option(run))


_storage_option: Final = option(
    "--storage-option storage_options KEY=VALUE",
    "Argument of the client of the object store, such as endpoint_url=URL or "
    "profile=NAME. May be repeated.",
    multiple=True,
    callback=_storage_options,
)

WINDOW: Final = (
    option(
        "--since HOUR",
        "Read only files with this hour or a later one in their path, in UTC, such as "
        "2026-01-15 or 2026-01-15T07.",
        callback=_hour,
    ),
    option(
        "--until HOUR",
        "Read only files with an earlier hour in their path, in UTC.  "
        "[default: all, or a day from now with --since]",
        callback=_hour,
    ),
)
"""Options for the hours of files that Braze wrote."""


def _event_type(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """Return *value*; on stderr, point out a type that this version does not know."""
    if value is not None and value not in EVENT_TYPES:
        hint = did_you_mean(value, EVENT_TYPES)
        text = f"{ui.safe(value)} is not a type that this version knows.{hint}"
        click.echo(f"Note: {text}", err=True)
    return value


event_type_option: Final = option(
    "--event-type TYPE",
    "Type of records from storage, if neither they nor their path contain it.",
    callback=_event_type,
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

    def add(command: _Command) -> _Command:
        given = option(
            "--format form", text, type=click.Choice(forms), default=forms[0]
        )
        as_json = option("--json form", "Short for --format json.", flag_value="json")
        return given(as_json(command))

    return add


def output_option(text: str) -> Decorator:
    """Return ``--output``, the file or URL that a command writes; default: stdout."""
    kind = FilePath(dir_okay=False, allow_dash=True, urls=True)
    return option(
        "-o --output FILE", text, type=kind, default=STDIN, show_default="stdout"
    )


def yes_option(text: str = "Do not ask before sending to Heap.") -> Decorator:
    """Return ``--yes``, which replaces a confirmation."""
    return option("--yes", text)


def token_env_option(text: str, **settings: Any) -> Decorator:
    """Return ``--token-env``, the variable with the bearer token."""
    return option("--token-env NAME", f"Environment variable with {text}", **settings)


def transformer_options(command: _Command) -> _Command:
    """Add the options from which `build_transformer` makes a transformer."""
    for each in reversed(_OPTIONS):
        command = each(command)
    return command


_DEFAULTS: Final = TransformConfig()


def _choices(
    _: click.Context, param: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...]:
    """Return the choices of events in *values*, each of which may list several."""
    choices = [each.strip() for value in values for each in value.split(",")]
    if "" in choices:
        raise click.BadParameter(
            f"a choice is empty. Name events, or leave {param.opts[0]} out."
        )
    return tuple(choices)


def choices_option(names: str, text: str) -> Decorator:
    """Return an option of words: it may be repeated, and may list several."""
    return option(names, text, multiple=True, callback=_choices, show_default=False)


_OPTIONS: Final = (
    option(
        "--transformer spec_of_transformer MODULE:NAME",
        "Map with your own mappers, such as mappers:transformer in mappers.py: a "
        "registry or Mappers, a function from TransformConfig to Transformer, or a "
        "Transformer (then without the options below).",
    ),
    option(
        "--config FILE",
        "Read the options of the transformer from a TOML or JSON file. "
        f"Variables {ENVIRONMENT_PREFIX}* override it, and options override both.",
        type=FilePath(exists=True, dir_okay=False),
    ),
    option(
        "--identity",
        "Field whose value is the identity in Heap.  "
        f"[default: {', '.join(_DEFAULTS.identity)}]",
        type=click.Choice(get_args(IdentityField)),
    ),
    option(
        "--personal-data",
        "Remove, send or hash personal fields; hash needs the variable "
        f"{ENVIRONMENT_PREFIX}HASH_KEY.  [default: {_DEFAULTS.personal_data}]",
        type=click.Choice(choices_of(TransformConfig, "personal_data")),
    ),
    choices_option(
        "--include EVENTS",
        "Send only these events: types, globs, classes, categories such as "
        "message_engagement, engagement, delivery, channel:email, action:click. May be "
        "repeated. User properties that other events state are sent, too.",
    ),
    choices_option(
        "--exclude EVENTS",
        "Send nothing of these events, not even user properties; as --include.",
    ),
)


@attrs.frozen
class Setup:
    """
    Everything that a transformer is made of, as plain data: a worker process makes the
    same one.

    Attributes:
        config: The options in force.
        given: Names of the options and environment variables that set them.
        spec: ``module:name`` of a team's own mappers or transformer, if there is one.
    """

    config: TransformConfig
    given: tuple[str, ...] = ()
    spec: str | None = None

    @classmethod
    def of(
        cls,
        spec_of_transformer: str | None,
        config: Path | None,
        identity: IdentityField | None,
        personal_data: Treatment | None,
        include: tuple[str, ...] = (),
        exclude: tuple[str, ...] = (),
    ) -> Self:
        """
        Return what the options, environment variables and the file set, in this order.

        Raises:
            UnusableError: The file or a variable is wrong.
        """
        try:
            base = TransformConfig.from_file(config) if config else None
            in_force = TransformConfig.from_env(base=base)
        except (ValueError, OSError) as error:
            raise ui.UnusableError(str(error)) from None
        options = {
            "identity": (identity,) if identity else (),
            "personal_data": personal_data,
            "include": include,
            "exclude": exclude,
        }
        given = {name: value for name, value in options.items() if value}
        in_force = attrs.evolve(in_force, **given)  # type: ignore[arg-type]
        names = ["--config"] * (config is not None)
        names += [f"--{name.replace('_', '-')}" for name in given]
        names += map(variable_of, variables())
        return cls(in_force, tuple(names), spec_of_transformer)

    def transformer(self) -> Transformer:
        """
        Return the transformer.

        Raises:
            UnusableError: The team's own one cannot be imported.
            ValueError: The options do not fit together.
        """
        if self.spec is None:
            return self.config.transformer()
        return load_transformer(self.spec, self.config, self.given)

    def described(self, transformer: Transformer) -> Iterator[tuple[str, str]]:
        """
        Yield name and value of the identity, of personal data, and of each option that
        does not have its default value; of secrets only that they are set.

        Args:
            transformer: Made of this. A finished one has options of its own.
        """
        if self.spec is not None:
            yield "transformer", self.spec
        for field in attrs.fields(TransformConfig):
            value = getattr(self.config, field.name)
            if field.name == "identity":
                several = value if len(value) > 1 else "a function"
                value = transformer._identity.field or several
                is_shown = True
            elif field.name == "personal_data":
                value, is_shown = transformer.personal_data.default, True
            else:
                is_shown = value != getattr(_DEFAULTS, field.name)
            if is_shown:
                yield field.name, _joined(value) if field.repr else "(set)"


def _joined(value: Any) -> str:
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def never_over_http(transformer: Transformer) -> list[str]:
    """Return a sentence about the selected events that only storage files have."""
    selection = transformer._policies.selection
    names = selection.only_in_storage() if selection else []
    return [
        f"{name} never arrives over HTTP: Braze writes it to storage files only."
        for name in names
    ]


def build_transformer(setup: Setup) -> Transformer:
    """
    Return the transformer of *setup*, and write what it warns of to stderr.

    Raises:
        UnusableError: There is none.
    """
    with warnings.catch_warnings(record=True, action="always") as caught:
        try:
            transformer = setup.transformer()
        except (ValueError, TypeError) as error:
            raise ui.UnusableError(str(error)) from None
    for warning in caught:
        if issubclass(warning.category, UserWarning):
            ui.show_warning(warning.message)
    return transformer
