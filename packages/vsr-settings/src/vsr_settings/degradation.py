"""How low-resolution frames are made from sharp ones: a pipeline of parts, or the name of one.

The parts act in the order in which `Pipeline` lists them. What a part draws from a range, it draws
once for a take, a stretch of frames that are coded together: a window sees one lens and one
encoder. `share` is how often a part acts: 0.5 leaves every other take without it.
"""

from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from vsr_settings.section import ContradictionError, Range, Section

Share = Annotated[float, Field(ge=0, le=1)]
Sigma = Annotated[tuple[float, float], Range(0, 20)]
Levels = Annotated[tuple[float, float], Range(0, 64)]
Photons = Annotated[tuple[float, float], Range(1, 1e6)]
Kilobits = Annotated[tuple[int, int], Range(8, 200_000)]
Gop = Annotated[tuple[int, int], Range(1, 600)]
Crf51 = Annotated[tuple[int, int], Range(0, 51)]
Crf63 = Annotated[tuple[int, int], Range(0, 63)]
Quantiser = Annotated[tuple[int, int], Range(1, 31)]


class GaussianBlur(Section):
    """A round blur of the sharp frame: a lens, or the literature's BD with 1.6."""

    kind: Literal["gaussian"]
    """A round blur."""
    sigma: Annotated[Sigma, Field(examples=[1.6])]
    """Standard deviation in pixels of the sharp frame."""
    share: Share = 1.0
    """Share of takes that are blurred."""


class AnisotropicBlur(Section):
    """A blur that is longer one way than the other, at any angle: motion, or a poor lens."""

    kind: Literal["anisotropic"]
    """A blur longer one way."""
    sigma: Annotated[Sigma, Field(examples=[1.6])]
    """Range that both standard deviations are drawn from, in pixels of the sharp frame."""
    share: Share = 1.0
    """Share of takes that are blurred."""


class GaussianNoise(Section):
    """Noise of one strength everywhere, other in every frame."""

    kind: Literal["gaussian"]
    """Noise of one strength."""
    sigma: Annotated[Levels, Field(examples=[2.0])]
    """Standard deviation in levels of 255."""
    share: Share = 1.0
    """Share of takes that are noisy."""


class PoissonNoise(Section):
    """Noise of counted light: its variance grows with brightness."""

    kind: Literal["poisson"]
    """Noise of counted light."""
    photons: Annotated[Photons, Field(examples=[1000.0])]
    """Photons that make a white pixel; fewer are noisier."""
    share: Share = 1.0
    """Share of takes that are noisy."""


class SensorNoise(Section):
    """Noise of a camera's sensor, of its reading and of the light.

    A little alike among neighbours in space, as after demosaicing.
    """

    kind: Literal["sensor"]
    """A camera's noise."""
    read: Annotated[Levels, Field(examples=[2.0])]
    """Standard deviation in black, in levels of 255."""
    photons: Annotated[Photons, Field(examples=[1000.0])]
    """Photons that make a white pixel."""
    share: Share = 1.0
    """Share of takes that are noisy."""


class _Codec(Section):
    gop: Gop = (12, 250)
    """Frames from one key frame to the next, at most."""
    bit_rate: Kilobits | None = None
    """Kilobits a second that the encoder aims at in place of a quality, which is then ignored; left
    out: a quality."""
    share: Share = 1.0
    """Share of takes that are coded."""


class H264(_Codec):
    """x264 at 4:2:0."""

    kind: Literal["h264"]
    """The encoder x264."""
    crf: Crf51 = (18, 30)
    """Constant rate factor; higher is worse."""
    speed: Literal["ultrafast", "veryfast", "fast", "medium"] = "fast"
    """x264's preset."""


class H265(_Codec):
    """x265 at 4:2:0."""

    kind: Literal["h265"]
    """The encoder x265."""
    crf: Crf51 = (20, 32)
    """Constant rate factor; higher is worse."""
    speed: Literal["ultrafast", "veryfast", "fast", "medium"] = "veryfast"
    """x265's preset."""


class Vp9(_Codec):
    """libvpx's VP9 at 4:2:0."""

    kind: Literal["vp9"]
    """The encoder libvpx's VP9."""
    crf: Crf63 = (24, 44)
    """Constant quality; higher is worse."""


class Mpeg2(_Codec):
    """MPEG-2 at 4:2:0, as on DVDs."""

    kind: Literal["mpeg2"]
    """libav's MPEG-2 encoder."""
    quantiser: Quantiser = (2, 8)
    """Scale of the quantiser; higher is worse."""
    gop: Gop = (12, 15)
    """Frames from one key frame to the next, at most."""


Blur = Annotated[GaussianBlur | AnisotropicBlur, Field(discriminator="kind")]
Noise = Annotated[GaussianNoise | PoissonNoise | SensorNoise, Field(discriminator="kind")]
Codec = Annotated[H264 | H265 | Vp9 | Mpeg2, Field(discriminator="kind")]
Resize = Literal["bicubic", "area", "lanczos", "subsample"]
Interlacing = Literal["tff", "bff"]


class Pipeline(Section):
    """The parts that make a take's low-resolution frames, in the order in which they act."""

    blur: Blur | None = None
    """Before the frame is reduced: `gaussian` or `anisotropic`; left out: none."""
    resize: Resize = "bicubic"
    """How the frame is reduced: antialiased `bicubic` or `lanczos`, `area` (means of scale × scale
    pixels), or `subsample` (every scale-th pixel), which wants a blur before it."""
    noise: Noise | None = None
    """`gaussian`, `poisson` or `sensor`; left out: none."""
    chroma: Literal["444", "420"] = "444"
    """`420` keeps colour at half the resolution, as nearly every film does, coded or not."""
    interlace: Interlacing | None = None
    """Fields of two frames woven into one, coded as such, and made whole again by libav's bwdif:
    upper field first (`tff`) or lower (`bff`); left out: none."""
    codec: Codec | None = None
    """A real encoder over the whole take: `h264`, `h265`, `vp9` or `mpeg2`; left out: none."""
    clean_share: Share = 0.0
    """Share of takes that are only reduced, so that the network keeps what it can on clean film."""
    take: Annotated[int, Field(ge=8, le=1024)] = 48
    """Frames that are degraded together; even with `interlace`."""
    uses: Annotated[int, Field(ge=1, le=1_000_000)] = 16
    """Samples that are cut from a take, on average, before it is made anew with other draws."""

    @model_validator(mode="after")
    def _take_of_whole_frames(self) -> Self:
        if self.interlace is not None and self.take % 2:
            rule = "must be even where frames are woven in pairs, as interlace says"
            raise ContradictionError("take", rule, f"write take = {self.take + 1}")
        return self


DegradationName = Literal["bicubic", "area", "clean", "dvd", "web-video", "phone"]
Degradation = DegradationName | Pipeline

NAMED: Final[dict[DegradationName, Pipeline]] = {
    "bicubic": Pipeline(),
    "area": Pipeline(resize="area"),
    "clean": Pipeline(),
    "dvd": Pipeline(
        blur=GaussianBlur(kind="gaussian", sigma=(0.4, 1.2), share=0.5),
        noise=GaussianNoise(kind="gaussian", sigma=(0.5, 3.0), share=0.5),
        chroma="420",
        interlace="tff",
        codec=Mpeg2(kind="mpeg2", quantiser=(2, 8)),
    ),
    "web-video": Pipeline(
        chroma="420",
        codec=H264(kind="h264", crf=(17, 33), gop=(8, 250)),
    ),
    "phone": Pipeline(
        blur=AnisotropicBlur(kind="anisotropic", sigma=(0.3, 2.0), share=0.7),
        noise=SensorNoise(kind="sensor", read=(0.5, 3.0), photons=(2000.0, 30000.0)),
        chroma="420",
        codec=H264(kind="h264", crf=(20, 30), speed="veryfast"),
        uses=48,  # its blur costs four times a codec
    ),
}


def pipeline_of(degradation: Degradation) -> Pipeline:
    """The pipeline that a setting names or is."""
    return degradation if isinstance(degradation, Pipeline) else NAMED[degradation]
