"""Signals end a run in words and in order; asked for once, they wait for the end of a step."""

import os
import signal
import subprocess
import sys

import pytest

from vsr_train.signals import Action, Interrupted, Signals

pytestmark = pytest.mark.usefixtures("heeded")

TO_STOP = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


def send(number):
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", TO_STOP)
def test_before_anything_can_be_saved_a_signal_stops_at_once(number):
    with pytest.raises(Interrupted) as caught, Signals():
        send(number)
    assert caught.value.exit_code == 128 + number


@pytest.mark.parametrize("number", TO_STOP)
def test_in_a_run_the_first_signal_asks_and_the_second_stops_at_once(number):
    with Signals() as signals:
        signals.defer()
        send(number)
        assert signals.stop_requested
        assert signals.take() == signals.take() == Action.STOP
        with pytest.raises(Interrupted):
            send(signal.SIGTERM)


def test_validating_and_saving_are_asked_for_once_each():
    with Signals() as signals:
        signals.defer()
        send(signal.SIGUSR1)
        send(signal.SIGUSR2)
        assert signals.take() == Action.VALIDATE | Action.SAVE
        assert signals.take() == Action.NOTHING


def test_a_signal_that_the_caller_ignores_stays_ignored():
    """As `nohup` asks for; what was there before comes back."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Signals() as signals:
            send(signal.SIGHUP)
            assert not signals.stop_requested
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_handlers_are_in_place_before_torch_is_imported():
    """A signal during the seconds that importing takes is one line, too."""
    program = (
        "import sys; from vsr_train import __main__ as program; "
        "assert 'torch' not in sys.modules; "
        "sys.modules['vsr_train.command'] = __import__('types').SimpleNamespace("
        "execute=lambda *_: __import__('os').kill(__import__('os').getpid(), 15)); "
        "sys.exit(program.main([]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=False, capture_output=True, text=True
    )
    assert done.returncode == 128 + signal.SIGTERM
    assert done.stderr.splitlines() == [
        "error: SIGTERM: stopped at once; what was saved before is whole"
    ]
