"""What a prepared folder will hold, decided before anything is written.

Invariant: a plan is a function of the footage and the options, so that whoever goes on with a
folder comes to the same files; what a folder was begun with is kept beside it and compared.
"""

import hashlib
import json
import os
import platform
import re
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from vsr_data.errors import DataError
from vsr_data.footage.clip import Clip, Footage
from vsr_data.footage.kinds import DEMO
from vsr_data.footage.manifest import FORMAT
from vsr_data.preparing.choosing import Pick, training_picks, validation_picks
from vsr_data.preparing.writing import Layout, Part
from vsr_data.request import Role
from vsr_files import expanded, printable
from vsr_settings import Settings
from vsr_settings.degradation_text import store_degradation

SHARD_BYTES: Final = 256_000_000
PAIRS: Final = 32  # of pictures that one process writes before another part is dealt out
SLUG: Final = 40  # letters of a clip's name in a key
NOT_PIXELS: Final = {"cache_dir", "cache_gib", "degradation", "val_border", "val_tile", "workers"}
"""Settings of data that change nothing of what is written, or are told by themselves."""
PACKAGES: Final = ("av", "numpy", "pillow", "torch", "vsr-data")


@dataclass(frozen=True)
class Wanted:
    """What a person asked for.

    Attributes:
        settings: whose `data` names the sources, and whose `train.seed` decides the choice.
        has_val: whether `data.val` is prepared too.
        layout: pairs of pictures, or shards.
        windows: how many training windows; None for one of every `model.n_frames`.
        whole: write whole frames for training, too.
        shard_bytes: what a shard has at most.
    """

    settings: Settings
    has_val: bool
    layout: Layout
    windows: int | None
    whole: bool = False
    shard_bytes: int = SHARD_BYTES

    @property
    def patch(self) -> int | None:
        """Side of a training crop in low-resolution pixels; None for whole frames."""
        return None if self.whole else self.settings.data.patch

    def facts(self) -> dict[str, Any]:
        """What must be the same for a folder to be gone on with."""
        settings = self.settings
        data = settings.data.model_dump(mode="json", exclude=NOT_PIXELS | {"train", "val"})
        return {
            "train": _path(settings.data.train),
            "val": _path(settings.data.val) if self.has_val else None,
            "layout": self.layout,
            "windows": self.windows,
            "patch": self.patch,
            "shard_bytes": self.shard_bytes if self.layout == "shards" else None,
            "seed": settings.train.seed,
            "degradation": store_degradation(settings.data.degradation),
            "data": data,
        }


def _path(source: object) -> str:
    """A source the same way however it is written."""
    return str(source) if source == DEMO else printable(expanded(str(source)))


@dataclass(frozen=True)
class Plan:
    """The files of a prepared folder.

    Attributes:
        header: the manifest's first line.
        parts: what is written, in the manifest's order.
    """

    header: dict[str, Any]
    parts: tuple[Part, ...]


def plan_of(wanted: Wanted, footage: dict[Role, Footage]) -> Plan:
    """Choose windows and divide them into parts.

    Raises:
        DataError: a single window is larger than a shard may be.
    """
    settings = wanted.settings
    picks = {"train": _train_picks(wanted, footage["train"])}
    if "val" in footage:
        picks["val"] = validation_picks(
            footage["val"], settings.data.val_windows, settings.data.val_most
        )
    parts: list[Part] = []
    for role, each in footage.items():
        keyed = _keyed(picks[role], each.clips)
        parts += _parts(wanted, role, keyed, each.clips, len(parts))
    header = {
        "format": FORMAT,
        "scale": settings.model.scale,
        "n_frames": settings.model.n_frames,
        **wanted.facts(),
        "count": {role: len(picks[role]) for role in footage},
        "films": _films(footage),
        "chosen": _digest([_facts(part, footage[part.role].clips) for part in parts]),
        "rejected": [[one.path, one.reason] for each in footage.values() for one in each.rejected],
        "versions": versions(),
    }
    return Plan(json.loads(json.dumps(header)), tuple(parts))


def require_same(before: dict[str, Any], wanted: Wanted) -> None:
    """Refuse to go on with what was begun with other options.

    Raises:
        DataError: naming what differs.
    """
    facts = json.loads(json.dumps(wanted.facts()))
    facts["scale"], facts["n_frames"] = wanted.settings.model.scale, wanted.settings.model.n_frames
    _require_equal({key: before.get(key) for key in facts}, facts, "other settings")


def require_going_on(before: dict[str, Any], now: dict[str, Any]) -> None:
    """Refuse to mix windows of other footage or other software with those that are there.

    Raises:
        DataError: naming what differs.
    """
    _require_equal(before["versions"], now["versions"], "other versions")
    if (before["chosen"], before["films"]) != (now["chosen"], now["films"]):
        raise DataError(
            "it was begun with other footage: files of the source have been added, removed or "
            "changed since; name another folder, or remove this one"
        )


def versions() -> dict[str, str]:
    """What decides the bytes, beside the settings."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # run from a checkout that is not installed
            found[package] = "unknown"
    return found


def _train_picks(wanted: Wanted, footage: Footage) -> list[Pick]:
    settings = wanted.settings
    return training_picks(
        footage,
        wanted.windows,
        settings.train.seed,
        patch=wanted.patch,
        n_frames=settings.model.n_frames,
        even=settings.data.windows == "uniform",
    )


def _keyed(picks: list[Pick], clips: tuple[Clip, ...]) -> list[tuple[str, Pick]]:
    """Names fit for any file system and for WebDataset, which ends a key at its first dot."""
    return [
        (f"{i:08}-{re.sub('[^A-Za-z0-9_]+', '-', clips[pick.clip].name)[:SLUG]}", pick)
        for i, pick in enumerate(picks)
    ]


def _parts(
    wanted: Wanted,
    role: Role,
    picks: list[tuple[str, Pick]],
    clips: tuple[Clip, ...],
    first: int,
) -> list[Part]:
    """Divide windows by the most that their pictures can take, which is known beforehand."""
    shards = wanted.layout == "shards"
    groups: list[list[tuple[str, Pick]]] = []
    left = 0
    for key, pick in picks:
        n_bytes = _most_bytes(wanted, role, clips[pick.clip])
        if shards and n_bytes > wanted.shard_bytes:
            raise DataError(
                f"a window of clip {clips[pick.clip].name!r} takes up to {n_bytes / 1e6:.1f} MB; "
                f"shards may have {wanted.shard_bytes / 1e6:g} MB: raise --shard-mb"
            )
        if not groups or (n_bytes > left if shards else len(groups[-1]) == PAIRS):
            groups.append([])
            left = wanted.shard_bytes - TAR_END
        groups[-1].append((key, pick))
        left -= n_bytes
    return [
        Part(first + i, role, f"{role}-{i:06}.tar" if shards else None, tuple(group))
        for i, group in enumerate(groups)
    ]


TAR_END: Final = 10_240  # what a tar is filled up by


def _most_bytes(wanted: Wanted, role: Role, clip: Clip) -> int:
    """What a window takes in a tar at most: PNG that could compress nothing, and its headers."""
    height, width = clip.lq_size
    if role == "train" and wanted.patch is not None:
        height = width = wanted.patch
    model = wanted.settings.model
    rows = height * (model.n_frames + model.scale)
    raw = height * width * 3 * (model.n_frames + model.scale**2) + rows
    return int(raw * 1.001) + 8192


def _facts(part: Part, clips: tuple[Clip, ...]) -> list[Any]:
    """A part in JSON, with what its clips are."""
    rows = [
        [key, clips[pick.clip].name, *clips[pick.clip].gt_size, pick.window, pick.y, pick.x]
        for key, pick in part.picks
    ]
    contents = [clips[number].content for number in sorted({pick.clip for _, pick in part.picks})]
    return [part.number, part.role, part.file, rows, contents]


def _films(footage: dict[Role, Footage]) -> list[list[Any]]:
    """The files that clips come from, and their sizes."""
    names = sorted({clip.source for each in footage.values() for clip in each.clips})
    return [[name, size_of(name)] for name in names]


def size_of(film: str) -> int | None:
    """Bytes of a file, or of the files in a folder; None where it is neither, as the demo."""
    path = Path(film)
    try:
        if path.is_dir():
            with os.scandir(path) as entries:
                return sum(entry.stat().st_size for entry in entries if entry.is_file())
        return path.stat().st_size if path.is_file() else None
    except (OSError, ValueError):
        return None


def _digest(values: list[Any]) -> str:
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()


def _require_equal(before: dict[str, Any], now: dict[str, Any], what: str) -> None:
    differ = [key for key in now if before.get(key) != now[key]]
    if differ:
        listed = ", ".join(f"{key} was {before.get(key)!r}, now {now[key]!r}" for key in differ)
        raise DataError(
            f"it was begun with {what} ({listed}); name another folder, or remove this one"
        )
