"""What SymPy reads: the text a second time, its derivatives, their values, and all of it as text.

It is given only text that `respell` wrote, and names bound to SymPy's own functions or, for a gate
that SymPy does not have (sigmoid), to SymPy's reading of the gate's formula. Symbols are real;
numbers are exact (0.1 is 1/10); values are good to 15 digits. Only to be asked about points where
the float trace is finite and no gate stands at a kink.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any

import sympy
from sympy.parsing.sympy_parser import auto_number, parse_expr, rationalize
from sympy.printing.str import StrPrinter

from backtrace.checks.answers import NATIVE
from backtrace.checks.between import Between
from backtrace.checks.evaluated import PI, Unanswered, value_of
from backtrace.checks.respell import Respelled, respell
from backtrace.checks.specialsymbols import LGamma, Sinc
from backtrace.gates import GATES, Gate
from backtrace.language import tell

_LONGEST_NUMBER = 200
_LONGEST = 2000  # characters of a derivative; the rest is left out
_NUMBERS = {"Integer": sympy.Integer, "Float": sympy.Float, "Rational": sympy.Rational}
_COMPARISONS = {
    "c_eq": sympy.Eq,
    "c_ne": sympy.Ne,
    "c_lt": sympy.Lt,
    "c_le": sympy.Le,
    "c_gt": sympy.Gt,
    "c_ge": sympy.Ge,
}
_CONSTANTS = {"c_e": sympy.E, "c_pi": PI, "c_tau": 2 * PI, "c_norm": sympy.Abs}


class _Floor(sympy.floor):  # type: ignore[misc]
    """floor, with the derivative 0 that it has between its jumps."""

    def fdiff(self, argindex: int = 1) -> Any:  # noqa: ARG002
        return sympy.Integer(0)


def floor_divide(x: Any, y: Any) -> Any:
    return _Floor(x / y)


def mod(x: Any, y: Any) -> Any:
    return x - y * _Floor(x / y)


class _Ceiling(sympy.ceiling):  # type: ignore[misc]
    """ceiling, with the derivative 0 that it has between its jumps."""

    def fdiff(self, argindex: int = 1) -> Any:  # noqa: ARG002
        return sympy.Integer(0)


_SIGNS = {"c_mod": Between(mod), "c_floordiv": Between(floor_divide)}


class _Detached(sympy.Function):  # type: ignore[misc]
    """A number that no derivative hears of: it is there as it is at the point."""

    @classmethod
    def eval(cls, x: Any) -> Any:
        return x if x.is_number else None

    def fdiff(self, argindex: int = 1) -> Any:  # noqa: ARG002
        return sympy.Integer(0)

    def _eval_evalf(self, precision: int) -> Any:
        return self.args[0]._eval_evalf(precision)


class Reading:
    """SymPy's expression for a whole formula, its derivatives and their values."""

    def __init__(self, text: str, names: Collection[str]) -> None:
        respelled = respell(text, names)
        self._symbols = {
            name: sympy.Symbol(v, real=True) for name, v in respelled.variables.items()
        }
        self._spell = speller({v: name for name, v in respelled.variables.items()})
        self.expression = read(respelled, self._symbols)

    def derivative(self, *variables: str) -> Any:
        """The derivative by one variable, or by one after the other, without the spikes that jumps
        have at their kinks."""
        found = self.expression
        if found is sympy.nan:  # atan2(0, 0), say
            raise Unanswered(tell("SymPy finds no real number here"))
        for variable in variables:
            if variable not in self._symbols:
                return sympy.Integer(0)
            found = without_spikes(found.diff(self._symbols[variable]))
        return found

    def value(self, expression: Any, point: Mapping[str, float]) -> float:
        """An expression's value at the point, correct to 15 digits."""
        given = {self._symbols[name]: x for name, x in point.items() if name in self._symbols}
        return value_of(expression, given)

    def text(self, expression: Any) -> str:
        """An expression in the formula language, with the user's names."""
        return self._spell(expression)


def speller(names: Mapping[str, str], longest: int = _LONGEST) -> Callable[[Any], str]:
    """A function for expressions in the formula language, with the user's names for the symbols';
    what is longer is cut."""
    printer = _Printer(names)

    def text_of(expression: Any) -> str:
        text: str = printer.doprint(_named_by_gates(expression)).replace("**", "^")
        return text if len(text) <= longest else text[:longest] + "…"

    return text_of


def without_spikes(derivative: Any) -> Any:
    """Without what jumps have at their kinks."""
    if not derivative.has(sympy.DiracDelta):
        return derivative
    return derivative.replace(sympy.DiracDelta, lambda *_: sympy.Integer(0))


def read(
    respelled: Respelled,
    symbols: Mapping[str, Any],
    lift: Callable[[str, Callable[..., Any]], Callable[..., Any]] = lambda name, function: function,
    signs: Mapping[str, Any] = MappingProxyType({}),
) -> Any:
    """What SymPy makes of the text, with `symbols` for the variables; `lift` is handed every
    function by its name, and can make it one of arrays. `signs` are what else the text names."""
    functions = {f"f_{name}": function_of(GATES[name]) for name in respelled.functions}
    known: dict[str, Any] = {**_CONSTANTS, **_SIGNS, **signs}
    known |= {name: lift(name, function) for name, function in _COMPARISONS.items()}
    known |= {name: lift(name, function) for name, function in functions.items()}
    known |= {respelled.variables[name]: symbol for name, symbol in symbols.items()}
    for gate, parameters, text in respelled.definitions:
        known[gate] = _own_function(parameters, text, dict(known))
    result = None
    for stage, text in respelled.statements:
        result = _expression(text, known)
        if stage:
            known[stage] = result
    return result


def _expression(text: str, known: dict[str, Any]) -> Any:
    return parse_expr(
        text,
        local_dict=known,
        global_dict={**_NUMBERS, "__builtins__": {}},
        transformations=(auto_number, rationalize),
    )


def _own_function(parameters: list[str], text: str, known: dict[str, Any]) -> Callable[..., Any]:
    """A gate that the formula defines: its text, read with the arguments for its parameters."""

    def function(*values: Any, **keywords: Any) -> Any:
        named = {name.removeprefix("p_"): value for name, value in keywords.items()}
        given = dict(zip(parameters, values, strict=False))
        return _expression(text, {**known, **named, **given})

    return function


def function_of(gate: Gate) -> Callable[..., Any]:
    """What a call of this gate means to SymPy."""
    if gate.name in _SPECIAL:
        return _SPECIAL[gate.name]
    if gate.sympy or gate.name in NATIVE:
        primitive: Callable[..., Any] = getattr(sympy, gate.sympy or gate.name)
        return primitive
    return lambda *values, **keywords: _composite(gate, values, keywords)


def _where(condition: Any, a: Any, b: Any) -> Any:
    return sympy.Piecewise((a, condition), (b, True))


_SPECIAL: dict[str, Callable[..., Any]] = {
    "where": _where,
    "floor": _Floor,
    "ceil": _Ceiling,
    "detach": _Detached,
    "lgamma": LGamma,
    "sinc": Sinc,
    "zeros_like": lambda x: 0 * x,
    "ones_like": lambda x: 0 * x + 1,
    "full_like": lambda x, a: 0 * x + a,
}


def _composite(gate: Gate, values: tuple[Any, ...], keywords: Mapping[str, Any]) -> Any:
    """The gate's formula, read by SymPy, with the arguments in the parameters' places."""
    parameters, symbols, body = _spelled_out(gate, len(values))
    given: dict[str, Any] = {name: sympy.Rational(text) for name, text in gate.defaults.items()}
    given |= dict(zip(parameters, values, strict=False))
    given |= {name.removeprefix("p_"): value for name, value in keywords.items()}
    return body.subs({symbols[name]: given[name] for name in symbols}, simultaneous=True)


@functools.lru_cache(maxsize=256)
def _spelled_out(gate: Gate, count: int) -> tuple[tuple[str, ...], dict[str, Any], Any]:
    """The parameters, the symbols of those that are there, and the formula."""
    parameters = gate.parameters
    if gate.variadic:
        parameters = tuple(f"x{k}" for k in range(count))
    reading = respell(gate.formula_for(count), parameters)
    symbols = {name: sympy.Symbol(v, real=True) for name, v in reading.variables.items()}
    return parameters, symbols, read(reading, symbols)


def exact_text(value: Any) -> str:
    """An exact number in the formula language: 1/3, sqrt(2), exp(-1)."""
    return speller({}, _LONGEST_NUMBER)(sympy.Integer(0) + value)


def _named_by_gates(expression: Any) -> Any:
    """Numbers that have a name in SymPy alone: Euler's constant is -digamma(1), zeta(3) is
    -polygamma(2, 1)/2 (Abramowitz and Stegun 6.3.2, 6.4.2)."""
    if not isinstance(expression, sympy.Basic) or not expression.has(sympy.EulerGamma, sympy.zeta):
        return expression
    named = expression.subs(sympy.EulerGamma, -sympy.Symbol("digamma(1)"))
    return named.replace(sympy.zeta, _zeta)


def _zeta(s: Any) -> Any:
    slope = sympy.Symbol(f"polygamma({s - 1}, 1)")
    return (-1) ** s * slope / sympy.factorial(s - 1)


class _Printer(StrPrinter):  # type: ignore[misc]
    """Expressions in the formula language: max, abs, where, and the user's names. What is there
    several times is spelled once."""

    def __init__(self, names: Mapping[str, str]) -> None:
        super().__init__()
        self._names = names
        self._spelled: dict[Any, str] = {}

    def _print(self, expression: Any, **keywords: Any) -> str:
        if keywords or not isinstance(expression, sympy.Expr) or not expression.args:
            text: str = super()._print(expression, **keywords)
            return text
        if expression not in self._spelled:
            self._spelled[expression] = super()._print(expression)
        return self._spelled[expression]

    def _print_Symbol(self, symbol: Any) -> str:
        name: str = symbol.name
        return self._names.get(name, name)

    def _print_Exp1(self, _: Any) -> str:
        return "e"

    def _print_Function(self, expression: Any) -> str:
        name = re.sub("^_", "", expression.func.__name__).lower()
        name = {"ceiling": "ceil", "detached": "detach"}.get(name, name)
        return f"{name}({self.stringify(expression.args, ', ')})"

    def _print_Heaviside(self, expression: Any) -> str:
        return f"where({self._print(expression.args[0])} > 0, 1, 0)"

    def _print_Piecewise(self, expression: Any) -> str:
        *cases, (last, _) = [(pair.expr, pair.cond) for pair in expression.args]
        text: str = self._print(last)
        for value, condition in reversed(cases):
            text = f"where({self._print(condition)}, {self._print(value)}, {text})"
        return text

    def _print_Relational(self, expression: Any) -> str:
        left, right = map(self._print, expression.args)
        return f"{left} {expression.rel_op} {right}"

    def _print_SincSlope(self, expression: Any) -> str:
        x = self._print(expression.args[0])
        inner = x if x.isidentifier() else f"({x})"
        return f"where({x} == 0, 0, (cos(pi*{inner}) - sinc({x}))/{inner})"

    def _print_polygamma(self, expression: Any) -> str:
        order, x = expression.args
        name = {0: "digamma", 1: "trigamma"}.get(order)
        return f"{name}({self._print(x)})" if name else self._print_Function(expression)

    _print_LatticeOp = _print_Function
    _print_Max = _print_Function
    _print_Min = _print_Function
