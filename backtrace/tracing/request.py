"""How a formula is to be traced, beside the formula and the point."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from backtrace.checks.traced import Budget
from backtrace.graph.record import Granularity
from backtrace.numbers import DIGITS


class Request(NamedTuple):
    """`wrt` are the variables whose gradients are asked for (None: all); `upstream` is the gradient
    that arrives at the output (None: 1, for every entry); `check` says whether the witnesses are
    asked, and `budget` what that may cost; `digits` are those that will be shown, and that the
    check asks to be right."""

    granularity: Granularity = Granularity()
    wrt: Sequence[str] | None = None
    upstream: Any = None
    check: bool = True
    budget: Budget = Budget()
    digits: int = DIGITS
