"""Grading: assignments, submissions of every kind, and what hostile ones must not do."""

from __future__ import annotations

import csv
import io
import json
import os
import pathlib
import pickle
import re
import signal
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor
from typing import Any

import pytest

from backtrace.errors import UsageError
from backtrace.homework import grading, workers
from backtrace.homework.assignment import read_assignment
from backtrace.homework.grading import Row, grade
from backtrace.homework.submissions import Submission, read_submissions, submission_of
from backtrace.homework.workers import grade_in_processes
from tests.conftest import ROOT, Command

COURSE = ROOT / "examples" / "course"
ASSIGNMENT = """
title = "two"
[[problem]]
id = "p1"
formula = "q = x + y; f = q*z"
point = { x = -2, y = 5, z = -4 }
ask = ["dq", "dx", "dy", "dz"]
points = { dq = 2, dx = 1, dy = 1, dz = 1 }
[[problem]]
id = "p2"
formula = "x*y + x"
point = { x = 2.5, y = 1.7 }
"""
RIGHT = {"p1": {"dq": -4, "dx": -4, "dy": -4, "dz": 3}, "p2": {"dx": 2.7, "dy": 2.5}}


def rows_of(tmp_path: pathlib.Path, name: str, text: str | bytes) -> list[Row]:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return list(grade(read_assignment(ASSIGNMENT), read_submissions([str(path)])))


def test_every_kind_of_file_says_the_same(tmp_path: pathlib.Path) -> None:
    files = {
        "one.json": json.dumps({"student": "ada", "answers": RIGHT}),
        "list.json": json.dumps([{"student": "ada", "answers": RIGHT}]),
        "class.jsonl": json.dumps({"student": "ada", "answers": RIGHT}) + "\n",
        "lines.jsonl": "\n".join(
            json.dumps({"student": "ada", "problem": id, "answers": named})
            for id, named in RIGHT.items()
        ),
        "words.csv": "student,problem,answers\nada,p1,dq=-4 dx=-4 dy=-4 dz=3\nada,p2,dx=2.7 dy=2.5",
        "long.csv": "student,problem,name,answer\n"
        + "\n".join(f"ada,{id},{n},{v}" for id, named in RIGHT.items() for n, v in named.items()),
        "wide.csv": "student,p1.dq,p1.dx,p1.dy,p1.dz,p2.dx,p2.dy\nada,-4,-4,-4,3,2.7,2.5\n",
    }
    for name, text in files.items():
        (row,) = rows_of(tmp_path, name, text)
        assert (row.student, row.points, row.is_full, row.reasons) == ("ada", 7, True, ()), name


def test_an_error_is_carried_forward(tmp_path: pathlib.Path) -> None:
    answers = {"p1": {"dq": 3, "dx": 3, "dy": 3, "dz": 3}, "p2": {"dx": 1.7, "dy": 2.5}}
    (row,) = rows_of(tmp_path, "ben.json", json.dumps({"answers": answers}))
    assert row.student == "ben"
    assert [part.points for part in row.parts] == [3, 1]
    assert [(part.code, part.fault) for part in row.parts] == [
        ("mul-not-swapped", "dq"),
        ("fork-lost", "dx"),
    ]


def test_the_same_slip_again_is_not_punished_again(tmp_path: pathlib.Path) -> None:
    """Halves at both inputs of an add: one mistake, not two."""
    answers = {"p1": {"dq": -4, "dx": -2, "dy": -2, "dz": 3}}
    (row,) = rows_of(tmp_path, "cho.json", json.dumps({"answers": answers}))
    assert row.parts[0].points == 4
    assert row.parts[0].code == "add-split"


def test_the_rubric_says_what_a_verdict_earns() -> None:
    strict = read_assignment(ASSIGNMENT + "[rubric]\nfollows = 0\nsign-convention = 0.25\n")
    cascade = Submission("a", "", {"p1": {"dq": "3", "dx": "3", "dy": "3", "dz": "3"}})
    turned = Submission("b", "", {"p1": {"dq": "4", "dx": "4", "dy": "4", "dz": "-3"}})
    first, second = grade(strict, [cascade, turned])
    assert first.points == 1
    assert second.points == pytest.approx(5 * 0.25)


BROKEN = {
    "latin.json": b'{"student": "Jos\xe9", "answers": {}}',
    "cut.json": b'{"student": "a", "answers": {"p1": ',
    "text.json": b'"all right"',
    "none.json": b'{"student": "a"}',
    "list.json": b'{"student": "a", "answers": [1, 2]}',
    "deep.json": b'{"answers": ' + b"[" * 100_000,
    "empty.json": b"",
    "large.json": b'{"answers": "' + b"1" * 10_000_001 + b'"}',
    "zeros.json": b"\0" * 100,
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_a_row_with_its_reason(tmp_path: pathlib.Path, name: str) -> None:
    (row,) = rows_of(tmp_path, name, BROKEN[name])
    assert row.points == 0
    assert row.reasons
    assert not row.is_full


ANSWERS = [
    "__import__('os').system('touch hacked')",
    "@/etc/passwd",
    "randn(1000000)",
    "1" * 20_000,
    "[" * 5_000,
    [[[]]],
    {"a": 1},
    None,
    True,
    "nan",
    float("nan"),
    "9**9**9**9",
    "x" * 900,
    "(" * 900,
    "<script>alert(1)</script>",
    "[bold]3[/bold]",
    "\x1b[31m3",
    "",
    "1e999",
    [1, "two", None],
]


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda a: repr(a)[:30])
def test_a_hostile_answer_costs_its_points_only(
    tmp_path: pathlib.Path, answer: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    answers = {"p1": {**RIGHT["p1"], "dx": answer}, "p2": RIGHT["p2"]}
    start = time.perf_counter()
    (row,) = rows_of(tmp_path, "mal.json", json.dumps({"answers": answers}))
    assert time.perf_counter() - start < 5
    assert row.points == 6
    mark = next(mark for mark in row.parts[0].marks if mark.name == "dx")
    assert mark.verdict in ("cannot be read", "wrong")
    assert not (tmp_path / "hacked").exists()


def test_lines_that_cannot_be_read_spoil_only_themselves(tmp_path: pathlib.Path) -> None:
    lines = [
        b"student,p2.dx,p2.dy",
        b"ada,2.7,2.5",
        b'"open,2.7,2.5',
        b"three,2.7",
        b"lat\x81\x8d,2.7,2.5",
        b"long," + b"1" * 1_200_000 + b",2.5",
        b"zoe,2.7,2.5",
    ]
    rows = rows_of(tmp_path, "class.csv", b"\n".join(lines))
    assert [row.points for row in rows] == [2, 0, 0, 0, 0, 2]
    assert [bool(row.reasons) for row in rows] == [False, True, True, True, True, False]
    assert rows[-1].student == "zoe"
    assert "line 7" in rows[-1].source


def test_what_was_not_asked_helps_and_what_is_unknown_is_said(tmp_path: pathlib.Path) -> None:
    answers = {"p1": {**RIGHT["p1"], "q": 3, "dw": 1}, "p9": {"dx": 1}}
    (row,) = rows_of(tmp_path, "a.json", json.dumps({"answers": answers}))
    assert row.parts[0].points == 5
    assert any("dw" in line for line in row.parts[0].lines)
    assert row.reasons == ("no problem is called p9",)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[[problem]", "no TOML"),
        ("title = 'a'", "no problems"),
        ("[[problems]]\nformula = 'x'", "'problems'"),
        ("[[problem]]\nid = 'a'", "no formula"),
        ("[[problem]]\nformula = 'x*'\npoint = {x = 1}", "needs something"),
        ("[[problem]]\nformula = 'x*y'\npoint = {x = 1}", "'y' has no value"),
        ("[[problem]]\nformula = 'x'\npoint = {x = 1}\nask = ['dy']", "'dy'"),
        ("[[problem]]\nformula = 'x'\npoint = {x = 1}\npoints = -1", "points"),
        ("[[problem]]\nformula = 'ln(x)'\npoint = {x = -1}", "no answer at this point"),
        ("[[problem]]\nformula = 'x'\npoint = {x = 1}\n[rubric]\nright = 1", "'right'"),
    ],
)
def test_an_assignment_that_makes_no_sense_is_refused(text: str, what: str) -> None:
    with pytest.raises(UsageError, match=what):
        read_assignment(text)


def many(count: int) -> Iterator[Submission]:
    for number in range(count):
        wrong = str(number / 7)
        yield Submission(f"s{number}", "", {"p1": {"dx": wrong}, "p2": {"dx": "2.7", "dy": wrong}})


@pytest.mark.parametrize("students", [40, pytest.param(150, marks=pytest.mark.slow)])
def test_processes_say_the_same_in_the_same_order(students: int) -> None:
    one = list(grade(read_assignment(ASSIGNMENT), many(students)))
    two = list(grade_in_processes(ASSIGNMENT, many(students), 2))
    assert one == two
    assert [row.student for row in two] == [f"s{number}" for number in range(students)]


@pytest.mark.slow
def test_memory_does_not_grow_with_the_class(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "class.jsonl"
    path.write_text(
        "".join(json.dumps({"student": f"s{k}", "answers": RIGHT}) + "\n" for k in range(6_000))
    )
    rows = grade(read_assignment(ASSIGNMENT), read_submissions([str(path)]))
    sizes = []
    tracemalloc.start()
    for number, _ in enumerate(rows):
        if number in (1_000, 5_999):
            sizes.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert sizes[1] < sizes[0] + 100_000


def test_a_slip_that_earns_nothing_excuses_nothing() -> None:
    """dq is not asked; with any dq the rest would follow."""
    text = ASSIGNMENT.replace(
        'ask = ["dq", "dx", "dy", "dz"]\npoints = { dq = 2, dx = 1, dy = 1, dz = 1 }',
        'ask = ["dx", "dy", "dz"]',
    )
    cheat = {"p1": {"dq": "99", "q": "77", "dx": "99", "dy": "99", "dz": "77"}}
    loud = {"p1": {"df": "100", "dx": "-400", "dy": "-400", "dz": "300"}}
    first, second = grade(text, [Submission("a", "", cheat), Submission("b", "", loud)])
    assert first.parts[0].points == 1
    assert second.parts[0].points < 3


def test_an_error_of_ours_is_a_row_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("backtrace.homework.grading.hold", fails)
    (row,) = grade(ASSIGNMENT, [{"student": "a", "answers": {"p1": {"dx": "1"}}}])
    assert (row.state, row.parts, row.is_full) == ("not graded", (), False)
    assert "ZeroDivisionError" in row.error


@pytest.mark.parametrize(
    ("name", "text", "points"),
    [
        ("spaces.csv", "student,problem,answers\na,p2,dx = 2.7 dy=2.0 + 0.5\n", [2]),
        ("comma.csv", "student,p2.dx,p2.dy\na,2.7,2.5,\n", [2]),
        ("Case.csv", "Student,Problem,Answers\r\na,p2,dx=2.7 dy=2.5\r\n", [2]),
        ("bom.csv", "\ufeffstudent,p2.dx,p2.dy\n\na,2.7,2.5\n", [2]),
        ("semi.csv", "student;p2.dx;p2.dy\na;2.7;2.5\n", [2]),
        ("twice.csv", "student,p2.dx,p2.dx\na,2.7,2.5\n", [0]),
        ("nobody.csv", "student,p2.dx\n,2.7\n,2.7\n", [1, 1]),
        ("empty.csv", "", [0]),
        ("header.csv", "student,p2.dx\n", [0]),
        ("empty.json", "[]", [0]),
        ("twice.json", '{"answers": {"p2": {"dx": 1, "dx": 2.7}}}', [0]),
        ("nobody.jsonl", '{"answers": {"p2": {"dx": 2.7}}}\n' * 2, [1, 1]),
    ],
)
def test_files_as_people_make_them(
    name: str, text: str, points: list, tmp_path: pathlib.Path
) -> None:
    rows = rows_of(tmp_path, name, text)
    assert [row.points for row in rows] == points
    assert all(row.reasons for row in rows if not row.points or "nobody" in name)


# the command


def graded(command: Command, *words: str) -> str:
    return command("grade", str(COURSE / "assignment.toml"), *words).out


def test_the_formats(backtrace_command: Command) -> None:
    folder = str(COURSE / "submissions")
    found = json.loads(graded(backtrace_command, folder, "--format", "json"))
    assert found["schema"] == "backtrace.grade/1"
    points = [row["points"] for row in found["submissions"]]
    assert points == [15, 12, 13, 10, 8, 2]
    cells = list(csv.DictReader(io.StringIO(graded(backtrace_command, folder, "--format", "csv"))))
    assert [float(row["points"]) for row in cells] == points
    scores = graded(backtrace_command, folder, "--score").split()
    assert [float(score) for score in scores] == points
    for format in ("table", "markdown"):
        text = graded(backtrace_command, folder, "--format", format)
        assert all(name in text for name in ("Ada", "Ben", "Cho", "Dev", "Eva", "Mal"))
    summary = json.loads(graded(backtrace_command, folder, "--summary", "--format", "json"))
    assert {"count": 1, "problem": "branch", "at": "x", "mistake": "fork-lost"} in summary[
        "mistakes"
    ]


def test_the_status_and_a_silent_stderr(backtrace_command: Command) -> None:
    right = backtrace_command(
        "grade", str(COURSE / "assignment.toml"), str(COURSE / "submissions" / "ada.json")
    )
    wrong = backtrace_command(
        "grade", str(COURSE / "assignment.toml"), str(COURSE / "submissions" / "mal.json")
    )
    assert (right.status, right.err) == (0, "")
    assert (wrong.status, wrong.err) == (1, "")
    assert backtrace_command("grade", "none.toml", "none.json").status == 2


def test_gradescope(backtrace_command: Command, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "results.json"
    words = ("--format", "gradescope", "-o", str(path))
    graded(backtrace_command, str(COURSE / "submissions" / "ben.json"), *words)
    found = json.loads(path.read_text())
    assert found["score"] == 12
    assert sum(test["score"] for test in found["tests"]) == 12
    assert {"name", "number", "score", "max_score", "status", "output", "tags", "visibility"} <= (
        found["tests"][0].keys()
    )
    assert ["mul-not-swapped"] in [test["tags"] for test in found["tests"]]
    failed = backtrace_command("grade", "no.toml", "no.json", *words)
    assert failed.status == 2
    assert json.loads(path.read_text())["score"] == 0
    two = backtrace_command(
        "grade", str(COURSE / "assignment.toml"), str(COURSE / "submissions"), *words
    )
    assert two.status == 2
    assert "one" in json.loads(path.read_text())["output"]


def test_student_text_is_never_markup(backtrace_command: Command, tmp_path: pathlib.Path) -> None:
    path = tmp_path / "x.json"
    hostile = "<img src=x onerror=alert(1)>"
    answers = {"circuit": {"q": hostile, "dq": "[red]1", hostile: 3}, hostile: {}}
    path.write_text(json.dumps({"student": f"=cmd()|{hostile}\x1b[2J", "answers": answers}))
    for format in ("gradescope", "markdown"):
        text = graded(backtrace_command, str(path), "--format", format)
        assert "<img" not in text
    for format in ("table", "csv", "json", "markdown", "gradescope"):
        text = graded(backtrace_command, str(path), "--format", format)
        assert "\x1b" not in text
    row = graded(backtrace_command, str(path), "--format", "csv").splitlines()[1]
    assert row.startswith("'=cmd")


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_results_are_whole_or_absent(tmp_path: pathlib.Path, signum: int) -> None:
    """Interrupted while a class is graded: no file, and nothing beside it."""
    source, target = tmp_path / "class.jsonl", tmp_path / "out" / "grades.csv"
    target.parent.mkdir()
    os.mkfifo(source)
    assignment = tmp_path / "a.toml"
    assignment.write_text(ASSIGNMENT)
    words = ["grade", str(assignment), str(source), "-o", str(target)]
    process = subprocess.Popen([sys.executable, "-m", "backtrace", *words], stderr=subprocess.PIPE)
    with open(source, "w") as pipe:
        for number in range(200):
            pipe.write(json.dumps({"student": f"s{number}", "answers": RIGHT}) + "\n")
        pipe.flush()
        end = time.monotonic() + 20
        while not os.listdir(target.parent) and time.monotonic() < end:
            time.sleep(0.02)
        process.send_signal(signum)
        _, complaint = process.communicate(timeout=20)
    assert process.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143}[signum]
    assert b"Traceback" not in complaint
    assert os.listdir(target.parent) == []


def test_points_are_whole(backtrace_command: Command, tmp_path: pathlib.Path) -> None:
    assignment, answers = tmp_path / "a.toml", tmp_path / "a.json"
    assignment.write_text(
        "[[problem]]\nformula = 'x*y'\npoint = {x = 2, y = 3}\npoints = 12345.33333\n"
    )
    answers.write_text('{"answers": {"p1": {"dx": 3, "dy": 2}}}')
    score = backtrace_command("grade", str(assignment), str(answers), "--score").out
    assert float(score) == pytest.approx(24690.66666, abs=1e-9)


@pytest.mark.parametrize("more", [(), ("--ascii",), ("--width", "40"), ("--width", "60")])
def test_the_table_fits(
    more: tuple[str, ...], backtrace_command: Command, tmp_path: pathlib.Path
) -> None:
    path = tmp_path / "x.json"
    path.write_text('{"student": "陈伟陈伟陈伟陈伟", "answers": {"circuit": {"q": 7}}}')
    submissions = (str(COURSE / "submissions"), str(path))
    text = backtrace_command("grade", str(COURSE / "assignment.toml"), *submissions, *more).out
    width = int(more[1]) if "--width" in more else 80
    from rich.cells import cell_len

    assert max(map(cell_len, text.splitlines())) <= width
    assert "--ascii" not in more or text.replace("陈", "").replace("伟", "").isascii()
    assert "\\u25" not in text


def test_levels_of_grades(backtrace_command: Command) -> None:
    ben = str(COURSE / "submissions" / "ben.json")
    for format in ("table", "gradescope", "json"):
        told = graded(backtrace_command, ben, "--format", format, "--hint-level", "0")
        assert "fork-lost" not in told
        assert "follows" not in told


# an error of ours

CLASS = [
    {"student": "ada", "answers": RIGHT},
    {"student": "ben", "answers": {**RIGHT, "p2": {"dx": 666, "dy": 2.5}}},
    {"student": "cho", "answers": {**RIGHT, "p2": {"dx": 1.7, "dy": 2.5}}},
    {"student": "dee", "answers": [1, 2]},
]


@pytest.fixture
def class_with_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> tuple[str, str]:
    """Whoever answers 666 meets an error of ours."""
    original = grading.hold

    def hold(problem: Any, answers: Any, tolerance: float) -> Any:
        if any(answer.text == "666" for answer in answers):
            raise KeyError("planted\x1b[31m")
        return original(problem, answers, tolerance)

    monkeypatch.setattr(grading, "hold", hold)
    (tmp_path / "a.toml").write_text(ASSIGNMENT)
    (tmp_path / "class.json").write_text(json.dumps(CLASS))
    return str(tmp_path / "a.toml"), str(tmp_path / "class.json")


def test_an_error_of_ours_costs_nobody_a_point(
    class_with_an_error: tuple[str, str], backtrace_command: Command
) -> None:
    """In every format: no points on its row, the others graded as ever, a line to report."""
    shown = backtrace_command("grade", *class_with_an_error)
    assert shown.status == 3
    lines = {line.split()[0]: line for line in shown.out.splitlines() if line}
    assert re.match(r"ben +- +- +- +not graded: an error in backtrace", lines["ben"]), lines["ben"]
    assert "7/7" in lines["ada"]
    assert "6/7" in lines["cho"]
    assert "refused for its form: 'answers' is no" in shown.out
    assert "not graded: ben" in shown.err
    assert "KeyError at test_grading.py:" in shown.err
    assert "please report this line and the input" in shown.err
    assert "\x1b" not in shown.err
    found = json.loads(backtrace_command("grade", *class_with_an_error, "--format", "json").out)
    rows = {row["student"]: row for row in found["submissions"]}
    states = [row["state"] for row in found["submissions"]]
    assert states == ["graded", "not graded", "graded", "refused"]
    assert rows["ben"]["points"] is None
    assert rows["ben"]["problems"] == []
    assert "KeyError" in rows["ben"]["error"]
    assert "error" not in rows["ada"]
    text = backtrace_command("grade", *class_with_an_error, "--format", "csv").out
    cells = {row[0]: row for row in csv.reader(io.StringIO(text))}
    assert cells["ben"][1:5] == ["", "7", "", ""]
    assert len({len(row) for row in cells.values()}) == 1
    text = backtrace_command("grade", *class_with_an_error, "--format", "markdown").out
    assert {line.count(" | ") for line in text.splitlines() if line.startswith("| ")} == {4}
    assert "| ben | - | - | - | not graded" in text
    score = backtrace_command("grade", *class_with_an_error, "--score").out
    assert score.splitlines()[:3] == ["7", "not graded", "6"]


@pytest.mark.parametrize("format", ["table", "json", "csv", "markdown"])
def test_the_summary_counts_first_what_was_not_graded(
    class_with_an_error: tuple[str, str], format: str, backtrace_command: Command
) -> None:
    words = ("grade", *class_with_an_error, "--summary", "--format", format)
    ended = backtrace_command(*words)
    assert ended.status == 3
    if format == "json":
        found = json.loads(ended.out)
        counts = [found[k] for k in ("submissions", "not_graded", "refused", "graded", "mean")]
        assert counts == [4, 1, 1, 2, 6.5]
        assert [slip["mistake"] for slip in found["mistakes"]] == ["fork-lost"]
        return
    lines = ended.out.splitlines()
    if format == "csv":
        assert lines[1:3] == ["1,,,not graded: an error in backtrace", "1,,,refused for its form"]
    else:
        assert lines[0] == "4 submissions, 2 graded, 6.5 of 7 points on average"
        assert "1x not graded: an error in backtrace" in lines[2]
        assert "1x refused for its form" in lines[3]
        assert "fork-lost" in lines[4]


def test_an_error_of_ours_at_gradescope_has_no_score(
    class_with_an_error: tuple[str, str], tmp_path: pathlib.Path, backtrace_command: Command
) -> None:
    assignment, _ = class_with_an_error
    for number, score in ((0, 7), (1, None), (3, 0)):
        path = tmp_path / "one.json"
        path.write_text(json.dumps(CLASS[number]))
        ended = backtrace_command("grade", assignment, str(path), "--format", "gradescope")
        found = json.loads(ended.out)
        assert found.get("score") == score
        assert ("score" in found) == (score is not None)
        if number == 1:
            assert found["output"].startswith("not graded: an error in backtrace")
            assert ended.status == 3
        if number == 3:
            assert found["output"].startswith("refused for its form")


def test_an_error_of_ours_in_a_process_of_its_own() -> None:
    """A row comes back from the pool as it is: what a worker raises is on its row there too."""
    rows = list(grade(read_assignment(ASSIGNMENT), CLASS[:1]))
    broken = Row("ben", "", (), (), error="an error in backtrace (KeyError: x)")
    assert pickle.loads(pickle.dumps(broken)) == broken
    many = grade_in_processes(ASSIGNMENT, map(submission_of, CLASS), 2, None)
    assert [row.state for row in many] == ["graded", "graded", "graded", "refused"]
    assert rows[0].state == "graded"


def test_one_answer_without_a_value_costs_itself_only() -> None:
    """A formula whose shapes do not fit is not read; the others are graded."""
    text = """
[[problem]]
id = "p"
formula = "sum(W@x)"
point = { W = [[1, 2], [3, 4]], x = [5, 6] }
"""
    answers = {"dW": "x@W@W.T + [1,2,3]", "dx": [4, 6]}
    (row,) = grade(text, [{"student": "a", "answers": {"p": answers}}])
    assert {m.name: m.verdict for m in row.parts[0].marks} == {"dW": "cannot be read", "dx": "ok"}


def test_an_unexpected_error_is_said_in_a_line(
    monkeypatch: pytest.MonkeyPatch, backtrace_command: Command
) -> None:
    def fails(*_: Any) -> Any:
        raise IndexError("planted")

    monkeypatch.setattr("backtrace.homework.checking.hold", fails)
    ended = backtrace_command("check", "x*y", "x=1", "y=2", "dx=2")
    assert (ended.status, ended.out) == (3, "")
    assert ended.err.startswith("error: an error in backtrace (IndexError at test_grading.py:")
    monkeypatch.setenv("BACKTRACE_DEBUG", "1")
    with pytest.raises(IndexError):
        backtrace_command("check", "x*y", "x=1", "y=2", "dx=2")


def _killed_at_boom(submissions: Any) -> list[Row]:
    """In a worker: what ends the process from outside, as the kernel does when memory runs out."""
    if any(s.student == "boom" for s in submissions):
        os.kill(os.getpid(), signal.SIGKILL)
    return [workers._grader(s) for s in submissions]


@pytest.mark.parametrize("killers", [[12], [0, 18, 19]])
@pytest.mark.slow
def test_a_worker_that_is_killed_costs_one_row(
    killers: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "_grade_many", _killed_at_boom)
    monkeypatch.setattr(workers, "_CHUNK", 8)
    names = ["boom" if k in killers else f"s{k}" for k in range(21)]
    given = [Submission(name, f"line {k}", RIGHT) for k, name in enumerate(names)]
    rows = list(grade_in_processes(ASSIGNMENT, iter(given), 2))
    assert [row.student for row in rows] == names
    for row in rows:
        if row.student == "boom":
            assert row.state == "not graded"
            assert "killed" in row.error
        else:
            assert (row.points, row.error) == (7, "")


def _dies(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_processes_that_cannot_begin_are_nobodys_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_begin", _dies)
    with pytest.raises(BrokenExecutor):
        list(grade_in_processes(ASSIGNMENT, iter([Submission("ada", "", RIGHT)]), 2))


@pytest.mark.parametrize(
    ("formula", "derivative", "by_gate"),
    [
        ("where(x == 0, 0, x)", "1", "0"),
        ("relu(x) - relu(-x)", "1", "0"),
    ],
)
def test_where_kinks_cancel_the_derivative_earns_its_points(
    formula: str, derivative: str, by_gate: str
) -> None:
    asked = f"""[[problem]]\nid = "p1"\nformula = "{formula}"\npoint = {{ x = 0 }}\n"""
    given = [Submission(a, "", {"p1": {"dx": a}}) for a in (derivative, by_gate, "7")]
    assert [row.points for row in grade(asked, given)] == [1, 1, 0]
