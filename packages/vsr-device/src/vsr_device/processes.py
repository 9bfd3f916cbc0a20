"""Training in several processes, one a card, as torchrun starts them.

Each process cuts its own part of every effective batch; gradients are averaged between them in the
last micro-batch of a step, so that a step equals one of a single process with all the samples.

Invariant: no process waits for one that has failed. Everything that is agreed on between steps goes
through `union`, in host memory by gloo, where a process that cannot go on says so and all others
raise its reason; before they have met for the first time the reason is left in torchrun's store.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, TypeVar

import torch.distributed as dist
from torch import nn
from torch.distributed.distributed_c10d import PrefixStore
from torch.nn.parallel import DistributedDataParallel

from vsr_device.bulletin import Bulletin, Reason
from vsr_device.exchange import Exchange
from vsr_device.platform import Platform

T = TypeVar("T")

PATIENCE: Final = timedelta(hours=2)
"""How long a collective waits: the slowest save or share of a validation is far shorter."""

FLAGS: Final = 8
"""Bits that `union` joins."""

_FAILED: Final = 1 << FLAGS


@dataclass(frozen=True)
class Processes:
    """This process's place among those that train together, and what it exchanges with them."""

    rank: int = 0
    world_size: int = 1
    local_rank: int = 0
    """This process's number among those on this machine: its card."""
    bulletin: Bulletin | None = field(default=None, repr=False, compare=False)
    """Where several processes leave word for each other; None for a single one."""

    _exchange: Exchange = field(default_factory=Exchange, repr=False, compare=False)

    @property
    def is_first(self) -> bool:
        """Whether this process logs, reports and saves."""
        return self.rank == 0

    @contextmanager
    def first_on_node(self, what: str) -> Iterator[None]:
        """Let one process of each machine do something before the others there begin with it.

        However long it takes: nothing has been joined yet that could time out.

        Raises:
            PeerError: if any process failed meanwhile.
        """
        if self.bulletin is None:
            yield
            return
        key = f"{what} on node {self.bulletin.node}"
        if self.local_rank > 0:
            self.bulletin.wait_for([key])
        yield
        if self.local_rank == 0:
            self.bulletin.post(key)

    def decided_by_first(self, what: str, decide: Callable[[], str]) -> str:
        """Return what the first process decides; the others wait for it, however long it takes.

        Nothing has been joined yet that could time out.

        Raises:
            PeerError: if any process failed meanwhile.
        """
        if self.bulletin is None:
            return decide()
        if self.is_first:
            self.bulletin.post(what, decide())
        self.bulletin.wait_for([what])
        return self.bulletin.read(what)

    def join(self, platform: Platform) -> None:
        """Wait until all are prepared, then form the group that exchanges.

        Raises:
            PeerError: if any process failed meanwhile.
        """
        if self.bulletin is None:
            return
        self.bulletin.post(f"ready {self.rank}")
        self.bulletin.wait_for([f"ready {rank}" for rank in range(self.world_size)])
        with self._peers_watched():
            dist.init_process_group(
                "cpu:gloo,cuda:nccl" if platform.device.type == "cuda" else "gloo",
                store=PrefixStore("group", self.bulletin.store),
                rank=self.rank,
                world_size=self.world_size,
                timeout=PATIENCE,
            )

    def wrap(self, network: nn.Module, platform: Platform, *, alone: bool = False) -> nn.Module:
        """Return a network whose gradients are averaged between processes.

        Every parameter must get a gradient in every step; one that did not would be found by
        waiting for it.

        Args:
            network: the network, the same in every process.
            platform: where it runs.
            alone: average with nobody, but take the memory that averaging takes. All processes
                have to ask for it together.
        """
        if self.world_size == 1:
            return network
        devices = [platform.device] if platform.device.type == "cuda" else None
        group = dist.new_subgroups(group_size=1)[0] if alone else None
        return DistributedDataParallel(
            network, device_ids=devices, process_group=group, gradient_as_bucket_view=True
        )

    def union(self, flags: int) -> int:
        """Return the bits that any process raises; all get the same answer, on no device.

        Raises:
            PeerError: if another process cannot go on; everything before is done everywhere.
        """
        if self.bulletin is None:
            return flags
        joined = self._meet(flags)
        if joined & _FAILED:
            raise self.bulletin.failure(in_order=True)
        return joined

    def any(self, flag: bool) -> bool:
        """Tell whether any process raises a flag; see `union`."""
        return bool(self.union(int(flag)))

    def gather(self, value: T) -> list[T]:
        """Return what every process brings, by rank; see `union` for errors."""
        if self.bulletin is None:
            return [value]
        self.union(0)
        with self._peers_watched():
            return self._exchange.gather(value)

    def collect(self, value: T) -> list[T]:
        """Return what every process brings to the first, by rank; nothing to the others."""
        if self.bulletin is None:
            return [value]
        self.union(0)
        with self._peers_watched():
            return self._exchange.collect(value)

    def from_first(self, value: T) -> T:
        """Return what the first process brings; see `union` for errors."""
        if self.bulletin is None:
            return value
        self.union(0)
        with self._peers_watched():
            return self._exchange.from_first(value)

    def fail(self, reason: Reason, *, in_order: bool) -> None:
        """Leave word why this process cannot go on, and tell the others where they next meet.

        Args:
            reason: what to say, and the exit code.
            in_order: whether the others will meet this process, because no step is under way.
        """
        if self.bulletin is None:
            return
        self.bulletin.post_failure(self.rank, reason)
        if in_order and dist.is_initialized():
            self._meet(_FAILED)

    def leave(self) -> None:
        """Wait until all have done what they had to do, and part.

        Raises:
            PeerError: if another process failed at its very end.
        """
        if dist.is_initialized():
            self.union(0)
            dist.destroy_process_group()

    def _meet(self, flags: int) -> int:
        bits = [flags >> place & 1 for place in range(FLAGS + 1)]
        with self._peers_watched():
            joined = self._exchange.largest(bits)
        return sum(bit << place for place, bit in enumerate(joined))

    @contextmanager
    def _peers_watched(self) -> Iterator[None]:
        """Turn a connection that another process's end has broken into that process's reason."""
        try:
            yield
        except RuntimeError as error:
            if self.bulletin is None:
                raise
            raise self.bulletin.failure(in_order=False) from error
