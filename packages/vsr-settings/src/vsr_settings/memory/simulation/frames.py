"""Whole frames without a way back, line by line.

`vsr_model.enlarge` and `vsr_train.validation`, and `vsr_model.enlarge_film`, as an upscaler does.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from vsr_settings.memory.simulation.evidence import Evidence, gather_evidence
from vsr_settings.memory.simulation.losses import PerceptualLoss
from vsr_settings.memory.simulation.network import Network
from vsr_settings.memory.simulation.operators import difference, times
from vsr_settings.memory.simulation.tensors import BYTE, Simulation, Tensor
from vsr_settings.memory.sizes import FP32

PERCEPTUAL_SIDE = 540
"""Side of the centre that VGG16 compares in a validation."""
_SSIM_BORDER = 5
_COMPLEX = 2 * FP32
_RUNS = 2
_FIGURES = 256
"""Room for the numbers that are measured."""


def enlarge(network: Network, lq_BTCHW: Tensor, tile: int, *, aligned: bool = True) -> Tensor:
    """Enlarge windows in square tiles, each with as much around it as its output depends on."""
    samples, frames, colours, height, width = lq_BTCHW.shape
    known = None
    if aligned and network.align is not None:
        known = gather_evidence(lq_BTCHW, network.model.scale)
    views = (samples, frames, colours)

    def enlarged(rows: int, columns: int) -> Tensor:
        part = lq_BTCHW.view((*views, rows, columns))
        return network(part, known and _tile_of(known, rows, columns), aligned=aligned)[0]

    return _by_tiles(network, (samples, height, width), tile, enlarged)


def _by_tiles(
    network: Network,
    size: tuple[int, int, int],
    tile: int,
    enlarged: Callable[[int, int], Tensor],
) -> Tensor:
    """Put frames together from tiles; of those with the same sides two are run.

    A third finds free what the second left.
    """
    samples, height, width = size
    scale, around = network.model.scale, network.radius
    sr = network.simulation.tensor((samples, 3, scale * height, scale * width))
    run: Counter[tuple[int, int]] = Counter()
    for top in range(0, height, tile):
        for left in range(0, width, tile):
            rows = min(top + tile + around, height) - max(0, top - around)
            columns = min(left + tile + around, width) - max(0, left - around)
            if run[rows, columns] < _RUNS:
                enlarged(rows, columns)
            run[rows, columns] += 1
    return sr


_Frame = tuple[Tensor, Tensor]
"""A frame and its features."""


@dataclass(frozen=True)
class Film:
    """A film that a window slides over, as `vsr_model.enlarge_film` enlarges it."""

    network: Network
    height: int
    width: int
    batch: int
    tile: int | None

    def enlarge(self) -> None:
        """Enlarge a short one, from its first window to what is left of a batch at its end."""
        waiting: list[tuple[_Frame, ...]] = []
        for window in self._windows(self.network.model.n_frames + 3 * self.batch):
            waiting.append(window)
            if len(waiting) == self.batch:
                self._enlarge_windows(waiting)
                waiting.clear()
        if waiting:
            self._enlarge_windows(waiting)

    def _windows(self, count: int) -> Iterator[tuple[_Frame, ...]]:
        n_frames = self.network.model.n_frames
        scene: deque[_Frame] = deque(maxlen=n_frames)
        for number in range(count + n_frames // 2):
            frame = self._extracted() if number < count else scene[-1]
            scene.extend([frame] * (1 if scene else n_frames // 2 + 1))
            if len(scene) == n_frames:
                yield tuple(scene)

    def _extracted(self) -> _Frame:
        simulation = self.network.simulation
        with simulation.made_for("input"):
            rgb = simulation.tensor((1, 3, self.height, self.width))
        simulation.begin("feature extraction")
        return rgb, self.network.feat_extract(rgb)

    def _enlarge_windows(self, batch: Sequence[Sequence[_Frame]]) -> Tensor:
        network, samples = self.network, len(batch)
        size = (samples, self.height, self.width)
        lq_BTCHW = self._stacked(samples)
        known = None
        if network.align is not None:
            known = gather_evidence(lq_BTCHW, network.model.scale)
        feats = [feat for _, feat in batch[0]]
        if samples > 1:
            of_batch = (samples, *feats[0].shape[1:])
            feats = [network.simulation.tensor(of_batch, feat.element) for feat in feats]

        def enlarged(rows: int, columns: int) -> Tensor:
            near = [feat.view((*feat.shape[:2], rows, columns)) for feat in feats]
            centre = lq_BTCHW.view((samples, 3, rows, columns))
            return network.enlarge_from(near, centre, known and _tile_of(known, rows, columns))

        if self.tile is None:
            return enlarged(self.height, self.width)
        return _by_tiles(network, size, self.tile, enlarged)

    def _stacked(self, samples: int) -> Tensor:
        """Frames become windows, and those a batch."""
        simulation = self.network.simulation
        window = (self.network.model.n_frames, 3, self.height, self.width)
        windows = [simulation.tensor(window) for _ in range(samples)]
        lq_BTCHW = simulation.tensor((samples, *window))
        del windows
        return lq_BTCHW


def _tile_of(known: Evidence, rows: int, columns: int) -> Evidence:
    confidence, evidence = (each.view((*each.shape[:2], rows, columns)) for each in known)
    return confidence, evidence


@dataclass(frozen=True)
class Validation:
    """What a validation measures windows with."""

    network: Network
    perceptual: PerceptualLoss | None
    """VGG16's distance, where training has it."""
    tile: int
    border: int
    """Pixels cut from each side of a picture before it is measured."""

    def measure(self, height: int, width: int, windows: int = 2) -> None:
        """Measure windows of frames of a size; a second finds what is left of the first."""
        simulation = self.network.simulation
        with simulation.no_grad():
            figures = simulation.tensor((_FIGURES,))
            for _ in range(windows):
                lq, gt = self._window(height, width)
                simulation.begin("enlarging of a frame")
                sr = enlarge(self.network, lq, self.tile)
                bicubic = gt.like()
                self._score(lq, sr, bicubic, gt)
                self._score_change(height, width, sr, gt)
        del figures

    def _window(self, height: int, width: int) -> tuple[Tensor, Tensor]:
        model, simulation = self.network.model, self.network.simulation
        with simulation.made_for("input"):
            lq = _unit(simulation, (1, model.n_frames, 3, height, width))
            gt = _unit(simulation, (1, 3, model.scale * height, model.scale * width))
        return lq, gt

    def _score(self, lq: Tensor, sr: Tensor, bicubic: Tensor, gt: Tensor) -> None:
        simulation = self.network.simulation
        simulation.begin("metrics of a frame")
        bilinear = gt.like()
        theirs = self._inner(gt)
        for picture in (sr, bilinear, bicubic):
            ours = self._inner(picture)
            _error(ours, theirs)
            _error(_luma(ours), _luma(theirs))
            _ssim(ours)
            _fine_energy(ours)
            _fine_energy(theirs)
        simulation.begin("enlarging of a frame")
        repeated = self._inner(enlarge(self.network, lq, self.tile, aligned=False))
        simulation.begin("metrics of a frame")
        _error(repeated, theirs)
        if self.perceptual is not None:
            self.perceptual(_centre(sr), _centre(gt))
        _detail(self._inner(sr), theirs, self._inner(bilinear))

    def _score_change(self, height: int, width: int, sr: Tensor, gt: Tensor) -> None:
        simulation = self.network.simulation
        lq, next_gt = self._window(height, width)
        simulation.begin("enlarging of a frame")
        change = difference(enlarge(self.network, lq, self.tile), sr)
        simulation.begin("metrics of a frame")
        times(self._inner(difference(change, difference(next_gt, gt))))

    def _inner(self, picture: Tensor) -> Tensor:
        """Less a border, and less of it where a picture is small."""
        height, width = picture.shape[-2:]
        cut = max(0, min(self.border, (min(height, width) - 16) // 2))
        return picture.view((*picture.shape[:2], height - 2 * cut, width - 2 * cut))


def _unit(simulation: Simulation, shape: tuple[int, ...]) -> Tensor:
    """Pixels come as bytes."""
    return simulation.tensor(shape, BYTE).to(FP32)


def _error(sr: Tensor, gt: Tensor) -> None:
    times(difference(sr, gt))


def _luma(rgb: Tensor) -> Tensor:
    """A product, its sum over colours, and an offset."""
    return times(_one_channel(times(rgb)))


def _one_channel(picture: Tensor) -> Tensor:
    samples, _, height, width = picture.shape
    return picture.simulation.tensor((samples, 1, height, width))


def _ssim(sr: Tensor) -> None:
    """torchmetrics': both padded by half a window, and their products, go through it together."""
    simulation = sr.simulation
    samples, colours, height, width = sr.shape
    padded = (samples, colours, height + 2 * _SSIM_BORDER, width + 2 * _SSIM_BORDER)
    ours, theirs = simulation.tensor(padded), simulation.tensor(padded)
    products = [each.like() for each in (ours, theirs, ours)]
    together = simulation.tensor((5 * samples, *padded[1:]))
    del products
    means = simulation.tensor((5 * samples, colours, height, width))
    squares = [sr.like() for _ in range(3)]
    variances = [times(difference(sr, sr)), times(difference(sr, sr)), difference(sr, sr)]
    upper = times(times(variances[2]))
    lower = times(difference(variances[0], variances[1]))
    above = times(times(times(squares[2])))
    below = times(times(difference(squares[0], squares[1])))
    difference(above, below)
    del ours, theirs, together, means, upper, lower


def _fine_energy(picture: Tensor) -> None:
    """The squared spectrum of luma under a window, and the part of it that a mask leaves."""
    luma = _luma(picture)
    centred = difference(luma, luma)
    energy = times(_magnitude(_spectrum(times(times(centred)))))
    fine = energy.simulation.tensor(energy.shape, BYTE)
    times(energy)
    del luma, centred, energy, fine


def _spectrum(x: Tensor) -> Tensor:
    return x.to(_COMPLEX).like()


def _magnitude(spectrum: Tensor) -> Tensor:
    return spectrum.simulation.tensor(spectrum.shape)


def _detail(sr: Tensor, gt: Tensor, base: Tensor) -> None:
    """What is added and what is missing, each less its mean, and their squares' means."""
    added, missing = (times(difference(picture, base)) for picture in (sr, gt))
    for each in (added, missing, added):
        times(each)
    for each in (sr, base):
        _error(each, gt)
    del added, missing


def _centre(picture: Tensor) -> Tensor:
    height, width = (min(side, PERCEPTUAL_SIDE) for side in picture.shape[-2:])
    return picture.view((*picture.shape[:2], height, width))
