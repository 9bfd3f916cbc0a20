"""Time to cut training micro-batches from the demo's footage, without workers."""

import pytest
import torch

from vsr_data import TrainingStream, open_training
from vsr_settings import Data, Model

SCALE, FRAMES = 3, 5


@pytest.fixture(scope="session")
def footage(tmp_path_factory):
    cache = tmp_path_factory.mktemp("cache")
    data = Data(train="demo", val="demo", patch=48, cache_dir=str(cache))
    return open_training(data, Model(n_frames=FRAMES, scale=SCALE))


@pytest.mark.benchmark(group="data")
@pytest.mark.parametrize("patch", [24, 48])
def bench_training_stream(benchmark, footage, patch):
    stream = TrainingStream(
        footage,
        n_frames=FRAMES,
        scale=SCALE,
        patch=patch,
        seed=0,
        batch_size=4,
        accumulation_steps=2,
    )
    lq_BTCHW, gt_BCHW = next(iter(stream.batches(0, 1)))
    assert lq_BTCHW.shape == (4, FRAMES, 3, patch, patch)
    assert gt_BCHW.shape == (4, 3, patch * SCALE, patch * SCALE)
    assert lq_BTCHW.dtype == torch.uint8
    benchmark.pedantic(lambda: list(stream.batches(0, 1)), rounds=10, warmup_rounds=1)
    benchmark.extra_info |= {"samples": 8, "patch": patch}
    if benchmark.enabled:
        benchmark.extra_info["samples_per_second"] = 8 / benchmark.stats.stats.median
