"""Time to decode a film with cuts found, and to bring a frame of HDR to SDR."""

import statistics
import time

import av
import numpy as np
import pytest
import torch

from vsr_data.video import ToneMapping, frames, with_cuts

SIZES = {"480p": (480, 854), "720p": (720, 1280)}


@pytest.fixture(scope="session", params=SIZES)
def film(request, tmp_path_factory, is_short):
    """Scenes that move two pixels a frame, of H.264; run as tests, two short ones."""
    height, width = SIZES[request.param]
    path = tmp_path_factory.mktemp("film") / "film.mkv"
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"preset": "superfast"})
        stream.height, stream.width = height, width
        stream.pix_fmt = "yuv420p"
        for _ in range(2 if is_short else 4):
            coarse = rng.integers(0, 256, (height // 16 + 10, width // 16 + 17, 3)).astype(np.uint8)
            scene = np.kron(coarse, np.ones((16, 16, 1), np.uint8))
            for i in range(6 if is_short else 30):
                rgb = np.ascontiguousarray(scene[i : i + height, 2 * i : 2 * i + width])
                container.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, "rgb24")))
        container.mux(stream.encode())
    return path


@pytest.mark.benchmark(group="video")
def bench_decoding_with_cuts(benchmark, film):
    """Its share of the speed of decoding to RGB alone: the median of ratios of CPU time.

    The film is the worst case: every frame of it is searched for what moved.
    """
    ratios, found = [], []
    with_cuts_ms = []

    def decode():
        start = time.process_time()
        count = sum(1 for frame in frames(film) if frame.rgb().size)
        middle = time.process_time()
        seen = [
            (starts, frame.rgb().size, frame.number) for frame, starts in with_cuts(frames(film))
        ]
        end = time.process_time()
        found[:] = [number for starts, _, number in seen if starts]
        ratios.append((middle - start) / (end - middle))
        with_cuts_ms.append(1e3 * (end - 2 * middle + start) / count)
        return count

    count = benchmark.pedantic(decode, rounds=5, warmup_rounds=1)
    assert found == list(range(0, count, count // len(found)))
    assert len(found) in {2, 4}
    benchmark.extra_info |= {
        "frames": count,
        "speed_with_cuts": statistics.median(ratios),
        "cuts_cpu_ms": statistics.median(with_cuts_ms),
    }


@pytest.mark.benchmark(group="video")
@pytest.mark.parametrize("transfer", ["pq", "hlg"])
def bench_tone_mapping(benchmark, transfer):
    """Of a frame of 720p, after its RGB is there."""
    rgb_3HW = torch.rand(3, 720, 1280, generator=torch.manual_seed(0))
    mapping = ToneMapping(transfer)
    shown_3HW = benchmark.pedantic(lambda: mapping.shown(rgb_3HW), rounds=10, warmup_rounds=1)
    assert shown_3HW.shape == rgb_3HW.shape
    assert 0 <= float(shown_3HW.min()) <= float(shown_3HW.max()) <= 1
