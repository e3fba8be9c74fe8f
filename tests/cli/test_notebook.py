"""The magics of a notebook: %backtrace for a formula, %%backtrace for a cell, which is not run."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import backtrace

CELL = "h = np.maximum(0, W @ x)\nloss = act(h).sum()*k\nran.append(1)\nother = loss*2\n"
Magic = Callable[..., Any]


def act(z: Any) -> Any:
    raise AssertionError("a notebook's functions are read, and never called")
    return z**2


def square(z: Any) -> Any:
    return z**2


@pytest.fixture
def names() -> dict[str, Any]:
    return {
        "np": np,
        "W": np.array([[1.0, 2.0], [3.0, 4.0]]),
        "k": 2.5,
        "x": [1.0, 2.0],
        "n": 3,
        "act": square,
        "ran": [],
        "h": "no number",
        "table": {"a": 1},
    }


@pytest.fixture
def magic(names: dict[str, Any]) -> Magic:
    found: dict[str, Any] = {}

    class Shell:
        user_ns = names

        def register_magic_function(self, function: object, kind: str, name: str) -> None:
            found[name] = function, kind

    backtrace.load_ipython_extension(Shell())
    function, kind = found["backtrace"]
    assert kind == "line_cell"
    assert function._ipython_magic_no_var_expand  # {x} is LaTeX's
    made: Magic = function
    return made


def test_a_cell_is_traced_with_the_values_of_the_notebook(
    magic: Magic, names: dict[str, Any]
) -> None:
    trace = magic("--of loss", CELL)
    h = np.maximum(0, names["W"] @ [1, 2])
    assert trace.value == pytest.approx((h**2).sum() * 2.5)
    assert trace.ok
    assert {*trace.point} == {"W", "x", "k"}
    assert names["ran"] == []
    assert names["h"] == "no number"
    assert [line.line for line in trace.lines if line] == [1, 1, 2, 2]


def test_what_the_line_gives_wins_and_so_does_what_the_cell_says(magic: Magic) -> None:
    assert magic("k=1 x=[0,1]", "y = (W @ x).sum()*k\n").value == 6
    assert magic("", "k = 10.0\ny = n*k\n").value == 30
    assert magic("k=2", "k = 10.0\ny = n*k\n").value == 6
    assert magic("", "k = k*2\ny = k*n\n").gradients == {"k": 6.0, "n": 5.0}


def test_options_are_those_of_the_command(magic: Magic, capsys: pytest.CaptureFixture[str]) -> None:
    trace = magic("--of h --fuse --wrt x --upstream [1,0]", "h = np.maximum(0, W @ x + 1)\ng = h*2")
    assert [group.gate for group in trace.groups] == ["relu_layer"]
    assert trace.gradients["x"].tolist() == [1.0, 2.0]
    assert magic("--order 2", "y = k**3").asked.seconds[0].symbolic == 15.0
    assert capsys.readouterr() == ("", "")
    assert magic("--format tree", "y = k**3") is None
    assert "line 1" in capsys.readouterr().out
    assert magic("--json", "%time\n!ls\ny = k**3\n") is None
    assert json.loads(capsys.readouterr().out)["nodes"][-1]["line"] == 3


@pytest.mark.parametrize(
    ("line", "cell", "told"),
    [
        ("", "y = W @ zz\n", "error: 1:9: 'zz' has no value\n  y = W @ zz\n          ^^\n"),
        ("", "y = 2*\n", "error: 1:7: invalid syntax\n"),
        ("", "\ny = W @ k\n", "error: 2:7: @ multiplies"),
        ("", "y = table*2\n", "error: 1:5: "),
        ("", "y = h*2\n", "error: 1:"),
        ("--of q", "y = k*2\n", "error: 1:1: 'q' is not computed here"),
        ("--kink odd", "y = k*2\n", "error: invalid value"),
        ("q=1", "y = k*2\n", "error: 'q' does not occur"),
        ("'a", "y = k*2\n", "error: the line cannot be parted: no closing quotation\n"),
        ("--points a.csv", "y = k*2\n", "error: --points is for a formula"),
        ("", None, "error: a formula is due\nhint: %backtrace (x+y)*z"),
        ("x*y x=1", None, "error: 'y' has no value"),
    ],
)
def test_errors_are_printed_as_the_command_prints_them(
    magic: Magic, capsys: pytest.CaptureFixture[str], line: str, cell: str | None, told: str
) -> None:
    assert magic(line, cell) is None
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(told)


def test_a_line_is_a_formula(magic: Magic, capsys: pytest.CaptureFixture[str]) -> None:
    assert magic("(x+y)*z x=-2 y=5 z=-4").value == -12
    assert magic("'x + y' x=1 y=2").value == 3
    assert magic("'q = x*y; f = q*2' x=1 y=3 --of q").value == 3
    assert magic(r"'\frac{x}{2}' x=3").value == 1.5
    assert magic("x*y x=1 y=3 --explain --no-check") is None
    assert "mul" in capsys.readouterr().out
    assert magic("--help") is None
    assert "%%backtrace --of loss" in capsys.readouterr().out
