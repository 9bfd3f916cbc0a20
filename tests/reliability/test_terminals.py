"""Whatever becomes of its terminal, a run goes on, is saved and returns its own exit code."""

import os
import pty
import signal
import struct
import termios
import time
from contextlib import contextmanager, suppress
from fcntl import ioctl
from threading import Thread

import pytest
from reliability.runs import differences, outcome

STREAMS = {
    "output closed": {"out": "closed"},
    "errors closed": {"err": "closed"},
    "both closed": {"out": "closed", "err": "closed"},
    "output to a pipe that nobody reads": {"out": "broken"},
    "errors to a pipe that nobody reads": {"err": "broken"},
    "both to pipes that nobody reads": {"out": "broken", "err": "broken"},
    "output to a full disk": {"out": "/dev/full"},
    "errors to a full disk": {"err": "/dev/full"},
    "ASCII": {"encoding": "ascii"},
    "Latin-1": {"encoding": "latin-1"},
    "UTF-16": {"encoding": "utf-16"},
}
FAST = ("both closed", "output to a pipe that nobody reads", "ASCII")
SIZES = {"80 × 24": (24, 80), "20 columns": (24, 20), "1 × 1": (1, 1), "no size": (0, 0)}


def cases(named, fast):
    return [
        pytest.param(value, id=name, marks=() if name in fast else pytest.mark.exhaustive)
        for name, value in named.items()
    ]


@pytest.mark.parametrize("streams", cases(STREAMS, FAST))
def test_streams_that_fail_change_nothing(nursery, options_of, undisturbed, tmp_path, streams):
    run = nursery.start(options_of(), log=tmp_path / "log", **streams)
    assert run.wait() == 0
    assert not differences(outcome(tmp_path / "runs" / "tiny"), undisturbed())


@contextmanager
def terminal(rows, columns):
    """A pseudo-terminal that is read until its other end is closed.

    Yields the run's end by its path, what is shown, and our end to type at.
    """
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    shown = []

    def read():
        with suppress(OSError):
            while part := os.read(ours, 65536):
                shown.append(part)

    reader = Thread(target=read)
    reader.start()
    try:
        yield os.ttyname(theirs), shown, ours
    finally:
        os.close(theirs)
        reader.join()
        os.close(ours)


@pytest.mark.parametrize("size", cases(SIZES, ("20 columns",)))
def test_a_terminal_of_any_size_shows_the_last_line(nursery, options_of, tmp_path, size):
    with terminal(*size) as (path, shown, _):
        run = nursery.start(options_of(), log=tmp_path / "log", out=path)
        assert run.wait() == 0, run.err
    text = b"".join(shown).decode()
    assert "finished at step 24" in text
    assert "Traceback" not in text


ENDLESS = 100_000


def typing(text):
    return lambda run, keyboard, folder: os.write(keyboard, text)


def fail(run, keyboard, folder):
    """What cannot be written any more ends the run."""
    (folder / "no file").symlink_to(folder)
    (folder / "no file").replace(folder / "metrics.jsonl")


ENDS = {
    "its last step": (lambda *_: None, 60, 0),
    "q": (typing(b"q"), ENDLESS, 0),
    "Ctrl-C": (typing(b"\x03"), ENDLESS, 0),
    "q in a pause": (typing(b"pq"), ENDLESS, 0),
    "SIGTERM": (lambda run, *_: os.killpg(run.process, signal.SIGTERM), ENDLESS, 0),
    "an error": (fail, ENDLESS, 2),
}
"""What ends a run, the steps it is to make, and its exit code."""


@pytest.mark.parametrize("end", cases(ENDS, ("q", "an error")))
def test_a_terminal_is_afterwards_as_it_was_before(nursery, options_of, tmp_path, end):
    ending, steps, code = end
    with terminal(24, 80) as (path, shown, keyboard):
        often = {"train__val_every": ENDLESS, "train__save_every": ENDLESS}
        options = options_of(train__max_steps=steps, **often)
        run = nursery.start(
            options, log=tmp_path / "log", out=path, **{"in": path, "mode": str(tmp_path / "mode")}
        )
        try:
            while b" save and stop" not in b"".join(shown):  # keys are read by then
                assert not run.err
                time.sleep(0.02)
            ending(run, keyboard, tmp_path / "runs" / "tiny")
            assert run.wait() == code, run.err
        finally:
            run.kill()  # or its terminal would never be closed
    assert (tmp_path / "mode").read_text() == "kept"
    text = b"".join(shown).decode()
    assert text.count("\x1b[?25h") == 1  # the cursor is back
    assert "Traceback" not in text
    if steps == ENDLESS and code == 0:
        assert "go on with --resume auto" in text


@pytest.mark.parametrize(
    "number", cases({"SIGHUP": signal.SIGHUP, "SIGTERM": signal.SIGTERM}, ("SIGHUP",))
)
def test_a_terminal_that_hangs_up_saves_the_run(nursery, options_of, undisturbed, tmp_path, number):
    """The signal comes and output fails; going on ends as if it had never come."""
    long = options_of(train__max_steps=100_000, train__save_every=100_000, train__val_every=100_000)
    run = nursery.start(long, log=tmp_path / "log")
    while "step 4/" not in run.out:
        assert not run.err
        time.sleep(0.02)
    run.send(number)
    assert run.wait() == 0, run.err
    assert "go on with --resume auto" in run.out
    saved = [path.name for path in (tmp_path / "runs" / "tiny" / "checkpoints").glob("step-*")]
    assert len(saved) == 1
