"""Attention in formulas of arrays: softmax(Q@K.T/sqrt(d))@V, and which rows may be asked. Part of
their algebra."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from backtrace.algebra.matrices import forms
from backtrace.algebra.matrices.forms import Form, call, form, number, ones, product
from backtrace.algebra.matrices.functions import along, compared
from backtrace.algebra.matrices.products import chain, shaped, turned
from backtrace.algebra.matrices.sums import summed

_NOBODY = -forms.name("1e300", ())  # the score of a row that is not asked: its share is 0


class Asking:
    def attended(self, Q: Any, K: Any, V: Any, causal: int, *mask: Any) -> Form:
        return chain([self.attention_weights(None, Q, K, causal, *mask), form(V)])

    def attention_weights(self, _: Any, Q: Any, K: Any, causal: int, *mask: Any) -> Form:
        """softmax(Q@K.T/sqrt(d)), of every matrix of a batch; rows that are not asked have 0."""
        q = form(Q)
        scores = _over_root(chain([q, turned(form(K))]), q.shape[-1])
        tests = [form(m) for m in mask]
        if causal:
            rows = ones(scores.shape[-2:])
            tests.append(call("tril", [rows], rows.shape))
        for test in tests:
            is_asked = compared("greater", test, number(0))
            scores = call("where", [is_asked, scores, _NOBODY], scores.shape, is_entrywise=True)
        return along("softmax", scores, -1)

    def to_scores(self, u: Any, f: Any, Q: Any, K: Any, V: Any, causal: int, *mask: Any) -> Form:
        p = self.attention_weights(f, Q, K, causal, *mask)
        r = chain([form(u), turned(form(V))])
        back = p * (r - shaped(summed(p * r, -1), (*r.shape[:-1], 1)))
        return _over_root(back, form(Q).shape[-1])


def _over_root(a: Form, length: int) -> Form:
    return product([a, (number(length**0.5), Fraction(-1))])


__all__ = ["Asking"]
