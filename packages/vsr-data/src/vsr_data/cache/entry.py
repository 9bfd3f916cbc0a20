"""A complete folder of the frame cache: runs of frames in two files, and an index of them.

Invariant: what an index says is what was written. It carries a digest of itself and one of every
frame, and the time its files were last touched: files that were touched since are compared with
their digests before they are used, and all others when a frame is first read (`reading`).
"""

import contextlib
import hashlib
import json
import os
import zlib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, Self

from vsr_data.pixels import Size

FORMAT: Final = 3
INDEX: Final = "index.json"
FILES: Final = ("gt.rgb", "lq.rgb")


@dataclass(frozen=True)
class Strip:
    """Frames of one size, one after the other in one file, as RGB of 8 bits.

    Attributes:
        file: the file's name.
        offset: of the first frame, in bytes.
        size: (height, width) of a frame.
        digests: CRC-32 of every frame.
    """

    file: str
    offset: int
    size: Size
    digests: tuple[int, ...]

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame."""
        return self.size[0] * self.size[1] * 3


@dataclass(frozen=True)
class Segment:
    """A run of frames of one size within an entry.

    Attributes:
        numbers: of its frames in the video, rising; frames left out leave gaps.
        gt: the sharp frames.
        lq: their low-resolution versions, as many.
        motion: how much each differs from the one before, in levels of 255, 0 for the first one;
            empty where it was not measured.
        detail: how much each has, in levels of 255; empty where it was not measured.
    """

    numbers: tuple[int, ...]
    gt: Strip
    lq: Strip
    motion: tuple[float, ...] = ()
    detail: tuple[float, ...] = ()

    @property
    def frames(self) -> int:
        """How many frames it has."""
        return len(self.gt.digests)


@dataclass
class Account:
    """What was met while a file was decoded, and what it is made of.

    Attributes:
        decoded: frames that the decoder gave, up to the end of the range.
        damaged: frames or packets among them that could not be used.
        runs: stretches of frames that follow one another.
        longest: frames of the longest of them.
        notes: what stopped or spoilt the decoding, in words; a few.
        repeated: frames left out because they show what the one before shows.
        cuts: the first frame of each new scene, by its number in the file; not that of the film.
        codec: libav's name of it.
        height: rows of a frame, upright, as decoded.
        width: its columns.
        fields: which of two fields comes first, where frames are made of fields.
        telecined: whether they are by 3:2 pulldown.
        hdr: the transfer function, where it is one of HDR.
        pixel_aspect: width of a pixel over its height.
        bars: black rows at the top and bottom and columns at the left and right, in gt pixels.
        motion: mean difference of a frame to the one before, in levels of 255.
        detail: mean detail of a frame, in levels of 255.
        level: mean luma.
        noise: standard deviation of grain, in levels of 255.
        blockiness: steps across the borders of 8×8 blocks over those elsewhere; 1 where there are
            no blocks.
        enlarged: the factor it seems to have been enlarged by before; 1 where it does not.
        problems: what was mended, left out or may spoil training; sentences.
    """

    decoded: int = 0
    damaged: int = 0
    runs: int = 0
    longest: int = 0
    notes: list[str] = field(default_factory=list)
    repeated: int = 0
    cuts: list[int] = field(default_factory=list)
    codec: str = ""
    height: int = 0
    width: int = 0
    fields: Literal["tff", "bff"] | None = None
    telecined: bool = False
    hdr: Literal["pq", "hlg"] | None = None
    pixel_aspect: float = 1.0
    bars: list[int] = field(default_factory=lambda: [0, 0, 0, 0])
    motion: float = 0.0
    detail: float = 0.0
    level: float = 0.0
    noise: float = 0.0
    blockiness: float = 1.0
    enlarged: float = 1.0
    problems: list[str] = field(default_factory=list)

    def count_run(self, frames: int) -> None:
        """Take up a run that has ended; one without frames is none."""
        self.runs += frames > 0
        self.longest = max(self.longest, frames)


@dataclass(frozen=True)
class Entry:
    """A complete folder of the cache."""

    folder: Path
    segments: tuple[Segment, ...]
    account: Account
    n_bytes: int
    is_untouched: bool
    """Whether its files are as they were left when it was written."""

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """Read a folder's index; None where it is missing, foreign or does not fit its files."""
        try:
            index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
            if index.pop("digest") != _digest(index) or index["format"] != FORMAT:
                return None
            stamps = _stamps(folder)
            sizes = [size for size, *_ in stamps]
            if sizes != [size for size, *_ in index["stamps"]]:
                return None
            segments = tuple(_segment(row) for row in index["segments"])
            account = Account(**index["account"])
            return cls(folder, segments, account, sum(sizes), stamps == index["stamps"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def is_sound(self) -> bool:
        """Compare every frame with its digest, and note in the index that it was done."""
        try:
            strips = [strip for segment in self.segments for strip in (segment.gt, segment.lq)]
            if not all(_is_sound(self.folder, strip) for strip in strips):
                return False
        except OSError:
            return False
        with contextlib.suppress(OSError):  # a cache that is only read is compared every time
            write_index(self.folder, list(self.segments), self.account)
        return True


def retire(folder: Path) -> None:
    """Let an entry whose frames are damaged be made anew by the next run."""
    with contextlib.suppress(OSError):
        (folder / INDEX).unlink(missing_ok=True)


def write_index(folder: Path, segments: list[Segment], account: Account) -> None:
    """Complete a folder whose two files are written."""
    index: dict[str, Any] = {
        "format": FORMAT,
        "segments": [asdict(segment) for segment in segments],
        "account": asdict(account),
        "stamps": _stamps(folder),
    }
    index = json.loads(json.dumps(index))  # lists, as they will be read
    partial = folder / f"{INDEX}.{os.getpid()}.part"
    partial.write_text(json.dumps({**index, "digest": _digest(index)}), encoding="utf-8")
    partial.replace(folder / INDEX)


def _is_sound(folder: Path, strip: Strip) -> bool:
    with (folder / strip.file).open("rb") as file:
        file.seek(strip.offset)
        return all(zlib.crc32(file.read(strip.frame_bytes)) == digest for digest in strip.digests)


def _stamps(folder: Path) -> list[list[int]]:
    """Size and times of last change of the two files."""
    stats = [(folder / name).stat() for name in FILES]
    return [[stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns] for stat in stats]


def _digest(index: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(index, sort_keys=True).encode()).hexdigest()


def _segment(row: dict[str, Any]) -> Segment:
    numbers, motion, detail = (tuple(row[name]) for name in ("numbers", "motion", "detail"))
    return Segment(numbers, _strip(row["gt"]), _strip(row["lq"]), motion, detail)


def _strip(row: dict[str, Any]) -> Strip:
    return Strip(row["file"], row["offset"], tuple(row["size"]), tuple(row["digests"]))
