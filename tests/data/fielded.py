"""Frames made of fields: drawn, and woven of whole ones."""

import numpy as np

PULLDOWN = ((0, 0), (0, 1), (1, 2), (2, 2), (3, 3))
"""Of four frames of a film, those whose fields five frames show; the earlier field first."""


def textured(number, height, width):
    """A picture of smooth noise that moves sideways, a pixel and a half a number."""
    rng = np.random.default_rng(5)
    noise = rng.random((height // 4 + 2, width // 4 + 60))
    columns = (np.arange(width) + 1.5 * number) / 4
    rows = np.arange(height) / 4
    left, top = columns.astype(int), rows.astype(int)
    u, v = (columns - left)[None, :], (rows - top)[:, None]
    corner = [noise[np.ix_(top + i, left + j)] for i in (0, 1) for j in (0, 1)]
    value = (1 - v) * ((1 - u) * corner[0] + u * corner[1]) + v * (
        (1 - u) * corner[2] + u * corner[3]
    )
    return np.repeat((40 + 170 * value)[..., None], 3, axis=-1).round().astype(np.uint8)


def woven(order):
    """Draws frames whose fields are of two moments."""

    def draw(number, height, width):
        early, late = (textured(2 * number + i, height, width) for i in (0, 1))
        frame = early if order == "tff" else late
        other = late if order == "tff" else early
        frame[1::2] = other[1::2]
        return frame

    return draw


def telecined(number, height, width):
    """Four frames of a film in five."""
    first, second = PULLDOWN[number % 5]
    frame = textured(4 * (number // 5) + first, height, width)
    frame[1::2] = textured(4 * (number // 5) + second, height, width)[1::2]
    return frame


def weave(first, second, order):
    """One frame of the earlier field of one and the later field of another."""
    upper, lower = (first, second) if order == "tff" else (second, first)
    frame = upper.copy()
    frame[1::2] = lower[1::2]
    return frame


def interlaced(frames, order):
    """Half as many frames, each of two moments."""
    pairs = zip(frames[::2], frames[1::2], strict=False)
    return [weave(first, second, order) for first, second in pairs]


def pulled_down(frames, order):
    """Five frames of every four."""
    fours = [frames[i : i + 4] for i in range(0, len(frames) - 3, 4)]
    return [weave(four[a], four[b], order) for four in fours for a, b in PULLDOWN]
