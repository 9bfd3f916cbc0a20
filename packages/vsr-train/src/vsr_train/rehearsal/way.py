"""What a way of computing is: a precision, and an order of tensors in memory."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, get_args

from vsr_device import AMP_DTYPES, MEMORY_FORMATS, Platform
from vsr_settings import MemoryFormat, Precision, Settings


@dataclass(frozen=True)
class Way:
    """A precision, and an order of tensors in memory."""

    precision: Precision
    memory_format: MemoryFormat

    def __str__(self) -> str:
        return f"{self.precision} {self.memory_format.replace('_', ' ')}"

    @classmethod
    def of(cls, platform: Platform) -> "Way":
        """Return the way of a platform."""
        formats = {order: name for name, order in MEMORY_FORMATS.items()}
        return cls(platform.precision, formats[platform.memory_format])

    @classmethod
    def from_text(cls, stored: Mapping[str, Any]) -> "Way | None":
        """Return what `asdict` stored; None where it is no way."""
        precision: Any = stored.get("precision")
        order: Any = stored.get("memory_format")
        if precision in get_args(Precision) and order in get_args(MemoryFormat):
            return cls(precision, order)
        return None

    def on(self, platform: Platform) -> Platform:
        """Return the platform with this way of computing."""
        return replace(
            platform,
            amp_dtype=AMP_DTYPES[self.precision],
            memory_format=MEMORY_FORMATS[self.memory_format],
        )

    def written_in(self, settings: Settings) -> Settings:
        """Return the settings as they would be with this way written out."""
        amp: dict[str, Any] = {"use_amp": self.precision != "fp32"}
        if self.precision != "fp32":
            amp["amp_dtype"] = self.precision
        order = {"memory_format": self.memory_format}
        return settings.model_copy(
            update={
                "train": settings.train.model_copy(update=amp),
                "hardware": settings.hardware.model_copy(update=order),
            }
        )
