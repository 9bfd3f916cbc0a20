"""`python -m vsr_settings`: check, explain, document and import settings.

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
from vsr_settings.reference import json_schema, reference_page
from vsr_settings.sources import UnreadableError, printable, text_of

REFUSED: Final = 2
BROKEN_PIPE: Final = 141
_WHAT: Final = "Check, explain, document and import settings."


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
    try:
        with Path(output).open("x", encoding="utf-8") as file:
            file.write(imported.toml())
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

    commands.add_parser("schema", help="print the JSON schema, docs/settings.schema.json")
    commands.add_parser("reference", help="print the reference page, docs/settings.md")

    old = commands.add_parser("import", help="turn an old Python configuration into TOML")
    old.add_argument("config", metavar="CONFIG.py", help="upper-case names; it is not executed")
    old.add_argument("-o", "--output", metavar="OUT", help="a file to write, which must be new")
    return parser


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
