"""The options by which a command gets its transformer."""

import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, Self, TypeVar

import attrs
import click

from braze_heap import Transformer
from braze_heap._options import choices_of
from braze_heap.cli._console import UnusableError, safe
from braze_heap.cli._load import load_transformer
from braze_heap.cli._paths import FilePath
from braze_heap.config import ENVIRONMENT_PREFIX, TransformConfig, variables
from braze_heap.policies.identity import IdentityField
from braze_heap.policies.privacy import Treatment

_Command = TypeVar("_Command", bound=Callable[..., Any])


def transformer_options(command: _Command) -> _Command:
    """Add the options from which `configured` makes a transformer."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


_DEFAULTS: Final = TransformConfig()

_OPTIONS: Final = (
    click.option(
        "--transformer",
        "spec_of_transformer",
        metavar="MODULE:NAME",
        help="Map with your own mappers, such as mappers:transformer in mappers.py: a "
        "registry or Mappers, a function from TransformConfig to Transformer, or a "
        "Transformer (then without the options below).",
    ),
    click.option(
        "--config",
        metavar="FILE",
        type=FilePath(exists=True, dir_okay=False),
        help="Read the options of the transformer from a TOML or JSON file. "
        f"Variables {ENVIRONMENT_PREFIX}* override it, and options override both.",
    ),
    click.option(
        "--identity",
        type=click.Choice(choices_of(TransformConfig, "identity")),
        help="Field whose value is the identity in Heap.  "
        f"[default: {', '.join(_DEFAULTS.identity)}]",
    ),
    click.option(
        "--personal-data",
        type=click.Choice(choices_of(TransformConfig, "personal_data")),
        help="Remove, send or hash personal fields; hash needs the variable "
        f"{ENVIRONMENT_PREFIX}HASH_KEY.  [default: {_DEFAULTS.personal_data}]",
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
    ) -> Self:
        """
        Return what the options, environment variables and the file set, in this order.

        Raises:
            ValueError: The file or a variable is wrong.
            OSError: The file cannot be read.
        """
        in_force = TransformConfig.from_env(
            base=TransformConfig.from_file(config) if config else None
        )
        if identity:
            in_force = attrs.evolve(in_force, identity=(identity,))
        if personal_data:
            in_force = attrs.evolve(in_force, personal_data=personal_data)
        named = {
            "--config": config,
            "--identity": identity,
            "--personal-data": personal_data,
        }
        names = [name for name, value in named.items() if value]
        names += [f"{ENVIRONMENT_PREFIX}{name.upper()}" for name in variables()]
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


def transformer_from_options(**options: Any) -> Transformer:
    """
    Return the transformer that the options describe.

    Raises:
        UnusableError: They do not describe one.
    """
    return build_transformer(setup_of(**options))


def setup_of(**options: Any) -> Setup:
    """
    Return what the options set; see `Setup.of`.

    Raises:
        UnusableError: The file or a variable is wrong.
    """
    try:
        return Setup.of(**options)
    except (ValueError, OSError) as error:
        raise UnusableError(str(error)) from None


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
            raise UnusableError(str(error)) from None
    for warning in caught:
        if issubclass(warning.category, UserWarning):
            click.echo(f"Warning: {safe(str(warning.message), 1_000)}", err=True)
    return transformer
