"""What one take is made with: the numbers drawn from a pipeline's ranges.

Invariant: every take draws the same numbers in the same order, used or not, so that a part that is
added to a pipeline, or left out by its share, changes nothing of the others.
"""

from dataclasses import dataclass
from typing import assert_never

import numpy as np

from vsr_data.degradation.coding import Encoding
from vsr_data.degradation.noise import Grain
from vsr_data.degradation.reducing import Spread
from vsr_settings.degradation import (
    H264,
    H265,
    AnisotropicBlur,
    Blur,
    Codec,
    GaussianBlur,
    GaussianNoise,
    Interlacing,
    Mpeg2,
    Noise,
    Pipeline,
    PoissonNoise,
    Resize,
    SensorNoise,
    Vp9,
)


@dataclass(frozen=True)
class Recipe:
    """How one take is made, every number settled."""

    resize: Resize
    blur: Spread | None = None
    noise: Grain | None = None
    chroma_halved: bool = False
    interlace: Interlacing | None = None
    encoding: Encoding | None = None

    @property
    def is_only_reduced(self) -> bool:
        """Whether the frames are reduced and no more."""
        return self == Recipe(self.resize)


def draw(pipeline: Pipeline, rng: np.random.Generator) -> Recipe:
    """Settle what a take is made with."""
    clean, blurred, noisy, encoded = rng.random(4) < (
        pipeline.clean_share,
        *(1.0 if part is None else part.share for part in (pipeline.blur, pipeline.noise)),
        1.0 if pipeline.codec is None else pipeline.codec.share,
    )
    shares = rng.random(9)
    if clean:
        return Recipe(pipeline.resize)
    return Recipe(
        resize=pipeline.resize,
        blur=_blur(pipeline.blur, shares[:3]) if pipeline.blur and blurred else None,
        noise=_noise(pipeline.noise, shares[3:5]) if pipeline.noise and noisy else None,
        chroma_halved=pipeline.chroma == "420",
        interlace=pipeline.interlace,
        encoding=_encoding(pipeline.codec, shares[5:8]) if pipeline.codec and encoded else None,
    )


def _blur(blur: Blur, shares: np.ndarray) -> Spread | None:
    match blur:
        case GaussianBlur():
            sigma = _between(blur.sigma, shares[0])
            found = Spread(sigma, sigma)
        case AnisotropicBlur():
            along, across = (_between(blur.sigma, share) for share in shares[:2])
            found = Spread(along, across, angle=float(np.pi * shares[2]))
        case _:
            assert_never(blur)
    return found if max(found.along, found.across) > 0 else None


def _noise(noise: Noise, shares: np.ndarray) -> Grain:
    match noise:
        case GaussianNoise():
            return Grain(_between(noise.sigma, shares[0]))
        case PoissonNoise():
            return Grain(0.0, _by_ratio(noise.photons, shares[1]))
        case SensorNoise():
            photons = _by_ratio(noise.photons, shares[1])
            return Grain(_between(noise.read, shares[0]), photons, is_smooth=True)
        case _:
            assert_never(noise)


def _encoding(codec: Codec, shares: np.ndarray) -> Encoding:
    quality, rate, gop = (float(share) for share in shares)
    kilobits = None if codec.bit_rate is None else round(_by_ratio(codec.bit_rate, rate))
    keys = _whole(codec.gop, gop)
    match codec:
        case H264() | H265():
            return Encoding(codec.kind, _whole(codec.crf, quality), kilobits, keys, codec.speed)
        case Vp9():
            return Encoding("vp9", _whole(codec.crf, quality), kilobits, keys)
        case Mpeg2():
            return Encoding("mpeg2", _whole(codec.quantiser, quality), kilobits, keys)
        case _:
            assert_never(codec)


def _between(span: tuple[float, float], share: float) -> float:
    return float(span[0] + (span[1] - span[0]) * share)


def _by_ratio(span: tuple[float, float], share: float) -> float:
    """As likely to be in one octave of a range as in another."""
    return float(span[0] * (span[1] / span[0]) ** share)


def _whole(span: tuple[int, int], share: float) -> int:
    return min(span[1], int(span[0] + (span[1] - span[0] + 1) * share))
