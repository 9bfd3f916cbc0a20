"""The table of docs/training.md: what befalls two processes, and how the run ends."""

import shutil
import signal
import socket
import time

import numpy as np
import pytest
import torch
from PIL import Image
from train.many import finished, sets, started, torchrun
from train.test_processes import SHARED, assert_same_run, rows_of, state_of

from vsr_train.folder import RunFolder, latest_checkpoint

pytestmark = pytest.mark.exhaustive

SPLIT = {"train__accumulation_steps": 1}


def run_of(options, name, *, processes=2, faults="none", resume=False, **changed):
    """Make a run in which every step sees four samples, however many processes share them."""
    split = SPLIT if processes == 2 else {}
    arguments = sets(options, run__name=name, **(SHARED | split | changed))
    if resume:
        arguments += ["--resume", "auto"]
    return torchrun(arguments, processes=processes, faults=faults)


@pytest.fixture
def bright_pair(pairs, options, tmp_path):
    """Training pairs of which one is white: what the fault `nan` spoils."""
    root = tmp_path / "bright"
    shutil.copytree(pairs, root)
    for kind in ("GT", "LR"):
        path = root / "Patches" / kind / "patches-0.png"
        with Image.open(path) as picture:
            white = np.full_like(np.asarray(picture), 255)
        Image.fromarray(white).save(path)
    options["data.train"] = options["data.val"] = str(root)
    return root


def test_footage_that_stands_still_gives_the_run_of_one_process(
    options, settings_of, pairs, tmp_path
):
    """The aligned branch has nothing to do there, and gradients all the same: of zeros."""
    root = tmp_path / "still"
    shutil.copytree(pairs, root)
    for path in root.glob("*/LR/*.png"):
        with Image.open(path) as picture:
            frames = np.split(np.asarray(picture), 5)
        Image.fromarray(np.concatenate([frames[2]] * 5)).save(path)
    options["data.train"] = options["data.val"] = str(root)
    for name, processes in (("one", 1), ("two", 2)):
        ended = run_of(options, name, processes=processes, faults="float64")
        assert ended.returncode == 0, ended.stderr
    assert_same_run(settings_of(run__name="one"), settings_of(run__name="two"))
    state = state_of(settings_of(run__name="two"))
    assert not state["model_state_dict"]["align.out.weight"].any()
    assert len(state["optimizer_state_dict"]["state"]) == len(state["model_state_dict"])


@pytest.mark.parametrize("amp_dtype", ["bf16", "fp16"])
def test_half_precision_gives_the_run_of_one_process(options, settings_of, amp_dtype):
    """Micro-batches are the same, so only sums of float32 gradients are rounded differently."""
    amp = {"train__use_amp": "true", "train__amp_dtype": amp_dtype}
    for name, processes in (("one", 1), ("two", 2)):
        ended = run_of(options, name, processes=processes, **amp)
        assert ended.returncode == 0, ended.stderr
    assert_same_run(settings_of(run__name="one"), settings_of(run__name="two"), rtol=1e-4)


@pytest.mark.parametrize("amp_dtype", ["fp32", "fp16"])
def test_a_sample_that_is_not_a_number_is_set_aside_by_all(
    options, settings_of, bright_pair, amp_dtype
):
    amp = {"train__use_amp": "true", "train__amp_dtype": amp_dtype} if amp_dtype == "fp16" else {}
    faults = "nan" if amp else "nan,float64"
    for name, processes in (("one", 1), ("two", 2)):
        ended = run_of(options, name, processes=processes, faults=faults, **amp)
        assert ended.returncode == 0, ended.stderr
        assert "which is set aside" in ended.stdout
    one, two = settings_of(run__name="one"), settings_of(run__name="two")
    assert state_of(two)["aside"] == state_of(one)["aside"]
    assert len(state_of(two)["aside"]) == 1
    assert_same_run(one, two, rtol=1e-4 if amp else 1e-9)


def test_a_pause_asked_of_the_first_process_pauses_all_and_changes_nothing(options, settings_of):
    for name, faults in (("never", "none"), ("paused", "pause")):
        ended = run_of(options, name, faults=faults)
        assert ended.returncode == 0, ended.stderr
    never, paused = settings_of(run__name="never"), settings_of(run__name="paused")
    assert_same_state(never, paused)
    rows = rows_of(paused)
    assert [row["step"] for row in rows if row["kind"] == "validation"] == [3, 4, 8]
    assert (RunFolder.of(paused).checkpoints / "step-000000003.pt").exists()


def assert_same_state(one, other):
    """Weights and their average, bit for bit."""
    for part in ("model_state_dict", "ema_state_dict"):
        for name, tensor in state_of(one)[part].items():
            assert torch.equal(tensor, state_of(other)[part][name]), name


def test_a_stop_asked_of_one_process_stops_all_after_the_same_step(options, settings_of):
    ended = run_of(options, "tiny", faults="term")
    assert ended.returncode == 0, ended.stderr
    assert "stopped at step 3 of 8" in ended.stdout
    assert state_of(settings_of())["step"] == 3


def test_sigterm_to_torchrun_saves_and_stops(options, settings_of):
    arguments = sets(options, train__max_steps=100_000, train__save_every=1000, **(SHARED | SPLIT))
    process = started(arguments)
    folder = RunFolder.of(settings_of())
    while process.poll() is None and not folder.metrics.exists():
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    ended = finished(process)
    assert "stopped at step" in ended.stdout
    assert latest_checkpoint(folder.checkpoints) is not None


def test_files_that_vanish_save_and_end_the_run_with_the_reason(
    options, settings_of, pairs, tmp_path
):
    root = tmp_path / "vanishing"
    shutil.copytree(pairs, root)
    options["data.train"] = str(root)
    process = started(sets(options, train__max_steps=100_000, **(SHARED | SPLIT)))
    folder = RunFolder.of(settings_of())
    while process.poll() is None and not folder.metrics.exists():
        time.sleep(0.1)
    shutil.rmtree(root / "Patches" / "GT")
    ended = finished(process)
    assert ended.stderr.count("error: ") == 1
    assert "exitcode  : 3" in ended.stderr
    assert latest_checkpoint(folder.checkpoints) is not None


def test_a_killed_process_ends_the_others_which_save(options, settings_of):
    ended = run_of(options, "tiny", faults="kill")
    assert ended.returncode == 1
    assert "error: another process ended without a word" in ended.stderr
    assert "Signal 9" in ended.stderr
    assert state_of(settings_of())["step"] == 3


def test_a_bug_in_one_process_ends_the_others(options):
    ended = run_of(options, "tiny", faults="bug")
    assert ended.returncode == 1
    assert "error: process 1: ZeroDivisionError: a bug" in ended.stderr


@pytest.mark.parametrize("processes", [(2, 1), (1, 2)])
def test_a_run_resumed_by_another_number_of_processes_equals_one_never_stopped(
    options, settings_of, processes
):
    before, after = processes
    assert run_of(options, "whole", processes=1, faults="float64").returncode == 0
    assert run_of(options, "parts", processes=before, faults="float64").returncode == 0
    settings = settings_of(run__name="parts")
    latest_checkpoint(RunFolder.of(settings).checkpoints).unlink()  # as if killed after step 4
    ended = run_of(options, "parts", processes=after, faults="float64", resume=True)
    assert ended.returncode == 0, ended.stderr
    assert "at step 4" in ended.stdout
    assert_same_run(settings_of(run__name="whole"), settings)


def test_two_machines_make_the_run_of_one_process(options, settings_of):
    """Two of torchrun's agents on this machine, connected as in docs/training.md."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert run_of(options, "one", processes=1, faults="float64").returncode == 0
    arguments = sets(options, run__name="two", **(SHARED | SPLIT))
    agents = [
        started(
            arguments,
            processes=1,
            faults="float64",
            agent=(
                "--nnodes=2", f"--node-rank={node}",
                "--master-addr=127.0.0.1", f"--master-port={port}",
            ),
        )
        for node in (0, 1)
    ]  # fmt: skip
    for ended in [finished(agent) for agent in agents]:
        assert ended.returncode == 0, ended.stderr
    assert_same_run(settings_of(run__name="one"), settings_of(run__name="two"))
    assert rows_of(settings_of(run__name="two"))[-1]["step"] == 8
