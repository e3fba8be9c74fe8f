"""Grading code: whose files are whose, what each verdict earns, and what hostile files may not."""

from __future__ import annotations

import json
import pathlib
import tempfile
import time
from collections.abc import Callable
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backtrace.errors import UsageError
from backtrace.formula import kept
from backtrace.homework import code_grading
from backtrace.homework.assignment import read_assignment
from backtrace.homework.grading import grade
from backtrace.homework.rows import Row
from backtrace.homework.submissions import read_submissions, sources_of
from backtrace.homework.workers import grade_in_processes
from tests.conftest import DATA, Command

NET = (DATA / "code" / "backward" / "softmax_net.py").read_text()
ASSIGNMENT = """
[[problem]]
id = "net"
code = ""
points = { dW1 = 2, dW2 = 2, db1 = 1 }
"""
MIXED = """
[[problem]]
id = "gate"
formula = "q = x + y; f = q*z"
point = { x = -2, y = 5, z = -4 }
ask = ["dx"]
[[problem]]
id = "net"
file = "net.py"
points = { dW1 = 2, dW2 = 2, db1 = 1 }
[[problem]]
id = "affine"
code = "Affine"
file = "layers.py"
point = { x = "randn(4,3)", W = "randn(3,2)", b = "randn(2)" }
points = { dx = 1, dW = 1, db = 1 }
"""
LAYERS = (DATA / "code" / "backward" / "layers.py").read_text()
TRANSPOSED = ("dW1 = X.T.dot(da)", "dW1 = da.T.dot(X)")


def notebook(*cells: str, **metadata: object) -> str:
    made = [{"cell_type": "code", "source": cell.splitlines(True)} for cell in cells]
    text = {"cell_type": "markdown", "source": ["# words"]}
    return json.dumps({"cells": [text, *made], "metadata": metadata, "nbformat": 4})


def rows_of(assignment: str, *paths: pathlib.Path) -> list[Row]:
    asked = read_assignment(assignment)
    sources = sources_of([str(path) for path in paths], asked)
    return list(grade(asked, read_submissions(sources, assignment=asked)))


def verdicts(row: Row) -> dict[str, str]:
    return {f"{p.id}.{m.name}": m.verdict for p in row.parts for m in p.marks}


def only(text: str, name: str = "net.py", assignment: str = ASSIGNMENT) -> Row:
    (row,) = grade(assignment, [{"student": "ada", "code": {name: text}}])
    return row


def test_a_slip_costs_its_line_and_what_follows_costs_nothing() -> None:
    right, wrong = only(NET), only(NET.replace(*TRANSPOSED))
    assert (right.points, right.is_full) == (5, True)
    assert (wrong.points, wrong.is_full) == (3, False)
    (part,) = wrong.parts
    (fault,) = part.faults
    assert (part.fault, fault.at, fault.text, fault.line) == (
        "dW1",
        "dW1",
        "dW1 = da.T.dot(X)",
        23,
    )
    early = only(NET.replace("dh = ds.dot(W2.T)", "dh = 2*ds.dot(W2.T)"))
    assert verdicts(early)["net.dW1"] == "follows from an earlier slip"


def test_a_slip_in_what_is_not_asked_costs_the_first_that_it_spoils() -> None:
    row = only(NET.replace("ds /= N\n", ""))
    assert [mark.points for mark in row.parts[0].marks] == [2, 0, 1]  # dW2 comes before dW1
    spared = only(NET.replace("db2 = ds.sum(axis=0)", "db2 = ds.sum(axis=1)"))
    assert spared.points == 5  # no gradient that is asked for comes from db2


@pytest.mark.slow
def test_what_is_not_judged_is_given_by_hand() -> None:
    strange = NET.replace("dW1 = X.T.dot(da)", "dW1 = unheard_of(X, da)")
    row = only(strange.replace("dW1 += 0.1*W1\n", ""))
    part = row.parts[0]
    assert verdicts(row)["net.dW1"] == "not judged"
    assert (row.points, part.worth, row.by_hand, row.is_full) == (3, 3, 2, False)
    given_all = only(strange, assignment=ASSIGNMENT + "[rubric]\nnot-judged = 1\n")
    assert (given_all.points, given_all.by_hand) == (5, 0)


def test_a_gradient_that_is_not_there_is_missing_and_one_that_is_not_met_is_not() -> None:
    assert verdicts(only(NET.replace("db1 = np", "other = np")))["net.db1"] == "missing"
    hidden = NET.replace("db1 = np.sum(da, axis=0)", "def later():\n    db1 = np.sum(da, axis=0)")
    row = only(hidden)
    assert verdicts(row)["net.db1"] == "not judged"
    assert row.by_hand == 1
    assert verdicts(only(NET.replace("db1 = np.sum(da, axis=0)", "db1 = None"))) == {
        "net.dW1": "ok",
        "net.dW2": "ok",
        "net.db1": "still to do",
    }


_SPELLED = (
    *("grads['W1']", "W1_grad", "dL_dW1", "grad_W1", "gW1", "g_W1", "gradW1", "dLdW1", "deltaW1"),
    *("W1_gradient", "d_W1", "dJ_dW1", "nabla_W1"),
)


RETURNED = """
import numpy as np

def net(X, W, V):
    h = np.maximum(0, X @ W)
    loss = ((h @ V) ** 2).sum()
    dout = 2 * h @ V
    {} = h.T @ dout
    dh = dout @ V.T
    dh[h <= 0] = 0
    {} = X.T @ dh
    return loss, {}
"""
NAMED = """
[[problem]]
id = "net"
code = "net"
point = {{ X = "randn(4,3)", W = "randn(3,5)", V = "randn(5,2)" }}
points = {{ {} }}
"""


def test_what_is_given_back_under_a_strange_name_is_never_missing() -> None:
    asked = NAMED.format("dW = 2, dV = 1")
    right = only(RETURNED.format("dV", "dW", "dW, dV"), assignment=asked)
    assert right.points == 3
    row = only(RETURNED.format("dV", "first", "first, dV"), assignment=asked)
    assert verdicts(row) == {"net.dW": "not judged", "net.dV": "ok"}
    assert (row.points, row.by_hand) == (1, 2)
    both = only(RETURNED.format("one", "other", "other, one"), assignment=asked)
    assert (both.points, both.by_hand) == (0, 3)
    less = only(RETURNED.format("dV", "first", "dV"), assignment=asked)
    assert verdicts(less)["net.dW"] == "missing"


def test_an_early_version_that_is_wrong_costs_its_points() -> None:
    text = RETURNED.format("dV", "dW", "dW, dV").replace("dout @ V.T", "-dout @ V.T")
    row = only(text, assignment=NAMED.format("dh = 2, dW = 1"))
    assert verdicts(row) == {"net.dh": "wrong", "net.dW": "follows from an earlier slip"}
    assert row.points == 1


def test_a_name_that_no_submission_has_is_a_slip_of_the_assignment(
    tmp_path: pathlib.Path, backtrace_command: Command
) -> None:
    (tmp_path / "hw.toml").write_text(NAMED.format("dW9 = 2, dV = 1"))
    (tmp_path / "ada.py").write_text(RETURNED.format("dV", "dW", "dV"))
    done = backtrace_command("grade", str(tmp_path / "hw.toml"), str(tmp_path / "ada.py"))
    assert "the assignment asks for dW9 in net" in done.err
    assert "dV in net" not in done.err


def test_a_path_where_nothing_is_is_no_student(
    tmp_path: pathlib.Path, backtrace_command: Command
) -> None:
    (tmp_path / "hw.toml").write_text(ASSIGNMENT)
    done = backtrace_command("grade", str(tmp_path / "hw.toml"), "nowhere")
    assert done.status == 2
    assert "there is no file and no folder 'nowhere'" in done.err


@pytest.mark.parametrize("spelled", _SPELLED)
def test_a_gradient_is_found_under_other_names(spelled: str) -> None:
    start = "grads = {}\n" if "[" in spelled else ""
    text = start + NET.replace("dW1 =", f"{spelled} =").replace("dW1 +=", f"{spelled} +=")
    assert verdicts(only(text))["net.dW1"] == "ok"


def test_a_folder_a_student_a_file_a_student_and_tables_beside_them(tmp_path: pathlib.Path) -> None:
    (tmp_path / "ada").mkdir()
    (tmp_path / "ada" / "net.py").write_text(NET)
    (tmp_path / "ada" / "layers.py").write_text(LAYERS)
    (tmp_path / "ada" / "answers.json").write_text('{"answers": {"gate": {"dx": -4}}}')
    (tmp_path / "ada" / "data.csv").write_text("height,weight\n1,2\n")
    (tmp_path / "ada" / "__pycache__").mkdir()
    (tmp_path / "ada" / "__pycache__" / "net.py").write_text("x = = 1")
    (tmp_path / "김철수").mkdir()
    (tmp_path / "김철수" / "net.ipynb").write_text(notebook(NET))
    (tmp_path / "empty").mkdir()
    (tmp_path / "form.csv").write_text("student,gate.dx\nBob,-4\n")
    rows = {row.student: row for row in rows_of(MIXED, tmp_path)}
    assert {name: row.points for name, row in rows.items()} == {
        "ada": 9,
        "김철수": 5,
        "empty": 0,
        "Bob": 1,
    }
    assert rows["empty"].is_refused
    assert rows["ada"].is_full
    alone = rows_of(MIXED, tmp_path / "ada", tmp_path / "김철수")
    without = MIXED.replace('file = "net.py"', 'code = ""').replace('file = "layers.py"\n', "")
    both = {row.student: row for row in rows_of(without, *sorted(tmp_path.iterdir()))}
    assert [both["ada"].parts[2].points, both["ada"].by_hand] == [3, 5]  # which is the net's?
    assert both.keys() == {"ada", "김철수", "empty", "Bob"}
    assert [(row.student, row.points) for row in alone] == [("ada", 9), ("김철수", 5)]


def test_files_of_one_name_are_one_student_s(tmp_path: pathlib.Path) -> None:
    text = MIXED.partition('[[problem]]\nid = "affine"')[0]
    (tmp_path / "ben.py").write_text(NET)
    (tmp_path / "ben.json").write_text('{"answers": {"gate": {"dx": -4}}}')
    (tmp_path / "cho.ipynb").write_text(notebook("%matplotlib inline\n" + NET))
    rows = rows_of(text, tmp_path)
    assert [(row.student, row.points) for row in rows] == [("ben", 6), ("cho", 5)]


def test_which_of_several_files_is_meant_is_never_guessed(tmp_path: pathlib.Path) -> None:
    for name in ("one.py", "two.py"):
        (tmp_path / "class" / "ada").mkdir(parents=True, exist_ok=True)
        (tmp_path / "class" / "ada" / name).write_text(NET)
    (row,) = rows_of(ASSIGNMENT, tmp_path / "class")
    assert (row.points, row.by_hand) == (0, 5)
    assert "which of 2 files" in row.parts[0].marks[0].reason
    named = MIXED.partition('[[problem]]\nid = "net"')[2]
    (row,) = rows_of('[[problem]]\nid = "net"' + named, tmp_path / "class")
    assert set(verdicts(row).values()) == {"missing"}


def test_a_link_out_of_a_folder_is_not_followed(tmp_path: pathlib.Path) -> None:
    (tmp_path / "secret.py").write_text("password = = 'hunter2'\n")
    (tmp_path / "class" / "mal").mkdir(parents=True)
    (tmp_path / "class" / "mal" / "net.py").symlink_to(tmp_path / "secret.py")
    (row,) = rows_of(ASSIGNMENT, tmp_path / "class")
    assert row.is_refused
    assert "hunter2" not in repr(row.parts) + "".join(row.reasons)
    assert row.reasons == ("net.py is a link that leads out of the folder",)


def test_an_error_of_ours_costs_nobody_a_point(monkeypatch: pytest.MonkeyPatch) -> None:
    judge = code_grading.check_code

    def failing(text: str, *rest: object) -> object:
        if "broken" in text:
            raise KeyError("deep inside")
        return judge(text, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(code_grading, "check_code", failing)
    given = [{"student": n, "code": t} for n, t in (("a", NET), ("b", NET + "# broken\n"))]
    first, second = grade(ASSIGNMENT, given)
    assert (first.points, first.state) == (5, "graded")
    assert second.state == "not graded"
    assert "KeyError" in second.error
    assert second.parts == ()


ASSIGNMENTS = {
    "net": ("points = 1", "does not say which gradients earn points"),
    "x": ('points = { x = 1 }\ncode = "f"', "names no gradient"),
    "up": ('file = "../net.py"\npoints = { dW = 1 }', "a name in a student's folder"),
    "txt": ('file = "net.txt"\npoints = { dW = 1 }', "is a .py or a .ipynb"),
    "seed": ('code = "f"\nseed = -1\npoints = { dW = 1 }', "seed is a whole number"),
    "point": ('code = "f"\npoint = { X = "rand(" }\npoints = { dW = 1 }', "problem 'point'"),
    "word": ('code = "f"\nfunktion = "g"\npoints = { dW = 1 }', "means nothing here"),
}


@pytest.mark.parametrize("id", ASSIGNMENTS)
def test_an_assignment_that_cannot_be_meant_is_refused(id: str) -> None:
    text, words = ASSIGNMENTS[id]
    code = "" if "code" in text or "file" in text else 'code = ""\n'
    with pytest.raises(UsageError, match=r".") as caught:
        read_assignment(f'[[problem]]\nid = "{id}"\n{code}{text}\n')
    assert words in str(caught.value)


# kinds of submissions x kinds of input


class Input(NamedTuple):
    """What is in a file, as bytes (None: this kind of file cannot hold it); what it earns of 5
    points, and the verdict on dW1."""

    py: bytes | None
    ipynb: bytes | None
    points: float
    dW1: str


HUGE = "x = 1\n" * 400_000
BOM = b"\xef\xbb\xbf"
INPUTS = {
    "right": Input(NET.encode(), notebook(NET).encode(), 5, "ok"),
    "wrong": Input(
        NET.replace(*TRANSPOSED).encode(), notebook(NET.replace(*TRANSPOSED)).encode(), 3, "wrong"
    ),
    "windows": Input(
        BOM + NET.replace("\n", "\r\n").encode(), BOM + notebook(NET).encode(), 5, "ok"
    ),
    "malformed": Input(
        b"def f(:\n" + NET.encode(), notebook(NET)[:-30].encode(), 0, "cannot be read"
    ),
    "no cells": Input(b"(" * 300, b'{"cells": 3}', 0, "cannot be read"),
    "empty": Input(b"", b"", 0, "cannot be read"),
    "blank": Input(b" \n\n", b"\n", 0, "cannot be read"),
    "huge": Input(HUGE.encode(), notebook(HUGE).encode(), 0, "cannot be read"),
    "too large": Input(b"#" * 10_000_001, b" " * 10_000_001, 0, "cannot be read"),
    "binary": Input(bytes(range(256)) * 4, bytes(range(256)) * 4, 0, "cannot be read"),
    "deep": Input(b"x = " + b"(" * 5_000 + b")" * 5_000, b"[" * 200_000, 0, "cannot be read"),
    "latin": Input(
        "# Jos\u00e9\n".encode("latin-1") + NET.encode(),
        notebook("# Jos\u00e9\n" + NET).replace("\\u00e9", "\u00e9").encode("latin-1"),
        0,
        "cannot be read",
    ),
    "declared": Input("# coding: cp949\n# 역전파\n".encode("cp949") + NET.encode(), None, 5, "ok"),
    "utf-16": Input(NET.encode("utf-16"), notebook(NET).encode("utf-16"), 5, "ok"),
    "magics": Input(
        None,
        notebook("%%bash\nrm -rf x", "!pip install x\n%load_ext y\n" + NET, "plt?").encode(),
        5,
        "ok",
    ),
    "of R": Input(
        None,
        notebook("x <- 3", kernelspec={"language": "R", "name": "ir"}).encode(),
        0,
        "cannot be read",
    ),
    "pictures": Input(
        None,
        json.dumps(
            {
                "cells": [
                    {
                        "cell_type": "code",
                        "source": NET,
                        "outputs": [{"data": {"image/png": "A" * 3_000_000}}],
                    }
                ]
            }
        ).encode(),
        5,
        "ok",
    ),
    "none of it": Input(b"x = 3\nh = 2*x\n", notebook("x = 3", "h = 2*x").encode(), 0, "missing"),
    "endless": Input(b"while True:\n    x = 1\n" + NET.encode(), None, 5, "ok"),  # passed over
}
FORMS: dict[str, Callable[[pathlib.Path, str], pathlib.Path]] = {
    "a file": lambda root, end: root / f"ada{end}",
    "a folder": lambda root, end: root / "ada" / f"net{end}",
    "a folder in it": lambda root, end: root / "ada" / "src" / f"net{end}",
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("end", [".py", ".ipynb"])
@pytest.mark.parametrize("kind", INPUTS)
def test_every_kind_of_submission_with_every_kind_of_input(
    tmp_path: pathlib.Path, kind: str, end: str, form: str
) -> None:
    """The file's own row says what it earns; the right one beside it has all its points."""
    one = INPUTS[kind]
    data = one.py if end == ".py" else one.ipynb
    if data is None:
        data, one = NET.encode() if end == ".py" else notebook(NET).encode(), INPUTS["right"]
    path = FORMS[form](tmp_path, end)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    (tmp_path / "zoe.py").write_text(NET)
    row, other = rows_of(ASSIGNMENT, tmp_path)
    assert (row.student, row.state, row.error) == ("ada", "graded", "")
    assert (row.points, verdicts(row)["net.dW1"]) == (one.points, one.dW1)
    assert row.points == 5 or all(
        m.reason or m.points or m.verdict != "ok" for m in row.parts[0].marks
    )
    assert (other.student, other.points) == ("zoe", 5)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    data=st.one_of(
        st.binary(max_size=200),
        st.text(max_size=200).map(lambda t: t.encode("utf-8", "surrogatepass")),
        st.tuples(st.integers(0, len(NET)), st.binary(max_size=4)).map(
            lambda cut: NET.encode()[: cut[0]] + cut[1] + NET.encode()[cut[0] :]
        ),
    ),
    end=st.sampled_from([".py", ".ipynb"]),
)
def test_whatever_bytes_are_a_row(tmp_path: pathlib.Path, data: bytes, end: str) -> None:
    (tmp_path / f"ada{end}").write_bytes(data)
    rows = rows_of(ASSIGNMENT, tmp_path / f"ada{end}")
    (tmp_path / f"ada{end}").unlink()
    (row,) = rows
    assert row.state == "graded", row.error
    for mark in row.parts[0].marks:
        assert 0 <= mark.points <= mark.worth
        assert mark.worth + mark.by_hand == {"dW1": 2, "dW2": 2, "db1": 1}[mark.name]


def test_several_processes_find_the_same(tmp_path: pathlib.Path) -> None:
    for number, kind in enumerate(("right", "wrong", "malformed", "binary", "none of it")):
        (tmp_path / f"s{number}.py").write_bytes(INPUTS[kind].py or b"")
    asked = read_assignment(ASSIGNMENT)
    sources = sources_of([str(tmp_path)], asked)
    rows = list(grade_in_processes(ASSIGNMENT, read_submissions(sources, assignment=asked), 2))
    assert rows == rows_of(ASSIGNMENT, tmp_path)
    assert [row.points for row in rows] == [5, 3, 0, 0, 0]


def test_the_command(tmp_path: pathlib.Path, backtrace_command: Command) -> None:
    (tmp_path / "a.toml").write_text(ASSIGNMENT)
    (tmp_path / "ada.py").write_text(NET.replace("dW1 = X.T.dot(da)", "dW1 = unheard_of(X)"))
    words = ("grade", str(tmp_path / "a.toml"), str(tmp_path / "ada.py"))
    ended = backtrace_command(*words, "--format", "json")
    assert ended.status == 1
    (row,) = json.loads(ended.out)["submissions"]
    assert (row["points"], row["by_hand"]) == (3, 2)
    assert "by hand" in ended.err
    assert "3/3+2?" in backtrace_command(*words).out
    found = json.loads(backtrace_command(*words, "--format", "gradescope").out)
    assert found["score"] == 3
    assert [("score" in test) for test in found["tests"]] == [False, True, True]
    assert "2 points are to be given by hand" in found["output"]


BIASED = """import numpy as np
x = np.array({x})
b = np.array({b})
h = x + b
loss = np.sum(h * h)
dh = 2 * h
db = dh.sum(axis=0)
"""
POINTS = {
    "a row": BIASED.format(x="[[1.0, 2.0], [3.0, 4.0]]", b="[0.5, -0.5]"),
    "a matrix": BIASED.format(x="[[1.0, 2.0], [3.0, 4.0]]", b="[[0.5, -0.5], [1.0, 2.0]]"),
    "a column": BIASED.format(x="[[1.0, 2.0], [3.0, 4.0]]", b="[[0.5], [-0.5]]"),
    "a vector": BIASED.format(x="[1.0, 2.0]", b="[0.5, -0.5]"),
    "other numbers": BIASED.format(x="[[1.5, 2.0], [3.0, 4.0]]", b="[0.5, -0.25]"),
}


@pytest.mark.parametrize("order", [1, -1])
def test_the_same_lines_at_other_shapes_are_read_for_themselves(order: int) -> None:
    """What a class shares is what is the same: each has the grade that it has alone."""
    question = '[[problem]]\nid = "b"\ncode = ""\npoints = { dh = 1, db = 1 }\n'
    alone = {}
    for name, text in POINTS.items():
        kept._read.cache_clear()
        (alone[name],) = grade(question, [{"student": name, "code": text}])
    kept._read.cache_clear()
    named = [{"student": name, "code": text} for name, text in POINTS.items()][::order]
    together = {row.student: row for row in grade(question, named)}
    assert together == alone
    assert [alone[name].points for name in POINTS] == [2, 1, 1, 1, 2]


LOSS = """import numpy as np

def loss(W, X, y, reg):
    scores = X @ W
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    value = -np.log(p[np.arange(5), y]).mean() + reg * np.sum(W * W)
    dscores = (p - np.eye(4)[y]) / 5
    dW = X.T @ dscores + 2 * reg * W
    return value, dW
"""
AGAINST = """
[[problem]]
id = "loss"
code = "loss"
point = { W = "randn(3,4)", X = "randn(5,3)", y = [0, 3, 1, 2, 3], reg = 0.1 }
points = { dW = 4 }
against = "cross_entropy(X @ W, y) + reg*sum(W^2)"
"""
HALF, TWICE = ("+ reg * np", "+ 0.5 * reg * np"), ("2 * reg * W", "reg * W")
FORWARD = {  # what is changed, the points, the verdict on dW, and where it first goes wrong
    "right": ([], 4, "ok", ""),
    "gradient": ([TWICE], 0, "wrong", "dW"),
    "forward, and the gradient follows": (
        [HALF, TWICE],
        0,
        "follows from an earlier slip",
        "value",
    ),
    "forward, and the gradient is that of the assignment": ([HALF], 4, "ok", "value"),
    "a constant": ([("* W)", "* W) + 3")], 4, "ok", "value"),
    "both": ([("* W)", "* W) + 3"), TWICE], 0, "wrong", "value"),
}


@pytest.mark.parametrize("case", FORWARD)
def test_a_forward_pass_that_is_wrong_is_said_first(case: str) -> None:
    changes, points, verdict, fault = FORWARD[case]
    text = LOSS
    for change in changes:
        text = text.replace(*change)
    row = only(text, assignment=AGAINST)
    assert (row.points, verdicts(row)["loss.dW"], row.parts[0].fault) == (points, verdict, fault)
    assert row.by_hand == 0


@pytest.mark.parametrize("jobs", ["1", pytest.param("2", marks=pytest.mark.slow)])
def test_a_solution_beside_the_assignment_says_what_is_to_be_computed(
    jobs: str, tmp_path: pathlib.Path, backtrace_command: Command
) -> None:
    (tmp_path / "course").mkdir()
    (tmp_path / "course" / "solution.py").write_text(LOSS)
    line = next(line for line in AGAINST.splitlines() if line.startswith("against"))
    text = AGAINST.replace(line, 'against = "solution.py:loss"')
    (tmp_path / "course" / "a.toml").write_text(text)
    (tmp_path / "ada.py").write_text(LOSS.replace(*HALF).replace(*TWICE))
    words = ("grade", str(tmp_path / "course" / "a.toml"), str(tmp_path / "ada.py"))
    told = backtrace_command(*words, "--format", "json", "--jobs", jobs).out
    (part,) = json.loads(told)["submissions"][0]["problems"]
    assert (part["first_fault"], part["mistake"]) == ("value", "factor-two")
    for wrong in ("nowhere.py", "solution.py:other", "x +"):
        (tmp_path / "course" / "a.toml").write_text(text.replace("solution.py:loss", wrong))
        ended = backtrace_command(*words)
        assert ended.status == 2
        assert "problem 'loss'" in ended.err


BOMBS = {
    "a loop": "x = 1.0\nfor i in range(10**9):\n    x = 2*x\n",
    "a power": "x = 10**10**10\n",
    "a list": "x = [0]*10**10\n",
    "a text": "x = 'a'*10**10\n",
    "itself": "def f(x):\n    return f(x)\ny = f(3.0)\n",
    "memory": "import numpy as np\nx = np.zeros((10**6, 10**6))\n",
    "a sum": "x = sum(list(range(10**9)))\n",
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_what_would_never_end_is_not_judged_or_passed_over(bomb: str) -> None:
    began = time.perf_counter()
    row = only(BOMBS[bomb] + NET)
    assert time.perf_counter() - began < 30
    assert row.state == "graded"
    assert row.points + row.by_hand == 5


HANDED_IN = st.dictionaries(
    st.sampled_from(["ada", "ben", "cho", "김철수", "x y", "Dev"]),
    st.tuples(
        st.sampled_from(["right", "wrong", "malformed", "binary", "empty", "latin"]),
        st.sampled_from(list(FORMS)),
        st.sampled_from([".py", ".ipynb"]),
        st.sampled_from(["", '{"answers": {"gate": {"dx": -4}}}', '{"height": 3}', "{"]),
    ),
    min_size=1,
)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(HANDED_IN)
@pytest.mark.slow
def test_a_class_of_all_kinds_beside_each_other(
    tmp_path: pathlib.Path, handed_in: dict[str, tuple[str, str, str, str]]
) -> None:
    """Nobody's points depend on what others hand in, or how."""
    text = MIXED.partition('[[problem]]\nid = "affine"')[0]
    expected = {}
    with tempfile.TemporaryDirectory(dir=tmp_path) as name:
        root = pathlib.Path(name)
        for student, (kind, form, end, answers) in handed_in.items():
            path = FORMS[form](root, end)
            path = (
                root / student / path.relative_to(root / "ada")
                if "folder" in form
                else (root / f"{student}{end}")
            )
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes((INPUTS[kind].py if end == ".py" else INPUTS[kind].ipynb) or b"")
            if answers:
                beside = (
                    path.with_suffix(".json") if "folder" not in form else path.parent / "a.json"
                )
                beside.write_text(answers)
            expected[student] = INPUTS[kind].points + (answers.count("-4"))
        rows = rows_of(text, root)
    assert {row.student: row.points for row in rows} == expected
    assert len(rows) == len(handed_in)
    assert {row.state for row in rows} == {"graded"}


VALUE = """
class Value:
    def __init__(self, data, children=()):
        self.data = data
        self.grad = 0.0
        self._prev = set(children)
        self._backward = lambda: None

    def __mul__(self, other):
        out = Value(self.data * other.data, (self, other))

        def _backward():
            self.grad += other.data * out.grad
            other.grad += self.data * out.grad

        out._backward = _backward
        return out
"""


def test_operators_of_a_class_that_works_out_gradients() -> None:
    question = """
[[problem]]
code = "Value"
points = { "__mul__.self" = 1, "__mul__.other" = 2, "__add__.self" = 4 }
"""
    asked = {"p1.__mul__.self": "ok", "p1.__mul__.other": "ok", "p1.__add__.self": "missing"}
    assert verdicts(only(VALUE, assignment=question)) == asked
    slip = VALUE.replace("other.grad += self", "other.grad = self")
    row = only(slip, assignment=question)
    assert verdicts(row)["p1.__mul__.other"] == "wrong"
    assert row.points == 1


OTHERS = {  # code, point, points, what is changed, points that are left
    "a class": ("Relu", 'x = "randn(4,3)"', "dx = 3", ("dout[self.mask] = 0", "pass"), 0),
    "a gate": (
        "MultiplyGate",
        "x = 3, y = -4",
        "dx = 1, dy = 2",
        ("dx = self.y", "dx = self.x"),
        2,
    ),
    "one layer of many": (
        "Affine",
        'x = "randn(4,3)", W = "randn(3,2)", b = "randn(2)"',
        "dx = 1, dW = 2, db = 4",
        ("np.sum(dout, axis=0)", "np.sum(dout, axis=1)"),
        3,
    ),
}


@pytest.mark.parametrize("case", OTHERS)
def test_classes_and_gates(case: str) -> None:
    code, point, points, change, left = OTHERS[case]
    question = f'[[problem]]\ncode = "{code}"\npoint = {{ {point} }}\npoints = {{ {points} }}\n'
    right = only(LAYERS, assignment=question)
    assert right.is_full
    wrong = only(LAYERS.replace(*change), assignment=question)
    assert wrong.points == left
    assert wrong.parts[0].faults[0].gate


def test_a_method_that_gives_back_a_loss_and_texts_that_code_compares() -> None:
    text = """
import numpy as np

def loss(W, X, activation):
    a = X @ W
    if activation == 'relu':
        h = np.maximum(0, a)
        dh = 2 * h
        da = dh * (a > 0)
    else:
        h = np.tanh(a)
        dh = 2 * h
        da = dh
    dW = X.T @ da
    return np.sum(h * h), dW
"""
    question = """
[[problem]]
code = "loss"
point = { W = "randn(3,2)", X = "randn(4,3)", activation = "relu" }
points = { dW = 1 }
"""
    assert only(text, assignment=question).points == 1
    other = question.replace('"relu"', '"tanh"')
    assert only(text, assignment=other).points == 0
