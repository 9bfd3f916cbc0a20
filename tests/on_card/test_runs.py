"""Laws of whole runs on a card: resumed bit for bit, in the precision that they began in."""

import json
from functools import partial

import pytest
import torch
from picture_pairs import tiny_run, write_pairs

from vsr_device import choose_inference_platform, choose_platform
from vsr_losses import HybridLoss
from vsr_model import Network
from vsr_settings import Model, load
from vsr_train.__main__ import main
from vsr_train.folder import RunFolder, latest_checkpoint
from vsr_train.rehearsal import Card, Way, card_of, choose_way
from vsr_train.rehearsal.timing import time_way
from vsr_upscale.engine import Engine
from vsr_upscale.source import Picture

COMPARED = (
    "step", "skipped", "model_state_dict", "ema_state_dict", "optimizer_state_dict",
    "scaler_state_dict", "random_state",
)  # fmt: skip


@pytest.fixture
def options(place, tmp_path):
    """A run of eight steps where `place` is."""
    write_pairs(tmp_path / "pairs")
    return tiny_run(tmp_path / "pairs", tmp_path) | {
        "hardware.preset": place.preset,
        "hardware.effective_batch": "4",
        "hardware.allow_over_budget": "true",
        "run.device": place.device.type,
        "data.workers": "0",
    }


def trained(options, *words, **changed):
    """Run the command; return what its newest checkpoint holds."""
    chosen = options | {name.replace("__", "."): value for name, value in changed.items()}
    sets = [word for name, value in chosen.items() for word in ("--set", f"{name}={value}")]
    assert main([*sets, *words]) == 0
    return torch.load(newest(chosen), weights_only=True)


def newest(options):
    settings = load(None, [f"{name}={value}" for name, value in options.items()], {})
    return latest_checkpoint(RunFolder.of(settings).checkpoints)


def assert_same(one, other):
    for name in COMPARED:
        assert_equal(one[name], other[name], name)


def assert_equal(one, other, where):
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other), where
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key in one:
            assert_equal(one[key], other[key], f"{where}/{key}")
    elif isinstance(one, list):
        for number, (a, b) in enumerate(zip(one, other, strict=True)):
            assert_equal(a, b, f"{where}/{number}")
    else:
        assert one == other, where


@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16"])
def test_a_deterministic_run_that_is_resumed_equals_one_never_stopped(place, options, precision):
    """With train.deterministic, a run stopped and resumed equals one never stopped, bit for bit."""
    if not place.has_natively(precision):
        pytest.skip("this precision is emulated here")
    amp = {"train__use_amp": "true", "train__amp_dtype": precision}
    amp = {"train__deterministic": "true"} | (amp if precision != "fp32" else {})
    whole = trained(options, **amp)
    stopped = options | {"run.name": "stopped"}
    trained(stopped, **amp)
    newest(stopped).unlink()  # as if killed after step 4
    assert_same(trained(stopped, "--resume", "auto", **amp), whole)


def test_a_run_goes_on_in_the_precision_it_began_in(place, options, monkeypatch, capsys):
    """A run whose precision was timed goes on in it, whatever would be timed as faster today."""
    timed = []

    def card(fastest, settings, platform, loss):
        def trial(way, best):
            timed.append(way)
            return 1.0 if way.precision == fastest else 2.0

        found = card_of(settings, platform, loss)
        facts = {"name": "a stand-in", "fastest": fastest} if found is None else dict(found.facts)
        return Card(facts, ("fp32", "fp16"), trial)

    auto = {
        "train__use_amp": "true",
        "train__amp_dtype": "auto",
        "hardware__memory_format": "contiguous",
    }
    monkeypatch.setattr("vsr_train.run.card_of", partial(card, "fp16"))
    whole = trained(options, **auto)
    assert whole["way"]["precision"] == "fp16"
    assert whole["scaler_state_dict"]
    stopped = options | {"run.name": "stopped"}
    trained(stopped, **auto)
    newest(stopped).unlink()
    before = len(timed)
    monkeypatch.setattr("vsr_train.run.card_of", partial(card, "fp32"))
    resumed = trained(stopped, "--resume", "auto", **auto)
    assert "goes on in fp16 contiguous, as it began" in capsys.readouterr().out
    assert len(timed) == before
    assert resumed["way"] == whole["way"]
    if not place.is_card:  # where it takes train.deterministic, for which nothing is timed
        assert_same(resumed, whole)


def test_every_way_that_is_open_is_timed_once_and_remembered(place, options):
    """Precisions and memory formats are timed once for a card and settings, then remembered."""
    auto = {"train.use_amp": "true", "train.amp_dtype": "auto"}
    settings = load(None, [f"{n}={v}" for n, v in (options | auto).items()], {})
    platform = choose_platform(settings)
    loss = HybridLoss(settings.loss)
    card = card_of(settings, platform, loss) or Card(
        {"name": "a stand-in"}, ("fp32", "bf16"), partial(time_way, settings, platform, loss)
    )
    first = choose_way(settings, Way.of(platform), card)
    assert all(each.seconds or each.reason for each in first.timings)
    assert len(first.timings) == 2 * len(card.precisions)
    never = Card(card.facts, card.precisions, None)
    again = choose_way(settings, Way.of(platform), never)
    assert (again.way, again.timings) == (first.way, first.timings)
    assert "timed before" in again.notes[0]
    json.dumps(first.as_dict(), allow_nan=False)


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_a_card_streams_what_the_cpu_does(place, precision):
    """The upscaler's engine on a card makes the pictures that it makes on the CPU."""
    precision = precision if place.is_card else "fp32"
    generator = torch.Generator().manual_seed(1)
    pictures = [
        Picture(n, n, 1, torch.rand(1, 3, 20, 26, generator=generator), n == 0) for n in range(9)
    ]
    on_cpu = choose_inference_platform("cpu", "fp32")
    expected = list(Engine(answering(), on_cpu, (20, 26)).enlarge(pictures))
    engine = Engine(answering(), choose_inference_platform(place.device.type, precision), (20, 26))
    assert engine.batch > 1 or not place.is_card
    close = 1e-4 if precision == "fp32" else 0.05
    found = list(engine.enlarge(pictures))
    for (_, ours), (_, theirs) in zip(found, expected, strict=True):
        torch.testing.assert_close(ours.float().cpu(), theirs.float(), rtol=close, atol=close)


def answering():
    """A network that adds something to what bilinear interpolation makes."""
    torch.manual_seed(3)
    network = Network(Model(n_feats=6, n_blocks=4, n_frames=5, scale=3, align="samples"))
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.15)
    return network
