"""What a run tells is what is known of it at every moment; no clock is read here."""

import pytest
from train.run_states import ABOUT, WEIGHTS, Clock, training_row, validation_row

from vsr_train.report.live import Tracker, panel
from vsr_train.signals import Action


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def tracker_of(settings_of, clock):
    """A tracker of a run of 100 steps of 4 samples, validated every 40."""

    def build(start_step=0, seconds_per_step=None):
        settings = settings_of(train__max_steps=100, train__val_every=40)
        return Tracker(
            settings, ABOUT, WEIGHTS, start_step, seconds_per_step=seconds_per_step, clock=clock
        )

    return build


def test_a_run_starts_trains_and_is_somewhere_at_every_moment(tracker_of, clock):
    tracker = tracker_of()
    assert tracker.status().doing == "starting"
    tracker.advance(1)
    clock.now = 5.0
    status = tracker.status()
    assert (status.doing, status.doing_s, status.running_s) == ("training", 0.0, 5.0)
    assert (status.step, status.last_step, status.left_s) == (1, 100, None)


def test_a_row_of_the_log_is_shown_with_the_phase_of_its_step(tracker_of):
    tracker = tracker_of()
    tracker.advance(10)
    tracker.log_training(training_row(10, skipped=2))
    status = tracker.status()
    assert status.losses.steps_per_s == 2.0
    assert (status.losses.phase, status.losses.withheld) == ("cosine", 2)
    assert status.memory.used == 640
    assert status.memory.is_process
    assert status.left_s == 90 * 0.5
    assert status.trends["total"] == (0.0966,)


def test_the_time_left_goes_down_while_a_step_is_made_and_stands_in_a_pause(tracker_of, clock):
    tracker = tracker_of(seconds_per_step=10.0)
    tracker.advance(90)
    assert tracker.status().left_s == 100.0
    clock.now = 4.0
    assert tracker.status().left_s == 96.0
    with tracker.doing("paused"):
        clock.now = 1000.0
        before = tracker.status()
        assert (before.doing, before.doing_s) == ("paused", 996.0)
        with tracker.doing("saving"):
            clock.now = 1010.0
        assert tracker.status().doing == "paused"
    assert tracker.status().left_s == 96.0


def test_validations_to_come_are_in_the_time_left_and_so_is_one_under_way(tracker_of, clock):
    tracker = tracker_of(seconds_per_step=1.0)
    tracker.advance(40)
    tracker.log_validation(validation_row(40, seconds=10.0))
    tracker.advance(80)
    assert tracker.status().left_s == 20.0 + 10.0
    with tracker.doing("validating"):
        clock.now = 4.0
        assert tracker.status().left_s == 20.0 + 10.0 + 6.0


def test_the_next_validation_is_the_one_under_way_and_the_last_step_has_one(tracker_of):
    tracker = tracker_of()
    assert tracker.status().next_validation == 40
    tracker.advance(40)
    assert tracker.status().next_validation == 40
    tracker.log_validation(validation_row(40))
    assert tracker.status().next_validation == 80
    tracker.advance(99)
    assert tracker.status().next_validation == 100
    tracker.advance(100)
    tracker.log_validation(validation_row(100))
    assert tracker.status().next_validation is None


def test_the_clips_that_gain_least_come_first(tracker_of):
    tracker = tracker_of()
    tracker.log_validation(validation_row(40))
    assert [clip.name for clip in tracker.status().clips] == ["b", "a"]


def test_a_checkpoint_is_known_once_it_is_on_the_disk(tracker_of, clock):
    tracker = tracker_of()
    tracker.advance(50)
    assert tracker.status().saved_step is None
    tracker.advance(51, saved_step=50)
    clock.now = 7.0
    tracker.advance(52, saved_step=50)
    assert (tracker.status().saved_step, tracker.status().saved_s) == (50, 7.0)


def test_what_was_asked_for_is_shown_until_it_begins(tracker_of):
    tracker = tracker_of()
    tracker.advance(1)
    tracker.ask(Action.VALIDATE | Action.SAVE | Action.PAUSE)
    with tracker.doing("validating"):
        assert tracker.status().asked == Action.SAVE | Action.PAUSE
    tracker.withdraw(Action.PAUSE)
    with tracker.doing("saving"):
        assert tracker.status().asked == Action.NOTHING


def test_a_resumed_run_takes_up_its_curves_and_passes_over_damaged_rows(tracker_of):
    tracker = tracker_of(start_step=60)
    rows = [
        training_row(10), {"kind": "train"}, {"kind": "train", "loss": 3}, {}, {"kind": None},
        validation_row(40, seconds=12.0), {"kind": "validation", "step": 50, "sources": None},
        training_row(20, loss={"total": "high"}), training_row(20),
    ]  # fmt: skip
    tracker.recall(iter(rows))
    status = tracker.status()
    assert len(status.trends["total"]) == 2
    assert [score.step for score in status.scores] == [40]
    assert (status.saved_step, status.saved_s) == (60, None)
    tracker.advance(60)
    assert tracker.remaining.validation_s == 12.0


def test_figures_that_were_no_numbers_do_not_break_the_picture_of_a_resumed_run(tracker_of):
    """The log has null for them."""
    tracker = tracker_of(start_step=60)
    unknown = {"psnr": None, "gain_bicubic_db": None}
    clips = {"a": unknown, "b": {"psnr": 30.0, "gain_bicubic_db": 1.0}}
    rows = [validation_row(step, **unknown, sources=clips) for step in (20, 40)]
    tracker.recall(iter([*rows, validation_row(50, psnr="high"), validation_row(60)]))
    status = tracker.status()
    assert [score.step for score in status.scores] == [20, 40, 60]
    for size in ((80, 24), (160, 60)):
        assert panel(status, *size).rows
    tracker = tracker_of()
    tracker.recall(iter(rows))
    assert [clip.name for clip in tracker.status().clips] == ["b", "a"]
    assert panel(tracker.status(), 160, 60).rows


def test_what_the_watch_says_is_shown(tracker_of):
    tracker = tracker_of()
    tracker.judge("stagnating", "no detail", is_alarm=True)
    status = tracker.status()
    assert (status.verdict, status.evidence, status.is_alarm) == ("stagnating", "no detail", True)
