"""A run that does not learn, explained: what was seen, why it may be, and what to change."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vsr_train.watch.case import Case
from vsr_train.watch.causes import Cause, causes
from vsr_train.watch.probe import Probe
from vsr_train.watch.snapshot import Snapshot
from vsr_train.watch.verdicts import POOL, Judgement, figures

MOST_SHOWN = 3
"""Causes that the terminal shows; the file has all."""


@dataclass(frozen=True)
class Diagnosis:
    """What a case comes to."""

    step: int
    """Steps made when the run was judged."""
    judgement: Judgement
    seen: tuple[str, ...]
    """What the latest snapshots found, a line each."""
    causes: tuple[Cause, ...]
    """The likeliest first."""
    probe: Probe | None

    @property
    def headline(self) -> str:
        """One sentence."""
        verdict, first = self.judgement.verdict, self.causes[0]
        return f"{verdict} at step {self.step}: {self.judgement.evidence}; likely {first.name}"

    def lines(self) -> list[str]:
        """Return the report for a terminal."""
        lines = [self.headline]
        for number, cause in enumerate(self.causes[:MOST_SHOWN], 1):
            lines += [f"  {number}. {cause.name}: {cause.evidence}", f"     → {cause.remedy}"]
        return lines

    def markdown(self) -> str:
        """Return the report for the run's folder."""
        parts = [f"# Step {self.step}: {self.judgement.verdict}", f"{self.judgement.evidence}."]
        parts += ["## Seen", "\n".join(f"- {line}" for line in self.seen), "## Causes"]
        for number, cause in enumerate(self.causes, 1):
            paragraph = f"{number}. **{cause.name}** ({cause.likelihood:.2f}): {cause.evidence}."
            parts.append(f"{paragraph}\n   Change: {cause.remedy}.")
        return "\n\n".join(parts) + "\n"


def diagnose(case: Case) -> Diagnosis:
    """Explain a case."""
    seen = tuple(_seen(case.snapshots[-POOL:], case))
    return Diagnosis(case.step, case.judgement, seen, causes(case), case.probe)


def write_diagnosis(diagnosis: Diagnosis, path: Path, snapshots: Sequence[Snapshot]) -> None:
    """Write the report to a Markdown file, and beside it as .json with every snapshot.

    Raises:
        OSError: if the disk refuses.
    """
    path.write_text(diagnosis.markdown(), encoding="utf-8")
    stored = {
        "step": diagnosis.step,
        "verdict": diagnosis.judgement.verdict,
        "evidence": diagnosis.judgement.evidence,
        "causes": [vars(cause) for cause in diagnosis.causes],
        "snapshots": [snapshot.as_dict() for snapshot in snapshots],
    }
    path.with_suffix(".json").write_text(json.dumps(stored, indent=1), encoding="utf-8")


def _seen(latest: Sequence[Snapshot], case: Case) -> list[str]:
    last = latest[-1]
    shares = ", ".join(
        f"{name} {share:.0%} (cosine with the error {last.alignment[name]:.2f})"
        for name, share in last.shares.items()
    )
    updates = ", ".join(f"{part} {ratio:.1e}" for part, ratio in last.update_ratio.items())
    blocks = list(last.blocks.values())
    clipping = f"{last.clipped:.0%} of the steps clipped, {last.skipped:.0%} skipped"
    lines = [
        f"the latest snapshot is of step {last.step}",
        figures(case.now),
        f"gradient norm {last.grad_norm:.2e}, {clipping}",
        f"a step changes the weights, relative to their norm, by: {updates}",
        f"gradient at the output: {shares}",
        f"residual blocks add {min(blocks):.2g} to {max(blocks):.2g} of their input",
    ]
    if last.aligned is not None:
        lines.append(
            f"neighbours are believed by {last.confidence:.1%}, and what they show adds "
            f"{last.aligned:.2g} of the features"
        )
    if case.probe is not None:
        lines.append(case.probe.evidence)
    lines += [f"pairs, {finding.name}: {finding.text}" for finding in case.findings]
    return lines
