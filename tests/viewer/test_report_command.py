"""`python -m vsr_train report` and `serve`: one message for what a user can cause."""

import subprocess
import sys

import pytest
from viewer.run_folders import write_run
from viewer.sound_html import Sound

from vsr_train.__main__ import main


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """A working folder with `runs` in it."""
    monkeypatch.chdir(tmp_path)
    for name in ("demo", "demo-2", "films"):
        write_run(tmp_path / "runs" / name, steps=100, side=32)
    return tmp_path / "runs"


@pytest.fixture
def command(capsys):
    def run(*words):
        code = main(list(words))
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return code, out, err

    return run


def test_a_run_s_page_is_written_again_and_where_is_said(runs, command):
    code, out, err = command("report", "runs/demo")
    assert (code, out, err) == (0, "1 run: runs/demo/report.html\n", "")
    assert "demo" in Sound((runs / "demo" / "report.html").read_text()).text


def test_several_runs_are_one_page_in_the_current_folder_or_where_one_says(runs, command, tmp_path):
    assert command("report", "runs/demo", "runs/films")[:2] == (0, "2 runs: comparison.html\n")
    assert command("report", "runs", "--out", "all.html")[:2] == (0, "3 runs: all.html\n")
    assert "2 runs side by side" in Sound((tmp_path / "comparison.html").read_text()).text
    assert "3 runs side by side" in Sound((tmp_path / "all.html").read_text()).text
    assert command("report", "runs/demo", "--out", "one.html")[1] == "1 run: one.html\n"


def test_a_run_that_is_named_twice_is_there_once(runs, command):
    assert command("report", "runs/demo", "runs", str(runs / "films"))[1].startswith("3 runs:")
    assert command("report", "runs/demo", "runs/../runs/demo/")[1].startswith("1 run:")


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("runs/dmo", "'runs/dmo' is not there; runs near it: runs/demo"),
        ("demo", "'demo' is not there; runs near it: runs/demo, runs/demo-2"),
        ("runs/demo/settings.toml", "is a file; a run is a folder"),
        ("empty", "'empty' is no run and has none in it"),
        ("a\0b", "is not there"),
        ("~nobody-of-that-name/x", "is not there"),
    ],
)
def test_a_path_that_is_no_run_is_one_message_that_names_runs_near_it(
    runs, command, tmp_path, path, told
):
    (tmp_path / "empty").mkdir()
    code, out, err = command("report", "runs/films", path)
    assert (code, out) == (2, "")
    assert told in err
    assert err.count("\n") == 1
    assert not (tmp_path / "comparison.html").exists()


def test_a_page_that_cannot_be_written_is_one_message(runs, command):
    code, _, err = command("report", "runs/demo", "--out", "no/such/folder.html")
    assert code == 2
    assert "no page can be written to 'no/such/folder.html' (No such file or directory)" in err


def test_what_serve_cannot_do_is_one_message(runs, command):
    assert command("serve", "nowhere")[0] == 2
    code, _, err = command("serve", "runs", "--host", "203.0.113.7")
    assert code == 2
    assert "is no address of this machine" in err
    for port in ("-1", "65536", "x"):
        with pytest.raises(SystemExit) as ended:
            command("serve", "--port", port)
        assert ended.value.code == 2


def test_neither_command_imports_what_takes_seconds():
    program = (
        "import sys; from vsr_viewer.commands import report, serve; import vsr_viewer; "
        "print(sorted({'torch', 'numpy', 'av', 'rich', 'vsr_train'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
