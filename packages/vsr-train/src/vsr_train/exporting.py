"""`python -m vsr_train export runs/NAME`: the averaged weights of a checkpoint as a file of theirs.

It reads what a run has written and never waits for it: a run that is going on may go on meanwhile.
"""

import argparse
import json
import os
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from vsr_files import ForeignFileError, expanded, open_regular, printable
from vsr_model import WeightsError, load_weights, read_facts, save_weights
from vsr_settings import ExitCode
from vsr_settings.schema import License
from vsr_train.errors import RunError
from vsr_train.folder import (
    RunFolder,
    checkpoints_in,
    damage,
    figure_facts,
    license_fact,
    step_in_name,
)

LONGEST_TEXT = 1 << 20
"""Bytes of settings and facts that are read."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return 0, or 2 where there is nothing to export or nowhere to write."""
    chosen = _parser().parse_args(arguments)
    try:
        folder = RunFolder(expanded(chosen.run))
        out = folder.last if chosen.out is None else expanded(chosen.out)
        if chosen.out is not None:
            _check_place(out, overwrite=chosen.overwrite)
        checkpoint, facts = _export(folder, chosen.step, out)
    except (RunError, WeightsError) as error:
        print(f"error: {error}", file=sys.stderr)
        return ExitCode.SETTINGS
    except OSError as error:  # a name that is too long, or a folder that may not be entered
        what = f"{str(error.filename)!r} cannot be looked at ({error.strerror})"
        print(f"error: {what}; give a run's folder, such as runs/NAME", file=sys.stderr)
        return ExitCode.SETTINGS
    for line in _told(checkpoint, out, facts):
        print(line)
    return ExitCode.DONE


def choose_checkpoint(folder: RunFolder, step: int | None = None) -> Path:
    """Return the newest whole checkpoint of a run, or that of a step.

    Raises:
        RunError: if there is no such run or checkpoint.
    """
    if not folder.holds_a_run:
        raise RunError(f"{str(folder.path)!r} is no run's folder; give one, such as runs/NAME")
    there = checkpoints_in(folder.checkpoints)
    wanted = [path for path in there if step is None or step_in_name(path) == step]
    damaged = []
    for path in wanted:
        if (what := damage(path)) is None:
            return path
        if not path.exists():  # a run that goes on has deleted it, after writing a newer one
            return choose_checkpoint(folder, step)
        damaged.append(f"checkpoint {str(path)!r} is damaged: {what}")
    if damaged:
        raise RunError("; ".join(damaged))
    steps = ", ".join(str(step_in_name(path)) for path in reversed(there))
    if steps:
        raise RunError(
            f"no checkpoint of step {step} is in {str(folder.checkpoints)!r}; it has those of "
            f"{steps}"
        )
    raise RunError(
        f"no checkpoint is in {str(folder.checkpoints)!r} yet; `kill -USR2` has a run save one"
    )


def export(folder: RunFolder, checkpoint: Path, out: Path) -> dict[str, str]:
    """Write the averaged weights of a run's checkpoint, with what they say of themselves.

    Args:
        folder: of the run.
        checkpoint: in it, whole.
        out: the file of weights, replaced where it is there.

    Returns:
        The facts: step, figures where the step was validated, degradation and licence where known.

    Raises:
        WeightsError: if the checkpoint holds no network.
        RunError: if the disk refuses.
    """
    step = step_in_name(checkpoint) or 0
    network = load_weights(checkpoint)
    facts = {
        **figure_facts(step, _validation_at(folder.metrics, step)),
        **license_fact(_license(folder.settings)),
        **({} if _is_ready_made(folder.about) else read_facts(checkpoint)),
    }
    try:
        save_weights(network, out, facts)
    except OSError as error:
        raise RunError(f"{str(out)!r} cannot be written ({error.strerror})") from error
    return facts


def _export(folder: RunFolder, step: int | None, out: Path) -> tuple[Path, dict[str, str]]:
    while True:
        checkpoint = choose_checkpoint(folder, step)
        try:
            return checkpoint, export(folder, checkpoint, out)
        except WeightsError:
            if checkpoint.exists():
                raise  # else a run that goes on has just deleted it, after writing a newer one


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m vsr_train export",
        description="Write the averaged weights of a run's newest whole checkpoint to a file.",
    )
    parser.add_argument("run", metavar="RUN", help="a run's folder, such as runs/NAME")
    parser.add_argument("--step", type=int, metavar="N", help="take the checkpoint of this step")
    parser.add_argument(
        "--out", metavar="FILE", help="the .safetensors file; RUN/last.safetensors if left out"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace FILE where it is there")
    return parser


def _check_place(out: Path, *, overwrite: bool) -> None:
    if out.suffix != ".safetensors" or not out.parent.is_dir():
        raise RunError(f"{str(out)!r} must be a .safetensors file in a folder that exists")
    if os.path.lexists(out) and not overwrite:
        raise RunError(
            f"{str(out)!r} is there already; give another name, or replace it with --overwrite"
        )


def _told(checkpoint: Path, out: Path, facts: Mapping[str, str]) -> Iterator[str]:
    yield f"wrote {printable(out)}: the averaged weights of {printable(checkpoint)}"
    if {"psnr", "gain_bicubic_db"} <= facts.keys():
        psnr, gain_db = (float(facts[name]) for name in ("psnr", "gain_bicubic_db"))
        yield f"validated at step {facts['step']}: {psnr:.2f} dB, {gain_db:+.2f} dB over bicubic"
    else:
        yield f"step {facts['step']} was not validated"


def _validation_at(metrics: Path, step: int) -> Mapping[str, Any]:
    """Return the figures of a validation from the log; nothing where there is none of the step."""
    try:
        with open_regular(metrics) as file:
            lines = file.read().splitlines()
    except (ForeignFileError, OSError):
        return {}
    for line in reversed(lines):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):  # cut short
            continue
        if isinstance(row, dict) and (row.get("kind"), row.get("step")) == ("validation", step):
            return {n: each for n, each in row.items() if isinstance(each, int | float)}
    return {}


def _license(settings: Path) -> str:
    """Return the licence that the run's settings name now; `unknown` where they name none."""
    try:
        with open_regular(settings) as file:
            said = tomllib.loads(file.read(LONGEST_TEXT).decode())["run"]["license"]
        return TypeAdapter(License).validate_python(said)
    except (ForeignFileError, OSError, ValueError, LookupError, TypeError, ValidationError):
        return "unknown"


def _is_ready_made(about: Path) -> bool:
    """Whether the run's pairs were made elsewhere, so that its settings say nothing of them."""
    try:
        with open_regular(about) as file:
            return json.loads(file.read(LONGEST_TEXT))["ready_made"] is True
    except (ForeignFileError, OSError, ValueError, LookupError, TypeError, RecursionError):
        return False
