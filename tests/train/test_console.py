"""Output that cannot be written never ends a run."""

import io
import os
import subprocess
import sys

import pytest
from rich.table import Table

from vsr_files import SteadyStream
from vsr_train.report.console import _console


class Failing(io.StringIO):
    """A stream whose reader has left, or whose disk is full."""

    def __init__(self, error):
        super().__init__()
        self.error, self.calls = error, 0

    def write(self, text):
        self.calls += 1
        raise self.error


@pytest.mark.parametrize(
    "error", [BrokenPipeError(32, "x"), OSError(28, "x"), OSError(5, "x"), ValueError("closed")]
)
def test_a_stream_that_fails_is_written_to_no_more(error):
    failing = Failing(error)
    steady = SteadyStream(failing)
    assert steady.write("one") == 3
    assert steady.write("two") == 3
    steady.flush()
    assert failing.calls == 1


def test_no_stream_at_all_takes_everything():
    """As under `>&-`, where Python has no sys.stdout."""
    steady = SteadyStream(None)
    assert steady.write("lost") == 4
    assert not steady.isatty()
    _console(None).print(Table("clip", title="validation"))


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_characters_that_an_encoding_lacks_are_shown_by_their_codes(encoding):
    raw = io.BytesIO()
    console = _console(io.TextIOWrapper(raw, encoding=encoding))
    console.print("4 × 6 · 影.mp4")
    table = Table("clip")
    table.add_row("影")
    console.print(table)
    console.file.flush()
    shown = raw.getvalue().decode(encoding)
    assert ("影.mp4" if encoding == "utf-8" else "\\u5f71.mp4") in shown


def test_text_from_outside_is_never_markup_or_emoji():
    raw = io.BytesIO()
    console = _console(io.TextIOWrapper(raw, encoding="utf-8"))
    table = Table("clip")
    table.add_row("Show [eng] 01 [x264] :smile:")
    console.print(table)
    console.file.flush()
    assert "Show [eng] 01 [x264] :smile:" in raw.getvalue().decode()


def test_a_reader_that_leaves_does_not_change_the_exit_code():
    """What is still buffered must not fail as the interpreter exits."""
    program = (
        "import sys; from vsr_train.report import open_consoles; "
        "[open_consoles()[0].print('x' * 99) for _ in range(4000)]; sys.exit(7)"
    )
    reading, writing = os.pipe()
    process = subprocess.Popen([sys.executable, "-c", program], stdout=writing, stderr=-1)
    os.close(writing)
    os.read(reading, 1)
    os.close(reading)
    assert process.communicate()[1] == b""
    assert process.returncode == 7
