"""Curves keep their extremes however few points a screen has; axes have round numbers."""

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vsr_viewer.charts import Chart, Curve, Series, bar, drawn, extremes, phases, spark, thinned
from vsr_viewer.charts.axes import linear, logarithmic
from vsr_viewer.figures import duration, short_number, signed

VALUES = st.floats(-1e6, 1e6, width=32)
GAPPED = st.lists(VALUES | st.just(math.nan), min_size=1, max_size=400)


def steps_for(values):
    return [3 * i * (1 + i // 7) for i in range(len(values))]


def known(values):
    return [value for value in values if not math.isnan(value)]


@given(GAPPED, st.integers(1, 40))
def test_a_thinned_curve_has_the_extremes_of_all_its_points(values, buckets):
    steps = steps_for(values)
    curve = thinned(steps, values, buckets)
    drawn_values, there = curve.values, known(values)
    assert bool(drawn_values) == bool(there)
    if there:
        assert (min(drawn_values), max(drawn_values)) == (min(there), max(there))
    assert len(curve.line) <= max(2 * buckets, 1)
    assert [at for at, _ in curve.line] == sorted({at for at, _ in curve.line})
    for (_, mean), (_, low, high) in zip(curve.line, curve.band, strict=False):
        assert math.isnan(mean) or low - 1 <= mean <= high + 1


@given(GAPPED, st.integers(1, 40))
def test_extremes_are_points_that_are_there(values, buckets):
    steps = steps_for(values)
    line = extremes(steps, values, buckets).line
    there = known(values)
    assert {point for point in line if not math.isnan(point[1])} <= set(
        zip(steps, values, strict=True)
    )
    if there:
        found = known([value for _, value in line])
        assert (min(found), max(found)) == (min(there), max(there))


@given(VALUES, VALUES, st.booleans())
def test_ticks_are_within_their_axis_and_read_apart(one, other, tight):
    low, high = min(one, other), max(one, other)
    axis = linear(low, high, 5, tight=tight)
    places = [at for at, _ in axis.ticks]
    assert axis.low <= low <= high <= axis.high
    assert axis.low < axis.high
    assert places == sorted(places)
    assert all(-1e-6 <= axis.part(at) <= 1 + 1e-6 for at in places)
    if high - low > 1e-3 * abs(high):
        assert 2 <= len(places) <= 9
        assert len({label for _, label in axis.ticks}) == len(places)


@given(st.floats(1e-12, 1e12), st.floats(1e-12, 1e12))
def test_logarithmic_ticks_are_few_and_at_least_two(one, other):
    axis = logarithmic(min(one, other), max(one, other), 5)
    places = [at for at, _ in axis.ticks]
    assert places == sorted(places)
    assert all(axis.low - 1e-9 <= at <= axis.high + 1e-9 for at in places)
    assert len(places) <= 9
    assert places


def chart(values, **parts):
    curve = thinned(list(range(0, 10 * len(values), 10)), values, 300)
    return drawn(Chart("Loss", "dB", [Series("a <b>", curve, "s0")], "fixed 2", **parts), 0, 100)


def test_a_curve_is_drawn_in_its_own_numbers_and_begins_anew_after_a_gap():
    html = chart([1.5, 2.25, math.nan, 4.0, 5.0])
    (path,) = re.findall(r'<path class="line s0" data-name="[^"]*" d="([^"]*)"', html)
    assert path == "M0 1.5L10 2.25M30 4L40 5"
    assert "a &lt;b&gt;" in html
    assert 'aria-label="Loss, dB over the steps: a &lt;b&gt; from 1.50 to 5.00"' in html


def test_a_logarithmic_curve_leaves_out_what_has_no_logarithm():
    html = chart([0.01, 0.0, -3.0, 100.0], is_log=True)
    (path,) = re.findall(r'<path class="line s0" data-name="[^"]*" d="([^"]*)"', html)
    assert path == "M0 -2M30 2"


def test_of_nothing_nothing_is_drawn():
    assert chart([math.nan]) == ""
    assert chart([-1.0], is_log=True) == ""
    assert spark([1], [2.0], "one point") == ""
    assert drawn(Chart("x", "", [Series("a", Curve(()), "s0")], "fixed 1"), 0, 0) == ""


def test_small_drawings_say_in_words_what_they_show():
    assert 'aria-label="gain &lt;up&gt;"' in spark([1, 2, 3], [-1.0, 0.5, 1.0], "gain <up>")
    assert 'class="zero"' in spark([1, 2, 3], [-1.0, 0.5, 1.0], "")
    assert "learning from step 3" in phases([(3, 9, "v1", "learning from step 3")], 9)
    assert 'class="limit"' in bar([(3.0, "m0", "weights")], 10, 8, "all")
    assert 'class="limit"' not in bar([(3.0, "m0", "weights")], 10, None, "all")


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (250, "250"), (12_000, "12k"), (1.5e6, "1.5M"), (4e-6, "4e-6"), (0.25, "0.25")],
)
def test_numbers_along_axes_are_short(number, text):
    assert short_number(number) == text


def test_figures_are_words():
    assert [duration(each) for each in (5, 200, 7300, 200_000, math.nan, None)] == [
        "5 s", "3 min 20 s", "2 h 1 min", "2 d 7 h", "–", "–",
    ]  # fmt: skip
    assert [signed(each, 2) for each in (1.234, -0.5, math.nan)] == ["+1.23 dB", "−0.50 dB", "–"]


def test_a_curve_of_many_points_has_a_band_from_its_least_to_its_largest():
    values = [1.0, 9.0, 2.0, math.nan, math.nan, math.nan, 4.0, 4.0, 4.0]
    curve = thinned(list(range(0, 90, 10)), values, 3)
    assert curve.line[::2] == ((20, 4.0), (80, 4.0))
    assert math.isnan(curve.line[1][1])
    assert curve.band[0] == (20, 1.0, 9.0)
    html = drawn(Chart("Loss", "", [Series("l1", curve, "s1")], "fixed 2"), 0, 80)
    assert 'class="band s1" d="M20 9L80 4L80 4L20 1Z"' in html
