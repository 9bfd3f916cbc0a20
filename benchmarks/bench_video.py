"""Time to decode a film with cuts found, and to bring a frame of HDR to SDR."""

import statistics
import time

import av
import numpy as np
import pytest
import torch

from vsr_data.video import ToneMapping, frames, with_cuts

SIZE = (480, 854)


@pytest.fixture(scope="session")
def film(request, tmp_path_factory):
    """Ten scenes that move, of H.264; run as tests, two short ones."""
    short = request.config.getoption("benchmark_disable")
    path = tmp_path_factory.mktemp("film") / "film.mkv"
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "20"})
        stream.height, stream.width = SIZE
        stream.pix_fmt = "yuv420p"
        for _ in range(2 if short else 10):
            coarse = rng.integers(0, 256, (40, 70, 3)).astype(np.uint8)
            scene = np.kron(coarse, np.ones((16, 16, 1), np.uint8))
            for i in range(6 if short else 30):
                rgb = np.ascontiguousarray(scene[i : i + SIZE[0], 2 * i : 2 * i + SIZE[1]])
                container.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, "rgb24")))
        container.mux(stream.encode())
    return path


@pytest.mark.benchmark(group="video")
def bench_decoding_with_cuts(benchmark, film):
    """Its share of the speed of decoding alone is a ratio of medians, taken turn by turn."""
    with_s, without_s, found = [], [], []

    def decode():
        start = time.perf_counter()
        count = sum(1 for _ in frames(film))
        middle = time.perf_counter()
        found[:] = [frame.number for frame, starts in with_cuts(frames(film)) if starts]
        without_s.append(middle - start)
        with_s.append(time.perf_counter() - middle)
        return count

    count = benchmark.pedantic(decode, rounds=9, warmup_rounds=1)
    assert found == list(range(0, count, count // len(found)))
    assert len(found) in {2, 10}
    ratio = statistics.median(without_s) / statistics.median(with_s)
    benchmark.extra_info |= {"frames": count, "speed_with_cuts": ratio}


@pytest.mark.benchmark(group="video")
@pytest.mark.parametrize("transfer", ["pq", "hlg"])
def bench_tone_mapping(benchmark, transfer):
    """Of a frame of 720p, after its RGB is there."""
    rgb_3HW = torch.rand(3, 720, 1280, generator=torch.manual_seed(0))
    mapping = ToneMapping(transfer)
    shown_3HW = benchmark.pedantic(lambda: mapping.shown(rgb_3HW), rounds=10, warmup_rounds=1)
    assert shown_3HW.shape == rgb_3HW.shape
    assert 0 <= float(shown_3HW.min()) <= float(shown_3HW.max()) <= 1
