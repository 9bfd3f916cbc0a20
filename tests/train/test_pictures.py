"""Pictures for people: the same place at every validation, few enough to keep, and true."""

import json
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from vsr_train.folder import ANIMATION, sheets_by_step
from vsr_train.report.pictures import write_pictures
from vsr_train.report.pictures.comparison import CHUNK, PANEL, ZOOM, detail_box
from vsr_train.report.pictures.gallery import MOST_STEPS, kept
from vsr_train.validation import Comparison


def comparison(name="a", height=64, width=96, seed=0):
    """Bicubic lacks detail in one place alone."""
    generator = torch.Generator().manual_seed(seed)
    gt = torch.rand(3, height, width, generator=generator) / 2
    bicubic, sr = gt.clone(), gt + 0.01
    bicubic[:, 40:48, 60:80] += 0.3
    return Comparison(name, bicubic, sr.clamp(0, 1), gt)


def read(path):
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB")), json.loads(picture.text[CHUNK])


def part(pixels, box):
    left, top, width, height = box
    return pixels[top : top + height, left : left + width]


def test_the_detail_is_where_bicubic_lacks_most(tmp_path):
    shown = comparison()
    left, top, width, height = detail_box(shown.bicubic_CHW, shown.gt_CHW)
    assert (width, height) == (24, 16)
    assert (left <= 60, left + width >= 80) == (True, True)
    assert (top <= 40, top + height >= 48) == (True, True)
    write_pictures(tmp_path, 5, [shown], best_step=5)
    pixels, facts = read(tmp_path / "a-step-000000005.png")
    for name in ("bicubic", "output", "ground truth", "error"):
        whole, detail = (part(pixels, facts[kind][name]) for kind in ("panels", "details"))
        cut = whole[top : top + height, left : left + width]
        assert np.array_equal(detail, cut.repeat(ZOOM, 0).repeat(ZOOM, 1))


def test_the_error_map_is_black_where_nothing_is_wrong_and_bright_where_much_is(tmp_path):
    shown = comparison()
    shown.sr_CHW[:] = shown.gt_CHW
    shown.sr_CHW[:, :8, :8] += 0.5
    write_pictures(tmp_path, 1, [shown], best_step=None)
    pixels, facts = read(tmp_path / "a-step-000000001.png")
    error = part(pixels, facts["panels"]["error"]).astype(int).sum(-1)
    assert error[:8, :8].min() > 600
    assert error[8:, 8:].max() < 10


@pytest.mark.parametrize("size", [(16, 16), (33, 700), (900, 1000)])
def test_every_size_of_frame_has_a_sheet_and_large_ones_their_centre(tmp_path, size):
    write_pictures(tmp_path, 1, [comparison(height=max(48, size[0]), width=max(80, size[1]))], 1)
    pixels, facts = read(tmp_path / "a-step-000000001.png")
    for left, top, width, height in [*facts["panels"].values(), *facts["details"].values()]:
        assert max(width, height) <= PANEL
        assert left + width <= pixels.shape[1]
        assert top + height <= pixels.shape[0]


def test_the_animation_goes_from_bicubic_by_every_validation_to_the_ground_truth(tmp_path):
    for step in (10, 20, 30):
        write_pictures(tmp_path, step, [comparison(seed=step), comparison("b")], best_step=10)
    with Image.open(tmp_path / ANIMATION) as animation:
        assert animation.n_frames == 5
    write_pictures(tmp_path, 20, [comparison(seed=20)], best_step=10)  # a run that went back
    with Image.open(tmp_path / ANIMATION) as animation:
        assert animation.n_frames == 4


def test_a_long_run_keeps_few_sheets_and_nobody_else_s_files(tmp_path):
    own = tmp_path / "my notes.png"
    own.write_bytes(b"mine")
    for step in range(100, 100 * (2 * MOST_STEPS + 2), 100):
        write_pictures(tmp_path, step, [comparison(height=48, width=80)], best_step=300)
    steps = sorted(sheets_by_step(tmp_path))
    assert {100, 300, steps[-1]} <= set(steps)
    assert len(steps) == MOST_STEPS
    assert own.read_bytes() == b"mine"


@given(st.sets(st.integers(1, 10**9), max_size=200), st.integers(1, 10**9))
def test_steps_that_stay_are_few_among_those_there_are_and_hold_what_is_wanted(steps, wanted):
    stays = kept(steps, {wanted, None})
    assert stays <= steps
    assert len(stays) == min(len(steps), MOST_STEPS)
    assert (wanted in stays) == (wanted in steps)
    assert not steps or {min(steps), max(steps)} <= stays
    if len(steps) <= MOST_STEPS:
        assert stays == steps


def test_sheets_stay_spread_over_the_whole_run_however_many_validations_there_are():
    steps = set()
    for validation in range(1, 1001):
        steps = kept(steps | {500 * validation}, {500 * validation})
    ordered = sorted(steps)
    gaps = [after - before for before, after in pairwise(ordered)]
    assert (ordered[0], ordered[-1]) == (500, 500_000)
    assert max(gaps) <= 4 * (500_000 / MOST_STEPS)
