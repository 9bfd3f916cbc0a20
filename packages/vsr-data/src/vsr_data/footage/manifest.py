"""The manifest of prepared windows: what every file of them is, and its digest.

`manifest.jsonl` has a line for the whole, `Header`'s, then one for every window, in the order of
the files. A folder is complete once it is there: it is written last.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

from vsr_data.errors import UnusableFileError
from vsr_data.pixels import Size
from vsr_data.request import Role

FORMAT: Final = 1
MANIFEST: Final = "manifest.jsonl"
UNFINISHED: Final = ".prepare"
"""Folder beside the files of what is not complete yet."""
ROWS_DIGEST: Final = "rows_sha256"
"""In the header: SHA-256 of all lines after it."""

Side = Literal["gt", "lq"]


@dataclass(frozen=True)
class FileRow:
    """One picture of a window.

    Attributes:
        file: path of the file that holds it, from the manifest's folder.
        offset: where it begins in that file, in bytes.
        n_bytes: how long it is.
        sha256: its digest.
    """

    file: str
    offset: int
    n_bytes: int
    sha256: str


@dataclass(frozen=True)
class WindowRow:
    """One window.

    Attributes:
        key: its name, unique within the folder.
        role: what it is for.
        source: the file it was cut from.
        origin: that file and the frame of the ground truth, as reports name it.
        frame: that frame's number in the file, where it has one.
        clip: the clip it was cut from.
        window: its number in that clip.
        y: top of the crop in low-resolution pixels.
        x: its left.
        lq_size: (height, width) of a low-resolution frame of it.
        gt: the ground truth.
        lq: the low-resolution frames, one above the other, oldest first.
    """

    key: str
    role: Role
    source: str
    origin: str
    frame: int | None
    clip: str
    window: int
    y: int
    x: int
    lq_size: Size
    gt: FileRow
    lq: FileRow

    def as_line(self) -> bytes:
        """The manifest's line."""
        return line_of(asdict(self))


@dataclass(frozen=True)
class Manifest:
    """The head of a manifest, and where its windows are read from.

    Attributes:
        path: the file.
        header: its first line.
    """

    path: Path
    header: dict[str, Any]

    @property
    def scale(self) -> int:
        """Enlargement of each side."""
        return int(self.header["scale"])

    @property
    def n_frames(self) -> int:
        """Frames of a window."""
        return int(self.header["n_frames"])

    def rows(self) -> Iterator[dict[str, Any]]:
        """The windows, as `WindowRow` writes them.

        Raises:
            UnusableFileError: the file cannot be read, or is not as it was written.
        """
        try:
            with self.path.open("rb") as file:
                head = file.readline()
                digest = hashlib.sha256()
                for line in file:
                    digest.update(line)
                    yield json.loads(line)
        except (OSError, ValueError) as error:
            raise UnusableFileError(f"it cannot be read: {error}") from error
        if json.loads(head)[ROWS_DIGEST] != digest.hexdigest():
            raise UnusableFileError("its lines are not those that were written; prepare it again")


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of a folder; None where there is none.

    Raises:
        UnusableFileError: it cannot be used.
    """
    path = folder / MANIFEST
    try:
        with path.open("rb") as file:
            header = json.loads(file.readline(1 << 20))
        if header["format"] != FORMAT:
            raise UnusableFileError(f"its format is {header['format']}; only {FORMAT} is read")
        int(header["scale"]), int(header["n_frames"]), str(header[ROWS_DIGEST])
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UnusableFileError(f"it is not a manifest of prepared windows: {error}") from error
    return Manifest(path, header)


def line_of(values: dict[str, Any]) -> bytes:
    """JSON on a line of its own; the same values give the same bytes."""
    text = json.dumps(values, ensure_ascii=True, separators=(",", ":"), sort_keys=False)
    return f"{text}\n".encode("ascii")
