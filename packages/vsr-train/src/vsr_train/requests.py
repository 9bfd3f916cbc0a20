"""What is asked of a run between two steps: by signals, keys and the clock, in any process.

All processes get the same answer at the same place, while the run is paused, too.
"""

import time
from collections.abc import Callable
from typing import Final

from vsr_device import Processes
from vsr_train.cadence import Cadence
from vsr_train.signals import Action, Signals

PAUSED_POLL_S: Final = 0.1
"""Seconds between two questions whether a paused run goes on."""

AT_ONCE: Final = Action.VALIDATE | Action.SAVE
"""What a paused run does without making a step."""


class Requests:
    """Gathers what is asked for.

    Args:
        signals: those to this process.
        keys: what keys ask for; in all processes but the first nothing.
        cadence: what is due by the clock.
        processes: those that must agree.
    """

    def __init__(
        self,
        signals: Signals,
        keys: Callable[[], Action],
        cadence: Cadence,
        processes: Processes,
    ) -> None:
        self._signals = signals
        self._keys = keys
        self._cadence = cadence
        self._processes = processes

    def take(self, by_clock: Action = ~Action.NOTHING) -> Action:
        """Return what is asked for or due in any of the processes.

        Args:
            by_clock: what may be due by the clock.
        """
        due = self._signals.take() | self._keys() | self._cadence.by_clock() & by_clock
        return Action(self._processes.union(due))

    def wait_out(self, due: Action, perform: Callable[[Action], None]) -> Action:
        """Wait until a paused run goes on or stops; return what is due then.

        Args:
            due: what was asked for with the pause.
            perform: does what is asked for meanwhile.
        """
        by_clock = Action.STOP | Action.SAVE
        with self._cadence.paused():
            while Action.PAUSE in due and Action.STOP not in due:
                perform(due & AT_ONCE)
                if Action.SAVE in due:
                    by_clock = Action.STOP  # there is nothing new to save
                elif Action.VALIDATE in due:
                    by_clock = Action.STOP | Action.SAVE  # the best may be another now
                time.sleep(PAUSED_POLL_S)
                due = self.take(by_clock)
        return due
