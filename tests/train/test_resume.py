"""A run loses nothing: stopped, killed or damaged, it goes on as if it never had been."""

import json
import os
import signal
import subprocess
import sys

import pytest
import torch

from vsr_device import choose_platform
from vsr_losses import LossTerms
from vsr_model import Network, load_weights, save_weights
from vsr_settings import Model
from vsr_train import RunError
from vsr_train.folder import RunFolder, latest_checkpoint, read_state
from vsr_train.folder.checkpoint import write_checkpoint
from vsr_train.step import TrainingState


def rows_of(folder):
    """The log without what no two runs share: pace, time and the process's memory."""
    rows = [json.loads(line) for line in folder.metrics.read_text().splitlines()]
    own = {"samples_per_s", "time", "seconds", "memory_mib"}
    return [{k: v for k, v in row.items() if k not in own} for row in rows]


def final_state(folder, settings):
    return read_state(latest_checkpoint(folder.checkpoints), settings)


def assert_equal_states(one, other):
    """Bit for bit, through every nested container."""
    assert type(one) is type(other)
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_equal_states(one[key], other[key])
    elif isinstance(one, list):
        for a, b in zip(one, other, strict=True):
            assert_equal_states(a, b)
    else:
        assert one == other


@pytest.fixture
def never_stopped(command, settings_of, options):
    """(state, log) of the tiny run, made in one go."""
    assert command(run__name="whole")[0] == 0
    folder = RunFolder.of(settings_of(run__name="whole"))
    return final_state(folder, settings_of()), rows_of(folder)


def without_names(state):
    return {key: value for key, value in state.items() if key != "settings"}


def test_a_run_stopped_and_resumed_equals_one_never_stopped(command, settings_of, never_stopped):
    assert command()[0] == 0
    folder = RunFolder.of(settings_of())
    newest = latest_checkpoint(folder.checkpoints)
    newest.unlink()  # as if killed after step 4, with steps 5 to 8 logged
    assert latest_checkpoint(folder.checkpoints).name == "step-000000004.pt"
    code, out, _ = command("--resume", "auto")
    assert code == 0
    assert "at step 4" in out
    state, rows = never_stopped
    assert_equal_states(without_names(final_state(folder, settings_of())), without_names(state))
    assert rows_of(folder) == rows


def test_rows_of_the_log_average_over_the_steps_before_a_resume_too(command, settings_of):
    """The checkpoint of step 4 lies between the rows of steps 3 and 6."""
    for name in ("whole", "tiny"):
        assert command(run__name=name, train__log_every=3)[0] == 0
    whole, folder = (RunFolder.of(settings_of(run__name=name)) for name in ("whole", "tiny"))
    latest_checkpoint(folder.checkpoints).unlink()
    assert command("--resume", "auto", train__log_every=3)[0] == 0
    assert rows_of(folder) == rows_of(whole)
    assert [row["step"] for row in rows_of(whole) if row["kind"] == "train"] == [1, 3, 6, 8]


def test_a_run_from_before_alignment_goes_on_without_it_bit_for_bit(command, settings_of):
    """Its checkpoint says nothing of alignment, and its rows had a term less."""
    plain = {"train__log_every": 3, "model__align": "none"}
    for name in ("whole", "tiny"):
        assert command(run__name=name, **plain)[0] == 0
    whole, folder = (RunFolder.of(settings_of(run__name=name)) for name in ("whole", "tiny"))
    latest_checkpoint(folder.checkpoints).unlink()
    path = latest_checkpoint(folder.checkpoints)
    stored = torch.load(path, weights_only=True)
    stored["settings"] = stored["settings"].replace('align = "none"\n', "")
    terms = stored["interval"]["terms"]
    at = LossTerms._fields.index("plain")
    stored["interval"]["terms"] = torch.cat([terms[..., :at], terms[..., at + 1 :]], dim=-1)
    assert stored["interval"]["terms"].shape[-1] == 5
    write_checkpoint(path, stored)
    code, out, _ = command("--resume", "auto", **plain)
    assert code == 0
    assert "changed since the checkpoint" not in out
    assert rows_of(folder) == rows_of(whole)
    settings = settings_of(**plain)
    states = [without_names(final_state(each, settings)) for each in (folder, whole)]
    assert_equal_states(*states)


def test_going_back_by_number_trains_on_from_there(command, settings_of):
    assert command(train__save_every=2)[0] == 0
    code, out, err = command("--resume", "4", train__max_steps=6, train__save_every=2)
    assert (code, err) == (0, "")
    assert "went back to step 4" in out
    code, out, _ = command("--resume", "auto", train__save_every=2)
    assert code == 0
    assert "at step 6" in out
    folder = RunFolder.of(settings_of())
    steps = [row["step"] for row in rows_of(folder) if row["kind"] == "train"]
    assert steps == sorted(set(steps)) == [1, 2, 4, 6, 8]


@pytest.mark.parametrize("amp_dtype", ["fp16", "bf16"])
def test_resuming_is_exact_under_amp_too(command, settings_of, amp_dtype):
    amp = {"train__use_amp": "true", "train__amp_dtype": amp_dtype}
    assert command(run__name="whole", **amp)[0] == 0
    assert command(**amp)[0] == 0
    folder = RunFolder.of(settings_of())
    latest_checkpoint(folder.checkpoints).unlink()
    assert command("--resume", "auto", **amp)[0] == 0
    states = [
        without_names(final_state(RunFolder.of(settings_of(run__name=name)), settings_of()))
        for name in ("whole", "tiny")
    ]
    assert_equal_states(*states)


def test_a_damaged_checkpoint_is_passed_over_for_the_one_before(
    command, settings_of, never_stopped
):
    assert command()[0] == 0
    folder = RunFolder.of(settings_of())
    newest = latest_checkpoint(folder.checkpoints)
    damaged = bytearray(newest.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    newest.write_bytes(damaged)
    code, _, err = command("--resume", str(newest))
    assert code == 2
    assert "is damaged" in err
    assert command("--resume", "auto")[0] == 0
    state, rows = never_stopped
    assert_equal_states(without_names(final_state(folder, settings_of())), without_names(state))
    assert rows_of(folder) == rows


KILLED_AT = """
import os, signal, sys
from vsr_train.__main__ import main
from vsr_train.folder import writer
from vsr_train.step import Stepper

owner, name, call, *arguments = sys.argv[1:]
owner = {"writer": writer, "Stepper": Stepper}[owner]
original, calls = getattr(owner, name), []

def last_of_its_kind(*values, **named):
    calls.append(name)
    if len(calls) == int(call):
        os.kill(os.getpid(), signal.SIGKILL)
    return original(*values, **named)

setattr(owner, name, last_of_its_kind)
sys.exit(main(arguments))
"""
"""A run that is killed by the first, second, … call of something."""

MOMENTS = [("writer", "write_checkpoint", "1"), ("writer", "prune", "1"), ("Stepper", "step", "3")]
"""Before the first checkpoint is written, when it has just been, and steps after it."""


@pytest.mark.slow
def test_a_run_killed_at_any_moment_resumes_to_the_same_end(options, settings_of, never_stopped):
    """SIGKILL at several detail_statistics of a real process, until one run gets through."""
    state, rows = never_stopped
    arguments = ["--resume", "auto"]
    one_thread = os.environ | {"OMP_NUM_THREADS": "1"}  # as here: sums in another order differ
    for name, value in options.items():
        arguments += ["--set", f"{name}={value}"]
    folder = RunFolder.of(settings_of())
    for moment in MOMENTS:
        killed = [sys.executable, "-c", KILLED_AT, *moment, *arguments]
        done = subprocess.run(killed, env=one_thread, capture_output=True, text=True, check=False)
        assert done.returncode == -signal.SIGKILL, done.stderr
    whole = [sys.executable, "-m", "vsr_train", *arguments]
    subprocess.run(whole, env=one_thread, check=True, stdout=subprocess.DEVNULL)
    assert_equal_states(without_names(final_state(folder, settings_of())), without_names(state))
    assert rows_of(folder) == rows


def test_a_stop_signal_ends_the_step_saves_and_returns_zero(command, settings_of, monkeypatch):
    from vsr_train.step import Stepper

    step, made = Stepper.step, []

    def step_and_signal(self, *arguments):
        made.append(1)
        if len(made) == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        return step(self, *arguments)

    monkeypatch.setattr(Stepper, "step", step_and_signal)
    code, out, _ = command()
    assert code == 0
    assert "stopped at step 3 of 8; go on with --resume auto" in out
    assert latest_checkpoint(RunFolder.of(settings_of()).checkpoints).name == "step-000000003.pt"


def test_the_latest_checkpoints_are_kept_and_those_of_every_so_many_steps(command, settings_of):
    kept = {"train__keep_checkpoints": 2, "train__keep_every": 3}
    assert command(train__save_every=1, **kept)[0] == 0
    names = sorted(path.name for path in RunFolder.of(settings_of()).checkpoints.iterdir())
    assert names == [f"step-00000000{step}.pt" for step in (3, 6, 7, 8)]


def test_a_checkpoint_is_read_by_plain_torch_without_trust(command, settings_of):
    assert command()[0] == 0
    path = latest_checkpoint(RunFolder.of(settings_of()).checkpoints)
    stored = torch.load(path, weights_only=True)
    assert stored["step"] == 8
    loaded = load_weights(path)
    for name, tensor in loaded.state_dict().items():
        assert torch.equal(tensor, stored["ema_state_dict"][name])


def test_a_state_goes_on_with_the_random_numbers_it_was_saved_with(settings_of):
    platform = choose_platform(settings_of())
    state = TrainingState.fresh(settings_of(), platform)
    torch.rand(7)
    stored = state.state_dict()
    expected = torch.rand(3)
    TrainingState.fresh(settings_of(), platform).load_state_dict(stored)
    assert torch.equal(torch.rand(3), expected)


def test_a_full_disk_leaves_the_checkpoint_before_whole(command, settings_of, monkeypatch):
    from vsr_train.folder import checkpoint

    save, made = torch.save, []

    def fill_up(stored, file):
        made.append(1)
        if len(made) == 2:
            file.write(b"half of it")
            raise OSError(28, "No space left on device")
        save(stored, file)

    monkeypatch.setattr(checkpoint.torch, "save", fill_up)
    code, _, err = command()
    assert code == 2
    assert "No space left" in err
    assert latest_checkpoint(RunFolder.of(settings_of()).checkpoints).name == "step-000000004.pt"


@pytest.mark.parametrize("form", ["old.pth", "weights.safetensors"])
def test_training_starts_from_weights_people_already_have(command, tmp_path, form):
    network = Network(Model(n_feats=4, n_blocks=2, scale=2))
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.05)
    if form.endswith("pth"):
        torch.save({"step": 999, "model_state_dict": network.state_dict()}, tmp_path / form)
    else:
        save_weights(network, tmp_path / form)
    code, out, _ = command(
        "--resume", str(tmp_path / form), train__max_steps=1, train__max_lr=1e-9, train__min_lr=0
    )
    assert code == 0
    assert "optimiser and schedule start at step 0" in out
    best = load_weights(tmp_path / "runs" / "tiny" / "best.safetensors")
    for name, tensor in best.state_dict().items():
        torch.testing.assert_close(tensor, network.state_dict()[name], atol=1e-6, rtol=0)


def test_weights_of_another_network_are_refused(command, settings_of, tmp_path):
    save_weights(Network(Model(n_feats=5, n_blocks=2, scale=2)), tmp_path / "w.safetensors")
    code, _, err = command("--resume", str(tmp_path / "w.safetensors"))
    assert code == 2
    assert "5 features" in err
    assert command()[0] == 0
    path = latest_checkpoint(RunFolder.of(settings_of()).checkpoints)
    with pytest.raises(RunError, match="another network"):
        read_state(path, settings_of(model__n_blocks=4))


def test_resuming_where_nothing_was_saved_starts_at_the_beginning_and_says_so(command):
    code, out, _ = command("--resume", "auto")
    assert code == 0
    assert "no checkpoint is here yet: the initial weights" in out


def test_a_finished_run_has_nothing_left_to_do(command):
    assert command()[0] == 0
    code, out, _ = command("--resume", "auto")
    assert code == 0
    assert "at step 8 of 8 already" in out
