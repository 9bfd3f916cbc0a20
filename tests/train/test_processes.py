"""Several processes make the step that one with all the samples would make."""

import json
import os
import subprocess
import sys

import pytest
import torch

from vsr_train.folder import RunFolder, latest_checkpoint, read_state


@pytest.mark.slow
def test_two_processes_train_as_one_does(options, command, settings_of):
    """Same samples a step, split 2 × 1 × 2 instead of 2 × 2: equal to within rounding."""
    shared = {"train.ema_decay": "0", "train.max_steps": "4", "train.grad_clip": "0"}
    changed = {name.replace(".", "__"): value for name, value in shared.items()}
    assert command(run__name="one", **changed)[0] == 0
    arguments = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2"]
    arguments += ["--master-addr=127.0.0.1", "--master-port=0", "--rdzv-backend=c10d"]
    arguments += ["--rdzv-endpoint=127.0.0.1:0", "-m", "vsr_train"]
    for name, value in (options | shared | {"train.accumulation_steps": "1"}).items():
        arguments += ["--set", f"{name}={value}"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    one = RunFolder.of(settings_of(run__name="one", **changed))
    two = RunFolder.of(settings_of(**changed))
    weights = [
        read_state(latest_checkpoint(folder.checkpoints), settings_of())["model_state_dict"]
        for folder in (one, two)
    ]
    for name, tensor in weights[0].items():
        torch.testing.assert_close(weights[1][name], tensor, rtol=1e-3, atol=1e-5, msg=name)
    logs = [
        [json.loads(line) for line in folder.metrics.read_text().splitlines()]
        for folder in (one, two)
    ]
    assert [row["step"] for row in logs[0]] == [row["step"] for row in logs[1]]
    losses = [[row["loss"]["total"] for row in rows if row["kind"] == "train"] for rows in logs]
    assert len(losses[0]) == 2
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_settings_for_several_processes_without_them_are_refused(command):
    code, _, err = command("--set", "train.world_size=2")
    assert code == 4
    assert "torchrun --nproc-per-node=2" in err
