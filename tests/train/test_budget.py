"""What is simulated against the trace of what is real, and its allocator against the replay."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from tracer import trace, trace_beginning, trace_inference, trace_validation

from vsr_settings import Hardware, Model, Settings, load, precision
from vsr_settings.memory import (
    LEAST_FIRST,
    changed,
    predict_in,
    predict_inference,
    predict_validation,
    work_per_sample,
)

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.toml"))
ANYTHING = {
    "hardware.memory_format": st.sampled_from(["contiguous", "channels_last"]),
    "model.n_feats": st.sampled_from([1, 3, 16, 31, 64, 128, 256]),
    "model.n_blocks": st.sampled_from([2, 4, 6, 10, 12]),
    "model.n_frames": st.sampled_from([3, 5, 7]),
    "model.scale": st.sampled_from([2, 3, 4]),
    "model.align": st.sampled_from(["none", "samples"]),
    "model.recompute": st.sampled_from(LEAST_FIRST),
    "loss.l1_weight": st.just(1.0),
    "loss.ms_weight": st.sampled_from([0.0, 1.0]),
    "loss.grad_weight": st.sampled_from([0.0, 1.0]),
    "loss.perceptual_weight": st.sampled_from([0.0, 0.1]),
    "data.patch": st.sampled_from([8, 13, 24, 64, 128, 180]),
    "train.batch_size": st.sampled_from([1, 2, 3, 5, 8, 16]),
    "train.accumulation_steps": st.sampled_from([1, 2, 4]),
}


def holds(run, kept):
    """Live bytes and operations to the digit; what the allocator holds never under, 3 % over."""
    predicted, traced = predict_in(run, kept), trace(run, kept)
    held = max(traced.reserved_bytes, trace_beginning(run, kept).reserved_bytes)
    assert predicted.allocated == traced.peak_bytes
    assert held <= predicted.reserved - predicted.workspace <= 1.03 * held
    assert work_per_sample(run).total == traced.flops_per_sample


@pytest.mark.slow
@pytest.mark.parametrize(
    "examples", [20, pytest.param(1000, marks=pytest.mark.exhaustive)], ids=lambda n: f"{n} runs"
)
def test_the_prediction_is_the_trace_whatever_the_settings(examples):
    @given(values=st.fixed_dictionaries(ANYTHING), kept=st.sampled_from(["fp32", "fp16", "bf16"]))
    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow],
    )
    def check(values, kept):
        run = changed(Settings(hardware=Hardware(preset="cpu")), values)
        chunk = 1 if values["data.patch"] % 2 else values["train.batch_size"]
        holds(changed(run, {"loss.perceptual_chunk": chunk}), kept)

    check()


@pytest.mark.slow
@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_the_prediction_holds_for_every_config(path):
    run = load(path, environ={})
    holds(run, precision(run))


@pytest.mark.slow
@pytest.mark.parametrize("recompute", LEAST_FIRST[1:])
def test_the_prediction_holds_for_the_large_network_recomputed(recompute):
    run = load(CONFIGS[-2], [f"model.recompute={recompute}"], {})
    assert run.model.n_feats == 128
    holds(run, "fp16")


FILMS = st.fixed_dictionaries(
    {
        "n_feats": st.sampled_from([1, 3, 16, 64]),
        "n_blocks": st.sampled_from([2, 4]),
        "n_frames": st.sampled_from([3, 5, 7]),
        "scale": st.sampled_from([2, 3, 4]),
        "align": st.sampled_from(["none", "samples"]),
    }
)
SIDES = st.sampled_from([1, 7, 24, 50, 96])


@pytest.mark.slow
@given(
    model=FILMS,
    height=SIDES,
    width=SIDES,
    kept=st.sampled_from(["fp32", "fp16"]),
    tile=st.sampled_from([None, 20, 40, 100]),
    batch=st.sampled_from([1, 2, 3]),
)
@settings(max_examples=15, deadline=None, derandomize=True, phases=[Phase.generate])
def test_the_prediction_of_a_film_is_its_trace(model, height, width, kept, tile, batch):
    """Live bytes to the digit; what the allocator holds never under, 10 % over."""
    predicted = predict_inference(Model(**model), height, width, kept, batch=batch, tile=tile)
    traced = trace_inference(Model(**model), height, width, kept, batch=batch, tile=tile)
    assert predicted.allocated == traced.peak_bytes
    held = predicted.reserved - predicted.workspace
    assert traced.reserved_bytes <= held <= 1.1 * traced.reserved_bytes


def test_a_gradient_that_was_added_to_another_is_let_go_before_the_next_operator_goes_back():
    """The upsampler goes back sample by sample: one's gradient of its weights is not in the peak,
    once it is in the sum."""
    smallest = {"model.n_feats": 16, "model.n_blocks": 2, "model.n_frames": 3, "model.scale": 4}
    lean = {"model.align": "none", "model.recompute": "blocks", "loss.perceptual_weight": 0.0}
    batch = {"data.patch": 13, "train.batch_size": 3, "train.accumulation_steps": 1}
    run = changed(Settings(hardware=Hardware(preset="cpu")), smallest | lean | batch)
    assert predict_in(run, "fp32").peak_at == "backward pass of the upsampler"
    holds(run, "fp32")


FRAMES = pytest.mark.parametrize(
    ("height", "width", "tile"), [(40, 52, 256), (40, 52, 24), (61, 40, 24)]
)
SMALL = {"model.n_feats": 8, "model.n_blocks": 2, "model.n_frames": 3}


@FRAMES
@pytest.mark.parametrize(
    ("align", "perceptual"), [("samples", 0.0), ("samples", 0.1), ("none", 0.0)]
)
def test_the_prediction_of_a_validation_is_its_trace(align, perceptual, height, width, tile):
    """To the digit but for the figures that it keeps, for which there is room."""
    chosen = {"model.align": align, "loss.perceptual_weight": perceptual, "data.val_tile": tile}
    run = changed(Settings(hardware=Hardware(preset="cpu")), SMALL | chosen)
    predicted, traced = predict_validation(run, height, width), trace_validation(run, height, width)
    elsewhere = predicted.parameters + predicted.gradients + predicted.optimiser
    assert 0 <= predicted.allocated - elsewhere - traced.peak_bytes <= 1028
