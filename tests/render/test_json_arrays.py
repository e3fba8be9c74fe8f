"""Arrays as JSON: written whole arrays at a time, they read as they do number by number."""

from __future__ import annotations

import json
import math
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

import backtrace
from backtrace.formula.parser import parse
from backtrace.numbers import Blank, json_array, plain, repr_of
from backtrace.render import View, _json_text, data
from backtrace.render._json_text import Store, number_texts, writer
from backtrace.render.json import payload
from backtrace.tracing.worksheet import blanked
from tests.conftest import published

WHOLE = st.integers(-(2**54), 2**54).map(float)
NUMBERS = st.one_of(
    st.floats(allow_subnormal=True), WHOLE, st.sampled_from([-0.0, 0.5, 1.0, 1e16, 1e22, math.inf])
)


def one_by_one(value: Any) -> Any:
    return [one_by_one(v) for v in value] if isinstance(value, list) else plain(value)


@given(
    arrays(float, array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=4), elements=NUMBERS)
)
@example(np.array([2.0, 0.5, -0.0, 10.0, 1e-5, math.nan, -math.inf, math.inf]))
@example(np.array([[2.0**53, 1.0], [2.0**53 + 2, 0.5]]))
@example(np.array([9007199254740993.0, math.nan]))
@example(np.zeros((2, 0, 3)))
def test_an_array_is_written_as_its_numbers_are(array: Any) -> None:
    assert json_array(array) == json.dumps(one_by_one(array.tolist()))


@given(arrays(np.int64, array_shapes(max_side=4), elements=st.integers(-(2**60), 2**60)))
def test_whole_numbers_of_integers_too(array: Any) -> None:
    assert json_array(array) == json.dumps(one_by_one(array.astype(float).tolist()))


ENDS = [1e-5, -1e-5, 1.25e-5, 9.999e-5, 1e-4, 10.00001, 1e-7, 5e-324, 1e15, 1e16, 1e21, 1e22, 1e300]


@given(st.lists(st.lists(st.one_of(st.floats(), st.sampled_from(ENDS), WHOLE), max_size=5)))
@example([ENDS, [-0.0, 0.0]])
@example([[math.inf], [math.nan]])
def test_the_quick_writer_of_numbers_writes_what_python_writes(lists: list[list[float]]) -> None:
    assert repr_of(lists, 1_000_000) == repr(lists)


@given(
    arrays(
        float, array_shapes(max_dims=3, max_side=4), elements=st.floats() | st.sampled_from(ENDS)
    )
)
def test_an_array_is_written_as_its_lists_however_it_lies(array: Any) -> None:
    for laid in (array, array.T, array[::-1], np.asfortranarray(array)):
        assert repr_of(laid, 1_000_000) == repr(laid.astype(float).tolist())


def test_without_the_quick_writer_the_text_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    array = np.random.default_rng(0).standard_normal((50, 100))
    array[3] *= 1e-6
    with_it = json_array(array)
    monkeypatch.setitem(sys.modules, "orjson", None)
    assert json_array(array) == with_it


@given(st.lists(st.one_of(NUMBERS, st.just(math.nan), st.just(Blank(1.0)), st.integers(-5, 5))))
def test_numbers_by_parts_are_those_one_by_one(values: list[float]) -> None:
    wanted = [json.dumps(plain(value)) for value in values]
    for part in (1, 2, 1000):
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(_json_text, "_PART", part)
            assert list(number_texts(values)) == wanted


def lists_of(value: Any) -> Any:
    return one_by_one(value.tolist())


KINDS: list[Any] = [
    *(case["formula"] for case in published()[::7]),
    *(
        "x",
        "2*pi",
        "q = x^2; 3*q",
        "log(-x)",
        "x_α = x; -x_α",
        "where(x > 1, x, 2)",
        "relu(x)",
        "f(a) = a*a; f(x) + 2*x",
        "where(x > 1, x, 2)",
    ),
    *("sum(x*[1, -0.5])", "sum((A@[x, 1])^2)", "logsumexp(x, 2)", "softmax([x, 2])[0]"),
]


@pytest.mark.parametrize("part", [3, 10_000])
@pytest.mark.parametrize("formula", KINDS)
def test_every_line_is_its_object(formula: str, part: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However the text is made: of numbers at once, of arrays in pieces, without a point at all."""
    monkeypatch.setattr(_json_text, "_PART", part)
    names = parse(formula).inputs
    point = {n: [[1, 0.5], [2, -1]] if n == "A" else 0.25 + k for k, n in enumerate(names)}
    whole = backtrace.trace(formula, point, check=False)
    fused = backtrace.trace(formula, point, fuse=True, check=False)
    for trace in (whole, fused, *(blanked(whole, kind) for kind in ("values", "gradients"))):
        written = json.loads(data(trace, "json", View()))
        for key, value in payload(trace).items():
            assert written[key] == json.loads(json.dumps(value, default=lists_of)), key


@pytest.mark.parametrize("text", ["plain", "α·\u202e", "\x7f"])
def test_objects_that_hold_arrays_are_written_as_json_writes_lists(text: str) -> None:
    array = np.array([[1.0, 0.25], [math.inf, -3.0]])
    lists = one_by_one(array.tolist())
    described = {"a": array, text: [{"b": (array, 1, None)}, []], "c": {"d": text, "e": True}}
    plainly = {"a": lists, text: [{"b": (lists, 1, None)}, []], "c": {"d": text, "e": True}}
    written = writer()
    assert written(described) == written(plainly)
    assert json.loads(written(described)) == json.loads(json.dumps(plainly))


def test_large_arrays_go_into_the_store_wherever_they_stand() -> None:
    store, large = Store(), np.arange(200.0)
    written = json.loads(writer(store)({"a": [large, {"b": large}], "c": large[:3]}))
    there = {"npz": "array0", "shape": [200]}
    assert written == {"a": [there, {"b": there}], "c": [0, 1, 2]}
    assert store.arrays["array0"] is large


def test_the_jsons_of_a_trace_of_arrays_hold_its_numbers() -> None:
    point = {"W": [[0.5, -2.0], [1.0, 3.0]], "x": [1.5, 0.0]}
    trace = backtrace.trace("sum(relu(W@x)^2)", point)
    whole = json.loads(trace.to_json())
    lines = [json.loads(line) for line in trace.show(format="jsonl").splitlines()]
    assert whole["gradients"]["W"] == [[2.25, 0], [4.5, 0]]
    for node, line in zip(whole["nodes"], (o for o in lines if o["record"] == "node"), strict=True):
        index = node["id"]
        assert line == {"record": "node", **node}
        assert np.array_equal(node["value"], trace.values[index])
        assert np.array_equal(node["gradient"], trace.upstreams[index])


@pytest.mark.parametrize(
    ("formula", "point"),
    [
        ("(x+y)*z", {"x": -2, "y": 5, "z": -4}),
        ("sum(α*x)/0", {"α": [[1.5, 2], [0, -1]], "x": [1, 2]}),
        ("sum(x)", {"x": [0.5] * 300}),
        ("x + y", None),
    ],
)
def test_the_bytes_of_a_file_are_the_text_that_is_shown(
    formula: str, point: dict[str, Any] | None
) -> None:
    trace = backtrace.trace(formula, point)
    assert data(trace, "json", View()).decode("utf-8") == trace.to_json()
    assert json.loads(trace.to_json())["formula"] == formula
