"""What several commands take: sources, settings, and one setting at a time."""

import argparse

from pydantic import ValidationError

from vsr_files import printable
from vsr_settings import LoadedSettings, read
from vsr_settings.commands.arguments import Commands, add_set
from vsr_settings.schema import Source

__all__ = ["Commands", "a_source", "add_settings", "settings_of"]


def add_settings(command: argparse.ArgumentParser) -> None:
    """Let a command take a run's settings."""
    command.add_argument("--settings", metavar="FILE", help="a TOML file, as in configs/")
    add_set(command)


def a_source(text: str) -> str:
    """A source as an option gives it, held to what `data.train` may be."""
    try:
        return Source(path=text).path
    except ValidationError as error:
        raise argparse.ArgumentTypeError(
            f"{printable(text[:60])!r} is no source: write 1 to 4096 characters, none of control"
        ) from error


def settings_of(options: argparse.Namespace) -> LoadedSettings:
    """The settings that `--settings` and `--set` make, whether or not a step fits the card.

    Raises:
        SettingsError: they are refused.
    """
    return read(options.settings, options.set, rules=())  # rules speak of cards and schedules
