"""Bytes of the tensors that operators make, alive now and at most: memory laws without a clock."""

import weakref

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class LiveBytes(TorchDispatchMode):
    """Counts storages that come to life while it is on; what was there before counts for nothing.

    Attributes:
        now: bytes of those that are alive.
        peak: the most that `now` has been.
    """

    def __init__(self):
        super().__init__()
        self.now = self.peak = 0
        self._alive = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        known = {_address(part) for part in _tensors((args, kwargs))}
        made = func(*args, **(kwargs or {}))
        for tensor in _tensors(made):
            address = _address(tensor)
            if address not in known and address not in self._alive:
                self._count(tensor.untyped_storage(), address)
        return made

    def _count(self, storage, address):
        self._alive.add(address)
        self.now += storage.nbytes()
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._release, address, storage.nbytes())

    def _release(self, address, size):
        self._alive.discard(address)
        self.now -= size


def _tensors(values):
    return [leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor)]


def _address(tensor):
    return tensor.untyped_storage()._cdata
