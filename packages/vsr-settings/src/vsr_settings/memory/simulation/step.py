"""A training step, `vsr_train.step` line by line, as what it allocates and frees in order."""

from vsr_settings.memory.simulation.losses import HybridLoss
from vsr_settings.memory.simulation.network import Network
from vsr_settings.memory.simulation.operators import stacked, times
from vsr_settings.memory.simulation.tensors import FP32, Leaf, Simulation, Tensor
from vsr_settings.planned import card
from vsr_settings.schema import Settings


class TrainingRun:
    """A run's network, loss, optimiser and average, on a card of their own."""

    def __init__(self, settings: Settings, *, half: bool) -> None:
        self.settings = settings
        self.half = half
        self.simulation = simulation = Simulation()
        channels_last = card(settings.hardware).memory_format == "channels_last"
        with simulation.made_for("perceptual_weights"):
            self.loss = HybridLoss(simulation, settings.loss)
            if channels_last and self.loss.perceptual is not None:
                _rearrange(self.loss.perceptual.parameters())
        with simulation.made_for("parameters"):
            self.network = Network(simulation, settings.model)
            if channels_last:
                _rearrange(self.network.parameters())
        with simulation.made_for("average"):
            self.average = Network(simulation, settings.model, learns=False)
            if channels_last:
                _rearrange(self.average.parameters())
        self.optimiser: list[Tensor] = []

    def begin_in_mid_run(self) -> None:
        """Have gradients of a step before, and the optimiser's state."""
        for leaf, parameter in self._learning():
            leaf.run([parameter.like()])
        self._make_optimiser()

    def step(self, accumulation_steps: int) -> None:
        """Make one optimiser step."""
        simulation = self.simulation
        for leaf, _ in self._learning():
            leaf.gradient = None
        terms = [self._accumulate() for _ in range(accumulation_steps)]
        self._clip()
        self._make_optimiser()
        withheld = simulation.tensor(())
        del withheld, terms

    def _accumulate(self) -> Tensor:
        simulation, train, data = self.simulation, self.settings.train, self.settings.data
        model = self.settings.model
        with simulation.made_for("input"):
            lq = simulation.tensor((train.batch_size, model.n_frames, 3, data.patch, data.patch))
            side = model.scale * data.patch
            gt = simulation.tensor((train.batch_size, 3, side, side))
        with simulation.autocast(half=self.half):
            sr = self.network(lq)
        with simulation.made_for("loss"):
            terms = self.loss(sr, gt)
        simulation.backward(times(terms[-1]))
        return stacked(terms).detached()

    def _clip(self) -> None:
        norms = [self.simulation.tensor(()) for _ in self._learning()]
        stacked(norms)

    def _make_optimiser(self) -> None:
        if not self.optimiser:
            with self.simulation.made_for("optimiser"):
                for _, parameter in self._learning():
                    self.optimiser += [self.simulation.tensor(()), parameter.like(), parameter.like()]

    def _learning(self) -> list[tuple[Leaf, Tensor]]:
        parameters = self.network.parameters()
        return [(each.node, each) for each in parameters if isinstance(each.node, Leaf)]


def _rearrange(parameters: list[Tensor]) -> None:
    """Lay weights out in another order, each in turn, as `module.to(memory_format=...)` does."""
    for each in parameters:
        if len(each.shape) == 4:
            each.storage = each.like().storage
