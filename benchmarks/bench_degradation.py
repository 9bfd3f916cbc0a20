"""What degraded takes cost: a training's throughput with and without them, and a frame of each.

The step stands for a P4's: this process keeps one core busy for the least time that 16 samples take
there (docs/benchmarks.md), as a process that waits for a card does, while workers cut and degrade
on what is left. Rounds with and without alternate.
"""

import os
import statistics
import time

import av
import numpy as np
import pytest

from vsr_data import TrainingStream, open_training
from vsr_data.degradation import degraded_take
from vsr_settings import Data, Model
from vsr_settings.degradation import NAMED

SCALE, PATCH = 3, 180
BATCH, MICRO_BATCHES = 4, 4
STEP_S = 3.9
STEPS = 12
HEIGHT, WIDTH = 720, 1280
PRESETS = ["web-video", "dvd", "phone"]


def moving_frames(count, height, width):
    """Frames of a texture that pans and of a bar that crosses it."""
    rng = np.random.default_rng(0)
    coarse = rng.random((height // 8 + 40, width // 8 + 40, 3))
    texture = np.kron(coarse, np.ones((8, 8, 1))) * 200 + rng.random((1, 1, 3)) * 20
    texture = texture + rng.normal(0, 8, texture.shape)
    texture = texture.clip(0, 255).astype(np.uint8)
    for t in range(count):
        frame = texture[t : t + height, 2 * t : 2 * t + width].copy()
        frame[:, 7 * t % width : 7 * t % width + 20] = 30
        yield frame


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("film")


def film_in(folder, *, small):
    """A film of some takes; run as a test, a short and small one."""
    path = folder / f"film-{small}.mkv"
    height, width, count = (96, 128, 16) if small else (HEIGHT, WIDTH, 144)
    if path.exists():
        return path
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"qp": "12", "preset": "fast"})
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        for frame in moving_frames(count, height, width):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "rgb24")))
        container.mux(stream.encode())
    return path


def stream_of(film, degradation, workers):
    data = Data(
        train=str(film),
        val="demo",
        patch=24 if workers == 0 else PATCH,
        degradation=degradation,
        cache_dir=str(film.parent / "cache"),
    )
    footage = open_training(data, Model(n_frames=5, scale=SCALE))
    return TrainingStream(
        footage,
        n_frames=5,
        scale=SCALE,
        patch=data.patch,
        seed=0,
        batch_size=BATCH,
        accumulation_steps=MICRO_BATCHES,
        workers=workers,
    )


def train(stream, start, steps, step_s):
    """Seconds of every step after the first, whose takes all have to be made."""
    laps, last = [], None
    for micro_batches in stream.steps(start, start + steps):
        assert len(micro_batches) == MICRO_BATCHES
        end = time.perf_counter() + step_s
        while time.perf_counter() < end:
            pass
        now = time.perf_counter()
        laps += [] if last is None else [now - last]
        last = now
    return laps


@pytest.mark.benchmark(group="degradation")
@pytest.mark.parametrize("preset", PRESETS)
def bench_throughput(benchmark, folder, preset):
    film = film_in(folder, small=not benchmark.enabled)
    if not benchmark.enabled:
        assert len(train(stream_of(film, preset, 0), 0, 2, 0)) == 1
        benchmark(lambda: None)
        return
    workers = max(1, (os.cpu_count() or 2) - 1)
    streams = {name: stream_of(film, name, workers) for name in ("bicubic", preset)}
    laps = {name: [] for name in streams}
    for turn in range(2):
        for name, stream in streams.items():
            laps[name] += train(stream, turn * STEPS, STEPS, STEP_S)
    benchmark.pedantic(lambda: None)
    seconds = {name: statistics.fmean(each) for name, each in laps.items()}
    benchmark.extra_info |= {
        "preset": preset,
        "step_s": STEP_S,
        "workers": workers,
        "lap_s": seconds,
        "ratio_to_without": seconds["bicubic"] / seconds[preset],
    }
    assert benchmark.extra_info["ratio_to_without"] > 0


@pytest.mark.benchmark(group="degradation")
@pytest.mark.parametrize("preset", PRESETS)
def bench_take(benchmark, preset):
    """A take of 48 frames from 1280×720, as if none of it were only reduced."""
    count, height, width = (48, HEIGHT, WIDTH) if benchmark.enabled else (8, 96, 128)
    gt_THWC = np.stack([*moving_frames(count, height, width)])
    pipeline = NAMED[preset].model_copy(update={"clean_share": 0.0})

    def take(seed=1):
        return degraded_take(
            gt_THWC[:, : height // 3 * 3, : width // 3 * 3],
            pipeline,
            SCALE,
            np.random.default_rng(seed),
        )

    lq_THWC = take()
    assert lq_THWC.shape == (count, height // 3, width // 3, 3)
    assert np.array_equal(lq_THWC, take())
    before = time.process_time()
    benchmark.pedantic(take, rounds=1)
    spent = time.process_time() - before
    benchmark.extra_info |= {"preset": preset, "processor_ms_a_frame": 1000 * spent / count}
