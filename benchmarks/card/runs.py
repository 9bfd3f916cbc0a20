"""A training run without footage: network, loss, optimiser and average, on random pixels."""

import copy

import numpy as np
import torch
from tracer import Formulation

from vsr_losses.vgg import load_vgg16
from vsr_model import Network
from vsr_train.step import Stepper, TrainingState, WeightAverage, make_optimizer

OURS = Formulation()
_LOADED = {}


def loaded_vgg(loss):
    """Return VGG16 on the host, read and verified once; every run makes a copy of its own."""
    key = loss.perceptual_weights, loss.perceptual_sha256
    if key not in _LOADED:
        _LOADED[key] = load_vgg16(*key)
    return _LOADED[key]


class MadeRun:
    """Everything a step needs, on a platform; `step` makes one.

    Args:
        settings: the run.
        platform: where it computes.
        formulation: how network and loss are written.
        weights: of the network; None leaves those of the seed.
        micro_batches: of a step.
    """

    def __init__(self, settings, platform, formulation=OURS, weights=None, micro_batches=None):
        self.settings, self.platform = settings, platform
        self.state = _state(settings, platform, formulation)
        if weights is not None:
            self.state.network.load_state_dict(weights)
        felt = settings.loss.perceptual_weight > 0
        vgg = copy.deepcopy(loaded_vgg(settings.loss)) if felt else None
        self.loss = platform.place(formulation.loss(settings.loss, vgg))
        self.stepper = Stepper(
            self.state.network,
            self.loss,
            self.state.optimizer,
            self.state.scaler,
            platform,
            grad_clip=settings.train.grad_clip,
        )
        count = micro_batches or settings.train.accumulation_steps
        self.batches = [random_batch(settings, pinned=platform.device.type == "cuda")] * count

    def step(self, lr=1e-6):
        """Make a step, and count it."""
        result = self.stepper.step(self.batches, lr)
        self.state.count(result)
        return result


def _state(settings, platform, formulation):
    if formulation.network is Network:
        return TrainingState.fresh(settings, platform)
    torch.manual_seed(settings.train.seed)
    network = platform.place(formulation.network(settings.model))
    return TrainingState(
        network,
        WeightAverage(network, settings.train.ema_decay),
        make_optimizer(network, settings.train),
        platform.grad_scaler(),
        withheld=torch.zeros((), dtype=torch.int64, device=platform.device),
    )


def random_batch(settings, *, pinned=False):
    """Return one micro-batch of random pixels, in the host's memory."""
    model, side, batch = settings.model, settings.data.patch, settings.train.batch_size
    generator = torch.Generator().manual_seed(1)
    shapes = (batch, model.n_frames, 3, side, side), (batch, 3, *[side * model.scale] * 2)
    made = (torch.randint(256, shape, dtype=torch.uint8, generator=generator) for shape in shapes)
    return tuple(each.pin_memory() if pinned else each for each in made)


def answering_weights(model):
    """Weights whose last convolutions are not 0, so that every gradient is something."""
    torch.manual_seed(0)
    network = Network(model)
    for convolution in (network.upsample[2], network.align and network.align.out):
        if convolution is not None:
            torch.nn.init.normal_(convolution.weight, std=0.01)
    return network.state_dict()


class MadeClip:
    """Two windows of noise, as validation takes them."""

    name = "made up"
    source = "made up"
    windows = 2

    def __init__(self, model, height, width):
        self.lq_size = height, width
        self.gt_size = height * model.scale, width * model.scale
        self._frames = model.n_frames

    def window(self, number):
        rng = np.random.default_rng(number)
        shapes = (self._frames, *self.lq_size, 3), (*self.gt_size, 3)
        return [rng.integers(256, size=shape, dtype=np.uint8) for shape in shapes]
