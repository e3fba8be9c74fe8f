"""The algebra of formulas of arrays: the table's rules run on it give gradients as a textbook has
them (Petersen and Pedersen, The Matrix Cookbook, 2012; Giles 2008).

    matmul_pullback(Matrices(), 0, u, ..., W, x)   ->   outer(u, x)

`forms` has what formulas are made of, and how they are simplified entry by entry; `products` is of
matrices, `sums` of sums along axes and of parts of arrays; `spelled` and `latex` write them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import replace
from fractions import Fraction
from typing import Any

from backtrace.algebra import Derived
from backtrace.algebra.matrices import forms
from backtrace.algebra.matrices.asking import Asking
from backtrace.algebra.matrices.forms import (
    NUMBER,
    ZERO,
    Form,
    NotInLetters,
    Shape,
    broadcast,
    call,
    form,
    is_zero,
    number,
    ones,
    power,
    product,
    zero,
)
from backtrace.algebra.matrices.functions import (
    along,
    compared,
    exp,
    is_guard,
    is_one_hot,
    of_many,
    reduced,
    sigmoid,
)
from backtrace.algebra.matrices.lookups import Lookups
from backtrace.algebra.matrices.orders import Orders
from backtrace.algebra.matrices.products import chain, outer, permuted, shaped
from backtrace.algebra.matrices.sliding import Sliding
from backtrace.algebra.matrices.spelled import LARGEST, Letters, is_decimal
from backtrace.algebra.matrices.sums import lengths_of, picked, placed, summed, with_new_axes
from backtrace.language import tell

_ENTRYWISE = (
    *("exp", "expm1", "log", "log1p", "log2", "log10", "cbrt", "abs", "sign", "floor", "ceil"),
    *("erf", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh"),
    *("sigmoid", "softplus", "silu", "mish", "gelu", "sinc", "lgamma", "digamma", "trigamma"),
)
_DERIVED = (
    *("logistic_pdf", "silu_slope", "mish_slope", "gelu_slope", "normal_cdf", "normal_pdf"),
    *("pi", "times_exp", "gaussian", "difference_exp", "tanh_cdf", "floor_divide", "mod"),
)
_COMPARED = ("less", "less_equal", "greater", "greater_equal", "equal", "not_equal")


class Matrices(Orders, Sliding, Lookups, Asking):
    """The algebra; a value is a Form. `lengths` are the numbers that stand for letters; other large
    ones stay as they are written, so that none is taken for a length. Raises NotInLetters for what
    has no formula here."""

    of_arrays = True
    as_written = True

    def __init__(self, lengths: Collection[int] = ()) -> None:
        self.lengths = frozenset(lengths)
        self.not_zero = {}
        self.windows = {}

    def as_typed(self) -> AsTyped:
        """For what somebody has written; what is found out on the way is known to both."""
        typed = AsTyped(self.lengths)
        typed.windows, typed.not_zero = self.windows, self.not_zero
        return typed

    def number(self, text: str) -> Form:
        if text in ("pi", "e", "tau"):
            return forms.name(text, ())
        value = Fraction(text)
        is_large = max(abs(value.numerator), value.denominator) > LARGEST
        if self.lengths and is_large and value not in self.lengths and not is_decimal(value):
            return -forms.name(text[1:], ()) if text.startswith("-") else forms.name(text, ())
        return number(value)

    @staticmethod
    def shape(x: Any) -> Shape:
        return form(x).shape

    def divide(self, a: Any, b: Any) -> Form:
        if is_zero(form(b)):
            raise NotInLetters(tell("a division by 0"))
        return product([form(a), (form(b), Fraction(-1))])

    def power(self, a: Any, b: Any) -> Form:
        return power(form(a), form(b))

    def square(self, x: Any) -> Form:
        return power(form(x), number(2))

    def sqrt(self, x: Any) -> Form:
        return product([(form(x), Fraction(1, 2))])

    def detach(self, x: Any) -> Form:
        return form(x)

    def truth(self, condition: Any) -> bool:
        """Whether it is known to hold."""
        found = form(condition)
        return found.kind == NUMBER and bool(found.parts[0])

    def filled(self, x: Any, a: Any) -> Form:
        return product([form(a), ones(form(x).shape)])

    def where(self, condition: Any, a: Any, b: Any) -> Form:
        test, yes, no = form(condition), form(a), form(b)
        if test.kind == NUMBER:
            return yes if test.parts[0] else no
        shape = broadcast([test.shape, yes.shape, no.shape])
        if is_guard(test):
            return no
        if yes == no:
            return product([yes, ones(shape)]) if yes.shape != shape else yes
        if is_one_hot(test) and is_zero(yes):
            return no - test * no
        if is_zero(no) and yes.kind != ZERO:
            return product([yes, test])
        return call("where", [test, yes, no], shape, is_entrywise=True)

    # arrays

    def matmul(self, a: Any, b: Any) -> Form:
        return chain([form(a), form(b)])

    def transpose(self, x: Any, axes: tuple[int, ...] | None = None) -> Form:
        inner = form(x)
        return permuted(inner, axes or tuple(range(len(inner.shape)))[::-1])

    def outer(self, x: Any, y: Any) -> Form:
        return outer(form(x), form(y))

    def reshape(self, x: Any, shape: Shape) -> Form:
        inner = form(x)
        known = math.prod(n for n in shape if n != -1)
        left = math.prod(inner.shape) // known
        return shaped(inner, tuple(left if n == -1 else n for n in shape))

    def sum(self, x: Any, axis: Any = None) -> Form:
        return summed(form(x), axis)

    def aligned(self, u: Any, axis: Any) -> Form:
        """With axes of length 1 where a reduction took some."""
        inner = form(u)
        if axis is None or not inner.shape:
            return inner
        axes = (axis,) if isinstance(axis, int) else axis
        count = len(inner.shape) + len(axes)
        gone = {k % count for k in axes}
        lengths = iter(inner.shape)
        return shaped(inner, tuple(1 if k in gone else next(lengths) for k in range(count)))

    def spread(self, u: Any, x: Any, axis: Any) -> Form:
        return product([self.aligned(u, axis), ones(form(x).shape)])

    def summed_to(self, u: Any, shape: Shape) -> Form:
        inner = form(u)
        extra = len(inner.shape) - len(shape)
        if extra > 0:
            inner = summed(inner, tuple(range(extra)) if extra > 1 else 0)
        for k, n in enumerate(shape):
            if n == 1 and inner.shape[k] != 1:
                inner = shaped(summed(inner, k), (*inner.shape[:k], 1, *inner.shape[k + 1 :]))
        return inner

    def largest(self, x: Any, axis: Any) -> Form:
        return reduced("max", form(x), axis)

    def smallest(self, x: Any, axis: Any) -> Form:
        return reduced("min", form(x), axis)

    def norm(self, x: Any, axis: Any) -> Form:
        return reduced("norm", form(x), axis)

    def logsumexp_along(self, x: Any, axis: Any) -> Form:
        return reduced("logsumexp", form(x), axis)

    def softmax(self, x: Any, axis: Any) -> Form:
        return along("softmax", form(x), axis)

    def log_softmax(self, x: Any, axis: Any) -> Form:
        return along("log_softmax", form(x), axis)

    def sum_of_others(self, x: Any, axis: Any) -> Form:
        """The sum along an axis less each entry's own: of probabilities, 1 - p."""
        inner = form(x)
        if forms.adds_up_along(inner) == axis % len(inner.shape):
            return number(1) - inner  # the entries add up to 1
        return self.aligned(summed(inner, axis), axis) - inner

    def identity(self, shape: Shape) -> Form:
        if shape[0] != shape[1]:
            return call("eye", [number(n) for n in shape], shape)
        return Form(forms.EYE, shape)

    def on_diagonal(self, u: Any, shape: Shape, k: int) -> Form:
        inner = form(u)
        if shape[0] != shape[1]:
            raise NotInLetters(tell("the diagonal of a matrix that is not square"))
        before, core = forms.scalars_apart(inner)
        if core.kind == forms.ONES and not k:
            return product([before, Form(forms.EYE, shape)])
        return product([before, call("diag", [core], shape, f", {k}" * bool(k))])

    def diagonal(self, x: Any, k: int = 0) -> Form:
        inner = form(x)
        rows, columns = inner.shape
        count = min(rows + min(k, 0), columns - max(k, 0))
        if rows != columns:
            raise NotInLetters(tell("the diagonal of a matrix that is not square"))
        if inner.kind == forms.EYE and not k:
            return ones(inner.shape[:1])
        before, core = forms.scalars_apart(inner)
        after = f", {k}" * bool(k)
        if core.kind == forms.CALL and core.parts[0] == "diag" and core.parts[2] == after:
            return product([before, core.parts[1][0]])
        return product([before, call("diag", [core], (count,), after)])

    def ones(self, shape: Shape) -> Form:
        return ones(shape)

    def pick(self, x: Any, index: forms.Index) -> Form:
        """x[1:3], x[:, None]: None is a new axis of length 1."""
        inner = form(x)
        given = tuple(part for part in index if part is not None)
        left = lengths_of(inner.shape, given)
        for n, part, count in zip(inner.shape, given, left, strict=False):
            if isinstance(part, tuple) and count is not None:
                self._learn_slice(count, n, *part)
        kept = tuple(n for n in left if n is not None)
        found = picked(inner, given, kept) if kept != inner.shape else inner
        return shaped(found, with_new_axes(left, index)) if None in index else found

    def put(self, u: Any, index: forms.Index, shape: Shape) -> Form:
        given = tuple(part for part in index if part is not None)
        kept = tuple(n for n in lengths_of(shape, given) if n is not None)
        inner = shaped(form(u), kept) if None in index else form(u)
        return placed(inner, given, shape) if kept != shape else inner

    def real(self, x: Any) -> Form:
        """What a rule asks of an index alone, to see whether it counts from the end."""
        inner = form(x)
        return call("real", [inner], inner.shape, is_entrywise=True)

    def einsum(self, subscripts: str, *arrays: Any) -> Form:
        inner = [form(array) for array in arrays]
        terms, _, output = subscripts.partition("->")
        letters = zip(terms.split(","), inner, strict=True)
        lengths = {a: n for term, array in letters for a, n in zip(term, array.shape, strict=True)}
        return call("einsum", inner, tuple(lengths[a] for a in output), subscripts)

    def concatenate(self, values: Any, axis: int) -> Form:
        parts = [form(value) for value in values]
        shapes = [part.shape for part in parts]
        k = axis % len(shapes[0])
        whole = (*shapes[0][:k], sum(s[k] for s in shapes), *shapes[0][k + 1 :])
        made = call("concatenate", parts, whole, "" if k == 0 else f", axis={k}")
        return replace(made, parts=(*made.parts, k))

    def stack(self, values: Any, axis: int) -> Form:
        parts = [form(value) for value in values]
        k = axis % (len(parts[0].shape) + 1)
        whole = (*parts[0].shape[:k], len(parts), *parts[0].shape[k:])
        return call("stack", parts, whole, "" if k == 0 else f", axis={k}")

    def tril(self, x: Any, k: int = 0) -> Form:
        return call("tril", [form(x)], form(x).shape, f", {k}" * bool(k))

    def triu(self, x: Any, k: int = 0) -> Form:
        return call("triu", [form(x)], form(x).shape, f", {k}" * bool(k))

    def hypot(self, *values: Any) -> Form:
        return of_many("hypot", [form(v) for v in values])

    def atan2(self, a: Any, b: Any) -> Form:
        return of_many("atan2", [form(a), form(b)])

    def full(self, x: Any, shape: Shape) -> Form:
        return product([form(x), ones(shape)])

    def maximum(self, *values: Any) -> Form:
        return of_many("max", [form(v) for v in values])

    def logsumexp(self, *values: Any) -> Form:
        return of_many("logsumexp", [form(v) for v in values])

    def kron(self, a: Any, b: Any) -> Form:
        x, y = form(a), form(b)
        shape = tuple(m * n for m, n in zip(x.shape, y.shape, strict=True))
        return call("kron", [x, y], shape)

    def minimum(self, *values: Any) -> Form:
        return of_many("min", [form(v) for v in values])

    def inv(self, x: Any) -> Form:
        return call("inv", [form(x)], form(x).shape)

    def erfc(self, x: Any) -> Form:
        return 1 - self.erf(x)

    def polygamma(self, n: int, x: Any) -> Form:
        inner = form(x)
        return call("polygamma", [number(n), inner], inner.shape, is_entrywise=True)

    def solve(self, a: Any, b: Any) -> Form:
        return call("solve", [form(a), form(b)], form(b).shape)

    def det(self, x: Any) -> Form:
        return call("det", [form(x)], form(x).shape[:-2])

    def logdet(self, x: Any) -> Form:
        return call("logdet", [form(x)], form(x).shape[:-2])

    def __getattr__(self, word: str) -> Callable[..., Form]:
        if word == "exp":
            return lambda x: exp(form(x))
        if word == "sigmoid":
            return lambda x: sigmoid(form(x))
        if word in _ENTRYWISE:
            return lambda x: call(word, [form(x)], form(x).shape, is_entrywise=True)
        if word in _COMPARED:
            return lambda a, b: compared(word, form(a), form(b))
        if word in _DERIVED:
            return lambda *given: getattr(Derived, word)(self, *given)
        raise NotInLetters(tell("the function {word} of arrays", word=word))


class AsTyped(Matrices):
    """The same for what somebody has written: x == 0 is that, and no guard of a rule."""

    def equal(self, a: Any, b: Any) -> Form:
        return compared("==", form(a), form(b))


__all__ = ["AsTyped", "Form", "Letters", "Matrices", "NotInLetters", "zero"]
