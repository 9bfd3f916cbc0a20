"""Laws of the count of operations and of the plan."""

import pytest

from vsr_settings import load
from vsr_settings.__main__ import main
from vsr_settings.memory import candidates, fits, seconds_per_step, work_per_sample

LARGE = ["--n-feats", "128", "--n-blocks", "36"]


def settings_of(*options: str):
    return load(overrides=[*options, "hardware.allow_over_budget=true"], environ={})


@pytest.mark.parametrize(
    ("feats", "blocks", "align", "gflop"),
    [
        (64, 24, "none", 1249),
        (128, 36, "none", 4910),
        (64, 24, "samples", 1351),
        (128, 36, "samples", 5302),
    ],
)
def test_operations_are_those_that_were_counted(feats, blocks, align, gflop):
    settings = settings_of(
        f"model.n_feats={feats}",
        f"model.n_blocks={blocks}",
        f"model.align={align}",
        "model.recompute=none",
    )
    assert work_per_sample(settings).total / 1e9 == pytest.approx(gflop, rel=0.01)
    assert work_per_sample(settings).extra == 0


def test_one_pass_of_vgg_is_484_gflop_at_540_pixels():
    assert work_per_sample(settings_of()).perceptual / 1e9 == pytest.approx(484, rel=0.01)
    assert work_per_sample(settings_of("loss.perceptual_weight=0")).perceptual == 0


@pytest.mark.parametrize("align", ["none", "samples"])
def test_recomputing_costs_operations(align):
    works = [
        work_per_sample(settings_of(f"model.recompute={each}", f"model.align={align}"))
        for each in ("none", "blocks", "segments")
    ]
    assert works[0].total < works[1].total < works[2].total
    assert works[2].extra < 1 / 3


def test_a_p4_needs_at_least_the_time_of_its_arithmetic():
    settings = settings_of("model.recompute=none")
    assert seconds_per_step(settings) == pytest.approx(16 * 1351e9 / 5.5e12, rel=0.01)
    assert seconds_per_step(settings_of("hardware.preset=cpu")) is None


def test_candidates_fit_keep_the_samples_and_come_fastest_first():
    found = candidates(settings_of("model.n_feats=128", "model.n_blocks=36"))
    assert found
    assert all(fits(each.settings) for each in found)
    assert {
        each.settings.train.batch_size * each.settings.train.accumulation_steps for each in found
    } == {16}
    seconds = [each.seconds for each in found]
    assert seconds == sorted(seconds)


@pytest.mark.parametrize("row", [1, 2, 5])
def test_a_chosen_plan_passes_check(row, tmp_path, capsys):
    out = tmp_path / "plan.toml"
    arguments = ["plan", "--preset", "tesla-p4", *LARGE, "--choose", str(row), "-o", str(out)]
    assert main([*arguments, "--set", "loss.grad_weight=0.5"]) == 0
    page = capsys.readouterr().out
    assert "7061 MiB for a training step" in page
    assert "not a measurement" in page
    assert main(["check", str(out)]) == 0
    assert load(out, environ={}).loss.grad_weight == 0.5
    assert main([*arguments]) == 2
    assert "exists" in capsys.readouterr().err


def test_a_plan_for_another_effective_batch_writes_it(tmp_path):
    out = tmp_path / "plan.toml"
    assert main(["plan", "--preset", "t4", "--effective-batch", "12", "-o", str(out)]) == 0
    settings = load(out, environ={})
    assert settings.train.batch_size * settings.train.accumulation_steps == 12
    assert settings.hardware.effective_batch == 12


def test_a_network_too_large_for_the_card_has_no_plan(capsys):
    assert main(["plan", "--n-feats", "1024", "--n-blocks", "512", "--patch", "512"]) == 2
    output = capsys.readouterr()
    assert "nothing fits" in output.out
    assert "no configuration 1" in output.err


def test_a_wrong_option_of_a_plan_is_refused_like_a_setting(capsys):
    assert main(["plan", "--n-feats", "many"]) == 2
    assert "model.n_feats: must be an integer" in capsys.readouterr().err
