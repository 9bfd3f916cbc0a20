"""Training in several processes, one a card, as torchrun starts them.

Each process cuts its own part of every effective batch; gradients are averaged between them in the
last micro-batch of a step, so that a step equals one of a single process with all the samples.
Process 0 alone logs, validates and saves; the others wait for it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from vsr_device.errors import DeviceError
from vsr_device.platform import Platform
from vsr_settings import Settings


@dataclass(frozen=True)
class Processes:
    """This process's place among those that train together."""

    rank: int = 0
    world_size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process logs, validates and saves."""
        return self.rank == 0

    def wrap(self, network: nn.Module, platform: Platform) -> nn.Module:
        """Return a network whose gradients are averaged between processes."""
        if self.world_size == 1:
            return network
        devices = [platform.device] if platform.device.type == "cuda" else None
        return DistributedDataParallel(network, device_ids=devices, gradient_as_bucket_view=True)

    def local_rank(self) -> int:
        """Return this process's number among those on this machine: its card."""
        return dist.get_node_local_rank(fallback_rank=0)

    def average(self, value: Tensor) -> Tensor:
        """Return the mean of a tensor over the processes."""
        if self.world_size > 1:
            value = value.clone()
            dist.all_reduce(value)
            value /= self.world_size
        return value

    def any(self, flag: bool, platform: Platform) -> bool:
        """Tell whether any process raises a flag; all of them get the same answer."""
        if self.world_size == 1:
            return flag
        raised = torch.tensor(int(flag), device=platform.device)
        dist.all_reduce(raised, op=dist.ReduceOp.MAX)
        return bool(raised)

    def union(self, flags: int) -> int:
        """Return the bits that any process raises; all of them get the same answer."""
        if self.world_size == 1:
            return flags
        bits = torch.tensor([flags >> place & 1 for place in range(8)])
        dist.all_reduce(bits, op=dist.ReduceOp.MAX)
        return sum(int(bit) << place for place, bit in enumerate(bits))

    @contextmanager
    def first_before_others(self) -> Iterator[None]:
        """Let the first process do something before the others begin with it."""
        if not self.is_first:
            dist.barrier()
        yield
        if self.is_first and self.world_size > 1:
            dist.barrier()


@contextmanager
def joined(settings: Settings) -> Iterator[Processes]:
    """Join the processes that torchrun started, and leave them at the end.

    Args:
        settings: the run; `train.world_size` of 1 joins nothing.

    Raises:
        DeviceError: if the others cannot be found.
    """
    world_size = settings.train.world_size
    if world_size in (1, "auto"):
        yield Processes()
        return
    on_cuda = torch.cuda.is_available() and settings.run.device in ("auto", "cuda")
    try:
        dist.init_process_group("nccl" if on_cuda else "gloo")
    except (ValueError, RuntimeError) as error:
        raise DeviceError(
            f"train.world_size is {world_size} and the other processes cannot be found ({error}); "
            f"start with `torchrun --nproc-per-node={world_size} -m vsr_train …`"
        ) from error
    try:
        yield Processes(dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()
