"""What a training step takes, byte by byte, found without a card by running it on fake tensors.

The real step runs: the project's own `Stepper`, network, loss, optimiser and average, at full size,
under `FakeTensorMode`, where tensors have shapes but no values. A dispatch mode sees every operator
and notes each storage that comes to life and each that dies. Nothing is estimated; what operators
take inside themselves (`WORKSPACE_BYTES`) and the CUDA context are what a trace cannot see.

Fake tensors are on the CPU: fake CUDA tensors need a driver. The CPU's autocast casts what the
network runs as CUDA's does (convolutions to half, a sum with fp32 to fp32); they differ in
reductions and powers, which the network has not and the loss runs outside autocast.
"""

import weakref
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple, get_args

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from vsr_losses import VGG16, HybridLoss
from vsr_model import Network
from vsr_settings import Settings, card
from vsr_settings.memory.allocator import reserved_bytes
from vsr_settings.presets import Precision
from vsr_train.average import WeightAverage
from vsr_train.device import Platform
from vsr_train.state import TrainingState, make_optimizer
from vsr_train.step import MicroBatch, Stepper

Category = Literal[
    "parameters",
    "gradients",
    "optimiser",
    "average",
    "perceptual weights",
    "input",
    "activations",
    "loss",
]
CATEGORIES: tuple[Category, ...] = get_args(Category)
"""What a storage is for. `loss` is all that the loss makes on its way forward, VGG16's gradient
included; `activations` is all that has no other name."""

WORKSPACE_BYTES = 256 << 20
"""Room for what operators take inside themselves: cuDNN's and cuBLAS's workspaces. INFERRED, from
the size of a non-fused Winograd transform of VGG16's widest layer; measured on no card yet."""

_AMP_DTYPES = {"fp32": None, "fp16": torch.float16, "bf16": torch.bfloat16}
_VGG16_CHANNELS = (
    (0, 3, 64), (2, 64, 64), (5, 64, 128), (7, 128, 128), (10, 128, 256), (12, 256, 256),
    (14, 256, 256), (17, 256, 512), (19, 512, 512), (21, 512, 512),
)  # fmt: skip


class Event(NamedTuple):
    """A storage came to life (`size` > 0) or died (`size` < 0)."""

    storage: int
    size: int


@dataclass(frozen=True)
class Trace:
    """What one optimiser step takes, without the CUDA context and workspaces."""

    peak: dict[Category, int]
    """Bytes alive at the step's highest moment, by what they are for."""
    flops_per_sample: int
    """Floating-point operations of a forward and backward pass, recomputation included."""
    events: tuple[Event, ...]
    """Every storage's life, from before the network is built to the end of the step."""

    @property
    def peak_bytes(self) -> int:
        """Bytes alive at the step's highest moment."""
        return sum(self.peak.values())

    @cached_property
    def reserved_bytes(self) -> int:
        """Bytes that CUDA's caching allocator holds after the step; at least the peak."""
        return reserved_bytes(self.events)


@dataclass(frozen=True)
class Formulation:
    """How the step is written: the project's way, or another with the same names and answers."""

    network: type[Network] = Network
    loss: type[HybridLoss] = HybridLoss


OURS = Formulation()


def trace(settings: Settings, precision: Precision, formulation: Formulation = OURS) -> Trace:
    """Run one optimiser step on fake tensors and count what it takes.

    The step is one in mid-run: weights, average and optimiser state are there, and with
    accumulation the gradients of one micro-batch live through the next.

    Args:
        settings: the run; every value resolved. Only the sizes matter, no file is read.
        precision: that of convolutions; half precisions are traced under autocast.
        formulation: what to trace; benchmarks compare the project's with another.
    """
    memory_format = (
        torch.channels_last
        if card(settings.hardware).memory_format == "channels_last"
        else torch.contiguous_format
    )
    platform = Platform(torch.device("cpu"), _AMP_DTYPES[precision], memory_format)
    with torch.device("meta"):  # a deep copy of fake tensors belongs to another fake mode
        average = WeightAverage(formulation.network(settings.model), settings.train.ema_decay)
    with FakeTensorMode():
        batch = _micro_batch(settings)  # in the host's memory: what is uncounted is not on the card
        watch = StorageWatch()
        with watch:
            loss, state = _build(settings, platform, average, watch, formulation)
            # A second micro-batch finds the first one's gradients; further ones find no more.
            batches = [batch] * min(2, settings.train.accumulation_steps)
            stepper = _watched_stepper(
                settings, loss, state, platform, watch, accumulation_steps=len(batches)
            )
            start, flops = len(watch.events), watch.flops
            stepper.step(batches, settings.train.max_lr)
            state.average.update(state.network)
            watch.name("gradients", *(p.grad for p in state.network.parameters()))
        samples = len(batches) * settings.train.batch_size
        return Trace(watch.peak(start), (watch.flops - flops) // samples, tuple(watch.events))


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
        if key in self._alive or size == 0:
            return
        number = len(self._purposes)

        def died(_: object) -> None:
            del self._alive[key]
            self.events.append(Event(number, -size))

        self._purposes.append(self.purpose)
        self.events.append(Event(number, size))
        self._alive[key] = number, weakref.ref(storage, died)


def _build(
    settings: Settings,
    platform: Platform,
    average: WeightAverage,
    watch: StorageWatch,
    formulation: Formulation,
) -> tuple[HybridLoss, TrainingState]:
    """Put in place all that is there before a step in mid-run, gradients included."""
    watch.purpose = "perceptual weights"
    vgg = _blank_vgg16() if settings.loss.perceptual_weight > 0 else None
    loss = platform.place(formulation.loss(settings.loss, vgg))
    watch.purpose = "parameters"
    network = platform.place(formulation.network(settings.model))
    watch.purpose = "average"
    average.network = platform.place(formulation.network(settings.model))
    average.network.requires_grad_(requires_grad=False)
    watch.purpose = "gradients"
    for parameter in network.parameters():
        parameter.grad = torch.empty_like(parameter)
    watch.purpose = "optimiser"
    optimizer = make_optimizer(network, settings.train)
    optimizer.step()
    watch.purpose = "activations"
    # Disabled: a scaler takes a few bytes, and it fetches a value, which fake tensors have not.
    scaler = torch.GradScaler(platform.device.type, enabled=False)
    return loss, TrainingState(network, average, optimizer, scaler)


def _watched_stepper(
    settings: Settings,
    loss: HybridLoss,
    state: TrainingState,
    platform: Platform,
    watch: StorageWatch,
    *,
    accumulation_steps: int,
) -> Stepper:
    """Return the real stepper, with hooks that name the input and what the loss makes."""

    def enter_loss(_: nn.Module, inputs: tuple[Tensor, Tensor]) -> None:
        watch.name("input", inputs[1])
        watch.purpose = "loss"

    def leave_loss(*_: object) -> None:
        watch.purpose = "activations"

    state.network.register_forward_pre_hook(lambda _, inputs: watch.name("input", *inputs))
    loss.register_forward_pre_hook(enter_loss)
    loss.register_forward_hook(leave_loss)
    return Stepper(
        state.network,
        loss,
        state.optimizer,
        state.scaler,
        platform,
        accumulation_steps=accumulation_steps,
        grad_clip=settings.train.grad_clip,
    )


def _micro_batch(settings: Settings) -> MicroBatch:
    model, side, samples = settings.model, settings.data.patch, settings.train.batch_size
    lq_BTCHW = torch.empty(samples, model.n_frames, 3, side, side, dtype=torch.uint8)
    gt_BCHW = torch.empty(samples, 3, side * model.scale, side * model.scale, dtype=torch.uint8)
    return lq_BTCHW, gt_BCHW


def _blank_vgg16() -> VGG16:
    """Return VGG16 with shapes and no values."""
    weights = {}
    for index, inputs, outputs in _VGG16_CHANNELS:
        weights[f"features.{index}.weight"] = torch.empty(outputs, inputs, 3, 3)
        weights[f"features.{index}.bias"] = torch.empty(outputs)
    return VGG16(weights, "traced: shapes without values")
