"""What a source is asked for: the settings of either side of a run, side by side."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, Self

from vsr_data.pixels import Size
from vsr_files import expanded
from vsr_settings import Data, Model
from vsr_settings.degradation import Degradation

Role = Literal["train", "val"]
SMALLEST_PATCH: Final = 8  # low-resolution pixels; what `data.patch` is at least


@dataclass(frozen=True)
class Request:
    """One source and what its clips must fit.

    Attributes:
        role: training or validation; `data.train` and `data.val` are named after it.
        source: the setting, as the user wrote it.
        frames: frames of every video to use, as `first:stop`.
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

    @classmethod
    def of(cls, data: Data, model: Model, role: Role) -> Self:
        """The request that settings make for training or for validation."""
        train = role == "train"
        return cls(
            role=role,
            source=data.train if train else data.val,
            frames=data.train_frames if train else data.val_frames,
            n_frames=model.n_frames,
            scale=model.scale,
            degradation=data.degradation,
            patch=data.patch if train else None,
            cache_dir=data.cache_dir,
            cache_gib=data.cache_gib,
            cuts=data.cuts,
            interlaced=data.interlaced,
            hdr=data.hdr,
            bars=data.bars,
            windows=data.windows,
        )

    @property
    def setting(self) -> str:
        """The source as messages name it."""
        return f"data.{self.role} = {self.source!r}"

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
