"""Indices of arrays: NumPy's own entries, whatever stands in the brackets; or refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import backtrace
from backtrace.errors import BacktraceError, FormulaError

CHANCE = np.random.default_rng(0)
ARRAYS = {
    "T": CHANCE.uniform(0.2, 0.9, (3, 4, 5)),
    "M": CHANCE.uniform(0.2, 0.9, (3, 4)),
    "Q": CHANCE.uniform(0.2, 0.9, (2, 3, 4, 5)),
    "i": np.array([0, 2, 2]),
    "j": np.array([1, -1, 0]),
    "B": np.array([[0, 1], [2, -3]]),
}
READ = [
    *("M[i]", "M[i, j]", "M[:, j]", "T[:, j]", "T[..., 0]", "T[..., None]", "T[None, :, None]"),
    *("T[:, None, 0]", "T[[0, 2]]", "M[[[0, 1], [2, 2]]]", "T[i, j]", "T[i, :, 1:3]"),
    *("T[i, 1:3]", "T[1:, j]", "M[i, 0]", "T[0, j]", "T[i, j, j]", "T[:, i, j]", "M[B]"),
    *("M[B, B]", "Q[:, i, :, 1:4]", "Q[..., i]", "M[i][:, j]", "M[range(3), j]", "T[:, :, i]"),
    *("M[np.arange(3), j]", "M[[0, 1], [1, -1]]", "T[..., 1:3, 0]", "T[i, ::2]", "T[0][i]"),
    *("M[i[0]]", "M[i*0 + 1, j]", "T[:, [0, 2]][0]*2", "T[i, :]", "M[0, 1:2, None]", "M[-1]"),
]


def of(text: str) -> dict[str, Any]:
    return {name: value for name, value in ARRAYS.items() if name in text}


@pytest.mark.parametrize("text", READ)
def test_numpys_own_entries(text: str) -> None:
    trace = backtrace.trace(text, of(text))
    np.testing.assert_array_equal(trace.value, eval(text, {**ARRAYS, "np": np}))
    assert {check.verdict for check in trace.checks.values()} == {"agree"}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("T[i, :, 0]", "index arrays beside None, ... or apart from each other are not read"),
        ("M[i, None]", "index arrays beside None, ... or apart from each other are not read"),
        ("T[:, i, :, j]", "index arrays beside None, ... or apart from each other are not read"),
        ("T[..., ...]", "'.' cannot be an index"),
        ("M[M > 0]", "'>' is only allowed in where()"),
        ("M[i, j, j]", "shape 3x4 has 2 axes, not 3"),
        ("M[..., 0, 0, 0]", "shape 3x4 has 2 axes, and the index 3"),
        ("M[i", "'[' is never closed"),
    ],
)
def test_what_is_refused(text: str, what: str) -> None:
    with pytest.raises(FormulaError) as refused:
        backtrace.trace(text, of(text))
    assert refused.value.what == what


@pytest.mark.parametrize("index", [3, -4, 1.5])
def test_an_index_beyond_an_end_is_a_fault(index: float) -> None:
    trace = backtrace.trace("sum(M[k])", {"M": ARRAYS["M"], "k": [0, index]}, check=False)
    assert not trace.ok
    assert np.isnan(trace.value)


PARTS = st.sampled_from([":", "0", "-1", "1:", "::2", "...", "None", "i", "j", "[0, 1]", "B"])


@given(st.lists(PARTS, min_size=1, max_size=4), st.sampled_from(["T", "M", "Q"]))
@settings(max_examples=300, deadline=None)
def test_any_index_is_numpys_or_refused(parts: list[str], name: str) -> None:
    text = f"{name}[{', '.join(parts)}]"
    try:
        expected = eval(text, dict(ARRAYS))
    except (IndexError, ValueError):
        expected = None  # a vector's v[i, :], which we read as v[i]
    try:
        trace = backtrace.trace(text, of(text), check=False)
    except BacktraceError:
        return
    if expected is not None:
        np.testing.assert_array_equal(trace.value, expected, err_msg=text)
