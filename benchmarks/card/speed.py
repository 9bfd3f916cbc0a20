"""Time of a step against other ways to make it, in alternating rounds, as ratios of medians.

Beside it: what the card's matrix product and memory do, the shares of them that a step has, and how
often a step waits for the device.
"""

import statistics

import torch
from measuring import matmul_rate

from vsr_device import AMP_DTYPES

from .contenders import MADE_SHARE, compilers, contenders, graphs
from .place import EMULATED
from .results import reason_of
from .shares import shares, waits

BANDWIDTH_ROUNDS = 5
TIMED_SHARE = 0.8
"""Of what a cell's time then is, for its rounds; the rest is for its waits and shares."""


def speed(place, deadline, add):
    """Add the card's own rates, then contenders by network and precision, the risky ones last."""
    rates = _rates(place, deadline, add)
    cells = _cells(place, add)
    # The first cells tell most, and cuDNN tries most kernels there.
    work = [(cell, contenders, 12 / number) for number, cell in enumerate(cells, 1)]
    work += [(cell, graphs, 1) for cell in cells]
    work.append((cells[0], compilers, 4))  # for one: it takes long
    for number, ((network, model, precision), group, weight) in enumerate(work):
        cell = {"network": network, "precision": precision}
        if deadline.passed:
            add({"kind": "time", **cell, "left_out": "no time was left"})
            continue
        part = deadline.part(weight / sum(each for *_, each in work[number:]))
        try:
            seconds = _time(cell, group(place, model, precision, part), place, part, add)
            if group is contenders:
                _look_closer(place, model, cell, rates, seconds, deadline, add)
        except Exception as error:  # noqa: BLE001 - whatever it is, other cells can be timed
            add({"kind": "time", **cell, "reason": reason_of(error)})
        place.give_back()


def _cells(place, add):
    """Return network and precision of what is timed, those of the first precision first."""
    cells = []
    for precision in place.sizes.precisions:
        if place.has_natively(precision):
            cells += [(name, model, precision) for name, model in place.sizes.networks.items()]
        else:
            add({"kind": "time", "network": "any", "precision": precision, "reason": EMULATED})
    return cells


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
        row = {"kind": "time", **cell, "contender": name}
        if making.passed and steps:
            add({**row, "left_out": "no time was left"})
            continue
        try:
            start = place.now()
            step = make()
            step()  # cuDNN tries its kernels
            firsts[name], steps[name] = place.now() - start, step
        except Exception as error:  # noqa: BLE001 - one that fails is a row
            add({**row, "reason": reason_of(error)})
        step = None  # what one that failed holds is wanted by the next
        place.give_back()
    times, failed = _interleaved(place, steps, deadline.part(TIMED_SHARE))
    for name, reason in failed.items():
        add({"kind": "time", **cell, "contender": name, "reason": reason})
    medians = {name: statistics.median(each) for name, each in times.items() if each}
    for name, seconds in medians.items():
        against = its[name][0]
        row = {"kind": "time", **cell, "contender": name, "seconds": seconds}
        row |= {"rounds": len(times[name]), "first_s": firsts[name], "against": against}
        base = medians.get(against)
        add(row | {"ratio": seconds / base if base else None})
    return medians


def _look_closer(place, model, cell, rates, seconds, deadline, add):  # noqa: PLR0917 - one story
    """Count the waits of a step, and the shares that the faster one has of the card's best."""
    place.give_back()
    precision = cell["precision"]
    _add(add, {"kind": "waits", **cell}, deadline, lambda: waits(place, model, precision))
    ours = {name: seconds[name] for name in ("ours", "channels_last") if name in seconds}
    if ours:
        fastest = min(ours, key=ours.get)
        row = {"kind": "share", **cell, "contender": fastest}
        _add(add, row, deadline, lambda: shares(place, model, cell, rates, ours[fastest]))


def _add(add, row, deadline, measure):
    if deadline.passed:
        add({**row, "left_out": "no time was left"})
        return
    try:
        add({**row, **measure()})
    except Exception as error:  # noqa: BLE001 - one that fails is a row
        add({**row, "reason": reason_of(error)})


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
