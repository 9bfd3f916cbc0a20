"""What neighbours show, written a second time in numpy and float64: the judge of the lean one.

One window at a time, every neighbour by itself, every mean over a square summed pixel by pixel.
Frames are CHW and places (x, y), in pixels from the middle of the first one.
"""

import itertools

import numpy as np


def plain_evidence(window_TCHW, scale):
    """Return (confidence_1HW, evidence_KHW) of one window in [0, 1]."""
    middle = len(window_TCHW) // 2
    centre = window_TCHW[middle]
    others = [frame for number, frame in enumerate(window_TCHW) if number != middle]
    height, width = centre.shape[1:]
    flows = [_flow(centre, other) for other in others]
    errors = [
        _around((_cubic(other, _moved(flow)) - centre) ** 2, 3).mean(0)
        for other, flow in zip(others, flows, strict=True)
    ]
    gradient = _around(sum(each**2 for each in _central(centre)), 3).mean(0)
    noise = min(np.sort(error, axis=None)[(error.size - 1) // 2] for error in errors)
    noise *= np.exp(-((noise / (8 / 255) ** 2) ** 2))
    tolerance = 0.015**2 + np.minimum(8 * noise, 0.015 * gradient)
    texture = gradient / (gradient + (2 / 255) ** 2)
    masks = [
        np.exp(-error / (2 * tolerance))
        * (1 - np.exp(-((flow - np.rint(flow)) ** 2).sum(0) / (2 * 0.15**2)))
        * texture
        * _is_inside(_moved(flow), height, width)
        / (1 + ((flow**2).sum(0) / 12**2) ** 2)
        for flow, error in zip(flows, errors, strict=True)
    ]
    confidence = 1 - np.prod([1 - mask for mask in masks], axis=0)

    smooth, real, nearness = [], [], []  # of each part of a pixel
    for y_part, x_part in itertools.product(range(scale), repeat=2):
        places = _pixels(height, width)
        places[0] += (x_part + 0.5) / scale - 0.5
        places[1] += (y_part + 0.5) / scale - 0.5
        seen_colour, seen_real, seen_near = 0.0, 0.0, 0.0
        for other, flow, mask in zip(others, flows, masks, strict=True):
            seen_at = places + _linear(flow, places)
            seen_colour += mask * (_cubic(other, seen_at) - _cubic(centre, places))
            pixel = np.rint(seen_at)
            off = pixel - seen_at
            weight = mask * np.exp(-(off**2).sum(0) / (2 * 0.2**2))
            seen_real += weight * (_at(other, pixel) - _cubic(centre, places + off))
            seen_near += weight
        smooth.append(seen_colour / (sum(masks) + 1))
        real.append(seen_real / (seen_near + 0.5))
        nearness.append(0.05 * seen_near)
    by_colour = [np.stack(each, axis=1).reshape(-1, height, width) for each in (smooth, real)]
    evidence = np.concatenate([*by_colour, np.stack(nearness), 0.05 * sum(masks)[None]])
    return confidence[None], evidence


def _flow(centre, other):
    """Return the flow from `centre` to `other`, 2HW; none where they agree no better with it."""
    levels = list(zip(_pyramid(_luma(centre)), _pyramid(_luma(other)), strict=True))
    flow = np.zeros((2, *levels[-1][0].shape[1:]))
    for number, (a, b) in reversed(list(enumerate(levels))):
        if flow.shape[1:] != a.shape[1:]:
            flow = 2 * _linear(flow, (_pixels(*a.shape[1:]) + 0.5) / 2 - 0.5)
        for _ in range(3):
            warped = (_linear if number else _cubic)(b, _moved(flow))
            x, y = _central((a + warped) / 2)
            xx, xy, yy = _around(x * x, 7) + 1e-5, _around(x * y, 7), _around(y * y, 7) + 1e-5
            matrix = np.stack([np.stack([xx, xy], -1), np.stack([xy, yy], -1)], -2)
            right = np.stack([_around(each * (a - warped), 7) for each in (x, y)], -1)
            step = np.linalg.solve(matrix, right[..., None])[0, ..., 0]
            flow = _around(flow + np.moveaxis(step, -1, 0).clip(-1, 1), 5)
    along, ahead = (
        _around((each - centre) ** 2, 5).mean(0) for each in (_cubic(other, _moved(flow)), other)
    )
    return np.where(along < ahead, flow, 0)


def _pyramid(luma):
    levels = [luma]
    while len(levels) < 4 and min(levels[-1].shape[1:]) >= 24:
        smooth = _around(_around(levels[-1], 3), 3)
        height, width = (side + side % 2 for side in smooth.shape[1:])
        wide = np.full((1, height, width), np.nan)
        wide[:, : smooth.shape[1], : smooth.shape[2]] = smooth
        levels.append(np.nanmean(wide.reshape(1, height // 2, 2, width // 2, 2), axis=(2, 4)))
    return levels


def _luma(frame):
    return np.tensordot([0.299, 0.587, 0.114], frame, 1)[None]


def _central(frame):
    """Central differences along x and y of a frame that goes on beyond its border."""
    wide = np.pad(frame, ((0, 0), (1, 1), (1, 1)), mode="edge")
    x = (wide[:, 1:-1, 2:] - wide[:, 1:-1, :-2]) / 2
    y = (wide[:, 2:, 1:-1] - wide[:, :-2, 1:-1]) / 2
    return x, y


def _around(maps, side):
    """The mean over as much of a square around each pixel as there is."""
    reach = side // 2
    wide = np.pad(maps, ((0, 0), (reach, reach), (reach, reach)), constant_values=np.nan)
    squares = np.lib.stride_tricks.sliding_window_view(wide, (side, side), axis=(1, 2))
    return np.nanmean(squares, axis=(-2, -1))


def _pixels(height, width):
    return np.stack(np.meshgrid(np.arange(width), np.arange(height))).astype(np.float64)


def _moved(flow):
    return _pixels(*flow.shape[1:]) + flow


def _is_inside(places, height, width):
    x, y = places
    return (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)


def _at(frame, places):
    """The values at whole places; beyond the border, the border's."""
    height, width = frame.shape[1:]
    x, y = (each.astype(int) for each in places)
    return frame[:, y.clip(0, height - 1), x.clip(0, width - 1)]


def _sampled(frame, places, kernel, reach):
    x, y = places
    total = 0.0
    for down, right in itertools.product(range(1 - reach, reach + 1), repeat=2):
        tap = np.stack([np.floor(x) + right, np.floor(y) + down])
        total = total + _at(frame, tap) * kernel(abs(tap[0] - x)) * kernel(abs(tap[1] - y))
    return total


def _linear(frame, places):
    return _sampled(frame, places, lambda distance: (1 - distance).clip(0), 1)


def _cubic(frame, places):
    """Keys' kernel with a = -0.75, as torch has it."""

    def kernel(distance):
        near = (1.25 * distance - 2.25) * distance**2 + 1
        far = -0.75 * (((distance - 5) * distance + 8) * distance - 4)
        return np.where(distance < 1, near, np.where(distance < 2, far, 0))

    return _sampled(frame, places, kernel, 2)
