"""Operators of a class that are made of others: __rsub__ as other - self. Their gradients come by
the others; what they give is worked out here in numbers, as Python's arithmetic has it."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator, Mapping

from backtrace.homework.backward.figures import agree
from backtrace.language import tell
from backtrace.numbers import number

_AT = (0.7, -1.3)
_OPERATORS: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def wrong_values(
    of: ast.ClassDef, meant: Mapping[str, Callable[..., float]]
) -> Iterator[tuple[ast.FunctionDef, ast.expr, float, float, str]]:
    """The methods that give back one expression of their parameters with another value than is
    meant by their name: method, expression, its value, the due one, and both in words."""
    for method in of.body:
        if not isinstance(method, ast.FunctionDef) or method.name not in meant:
            continue
        match method.body[-1:]:
            case [ast.Return(value=ast.expr() as given)] if len(method.body) == 1:
                names = [argument.arg for argument in method.args.args]
                values = dict(zip(names, _AT, strict=False))
                own = _value(given, values)
                if own is None or len(values) != len(names):
                    continue
                try:
                    due = meant[method.name](*values.values())
                except (TypeError, ValueError):  # a method of that name with other parameters
                    continue
                if not agree(own, due):
                    words = tell(" and ").join(map(number, values.values()))
                    said = tell(
                        "of {words} it gives {number}, and {due_number} is due",
                        words=words,
                        number=number(own),
                        due_number=number(due),
                    )
                    yield method, given, own, due, said


def _value(node: ast.expr, values: Mapping[str, float]) -> float | None:
    """What an expression of names, numbers and operators is; None for any other."""
    match node:
        case ast.Name(id=name):
            return values.get(name)
        case ast.Constant(value=int() | float() as constant):
            return float(constant)
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            found = _value(inner, values)
            return None if found is None else -found
        case ast.BinOp(left=left, op=op, right=right):
            a, b = _value(left, values), _value(right, values)
            if a is None or b is None:
                return None
            if isinstance(op, ast.Pow) and b == -1 and a:
                return 1 / a
            work = _OPERATORS.get(type(op))
            return work(a, b) if work is not None and (b or type(op) is not ast.Div) else None
    return None
