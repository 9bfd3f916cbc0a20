"""Small footage made on the spot: videos with PyAV, pictures with Pillow, clips in memory."""

import os
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from vsr_data.degradation import degrade
from vsr_data.footage.clip import Clip, Footage
from vsr_settings import Data, Model

SHARED = Path(__file__).parents[3] / "shared" / "data"
MODEL = Model()


def shared_files(folder: str, pattern: str = "*") -> list:
    """Test parameters for the clips beside the checkout; one skipped parameter without them."""
    found = sorted((SHARED / folder).glob(pattern)) if (SHARED / folder).is_dir() else []
    if not found:
        reason = "the folder shared/data with test clips is not beside the checkout"
        return [pytest.param(None, id=f"no {folder}", marks=pytest.mark.skip(reason=reason))]
    return [pytest.param(path, id=path.name) for path in found]


def data(tmp_path: Path, source, **changes) -> Data:
    """A `[data]` section with both sources the same and a cache of its own."""
    values = {"train": str(source), "val": str(source), "patch": 8, "degradation": "area"}
    values["cuts"] = "off"  # noise is another scene with every frame
    return Data(**{**values, "cache_dir": str(tmp_path / "cache"), **changes})


def picture(height: int, width: int, number: int = 0) -> np.ndarray:
    """Noise that is different for every number."""
    return np.random.default_rng(number).integers(0, 256, (height, width, 3), dtype=np.uint8)


def write_video(
    path: Path,
    frames: list[np.ndarray],
    *,
    codec: str = "ffv1",
    pix_fmt: str = "bgr0",
    options: dict[str, str] | None = None,
    format: str | None = None,  # noqa: A002 - PyAV's name
) -> Path:
    """Encode RGB frames; losslessly unless told otherwise."""
    with av.open(str(path), "w", format=format) as container:
        stream = container.add_stream(codec, rate=25, options=options or {})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pix_fmt
        for rgb_HWC in frames:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb_HWC), "rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def noise_video(path: Path, frames: int, height: int = 48, width: int = 60, **how) -> Path:
    """A video of noise: no two frames are alike."""
    return write_video(path, [picture(height, width, i) for i in range(frames)], **how)


def annex_b(folder: Path, frames: int, height: int, width: int) -> bytes:
    """A raw H.264 stream without timestamps, whose one key frame is its first."""
    path = folder / f"{frames}_{height}_{width}.264"
    options = {"qp": "20", "x264-params": "keyint=250:bframes=0:log-level=none"}
    how = {"codec": "libx264", "pix_fmt": "yuv420p", "format": "h264", "options": options}
    return noise_video(path, frames, height, width, **how).read_bytes()


def write_pair(
    root: Path, name: str, *, n_frames=5, scale=3, side=16, part="Patches"
) -> np.ndarray:
    """A pair of pictures of noise; returns its frames, ground truth size, oldest first."""
    frames = [picture(side * scale, side * scale, i) for i in range(n_frames)]
    lq = np.concatenate([degrade(frame, scale, "area") for frame in frames])
    for folder, pixels in (("GT", frames[n_frames // 2]), ("LR", lq)):
        (root / part / folder).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(root / part / folder / f"{name}.png")
    return np.stack(frames)


def write_pictures(
    folder: Path,
    count: int,
    height: int = 48,
    width: int = 60,
    *,
    first=0,
    name="{:08d}.png",
    **how,
) -> list[np.ndarray]:
    """Numbered pictures of noise in a folder; returns their pixels."""
    folder.mkdir(parents=True, exist_ok=True)
    frames = [picture(height, width, first + i) for i in range(count)]
    for i, pixels in enumerate(frames):
        Image.fromarray(pixels).save(folder / name.format(first + i), **how)
    return frames


class NoiseClip(Clip):
    """A clip in memory whose low-resolution frames are exact means of its sharp ones."""

    source = "memory"

    def __init__(
        self, name: str, frames: int, height: int, width: int, *, scale: int, n_frames: int
    ):
        self.name = name
        self.windows = frames - n_frames + 1
        self.lq_size, self.gt_size = (height, width), (height * scale, width * scale)
        self.n_frames = n_frames
        seed = len(name) * 1000 + frames
        self.gt = np.stack([picture(*self.gt_size, seed + i) for i in range(frames)])
        self.lq = np.stack([degrade(frame, scale, "area") for frame in self.gt])

    def window(self, i):
        self._check(i)
        return self.lq[i : i + self.n_frames], self.gt[i + self.n_frames // 2]

    def origin(self, i):
        return f"{self.name} window {i} of process {os.getpid()}"


def noise_footage(scale: int = 3, n_frames: int = 5) -> Footage:
    """Three clips of different length and shape."""
    shapes = [("a", 5, 14, 20), ("bb", 9, 12, 12), ("ccc", 6, 24, 13)]
    return Footage(
        tuple(NoiseClip(name, t, h, w, scale=scale, n_frames=n_frames) for name, t, h, w in shapes),
    )
