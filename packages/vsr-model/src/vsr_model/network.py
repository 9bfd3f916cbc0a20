"""The network: a window of low-resolution frames in, the centre frame enlarged out.

Names and shapes of its state dict are fixed, so that weights people already trained load as they
are; `recompute` changes what backward keeps, never a value.

Shape suffixes: B samples, T frames, C colour channels, F features, H and W pixels.
"""

from typing import assert_never

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vsr_model.recompute import keep_inputs, segments
from vsr_settings import Model


class ResidualBlock(nn.Module):
    """`x + conv2(leaky_relu(conv1(x)))`, keeping two tensors for backward: x and the activation."""

    def __init__(self, n_feats: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(n_feats, n_feats, 3, padding=1)
        self.conv2 = nn.Conv2d(n_feats, n_feats, 3, padding=1)

    def forward(self, x_BFHW: Tensor) -> Tensor:
        """Return a tensor of the same shape."""
        # In place twice: no gradient needs what is overwritten.
        active = F.leaky_relu(self.conv1(x_BFHW), 0.1, inplace=True)
        return self.conv2(active).add_(x_BFHW)


class Fuse(nn.Module):
    """Join two feature maps into one with a 1×1 convolution."""

    def __init__(self, n_feats: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2 * n_feats, n_feats, 1)

    def forward(self, a_BFHW: Tensor, b_BFHW: Tensor) -> Tensor:
        """Return `conv(cat(a, b))`, summed over the two halves instead of concatenated."""
        for_a, for_b = self.conv.weight.chunk(2, dim=1)
        return F.conv2d(a_BFHW, for_a).add_(F.conv2d(b_BFHW, for_b, self.conv.bias))


class Network(nn.Module):
    """Bidirectional recurrent super-resolution of the centre frame of a window.

    From the centre frame's features one trunk walks to the last frame and the other to the first;
    the two ends are fused, enlarged, and added to the bilinearly enlarged centre frame. The last
    convolution starts at zero, so training starts from that base instead of from noise around it.

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

    def forward(self, lq_BTCHW: Tensor) -> Tensor:
        """Enlarge the centre frame of each window.

        Args:
            lq_BTCHW: RGB in [0, 1]; T is `settings.n_frames`, H and W are free.

        Returns:
            sr_BCHW of `scale` times the height and width, RGB, not clamped.

        Raises:
            ValueError: if the window has another number of dimensions, frames or channels.
        """
        self._check(lq_BTCHW)
        centre = lq_BTCHW.shape[1] // 2
        feats = [self.feat_extract(frame_BCHW) for frame_BCHW in lq_BTCHW.unbind(1)]
        back = forw = feats[centre]
        for feat in feats[centre + 1 :]:
            back = self._propagate(self.backward_fuse, self.backward_trunk, back, feat)
        for feat in reversed(feats[:centre]):
            forw = self._propagate(self.forward_fuse, self.forward_trunk, forw, feat)
        base = F.interpolate(
            lq_BTCHW[:, centre],
            scale_factor=float(self.settings.scale),
            mode="bilinear",
            align_corners=False,
        )
        return self._enlarge(self.fusion(back, forw)) + base

    @property
    def radius(self) -> int:
        """Low-resolution pixels around an output pixel's place that it depends on.

        One for extracting features, one a convolution of every block walked through, and two for
        upsampling, whose last convolution reaches a fraction of a low-resolution pixel.
        """
        return 1 + self.settings.n_frames // 2 * self.settings.n_blocks + 2

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
