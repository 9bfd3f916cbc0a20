"""The network: a window of low-resolution frames in, the centre frame enlarged out.

Names and shapes of its state dict are fixed, so that weights people already trained load as they
are; `recompute` changes what backward keeps, never a value.

Shape suffixes: B samples, T frames, C colour channels, F features, H and W pixels.
"""

from collections.abc import Sequence
from typing import assert_never

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vsr_model.alignment import AlignedBranch, gather_evidence
from vsr_model.blocks import Fuse, ResidualBlock
from vsr_model.recompute import keep_inputs, segments
from vsr_settings import Model


class Network(nn.Module):
    """Bidirectional recurrent super-resolution of the centre frame of a window.

    From the centre frame's features one trunk walks to the last frame and the other to the first;
    the two ends are fused, enlarged, and added to the bilinearly enlarged centre frame. The last
    convolution starts at zero, so training starts from that base instead of from noise around it.

    With `align = "samples"` what the neighbours saw between the centre frame's pixels is added to
    the fused features, where there is any; without it, and for weights that know no alignment,
    the output is the plain one, bit for bit. The two learn apart: the plain features are trained
    by the plain output alone, so that they do not come to rely on neighbours.

    Args:
        settings: the `[model]` section. `recompute = "auto"` keeps everything here: only
            `vsr_settings.load` knows the card and resolves it.
    """

    def __init__(self, settings: Model) -> None:
        super().__init__()
        self.settings = settings
        n_feats, scale = settings.n_feats, settings.scale
        depth = settings.n_blocks // 2
        self.feat_extract = nn.Conv2d(3, n_feats, 3, padding=1)
        self.backward_fuse = Fuse(n_feats)
        self.backward_trunk = nn.Sequential(*(ResidualBlock(n_feats) for _ in range(depth)))
        self.forward_fuse = Fuse(n_feats)
        self.forward_trunk = nn.Sequential(*(ResidualBlock(n_feats) for _ in range(depth)))
        self.fusion = Fuse(n_feats)
        self.upsample = nn.Sequential(
            nn.Conv2d(n_feats, n_feats * scale**2, 3, padding=1),
            nn.PixelShuffle(scale),
            nn.Conv2d(n_feats, 3, 3, padding=1),
        )
        self.align = AlignedBranch(n_feats, scale) if settings.align == "samples" else None
        self._initialise()

    @torch.no_grad()
    def _initialise(self) -> None:
        """Start at the bilinear base, with residual branches that shrink with depth.

        Noise of the last convolution is larger than the missing detail; Adam remembers the
        gradients that remove it, and the run looks stuck for hundreds of steps (docs/notebook.md).
        """
        last = self.upsample[2]
        for parameter in last.parameters():
            parameter.zero_()
        for trunk in (self.backward_trunk, self.forward_trunk):
            for block in trunk:
                block.conv2.weight.div_(len(trunk) ** 0.5)

    def forward(
        self,
        lq_BTCHW: Tensor,
        known: tuple[Tensor, Tensor] | None = None,
        *,
        aligned: bool = True,
        with_plain: bool = False,
    ) -> Tensor | tuple[Tensor, Tensor | None]:
        """Enlarge the centre frame of each window.

        Args:
            lq_BTCHW: RGB in [0, 1]; T is `settings.n_frames`, H and W are free.
            known: what `gather_evidence` found in these windows, where that is known already, as
                for a tile of larger frames; without alignment it is not looked at.
            aligned: whether to look for what neighbours saw; False returns what comes without
                alignment, as where they are known to show nothing.
            with_plain: whether to return what comes without alignment too, to be trained.

        Returns:
            sr_BCHW of `scale` times the height and width, RGB, not clamped; where asked for, then
            plain_BCHW, or None without alignment, where both are one.

        Raises:
            ValueError: if the window has another number of dimensions, frames or channels.
        """
        self._check(lq_BTCHW)
        if not aligned:
            known = None
        elif known is None and self.align is not None:
            known = gather_evidence(lq_BTCHW, self.settings.scale)
        plain_BFHW = self._fused(
            [self.feat_extract(frame_BCHW) for frame_BCHW in lq_BTCHW.unbind(1)]
        )
        base_BCHW = self._base(lq_BTCHW[:, lq_BTCHW.shape[1] // 2])
        if self.align is None or known is None:
            sr_BCHW = self._enlarge(plain_BFHW) + base_BCHW
            return (sr_BCHW, None) if with_plain else sr_BCHW
        aligned_BFHW = self._aligned(self.align, plain_BFHW.detach(), *known)
        sr_BCHW = self._enlarge(aligned_BFHW) + base_BCHW
        if not with_plain:
            return sr_BCHW
        return sr_BCHW, self._enlarge(plain_BFHW) + base_BCHW

    def extract(self, frame_BCHW: Tensor) -> Tensor:
        """Return a frame's features, the same in every window that it is in: feat_BFHW.

        Args:
            frame_BCHW: RGB in [0, 1].
        """
        return self.feat_extract(frame_BCHW)

    def enlarge_from(
        self,
        feats: Sequence[Tensor],
        centre_BCHW: Tensor,
        known: tuple[Tensor, Tensor] | None = None,
    ) -> Tensor:
        """Enlarge the centre frame of each window from its frames' features.

        Args:
            feats: what `extract` returned of each frame, oldest first; `settings.n_frames` of them.
            centre_BCHW: the centre frame, RGB in [0, 1].
            known: what `gather_evidence` found in these windows; None adds no neighbours.

        Returns:
            sr_BCHW, what `forward` returns of the same windows.
        """
        fused_BFHW = self._fused(feats)
        if self.align is not None and known is not None:
            fused_BFHW = self.align(fused_BFHW, *known)
        return self._enlarge(fused_BFHW) + self._base(centre_BCHW)

    @property
    def radius(self) -> int:
        """Low-resolution pixels around an output pixel's place that its features depend on.

        One for extracting features, one a convolution of every block walked through or that
        alignment adds, and two for upsampling, whose last convolution reaches a fraction of a
        low-resolution pixel. What alignment knows of neighbours comes from farther away.
        """
        aligned = 0 if self.align is None else 2 * len(self.align.blocks)
        return 1 + self.settings.n_frames // 2 * self.settings.n_blocks + aligned + 2

    def _base(self, centre_BCHW: Tensor) -> Tensor:
        return F.interpolate(
            centre_BCHW,
            scale_factor=float(self.settings.scale),
            mode="bilinear",
            align_corners=False,
        )

    def _fused(self, feats: Sequence[Tensor]) -> Tensor:
        """Return the fused features of each window's centre frame."""
        centre = len(feats) // 2
        back = forw = feats[centre]
        for feat in feats[centre + 1 :]:
            back = self._propagate(self.backward_fuse, self.backward_trunk, back, feat)
        for feat in reversed(feats[:centre]):
            forw = self._propagate(self.forward_fuse, self.forward_trunk, forw, feat)
        return self.fusion(back, forw)

    def _aligned(
        self, align: AlignedBranch, h_BFHW: Tensor, confidence_B1HW: Tensor, evidence_BKHW: Tensor
    ) -> Tensor:
        """Add to features what the neighbours saw, keeping for backward what `recompute` says."""
        if self.settings.recompute in ("none", "auto"):
            return align(h_BFHW, confidence_B1HW, evidence_BKHW)
        return keep_inputs(align, h_BFHW, confidence_B1HW, evidence_BKHW)

    def _propagate(self, fuse: Fuse, trunk: nn.Sequential, h: Tensor, feat: Tensor) -> Tensor:
        """Carry `h` through one frame, keeping for backward what `recompute` says."""
        h = fuse(h, feat)
        match self.settings.recompute:
            case "none" | "auto":
                return trunk(h)
            case "blocks":
                stretches: list[nn.Module] = list(trunk)
            case "segments":
                stretches = list(segments(trunk))
            case other:
                assert_never(other)
        for stretch in stretches:
            h = keep_inputs(stretch, h)
        return h

    def _enlarge(self, fused_BFHW: Tensor) -> Tensor:
        """Upsample; when recomputing, sample by sample, so that one wide tensor lives at a time."""
        if self.settings.recompute in ("none", "auto") or not torch.is_grad_enabled():
            return self.upsample(fused_BFHW)
        return torch.cat([keep_inputs(self.upsample, one) for one in fused_BFHW.split(1)])

    def _check(self, lq_BTCHW: Tensor) -> None:
        expected = f"(batch, {self.settings.n_frames}, 3, height, width)"
        if lq_BTCHW.ndim != 5 or lq_BTCHW.shape[1:3] != (self.settings.n_frames, 3):
            raise ValueError(
                f"window has shape {tuple(lq_BTCHW.shape)}; the network takes {expected}"
            )
