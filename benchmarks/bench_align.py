"""What neighbours cost: a step with alignment beside one without, and what gathering takes of it.

Rounds alternate in one process, so that what else the machine does hits both; results are ratios of
medians.
"""

import pytest
import torch
from bench_step import (
    AMP_DTYPES,
    NETWORKS,
    Cell,
    Run,
    answering_weights,
    clocks,
    ratio,
    settings_of,
)
from tracer import Formulation

from vsr_device import Platform
from vsr_model import gather_evidence
from vsr_settings.memory import predict_in, work_per_sample

ROUNDS = 5
UNALIGNED = {"align": "none"}


@pytest.mark.benchmark(group="alignment")
@pytest.mark.parametrize("name", NETWORKS)
def bench_aligned_step(benchmark, name, device):
    cell = Cell(name, "none", amp=False, perceptual=False)
    settings = settings_of(cell, device, timed=benchmark.enabled)
    without = settings.model_copy(update={"model": settings.model.model_copy(update=UNALIGNED)})
    memory_format = torch.channels_last if device.type == "cpu" else torch.contiguous_format
    platform = Platform(device, AMP_DTYPES["fp32"], memory_format)
    aligned, unaligned = (
        Run(Formulation(), each, platform, answering_weights(each.model))
        for each in (settings, without)
    )
    lq_BTCHW = platform.to_unit(aligned.batch[0])
    times = {"aligned": [], "unaligned": [], "gathering": []}

    def run(which, step):
        times[which].append(clocks(step, device))

    def before():
        run("unaligned", unaligned.step)
        run("gathering", lambda: gather_evidence(lq_BTCHW, settings.model.scale))

    if not benchmark.enabled:  # run as a test: that it runs is all there is to see
        before()
        benchmark(aligned.step)
        return
    benchmark.pedantic(
        lambda: run("aligned", aligned.step), setup=before, rounds=ROUNDS, warmup_rounds=1
    )
    work = [work_per_sample(each).total for each in (settings, without)]
    taken = [predict_in(each, "fp32").reserved for each in (settings, without)]
    benchmark.extra_info |= {
        "network": name,
        "patch": settings.data.patch,
        "ratio_to_unaligned": ratio(times["aligned"], times["unaligned"], 0),
        "processor_ratio": ratio(times["aligned"], times["unaligned"], 1),
        "share_of_gathering": ratio(times["gathering"], times["aligned"], 0),
        "operations": work[0] / work[1],
        "reserved": taken[0] / taken[1],
    }
