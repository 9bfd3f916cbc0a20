"""The network, `vsr_model.network` line by line, as what its pass takes."""

from vsr_settings.memory.simulation.checkpoint import Function, checkpointed
from vsr_settings.memory.simulation.evidence import Evidence, gather_evidence
from vsr_settings.memory.simulation.operators import (
    add,
    add_,
    convolution,
    halves,
    joined,
    leaky_relu_,
    pixel_shuffle,
    samples_of,
    weighted,
)
from vsr_settings.memory.simulation.tensors import Simulation, Tensor
from vsr_settings.memory.sizes import ALIGNED_BLOCKS, SEGMENT_BLOCKS, evidence_channels
from vsr_settings.schema import Model


class Convolution:
    """A weight and, mostly, a bias."""

    def __init__(
        self,
        simulation: Simulation,
        inputs: int,
        outputs: int,
        side: int,
        *,
        learns: bool,
        biased: bool = True,
    ) -> None:
        self.weight = simulation.parameter((outputs, inputs, side, side), learns=learns)
        self.bias = simulation.parameter((outputs,), learns=learns) if biased else None

    def __call__(self, x: Tensor) -> Tensor:
        """Return as many maps as there are outputs."""
        return convolution(x, self.weight, self.bias)


class Block:
    """`x + conv2(leaky_relu(conv1(x)))`: kept are the input of each convolution."""

    def __init__(self, simulation: Simulation, feats: int, *, learns: bool) -> None:
        self.conv1 = Convolution(simulation, feats, feats, 3, learns=learns)
        self.conv2 = Convolution(simulation, feats, feats, 3, learns=learns)

    def __call__(self, x: Tensor) -> Tensor:
        """Return a tensor of the same shape."""
        active = leaky_relu_(self.conv1(x))
        return add_(self.conv2(active), x)


class Fuse:
    """Two maps become one by a 1×1 convolution of each."""

    def __init__(self, simulation: Simulation, feats: int, *, learns: bool) -> None:
        self.conv = Convolution(simulation, 2 * feats, feats, 1, learns=learns)

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        """Return one map."""
        for_a, for_b = halves(self.conv.weight)
        return add_(convolution(a, for_a), convolution(b, for_b, self.conv.bias))


class AlignedBranch:
    """What neighbours show becomes features, added to those there are."""

    def __init__(self, simulation: Simulation, feats: int, scale: int, *, learns: bool) -> None:
        self.conv = Convolution(
            simulation, evidence_channels(scale), feats, 3, learns=learns, biased=False
        )
        self.blocks = [Block(simulation, feats, learns=learns) for _ in range(ALIGNED_BLOCKS)]
        self.out = Convolution(simulation, feats, feats, 1, learns=learns)

    def convolutions(self) -> list[Convolution]:
        """Every one, in the order of the state dict."""
        of_blocks = [each for block in self.blocks for each in (block.conv1, block.conv2)]
        return [self.conv, *of_blocks, self.out]

    def __call__(self, h: Tensor, known: Evidence) -> Tensor:
        """Return features."""
        confidence, evidence = known
        informed = add_(self.conv(evidence.to(h.element)), h)
        added = self.out(_in_turn(self.blocks)(informed))
        return add_(weighted(added, confidence.to(added.element)), h)


class Network:
    """The weights in their order, and the pass from a window to an enlarged picture."""

    def __init__(
        self,
        simulation: Simulation,
        model: Model,
        *,
        learns: bool = True,
        channels_last: bool = False,
    ) -> None:
        self.simulation = simulation
        self.model = model
        feats, depth = model.n_feats, model.n_blocks // 2

        def trunk() -> list[Block]:
            return [Block(simulation, feats, learns=learns) for _ in range(depth)]

        self.feat_extract = Convolution(simulation, 3, feats, 3, learns=learns)
        self.backward_fuse = Fuse(simulation, feats, learns=learns)
        self.backward_trunk = trunk()
        self.forward_fuse = Fuse(simulation, feats, learns=learns)
        self.forward_trunk = trunk()
        self.fusion = Fuse(simulation, feats, learns=learns)
        self.widening = Convolution(simulation, feats, feats * model.scale**2, 3, learns=learns)
        self.closing = Convolution(simulation, feats, 3, 3, learns=learns)
        self.align: AlignedBranch | None = None
        if model.align == "samples":
            self.align = AlignedBranch(simulation, feats, model.scale, learns=learns)
        if channels_last:
            rearrange(self.parameters())

    def convolutions(self) -> list[Convolution]:
        """Every one, in the order of the state dict."""
        backward, forward = (
            [convolution for block in trunk for convolution in (block.conv1, block.conv2)]
            for trunk in (self.backward_trunk, self.forward_trunk)
        )
        return [
            self.feat_extract,
            self.backward_fuse.conv,
            *backward,
            self.forward_fuse.conv,
            *forward,
            self.fusion.conv,
            self.widening,
            self.closing,
            *(self.align.convolutions() if self.align is not None else ()),
        ]

    def parameters(self) -> list[Tensor]:
        """Every weight and bias."""
        parts = [part for each in self.convolutions() for part in (each.weight, each.bias)]
        return [part for part in parts if part is not None]

    def __call__(
        self,
        lq_BTCHW: Tensor,
        known: Evidence | None = None,
        *,
        aligned: bool = True,
        with_plain: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Return the centre frame of each window, enlarged, and without neighbours where asked."""
        if not aligned:
            known = None
        elif known is None and self.align is not None:
            known = gather_evidence(lq_BTCHW, self.model.scale)
        samples, frames, colours, height, width = lq_BTCHW.shape
        views = [lq_BTCHW.view((samples, colours, height, width)) for _ in range(frames)]
        self.simulation.begin("feature extraction")
        plain = self._fused([self.feat_extract(view) for view in views])
        base = self._interpolated(views[frames // 2])
        if self.align is None or known is None:
            self.simulation.begin("upsampler")
            return add(self._enlarge(plain), base), None
        self.simulation.begin("aligned blocks")
        informed = self._aligned(self.align, plain.detached(), known)
        self.simulation.begin("upsampler")
        sr = add(self._enlarge(informed), base)
        if not with_plain:
            return sr, None
        self.simulation.begin("upsampler without neighbours")
        return sr, add(self._enlarge(plain), base)

    def enlarge_from(self, feats: list[Tensor], centre: Tensor, known: Evidence | None) -> Tensor:
        """Return the centre frame of each window, enlarged, from its frames' features."""
        fused = self._fused(feats)
        if self.align is not None and known is not None:
            self.simulation.begin("aligned blocks")
            fused = self.align(fused, known)
        self.simulation.begin("upsampler")
        return add(self._enlarge(fused), self._interpolated(centre))

    def _fused(self, feats: list[Tensor]) -> Tensor:
        centre = len(feats) // 2
        self.simulation.begin("backward trunk")
        back = forw = feats[centre]
        for feat in feats[centre + 1 :]:
            back = self._propagate(self.backward_fuse, self.backward_trunk, back, feat)
        self.simulation.begin("forward trunk")
        for feat in reversed(feats[:centre]):
            forw = self._propagate(self.forward_fuse, self.forward_trunk, forw, feat)
        return self.fusion(back, forw)

    def _aligned(self, align: AlignedBranch, h: Tensor, known: Evidence) -> Tensor:
        if self.model.recompute == "none":
            return align(h, known)
        return self._keep_inputs(lambda h: align(h, known), h)

    def _propagate(self, fuse: Fuse, trunk: list[Block], h: Tensor, feat: Tensor) -> Tensor:
        h = fuse(h, feat)
        if self.model.recompute == "none":
            return _in_turn(trunk)(h)
        for stretch in self._stretches(trunk):
            h = self._keep_inputs(stretch, h)
        return h

    def _stretches(self, trunk: list[Block]) -> list[Function]:
        """What is recomputed together."""
        if self.model.recompute == "blocks":
            return [*trunk]
        starts = range(0, len(trunk), SEGMENT_BLOCKS)
        return [_in_turn(trunk[start : start + SEGMENT_BLOCKS]) for start in starts]

    def _keep_inputs(self, function: Function, x: Tensor) -> Tensor:
        return checkpointed(function, x) if self.simulation.recording else function(x)

    @property
    def radius(self) -> int:
        """Low-resolution pixels around an output pixel's place that it depends on."""
        aligned = 0 if self.align is None else 2 * ALIGNED_BLOCKS
        return 1 + self.model.n_frames // 2 * self.model.n_blocks + aligned + 2

    def _enlarge(self, fused: Tensor) -> Tensor:
        if self.model.recompute == "none" or not self.simulation.recording:
            return self._upsample(fused)
        return joined([self._keep_inputs(self._upsample, one) for one in samples_of(fused)])

    def _upsample(self, x: Tensor) -> Tensor:
        return self.closing(pixel_shuffle(self.widening(x), self.model.scale))

    def _interpolated(self, frame: Tensor) -> Tensor:
        samples, colours, height, width = frame.shape
        scale = self.model.scale
        return self.simulation.tensor((samples, colours, scale * height, scale * width))


def _in_turn(blocks: list[Block]) -> Function:
    def run(x: Tensor) -> Tensor:
        for block in blocks:
            x = block(x)
        return x

    return run


def rearrange(parameters: list[Tensor]) -> None:
    """Lay weights out in another order, each in turn, as `module.to(memory_format=...)` does."""
    for each in parameters:
        if len(each.shape) == 4:
            each.storage = each.like().storage
