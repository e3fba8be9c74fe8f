"""Entries looked up by whole numbers, and added up where they stood, in formulas of arrays. Part of
their algebra."""

from __future__ import annotations

import math
import string
from collections.abc import Sequence
from typing import Any

from backtrace.algebra.matrices.forms import (
    LOOKED_UP,
    NAME,
    NUMBER,
    Form,
    NotInLetters,
    Shape,
    broadcast,
    call,
    form,
    number,
    product,
    scalars_apart,
    whole,
)
from backtrace.algebra.matrices.products import chain, outer, shaped, turned
from backtrace.language import tell


class Lookups:
    def one_hot(self, k: Any, count: int) -> Form:
        inner = form(k)
        return call("one_hot", [inner, number(count)], (*inner.shape, count))

    def looked_up(self, x: Any, axis: int, *indices: Any) -> Form:
        """C[i], x[i, j], x[:, j]: the entries that arrays name, one for each axis from this on."""
        inner, places = form(x), tuple(form(i) for i in indices)
        if any(place.kind not in (NAME, NUMBER) for place in places):
            raise NotInLetters(tell("a lookup by what is worked out"))
        common = broadcast(place.shape for place in places)
        shape = (*inner.shape[:axis], *common, *inner.shape[axis + len(places) :])
        return Form(LOOKED_UP, shape, (inner, axis, places))

    def added_up(self, u: Any, shape: Shape, axis: int, *indices: Any) -> Form:
        """u added up at the entries that were taken: one_hot(i, n).T @ u, of rows."""
        upstream, places = form(u), [form(i) for i in indices]
        common = broadcast(place.shape for place in places)
        if len(places) == 1:
            if axis == 0:
                return self._of_rows(upstream, shape, places[0])
            if axis == len(shape) - 1 and len(common) == 1:
                return chain([upstream, self.one_hot(places[0], shape[-1])])
        is_pair = len(places) == len(shape) == 2 and len(common) < 2
        hots = [
            self.one_hot(whole(place, common if place.shape else ()), shape[axis + k])
            for k, place in enumerate(places)
        ]
        if is_pair and not common:
            return product([upstream, outer(*hots)])
        if is_pair and places[0].shape:
            column = shaped(upstream, (*common, 1))
            return chain([turned(hots[0]), product([hots[1], column])])
        return _by_letters(upstream, hots, shape, axis)

    def _of_rows(self, u: Form, shape: Shape, places: Form) -> Form:
        rows = math.prod(places.shape)
        hot = shaped(self.one_hot(places, shape[0]), (rows, shape[0]))
        flat = shaped(u, (rows, math.prod(shape[1:])))
        return shaped(chain([turned(hot), flat]), shape)


def _by_letters(u: Form, hots: Sequence[Form], shape: Shape, axis: int) -> Form:
    """The sum over all that were taken, of u where each one-hot array has its 1."""
    free = iter(string.ascii_lowercase)
    own = [next(free) for _ in shape]
    taken = own[axis : axis + len(hots)]
    count = len(u.shape) - len(shape) + len(hots)
    common = "".join(next(free) for _ in range(count))
    terms = ["".join((*own[:axis], common, *own[axis + len(hots) :]))]
    for letter, hot in zip(taken, hots, strict=True):
        terms.append((common if len(hot.shape) > 1 else "") + letter)
    before, core = scalars_apart(u)
    made = call("einsum", [core, *hots], shape, f"{','.join(terms)}->{''.join(own)}")
    return product([before, made])


__all__ = ["Lookups"]
