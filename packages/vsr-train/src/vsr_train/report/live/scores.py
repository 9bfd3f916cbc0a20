"""What validations found, and what the watch says."""

import math

from rich.segment import Segment
from rich.style import Style

from vsr_train.report.live.charts import chart, curve
from vsr_train.report.live.rows import (
    ALARM,
    BOLD,
    CAUTION,
    DIM,
    GOOD,
    LABEL,
    NARROW,
    Block,
    Row,
    ends,
    fitted,
    joined,
    label,
    span,
    wrapped,
)
from vsr_train.report.live.status import Score, Status
from vsr_train.report.live.trend import trend
from vsr_train.report.remaining import as_clock


def latest(status: Status, width: int) -> Block:
    """Return the latest validation in two rows."""
    if not status.scores:
        return [(3, (*label("PSNR"), span(_awaited(status), DIM)))]
    last = status.scores[-1]
    parts = (
        (span(f"{last.psnr:.2f} dB", BOLD),),
        (_gain(last.gain_bicubic_db), span(f" over bicubic {last.psnr_bicubic:.2f}", DIM)),
        (_gain(last.gain_db), span(f" over bilinear {last.psnr_bilinear:.2f}", DIM)),
    )
    first = (*label("PSNR"), *joined(parts, width - LABEL - 1, "  "))
    adding = (_gain(last.temporal_db, 3), span(" dB"))
    line = (*label("neighbours"), *joined((adding, (span(_when(last), DIM),)), width - LABEL - 1))
    shown = trend([score.psnr for score in status.scores], min(24, len(status.scores)))
    second = ends(line, (*curve(shown[0]), Segment(" ")), width) if width >= NARROW else line
    return [(3, first), (7, second)]


def latest_tall(status: Status, width: int) -> Block:
    """Return the latest validation with a row for each figure."""
    if not status.scores:
        return [(3, (*label("validation"), span(_awaited(status), DIM))), (3, ())]
    last = status.scores[-1]
    when = _when(last)
    if status.next_validation is not None:
        when += f", next at {status.next_validation}"
    shown = trend([score.psnr for score in status.scores], min(24, len(status.scores)))
    rows: list[Row] = [
        (*label("validation"), span(when, DIM)),
        ends(
            (*label("PSNR"), span(f"{last.psnr:.2f} dB", BOLD)),
            (*curve(shown[0]), Segment(" ")),
            width,
        ),
        (
            *label("over bicubic"),
            _gain(last.gain_bicubic_db),
            span(" dB"),
            span(f"   bicubic {last.psnr_bicubic:.2f} dB", DIM),
        ),
        (
            *label("over bilinear"),
            _gain(last.gain_db),
            span(" dB"),
            span(f"   bilinear {last.psnr_bilinear:.2f} dB", DIM),
        ),
        (*label("neighbours"), _gain(last.temporal_db, 3), span(" dB")),
        (),
    ]
    return [(3, row) for row in rows]


def watch(status: Status, width: int, most: int) -> Block:
    """Return the watch's verdict and what it rests on, in at most so many rows."""
    if not status.verdict:
        return [(4, (*label("watch"), span("nothing judged yet", DIM)))]
    style = ALARM if status.is_alarm else DIM if status.verdict == "warming up" else GOOD
    verdict = fitted(status.verdict, min(len(status.verdict), max(0, width - LABEL - 1)))
    indent = LABEL + 1
    text = status.evidence
    first, *rest = wrapped(f"{verdict}: {text}", width - indent - 1, most) or [()]
    line = "".join(segment.text for segment in first)
    block: Block = [(4, (*label("watch"), span(verdict, style), span(line[len(verdict) :])))]
    return block + [(8, (Segment(" " * indent), *row)) for row in rest]


def gain_chart(status: Status, width: int, height: int) -> list[Row]:
    """Return what was gained over bicubic, over the run's validations."""
    gains = (score.gain_bicubic_db for score in status.scores)
    values = [gain for gain in gains if math.isfinite(gain)]
    if height < 1 or len(values) < 2:
        return []
    return chart("over bicubic, dB", values, width, height, "+.2f")


def score_table(status: Status, room: int) -> list[Row]:
    """Return the last validations, the latest first, in at most so many rows."""
    if room < 4 or len(status.scores) < 2:
        return []
    titles = f" {'validations':<{LABEL}}{'PSNR':>8}{'bicubic':>10}{'neighbours':>12}{'took':>10}"
    rows: list[Row] = [(), (Segment(titles, DIM),)]
    for score in status.scores[: -(room - 1) : -1]:
        took = "" if score.seconds is None else as_clock(score.seconds)
        rows.append((
            Segment(f" {f'step {score.step}':<{LABEL}}{score.psnr:>8.2f}{'':>3}"),
            _gain(score.gain_bicubic_db, width=7), Segment(" " * 4),
            _gain(score.temporal_db, 3, width=8), Segment(f"{took:>10}", DIM),
        ))  # fmt: skip
    return rows[:room]


def clip_table(status: Status, width: int, room: int) -> list[Row]:
    """Return the clips of the latest validation that gain least, in at most so many rows."""
    if room < 4 or not status.clips:
        return []
    name = max(1, width - 24)
    rows: list[Row] = [
        (), (Segment(f" {fitted('clips, the worst first', name)}{'PSNR':>9}{'bicubic':>10}", DIM),)
    ]  # fmt: skip
    rows += [
        (Segment(f" {fitted(clip.name, name)}{clip.psnr:>9.2f}{'':>3}"),
         _gain(clip.gain_bicubic_db, width=7))
        for clip in status.clips
    ]  # fmt: skip
    return rows[:room]


def _gain(value: float, digits: int = 2, width: int = 0) -> Segment:
    style: Style | None = GOOD if value > 0 else CAUTION if value < 0 else None
    return Segment(format(format(value, f"+.{digits}f"), f">{width}"), style)


def _when(score: Score) -> str:
    took = "" if score.seconds is None else f", took {as_clock(score.seconds)}"
    return f"at step {score.step}{took}"


def _awaited(status: Status) -> str:
    return "" if status.next_validation is None else f"first at step {status.next_validation}"
