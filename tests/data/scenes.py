"""Scenes that can be told apart, as photographs can: wide soft shapes with fine grain over them."""

import numpy as np
from PIL import Image

GRID = 7  # shapes across a scene


def scene(number: int, frames: int, height: int = 96, width: int = 128) -> list[np.ndarray]:
    """A camera that pans over a picture of its own for every number."""
    rng = np.random.default_rng(number)
    soft = Image.fromarray(rng.integers(0, 256, (GRID, GRID, 3), dtype=np.uint8))
    pan = height // 12
    wide = np.asarray(soft.resize((width + pan, height), Image.Resampling.BICUBIC), np.int16)
    fine = rng.integers(-24, 25, (height, width + pan, 1), dtype=np.int16)
    picture = (wide + fine).clip(0, 255).astype(np.uint8)
    return [picture[:, x : x + width] for x in np.arange(frames) % pan]


def resized(frames: list[np.ndarray], height: int, width: int) -> list[np.ndarray]:
    """Frames of another size."""
    return [
        np.asarray(Image.fromarray(one).resize((width, height), Image.Resampling.BICUBIC))
        for one in frames
    ]


def letterboxed(frames: list[np.ndarray], bar: int) -> list[np.ndarray]:
    """Frames with black bars above and below."""
    return [np.pad(one, ((bar, bar), (0, 0), (0, 0))) for one in frames]
