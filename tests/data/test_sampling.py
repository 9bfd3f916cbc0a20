"""Samples: pure, aligned, turned alike, and drawn from every window alike."""

from collections import Counter

import numpy as np
import pytest
import torch
from data.makers import NoiseClip, noise_footage
from hypothesis import given
from hypothesis import strategies as st

from vsr_data import TrainingStream
from vsr_data.degradation import degrade
from vsr_data.footage.clip import TYPICAL, Footage
from vsr_data.samples.sampling import WindowDraw, choose_cut, sample_generator, spread

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


def drawn(footage, draws=4000, seed=0, aside=frozenset()) -> Counter:
    """How often each window is drawn, by its number."""
    draw = WindowDraw(footage)
    return Counter(
        draw.choose(sample_generator(seed, step, 0), aside).number for step in range(draws)
    )


def is_near(count: int, expected: float) -> bool:
    return abs(count - expected) < 5 * expected**0.5


def test_windows_are_drawn_alike_whatever_their_clip():
    footage = noise_footage()
    assert footage.window_ends() == (1, 6, 8)
    counts = drawn(footage)
    assert len(counts) == 8
    assert all(is_near(count, 4000 / 8) for count in counts.values())


def test_windows_without_weights_are_those_that_were_always_drawn():
    """Recorded before windows had weights: runs of old go on as they were."""
    draw = WindowDraw(noise_footage())
    steps = [(step, index) for step in range(6) for index in range(4)]
    chosen = [draw.choose(sample_generator(3, *key)).number for key in steps]
    assert chosen == [6, 7, 0, 0, 7, 5, 0, 6, 1, 6, 4, 4, 1, 6, 0, 1, 4, 4, 5, 6, 6, 2, 1, 1]
    chosen = [draw.choose(sample_generator(3, *key), frozenset({4, 0})).number for key in steps]
    assert chosen == [6, 7, 1, 2, 7, 5, 5, 6, 1, 6, 5, 2, 1, 6, 3, 1, 1, 1, 5, 6, 6, 2, 1, 1]


class WeighedClip(NoiseClip):
    """A clip whose windows have weights, and which is one of several sources."""

    def __init__(self, name, weights, group=0):
        count = 5 if weights is None else len(weights)
        super().__init__(name, count + 4, 12, 12, scale=3, n_frames=5)
        self.group = group
        self._of = None if weights is None else np.array(weights, np.int64)

    def weights(self):
        return self._of


def test_windows_are_drawn_by_their_weights():
    clips = WeighedClip("a", [1, 64, 256]), WeighedClip("b", None), WeighedClip("c", [64, 128])
    counts = drawn(Footage(clips), 20_000)
    weights = [1, 64, 256, *[TYPICAL] * 5, 64, 128]
    for number, weight in enumerate(weights):
        assert is_near(counts[number], 20_000 * weight / sum(weights))


def test_sources_are_drawn_by_their_weights_whatever_their_size():
    clips = (
        WeighedClip("a", None, group=2),
        WeighedClip("b", [10, 30], group=0),
        WeighedClip("c", None, group=2),
    )
    footage = Footage(clips, groups=(3.0, 5.0, 1.0))  # nothing is left of the second one
    counts = drawn(footage, 20_000)
    expected = [0.25 / 10] * 5 + [0.75 / 4, 0.75 * 3 / 4] + [0.25 / 10] * 5
    for number, share in enumerate(expected):
        assert is_near(counts[number], 20_000 * share)


@given(
    st.lists(
        st.tuples(st.lists(st.integers(1, 500), min_size=1, max_size=6), st.integers(0, 2)),
        min_size=1,
        max_size=4,
    ),
    SEEDS,
)
def test_a_choice_is_a_window_of_its_clip(parts, seed):
    clips = tuple(WeighedClip(str(i), weights, group) for i, (weights, group) in enumerate(parts))
    footage = Footage(clips, groups=(1.0, 0.5, 2.0))
    ends = (0, *footage.window_ends())
    for step in range(20):
        choice = WindowDraw(footage).choose(sample_generator(seed, step, 0))
        assert 0 <= choice.window < clips[choice.clip].windows
        assert choice.number == ends[choice.clip] + choice.window


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


@pytest.mark.parametrize("weights", [None, [64, 3, 500]])
def test_a_window_set_aside_is_not_drawn_and_every_other_sample_stays_as_it_was(weights):
    clips = WeighedClip("a", weights), WeighedClip("b", [1, 2, 30, 1])
    draw, last = WindowDraw(Footage(clips)), clips[0].windows + 2
    aside = frozenset({last})
    generators = [
        (sample_generator(1, step, 0), sample_generator(1, step, 0)) for step in range(99)
    ]
    both = [(draw.choose(one), draw.choose(other, aside)) for one, other in generators]
    assert last in {one.number for one, _ in both}
    assert last not in {other.number for _, other in both}
    for one, other in both:
        assert one == other or one.number == last


def test_a_window_that_is_hardly_ever_drawn_is_found_where_it_alone_is_left():
    footage = Footage((WeighedClip("a", [10**9, 1, 10**9]),))
    assert drawn(footage, 2, aside=frozenset({0, 2})) == {1: 2}
