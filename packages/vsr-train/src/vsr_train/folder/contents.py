"""What a checkpoint holds, looked at before any of it is believed.

The fused optimiser reads raw memory by its parameters' sizes: a moment of another size or layout
would corrupt memory, not raise. So names, shapes, kinds, layouts and finiteness of everything are
checked here, and what does not fit is named.
"""

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from vsr_losses import LossTerms
from vsr_train.watch import is_watch_state

MOST_STEPS = 1_000_000_000
"""More than any run has: `train.max_steps` ends at a tenth of it."""

_MOMENTS = ("exp_avg", "exp_avg_sq")
_BEST = {"step", "psnr", "gain_bicubic_db"}
"""What a run's last line tells."""


class UnsoundError(Exception):
    """An entry of a checkpoint that no run writes.

    Args:
        entry: its key.
        problem: what is wrong, a clause about it.
    """

    def __init__(self, entry: str, problem: str) -> None:
        super().__init__(f"its entry {entry!r} is not what a run writes: {problem}")


def sound_contents(stored: Mapping[str, Any], network: nn.Module) -> dict[str, Any]:
    """Check everything a checkpoint holds; return what `TrainingState.load_state_dict` takes.

    Args:
        stored: what the file holds.
        network: the network that is trained; its names, shapes and kinds count, it may be on
            the meta device.

    Returns:
        The entries of today's format. What an older one lacks is empty; the watch is None where
        it is not today's.

    Raises:
        UnsoundError: naming the entry that cannot be used.
    """
    state = {"interval": {}, "footage": {}, "way": {}, **stored}
    step = _count(state, "step", MOST_STEPS)
    skipped = _count(state, "skipped", step)
    _count(state, "ema_updates", step - skipped)
    expected = network.state_dict()
    for name in ("model_state_dict", "ema_state_dict"):
        _check_tensors(name, _mapping(state, name), expected)
    _check_optimizer(_mapping(state, "optimizer_state_dict"), network, step, step - skipped)
    _check_scaler(_mapping(state, "scaler_state_dict"))
    _check_random_state(_mapping(state, "random_state"))
    _check_best(_mapping(state, "best"), step)
    _check_interval(_mapping(state, "interval"))
    _check_numbers("aside", state.get("aside"))
    _check_texts("footage", _mapping(state, "footage"))
    _check_way(_mapping(state, "way"))
    if state.get("watch") != {} and not is_watch_state(state.get("watch")):
        state["watch"] = None
    return state


def check_finite(stored: Mapping[str, Any]) -> None:
    """Check that what is about to be saved can be taken up again.

    Raises:
        UnsoundError: naming the tensor that is not finite.
    """
    for name in ("model_state_dict", "ema_state_dict"):
        for key, tensor in stored[name].items():
            _require(f"{name}/{key}", _is_finite(tensor), "it is not finite")
    for number, moments in stored["optimizer_state_dict"]["state"].items():
        for name in _MOMENTS:
            entry = f"optimizer_state_dict/state/{number}/{name}"
            _require(entry, _is_finite(moments[name]), "it is not finite")


def _require(entry: str, holds: bool, problem: str) -> None:
    if not holds:
        raise UnsoundError(entry, problem)


def _mapping(state: Mapping[str, Any], entry: str) -> Mapping[Any, Any]:
    value = state.get(entry)
    if not isinstance(value, dict):
        raise UnsoundError(entry, "it is missing" if value is None else "it is no mapping")
    return value


def _is_number(value: object) -> bool:
    return type(value) in (int, float)


def _count(state: Mapping[str, Any], entry: str, most: int) -> int:
    value = state.get(entry)
    if type(value) is not int or not 0 <= value <= most:
        raise UnsoundError(entry, f"it must be an integer from 0 to {most}")
    return value


def _is_finite(tensor: Tensor) -> bool:
    return bool(tensor.isfinite().all())


def _check_tensors(entry: str, got: Mapping[Any, Any], expected: Mapping[str, Tensor]) -> None:
    for name in expected:
        _require(f"{entry}/{name}", name in got, "it is missing")
    for name, value in got.items():
        _require(entry, name in expected, f"it has an extra {name!r}")
        _check_tensor(f"{entry}/{name}", value, expected[name].shape, expected[name].dtype)


def _check_tensor(
    entry: str, value: Any, shape: Iterable[int], dtype: torch.dtype, *, finite: bool = True
) -> None:
    """Check one tensor, its layout before anything that would read its memory."""
    if not isinstance(value, Tensor):
        raise UnsoundError(entry, "it is no tensor")
    _require(entry, value.layout == torch.strided and not value.is_quantized, "it is not dense")
    _require(entry, value.device.type == "cpu", f"it is on device {value.device}")
    _require(entry, value.dtype == dtype, f"it is {value.dtype}, not {dtype}")
    got, want = tuple(value.shape), tuple(shape)
    _require(entry, got == want, f"its shape is {got}, not {want}")
    _require(entry, not finite or _is_finite(value), "it is not finite")


def _check_optimizer(
    stored: Mapping[Any, Any], network: nn.Module, step: int, updates: int
) -> None:
    entry, parameters = "optimizer_state_dict", list(network.parameters())
    groups = stored.get("param_groups")
    is_one = isinstance(groups, list) and len(groups) == 1 and isinstance(groups[0], dict)
    numbers = groups[0].get("params") if is_one and groups else None
    _require(f"{entry}/param_groups", numbers == list(range(len(parameters))), "not its parameters")
    states = _mapping(stored, "state")
    _require(f"{entry}/state", bool(states) or updates == 0, "it is empty")
    for number, moments in states.items():
        where = f"{entry}/state/{number}"
        known = type(number) is int and 0 <= number < len(parameters)
        _require(where, known, "there is no such parameter")
        is_adam = isinstance(moments, dict) and moments.keys() == {"step", *_MOMENTS}
        _require(where, is_adam, "it must hold step, exp_avg and exp_avg_sq")
        _check_tensor(f"{where}/step", moments["step"], (), torch.float32)
        made = float(moments["step"])
        _require(f"{where}/step", 0 <= made <= step and made == int(made), f"it is {made:g}")
        for name in _MOMENTS:
            parameter = parameters[number]
            _check_tensor(f"{where}/{name}", moments[name], parameter.shape, parameter.dtype)
        _require(f"{where}/exp_avg_sq", bool((moments["exp_avg_sq"] >= 0).all()), "it is negative")


def _check_scaler(stored: Mapping[Any, Any]) -> None:
    if not stored:  # the precision so far needed none
        return
    scale, tracker = stored.get("scale"), stored.get("_growth_tracker")
    is_scale = _is_number(scale) and 0 < float(scale or 0) < math.inf
    _require("scaler_state_dict/scale", is_scale, "it must be a finite number above 0")
    is_tracker = type(tracker) is int and 0 <= tracker <= MOST_STEPS
    _require("scaler_state_dict/_growth_tracker", is_tracker, "it must be a number of steps")


def _check_random_state(stored: Mapping[Any, Any]) -> None:
    cpu: Any = stored.get("cpu")
    _check_tensor("random_state/cpu", cpu, torch.get_rng_state().shape, torch.uint8, finite=False)
    try:
        torch.Generator().set_state(torch.clone(cpu))
    except RuntimeError as error:
        raise UnsoundError("random_state/cpu", str(error).split("\n", 1)[0]) from error
    if "cuda" in stored:  # a seed and how many numbers were drawn, in fours
        cuda = stored["cuda"]
        _check_tensor("random_state/cuda", cuda, (16,), torch.uint8, finite=False)
        drawn = int(cuda.clone().view(torch.int64)[1])
        _require("random_state/cuda", drawn >= 0 and drawn % 4 == 0, "it is no state")


def _check_best(stored: Mapping[Any, Any], step: int) -> None:
    if not stored:
        return
    are_numbers = all(isinstance(k, str) and _is_number(v) for k, v in stored.items())
    _require("best", are_numbers and stored.keys() >= _BEST, "it must hold a validation's figures")
    _require("best/step", 0 <= stored["step"] <= step, f"it is {stored['step']}")
    _require("best/psnr", not math.isnan(stored["psnr"]), "it is no number")


def _check_interval(stored: Mapping[Any, Any]) -> None:
    if not stored:
        return
    terms, seconds = stored.get("terms"), stored.get("seconds")
    if not isinstance(terms, Tensor) or terms.dim() != 3 or terms.numel() == 0:
        raise UnsoundError("interval/terms", "it must have terms for each process and step")
    fields = len(LossTerms._fields)
    without_plain = fields - 1  # as in checkpoints from before there was such a term
    shape = (*terms.shape[:2], without_plain if terms.shape[2] == without_plain else fields)
    _check_tensor("interval/terms", terms, shape, torch.float32, finite=False)
    _require("interval/grad_norm", _is_number(stored.get("grad_norm")), "it must be a number")
    is_time = _is_number(seconds) and 0 <= float(seconds or 0) < math.inf
    _require("interval/seconds", is_time, "it must be a finite number")


def _check_numbers(entry: str, value: Any) -> None:
    are_numbers = isinstance(value, list) and all(type(each) is int and each >= 0 for each in value)
    _require(entry, are_numbers, "it must be a list of window numbers")


def _check_texts(entry: str, stored: Mapping[Any, Any]) -> None:
    digest = re.compile(r"[0-9a-f]{64}")
    for value in (*stored.keys(), *stored.values()):
        _require(entry, isinstance(value, str), "it must hold texts")
    _require(entry, all(digest.fullmatch(each) for each in stored.values()), "it must hold digests")


def _check_way(stored: Mapping[Any, Any]) -> None:
    for value in (*stored.keys(), *stored.values()):
        _require("way", isinstance(value, str), "it must hold texts")
