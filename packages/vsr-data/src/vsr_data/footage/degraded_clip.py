"""Clips whose low-resolution frames are made by a pipeline: take by take, when they are wanted.

The sharp frames are those of the clip beneath. Whoever cuts a sample makes its take if nobody has,
and leaves it in the cache for the others.
"""

from collections.abc import Iterator
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Final

import av
import numpy as np
from numpy.typing import NDArray

from vsr_data.cache import ChangedFramesError, StripReader, entry_key
from vsr_data.cache.takes import TakeFolder
from vsr_data.degradation import (
    VERSION,
    Recipe,
    draw,
    is_plain,
    one_thread,
    recorded,
    reduced,
    reduction_of,
)
from vsr_data.errors import DataError
from vsr_data.footage.clip import ALL_ROWS, TYPICAL, Clip, Footage
from vsr_data.footage.takes import (
    Renewal,
    Take,
    Takes,
    round_steps,
    take_generator,
)
from vsr_data.pixels import Pixels
from vsr_data.request import Request
from vsr_data.video import reason_of
from vsr_settings.degradation import Pipeline

GT_AT_A_TIME: Final = 4  # frames
TRIES: Final = 8  # of reading a take that another process removes meanwhile


class DegradedClip(Clip):
    """A clip seen through a pipeline.

    Args:
        clip: gives sharp frames, and says what they are by its `identity`.
        n_frames: frames of a window.
        pipeline: what is done to them.
        cache: the folder of the frame cache.
        renewal: when takes are made anew; None keeps the first version, the same in every run.
    """

    is_degraded = True

    def __init__(
        self,
        clip: Clip,
        n_frames: int,
        pipeline: Pipeline,
        cache: Path,
        renewal: Renewal | None = None,
    ) -> None:
        self.name, self.source, self.group = clip.name, clip.source, clip.group
        self.windows, self.frames = clip.windows, clip.frames
        self.lq_size, self.gt_size = clip.lq_size, clip.gt_size
        self.content = clip.content
        self.pipeline = pipeline
        self.takes = Takes(clip.windows, n_frames, pipeline.take)
        self._clip, self._n_frames, self._cache = clip, n_frames, cache
        self._scale = clip.gt_size[0] // clip.lq_size[0]
        self._renewal, self._step = renewal, 0
        self._seed = None if renewal is None else renewal.seed
        self._folder = TakeFolder(cache, self._key(), f"takes of {self.name}")
        self._open: dict[int, tuple[int, StripReader | None]] = {}

    def renewed(self, renewal: Renewal) -> "DegradedClip":
        """The clip with takes that are made anew."""
        return DegradedClip(self._clip, self._n_frames, self.pipeline, self._cache, renewal)

    def at(self, step: int) -> "DegradedClip":
        """The clip as an optimiser step sees it."""
        seen = copy(self)  # both know the same open takes
        seen._step = step  # noqa: SLF001 - its own
        return seen

    def weights(self) -> NDArray[np.int64] | None:
        """As the clip beneath says them."""
        return self._clip.weights()

    def window(self, i: int) -> tuple[Pixels, Pixels]:
        """The i-th window of its take."""
        self._check(i)
        gt_HWC = self._clip.gt_frames(i + self._n_frames // 2, 1)[0]
        return self._read(i, ALL_ROWS), gt_HWC

    def crop(self, i: int, y: int, x: int, side: int) -> tuple[Pixels, Pixels]:
        """A square of the i-th window; no other rows are read."""
        self._check(i)
        rows, columns = (slice(at * self._scale, (at + side) * self._scale) for at in (y, x))
        gt_HWC = self._clip.gt_frames(i + self._n_frames // 2, 1, rows)[0]
        return self._read(i, slice(y, y + side))[:, :, x : x + side], gt_HWC[:, columns]

    def gt_frames(self, first: int, count: int, rows: slice = ALL_ROWS) -> Pixels:
        """Consecutive sharp frames."""
        return self._clip.gt_frames(first, count, rows)

    def origin(self, i: int) -> str:
        """As the clip beneath says it."""
        return self._clip.origin(i)

    def _key(self) -> str:
        takes = self.pipeline.model_copy(update={"uses": 1})  # which does not change what they are
        return entry_key(
            kind="takes",
            making=[VERSION, av.__version__],  # whose encoders make other bytes in other versions
            clip=[self._clip.identity, self._clip.content],
            pipeline=takes.model_dump(mode="json"),
            n_frames=self._n_frames,
            scale=self._scale,
            seed=self._seed,
        )

    def _read(self, i: int, rows: slice) -> Pixels:
        take = self.takes.of_window(i)
        version = 0 if self._renewal is None else self._renewal.version(take.number, self._step)
        for _ in range(TRIES):
            try:
                frames = self._opened(take, version)
                if frames is None:
                    return self._clip.reduced_frames(i, self._n_frames)[:, rows]
                return frames.read(i - take.first, self._n_frames, rows)
            except ChangedFramesError:  # or removed by a process that is a version further
                self._open.pop(take.number, None)
                self._folder.remove(take.number, version)
        raise DataError(
            f"degraded frames of {self.source!r} change on the disk as often as they are made; "
            "set data.cache_dir to a folder that nothing else writes into"
        )

    def _opened(self, take: Take, version: int) -> StripReader | None:
        """A version of a take; None where its frames are those of the clip beneath."""
        known = self._open.get(take.number)
        if known is not None and known[0] == version:
            return known[1]
        rng = take_generator(self._seed, self._clip.content, take.first, version)
        recipe = draw(self.pipeline, rng)
        frames = None
        if not (recipe.is_only_reduced and self._keeps(recipe)):
            frames = self._folder.find_or_make(
                take.number, version, lambda: self._made(take, recipe, rng)
            )
        self._open[take.number] = version, frames
        return frames

    def _made(self, take: Take, recipe: Recipe, rng: np.random.Generator) -> Pixels:
        try:
            with one_thread():
                if self._keeps(recipe):
                    lq = iter(self._clip.reduced_frames(take.first, take.frames))
                else:
                    lq = reduced(self._sharp(take), self._scale, recipe.resize, recipe.blur)
                return recorded(lq, recipe, rng)
        except av.error.FFmpegError as error:  # some are the system's errors too
            raise DataError(
                f"frames of {self.source!r} cannot be degraded: {reason_of(error)}; set "
                "data.degradation to another codec or to 'bicubic'"
            ) from error

    def _keeps(self, recipe: Recipe) -> bool:
        """Whether the clip beneath has the frames as they are after reducing them."""
        is_kept = recipe.blur is None and recipe.resize == reduction_of(self.pipeline)
        return is_kept and self._clip.keeps_reduced

    def _sharp(self, take: Take) -> Iterator[Pixels]:
        stop = take.first + take.frames
        for first in range(take.first, stop, GT_AT_A_TIME):
            yield from self._clip.gt_frames(first, min(GT_AT_A_TIME, stop - first))


def degraded(footage: Footage, request: Request) -> Footage:
    """Footage seen through the pipeline that is asked for; ready-made pairs stay as they are."""
    pipeline = request.pipeline
    if is_plain(pipeline):
        return footage
    clips = tuple(
        DegradedClip(clip, request.n_frames, pipeline, request.cache_folder)
        if clip.identity
        else clip
        for clip in footage.clips
    )
    return replace(footage, clips=clips)


def renewed(footage: Footage, seed: int, samples_per_step: int) -> Footage:
    """Footage whose takes are made anew as a run goes on, each source's at the rate of its samples.

    Args:
        footage: the clips.
        seed: the run's.
        samples_per_step: the effective batch.
    """
    groups = {clip.group for clip in footage.clips}
    weights = sum(footage.groups[group] for group in groups)
    clips: dict[str, Clip] = {clip.name: clip for clip in footage.clips}
    for group in groups:
        own = [clip for clip in footage.clips if clip.group == group]
        made = [clip for clip in own if isinstance(clip, DegradedClip)]
        if not made:
            continue
        count = sum(clip.takes.count for clip in made)
        share = sum(map(_weight, made)) / sum(map(_weight, own)) * footage.groups[group] / weights
        steps = round_steps(made[0].pipeline, count, samples_per_step * share)
        before = 0
        for clip in made:
            clips[clip.name] = clip.renewed(Renewal(seed, steps, before, count))
            before += clip.takes.count
    return replace(footage, clips=tuple(clips.values()))


def _weight(clip: Clip) -> int:
    """How often a clip is drawn from, relative to others of its source."""
    weights = clip.weights()
    return TYPICAL * clip.windows if weights is None else int(weights.sum())
