"""`import`: an old Python configuration of upper-case names as TOML; it is read, never executed.

What comes out passes `check`: a value that does not is left out and listed with the reason.
"""

import argparse
import ast
import sys
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from vsr_files import printable
from vsr_settings.commands.arguments import Commands, add_output, write_new
from vsr_settings.commands.constants import NotConstantError, Value, constant
from vsr_settings.errors import ExitCode, SettingsError
from vsr_settings.fields import facts
from vsr_settings.hardware.presets import PresetName, hardware_preset
from vsr_settings.memory import fits
from vsr_settings.paths import has_patches
from vsr_settings.reading import UnreadableError, read_text, text_of
from vsr_settings.reading.spelling import meant, other_names
from vsr_settings.rules import RULES
from vsr_settings.rules.device import step_fits
from vsr_settings.schema import Settings
from vsr_settings.writing import toml_text

_PRESET: Final[PresetName] = "tesla-p4"
_OVER_BUDGET: Final = "hardware.allow_over_budget"


@dataclass(frozen=True)
class Dropped:
    """A name that did not make it into the settings, and why."""

    name: str
    line: int
    reason: str


@dataclass
class Imported:
    """What an old configuration becomes."""

    values: dict[str, Value] = field(default_factory=dict)
    """Values by setting."""
    added: dict[str, Value] = field(default_factory=dict)
    """Values that the old configuration had no name for."""
    names: dict[str, tuple[str, int]] = field(default_factory=dict)
    """For each setting, the old name and its line."""
    dropped: list[Dropped] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What was added, left open or assumed."""

    def drop(self, path: str, reason: str) -> None:
        """Leave a setting out after all."""
        name, line = self.names.pop(path)
        del self.values[path]
        self.dropped.append(Dropped(name, line, reason))

    def toml(self) -> str:
        """The settings as TOML, in the schema's order."""
        return toml_text(self.added | self.values)


def add_to(commands: Commands) -> None:
    """Add the command and its options."""
    command = commands.add_parser("import", help="turn an old Python configuration into TOML")
    command.add_argument("config", metavar="CONFIG.py", help="upper-case names; it is not executed")
    add_output(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> ExitCode:
    """Write or print what an old configuration becomes, and say what was left out."""
    source = printable(options.config)
    try:
        imported = import_python(text_of(options.config))
    except UnreadableError as error:
        print(f"{source}: {error}", file=sys.stderr)
        return ExitCode.SETTINGS
    for dropped in imported.dropped:
        where = f"{source}:{dropped.line}: {dropped.name}"
        print(f"{where}: dropped: {dropped.reason}", file=sys.stderr)
    for note in imported.notes:
        print(f"{source}: {note}", file=sys.stderr)
    if not imported.values:
        print(f"{source}: holds no setting; see 'docs/settings.md' for names", file=sys.stderr)
        return ExitCode.SETTINGS
    if options.output is not None:
        return write_new(options.output, imported.toml())
    print(imported.toml(), end="")
    return ExitCode.DONE


def import_python(text: str) -> Imported:
    """The settings in an old configuration.

    Args:
        text: Python source with upper-case names at the top or in a class.

    Raises:
        UnreadableError: It is not Python.
    """
    imported = Imported()
    known: dict[str, Value] = {}
    for name, line, expression in _assignments(_parsed(text)):
        try:
            value = known[name] = constant(expression, known)
        except NotConstantError as error:
            imported.dropped.append(Dropped(name, line, str(error)))
            continue
        path = _setting(name)
        if path is None:
            close = meant(name.lower())
            hint = f"; the nearest is {close!r}" if close else ""
            imported.dropped.append(Dropped(name, line, f"there is no such setting{hint}"))
            continue
        if path in imported.names:
            imported.drop(path, f"{name} on line {line} sets {path} too")
        imported.values[path] = _converted(path, value)
        imported.names[path] = (name, line)
    if not fits(_without_refused(imported)):
        imported.added[_OVER_BUDGET] = True
        imported.notes.append(
            f"{_OVER_BUDGET} is true: a training step does not fit the reference card; leave it "
            "out and 'check' says what does"
        )
    imported.dropped.sort(key=lambda dropped: dropped.line)
    return imported


def _parsed(text: str) -> ast.Module:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the old file's style, which nobody will mend
            return ast.parse(text)
    except SyntaxError as error:
        where = f" on line {error.lineno}" if error.lineno else ""
        rule = f"is not Python: {error.msg}{where}"
        raise UnreadableError(rule, "give a Python configuration") from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise UnreadableError(f"is not Python: {error}", "give a Python configuration") from error


def _assignments(tree: ast.Module) -> Iterator[tuple[str, int, ast.expr]]:
    """Upper-case names assigned at the top of a module or in its classes, in order."""
    bodies = [tree.body] + [node.body for node in tree.body if isinstance(node, ast.ClassDef)]
    for node in (node for body in bodies for node in body):
        match node:
            case ast.Assign(targets=targets, value=value):
                named = [target.id for target in targets if isinstance(target, ast.Name)]
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                named = [name]
            case _:
                continue
        for name in named:
            if name.isupper() and not name.startswith("_"):
                yield name, node.lineno, value


def _setting(name: str) -> str | None:
    """The setting an old name stands for."""
    lower = name.lower()
    renamed, _ = other_names()
    if lower in renamed:
        return renamed[lower]
    same = [fact.path for fact in facts().values() if fact.name == lower]
    return same[0] if len(same) == 1 else None


def _converted(path: str, value: Value) -> Value:
    """Python's habits in the setting's type: `1e5` steps, a flag of 1."""
    types = {kind.type for kind in facts()[path].kinds}
    if isinstance(value, float) and int in types and float not in types and value.is_integer():
        return int(value)
    if isinstance(value, int) and types == {bool} and value in (0, 1):
        return bool(value)
    return value


def _complete(imported: Imported) -> None:
    """Add what an old configuration had no name for, and say so."""
    values = imported.values
    added: dict[str, Value] = {"hardware.preset": _PRESET}
    notes = [f"hardware.preset is {_PRESET!r}, the reference card; write your own"]
    root = values.get("data.train")
    if isinstance(root, str) and "data.val" not in values:
        if root == "demo" or has_patches(root):
            added["data.val"] = root
            notes.append(f"data.val is {root!r} too: it holds out its own pictures")
        else:
            notes.append("data.val is left at its default; write where yours are")
    batch, steps = (
        _whole(values, f"train.{name}") for name in ("batch_size", "accumulation_steps")
    )
    demanded = hardware_preset(_PRESET).effective_batch
    if batch * steps != demanded:
        added["hardware.effective_batch"] = batch * steps
        notes.append(
            f"hardware.effective_batch is {batch * steps}, as it was; the preset demands {demanded}"
        )
    if "data.patch" in values:
        notes.append("data.patch is the low-resolution side, in pixels")
    imported.added, imported.notes = added, notes


def _whole(values: Mapping[str, Value], path: str) -> int:
    value = values.get(path, facts()[path].default)
    return value if isinstance(value, int) else 0


def _without_refused(imported: Imported) -> Settings:
    """Leave out what the settings refuse, until they refuse nothing, whether or not they fit."""
    rules = [rule for rule in RULES if rule is not step_fits]
    while True:
        _complete(imported)
        try:
            return read_text(imported.toml(), "imported", rules).settings
        except SettingsError as error:
            refused = {problem.path: problem.reason for problem in error.problems}
        named = [path for path in refused if path in imported.names]
        # a refusal of what was added alone is answered by starting from nothing
        for path in named or list(imported.names):
            imported.drop(path, refused.get(path, "contradicts another setting"))
