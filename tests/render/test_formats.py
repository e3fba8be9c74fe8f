"""Views: numbers, the table and the tree as text, JSON against its schema and read back."""

from __future__ import annotations

import json
import math
from importlib import resources

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import backtrace
from backtrace.errors import UsageError
from backtrace.numbers import number
from backtrace.render import PLAIN, View, data, draw, format_of, formats
from tests.conftest import ROWS, points, published, usage

CASES = [pytest.param(case, id=case["id"]) for case in published()]
SCHEMA = json.loads(resources.files("backtrace.schemas").joinpath("trace-1.json").read_text())


@pytest.mark.small
@pytest.mark.parametrize(
    ("value", "text"),
    [
        (-12.0, "-12"),
        (0.0, "0"),
        (-0.0, "0"),
        (0.36787944, "0.3679"),
        (24.70408163, "24.7"),
        (645.5773, "645.6"),
        (100.0, "100"),
        (123456789.0, "123456789"),
        (12345.678, "1.235e4"),
        (1e15, "1e15"),
        (6.02214e23, "6.022e23"),
        (0.00001234567, "1.235e-5"),
        (0.0001234567, "0.0001235"),
        (1e-320, "1e-320"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
        (math.nan, "nan"),
    ],
)
def test_numbers_as_people_write_them(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.small
@given(st.floats(-1e300, 1e300), st.integers(1, 17))
@settings(max_examples=200)
def test_a_number_is_right_to_its_digits(value: float, digits: int) -> None:
    text = number(value, digits)
    assert float(text) == pytest.approx(value, rel=10.0 ** (1 - digits), abs=1e-300)
    assert text != "-0"
    assert not text.endswith(".")


@pytest.mark.small
def test_the_formats_are_the_files_of_the_folder() -> None:
    plain = {"json", "jsonl", "markdown", "table", "tree", "wires"}
    drawn = {"svg", "png", "html", "dot", "mermaid", "tikz", "latex", "python", "torch"}
    assert list(formats()) == sorted(plain | drawn)
    assert format_of("a/b.json") == "json"
    assert format_of("B.TXT") == "table"
    with pytest.raises(UsageError, match="no suffix"):
        format_of("plain")
    with pytest.raises(UsageError, match="no format 'jason'"):
        draw(backtrace.trace("x", {"x": 1}, check=False), "jason", View())


@pytest.mark.parametrize("case", CASES)
def test_every_format_draws_every_published_case(case: dict) -> None:
    trace = backtrace.trace(case["formula"], case["point"])
    for name in (*PLAIN, "wires"):
        for view in (View(), View(ascii=True), View(width=30), View(color=True, width=120)):
            text = draw(trace, name, view)
            assert text == draw(trace, name, view)
            assert text.endswith("\n")
            if name in ("table", "tree", "wires") and not view.color:
                assert max(map(len, text.splitlines())) <= view.width
                assert text.isascii() or not view.ascii


@pytest.mark.parametrize("gate", ROWS)
def test_every_format_draws_every_gate(gate: backtrace.gates.Gate) -> None:
    trace = backtrace.trace(usage(gate), points(gate, 1)[0], check=False)
    for name in formats():
        assert data(trace, name, View())
    jsonschema.validate(json.loads(trace.to_json()), SCHEMA)


@pytest.mark.parametrize("case", CASES)
def test_json_follows_its_schema_and_reads_back_the_same(case: dict) -> None:
    trace = backtrace.trace(case["formula"], case["point"])
    text = trace.to_json()
    jsonschema.validate(json.loads(text), SCHEMA)
    again = backtrace.Trace.from_json(text)
    assert again == trace
    assert again.to_json() == text


def test_json_of_numbers_that_are_not_finite_reads_back_too() -> None:
    trace = backtrace.trace("1/(1+exp(-x))", {"x": -1000})
    described = json.loads(trace.to_json())
    jsonschema.validate(described, SCHEMA)
    assert described["gradients"] == {"x": "nan"}
    assert described["fault"]["direction"] == "backward"
    assert described["ok"] is False
    assert backtrace.Trace.from_json(trace.to_json()).to_json() == trace.to_json()


@pytest.mark.small
@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"schema": "backtrace.trace/2"}',
        '{"schema": "backtrace.trace/1", "formula": "x", "point": {"x": 1}, "nodes": []}',
        '{"schema": "backtrace.trace/1", "formula": "x", "point": {"x": [1]}}',
        '{"schema": "backtrace.trace/1", "formula": 3, "point": 4}',
        "[" * 100_000,
    ],
)
def test_a_damaged_file_is_an_error(text: str) -> None:
    with pytest.raises(UsageError):
        backtrace.Trace.from_json(text)


@pytest.mark.small
def test_the_contracts_json_example() -> None:
    trace = backtrace.trace("(x+y)*z", {"x": -2, "y": 5, "z": -4}, check=False)
    described = json.loads(trace.to_json())
    assert described["schema"] == "backtrace.trace/1"
    assert described["output"] == {"node": 4, "name": None, "value": -12}
    assert described["nodes"][0] == {
        "id": 0, "kind": "input", "name": "x", "expr": "x", "value": -2, "gradient": -4,
    }  # fmt: skip
    add = described["nodes"][3]
    assert (add["gate"], add["role"], add["expr"], add["span"]) == (
        "add", "distributor", "x + y", [1, 4],
    )  # fmt: skip
    assert described["gradients"] == {"x": -4, "y": -4, "z": 3}
    assert described["ok"] is True


@pytest.mark.small
def test_absorbed_constants_are_in_json() -> None:
    trace = backtrace.trace("where(x > 1, 2, 3)*4 + leaky_relu(x)", {"x": 2}, check=False)
    nodes = {n["label"]: n for n in json.loads(trace.to_json())["nodes"] if n["kind"] == "gate"}
    assert nodes["*4"]["constant"] == 4
    assert nodes["where"]["constant"] == [2, 3]
    assert nodes["leaky_relu"]["constant"] == 0.01
    assert nodes["x > 1"]["expr"] == "x > 1"


@pytest.mark.small
def test_json_lines_say_the_same_as_json() -> None:
    trace = backtrace.trace("(x+y)*z", {"x": -2, "y": 5, "z": -4}, check=False)
    whole = json.loads(trace.to_json())
    lines = [json.loads(line) for line in trace.show("jsonl").splitlines()]
    kinds = [line.pop("record") for line in lines]
    assert kinds == ["trace"] + ["node"] * 5 + ["edge"] * 4 + ["result"]
    assert lines[1:6] == whole["nodes"]
    assert lines[6:10] == whole["edges"]
    assert {**lines[0], **lines[-1]} == {
        k: v for k, v in whole.items() if k not in ("nodes", "edges")
    }


@pytest.mark.small
def test_rounded_products_are_owned_up_to() -> None:
    rounded = backtrace.trace("x*y*z", {"x": 0.123456, "y": 0.654321, "z": 3}, check=False)
    whole = backtrace.trace("x*y*z", {"x": 2, "y": 3, "z": 4}, check=False)
    for name in ("table", "tree"):
        assert "numbers are rounded" in rounded.show(name)
        assert "numbers are rounded" not in whole.show(name)


@pytest.mark.small
def test_users_text_is_never_markup() -> None:
    trace = backtrace.trace("x # [red]bold[/red] [/x]", {"x": 1}, check=False)
    for name in ("table", "tree"):
        assert "[red]bold[/red] [/x]" in trace.show(name)


@pytest.mark.small
def test_greek_names_in_ascii() -> None:
    trace = backtrace.trace("θ*Ω", {"θ": 1, "Ω": 2}, check=False)
    text = trace.show("table", View(ascii=True))
    assert text.isascii()
    assert "theta = 1, Omega = 2" in text


@pytest.mark.small
def test_colour_only_when_asked() -> None:
    trace = backtrace.trace("x*y", {"x": 1, "y": 2}, check=False)
    assert "\x1b[" in trace.show("table", View(color=True))
    assert "\x1b[" not in trace.show("table")


@pytest.mark.small
def test_a_shared_node_is_drawn_once_in_the_tree() -> None:
    text = backtrace.trace("q = x + y; q*q", {"x": 1, "y": 2}, check=False).show("tree")
    assert text.count("(drawn above)") == 1
    assert text.count(" x = 1 ") == 1


@pytest.mark.small
def test_large_graphs_are_abbreviated_and_say_so() -> None:
    trace = backtrace.trace("+".join(["x"] * 5000), {"x": 1}, check=False)
    for name in ("table", "tree"):
        text = trace.show(name)
        assert "--format jsonl has" in " ".join(text.split())
        assert len(text) < 60_000
