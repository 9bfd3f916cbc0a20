"""Several runs on one page: curves over one another, what differs, and the best marked."""

import re

import pytest
from viewer.run_folders import NOW, write_run, write_strip
from viewer.sound_html import Sound

from vsr_viewer.comparison import compare, comparison_on_its_own
from vsr_viewer.comparison.compared import MOST
from vsr_viewer.page import LIMIT
from vsr_viewer.pictures import Shelf
from vsr_viewer.record import RunReader


def page_of(*folders):
    readers = [RunReader(folder) for folder in folders]
    runs, left_out = compare([(each.read(), Shelf(each.root)) for each in readers])
    page = comparison_on_its_own(runs, left_out, NOW)
    assert len(page.encode()) <= LIMIT
    return page, Sound(page).text


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    return (
        write_run(root / "narrow", gain=1.0, n_feats=8),
        write_run(root / "wide", gain=2.0, n_feats=32, n_blocks=6),
    )


def test_what_differs_is_a_table_and_what_does_not_is_left_out(two):
    _, text = page_of(*two)
    differing = text.partition("Where they differ")[2].partition("setting")[2]
    assert "model.n_feats 8 32" in differing
    assert "model.n_blocks 4 6" in differing
    assert "train.max_steps" not in differing


def test_the_best_of_each_figure_is_marked(two):
    _, text = page_of(*two)
    row = text.partition("narrow learning")[2]
    narrow, _, wide = row.partition("wide learning")
    wide = wide.partition("One over the other")[0]
    assert "★" not in narrow
    assert wide.count("★") == 6
    assert "★ 29.86" in wide


def test_samples_that_runs_share_have_a_slider_between_their_outputs(two):
    page, text = page_of(*two)
    assert page.count('class="sample"') == 2
    sample = text.partition("One over the other")[2]
    assert "narrow 27.40 dB wide 27.40 dB bicubic 25.00 dB ground truth" in sample


def test_pictures_of_another_scene_are_not_shared(two, tmp_path):
    other = write_run(tmp_path / "other", clips=("mountain",))
    for step in (100, 200, 300, 400):
        write_strip(other, "chelsea", step, seed=7)
    page, text = page_of(two[0], other)
    assert 'class="sample"' not in page
    assert "These runs share no picture" in text
    assert "different sets of clips: their figures do not compare" in text


def test_runs_of_one_name_are_told_apart_by_their_folders(tmp_path):
    runs = [write_run(tmp_path / where / "demo", steps=100) for where in ("a", "b")]
    _, text = page_of(*runs)
    assert "a/demo" in text
    assert "b/demo" in text


def test_of_many_runs_the_latest_are_compared_and_the_page_stays_small(tmp_path):
    runs = [
        write_run(tmp_path / f"run-{i}", steps=100, side=48, gain=1 + i / 10)
        for i in range(MOST + 2)
    ]
    page, text = page_of(*runs)
    assert "2 runs more, whose rows are older" in text
    styles = re.findall(r'<path class="line (s\d d\d)" data-name="run-', page)
    assert len(set(styles)) == 18
    assert text.count("★") == 1 + 6  # what it means, and one for each figure
