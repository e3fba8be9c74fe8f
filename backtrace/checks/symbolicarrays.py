"""SymPy's witness for arrays: every entry is a symbol, every sum is written out.

The text is read a second time, as in `symbolic`, with arrays of symbols for the variables; what the
functions of arrays mean is said here once more, in SymPy's terms, and owes nothing to the table.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import sympy

from backtrace.checks.arrangedsymbols import ARRANGED, LOOKUPS, numbers
from backtrace.checks.evaluated import ByParts, exact
from backtrace.checks.matrixsymbols import MATRICES
from backtrace.checks.networksymbols import NETWORKS, OF_CLASSES
from backtrace.checks.reading import read, speller, without_spikes
from backtrace.checks.respell import respell
from backtrace.checks.sharedsymbols import AtPoint, length
from backtrace.checks.signs import SIGNS, entries_of, matrix_of, on_both
from backtrace.checks.windowsymbols import OF_VALUES, WINDOWED

_OF_MATRICES = ("outer", "transpose", "affine", "relu_layer", *MATRICES)
_LONGEST = 200  # characters of an entry's derivative


class ArrayReading:
    """SymPy's expressions for the entries of a formula's output, and their derivatives.

    `has_stand_ins`: what a function is handed gets a symbol of its own, and the expressions stay
    small however much is nested. (SymPy asks each argument of a max for its sign and all of its
    symbols.) Without, derivatives can be written out."""

    def __init__(self, text: str, point: Mapping[str, Any], has_stand_ins: bool) -> None:
        respelled = respell(text, point.keys(), of_arrays=True)
        self._has_stand_ins = has_stand_ins
        self._stand_ins: dict[Any, Any] = {}
        self._meanings: dict[Any, Any] = {}
        self._values: dict[Any, float] = {}
        self._by_parts = ByParts(self._values, self._meanings)
        self._names: dict[str, str] = {}
        self._spell = speller(self._names, _LONGEST)
        self._symbols = {
            name: self._entries(v, name, np.asarray(point[name]))
            for name, v in respelled.variables.items()
        }
        self.output = matrix_of(read(respelled, self._symbols, self._lift, SIGNS))

    def _lift(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function as one of arrays. Of a power of a matrix, which has two readings, it takes
        the entries where it sums or compares them."""
        if self._has_stand_ins:
            function = self._of_stand_ins(function)
        lifted = self._of_arrays(name, function)
        if name.removeprefix("f_") in _OF_MATRICES:
            return lambda *values, **keys: lifted(*map(matrix_of, values), **keys)
        if name.removeprefix("f_") in _OF_ARRAYS:
            return lambda *values, **keys: lifted(*map(entries_of, values), **keys)

        def choose(*values: Any, **keys: Any) -> Any:
            is_reduction = name in ("f_max", "f_min") and len(values) == 1
            given = map(entries_of, values) if is_reduction else values
            return on_both(lifted, *given, **keys)

        return choose

    def _of_arrays(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function as one of arrays: its own meaning, or entry by entry."""
        of_classes = _OF_CLASSES.get(name.removeprefix("f_"))
        if of_classes is not None:
            return functools.partial(of_classes, self.value)
        if name in ("f_max", "f_min"):
            best = max if name == "f_max" else min
            return _choice(
                lambda *entries: best(entries, key=self.value),  # SymPy's Max of 12 takes seconds
                functools.partial(_entrywise, function),
            )
        if name == "f_norm_inf":
            return lambda x, p_axis=None: _reduced(
                lambda *entries: max(map(sympy.Abs, entries), key=self.value), x, _axis(p_axis)
            )
        own = _OF_ARRAYS.get(name.removeprefix("f_"))
        if own is not None:
            return functools.partial(own, functools.partial(_entrywise, function))
        return functools.partial(_entrywise, function)

    def _of_stand_ins(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, handed symbols for whatever is made of symbols."""

        def named(*values: Any, **keywords: Any) -> Any:
            given = {name: self._stand_in(value) for name, value in keywords.items()}
            return function(*map(self._stand_in, values), **given)

        return named

    def _stand_in(self, entry: Any) -> Any:
        if not isinstance(entry, sympy.Expr) or not entry.args or entry.is_number:
            return entry
        if entry not in self._stand_ins:
            symbol = sympy.Dummy(real=True)
            self._stand_ins[entry], self._meanings[symbol] = symbol, entry
        return self._stand_ins[entry]

    def _entries(self, v: str, name: str, values: Any) -> Any:
        symbols = np.empty(values.shape, dtype=object)
        for place in np.ndindex(values.shape):
            symbol = sympy.Symbol("_".join([v, *map(str, place)]), real=True)
            symbols[place] = symbol
            self._values[symbol] = float(values[place])
            inside = ", ".join(map(str, place))
            self._names[symbol.name] = f"{name}[{inside}]" if place else name
        return symbols if values.shape else symbols[()]

    def slopes(self, seed: Any, names: Sequence[str]) -> Callable[[str], Any]:
        """Of the sum of seed*output, a function for their values by every entry of a variable.
        Every one is found at the same time."""
        symbols = [symbol for name in names for symbol in np.ravel(self._symbols.get(name, []))]
        found: dict[AtPoint, dict[Any, Any]] = {}

        def by_symbols(of: Any) -> Callable[[AtPoint], list[Any]]:
            def find(at: AtPoint) -> list[Any]:
                if at not in found:
                    found[at] = at.slopes(self._weighted(seed), symbols)
                return [found[at][symbol] for symbol in of]

            return find

        def by(name: str) -> Any:
            if name not in self._symbols:
                return 0.0
            entries = np.asarray(self._symbols[name], dtype=object)
            values = self._by_parts.settled(by_symbols(np.ravel(entries)))
            return np.reshape(values, entries.shape) if entries.shape else values[0]

        return by

    def derivatives(self, name: str, seed: Any) -> Any:
        """Of the sum of seed*output, by every entry of a variable, written out."""
        if name not in self._symbols:
            return sympy.Integer(0)
        total = sum((weight * entry for entry, weight in self._weighted(seed)), sympy.Integer(0))
        symbols = np.asarray(self._symbols[name], dtype=object)
        return np.frompyfunc(lambda symbol: without_spikes(total.diff(symbol)), 1, 1)(symbols)

    @property
    def length(self) -> int:
        """How many parts the output has when all of it is written out."""
        return length([entry for entry, _ in self._weighted(1.0)], self._meanings)

    def size(self, name: str) -> int:
        """How many entries a variable has."""
        return int(np.size(self._symbols.get(name, 0)))

    def _weighted(self, seed: Any) -> list[tuple[Any, Any]]:
        """Every entry of the output, with the weight that it has."""
        weights = np.broadcast_to(np.asarray(seed, dtype=float), np.shape(self.output))
        entries = np.asarray(self.output, dtype=object).reshape(-1)
        pairs = zip(entries, weights.reshape(-1).tolist(), strict=True)
        return [(sympy.Integer(0) + entry, exact(weight)) for entry, weight in pairs]

    def value(self, expression: Any) -> float:
        return self._by_parts.value(sympy.Integer(0) + expression)

    def values(self, expressions: Any) -> Any:
        """The same, of arrays."""
        found = np.frompyfunc(self.value, 1, 1)(expressions)
        return found.astype(float) if np.ndim(found) else float(found)

    def texts(self, expressions: Any) -> Any:
        """Expressions in the formula language, in nested lists."""
        found = np.frompyfunc(self._spell, 1, 1)(expressions)
        return found.tolist() if isinstance(found, np.ndarray) else found


def _entrywise(function: Callable[..., Any], *values: Any, **keywords: Any) -> Any:
    if not any(isinstance(value, np.ndarray) for value in (*values, *keywords.values())):
        return function(*values, **keywords)
    names = list(keywords)

    def on_entries(*entries: Any) -> Any:
        given = dict(zip(names, entries[len(values) :], strict=True))
        return function(*entries[: len(values)], **given)

    everything = [*values, *keywords.values()]
    return np.frompyfunc(on_entries, len(everything), 1)(*everything)


def _axis(axis: Any) -> Any:
    """One axis, several, or (None) all."""
    if axis is None:
        return None
    return tuple(map(int, axis)) if isinstance(axis, tuple) else int(axis)


def _sum(_: Any, x: Any, p_axis: Any = None) -> Any:
    return np.sum(np.asarray(x, dtype=object), axis=_axis(p_axis))


def _count(x: Any, axis: Any) -> Any:
    return sympy.Integer(np.size(x) if axis is None else np.size(x) // np.size(np.sum(x, axis)))


def _mean(_: Any, x: Any, p_axis: Any = None) -> Any:
    axis = _axis(p_axis)
    return _sum(None, x, axis) * (sympy.Integer(1) / _count(x, axis))


def _kept(value: Any, axis: Any) -> Any:
    return value if axis is None else np.expand_dims(value, axis)


def _var(_: Any, x: Any, p_axis: Any = None, p_ddof: Any = 0) -> Any:
    axis = _axis(p_axis)
    deviations = x - _kept(_mean(None, x, axis), axis)
    total = _sum(None, deviations * deviations, axis)
    return total * (sympy.Integer(1) / (_count(x, axis) - p_ddof))


def _root(value: Any) -> Any:
    return _entrywise(sympy.sqrt, value)


def _reduced(function: Callable[..., Any], x: Any, axis: Any) -> Any:
    array = np.asarray(x, dtype=object)
    if axis is None:
        return function(*array.reshape(-1))
    axes = axis if isinstance(axis, tuple) else (axis,)
    rows = np.moveaxis(array, axes, range(-len(axes), 0))
    rows = rows.reshape(*rows.shape[: -len(axes)], -1)
    result = np.empty(rows.shape[:-1], dtype=object)
    for place in np.ndindex(result.shape):
        result[place] = function(*rows[place])
    return result if result.shape else result[()]


def _choice(reduce: Callable[..., Any], elementwise: Callable[..., Any]) -> Callable[..., Any]:
    """A function that is a reduction of one array, and entry by entry of several."""

    def choose(*values: Any, p_axis: Any = None) -> Any:
        if p_axis is not None or (len(values) == 1 and np.ndim(values[0])):
            return _reduced(reduce, values[0], _axis(p_axis))
        return elementwise(*values)

    return choose


def _log_sum(*entries: Any) -> Any:
    return sympy.log(sum((sympy.exp(entry) for entry in entries), sympy.Integer(0)))


def _softmax(_: Any, x: Any, p_axis: Any = -1) -> Any:
    powers = _entrywise(sympy.exp, x)
    axis = int(p_axis)
    return powers / np.expand_dims(np.sum(powers, axis=axis), axis)


def _cross_entropy(
    value: Callable[[Any], float], z: Any, k: Any, p_reduction: Sequence[Any] = ()
) -> Any:
    """A class is no symbol to differentiate by: it stands for its value. A distribution is."""
    scores = np.atleast_2d(z)
    if np.shape(k) == np.shape(z):
        targets = np.atleast_2d(k)
        rows = zip(scores, targets, strict=True)
        losses = [sum(row, sympy.Integer(0)) for row in (t * (_log_sum(*s) - s) for s, t in rows)]
    else:
        classes = [round(value(entry)) for entry in np.atleast_1d(np.asarray(k, dtype=object))]
        losses = [_log_sum(*row) - row[c] for row, c in zip(scores, classes, strict=True)]
    reduction = "".join(chr(int(character)) for character in p_reduction)
    if reduction == "none":
        return np.array(losses, dtype=object) if np.ndim(z) > 1 else losses[0]
    return sum(losses, sympy.Integer(0)) / (1 if reduction == "sum" else len(losses))


_OF_CLASSES: dict[str, Callable[..., Any]] = {
    "cross_entropy": _cross_entropy,
    **LOOKUPS,
    **OF_VALUES,
    **OF_CLASSES,
}
"""Functions that are handed what an entry's value is: classes and indices are no quantities, and
which is larger is a matter of values."""


_OF_ARRAYS: dict[str, Callable[..., Any]] = {
    "sum": _sum,
    "mean": _mean,
    "prod": lambda _, x, p_axis=None: _reduced(lambda *v: math.prod(v), x, _axis(p_axis)),
    "var": _var,
    "std": lambda _, x, p_axis=None, p_ddof=0: _root(_var(None, x, p_axis, p_ddof)),
    "norm": lambda _, x, p_axis=None: _root(_sum(None, x * x, p_axis)),
    "norm1": lambda _, x, p_axis=None: _sum(None, _entrywise(sympy.Abs, x), p_axis),
    "norm2": lambda _, x, p_axis=None: _sum(None, x * x, p_axis),
    "logsumexp": lambda own, *x, p_axis=None: _choice(_log_sum, own)(*x, p_axis=p_axis),
    "softmax": _softmax,
    "log_softmax": lambda _, x, p_axis=-1: _entrywise(sympy.log, _softmax(None, x, p_axis)),
    "dot": lambda _, x, y: np.sum(x * y),
    "outer": lambda _, x, y: np.outer(x, y),
    "transpose": lambda _, x: np.transpose(x),
    "reshape": lambda _, x, *shape: np.reshape(x, numbers(shape)),
    "expand_dims": lambda _, x, p_axis=0: np.expand_dims(x, _axis(p_axis)),
    "squeeze": lambda _, x, p_axis=None: np.squeeze(x, _axis(p_axis)),
    **ARRANGED,
    **WINDOWED,
    **MATRICES,
    **NETWORKS,
    "concatenate": lambda _, *x, p_axis=0: np.concatenate(x, int(p_axis)),
    "stack": lambda _, *x, p_axis=0: np.stack(
        [np.asarray(entry, dtype=object) for entry in x], int(p_axis)
    ),
    "affine": lambda _, W, x, b: W @ x + b,
    "relu_layer": lambda _, W, x, b: _entrywise(lambda z: sympy.Max(0, z), W @ x + b),
}
"""What the functions of arrays mean, each handed the entry-by-entry meaning of its name first."""
