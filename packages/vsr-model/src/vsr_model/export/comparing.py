"""Whether an exported model gives what its network gives, where onnxruntime is there to tell."""

from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from vsr_model.alignment.flow import FULL_PYRAMID
from vsr_model.export.graph import INPUT, Layout, as_layout
from vsr_model.network import Network

TOLERANCE: Final = 1e-4
"""Difference, of the largest value, that rounding in another order explains."""

RARE: Final = 1e-3
"""Share of values that may differ more: where rounding decides which pixel is the nearest, or
whether one moves at all, another neighbour is believed."""

_SIZE: Final = (FULL_PYRAMID + 2, FULL_PYRAMID + 16)


class ExportError(Exception):
    """A model that is not written, for it would not do what its network does."""


def compare(model: bytes, network: Network, layout: Layout) -> float | None:
    """Run a model and its network on frames of noise that moves by half a pixel each.

    Args:
        model: the model, serialised.
        network: the network in fp32, on the CPU.
        layout: how the model takes a window.

    Returns:
        The largest difference; None where onnxruntime is not installed.

    Raises:
        ExportError: if more than rounding differs.
    """
    try:
        import onnxruntime  # noqa: PLC0415 - people export without it
    except ModuleNotFoundError:
        return None
    lq_1TCHW = _moving_noise(network.settings.n_frames)
    with torch.no_grad():
        wanted = network(lq_1TCHW)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    found = session.run(None, {INPUT: as_layout(lq_1TCHW, layout).numpy()})[0]
    difference = (torch.from_numpy(found) - wanted).abs()
    largest = float(difference.max())
    share = float((difference > TOLERANCE * max(1.0, float(wanted.abs().max()))).double().mean())
    if not share <= RARE:
        raise ExportError(
            f"the exported model differs from the network by up to {largest:.2g}, in {share:.2%} "
            f"of the values by more than {TOLERANCE:g}, as onnxruntime {onnxruntime.__version__} "
            "runs it; nothing is written"
        )
    return largest


def _moving_noise(n_frames: int) -> Tensor:
    """Return lq_1TCHW of smooth noise, each frame taken half a pixel farther along both axes."""
    generator = torch.Generator().manual_seed(0)
    coarse_1CHW = torch.rand(1, 3, *(side // 4 + n_frames for side in _SIZE), generator=generator)
    fine_1CHW = F.interpolate(coarse_1CHW, scale_factor=8.0, mode="bicubic", align_corners=False)
    height, width = (2 * side for side in _SIZE)
    frames = [
        fine_1CHW[..., number : number + height : 2, number : number + width : 2]
        for number in range(n_frames)
    ]
    return torch.stack(frames, dim=1)
