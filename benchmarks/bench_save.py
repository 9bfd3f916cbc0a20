"""How long a save holds training up, and its share of the training between two saves.

The state is copied to host memory between two steps; writing goes on beside them and is not timed.
The share is of the least time that a P4 needs for the steps between two saves, so it is at most
what a user would see there.
"""

from pathlib import Path

import pytest
import torch

from vsr_device import choose_platform
from vsr_settings import load
from vsr_settings.memory import seconds_per_step
from vsr_train.folder import CheckpointWriter, RunFolder, latest_checkpoint
from vsr_train.step import TrainingState

CONFIGS = Path(__file__).parents[1] / "configs"
MIB = 1 << 20


@pytest.fixture(params=["p4", "p4-large"])
def settings(request, tmp_path):
    options = ["data.train=demo", "data.val=demo", f"run.dir={tmp_path}"]
    return load(CONFIGS / f"{request.param}.toml", options, {})


def seconds_between_saves(settings):
    """The least time in seconds that the card of the settings trains from one save to the next."""
    by_step = settings.train.save_every * seconds_per_step(settings)
    return min(by_step, 60 * settings.train.save_minutes)


@pytest.mark.benchmark(group="save")
def bench_stall_of_a_save(benchmark, settings, device):
    on_device = settings.model_copy(
        update={"run": settings.run.model_copy(update={"device": device.type})}
    )
    state = TrainingState.fresh(settings, choose_platform(on_device))
    for parameter in state.network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    state.optimizer.step()  # so that AdamW has what it remembers
    folder = RunFolder.of(settings)
    folder.path.mkdir()

    with CheckpointWriter(folder, settings) as writer:

        def wait_and_step():
            writer.finish()
            state.step += 1
            if device.type == "cuda":
                torch.cuda.synchronize()

        def save():
            writer.save(state)

        benchmark.pedantic(save, setup=wait_and_step, rounds=10, warmup_rounds=1)

    written = latest_checkpoint(folder.checkpoints)
    assert torch.load(written, weights_only=True)["step"] == state.step
    benchmark.extra_info["checkpoint_mib"] = written.stat().st_size / MIB
    if benchmark.enabled:
        stall = benchmark.stats.stats.median
        benchmark.extra_info["share_of_training"] = stall / seconds_between_saves(settings)
