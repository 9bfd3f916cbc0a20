"""The list of all runs: a card for each, with its latest figures and a tiny curve."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vsr_files import printable
from vsr_viewer.charts import progress, spark
from vsr_viewer.figures import count, moment, signed
from vsr_viewer.page import Section, document, state_of, verdict_chip
from vsr_viewer.record import Record
from vsr_viewer.text import plain, shown


@dataclass(frozen=True)
class Row:
    """What the list says of a run."""

    order: tuple[int, float, str]
    """Runs that go on come first, then those whose rows are the latest."""
    html: str
    until: float
    """Unix seconds until when it is right, if nothing changes."""


def row_of(name: str, address: str, record: Record, now: float) -> Row:
    """Return a run's line.

    Args:
        name: of its folder.
        address: of its page.
        record: the run.
        now: Unix seconds.
    """
    state, log = state_of(record, now), record.log
    is_running = state.word == "running"
    when = log.last_time or 0.0
    order = (0 if is_running else 1, 0.0 if is_running else -when, name)
    network = record.about.get("network")
    what = f' <span class="faint small">{shown(network, 40)}</span>' if network else ""
    at = moment(when)
    age = f'<time class="faint small" data-time="{when:.0f}" title="{at}">{at}</time>'
    pick = (
        f'<input type="checkbox" name="run" value="{shown(name)}">' if plain(name) == name else ""
    )
    text = (
        f'<li class="card"><label class="pick">{pick}'
        f'<span class="hidden">compare {shown(name)}</span></label><div class="who">'
        f'<a href="{address}"><b>{shown(name)}</b></a>{what}'
        f'<div class="chips">{verdict_chip(record)}<span class="chip {state.style}">{state.word}'
        f"</span></div></div>{_how_far(record, state.told if is_running else '')}{_gain(record)}"
        f"{age if when else ''}</li>"
    )
    return Row(order, text, state.until)


def index_page(folder: Path, rows: Sequence[Row], unread: Sequence[str]) -> str:
    """Return the list as a page.

    Args:
        folder: that the runs are in.
        rows: a line each.
        unread: names of runs that are still to be read.
    """
    cards = "".join(row.html for row in sorted(rows, key=lambda row: row.order))
    waiting = "".join(f'<li class="card faint">{shown(name)}: being read …</li>' for name in unread)
    many = len(rows) + len(unread)
    if many:
        compare = '<button type="submit">Compare the chosen</button>' if many > 1 else ""
        body = (
            f'<form action="/compare" method="get"><ul class="list">{cards}{waiting}</ul>'
            f"{compare}</form>"
        )
    else:
        body = (
            '<p>No run is here yet. One that begins appears by itself:</p><pre class="text"><code>'
            "python -m vsr_train --settings configs/demo.toml</code></pre>"
        )
    where = f'<p class="faint">{count(many, "run")} in {shown(printable(folder))}</p>'
    sections = [Section("top", "", f"<h1>Runs</h1>{where}"), Section("runs", "", body)]
    return document("Runs", sections)


def _how_far(record: Record, told: str) -> str:
    step, most = record.log.last_step, record.max_steps
    if most is None:
        return f'<div class="how small"><p>step {step:,}</p></div>'
    text = f"step {step:,} of {most:,}"
    return (
        f'<div class="how small">{progress(step / most, text)}<p class="far"><span>{text}</span>'
        f'<span class="faint">{shown(told) or f"{min(step / most, 1):.0%}"}</span></p></div>'
    )


def _gain(record: Record) -> str:
    rows = record.log.validation
    place = record.best_place
    if place is None:
        return '<div class="gain faint small">not validated yet</div>'
    gain = rows["gain_bicubic_db"]
    told = f"gain over bicubic over the steps, best {signed(gain[place], 2)}"
    return (
        f'<div class="gain">{spark(rows.steps, gain, told)}<span><b>{signed(gain[place], 2)}</b> '
        '<span class="faint small">over bicubic</span></span></div>'
    )
