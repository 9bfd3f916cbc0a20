"""Keys are read in the foreground alone, and the terminal is afterwards as it was before."""

import os
import pty
import signal
import subprocess
import sys
import termios
from contextlib import suppress
from pathlib import Path

import pytest

from vsr_train import keys as room
from vsr_train.keys import MOST_AT_ONCE, Keys, in_background, in_foreground
from vsr_train.signals import Action, Interrupted, Signals

SHELL = Path(__file__).with_name("shell_program.py")


@pytest.fixture
def terminal():
    """(our end, the run's end) of a pseudo-terminal."""
    ours, theirs = pty.openpty()
    yield ours, theirs
    os.close(theirs)
    os.close(ours)


@pytest.fixture
def foreground(monkeypatch):
    """Have the run in the foreground, or not: a test's process has another terminal, or none."""
    place = {"is": True}
    monkeypatch.setattr(room, "in_foreground", lambda _: place["is"])
    monkeypatch.setattr(room.time, "sleep", lambda _: None)
    return place


def mode_of(descriptor):
    return termios.tcgetattr(descriptor)


def typed(keys, ours, text):
    """What is read of a text that is typed at once."""
    os.write(ours, text)
    return keys.poll(1.0)


def test_each_key_asks_for_its_action_once_and_stopping_stays(terminal, foreground):
    ours, theirs = terminal
    with Keys(theirs) as keys:
        keys.poll(0)
        assert typed(keys, ours, b"vs") == "vs"
        assert keys.take() == Action.VALIDATE | Action.SAVE
        assert keys.take() == Action.NOTHING
        typed(keys, ours, b"q")
        assert keys.take() == keys.take() == Action.STOP


def test_p_pauses_and_goes_on(terminal, foreground):
    ours, theirs = terminal
    with Keys(theirs) as keys:
        keys.poll(0)
        typed(keys, ours, b"p")
        assert keys.pauses
        assert keys.take() == keys.take() == Action.PAUSE
        typed(keys, ours, b"P")
        assert not keys.pauses
        assert keys.take() == Action.NOTHING


@pytest.mark.parametrize(
    "sequence",
    [
        b"\x1b[A",
        b"\x1bOP",
        b"\x1b[1;5C",
        b"\x1b[15~",
        b"\x1bq",
        b"\x1b[I",
        "ésœ".encode(),
        b"x\r\t",
    ],
)
def test_arrows_and_other_sequences_are_no_keys(terminal, foreground, sequence):
    ours, theirs = terminal
    with Keys(theirs) as keys:
        keys.poll(0)
        assert typed(keys, ours, b"v" + sequence + b"v") == "v" + "s" * (b"s" in sequence) + "v"


def test_a_sequence_that_comes_in_parts_is_one(terminal, foreground):
    ours, theirs = terminal
    with Keys(theirs) as keys:
        keys.poll(0)
        assert [typed(keys, ours, part) for part in (b"\x1b", b"[", b"1;", b"2s", b"s")] == [
            "", "", "", "", "s",
        ]  # fmt: skip


def test_the_escape_key_alone_swallows_nothing_that_comes_later(terminal, foreground):
    ours, theirs = terminal
    with Keys(theirs) as keys:
        keys.poll(0)
        assert typed(keys, ours, b"\x1b") == ""
        assert keys.poll(0) == ""
        assert typed(keys, ours, b"v") == "v"


def test_what_is_pasted_is_no_keys(terminal, foreground):
    ours, theirs = terminal
    with Keys(theirs) as keys:
        keys.poll(0)
        assert typed(keys, ours, b"python -m vsr_train --settings q.toml\r") == ""
        assert typed(keys, ours, b"v" * MOST_AT_ONCE) == "v" * MOST_AT_ONCE
        assert keys.take() == Action.VALIDATE


def test_what_was_typed_before_the_run_is_not_for_it(terminal, foreground):
    ours, theirs = terminal
    os.write(ours, b"q\n")
    with Keys(theirs) as keys:
        assert keys.poll(0) == keys.poll(0) == ""


def test_keys_come_singly_and_unseen_while_signals_still_come_from_the_terminal(
    terminal, foreground
):
    _, theirs = terminal
    before = mode_of(theirs)
    with Keys(theirs) as keys:
        keys.poll(0)
        flags = mode_of(theirs)[3]
        assert not flags & (termios.ICANON | termios.ECHO)
        assert flags & termios.ISIG
        assert mode_of(theirs)[:3] == before[:3]
    assert mode_of(theirs) == before


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_the_mode_is_given_back_whatever_ends_the_run(terminal, foreground, error):
    _, theirs = terminal
    before = mode_of(theirs)
    with suppress(error), Keys(theirs) as keys:
        keys.poll(0)
        assert mode_of(theirs) != before
        raise error
    assert mode_of(theirs) == before


@pytest.mark.usefixtures("heeded")
def test_the_mode_is_given_back_after_a_second_signal_to_stop(terminal, foreground):
    _, theirs = terminal
    before = mode_of(theirs)
    with suppress(Interrupted), Signals() as signals, Keys(theirs) as keys:
        signals.defer()
        keys.poll(0)
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)
        pytest.fail("the second signal did not stop it")
    assert mode_of(theirs) == before


def test_in_the_background_nothing_is_read_or_set(terminal, foreground):
    ours, theirs = terminal
    before = mode_of(theirs)
    foreground["is"] = False
    with Keys(theirs) as keys:
        assert typed(keys, ours, b"q\n") == ""
        assert mode_of(theirs) == before
        assert not keys.are_read
        assert keys.take() == Action.NOTHING
    assert os.read(theirs, 9) == b"q\n"


def test_a_mode_that_is_anothers_by_now_is_not_given_back(terminal, foreground):
    """As the shell's, whose line editor has its own."""
    _, theirs = terminal
    with Keys(theirs) as keys:
        keys.poll(0)
        ours = mode_of(theirs)
        foreground["is"] = False
    assert mode_of(theirs) == ours


def test_coming_to_the_foreground_begins_to_read(terminal, foreground):
    ours, theirs = terminal
    foreground["is"] = False
    with Keys(theirs) as keys:
        keys.poll(0)
        foreground["is"] = True
        keys.poll(0)
        assert typed(keys, ours, b"v") == "v"


def test_a_terminal_that_hangs_up_is_no_error(foreground):
    ours, theirs = pty.openpty()
    with Keys(theirs) as keys:
        keys.poll(0)
        os.close(ours)
        assert keys.poll(0) == keys.poll(0) == ""
    os.close(theirs)


def test_where_input_is_no_terminal_there_are_no_keys(foreground, monkeypatch):
    with Path(os.devnull).open() as nothing:
        for stdin in (None, nothing):
            monkeypatch.setattr(sys, "stdin", stdin)
            with Keys.of_terminal() as keys:
                assert keys.poll(0) == ""
                assert not keys.are_read


def test_where_the_system_has_no_terminals_of_this_kind_there_are_no_keys(monkeypatch, terminal):
    """As on Windows."""
    monkeypatch.setattr(room, "termios", None)
    monkeypatch.setattr(room.time, "sleep", lambda _: None)
    with Keys(terminal[1]) as keys:
        assert keys.poll(0) == ""


def test_a_file_is_nobodys_terminal():
    with Path(os.devnull).open() as file:
        assert not in_foreground(file.fileno())
        assert not in_background(file.fileno())


def test_a_shell_can_suspend_it_have_it_in_the_background_and_go_on():
    """A real terminal with real job control: see the program's own words."""
    ours, theirs = pty.openpty()
    with os.fdopen(ours, "r+b", buffering=0) as screen:
        path = os.ttyname(theirs)
        shell = subprocess.Popen(
            [sys.executable, str(SHELL), path],
            start_new_session=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        with shell:
            told = []
            for line in shell.stdout:
                told.append(line.strip())
                if line.startswith("type "):
                    screen.write(bytes.fromhex(line.split()[1]))
        os.close(theirs)
    assert shell.returncode == 0, told
    assert told == [
        "started in the background: mode kept",
        "type 760a",  # v and Enter: a line, which waits to be read
        "in the background: not read, not stopped",
        "in the foreground: keys are read",
        "type 1a",  # Ctrl-Z
        "suspended: stopped, mode given back",
        "gone on: keys are read",
        "type 71",  # q
        "ended: key read, mode given back",
    ]
