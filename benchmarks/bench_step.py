"""Time and memory of an optimiser step, beside the plain formulation's in the same run.

The rounds of the two alternate, so that what else the machine does hits both; results are ratios of
medians, by the clock and of processor time, which a busy machine disturbs less. The answers must
agree before anything is timed.
"""

import statistics
import time
from dataclasses import dataclass, replace

import pytest
import torch
from card.runs import answering_weights
from measuring import made_up_vgg16, now
from plain import PLAIN
from tracer import Formulation, trace

from vsr_device import Platform
from vsr_settings import Data, Hardware, Loss, Model, Settings, Train
from vsr_train.step import Stepper, make_optimizer

NETWORKS = {"64x24": Model(), "128x36": Model(n_feats=128, n_blocks=36)}
AMP_DTYPES = {"fp32": None, "fp16": torch.float16, "bf16": torch.bfloat16}
TOLERANCE = {"fp32": 1e-3, "fp16": 2e-2, "bf16": 1e-1}
"""Largest relative difference of the loss and of the gradient's norm."""
ROUNDS = 3


@dataclass(frozen=True)
class Cell:
    """One configuration of the benchmark."""

    network: str
    recompute: str
    amp: bool
    perceptual: bool

    def __str__(self):
        precision = "amp" if self.amp else "fp32"
        return f"{self.network}-{self.recompute}-{precision}-{'vgg' if self.perceptual else 'l1'}"


CELLS = [
    Cell(network, recompute, amp, perceptual)
    for network in NETWORKS
    for amp in (False, True)
    for recompute in ("none", "blocks", "segments")
    for perceptual in (True, False)
]


def on_cpu(cell):
    """Leave out what the CPU, which is not short of memory, has nothing to say about."""
    if cell.recompute == "none":
        return cell.perceptual or not cell.amp
    return cell.perceptual and not cell.amp


def settings_of(cell, device, *, timed):
    cuda = device.type == "cuda"
    side = 180 if cuda else 48
    return Settings(
        hardware=Hardware(preset="tesla-p4" if cuda else "cpu"),
        model=NETWORKS[cell.network].model_copy(update={"recompute": cell.recompute}),
        loss=Loss(perceptual_weight=0.1 if cell.perceptual else 0.0),
        data=Data(patch=side if timed else 16),
        train=Train(batch_size=4 if cuda else 1, accumulation_steps=1, use_amp=cell.amp),
    )


class Run:
    """A formulation's network, loss and optimiser, stepping on one made-up batch."""

    def __init__(self, formulation, settings, platform, weights):
        network = formulation.network(settings.model)
        network.load_state_dict(weights)
        vgg = made_up_vgg16() if settings.loss.perceptual_weight else None
        self.stepper = Stepper(
            platform.place(network),
            platform.place(formulation.loss(settings.loss, vgg)),
            make_optimizer(network, settings.train),
            platform.grad_scaler(),
            platform,
            grad_clip=1.0,
        )
        model, side, batch = settings.model, settings.data.patch, settings.train.batch_size
        generator = torch.Generator().manual_seed(1)
        shapes = (batch, model.n_frames, 3, side, side), (batch, 3, *[side * model.scale] * 2)
        self.batch = tuple(
            torch.randint(256, shape, dtype=torch.uint8, generator=generator) for shape in shapes
        )

    def step(self, lr=1e-6):
        return self.stepper.step([self.batch], lr)


@pytest.mark.benchmark(group="step")
@pytest.mark.parametrize("cell", CELLS, ids=str)
def bench_step(benchmark, cell, device, matmul_peak):
    if device.type == "cpu" and not on_cpu(cell):
        pytest.skip("says nothing new on a CPU")
    settings = settings_of(cell, device, timed=benchmark.enabled)
    precision = ("fp16" if device.type == "cuda" else "bf16") if cell.amp else "fp32"
    ours_format = torch.channels_last if device.type == "cpu" else torch.contiguous_format
    platform = Platform(device, AMP_DTYPES[precision], ours_format)
    weights = answering_weights(settings.model)
    ours = Run(Formulation(), settings, platform, weights)
    plain_platform = replace(platform, memory_format=torch.contiguous_format)
    plain = Run(PLAIN, settings, plain_platform, weights)
    same_answer(ours.step(), plain.step(), TOLERANCE[precision])
    if not benchmark.enabled:  # run as a test: the answer is all there is to see
        benchmark(ours.step)
        return

    traced = trace(settings, precision)
    plain_clocks, ours_clocks = [], []

    def run_plain():
        plain_clocks.append(clocks(plain.step, device))

    def run_ours():
        ours_clocks.append(clocks(ours.step, device))

    if device.type == "cuda":
        ours.step()
        torch.cuda.reset_peak_memory_stats()
        ours.step()
        benchmark.extra_info["allocated_bytes"] = torch.cuda.max_memory_allocated()
        benchmark.extra_info["reserved_bytes"] = torch.cuda.max_memory_reserved()
    benchmark.pedantic(run_ours, setup=run_plain, rounds=ROUNDS, warmup_rounds=1)
    benchmark.extra_info |= {
        "network": cell.network,
        "recompute": cell.recompute,
        "precision": precision,
        "perceptual": cell.perceptual,
        "device": device.type,
        "torch": torch.__version__,
        "patch": settings.data.patch,
        "batch": settings.train.batch_size,
        "gflop_per_sample": traced.flops_per_sample / 1e9,
        "traced_peak_bytes": traced.peak_bytes,
        "traced_reserved_bytes": traced.reserved_bytes,
    }
    seconds = benchmark.stats.stats.median
    rate = settings.train.batch_size / seconds
    peak = matmul_peak(device, AMP_DTYPES[precision] or torch.float32)
    benchmark.extra_info |= {
        "samples_per_second": rate,
        "share_of_matmul_peak": rate * traced.flops_per_sample / peak,
        "ratio_to_plain": ratio(ours_clocks, plain_clocks, 0),
        "processor_ratio_to_plain": ratio(ours_clocks, plain_clocks, 1),
    }


def clocks(step, device):
    """Return the seconds that a step takes by the clock and of this process's processor time."""
    start, processor = now(device), time.process_time()
    step()
    return now(device) - start, time.process_time() - processor


def ratio(ours, plain, clock):
    """Return the ratio of medians by one clock, without the first round, which warms up."""
    medians = [statistics.median(times[clock] for times in run[1:]) for run in (ours, plain)]
    return medians[0] / medians[1]


def same_answer(ours, plain, tolerance):
    """Compare the terms that are minimised and the gradient's norm."""
    for mine, theirs in (
        (ours.terms[[0, 3, 4, 5]], plain.terms[[0, 3, 4, 5]]),
        (ours.grad_norm, plain.grad_norm),
    ):
        torch.testing.assert_close(mine, theirs, rtol=tolerance, atol=1e-6)
