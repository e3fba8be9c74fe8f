"""SymPy's witness for arrays: every entry is a symbol, every sum is written out.

The text is read a second time, as in `symbolic`, with arrays of symbols for the variables; what the
functions of arrays mean is said here once more, in SymPy's terms, and owes nothing to the table.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import sympy

from backtrace.algebra.arrays import quiet
from backtrace.checks.answers import Answer
from backtrace.checks.deadline import OutOfTime, within
from backtrace.checks.reading import exact, read, text_of, value_by_replacing
from backtrace.checks.respell import respell
from backtrace.checks.signs import SIGNS, entries_of, matrix_of, on_both
from backtrace.checks.symbolic import words
from backtrace.gates.shapes import Shape

_OF_MATRICES = ("outer", "transpose", "affine", "relu_layer")
_LONGEST = 200  # characters of an entry's derivative


def ask(
    text: str,
    point: Mapping[str, Any],
    seed: Any,
    wrt: Sequence[str],
    seconds: float,
) -> dict[str, Answer]:
    """SymPy's value of the formula (under "") and, for every variable of `wrt`, the derivatives of
    the sum of seed*output by its entries. Takes at most `seconds` in all."""
    answers: dict[str, Answer] = {}

    def work() -> None:
        with quiet():
            reading = ArrayReading(text, point)
            answers[""] = _answer(lambda: reading.output, reading, formulas=False)
            for name in wrt:
                derivatives = functools.partial(reading.derivatives, name, seed)
                answers[name] = _answer(derivatives, reading)

    reason = ""
    try:
        within(seconds, work)
    except OutOfTime:
        reason = f"SymPy needs more than {seconds:g} s"
    except Exception as error:  # whatever SymPy raises, it is no witness then
        reason = words(error)
    found = dict(answers)
    return {name: found.get(name, Answer(reason=reason)) for name in ("", *wrt)}


def _answer(expressions: Callable[[], Any], reading: ArrayReading, formulas: bool = True) -> Answer:
    try:
        found = np.asarray(expressions(), dtype=object)
        values = np.frompyfunc(reading.value, 1, 1)(found)
        value = values.astype(float) if np.ndim(values) else float(values)
        texts = np.frompyfunc(reading.text, 1, 1)(found) if formulas else None
        formula = texts.tolist() if isinstance(texts, np.ndarray) else texts
        return Answer(value, formula)
    except Exception as error:  # whatever SymPy raises, it is no witness then
        return Answer(reason=words(error))


class ArrayReading:
    """SymPy's expressions for the entries of a formula's output, and their derivatives."""

    def __init__(self, text: str, point: Mapping[str, Any]) -> None:
        respelled = respell(text, point.keys(), of_arrays=True)
        self._values: dict[Any, float] = {}
        self._names: dict[str, str] = {}
        self._symbols = {
            name: self._entries(v, name, np.asarray(point[name]))
            for name, v in respelled.variables.items()
        }
        self.output = matrix_of(read(respelled, self._symbols, self._lift, SIGNS))

    def _lift(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function as one of arrays. Of a power of a matrix, which has two readings, it takes
        the entries where it sums or compares them."""
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
        own = _OF_ARRAYS.get(name.removeprefix("f_"))
        if own is not None:
            return functools.partial(own, functools.partial(_entrywise, function))
        return functools.partial(_entrywise, function)

    def _entries(self, v: str, name: str, values: Any) -> Any:
        symbols = np.empty(values.shape, dtype=object)
        for place in np.ndindex(values.shape):
            symbol = sympy.Symbol("_".join([v, *map(str, place)]), real=True)
            symbols[place] = symbol
            self._values[symbol] = float(values[place])
            inside = ", ".join(map(str, place))
            self._names[symbol.name] = f"{name}[{inside}]" if place else name
        return symbols if values.shape else symbols[()]

    def derivatives(self, name: str, seed: Any) -> Any:
        """Of the sum of seed*output, by every entry of a variable."""
        if name not in self._symbols:
            return sympy.Integer(0)
        weights = np.broadcast_to(np.asarray(seed, dtype=float), np.shape(self.output))
        entries = np.asarray(self.output, dtype=object).reshape(-1)
        total = sum(
            (
                exact(w) * entry
                for w, entry in zip(weights.reshape(-1).tolist(), entries, strict=True)
            ),
            sympy.Integer(0),
        )
        symbols = np.asarray(self._symbols[name], dtype=object)
        return np.frompyfunc(
            lambda symbol: total.diff(symbol).replace(sympy.DiracDelta, _zero), 1, 1
        )(symbols)

    def value(self, expression: Any) -> float:
        return value_by_replacing(sympy.Integer(0) + expression, self._values)

    def text(self, expression: Any) -> str:
        text = text_of(expression, self._names)
        return text if len(text) <= _LONGEST else text[:_LONGEST] + "…"


def _zero(*_: Any) -> Any:
    return sympy.Integer(0)


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


def _places(value: Callable[[Any], float], k: Any) -> Any:
    """Whole numbers, which stand for their values."""
    return np.frompyfunc(lambda entry: round(value(entry)), 1, 1)(np.asarray(k, dtype=object))


def _take(value: Callable[[Any], float], x: Any, i: Any, p_axis: Any = 0) -> Any:
    return np.take(np.asarray(x), np.asarray(_places(value, i), dtype=int), int(p_axis))


def _lookup(value: Callable[[Any], float], x: Any, *indices: Any, p_axis: Any = 0) -> Any:
    places = [np.asarray(_places(value, i), dtype=int) for i in indices]
    return np.asarray(x)[(slice(None),) * (int(p_axis) % np.ndim(x)) + tuple(places)]


def _one_hot(value: Callable[[Any], float], i: Any, n: Any) -> Any:
    rows = np.eye(int(n), dtype=int).astype(object)
    return rows[np.asarray(_places(value, i), dtype=int)]


def _pick(value: Callable[[Any], float], x: Any, k: Any) -> Any:
    places = np.asarray(_places(value, k), dtype=int)[..., None]
    return np.take_along_axis(np.asarray(x), places, -1)[..., 0]


_OF_CLASSES: dict[str, Callable[..., Any]] = {
    "cross_entropy": _cross_entropy,
    "take": _take,
    "lookup": _lookup,
    "one_hot": _one_hot,
    "pick": _pick,
}
"""Functions that are handed what an entry's value is: classes and indices are no quantities."""


def _numbers(shape: Sequence[Any]) -> Shape:
    return tuple(int(n) for n in shape)


def _pad(x: Any, widths: Any, is_last: bool) -> Any:
    """Zeros put before and behind, axis by axis; or of the last axes alone."""
    if is_last:
        widths = ((0, 0),) * (np.ndim(x) - len(widths)) + widths
    pairs = np.broadcast_to(np.array(widths, dtype=int), (np.ndim(x), 2))
    for axis, ends in enumerate(pairs):
        zeros = [np.zeros(np.insert(np.delete(x.shape, axis), axis, n), object) for n in ends]
        x = np.concatenate([zeros[0], x, zeros[1]], axis)
    return x


def _flat(shape: Shape, start: int, end: int) -> Shape:
    first, behind = start % len(shape), end % len(shape) + 1
    return (*shape[:first], math.prod(shape[first:behind]), *shape[behind:])


def _put(_: Any, x: Any, v: Any, at: Sequence[Any]) -> Any:
    """The entries set as NumPy sets them; the index comes as its characters' numbers."""
    found = np.array(x, dtype=object)
    parts = "".join(chr(int(character)) for character in at).replace(" ", "").split(",")
    index: list[Any] = []
    for part in parts:
        if part == "...":
            index.append(Ellipsis)
        elif ":" in part:
            index.append(slice(*(int(end) if end else None for end in part.split(":"))))
        else:
            index.append(int(part))
    found[tuple(index)] = v
    return found


def _einsum(_: Any, pattern: Sequence[Any], *arrays: Any) -> Any:
    """Every product written out; the pattern comes as its characters' numbers."""
    text = "".join(chr(int(character)) for character in pattern).replace(" ", "")
    inputs, arrow, output = text.partition("->")
    terms = inputs.split(",")
    given = [np.asarray(array, dtype=object) for array in arrays]
    lengths: dict[str, int] = {}
    for term, array in zip(terms, given, strict=True):
        lengths |= dict(zip(term, array.shape, strict=True))
    if not arrow:
        output = "".join(sorted(c for c in lengths if inputs.count(c) == 1))
    found = np.zeros([lengths[c] for c in output], dtype=object)
    for place in itertools.product(*map(range, lengths.values())):
        at = dict(zip(lengths, place, strict=True))
        factors = [x[tuple(at[c] for c in t)] for t, x in zip(terms, given, strict=True)]
        found[tuple(at[c] for c in output)] += math.prod(factors, start=sympy.Integer(1))
    return found if found.shape else found[()]


def _cumprod(x: Any, axis: int) -> Any:
    return np.multiply.accumulate(np.asarray(x, dtype=object), axis)


_OF_ARRAYS: dict[str, Callable[..., Any]] = {
    "sum": _sum,
    "mean": _mean,
    "prod": lambda _, x, p_axis=None: _reduced(lambda *v: math.prod(v), x, _axis(p_axis)),
    "var": _var,
    "std": lambda _, x, p_axis=None, p_ddof=0: _root(_var(None, x, p_axis, p_ddof)),
    "norm": lambda _, x, p_axis=None: _root(_sum(None, x * x, p_axis)),
    "norm2": lambda _, x, p_axis=None: _sum(None, x * x, p_axis),
    "logsumexp": lambda own, *x, p_axis=None: _choice(_log_sum, own)(*x, p_axis=p_axis),
    "softmax": _softmax,
    "log_softmax": lambda _, x, p_axis=-1: _entrywise(sympy.log, _softmax(None, x, p_axis)),
    "dot": lambda _, x, y: np.sum(x * y),
    "outer": lambda _, x, y: np.outer(x, y),
    "transpose": lambda _, x: np.transpose(x),
    "reshape": lambda _, x, *shape: np.reshape(x, _numbers(shape)),
    "expand_dims": lambda _, x, p_axis=0: np.expand_dims(x, int(p_axis)),
    "squeeze": lambda _, x, p_axis=None: np.squeeze(x, _axis(p_axis)),
    "swapaxes": lambda _, x, a, b: np.swapaxes(x, int(a), int(b)),
    "permute": lambda _, x, *axes: (
        np.swapaxes(x, *_numbers(axes))
        if len(axes) < np.ndim(x)
        else np.transpose(x, _numbers(axes))
    ),
    "flatten": lambda _, x, start=0, end=-1, p_start=0, p_end=-1: np.reshape(
        x, _flat(np.shape(x), int(p_start or start), int(p_end if end == -1 else end))
    ),
    "einsum": _einsum,
    "put": _put,
    "pad": lambda _, x, widths, p_last=0: _pad(np.asarray(x), widths, bool(p_last)),
    "tril": lambda _, x, k=0, p_k=0: np.tril(x, int(k or p_k)),
    "triu": lambda _, x, k=0, p_k=0: np.triu(x, int(k or p_k)),
    "diag": lambda _, x, k=0, p_k=0: np.diag(x, int(k or p_k)),
    "trace": lambda _, x: sum(np.diag(x), sympy.Integer(0)),
    "cumsum": lambda _, x, p_axis=0: np.add.accumulate(np.asarray(x), int(p_axis)),
    "cumprod": lambda _, x, p_axis=0: _cumprod(x, int(p_axis)),
    "concatenate": lambda _, *x, p_axis=0: np.concatenate(x, int(p_axis)),
    "stack": lambda _, *x, p_axis=0: np.stack(
        [np.asarray(entry, dtype=object) for entry in x], int(p_axis)
    ),
    "affine": lambda _, W, x, b: W @ x + b,
    "relu_layer": lambda _, W, x, b: _entrywise(lambda z: sympy.Max(0, z), W @ x + b),
}
"""What the functions of arrays mean, each handed the entry-by-entry meaning of its name first."""
