"""What of the card's best a step has, and how often it waits for the device."""

import torch
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile, record_function
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from vsr_settings.memory import work_per_sample

from .runs import MadeRun, answering_weights

WAITS = (
    "cudaStreamSynchronize", "cudaDeviceSynchronize", "cudaEventSynchronize", "cudaMemcpy",
    "hipStreamSynchronize", "hipDeviceSynchronize", "hipEventSynchronize",
)  # fmt: skip
"""Events of the profiler in which the host waits for what a card has yet to do."""
LAUNCHES = "cudaLaunch", "cuLaunch", "hipLaunch", "hipExtLaunch", "hipModuleLaunch"
"""What names of events begin with in which the host gives a card work."""
FETCHES = ("aten::_local_scalar_dense",)
"""Operators that fetch a number: on a card each waits, and on the CPU they stand in for waits."""


def shares(place, model, precision, rates, seconds):
    """Return a step's arithmetic and traffic per second as shares of what the card does at best."""
    settings = place.settings(model, precision)
    one = settings.train.model_copy(update={"accumulation_steps": 1})
    settings = settings.model_copy(update={"train": one})
    flops = work_per_sample(settings).total * settings.train.batch_size
    run = MadeRun(settings, place.platform(settings), weights=answering_weights(model))
    run.step()  # which makes the optimiser's state
    with Traffic() as traffic:
        run.step()
    row = {"tflop": flops / 1e12, "gb": traffic.bytes / 1e9, "seconds": seconds}
    if precision in rates:
        row["of_matmul"] = flops / seconds / rates[precision]
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


def waits(place, model, precision):
    """Return how often a step in a run's middle waits for the device, by what waits."""
    settings = place.settings(model, precision)
    run = MadeRun(settings, place.platform(settings))
    run.step()
    activities = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * place.is_card
    place.now()
    with profile(activities=activities) as profiler, record_function("one step"):
        run.step()
    events = profiler.events()
    if place.is_card and not any(event.name.startswith(LAUNCHES) for event in events):
        raise RuntimeError("the profiler saw no kernel launched, so that it would see no wait")
    found = counted_waits(events, WAITS if place.is_card else FETCHES)
    return found | {"micro_batches": len(run.batches)}


def counted_waits(events, names):
    """Count events of such names from the beginning to the end of `one step`, on the host."""
    on_host = [event for event in events if event.device_type == DeviceType.CPU]
    whole = next(event for event in on_host if event.name == "one step").time_range
    inside = [each.name for each in on_host if whole.start <= each.time_range.start < whole.end]
    found = {name: inside.count(name) for name in (*WAITS, *FETCHES) if name in inside}
    return {"waits": sum(inside.count(name) for name in names), "found": found}
