"""What a training step takes at its highest moment, in closed form: no torch, microseconds.

A step has a handful of moments that can be the highest: the end of the network's forward pass, the
loss, the way back through the upsampler, through the first recomputed stretch of blocks, and
through the last, when all gradients are there. Each is a sum of tensors; the peak is the largest.
The judge is `vsr_train.memory`, which runs the step on tensors without values and counts bytes.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Final

from vsr_settings.presets import Precision
from vsr_settings.schema import Loss, Model, Settings
from vsr_settings.sizes import FP32, SEGMENT_BLOCKS, Sizes, sizes_in, sizes_of

MIB: Final = 1 << 20
WORKSPACE: Final = 256 * MIB
"""Room for what operators take inside themselves, as `vsr_train.memory` keeps."""
VGG_WEIGHTS: Final = 30_541_080
"""VGG16 up to relu4_3 in fp32, with the mean and deviation of its pictures."""
_SCALARS: Final = 1024
"""Room for the scalars of a step, losses and norms; 1/256 of the activations goes with it, for what
the sums leave out: biases, and gradients that land in another order."""


@dataclass(frozen=True)
class Memory:
    """Bytes at a step's highest moment, by what they are for."""

    parameters: int
    gradients: int
    optimiser: int
    average: int
    perceptual_weights: int
    input: int
    activations: int
    """All that the network makes, on its way forward and back."""
    loss: int
    """All that the loss makes on its way forward, VGG16's activations included."""
    workspace: int
    """Room for what operators take inside themselves."""
    slack: int
    """What the caching allocator holds beyond what tensors use."""
    moment: str
    """When the step is at its highest."""

    @property
    def allocated(self) -> int:
        """Bytes of all tensors."""
        return self.reserved - self.slack - self.workspace

    @property
    def reserved(self) -> int:
        """Bytes that the card must have."""
        return sum(self.categories().values())

    def categories(self) -> dict[str, int]:
        """The bytes by category."""
        return {field.name: getattr(self, field.name) for field in fields(self)[:-1]}


@dataclass(frozen=True)
class Moment:
    """What is alive at one moment besides what is always there."""

    name: str
    gradients: int
    activations: int
    loss: int = 0

    @property
    def bytes(self) -> int:
        """All of it."""
        return self.gradients + self.activations + self.loss


def predict(settings: Settings) -> Memory:
    """The memory of a training step on the card that is planned for.

    Args:
        settings: The run; `recompute = "auto"` counts as `none`.
    """
    return _memory(settings, sizes_of(settings))


def predict_in(settings: Settings, kept: Precision) -> Memory:
    """The same in a given precision, whatever the settings say."""
    return _memory(settings, sizes_in(settings, kept))


def _memory(settings: Settings, sizes: Sizes) -> Memory:
    step = _Step(
        sizes, settings.model, settings.loss, accumulates=settings.train.accumulation_steps > 1
    )
    highest = max(step.moments(), key=lambda moment: moment.bytes)
    weights = FP32 * sizes.weights.total
    return Memory(
        parameters=weights,
        gradients=highest.gradients,
        optimiser=2 * weights + FP32 * sizes.weights.tensors,
        average=weights,
        perceptual_weights=VGG_WEIGHTS if settings.loss.perceptual_weight > 0 else 0,
        input=sizes.window + sizes.picture,
        activations=highest.activations + highest.activations // 256 + _SCALARS,
        loss=highest.loss,
        workspace=WORKSPACE,
        slack=0,
        moment=highest.name,
    )


@dataclass(frozen=True)
class _Step:
    """One step of a run, as the sums of its moments."""

    sizes: Sizes
    model: Model
    loss: Loss
    accumulates: bool

    def moments(self) -> Iterator[Moment]:
        """Every moment that can be the highest."""
        yield from self._end_of_forward()
        yield from self._losses()
        yield from self._upsampler()
        yield from self._trunks()

    @property
    def _recomputes(self) -> bool:
        return self.model.recompute in ("blocks", "segments")

    @property
    def _stretches(self) -> int:
        """Tensors that a trunk keeps each time it runs."""
        match self.model.recompute:
            case "none" | "auto":
                return 2 * self.sizes.depth
            case "blocks":
                return self.sizes.depth
            case "segments":
                return -(-self.sizes.depth // SEGMENT_BLOCKS)

    @property
    def _kept_maps(self) -> int:
        """Feature maps that the forward pass keeps, less the upsampler's.

        Every frame's features, each frame's fused map and stretches, and the fused ends.
        """
        frames = self.sizes.frames
        return frames + (frames - 1) * (1 + self._stretches) + 1

    @property
    def _kept_halves(self) -> int:
        """Half-precision copies of frames and weights that live from forward to backward."""
        sizes, weights = self.sizes, self.sizes.weights
        if not sizes.is_half:
            return 0
        kept = weights.extract if self._recomputes else weights.total - 3 * weights.fuse
        return sizes.window * sizes.element // FP32 + sizes.element * kept

    @property
    def _kept(self) -> int:
        """Bytes of the network that are alive between forward and backward."""
        wide = 0 if self._recomputes else self.sizes.wide
        return self._kept_maps * self.sizes.features + wide + self._kept_halves

    @property
    def _gradients(self) -> int:
        """Gradients that are there from the micro-batch before."""
        return FP32 * self.sizes.weights.total if self.accumulates else 0

    @property
    def _narrow_picture(self) -> int:
        """The upsampler's output, in the network's precision."""
        return self.sizes.picture * self.sizes.element // FP32

    def _end_of_forward(self) -> Iterator[Moment]:
        sizes = self.sizes
        maps = self._kept_maps * sizes.features
        halves = sizes.window * sizes.element // FP32 + sizes.element * sizes.weights.total
        alive = maps + (halves if sizes.is_half else 0) + sizes.picture  # the bilinear base
        at_once = 1 if self._recomputes else sizes.batch
        part = sizes.wide * at_once // sizes.batch
        made = self._narrow_picture * (sizes.batch - at_once) // sizes.batch
        name = "end of forward"
        yield Moment(name, self._gradients, alive + 2 * part + made)
        yield Moment(name, self._gradients, alive + part + self._narrow_picture)
        kept = 0 if self._recomputes else part
        joined = max(self._narrow_picture, sizes.picture)
        yield Moment(name, self._gradients, alive + kept + self._narrow_picture + joined)

    def _losses(self) -> Iterator[Moment]:
        sizes, loss, picture = self.sizes, self.loss, self.sizes.picture
        side = sizes.side
        pooled = picture // side**2 * (side // 2) ** 2
        edges = picture // side * (side - 1)
        alive = self._kept + picture
        saved = picture if loss.l1_weight else 0
        yield Moment("pixel losses", self._gradients, alive, 2 * picture)
        yield Moment("pixel losses", self._gradients, alive, saved + 4 * pooled)
        saved += pooled if loss.ms_weight else 0
        if loss.grad_weight:
            yield Moment("pixel losses", self._gradients, alive, saved + 7 * edges)
            saved += 4 * edges
        else:
            yield Moment("pixel losses", self._gradients, alive, saved + 4 * edges)
        total = 0
        if loss.perceptual_weight:
            saved += picture
            chunk = min(loss.perceptual_chunk, sizes.batch)
            walk = 224 * chunk * side**2 * FP32
            yield Moment("perceptual loss", self._gradients, alive, saved + walk)
            yield Moment("backward of the loss", self._gradients, alive + picture, saved)
            saved -= picture
            total = picture
        if loss.grad_weight:
            back = alive + total + 3 * edges
            yield Moment("backward of the loss", self._gradients, back, saved)
            saved -= 4 * edges
            total = picture
        if loss.l1_weight:
            back = alive + total + 3 * picture
            yield Moment("backward of the loss", self._gradients, back, picture)

    def _upsampler(self) -> Iterator[Moment]:
        sizes, weights = self.sizes, self.sizes.weights
        name = "backward of the upsampler"
        maps = self._kept_maps * sizes.features + sizes.picture
        widening, closing = sizes.element * weights.widening, sizes.element * weights.closing
        landed = FP32 * weights.widening if sizes.is_half else 0
        if not self._recomputes:
            alive = maps + self._kept_halves + closing
            wide = 2 * sizes.wide + self._narrow_picture
            yield Moment(name, self._gradients, alive + wide)
            wide = sizes.wide + sizes.features
            yield Moment(name, self._gradients, alive + wide + widening)
            # its half-precision weight is let go before its gradient becomes single
            yield Moment(name, self._gradients, alive + sizes.features + landed)
            return
        # sample by sample, on weights that each casts for itself; their gradients are summed
        alive = maps + self._kept_halves + self._narrow_picture + 3 * closing
        part = sizes.wide // sizes.batch
        before = sizes.features * (sizes.batch - 1) // sizes.batch
        summed = widening if sizes.batch > 1 else 0
        cast = widening if sizes.is_half else 0
        yield Moment(name, self._gradients, alive + 2 * part + before + summed + cast)
        alive += sizes.features
        yield Moment(name, self._gradients, alive + part + summed + widening + cast)
        yield Moment(name, self._gradients, alive + widening + max(2 * summed, landed))

    def _trunks(self) -> Iterator[Moment]:
        """The ends of both trunks, their frames from the last walked to the first."""
        sizes, weights = self.sizes, self.sizes.weights
        maps, alive = self._kept_maps, self._kept_halves + sizes.picture
        upsampled = FP32 * (weights.widening + weights.closing + weights.fuse)
        gradients = self._gradients or upsampled
        convolution = sizes.element * weights.convolution
        landing = FP32 * weights.convolution if sizes.is_half else convolution
        yield Moment(
            "backward of the fusion",
            self._gradients or upsampled,
            alive + (maps + 4) * sizes.features + sizes.element * weights.fuse,
        )
        shared = sizes.frames > 3  # a weight used in several frames sums its gradients first
        recast = self._recast_blocks * 2 * convolution if sizes.is_half else 0
        alive += recast + convolution
        for place in {0, 1, self._stretch_count - 1} - {-1, self._stretch_count}:
            now = maps - 1 - place * self._kept_by_stretch + self._stretch_maps(place)
            before = min(place, 1) * self._last_blocks + max(0, place - 1) * self._stretch_blocks
            pending = 2 * before * convolution if shared else 0
            yield Moment(
                "backward of the first frame",
                gradients,
                alive + now * sizes.features + (pending if shared else landing),
            )
        if shared:
            pending = sizes.element * (weights.trunk + weights.fuse)
            now = maps - 1 - self._stretches + self._stretch_maps(0)
            yield Moment(
                "backward of the second frame",
                gradients,
                alive + now * sizes.features + pending + landing,
            )
        if not self.accumulates:
            yield from self._last_frame()

    def _last_frame(self) -> Iterator[Moment]:
        """The frame in which the first micro-batch's gradients become complete."""
        sizes, weights = self.sizes, self.sizes.weights
        name = "backward of the last frame"
        convolution = sizes.element * weights.convolution
        alive = sizes.picture + 2 * (sizes.frames - 1) * sizes.features
        if sizes.is_half:
            alive += sizes.window * sizes.element // FP32
        yield Moment(name, FP32 * weights.total, alive + 2 * convolution)
        if not sizes.is_half:
            return
        # its sums are halves, and so are its weights, until they land in single precision
        first = self._recast_blocks or sizes.depth
        for blocks in {first, sizes.depth}:
            trunk = 2 * blocks * weights.convolution + weights.fuse
            halves = first * 2 * convolution + 2 * convolution
            pending = sizes.element * trunk if sizes.frames > 3 else 0
            stretches = blocks * self._stretches // sizes.depth
            maps = (stretches + self._stretch_maps(0)) * sizes.features
            complete = FP32 * (weights.total - trunk - weights.extract)
            yield Moment(name, complete, alive + halves + pending + maps)

    @property
    def _stretch_blocks(self) -> int:
        """Blocks that are recomputed together; 1 where nothing is."""
        return SEGMENT_BLOCKS if self.model.recompute == "segments" else 1

    @property
    def _stretch_count(self) -> int:
        """Stretches of a trunk."""
        return -(-self.sizes.depth // self._stretch_blocks)

    @property
    def _last_blocks(self) -> int:
        """Blocks of the stretch that comes last, and so first on the way back."""
        return (self.sizes.depth - 1) % self._stretch_blocks + 1

    @property
    def _recast_blocks(self) -> int:
        """Blocks whose weights are cast again while one stretch is on its way back."""
        return min(self.sizes.depth, self._stretch_blocks) if self._recomputes else 0

    @property
    def _kept_by_stretch(self) -> int:
        """Feature maps that one stretch keeps from its forward pass."""
        return 1 if self._recomputes else 2

    def _stretch_maps(self, place: int) -> int:
        """Feature maps that are made while a stretch is on its way back, less the ends' two.

        The gradients of both ends, a block's two, and what is computed again; from the second
        stretch on the gradient that comes in is one of its own.
        """
        blocks = self._stretch_blocks if place else self._last_blocks
        made = 2 * blocks - 1 if self._recomputes else 0
        return made + 2 + (1 if place else 0)
