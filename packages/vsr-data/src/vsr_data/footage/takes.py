"""Takes: stretches of a clip whose frames are degraded together, and when they are made anew.

Takes overlap by one frame less than a window has, so that every window lies in exactly one.
Invariant: which version of a take a step sees is a function of the step alone, and what is drawn
for it one of the seed, the take and the version: not of who makes it, or when.
"""

import hashlib
from dataclasses import dataclass
from typing import Final

import numpy as np

from vsr_data.degradation import is_plain
from vsr_data.pixels import Size
from vsr_data.request import Request
from vsr_settings.degradation import Pipeline

VERSIONS_KEPT: Final = 2  # of a take on the disk, at most; validation has one


@dataclass(frozen=True)
class Take:
    """Frames of a clip that are degraded together.

    Attributes:
        number: among the takes of its clip.
        first: its first frame, and its first window.
        frames: how many it has.
    """

    number: int
    first: int
    frames: int


@dataclass(frozen=True)
class Takes:
    """How a clip falls into takes of nearly one length.

    Attributes:
        windows: of the clip.
        n_frames: of a window.
        longest: frames of a take at most; a window's where that is more.
    """

    windows: int
    n_frames: int
    longest: int

    @property
    def count(self) -> int:
        """How many there are."""
        return -(-self.windows // max(1, self.longest - self.n_frames + 1))

    def of_window(self, i: int) -> Take:
        """The take that holds a window."""
        number = ((i + 1) * self.count - 1) // self.windows
        first, stop = (part * self.windows // self.count for part in (number, number + 1))
        return Take(number, first, stop - first + self.n_frames - 1)

    @property
    def frames(self) -> int:
        """Frames of all of them together."""
        return self.windows + self.count * (self.n_frames - 1)


@dataclass(frozen=True)
class Renewal:
    """When takes are made anew: each once a round, one after the other.

    Attributes:
        seed: decides what is drawn.
        round_steps: optimiser steps from one version of a take to the next.
        before: takes of the source's clips before.
        count: takes of all clips of the source.
    """

    seed: int
    round_steps: int
    before: int
    count: int

    def version(self, take: int, step: int) -> int:
        """The version of a clip's take that a step sees."""
        offset = (self.before + take) * self.round_steps // self.count
        return (step + offset) // self.round_steps


def takes_bytes(frames: int, lq_size: Size, request: Request) -> int:
    """Most bytes that the takes of a clip need in the cache at a time."""
    windows = frames - request.n_frames + 1
    if windows < 1 or is_plain(request.pipeline):
        return 0
    takes = Takes(windows, request.n_frames, request.pipeline.take)
    versions = VERSIONS_KEPT if request.role == "train" else 1
    return versions * takes.frames * lq_size[0] * lq_size[1] * 3


def round_steps(pipeline: Pipeline, takes: int, samples_per_step: float) -> int:
    """Steps in which every take of a source is cut from `pipeline.uses` times on average."""
    return max(1, round(pipeline.uses * takes / samples_per_step))


def take_generator(seed: int | None, clip: str, first: int, version: int) -> np.random.Generator:
    """The generator of all that is random in a version of a take.

    Args:
        seed: the run's; None for takes that are the same in every run.
        clip: what tells the clip's frames from others, the same for every copy of them.
        first: the take's first frame.
        version: from 0.
    """
    text = f"{seed} {clip} {first} {version}".encode("utf-8", "surrogateescape")
    entropy = int.from_bytes(hashlib.sha256(text).digest(), "big")
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(entropy)))
