"""Small runs under the watch, sound and spoilt: what the tests and docs/stagnation.md measure.

Photographs that scikit-image carries, panned over; a network of 16 features and 4 blocks; seconds
a run. A fault changes one thing of a run that is sound.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import torch
from PIL import Image
from skimage import data as photographs
from torch import Tensor, nn
from torch.nn.functional import interpolate

from vsr_data import Clip, Footage, TrainingStream, degrade
from vsr_device import Platform
from vsr_losses import HybridLoss, LossTerms
from vsr_model import Network
from vsr_settings import Loss, Model, Train
from vsr_train.step import BETAS, Stepper, StepResult, learning_rate, make_optimizer
from vsr_train.watch import Diagnosis, Judgement, Verdict, Watch, detail, detail_statistics

CPU = Platform(torch.device("cpu"), None, torch.channels_last)
SCALE = 3
VALIDATE_EVERY = 50
PHOTOGRAPHS = ("astronaut", "rocket", "retina", "immunohistochemistry")
OTHERS = ("chelsea", "coffee")
Batch = tuple[Tensor, Tensor]


class Pan(Clip):
    """A view of 168 pixels that moves 2 down and 1 right a frame."""

    def __init__(self, name: str, place: int, *, still: bool) -> None:
        frames, side = 7, 168
        picture = getattr(photographs, name)()
        reduction = 2 if min(picture.shape[:2]) // 2 > side + 2 * frames else 1
        height, width = picture.shape[0] // reduction, picture.shape[1] // reduction
        small = np.asarray(Image.fromarray(picture).resize((width, height), Image.LANCZOS))
        top = (height - side - 2 * frames) * place // 3
        left = (width - side - frames) * (place * 2 % 4) // 3
        step = 0 if still else 1
        views = [(top + 2 * step * t, left + step * t) for t in range(frames)]
        self.name, self.source, self.windows = f"{name}-{place}", "memory", frames - 4
        self.lq_size, self.gt_size = (side // SCALE, side // SCALE), (side, side)
        self._gt = np.stack([small[y : y + side, x : x + side] for y, x in views])
        self._lq = np.stack([degrade(frame, SCALE, "bicubic") for frame in self._gt])

    def window(self, i):
        return self._lq[i : i + 5], self._gt[i + 2]

    def origin(self, i):
        return f"{self.name} frame {i + 2}"


@cache
def footage(names: tuple[str, ...] = PHOTOGRAPHS, *, still: bool = False) -> Footage:
    return Footage(tuple(Pan(name, place, still=still) for name in names for place in range(3)))


@dataclass
class Trial:
    """A run: what differs from the sound one of 250 steps at a learning rate of 1e-3."""

    train: dict[str, Any] = field(default_factory=dict)
    loss: Callable[[], HybridLoss] = lambda: HybridLoss(Loss(perceptual_weight=0))
    spoil: Callable[[Network], None] = lambda _: None
    spoil_batch: Callable[[Batch, torch.Generator], Batch] = lambda batch, _: batch
    optimizer: Callable[..., torch.optim.Optimizer] = lambda net, _, train: make_optimizer(
        net, train
    )
    stepper: type[Stepper] = Stepper
    seed: int = 0
    feats: int = 16
    blocks: int = 4
    align: str = "samples"
    batch: int = 8
    patch: int = 20
    steps: int = 250
    watch_every: int = 10
    footage: Callable[[], Footage] = footage
    after: int = 0
    """Step from which batches are spoilt."""


@dataclass
class Outcome:
    """What the watch said: every judgement, and the diagnosis of the first alarm."""

    judgements: list[tuple[int, Judgement]]
    diagnosis: Diagnosis | None
    pieces: "Pieces"

    @property
    def alarms(self) -> list[tuple[int, Judgement]]:
        return [(step, one) for step, one in self.judgements if one.verdict.is_alarm]

    @property
    def last(self) -> Verdict:
        return self.judgements[-1][1].verdict


class Pieces:
    """The product's pieces of a run, put together as the loop of a run does, spoilt as asked."""

    def __init__(self, trial: Trial) -> None:
        values = {
            "max_lr": 1e-3, "min_lr": 1e-5, "max_steps": 1000, "warmup_steps": 20,
            "batch_size": trial.batch, "accumulation_steps": 1, "seed": trial.seed,
            "watch_every": trial.watch_every,
        }  # fmt: skip
        self.train = Train(**{**values, **trial.train})
        torch.manual_seed(trial.seed)
        self.network = Network(Model(n_feats=trial.feats, n_blocks=trial.blocks, align=trial.align))
        trial.spoil(self.network)
        self.loss = trial.loss()
        self.optimizer = trial.optimizer(self.network, self.loss, self.train)
        self.stepper = trial.stepper(
            self.network, self.loss, self.optimizer, CPU.grad_scaler(), CPU,
            grad_clip=self.train.grad_clip,
        )  # fmt: skip
        self.watch = self.new_watch()

    def new_watch(self) -> Watch:
        """A watch over the run that has seen nothing yet."""
        return Watch(self.network, self.loss, self.optimizer, CPU, self.train)

    def step(self, number: int, batch: Batch) -> None:
        """Make the step of a number, from 1, under the watch."""
        lr = learning_rate(number - 1, self.train)
        self.watch.before_step(number, [batch])
        result = self.stepper.step([batch], lr)
        self.watch.after_step(number, lr, result)

    def step_unwatched(self, number: int, batch: Batch) -> None:
        """Make the same step without a watch."""
        self.stepper.step([batch], learning_rate(number - 1, self.train))


def conduct(trial: Trial, *, stop: bool = True) -> Outcome:
    """Make a run, judging it at every snapshot; end it at the first alarm if `stop`."""
    pieces = Pieces(trial)
    outcome = Outcome([], None, pieces)
    for number, batch in enumerate(batches(trial), 1):
        pieces.step(number, batch)
        if number % VALIDATE_EVERY == 0:
            pieces.watch.add_validation(number, _gain_db(pieces.network, trial))
        if pieces.watch.is_due(number):
            judgement = pieces.watch.judge()
            outcome.judgements.append((number, judgement))
            if judgement.verdict.is_alarm and stop:
                outcome.diagnosis = pieces.watch.diagnose(number, judgement)
                break
    return outcome


@torch.no_grad()
def _gain_db(network: Network, trial: Trial) -> float:
    """Gain on photographs that are not trained on."""
    stream = TrainingStream(
        footage(OTHERS), n_frames=5, scale=SCALE, patch=trial.patch, seed=0,
        batch_size=8, accumulation_steps=1,
    )  # fmt: skip
    lq, gt = (part / 255 for part in next(stream.steps(0, 1))[0])
    base = interpolate(lq[:, 2], size=gt.shape[-2:], mode="bilinear")
    return detail([tuple(detail_statistics(network(lq), gt, base).tolist())]).gain_db


def batches(trial: Trial) -> Iterator[Batch]:
    stream = TrainingStream(
        trial.footage(), n_frames=5, scale=SCALE, patch=trial.patch, seed=trial.seed,
        batch_size=trial.batch, accumulation_steps=1,
    )  # fmt: skip
    generator = torch.Generator().manual_seed(trial.seed)
    for step, (batch,) in enumerate(stream.steps(0, trial.steps)):
        yield trial.spoil_batch(batch, generator) if step >= trial.after else batch


# What spoils a loss


class TinyFeatures(nn.Module):
    """Random features in the place of VGG16: 4 convolutions of 16 and 32 channels."""

    def __init__(self, provenance: str) -> None:
        super().__init__()
        self.provenance = provenance
        sizes = ((3, 16, 1), (16, 16, 1), (16, 32, 2), (32, 32, 1))
        self.layers = nn.Sequential(
            *(nn.Sequential(nn.Conv2d(i, o, 3, s, 1), nn.ReLU()) for i, o, s in sizes)
        )

    def forward(self, rgb):
        return self.layers(rgb)


class FeatureLoss(nn.Module):
    """A perceptual loss without any of our safeguards."""

    def __init__(self, provenance: str = "random", *, frozen: bool = True) -> None:
        super().__init__()
        self.vgg = TinyFeatures(provenance).requires_grad_(requires_grad=not frozen)

    def forward(self, sr, gt):
        return (self.vgg(sr) - self.vgg(gt)).abs().mean()


class ForcedLoss(HybridLoss):
    """The hybrid loss with what nobody can configure: any features, any scale of the total."""

    def __init__(self, weights: dict[str, float], features=None, scale: float = 1.0) -> None:
        super().__init__(Loss(perceptual_weight=0))
        self.weights = {"l1": 0.0, "ms": 0.0, "grad": 0.0, "perceptual": 0.0, **weights}
        self.perceptual = features
        self._scale = scale

    def forward(self, sr, gt, plain=None):
        terms = super().forward(sr, gt, plain)
        return LossTerms(*terms[:-1], total=terms.total * self._scale)


def co_trained(network, loss, train):
    """AdamW over the network and, wrongly, over the features of its loss."""
    parameters = [*network.parameters(), *loss.perceptual.parameters()]
    return torch.optim.AdamW(parameters, lr=train.max_lr, betas=BETAS)


class SkippingStepper(Stepper):
    """Withholds every step, as GradScaler does where gradients never fit into fp16."""

    def __init__(self, network, *pieces, **numbers):
        super().__init__(network, *pieces, **numbers)
        self.parameters = list(network.parameters())

    def step(self, batches, lr):
        kept = [p.detach().clone() for p in self.parameters]
        result = super().step(batches, lr)
        with torch.no_grad():
            for parameter, before in zip(self.parameters, kept, strict=True):
                parameter.copy_(before)
                parameter.grad.fill_(float("inf"))
        return StepResult(
            result.terms, result.grad_norm * float("inf"), torch.ones(()), scaled=True
        )
