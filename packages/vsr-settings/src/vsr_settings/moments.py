"""The moments of a training step that can be its highest in memory, each as a sum of tensors.

In the order of a step: the end of the network's forward pass, the loss, the way back through the
upsampler, through the first stretches of blocks, and through the last, when all gradients exist.
Follows `vsr_model.network`, `vsr_losses` and `vsr_train.step`, whose tracer is the judge.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from vsr_settings.schema import Loss, Model
from vsr_settings.memory.sizes import FP32, SEGMENT_BLOCKS, Sizes


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


@dataclass(frozen=True)
class Step:
    """One step of a run, as the sums of its moments."""

    sizes: Sizes
    model: Model
    loss: Loss
    accumulates: bool

    def moments(self) -> Iterator[Moment]:
        """Every moment that can be the highest."""
        yield from self.at_upsampler()
        yield from self.at_losses()
        yield from self.at_trunks()

    def at_upsampler(self) -> Iterator[Moment]:
        """The upsampler's, on the way forward and back."""
        yield from self._end_of_forward()
        yield from self._upsampler()

    @property
    def recomputes(self) -> bool:
        """Whether backward computes anything again."""
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
    def kept_maps(self) -> int:
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
        kept = weights.extract if self.recomputes else weights.total - 3 * weights.fuse
        # autocast casts the halves of a fuse's weight anew for every frame
        kept += sizes.frames * weights.fuse
        return sizes.window * sizes.element // FP32 + sizes.element * kept

    @property
    def _kept(self) -> int:
        """Bytes of the network that are alive between forward and backward."""
        wide = 0 if self.recomputes else self.sizes.wide
        return self.kept_maps * self.sizes.features + wide + self._kept_halves

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
        maps = self.kept_maps * sizes.features
        copies = sizes.weights.total + (sizes.frames - 3) * sizes.weights.fuse
        halves = sizes.window * sizes.element // FP32 + sizes.element * copies
        alive = maps + (halves if sizes.is_half else 0) + sizes.picture  # the bilinear base
        at_once = 1 if self.recomputes else sizes.batch
        part = sizes.wide * at_once // sizes.batch
        made = self._narrow_picture * (sizes.batch - at_once) // sizes.batch
        name = "end of forward"
        joined = halves - sizes.element * (sizes.weights.widening + sizes.weights.closing)
        yield Moment(
            name, self._gradients, maps + 2 * sizes.features + (joined if sizes.is_half else 0)
        )
        yield Moment(name, self._gradients, alive + 2 * part + made)
        yield Moment(name, self._gradients, alive + part + self._narrow_picture)
        kept = 0 if self.recomputes else part
        joined = max(self._narrow_picture, sizes.picture)
        yield Moment(name, self._gradients, alive + kept + self._narrow_picture + joined)

    def at_losses(self) -> Iterator[Moment]:
        """The loss's, on the way forward and back."""
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
        maps = self.kept_maps * sizes.features + sizes.picture
        widening, closing = sizes.element * weights.widening, sizes.element * weights.closing
        landed = FP32 * weights.widening if sizes.is_half else 0
        if not self.recomputes:
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

    def at_trunks(self) -> Iterator[Moment]:
        """The ends of both trunks; each walks its frames back from the one it reached last."""
        sizes, weights = self.sizes, self.sizes.weights
        fused = FP32 * (weights.widening + weights.closing + weights.fuse)
        fuse = sizes.element * weights.fuse
        maps = (self.kept_maps + 2) * sizes.features
        upsampler = 0 if self.recomputes else weights.widening + weights.closing
        halves = self._kept_halves - (sizes.element * upsampler if sizes.is_half else 0)
        alive = halves + sizes.picture
        yield Moment("backward of the fusion", self._gradients or fused, alive + maps + fuse)
        yield from self._walk(self._gradients or fused, self.kept_maps, halves)
        if not self.accumulates:
            # the other trunk keeps less, but finds the gradients of the first
            one = FP32 * (weights.trunk + weights.fuse)
            left = self.kept_maps - sizes.frames // 2 * (self._stretches + 1) + 1
            yield from self._walk(fused + one, left, halves - self._trunk_halves)
            yield from self._last_frame()

    @property
    def _trunk_halves(self) -> int:
        """Half-precision copies of a trunk's weights that live until its way back is done."""
        weights = 0 if self.recomputes else self.sizes.weights.trunk
        return self.sizes.element * weights if self.sizes.is_half else 0

    def _walk(self, gradients: int, maps: int, halves: int) -> Iterator[Moment]:
        """A trunk's way back through its first frames.

        Args:
            gradients: Bytes of gradients that are there before.
            maps: Feature maps that are kept before.
            halves: Bytes of half-precision copies that are kept before.
        """
        sizes, weights = self.sizes, self.sizes.weights
        shared = sizes.frames > 3  # a weight used in several frames sums its gradients first
        convolution = sizes.element * weights.convolution
        landing = FP32 * weights.convolution if sizes.is_half else convolution
        recast = self._recast_blocks * 2 * convolution if sizes.is_half else 0
        alive = halves + sizes.picture + convolution
        summing = convolution if shared else FP32 * weights.convolution
        for place in {0, min(1, self._stretch_count - 1), self._stretch_count - 1}:
            now = maps - 1 - place * self._kept_by_stretch + self._stretch_maps(place)
            before = min(place, 1) * self._last_blocks + max(0, place - 1) * self._stretch_blocks
            summed = 2 * before * summing if shared or not self.accumulates else 0
            landed = 0 if shared else landing
            yield Moment(
                "backward of the first frame",
                gradients,
                alive + recast + now * sizes.features + summed + landed,
            )
        trunk = weights.trunk + weights.fuse
        pending = 0
        if shared:
            pending = sizes.element * trunk
            now = maps - 2 - self._stretches + self._stretch_maps(0)
            yield Moment(
                "backward of the second frame",
                gradients,
                alive + recast + now * sizes.features + pending + landing,
            )
        # the way back through the fuse of a frame, when its trunk is done
        now = (maps + 2 - self._stretches) * sizes.features
        yield Moment("backward of the first frame", gradients, alive + now + pending)
        if not self.accumulates:
            now -= (sizes.frames // 2 - 1) * self._stretches * sizes.features
            alive -= self._trunk_halves + convolution
            yield Moment("backward of the trunk", gradients + FP32 * trunk, alive + now)

    def _last_frame(self) -> Iterator[Moment]:
        """The frame in which the first micro-batch's gradients become complete."""
        sizes, weights = self.sizes, self.sizes.weights
        name = "backward of the last frame"
        convolution = sizes.element * weights.convolution
        alive = sizes.picture + 2 * (sizes.frames - 1) * sizes.features + 2 * convolution
        if sizes.is_half:
            alive += sizes.window * sizes.element // FP32
        yield Moment(name, FP32 * weights.total, alive)
        # sums are of the network's precision, and land in single
        first = self._recast_blocks or sizes.depth
        for blocks in {first, sizes.depth, sizes.depth - self._last_blocks or first}:
            trunk = 2 * blocks * weights.convolution + weights.fuse
            copies = first * 2 * convolution + FP32 * weights.convolution
            halves = copies if sizes.is_half else 0
            pending = sizes.element * trunk if sizes.frames > 3 else 0
            stretches = blocks * self._stretches // sizes.depth
            maps = (stretches + self._stretch_maps(int(blocks < sizes.depth))) * sizes.features
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
        return min(self.sizes.depth, self._stretch_blocks) if self.recomputes else 0

    @property
    def _kept_by_stretch(self) -> int:
        """Feature maps that one stretch keeps from its forward pass."""
        return 1 if self.recomputes else 2

    def _stretch_maps(self, place: int) -> int:
        """Feature maps that are made while a stretch is on its way back, less the ends' two.

        The gradients of both ends, a block's two, and what is computed again.
        """
        blocks = self._stretch_blocks if place else self._last_blocks
        made = 2 * blocks - 1 if self.recomputes else 0
        return made + 2
