r"""\begin{cases} in LaTeX: the value of the first case that holds, or refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import backtrace
from backtrace.errors import BacktraceError

SIGNS: dict[str, Callable[[float, float], bool]] = {
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
    r"\le": lambda a, b: a <= b,
    r"\geq": lambda a, b: a >= b,
    "=": lambda a, b: a == b,
    r"\ne": lambda a, b: a != b,
}
VALUES: list[tuple[str, Callable[[float], float]]] = [
    ("0", lambda x: 0.0),
    ("x", lambda x: x),
    ("x^2", lambda x: x * x),
    ("2x + 1", lambda x: 2 * x + 1),
    (r"\frac{x}{2}", lambda x: x / 2),
    (r"\sin(x)", np.sin),
]
CONDITIONS = st.tuples(st.sampled_from(sorted(SIGNS)), st.sampled_from([-1, 0, 2]))
CASES = st.lists(st.tuples(st.sampled_from(VALUES), CONDITIONS), min_size=2, max_size=4)


@given(CASES, st.sampled_from(["otherwise", "else", ""]), st.sampled_from([-2.0, -1, 0, 1, 2, 3]))
def test_the_first_case_that_holds(cases: list[Any], last: str, x: float) -> None:
    rows = [rf"{text} & x {sign} {than}" for (text, _), (sign, than) in cases]
    if last:
        rows[-1] = rf"{cases[-1][0][0]} & \text{{{last}}}"
    text = r"y + \begin{cases} " + r" \\ ".join(rows) + r" \end{cases}"
    holds = [SIGNS[sign](x, than) for _, (sign, than) in cases]
    found = [f(x) for ((_, f), _), held in zip(cases, holds, strict=True) if held]
    if last and not any(holds[:-1]):
        found = [cases[-1][0][1](x)]
    point: dict[str, float] = {"x": x, "y": 10.0}
    try:
        trace = backtrace.trace(text, point, check=False)
    except BacktraceError:
        trace = None  # not all cases, for all that is said
    if trace is None:
        assert not last
        return
    np.testing.assert_allclose(trace.value, 10 + found[0], rtol=1e-12)


READ = [
    (r"\begin{cases} v & v \ge 0 \\ 0.1 v & v < 0 \end{cases}", "where(v >= 0, v, 0.1*v)"),
    (r"\begin{cases} x, & \text{if } x > 0, \\ 0, & 0 \ge x. \end{cases}", "where(x > 0, x, 0)"),
    (r"\begin{cases} x & |x| < 1 \\ 0 & \text{그 외} \end{cases}", "where(abs(x) < 1, x, 0)"),
    (r"2 \begin{cases} x & x > 0 \\ 0 & \mathrm{else} \end{cases}", "2*where(x > 0, x, 0)"),
]


@pytest.mark.parametrize(("typed", "ours"), READ, ids=lambda text: text)
def test_what_is_read(typed: str, ours: str) -> None:
    values: dict[str, Any] = {"x": -0.5, "v": [1.0, -2.0]}
    trace = backtrace.trace(typed, {n: v for n, v in values.items() if n in ours})
    assert trace.graph.read_as == ours
    assert trace.ok


REFUSED = [
    r"\begin{cases} 1 & x > 0 \\ -1 & x < 0 \end{cases}",
    r"\begin{cases} 1 & 0 < x < 1 \\ -1 & \text{else} \end{cases}",
    r"\begin{cases} x & \text{otherwise} \\ 0 & x > 0 \end{cases}",
    r"\begin{cases} x \\ 0 \end{cases}",
    r"\begin{cases} x & x > 0 \end{cases}",
]


@pytest.mark.parametrize("typed", REFUSED)
def test_what_might_leave_a_gap_is_refused(typed: str) -> None:
    with pytest.raises(BacktraceError) as refused:
        backtrace.trace(typed, {"x": 0.5})
    assert refused.value.hint
