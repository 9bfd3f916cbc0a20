"""Time to load settings, predict a step's memory and plan for a card: what an editor hook waits."""

from pathlib import Path

import pytest

from vsr_settings import load
from vsr_settings.memory import candidates, predict_in
from vsr_settings.memory.prediction import _of_a_step, _of_a_validation

CONFIGS = Path(__file__).parents[1] / "configs"
DEMO = ["data.train=demo", "data.val=demo"]


def forget():
    """As in a process that has predicted nothing yet."""
    _of_a_step.cache_clear()
    _of_a_validation.cache_clear()


@pytest.mark.benchmark(group="settings")
@pytest.mark.parametrize("name", ["p4", "p4-large"])
def bench_load(benchmark, name):
    def run():
        return load(CONFIGS / f"{name}.toml", DEMO, {})

    assert run().model.recompute != "auto"
    benchmark.pedantic(run, setup=forget, rounds=10, warmup_rounds=1)


@pytest.mark.benchmark(group="settings")
@pytest.mark.parametrize("name", ["p4", "p4-large"])
def bench_predict(benchmark, name):
    settings = load(CONFIGS / f"{name}.toml", DEMO, {})
    assert predict_in(settings, "fp32").reserved > predict_in(settings, "fp16").reserved
    benchmark.pedantic(
        predict_in, args=(settings, "fp16"), setup=forget, rounds=10, warmup_rounds=1
    )


@pytest.mark.benchmark(group="settings")
def bench_plan(benchmark):
    settings = load(CONFIGS / "p4-large.toml", DEMO, {})
    assert len(candidates(settings)) > 3
    benchmark.pedantic(candidates, args=(settings,), setup=forget, rounds=5, warmup_rounds=1)
