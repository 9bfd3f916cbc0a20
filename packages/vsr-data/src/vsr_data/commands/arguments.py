"""What several commands take: sources, settings, and one setting at a time."""

import argparse
from typing import TypeAlias

from vsr_settings import LoadedSettings, read

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - unnamed
"""What `add_subparsers` gives."""


def add_settings(command: argparse.ArgumentParser) -> None:
    """Let a command take a run's settings."""
    command.add_argument("--settings", metavar="FILE", help="a TOML file, as in configs/")
    command.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="SECTION.NAME=VALUE",
        help="override a setting; may be repeated",
    )


def settings_of(options: argparse.Namespace) -> LoadedSettings:
    """The settings that `--settings` and `--set` make, whether or not a step fits the card.

    Raises:
        SettingsError: they are refused.
    """
    return read(options.settings, options.set, rules=())  # rules speak of cards and schedules
