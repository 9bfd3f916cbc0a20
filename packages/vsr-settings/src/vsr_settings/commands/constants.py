"""The values of Python expressions that are constants: read off their syntax, never run."""

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Final

Value = bool | int | float | str

_LARGEST: Final = 1 << 64
_DEEPEST: Final = 50
_ARITHMETIC: Final[dict[type[ast.operator], Callable[[float, float], float]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}


class NotConstantError(Exception):
    """An expression whose value cannot be known without running it."""


def constant(node: ast.expr, known: Mapping[str, Value], depth: int = 0) -> Value:
    """The value of a literal, of arithmetic of literals, or of a name given before.

    Raises:
        NotConstantError: It cannot be known without running it, or is too large to be meant.
    """
    if depth > _DEEPEST:
        raise NotConstantError("is nested too deeply to read")
    match node:
        case ast.Constant(value=bool() | int() | float() | str() as value):
            return _bounded(value)
        case ast.Name(id=name) if name in known:
            return known[name]
        case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=operand):
            value = _number(constant(operand, known, depth + 1))
            return -value if isinstance(sign, ast.USub) else value
        case ast.BinOp(left=left, op=operation, right=right) if type(operation) in _ARITHMETIC:
            one = _number(constant(left, known, depth + 1))
            other = _number(constant(right, known, depth + 1))
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
