"""What a source is asked for: the settings of either side of a run, side by side.

Either side has one source or several; each is asked for by a `Request` of its own.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Self

from vsr_data.degradation import Reduction, reduction_of
from vsr_data.pixels import Size
from vsr_files import expanded
from vsr_settings import Data, Model
from vsr_settings.degradation import Degradation, Pipeline, pipeline_of

Role = Literal["train", "val"]
SMALLEST_PATCH: Final = 8  # low-resolution pixels; what `data.patch` is at least


@dataclass(frozen=True)
class Request:
    """One source and what its clips must fit.

    Attributes:
        role: training or validation; `data.train` and `data.val` are named after it.
        source: the path or word, as the user wrote it.
        frames: frames of every video to use, as `first:stop`.
        group: the source's number among those of its role.
        weight: its part of the samples, over the weights of all of them.
        is_one_of_several: whether the setting is a list of sources.
        patch: side of a low-resolution crop in pixels; None where whole frames are used.
    """

    role: Role
    source: str
    frames: str
    n_frames: int
    scale: int
    degradation: Degradation
    patch: int | None
    cache_dir: str
    cache_gib: float
    cuts: Literal["auto", "off"] = "auto"
    interlaced: Literal["mend", "refuse", "keep"] = "mend"
    hdr: Literal["tonemap", "refuse", "keep"] = "tonemap"
    bars: Literal["crop", "keep"] = "crop"
    windows: Literal["detail", "uniform"] = "detail"
    group: int = 0
    weight: float = 1.0
    is_one_of_several: bool = False

    @classmethod
    def of(cls, data: Data, model: Model, role: Role, group: int = 0) -> Self:
        """The request that settings make of one source for training or for validation."""
        train = role == "train"
        source = data.sources(role)[group]
        return cls(
            role=role,
            source=source.path,
            frames=source.frames,
            n_frames=model.n_frames,
            scale=model.scale,
            degradation=data.degradation,
            patch=data.patch if train else None,
            cache_dir=data.cache_dir,
            cache_gib=data.cache_gib,
            group=group,
            weight=source.weight,
            is_one_of_several=train and not isinstance(data.train, str),
            cuts=data.cuts,
            interlaced=data.interlaced,
            hdr=data.hdr,
            bars=data.bars,
            windows=data.windows,
        )

    @classmethod
    def all_of(cls, data: Data, model: Model, role: Role) -> tuple[Self, ...]:
        """One request for every source of a role, in the order of the settings."""
        return tuple(cls.of(data, model, role, i) for i in range(len(data.sources(role))))

    @property
    def setting(self) -> str:
        """The source as messages name it."""
        if self.is_one_of_several:
            return f"data.{self.role}[{self.group}].path = {self.source!r}"
        return f"data.{self.role} = {self.source!r}"

    @property
    def frames_setting(self) -> str:
        """The setting that says which frames are used, as messages name it."""
        if self.is_one_of_several:
            return f"data.{self.role}[{self.group}].frames"
        return f"data.{self.role}_frames"

    @property
    def pipeline(self) -> Pipeline:
        """What makes low-resolution frames."""
        return pipeline_of(self.degradation)

    @property
    def reduction(self) -> Reduction:
        """How the frame cache's low-resolution frames are made, which the rest is done to."""
        return reduction_of(self.pipeline)

    @property
    def place(self) -> Path:
        """Where the source is."""
        return expanded(self.source)

    @property
    def cache_folder(self) -> Path:
        """Where decoded frames are kept."""
        return expanded(self.cache_dir)

    def misfit(self, lq_size: Size) -> str | None:
        """Why frames of a (height, width) cannot be cut into patches; None if they can."""
        if self.patch is None or min(lq_size) >= self.patch:
            return None
        height, width = lq_size
        small = min(lq_size)
        remedy = f"; lower data.patch to at most {small}" if small >= SMALLEST_PATCH else ""
        return (
            f"low-resolution frames are {width}×{height}; data.patch = {self.patch} needs "
            f"{self.patch}×{self.patch}{remedy}"
        )
