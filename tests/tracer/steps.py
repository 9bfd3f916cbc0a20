"""What a training step takes, byte by byte, found without a card by running it on fake tensors.

The real step runs: the project's own `Stepper`, network, loss, optimiser and average, at full size,
under `FakeTensorMode`, where tensors have shapes but no values. A dispatch mode sees every operator
and notes each storage that comes to life and each that dies. Nothing is estimated; what operators
take inside themselves (`WORKSPACE`) and the CUDA context are what a trace cannot see.

Fake tensors are on the CPU: fake CUDA tensors need a driver. The CPU's autocast casts what the
network runs as CUDA's does (convolutions to half, a sum with fp32 to fp32); they differ in
reductions and powers, which the network has not and the loss runs outside autocast.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from tracer.storages import StorageWatch, Trace
from vsr_device import Platform
from vsr_losses import VGG16, HybridLoss
from vsr_model import Network
from vsr_settings import Settings, card
from vsr_settings.hardware.presets import Precision
from vsr_settings.memory import vgg_convolutions
from vsr_train.step import MicroBatch, Stepper, TrainingState, WeightAverage, make_optimizer

_AMP_DTYPES = {"fp32": None, "fp16": torch.float16, "bf16": torch.bfloat16}


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
    with _placed(settings, precision, formulation) as run:
        run.have_gradients_and_state()
        return run.traced_step()


def trace_beginning(settings: Settings, precision: Precision) -> Trace:
    """Run a run's first two steps: at the end of the first, the optimiser makes its state.

    The peak is the first step's, the events are of both.
    """
    with _placed(settings, precision, OURS) as run:
        first = run.traced_step()
        second = run.traced_step()
        return Trace(first.peak, second.flops_per_sample, second.events)


@contextmanager
def _placed(
    settings: Settings, precision: Precision, formulation: Formulation
) -> Iterator["PlacedRun"]:
    """A run whose weights and average are in place, on fake tensors that are watched."""
    with torch.device("meta"):  # a deep copy of fake tensors belongs to another fake mode
        average = WeightAverage(formulation.network(settings.model), settings.train.ema_decay)
    with FakeTensorMode():
        batch = _micro_batch(settings)  # in the host's memory: what is uncounted is not on the card
        with StorageWatch() as watch:
            yield PlacedRun(
                settings,
                platform_of(settings, precision),
                watch,
                formulation=formulation,
                average=average,
                batch=batch,
            )


def platform_of(settings: Settings, precision: Precision) -> Platform:
    """Where fake tensors run as the card's would."""
    in_order = card(settings.hardware).memory_format == "channels_last"
    memory_format = torch.channels_last if in_order else torch.contiguous_format
    return Platform(torch.device("cpu"), _AMP_DTYPES[precision], memory_format)


class PlacedRun:
    """The project's own network, loss, optimiser, average and stepper, under a watch."""

    def __init__(
        self,
        settings: Settings,
        platform: Platform,
        watch: StorageWatch,
        *,
        formulation: Formulation,
        average: WeightAverage,
        batch: MicroBatch,
    ) -> None:
        self.settings = settings
        self.watch = watch
        # A second micro-batch finds the first one's gradients; further ones find no more.
        self.batches = [batch] * min(2, settings.train.accumulation_steps)
        watch.purpose = "perceptual_weights"
        vgg = blank_vgg16() if settings.loss.perceptual_weight > 0 else None
        self.loss = platform.place(formulation.loss(settings.loss, vgg))
        watch.purpose = "parameters"
        network = platform.place(formulation.network(settings.model))
        watch.purpose = "average"
        average.network = platform.place(formulation.network(settings.model))
        average.network.requires_grad_(requires_grad=False)
        average._updates = torch.zeros(())  # the one it was made with is on the meta device
        watch.purpose = "activations"
        # Disabled: a scaler takes a few bytes, and fetches a value, which fake tensors have not.
        scaler = torch.GradScaler(platform.device.type, enabled=False)
        optimizer = make_optimizer(network, settings.train)
        self.state = TrainingState(network, average, optimizer, scaler)
        self._stepper = self._watched_stepper(platform)

    def have_gradients_and_state(self) -> None:
        """Put in place what a step before leaves."""
        self.watch.purpose = "gradients"
        for parameter in self.state.network.parameters():
            parameter.grad = torch.empty_like(parameter)
        self.watch.purpose = "optimiser"
        self.state.optimizer.step()
        self.watch.purpose = "activations"

    def traced_step(self) -> Trace:
        """Make a step, and return its peak and all events so far."""
        watch, network = self.watch, self.state.network
        start, flops = len(watch.events), watch.flops
        self._stepper.step(self.batches, self.settings.train.max_lr)
        self.state.average.update(network)
        watch.name("gradients", *(parameter.grad for parameter in network.parameters()))
        for moments in self.state.optimizer.state.values():
            watch.name("optimiser", *moments.values())
        samples = len(self.batches) * self.settings.train.batch_size
        return Trace(watch.peak(start), (watch.flops - flops) // samples, tuple(watch.events))

    def _watched_stepper(self, platform: Platform) -> Stepper:
        """Return the real stepper, with hooks that name the input and what the loss makes."""
        watch, state = self.watch, self.state

        def enter_loss(_: nn.Module, inputs: tuple[Tensor, Tensor, Tensor | None]) -> None:
            watch.name("input", inputs[1])
            watch.purpose = "loss"

        def leave_loss(*_: object) -> None:
            watch.purpose = "activations"

        state.network.register_forward_pre_hook(lambda _, inputs: watch.name("input", *inputs))
        self.loss.register_forward_pre_hook(enter_loss)
        self.loss.register_forward_hook(leave_loss)
        return Stepper(
            state.network,
            self.loss,
            state.optimizer,
            state.scaler,
            platform,
            grad_clip=self.settings.train.grad_clip,
        )


def _micro_batch(settings: Settings) -> MicroBatch:
    model, side, samples = settings.model, settings.data.patch, settings.train.batch_size
    lq_BTCHW = torch.empty(samples, model.n_frames, 3, side, side, dtype=torch.uint8)
    gt_BCHW = torch.empty(samples, 3, side * model.scale, side * model.scale, dtype=torch.uint8)
    return lq_BTCHW, gt_BCHW


def blank_vgg16() -> VGG16:
    """Return VGG16 with shapes and no values."""
    weights = {}
    for index, inputs, outputs in vgg_convolutions():
        weights[f"features.{index}.weight"] = torch.empty(outputs, inputs, 3, 3)
        weights[f"features.{index}.bias"] = torch.empty(outputs)
    return VGG16(weights, "traced: shapes without values")
