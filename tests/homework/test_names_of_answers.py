"""What an answer may be called: as the tool prints a gradient, as a lecture writes it; and never
two things at once."""

from __future__ import annotations

import pathlib

import pytest

from backtrace.errors import BacktraceError, ValueGivenError
from backtrace.homework.checking import check
from backtrace.homework.grading import grade
from backtrace.homework.submissions import read_submissions
from tests.conftest import Command

POINT = {"x": -2, "y": 5, "z": -4}
SPELLINGS = (
    "dx",
    "∂f/∂x",
    "df/dx",
    "dfdx",
    "∂f∂x",
    "dL/dx",
    "dloss/dx",
    "df/∂x",
    "∂L/dx",
    "d f / d x",
)


@pytest.mark.parametrize("name", SPELLINGS)
def test_an_answer_is_typed_as_it_is_printed(name: str, backtrace_command: Command) -> None:
    """In a word of the command, in Python, and in a submission: right and wrong alike."""
    assert check("(x+y)*z", POINT, {name: "-4"}).ok
    assert not check("(x+y)*z", POINT, {name: "-3.5"}).ok
    words = ("check", "(x+y)*z", "x=-2", "y=5", "z=-4")
    assert backtrace_command(*words, f"{name}=-4", "f=-12").status == 0
    assert backtrace_command(*words, f"{name}=4.5").status == 1
    text = """
[[problem]]
id = "p"
formula = "(x+y)*z"
point = { x = -2, y = 5, z = -4 }
ask = ["dx", "dz"]
"""
    (row,) = grade(text, [{"student": "a", "answers": {"p": {name: "-4", "dz": "x+"}}}])
    verdicts = {mark.name: mark.verdict for mark in row.parts[0].marks}
    assert verdicts == {"dx": "ok", "dz": "cannot be read"}
    (row,) = grade(text, [{"student": "a", "answers": {"p": {name: "x+"}}}])
    assert row.parts[0].marks[0].verdict == "cannot be read"


@pytest.mark.parametrize(
    ("formula", "point", "name", "value"),
    [
        ("q = x+y; L = q*z", POINT, "dL/dq", "-4"),
        ("q = x+y; L = q*z", POINT, "dLdq", "-4"),
        ("q = x+y; out = q*z", POINT, "dout/dx", "-4"),
        ("q = x+y; out = q*z", POINT, "doutdz", "3"),
        ("q = x+y; out = q*z", POINT, "df/dz", "3"),
        ("sum(W1*2)", {"W1": [1, 2]}, "dL/dW1", "[2, 2]"),
        ("f*x", {"f": 2, "x": 3}, "dL/df", "3"),
        ("f*x", {"f": 2, "x": 3}, "dLdf", "3"),
        ("(x+y)*z", POINT, "df/d#3", "-4"),
        ("x*fdx", {"x": 2, "fdx": 3}, "df/dfdx", "2"),
        ("x*fdx", {"x": 2, "fdx": 3}, "df/dx", "3"),
        ("fdx*y", {"y": 2, "fdx": 3}, "dfdx", "2"),  # there is no x
    ],
)
def test_the_output_s_name_and_the_lecture_s(
    formula: str, point: dict, name: str, value: str
) -> None:
    assert check(formula, point, {name: value}).ok
    assert not check(
        formula, point, {name: value.replace("2", "7").replace("3", "8").replace("4", "9")}
    ).ok


@pytest.mark.parametrize(
    ("formula", "point", "name", "words"),
    [
        ("x*fdx", {"x": 2, "fdx": 3}, "dfdx", ["gradient of fdx", "gradient of x"]),
        ("dfdx = x*y; dfdx^2", {"x": 2, "y": 3}, "dfdx", ["value of dfdx", "gradient of x"]),
        ("dx = x*y; dx^2", {"x": 2, "y": 3}, "dx", ["value of dx", "gradient of x"]),
        ("f*x", {"f": 2, "x": 3}, "df/dx", ["f is a variable here", "output, L"]),
        ("q = x+y; f = q*z", POINT, "dq/dx", ["q is a stage here", "output, f"]),
        ("x*y", {"x": 2, "y": 3}, "dg/dx", ["is no answer"]),
        ("x*y", {"x": 2, "y": 3}, "df/dw", ["is no answer"]),
        ("x*y", {"x": 2, "y": 3}, "df/d#99", ["is no answer"]),
    ],
)
def test_two_readings_or_none_are_refused(
    formula: str, point: dict, name: str, words: list[str], backtrace_command: Command
) -> None:
    with pytest.raises(ValueGivenError) as refused:
        check(formula, point, {name: "1"})
    for word in words:
        assert word in str(refused.value)
    typed = [f"{n}={v}" for n, v in point.items()]
    ended = backtrace_command("check", formula, *typed, f"{name}=1")
    assert ended.status == 2
    for word in words:
        assert word in ended.err
    assert f"  {name}=1" in ended.err


def test_the_same_answer_under_two_names_is_given_twice() -> None:
    with pytest.raises(BacktraceError, match="twice"):
        check("(x+y)*z", POINT, {"dx": "-4", "df/dx": "-4"})


def test_in_a_cell_of_words(tmp_path: pathlib.Path) -> None:
    """Several answers in one cell of a CSV: each name begins a new one."""
    (tmp_path / "class.csv").write_text(
        "student,problem,answers\nada,p,df/dx=-4 ∂f/∂y=-4 dfdz=3\n", "utf-8"
    )
    text = '[[problem]]\nid = "p"\nformula = "(x+y)*z"\npoint = { x = -2, y = 5, z = -4 }\n'
    (row,) = grade(text, read_submissions([str(tmp_path / "class.csv")]))
    assert (row.points, row.is_full) == (3, True)
