"""What a run draws on a terminal: in place, in one write, and nothing where nobody watches."""

import io
import re
from dataclasses import replace

import pytest
from rich.console import Console
from rich.segment import Segment
from train.run_states import ABOUT, FULL, SHORT_OF_ALL, WEIGHTS, Clock, training_row

from vsr_train.report.live import Canvas, Tracker, panel
from vsr_train.report.live.rows import Lines
from vsr_train.report.terminal import Terminal
from vsr_train.signals import Action

COLOUR = re.compile(r"\x1b\[(?:[0-9]+;)*(?:[349][0-8]|10[0-7])(?:;[0-9]+)*m")


class Screen(io.StringIO):
    """A terminal's stream that keeps what was written, each write by itself."""

    def __init__(self):
        super().__init__()
        self.writes = []

    def write(self, text):
        self.writes.append(text)
        return super().write(text)

    def isatty(self):
        return True


class Sight:
    """What a person sees: a screen that obeys the codes that are used here."""

    def __init__(self, width, height):
        self.width, self.height = width, height
        self.lines, self.row, self.column = [""], 0, 0
        self.has_cursor = True

    def obey(self, text):
        for code, character in re.findall(r"(\x1b\[[?0-9;]*[A-Za-z])|([\s\S])", text):
            if code:
                self._obey_code(code)
            elif character == "\n":
                self.row, self.column = self.row + 1, 0
                self.lines += [""] * (self.row + 1 - len(self.lines))
            elif character == "\r":
                self.column = 0
            else:
                assert self.column < self.width, "a line has wrapped"
                line = self.lines[self.row].ljust(self.column)
                self.lines[self.row] = line[: self.column] + character + line[self.column + 1 :]
                self.column += 1

    def _obey_code(self, code):
        match code[-1]:
            case "A":
                self.row -= int(code[2:-1])
                assert self.row >= max(0, len(self.lines) - self.height)
            case "K":
                self.lines[self.row] = self.lines[self.row][: self.column]
            case "J":
                self.lines[self.row] = self.lines[self.row][: self.column]
                del self.lines[self.row + 1 :]
            case "h" | "l":
                self.has_cursor = code == "\x1b[?25h" or (self.has_cursor and "25" not in code)
            case _:
                assert code[-1] == "m"

    @property
    def text(self):
        return [line.rstrip() for line in self.lines]


def console_of(screen, width=80, height=24, **environment):
    return Console(
        file=screen, width=width, height=height, markup=False, highlight=False,
        _environ={"TERM": "xterm-256color", **environment},
    )  # fmt: skip


def lines(*texts):
    return Lines(tuple((Segment(text),) for text in texts))


@pytest.fixture
def screen():
    return Screen()


@pytest.fixture
def tracker(settings_of):
    settings = settings_of(train__max_steps=100, train__val_every=40)
    return Tracker(settings, ABOUT, WEIGHTS, 0, clock=Clock())


class Fingers:
    """Keys that a test presses."""

    def __init__(self):
        self.pressed, self.pauses, self.are_read, self.suspends = "", False, True, False
        self.asked, self.given_back = Action.NOTHING, 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.given_back += 1

    def claim_thread(self):
        pass

    def poll(self, seconds):
        pressed, self.pressed = self.pressed, ""
        return pressed

    def take(self):
        return self.asked


def test_a_refresh_is_one_write_that_a_terminal_shows_at_once(screen):
    canvas = Canvas(console_of(screen), lambda width, height: panel(FULL, width, height))
    canvas.show()
    for _ in range(3):
        screen.writes.clear()
        canvas.refresh()
        (written,) = screen.writes
        assert written.startswith("\x1b[?2026h")
        assert written.endswith("\x1b[?2026l")


def test_a_refresh_overwrites_and_erases_nothing_first(screen):
    """What is erased and drawn again flickers."""
    canvas = Canvas(console_of(screen), lambda width, height: panel(FULL, width, height))
    canvas.show()
    screen.writes.clear()
    canvas.refresh()
    assert "\x1b[J" not in screen.writes[0]
    assert "\x1b[2K" not in screen.writes[0]


def test_what_is_printed_stays_above_what_is_drawn_and_in_the_end_alone(screen):
    drawn = [lines("one", "two", "three")]
    console = console_of(screen)
    canvas = Canvas(console, lambda *_: drawn[-1])
    sight = Sight(80, 24)
    console.print("before")
    canvas.show()
    console.print("a line that is longer than what is drawn")
    drawn.append(lines("1", "2"))
    canvas.refresh()
    console.print("another")
    drawn.append(lines("i", "ii", "iii", "iv"))
    canvas.refresh()
    sight.obey(screen.getvalue())
    printed = ["before", "a line that is longer than what is drawn", "another"]
    assert sight.text == [*printed, "i", "ii", "iii", "iv"]
    assert not sight.has_cursor
    canvas.hide()
    console.print("after")
    sight.obey(screen.getvalue().split("iv")[-1])
    assert [line for line in sight.text if line] == [*printed, "after"]
    assert sight.has_cursor


@pytest.mark.parametrize("status", [FULL, SHORT_OF_ALL], ids=["full", "short"])
@pytest.mark.parametrize("size", [(40, 10), (80, 24), (120, 40), (200, 60)])
def test_a_panel_drawn_again_and_again_is_the_panel_drawn_once(screen, status, size):
    canvas = Canvas(console_of(screen, *size), lambda width, height: panel(status, width, height))
    sight = Sight(*size)
    canvas.show()
    canvas.refresh()
    canvas.refresh()
    sight.obey(screen.getvalue())
    file = io.StringIO()
    Console(file=file, width=size[0], height=size[1]).print(panel(status, *size))
    assert sight.text == [line.rstrip() for line in file.getvalue().splitlines()]


def test_a_terminal_that_grew_narrower_is_drawn_on_from_where_its_wrapped_rows_begin(screen):
    """Twenty cells a row, two rows: at ten columns they are four."""
    console = console_of(screen, width=20)
    canvas = Canvas(console, lambda width, _: lines("x" * width, "y" * width))
    canvas.show()
    console.width = 10
    screen.writes.clear()
    canvas.refresh()
    assert screen.writes[0].startswith("\x1b[?2026h\x1b[?25l\r\x1b[3A\x1b[J")


def test_a_worker_that_prints_draws_nothing(screen, monkeypatch):
    """It was forked with all that the run has, and knows nothing of the run's steps."""
    console = console_of(screen)
    canvas = Canvas(console, lambda width, height: panel(FULL, width, height))
    canvas.show()
    screen.writes.clear()
    monkeypatch.setattr("vsr_train.report.live.canvas.os.getpid", lambda: -1)
    console.print("a warning")
    assert screen.writes == ["a warning\n"]


def test_no_color_has_no_colours_and_a_colour_terminal_has(screen):
    for environment, has_colour in (({"NO_COLOR": "1"}, False), ({}, True)):
        screen.writes.clear()
        console = console_of(screen, **environment)
        canvas = Canvas(console, lambda width, height: panel(SHORT_OF_ALL, width, height))
        canvas.show()
        canvas.hide()
        assert bool(COLOUR.search("".join(screen.writes))) == has_colour


def terminal_of(screen, tracker, keys=None, **environment):
    return Terminal(console_of(screen, **environment), tracker, keys=keys or Fingers())


@pytest.fixture
def unthreaded(monkeypatch):
    """Ticks are the test's."""
    monkeypatch.setattr(Terminal, "_watch", lambda self: None)
    monkeypatch.setattr("vsr_train.report.terminal.REFRESH_S", 0.0)


def test_on_a_dumb_terminal_and_where_there_is_none_nothing_is_drawn_and_no_key_read(
    screen, tracker
):
    for file, environment in ((screen, {"TERM": "dumb"}), (io.StringIO(), {})):
        terminal = terminal_of(file, tracker, **environment)
        terminal.start()
        terminal.print("a line")
        assert not terminal.is_drawn
        terminal.stop()
        assert file.getvalue() == "a line\n"


def test_a_log_that_takes_colours_is_no_terminal(tracker):
    """As where FORCE_COLOR is set."""
    terminal = terminal_of(io.StringIO(), tracker, FORCE_COLOR="1")
    terminal.start()
    assert not terminal.is_drawn
    terminal.stop()


def test_a_key_is_acknowledged_at_once(screen, tracker, unthreaded):
    keys = Fingers()
    terminal = terminal_of(screen, tracker, keys)
    terminal.start()
    tracker.advance(3)
    tracker.log_training(training_row(3))
    terminal.tick(0)
    keys.pressed = "v"
    screen.writes.clear()
    terminal.tick(0)
    assert "validating after this step" in "".join(screen.writes)
    keys.pressed, keys.pauses = "p", True
    screen.writes.clear()
    terminal.tick(0)
    assert "validating and pausing after this step" in "".join(screen.writes)
    with tracker.doing("paused"):
        keys.pressed, keys.pauses = "p", False
        screen.writes.clear()
        terminal.tick(0)
        assert "validating and going on" in "".join(screen.writes)
    terminal.stop()
    assert keys.given_back == 1


def test_a_question_mark_shows_help_and_hides_it_again(screen, tracker, unthreaded):
    keys = Fingers()
    terminal = terminal_of(screen, tracker, keys)
    terminal.start()
    shown = []
    for _ in range(2):
        keys.pressed = "?"
        screen.writes.clear()
        terminal.tick(0)
        shown.append("validate now" in "".join(screen.writes))
    assert shown == [True, False]
    terminal.stop()


def test_a_request_by_signal_is_acknowledged_too(screen, tracker, unthreaded):
    terminal = Terminal(console_of(screen), tracker, stops=lambda: True, keys=Fingers())
    terminal.start()
    terminal.tick(0)
    terminal.stop()
    assert "stopping after this step" in screen.getvalue()


def test_in_the_background_lines_are_all_there_is(screen, tracker, unthreaded, monkeypatch):
    place = {"background": True}
    monkeypatch.setattr("vsr_train.report.terminal.in_background", lambda _: place["background"])
    screen.fileno = lambda: 1
    terminal = terminal_of(screen, tracker)
    terminal.start()
    terminal.tick(0)
    assert screen.getvalue() == ""
    place["background"] = False
    terminal.tick(0)
    assert terminal.is_drawn
    place["background"] = True
    screen.writes.clear()
    terminal.tick(0)
    assert not terminal.is_drawn
    terminal.print("a line")
    terminal.stop()
    assert "".join(screen.writes) == "a line\n"  # no code moves what is the shell's by now


def test_suspending_leaves_the_screen_before_the_run_is_stopped(screen, tracker, unthreaded):
    keys = Fingers()
    terminal = terminal_of(screen, tracker, keys)
    seen = []

    def suspend():
        seen.append((terminal.is_drawn, screen.getvalue().endswith("\x1b[?25h")))
        keys.suspends = False

    keys.suspend = suspend
    terminal.start()
    terminal.tick(0)
    assert terminal.is_drawn
    keys.suspends = True
    terminal.tick(0)
    assert seen == [(False, True)]
    assert terminal.is_drawn
    terminal.stop()


def test_a_panel_that_cannot_be_drawn_is_said_once_and_the_run_goes_on(
    screen, tracker, unthreaded, monkeypatch
):
    def fail(*_):
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("vsr_train.report.terminal.panel", fail)
    terminal = terminal_of(screen, tracker)
    terminal.start()
    for _ in range(3):
        terminal.tick(0)
    terminal.print("a line")
    terminal.stop()
    assert not terminal.is_drawn
    assert screen.getvalue().count("warning: the panel cannot be drawn") == 1
    assert "a line\n" in screen.getvalue()


def test_an_error_in_reading_keys_ends_the_panel_and_not_the_run(screen, tracker):
    keys = Fingers()
    failed = []

    def fail(_):
        if not failed:
            failed.append(1)
            raise ZeroDivisionError("a bug")
        return ""

    keys.poll = fail
    terminal = terminal_of(screen, tracker, keys)
    terminal.start()
    while terminal.is_drawn:
        assert terminal._thread.is_alive()
    terminal.print("a line")
    terminal.stop()
    assert "warning: the panel cannot be drawn (ZeroDivisionError('a bug'))" in screen.getvalue()
    assert keys.given_back == 1


def test_nothing_of_a_panel_is_left_in_the_end(screen, tracker, unthreaded):
    sight = Sight(80, 24)
    terminal = terminal_of(screen, tracker)
    terminal.start()
    terminal.tick(0)
    terminal.print("a line")
    terminal.tick(0)
    terminal.stop()
    terminal.print("the end")
    sight.obey(screen.getvalue())
    assert [line for line in sight.text if line] == ["a line", "the end"]
    assert sight.has_cursor


def test_a_thread_draws_and_reads_keys_until_the_end(screen, tracker):
    keys = Fingers()
    terminal = terminal_of(screen, tracker, keys)
    terminal.start()
    assert terminal.is_drawn
    keys.pressed = "?"
    while keys.pressed:
        assert terminal._thread.is_alive()
    terminal.stop()
    assert not terminal._thread.is_alive()
    assert not terminal.is_drawn


def test_a_state_in_full_swing_is_drawn_with_its_requests(screen):
    status = replace(FULL, asked=Action.SAVE)
    canvas = Canvas(console_of(screen), lambda width, height: panel(status, width, height))
    canvas.show()
    assert "saving after this step" in screen.getvalue()
