"""Memory: what a step was predicted to take, by what it is for, beside what was measured."""

from collections.abc import Mapping
from typing import Any, Final

from vsr_viewer.charts import bar
from vsr_viewer.record import Record
from vsr_viewer.record.columns import number
from vsr_viewer.text import shown

WORDS: Final = {
    "perceptual_weights": "VGG16's weights",
    "average": "average of the weights",
    "optimiser": "optimiser's state",
    "loss": "loss, VGG16's activations included",
    "workspace": "workspace of operators",
    "idle": "held by the allocator, unused",
    "input": "input",
}
"""Categories whose name alone does not say what they are."""

MOST_CATEGORIES: Final = 24


def memory(record: Record) -> str:
    """Return the prediction beside what was measured as HTML; empty where neither is known."""
    predicted = _predicted(record)
    measured = _measured(record)
    if not predicted and not measured:
        return ""
    budget = _mib(record.about.get("budget_mib"))
    return _bars(predicted, measured, budget) + _tables(record, predicted, measured, budget)


def _predicted(record: Record) -> dict[str, int]:
    found = record.about.get("predicted_mib")
    rows = found.items() if isinstance(found, dict) else ()
    sizes = {str(name): size for name, value in rows if (size := _mib(value))}
    return dict(sorted(sizes.items(), key=lambda each: -each[1])[:MOST_CATEGORIES])


def _measured(record: Record) -> list[tuple[str, int]]:
    """Return what was measured, each with what it is, in MiB."""
    found = []
    for name, told in (
        ("allocated_mib", "allocated by tensors, two rehearsed steps"),
        ("reserved_mib", "reserved by the allocator, two rehearsed steps"),
    ):
        if (size := _mib(record.rehearsal.get(name))) is not None:
            found.append((told, size))
    if (peak := _mib(record.log.training.last("memory_mib"))) is not None:
        process = "the whole process at its highest: Python, torch, footage and all"
        card = "training at its highest, all it was given"
        found.append((card if record.is_on_card else process, peak))
    return found


def _bars(predicted: Mapping[str, int], measured: list[tuple[str, int]], budget: int | None) -> str:
    total = sum(predicted.values())
    most = 1.04 * max([total, budget or 0, 1, *(size for _, size in measured)])
    rows = []
    if predicted:
        parts = [
            (size, f"m{place % 8}", f"{_word(name)}: {size:,} MiB")
            for place, (name, size) in enumerate(predicted.items())
        ]
        told = f"predicted {total:,} MiB: " + ", ".join(part[2] for part in parts)
        rows.append(("predicted for a step", total, bar(parts, most, budget, told)))
    for name, size in measured:
        rows.append(
            (name, size, bar([(size, "measured", name)], most, budget, f"{name}: {size:,} MiB"))
        )
    shown_rows = "".join(
        f'<div class="measure"><p class="small far"><span>{name}</span><b>{size:,} MiB</b></p>'
        f"{drawing}</div>"
        for name, size, drawing in rows
    )
    limit = (
        f'<p class="small faint">The dashed line is the budget, {budget:,} MiB.</p>'
        if budget
        else ""
    )
    return f'<div class="measures">{shown_rows}{limit}</div>'


def _tables(
    record: Record,
    predicted: Mapping[str, int],
    measured: list[tuple[str, int]],
    budget: int | None,
) -> str:
    rows = "".join(
        f'<tr><th scope="row"><svg class="swatch" width="10" height="10" aria-hidden="true">'
        f'<rect class="m{place % 8}" width="10" height="10" rx="2"/></svg>{_word(name)}</th>'
        f'<td class="n">{size:,}</td></tr>'
        for place, (name, size) in enumerate(predicted.items())
    )
    if predicted:
        total = f"{sum(predicted.values()):,}"
        rows += f'<tr class="sum"><th scope="row">in all</th><td class="n">{total}</td></tr>'
    pairs = [("predicted", "predicted_allocated_mib", "allocated_mib", "allocated")]
    pairs.append(("predicted", "predicted_reserved_mib", "reserved_mib", "reserved"))
    told = "".join(_pair(record.rehearsal, want, got, name) for _, want, got, name in pairs)
    is_cpu = not record.rehearsal and any("process" in name for name, _ in measured)
    note = (
        "On the CPU nothing tells a step's memory from the rest of the process, so that the two "
        "bars do not compare."
        if is_cpu
        else ""
    )
    unlimited = "" if budget else "This run is planned for no card, and so for no budget."
    told += f'<p class="small faint">{" ".join(each for each in (note, unlimited) if each)}</p>'
    head = '<thead><tr><th>predicted for</th><th class="n">MiB</th></tr></thead>'
    table = f"<table>{head}<tbody>{rows}</tbody></table>"
    return f'<div class="two">{table if predicted else ""}<div>{told}</div></div>'


def _pair(rehearsal: Mapping[str, Any], want: str, got: str, name: str) -> str:
    predicted, measured = _mib(rehearsal.get(want)), _mib(rehearsal.get(got))
    if predicted is None or measured is None:
        return ""
    share = f", {measured / predicted:.0%} of it" if predicted else ""
    return f"<p>{name}: {predicted:,} MiB predicted, <b>{measured:,} MiB</b> measured{share}.</p>"


def _word(name: str) -> str:
    return shown(WORDS.get(name, name.replace("_", " ")), 60)


def _mib(value: Any) -> int | None:
    size = number(value)
    return int(size) if 0 <= size < 1e12 else None
