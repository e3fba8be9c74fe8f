"""--of NAME: a stage as the result, in every grammar, with what it needs and nothing else."""

from __future__ import annotations

import pathlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import backtrace
from backtrace.errors import UsageError
from backtrace.formula.parser import parse
from backtrace.formula.results import cut
from backtrace.graph import Graph
from tests.conftest import Command

LETTERS = "abcdefgh"
VARIABLES = "xyz"


@st.composite
def stages(draw: st.DrawFn) -> list[tuple[str, str, str]]:
    """Stages a, b, c ..., each of two earlier ones or variables."""
    made: list[tuple[str, str, str]] = []
    for _ in range(draw(st.integers(1, 8))):
        known = st.sampled_from([*VARIABLES, *LETTERS[: len(made)]])
        made.append((draw(known), draw(st.sampled_from("+*-/")), draw(known)))
    return made


def needed(made: list[tuple[str, str, str]], at: int) -> set[str]:
    found = {LETTERS[at]}
    for name, (left, _, right) in reversed(list(zip(LETTERS, made, strict=False))):
        if name in found:
            found |= {left, right}
    return found


SPELLINGS = {
    "plain": ("; ", "{} = {} {} {}", ""),
    "lines": ("  # a comment; with a sign\n\n", "{} = {} {} {}", ";\n# the end"),
    "brackets": (";", "{}=(\n{}{}{})", ""),
    "numpy": ("\n", "{} = np.asarray({}) {} {}.copy()", "\n"),
    "latex": (r" \\ ", r"{} &= \left({} {} {}\right)", r"\end{align}"),
}


def spelled(made: list[tuple[str, str, str]], spelling: str) -> str:
    parted, row, end = SPELLINGS[spelling]
    begin = r"\begin{align}" if spelling == "latex" else ""
    rows = [row.format(name, *stage) for name, stage in zip(LETTERS, made, strict=False)]
    return begin + parted.join(rows) + end


def named(graph: Graph) -> list[tuple[str, str, list[str]]]:
    """The graph with names for places."""
    nodes = graph.nodes
    return [
        (n.name, n.gate.name if n.gate else "", [nodes[i].name for i in n.inputs]) for n in nodes
    ]


@given(stages(), st.integers(0, 7), st.sampled_from(sorted(SPELLINGS)))
@settings(max_examples=200, deadline=None)
def test_what_is_left_is_what_the_stage_needs(
    made: list[tuple[str, str, str]], at: int, spelling: str
) -> None:
    at %= len(made)
    text = spelled(made, spelling)
    whole = parse(text, VARIABLES)
    found = cut(text, LETTERS[at], VARIABLES)
    left = parse(found.text, VARIABLES)
    wanted = needed(made, at)
    assert left.output_name == LETTERS[at]
    assert named(left)[len(left.inputs) :] == [
        row for row in named(whole)[len(whole.inputs) :] if row[0] in wanted
    ]
    assert set(left.inputs) == wanted & set(VARIABLES)
    assert set(found.stages) == set(LETTERS[: len(made)]) - wanted
    assert set(found.variables) == set(whole.inputs) - wanted
    assert cut(found.text, LETTERS[at], VARIABLES).text == found.text
    assert bool(found.note) == bool(found.stages)
    for node in left.nodes:
        before = slice(*found.span_before(node.span))
        assert text[before] == found.text[slice(*node.span)]


@pytest.mark.parametrize(
    ("text", "of", "left"),
    [
        ("q = x + y; f = q*z", "q", "q = x + y"),
        ("q = x + y; f = q*z", "f", "q = x + y; f = q*z"),
        ("q = x + y; q*z", "f", "q = x + y; q*z"),
        ("q = 2*x; x", "f", "x"),
        ("c = 2; q = c*x; f = q*c", "c", "c = 2"),
        ("sq(a) = a*a; q = sq(x); f = q*z", "q", "sq(a) = a*a; q = sq(x)"),
        ("q(x,y) = x+y; f(x,y,z) = q(x,y)z", "q", "q(x,y) = x+y"),
        ("f(x,y,z) = (x+y)z", "f", "f(x,y,z) = (x+y)z"),
        ("w_0 = x + y; f = w_0*z", "w0", "w_0 = x + y"),
        ("h = x.sum(); m = x.max(0, keepdims=True); f = h*m", "m", "m = x.max(0, keepdims=True)"),
        (r"$\hat{y} = wx + b$; $L = (\hat{y} - t)^2$", "y_hat", r"$\hat{y} = wx + b$"),
        (r"q = x + y, f = \frac{q}{z}", "q", "$q = x + y$"),
    ],
)
def test_the_text_that_is_left(text: str, of: str, left: str) -> None:
    assert cut(text, of, "wxyzbt").text == left


@pytest.mark.parametrize(
    ("of", "what", "hint"),
    [
        ("hidden_", "the formula has no stage 'hidden_'", "did you mean hidden?"),
        ("HIDDEN", "the formula has no stage 'HIDDEN'", "did you mean hidden?"),
        ("k", "the formula has no stage 'k'", "it has hidden, f"),
        ("", "the formula has no stage ''", "it has hidden, f"),
        ("x + 1", "the formula has no stage 'x + 1'", "it has hidden, f"),
        ("x", "'x' is a variable, and no stage of the formula", "it has hidden, f"),
    ],
)
def test_a_name_that_is_no_stage(of: str, what: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        cut("hidden = x + y; hidden*z", of)
    assert (caught.value.what, caught.value.hint) == (what, hint)


def test_of_a_trace() -> None:
    point = {"x": -2, "y": 5, "z": -4}
    trace = backtrace.trace("q = x + y; f = q*z; g = f^2", point, wrt=["x", "z"])
    left = trace.of("q")
    assert (left.value, left.gradients, left.ok) == (3.0, {"x": 1.0}, True)
    assert left.notes[0].text == "left out, because q does not need them: f, g"
    assert trace.of("q") is left
    assert trace.of("g").formula == trace.formula
    assert backtrace.trace("q = x + y; f = q*z").of("q").formula == "q = x + y"


OF_COMMANDS = [
    (["--of", "f"], 0, "q = x + y; f = q*z\nat x = -2, y = 5, z = -4\n"),
    (["--of", "q"], 0, "q = x + y\nat x = -2, y = 5\n"),
    (["--of", "q", "--format", "tree"], 0, "q = x + y\nat x = -2, y = 5\n"),
    (["--of", "q", "--fuse", "--symbolic", "--explain"], 0, "q = x + y\nat x = -2, y = 5\n"),
    (["--of", "q", "--compare"], 0, "q = x + y\nat x = -2, y = 5\n"),
    (["--of", "q", "--wrt", "z"], 2, "error: the formula has no variable 'z'\n"),
    (["--of", "q", "k=1"], 2, "error: 'k' does not occur in the formula\n"),
    (["--of", "k"], 2, "error: the formula has no stage 'k'\nhint: it has q, f, g\n"),
]


@pytest.mark.parametrize(("words", "status", "begins"), OF_COMMANDS)
def test_the_command(
    words: list[str], status: int, begins: str, backtrace_command: Command
) -> None:
    point = ("x=-2", "y=5", "z=-4")
    ended = backtrace_command("q = x + y; f = q*z; g = f^2", *point, *words)
    assert ended.status == status
    assert (ended.err if status else ended.out).startswith(begins)
    if not status and "--compare" not in words:
        assert f"note: left out, because {words[1]} does not need" in ended.out


def test_check_and_many_points(tmp_path: pathlib.Path, backtrace_command: Command) -> None:
    formula = "q = x + y; f = q*z; g = f^2"
    answers = ("dx=-4", "dq=-4", "f=-12")
    ended = backtrace_command("check", formula, "x=-2", "y=5", "z=-4", *answers, "--of", "f")
    assert ended.status == 0
    ended = backtrace_command("check", formula, "x=-2", "y=5", "z=-4", "q=3", "--of", "q")
    assert ended.status == 0
    rows = tmp_path / "rows.csv"
    rows.write_text("x,y,z\n1,2,3\n", "utf-8")
    ended = backtrace_command(formula, "--points", str(rows), "--of", "q")
    assert ended.out == "q,dq/dx,dq/dy\n3.0,1.0,1.0\n"


def test_definitions_in_a_file(tmp_path: pathlib.Path, backtrace_command: Command) -> None:
    gates = tmp_path / "gates.txt"
    gates.write_text("sq(a) = a*a", "utf-8")
    ended = backtrace_command("q = sq(x); f = q*z", "x=3", "--of", "q", "--gates", str(gates))
    assert ended.status == 0
    assert "∂q/∂x = 2*x\n" in ended.out
