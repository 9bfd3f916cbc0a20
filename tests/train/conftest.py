"""A tiny run: pairs of pictures on disk, a network that steps in milliseconds, its command."""

import signal

import pytest
from picture_pairs import tiny_run, write_pairs

from vsr_settings import load
from vsr_train.__main__ import main


@pytest.fixture(scope="session")
def pairs(tmp_path_factory):
    """A folder of picture pairs for training and validation."""
    root = tmp_path_factory.mktemp("pairs")
    write_pairs(root)
    return root


@pytest.fixture
def heeded():
    """Signals as a terminal leaves them: whoever runs the tests may ignore some."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
    before = {number: signal.signal(number, signal.SIG_DFL) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def options(pairs, tmp_path):
    """Options of a run that takes about a second."""
    return tiny_run(pairs, tmp_path)


@pytest.fixture
def settings_of(options):
    """Resolved settings of the tiny run, with some options changed."""

    def build(**changed):
        chosen = options | {name.replace("__", "."): str(v) for name, v in changed.items()}
        return load(None, [f"{name}={value}" for name, value in chosen.items()], {})

    return build


@pytest.fixture
def command(options, capsys):
    """Run `python -m vsr_train` in this process; return (exit code, stdout, stderr)."""

    def run(*arguments, **changed):
        chosen = options | {name.replace("__", "."): str(v) for name, v in changed.items()}
        sets = [part for name, value in chosen.items() for part in ("--set", f"{name}={value}")]
        code = main([*sets, *arguments])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return code, out, err

    return run
