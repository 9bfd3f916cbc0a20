"""The layers that turn evidence into features; they begin by adding nothing.

Shape suffixes: B samples, F features, K channels of evidence, H and W low-resolution pixels.
"""

import torch
from torch import Tensor, nn

from vsr_model.blocks import ResidualBlock
from vsr_settings.memory import evidence_channels


class AlignedBranch(nn.Module):
    """`h + confidence · out(blocks(h + conv(evidence)))`.

    Where confidence is 0 the features are returned bit for bit, whatever the weights; so they are
    everywhere at the start, when `out` is zero.

    Args:
        n_feats: channels of the features.
        scale: the enlargement.
    """

    def __init__(self, n_feats: int, scale: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(evidence_channels(scale), n_feats, 3, padding=1, bias=False)
        self.blocks = nn.Sequential(ResidualBlock(n_feats), ResidualBlock(n_feats))
        self.out = nn.Conv2d(n_feats, n_feats, 1)
        with torch.no_grad():
            for parameter in self.out.parameters():
                parameter.zero_()

    def forward(self, h_BFHW: Tensor, confidence_B1HW: Tensor, evidence_BKHW: Tensor) -> Tensor:
        """Return features of the same shape."""
        # In place where no gradient needs what is overwritten.
        informed = self.conv(evidence_BKHW.to(h_BFHW.dtype)).add_(h_BFHW)
        added = self.out(self.blocks(informed))
        return (added * confidence_B1HW.to(added.dtype)).add_(h_BFHW)
