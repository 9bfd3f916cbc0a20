"""Samples: pure, aligned, turned alike, and drawn from every window alike."""

from collections import Counter

import numpy as np
import pytest
import torch
from data.makers import noise_footage
from hypothesis import given
from hypothesis import strategies as st

from vsr_data import TrainingStream
from vsr_data.degradation import degrade
from vsr_data.samples.sampling import choose_cut, choose_window, sample_generator, spread

FOOTAGE = {scale: noise_footage(scale) for scale in (2, 3)}


def stream(scale: int = 3, **changes) -> TrainingStream:
    values = {"patch": 8, "seed": 1, "batch_size": 4, "accumulation_steps": 4, **changes}
    return TrainingStream(FOOTAGE[scale], n_frames=5, scale=scale, **values)


SEEDS = st.integers(0, (1 << 63) - 1)
STEPS = st.integers(0, 10**9)


@given(SEEDS, STEPS, st.integers(0, 15))
def test_a_sample_is_a_function_of_seed_step_and_index(seed, step, index):
    one, other = stream(seed=seed), stream(seed=seed)
    other.sample(step + 1, 3)  # what was cut before does not matter
    for a, b in zip(one.sample(step, index), other.sample(step, index), strict=True):
        assert torch.equal(a, b)
    assert one.origin(step, index) == other.origin(step, index)


def test_seeds_steps_and_indexes_all_matter():
    origins = [
        stream(seed=seed).origin(step, index)
        for seed in range(3)
        for step in range(3)
        for index in range(8)
    ]
    assert len(set(origins)) > len(origins) * 0.8


@given(SEEDS, STEPS, st.sampled_from([2, 3]), st.integers(8, 12))
def test_the_centre_frame_of_lq_is_the_degraded_gt(seed, step, scale, patch):
    lq_TCHW, gt_CHW = stream(scale, seed=seed, patch=patch).sample(step, 0)
    assert lq_TCHW.shape == (5, 3, patch, patch)
    assert gt_CHW.shape == (3, patch * scale, patch * scale)
    assert lq_TCHW.dtype == gt_CHW.dtype == torch.uint8
    expected = degrade(gt_CHW.permute(1, 2, 0).contiguous().numpy(), scale, "area")
    assert np.array_equal(expected, lq_TCHW[2].permute(1, 2, 0).numpy())


def test_all_sixteen_augmentations_occur():
    one = TrainingStream(
        noise_footage(), n_frames=5, scale=3, patch=12, seed=0, batch_size=1, accumulation_steps=1
    )  # the clip of 12×12 allows one crop, so that its samples differ by augmentation alone
    seen = {
        one.sample(step, 0)[0].numpy().tobytes()
        for step in range(900)
        if "bb window 2 " in one.origin(step, 0)
    }
    assert len(seen) == 16


def test_every_place_of_a_crop_is_drawn_the_last_row_and_column_too():
    cuts = [choose_cut(sample_generator(0, 0, index), (10, 9), 8) for index in range(100)]
    assert {cut.y for cut in cuts} == {0, 1, 2}
    assert {cut.x for cut in cuts} == {0, 1}


def test_windows_are_drawn_alike_whatever_their_clip():
    ends = noise_footage().window_ends()
    assert ends == (1, 6, 8)
    draws = 4000
    counts = Counter(choose_window(sample_generator(0, step, 0), ends) for step in range(draws))
    assert len(counts) == 8
    assert all(abs(count - draws / 8) < 5 * (draws / 8) ** 0.5 for count in counts.values())


@given(st.integers(1, 500), st.integers(1, 500))
def test_validated_windows_are_spread_over_the_clip(windows, wanted):
    chosen = spread(windows, wanted)
    assert len(chosen) == len(set(chosen)) == min(windows, wanted)
    assert chosen == sorted(chosen)
    assert 0 <= chosen[0] <= chosen[-1] < windows
    if len(chosen) > 1:
        assert (chosen[0], chosen[-1]) == (0, windows - 1)
        assert np.ptp(np.diff(chosen)) <= 1


@pytest.mark.parametrize("index", [-1, 16])
def test_an_index_outside_the_effective_batch_is_refused(index):
    with pytest.raises(ValueError, match="of 16"):
        stream().sample(0, index)


def test_a_window_set_aside_is_not_drawn_and_every_other_sample_stays_as_it_was():
    ends = (3, 7)
    draws = [choose_window(sample_generator(1, step, 0), ends) for step in range(300)]
    without = [
        choose_window(sample_generator(1, step, 0), ends, frozenset({4})) for step in range(300)
    ]
    assert {choice.number for choice in draws} == set(range(7))
    assert {choice.number for choice in without} == set(range(7)) - {4}
    for one, other in zip(draws, without, strict=True):
        assert one == other or one.number == 4
