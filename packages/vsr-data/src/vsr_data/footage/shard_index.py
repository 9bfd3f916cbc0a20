"""Where the pictures of windows lie in tar files, for any number of windows without an object each.

A manifest says it, or the headers of the tar files do, which are read one after the other. Either
way a window is a row of numbers in arrays, 72 bytes.
"""

import re
import tarfile
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vsr_data.errors import UnusableFileError
from vsr_data.footage.png import HEADER, MAX_BYTES, size_in
from vsr_data.pixels import Size
from vsr_files import ForeignFileError, open_regular

_KEY: Final = re.compile(r"^((?:.*/|)[^.]+)[.]([^/]*)$")
"""WebDataset's rule: a sample's name ends at the first dot after the last slash."""
WANTED: Final = ("gt.png", "lq.png")
MOST_NAMED: Final = 4
UNKNOWN: Final = -1
FILE, GT, LQ, FRAME, FILM = 0, 1, 3, 5, 6
"""Columns of a window's places; after where a picture begins comes how long it is."""


@dataclass
class Rows:
    """Windows of one size, each a row.

    Attributes:
        places: seven numbers a window: its file, where its ground truth begins and how long it is,
            the same of its low-resolution frames, the ground truth's frame, and its film.
        digests: two numbers a window, the first eight bytes of the pictures' SHA-256; empty where
            they are not known.
    """

    places: "array[int]" = field(default_factory=lambda: array("q"))
    digests: "array[int]" = field(default_factory=lambda: array("Q"))

    def add(self, *places: int) -> None:
        """Add a window's places."""
        self.places.extend(places)

    def add_listed(self, row: dict[str, Any], file: int, film: int) -> None:
        """Take up a window as a manifest has it.

        Raises:
            UnusableFileError: its pictures are not in one file, or absurdly large.
        """
        gt, lq, frame = row["gt"], row["lq"], row["frame"]
        if gt["file"] != lq["file"]:
            raise UnusableFileError("a window's pictures are in two files")
        for side in (gt, lq):
            if not (0 <= side["offset"] < 1 << 62 and 0 < side["n_bytes"] <= MAX_BYTES):
                raise UnusableFileError(f"window {row['key']!r} has no possible place")
        places = gt["offset"], gt["n_bytes"], lq["offset"], lq["n_bytes"]
        self.add(file, *places, UNKNOWN if frame is None else frame, film)
        self.digests.extend(int(side["sha256"][:16], 16) for side in (gt, lq))

    def places_N7(self) -> NDArray[np.int64]:  # noqa: N802 - shape suffix
        """The places, without a copy."""
        return np.frombuffer(self.places, np.int64).reshape(-1, 7)

    def digests_N2(self) -> NDArray[np.uint64] | None:  # noqa: N802 - shape suffix
        """The digests, without a copy; None where they are not known."""
        if not self.digests:
            return None
        return np.frombuffer(self.digests, np.uint64).reshape(-1, 2)


@dataclass
class Sample:
    """A sample of a tar: where its members lie, by their suffixes."""

    key: str
    members: dict[str, tuple[int, int]] = field(default_factory=dict)


def samples_of(path: Path) -> Iterator[Sample]:
    """Read the headers of a tar file: its samples, as WebDataset groups its members.

    Raises:
        UnusableFileError: it is no tar file, or is cut off.
    """
    sample: Sample | None = None
    try:
        with open_regular(path) as file, tarfile.open(fileobj=file, mode="r:") as tar:
            while (member := tar.next()) is not None:
                tar.members = []  # type: ignore[attr-defined]  # else all would be kept
                found = _KEY.match(member.name)
                if found is None or not member.isreg() or member.sparse is not None:
                    continue
                if sample is None or sample.key != found[1]:
                    if sample is not None:
                        yield sample
                    sample = Sample(found[1])
                sample.members[found[2].lower()] = (member.offset_data, member.size)
            if sample is not None:
                yield sample
    except (tarfile.TarError, EOFError) as error:
        raise UnusableFileError(f"it is not a readable tar file: {error}") from error
    except ForeignFileError as error:
        raise UnusableFileError(str(error)) from error
    except OSError as error:
        raise UnusableFileError(f"it cannot be read: {error.strerror}") from error


def scan(path: Path, number: int, scale: int, n_frames: int) -> tuple[dict[Size, Rows], list[str]]:
    """Find the windows of a tar file that no manifest speaks of, by its headers.

    Args:
        path: the file.
        number: its number.
        scale: enlargement of each side.
        n_frames: frames of a window.

    Returns:
        The windows by the (height, width) of their low-resolution frames, and why samples are not
        among them.

    Raises:
        UnusableFileError: it is no tar file, or holds nothing of the kind.
    """
    found: dict[Size, Rows] = {}
    reasons: list[str] = []
    others: set[str] = set()
    end = path.stat().st_size if path.exists() else 0
    for sample in samples_of(path):
        if not all(suffix in sample.members for suffix in WANTED):
            others.update(sample.members)
            continue
        try:
            lq_size = _fitting_size(path, sample, end, scale, n_frames)
        except UnusableFileError as error:
            reasons.append(f"sample {sample.key!r}: {error}")
            continue
        gt, lq = (sample.members[suffix] for suffix in WANTED)
        found.setdefault(lq_size, Rows()).add(number, *gt, *lq, UNKNOWN, UNKNOWN)
    if not found and not reasons:
        raise UnusableFileError(_foreign(others))
    return found, reasons


def _foreign(suffixes: set[str]) -> str:
    seen = ", ".join(f".{suffix}" for suffix in sorted(suffixes)[:MOST_NAMED])
    return (
        f"its samples have {seen or 'no members'}; a sample must have .gt.png, the centre frame, "
        "and .lq.png, the low-resolution frames one above the other, oldest first"
    )


def _fitting_size(path: Path, sample: Sample, end: int, scale: int, n_frames: int) -> Size:
    heads = []
    for suffix in WANTED:
        offset, n_bytes = sample.members[suffix]
        if offset + n_bytes > end:
            raise UnusableFileError("the tar file ends before it does")
        if n_bytes > MAX_BYTES:
            raise UnusableFileError(f"{suffix} is larger than any picture that can be used")
        with path.open("rb") as file:
            file.seek(offset)
            heads.append(size_in(file.read(min(HEADER, n_bytes))))
    (height, width), lq = heads
    require_fit((height, width), lq, scale, n_frames)
    return height // scale, width // scale


def require_fit(gt_size: Size, stack_size: Size, scale: int, n_frames: int) -> None:
    """Refuse pictures that are no window of a network.

    Raises:
        UnusableFileError: their sizes are not those of `n_frames` frames and one `scale` times as
            large.
    """
    height, width = gt_size[0] // scale, gt_size[1] // scale
    if (height * scale, width * scale) != gt_size or stack_size != (height * n_frames, width):
        raise UnusableFileError(
            f"its gt is {gt_size[1]}×{gt_size[0]} and its lq {stack_size[1]}×{stack_size[0]}; at "
            f"model.scale = {scale}, {n_frames} frames one above the other are "
            f"{width}×{height * n_frames}"
        )
