"""What the network is made of, each keeping for backward as little as its gradients need.

Shape suffixes: B samples, F features, H and W pixels.
"""

import torch.nn.functional as F
from torch import Tensor, nn


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
