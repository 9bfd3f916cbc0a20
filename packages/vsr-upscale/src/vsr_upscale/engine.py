"""A film's pictures through a network on a device: how many at once, and in which tiles."""

import copy
import hashlib
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor

from vsr_device import Platform, free_bytes
from vsr_model import Network, enlarge_film
from vsr_settings import ExitCode
from vsr_settings.memory import MIB, predict_inference
from vsr_upscale.errors import UpscaleError
from vsr_upscale.source import Picture

SHARE: Final = {"cuda": 0.9, "cpu": 0.5}
"""Share of the memory nobody uses that enlarging may take; on a CPU the rest of us lives there."""

SMALL: Final = 1 << 19
"""Low-resolution pixels with which a card is busy: smaller frames are enlarged several at once."""

MOST_AT_ONCE: Final = 8

PAINTED: Final = 4
"""Enlarged pictures, in fp32, that turning one into codes takes where it lies."""

TILES: Final = (1024, 768, 512, 384, 256, 192, 128, 96, 64, 48, 32)
"""Sides of tiles that are tried, the largest first."""


class Engine:
    """Enlarges a film's pictures.

    Attributes:
        platform: where it computes.
        tile: side of its tiles in low-resolution pixels; None enlarges frames whole.
        batch: frames that it enlarges at once.

    Args:
        network: the network; a copy of it is placed on the platform.
        platform: where to compute.
        size: height and width of the pictures.
        tile: as `Request.tile`.

    Raises:
        UpscaleError: if not even the smallest tiles fit into memory.
    """

    def __init__(
        self, network: Network, platform: Platform, size: tuple[int, int], tile: int | None = None
    ) -> None:
        self.platform = platform
        self._network = platform.place(copy.deepcopy(network).float().eval())
        height, width = size
        free = free_bytes(platform.device)
        most = None if free is None else free * SHARE.get(platform.device.type, 0.5)
        plan = _Plan(network, platform, height, width, most)
        self.tile = plan.tile() if tile is None else tile or None
        on_card = platform.device.type == "cuda"
        self.batch = plan.batch() if on_card and self.tile is None else 1

    @property
    def scale(self) -> int:
        """The enlargement."""
        return self._network.settings.scale

    @property
    def reach(self) -> int:
        """Frames before and after each one that its window has."""
        return self._network.settings.n_frames // 2

    def enlarge(self, pictures: Iterable[Picture]) -> Iterator[tuple[Picture, Tensor]]:
        """Enlarge pictures, in order.

        Args:
            pictures: of the engine's size.

        Yields:
            Each picture with its sr_1CHW, on the platform's device, not clamped.

        Raises:
            UpscaleError: if the network gives what is no number.
        """
        waiting: deque[Picture] = deque()
        frames = self._placed(pictures, waiting)
        enlarged = enlarge_film(self._network, frames, batch=self.batch, tile=self.tile)
        while True:
            # Entered for each frame: contexts of a generator would leak into its caller.
            with self.platform.autocast():
                sr_1CHW = next(enlarged, None)
            if sr_1CHW is None:
                return
            picture = waiting.popleft()
            self._check(picture, sr_1CHW)
            yield picture, sr_1CHW

    def _placed(
        self, pictures: Iterable[Picture], waiting: deque[Picture]
    ) -> Iterator[tuple[Tensor, bool]]:
        for picture in pictures:
            waiting.append(picture)
            yield picture.rgb_1CHW.to(self.platform.device), picture.starts_scene

    def _check(self, picture: Picture, sr_1CHW: Tensor) -> None:
        if bool(sr_1CHW.isfinite().all()):
            return
        precision = self.platform.precision
        if precision != "fp32":
            raise UpscaleError(
                f"frame {picture.number} overflows in {precision}; go on with --precision fp32 "
                "--resume",
                ExitCode.DEVICE,
            )
        raise UpscaleError(
            f"the network gives values at frame {picture.number} that are no numbers; use other "
            "weights"
        )


@dataclass(frozen=True)
class _Plan:
    """Frames of a size to be enlarged somewhere, and the memory that they may take there."""

    network: Network
    platform: Platform
    height: int
    width: int
    most: float | None

    def needed(self, tile: int | None, batch: int = 1) -> int:
        """Bytes that they are predicted to take, weights and what becomes of them included."""
        memory = predict_inference(
            self.network.settings,
            self.height,
            self.width,
            self.platform.precision,
            batch=batch,
            tile=tile,
        )
        picture = 3 * 4 * self.network.settings.scale**2 * self.height * self.width
        return memory.reserved + PAINTED * picture

    def fits(self, tile: int | None, batch: int = 1) -> bool:
        """Whether they fit, or nobody knows into what."""
        return self.most is None or self.needed(tile, batch) <= self.most

    def tile(self) -> int | None:
        """The largest tile that fits; None where whole frames do."""
        if self.most is None or self.fits(None):
            return None
        sides = [side for side in TILES if side < max(self.height, self.width)]
        for side in sides:
            if self.fits(side):
                return side
        raise UpscaleError(
            f"enlarging frames of {self.width}×{self.height} is predicted to take "
            f"{self.needed(TILES[-1]) // MIB} MiB in the smallest tiles, and "
            f"{self.most / MIB:.0f} MiB may be used; free some, use --device cpu, or ask for tiles "
            "all the same with --tile",
            ExitCode.DEVICE,
        )

    def batch(self) -> int:
        """As many frames as make a card busy, and fit."""
        wanted = max(1, min(MOST_AT_ONCE, SMALL // (self.height * self.width)))
        return next((count for count in range(wanted, 1, -1) if self.fits(None, count)), 1)


def digest_of(network: Network) -> str:
    """A digest of a network's settings and weights."""
    digest = hashlib.sha256(network.settings.model_dump_json().encode())
    for name, tensor in network.state_dict().items():
        digest.update(name.encode())
        digest.update(tensor.detach().float().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def interpolated(rgb_1CHW: Tensor, scale: int) -> Tensor:
    """A picture as a player would enlarge it: bicubic, in [0, 1]."""
    return torch.nn.functional.interpolate(
        rgb_1CHW, scale_factor=float(scale), mode="bicubic", align_corners=False
    ).clamp_(0, 1)
