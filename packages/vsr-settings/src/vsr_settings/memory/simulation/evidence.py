"""What neighbours show, `vsr_model.alignment` line by line, as what gathering it takes.

Nothing here has a way back: a tensor is memory until its name goes.
"""

from vsr_settings.memory.simulation.tensors import BYTE, Simulation, Tensor
from vsr_settings.memory.sizes import evidence_channels

_PLACE = 8
"""Bytes of the index of a median."""
_LEVELS, _SMALLEST, _ITERATIONS = 4, 24, 3
"""Of the pyramid; the shorter side under which it ends; steps at each level."""

_PRODUCTS = 5
"""Of gradients, along either axis and in time."""

Evidence = tuple[Tensor, Tensor]
"""Confidence and evidence."""


def gather_evidence(lq_BTCHW: Tensor, scale: int) -> Evidence:
    """Return the confidence and the evidence of windows."""
    samples, frames, colours, height, width = lq_BTCHW.shape
    simulation = lq_BTCHW.simulation
    simulation.begin("alignment")
    with simulation.no_grad():
        centre = lq_BTCHW.view((samples, colours, height, width))
        others, flow, error = _aligned(centre, frames - 1)
        frame = others.view(centre.shape)
        flow_of_one = flow.view((samples, 2, height, width))
        gradient = _squared_gradient(centre)
        noise = _noise(simulation, samples, frames - 1)
        tolerance = _tolerance(gradient, noise)
        texture = gradient.like().like()
        sums = _Sums(centre, scale)
        for _ in range(frames - 1):
            sums.add(frame, _mask(flow_of_one))
        found = sums.confidence(), sums.evidence()
        del texture, tolerance, error, flow
        return found


def _aligned(centre: Tensor, neighbours: int) -> tuple[Tensor, Tensor, Tensor]:
    samples, *rest = centre.shape
    shape = (neighbours * samples, *rest)
    centres, others = (centre.simulation.tensor(shape) for _ in range(2))
    flow = _flow(centres, others)
    error = _mean_around(_squared_error(_warp(others, flow), centres))
    return others, flow, error


def _flow(centre: Tensor, other: Tensor) -> Tensor:
    flow = _flow_of_luma(_channels(centre, 1), _channels(other, 1))
    along = _mean_around(_squared_error(_warp(other, flow), centre))
    ahead = _mean_around(_squared_error(other, centre))
    is_better = _channels(along, 1, BYTE)
    result = flow.like()
    del ahead, is_better
    return result


def _flow_of_luma(centre: Tensor, other: Tensor) -> Tensor:
    levels = list(zip(_pyramid(centre), _pyramid(other), strict=True))
    flow = _channels(levels[-1][0], 2)
    twice: Tensor | None = None
    for a, b in reversed(levels):
        if flow.shape[-2:] != a.shape[-2:]:
            pairs, _, height, width = flow.shape
            twice = flow.simulation.tensor((pairs, 2, 2 * height, 2 * width))
            flow = _channels(a, 2)
        for _ in range(_ITERATIONS):
            step = _step(a, _warp(b, flow))
            flow = _mean_around(step.like())
    del twice
    return flow


def _step(centre: Tensor, warped: Tensor) -> Tensor:
    along_x, along_y = _gradients(warped.like())
    change = warped.like()
    products = [centre.like() for _ in range(_PRODUCTS)]
    joined = _channels(centre, _PRODUCTS)
    products.clear()
    means = _mean_around(joined)
    determinant = _less_another(centre)
    solved = [_less_another(centre) for _ in range(2)]
    result = _channels(centre, 2)
    del along_x, along_y, change, means, determinant, solved
    return result


def _pyramid(luma: Tensor) -> list[Tensor]:
    levels = [luma]
    while len(levels) < _LEVELS and min(levels[-1].shape[-2:]) >= _SMALLEST:
        smooth = _mean_around(_mean_around(levels[-1]))
        pairs, _, height, width = smooth.shape
        levels.append(luma.simulation.tensor((pairs, 1, (height + 1) // 2, (width + 1) // 2)))
    return levels


def _warp(frame: Tensor, flow: Tensor) -> Tensor:
    height, width = flow.shape[-2:]
    return _sample(frame, _pixels(flow.simulation, height, width, plus=flow))


def _sample(frame: Tensor, places: Tensor) -> Tensor:
    grid = _normalised(places)
    samples, channels = frame.shape[:2]
    result = frame.simulation.tensor((samples, channels, *places.shape[-2:]))
    del grid
    return result


def _normalised(places: Tensor) -> Tensor:
    along_x, along_y = (_channels(places, 1) for _ in range(2))
    grid = places.like()
    del along_x, along_y
    return grid


def _pixels(simulation: Simulation, height: int, width: int, plus: Tensor | None = None) -> Tensor:
    along_y, along_x = simulation.tensor((height,)), simulation.tensor((width,))
    places = simulation.tensor((2, height, width))
    del along_y, along_x
    return places if plus is None else plus.like()


def _mean_around(maps: Tensor) -> Tensor:
    rows = maps.like()
    return rows.like()


def _gradients(maps: Tensor) -> tuple[Tensor, Tensor]:
    *rest, height, width = maps.shape
    wide = maps.simulation.tensor((*rest, height + 2, width + 2))
    along_x, along_y = maps.like(), maps.like()
    del wide
    return along_x, along_y


def _squared_error(one: Tensor, other: Tensor) -> Tensor:
    del other
    return _channels(one.like(), 1)


def _less_another(x: Tensor) -> Tensor:
    """A product less another product."""
    product = x.like()
    x.like()
    return product


def _squared_gradient(centre: Tensor) -> Tensor:
    along_x, along_y = _gradients(centre)
    gradient = _mean_around(_channels(centre, 1))
    del along_x, along_y
    return gradient


def _tolerance(gradient: Tensor, noise: Tensor) -> Tensor:
    of_noise, of_gradient = noise.like(), gradient.like()
    tolerance = gradient.like()
    del of_noise, of_gradient
    return tolerance


def _noise(simulation: Simulation, samples: int, neighbours: int) -> Tensor:
    medians = []
    for _ in range(neighbours):
        medians.append(simulation.tensor((samples,)))
        simulation.tensor((samples,), _PLACE)
    joined = simulation.tensor((neighbours, samples))
    least = simulation.tensor((samples,))
    del joined
    noise = least.like()
    del medians, least
    return noise


def _mask(flow: Tensor) -> Tensor:
    mask = _channels(flow, 1)
    novelty = _bell(flow.like().like()).like()
    _inside(flow)
    motion = _bell(flow)
    del novelty, motion
    return mask


def _bell(offset: Tensor) -> Tensor:
    return _channels(offset.like(), 1)


def _inside(flow: Tensor) -> Tensor:
    height, width = flow.shape[-2:]
    places = _pixels(flow.simulation, height, width, plus=flow)

    def both(one: Tensor) -> Tensor:
        other = _channels(flow, 1, BYTE)
        result = one.like()
        del other
        return result

    is_within_width = both(_channels(flow, 1, BYTE))
    result = both(both(is_within_width))
    del places, is_within_width
    return result


class _Sums:
    """What the neighbours saw, summed."""

    def __init__(self, centre: Tensor, scale: int) -> None:
        samples, colours, height, width = centre.shape
        self.centre = centre
        self.scale = scale
        self.places = _pixels(centre.simulation, scale * height, scale * width)
        self.enlarged = self._parts(self._large(colours))
        self.interpolated, self.real = self.enlarged.like(), self.enlarged.like()
        self.nearness = centre.simulation.tensor((samples, scale**2, height, width))
        self.belief, self.doubt = _channels(centre, 1), _channels(centre, 1)

    def add(self, frame: Tensor, mask: Tensor) -> None:
        """Add a neighbour."""
        seen_at = self._large(2)
        seen = self._parts(_sample(frame, seen_at))
        pixel = seen_at.like()
        off = seen_at.like()
        there = _sample(frame, pixel)
        here = _sample(self.centre, off.like())
        real = self._parts(there)
        weight = self._parts(_bell(off))
        mask.like()
        del seen, here, real, weight

    def confidence(self) -> Tensor:
        """Return the confidence."""
        return self.doubt.like()

    def evidence(self) -> Tensor:
        """Return the evidence."""
        self.belief.like()
        self.nearness.like()
        return _channels(self.belief, evidence_channels(self.scale))

    def _large(self, channels: int) -> Tensor:
        samples, _, height, width = self.centre.shape
        shape = (samples, channels, self.scale * height, self.scale * width)
        return self.centre.simulation.tensor(shape)

    def _parts(self, large: Tensor) -> Tensor:
        samples, channels, height, width = large.shape
        scale = self.scale
        shape = (samples, channels * scale**2, height // scale, width // scale)
        return large.simulation.tensor(shape)


def _channels(maps: Tensor, channels: int, element: int | None = None) -> Tensor:
    """New maps of as many pixels."""
    samples, _, height, width = maps.shape
    return maps.simulation.tensor((samples, channels, height, width), element or maps.element)
