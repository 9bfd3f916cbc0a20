"""Training pairs checked before the first step.

A network taught with wrong targets looks healthy in its own figures: its loss falls, and it learns
the fault. Samples are taken from the training stream, so that cropping and turning are checked too.
"""

from typing import Final

import torch

from vsr_data.errors import DataError
from vsr_data.pairs.findings import Finding, inspect_pairs
from vsr_data.samples.stream import TrainingStream

SAMPLES: Final = 16
MOST_NAMED: Final = 3  # samples that one finding names


def check_pairs(stream: TrainingStream, scale: int) -> tuple[Finding, ...]:
    """Inspect the stream's first samples; a fatal finding comes first, naming its samples.

    Args:
        stream: what training will see.
        scale: enlargement of each side.

    Raises:
        DataError: a file has been deleted or damaged.
    """
    keys = [divmod(number, stream.effective_batch) for number in range(SAMPLES)]
    lq, gt = zip(*(stream.sample(*key) for key in keys), strict=True)
    findings = inspect_pairs(
        torch.stack(lq) / 255, torch.stack(gt) / 255, scale, degraded=stream.is_degraded
    )
    return tuple(_located(finding, stream, keys) for finding in findings)


def require_sound(findings: tuple[Finding, ...], source: str) -> None:
    """Refuse pairs with a fatal finding.

    Args:
        findings: what `check_pairs` returned.
        source: the training source, as the user wrote it.

    Raises:
        DataError: naming the source, the fault, its evidence and the way on.
    """
    fatal = [finding for finding in findings if finding.severity == "fatal"]
    if fatal:
        text = "; ".join(f"{finding.name}: {finding.text}" for finding in fatal)
        raise DataError(
            f"data.train = {source!r} cannot teach what it should, {text}; "
            "to train on it all the same, set train.on_stagnation = 'warn'"
        )


def _located(finding: Finding, stream: TrainingStream, keys: list[tuple[int, int]]) -> Finding:
    """Name the files and frames of a finding's first samples."""
    named = finding.samples[:MOST_NAMED] or (0,)
    if finding.severity == "note":
        return finding
    places = ", ".join(stream.origin(*keys[number]) for number in named)
    return Finding(
        finding.name, finding.severity, f"{finding.text} (such as {places})", finding.samples
    )
