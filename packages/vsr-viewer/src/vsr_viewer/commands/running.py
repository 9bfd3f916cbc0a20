"""What the commands have in common: one message for what a user can cause, and its exit code."""

import contextlib
import os
import sys
from collections.abc import Callable

from vsr_settings import ExitCode
from vsr_viewer.record import NoRunError

BROKEN_PIPE = 141


class RefusedError(Exception):
    """What a command cannot do, in a message."""


def guarded(command: Callable[[], None]) -> int:
    """Run a command; return its exit code, after one message where it is not 0."""
    for stream in (sys.stdout, sys.stderr):
        # a terminal that lacks a character shows its code rather than a traceback
        getattr(stream, "reconfigure", lambda **_: None)(errors="backslashreplace")
    try:
        command()
        sys.stdout.flush()
    except (NoRunError, RefusedError) as error:
        print(f"error: {error}", file=sys.stderr)
        return ExitCode.SETTINGS
    except BrokenPipeError:
        # whoever read has left: let nothing be flushed to it at exit
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    return ExitCode.DONE
