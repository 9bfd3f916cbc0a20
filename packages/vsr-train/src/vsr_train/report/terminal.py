"""A run on a terminal: a panel that is redrawn in place, lines above it that stay, and keys.

The panel is there while the run is in the terminal's foreground, and nowhere else: in the
background, on a dumb terminal and where there is none, lines are all there is.
"""

import atexit
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, redirect_stderr, redirect_stdout, suppress
from dataclasses import replace
from typing import IO, Any, Final, cast

from rich.console import Console, RenderableType
from rich.file_proxy import FileProxy

from vsr_train.keys import ASKS, HELP, PAUSE, Keys, in_background
from vsr_train.report.live import Canvas, Tracker, panel
from vsr_train.report.live.rows import Lines
from vsr_train.signals import Action

POLL_S: Final = 0.1
"""Seconds within which a key is heeded."""

REFRESH_S: Final = 0.4
"""Seconds between two refreshes without one."""


class Terminal:
    """The live part of a run's output.

    Args:
        console: where it is drawn.
        tracker: what is known of the run.
        stops: whether a signal has asked the run to stop.
        keys: those of the terminal.
    """

    def __init__(
        self,
        console: Console,
        tracker: Tracker,
        stops: Callable[[], bool] = lambda: False,
        keys: Keys | None = None,
    ) -> None:
        self._console = console
        self._tracker = tracker
        self._stops = stops
        self._keys = Keys.of_terminal() if keys is None else keys
        self._canvas = Canvas(console, self._draw)
        self._lock = threading.RLock()
        self._shows_help = False
        self._is_started = False
        self._thread = threading.Thread(target=self._watch, name="terminal", daemon=True)
        self._ended = threading.Event()
        self._refreshed = 0.0
        self._redirected = ExitStack()

    @property
    def is_drawn(self) -> bool:
        """Whether the panel is on the screen."""
        return self._canvas.is_shown

    def start(self) -> None:
        """Begin to draw, where a person watches, and to read keys."""
        console = self._console
        if not console.is_interactive or console.legacy_windows or not console.file.isatty():
            return
        self._is_started = True
        atexit.register(self.stop)  # where a signal breaks off an orderly end
        self._keys.__enter__()
        self._redirect()
        with self._lock:
            self._refresh()
        self._thread.start()

    def stop(self) -> None:
        """Take away what is drawn, and give the terminal back as it was."""
        if not self._is_started:
            return
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()
        with self._lock:
            self._leave()
        self._redirected.close()
        self._keys.__exit__(None, None, None)
        self._is_started = False
        atexit.unregister(self.stop)

    def print(self, what: RenderableType, *, soft_wrap: bool = False) -> None:
        """Print something, above the panel."""
        with self._lock:
            self._console.print(what, soft_wrap=soft_wrap)

    def take(self) -> Action:
        """Return what keys ask for."""
        return self._keys.take()

    def tick(self, seconds: float) -> None:
        """Heed keys for some time, and refresh the panel where that is due."""
        pressed = self._keys.poll(seconds)
        for key in pressed:
            self._press(key)
        if self._keys.suspends:
            with self._lock:
                self._leave()
                self._keys.suspend()
        now = time.monotonic()
        if pressed or now - self._refreshed >= REFRESH_S:
            self._refreshed = now
            with self._lock:
                self._refresh()

    def _watch(self) -> None:
        self._keys.claim_thread()
        while not self._ended.is_set():
            try:
                self.tick(POLL_S)
            except Exception as error:  # noqa: BLE001 - a run is worth more than its picture
                self._canvas.failure = error
                self._ended.wait(POLL_S)

    def _refresh(self) -> None:
        """Draw where the run is in the foreground, and stay out of the way where it is not."""
        if self._is_elsewhere():
            self._canvas.abandon()
        elif self._canvas.is_shown:
            self._canvas.refresh()
        elif self._canvas.failure is None:
            self._canvas.show()
        if self._canvas.is_shown and self._canvas.failure is not None:
            self._canvas.hide()
            failure = self._canvas.failure
            self.print(f"warning: the panel cannot be drawn ({failure!r}); the run goes on")

    def _leave(self) -> None:
        if self._is_elsewhere():
            self._canvas.abandon()
        else:
            self._canvas.hide()

    def _is_elsewhere(self) -> bool:
        with suppress(OSError, ValueError):
            return in_background(self._console.file.fileno())
        return False

    def _press(self, key: str) -> None:
        """Show at once that a key was heeded; the run takes what it asks for after its step."""
        if key == HELP:
            self._shows_help = not self._shows_help
        elif key == PAUSE:
            change = self._tracker.ask if self._keys.pauses else self._tracker.withdraw
            change(Action.PAUSE)
        else:
            self._tracker.ask(ASKS[key])

    def _draw(self, width: int, height: int) -> Lines:
        status = self._tracker.status()
        asked = status.asked | (Action.STOP if self._stops() else Action.NOTHING)
        shown = replace(
            status,
            asked=asked,
            goes_on=status.doing == "paused" and not self._keys.pauses,
            has_keys=self._keys.are_read,
            shows_help=self._shows_help,
        )
        return panel(shown, width, height)

    def _redirect(self) -> None:
        """Have what others print to this terminal, such as warnings, appear above the panel."""
        for stream, redirect in ((sys.stdout, redirect_stdout), (sys.stderr, redirect_stderr)):
            if stream is not None and stream.isatty():
                proxy = FileProxy(self._console, cast("IO[str]", stream))
                self._redirected.enter_context(cast("Any", redirect)(proxy))
