"""Laws of the memory budget: what fits, what `auto` becomes, and what a refusal tells to write."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, reject
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from vsr_settings import SettingsError, load, predict, read
from vsr_settings.__main__ import main
from vsr_settings.memory import (
    LEAST_FIRST,
    MIB,
    budget_mib,
    changed,
    fits,
    needed_mib,
    predict_in,
)
from vsr_settings.memory.allocator import CachingAllocator

CONFIGS = sorted((Path(__file__).parents[2] / "configs").glob("*.toml"))
LARGE = ["model.n_feats=128", "model.n_blocks=36"]
PLAIN = load(overrides=["hardware.allow_over_budget=true", "model.recompute=none"], environ={})


def loaded(*options: str):
    return load(overrides=options, environ={})


def refused(*options: str) -> SettingsError:
    with pytest.raises(SettingsError) as refusal:
        loaded(*options)
    return refusal.value


def suggestions(error: SettingsError) -> list[dict[str, str]]:
    """What a refusal tells to write, each suggestion as options."""
    (problem,) = error.problems
    written = re.findall(r"^    write (.+?)(?:  .*)?$", problem.remedy, re.MULTILINE)
    return [
        dict(part.replace('"', "").split(" = ") for part in text.split(", ")) for text in written
    ]


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_fits_its_card(path):
    assert fits(load(path, environ={}))


@pytest.mark.parametrize("name", ["p4", "p4-large"])
def test_explain_says_that_the_p4_configs_fit(name, capsys):
    path = next(str(path) for path in CONFIGS if path.stem == name)
    assert main(["explain", path, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["fits"] is True
    assert answer["budget_mib"] == 7611 - 550
    assert answer["recompute"] in LEAST_FIRST
    memory = answer["memory"]
    parts = sum(size for name, size in memory.items() if name not in {"allocated", "reserved"})
    assert parts == memory["reserved"] <= answer["budget_mib"] << 20
    assert main(["explain", path]) == 0
    assert f"of {7611 - 550}: fits" in capsys.readouterr().out


@pytest.mark.parametrize("vram", [2000, 3000, 4000, 5000, 7000, 8000])
def test_auto_is_the_least_recomputation_that_fits(vram):
    settings = loaded(*LARGE, f"hardware.vram_mib={vram}", "hardware.allow_over_budget=true")
    tried = [changed(settings, {"model.recompute": each}) for each in LEAST_FIRST]
    fitting = [each.model.recompute for each in tried if fits(each)]
    assert settings.model.recompute == (fitting[0] if fitting else "segments")


def test_auto_recomputes_more_on_smaller_cards():
    chosen = [
        loaded(*LARGE, f"hardware.vram_mib={vram}").model.recompute for vram in (9000, 5000, 3500)
    ]
    assert chosen == ["none", "blocks", "segments"]


@pytest.mark.parametrize("preset", ["cpu", "mps"])
def test_what_has_no_memory_of_its_own_is_not_budgeted(preset):
    settings = loaded(f"hardware.preset={preset}", "model.n_feats=1024", "model.n_blocks=64")
    assert budget_mib(settings) is None
    assert fits(settings)
    assert settings.model.recompute == "none"


def test_a_run_on_the_cpu_is_not_held_to_the_cards_memory():
    assert fits(loaded("run.device=cpu", "model.n_feats=1024"))


def test_allow_over_budget_warns_instead_of_refusing():
    options = ["model.n_feats=1024", "hardware.allow_over_budget=true"]
    reading = read(overrides=options, environ={})
    assert any("a training step needs" in warning for warning in reading.warnings)
    assert reading.settings.model.recompute == "segments"


@pytest.mark.parametrize(
    "options",
    [
        [*LARGE, "model.recompute=none", "train.use_amp=false"],
        [*LARGE, "model.recompute=none", "train.batch_size=16", "train.accumulation_steps=1"],
        ["model.n_feats=512", "model.n_blocks=64"],
        ["data.patch=1024"],
        ["model.n_frames=63", "model.recompute=none"],
        ["model.n_feats=1024", "train.use_amp=false"],
    ],
    ids=" ".join,
)
def test_a_refusal_says_what_is_needed_what_there_is_and_what_fits(options):
    error = refused(*options)
    (problem,) = error.problems
    assert "a training step needs" in problem.rule
    assert "a Tesla P4 (8 GB) has 7061 MiB" in problem.rule
    every = suggestions(error)
    assert every
    for each in every:
        merged = dict(option.split("=") for option in options) | each
        settings = loaded(*(f"{path}={value}" for path, value in merged.items()))
        if "hardware.allow_over_budget" in each:
            continue
        assert needed_mib(settings) <= 7061
        assert settings.train.batch_size * settings.train.accumulation_steps == 16


BATCHES = st.sampled_from([1, 4, 16])
ASKED = {
    "hardware.preset": st.sampled_from(["tesla-p4", "rtx-2060", "t4"]),
    "model.n_feats": st.sampled_from([64, 192, 512, 1024]),
    "model.n_blocks": st.sampled_from([2, 24, 64]),
    "model.recompute": st.sampled_from(["auto", *LEAST_FIRST]),
    "data.patch": st.sampled_from([64, 256, 700]),
    "train.use_amp": st.sampled_from(["true", "false"]),
}


@given(asked=st.fixed_dictionaries(ASKED), batch=BATCHES)
@hypothesis_settings(max_examples=15, deadline=None)
def test_every_suggestion_loads(asked, batch):
    split = {"train.batch_size": batch, "train.accumulation_steps": 16 // batch}
    options = asked | split | {"loss.perceptual_chunk": batch}
    try:
        loaded(*(f"{path}={value}" for path, value in options.items()))
    except SettingsError as error:
        refusal = error
    else:
        reject()  # fits: there is nothing to suggest
    found = suggestions(refusal)
    assert found
    for each in found:
        loaded(*(f"{path}={value}" for path, value in (options | each).items()))


@pytest.mark.parametrize(
    ("options", "write"),
    [
        (["train.batch_size=8"], "train.accumulation_steps=2"),
        (["train.amp_dtype=bf16"], "train.amp_dtype=fp16"),
        (["model.n_feats=512", "model.n_blocks=36"], None),
    ],
)
def test_a_p4_owner_is_told_what_to_write_and_it_loads(options, write):
    """Batch 8, bf16, and 512 features."""
    error = refused(*options)
    (problem,) = error.problems
    if write is None:
        write = ",".join(f"{path}={value}" for path, value in suggestions(error)[0].items())
    else:
        assert re.search(r"8 × 2|\"fp16\"", problem.remedy)
    kept = dict(option.split("=") for option in options)
    kept |= dict(part.split("=") for part in write.split(","))
    loaded(*(f"{path}={value}" for path, value in kept.items()))


def test_pairs_that_do_not_fit_are_not_suggested():
    options = [*LARGE, "train.use_amp=false", "train.batch_size=16"]
    (problem,) = refused(*options).problems
    assert "8 × 2" in problem.remedy
    assert "16 × 1" not in problem.remedy


SIZES = {
    "train.batch_size": (1, 64),
    "data.patch": (8, 512),
    "model.n_blocks": (1, 64),
    "model.n_feats": (1, 512),
}


@given(
    data=st.data(),
    name=st.sampled_from(sorted(SIZES)),
    recompute=st.sampled_from(LEAST_FIRST),
    kept=st.sampled_from(["fp32", "fp16"]),
)
@hypothesis_settings(max_examples=40, deadline=None)
def test_a_larger_run_never_needs_less(data, name, recompute, kept):
    """Of tensors; what the allocator rounds may shrink by a little."""
    other = data.draw(st.fixed_dictionaries({n: st.integers(*SIZES[n]) for n in SIZES}))
    small, large = sorted(data.draw(st.tuples(*[st.integers(*SIZES[name])] * 2)))
    sizes = []
    for value in (small, large):
        values = other | {name: value, "model.recompute": recompute}
        values["model.n_blocks"] *= 2
        sizes.append(predict_in(changed(PLAIN, values), kept).allocated)
    assert sizes[0] <= sizes[1]


@pytest.mark.parametrize(("size", "held"), [(19 * MIB, 20 * MIB), (19 * MIB - 512, 19 * MIB - 512)])
def test_a_rest_of_a_mebibyte_stays_with_its_block_and_a_larger_one_does_not(size, held):
    """c10 splits a large block only where more than 1 MiB is left."""
    allocator = CachingAllocator()
    allocator.allocate(0, 20 * MIB)
    allocator.free(0)
    allocator.allocate(1, size)
    assert allocator.allocated == held


def test_what_neighbours_add_takes_memory():
    for recompute in LEAST_FIRST:
        needs = [
            predict(changed(PLAIN, {"model.align": each, "model.recompute": recompute})).allocated
            for each in ("none", "samples")
        ]
        assert needs[0] < needs[1]


def test_more_recomputation_never_needs_more_of_the_p4_networks():
    for path in CONFIGS:
        settings = load(path, environ={})
        needs = [
            predict(changed(settings, {"model.recompute": each})).allocated for each in LEAST_FIRST
        ]
        assert needs == sorted(needs, reverse=True)
