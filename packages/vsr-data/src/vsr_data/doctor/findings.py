"""What the doctor knows of a file once it has been read: figures, pictures and remarks."""

from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from vsr_data.cache import Account
from vsr_data.doctor.fingerprints import Trail, TrailMaker
from vsr_data.pixels import Pixels, Size
from vsr_data.request import Role

USUAL_RATE: Final = 25.0  # frames a second, where nobody says

Kind = Literal["video", "pictures", "pair", "demo"]
Verdict = Literal["good", "usable", "refused"]
Severity = Literal["note", "warning", "fatal"]


@dataclass(frozen=True)
class Remark:
    """One thing to know of a file, in plain words.

    Attributes:
        severity: `note` changes nothing, `warning` costs something, `fatal` is why it is not used.
        title: in two or three words; the same for every file that it is said of.
        what: what is the matter.
        done: what training does about it; empty where it does nothing.
        advice: what a person could do; empty where there is nothing to do.
    """

    severity: Severity
    title: str
    what: str
    done: str = ""
    advice: str = ""

    @property
    def sentence(self) -> str:
        """All of it, in one line."""
        told = self.what if not self.done else f"{self.what}: {self.done}"
        return told if not self.advice else f"{told}; {self.advice}"


@dataclass(frozen=True)
class WindowPicture:
    """A window as training draws it: its middle frame, small and sharp.

    Attributes:
        lq_HWC: the middle frame of the network's input.
        gt_HWC: what it should become, `scale` times larger.
        number: of that frame in its file.
    """

    lq_HWC: Pixels
    gt_HWC: Pixels
    number: int


@dataclass(frozen=True)
class Series:
    """What every frame that training may use shows, N of them.

    Attributes:
        numbers: in the file.
        motion: levels of 255 to the frame before.
        detail: levels of 255.
    """

    numbers: NDArray[np.int64]
    motion: NDArray[np.float32]
    detail: NDArray[np.float32]


def no_series() -> Series:
    """Of a file that gave no frame."""
    return Series(np.empty(0, np.int64), np.empty(0, np.float32), np.empty(0, np.float32))


@dataclass
class Examined:
    """A file, read.

    Attributes:
        path: as it is shown.
        role: what it is wanted for.
        kind: what sort of thing it is.
        account: what reading it met.
        refused: why training leaves it out; empty where it does not.
        promised: frames that its header counts; 0 where it does not.
        rate: frames a second; None where nobody says.
        lq_size: (height, width) of the network's input, black bars left out.
        windows: that training may draw from it.
        weight: what those weigh together when windows are drawn.
        group: its source's number among those of its role.
        series: motion and detail, frame by frame.
        trail: its fingerprints.
        pictures: some of its windows.
        remarks: what is to be said of it.
        share: part of training's samples that will be cut from it.
    """

    path: str
    role: Role
    kind: Kind
    account: Account = field(default_factory=Account)
    refused: str = ""
    promised: int = 0
    rate: float | None = None
    lq_size: Size = (0, 0)
    windows: int = 0
    weight: float = 0.0
    group: int = 0
    series: Series = field(default_factory=no_series)
    trail: Trail = field(default_factory=lambda: TrailMaker().trail())
    pictures: list[WindowPicture] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    share: float = 0.0

    @property
    def verdict(self) -> Verdict:
        """In one word."""
        if self.refused:
            return "refused"
        return "usable" if any(each.severity == "warning" for each in self.remarks) else "good"

    @property
    def pace(self) -> float:
        """Frames a second, or what is usual."""
        return self.rate or USUAL_RATE

    @property
    def seconds(self) -> float | None:
        """How long it is."""
        return None if self.rate is None else self.account.decoded / self.rate

    def seconds_of(self, number: int) -> float | None:
        """When a frame is shown."""
        return None if self.rate is None else number / self.rate
