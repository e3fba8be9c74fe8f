"""What contradicts the trace where no gradient that was asked for does."""

from __future__ import annotations

from typing import NamedTuple

from backtrace.graph.record import DISAGREE, Check


class Contradicted(NamedTuple):
    """A node, one of whose numbers is wrong; and that in words."""

    node: int
    words: str


def judged(check: Check, *found: Contradicted | None) -> Check:
    """The output's check, with the first thing that was found."""
    if check.verdict == DISAGREE:
        return check
    for contradicted in filter(None, found):
        node, words = contradicted
        return check._replace(verdict=DISAGREE, reason=words, gate=node)
    return check
