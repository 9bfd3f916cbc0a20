"""What looking at a run costs it: processor time of all that is told, of the demo's own.

Everything is on: the panel on a terminal, rows, TensorBoard, pictures, the model card and the page.
"""

import io
import time
from collections import Counter
from functools import wraps
from pathlib import Path

import pytest
from rich.console import Console

from vsr_settings import load
from vsr_train import prepare, start
from vsr_train.report import Report, report, terminal
from vsr_train.signals import Signals

DEMO = Path(__file__).parents[1] / "configs" / "demo.toml"
BEGINNING = ("__init__", "__enter__")


class Screen(io.StringIO):
    """A terminal that nobody looks at."""

    def isatty(self):
        return True


@pytest.fixture
def spent(monkeypatch):
    """Processor seconds of the report's calls, by name, and of the thread that draws."""
    seconds, depth = Counter(), Counter()

    def timed(name, function):
        @wraps(function)
        def call(*args, **kwargs):
            depth["calls"] += 1
            began = time.thread_time()
            try:
                return function(*args, **kwargs)
            finally:
                depth["calls"] -= 1
                if not depth["calls"]:  # else it is counted in whatever called it
                    seconds[name] += time.thread_time() - began

        return call

    said = [*BEGINNING, "__exit__", "advance", "sum_up", "say", "plot_watch", "note_judgement"]
    said += ["log_training", "log_validation", "log_verdict", "show_validation", "write_model_card"]
    for name in said:
        monkeypatch.setattr(Report, name, timed(name, getattr(Report, name)))
    tick = terminal.Terminal.tick

    def drawn(self, pause):
        began = time.thread_time()
        tick(self, pause)
        seconds["the panel"] += time.thread_time() - began

    monkeypatch.setattr(terminal.Terminal, "tick", drawn)
    return seconds


@pytest.mark.benchmark(group="report")
def bench_telling_of_the_demo(benchmark, spent, tmp_path, is_short):
    options = [f"run.dir={tmp_path}", *(["train.max_steps=6", "train.val_every=3"] * is_short)]
    settings = load(DEMO, options, {})
    run = prepare(settings)
    console = Console(file=Screen(), width=120, height=40, force_terminal=True, markup=False)
    whole = []

    def train():
        began = time.process_time()
        with Signals() as signals:
            start(run, console, signals)
        whole.append(time.process_time() - began)

    benchmark.pedantic(train, rounds=1)
    share = spent.total() / whole[0]
    assert 0 < share < 1
    folder = tmp_path / "demo"
    for name in (report.PAGE, "README.md", "metrics.jsonl", "pictures/over-the-run.webp"):
        assert (folder / name).stat().st_size > 0, name
    assert "\x1b[" in console.file.getvalue()  # the panel was drawn
    benchmark.extra_info |= {
        "cpu_seconds": whole[0],
        "share_of_telling": share,
        **{f"seconds of {name}": each for name, each in spent.most_common()},
    }
