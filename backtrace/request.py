"""What is asked of a trace, beside the formula and the point."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from backtrace.checks.subject import Budget
from backtrace.record import Granularity


class Request(NamedTuple):
    """`upstream` is the gradient that arrives at the output (None: 1, for every entry); `rate` and
    `steps` ask for gradient descent; `tick` is called after every step of it."""

    granularity: Granularity = Granularity()
    wrt: Sequence[str] | None = None
    symbolic: bool = False
    exact: bool = False
    precision: int | None = None
    order: int = 1
    upstream: Any = None
    jacobian: bool = False
    rate: float | None = None
    steps: int = 1
    tick: Callable[[], None] = lambda: None
    check: bool = True
    budget: Budget = Budget()
