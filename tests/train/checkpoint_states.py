"""Runs without training: as many steps as asked for, on gradients made up, and their folders."""

import json

import torch

from vsr_data import Footage
from vsr_device import choose_platform
from vsr_model import save_weights
from vsr_train.folder import (
    begin,
    best_facts,
    choose_source,
    refuse_taken_folder,
    save_checkpoint,
    take_up,
)
from vsr_train.step import TrainingState

FOOTAGE = {"training": "a" * 64, "validation": "b" * 64}


def state_after(settings, steps, *, seed=0):
    """A state whose every entry differs from a fresh one's."""
    state = TrainingState.fresh(settings, choose_platform(settings))
    state.footage = dict(FOOTAGE)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        for parameter in state.network.parameters():
            parameter.grad = torch.randn(parameter.shape, generator=generator)
        state.optimizer.step()
        state.average.update(state.network)
        state.step += 1
    return state


def assert_equal(one, other):
    """Bit for bit, through every nested container."""
    assert type(one) is type(other) or isinstance(one, dict)  # torch's own are ordered ones
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_equal(one[key], other[key])
    elif isinstance(one, list):
        for a, b in zip(one, other, strict=True):
            assert_equal(a, b)
    else:
        assert one == other


def best_of(step, psnr=30.0):
    return {"step": step, "psnr": psnr, "gain_bicubic_db": 0.5}


def make_run(folder, settings, last, *, first=1, best=None, seed=0):
    """Make the steps of a run in its folder, a row and a checkpoint each."""
    folder.open(settings, start_step=first - 1)
    for step in range(first, last + 1):
        folder.log({"kind": "train", "step": step, "seed": seed})
        state = state_after(settings, step, seed=seed)
        if step == best:
            state.best = best_of(step)
            save_weights(
                state.average.network, folder.best, best_facts(state, settings, Footage(()))
            )
        elif best is not None and step > best:
            state.best = best_of(best)
        save_checkpoint(folder, state, settings)


def resumed(folder, settings, resume="auto", *, footage=FOOTAGE, **options):
    """Go on; return (state, everything that is said)."""
    source = choose_source(folder, settings, resume=resume, **options)
    if not options.get("overwrite"):
        refuse_taken_folder(folder, source)
    state = TrainingState.fresh(settings, choose_platform(settings))
    notes = take_up(source, state, settings, folder, footage)
    notes += begin(folder, settings, state, source, overwrite=options.get("overwrite", False))
    return state, "\n".join(notes)


def steps_in(folder):
    return sorted(int(path.stem.removeprefix("step-")) for path in folder.glob("step-*.pt"))


def rows_in(path):
    return [json.loads(line)["step"] for line in path.read_text().splitlines()]
