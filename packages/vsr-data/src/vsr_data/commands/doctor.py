"""`doctor`: what training would see of footage, and what is wrong with it."""

import argparse

from vsr_data.commands.arguments import Commands, add_settings, settings_of
from vsr_data.footage.videos import video_files
from vsr_files import expanded, printable
from vsr_settings import ExitCode


def add_to(commands: Commands) -> None:
    """Add the command and its options."""
    command = commands.add_parser("doctor", help="say what training would see of footage")
    command.add_argument("sources", nargs="+", metavar="SOURCE", help="as `data.train` takes them")
    add_settings(command)
    command.add_argument("--val", metavar="SOURCE", help="a validation source: looked at for leaks")
    command.add_argument("--json", action="store_true", help="print the findings as JSON")
    command.add_argument("--out", metavar="DIR", help="write a page and a contact sheet there")
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> ExitCode:
    """Look at every file."""
    settings_of(options)
    for source in options.sources:
        for path in video_files(expanded(source)):
            print(printable(path))
    return ExitCode.DONE
