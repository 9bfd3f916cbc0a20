"""`python -m vsr_data`: look at footage, prepare it, and keep the cache.

Exits with 0; with 2 where options or settings are refused; with 3 where footage is at fault. Never
with a traceback for what a user can cause.
"""

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Final

from vsr_data.commands import cache, doctor, prepare
from vsr_data.errors import DataError
from vsr_settings import ExitCode, SettingsError

BROKEN_PIPE: Final = 141
_COMMANDS: Final = (doctor, prepare, cache)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m vsr_data",
        description="Look at footage as training would see it, prepare it, and keep the cache.",
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
    except (SettingsError, DataError) as error:
        print(f"error: {error}", file=sys.stderr)
        return ExitCode.DATA if isinstance(error, DataError) else ExitCode.SETTINGS
    except BrokenPipeError:
        # whoever read has left: let nothing be flushed to it at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except OSError as error:
        print(f"error: the output cannot be written: {error.strerror or error}", file=sys.stderr)
        return ExitCode.SETTINGS
    except KeyboardInterrupt as interrupt:
        number = getattr(interrupt, "number", signal.SIGINT)
        print(f"stopped by {signal.Signals(number).name}", file=sys.stderr)
        return 128 + int(number)
    return status


class Stopped(KeyboardInterrupt):
    """A signal to stop: what was begun is cleared away."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(signal.Signals(number).name)


def _stop(number: int, _: FrameType | None) -> None:
    signal.signal(number, signal.SIG_DFL)  # a second one ends us at once
    raise Stopped(number)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _stop)
    sys.exit(main())
