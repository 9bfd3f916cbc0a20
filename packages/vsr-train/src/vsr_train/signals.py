"""Signals to a run: stop, validate now, save now; before there is anything to save, one line.

Standard library alone, so that handlers are in place before torch is imported.
"""

import os
import signal
from collections.abc import Callable
from enum import IntFlag
from types import FrameType
from typing import Any, Final, Self

_STOP: Final = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


class Action(IntFlag):
    """What a run does after a step: asked for by a signal or a key, or due by its `Cadence`."""

    NOTHING = 0
    STOP = 1
    VALIDATE = 2
    SAVE = 4
    LOG = 8
    PAUSE = 16
    """Make no step as long as this is asked for."""


_ASKED_BY: Final = {
    getattr(signal, name): action
    for name, action in (("SIGUSR1", Action.VALIDATE), ("SIGUSR2", Action.SAVE))
    if hasattr(signal, name)
}


class Interrupted(KeyboardInterrupt):
    """A signal to stop arrived where nothing can be saved: at start-up, or a second time."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(signal.Signals(number).name)

    @property
    def exit_code(self) -> int:
        """What a shell returns for a program that the signal ended."""
        return 128 + self.number


class Signals:
    """Heeds SIGINT, SIGTERM, SIGHUP, SIGUSR1 and SIGUSR2 while its context lasts.

    Until `defer` is called a signal to stop raises `Interrupted`; from then on the first asks for a
    stop and the second raises. Signals that the caller ignores, as `nohup` does SIGHUP, stay so.
    """

    def __init__(self) -> None:
        self._pending = Action.NOTHING
        self._deferred = False
        self._process = os.getpid()
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for number in _STOP:
            self._install(number, self._stop)
        for number in _ASKED_BY:
            self._install(number, self._request)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def defer(self) -> None:
        """Let signals to stop wait for the end of a step from now on."""
        self._deferred = True

    @property
    def stop_requested(self) -> bool:
        """Whether the run has been asked to stop."""
        return Action.STOP in self._pending

    def take(self) -> Action:
        """Return what is asked for; a request to stop stays, others are taken once."""
        asked, self._pending = self._pending, self._pending & Action.STOP
        return asked

    def _install(self, number: int, handler: Callable[[int, FrameType | None], None]) -> None:
        before = signal.getsignal(number)
        if before is not signal.SIG_IGN:
            self._before[number] = before
            signal.signal(number, handler)

    def _stop(self, number: int, _: FrameType | None) -> None:
        if os.getpid() != self._process:  # a worker between its fork and its own handlers
            return
        if not self._deferred or self.stop_requested:
            raise Interrupted(number)
        self._pending |= Action.STOP

    def _request(self, number: int, _: FrameType | None) -> None:
        self._pending |= _ASKED_BY[number]
