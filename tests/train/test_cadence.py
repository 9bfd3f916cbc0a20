"""What is due after a step, by steps and by the clock."""

import pytest

from vsr_settings import Train
from vsr_train.cadence import LOG_S, Cadence
from vsr_train.signals import Action

TRAIN = Train(max_steps=100, log_every=10, val_every=50, save_every=25)


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def cadence(**changed):
    clock = Clock()
    return Cadence(TRAIN.model_copy(update=changed), clock), clock


@pytest.mark.parametrize(
    ("step", "due"),
    [
        (1, Action.LOG),
        (2, Action.NOTHING),
        (10, Action.LOG),
        (25, Action.SAVE),
        (50, Action.LOG | Action.VALIDATE | Action.SAVE),
        (99, Action.NOTHING),
        (100, Action.LOG | Action.VALIDATE | Action.SAVE),
    ],
)
def test_the_first_step_logs_and_the_last_does_all(step, due):
    assert cadence()[0].by_step(step) == due


def test_the_last_step_does_all_whatever_the_cadences():
    last = cadence(max_steps=7)[0].by_step(7)
    assert last == Action.LOG | Action.VALIDATE | Action.SAVE


def test_a_long_step_is_logged_and_saved_by_the_clock():
    steady, clock = cadence(save_minutes=15)
    clock.now = LOG_S - 1
    assert steady.by_clock() == Action.NOTHING
    clock.now = LOG_S
    assert steady.by_clock() == Action.LOG
    steady.logged()
    assert steady.by_clock() == Action.NOTHING
    clock.now = 15 * 60
    assert Action.SAVE in steady.by_clock()
    steady.saved()
    assert Action.SAVE not in steady.by_clock()


def test_no_minutes_save_by_steps_alone():
    steady, clock = cadence(save_minutes=0)
    clock.now = 1e6
    assert Action.SAVE not in steady.by_clock()


def test_a_run_stops_when_its_hours_are_over():
    steady, clock = cadence(max_hours=2.0)
    clock.now = 2 * 3600 - 1
    assert Action.STOP not in steady.by_clock()
    clock.now = 2 * 3600
    assert Action.STOP in steady.by_clock()
    endless, clock = cadence()
    clock.now = 1e9
    assert Action.STOP not in endless.by_clock()
