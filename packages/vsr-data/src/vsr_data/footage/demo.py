"""The demo source: photographs that scikit-image carries, filmed by a moving camera.

About two photograph pixels make one of a frame, so that frames are as sharp as their pixels allow;
detail is what a network learns from them. Training and validation photographs are disjoint.
Invariant: a clip depends on its photograph, its number, its size and its length alone.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources import as_file, files
from math import prod
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vsr_data.cache import Budget, CacheFullError, Entry, EntryWriter, FrameStore, entry_key
from vsr_data.degradation import degrade
from vsr_data.errors import DataError
from vsr_data.footage.camera import ZOOM, film, path
from vsr_data.footage.clip import Footage, Rejected
from vsr_data.footage.room import Room, limit_of
from vsr_data.footage.stored_clip import StoredClip
from vsr_data.footage.takes import takes_bytes
from vsr_data.pixels import Size
from vsr_data.request import Request

logger = logging.getLogger(__name__)

VERSION: Final = 1
TRAINING: Final = {
    "astronaut": "astronaut.png",
    "hubble_deep_field": "hubble_deep_field.jpg",
    "immunohistochemistry": "ihc.png",
    "motorcycle": "motorcycle_left.png",
    "retina": "retina.jpg",
    "rocket": "rocket.jpg",
}
VALIDATION: Final = {"chelsea": "chelsea.png", "coffee": "coffee.png"}
CLIPS_PER_PHOTO: Final = 14
TRAINING_SIDE: Final = 192
TRAINING_WINDOWS: Final = 5  # of a clip: 9 frames where a window has 5
VALIDATION_WINDOWS: Final = 6
REDUCTION: Final = 2.0  # photograph pixels per frame pixel, where the photograph allows
LEAST_REDUCTION: Final = 1.0
PAN: Final = 16  # frame pixels left for the camera to move in


@dataclass(frozen=True)
class Shot:
    """One clip to film."""

    photo: str
    file: str
    number: int
    size: Size
    reduction: float
    frames: int

    @property
    def name(self) -> str:
        """The photograph's name, numbered from its second clip on."""
        return self.photo if self.number == 1 else f"{self.photo}#{self.number}"


def open_demo(request: Request, beside: Room) -> Footage:
    """Film the photographs, or take them from the cache.

    Args:
        request: what they are wanted for.
        beside: what the run's other sources take, which share `data.cache_gib`.

    Raises:
        DataError: no photograph is large enough for `data.patch`, or the cache is too small.
    """
    shots, rejected = _shots(request)
    entry = _filmed(shots, request, beside)
    clips = [
        StoredClip(shot.name, "demo", entry, run, request.n_frames, shown_as=f"demo {shot.name}")
        for shot, run in zip(shots, entry.segments, strict=True)
    ]
    return Footage(tuple(sorted(clips, key=lambda clip: clip.name)), tuple(rejected))


def check_demo(request: Request) -> Room:
    """Refuse a demo that cannot be filmed or kept; film nothing.

    Returns:
        What it takes in the cache.

    Raises:
        DataError: no photograph is large enough for `data.patch`, or the cache is not writable.
    """
    shots, _ = _shots(request)
    store = FrameStore(request.cache_folder)
    key = _key(shots, request)
    takes = sum(takes_bytes(shot.frames, _lq_size(shot, request), request) for shot in shots)
    entry = store.find(key)
    if entry is not None:
        return Room((request,), {key: entry.n_bytes}, takes=takes)
    store.check_writable()
    coming = sum(shot.frames * 3 * _pixels(shot, request) for shot in shots)
    return Room((request,), coming={key: coming}, takes=takes)


def _lq_size(shot: Shot, request: Request) -> Size:
    return shot.size[0] // request.scale, shot.size[1] // request.scale


def _pixels(shot: Shot, request: Request) -> int:
    """Of a frame and its low-resolution version."""
    return prod(shot.size) + prod(_lq_size(shot, request))


def _shots(request: Request) -> tuple[list[Shot], list[Rejected]]:
    shots, rejected = _training(request) if request.role == "train" else (_validation(request), [])
    if not shots:
        raise DataError(
            f"no demo photograph is large enough for data.patch = {request.patch} at scale "
            f"{request.scale}; lower data.patch, or train on videos of your own"
        )
    return shots, rejected


def _training(request: Request) -> tuple[list[Shot], list[Rejected]]:
    """Clips of square frames that hold a patch, from every photograph large enough for them."""
    scale, patch = request.scale, request.patch or 0
    side = max(TRAINING_SIDE // scale, patch) * scale
    frames = request.n_frames + TRAINING_WINDOWS - 1
    shots, rejected = [], []
    for photo, file in TRAINING.items():
        height, width = _photo_size(file)
        reduction = min(REDUCTION, min(height, width) / ((side + PAN) * (1 + ZOOM)))
        if reduction < LEAST_REDUCTION:
            why = f"photograph of {width}×{height} is too small for frames of {side}×{side}"
            rejected.append(Rejected(f"demo {photo}", why))
            continue
        shots += [
            Shot(photo, file, number, (side, side), reduction, frames)
            for number in range(1, CLIPS_PER_PHOTO + 1)
        ]
    return shots, rejected


def _validation(request: Request) -> list[Shot]:
    """One clip of every photograph, nearly all of which is in sight."""
    shots = []
    for photo, file in VALIDATION.items():
        height, width = (
            int(side / REDUCTION / (1 + ZOOM) - PAN) // request.scale * request.scale
            for side in _photo_size(file)
        )
        frames = request.n_frames + VALIDATION_WINDOWS - 1
        shots.append(Shot(photo, file, 1, (height, width), REDUCTION, frames))
    return shots


def _filmed(shots: list[Shot], request: Request, beside: Room) -> Entry:
    store = FrameStore(request.cache_folder)
    key = _key(shots, request)
    entry = store.find(key)
    if entry is None:
        room = beside | check_demo(request)
        room.check(store)
        logger.info("filming %d demo clips into the cache", len(shots))
        budget = Budget(limit_of(request), room.held)
        try:
            with store.write(key, budget, "demo") as writer:
                for shot in shots:
                    _film(writer, shot, request)
        except CacheFullError as error:
            raise room.too_much(room.needed) from error
        entry = store.find(key)
    if entry is None:
        raise DataError(
            f"demo clips vanished from data.cache_dir = {request.cache_dir!r}; start the run again"
        )
    return entry


def _key(shots: list[Shot], request: Request) -> str:
    return entry_key(
        kind="demo",
        version=VERSION,
        shots=[[shot.name, list(shot.size), shot.reduction, shot.frames] for shot in shots],
        scale=request.scale,
        degradation=request.reduction,
    )


def _film(writer: EntryWriter, shot: Shot, request: Request) -> None:
    photo_HWC = _photo(shot.file).astype(np.float32)
    salt = list(shot.photo.encode())
    rng = np.random.Generator(np.random.Philox(np.random.SeedSequence([*salt, shot.number])))
    photo_size = photo_HWC.shape[0], photo_HWC.shape[1]
    poses = path(rng, photo_size, shot.size, shot.reduction, shot.frames)
    for number, pose in enumerate(poses):
        gt_HWC = film(photo_HWC, pose, shot.size)
        writer.append(number, gt_HWC, degrade(gt_HWC, request.scale, request.reduction))
    writer.end_run()


def _photo(file: str) -> NDArray[np.uint8]:
    with _opened(file) as picture:
        return np.asarray(picture.convert("RGB"))


def _photo_size(file: str) -> Size:
    with _opened(file) as picture:
        return picture.height, picture.width


@contextmanager
def _opened(file: str) -> Iterator[Image.Image]:
    try:
        with as_file(files("skimage.data") / file) as place, Image.open(place) as picture:
            yield picture
    except OSError as error:
        raise DataError(
            f"scikit-image does not carry {file!r} here; reinstall scikit-image from its wheel"
        ) from error
