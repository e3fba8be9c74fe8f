"""--cost as it is asked for on the command line: every kind of formula, in every format."""

from __future__ import annotations

import json
from importlib import resources

import jsonschema
import pytest

import backtrace
from tests.conftest import Command

LETTERS = json.loads(resources.files("backtrace.schemas").joinpath("letters-1.json").read_text())
KINDS = {
    "numbers": ["(x+y)*z", "x=-2", "y=5", "z=-4"],
    "no point": ["x*y + exp(x)"],
    "one gate": ["exp(x)", "x=1"],
    "no gate": ["x", "x=1"],
    "vector": ["sum(w*x)", "w=[1, 2]", "x=[3, 4]"],
    "batch": ["mean(relu(X@W))", "X=randn(4,3)", "W=randn(3,2)"],
    "net": [
        "h = relu(X@W1 + b1); s = h@W2; L = cross_entropy(s, y)",
        *("X=randn(4,3)", "W1=randn(3,5)", "b1=randn(5)", "W2=randn(5,2)", "y=[0,1,1,0]"),
    ],
    "fused": ["1/(1+exp(-x))", "x=1", "--fuse"],
    "own gate": ["swish(a) = a*sigmoid(a); swish(x)*y", "x=1", "y=2"],
    "kink": ["max(x, 0)*y", "x=0", "y=1"],
    "nan": ["ln(x)*y", "x=-1", "y=2"],
    "many": ["+".join(["sin(x)*y"] * 200), "x=0.3", "y=0.2"],
    "huge": ["sum(A@B)", "A=randn(1000,1000)", "B=randn(1000,1000)"],
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("look", [(), ("--ascii",), ("--width", "40"), ("--format", "markdown")])
def test_every_kind_of_formula(
    kind: str, look: tuple[str, ...], backtrace_command: Command
) -> None:
    ended = backtrace_command(*KINDS[kind], "--cost", "--no-check", *look)
    assert ended.status == (1 if kind == "nan" else 0)
    shown = ended.out[ended.out.index("cost: multiplications") :]
    for words in ("in all", "reverse mode", "forward mode", "checkpoints, k = "):
        assert words in shown
    if "markdown" not in look:
        width = 40 if "40" in look else 80
        assert max(map(len, ended.out.splitlines())) <= width
    if "--ascii" in look:
        assert ended.out.isascii()


@pytest.mark.parametrize("kind", [k for k in KINDS if k not in ("huge",)])
def test_json_is_read_back(kind: str, backtrace_command: Command) -> None:
    """The schema is held by the command itself; a saved trace shows the same again."""
    ended = backtrace_command(*KINDS[kind], "--cost", "--every", "2", "--no-check", "--json")
    found = json.loads(ended.out)["cost"]
    assert found["checkpoints"]["every"] == 2
    again = backtrace.Trace.from_json(ended.out)
    assert json.loads(again.to_json())["cost"] == found
    gates = [node for node in json.loads(ended.out)["nodes"] if node["kind"] == "gate"]
    assert [gate["node"] for gate in found["gates"]] == [node["id"] for node in gates]
    assert sum(gate["kept"] for gate in found["gates"]) == found["kept"]


@pytest.mark.slow
def test_a_matrix_product_of_a_thousand(backtrace_command: Command) -> None:
    ended = backtrace_command(*KINDS["huge"], "--cost", "--no-check", "--json", "-o", "/dev/null")
    assert ended.status == 0
    ended = backtrace_command(*KINDS["huge"], "--cost", "--no-check")
    assert "1,000,000,000" in ended.out
    assert "2,000,000,000" in ended.out


@pytest.mark.parametrize("format", ["table", "markdown", "json"])
@pytest.mark.parametrize("formula", ["sum((W@x)^2)", "sum(400.4*(W@W))"])
def test_in_letters(format: str, formula: str, backtrace_command: Command) -> None:
    """Where there are no formulas the cost stands alone."""
    shapes = ["W:m,n", "x:n"] if "x" in formula.replace("max", "") else ["W:n,n"]
    ended = backtrace_command(formula, *shapes, "--cost", "--format", format, "--no-check")
    assert ended.status == 0
    assert ended.err == ""
    if format == "json":
        found = json.loads(ended.out)
        jsonschema.validate(found, LETTERS)
        assert found["cost"]["gates"][0]["forward"]["multiplications"] in ("mn", "n^3")
    else:
        assert "mn" in ended.out or "n^3" in ended.out
        assert ("∂f/∂W" in ended.out) == ("@x" in formula)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["x*y", "x=1", "y=2", "--every", "3"], "--every is of checkpoints"),
        (["x*y", "x=1", "y=2", "--cost", "--every", "0"], "--every"),
        (["x*y", "x=1", "y=2", "--cost", "--format", "svg"], "--cost has no place in svg"),
        (["sum(W@x)", "W:m,n", "x:n", "--cost", "--format", "latex"], "no place in latex"),
        (["sum(W@x)", "W:m,n", "x:k", "--cost"], "do not fit"),
        (["sum(W@x)", "W:m,n", "x:n", "--cost", "--wrt", "z"], "'z'"),
        (["sum(max_pool(x, (2,)))", "x:n", "--cost"], "is not counted in letters"),
        (["x*y", "--points", "points.csv", "--cost"], "--cost is for one point"),
    ],
)
def test_what_is_refused(words: list[str], said: str, backtrace_command: Command) -> None:
    ended = backtrace_command(*words)
    assert ended.status == 2
    assert said in ended.err
    assert ended.out == ""


def test_of_code(backtrace_command: Command, tmp_path: object) -> None:
    path = f"{tmp_path}/net.py"
    with open(path, "w", encoding="utf-8") as file:
        file.write("import numpy as np\nW = np.ones((3, 2))\nx = np.ones(2)\nL = np.sum(W @ x)\n")
    ended = backtrace_command(path, "--cost")
    assert ended.status == 0
    assert "#2 matmul (3)        6        12     0  W, x" in ended.out


def test_compared_the_totals_stand_side_by_side(backtrace_command: Command) -> None:
    ended = backtrace_command("1/(1+exp(-x))", "x=1", "--compare", "--cost")
    told = " ".join(ended.out.split())
    assert "2 multiplications, 3 other and 24 bytes kept as written" in told
    assert "2 multiplications, 2 other and 8 bytes kept fused" in told
