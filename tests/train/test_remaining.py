"""How long a run still takes: numbers in, numbers and words out."""

import math

import pytest

from vsr_train.report.remaining import Remaining, as_clock, in_words


def test_before_anything_was_measured_nothing_is_known():
    assert Remaining(100, 50).seconds(0) is None
    assert Remaining(100, 50).text(0) == ""


def test_steps_take_what_they_took_since_the_latest_rows():
    left = Remaining(100, 1000)
    left.add_steps(10, 5.0)
    assert left.seconds(10) == 90 * 0.5
    for _ in range(5):
        left.add_steps(10, 20.0)
    assert left.seconds(60) == 40 * 2.0


def test_the_first_step_counts_only_until_there_are_others():
    left = Remaining(101, 1000)
    left.add_steps(1, 30.0)
    assert left.seconds(1) == 100 * 30.0
    left.add_steps(9, 4.5)
    assert left.seconds(10) == 91 * 0.5


def test_steps_of_one_row_each_all_count():
    left = Remaining(12, 1000)
    for _ in range(2):
        left.add_steps(1, 3.0)
    assert left.seconds(2) == 30.0


@pytest.mark.parametrize(
    ("step", "due"), [(0, 4), (99, 4), (100, 3), (299, 2), (300, 1), (349, 1), (350, 0)]
)
def test_validations_to_come_are_those_of_their_steps_and_of_the_last(step, due):
    assert Remaining(350, 100).validations(step) == due


def test_a_last_step_that_is_due_anyway_validates_once():
    assert Remaining(300, 100).validations(0) == 3
    assert Remaining(300, 1000).validations(0) == 1


def test_the_time_left_includes_the_validations_still_to_come():
    left = Remaining(350, 100, seconds_per_step=2.0)
    assert left.seconds(200) == 150 * 2.0
    left.add_validation(9.0)
    left.add_validation(10.0)
    assert left.seconds(200) == 150 * 2.0 + 2 * 10.0
    assert left.seconds(350) == 0.0


def test_a_step_that_is_under_way_shortens_the_rest_by_no_more_than_itself():
    left = Remaining(10, 100, seconds_per_step=14.0)
    assert left.seconds(5, since=4.0) == 5 * 14.0 - 4.0
    assert left.seconds(5, since=400.0) == 4 * 14.0


def test_what_was_rehearsed_counts_until_steps_were_measured():
    left = Remaining(100, 1000, seconds_per_step=3.0)
    assert left.seconds(0) == 300.0
    left.add_steps(10, 20.0)
    assert left.seconds(10) == 180.0


def test_the_whole_run_is_told_in_words_with_what_is_not_in_it():
    left = Remaining(1000, 400, seconds_per_step=11.4)
    assert left.text(0) == "about 3 h 10 min for the whole run, 3 validations apart"
    left.add_validation(60.0)
    assert left.text(0) == "about 3 h 13 min for the whole run"
    assert left.text(995) == "about 2 min for the 5 steps that are left"
    assert left.text(1000) == ""
    assert Remaining(5, 9, 1.0).text(0) == "about 5 s for the whole run, 1 validation apart"


@pytest.mark.parametrize(
    ("seconds", "words", "clock"),
    [
        (0.4, "0 s", "0:00"),
        (32, "32 s", "0:32"),
        (99.4, "99 s", "1:39"),
        (119, "2 min", "1:59"),
        (3599, "1 h 0 min", "59:59"),
        (7500, "2 h 5 min", "2:05:00"),
        (86399, "1 d 0 h", "23:59:59"),
        (16.2 * 86400, "16 d 5 h", "16 d 5 h"),
    ],
)
def test_a_time_is_told_as_people_and_as_clocks_do(seconds, words, clock):
    assert in_words(seconds) == words
    assert as_clock(seconds) == clock


def test_a_time_without_end_is_no_time():
    assert as_clock(math.inf) == as_clock(math.nan) == "…"
