"""Exchanges between processes in host memory, by gloo, apart from any device.

Invariant: a tensor that was exchanged outlives the exchange here. The thread that carried it lets
go of it a little later; were that the last reference, it would wait for Python's lock, and the
group's destructor, which holds that lock, for the thread: both for ever.
"""

import pickle
from collections import deque
from typing import Any, Final

import torch
import torch.distributed as dist
from torch import Tensor

_KEPT: Final = 64


class Exchange:
    """Collectives of the processes of a run; all of them make the same calls in the same order."""

    def __init__(self) -> None:
        self._kept: deque[Tensor] = deque(maxlen=_KEPT)

    def largest(self, values: list[int]) -> list[int]:
        """Return the largest of each value over the processes."""
        tensor = self._keep(torch.tensor(values))
        dist.all_reduce(tensor, op=dist.ReduceOp.MAX)
        return tensor.tolist()

    def gather(self, value: Any) -> list[Any]:
        """Return what every process brings, by rank."""
        own, sizes = self._packed(value)
        parts = [self._keep(torch.empty_like(own)) for _ in sizes]
        dist.all_gather(parts, own)
        return [_unpacked(part, size) for part, size in zip(parts, sizes, strict=True)]

    def collect(self, value: Any) -> list[Any]:
        """Return what every process brings to the first, by rank; nothing to the others."""
        own, sizes = self._packed(value)
        is_first = dist.get_rank() == 0
        parts = [self._keep(torch.empty_like(own)) for _ in sizes] if is_first else None
        dist.gather(own, parts)
        return [_unpacked(part, size) for part, size in zip(parts or (), sizes, strict=is_first)]

    def from_first(self, value: Any) -> Any:
        """Return what the first process brings."""
        own, sizes = self._packed(value if dist.get_rank() == 0 else None)
        part = own if dist.get_rank() == 0 else self._keep(torch.empty_like(own))
        dist.broadcast(part, 0)
        return _unpacked(part, sizes[0])

    def _packed(self, value: Any) -> tuple[Tensor, list[int]]:
        """Return a value's bytes, as long as the longest, and how long each process's are."""
        content = pickle.dumps(value)
        size = self._keep(torch.tensor([len(content)]))
        sizes = [self._keep(torch.zeros_like(size)) for _ in range(dist.get_world_size())]
        dist.all_gather(sizes, size)
        lengths = [int(each) for each in sizes]
        own = self._keep(torch.zeros(max(lengths), dtype=torch.uint8))
        own[: len(content)] = torch.frombuffer(bytearray(content), dtype=torch.uint8)
        return own, lengths

    def _keep(self, tensor: Tensor) -> Tensor:
        self._kept.append(tensor)
        return tensor


def _unpacked(part: Tensor, size: int) -> Any:
    return pickle.loads(part[:size].numpy().tobytes())  # noqa: S301 - from our own processes
