"""Keys to a run: v validates, s saves, p pauses, q stops; standard library alone.

The terminal belongs to whoever is in its foreground: in the background nothing is read from it and
nothing is set. Its mode is given back on every way out, and while the run is suspended.
"""

import atexit
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType, ModuleType
from typing import Any, Final, Self

from vsr_train.signals import Action

termios: ModuleType | None
try:
    import termios
except ImportError:  # as on Windows: there are no keys
    termios = None

ASKS: Final = {"v": Action.VALIDATE, "s": Action.SAVE, "q": Action.STOP}
PAUSE, HELP = "p", "?"
KNOWN: Final = frozenset((*ASKS, PAUSE, HELP))

MOST_AT_ONCE: Final = 8
"""Characters that fingers type within a moment; more are pasted, and no keys."""

SUSPENDING_S: Final = 0.2
"""Seconds in which a process that stops itself has stopped."""

_ESCAPE: Final = 0x1B
_INTRODUCERS: Final = frozenset(b"[O")
"""What follows an escape where more follows: CSI and SS3."""


class Keys:
    """Reads keys while its context lasts, in whatever thread calls `poll`.

    Args:
        descriptor: of the terminal to read; None reads nothing, but a run is suspended in order.
    """

    def __init__(self, descriptor: int | None) -> None:
        self._fd = descriptor if termios is not None else None
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._asked = Action.NOTHING
        self._mode: list[Any] | None = None
        self._parser = _Parser()
        self._before: dict[int, Any] = {}
        self.suspends = False
        """Whether the terminal asked to suspend the run; see `suspend`."""

    @classmethod
    def of_terminal(cls) -> Self:
        """Return the keys of standard input; none where that is no terminal."""
        with suppress(AttributeError, OSError, ValueError):  # no stdin, or one of another kind
            if sys.stdin.isatty():
                return cls(sys.stdin.fileno())
        return cls(None)

    def __enter__(self) -> Self:
        atexit.register(self._close)  # where a signal breaks off the end of this context
        for name, handler in (("SIGTSTP", self._ask_to_suspend), ("SIGCONT", self._go_on)):
            self._install(getattr(signal, name, None), handler)
        return self

    def __exit__(self, *_: object) -> None:
        self._close()
        atexit.unregister(self._close)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before.clear()

    @property
    def are_read(self) -> bool:
        """Whether keys are read at this moment."""
        return self._fd is not None and self._mode is not None

    @property
    def pauses(self) -> bool:
        """Whether the run is to be paused, or to stay so."""
        return Action.PAUSE in self._asked

    def claim_thread(self) -> None:
        """Prepare the thread that polls: signals go to others, and a read in the background fails.

        Else one that came a moment after the run had gone there would stop it (SIGTTIN).
        """
        if hasattr(signal, "pthread_sigmask"):
            signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())

    def take(self) -> Action:
        """Return what is asked for; stopping and pausing stay, the rest is taken once."""
        with self._lock:
            asked, self._asked = self._asked, self._asked & (Action.STOP | Action.PAUSE)
        return asked

    def poll(self, seconds: float) -> str:
        """Return the keys pressed, waiting at most so long for one; other characters are dropped.

        Takes the terminal's mode where the run has come to its foreground.
        """
        if not self._take_mode():
            time.sleep(seconds)
            return ""
        keys = "".join(key for key in self._read(seconds) if key in KNOWN)
        with self._lock:
            for key in keys:
                self._asked |= ASKS.get(key, Action.NOTHING)
                self._asked ^= Action.PAUSE if key == PAUSE else Action.NOTHING
        return keys

    def suspend(self) -> None:
        """Give the terminal back and stop this process, as Ctrl-Z asks; returns when it goes on."""
        self._give_back()
        self.suspends = False
        os.kill(os.getpid(), signal.SIGTSTP)
        time.sleep(SUSPENDING_S)

    def _read(self, seconds: float) -> str:
        typed, descriptor = b"", self._fd
        with suppress(OSError, ValueError):  # in the background by now, hung up or closed
            if descriptor is None or not select.select([descriptor], [], [], seconds)[0]:
                self._parser.rest()
                return ""
            typed = os.read(descriptor, 1024)
        if not typed:
            time.sleep(seconds)  # what has hung up can always be read
        return self._parser.keys(typed)

    def _take_mode(self) -> bool:
        """Let single keys through, and show none; return whether keys can be read."""
        with self._lock:
            if self._fd is None or termios is None or not in_foreground(self._fd):
                return False
            try:
                mode = termios.tcgetattr(self._fd)
                line_by_line = termios.ICANON | termios.ECHO
                if mode[3] & line_by_line:
                    self._mode = mode
                    ours = [*mode[:3], mode[3] & ~line_by_line, *mode[4:6], list(mode[6])]
                    ours[6][termios.VMIN], ours[6][termios.VTIME] = 1, 0
                    termios.tcflush(self._fd, termios.TCIFLUSH)  # typed before, and not to the run
                    termios.tcsetattr(self._fd, termios.TCSANOW, ours)
            except (OSError, termios.error):
                return False
            return self._mode is not None

    def _give_back(self) -> None:
        """Restore the terminal's mode, where it is this process's to restore."""
        if termios is None or os.getpid() != self._process:
            return
        with self._lock, suppress(OSError, termios.error):
            if self._mode is not None and self._fd is not None and in_foreground(self._fd):
                termios.tcflush(self._fd, termios.TCIFLUSH)  # typed to the run, not to the shell
                termios.tcsetattr(self._fd, termios.TCSANOW, self._mode)
            self._mode = None

    def _close(self) -> None:
        """Give the terminal back and read no more."""
        self._give_back()
        self._fd = None

    def _install(
        self, number: int | None, handler: Callable[[int, FrameType | None], None]
    ) -> None:
        is_main = threading.current_thread() is threading.main_thread()
        if number is not None and is_main and signal.getsignal(number) == signal.SIG_DFL:
            self._before[number] = signal.signal(number, handler)

    def _ask_to_suspend(self, number: int, _: FrameType | None) -> None:
        """Let the thread that draws leave the screen in order; it then stops the process."""
        signal.signal(number, signal.SIG_DFL)
        if os.getpid() == self._process:
            self.suspends = True
        else:  # a worker
            os.kill(os.getpid(), number)

    def _go_on(self, _number: int, _frame: FrameType | None) -> None:
        if os.getpid() == self._process and signal.SIGTSTP in self._before:
            signal.signal(signal.SIGTSTP, self._ask_to_suspend)


class _Parser:
    """Tells keys from the sequences that arrows and the like send; these are dropped."""

    def __init__(self) -> None:
        self._pending = b""

    def rest(self) -> None:
        """Nothing came for a while: what began was the escape key alone."""
        self._pending = b""

    def keys(self, typed: bytes) -> str:
        """Return the characters that are keys of their own, in lower case."""
        data, self._pending = self._pending + typed, b""
        keys, at = [], 0
        while at < len(data):
            if data[at] != _ESCAPE:
                keys.append(chr(data[at]).lower())
                at += 1
            elif (end := _end_of_sequence(data, at)) is None:
                self._pending = data[at:]
                break
            else:
                at = end
        return "".join(keys) if len(keys) <= MOST_AT_ONCE else ""


def _end_of_sequence(data: bytes, start: int) -> int | None:
    """Return where the sequence that begins with an escape ends; None where more must follow."""
    at = start + 1
    if at >= len(data):
        return None
    if data[at] not in _INTRODUCERS:  # Alt and a key
        return at + 1
    at += 1
    while at < len(data) and not 0x40 <= data[at] <= 0x7E:  # parameters
        at += 1
    return at + 1 if at < len(data) else None


def in_foreground(descriptor: int) -> bool:
    """Tell whether this process is in the foreground of its own terminal."""
    with suppress(OSError, AttributeError):
        return os.tcgetpgrp(descriptor) == os.getpgrp()
    return False


def in_background(descriptor: int) -> bool:
    """Tell whether a terminal is this process's own and another has its foreground."""
    with suppress(OSError, AttributeError):
        return os.tcgetpgrp(descriptor) != os.getpgrp()
    return False
