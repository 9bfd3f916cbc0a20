"""A folder of ready-made pairs: `GT/x.png` and, under the same name, `LR/x.png`.

LR stacks the window's frames vertically, oldest first; GT is the centre frame at ×scale. Each pair
is a clip of one window. Pairs are checked when the folder is opened and decoded on demand.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from vsr_data.errors import DataError, UnusableFileError
from vsr_data.footage.clip import Clip, Footage, Rejected
from vsr_data.footage.names import clip_names
from vsr_data.footage.pictures import expected_picture
from vsr_data.footage.png import check_png
from vsr_data.pixels import Pixels, Size
from vsr_data.request import Request
from vsr_files import printable

REMEDY: Final = "restore the file, or remove the pair and start the run again"


class PictureClip(Clip):
    """One pair of pictures."""

    windows = 1
    is_ready_made = True

    def __init__(
        self, name: str, gt: Path, lq: Path, gt_size: Size, *, scale: int, n_frames: int
    ) -> None:
        self.name = name
        self.source = printable(gt)
        self.gt_size = gt_size
        self.lq_size = gt_size[0] // scale, gt_size[1] // scale
        self._gt = gt
        self._lq = lq
        self._n_frames = n_frames

    def window(self, i: int) -> tuple[Pixels, Pixels]:
        """The pair, decoded anew."""
        self._check(i)
        height, width = self.lq_size
        lq = expected_picture(self._lq, (height * self._n_frames, width), REMEDY)
        gt_HWC = expected_picture(self._gt, self.gt_size, REMEDY)
        return lq.reshape(self._n_frames, height, width, 3), gt_HWC

    def origin(self, i: int) -> str:
        """The ground truth's file."""
        self._check(i)
        return self.source


def holds_picture_pairs(place: Path) -> bool:
    """Whether a folder is laid out for pairs of pictures rather than for videos."""
    try:
        return any((place / part).is_dir() for part in ("Patches", "Val/GT"))
    except OSError:  # what is in it cannot be told; listing it will say why
        return False


def open_picture_pairs(
    place: Path, request: Request, measure: Callable[[Path], Size] = check_png
) -> Footage:
    """Pair the pictures of `Patches` for training, of `Val` for validation.

    Args:
        place: the folder above them.
        request: what they are wanted for.
        measure: tells a picture's size; `check_png` looks at every byte, `read_size` at the header.

    Raises:
        DataError: a folder of the layout is missing, empty or cannot be listed.
    """
    parent = place / ("Patches" if request.role == "train" else "Val")
    lq_folders = [parent / "LR"]
    if request.role == "val":
        lq_folders.append(place / "Patches" / "LR")
    gts = _pngs(parent / "GT", request)
    lqs = {path.name: path for folder in reversed(lq_folders) for path in _found(folder)}
    if not lqs:
        raise DataError(
            f"{request.setting}: there is no .png in {printable(lq_folders[-1])!r}; it must hold "
            "the low-resolution frames of the pictures in GT, under the same names"
        )
    names = clip_names(dict.fromkeys(gts, 1))
    clips: list[Clip] = []
    rejected: dict[Path, str] = {}
    for gt in gts:
        try:
            clips.append(_pair(names[gt][0], gt, lqs.get(gt.name), request, measure))
        except UnusableFileError as error:
            rejected[gt] = str(error)
    known = {gt.name for gt in gts}
    for path in _found(lq_folders[0]):
        if path.name not in known:
            rejected[path] = f"it has no partner {printable(parent / 'GT' / path.name)!r}"
    return Footage(
        tuple(sorted(clips, key=lambda clip: clip.name)),
        tuple(Rejected(printable(path), rejected[path]) for path in sorted(rejected)),
    )


def _pair(
    name: str, gt: Path, lq: Path | None, request: Request, measure: Callable[[Path], Size]
) -> PictureClip:
    if lq is None:
        raise UnusableFileError(f"it has no partner of the same name in {printable(_lr(gt))!r}")
    gt_size = measure(gt)
    try:
        lq_size = measure(lq)
    except UnusableFileError as error:
        raise UnusableFileError(f"its partner {printable(lq)!r} cannot be used: {error}") from error
    scale, n_frames = request.scale, request.n_frames
    height, width = (side // scale for side in gt_size)
    if (height * scale, width * scale) != gt_size:
        raise UnusableFileError(
            f"it is {gt_size[1]}×{gt_size[0]}; both sides must be multiples of "
            f"model.scale = {scale}"
        )
    if lq_size != (height * n_frames, width):
        raise UnusableFileError(
            f"its partner {printable(lq)!r} is {lq_size[1]}×{lq_size[0]}; {n_frames} frames of "
            f"{width}×{height}, one above the other, are {width}×{height * n_frames}"
        )
    misfit = request.misfit((height, width))
    if misfit is not None:
        raise UnusableFileError(misfit)
    return PictureClip(name, gt, lq, gt_size, scale=scale, n_frames=n_frames)


def _lr(gt: Path) -> Path:
    return gt.parent.parent / "LR"


def _found(folder: Path) -> list[Path]:
    """The pictures of a folder, sorted by name; none where there is no such folder.

    Raises:
        DataError: the folder cannot be listed.
    """
    try:
        return sorted(
            path
            for path in folder.iterdir()
            if path.suffix.lower() == ".png" and not path.name.startswith(".")
        )
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise DataError(
            f"folder {printable(folder)!r} cannot be read: {error.strerror}; mend its permissions "
            "or name another source"
        ) from error


def _pngs(folder: Path, request: Request) -> list[Path]:
    found = _found(folder)
    if not found:
        raise DataError(
            f"{request.setting}: there is no .png in {printable(folder)!r}; it must hold the "
            "ground truth"
        )
    return found
