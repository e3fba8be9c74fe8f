"""The algebra that writes JavaScript: a rule run on names gives the function that computes it.

    written(lambda m, f, x: m.divide(1, x), ...)   ->   (f,a)=>{const b=1/a;return b}

Every name stands for what it is at the point of the trace, in the algebra `numbers`: so shapes are
known, and what depends on no name is worked out here. What is said twice is computed once. Where a
rule asks whether something holds, both ways are written. Of numbers the lines are JavaScript's own;
of arrays they are calls of the same functions there (`render/algebra.js`, and those in `FILES`).
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Sequence
from typing import Any

from backtrace.algebra import Value
from backtrace.algebra.rounded import Rounded
from backtrace.algebra.values import shape_of

_MOST_QUESTIONS = 4
_PLAIN = {
    **{name: f"Math.{name}({{}})" for name in ("exp", "expm1", "log", "log1p", "log2", "log10")},
    **{name: f"Math.{name}({{}})" for name in ("sqrt", "cbrt", "abs", "sign", "floor", "ceil")},
    **{name: f"Math.{name}({{}})" for name in ("sin", "cos", "tan", "asin", "acos", "atan")},
    **{name: f"Math.{name}({{}})" for name in ("sinh", "cosh", "tanh")},
    "negative": "-{}",
    "square": "{0}*{0}",
    "add": "{}+{}",
    "subtract": "{}-{}",
    "multiply": "{}*{}",
    "divide": "{}/{}",
    "atan2": "Math.atan2({},{})",
    "less": "+({}<{})",
    "less_equal": "+({}<={})",
    "greater": "+({}>{})",
    "greater_equal": "+({}>={})",
    "equal": "+({}=={})",
    "not_equal": "+({}!={})",
    "where": "{}!==0?{}:{}",
}
"""How a function of numbers alone is written."""

_CALLED = (
    *("power", "mod", "floor_divide", "hypot", "maximum", "minimum", "logsumexp"),
    *("erf", "erfc"),
)
_EVERYWHERE = ("sum", "summed_to")
_OF_ARRAYS = (
    *("matmul", "transpose", "reshape", "concatenate", "stack", "outer", "pick", "put"),
    *("product", "largest", "smallest", "aligned", "spread", "filled", "softmax"),
    *("log_softmax", "logsumexp_along", "sum_of_others", "others", "norm", "one_hot", "kron"),
    *("looked_up", "added_up", "flip", "roll", "tril", "triu", "cumsum", "cumprod", "diagonal"),
    *("on_diagonal", "identity", "cumsum_back", "cumprod_back", "ones", "full", "einsum"),
)
FILES = {
    "arrays.js": _OF_ARRAYS,
    "gammas.js": ("lgamma", "digamma", "trigamma", "polygamma"),
    "solving.js": ("det", "logdet", "inv", "solve", "cofactors", "is_singular"),
    "orders.js": ("in_order", "back_in_place", "has_ties"),
    "attention.js": ("attended", "attention_weights", "to_scores"),
    "windows.js": (
        *("convolved", "to_convolved", "to_kernels", "window_sum", "to_window_sum"),
        *("window_max", "window_ties", "to_window_max"),
    ),
}
"""What is in a file of its own beside `render/algebra.js`, which has all others."""

FUNCTIONS = frozenset({*_PLAIN, *_CALLED, *_EVERYWHERE, *itertools.chain(*FILES.values())})


def files_for(called: frozenset[str]) -> list[str]:
    """The files that have these functions; all but the one of gamma functions stand on arrays'."""
    found = [name for name, has in FILES.items() if called.intersection(has)]
    needs_arrays = any(name not in ("arrays.js", "gammas.js") for name in found)
    more = ["arrays.js"] * (needs_arrays and "arrays.js" not in found)
    return ["algebra.js", *more, *found]


class NotWrittenError(Exception):
    """A rule that asks for what JavaScript has no function for here."""


class _Fork(Exception):
    """A question whose answer the point decides."""

    def __init__(self, condition: Written) -> None:
        self.condition = condition


class Written:
    """A name in the function, and what it stands for at the point."""

    __slots__ = ("m", "name", "value")

    def __init__(self, m: JavaScript, name: str, value: Value) -> None:
        self.m, self.name, self.value = m, name, value

    @property
    def shape(self) -> tuple[int, ...]:
        return shape_of(self.value)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __add__(self, other: Value) -> Value:
        return self.m.made("add", self, other)

    def __radd__(self, other: Value) -> Value:
        return self.m.made("add", other, self)

    def __sub__(self, other: Value) -> Value:
        return self.m.made("subtract", self, other)

    def __rsub__(self, other: Value) -> Value:
        return self.m.made("subtract", other, self)

    def __mul__(self, other: Value) -> Value:
        return self.m.made("multiply", self, other)

    def __rmul__(self, other: Value) -> Value:
        return self.m.made("multiply", other, self)

    def __truediv__(self, other: Value) -> Value:
        return self.m.made("divide", self, other)

    def __neg__(self) -> Value:
        return self.m.made("negative", self)

    def __bool__(self) -> bool:
        return self.m.truth(self)


_OPERATORS: dict[str, Callable[..., Value]] = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "negative": lambda a: -a,
}


class JavaScript(Rounded):
    """Collects the lines of one function. `numbers` is the algebra that the names' values are of,
    and `answers` what has been answered to what the rule asked so far."""

    def __init__(self, numbers: Any, answers: tuple[bool, ...] = ()) -> None:
        self.numbers = numbers
        self.of_arrays = numbers.of_arrays
        self.lines: list[str] = []
        self._names = 0
        self._known: dict[str, Written] = {}
        self._answers = list(answers)
        self._asked: list[str] = []

    def name(self, value: Value) -> Written:
        """The next free name, for what is this at the point."""
        self._names += 1
        return Written(self, _letters(self._names - 1), value)

    def made(self, function: str, *operands: Any) -> Value:
        """What a function gives for these, as a name; of no names the value itself."""
        compute = _OPERATORS.get(function) or getattr(self.numbers, function)
        value = compute(*map(_value, operands))
        if not any(map(_has_name, operands)):
            return value
        if function not in FUNCTIONS:
            raise NotWrittenError(function)
        text = self._text(function, operands)
        if text not in self._known:
            self._known[text] = self.name(value)
            self.lines.append(f"const {self._known[text].name}={text};")
        return self._known[text]

    def _text(self, function: str, operands: Sequence[Any]) -> str:
        pieces = [literal(operand) for operand in operands]
        if function in _PLAIN and not any(map(shape_of, operands)):
            inside = [f"({piece})" if piece.startswith("-") else piece for piece in pieces]
            return _PLAIN[function].format(*inside)
        return f"m.{function}({','.join(pieces)})"

    def number(self, text: str) -> Value:
        return self.numbers.number(text)

    def truth(self, condition: Value) -> bool:
        """Both ways are gone: see `written`. The same question has the same answer."""
        if not isinstance(condition, Written):
            return bool(self.numbers.truth(condition))
        if condition.name not in self._asked:
            if len(self._asked) == len(self._answers):
                raise _Fork(condition)
            self._asked.append(condition.name)
        return self._answers[self._asked.index(condition.name)]

    def real(self, x: Value) -> Value:
        return x

    def filled(self, x: Value, a: Value) -> Value:
        return self.made("filled", x, a)

    def mod(self, a: Value, b: Value) -> Value:
        return self.made("mod", a, b)

    def floor_divide(self, a: Value, b: Value) -> Value:
        return self.made("floor_divide", a, b)

    def logsumexp(self, *values: Value) -> Value:
        return self.made("logsumexp", *values)

    def shape(self, x: Value) -> tuple[int, ...]:
        return shape_of(x)

    def to_window_max(self, *operands: Any, ties: str = "share") -> Value:
        return self.made("to_window_max", *operands, ties)

    def __getattr__(self, name: str) -> Callable[..., Value]:
        if name.startswith("_") or not hasattr(self.numbers, name):
            raise AttributeError(name)
        return lambda *operands: self.made(name, *operands)


def written(rule: Callable[..., Value], numbers: Any, *values: Value) -> str:
    """The function that `rule(m, *names)` computes, where the names are `values` at the point.
    Raises NotWrittenError."""
    names = ",".join(_letters(k) for k in range(len(values)))
    return f"({names})=>{{{_body(rule, numbers, values)}}}"


def _body(
    rule: Callable[..., Value],
    numbers: Any,
    values: Sequence[Value],
    answers: tuple[bool, ...] = (),
    done: int = 0,
) -> str:
    """The lines of the function from the one `done` on. A question that the point decides forks it
    in two, each the rest with its own answer."""
    m = JavaScript(numbers, answers)
    names = [m.name(value) for value in values]
    try:
        result = literal(rule(m, *names))
    except _Fork as fork:
        if len(answers) == _MOST_QUESTIONS:
            raise NotWrittenError("too many questions") from None
        lines, condition, there = m.lines[done:], fork.condition.name, len(m.lines)
        yes = _body(rule, numbers, values, (*answers, True), there)
        no = _body(rule, numbers, values, (*answers, False), there)
        return f"{''.join(lines)}if(m.truth({condition})){{{yes}}}else{{{no}}}"
    return f"{''.join(m.lines[done:])}return {result}"


def _letters(number: int) -> str:
    """a, b, ..., z, aa, ...; none that JavaScript or the functions themselves have taken."""
    letters = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        letters = "abcdefghijklnopqrstuvwxyzA"[rest] + letters
    return f"{letters}_" if letters in _RESERVED else letters


_RESERVED = {"do", "if", "in", "of", "as", "is", "for", "let", "new", "try", "var"}


def literal(value: Any) -> str:
    """A name, a number, a list, an array or a text as JavaScript has it."""
    if isinstance(value, Written):
        return value.name
    if value is None or value is ... or isinstance(value, str):
        return json.dumps("..." if value is ... else value)
    if isinstance(value, tuple | list):
        return f"[{','.join(map(literal, value))}]"
    if shape_of(value):
        entries = ",".join(map(literal, value.ravel().tolist()))
        return f"m.array([{','.join(map(str, value.shape))}],[{entries}])"
    if isinstance(value, bool) or type(value).__name__ in ("bool", "bool_"):
        return "1" if value else "0"
    number = float(value)
    if not math.isfinite(number):
        return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"
    return repr(number).removesuffix(".0")


def _value(operand: Any) -> Any:
    """What an operand is at the point."""
    if isinstance(operand, Written):
        return operand.value
    if isinstance(operand, tuple | list):
        return type(operand)(map(_value, operand))
    return operand


def _has_name(operand: Any) -> bool:
    if isinstance(operand, tuple | list):
        return any(map(_has_name, operand))
    return isinstance(operand, Written)
