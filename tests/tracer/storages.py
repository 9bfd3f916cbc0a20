"""A watch over storages: each that operators bring to life, and when it dies."""

import weakref
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, get_args

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from vsr_settings.memory.allocator import reserved_bytes
from vsr_settings.memory.simulation.tensors import Category

CATEGORIES: tuple[Category, ...] = get_args(Category)
"""What a storage is for. `loss` is all that the loss makes on its way forward, VGG16's gradient
included; `activations` is all that has no other name."""


class Event(NamedTuple):
    """A storage came to life (`size` > 0) or died (`size` < 0)."""

    storage: int
    size: int


@dataclass(frozen=True)
class Trace:
    """What was run takes, without the CUDA context and workspaces."""

    peak: dict[Category, int]
    """Bytes alive at the highest moment, by what they are for."""
    flops_per_sample: int
    """Floating-point operations of a forward and backward pass, recomputation included."""
    events: tuple[Event, ...]
    """Every storage's life, from before the network is built."""

    @property
    def peak_bytes(self) -> int:
        """Bytes alive at the highest moment."""
        return sum(self.peak.values())

    @cached_property
    def reserved_bytes(self) -> int:
        """Bytes that CUDA's caching allocator holds at the end; at least the peak."""
        return reserved_bytes(self.events)


class StorageWatch(TorchDispatchMode):
    """Notes every storage that operators bring to life, its purpose and its death.

    It also sums the floating-point operations of convolutions and matrix products.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch's
        self.events: list[Event] = []
        self.flops = 0
        self.purpose: Category = "activations"
        """What storages that come to life now are for."""
        self._purposes: list[Category] = []
        self._outside: set[int] = set()
        self._alive: dict[int, tuple[int, weakref.ref[torch.UntypedStorage]]] = {}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run an operator, then note what it returned."""
        del types
        result = func(*args, **(kwargs or {}))
        formula = flop_registry.get(func.overloadpacket)
        if formula is not None:
            self.flops += formula(*args, **(kwargs or {}), out_val=result)
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor) and not leaf.is_meta:  # VGG16's blanks take nothing
                self._note(leaf.untyped_storage())
        return result

    def name(self, category: Category, *tensors: Tensor | None) -> None:
        """Name storages that are alive; None and storages from before the watch are passed over."""
        for tensor in tensors:
            if tensor is not None and id(tensor.untyped_storage()) in self._alive:
                number, _ = self._alive[id(tensor.untyped_storage())]
                self._purposes[number] = category

    def leave_out(self, *tensors: Tensor) -> None:
        """Count nothing of tensors that are not on the card."""
        self._outside |= {id(tensor.untyped_storage()) for tensor in tensors}

    def peak(self, start: int = 0) -> dict[Category, int]:
        """Return the bytes of each category at the highest moment from event `start` on."""
        now = highest = 0
        alive = dict.fromkeys(CATEGORIES, 0)
        peak = dict(alive)
        for place, (number, size) in enumerate(self.events):
            now += size
            alive[self._purposes[number]] += size
            if place >= start and now > highest:
                highest, peak = now, dict(alive)
        return peak

    def _note(self, storage: torch.UntypedStorage) -> None:
        # A storage has one Python object for as long as it lives.
        key, size = id(storage), storage.nbytes()
        if key in self._alive or key in self._outside or size == 0:
            return
        number = len(self._purposes)

        def died(_: object) -> None:
            del self._alive[key]
            self.events.append(Event(number, -size))

        self._purposes.append(self.purpose)
        self.events.append(Event(number, size))
        self._alive[key] = number, weakref.ref(storage, died)
