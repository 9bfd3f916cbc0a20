"""A paused run makes no step, heeds what it is asked meanwhile, and goes on as if it never had."""

import os
import signal

import pytest
from train.test_resume import assert_equal_states, final_state, rows_of, without_names

from vsr_device import Processes
from vsr_settings import Train
from vsr_train import requests as room
from vsr_train.cadence import LOG_S, Cadence
from vsr_train.folder import RunFolder, latest_checkpoint
from vsr_train.report import Report
from vsr_train.requests import Requests
from vsr_train.signals import Action, Signals
from vsr_train.step import Stepper

PAUSED = Action.PAUSE
GOING_ON = Action.NOTHING


@pytest.fixture
def asked(monkeypatch):
    """What keys ask for each time that the run takes it; nothing after the last."""
    script = []
    monkeypatch.setattr(room, "PAUSED_POLL_S", 0)
    monkeypatch.setattr(Report, "take", lambda _: script.pop(0) if script else GOING_ON)
    return script


@pytest.fixture
def steps(monkeypatch, asked):
    """Counts steps: how many were made when something was taken."""
    made, step = [], Stepper.step

    def counted(self, *arguments):
        made.append(len(asked))
        return step(self, *arguments)

    monkeypatch.setattr(Stepper, "step", counted)
    return made


def test_a_paused_run_makes_no_step_and_ends_bit_for_bit_as_one_never_paused(
    command, settings_of, asked, steps
):
    assert command(run__name="never")[0] == 0
    steps.clear()
    asked += [GOING_ON, GOING_ON, *[PAUSED] * 20, GOING_ON, PAUSED]
    assert command(run__name="paused")[0] == 0
    never, paused = (RunFolder.of(settings_of(run__name=name)) for name in ("never", "paused"))
    states = [without_names(final_state(each, settings_of())) for each in (never, paused)]
    assert_equal_states(*states)
    assert rows_of(never) == rows_of(paused)
    assert len(steps) == 8
    assert not [left for left in steps if 1 < left < 21]  # none while it was paused


def test_a_paused_run_validates_and_saves_at_once_and_each_step_once(
    command, settings_of, asked, steps
):
    asked += [GOING_ON, GOING_ON, PAUSED | Action.VALIDATE]
    asked += [PAUSED | Action.VALIDATE | Action.SAVE, PAUSED | Action.STOP]
    code, out, _ = command()
    assert code == 0
    assert "stopped at step 2 of 8; go on with --resume auto" in out
    assert out.count("step 2 · PSNR") == 1
    assert out.count("step 2 is validated already") == 1
    folder = RunFolder.of(settings_of())
    assert latest_checkpoint(folder.checkpoints).name == "step-000000002.pt"
    assert [row["step"] for row in rows_of(folder) if row["kind"] == "validation"] == [2]


def test_a_paused_run_that_was_asked_to_stop_is_saved_and_goes_on_later(
    command, settings_of, asked
):
    assert command(run__name="whole")[0] == 0
    asked += [*[GOING_ON] * 5, PAUSED, PAUSED | Action.STOP]
    assert command()[0] == 0
    assert command("--resume", "auto")[0] == 0
    whole, folder = (RunFolder.of(settings_of(run__name=name)) for name in ("whole", "tiny"))
    states = [without_names(final_state(each, settings_of())) for each in (whole, folder)]
    assert_equal_states(*states)
    assert rows_of(folder) == rows_of(whole)


@pytest.mark.usefixtures("heeded")
def test_a_signal_stops_a_paused_run(command, monkeypatch, asked):
    taken = []

    def paused_until_signalled(_):
        taken.append(1)
        if len(taken) == 6:
            os.kill(os.getpid(), signal.SIGTERM)
        return PAUSED if len(taken) > 3 else GOING_ON

    monkeypatch.setattr(Report, "take", paused_until_signalled)
    code, out, _ = command()
    assert code == 0
    assert "stopped at step 3 of 8" in out


def test_a_pause_counts_neither_as_pace_nor_as_time_of_a_step(command, settings_of, monkeypatch):
    """The step clock stands still, whatever is done in a pause."""
    from vsr_train.step import StepClock

    now = [0.0]
    monkeypatch.setattr("vsr_train.step.interval.time.perf_counter", lambda: now[0])
    clock = StepClock()
    now[0] = 2.0
    with clock.standing():
        now[0] = 50.0
        with clock.standing():
            now[0] = 100.0
        now[0] = 150.0
    now[0] = 153.0
    clock.pause()
    assert clock._seconds == 5.0


class Clockwork(Cadence):
    """What is due by the clock, as a test says."""

    def __init__(self, *due):
        super().__init__(Train(), lambda: 0.0)
        self.due = list(due)

    def by_clock(self):
        return self.due.pop(0) if self.due else Action.NOTHING


def requests_of(keys, clock, processes=Processes()):  # noqa: B008 - frozen
    script = list(keys)
    return Requests(Signals(), lambda: script.pop(0), Clockwork(*clock), processes)


def test_in_a_pause_the_clock_saves_once_and_may_stop_but_logs_nothing(monkeypatch):
    monkeypatch.setattr(room, "PAUSED_POLL_S", 0)
    done = []
    due_by_clock = [Action.SAVE | Action.LOG] * 3 + [Action.LOG | Action.STOP]
    requests = requests_of([PAUSED] * 4, due_by_clock)
    due = requests.wait_out(PAUSED, done.append)
    assert due == PAUSED | Action.STOP
    assert done == [Action.NOTHING, Action.SAVE, Action.NOTHING, Action.NOTHING]


def test_a_paused_run_is_saved_again_by_the_clock_once_it_was_validated(monkeypatch):
    monkeypatch.setattr(room, "PAUSED_POLL_S", 0)
    done = []
    keys = [PAUSED, PAUSED | Action.VALIDATE, PAUSED, PAUSED, GOING_ON]
    requests = requests_of(keys, [Action.SAVE] * 5)
    assert requests.wait_out(PAUSED, done.append) == GOING_ON
    assert done == [Action.NOTHING, Action.SAVE, Action.VALIDATE, Action.SAVE, Action.NOTHING]


def test_a_pause_of_hours_brings_no_row_of_the_log_with_it(monkeypatch):
    now = [0.0]
    cadence = Cadence(Train(save_minutes=0), lambda: now[0])

    def rest(_):
        now[0] += 3600

    monkeypatch.setattr(room.time, "sleep", rest)
    keys = [PAUSED, PAUSED, GOING_ON, GOING_ON, GOING_ON]
    requests = Requests(Signals(), lambda: keys.pop(0), cadence, Processes())
    now[0] = LOG_S - 1
    assert requests.wait_out(requests.take(), lambda _: None) == GOING_ON
    assert requests.take() == GOING_ON
    now[0] += 1
    assert requests.take() == Action.LOG


def test_what_an_earlier_process_validated_is_not_validated_again(command, settings_of, asked):
    asked += [*[GOING_ON] * 2, PAUSED | Action.VALIDATE, PAUSED | Action.STOP]
    assert command()[0] == 0
    asked += [PAUSED | Action.VALIDATE, PAUSED | Action.STOP]
    code, out, _ = command("--resume", "auto")
    assert code == 0
    assert "step 2 is validated already" in out
    rows = rows_of(RunFolder.of(settings_of()))
    assert [row["step"] for row in rows if row["kind"] == "validation"] == [2]


def test_processes_are_paused_together_by_what_any_of_them_asks(monkeypatch):
    monkeypatch.setattr(room, "PAUSED_POLL_S", 0)
    others = [PAUSED, PAUSED | Action.VALIDATE, GOING_ON]

    class Joined(Processes):
        def union(self, flags):
            return flags | others.pop(0)

    done = []
    requests = requests_of([GOING_ON] * 3, [], Joined())
    assert requests.wait_out(requests.take(), done.append) == GOING_ON
    assert done == [Action.NOTHING, Action.VALIDATE]
