"""`python -m vsr_settings`: check, explain, plan, document and import settings.

Exits with 0, or with 2 where something is refused; never with a traceback.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Final

from vsr_settings.commands import check, explain, importing, plan, reference
from vsr_settings.errors import ExitCode, SettingsError

BROKEN_PIPE: Final = 141
_COMMANDS: Final = (check, explain, plan, reference, importing)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m vsr_settings",
        description="Check, explain, plan, document and import settings.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in _COMMANDS:
        command.add_to(commands)
    options = parser.parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        # a terminal that lacks a character shows its code rather than a traceback
        getattr(stream, "reconfigure", lambda **_: None)(errors="backslashreplace")
    try:
        status: int = options.run(options)
        sys.stdout.flush()
    except SettingsError as error:
        print(error, file=sys.stderr)
        return ExitCode.SETTINGS
    except BrokenPipeError:
        # whoever read has left: let nothing be flushed to it at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except OSError as error:
        print(f"the output cannot be written: {error.strerror or error}", file=sys.stderr)
        return ExitCode.SETTINGS
    return status


if __name__ == "__main__":
    sys.exit(main())
