"""One formula at many points gives, row by row, what a trace gives; and a file of points in any
shape ends in a file of results or a clear error."""

from __future__ import annotations

import io
import json
import math
import pathlib
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import backtrace
from backtrace.batch import columns as reading
from backtrace.batch import program
from backtrace.batch.columns import Piece, opened
from backtrace.batch.program import BLOCK
from backtrace.errors import UsageError
from backtrace.gates import CONVENTIONS, GATES, Gate
from tests.conftest import Command, points, published, usage

NEURON = "1/(1+exp(-(w0*x0+w1*x1+w2)))"
PYTHON = [sys.executable, "-m", "backtrace"]


def same(found: float, wanted: float) -> bool:
    if math.isnan(wanted) or math.isinf(wanted):
        return math.isnan(found) if math.isnan(wanted) else found == wanted
    return found == pytest.approx(wanted, rel=1e-12, abs=1e-300)


def compare(formula: str, rows: list[dict[str, float]], kink: str = CONVENTIONS[0]) -> None:
    """Every number of every row against a trace of that row alone; compiled it is the same."""
    made = backtrace.vectorize(formula, kink=kink)
    table = {name: np.array([row[name] for row in rows]) for name in made.names}
    found = made(table)
    compiled = backtrace.vectorize(formula, kink=kink, compiled=True)(table)
    for name in made.results:
        np.testing.assert_array_equal(compiled[name], found[name], name)
    for k, row in enumerate(rows):
        trace = backtrace.trace(formula, row, check=False, kink=kink)
        value, *slopes = (found[name][k] for name in made.results)
        assert same(value, trace.value), (formula, row)
        for slope, (name, wanted) in zip(slopes, trace.gradients.items(), strict=True):
            assert same(slope, wanted), (formula, row, name, slope, wanted)


@pytest.mark.parametrize("gate", list(GATES.values()), ids=lambda gate: gate.name)
def test_every_gate(gate: Gate) -> None:
    if gate.is_of_arrays:
        return
    rows = points(gate, 6)
    names = list(rows[0])
    rows += [dict.fromkeys(names, value) for value in (0.0, 1.0, -1.0, 2.0, 1e200, -700.0)]
    rows += [{name: float(k) for k, name in enumerate(names)}]
    for kink in CONVENTIONS:
        compare(usage(gate), rows, kink)


@pytest.mark.parametrize("case", published(), ids=lambda case: case["id"])
def test_every_published_case(case: dict) -> None:
    chance = random.Random(1)
    rows = [case["point"]]
    rows += [{name: v + chance.uniform(-1, 1) for name, v in case["point"].items()} for _ in "ab"]
    compare(case["formula"], rows)


@pytest.mark.parametrize(
    "formula",
    [
        "where(x > 0, sqrt(x), 0) + where(x < y, x*log(x), y)",
        "max(x, y, 0)*min(x, y) + abs(x)/y",
        "g(a) = a*sigmoid(a); g(x) + g(g(y))",
        "x",
        "3 + 0*x",
        "q = x*y; q*q + q",
        "floor(x)*exp(1000*y) + where(x > 1, 1, 0)",
        "where(x > y, 1, 0)",
    ],
)
def test_branches_kinks_and_what_is_blocked(formula: str) -> None:
    made = backtrace.vectorize(formula)
    values = (-1.5, 0.0, 0.5, 2.0)
    rows = [{"x": x, "y": y} for x in values for y in values]
    compare(formula, [{name: row[name] for name in made.names} for row in rows])


@pytest.mark.parametrize("compiled", [False, True])
def test_a_result_of_minus_zero_beside_a_slope_of_zero(compiled: bool) -> None:
    """Two numbers, though they are equal."""
    if compiled:
        pytest.importorskip("llvmlite")
    found = backtrace.vectorize("-zeros_like(x)", compiled=compiled)({"x": np.array([1.0, -2.0])})
    assert np.signbit(found["f"]).tolist() == [True, True]
    assert np.signbit(found["df/dx"]).tolist() == [False, False]


@pytest.mark.parametrize("count", [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 5 * BLOCK + 3])
@pytest.mark.parametrize("jobs", [1, 3])
@pytest.mark.parametrize("compiled", [False, True])
def test_blocks_and_threads(count: int, jobs: int, compiled: bool) -> None:
    made = backtrace.vectorize(NEURON, compiled=compiled)
    chance = np.random.default_rng(count)
    table = {name: chance.uniform(-2, 2, count) for name in made.names}
    found = made(table, jobs)
    w0, x0, w1, x1, w2 = (table[name] for name in made.names)
    s = 1 / (1 + np.exp(-(w0 * x0 + w1 * x1 + w2)))
    assert np.allclose(found["f"], s, rtol=1e-13, atol=0)
    assert np.allclose(found["df/dx1"], s * (1 - s) * w1, rtol=1e-9, atol=1e-300)
    assert all(len(column) == count for column in found.values())


@pytest.mark.parametrize("seconds", [0.0, 1e9])
def test_threads_begin_where_enough_work_is_left(
    seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = []

    class Counted(ThreadPoolExecutor):
        def __init__(self, *given: int) -> None:
            begun.append(given)
            super().__init__(*given)

    monkeypatch.setattr(program, "ThreadPoolExecutor", Counted)
    monkeypatch.setattr(program, "_WORTH_THREADS", seconds)
    made = backtrace.vectorize("x*exp(-y)")
    table = {name: np.linspace(-1, 1, 3 * BLOCK + 1) for name in made.names}
    alone = made(table)
    assert begun == []
    for name, column in made(table, jobs=2).items():
        assert (column == alone[name]).all()
    assert begun == ([(2,)] if seconds == 0 else [])
    made({name: column[:BLOCK] for name, column in table.items()}, jobs=2)
    assert len(begun) == (seconds == 0)


FAR = (0.0, -0.0, 36.0, -37.0, 700.0, -708.0, -709.5, -720.0, -745.0, 1e4, -1e4, 1e300, -1e300)


@pytest.mark.parametrize(
    "formula",
    ["sigmoid(x)", "1 - sigmoid(-x)", "silu(x)", "mish(x)", "sigmoid(x*y)/y", "-sigmoid(-(x/-y))"],
)
@pytest.mark.parametrize("far", FAR)
def test_one_far_value_among_many(formula: str, far: float) -> None:
    """It changes the steps of its own block, and no number of another row."""
    rows = [{"x": x, "y": -1.5} for x in (0.5, far, -3.0)]
    made = backtrace.vectorize(formula)
    compare(formula, [{name: row[name] for name in made.names} for row in rows])
    many = {name: np.full(2 * BLOCK + 7, rows[0][name]) for name in made.names}
    usual = made(many)
    many["x"][BLOCK + 3] = far
    others = np.arange(2 * BLOCK + 7) != BLOCK + 3
    for name, column in made(many).items():
        assert np.allclose(column[others], usual[name][others], rtol=1e-14, atol=0), name


def test_a_value_for_all_rows_and_columns_that_do_not_fit() -> None:
    made = backtrace.vectorize("x*y", wrt=["x"])
    assert made({"x": [1, 2, 3], "y": 2})["f"].tolist() == [2, 4, 6]
    assert made.results == ("f", "df/dx")
    with pytest.raises(UsageError, match="differ in length"):
        made({"x": [1, 2], "y": [1, 2, 3]})
    with pytest.raises(UsageError, match="'y' has no column"):
        made({"x": [1, 2]})
    with pytest.raises(UsageError, match="arrays"):
        backtrace.vectorize("sum(x@y)")


def test_what_no_result_needs_is_left_out() -> None:
    whole = backtrace.vectorize(NEURON)
    part = backtrace.vectorize(NEURON, wrt=[])
    assert len(part.plan.operations) < len(whole.plan.operations)
    assert part.results == ("f",)


# files


def read(file: io.BytesIO, names: list[str]) -> list[Piece]:
    source = opened(file, ".csv", names, lambda _: None)
    return list(map(source.read, source.chunks))


@pytest.fixture
def file(tmp_path: pathlib.Path) -> pathlib.Path:
    path = tmp_path / "points.csv"
    path.write_text('x,y,z,id\n-2,5,-4,a\n1,2,3,b\n1,,3,c\n\n1e3,"2",0.5,d\n1,2,oops,e\n')
    return path


def test_a_csv_with_bad_rows(file: pathlib.Path, backtrace_command: Command) -> None:
    out = file.parent / "out.csv"
    ended = backtrace_command("(x+y)*z", "--points", str(file), "-o", str(out))
    assert ended.status == 1
    assert out.read_text().splitlines() == [
        "f,df/dx,df/dy,df/dz",
        "-12.0,-4.0,-4.0,3.0",
        "9.0,3.0,3.0,3.0",
        ",,,",
        "501.0,0.5,0.5,1002.0",
        ",,,",
    ]
    assert "line 4 of the points: y is missing" in ended.err
    assert "line 7 of the points: z is 'oops', which is no number" in ended.err


def test_jsonl_out_and_values_for_all_rows(file: pathlib.Path, backtrace_command: Command) -> None:
    out = file.parent / "out.jsonl"
    words = ("(x+y)*z", "z=2", "--points", str(file), "--wrt", "x", "-o", str(out))
    assert backtrace_command(*words).status == 1
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert rows[0] == {"line": 2, "value": 6, "gradients": {"x": 2}}
    assert rows[2] == {"line": 4, "error": "y is missing"}


def test_npz_in_and_out(tmp_path: pathlib.Path, backtrace_command: Command) -> None:
    x = np.linspace(-1, 1, 100_000)
    np.savez(tmp_path / "in.npz", x=x, y=x + 1)
    out = tmp_path / "out.npz"
    assert (
        backtrace_command("x*y", "--points", str(tmp_path / "in.npz"), "-o", str(out)).status == 0
    )
    with np.load(out) as found:
        assert np.array_equal(found["f"], x * (x + 1))
        assert np.array_equal(found["df/dx"], x + 1)


@pytest.mark.parametrize("jobs", [pytest.param("1", marks=pytest.mark.slow), "2"])
def test_a_million_rows_come_out_in_their_order(tmp_path: pathlib.Path, jobs: str) -> None:
    count = 200_000
    text = "x,y\n" + "".join(f"{k},{k % 7}\n" for k in range(count))
    (tmp_path / "in.csv").write_text(text)
    words = ["x*y + x", "--points", "-", "--wrt", "x", "--jobs", jobs]
    ended = subprocess.run([*PYTHON, *words], input=text.encode(), capture_output=True, check=True)
    lines = ended.stdout.decode().splitlines()
    assert lines[0] == "f,df/dx"
    assert len(lines) == count + 1
    for k in (0, 1, 65_536, count - 1):
        assert lines[k + 1] == f"{float(k * (k % 7) + k)!r},{float(k % 7 + 1)!r}"


def test_a_stream_is_answered_as_it_comes() -> None:
    """A line in, a line out: whoever writes need not close the pipe first."""
    words = [*PYTHON, "x^2", "--points", "-"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdin.write(b"x\n3\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"f,df/dx\n"
        assert process.stdout.readline() == b"9.0,6.0\n"
        process.stdin.write(b"4\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"16.0,8.0\n"
        process.stdin.close()
        assert process.wait(20) == 0


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "the points are empty"),
        ("a,b\n1,2\n", "no column 'x'"),
        ("x,x\n1,2\n", "2 columns 'x'"),
        (b"\xff\xfe\n1\n", "not UTF-8"),
        ("id,\rx,y\n1,2,3\n", "no CSV"),
    ],
)
def test_files_that_are_no_table(
    content: str | bytes, words: str, tmp_path: pathlib.Path, backtrace_command: Command
) -> None:
    path = tmp_path / "p.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    ended = backtrace_command("x^2", "--points", str(path))
    assert ended.status == 2
    assert words in ended.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--points", "nowhere.csv"], "cannot read"),
        (["--points", "."], "directory"),
        (["--points", "p.csv", "--format", "svg"], "no format svg"),
        (["--points", "p.csv", "-o", "out.xlsx"], "no format xlsx"),
        (["--points", "p.csv", "--explain"], "--explain is for one point"),
        (["--points", "p.csv", "y=2"], "'y' does not occur"),
        (["--points", "p.csv", "--wrt", "q"], "no variable 'q'"),
    ],
)
def test_what_cannot_be_asked_of_many_points(
    words: list[str],
    said: str,
    tmp_path: pathlib.Path,
    backtrace_command: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.csv").write_text("x\n1\n")
    ended = backtrace_command("x^2", *words)
    assert ended.status == 2
    assert said in ended.err


def test_results_that_are_not_finite_are_counted(
    tmp_path: pathlib.Path, backtrace_command: Command
) -> None:
    (tmp_path / "p.csv").write_text("x\n1\n0\n2\n0\n")
    ended = backtrace_command(
        "1/x", "--points", str(tmp_path / "p.csv"), "-o", str(tmp_path / "o.csv")
    )
    assert ended.status == 1
    assert "2 of 4 rows have a result that is not finite, the first in line 3" in ended.err


def test_a_line_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_LONGEST_LINE", 1000)
    monkeypatch.setattr(reading, "_PIECE", 100)
    for head in (b"", b"x\n1\n"):
        file = io.BytesIO(head + b"9" * 5000)
        with pytest.raises(UsageError, match=r"line \d of the points is longer"):
            read(file, ["x"])


def test_pieces_break_where_lines_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_PIECE", 17)
    text = "x,y\n" + "".join(f"{k},{-k}.5\n" for k in range(100))
    found = read(io.BytesIO(text.encode()), ["y", "x"])
    assert np.concatenate([p.columns["x"] for p in found]).tolist() == list(range(100))
    assert np.concatenate([p.lines for p in found]).tolist() == list(range(2, 102))
