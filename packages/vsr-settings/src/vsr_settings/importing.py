"""From an old Python configuration of upper-case names to TOML; the file is read, never executed.

What comes out passes `check`: a value that does not is left out and listed with the reason.
"""

import ast
import operator
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from vsr_settings.disk import has_patches
from vsr_settings.errors import SettingsError
from vsr_settings.fields import facts
from vsr_settings.loading import read_text
from vsr_settings.memory import fits
from vsr_settings.presets import PresetName, hardware_preset
from vsr_settings.sources import UnreadableError
from vsr_settings.spelling import RENAMED, meant
from vsr_settings.writing import toml_value

_LARGEST: Final = 1 << 64
_DEEPEST: Final = 50
_PRESET: Final[PresetName] = "tesla-p4"
_OVER_BUDGET: Final = "hardware.allow_over_budget"
_ARITHMETIC: Final[dict[type[ast.operator], Callable[[float, float], float]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}

Value = bool | int | float | str


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
        every = self.added | self.values
        lines: list[str] = []
        section = ""
        for path, fact in facts().items():
            if path not in every:
                continue
            if fact.section != section:
                section = fact.section
                lines += ["", f"[{section}]"]
            lines.append(f"{fact.name} = {toml_value(every[path])}")
        return "\n".join(lines[1:]) + "\n"


class NotConstantError(Exception):
    """An expression whose value cannot be known without running it."""


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
            value = known[name] = _constant(expression, known)
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
    _drop_refused(imported)
    _note_memory(imported)
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


def _constant(node: ast.expr, known: dict[str, Value], depth: int = 0) -> Value:
    """The value of a literal, of arithmetic of literals, or of a name given before."""
    if depth > _DEEPEST:
        raise NotConstantError("is nested too deeply to read")
    match node:
        case ast.Constant(value=bool() | int() | float() | str() as value):
            return _bounded(value)
        case ast.Name(id=name) if name in known:
            return known[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_number(_constant(operand, known, depth + 1))
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _number(_constant(operand, known, depth + 1))
        case ast.BinOp(left=left, op=operation, right=right) if type(operation) in _ARITHMETIC:
            one = _number(_constant(left, known, depth + 1))
            other = _number(_constant(right, known, depth + 1))
            return _computed(operation, one, other)
        case _:
            raise NotConstantError("is not a literal or arithmetic of literals; it was not run")


def _computed(operation: ast.operator, one: float, other: float) -> Value:
    if isinstance(operation, ast.Pow) and abs(other) > _LARGEST.bit_length():
        raise NotConstantError("is too large a power")
    try:
        value = _ARITHMETIC[type(operation)](one, other)
    except (ArithmeticError, ValueError) as error:
        raise NotConstantError(f"cannot be computed: {error}") from error
    if isinstance(value, complex):
        raise NotConstantError("is not a real number")
    return _bounded(value)


def _bounded(value: Value) -> Value:
    if isinstance(value, int) and abs(value) > _LARGEST:
        raise NotConstantError("is too large a number")
    return value


def _number(value: Value) -> float:
    if isinstance(value, bool | str):
        raise NotConstantError(f"is arithmetic with {value!r}")
    return value


def _setting(name: str) -> str | None:
    """The setting an old name stands for."""
    lower = name.lower()
    if lower in RENAMED:
        return RENAMED[lower]
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
    added: dict[str, Value] = {"hardware.preset": _PRESET, _OVER_BUDGET: True}
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


def _note_memory(imported: Imported) -> None:
    """Say so where what is imported does not fit the card; it is kept as it was all the same."""
    settings = read_text(imported.toml(), "imported").settings
    if fits(settings):
        del imported.added[_OVER_BUDGET]
        return
    imported.notes.append(
        f"{_OVER_BUDGET} is true: a training step does not fit the reference card; leave it out "
        "and 'check' says what does"
    )


def _whole(values: Mapping[str, Value], path: str) -> int:
    value = values.get(path, facts()[path].default)
    return value if isinstance(value, int) else 0


def _drop_refused(imported: Imported) -> None:
    """Leave out what the settings refuse, until they refuse nothing."""
    while True:
        _complete(imported)
        try:
            read_text(imported.toml(), "imported")
        except SettingsError as error:
            refused = {problem.path: problem.reason for problem in error.problems}
            named = [path for path in refused if path in imported.names]
            # a refusal of what was added alone is answered by starting from nothing
            for path in named or list(imported.names):
                imported.drop(path, refused.get(path, "contradicts another setting"))
        else:
            return
