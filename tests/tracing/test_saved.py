"""Saved traces that were damaged, edited or made to harm: an error, or the numbers that stand
there. Never another exception, and no number is taken for one that it is not."""

from __future__ import annotations

import contextlib
import functools
import json
import math
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import backtrace
from backtrace.errors import BacktraceError
from backtrace.tracing.worksheet import blanked

WX = {"W": [[1, 2], [3, 4]], "x": [1, 2], "b": [0.1, 0.2]}
KINDS = ["wordings", "descent", "arrays", "fused", "nan", "kink", "formulas", "names", "sheet"]


@functools.cache
def saved() -> dict[str, str]:
    """The text of a saved trace of every kind."""
    words = backtrace.trace("max(x, 0)*y + x/y", {"x": 2, "y": 3})
    down = backtrace.trace("(x - y)^2", {"x": 2, "y": 3})
    arrays = backtrace.trace("h = max(0, W@x + b); sum(h^2)", WX)
    traces = {
        "wordings": words.showing(words.formulas(), words.exactly(), words.to_digits(20)),
        "descent": down.showing(down.descend(0.1, steps=2), down.hessian()),
        "arrays": arrays.showing(arrays.jacobians(), arrays.cost(2)),
        "fused": backtrace.trace("s(a) = a^2; 1/(1+exp(-s(x)))", {"x": 1}, fuse=True),
        "nan": backtrace.trace("ln(x)*y", {"x": -1, "y": 2}),
        "kink": backtrace.trace("max(x, 0)", {"x": 0}),
        "formulas": backtrace.trace("x*y"),
        "names": backtrace.trace("npz*shape", {"npz": 2, "shape": 3}),
        "sheet": blanked(backtrace.trace("x*y + y", {"x": 2, "y": 3}, check=False), "all"),
    }
    assert list(traces) == KINDS
    return {name: trace.to_json() for name, trace in traces.items()}


PLACE = '"@@"'


def leaves(described: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every number in the object, and every list of some."""
    if isinstance(described, dict):
        for key, value in described.items():
            yield from leaves(value, (*path, key))
    elif isinstance(described, list):
        yield path, described
        for place, value in enumerate(described):
            yield from leaves(value, (*path, place))
    elif described is None or described == "nan" or isinstance(described, int | float):
        yield path, described


@functools.cache
def all_leaves() -> list[tuple[str, tuple[Any, ...]]]:
    texts = saved().items()
    return [(name, path) for name, text in texts for path, _ in leaves(json.loads(text)) if path]


HOSTILE = ["7" * 20, "7" * 309, "7" * 400, "-" + "7" * 5000, "1e400", "-1e999", "1e-400", "true"]
HOSTILE += ["NaN", "-Infinity", '"12"', '"1_0"', '"x"', "[]", "{}", "null", "0.5", "-1", "[1, [2]]"]
HOSTILE += [
    '["5", 1]',
    "[true, 1.5]",
    "[[]]",
    "[" * 900 + "]" * 900,
    '{"npz": "array0", "shape": [1]}',
]


def changed(text: str, path: tuple[Any, ...], to: str) -> str:
    described = json.loads(text)
    inner = described
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = "@@"
    return json.dumps(described).replace(PLACE, to, 1)


@pytest.mark.parametrize("name", KINDS)
def test_the_way_back(name: str) -> None:
    assert backtrace.Trace.from_json(saved()[name]).to_json() == saved()[name]


@given(st.deferred(lambda: st.sampled_from(all_leaves())), st.sampled_from(HOSTILE))
@example(("wordings", ("point", "x")), "[[]]")
@settings(max_examples=150, deadline=None)
def test_any_number_replaced_by_anything(leaf: tuple[str, tuple[Any, ...]], to: str) -> None:
    with contextlib.suppress(BacktraceError):  # and no other
        backtrace.Trace.from_json(changed(saved()[leaf[0]], leaf[1], to))


@pytest.mark.slow
@pytest.mark.parametrize("to", HOSTILE, ids=lambda to: to[:12])
def test_every_number_replaced(to: str) -> None:
    kinds = {
        (name, *(k for k in path if type(k) is str)): (name, path) for name, path in all_leaves()
    }
    for name, path in kinds.values():
        with contextlib.suppress(BacktraceError):
            backtrace.Trace.from_json(changed(saved()[name], path, to))


PLACES = [
    ("wordings", ("point", "x")),
    ("wordings", ("nodes", 3, "value")),
    ("wordings", ("nodes", 3, "gradient")),
    ("wordings", ("edges", 0, "upstream")),
    ("wordings", ("edges", 0, "local")),
    ("wordings", ("edges", 0, "downstream")),
    ("wordings", ("gradients", "x")),
    ("wordings", ("output", "value")),
    ("wordings", ("checks", "x", "numeric")),
    ("descent", ("descent", "rate")),
    ("descent", ("descent", "outputs", 1)),
    ("descent", ("second_derivatives", 0, "numeric")),
    ("arrays", ("point", "W", 0, 1)),
    ("arrays", ("edges", 2, "downstream", 0)),
    ("arrays", ("jacobians", 0, "entries", 0, 0)),
]
NO_NUMBER = ["true", '"12"', '"1_0"', '"x"', "{}", "NaN", "1e400", "7" * 400]


@pytest.mark.parametrize(("name", "path"), PLACES, ids=str)
@pytest.mark.parametrize("to", NO_NUMBER, ids=lambda to: to[:8])
def test_what_is_no_number_is_not_taken_for_one(name: str, path: tuple[Any, ...], to: str) -> None:
    with pytest.raises(BacktraceError, match=r"no number|too large for a 64-bit|JSON has no NaN"):
        backtrace.Trace.from_json(changed(saved()[name], path, to))


@pytest.mark.parametrize(
    ("name", "path", "words"),
    [
        ("wordings", ("point", "x"), "the value of x is told twice, and differs"),
        ("wordings", ("gradients", "y"), "the gradient of y is told twice"),
        ("wordings", ("output", "value"), "the output is told twice"),
        ("wordings", ("edges", 1, "upstream"), "the upstream of #3 is told twice"),
        ("nan", ("output", "value"), "the output is told twice"),
        ("arrays", ("gradients", "W", 1, 1), "the gradient of W is told twice"),
        ("arrays", ("point", "b", 1), "the value of b is told twice"),
        ("arrays", ("output", "node"), "the output is not that of the formula"),
        ("arrays", ("jacobians", 0, "shape", 1), "a Jacobian has another shape"),
        ("arrays", ("cost", "kept"), "the cost is not that of the formula"),
        ("arrays", ("cost", "checkpoints", "every"), "checkpoints are every so many gates"),
    ],
)
def test_what_is_told_twice_is_the_same(name: str, path: tuple[Any, ...], words: str) -> None:
    with pytest.raises(BacktraceError, match=words):
        backtrace.Trace.from_json(changed(saved()[name], path, "0"))


def test_a_shape_that_does_not_fit() -> None:
    for path in (("nodes", 0, "value"), ("nodes", 0, "gradient"), ("edges", 0, "downstream")):
        for to in ("0.5", "[1]", "[[1, 2, 3], [1, 2, 3]]", "[]"):
            with pytest.raises(BacktraceError, match="damaged"):
                backtrace.Trace.from_json(changed(saved()["arrays"], path, to))


def test_whole_numbers_that_floats_hold_are_read() -> None:
    text = backtrace.trace("x + y", {"x": 1e300, "y": 0}, check=False).to_json()
    long = text.replace("1e+300", str(10**300))
    assert long != text
    assert backtrace.Trace.from_json(long).value == 1e300


def test_variables_may_be_called_as_the_file_calls_its_arrays() -> None:
    trace = backtrace.trace("npz*shape", {"npz": 1e308, "shape": 1e308}, check=False)
    trace = backtrace.Trace.from_json(trace.to_json())
    assert math.isinf(trace.value)
    point = {"npz": 0, "shape": [1.0, 2]}
    trace = backtrace.trace("sum(npz*shape/npz)", point, check=False)
    assert '"npz": "nan"' in trace.to_json()
    assert math.isnan(backtrace.Trace.from_json(trace.to_json()).gradients["npz"])
