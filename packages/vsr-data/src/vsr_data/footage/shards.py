"""Shards as a source: tar files of windows, as `prepare` or WebDataset write them.

A clip is what one shard has of windows of one size, or, for validation, what was prepared of one
clip. A manifest is believed on where pictures lie, and their digests on whether they are there.
"""

from array import array
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from vsr_data.degradation import is_plain
from vsr_data.errors import DataError, UnusableFileError
from vsr_data.footage.clip import Clip, Footage, Rejected
from vsr_data.footage.manifest import MANIFEST, Manifest, read_manifest
from vsr_data.footage.shard_clip import ShardClip
from vsr_data.footage.shard_index import FILE, Rows, scan
from vsr_data.pixels import Size
from vsr_data.request import Request
from vsr_files import printable
from vsr_settings.degradation import Degradation, pipeline_of
from vsr_settings.degradation_text import restore_degradation, store_degradation

SHARD: Final = ".tar"
"""Suffix of a shard, in lower case."""

Group = tuple[str, Size]
"""What is a clip's own: a name, and the size of its low-resolution frames."""


def shard_files(place: Path) -> list[Path]:
    """The shards of a folder, sorted; a file is one if it is called `.tar`.

    Raises:
        OSError: the folder cannot be listed.
    """
    if not place.is_dir():
        return [place] if place.suffix.lower() == SHARD else []
    found = (path for path in place.iterdir() if path.suffix.lower() == SHARD)
    return sorted(path for path in found if not path.name.startswith("."))


def open_shards(place: Path, request: Request) -> Footage:
    """Make clips of shards; headers or the manifest are read, no picture is.

    Args:
        place: a folder of shards, or one of them.
        request: what they are wanted for.

    Raises:
        DataError: the manifest cannot be used, or has no windows for this role.
        OSError: the folder cannot be listed.
    """
    try:
        manifest = read_manifest(place)
        if manifest is not None:
            return _by_manifest(place, manifest, request)
    except (UnusableFileError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise DataError(
            f"{request.setting}: {printable(place / MANIFEST)!r} cannot be used: {error}; prepare "
            "the footage again, or take the manifest away to read the shards without digests"
        ) from error
    return _by_headers(shard_files(place), request)


def _by_manifest(place: Path, manifest: Manifest, request: Request) -> Footage:
    """Clips of what a manifest lists: a shard each for training, a prepared clip for validation."""
    model = (manifest.scale, manifest.n_frames)
    if model != (request.scale, request.n_frames):
        raise UnusableFileError(
            f"its windows are for model.scale = {model[0]} and model.n_frames = {model[1]}; this "
            f"run has {request.scale} and {request.n_frames}"
        )
    listed = _Listed(request)
    prepared_with = restore_degradation(str(manifest.header["degradation"]))
    for row in manifest.rows():
        listed.take(row)
    if not listed.rows:
        option = "with --val SOURCE" if request.role == "val" else "with windows for training"
        raise UnusableFileError(f"it lists none for data.{request.role}; prepare it {option}")
    reasons = {name: _why(place / name, end) for name, end in listed.ends.items()}
    rejected = {place / name: reason for name, reason in reasons.items() if reason is not None}
    unusable = frozenset(path.name for path in rejected)
    for path in shard_files(place):
        if path.name not in listed.ends:
            rejected[path] = "the manifest does not list it; take one of the two away"
    footage = listed.footage(place, unusable, rejected)
    if prepared_with is None:
        return footage
    for clip in footage.clips:
        clip.is_degraded = not is_plain(pipeline_of(prepared_with))
    return replace(footage, notes=_notes(place, prepared_with, request))


def _notes(place: Path, prepared_with: Degradation, request: Request) -> tuple[str, ...]:
    if pipeline_of(prepared_with) == pipeline_of(request.degradation):
        return ()
    before = store_degradation(prepared_with)
    return (f"{printable(place)!r} is of degradation {before!r}, whatever data.degradation says",)


def _why(path: Path, end: int) -> str | None:
    """Why a shard that a manifest lists cannot be used; None if it can."""
    try:
        size = path.stat().st_size
    except OSError as error:
        return f"the manifest lists it, but it cannot be read: {error.strerror}"
    if size < end:
        return f"it has {size} bytes and the manifest lists {end}; copy or prepare it again"
    return None


class _Listed:
    """What a manifest lists for one role, taken up row by row."""

    def __init__(self, request: Request) -> None:
        self.rows: dict[Group, Rows] = defaultdict(Rows)
        self.ends: dict[str, int] = {}  # of all files, whatever their role
        self._request = request
        self._files: dict[str, int] = {}
        self._films: dict[str, int] = {}

    def take(self, row: dict[str, Any]) -> None:
        """Take up a window.

        Raises:
            UnusableFileError: it has no possible place.
        """
        file = str(row["gt"]["file"])
        if Path(file).name != file:
            raise UnusableFileError(f"{file!r} is not a file of its folder")
        end = max(row[side]["offset"] + row[side]["n_bytes"] for side in ("gt", "lq"))
        self.ends[file] = max(end, self.ends.get(file, 0))
        if row["role"] != self._request.role:
            return
        height, width = row["lq_size"]
        name = Path(file).stem if row["role"] == "train" else str(row["clip"])
        self.rows[name, (int(height), int(width))].add_listed(
            row,
            self._files.setdefault(file, len(self._files)),
            self._films.setdefault(str(row["source"]), len(self._films)),
        )

    def footage(self, place: Path, unusable: frozenset[str], rejected: dict[Path, str]) -> Footage:
        """Clips of the files that can be used."""
        bad = [number for name, number in self._files.items() if name in unusable]
        names = _Names(tuple(place / name for name in self._files), tuple(self._films))
        rows = {group: _without(found, bad) for group, found in self.rows.items()}
        return _footage(rows, names, rejected, self._request)


def _by_headers(paths: list[Path], request: Request) -> Footage:
    """Clips of shards that nothing but their own headers tells of."""
    rows: dict[Group, Rows] = {}
    rejected: dict[Path, str] = {}
    for number, path in enumerate(paths):
        try:
            found, reasons = scan(path, number, request.scale, request.n_frames)
        except UnusableFileError as error:
            rejected[path] = str(error)
            continue
        rows.update(((path.stem, size), each) for size, each in found.items())
        if reasons:
            more = f"; and {len(reasons) - 1} more samples" if len(reasons) > 1 else ""
            rejected[path] = f"{reasons[0]}{more}"
    return _footage(rows, _Names(tuple(paths)), rejected, request)


@dataclass(frozen=True)
class _Names:
    """What the numbers in places stand for."""

    paths: tuple[Path, ...]
    films: tuple[str, ...] = ()


def _without(rows: Rows, files: list[int]) -> Rows:
    """The windows that are not in some files."""
    if not files:
        return rows
    is_kept = ~np.isin(rows.places_N7()[:, FILE], files)
    digests_N2 = rows.digests_N2()
    return Rows(
        array("q", rows.places_N7()[is_kept].tobytes()),
        array("Q", b"" if digests_N2 is None else digests_N2[is_kept].tobytes()),
    )


def _footage(
    rows: dict[Group, Rows], names: _Names, rejected: dict[Path, str], request: Request
) -> Footage:
    clips: list[Clip] = []
    seen: Counter[str] = Counter()
    for (name, lq_size), found in sorted(rows.items()):
        if not found.places:
            continue
        misfit = request.misfit(lq_size)
        if misfit is not None:
            rejected[names.paths[found.places[FILE]]] = misfit
            continue
        seen[name] += 1
        clips.append(
            ShardClip(
                name if seen[name] == 1 else f"{name}#{seen[name]}",
                names.paths,
                found,
                lq_size,
                scale=request.scale,
                n_frames=request.n_frames,
                films=names.films,
            )
        )
    listed = tuple(Rejected(printable(path), rejected[path]) for path in sorted(rejected))
    return Footage(tuple(clips), listed)
