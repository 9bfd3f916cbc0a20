"""Time of a step against other ways to make it, in alternating rounds, as ratios of medians.

Beside it: what the card's matrix product and memory do, the shares of them that a step has, and how
often a step waits for the device.
"""

import statistics

import torch
from measuring import matmul_rate
from plain import PLAIN
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile, record_function
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from vsr_device import AMP_DTYPES
from vsr_settings.memory import work_per_sample
from vsr_train.step.stepper import loss_terms

from .plan import interrupted
from .results import reason_of
from .runs import MadeRun, answering_weights

WAITS = (
    "cudaStreamSynchronize", "cudaDeviceSynchronize", "cudaEventSynchronize", "cudaMemcpy",
    "hipStreamSynchronize", "hipDeviceSynchronize", "hipEventSynchronize",
)  # fmt: skip
"""Events of the profiler in which the host waits for what a card has yet to do."""
FETCHES = ("aten::_local_scalar_dense",)
"""Operators that fetch a number: on a card each waits, and on the CPU they stand in for waits."""
BANDWIDTH_ROUNDS = 5
TIMED_SHARE = 0.8
"""Of a cell's time, for its rounds; the rest is for its waits and shares."""
CAPTURE_WARM_UP = 3


def speed(place, deadline, add):
    """Add the card's own rates, then contenders by network and precision, the risky ones last."""
    rates = _rates(place, deadline, add)
    cells = [(n, m, p) for p in place.sizes.precisions for n, m in place.sizes.networks.items()]
    groups = [(cell, group) for group in (_contenders, _late_contenders) for cell in cells]
    for number, ((network, model, precision), group) in enumerate(groups):
        cell = {"network": network, "precision": precision}
        if not place.has_natively(precision):
            add({"kind": "time", **cell, "reason": "this precision is emulated here"})
            continue
        if deadline.passed:
            add({"kind": "time", **cell, "left_out": "no time was left"})
            continue
        part = deadline.part(1 / (len(groups) - number))
        try:
            seconds = _time(
                cell, group(place, model, precision), place, part.part(TIMED_SHARE), add
            )
            if group is _contenders:
                _look_closer(place, model, cell, rates, seconds, part, add)
        except Exception as error:  # noqa: BLE001 - whatever it is, other cells can be timed
            add({"kind": "time", **cell, "reason": reason_of(error)})
        place.give_back()


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


def _time(cell, contenders, place, deadline, add):
    """Time every contender of a cell in alternating rounds; return the medians by name."""
    steps = {}
    for name, (against, make) in contenders.items():
        row = {"kind": "time", **cell, "contender": name}
        if deadline.passed and steps:
            add({**row, "left_out": "no time was left"})
            continue
        try:
            with interrupted(deadline):
                step = make()
                step()  # cuDNN tries its kernels, compilers compile
            steps[name] = against, step
        except Exception as error:  # noqa: BLE001 - one that fails is a row
            add({**row, "reason": reason_of(error)})
        step = None  # what one that failed holds is wanted by the next
        place.give_back()
    times = _interleaved(place, {name: step for name, (_, step) in steps.items()}, deadline)
    medians = {name: statistics.median(each) for name, each in times.items() if each}
    for name, seconds in medians.items():
        against = steps[name][0]
        row = {"kind": "time", **cell, "contender": name, "seconds": seconds}
        base = medians.get(against)
        row |= {"rounds": len(times[name]), "against": against}
        add(row | {"ratio": seconds / base if base else None})
    return medians


def _look_closer(place, model, cell, rates, seconds, deadline, add):  # noqa: PLR0917 - one story
    """Count the waits of a step, and its shares of what the card does at best."""
    place.give_back()
    precision = cell["precision"]
    _add(add, {"kind": "waits", **cell}, deadline, lambda: _waits(place, model, precision))
    if ours := seconds.get("ours"):
        row = {"kind": "share", **cell}
        _add(add, row, deadline, lambda: _shares(place, model, cell, rates, ours))


def _add(add, row, deadline, measure):
    if deadline.passed:
        add({**row, "left_out": "no time was left"})
        return
    try:
        add({**row, **measure()})
    except Exception as error:  # noqa: BLE001 - one that fails is a row
        add({**row, "reason": reason_of(error)})


def _contenders(place, model, precision):
    """Return what is timed: by name, the contender it is compared with, and what makes its step."""
    unaligned = model.model_copy(update={"align": "none"})

    def run(its=model, **given):
        return lambda: _step_of(place, its, precision, **given)

    without_amp = lambda: _step_of(place, model, "fp32")  # noqa: E731 - as the others
    amp = {"without AMP": ("ours", without_amp)} if precision != "fp32" else {}
    return {
        "ours": ("ours", run()),
        **amp,
        "plain": ("ours", run(formulation=PLAIN)),
        "channels_last": ("ours", run(order=torch.channels_last)),
        "unaligned": ("unaligned", run(unaligned)),
        "old trainer": ("unaligned", run(unaligned, formulation=PLAIN)),
        "without cudnn.benchmark": ("ours", run(benchmark=False)),
    }


def _late_contenders(place, model, precision):
    """Return those that may take minutes to begin, or leave CUDA as nobody wants it."""
    return {
        "ours, again": ("ours, again", lambda: _step_of(place, model, precision)),
        "torch.compile": ("ours, again", lambda: _compiled(place, model, precision)),
        "backward alone": ("backward alone", lambda: _prepared(place, model, precision)),
        "backward alone, CUDA graph": ("backward alone", lambda: _graphed(place, model, precision)),
    }


def _step_of(place, model, precision, *, order=torch.contiguous_format, benchmark=None, **given):
    """Return what makes a step of one micro-batch, as a formulation has it."""
    settings = place.settings(model, precision)
    platform = place.platform(settings, memory_format=order)
    weights = answering_weights(model)
    made = MadeRun(settings, platform, weights=weights, micro_batches=1, **given)
    return _with_benchmark(made.step, benchmark)


def _compiled(place, model, precision):
    """Return the same step with the network compiled."""
    if place.is_card and torch.cuda.get_device_capability(place.device) < (7, 0):
        raise RuntimeError("Triton needs compute capability 7.0")
    settings = place.settings(model, precision)
    platform = place.platform(settings, memory_format=torch.contiguous_format)
    made = MadeRun(settings, platform, weights=answering_weights(model), micro_batches=1)
    compiled = torch.compile(made.state.network, backend=place.sizes.compiler)
    made.stepper._network = compiled  # noqa: SLF001 - the very same step otherwise
    return made.step


def _with_benchmark(step, benchmark):
    """Return a step that is made with cudnn.benchmark on, unless it says otherwise, on a card."""

    def made():
        kept = torch.backends.cudnn.benchmark
        torch.backends.cudnn.benchmark = benchmark if benchmark is not None else True
        try:
            return step()
        finally:
            torch.backends.cudnn.benchmark = kept

    return made if torch.cuda.is_available() else step


def _prepared(place, model, precision):
    """Return what computes loss and gradients of a batch that is on the device already."""
    settings = place.settings(model, precision)
    platform = place.platform(settings, memory_format=torch.contiguous_format)
    run = MadeRun(settings, platform, weights=answering_weights(model), micro_batches=1)
    batch = [platform.to_unit(part) for part in run.batches[0]]
    parameters = list(run.state.network.parameters())

    def backward():
        for parameter in parameters:
            parameter.grad = None
        loss_terms(run.state.network, run.loss, platform, *batch).total.backward()

    return backward


def _graphed(place, model, precision):
    """Return the same, captured once as a CUDA graph and replayed."""
    if not place.is_card:
        raise RuntimeError("CUDA graphs need a card")
    backward = _prepared(place, model, precision)
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(CAPTURE_WARM_UP):
            backward()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        backward()
    return graph.replay


def _interleaved(place, steps, deadline):
    """Return the seconds of every step by name, a round at a time; the first round always ends."""
    times = {name: [] for name in steps}
    for number in range(place.sizes.rounds):
        if number and deadline.passed:
            break
        for name, step in steps.items():
            times[name].append(_seconds(place, step))
    return times


def _seconds(place, step):
    start = place.now()
    step()
    return place.now() - start


def _shares(place, model, cell, rates, seconds):
    """Return a step's arithmetic and traffic per second as shares of what the card does at best."""
    settings = place.settings(model, cell["precision"])
    one = settings.train.model_copy(update={"accumulation_steps": 1})
    settings = settings.model_copy(update={"train": one})
    flops = work_per_sample(settings).total * settings.train.batch_size
    run = MadeRun(settings, place.platform(settings), weights=answering_weights(model))
    with Traffic() as traffic:
        run.step()
    row = {"tflop": flops / 1e12, "gb": traffic.bytes / 1e9, "seconds": seconds}
    if cell["precision"] in rates:
        row["of_matmul"] = flops / seconds / rates[cell["precision"]]
    if "copy" in rates:
        row["of_bandwidth"] = traffic.bytes / seconds / rates["copy"]
    return row


class Traffic(TorchDispatchMode):
    """Sums the bytes that operators read and write, views apart, as if no cache held any.

    Attributes:
        bytes: so far.
    """

    def __init__(self):
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        """Run an operator and count what went through it."""
        result = func(*args, **(kwargs or {}))
        if not getattr(func, "is_view", False):
            leaves = tree_leaves((args, kwargs, result))
            tensors = {id(each): each for each in leaves if isinstance(each, torch.Tensor)}
            self.bytes += sum(each.numel() * each.element_size() for each in tensors.values())
        return result


def _waits(place, model, precision):
    """Return how often a step in a run's middle waits for the device, by what waits."""
    settings = place.settings(model, precision)
    run = MadeRun(settings, place.platform(settings))
    run.step()
    activities = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * place.is_card
    place.now()
    with profile(activities=activities) as profiler, record_function("one step"):
        run.step()
    return counted_waits(profiler.events(), WAITS if place.is_card else FETCHES) | {
        "micro_batches": len(run.batches)
    }


def counted_waits(events, names):
    """Count events of such names from the beginning to the end of `one step`, on the host."""
    on_host = [event for event in events if event.device_type == DeviceType.CPU]
    whole = next(event for event in on_host if event.name == "one step").time_range
    inside = [each.name for each in on_host if whole.start <= each.time_range.start < whole.end]
    found = {name: inside.count(name) for name in (*WAITS, *FETCHES) if name in inside}
    return {"waits": sum(inside.count(name) for name in names), "found": found}
