"""What a training step takes at its highest moment, and what the allocator comes to hold for it.

Both come from one list of what is allocated and freed (`simulation`), without torch. The judge is
the tracer of the tests, which runs the real step on tensors without values.
"""

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Final, get_args

from vsr_settings.card import card
from vsr_settings.hardware.presets import Precision
from vsr_settings.memory.allocator import reserved_bytes
from vsr_settings.memory.simulation.frames import Film, Validation
from vsr_settings.memory.simulation.losses import TERMS
from vsr_settings.memory.simulation.network import Network
from vsr_settings.memory.simulation.step import (
    TrainingRun,
    Workload,
    optimiser_state,
    own_gradients,
    placed,
)
from vsr_settings.memory.simulation.tensors import Category, Event, Simulation
from vsr_settings.memory.sizes import MIB
from vsr_settings.precision import precision
from vsr_settings.schema import Model, Settings

WORKSPACE: Final = 256 * MIB
"""Room for what operators take inside themselves: cuDNN's and cuBLAS's workspaces. INFERRED, from
the size of a non-fused Winograd transform of VGG16's widest layer; measured on no card yet."""


@dataclass(frozen=True)
class Memory:
    """Bytes at the highest moment, by what they are for."""

    parameters: int
    gradients: int
    optimiser: int
    average: int
    perceptual_weights: int
    input: int
    activations: int
    """All that the network makes, and all gradients but the weights' own."""
    loss: int
    """All that the loss makes on its way forward, VGG16's activations included."""
    workspace: int
    """Room for what operators take inside themselves."""
    idle: int
    """What the caching allocator comes to hold beyond what tensors use."""
    peak_at: str
    """When tensors take most, such as `backward pass of the upsampler`."""

    @property
    def allocated(self) -> int:
        """Bytes of all tensors."""
        return self.reserved - self.idle - self.workspace

    @property
    def reserved(self) -> int:
        """Bytes that the card must have."""
        return sum(self.categories().values())

    def categories(self) -> dict[str, int]:
        """The bytes by category."""
        return {field.name: getattr(self, field.name) for field in fields(self)[:-1]}


def predict(settings: Settings) -> Memory:
    """The memory of a training step on the card that is planned for.

    Args:
        settings: The run; `recompute = "auto"` counts as `none`.
    """
    return predict_in(settings, precision(settings))


def predict_in(settings: Settings, kept: Precision) -> Memory:
    """The same in a given precision, whatever the settings say."""
    return _of_a_step(workload(settings, kept))


def workload(settings: Settings, kept: Precision) -> Workload:
    """What of a run its memory depends on."""
    model, loss, train = _resolved(settings.model), settings.loss, settings.train
    terms = tuple(name for name in TERMS if getattr(loss, f"{name}_weight") > 0)
    terms = terms or TERMS[:1]  # no loss at all is refused, and not for its memory
    return Workload(
        model=model,
        terms=terms,
        chunk=min(loss.perceptual_chunk, train.batch_size) if "perceptual" in terms else 0,
        batch=train.batch_size,
        patch=settings.data.patch,
        half=kept != "fp32",
        accumulates=train.accumulation_steps > 1,
        exchanges=train.world_size != "auto" and train.world_size > 1,
        channels_last=card(settings.hardware).memory_format == "channels_last",
    )


def predict_validation(settings: Settings, lq_height: int, lq_width: int) -> Memory:
    """The memory of validating frames of a size, with all that a run in its middle has.

    The allocator gives back what training left idle before it refuses, so that is not counted.

    Args:
        settings: The run; its `data.val_tile` and `data.val_border` count.
        lq_height: Height of a low-resolution frame.
        lq_width: Its width.
    """
    work, data = workload(settings, "fp32"), settings.data
    return _of_a_validation(work, lq_height, lq_width, data.val_tile, data.val_border)


@lru_cache(maxsize=1024)
def _of_a_validation(work: Workload, height: int, width: int, tile: int, border: int) -> Memory:
    with _without_collections():
        simulation = Simulation()
        loss, network, average = placed(simulation, work)
        stays = [*own_gradients(network), *optimiser_state(network)]
        Validation(average, loss.perceptual, tile, border).measure(height, width)
        memory = _of_all(simulation)
        del stays
        return memory


def predict_inference(
    model: Model,
    height: int,
    width: int,
    kept: Precision,
    *,
    batch: int = 1,
    tile: int | None = None,
) -> Memory:
    """The memory of enlarging the frames of a film, as an upscaler does.

    Args:
        model: The network.
        height: Height of a low-resolution frame.
        width: Its width.
        kept: The precision of convolutions.
        batch: Frames at once.
        tile: Side of a tile in low-resolution pixels; None enlarges frames whole.
    """
    with _without_collections():
        simulation = Simulation()
        with simulation.made_for("parameters"):
            network = Network(simulation, _resolved(model))
        with simulation.no_grad(), simulation.autocast(half=kept != "fp32"):
            Film(network, height, width, batch, tile).enlarge()
        return _of_all(simulation)


def _resolved(model: Model) -> Model:
    return model if model.recompute != "auto" else model.model_copy(update={"recompute": "none"})


def _of_all(simulation: Simulation) -> Memory:
    """The memory of all that was simulated so far."""
    events, parts = simulation.events[:], simulation.parts

    def part(place: int) -> str:
        return next((part for start, part in reversed(parts) if start <= place), "placing")

    return _memory(events, 0, simulation.categories.__getitem__, part, reserved_bytes(events))


@lru_cache(maxsize=1024)
def _of_a_step(work: Workload) -> Memory:
    """Tensors are most in a run's middle; the allocator holds most after its beginning or there."""
    with _without_collections():
        run = TrainingRun(work)
        events = run.resumed()
        start = len(run.before_a_step())
        reserved = max(reserved_bytes(events), reserved_bytes(run.fresh()))
        return _memory(events, start, run.category, lambda place: run.part(place - start), reserved)


@contextmanager
def _without_collections() -> Iterator[None]:
    """A simulation makes many objects and no cycles: looking for some would take half its time."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def _memory(
    events: Sequence[Event],
    start: int,
    category: Callable[[int], Category],
    part: Callable[[int], str],
    reserved: int,
) -> Memory:
    """The highest moment from event `start` on, and what is held beyond it."""
    now = peak = highest = 0
    for place, (_, size) in enumerate(events):
        now += size
        if now > peak and place >= start:
            peak, highest = now, place
    alive: dict[str, int] = dict.fromkeys(get_args(Category), 0)
    for number, size in events[: highest + 1]:
        alive[category(number)] += size
    return Memory(**alive, workspace=WORKSPACE, idle=reserved - peak, peak_at=part(highest))
