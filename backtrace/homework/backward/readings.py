"""Which number the gradients of a script are of, where more than one may be meant."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from backtrace.algebra.arrays import quiet
from backtrace.code.losses import Candidate
from backtrace.errors import BacktraceError
from backtrace.homework.backward.judging import Court
from backtrace.language import tell

_MOST_OTHERS = 5


def likeliest(court: Court, of: Callable[[Candidate], Court]) -> Court:
    """The court of the likeliest result, or of another number that more of the gradients are right
    for: these are then told to be of that. `of` has the court of another."""
    with quiet():
        best = court
        right, count = court.sound(), len(court.code.gradients)
        for candidate in court.code.may_be[:_MOST_OTHERS]:
            if right == count:
                break
            try:
                other = of(candidate)
                found = other.sound()
            except BacktraceError:
                continue
            if found > right:
                best, right = other, found
    if best is not court:
        best.code = replace(best.code, notes=(*best.code.notes, _said(court, best)))
    return best


def _said(first: Court, best: Court) -> str:
    return tell(
        "the gradients are taken for those of {result}, which they fit, "
        "and not of {code_result}: --of NAME says which is meant",
        result=best.code.result,
        code_result=first.code.result,
    )
