"""Entries in another order, and sums and products from the first entry to each, in formulas of
arrays. Part of their algebra."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from backtrace.algebra.matrices.forms import (
    CALL,
    NUMBER,
    ONES,
    Form,
    call,
    form,
    product,
    scalars_apart,
)
from backtrace.algebra.matrices.functions import reduced, said_axis
from backtrace.algebra.matrices.products import shaped
from backtrace.algebra.matrices.sums import summed


class Orders:
    """`not_zero` has the arrays that a rule divides by: no entry of them may be 0."""

    not_zero: dict[Form, None]

    def flip(self, x: Any, axis: Any) -> Form:
        return _moved("flip", form(x), said_axis(form(x), axis))

    def roll(self, x: Any, shift: int, axis: Any) -> Form:
        inner = form(x)
        if inner.kind == ONES:
            return inner
        return call("roll", [inner], inner.shape, f", {shift}{said_axis(inner, axis)}")

    def cumsum(self, x: Any, axis: int) -> Form:
        inner = form(x)
        before, core = scalars_apart(inner)
        return product([before, call("cumsum", [core], inner.shape, said_axis(inner, axis))])

    def cumsum_back(self, u: Any, axis: int) -> Form:
        return self.flip(self.cumsum(self.flip(u, axis), axis), axis)

    def cumprod(self, x: Any, axis: int) -> Form:
        inner = form(x)
        return call("cumprod", [inner], inner.shape, said_axis(inner, axis))

    def cumprod_back(self, u: Any, x: Any, axis: int) -> Form:
        """The products without an entry are those with it, over the entry."""
        inner = form(x)
        whole = self.cumsum_back(product([form(u), self.cumprod(inner, axis)]), axis)
        return product([whole, (self._not_zero(inner), _MINUS)])

    def product(self, x: Any, axis: Any) -> Form:
        return reduced("prod", form(x), axis)

    def others(self, x: Any, axis: Any) -> Form:
        """For each entry the product of all others: prod(x)/x."""
        inner = form(x)
        whole = self.product(inner, axis)
        if axis is not None and whole.shape:
            k = axis % len(inner.shape)
            whole = shaped(whole, (*inner.shape[:k], 1, *inner.shape[k + 1 :]))
        return product([whole, (self._not_zero(inner), _MINUS)])

    def _not_zero(self, x: Form) -> Form:
        core = scalars_apart(x)[1]
        if core.kind not in (ONES, NUMBER):
            self.not_zero[core] = None
        return x

    def in_order(self, x: Any, axis: int) -> Form:
        inner = form(x)
        return call("sort", [inner], inner.shape, _unless_last(inner, axis))

    def back_in_place(self, u: Any, x: Any, axis: int, _: str) -> Form:
        """sum(u*(x[:, None] == sort(x)), axis=1): each to where its entry stood, of no ties."""
        inner = form(x)
        k = axis % len(inner.shape)
        upright = (*inner.shape[: k + 1], 1, *inner.shape[k + 1 :])
        across = (*inner.shape[:k], 1, *inner.shape[k:])
        if k == 0:
            across = inner.shape if len(inner.shape) == 1 else across
        is_there = call(
            "==",
            [shaped(inner, upright), shaped(self.in_order(inner, k), across)],
            (*inner.shape[: k + 1], *inner.shape[k:]),
            is_entrywise=True,
        )
        return summed(product([is_there, shaped(form(u), across)]), k + 1)


def _moved(word: str, x: Form, after: str) -> Form:
    """Entries in another order, which is undone where it comes twice."""
    before, core = scalars_apart(x)
    if core.kind == ONES:
        return x
    if core.kind == CALL and core.parts[0] == word and core.parts[2] == after:
        return product([before, core.parts[1][0]])
    return product([before, call(word, [core], x.shape, after)])


def _unless_last(x: Form, axis: int) -> str:
    """The axis of what goes along the last one unasked."""
    k = axis % len(x.shape)
    return "" if k == len(x.shape) - 1 else f", axis={k}"


_MINUS = Fraction(-1)
