"""A trace of code says in every format which line of it a gate comes from."""

from __future__ import annotations

import ast
import contextlib
import json
import pathlib
import re
import time
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import backtrace
from backtrace.code import placed, read_code
from backtrace.code.program import _Parts
from backtrace.code.writer import Place
from backtrace.errors import BacktraceError, UsageError
from backtrace.formula.parser import parse
from backtrace.graph.record import SourceLine
from backtrace.render import View, data, formats
from tests.conftest import DATA, Command

CODE = DATA / "code"
BINARY = ("png",)


def notebook(*cells: str) -> str:
    """A notebook of cells of code, with words between them."""
    of_code = [{"cell_type": "code", "source": cell.splitlines(keepends=True)} for cell in cells]
    words = {"cell_type": "markdown", "source": ["# words\n", "more"]}
    return json.dumps({"cells": [part for cell in of_code for part in (words, cell)]})


NUMBERS = notebook(
    "%matplotlib inline\nimport math",
    "a = 0.5\nx = 2.0",
    "s = a*x\n\nf = 1/(1 + math.exp(-s))",
)
NET = notebook(
    "X = np.array([[1.0, 2.0], [3.0, -1.0], [0.5, 0.25]])\n!ls\nW = np.array([[0.1], [0.3]])",
    "%%bash\npip install x",
    "def layer(x, w):\n    z = x @ w\n    return np.tanh(z)\n",
    "h = layer(X, W)\nloss = (h**2).mean()",
)
STAGED = "x = 2.0\ny = 3.0\nlong = (x * y +\n        x)\nshort = long * long\ntotal = short - y\n"


class Case(NamedTuple):
    """A file, what is said besides, and the stages with where they stand."""

    path: str
    text: str
    words: tuple[str, ...]
    lines: dict[str, str]


CASES = {
    "numbers": Case(
        "unit.py",
        (CODE / "unit.py").read_text("utf-8"),
        (),
        {"s": "line 7", "out": "line 8", "cost": "line 9"},
    ),
    "net": Case(
        "recurrent.py",
        (CODE / "recurrent.py").read_text("utf-8"),
        (),
        {"states_1": "line 11", "states_3": "line 11", "loss": "line 12"},
    ),
    "rows": Case(
        "embed.py",
        (CODE / "embed.py").read_text("utf-8"),
        (),
        {"x": "line 10", "logit": "line 11", "cost": "line 12"},
    ),
    "function": Case(
        "standardise.py",
        (CODE / "standardise.py").read_text("utf-8"),
        ("z=[[1,2],[3,5],[0,1]]", "scale=[1,2]", "offset=[0,1]"),
        {"centre": "line 7", "away": "line 8", "spread": "line 9", "y": "line 12"},
    ),
    "staged": Case(
        "staged.py", STAGED, (), {"long": "line 3", "short": "line 5", "total": "line 6"}
    ),
    "cells": Case("n.ipynb", NUMBERS, (), {"s": "cell 3, line 1", "f": "cell 3, line 3"}),
    "net in cells": Case(
        "net.ipynb",
        NET,
        (),
        {"z": "cell 3, line 2", "loss": "cell 4, line 2"},
    ),
}
OPTIONS: dict[str, tuple[str, ...]] = {
    "": (),
    "fused": ("--fuse",),
    "opened": ("--expand",),
    "blank": ("--blank", "gradients"),
}


@pytest.fixture(params=[*CASES])
def case(
    request: pytest.FixtureRequest, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> Case:
    found = CASES[request.param]
    (tmp_path / found.path).write_text(found.text, "utf-8")
    monkeypatch.chdir(tmp_path)
    return found


def words_of(case: Case, *more: str) -> tuple[str, ...]:
    of = ":standardise_forward" if case.path == "standardise.py" else ""
    return (f"{case.path}{of}", *case.words, *more)


_DESCRIBED: dict[tuple[str, ...], str] = {}


def described_once(case: Case, command: Command) -> str:
    """The trace as JSON: checked once, however often it is drawn."""
    words = words_of(case, "--json")
    key = (case.text, *words)
    if key not in _DESCRIBED:
        _DESCRIBED[key] = command(*words).out
    return _DESCRIBED[key]


def told(record: backtrace.Trace) -> dict[str, str]:
    """Where every stage comes from, as the trace has it."""
    lines = {name: record.line_of(index) for name, index in record.graph.stages.items()}
    return {name: line.words for name, line in lines.items() if line is not None}


@pytest.mark.parametrize("option", OPTIONS)
def test_every_format_says_the_lines(case: Case, option: str, backtrace_command: Command) -> None:
    ended = backtrace_command(*words_of(case, *OPTIONS[option], "--json"))
    trace = backtrace.Trace.from_json(ended.out)
    assert trace.to_json() == ended.out
    found = told(trace)
    assert {name: found[name] for name in case.lines} == case.lines
    assert all(trace.line_of(index) is None for index in trace.graph.inputs.values())
    assert all(trace.line_of(index) is not None for index, _, _ in trace.graph.gates())
    said = {line.words for line in trace.lines if line}
    short = {
        f"{'line' if line.cell is None else 'cell'} {line.short}" for line in trace.lines if line
    }
    skipped = {*BINARY, *(("python", "torch") if option == "blank" else ())}
    for name in set(formats()) - skipped:
        text = data(trace, name, View()).decode("utf-8")
        if name in ("json", "jsonl"):
            numbers = re.findall(r'"line": ?(\d+)', text)
            assert set(numbers) == {str(line.line) for line in trace.lines if line}
        elif name in ("markdown", "html"):
            assert all(words.removeprefix("line ") in text for words in said), name
        elif name in ("table", "tree", "wires", "python", "torch"):
            is_column = bool(re.search(r"gate +(cell:)?line +computes", text))
            assert is_column or any(words in text for words in said), name
        else:
            assert any(words in text for words in short), name


def test_a_stage_of_a_trace_keeps_its_lines(case: Case, backtrace_command: Command) -> None:
    trace = backtrace.Trace.from_json(backtrace_command(*words_of(case, "--json")).out)
    for name in case.lines:
        left = trace.of(name)
        assert told(left).items() <= told(trace).items()
        assert told(left)[name] == case.lines[name]
        assert all(left.line_of(index) for index, _, _ in left.graph.gates())


@pytest.mark.parametrize("format", ["table", "tree", "wires"])
@pytest.mark.parametrize("width", [30, 60, 80, 86, 100, 200])
def test_nothing_is_cut_for_a_line(
    case: Case, format: str, width: int, backtrace_command: Command
) -> None:
    described = described_once(case, backtrace_command)
    trace = backtrace.Trace.from_json(described)
    bare = backtrace.Trace.from_json(re.sub(r'"(line|cell)": \d+, ', "", described))
    assert bare.lines == ()
    for view in (View(width=width), View(width=width, ascii=True)):
        text, plain = (data(t, format, view).decode("utf-8") for t in (trace, bare))
        assert max(map(len, text.splitlines())) <= width
        assert text.isascii() or not view.ascii
        kept = re.sub(r"(cell \d+, )?line \d+(: #?[\w#-]+)?", "", text)
        assert set(re.findall(r"[^\s─-]+", plain)) <= set(re.findall(r"[^\s─-]+", kept))


def test_explain_and_notes(case: Case, backtrace_command: Command) -> None:
    ended = backtrace_command(*words_of(case, "--explain"))
    said = re.sub(r"\s+", " ", ended.out.partition("step by step")[2])
    assert all(f"({line})." in said for line in case.lines.values())
    of = ":standardise_forward" if case.path == "standardise.py" else ""
    assert f"note: read from {case.path}{of}\n" in ended.out


def test_a_formula_has_no_lines(backtrace_command: Command) -> None:
    ended = backtrace_command("q = x + y; f = q*z", "x=-2", "y=5", "z=-4", "--json")
    assert '"line"' not in ended.out
    assert backtrace.Trace.from_json(ended.out).lines == ()


@pytest.mark.parametrize("to", ["0", "-1", "1.5", '"7"', "true", "[7]"])
@pytest.mark.parametrize("key", ["line", "cell"])
def test_a_damaged_line(
    key: str, to: str, tmp_path: pathlib.Path, backtrace_command: Command
) -> None:
    path = tmp_path / "n.ipynb"
    path.write_text(NUMBERS, "utf-8")
    text = backtrace_command(str(path), "--json").out
    with pytest.raises(UsageError, match="damaged"):
        backtrace.Trace.from_json(re.sub(rf'"{key}": \d+', f'"{key}": {to}', text, count=1))


WRONG = [
    ("a = 1.0\n\nf = (yield a)", "n.ipynb:cell 2, line 3:6: ", "  f = (yield a)\n       ^^^^^^^\n"),
    ("a = 1.0\nf = (a +", "n.ipynb:cell 2, line 2:5: '(' was never closed", "  f = (a +\n      ^"),
    (
        "ß = 1.0\nf = ß*(yield ß)",
        "n.ipynb:cell 2, line 2:8: ",
        "  f = ß*(yield ß)\n         ^^^^^^^\n",
    ),
    ("x = 3.0\nf = (x*\n%b\n+ 1)", "n.ipynb:cell 2, line 3:1: ", "  %b\n  ^"),
    ("%time\nx = 1.0\nf = (yield x)", "n.ipynb:cell 2, line 3:6: ", "  f = (yield x)\n"),
]


@pytest.mark.parametrize(("cell", "where", "caret"), WRONG)
def test_errors_in_a_notebook(cell: str, where: str, caret: str) -> None:
    with pytest.raises(BacktraceError) as caught:
        read_code(notebook("import math", cell), "n.ipynb")
    assert str(caught.value).startswith(where)
    assert caret in str(caught.value)


CELLS: list[tuple[str, Any]] = [
    ("%matplotlib inline\nf = 2*x", 2),
    ("  !pip install x\nf = 2*x", 2),
    ("x?\nf = 2*x", 2),
    ("?x\n\nf = 2*x", 3),
    ("%%time\nf = 2*x", 2),
    ("%load_ext a\n%b\nf = (2*x\n  - 3)", 3),
    ("f = '''\n%time\n'''\nf = 2*x", 4),
    ("for k in range(1):\n    %time\n    if True:\n        !ls\n    f = 2*x", 5),
    ("if True:\n    %time\n%time\nf = 2*x", 4),
    ("f = 2*x \\\n\n%time", 1),
    ("%config a.b = 'c'\nf = 2*x  # 100 %\n%time", 2),
]


@pytest.mark.parametrize(("cell", "line"), CELLS)
def test_what_only_notebooks_know_is_passed_over(cell: str, line: int) -> None:
    program = read_code(notebook("x = 3.0", "%%html\n<b>x = 4</b>", cell), "n.ipynb")
    trace = backtrace.trace(program.formula, program.point, check=False)
    assert trace.value == (3.0 if "- 3" in cell else 6.0)
    assert program.lines_of(trace.graph)[-1] == SourceLine(line, 3)


def test_a_line_in_brackets_is_no_magic() -> None:
    """`%b` goes on with the line before: a remainder, or refused, and never passed over."""
    text = notebook("%time\nb = 2.0\nx = 3.0\nf = (x\n%b\n)\n")
    try:
        program = read_code(text, "n.ipynb")
        value = backtrace.trace(program.formula, program.point, check=False).value
    except BacktraceError:
        return
    assert value == 1.0


@pytest.mark.parametrize("line", ["%x", "  !x", "x?", "'''\n%x", "(\n%x"])
def test_a_cell_of_magics_is_read_in_time(line: str) -> None:
    text = notebook("x = 3.0\n" + f"{line}\n" * 30_000)
    begun = time.monotonic()
    with contextlib.suppress(BacktraceError):
        read_code(text, "n.ipynb")
    assert time.monotonic() - begun < 20


def test_lines_are_those_of_python() -> None:
    """A form feed and U+2028 end no line there."""
    program = read_code("x = 3.0\n\f\ny = 'a\u2028b'\r\nf = 2*x\n", "a.py")
    trace = backtrace.trace(program.formula, program.point, check=False)
    assert program.lines_of(trace.graph)[-1] == SourceLine(4)


TWICE = [
    # the source, where the part begins that is in doubt, and how long it is
    ("h = (A @ A.T) + (A @ A)", 18, 5),
    ("h = ((A @ A.T)\n  + 2*(A @ A))", 8, 5),
    ("ß = A*2; h = ß@ß.T + (ß@ß)", 23, 3),
]


@pytest.mark.parametrize(("code", "column", "length"), TWICE)
def test_the_caret_is_where_the_part_stands(code: str, column: int, length: int) -> None:
    program = read_code(f"A = randn(2, 3)\n{code}", "a.py")
    with pytest.raises(BacktraceError) as caught:
        backtrace.trace(program.formula, program.point)
    assert placed(caught.value, program).span == (column - 1, column - 1 + length)


LOOP = """
def step(h, V):
    return np.tanh(h @ V) + (
        h @ V)
ä = randn(2, 2)
W = randn(2, 2)
for t in range(2):
    ä = step(ä, W)
f = (ä*2 -
     ä*2/3).sum()
"""
SPANS = [
    # a part of the formula (which of those that are spelled so), and where it is told
    ("ä @ W", 0, "a.py:3:20: wrong (in ä @ W)", "h @ V"),
    ("ä @ W", 1, "a.py:4:9: wrong (in ä @ W)", "h @ V"),
    ("np.tanh(ä @ W)", 0, "a.py:3:12: wrong (in np.tanh(ä @ W))", "np.tanh(h @ V)"),
    ("tanh(ä @ W)", 0, "a.py:3:12: wrong (in np.tanh(ä @ W))", "np.tanh(h @ V)"),
    ("ä_v2 @ W", 1, "a.py:4:9: wrong (in ä_v2 @ W)", "h @ V"),
    ("ä_v3 * 2", 0, "a.py:9:6: wrong (in ä_v3 * 2)", "ä*2"),
    ("ä_v3 * 2", 1, "a.py:10:6: wrong (in ä_v3 * 2)", "ä*2"),
    ("f = ", 0, "a.py:9:1: wrong (in f = )", "f = (ä*2 -"),
    ("@", 0, "a.py:3:22: wrong", "@"),  # an operator, in what is spelled otherwise
    ("@", 1, "a.py:4:11: wrong", "@"),
    ("/", 0, "a.py:10:9: wrong", "/"),
    (" - ", 0, "a.py:9:6: wrong (in  - )", "ä*2 -"),
]


@pytest.mark.parametrize(("part", "which", "told", "code"), SPANS)
def test_a_part_of_the_formula_is_told_where_it_comes_from(
    part: str, which: int, told: str, code: str
) -> None:
    program = read_code(LOOP, "a.py")
    places = [match.span() for match in re.finditer(re.escape(part), program.formula)]
    error = placed(BacktraceError("wrong", text=program.formula, span=places[which]), program)
    assert error.what == told
    assert error.span is not None
    assert error.text[slice(*error.span)] == code


def test_every_line_is_that_of_the_function() -> None:
    program = read_code(LOOP, "a.py")
    trace = backtrace.trace(program.formula, program.point, check=False)
    lines = program.lines_of(trace.graph)
    found = [
        (node.gate.name, line.line)
        for node, line in zip(trace.graph.nodes, lines, strict=True)
        if node.gate and line
    ]
    once = [("matmul", 3), ("tanh", 3), ("matmul", 4), ("add", 3)]
    assert found[:-5] == once * 2
    assert found[-5:] == [("mul", 9), ("mul", 10), ("div", 10), ("sub", 9), ("sum", 9)]


SIGNS = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div"}
LEAVES = ["x", "ä", "größe"]


@st.composite
def expressions(draw: st.DrawFn, depth: int = 3) -> str:
    """In brackets, broken over lines anywhere; with calls, signs and names that take two bytes."""
    if depth == 0 or draw(st.integers(0, 3)) == 0:
        return draw(st.sampled_from(LEAVES))
    space = draw(st.sampled_from(["", " ", "\n    ", "  # ä\n "]))
    inner = draw(expressions(depth - 1))
    kind = draw(st.integers(0, 5))
    if kind == 0:
        return f"np.exp({space}{inner})"
    if kind == 1:
        return f"-({space}{inner})"
    other = draw(expressions(depth - 1))
    left = f"np.exp({inner})" if inner.startswith("(") else inner  # brackets stand on the right
    return f"({left}{space}{draw(st.sampled_from('+-*/'))}{space}{other})"


def of_python(code: str) -> list[tuple[str, int, int]]:
    """Gates, lines and columns as `ast` has them, in the order of evaluation."""
    found: list[tuple[str, int, int]] = []

    def walk(node: ast.AST) -> None:
        for part in ast.iter_child_nodes(node):
            walk(part)
        gate = ""
        if isinstance(node, ast.BinOp):
            gate = SIGNS[type(node.op)]
        elif isinstance(node, ast.UnaryOp):
            gate = "neg"
        elif isinstance(node, ast.Call):
            gate = "exp"
        if gate and isinstance(node, ast.expr):
            line = code.split("\n")[node.lineno - 1]
            found.append((gate, node.lineno, len(line.encode()[: node.col_offset].decode())))

    walk(ast.parse(code))
    return found


@given(st.lists(expressions(), min_size=1, max_size=4))
@settings(max_examples=150, deadline=None)
def test_every_gate_is_where_python_has_it(parts: list[str]) -> None:
    assigned = [
        f"s{k} = s{k - 1} + {part}" if k else f"s0 = x*{part}" for k, part in enumerate(parts)
    ]
    code = "\n\n".join(assigned)
    program = read_code("\n".join(f"{name} = 2.0" for name in LEAVES) + "\n" + code, "a.py")
    graph = parse(program.formula, program.point)
    expected = [(gate, line + len(LEAVES), column) for gate, line, column in of_python(code)]
    found = []
    for _, node, gate in graph.gates():
        error = placed(BacktraceError("", text=program.formula, span=node.span), program)
        line = int(error.what.split(":")[1])
        assert error.span is not None
        found.append((gate.name, line, error.span[0]))
    assert found == expected
    lines = program.lines_of(graph)
    assert [lines[k] for k, _, _ in graph.gates()] == [SourceLine(line) for _, line, _ in expected]


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 30)), max_size=12), st.data())
def test_the_smallest_part_around(pairs: list[tuple[int, int]], data: st.DataObject) -> None:
    """Held against a search through all; the parts are those of a tree."""
    spans: list[tuple[int, int]] = []
    for start, length in pairs:
        end = start + length
        if all(end <= a or b <= start or (a <= start and end <= b) or (start <= a and b <= end)
               for a, b in spans):  # fmt: skip
            spans.append((start, end))
    parts = _Parts([Place(a, b, 1, a, 1, b) for a, b in spans])
    start = data.draw(st.integers(0, 60))
    end = data.draw(st.integers(start + 1, 61))
    holding = [(b - a, a, b) for a, b in spans if a <= start and end <= b]
    found = parts.around(start, end)
    assert (found and (found.end - found.start)) == (min(holding)[0] if holding else None)


def test_many_points_are_for_formulas(tmp_path: pathlib.Path, backtrace_command: Command) -> None:
    path = tmp_path / "unit.py"
    path.write_text("x = 1.0\nf = 2*x", "utf-8")
    ended = backtrace_command(str(path), "--points", "rows.csv")
    assert ended.status == 2
    assert ended.err.startswith("error: --points is for a formula, and here is code\n")


MISSING = [
    (("nit.py",), "there is no file 'nit.py'", "did you mean unit.py?"),
    (("unit.ipynb",), "there is no file 'unit.ipynb'", "did you mean unit.py?"),
    (("nit.py:f", "x=1"), "there is no file 'nit.py'", "did you mean unit.py?"),
    (("nothing.py",), "there is no file 'nothing.py'", ""),
    (("of/nit.py",), "there is no file 'of/nit.py'", "there is no folder 'of' either"),
]


@pytest.mark.parametrize(("words", "what", "hint"), MISSING)
def test_a_file_that_is_not_there(
    words: tuple[str, ...],
    what: str,
    hint: str,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    backtrace_command: Command,
) -> None:
    (tmp_path / "unit.py").write_text("f = 2*x", "utf-8")
    monkeypatch.chdir(tmp_path)
    ended = backtrace_command(*words)
    assert ended.status == 2
    assert ended.err == f"error: {what}\n" + f"hint: {hint}\n" * bool(hint)


def test_what_is_wrong_with_the_numbers_is_told_at_its_line(
    tmp_path: pathlib.Path, backtrace_command: Command
) -> None:
    path = tmp_path / "bad.py"
    path.write_text("x = -1.0\n\ny = 2*x\nf = np.log(y) + 3\n", "utf-8")
    ended = backtrace_command(str(path))
    assert ended.status == 1
    assert ended.err.startswith(f"error: {path}:4:")
    assert re.search(r": forward: .*\n  f = np.log\(y\) \+ 3\n +\^+\n", ended.err)
    assert "✗ forward, at #2 (line 4): " in ended.out
