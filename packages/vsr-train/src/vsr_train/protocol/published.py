"""What papers measured, how, and where they say so.

BI is MATLAB's antialiased bicubic reduction, BD a Gaussian blur of σ 1.6 and then every fourth
pixel. All of them enlarge four times, count whole pictures without cutting a border, and average
over the frames of a clip, then over clips.
"""

from dataclasses import dataclass
from typing import Final, Literal

ProtocolName = Literal["vid4", "vid4-bd", "reds4", "udm10", "vimeo90k", "vimeo90k-bd"]

BASICVSR: Final = "Chan et al., arXiv 2012.02181"
BASICVSR_TRAINED_AGAIN: Final = "MMagic's model zoo, trained again after arXiv 2012.02181"
BASICVSR_PP: Final = "MMagic's model zoo, of arXiv 2104.13371"


@dataclass(frozen=True)
class Published:
    """One method's figures on one protocol."""

    method: str
    psnr: float
    ssim: float
    source: str


@dataclass(frozen=True)
class Protocol:
    """How a data set is measured.

    Attributes:
        title: the data set as papers call it.
        channel: what is compared: BT.601 luma, or the mean over red, green and blue.
        degradation: how the low-resolution frames were made.
        frames: every frame of a clip, or its centre alone.
        clips: names of the clips; empty where they are told by a list that comes with the set.
        count: how many clips there are.
        published: what others reached, the weakest first.
        scale: enlargement of each side that was measured.
    """

    title: str
    channel: Literal["Y", "RGB"]
    degradation: Literal["BI", "BD"]
    frames: Literal["all", "centre"]
    clips: tuple[str, ...]
    count: int
    published: tuple[Published, ...]
    scale: int = 4


_VID4: Final = ("calendar", "city", "foliage", "walk")

PROTOCOLS: Final[dict[ProtocolName, Protocol]] = {
    "vid4": Protocol("Vid4", "Y", "BI", "all", _VID4, 4, (
        Published("bicubic", 23.78, 0.6347, BASICVSR),
        Published("BasicVSR", 27.24, 0.8251, BASICVSR),
        Published("IconVSR", 27.39, 0.8279, BASICVSR),
        Published("BasicVSR++", 27.79, 0.8401, BASICVSR_PP),
    )),
    "vid4-bd": Protocol("Vid4", "Y", "BD", "all", _VID4, 4, (
        Published("BasicVSR", 27.93, 0.8537, BASICVSR_TRAINED_AGAIN),
        Published("BasicVSR++", 29.04, 0.8753, BASICVSR_PP),
    )),
    "reds4": Protocol("REDS4", "RGB", "BI", "all", ("000", "011", "015", "020"), 4, (
        Published("BasicVSR", 31.42, 0.8909, BASICVSR),
        Published("IconVSR", 31.67, 0.8948, BASICVSR),
        Published("BasicVSR++", 32.39, 0.9069, BASICVSR_PP),
    )),
    "udm10": Protocol("UDM10", "Y", "BD", "all", (), 10, (
        Published("BasicVSR", 39.88, 0.9683, BASICVSR_TRAINED_AGAIN),
        Published("BasicVSR++", 40.72, 0.9722, BASICVSR_PP),
    )),
    "vimeo90k": Protocol("Vimeo-90K-T", "Y", "BI", "centre", (), 7824, (
        Published("bicubic", 31.32, 0.8684, BASICVSR),
        Published("BasicVSR", 37.18, 0.9450, BASICVSR),
        Published("IconVSR", 37.47, 0.9476, BASICVSR),
        Published("BasicVSR++", 37.79, 0.9500, BASICVSR_PP),
    )),
    "vimeo90k-bd": Protocol("Vimeo-90K-T", "Y", "BD", "centre", (), 7824, (
        Published("BasicVSR", 37.57, 0.9495, BASICVSR_TRAINED_AGAIN),
        Published("BasicVSR++", 38.21, 0.9550, BASICVSR_PP),
    )),
}  # fmt: skip
