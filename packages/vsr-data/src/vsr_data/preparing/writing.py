"""Windows written as files: pairs of pictures, or shards of them.

A part is what one process writes at a time: a shard, or some pairs. Invariant: its bytes are a
function of the plan alone, and its rows are written once all its files are on the disk, so that a
part with rows is done whoever was killed.
"""

import hashlib
import io
import json
import re
import tarfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Literal

from PIL import Image

from vsr_data.footage.clip import Clip
from vsr_data.footage.manifest import UNFINISHED, FileRow, WindowRow
from vsr_data.pixels import Pixels
from vsr_data.preparing.choosing import Pick
from vsr_data.request import Role
from vsr_files import make_folder, replacing

Layout = Literal["pictures", "shards"]
COMPRESSION: Final = 3  # zlib's level: 6 % larger than 6, in a third of the time
FOLDERS: Final[dict[Role, str]] = {"train": "Patches", "val": "Val"}


@dataclass(frozen=True)
class Part:
    """Some windows of one role, written together.

    Attributes:
        number: its place among all parts.
        role: what its windows are for.
        file: the shard they go into; None for pictures.
        picks: the windows and their keys.
    """

    number: int
    role: Role
    file: str | None
    picks: tuple[tuple[str, Pick], ...]


def rows_file(out: Path, part: int) -> Path:
    """Where the rows of a part are kept until all parts are done."""
    return out / UNFINISHED / f"part-{part:06}.jsonl"


def write_part(
    clips: dict[Role, tuple[Clip, ...]], out: Path, patch: int | None, part: Part
) -> Part:
    """Write a part's files, then its rows.

    Args:
        clips: the footage.
        out: the folder.
        patch: side of a training crop in low-resolution pixels; None for whole frames.
        part: what to write.

    Returns:
        The part.

    Raises:
        DataError: footage has been deleted or damaged.
        OSError: the disk refuses.
    """
    side = patch if part.role == "train" else None
    windows = (_window(clips[part.role][pick.clip], key, pick, side) for key, pick in part.picks)
    rows = _pairs(out, part, windows) if part.file is None else _shard(out, part, windows)
    lines = [row.as_line() for row in rows]
    with replacing(rows_file(out, part.number)) as file:
        file.writelines(lines)
    return part


@dataclass(frozen=True)
class _Window:
    key: str
    clip: Clip
    pick: Pick
    gt: bytes
    lq: bytes
    lq_size: tuple[int, int]

    def row(self, role: Role, gt: FileRow, lq: FileRow) -> WindowRow:
        pick, origin = self.pick, self.clip.origin(self.pick.window)
        return WindowRow(
            key=self.key,
            role=role,
            source=self.clip.source,
            origin=origin,
            frame=_frame(origin),
            clip=self.clip.name,
            window=pick.window,
            y=pick.y,
            x=pick.x,
            lq_size=self.lq_size,
            gt=gt,
            lq=lq,
        )


def _window(clip: Clip, key: str, pick: Pick, side: int | None) -> _Window:
    if side is None:
        lq_THWC, gt_HWC = clip.window(pick.window)
    else:
        lq_THWC, gt_HWC = clip.crop(pick.window, pick.y, pick.x, side)
    frames, height, width = lq_THWC.shape[:3]
    lq = lq_THWC.reshape(frames * height, width, 3)
    return _Window(key, clip, pick, _png(gt_HWC), _png(lq), (height, width))


def _png(rgb_HWC: Pixels) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(rgb_HWC).save(buffer, "PNG", compress_level=COMPRESSION)
    return buffer.getvalue()


def _pairs(out: Path, part: Part, windows: Iterator[_Window]) -> Iterator[WindowRow]:
    folder = FOLDERS[part.role]
    for name in ("GT", "LR"):
        make_folder(out / folder / name)
    for window in windows:
        rows = []
        for name, png in (("GT", window.gt), ("LR", window.lq)):
            file = f"{folder}/{name}/{window.key}.png"
            with replacing(out / file) as opened:
                opened.write(png)
            rows.append(_file_row(file, 0, png))
        yield window.row(part.role, *rows)


def _shard(out: Path, part: Part, windows: Iterator[_Window]) -> Iterator[WindowRow]:
    """A tar of one format, owner and time, so that the same windows are the same bytes."""
    name, rows = str(part.file), []
    with (
        replacing(out / name) as file,
        tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for window in windows:
            gt = _add(tar, name, f"{window.key}.gt.png", window.gt)
            lq = _add(tar, name, f"{window.key}.lq.png", window.lq)
            row = window.row(part.role, gt, lq)
            facts = {key: value for key, value in asdict(row).items() if key not in {"gt", "lq"}}
            _add(tar, name, f"{window.key}.json", json.dumps(facts).encode())
            rows.append(row)
    yield from rows


def _add(tar: tarfile.TarFile, file: str, name: str, data: bytes) -> FileRow:
    member = tarfile.TarInfo(name)  # no owner, and the time 0
    member.size = len(data)
    start = tar.offset + tarfile.BLOCKSIZE
    tar.addfile(member, io.BytesIO(data))
    return _file_row(file, start, data)


def _file_row(file: str, offset: int, data: bytes) -> FileRow:
    return FileRow(file, offset, len(data), hashlib.sha256(data).hexdigest())


def _frame(origin: str) -> int | None:
    """The frame's number, where an origin ends with one."""
    found = re.search(r" frame ([0-9]+)$", origin)
    return None if found is None else int(found[1])
