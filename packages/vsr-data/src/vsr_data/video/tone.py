"""HDR in, SDR out: PQ and HLG of BT.2100 to what BT.709 and BT.1886 show, in float32.

Light is counted in units of SDR's white, 203 candela a square metre (BT.2408). What is darker than
the knee of BT.2390's curve keeps its luminance exactly. Brighter pixels are scaled as a whole, by
what the curve does to their largest component, so that hue stays. A colour that BT.709 does not
have moves towards the grey of its luminance, just until it does.

Shape suffixes: 3 colours, H rows, W columns.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

import numpy as np
import torch
from av import VideoFrame
from numpy.typing import NDArray
from torch import Tensor

from vsr_data.pixels import Pixels
from vsr_data.video.colour import quarter_turns, unit_from_frame

Transfer = Literal["pq", "hlg"]
TRANSFERS: Final[dict[int, Transfer]] = {16: "pq", 18: "hlg"}
"""By AVCOL_TRC_*: ITU-T H.273, table 3."""

WHITE: Final = 203.0
USUAL_PEAK: Final = 1000.0
HIGHEST_PEAK: Final = 10_000.0
HLG_PEAK: Final = 1000.0  # of the display that its system gamma of 1.2 is for
HLG_GAMMA: Final = 1.2
DISPLAY_GAMMA: Final = 2.4  # BT.1886 with a black of 0

# SMPTE ST 2084
M1, M2 = 2610 / 16384, 2523 / 4096 * 128
C1, C2, C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32

# BT.2100, table 5
HLG_A: Final = 0.17883277
HLG_B: Final = 1 - 4 * HLG_A
HLG_C: Final = 0.5 - HLG_A * float(np.log(4 * HLG_A))

D65: Final = (0.3127, 0.3290)
PRIMARIES: Final = {
    1: ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060)),  # BT.709
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),  # BT.2020
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),  # P3 with D65
}
"""Chromaticities of red, green and blue, by AVCOL_PRI_*: ITU-T H.273, table 2."""

LUMINANCE_709: Final = (0.2126, 0.7152, 0.0722)
LUMINANCE_2020: Final = (0.2627, 0.6780, 0.0593)

STEPS: Final = 1 << 16
"""Entries of the tables that curves are looked up in: 3 ms a frame of 720p, for 18 of a power."""


def pq_to_light(code: Tensor) -> Tensor:
    """ST 2084's EOTF: candela a square metre of codes in [0, 1]."""
    root = code.clamp(0, 1) ** (1 / M2)
    return HIGHEST_PEAK * ((root - C1).clamp(min=0) / (C2 - C3 * root)) ** (1 / M1)


def light_to_pq(light: Tensor) -> Tensor:
    """Inverse of `pq_to_light`."""
    power = (light / HIGHEST_PEAK).clamp(0, 1) ** M1
    return ((C1 + C2 * power) / (1 + C3 * power)) ** M2


def hlg_to_scene(code: Tensor) -> Tensor:
    """HLG's inverse OETF: light of the scene in [0, 1] of codes in [0, 1]."""
    return torch.where(code <= 0.5, code**2 / 3, (torch.exp((code - HLG_C) / HLG_A) + HLG_B) / 12)


def eetf(light: Tensor, peak: float) -> Tensor:
    """BT.2390's curve: light up to `peak` to light up to SDR's white, both in candela.

    Up to the knee it is the identity; above it is a Hermite spline of PQ codes.
    """
    pq_peak, pq_white = (
        float(light_to_pq(torch.tensor(x, dtype=torch.float64))) for x in (peak, WHITE)
    )
    most = pq_white / pq_peak
    knee = 1.5 * most - 0.5
    if knee >= 1:
        return light.clamp(max=WHITE)
    code = (light_to_pq(light) / pq_peak).clamp(max=1)
    t = (code - knee) / (1 - knee)
    spline = (
        (2 * t**3 - 3 * t**2 + 1) * knee
        + (t**3 - 2 * t**2 + t) * (1 - knee)
        + (-2 * t**3 + 3 * t**2) * most
    )
    return torch.where(code < knee, light, pq_to_light(spline * pq_peak))


@dataclass(frozen=True)
class ToneMapping:
    """Takes a film's HDR frames to SDR, each by the same curve.

    Attributes:
        transfer: the film's transfer function.
        peak: candela a square metre of its brightest pixel, or of what it was mastered on.
    """

    transfer: Transfer
    peak: float | None = None

    def __call__(self, frame: VideoFrame) -> Pixels:
        """Convert a frame to 8-bit RGB of SDR: `rgb_HWC`, upright."""
        shown_3HW = self.shown(unit_from_frame(frame), int(frame.color_primaries))
        codes_HWC = _looked_up(_sdr_codes(), shown_3HW.sqrt_()).permute(1, 2, 0)
        turned = np.rot90(codes_HWC.numpy(), quarter_turns(frame.rotation))
        return np.ascontiguousarray(turned)

    def shown(self, rgb_3HW: Tensor, primaries: int = 9) -> Tensor:
        """Light of BT.709's primaries, in units of SDR's white, for codes of HDR in [0, 1]."""
        light_3HW = self._light(rgb_3HW)
        largest_HW = light_3HW.amax(0).mul_(WHITE / HIGHEST_PEAK).clamp_(max=1).sqrt_()
        light_3HW *= _looked_up(_gains(self._peak), largest_HW)
        return _within_bt709(light_3HW, primaries)

    @property
    def _peak(self) -> float:
        if self.transfer == "hlg":
            return HLG_PEAK
        return min(max(self.peak or USUAL_PEAK, WHITE), HIGHEST_PEAK)

    def _light(self, rgb_3HW: Tensor) -> Tensor:
        """Light that a display of HDR shows, in units of SDR's white."""
        light_3HW = _looked_up(_lights(self.transfer), rgb_3HW)
        if self.transfer == "hlg":
            luminance_HW = torch.tensordot(torch.tensor(LUMINANCE_2020), light_3HW, 1)
            light_3HW *= luminance_HW.clamp_(min=1e-6).pow_(HLG_GAMMA - 1) * (HLG_PEAK / WHITE)
        return light_3HW


def _within_bt709(light_3HW: Tensor, primaries: int) -> Tensor:
    """Linear BT.709 in [0, 1], with what has no place there moved towards grey."""
    rgb_3HW = (_to_bt709(primaries) @ light_3HW.flatten(1)).view_as(light_3HW)
    grey_HW = torch.tensordot(torch.tensor(LUMINANCE_709), rgb_3HW, 1).clamp_(0, 1)
    below_HW = (grey_HW - rgb_3HW.amin(0)).clamp_(min=1e-9)
    above_HW = (rgb_3HW.amax(0) - grey_HW).clamp_(min=1e-9)
    share_HW = torch.minimum(grey_HW / below_HW, (1 - grey_HW) / above_HW).clamp_(max=1)
    return rgb_3HW.sub_(grey_HW).mul_(share_HW).add_(grey_HW).clamp_(0, 1)


def _looked_up(table: Tensor, where: Tensor) -> Tensor:
    """Entries of a table of `STEPS` at places in [0, 1]."""
    index = where.mul(STEPS - 1).round_().to(torch.int64)
    return torch.index_select(table, 0, index.flatten()).view(where.shape)


@lru_cache
def _lights(transfer: Transfer) -> Tensor:
    """By code: light in units of SDR's white; of the scene, for HLG."""
    match transfer:
        case "pq":
            return (pq_to_light(_places()) / WHITE).float()
        case "hlg":
            return hlg_to_scene(_places()).float()


@lru_cache
def _gains(peak: float) -> Tensor:
    """By the root of light, of the most that PQ has: what the curve multiplies it by."""
    light = _places() ** 2 * HIGHEST_PEAK
    return torch.where(light > 0, eetf(light, peak) / light.clamp(min=1e-9), 1.0).float()


@lru_cache
def _sdr_codes() -> Tensor:
    """By the root of light: 8-bit codes that BT.1886 shows as that light."""
    return (_places() ** (2 / DISPLAY_GAMMA) * 255).round_().to(torch.uint8)


@lru_cache
def _to_bt709(primaries: int) -> Tensor:
    """Matrix from linear RGB of other primaries, BT.2020 unless known, to BT.709's."""
    source, target = (_to_xyz(PRIMARIES.get(each, PRIMARIES[9])) for each in (primaries, 1))
    return torch.from_numpy(np.linalg.inv(target) @ source).float()


def _to_xyz(chromaticities: tuple[tuple[float, float], ...]) -> NDArray[np.float64]:
    columns = np.array([[x / y, 1, (1 - x - y) / y] for x, y in (*chromaticities, D65)]).T
    return columns[:, :3] * np.linalg.solve(columns[:, :3], columns[:, 3])


def _places() -> Tensor:
    return torch.linspace(0, 1, STEPS, dtype=torch.float64)
