"""A complete folder of the frame cache: runs of frames in two files, and an index of them."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from vsr_data.pixels import Size

FORMAT: Final = 1
INDEX: Final = "index.json"
FILES: Final = ("gt.rgb", "lq.rgb")


@dataclass(frozen=True)
class Segment:
    """A run of frames of one size within an entry; offsets are bytes into its two files."""

    first: int
    frames: int
    gt_size: Size
    lq_size: Size
    gt_offset: int
    lq_offset: int


@dataclass
class Census:
    """What was met while decoding a file, for the reason when nothing can be used."""

    decoded: int = 0
    damaged: int = 0
    runs: int = 0
    longest: int = 0
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Entry:
    """A complete folder of the cache."""

    folder: Path
    segments: tuple[Segment, ...]
    census: Census
    n_bytes: int

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """Read a folder's index; None where it is missing, foreign or does not fit its files."""
        try:
            index = json.loads((folder / INDEX).read_text(encoding="utf-8"))
            if index["format"] != FORMAT:
                return None
            segments = tuple(_segment(row) for row in index["segments"])
            sizes = [(folder / name).stat().st_size for name in FILES]
            if sizes != index["sizes"]:
                return None
            return cls(folder, segments, Census(**index["census"]), sum(sizes))
        except (OSError, ValueError, KeyError, TypeError):
            return None


def _segment(row: dict[str, Any]) -> Segment:
    sizes = {name: tuple(row[name]) for name in ("gt_size", "lq_size")}
    return Segment(**{**row, **sizes})


def write_index(folder: Path, segments: list[Segment], census: Census) -> None:
    """Complete a folder whose two files are written."""
    index = {
        "format": FORMAT,
        "segments": [asdict(segment) for segment in segments],
        "census": asdict(census),
        "sizes": [(folder / name).stat().st_size for name in FILES],
    }
    (folder / INDEX).write_text(json.dumps(index), encoding="utf-8")
