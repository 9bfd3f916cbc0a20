"""Time to cut training micro-batches from the demo's footage, in this process."""

import numpy as np
import pytest
import torch
from PIL import Image

from vsr_data import TrainingStream, open_training
from vsr_settings import Data, Model

SCALE, FRAMES = 3, 5


@pytest.fixture(scope="session")
def footage(tmp_path_factory, is_short):
    """The demo, whose filming takes half a minute; run as tests, two pairs of pictures."""
    folder = tmp_path_factory.mktemp("footage")
    source = "demo"
    if is_short:
        source = str(folder)
        write_pairs(folder / "Patches", side=64)
    data = Data(train=source, val="demo", patch=48, cache_dir=str(folder / "cache"))
    return open_training(data, Model(n_frames=FRAMES, scale=SCALE))


def write_pairs(folder, side):
    rng = np.random.default_rng(0)
    for kind, height, width in (("LR", FRAMES * side, side), ("GT", side * SCALE, side * SCALE)):
        (folder / kind).mkdir(parents=True)
        for number in range(2):
            picture = Image.fromarray(rng.integers(256, size=(height, width, 3), dtype=np.uint8))
            picture.save(folder / kind / f"{number}.png")


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
    (lq_BTCHW, gt_BCHW), _ = next(stream.steps(0, 1))
    assert lq_BTCHW.shape == (4, FRAMES, 3, patch, patch)
    assert gt_BCHW.shape == (4, 3, patch * SCALE, patch * SCALE)
    assert lq_BTCHW.dtype == torch.uint8
    benchmark.pedantic(lambda: list(stream.steps(0, 1)), rounds=10, warmup_rounds=1)
    benchmark.extra_info |= {"samples": 8, "patch": patch}
    if benchmark.enabled:
        benchmark.extra_info["samples_per_second"] = 8 / benchmark.stats.stats.median
