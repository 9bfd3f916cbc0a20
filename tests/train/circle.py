"""Processes that are threads of one process: what is exchanged between them, without starting any.

Only what talks in host memory can be tried so; the devices' own exchanges cannot.
"""

import threading
from concurrent.futures import ThreadPoolExecutor

from vsr_device import Processes


class Circle:
    """As many processes as asked for, each in a thread of its own."""

    def __init__(self, world_size):
        self.world_size = world_size
        self._barrier = threading.Barrier(world_size, timeout=60)
        self._brought = [None] * world_size

    def run(self, act):
        """Call `act(processes)` in every process; return what each returns, by rank."""
        members = [_Member(rank, self) for rank in range(self.world_size)]
        with ThreadPoolExecutor(self.world_size) as pool:
            return list(pool.map(act, members))

    def bring(self, rank, value):
        """Meet: return what everyone brought."""
        self._brought[rank] = value
        self._barrier.wait()
        brought = list(self._brought)
        self._barrier.wait()
        return brought


class _Member(Processes):
    def __init__(self, rank, circle):
        super().__init__(rank=rank, world_size=circle.world_size)
        object.__setattr__(self, "_circle", circle)

    def union(self, flags):
        joined = 0
        for each in self._circle.bring(self.rank, flags):
            joined |= each
        return joined

    def gather(self, value):
        return self._circle.bring(self.rank, value)

    def collect(self, value):
        brought = self._circle.bring(self.rank, value)
        return brought if self.is_first else []

    def from_first(self, value):
        return self._circle.bring(self.rank, value)[0]
