"""
The options by which a command gets its transformer.
"""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import attrs
import click

from braze_heap import Transformer
from braze_heap.cli._console import UnusableError
from braze_heap.config import TransformConfig

_Command = TypeVar("_Command", bound=Callable[..., Any])


def options_of_transformer(command: _Command) -> _Command:
    """
    Add the options from which `configured` makes a transformer.
    """
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


_OPTIONS: Final = (
    click.option(
        "--config",
        metavar="FILE",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="Read all options of the transformer from a TOML or JSON file.",
    ),
    click.option(
        "--identity",
        type=click.Choice(["external_user_id", "user_id"]),
        help="What names the user in Heap.  [default: external_user_id]",
    ),
    click.option(
        "--personal-data",
        type=click.Choice(["drop", "keep"]),
        help="Leave personal fields out, or send them.  [default: drop]",
    ),
)


def configured(**options: Any) -> Transformer:
    """
    Return the transformer that the options describe; they override the file.
    """
    try:
        return made(configuration(**options))
    except ValueError as error:
        raise UnusableError(str(error)) from None


def made(config: TransformConfig) -> Transformer:
    """
    Return the transformer that *config* describes; tell what it warns of in lines.
    """
    with warnings.catch_warnings(record=True, action="always") as caught:
        transformer = config.transformer()
    for warning in caught:
        click.echo(f"Warning: {warning.message}", err=True)
    return transformer


def configuration(
    config: Path | None,
    identity: Literal["external_user_id", "user_id"] | None,
    personal_data: Literal["drop", "keep"] | None,
) -> TransformConfig:
    """
    Return all options that are in force.

    Raises:
        ValueError: The file means nothing.
    """
    options = TransformConfig.from_file(config) if config else TransformConfig()
    if identity:
        options = attrs.evolve(options, identity=(identity,))
    if personal_data:
        options = attrs.evolve(options, personal_data=personal_data)
    return options
