"""What the watch said over the run, and its diagnosis where it had reason for one."""

import re
from typing import Final

from vsr_viewer.charts import phases
from vsr_viewer.page.head import VERDICTS
from vsr_viewer.record import Record
from vsr_viewer.text import block, shown

MOST_VERDICTS: Final = 60

_HEADING: Final = re.compile(r"^#+ ([^\n]+)$", re.MULTILINE)
_STRONG: Final = re.compile(r"\*\*([^*\n<]+)\*\*")
"""What a diagnosis has of Markdown, as HTML leaves it."""

_PHASES: Final = {
    "warming up": "v0",
    "learning": "v1",
    "converged": "v2",
    "stagnating": "v3",
    "diverging": "v4",
}


def watch(record: Record) -> str:
    """Return the verdicts and the diagnosis as HTML; empty where there are none."""
    skipped = record.log.training.last("skipped") or 0
    told = ""
    if skipped > 0:
        told = f"<p>{skipped:,.0f} steps were withheld, as a gradient was not finite.</p>"
    return told + _history(record) + _diagnosis(record)


def _history(record: Record) -> str:
    verdicts = record.log.verdicts
    if not verdicts:
        return ""
    ends = [*(each.step for each in verdicts[1:]), record.log.last_step]
    parts = [
        (one.step, stop, _PHASES.get(one.verdict, "v0"), f"{one.verdict} from step {one.step:,}")
        for one, stop in zip(verdicts, ends, strict=True)
    ]
    more = len(verdicts) - MOST_VERDICTS
    rows = "".join(
        f'<tr><td class="n">{one.step:,}</td><td class="s"><span class="chip '
        f'{VERDICTS.get(one.verdict, "")}">{shown(one.verdict, 40)}</span></td>'
        f"<td>{shown(one.why, 400)}</td></tr>"
        for one in reversed(verdicts[-MOST_VERDICTS:])
    )
    earlier = f'<p class="small faint">and {more:,} before.</p>' if more > 0 else ""
    return (
        f"{phases(parts[-MOST_VERDICTS:], record.log.last_step)}"
        '<table class="verdicts"><thead><tr><th class="n">from step</th><th>verdict</th>'
        f"<th>why</th></tr></thead><tbody>{rows}</tbody></table>{earlier}"
    )


def _diagnosis(record: Record) -> str:
    if not record.diagnosis:
        return ""
    text = block(record.diagnosis)
    for pattern in (_HEADING, _STRONG):
        text = pattern.sub(r"<b>\1</b>", text)
    return f'<h3>Diagnosis</h3><div class="text">{text}</div>'
