"""Sharp frames made smaller, blurred before where that is asked.

Always from the whole frame, so that a crop shows no border that the rest of the frame would not.
A blur and the reduction after it are one linear map; where the blur is round, both are separable
and their product is: one matrix for rows, one for columns.

Shape suffixes: H and W of the sharp frame, h and w of the small one, C channels.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, assert_never

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from vsr_data.pixels import Pixels, Size
from vsr_settings.degradation import Pipeline, Resize

Reduction = Literal["bicubic", "area"]
"""The reductions that the frame cache keeps beside sharp frames."""

Weights = NDArray[np.float64]

REACH: Final = 4.0  # standard deviations after which a blur is cut off
BLOCK: Final = 32  # rows that are made at a time: few of a matrix's columns count for them


@dataclass(frozen=True)
class Spread:
    """A Gaussian blur: standard deviations in pixels along an axis and across it.

    Attributes:
        along: of the axis at `angle`.
        across: of the other one.
        angle: from the x axis towards the y axis, which points down; in radians.
    """

    along: float
    across: float
    angle: float = 0.0


def degrade(gt_HWC: Pixels, scale: int, degradation: Reduction) -> Pixels:
    """Shrink a frame.

    Args:
        gt_HWC: uint8 RGB, both sides multiples of `scale`.
        scale: how many times smaller each side becomes.
        degradation: `bicubic` (a = -0.5, antialiased by widening it `scale` times) or `area` (means
            of scale × scale pixels).

    Returns:
        `lq_HWC`, uint8, rounded to the nearest value.

    Raises:
        ValueError: a side is not a multiple of `scale`.
    """
    size = _small_size(gt_HWC, scale)
    match degradation:
        case "bicubic":
            return _bicubic(gt_HWC, size)
        case "area":
            return _area(gt_HWC, scale)
        case _:
            assert_never(degradation)


def reduction_of(pipeline: Pipeline) -> Reduction:
    """The reduction that the frame cache keeps for a pipeline: `area` if that is all there is.

    Every other pipeline shares the bicubic one, so that changing it decodes nothing again.
    """
    only = Pipeline(resize="area", take=pipeline.take, uses=pipeline.uses)
    return "area" if pipeline == only else "bicubic"


def is_plain(pipeline: Pipeline) -> bool:
    """Whether a pipeline is one of the reductions that the frame cache keeps."""
    kept = reduction_of(pipeline)
    return pipeline == Pipeline(resize=kept, take=pipeline.take, uses=pipeline.uses)


def reduced(
    gt: Iterable[Pixels], scale: int, resize: Resize, blur: Spread | None
) -> Iterator[Pixels]:
    """Blur and shrink frames of one size.

    Args:
        gt: `gt_HWC`, uint8 RGB, both sides multiples of `scale`.
        scale: how many times smaller each side becomes.
        resize: the filter; `subsample` takes the middle one of scale pixels, or the mean of the two
            middle ones where `scale` is even, so that nothing is shifted.
        blur: what comes before.

    Yields:
        `lq_HWC`, uint8, rounded to the nearest value.

    Raises:
        ValueError: a side is not a multiple of `scale`.
    """
    if blur is None and resize in ("bicubic", "area"):
        plain: Reduction = "area" if resize == "area" else "bicubic"
        for gt_HWC in gt:
            yield degrade(gt_HWC, scale, plain)
        return
    reducer: _Reducer | None = None
    for gt_HWC in gt:
        if reducer is None:
            height, width = gt_HWC.shape[:2]
            _small_size(gt_HWC, scale)
            reducer = _Reducer((height, width), scale, resize, blur)
        yield reducer(gt_HWC)


class _Reducer:
    """Blurs and shrinks frames of one size."""

    def __init__(self, size: Size, scale: int, resize: Resize, blur: Spread | None) -> None:
        is_round = blur is None or blur.along == blur.across
        sigma = blur.along if blur is not None and is_round else 0.0
        self._skewed = None if blur is None or is_round else _Skewed(size, blur)
        self._rows, self._columns = (
            _BandedMatrix(_weights(side, scale, resize) @ _blur_weights(side, sigma))
            for side in size
        )

    def __call__(self, gt_HWC: Pixels) -> Pixels:
        sharp_CHW = np.ascontiguousarray(gt_HWC.transpose(2, 0, 1))
        if self._skewed is None:
            gt_CHW = torch.from_numpy(sharp_CHW).float()
        else:
            gt_CHW = self._skewed(sharp_CHW)
        # (C, H, W) → (H, C, W) → (h, C, W) → (W, h, C) → (w, h, C)
        rows_hCW = self._rows(gt_CHW.permute(1, 0, 2))
        lq_whC = self._columns(rows_hCW.permute(2, 0, 1))
        lq_hwC = lq_whC.permute(1, 0, 2)
        return lq_hwC.round().clamp_(0, 255).to(torch.uint8).contiguous().numpy()


class _BandedMatrix:
    """Multiplies the first axis by a matrix whose rows are zero but for a few columns."""

    def __init__(self, weights: Weights) -> None:
        self._blocks: list[tuple[slice, Tensor]] = []
        for top in range(0, len(weights), BLOCK):
            rows = weights[top : top + BLOCK]
            used = np.flatnonzero(rows.any(axis=0))
            columns = slice(int(used[0]), int(used[-1]) + 1)
            self._blocks.append((columns, torch.from_numpy(rows[:, columns]).float().contiguous()))

    def __call__(self, values: Tensor) -> Tensor:
        rest = values.shape[1:]
        flat = values.reshape(len(values), -1)
        parts = [block @ flat[columns] for columns, block in self._blocks]
        return torch.cat(parts).reshape(-1, *rest)


class _Skewed:
    """Blurs by an ellipse at any angle, through the frequencies of frames mirrored at the edge."""

    def __init__(self, size: Size, blur: Spread) -> None:
        self._size = size
        reach = int(np.ceil(REACH * max(blur.along, blur.across)))
        self._margins = [min(reach, side - 1) for side in size]
        whole = [_fast_length(side + 2 * m) for side, m in zip(size, self._margins, strict=True)]
        y_H1 = np.fft.fftfreq(whole[0])[:, None]
        x_1W = np.fft.rfftfreq(whole[1])[None]
        cosine, sine = np.cos(blur.angle), np.sin(blur.angle)
        along, across = x_1W * cosine + y_H1 * sine, y_H1 * cosine - x_1W * sine
        exponent = (blur.along * along) ** 2 + (blur.across * across) ** 2
        self._response = torch.from_numpy(np.exp(-2 * np.pi**2 * exponent)).float()
        self._whole = whole

    def __call__(self, gt_CHW: Pixels) -> Tensor:
        (top, left), (height, width) = self._margins, self._size
        rows = top, self._whole[0] - height - top
        columns = left, self._whole[1] - width - left
        wide_CHW = np.pad(gt_CHW, ((0, 0), rows, columns), mode="reflect")
        spectrum = torch.fft.rfft2(torch.from_numpy(wide_CHW).float())
        torch.view_as_real(spectrum).mul_(self._response[..., None])
        blurred = torch.fft.irfft2(spectrum, s=self._whole)
        return blurred[:, top : top + height, left : left + width]


def _fast_length(least: int) -> int:
    """The next length that has no prime factor over 5, of which transforms are fast."""
    length = least
    while True:
        rest = length
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return length
        length += 1


def _weights(side: int, scale: int, resize: Resize) -> Weights:
    """A row of weights over the sharp pixels for each small one, which add up to 1."""
    centres = (np.arange(side // scale) + 0.5) * scale
    offsets = np.abs(np.arange(side) + 0.5 - centres[:, None]) / scale
    match resize:
        case "bicubic":  # Keys' with a = -0.5, https://doi.org/10.1109/TASSP.1981.1163711
            inner = 1.5 * offsets**3 - 2.5 * offsets**2 + 1
            outer = -0.5 * offsets**3 + 2.5 * offsets**2 - 4 * offsets + 2
            weights = np.where(offsets < 1, inner, np.where(offsets < 2, outer, 0))
        case "lanczos":
            weights = np.where(offsets < 3, np.sinc(offsets) * np.sinc(offsets / 3), 0)
        case "area":
            weights = np.where(offsets < 0.5, 1.0, 0.0)
        case "subsample":
            middle = 0.5 / scale if scale % 2 == 0 else 0.0
            weights = np.where(offsets <= middle + 1e-9, 1.0, 0.0)
        case _:
            assert_never(resize)
    return weights / weights.sum(axis=1, keepdims=True)


def _blur_weights(side: int, sigma: float) -> Weights:
    """A Gaussian over pixels, of a side mirrored at its ends."""
    if sigma == 0:
        return np.eye(side)
    reach = min(int(np.ceil(REACH * sigma)), side - 1)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    sources = np.pad(np.arange(side), reach, mode="reflect")
    weights = np.zeros((side, side))
    for row in range(side):
        np.add.at(weights[row], sources[row : row + 2 * reach + 1], kernel)
    return weights


def _small_size(gt_HWC: Pixels, scale: int) -> Size:
    height, width = gt_HWC.shape[:2]
    if height % scale or width % scale:
        raise ValueError(f"sides must be multiples of {scale}; got {width}×{height}")
    return height // scale, width // scale


def _bicubic(gt_HWC: Pixels, size: Size) -> Pixels:
    gt_CHW = torch.from_numpy(gt_HWC).permute(2, 0, 1).contiguous()
    lq_BCHW = interpolate(gt_CHW[None].float(), size=size, mode="bicubic", antialias=True)
    lq_CHW = lq_BCHW[0].round_().clamp_(0, 255).to(torch.uint8)
    return lq_CHW.permute(1, 2, 0).contiguous().numpy()


def _area(gt_HWC: Pixels, scale: int) -> Pixels:
    total = np.zeros((gt_HWC.shape[0] // scale, gt_HWC.shape[1] // scale, 3), np.uint16)
    for y in range(scale):
        for x in range(scale):
            total += gt_HWC[y::scale, x::scale]
    return ((total + scale**2 // 2) // scale**2).astype(np.uint8)
