"""`plan`: what fits a card, fastest first, and the settings of the one that is chosen."""

import argparse
import sys
from collections.abc import Iterator
from typing import Final

from vsr_settings.commands.arguments import Commands, add_output, add_set, write_new
from vsr_settings.errors import ExitCode
from vsr_settings.memory import candidates, plan_page, plan_toml
from vsr_settings.reading import Option, read
from vsr_settings.rules import RULES
from vsr_settings.rules.device import step_fits

_SHORT_FOR: Final = {
    "--preset": "hardware.preset",
    "--n-feats": "model.n_feats",
    "--n-blocks": "model.n_blocks",
    "--n-frames": "model.n_frames",
    "--scale": "model.scale",
    "--patch": "data.patch",
}
"""Settings that have an option of their own."""
_BATCH: Final = "--effective-batch"


def add_to(commands: Commands) -> None:
    """Add the command and its options."""
    command = commands.add_parser("plan", help="list what fits a card, fastest first")
    for name, path in _SHORT_FOR.items():
        command.add_argument(name, metavar="VALUE", help=path)
    command.add_argument(_BATCH, metavar="N", help="samples of an optimiser step")
    command.add_argument("--choose", type=int, default=1, metavar="ROW", help="the one to write")
    add_output(command)
    add_set(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> ExitCode:
    """List what fits, and write the chosen one where that is asked for."""
    # what does not fit is what a plan is for
    rules = [rule for rule in RULES if rule is not step_fits]
    loaded = read(None, [*_given(options), *options.set], rules=rules)
    found = candidates(loaded.settings)
    print(plan_page(loaded.settings, found), end="")
    if not 1 <= options.choose <= len(found):
        print(f"there is no configuration {options.choose} to write", file=sys.stderr)
        return ExitCode.SETTINGS
    if options.output is None:
        return ExitCode.DONE
    written = {
        path
        for path, source in loaded.sources.items()
        if not source.startswith(("default", "preset "))
    }
    return write_new(options.output, plan_toml(found[options.choose - 1], written))


def _given(options: argparse.Namespace) -> Iterator[Option]:
    """The settings that options of their own give."""
    for name, path in _SHORT_FOR.items():
        text = getattr(options, name.removeprefix("--").replace("-", "_"))
        if text is not None:
            yield Option(f"{path}={text}", f"{name} {text}")
    samples = options.effective_batch
    if samples is not None:
        typed = f"{_BATCH} {samples}"
        yield Option(f"hardware.effective_batch={samples}", typed)
        # any split will do to be read: every one is tried
        yield Option("train.batch_size=1", typed)
        yield Option(f"train.accumulation_steps={samples}", typed)
