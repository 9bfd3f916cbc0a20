"""What two files share, on the page: leaks into validation first, then what comes twice."""

from collections.abc import Iterator
from html import escape
from typing import Final

from vsr_data.doctor.leaks import Leak, LeakKind, Place
from vsr_data.doctor.report import Report
from vsr_data.doctor.words import count, moment, short_name

MOST_PAIRS: Final = 60

TEXTS: Final[dict[LeakKind, tuple[str, str]]] = {
    "leak": (
        "Scenes on both sides",
        """These scenes are in training and in validation. Validation then measures what was
        learnt by heart, and looks better than it is. Take one of the two away.""",
    ),
    "duplicate": (
        "Scenes that come twice",
        "Training sees these scenes twice as often as others. Keep the better copy.",
    ),
}


def shared_scenes(report: Report) -> Iterator[str]:
    """Yield a section for each kind of which there are some."""
    for kind, (title, text) in TEXTS.items():
        pairs: dict[tuple[str, str], list[Leak]] = {}
        for leak in report.leaks:
            if leak.kind == kind:
                pairs.setdefault((leak.one.path, leak.other.path), []).append(leak)
        if pairs:
            rows = "".join(map(_pair, list(pairs.values())[:MOST_PAIRS]))
            more = len(pairs) - MOST_PAIRS
            rest = f"<p>and {count(more, 'pair')} of files more</p>" if more > 0 else ""
            yield (
                f"<h2>{title}</h2><p>{text}</p><table><tr><th>in one file</th>"
                f"<th>and in the other</th></tr>{rows}</table>{rest}"
            )


def _pair(leaks: list[Leak]) -> str:
    """A row: what two files share, where the first stretch of it is, and how much there is."""
    first = leaks[0]
    until = f"–{moment(first.last.seconds)}" if first.last.seconds is not None else ""
    more = f"and {count(len(leaks) - 1, 'stretch', 'stretches')} more" if len(leaks) > 1 else ""
    return (
        f"<tr><td>{_place(first.one, until)}</td>"
        f'<td>{_place(first.other)} <span class="faint small">{more}</span></td></tr>'
    )


def _place(place: Place, until: str = "") -> str:
    at = f"{moment(place.seconds)}{until}, " if place.seconds is not None else ""
    where = f"{at}frame {place.frame}"
    return f'{escape(short_name(place.path))}<br><span class="faint small">{where}</span>'
