"""What is asked for: how a film is read, enlarged and written."""

from dataclasses import dataclass
from typing import Literal

from vsr_settings import Precision
from vsr_upscale.part import Part

Deinterlacing = Literal["auto", "on", "off"]


@dataclass(frozen=True)
class Request:
    """What is asked for, beside the film, the output and the network.

    Attributes:
        start: seconds into the film at which to begin; times of the output count from there.
        duration: seconds to enlarge; None goes on to the end.
        deinterlace: whether fields become frames first; `auto` does so where the film's flags or
            its pixels show fields.
        encoder: a video encoder of libav; None chooses one for the output and its depth.
        quality: the encoder's own figure, such as x264's CRF; None is its default here.
        pixel_format: as libav names them; None keeps the film's depth, in 4:2:0 where that is
            possible.
        encoder_options: further options of the encoder, by name.
        compare: whether to show the film as a player would enlarge it at the left of the output.
        device: as `run.device` names it.
        precision: of convolutions; `auto` is fp16 where the device computes it natively.
        tile: side of a tile in low-resolution pixels; None chooses by the memory there is, and 0
            enlarges frames whole.
        overwrite: whether what is at the output's name may be replaced.
        resume: whether to go on with what an earlier run left.
    """

    start: float = 0.0
    duration: float | None = None
    deinterlace: Deinterlacing = "auto"
    encoder: str | None = None
    quality: float | None = None
    pixel_format: str | None = None
    encoder_options: tuple[tuple[str, str], ...] = ()
    compare: bool = False
    device: str = "auto"
    precision: Precision | Literal["auto"] = "auto"
    tile: int | None = None
    overwrite: bool = False
    resume: bool = False

    @property
    def part(self) -> Part:
        """Which part of the film is asked for."""
        return Part(self.start, self.duration)
