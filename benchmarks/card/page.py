"""What a card found, as Markdown: beside what is traced and predicted, never mixed up with it."""

from .plan import SHARES, SUMMARY
from .results import COMPLETE, FORMAT, read_json

BEGIN, END = "<!-- card -->", "<!-- /card -->"
"""Around this part of the page, so that it can be written anew by itself."""

HEAD = """\
## On a card

Of the figures on this page, those of a step's memory and arithmetic are **traced**, on tensors
without values, or **predicted**, by the model that plans with them; those of time name the
processor that they were measured on. Here is what was **measured on a card** by `python -m
benchmarks.card --out DIR` (`nox -s card`), and here alone; `python benchmarks/render.py --card DIR`
writes it."""

NOTHING = """\
No card has run it: nothing on this page was measured on one."""


class NotOfACardError(Exception):
    """A folder whose figures do not belong on the page: which, and why."""


def card_part(folder, table):
    """Return this part of the page, between its marks.

    Args:
        folder: what `python -m benchmarks.card` filled; None where no card has run it.
        table: makes a Markdown table of a header and rows.

    Raises:
        NotOfACardError: if there is nothing of a card in it.
    """
    text = NOTHING if folder is None else _measured(folder, table)
    return f"{BEGIN}\n{HEAD}\n\n{text}\n{END}"


def kept_part(page):
    """Return what a card found that is on a page already, marks included; None without any."""
    _, begins, rest = page.partition(BEGIN)
    inner, ends, _ = rest.partition(END)
    is_found = begins and ends and inner.strip() and NOTHING not in inner
    return f"{BEGIN}{inner}{END}" if is_found else None


def with_card_part(page, part):
    """Return a page with its part about a card replaced, or added at its end.

    Raises:
        NotOfACardError: if only one of the two marks is there.
    """
    if BEGIN not in page and END not in page:
        return f"{page.rstrip()}\n\n{part}\n"
    before, begins, rest = page.partition(BEGIN)
    _, ends, after = rest.partition(END)
    if not (begins and ends):
        raise NotOfACardError(f"the page has one of the marks {BEGIN} and {END} without the other")
    return before + part + after


def _measured(folder, table):
    sections = _sections(folder)
    facts = next(iter(sections.values()))["on"]
    on = f"measured on {facts['name']}, torch {facts['torch']}"
    parts = [
        (
            f"**{on[0].upper()}{on[1:]}** (CUDA {facts.get('cuda')}, cuDNN {facts.get('cudnn')}, "
            f"compute capability {facts.get('capability')}, {facts.get('total_mib')} MiB, planned "
            f"as `{facts.get('preset')}`)."
        ),
        _states(folder, sections, table),
    ]
    for name, write in _WRITERS.items():
        if name in sections:
            parts += write(sections[name]["rows"], on, table)
    return "\n\n".join(part for part in parts if part)


def _sections(folder):
    found = {}
    for name in SHARES:
        content = read_json(folder / f"{name}.json")
        if content is None or content.get("format") != FORMAT or not content.get("on"):
            continue
        if content["on"].get("kind") != "cuda":
            raise NotOfACardError(
                f"{folder} was filled on {content['on'].get('name')}: no figure of it is a card's; "
                "fill it with python -m benchmarks.card --device cuda"
            )
        found[name] = content
    if not found:
        raise NotOfACardError(f"{folder} holds no results of python -m benchmarks.card")
    if len({(each["on"]["name"], each["on"]["torch"]) for each in found.values()}) > 1:
        raise NotOfACardError(f"{folder} holds results of more than one card or torch")
    return found


def _states(folder, sections, table):
    """Return how each section ended, so that what is missing is not taken for good news."""
    summary = read_json(folder / SUMMARY) or {}
    seconds = {row.get("section"): row.get("seconds") for row in summary.get("sections", [])}
    rows = []
    for name in SHARES:
        content = sections.get(name)
        status = "did not run" if content is None else content["status"]
        reason = "" if content is None or status == COMPLETE else _cell(content["reason"])
        count = 0 if content is None else len(content["rows"])
        rows.append((name, status, count, _number(seconds.get(name), "{:.0f} s"), reason))
    return table(("section", "ended", "rows:", "took:", "why"), rows)


def _laws(rows, on, table):
    laws = [row for row in rows if row.get("kind") == "law"]
    held = sum(row["outcome"] == "passed" for row in laws)
    shown = [
        (_cell(row["law"]), row["outcome"], _cell(row.get("reason")))
        for row in laws
        if row["outcome"] != "passed"
    ]
    told = f"### Laws\n\n{held} of {len(laws)} tests that need a card pass, {on}."
    return [told, table(("law", "outcome", "why"), shown) if shown else ""]


def _memory(rows, on, table):
    header = ("what", "precision", "recompute", "predicted live:", "measured live:")
    header += ("predicted reserved:", "measured reserved:", "over by:", "trials reserved:", "note")
    cells = [
        (
            _cell(_subject(row)),
            row.get("precision") or "",
            row.get("recompute") or "",
            _mib(row.get("predicted_allocated_mib")),
            _mib(row.get("allocated_mib")),
            _mib(row.get("predicted_reserved_mib")),
            _mib(row.get("reserved_mib")),
            _number(row.get("over"), "{:+.1%}"),
            _mib(row.get("tried_mib")),
            _note(row),
        )
        for row in rows
        if row.get("kind") in {"step", "validation", "save", "limit"}
    ]
    told = (
        f"### Memory\n\nPeaks: *predicted* by the simulated step, workspaces of 256 MiB included "
        f"in what is reserved; *{on}* by CUDA's own statistics. *Over* is predicted over measured "
        "reserved memory; under 0 the prediction did not hold. *Trials* are of the first step, in "
        "which cuDNN tries its kernels in what is free and gives it back; all else is measured "
        "after it. Of a save, the prediction is that of a step, which it must stay under."
    )
    return [told, table(header, cells)]


def _subject(row):
    if row["kind"] == "limit":
        return f"`{row['config']}`, {row.get('steps', 0)} steps in {row['limit_mib']} MiB"
    where = f" of {row['frame']}" if "frame" in row else ""
    return f"{row['network']} {row['kind']}{where}"


def _note(row):
    told = ""
    if row["kind"] == "limit" and "within" in row:
        told = "trained and validated within it" if row["within"] else "**did not**"
    if row["kind"] == "save" and row.get("holds") is False:
        told = "**took more than a step**"
    return " ".join(filter(None, (told, _cell(row.get("reason") or row.get("left_out")))))


def _speed(rows, on, table):
    rates = [
        f"{row['precision']} matrix product {row['tflops']:.1f} TFLOP/s"
        for row in rows
        if row.get("kind") == "matmul" and "tflops" in row
    ]
    rates += [
        f"copy {row['gbs']:.0f} GB/s" for row in rows if row.get("kind") == "copy" and "gbs" in row
    ]
    timed = [
        (
            row["network"],
            row["precision"],
            row.get("contender") or "",
            _number(row.get("seconds"), "{:.4g} s"),
            _number(row.get("ratio"), "{:.2f}"),
            row.get("against") or "",
            _cell(row.get("reason") or row.get("left_out")),
        )
        for row in rows
        if row.get("kind") == "time"
    ]
    header = ("network", "precision", "step", "median:", "ratio:", "to", "note")
    told = (
        f"### Time of a step\n\n{on[0].upper()}{on[1:]}: one micro-batch, perceptual loss on, in "
        "alternating rounds; *ratio* is of medians, over 1 is slower than what it is compared to. "
        "*Ours* has tensors contiguous; the *old trainer* aligned nothing. Shares are of the "
        "matrix product in the same precision, though VGG16 is in fp32 in all. "
        f"The card itself: {', '.join(rates) or 'not measured'}."
    )
    shares = [
        (
            row["network"],
            row["precision"],
            row.get("contender") or "",
            _number(row.get("of_matmul"), "{:.0%}"),
            _number(row.get("of_bandwidth"), "{:.0%}"),
            waits,
        )
        for row in rows
        if row.get("kind") == "share"
        for waits in [_waits_of(rows, row)]
    ]
    shared = "network", "precision", "step"
    shared += ("of its matrix product:", "of its bandwidth:", "waits a step:")
    return [told, table(header, timed), table(shared, shares) if shares else ""]


def _waits_of(rows, of):
    same = ("network", "precision")
    for row in rows:
        if row.get("kind") == "waits" and all(row[name] == of[name] for name in same):
            return row.get("waits", _cell(row.get("reason")))
    return ""


def _film(rows, on, table):
    cells = [
        (
            row["network"],
            row["size"],
            row.get("precision") or "",
            _number(row.get("fps"), "{:.1f}"),
            _number(row.get("network_fps"), "{:.1f}"),
            _number(row.get("share"), "{:.0%}"),
            _cell(row.get("reason") or row.get("left_out")),
        )
        for row in rows
        if row.get("kind") == "film"
    ]
    header = ("network", "low resolution", "precision", "frames a second:", "network alone:")
    told = f"### Films\n\nA whole film enlarged, and the network alone on its frames, {on}."
    return [told, table((*header, "share:", "note"), cells)]


def _training(rows, on, table):
    cells = [
        (
            row["step"],
            _number(row.get("psnr"), "{:.2f} dB"),
            _number(row.get("gain_bicubic_db"), "{:+.2f} dB"),
            _number(row.get("temporal_db"), "{:+.3f} dB"),
        )
        for row in rows
        if row.get("kind") == "validation"
    ]
    trained = (row for row in rows if row.get("kind") == "train")
    rates = [row["samples_per_s"] for row in trained if row.get("samples_per_s")]
    rate = f", {sorted(rates)[len(rates) // 2]:.1f} samples a second" if rates else ""
    told = (
        "### A training run\n\n64×24 on real video, perceptual loss off, for the minutes that "
        f"were left{rate}, {on}."
    )
    header = ("step:", "PSNR:", "over bicubic:", "neighbours:")
    return [told, table(header, cells) if cells else "No validation was reached."]


_WRITERS = {
    "laws": _laws, "memory": _memory, "speed": _speed, "film": _film, "training": _training,
}  # fmt: skip


def _number(value, form):
    return "" if value is None else form.format(value)


def _mib(value):
    return _number(value, "{:,.0f} MiB")


def _cell(text):
    """Return a text that stays in its cell."""
    short = " ".join(str(text or "").split()).replace("|", "\\|")
    return short if len(short) <= 120 else f"{short[:120]}…"
