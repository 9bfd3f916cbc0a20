"""`check`: what is wrong with settings files."""

import argparse
import sys

from vsr_files import printable
from vsr_settings.commands.arguments import Commands, add_set
from vsr_settings.errors import ExitCode, SettingsError
from vsr_settings.reading import read


def add_to(commands: Commands) -> None:
    """Add the command and its options."""
    command = commands.add_parser("check", help="say what is wrong with settings files")
    command.add_argument("files", nargs="+", metavar="FILE", help="a TOML file")
    add_set(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> ExitCode:
    """Check every file, and say `good` of those that load."""
    status = ExitCode.DONE
    for file in options.files:
        try:
            loaded = read(file, options.set)
        except SettingsError as error:
            print(error, file=sys.stderr)
            status = ExitCode.SETTINGS
        else:
            for warning in loaded.warnings:
                print(f"{printable(file)}: warning: {warning}", file=sys.stderr)
            print(f"{printable(file)}: good")
    return status
