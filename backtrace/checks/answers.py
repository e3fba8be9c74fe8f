"""What SymPy answers: plain values, which come from another process as from this one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from backtrace.language import tell

NATIVE = ("tanh",)
"""Gates that are made of others here, and functions of SymPy's own."""


class Answer(NamedTuple):
    """A value at the point and its formula; None, and the reason, where SymPy has no answer."""

    value: Any = None
    formula: Any = None
    reason: str = ""


def unanswered(names: Sequence[str], seconds: float) -> dict[str, Answer]:
    """What SymPy has said when it did not come to an end."""
    return dict.fromkeys(
        ("", *names), Answer(reason=tell("SymPy needs more than {seconds:g} s", seconds=seconds))
    )
