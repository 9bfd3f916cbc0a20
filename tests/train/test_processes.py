"""Several processes make the run that one with all the samples would make, or end as one.

A launch takes seconds, so that the ordinary suite makes two; test_many_launches.py has the table.
"""

import json

import torch
from train.many import sets, torchrun

from vsr_device import Platform
from vsr_train.folder import RunFolder, latest_checkpoint

SHARED = {"train__ema_decay": 0.9, "train__grad_clip": 0.05, "train__on_stagnation": "warn"}


def compute_in_float64(monkeypatch):
    """In float64 sums in another order differ by nothing that Adam could blow up."""
    to_unit, place = Platform.to_unit, Platform.place
    monkeypatch.setattr(Platform, "to_unit", lambda self, pixels: to_unit(self, pixels).double())
    monkeypatch.setattr(Platform, "place", lambda self, module: place(self, module).double())


def state_of(settings):
    return torch.load(latest_checkpoint(RunFolder.of(settings).checkpoints), weights_only=True)


def rows_of(settings):
    lines = RunFolder.of(settings).metrics.read_text().splitlines()
    return [json.loads(line) for line in lines]


OWN = {"samples_per_s", "time", "seconds", "memory_mib"}
"""What no two runs share."""


def assert_same_run(one, other, *, rtol=1e-9):
    """Weights, average, memory of the optimiser and every row but the pace."""
    for part in ("model_state_dict", "ema_state_dict"):
        ours, theirs = state_of(one)[part], state_of(other)[part]
        for name, tensor in ours.items():
            torch.testing.assert_close(theirs[name], tensor, rtol=rtol, atol=rtol, msg=name)
    for ours, theirs in zip(rows_of(one), rows_of(other), strict=True):
        assert (ours["kind"], ours["step"]) == (theirs["kind"], theirs["step"])
        numbers = [dict(_numbers(row)) for row in (ours, theirs)]
        assert numbers[0].keys() == numbers[1].keys()
        for name, value in numbers[0].items():
            torch.testing.assert_close(
                numbers[1][name],
                value,
                rtol=max(rtol, 1e-7),
                atol=max(rtol, 1e-6),
                equal_nan=True,
                msg=name,
            )


def _numbers(row, path=""):
    for name, value in row.items():
        if isinstance(value, dict):
            yield from _numbers(value, f"{path}{name}.")
        elif name not in OWN and isinstance(value, int | float):
            yield path + name, float(value)


def test_two_processes_make_the_run_of_one_with_the_whole_batch_in_float64(
    options, command, settings_of, monkeypatch
):
    """Same samples a step, split 2 × 1 × 2 instead of 2 × 2; validation and its rows, too."""
    two = torchrun(sets(options, run__name="two", train__accumulation_steps=1, **SHARED),
                   faults="float64,rehearse")  # fmt: skip
    assert two.returncode == 0, two.stderr
    compute_in_float64(monkeypatch)
    assert command(run__name="one", **SHARED)[0] == 0
    assert_same_run(settings_of(run__name="one"), settings_of(run__name="two"))
    state = state_of(settings_of(run__name="two"))
    assert state["model_state_dict"]["align.out.weight"].any()  # neighbours were learned from
    assert len(state["optimizer_state_dict"]["state"]) == len(state["model_state_dict"])


def test_a_data_error_in_any_process_saves_and_is_told_once_with_its_exit_code(
    options, settings_of
):
    ended = torchrun(sets(options, train__accumulation_steps=1), faults="vanish")
    assert ended.returncode == 1  # torchrun's own, which names that of the process
    assert ended.stderr.count("'film.mp4' has been deleted since it was opened") == 1
    assert "error: process 1: 'film.mp4'" in ended.stderr
    assert "exitcode  : 3" in ended.stderr
    assert state_of(settings_of())["step"] == 3


def test_settings_for_several_processes_without_them_are_refused(command):
    code, _, err = command("--set", "train.world_size=2")
    assert code == 4
    assert "torchrun --nproc-per-node=2" in err
