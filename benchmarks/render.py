"""`python benchmarks/render.py`: turn build/benchmarks.json into docs/benchmarks.md and its plot.

Times come from that file, memory and arithmetic at full size from the trace, so the page is whole
on a machine without a card. What a card measured, the folder that `python -m benchmarks.card`
filled, is put beside them with `--card DIR`, and stays there without; where there is no
build/benchmarks.json, that part of the page alone is written.
"""

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent / "tests"))  # where the tracer lives

from card.page import NotOfACardError, card_part, kept_part, with_card_part
from plain import PLAIN
from tracer import Trace, trace

from vsr_settings import Model, Settings, hardware_preset
from vsr_settings.memory import MIB, WORKSPACE

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "build" / "benchmarks.json"
PAGE = ROOT / "docs" / "benchmarks.md"
PLOT = ROOT / "docs" / "benchmarks.svg"

NETWORKS = {
    "64x24": Model(),
    "64x24 unaligned": Model(align="none"),
    "128x36": Model(n_feats=128, n_blocks=36),
    "128x36 unaligned": Model(n_feats=128, n_blocks=36, align="none"),
}
WAYS = ("plain", "none", "blocks", "segments")
PRECISIONS = ("fp16", "fp32")
GIB = 1024 * MIB
CARD = hardware_preset("tesla-p4")

PROSE = """\
# Benchmarks

Written by `python benchmarks/render.py` after `nox -s benchmarks`.

## What a step takes on a Tesla P4

Batch 4, 5 frames of 180×180 pixels, scale 3, perceptual loss on, two or more micro-batches a step,
weight average included. Bytes and FLOPs are traced; no card has measured them. *Tensors* is the
peak of what is alive, *reserved* what CUDA's allocator holds for it by its own rules. The card has
{card.vram_mib} MiB; {card.reserve_mib} are kept for the context and slack, which leaves
**{card.budget_mib} MiB** for reserved memory and for workspaces, assumed to be {workspace} MiB.
*Least time* is the arithmetic of 16 samples at {card.fp32_tflops} TFLOP/s: a bound, not a
measurement. *Plain* is the yardstick: four overlapping prefixes of VGG16 in fp32, no activation in
place, the whole batch at once. *Unaligned* is `model.align = "none"`.

{full_size}

![Peak memory of each configuration against the card's, and the most samples a second]({plot})

<!-- card -->
<!-- /card -->

## Time of a step against the plain formulation

Measured on: {where}. Medians of alternating rounds in one process, on a machine that other
work may have shared. A ratio under 1 is a saving; arithmetic alone makes it 0.69 for 64×24 and 0.90
for 128×36 where nothing is recomputed and the perceptual loss is on. Where the two ratios
disagree, other work disturbed the clock and the one of processor time is the one to believe. *Of
the peak* is arithmetic done per second as a share of this machine's matrix product; it passes 100 %
where the library's convolutions use the processor better than its matrix product does.

{steps}

## What neighbours cost

A step in fp32 without VGG16 beside the same with `model.align = "none"`, in alternating rounds;
*gathering* is the flow and the evidence, computed without a graph, as a share of the aligned step.
Operations and reserved memory are predicted.

{alignment}

## What enlarging a film costs

A whole film, decoded, enlarged, encoded with x264 and joined with its sound, beside the network
alone on frames that are in memory already, in alternating rounds. *Throughput* is the share of the
network's own that is left.

{films}

A film of {long_s} seconds takes **{long_ratio:.2f} times** the memory of one of {short_s}, as the
system counts it.

## Everything else

{others}
"""
"""The page around its tables."""


@dataclass(frozen=True)
class Row:
    """One configuration at full size."""

    network: str
    way: str
    precision: str
    traced: Trace
    extra: float
    """Share of arithmetic above that without recomputation."""

    @property
    def needed_mib(self) -> float:
        """What the allocator reserves and operators' workspaces."""
        return (self.traced.reserved_bytes + WORKSPACE) / MIB

    @property
    def seconds(self) -> float:
        """Time of 16 samples at the card's whole arithmetic rate: no card is faster than this."""
        return 16 * self.traced.flops_per_sample / (CARD.fp32_tflops * 1e12)


def main(words: Sequence[str] | None = None) -> None:
    """Write the page and the plot, or only what a card has to say."""
    parser = argparse.ArgumentParser(description="Write docs/benchmarks.md.")
    parser.add_argument(
        "--card", metavar="DIR", type=Path, help="what python -m benchmarks.card filled on a card"
    )
    parser.add_argument(
        "--only-card", action="store_true", help="leave the rest of the page as it is"
    )
    chosen = parser.parse_args(words)
    try:
        before = PAGE.read_text()
        kept = None if chosen.card else kept_part(before)  # what a card was asked once stays
        part = kept or card_part(chosen.card, table)
        if chosen.only_card or not RESULTS.exists():
            PAGE.write_text(with_card_part(before, part))
            return
    except NotOfACardError as error:
        parser.error(str(error))
    results = json.loads(RESULTS.read_text())
    rows = full_size()
    PLOT.write_text(plot(rows))
    PAGE.write_text(with_card_part(page(results, rows), part))


def full_size() -> list[Row]:
    """Trace every configuration of the page."""
    rows = []
    for network, model in NETWORKS.items():
        for precision in PRECISIONS:
            traces = {way: _trace(model, way, precision) for way in WAYS}
            least = traces["none"].flops_per_sample
            rows += [
                Row(network, way, precision, traced, traced.flops_per_sample / least - 1)
                for way, traced in traces.items()
            ]
    return rows


def _trace(model: Model, way: str, precision: str) -> Trace:
    if way == "plain":
        return trace(Settings(model=model), precision, PLAIN)
    return trace(Settings(model=model.model_copy(update={"recompute": way})), precision)


def page(results: dict, rows: list[Row]) -> str:
    """Return the page's Markdown."""
    machine = results["machine_info"]
    cores, threads = machine["cpu"].get("count", "?"), machine["threads"]
    where = (
        f"{machine['cuda'] or machine['model']}, {cores} cores, {threads} of them used, "
        f"torch {machine['torch']}"
    )
    return PROSE.format(
        card=CARD,
        workspace=WORKSPACE // MIB,
        full_size=_full_size_table(rows),
        plot=PLOT.name,
        where=where,
        steps=_steps_table(results),
        alignment=_alignment_table(results),
        films=_films_table(results),
        **_film_memory(results),
        others=_others_table(results),
    )


def _full_size_table(rows: list[Row]) -> str:
    header = "network", "precision", "recompute", "tensors:", "reserved:", "fits"
    return table(
        (*header, "GFLOP per sample:", "extra:", "least time:"),
        [
            (
                row.network,
                row.precision,
                row.way,
                f"{row.traced.peak_bytes / GIB:.2f} GiB",
                f"{row.traced.reserved_bytes / GIB:.2f} GiB",
                "yes" if row.needed_mib <= CARD.budget_mib else "no",
                f"{row.traced.flops_per_sample / 1e9:,.0f}",
                f"{row.extra:+.1%}",
                f"{row.seconds:.1f} s",
            )
            for row in rows
        ],
    )


def _steps_table(results: dict) -> str:
    header = "network", "precision", "recompute", "perceptual", "patch × batch", "step:"
    return table(
        (*header, "ratio to plain:", "of processor time:", "samples/s:", "of the peak:"),
        [
            (
                info["network"],
                info["precision"],
                info["recompute"],
                "on" if info["perceptual"] else "off",
                f"{info['patch']} × {info['batch']}",
                f"{bench['stats']['median'] * 1e3:.0f} ms",
                f"**{info['ratio_to_plain']:.2f}**",
                f"{info['processor_ratio_to_plain']:.2f}",
                f"{info['samples_per_second']:.2f}",
                f"{info['share_of_matmul_peak']:.0%}",
            )
            for bench, info in _of_group(results, "step")
        ],
    )


def _alignment_table(results: dict) -> str:
    header = "network", "patch:", "step:", "of processor time:"
    return table(
        (*header, "gathering:", "operations:", "reserved:"),
        [
            (
                info["network"],
                info["patch"],
                f"**× {info['ratio_to_unaligned']:.2f}**",
                f"× {info['processor_ratio']:.2f}",
                f"{info['share_of_gathering']:.1%}",
                f"× {info['operations']:.2f}",
                f"× {info['reserved']:.2f}",
            )
            for _, info in _of_group(results, "alignment")
        ],
    )


def _films_table(results: dict) -> str:
    return table(
        ("network", "low resolution", "frames a second:", "throughput:"),
        [
            (
                info["network"],
                info["size"],
                f"{info['fps']:.2f}",
                f"**{info['throughput']:.0%}**",
            )
            for _, info in _of_group(results, "upscale")
        ],
    )


def _film_memory(results: dict) -> dict:
    (_, info), *_ = _of_group(results, "upscale memory")
    short, long = info["seconds"]
    return {"short_s": short, "long_s": long, "long_ratio": info["ratio"]}


def _others_table(results: dict) -> str:
    return table(
        ("group", "benchmark", "median:"),
        [
            (bench["group"], f"`{bench['name']}`", f"{bench['stats']['median'] * 1e3:.2f} ms")
            for bench in results["benchmarks"]
            if bench["group"] not in {"step", "alignment", "upscale", "upscale memory"}
        ],
    )


def _of_group(results: dict, group: str) -> list[tuple[dict, dict]]:
    """Return the benchmarks of a group, each with what it measured itself."""
    found = [bench for bench in results["benchmarks"] if bench["group"] == group]
    return [(bench, bench["extra_info"]) for bench in found]


def table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table as Markdown.

    Args:
        header: titles of the columns; a colon at the end of one aligns its column to the right.
        rows: a cell for each column.
    """
    titles = [title.removesuffix(":") for title in header]
    rules = ["---:" if title.endswith(":") else "---" for title in header]
    lines = [" | ".join(map(str, cells)) for cells in (titles, *rows)]
    lines = [f"| {line} |" for line in lines]
    return "\n".join([lines[0], f"|{'|'.join(rules)}|", *lines[1:]])


def plot(rows: list[Row]) -> str:
    """Return an SVG: a bar of memory per configuration, the card's line, and the least time."""
    bar, gap, left, width = 15, 5, 210, 430
    top = 40
    most = max(row.needed_mib for row in rows)
    height = top + len(rows) * (bar + gap) + 30
    scale = (width - 50) / most  # room for the longest bar's number
    line = left + CARD.budget_mib * scale
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {left + width + 150} {height}" '
            'font-family="sans-serif" font-size="11">'
        ),
        (
            "<title>Reserved memory and workspaces of a training step, and the least time of 16 "
            "samples, on a Tesla P4</title>"
        ),
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{left}" y="16">reserved memory + workspaces, MiB</text>',
        f'<text x="{left + width + 20}" y="16">samples/s at most</text>',
    ]
    for place, row in enumerate(rows):
        y = top + place * (bar + gap)
        fits = row.needed_mib <= CARD.budget_mib
        colour = "#4477aa" if fits else "#cc6677"
        long = row.needed_mib * scale
        parts += [
            (
                f'<text x="{left - 6}" y="{y + 12}" text-anchor="end">'
                f"{row.network} {row.precision} {row.way}</text>"
            ),
            f'<rect x="{left}" y="{y}" width="{long:.0f}" height="{bar}" fill="{colour}"/>',
            f'<text x="{left + long + 4:.0f}" y="{y + 12}">{row.needed_mib:,.0f}</text>',
            f'<text x="{left + width + 20}" y="{y + 12}">{16 / row.seconds:.1f}</text>',
        ]
    parts += [
        (
            f'<line x1="{line:.0f}" x2="{line:.0f}" y1="{top - 14}" y2="{height - 26}" '
            'stroke="black" stroke-dasharray="4 3"/>'
        ),
        (
            f'<text x="{line:.0f}" y="{height - 10}" text-anchor="middle">'
            f"what a P4 has: {CARD.budget_mib:,} of {CARD.vram_mib:,}</text>"
        ),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    main()
