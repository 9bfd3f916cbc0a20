"""Samples cut from clips: what a worker process carries."""

from collections.abc import Iterable

import numpy as np
from torch.utils.data import Dataset

from vsr_data.errors import DataError
from vsr_data.footage.clip import Footage
from vsr_data.pixels import Pixels
from vsr_data.samples.sampling import (
    WHOLE,
    Choice,
    WindowDraw,
    choose_cut,
    sample_generator,
    turned,
)

Key = tuple[int, int]  # step, index
Arrays = tuple[Pixels, Pixels]


class Cutter(Dataset["Arrays | DataError"]):
    """Cuts the sample of a (step, index).

    Args:
        footage: the clips.
        n_frames: frames of a window.
        scale: enlargement of each side.
        patch: side of a low-resolution crop, in pixels.
        seed: decides windows, crops and augmentation.
        samples: of a step, where shards are divided among them.

    Raises:
        DataError: there is no clip, or one that is smaller than a patch.
        ValueError: the clips were opened at another scale.
    """

    def __init__(
        self,
        footage: Footage,
        n_frames: int,
        scale: int,
        patch: int,
        seed: int,
        *,
        samples: int | None = None,
    ) -> None:
        if not footage.clips:
            raise DataError("there are no clips to train on")
        for clip in footage.clips:
            if min(clip.lq_size) < patch:
                height, width = clip.lq_size
                raise DataError(
                    f"low-resolution frames of clip {clip.name!r} are {width}×{height}; "
                    f"a patch needs {patch}×{patch}; lower data.patch"
                )
            if clip.gt_size != (clip.lq_size[0] * scale, clip.lq_size[1] * scale):
                raise ValueError(f"clip {clip.name!r} was not opened at scale {scale}")
        self._clips = footage.clips
        self._draw = WindowDraw(footage)
        self._n_frames, self._scale, self._patch, self._seed = n_frames, scale, patch, seed
        self._samples = samples
        self.is_degraded = any(clip.is_degraded for clip in footage.clips)
        self.aside: frozenset[int] = frozenset()

    def window(self, key: Key) -> int:
        """The number of a sample's window among those of all clips."""
        return self._choose(sample_generator(self._seed, *key), key).number

    def set_aside(self, numbers: Iterable[int]) -> None:
        """Draw windows no more, lowest number first, but never the last one left."""
        left = self._draw.windows - len(self.aside) - 1
        self.aside |= frozenset(sorted(set(numbers) - self.aside)[:left])

    def __getitem__(self, key: Key) -> Arrays | DataError:
        try:
            return self.cut(key)
        except DataError as error:  # raised, it would come back wrapped in a worker's traceback
            return error

    def cut(self, key: Key) -> Arrays:
        """The sample of a (step, index): `lq_TCHW` and `gt_CHW`.

        Raises:
            DataError: its file has been deleted or damaged.
        """
        rng = sample_generator(self._seed, *key)
        choice = self._choose(rng, key)
        clip = self._clips[choice.clip]
        cut = choose_cut(rng, clip.lq_size, self._patch)
        lq_THWC, gt_HWC = clip.at(key[0]).crop(choice.window, cut.y, cut.x, self._patch)
        if len(lq_THWC) != self._n_frames:
            raise ValueError(f"windows of {clip.name!r} have {len(lq_THWC)} frames")
        return turned(lq_THWC, gt_HWC, cut)

    def origin(self, key: Key) -> str:
        """The file, frame and place of a sample."""
        rng = sample_generator(self._seed, *key)
        choice = self._choose(rng, key)
        clip = self._clips[choice.clip]
        cut = choose_cut(rng, clip.lq_size, self._patch)
        return f"{clip.origin(choice.window)} at low-resolution x {cut.x}, y {cut.y}"

    def _choose(self, rng: np.random.Generator, key: Key) -> Choice:
        part = WHOLE if self._samples is None else (key[1], self._samples)
        return self._draw.choose(rng, self.aside, part)


def stack(samples: list[Arrays | DataError]) -> Arrays | DataError:
    """A micro-batch of samples, or the first error among them."""
    lq_TCHW, gt_CHW = [], []
    for sample in samples:
        if isinstance(sample, DataError):
            return sample
        lq_TCHW.append(sample[0])
        gt_CHW.append(sample[1])
    return np.stack(lq_TCHW), np.stack(gt_CHW)
