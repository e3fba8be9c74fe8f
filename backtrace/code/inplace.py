"""Calls that change an array where it stands: h.add_(1), w.data.zero_(), nn.init.zeros_(w).

What such a call makes of it is worked out by the function that has no `_` at its end; nn.init gives
weights the values that https://pytorch.org/docs/stable/nn.init.html says, random ones with seeds of
our own.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping, Sequence
from typing import Any

from backtrace.code.changes import Changes, base_name
from backtrace.code.gatecalls import GateCall
from backtrace.code.makers import made_value
from backtrace.code.values import Array, CannotRead, Known, Scope, Value
from backtrace.code.words import CALLED
from backtrace.language import tell

_OPERATORS: dict[str, ast.operator] = {
    "add": ast.Add(),
    "sub": ast.Sub(),
    "mul": ast.Mult(),
    "div": ast.Div(),
    "pow": ast.Pow(),
}
_FILLED = {"zero": 0, "zeros": 0, "ones": 1}
_GAINS = {"relu": math.sqrt(2), "tanh": 5 / 3, "linear": 1, "sigmoid": 1}


class InPlace(Changes):
    """`changed_by_call`, which `library` asks for."""

    goes_back: bool  # whether gradients have begun
    updates: int
    last: tuple[str, Value, ast.AST] | None

    def changed_by_call(
        self,
        called: ast.expr,
        of: Array,
        name: str,
        given: tuple[Sequence[Value], Mapping[str, Value]],
        node: ast.Call,
        scope: Scope,
    ) -> Value:
        """The array `of`, which `called` is, changed by name_(*given). Raises CannotRead for what
        is not read, and once gradients have begun."""
        plain = name.removesuffix("_")
        if self.goes_back or self.updates:
            raise CannotRead(tell("gradients have begun: this trains"), node)
        is_data = isinstance(called, ast.Attribute) and called.attr == "data"
        inner = called.value if isinstance(called, ast.Attribute) and is_data else called
        if is_data:  # what is detached for a formula is the array itself for a change
            if any(isinstance(part, ast.Call) for part in ast.walk(inner)):
                raise CannotRead(tell("names are due"), inner)
            of = self.array(self.value(inner, scope), node)
        new = self._made_by(of, plain, *given, node)
        if self.shape(new, node) != self.shape(of, node):
            what = tell("what '{name}' makes has another shape", name=name)
            raise CannotRead(what, node, tell("write {unparse} = ...", unparse=ast.unparse(inner)))
        self.replace(of, new, base_name(inner), scope, node)
        if of.name and not self.depth:
            self.last = (base_name(inner), of, node)
        return of

    def _made_by(
        self,
        of: Array,
        name: str,
        placed: Sequence[Value],
        named: Mapping[str, Value],
        node: ast.Call,
    ) -> Array:
        if name in _OPERATORS and len(placed) == 1 and not named:
            return self.array(self.binary(_OPERATORS[name], of, placed[0], node), node)
        if name == "copy" and len(placed) == 1:
            source = self.array(placed[0], node)
            return Array(source.node, source.is_data, "torch")
        if name in _FILLED and not placed:
            return self._full(of, Known(_FILLED[name]), node)
        if name in ("fill", "constant") and len([*placed, *named]) == 1:
            return self._full(of, [*placed, *named.values()][0], node)
        if name == "eye" and not placed:
            lengths = [Known(length) for length in self.shape(of, node)]
            return _of_torch(made_value(self, "eye", lengths, {}, node))
        if name.startswith(("normal", "uniform", "xavier", "kaiming")):
            return self._random(of, name, placed, named, node)
        if name in CALLED:
            call = GateCall(name, [*placed], dict(named), node, library="torch", of=of)
            return self.array(self.gate(call), node)
        hint = tell("give the new value a name: h = torch.relu(h)")
        whole = name + "_"
        raise CannotRead(tell("'{name}' changes a value where it stands", name=whole), node, hint)

    def _full(self, of: Array, number: Value, node: ast.AST) -> Array:
        shape = Known(self.shape(of, node))
        if not shape.value:
            return self.array(number, node)
        return _of_torch(made_value(self, "full", [shape, number], {}, node))

    def _random(
        self,
        of: Array,
        name: str,
        placed: Sequence[Value],
        named: Mapping[str, Value],
        node: ast.AST,
    ) -> Array:
        """normal_(w, mean, std), uniform_(w, a, b), xavier_uniform_(w), kaiming_normal_(w)."""
        shape = self.shape(of, node)
        words = dict(zip(_WORDS.get(name, ("a", "mode", "nonlinearity")), placed, strict=False))
        told = {
            word: value.value
            for word, value in {**words, **named}.items()
            if isinstance(value, Known) and isinstance(value.value, int | float | str)
        }
        if len(told) != len(words.keys() | named.keys()) or not shape:
            raise CannotRead(tell("a number is due that is known"), node)
        is_normal = "normal" in name
        low, width = _range(name, told, shape)
        base = made_value(self, "randn" if is_normal else "rand", [Known(shape)], {}, node)
        scaled: ast.expr = ast.BinOp(base.node, ast.Mult(), ast.Constant(width))
        if low:
            scaled = ast.BinOp(scaled, ast.Add(), ast.Constant(low))
        return Array(scaled, is_data=True, library="torch")


_WORDS = {
    "normal": ("mean", "std"),
    "uniform": ("a", "b"),
    "xavier_uniform": ("gain",),
    "xavier_normal": ("gain",),
}


def _of_torch(made: Array) -> Array:
    made.library = "torch"
    return made


def _range(name: str, told: Mapping[str, Any], shape: Sequence[int]) -> tuple[float, float]:
    """What is added to the random numbers, and what they are multiplied by."""
    if name == "normal":
        return told.get("mean", 0), told.get("std", 1)
    if name == "uniform":
        low = told.get("a", told.get("from", 0))
        return low, told.get("b", told.get("to", 1)) - low
    window = math.prod(shape[2:])
    fan_out, fan_in = shape[0] * window, shape[min(1, len(shape) - 1)] * window
    if name.startswith("xavier"):
        deviation = told.get("gain", 1) * math.sqrt(2 / (fan_in + fan_out))
    else:
        word = str(told.get("nonlinearity", "leaky_relu"))
        gain = _GAINS.get(word, math.sqrt(2 / (1 + told.get("a", 0) ** 2)))
        deviation = gain / math.sqrt(fan_out if str(told.get("mode")) == "fan_out" else fan_in)
    bound = math.sqrt(3) * deviation
    return (0, deviation) if "normal" in name else (-bound, 2 * bound)
