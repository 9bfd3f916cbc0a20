"""What several commands take, and the files they write."""

import argparse
import sys
from typing import TypeAlias

from vsr_files import expanded, printable
from vsr_settings.errors import ExitCode

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - unnamed
"""What `add_subparsers` gives."""


def add_set(command: argparse.ArgumentParser) -> None:
    """Let a command override settings."""
    command.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="SECTION.NAME=VALUE",
        help="override a setting; may be repeated",
    )


def add_output(command: argparse.ArgumentParser) -> None:
    """Let a command write a file."""
    command.add_argument("-o", "--output", metavar="OUT", help="a file to write, which must be new")


def write_new(output: str, text: str) -> ExitCode:
    """Write a settings file that is not there yet; say why where that cannot be."""
    try:
        with expanded(output).open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        reason = "exists; give another name to -o"
    except (OSError, ValueError) as error:
        reason = f"cannot be written: {(getattr(error, 'strerror', None) or str(error)).lower()}"
    else:
        return ExitCode.DONE
    print(f"{printable(output)}: {reason}", file=sys.stderr)
    return ExitCode.SETTINGS
