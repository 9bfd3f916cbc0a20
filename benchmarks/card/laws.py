"""The tests that need a card, a row each: its law, and how it stands."""

import os
import pathlib
from unittest.mock import patch

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests" / "on_card"
CONFIG = TESTS / "bare.ini"
"""Of its own: the project's asks for plugins that a bare machine has not."""


def laws(place, deadline, add, tests=TESTS):
    """Run the tests that are marked `cuda`; on the CPU, their twins at toy size.

    Raises:
        RuntimeError: if they cannot even be collected.
    """
    plugin = Laws(deadline, add)
    marked = "cuda" if place.is_card else "not cuda"
    words = [
        str(tests), "-c", str(CONFIG), f"--confcutdir={tests}", f"-m={marked}",
        "-p", "no:cacheprovider", "-p", "no:terminal", f"--basetemp={place.scratch / 'pytest'}",
    ]  # fmt: skip
    # Whatever is installed, and whatever somebody is used to.
    with patch.dict(os.environ, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1", PYTEST_ADDOPTS=""):
        code = pytest.main(words, plugins=[plugin])
    if plugin.errors or code not in (0, 1):
        what = "; ".join(plugin.errors) or f"pytest returned {int(code)}"
        raise RuntimeError(f"the tests could not be collected: {what}")
    if plugin.failed:
        raise RuntimeError(f"{len(plugin.failed)} laws do not hold: {'; '.join(plugin.failed)}")


class Laws:
    """A plugin of pytest that adds a row for every test as soon as it ends."""

    def __init__(self, deadline, add):
        self._deadline, self._add = deadline, add
        self._laws = {}
        self.failed, self.errors = [], []

    def pytest_collectreport(self, report):
        """Keep why a file could not be read."""
        if report.failed:
            self.errors.append(f"{report.nodeid}: {_last(report.longreprtext)}")

    def pytest_collection_modifyitems(self, items):
        """Remember what each test states."""
        self._laws = {item.nodeid: law_of(item.function) for item in items}

    def pytest_runtest_setup(self, item):
        """Begin nothing when the time is up."""
        if self._deadline.passed:
            pytest.skip("no time was left")

    def pytest_runtest_logreport(self, report):
        """Add the test's row: of its call, or of what kept it from being called."""
        if report.when != "call" and report.passed:
            return
        row = {"kind": "law", "law": self._laws.get(report.nodeid), "test": report.nodeid}
        row |= {"outcome": report.outcome, "seconds": report.duration}
        if report.skipped:
            row["reason"] = str(report.longrepr[2]) if report.longrepr else "skipped"
            if "no time was left" in row["reason"]:
                row["left_out"] = "no time was left"
        elif report.failed:
            row["reason"] = _last(report.longreprtext)
            row["trace"] = report.longreprtext[-1500:]
            self.failed.append(report.nodeid.rpartition("::")[2])
        self._add(row)


def law_of(function):
    """Return the sentence that a test states: its docstring's first line, or its name."""
    doc = (function.__doc__ or "").strip().split("\n\n")[0]
    return " ".join(doc.split()) or function.__name__.removeprefix("test_").replace("_", " ")


def _last(text):
    """Return the line of a trace that says what was wrong."""
    lines = [line for line in text.splitlines() if line.startswith("E ")] or text.splitlines()
    return lines[0].removeprefix("E").strip()[:400] if lines else ""
