"""A whole film enlarged beside the network alone on its frames, and memory against its length.

Rounds alternate in one process, so that what else the machine does hits both; throughput is a ratio
of medians. Memory is the most that a process of its own ever held.
"""

import statistics
import subprocess
import sys

import pytest
import torch
from measuring import now
from upscale.films import base_network, write_film

from vsr_device import choose_inference_platform
from vsr_model import Network, enlarge_film, save_weights
from vsr_settings import Model
from vsr_upscale import Request, upscale
from vsr_upscale.engine import Engine
from vsr_upscale.source import Pictures, read_film

NETWORKS = {"16x4": Model(n_feats=16, n_blocks=4), "64x24": Model()}
FRAMES = 24
SIZE = (90, 160)
ROUNDS = 3


@pytest.mark.benchmark(group="upscale")
@pytest.mark.parametrize("name", NETWORKS)
def bench_a_film(benchmark, name, device, tmp_path):
    """Decoding, encoding and joining beside the network, which alone is what cannot be saved."""
    count, size = (FRAMES, SIZE) if benchmark.enabled else (3, (24, 32))
    network = Network(NETWORKS[name])
    torch.nn.init.normal_(network.upsample[2].weight, std=1e-3)
    path = write_film(tmp_path / "film.mkv", count, size=size)
    request = Request(device=device.type, overwrite=True)
    platform = choose_inference_platform(device.type, "auto")
    platform.place(network).eval()
    pictures = list(Pictures(read_film(path)))
    engine = Engine(network, platform, size)
    alone, whole = [], []

    def network_alone():
        start = now(device)
        frames = ((each.rgb_1CHW.to(device), each.starts_scene) for each in pictures)
        with platform.autocast():
            enlarged = enlarge_film(network, frames, batch=engine.batch, tile=engine.tile)
            found = sum(1 for _ in enlarged)
        alone.append(now(device) - start)
        assert found == count

    def film():
        start = now(device)
        summary = upscale(path, tmp_path / "out.mkv", network, request)
        whole.append(now(device) - start)
        assert summary.frames == count

    if not benchmark.enabled:
        network_alone()
        benchmark(film)
        return
    benchmark.pedantic(film, setup=network_alone, rounds=ROUNDS, warmup_rounds=1)
    benchmark.extra_info |= {
        "network": name,
        "size": f"{size[1]}×{size[0]}",
        "fps": count / statistics.median(whole[1:]),
        "throughput": statistics.median(alone[1:]) / statistics.median(whole[1:]),
    }


PROGRAM = """
import re, sys
from pathlib import Path
from vsr_upscale.__main__ import main
code = main(sys.argv[1:])
# Not getrusage: what the parent held before it became this program counts there.
print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
sys.exit(code)
"""


@pytest.mark.benchmark(group="upscale memory")
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it asks Linux what was taken")
def bench_memory_of_a_long_film(benchmark, tmp_path):
    """Six times as long a film takes no more memory."""
    seconds = (5, 30) if benchmark.enabled else (1, 1)
    weights = tmp_path / "base.safetensors"
    save_weights(base_network(), weights)
    taken = {}

    def enlarge(length):
        film = write_film(tmp_path / f"{length}.mkv", 25 * length, size=(144, 176))
        out = tmp_path / f"{length}-x2.mkv"
        words = [str(film), str(out), "--weights", str(weights), "--overwrite"]
        command = [sys.executable, "-c", PROGRAM, *words]
        done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - ours
        taken[length] = int(done.stdout)

    enlarge(seconds[0])
    benchmark.pedantic(enlarge, args=(seconds[1],), rounds=1)
    ratio = taken[seconds[1]] / taken[seconds[0]]
    benchmark.extra_info |= {"seconds": list(seconds), "kib": list(taken.values()), "ratio": ratio}
    assert ratio < 1.1
