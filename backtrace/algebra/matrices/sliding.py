"""Convolutions and pooling in formulas of arrays. Part of their algebra.

What comes back of a convolution is one too (Dumoulin and Visin, "A guide to convolution arithmetic
for deep learning", 2016, section 4): to x that of the upstream, zeros between its entries where the
stride is above 1, by the kernels turned round; to the kernels that of x by the upstream. Pooling
goes back by pooling windows that move by 1 over the upstream with zeros around.
"""

from __future__ import annotations

import math
from typing import Any

from backtrace.algebra.matrices import forms
from backtrace.algebra.matrices.forms import (
    Form,
    NotInLetters,
    Shape,
    call,
    form,
    number,
    product,
    scalars_apart,
)
from backtrace.algebra.matrices.functions import compared
from backtrace.algebra.matrices.products import permuted, shaped
from backtrace.algebra.matrices.spelled import LARGEST
from backtrace.algebra.matrices.sums import picked, placed
from backtrace.language import tell

Lengths = tuple[int, ...]
Count = tuple[int, int, int]
"""A length as (base + off)//stride; the base is what letters stand for."""

_LEAST = -forms.name("1e300", ())


class Sliding:
    """`windows` has of every length that windows give an axis how it came about."""

    windows: dict[int, Count]

    def convolved(self, x: Any, w: Any, strides: Lengths, padding: Lengths) -> Form:
        inner, kernels = form(x), form(w)
        axes = len(strides)
        counts = self._counts(inner.shape[-axes:], kernels.shape[2:], strides, padding)
        shape = (*inner.shape[: -axes - 1], kernels.shape[0], *counts)
        after = _told("stride", strides, 1) + _told("padding", padding, 0)
        before, inner = scalars_apart(inner)
        behind, kernels = scalars_apart(kernels)
        made = call(f"conv{axes}d", [inner, kernels], shape, after)
        return product([before, behind, made])

    def to_convolved(
        self, u: Any, w: Any, shape: Shape, strides: Lengths, padding: Lengths
    ) -> Form:
        kernels = form(w)
        axes = len(strides)
        sizes = kernels.shape[2:]
        around = tuple(k - 1 - p for k, p in zip(sizes, padding, strict=True))
        if min(around) < 0:
            raise NotInLetters(tell("a padding as wide as the kernel"))
        turned = self.flip(_swapped(kernels), tuple(range(2, 2 + axes)) if axes > 1 else 2)
        spread = self._spread(form(u), shape, sizes, strides, padding)
        return self.convolved(spread, turned, (1,) * axes, around)

    def to_kernels(self, u: Any, x: Any, shape: Shape, strides: Lengths, padding: Lengths) -> Form:
        inner = form(x)
        axes = len(strides)
        spread = self._spread(form(u), inner.shape, shape[2:], strides, padding)
        if len(inner.shape) == axes + 2:
            rows, kernels = _swapped(inner), _swapped(spread)
        else:
            rows, kernels = _with_one(inner), _with_one(spread)
        return _swapped(self.convolved(rows, kernels, (1,) * axes, padding))

    def window_sum(self, x: Any, sizes: Lengths, strides: Lengths, padding: Lengths) -> Form:
        before, core = scalars_apart(form(x))
        made = self._pooled("avg_pool", core, sizes, strides, padding)
        return product([before, number(math.prod(sizes)), made])

    def window_max(self, x: Any, sizes: Lengths, strides: Lengths, padding: Lengths) -> Form:
        return self._pooled("max_pool", form(x), sizes, strides, padding)

    def to_window_sum(
        self, u: Any, shape: Shape, sizes: Lengths, strides: Lengths, padding: Lengths
    ) -> Form:
        """u at every entry of its window, added up where windows overlap."""
        around = self._around(form(u), shape, sizes, strides, padding)
        return self.window_sum(around, sizes, (1,) * len(sizes), (0,) * len(sizes))

    def to_window_max(
        self, u: Any, f: Any, x: Any, sizes: Lengths, strides: Lengths, padding: Lengths
    ) -> Form:
        """u where x is the largest of its window."""
        inner = form(x)
        if any(stride < k for stride, k in zip(strides, sizes, strict=True)):
            return self._to_overlapping(form(u), form(f), inner, sizes, strides, padding)
        told = (sizes, (1,) * len(sizes), (0,) * len(sizes))
        around = self._around(form(f), inner.shape, sizes, strides, padding, _LEAST)
        is_largest = compared("==", inner, self.window_max(around, *told))
        return product([self.to_window_sum(u, inner.shape, sizes, strides, padding), is_largest])

    def _to_overlapping(
        self, u: Form, f: Form, x: Form, sizes: Lengths, strides: Lengths, padding: Lengths
    ) -> Form:
        """By all entries of each window: a convolution by kernels that each pick one."""
        axes = len(sizes)
        if axes > 2:
            raise NotInLetters(tell("max_pool along three axes, with windows that overlap"))
        lead, count = x.shape[:-axes], math.prod(sizes)
        inside = [(p, p + n, None) for n, p in zip(x.shape[-axes:], padding, strict=True)]
        index = (*[(None, None, None)] * len(lead), *inside)
        lengths = self._counts(x.shape[-axes:], (1,) * axes, (1,) * axes, padding)
        whole = (*lead, *lengths)
        around = placed(x, index, whole, _LEAST) if any(padding) else x
        one = (math.prod(lead), 1)
        images = shaped(around, (*one, *whole[-axes:]))
        each = shaped(Form(forms.EYE, (count, count)), (count, 1, *sizes))
        still = (0,) * axes
        entries = self.convolved(images, each, strides, still)
        largest, upstream = (shaped(a, (*one, *a.shape[-axes:])) for a in (f, u))
        back = product([upstream, compared("==", entries, largest)])
        found = shaped(self.to_convolved(back, each, images.shape, strides, still), whole)
        return picked(found, index, x.shape) if any(padding) else found

    def flip(self, x: Any, axis: Any) -> Form:
        raise NotImplementedError  # of orders

    def _pooled(
        self, word: str, x: Form, sizes: Lengths, strides: Lengths, padding: Lengths
    ) -> Form:
        axes = len(sizes)
        counts = self._counts(x.shape[-axes:], sizes, strides, padding)
        size = f", {sizes[0]}" if axes == 2 and len(set(sizes)) == 1 else f", {sizes}"
        moves = "" if strides == sizes else _told("stride", strides, 0)
        after = size + moves + _told("padding", padding, 0)
        return call(word, [x], (*x.shape[:-axes], *counts), after)

    def _spread(
        self, u: Form, shape: Shape, sizes: Lengths, strides: Lengths, padding: Lengths
    ) -> Form:
        """The upstream as it would be if windows moved by 1: zeros between its entries."""
        axes = len(sizes)
        if max(strides) == 1:
            return u
        counts = self._counts(shape[-axes:], sizes, (1,) * axes, padding)
        index = [(None, None, stride) for stride in strides]
        lead = u.shape[:-axes]
        return placed(u, (*[(None, None, None)] * len(lead), *index), (*lead, *counts))

    def _around(
        self,
        u: Form,
        shape: Shape,
        sizes: Lengths,
        strides: Lengths,
        padding: Lengths,
        fill: Form | None = None,
    ) -> Form:
        """The upstream as if windows moved by 1, and so much around it that every entry of x has as
        many windows on it as the middle."""
        axes = len(sizes)
        index, lengths = [], []
        for n, k, stride, zeros in zip(shape[-axes:], sizes, strides, padding, strict=True):
            step = stride if stride > 1 else None
            index.append((k - 1 - zeros, n + zeros, step))
            lengths.append(n + k - 1)
            self._learn(lengths[-1], n, k - 1, 1)
        lead = shape[:-axes]
        whole = (*lead, *lengths)
        return placed(u, (*[(None, None, None)] * len(lead), *index), whole, fill)

    def _learn(self, count: int, n: int, off: int, stride: int) -> None:
        """That a length is (n + off)//stride. Raises NotInLetters where another is the same by
        chance, of the primes that stand for letters."""
        base, before, by = self.windows.get(n, (n, 0, 1))
        if base > LARGEST and count != base:
            found = (base, before + off * by, by * stride)  # a quotient of a quotient is one
            if self.windows.setdefault(count, found) != found:
                raise NotInLetters(tell("two lengths that are equal only where another one is odd"))

    def _learn_slice(
        self, count: int, n: int, start: int | None, stop: int | None, step: int | None
    ) -> None:
        """The length of x[1:], x[:-2] or x[::2]; of x[:3] it is a number."""
        first, last, by = start or 0, stop or 0, step or 1
        if first >= 0 >= last and by > 0:
            self._learn(count, n, last - first + by - 1, by)

    def _counts(
        self, lengths: Lengths, sizes: Lengths, strides: Lengths, padding: Lengths
    ) -> Lengths:
        found = []
        for n, k, stride, zeros in zip(lengths, sizes, strides, padding, strict=True):
            count = (n + 2 * zeros - k) // stride + 1
            if self.windows.get(k, (k,))[0] != self.windows.get(n, (n,))[0]:
                self._learn(count, n, 2 * zeros - k + stride, stride)
            found.append(count)
        return tuple(found)


def _told(word: str, given: Lengths, unsaid: int) -> str:
    """stride=2, or of each axis its own: stride=(2, 1); nothing of what needs not be said."""
    if all(n == unsaid for n in given):
        return ""
    return f", {word}={given[0] if len(set(given)) == 1 else given}"


def _swapped(a: Form) -> Form:
    return permuted(a, (1, 0, *range(2, len(a.shape))))


def _with_one(a: Form) -> Form:
    """Each channel as an image of its own."""
    return shaped(a, (a.shape[0], 1, *a.shape[1:]))


__all__ = ["Count", "Sliding"]
