"""A training run, `vsr_train.step` line by line, as what it allocates and frees in order.

One micro-batch is simulated; steps are made of its events. Micro-batches differ only in what
becomes of their gradients: the first one's stay, later ones' are added to them and let go.
"""

from dataclasses import dataclass
from typing import Final

from vsr_settings.memory.simulation.backward import backward
from vsr_settings.memory.simulation.losses import HybridLoss
from vsr_settings.memory.simulation.network import Network
from vsr_settings.memory.simulation.operators import stacked, times
from vsr_settings.memory.simulation.tensors import LANDED, Category, Event, Simulation, Tensor
from vsr_settings.memory.sizes import FP32, MIB
from vsr_settings.schema import Model

FIRST_BUCKET: Final = 1 * MIB
BUCKET: Final = 25 * MIB
"""Bytes of gradients that DistributedDataParallel exchanges together: the first time, and then."""

COUNT: Final = 8
"""Bytes of the number of steps that were withheld."""


@dataclass(frozen=True)
class Workload:
    """What of a run its memory depends on."""

    model: Model
    terms: tuple[str, ...]
    """The loss terms that are minimised."""
    chunk: int
    """Samples that go through VGG16 together."""
    batch: int
    patch: int
    half: bool
    """Whether the network computes in a half precision."""
    accumulates: bool
    """Whether a step has more than one micro-batch."""
    exchanges: bool
    """Whether several processes train together."""
    channels_last: bool


class TrainingRun:
    """What a run allocates and frees: when it is placed, and in its steps."""

    def __init__(self, work: Workload) -> None:
        self._work = work
        self._simulation = simulation = Simulation()
        loss, network, average = placed(simulation, work)
        withheld = simulation.tensor((), COUNT)
        with simulation.made_for("gradients"):
            buckets = _buckets(network) if work.exchanges else []
        self._placed = self._taken()
        gradients = own_gradients(network)
        self._gradients = self._taken()
        state = optimiser_state(network)
        self._state = self._taken()
        terms = _micro_batch(work, network, loss)
        self._batch, self._parts = self._taken(), simulation.parts
        self._sizes = {number: size for number, size in self._batch if size > 0}
        self._terms = terms.storage.number
        _clip_gradients(network)
        self._update = self._taken()
        self._apart = len(simulation.categories)
        del average, buckets, gradients, state, terms, withheld

    def fresh(self) -> list[Event]:
        """From nothing through two steps; at the end of the first the optimiser makes its state."""
        first = [*self._placed, *self.step(), *self._state, *self._freed_gradients()]
        return first + self.step()

    def resumed(self) -> list[Event]:
        """From what a run in its middle has before a step, through the step."""
        return self.before_a_step() + self.step()

    def before_a_step(self) -> list[Event]:
        """What a run in its middle has, the gradients of the step before just let go."""
        freed = [(number, -size) for number, size in self._gradients]
        return [*self._placed, *self._gradients, *self._state, *freed]

    def step(self) -> list[Event]:
        """One optimiser step; with accumulation, of two micro-batches: more find the same."""
        batches = [self._first_batch()]
        if self._work.accumulates:
            batches.append(self._later_batch())
        ends = [(self._terms + each * self._apart, -FP32 * _TERMS) for each in range(len(batches))]
        return [event for batch in batches for event in batch] + self._update + ends

    def category(self, number: int) -> Category:
        """What a storage is for."""
        return self._simulation.categories[number % self._apart]

    def part(self, place: int) -> str:
        """In which part of a step its event number `place` happens."""
        if place >= len(self._batch) * (1 + self._work.accumulates):
            return "update of the weights"
        place %= len(self._batch)
        return next(part for start, part in reversed(self._parts) if start <= place)

    def _first_batch(self) -> list[Event]:
        """Its gradients stay, unless they are copied into buckets at once."""
        copied = self._work.exchanges and not self._work.accumulates
        return [
            (number + self._apart, size or (-self._sizes[number] if copied else LANDED))
            for number, size in self._batch
        ]

    def _later_batch(self) -> list[Event]:
        """Each of its gradients is added to the first one's; both go once they are in a bucket."""
        events = []
        for number, size in self._batch:
            events.append((number, size or -self._sizes[number]))
            if size == LANDED and self._work.exchanges:
                events.append((number + self._apart, -self._sizes[number]))
        return events

    def _freed_gradients(self) -> list[Event]:
        """A step's gradients, let go at the beginning of the next."""
        if self._work.exchanges:
            return []
        return [
            (number + self._apart, -self._sizes[number])
            for number, size in self._batch
            if size == LANDED
        ]

    def _taken(self) -> list[Event]:
        """The events since this was last asked for."""
        events, self._simulation.events[:] = self._simulation.events[:], []
        return events


class Average(Network):
    """The moving average of the weights, and how many updates it has followed."""

    updates: Tensor


def placed(simulation: Simulation, work: Workload) -> tuple[HybridLoss, Network, Network]:
    """The loss, the network and its average, as a run puts them on its card."""
    channels_last = work.channels_last
    with simulation.made_for("perceptual_weights"):
        loss = HybridLoss(simulation, work.terms, work.chunk, channels_last=channels_last)
    with simulation.made_for("parameters"):
        network = Network(simulation, work.model, channels_last=channels_last)
    with simulation.made_for("average"):
        average = Average(simulation, work.model, learns=False, channels_last=channels_last)
        average.updates = simulation.tensor(())
    return loss, network, average


_TERMS: Final = 6
"""The loss terms and their total, as numbers."""


def _micro_batch(work: Workload, network: Network, loss: HybridLoss) -> Tensor:
    """Pixels in, gradients out; return the terms."""
    simulation, model = network.simulation, work.model
    simulation.begin("input")
    with simulation.made_for("input"):
        lq_BTCHW = simulation.tensor((work.batch, model.n_frames, 3, work.patch, work.patch))
        side = model.scale * work.patch
        gt_BCHW = simulation.tensor((work.batch, 3, side, side))
    with simulation.autocast(half=work.half):
        sr_BCHW, plain_BCHW = network(lq_BTCHW, with_plain=True)
    with simulation.made_for("loss"):
        terms = loss(sr_BCHW, gt_BCHW, plain_BCHW)
    del sr_BCHW, plain_BCHW
    backward(times(terms[-1]))
    return stacked(terms).detached()


def _clip_gradients(network: Network) -> None:
    """A norm of each gradient, and one of all."""
    norms = [each.simulation.tensor(()) for each in network.parameters()]
    whole = stacked(norms)
    whole.simulation.tensor(())


def own_gradients(network: Network) -> list[Tensor]:
    """A gradient of each weight."""
    with network.simulation.made_for("gradients"):
        return [each.like() for each in network.parameters()]


def optimiser_state(network: Network) -> list[Tensor]:
    """A count of steps, and two moments, of each weight."""
    simulation = network.simulation
    with simulation.made_for("optimiser"):
        return [
            tensor
            for each in network.parameters()
            for tensor in (simulation.tensor(()), each.like(), each.like())
        ]


def _buckets(network: Network) -> list[Tensor]:
    """DistributedDataParallel's, of which gradients become parts, the last weights first."""
    buckets: list[Tensor] = []
    filled, limit = 0, FIRST_BUCKET
    for each in reversed(network.parameters()):
        filled += each.size
        if filled >= limit:
            buckets.append(network.simulation.tensor((filled // FP32,)))
            filled, limit = 0, BUCKET
    if filled:
        buckets.append(network.simulation.tensor((filled // FP32,)))
    return buckets
