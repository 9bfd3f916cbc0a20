"""The loss, `vsr_losses` line by line, as what its pass takes."""

from collections.abc import Collection
from functools import partial
from itertools import pairwise

from vsr_settings.memory.simulation.checkpoint import Function
from vsr_settings.memory.simulation.network import rearrange
from vsr_settings.memory.simulation.operators import (
    absolute,
    add,
    convolution,
    difference,
    differences,
    mean,
    mean_of,
    pooled,
    stacked,
    summed,
    times,
)
from vsr_settings.memory.simulation.tensors import BYTE, Simulation, Tensor, unpacked
from vsr_settings.memory.sizes import FP32, VGG_CHANNELS

PLACE = 8
"""Bytes of the index that a pooling keeps for each value."""

TERMS = ("l1", "ms", "grad", "perceptual")


class HybridLoss:
    """Every term, and the total of those that have a weight."""

    def __init__(
        self, simulation: Simulation, terms: Collection[str], chunk: int, *, channels_last: bool
    ) -> None:
        self.simulation = simulation
        self.minimised = terms
        self.perceptual: PerceptualLoss | None = None
        if "perceptual" in terms:
            self.perceptual = PerceptualLoss(simulation, chunk)
            if channels_last:
                rearrange(self.perceptual.parameters())

    def __call__(self, sr: Tensor, gt: Tensor, plain: Tensor | None = None) -> list[Tensor]:
        """Return the terms and, last, the total."""
        self.simulation.begin("pixel losses")
        terms = {name: self.simulation.tensor(()) for name in ("perceptual", "plain")}
        for name, term in PIXEL_TERMS.items():
            with self.simulation.no_grad(name not in self.minimised):
                terms[name] = term(sr, gt)
        if self.perceptual is not None:
            self.simulation.begin("perceptual loss")
            terms["perceptual"] = self.perceptual(sr, gt)
        parts = [times(terms[name]) for name in TERMS if name in self.minimised]
        if plain is not None:
            self.simulation.begin("pixel losses without neighbours")
            terms["plain"] = self._plain(plain, gt)
            parts.append(terms["plain"])
        return [*terms.values(), summed(stacked(parts))]

    def _plain(self, plain: Tensor, gt: Tensor) -> Tensor:
        names = [name for name in PIXEL_TERMS if name in self.minimised] or ["l1"]
        parts = [times(PIXEL_TERMS[name](plain, gt)) for name in names]
        return summed(stacked(parts))


def l1(sr: Tensor, gt: Tensor) -> Tensor:
    """The mean absolute error."""
    wrong = difference(sr, gt)
    return mean(absolute(wrong))


def multi_scale(sr: Tensor, gt: Tensor) -> Tensor:
    """The same of pictures of half the side."""
    return l1(pooled(sr), pooled(gt))


def gradient(sr: Tensor, gt: Tensor) -> Tensor:
    """The same of absolute differences of neighbours, along each axis."""
    along_x, along_y = (
        l1(absolute(differences(sr, axis)), absolute(differences(gt, axis))) for axis in (3, 2)
    )
    return times(mean_of(along_x, along_y))


PIXEL_TERMS = {"l1": l1, "ms": multi_scale, "grad": gradient}


class PerceptualLoss:
    """VGG16's distance; its gradient is made on the way forward, some samples at a time."""

    def __init__(self, simulation: Simulation, chunk: int) -> None:
        self.simulation = simulation
        self.chunk = chunk
        self.stages = [
            [
                (simulation.tensor((outputs, inputs, 3, 3)), simulation.tensor((outputs,)))
                for inputs, outputs in pairwise(channels)
            ]
            for channels in VGG_CHANNELS
        ]
        self.mean, self.std = simulation.tensor((3, 1, 1)), simulation.tensor((3, 1, 1))

    def parameters(self) -> list[Tensor]:
        """Every weight and bias."""
        return [part for stage in self.stages for layer in stage for part in layer]

    def __call__(self, sr: Tensor, gt: Tensor) -> Tensor:
        """Return the distance, a scalar."""
        simulation = self.simulation
        made = sr.like() if simulation.recording and sr.node is not None else None
        total = simulation.tensor(())
        samples, *rest = sr.shape
        with simulation.no_grad():
            for first in range(0, samples, self.chunk):
                shape = (min(self.chunk, samples - first), *rest)
                distance, way_back = self._walk(sr.view(shape), gt.view(shape))
                times(distance)
                if made is not None:
                    add(times(_walk_back(way_back, distance.like())), times(distance))
        kept = made and simulation.keep(made)
        return simulation.note(total, [sr], lambda _: (unpacked(kept).like(),))

    def _walk(self, sr: Tensor, gt: Tensor) -> tuple[Tensor, list[Function]]:
        """Both pictures side by side; kept are a byte a value, and the places of poolings."""
        ours, theirs = normalised(sr), normalised(gt)
        distance = self.simulation.tensor(())
        way_back: list[Function] = [Tensor.like]
        for number, stage in enumerate(self.stages):
            if number:
                whole = ours.shape
                ours, places = pooled_with_places(ours)
                way_back.append(partial(_through_pooling, places, whole))
                del places
                theirs, _ = pooled_with_places(theirs)
                del _
            for weight, bias in stage:
                way_back.append(partial(_through_convolution, ours.shape))
                ours = convolution(ours, weight, bias)
                theirs = convolution(theirs, weight, bias)
                way_back.append(partial(_through_relu, compared(ours)))
            times(mean(difference(ours, theirs)))
            way_back.append(partial(_from_tap, signs_of(ours)))
        return distance, way_back


def _walk_back(way_back: list[Function], gradient: Tensor) -> Tensor:
    while way_back:
        gradient = way_back.pop()(gradient)
    return gradient


def normalised(picture: Tensor) -> Tensor:
    """Less a mean, over a deviation."""
    return times(difference(picture, picture))


def compared(x: Tensor) -> Tensor:
    """A byte a value."""
    return x.simulation.tensor(x.shape, BYTE)


def signs_of(x: Tensor) -> Tensor:
    """Whether more, less whether less."""
    more, less = compared(x), compared(x)
    return difference(more, less)


def pooled_with_places(x: Tensor) -> tuple[Tensor, Tensor]:
    """The largest of 2×2, and where it was."""
    shape = (*x.shape[:2], x.shape[2] // 2, x.shape[3] // 2)
    return x.simulation.tensor(shape), x.simulation.tensor(shape, PLACE)


def _through_convolution(shape: tuple[int, ...], gradient: Tensor) -> Tensor:
    return gradient.simulation.tensor(shape)


def _through_relu(positive: Tensor, gradient: Tensor) -> Tensor:
    del positive  # in place
    return gradient


def _through_pooling(places: Tensor, whole: tuple[int, ...], gradient: Tensor) -> Tensor:
    del places
    return gradient.simulation.tensor(whole)


def _from_tap(signs: Tensor, gradient: Tensor) -> Tensor:
    return gradient.simulation.tensor(signs.shape, FP32)
