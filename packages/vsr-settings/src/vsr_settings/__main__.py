"""`python -m vsr_settings`: check, explain, plan, document and import settings.

Exits with 0, or with 2 where something is refused; never with a traceback.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from vsr_settings.errors import SettingsError
from vsr_settings.explaining import explained, explanation
from vsr_settings.importing import import_python
from vsr_settings.loading import read
from vsr_settings.memory import candidates, changed, plan_page, plan_toml
from vsr_settings.reference import json_schema, reference_page
from vsr_settings.sources import UnreadableError, printable, text_of

REFUSED: Final = 2
BROKEN_PIPE: Final = 141
_WHAT: Final = "Check, explain, plan, document and import settings."
_PLANNED: Final = {
    "preset": "hardware.preset",
    "n_feats": "model.n_feats",
    "n_blocks": "model.n_blocks",
    "n_frames": "model.n_frames",
    "scale": "model.scale",
    "patch": "data.patch",
}
"""Options of `plan`, by the setting that each is short for."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and give its exit status."""
    options = _parser().parse_args(arguments)
    for stream in (sys.stdout, sys.stderr):
        # a terminal that lacks a character shows its code rather than a traceback
        getattr(stream, "reconfigure", lambda **_: None)(errors="backslashreplace")
    try:
        status = _run(options)
        sys.stdout.flush()
    except SettingsError as error:
        print(error, file=sys.stderr)
        return REFUSED
    except BrokenPipeError:
        # whoever read has left: let nothing be flushed to it at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except OSError as error:
        print(f"the output cannot be written: {error.strerror or error}", file=sys.stderr)
        return REFUSED
    return status


def _run(options: argparse.Namespace) -> int:
    match options.command:
        case "check":
            return _check(options.files, options.set)
        case "explain":
            return _explain(options.file, options.set, as_json=options.json)
        case "plan":
            return _plan(options)
        case "import":
            return _import(options.config, options.output)
        case "schema":
            print(json_schema(), end="")
        case _:
            print(reference_page(), end="")
    return 0


def _check(files: Sequence[str], overrides: Sequence[str]) -> int:
    status = 0
    for file in files:
        try:
            reading = read(file, overrides)
        except SettingsError as error:
            print(error, file=sys.stderr)
            status = REFUSED
        else:
            for warning in reading.warnings:
                print(f"{printable(file)}: warning: {warning}", file=sys.stderr)
            print(f"{printable(file)}: good")
    return status


def _explain(file: str | None, overrides: Sequence[str], *, as_json: bool) -> int:
    reading = read(file, overrides)
    if as_json:
        print(json.dumps(explanation(reading), indent=2, ensure_ascii=False))
    else:
        print(explained(reading), end="")
    return 0


def _plan(options: argparse.Namespace) -> int:
    """List what fits, and write the chosen one where that is asked for."""
    given = {path: getattr(options, name) for name, path in _PLANNED.items()}
    overrides = [f"{path}={text}" for path, text in given.items() if text is not None]
    if options.effective_batch is not None:
        # any split will do to be read: every one is tried
        samples = options.effective_batch
        overrides += [f"hardware.effective_batch={samples}"]
        overrides += ["train.batch_size=1", f"train.accumulation_steps={samples}"]
    elsewhere = "hardware.allow_over_budget=true"  # what does not fit is what a plan is for
    reading = read(None, [*overrides, *options.set, elsewhere])
    settings = changed(reading.settings, {"hardware.allow_over_budget": False})
    found = candidates(settings)
    print(plan_page(settings, found), end="")
    if not 1 <= options.choose <= len(found):
        print(f"there is no configuration {options.choose} to write", file=sys.stderr)
        return REFUSED
    if options.output is None:
        return 0
    written = {
        path
        for path, source in reading.sources.items()
        if not source.startswith(("default", "preset ")) and path != elsewhere.partition("=")[0]
    }
    return _write(options.output, plan_toml(found[options.choose - 1], written))


def _import(config: str, output: str | None) -> int:
    source = printable(config)
    try:
        imported = import_python(text_of(config))
    except UnreadableError as error:
        print(f"{source}: {error}", file=sys.stderr)
        return REFUSED
    for dropped in imported.dropped:
        print(
            f"{source}:{dropped.line}: {dropped.name}: dropped: {dropped.reason}", file=sys.stderr
        )
    for note in imported.notes:
        print(f"{source}: {note}", file=sys.stderr)
    if not imported.values:
        print(f"{source}: holds no setting; see 'docs/settings.md' for names", file=sys.stderr)
        return REFUSED
    if output is None:
        print(imported.toml(), end="")
        return 0
    return _write(output, imported.toml())


def _write(output: str, text: str) -> int:
    """Write a settings file that is not there yet."""
    try:
        with Path(output).open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        print(f"{printable(output)}: exists; give another name to -o", file=sys.stderr)
        return REFUSED
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        print(f"{printable(output)}: cannot be written: {reason.lower()}", file=sys.stderr)
        return REFUSED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m vsr_settings", description=_WHAT)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    check = commands.add_parser("check", help="say what is wrong with settings files")
    check.add_argument("files", nargs="+", metavar="FILE", help="a TOML file")
    _add_set(check)

    explain = commands.add_parser("explain", help="show resolved settings and their sources")
    explain.add_argument("file", nargs="?", metavar="FILE", help="a TOML file")
    explain.add_argument("--json", action="store_true", help="print JSON")
    _add_set(explain)

    plan = commands.add_parser("plan", help="list what fits a card, fastest first")
    for name, path in _PLANNED.items():
        plan.add_argument(f"--{name.replace('_', '-')}", metavar="VALUE", help=f"{path}")
    plan.add_argument("--effective-batch", metavar="N", help="samples of an optimiser step")
    plan.add_argument("--choose", type=int, default=1, metavar="ROW", help="the one to write")
    _add_output(plan)
    _add_set(plan)

    commands.add_parser("schema", help="print the JSON schema, docs/settings.schema.json")
    commands.add_parser("reference", help="print the reference page, docs/settings.md")

    old = commands.add_parser("import", help="turn an old Python configuration into TOML")
    old.add_argument("config", metavar="CONFIG.py", help="upper-case names; it is not executed")
    _add_output(old)
    return parser


def _add_output(command: argparse.ArgumentParser) -> None:
    command.add_argument("-o", "--output", metavar="OUT", help="a file to write, which must be new")


def _add_set(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="SECTION.NAME=VALUE",
        help="override a setting; may be repeated",
    )


if __name__ == "__main__":
    sys.exit(main())
