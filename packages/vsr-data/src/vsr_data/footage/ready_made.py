"""Low-resolution pictures that a data set brings along, found beside the sharp ones.

By the names that are in use: `BIx4`, `LR_bicubic/X4`, `train_sharp_bicubic/X4`, `lq`, `input4`,
`vimeo_septuplet_matlabLRx4`, and for frames that were blurred first `BDx4` and `blur4`. They are
taken where they are of `model.scale`, complete, and what `data.degradation` asks for; whatever is
found and not taken is said, with the reason.
"""

import os
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from vsr_data.footage.numbered import Numbered, numbered_pictures, picture_names
from vsr_data.request import Request
from vsr_files import printable
from vsr_settings.degradation import Pipeline, pipeline_of

SHARP: Final = frozenset({"gt", "hr", "truth", "target", "sharp"})
"""Names in lower case of folders that hold the sharp pictures of a data set."""

BICUBIC: Final = re.compile(
    r"bi_?x?(\d)|x(\d)|input_?x?(\d)|.*lr_?x?(\d)|lq_?x?(\d)"
    r"|(?:.*_)?(?:lr|lq)|(?:lr_|sharp_)?bicubic|low_resolution"
)
BLURRED: Final = re.compile(r"bd_?x?(\d)|blur_?x?(\d)")
SCALE: Final = re.compile(r"x([2-8])")


@dataclass(frozen=True)
class LowResolution:
    """A folder of low-resolution pictures.

    Attributes:
        folder: where they lie, under the names of the sharp ones.
        is_blurred: whether they were blurred before they were reduced.
        scale: what its name says; None where it says nothing.
    """

    folder: Path
    is_blurred: bool
    scale: int | None


@dataclass
class ReadyMade:
    """Finds the ready-made pictures of a source's clips, and keeps account of it.

    Attributes:
        request: what they must fit.
        used: clips by the folder that their low-resolution pictures come from.
        unused: why the pictures of other such folders are not used.
    """

    request: Request
    used: Counter[Path] = field(default_factory=Counter)
    unused: dict[Path, str] = field(default_factory=dict)
    _beside: dict[Path, list[LowResolution]] = field(default_factory=dict)

    def find(self, film: Numbered, roots: tuple[Path, ...]) -> tuple[Path, Numbered] | None:
        """The low-resolution pictures of a film, one for each of its own.

        Args:
            film: the sharp pictures.
            roots: folders above or at them that low-resolution folders may stand beside.

        Returns:
            The low-resolution folder and the pictures; None where there are none to use.
        """
        for root in roots:
            for low in self._low_resolution(root):
                folder = low.folder / film.folder.relative_to(root)
                found = _pictures_of(film, folder) if folder.is_dir() else None
                if found is not None:
                    reason = self._misfit(low) or _why_incomplete(film, found)
                    if reason is None:
                        return low.folder, _chosen(film, found)
                    self.unused[low.folder] = reason
        return None

    def notes(self) -> tuple[str, ...]:
        """What was found, a sentence each."""
        used = [
            f"low-resolution frames of {count} clip{'' if count == 1 else 's'} are those of "
            f"{printable(folder)!r}"
            for folder, count in sorted(self.used.items())
        ]
        unused = [
            f"ready-made frames in {printable(folder)!r} are not used"
            f"{' for some clips' if folder in self.used else ''}: {self.unused[folder]}"
            for folder in sorted(self.unused)
        ]
        return (*used, *unused)

    def _low_resolution(self, root: Path) -> list[LowResolution]:
        if root not in self._beside:
            self._beside[root] = low_resolution_beside(root)
        return self._beside[root]

    def _misfit(self, low: LowResolution) -> str | None:
        if low.scale is not None and low.scale != self.request.scale:
            return f"they are ×{low.scale}, model.scale = {self.request.scale}"
        wanted = _wanted(pipeline_of(self.request.degradation))
        if wanted is None:
            return "data.degradation asks for frames of its own"
        if wanted == "blurred" and not low.is_blurred:
            return "data.degradation asks for blurred ones"
        if wanted == "bicubic" and low.is_blurred:
            return "they are blurred, which data.degradation does not ask for"
        return None


def is_low_resolution(name: str) -> bool:
    """Whether a folder's name says that it holds low-resolution pictures."""
    lowered = name.lower()
    pattern = re.compile(rf"{BICUBIC.pattern}|{BLURRED.pattern}|.*sharp_bicubic")
    return pattern.fullmatch(lowered) is not None


def low_resolution_beside(root: Path) -> list[LowResolution]:
    """The low-resolution folders that stand beside a folder of sharp pictures or clips, sorted."""
    found = []
    for folder in _folders(root.parent):
        name = folder.name.lower()
        own = name == f"{root.name.lower()}_bicubic"
        match, is_blurred = BLURRED.fullmatch(name), True
        if match is None:
            match, is_blurred = BICUBIC.fullmatch(name), False
        if folder == root or (match is None and not own):
            continue
        scale = next((int(text) for text in match.groups() if text), None) if match else None
        inner = [(sub, SCALE.fullmatch(sub.name.lower())) for sub in _folders(folder)]
        by_scale = [(sub, int(scaled[1])) for sub, scaled in inner if scaled is not None]
        if by_scale and scale is None:
            found += [LowResolution(sub, is_blurred, scaled) for sub, scaled in by_scale]
        else:
            found.append(LowResolution(folder, is_blurred, scale))
    return found


def _wanted(pipeline: Pipeline) -> Literal["bicubic", "blurred"] | None:
    """Which of the ready-made kinds a degradation asks for, if either."""
    reduced_only = (
        pipeline.noise is None
        and pipeline.codec is None
        and pipeline.interlace is None
        and pipeline.chroma == "444"
    )
    if not reduced_only:
        return None
    return "bicubic" if pipeline.blur is None else "blurred"


def _folders(place: Path) -> list[Path]:
    try:
        with os.scandir(place) as entries:
            names = sorted(entry.name for entry in entries if entry.is_dir())
    except OSError:
        return []
    return [place / name for name in names if not name.startswith(".")]


def _pictures_of(film: Numbered, folder: Path) -> Numbered | None:
    """The pictures in a folder that belong to a film; None where there are none."""
    try:
        films, _ = numbered_pictures(folder, picture_names(folder))
    except OSError:
        return None
    if len(films) == 1:
        return films[0]
    return next((one for one in films if one.key.name == film.key.name), None)


def _why_incomplete(film: Numbered, found: Numbered) -> str | None:
    missing = sorted(set(film.numbers) - set(found.numbers))
    if not missing:
        return None
    return f"{printable(found.folder)!r} has no picture of number {missing[0]}"


def _chosen(film: Numbered, found: Numbered) -> Numbered:
    names = dict(zip(found.numbers, found.names, strict=True))
    return Numbered(
        found.folder, film.key, film.numbers, tuple(names[number] for number in film.numbers)
    )
