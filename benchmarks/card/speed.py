"""Time of a step against other ways to make it, in alternating rounds, as ratios of medians.

Beside it: what the card's matrix product and memory do, the shares of them that a step has, and how
often a step waits for the device.
"""

import statistics
from dataclasses import dataclass

import torch
from measuring import matmul_rate

from vsr_device import AMP_DTYPES
from vsr_settings import Model

from .contenders import compilers, contenders, graphs
from .place import EMULATED
from .results import reason_of
from .shares import shares, waits

BANDWIDTH_ROUNDS = 5
MADE_SHARE = 0.6
"""Of the time for contenders, for making them and their first steps."""


@dataclass(frozen=True)
class Cell:
    """A network and the precision that it is timed in."""

    network: str
    model: Model
    precision: str

    def row(self, kind, **found):
        """Return a row about it."""
        return {"kind": kind, "network": self.network, "precision": self.precision, **found}


def speed(place, deadline, add):
    """Add the card's own rates, then contenders by network and precision, the risky ones last.

    Waits come after all that is timed: a profiler that was used once may slow what follows.
    """
    rates = _rates(place, deadline, add)
    cells = _cells(place, add)
    # The first cells tell most, and cuDNN tries most kernels there. Of compilers, one is enough.
    work = [("time", cell, _contest, 12 / number) for number, cell in enumerate(cells, 1)]
    work += [("time", cell, _graphs, 1) for cell in cells]
    work += [("time", cells[0], _compilers, 4)]
    work += [("waits", cell, _waits, 0.5) for cell in cells]
    for number, (kind, cell, do, weight) in enumerate(work):
        if deadline.passed:
            add(cell.row(kind, left_out="no time was left"))
            continue
        part = deadline.part(weight / sum(each for *_, each in work[number:]))
        try:
            do(place, cell, rates, part, add)
        except Exception as error:  # noqa: BLE001 - whatever it is, other cells can be timed
            add(cell.row(kind, reason=reason_of(error)))
        place.give_back()


def _cells(place, add):
    """Return what is timed, all of the first precision first."""
    cells = []
    for precision in place.sizes.precisions:
        if place.has_natively(precision):
            cells += [Cell(*each, precision) for each in place.sizes.networks.items()]
        else:
            add(Cell("any", None, precision).row("time", reason=EMULATED))
    return cells


def _contest(place, cell, rates, deadline, add):
    """Time contenders, and find the shares that the faster of ours has of the card's best."""
    seconds = _time(cell, contenders(place, cell.model, cell.precision), place, deadline, add)
    ours = {name: seconds[name] for name in ("ours", "channels_last") if name in seconds}
    if ours:
        fastest = min(ours, key=ours.get)
        found = shares(place, cell.model, cell.precision, rates, ours[fastest])
        add(cell.row("share", contender=fastest, **found))


def _graphs(place, cell, rates, deadline, add):
    del rates
    _time(cell, graphs(place, cell.model, cell.precision), place, deadline, add)


def _compilers(place, cell, rates, deadline, add):
    del rates
    its = compilers(place, cell.model, cell.precision, deadline.part(MADE_SHARE))
    _time(cell, its, place, deadline, add)


def _waits(place, cell, rates, deadline, add):
    del rates, deadline
    add(cell.row("waits", **waits(place, cell.model, cell.precision)))


def _rates(place, deadline, add):
    """Measure the matrix product in each precision, and a copy within the device's memory."""
    rates = {}
    for precision in place.sizes.precisions:
        if deadline.passed or not place.has_natively(precision):
            continue
        try:
            dtype = AMP_DTYPES[precision] or torch.float32
            rates[precision] = _matmul(place, dtype)
            add({"kind": "matmul", "precision": precision, "tflops": rates[precision] / 1e12})
        except Exception as error:  # noqa: BLE001 - shares are then left out
            add({"kind": "matmul", "precision": precision, "reason": reason_of(error)})
    try:
        rates["copy"] = _bandwidth(place)
        add({"kind": "copy", "gbs": rates["copy"] / 1e9})
    except Exception as error:  # noqa: BLE001 - shares are then left out
        add({"kind": "copy", "reason": reason_of(error)})
    place.give_back()
    return rates


def _matmul(place, dtype):
    if place.is_card:
        return matmul_rate(place.device, dtype)
    side = place.sizes.matmul
    a = torch.randn(side, side).to(dtype)
    return 2 * side**3 / max(_seconds(place, lambda: a @ a), 1e-9)


def _bandwidth(place):
    """Bytes read and written per second by the best copy of a large tensor."""
    size = place.sizes.copied_mib << 20
    source = torch.empty(size, dtype=torch.uint8, device=place.device)
    target = torch.empty_like(source)
    best = min(_seconds(place, lambda: target.copy_(source)) for _ in range(BANDWIDTH_ROUNDS))
    return 2 * size / max(best, 1e-9)


def _time(cell, its, place, deadline, add):
    """Time every contender of a cell in alternating rounds; return the medians by name."""
    steps, firsts, making = {}, {}, deadline.part(MADE_SHARE)
    for name, (_, make) in its.items():
        if making.passed and steps:
            add(cell.row("time", contender=name, left_out="no time was left"))
            continue
        try:
            start = place.now()
            step = make()
            step()  # cuDNN tries its kernels
            firsts[name], steps[name] = place.now() - start, step
        except Exception as error:  # noqa: BLE001 - one that fails is a row
            add(cell.row("time", contender=name, reason=reason_of(error)))
        step = None  # what one that failed holds is wanted by the next
        place.give_back()
    times, failed = _interleaved(place, steps, deadline)
    for name, reason in failed.items():
        add(cell.row("time", contender=name, reason=reason))
    medians = {name: statistics.median(each) for name, each in times.items() if each}
    for name, seconds in medians.items():
        against = its[name][0]
        found = {"seconds": seconds, "rounds": len(times[name]), "first_s": firsts[name]}
        base = medians.get(against)
        found |= {"against": against, "ratio": seconds / base if base else None}
        add(cell.row("time", contender=name, **found))
    return medians


def _interleaved(place, steps, deadline):
    """Return the seconds of every step by name, and why those failed that did.

    They go in rounds, of which the first always ends.
    """
    times, failed = {name: [] for name in steps}, {}
    for number in range(place.sizes.rounds):
        if number and deadline.passed:
            break
        for name, step in steps.items():
            if name in failed:
                continue
            try:
                times[name].append(_seconds(place, step))
            except Exception as error:  # noqa: BLE001 - the others can be timed
                failed[name] = reason_of(error)
                times[name].clear()
    return times, failed


def _seconds(place, step):
    start = place.now()
    step()
    return place.now() - start
