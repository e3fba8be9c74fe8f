"""Functions of formulas of arrays, entry by entry and along axes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from backtrace.algebra.matrices import forms
from backtrace.algebra.matrices.forms import (
    NUMBER,
    Form,
    broadcast,
    call,
    is_zero,
    number,
)


def said_axis(x: Form, axis: Any) -> str:
    """How it is said along which axes a function goes; nothing of all, and of the only one."""
    if axis is None or len(x.shape) < 2:
        return ""
    if isinstance(axis, int):
        return f", axis={axis % len(x.shape)}"
    return f", axis={tuple(k % len(x.shape) for k in axis)}"


def exp(x: Form) -> Form:
    if x.kind == forms.CALL and x.parts[0] == "log_softmax":
        return replace(x, parts=("softmax", *x.parts[1:]))
    return call("exp", [x], x.shape, is_entrywise=True)


def sigmoid(x: Form) -> Form:
    """sigmoid(-z) is 1 - sigmoid(z)."""
    if x.kind == forms.PRODUCT and x.parts[0] < 0:
        return number(1) - sigmoid(-x)
    return call("sigmoid", [x], x.shape, is_entrywise=True)


def is_one_hot(a: Form) -> bool:
    return a.kind == forms.CALL and a.parts[0] == "one_hot"


def is_guard(test: Form) -> bool:
    """Whether a rule asks if a value is 0, to keep away from a division by it: what holds at
    single points is no formula. (A comparison of the formula's own is called ==.)"""
    is_equal = test.kind == forms.ENTRYWISE and test.parts[0] == "equal"
    return is_equal and any(is_zero(part) for part in test.parts[1])


def compared(word: str, a: Form, b: Form) -> Form:
    if word == "equal" and (won := of_winner(a, b)) is not None:
        return won
    if word == "less" and a.kind == forms.ENTRYWISE and a.parts[0] == "real":
        return number(0)  # an index that is written in letters does not count from the end
    if a == b:
        return number(int(word in ("equal", "==", "less_equal", "greater_equal")))
    if a.kind == b.kind == NUMBER:
        x, y = a.parts[0], b.parts[0]
        holds = {
            "less": x < y,
            "less_equal": x <= y,
            "greater": x > y,
            "greater_equal": x >= y,
            "equal": x == y,
            "==": x == y,
            "not_equal": x != y,
        }
        return number(int(holds[word]))
    return call(word, [a, b], broadcast([a.shape, b.shape]), is_entrywise=True)


def of_winner(a: Form, b: Form) -> Form | None:
    """max(0, x) == x as x > 0: ties are single points."""
    for one, other in ((a, b), (b, a)):
        if one.kind == forms.ENTRYWISE and one.parts[0] in ("max", "min"):
            rest = [part for part in one.parts[1] if part != other]
            if len(rest) == 1 and len(one.parts[1]) == 2:
                return compared("greater" if one.parts[0] == "max" else "less", other, rest[0])
    return None


def of_many(word: str, values: list[Form]) -> Form:
    return call(word, values, broadcast([v.shape for v in values]), is_entrywise=True)


def reduced(word: str, x: Form, axis: Any) -> Form:
    if axis is None or len(x.shape) == 1:
        return call(word, [x], ())  # as the gates have it: of all entries
    axes = (axis,) if isinstance(axis, int) else axis
    gone = {k % len(x.shape) for k in axes}
    shape = tuple(n for k, n in enumerate(x.shape) if k not in gone)
    return call(word, [x], shape, said_axis(x, axis))


def along(word: str, x: Form, axis: int) -> Form:
    if axis is None and len(x.shape) != 1:
        whole = x - call("logsumexp", [x], ())
        return whole if word == "log_softmax" else exp(whole)
    k = (axis or 0) % len(x.shape)
    after = "" if k == len(x.shape) - 1 else f", axis={k}"
    made = call(word, [x], x.shape, after)
    return replace(made, parts=(*made.parts, k))
