"""What a class is given: its page, a page for each student, annotations, harmless tables."""

from __future__ import annotations

import csv
import html
import io
import json
import os
import pathlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backtrace.errors import UsageError
from backtrace.files.whole_folders import new_folder
from backtrace.homework import feedback, gradebook
from backtrace.homework.assignment import read_assignment
from backtrace.homework.feedback import file_name
from backtrace.homework.grading import grade
from backtrace.homework.rows import Row
from backtrace.render import View
from tests.conftest import DATA, Command

NET = (DATA / "code" / "backward" / "softmax_net.py").read_text()
ASSIGNMENT = """
title = "Two <b>layers"
[[problem]]
id = "gate"
formula = "q = x + y; f = q*z"
point = { x = -2, y = 5, z = -4 }
ask = ["dx", "dz"]
[[problem]]
id = "net"
code = ""
points = { dW1 = 2, dW2 = 2, db1 = 1 }
"""
SWAPPED = NET.replace("dW1 = X.T.dot(da)", "dW1 = da.T.dot(X)  # by Ben Bitdiddle")
CLASS = [
    {"student": "Ada", "code": NET, "answers": {"gate": {"dx": -4, "dz": 3}}},
    {"student": "Ben <i>", "code": SWAPPED, "answers": {"gate": {"dx": 3, "dz": 3}}},
    {"student": "Cho", "code": SWAPPED.replace("Ben", "Cho"), "answers": {"gate": {"dx": -4}}},
    {"student": "Dev", "code": "x = = 3", "answers": {}},
    {"student": "=1+1", "code": NET.replace("dW1 = X.T.dot(da)", "dW1 = odd(X)")},
]


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return list(grade(ASSIGNMENT, CLASS))


def page(rows: list[Row]) -> str:
    return "".join(gradebook.WRITERS["html"](read_assignment(ASSIGNMENT), rows, View()))


def test_the_page_of_a_class(rows: list[Row]) -> None:
    text = page(rows)
    assert "5 submissions" in text
    slips, everybody = text.split("<h2>Everybody</h2>")
    assert "2×</span> factors-swapped at dW1 (net)" in slips
    assert "mul-not-swapped at dx (gate)" in slips
    assert slips.count("<svg xmlns") == 2  # the picture of each gate
    assert "dW1 = da.T.dot(X)" in slips
    for name in ("Ada", "Ben", "Cho", "Dev", "Bitdiddle"):
        assert name not in slips
    assert everybody.count("<tr>") == 1 + len(CLASS)
    assert "<i>" not in text
    assert "<b>layers" not in text
    assert "src=" not in text
    assert "://" not in re.sub(r'xmlns="[^"]*"', "", text)


def test_the_histogram_counts_everybody_who_is_graded(rows: list[Row]) -> None:
    bars = page(rows).split("<h2>The commonest slips</h2>")[0]
    counts = re.findall(r'<td class="n">([\d.]+)</td><td class="n">(\d+)</td>', bars)
    assert sum(int(count) for _, count in counts) == len(rows)
    assert dict(counts)["7"] == "1"  # Ada has all


@given(st.lists(st.floats(0, 7), max_size=6), st.sampled_from(["0.1", "1", "2.5", "40"]))
def test_whatever_points_fall_into_some_bar(shares: list[float], worth: str) -> None:
    text = f'[[problem]]\nformula = "2*x"\npoint = {{ x = 1 }}\npoints = {worth}\n'
    asked = read_assignment(text)
    (model,) = grade(text, [{"student": "a", "answers": {"p1": {"dx": 2}}}])
    (part,) = model.parts
    (mark,) = part.marks
    made = []
    for share in shares:
        changed = mark.__class__(mark.name, mark.verdict, share / 7 * mark.worth, mark.worth)
        part_of = part.__class__(part.id, (changed,))
        made.append(Row("a", "", (part_of,), ()))
    text = "".join(gradebook.WRITERS["html"](asked, made, View()))
    bars = text.split("<h2>Points</h2>")[1].split("<h2>")[0]
    counts = re.findall(r'<td class="n">[\d.]+</td><td class="n">(\d+)</td>', bars)
    assert sum(map(int, counts)) == len(shares)
    assert len(counts) <= 14


# feedback


def files(folder: pathlib.Path) -> set[str]:
    return {file.name for file in folder.iterdir() if not file.name.startswith(".")}


@pytest.mark.parametrize("kind", ["html", "markdown"])
def test_a_page_for_each_student(rows: list[Row], tmp_path: pathlib.Path, kind: str) -> None:
    asked = read_assignment(ASSIGNMENT)
    with new_folder(str(tmp_path / "fb")) as folder:
        assert list(feedback.written(asked, rows, folder, kind, View())) == rows
        assert not (tmp_path / "fb").exists()
    end = feedback.SUFFIXES[kind]
    assert files(tmp_path / "fb") == {f"{n}{end}" for n in ("Ada", "Ben _i_", "Cho", "Dev", "_1_1")}
    told = html.unescape((tmp_path / "fb" / f"Ben _i_{end}").read_text())
    assert "submission.py:23:7: dW1 is wrong" in told
    assert "3 of 7 points" not in told
    assert "4 of 7 points" in told
    assert "Ada" not in told
    by_hand = (tmp_path / "fb" / f"_1_1{end}").read_text()
    assert "2 more are given by hand" in by_hand


def test_a_page_is_no_markup_of_a_student_s() -> None:
    evil = "x = 1  # ```\n```\n<script>alert(1)</script>\n"
    row = next(iter(grade(ASSIGNMENT, [{"student": "<img src=x>", "code": evil}])))
    asked = read_assignment(ASSIGNMENT)
    assert "<script>alert" not in feedback.as_html(asked, row, View())
    assert "<img" not in feedback.as_html(asked, row, View())
    told = feedback.as_markdown(asked, row, View())
    outside = re.sub(r"^(`{3,})\n.*?^\1$", "", told, flags=re.DOTALL | re.MULTILINE)
    assert "<" not in outside


NAMES = [
    "../../etc/passwd",
    "a/b",
    "a\\b",
    "CON",
    "nul.txt",
    ".",
    "..",
    "",
    "?",
    "a" * 400,
    "가" * 200,
]


@given(st.lists(st.one_of(st.text(max_size=30), st.sampled_from(NAMES)), max_size=20))
def test_names_are_safe_and_no_two_are_one_file(names: list[str]) -> None:
    taken: set[str] = set()
    made = [file_name(name, taken) for name in names]
    assert len({name.casefold() for name in made}) == len(made)
    for name in made:
        assert name
        assert os.path.basename(name) == name
        assert name not in (".", "..")
        assert not name.startswith(".")
        assert not name.endswith((" ", "."))
        assert not set(name) & set('/\\:*?"<>|\0\n\r\t')
        assert len(name.encode("utf-8")) <= 200
        assert name.partition(".")[0].casefold() not in ("con", "nul", "aux", "com1")


@pytest.mark.parametrize("name", ["김철수", "Ada Lovelace", "O'Neil-Żółć", "田中 太郎"])
def test_names_of_people_are_kept(name: str) -> None:
    assert file_name(name, set()) == name


def test_a_folder_is_written_whole_or_not_at_all(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "fb"
    with new_folder(str(path)) as folder:
        folder.write("ada.html", "first")
    with pytest.raises(AssertionError), new_folder(str(path)) as folder:
        folder.write("a/b.html", folder.write("ada.html", "second") or "")
    assert (path / "ada.html").read_text() == "first"
    with new_folder(str(path)) as folder:
        folder.write("ben.html", "third")
    assert files(path) == {"ben.html"}
    assert [file.name for file in tmp_path.iterdir()] == ["fb"]


def test_a_folder_with_files_of_others_is_left_alone(tmp_path: pathlib.Path) -> None:
    (tmp_path / "thesis.tex").write_text("years")
    with pytest.raises(UsageError, match="holds other files"), new_folder(str(tmp_path)):
        pass
    with new_folder(str(tmp_path / "fb")) as folder:
        folder.write("ada.html", "first")
    (tmp_path / "fb" / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match=r"notes\.txt"), new_folder(str(tmp_path / "fb")):
        pass
    with pytest.raises(UsageError), new_folder(str(tmp_path / "thesis.tex")):
        pass
    with pytest.raises(UsageError), new_folder(str(tmp_path / "no" / "such" / "fb")):
        pass
    assert files(tmp_path) == {"thesis.tex", "fb"}


# tables and annotations


STARTS = ["=", "+", "-", "@", "\t", "＝", "－", "|", "%"]


@given(st.tuples(st.sampled_from(STARTS), st.text(max_size=20)).map("".join))
def test_no_cell_is_a_formula(name: str) -> None:
    (row,) = grade(ASSIGNMENT, [{"student": name, "answers": {"gate": {"dx": "-4"}}}])
    text = "".join(gradebook.WRITERS["csv"](read_assignment(ASSIGNMENT), [row], View()))
    _, cells = csv.reader(io.StringIO(text))
    assert not any(
        cell.startswith(tuple(STARTS))
        and not re.fullmatch(r"[+-]?[0-9.]+(e[+-]?[0-9]+)?", cell, re.I)
        for cell in cells
    )
    assert cells[1:6] == ["1", "7", "1", "0", cells[5]]  # numbers stay numbers


def test_annotations_and_points_for_github(
    tmp_path: pathlib.Path, backtrace_command: Command
) -> None:
    (tmp_path / "a.toml").write_text(ASSIGNMENT)
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "net.py").write_text(SWAPPED)
    told = backtrace_command(
        "grade", str(tmp_path / "a.toml"), str(tmp_path / "src" / "net.py"), "--format", "github"
    ).out.splitlines()
    path = str(tmp_path / "src" / "net.py").replace(":", "%3A")
    assert told[0].startswith(f"::error file={path},line=23,col=7,title=net dW1::dW1 is not right")
    assert "::notice title=Autograding complete::Points 3/7" in told
    report = next(line for line in told if "Autograding report" in line)
    assert json.loads(report.rpartition("::")[2]) == {"totalPoints": 3, "maxPoints": 7}


def test_the_command_writes_both(tmp_path: pathlib.Path, backtrace_command: Command) -> None:
    (tmp_path / "a.toml").write_text(ASSIGNMENT)
    (tmp_path / "class").mkdir()
    for name in ("ada", "김철수"):
        (tmp_path / "class" / f"{name}.py").write_text(NET)
    out, fb = tmp_path / "page.html", tmp_path / "fb"
    words = ("grade", str(tmp_path / "a.toml"), str(tmp_path / "class"))
    ended = backtrace_command(*words, "-o", str(out), "--feedback", str(fb))
    assert (ended.status, ended.out) == (1, "")
    assert out.read_text().startswith("<!DOCTYPE html>")
    assert files(fb) == {"ada.html", "김철수.html"}
    ended = backtrace_command(*words, "--score", "--format", "markdown", "--feedback", str(fb))
    assert ended.out == "5\n5\n"
    assert files(fb) == {"ada.md", "김철수.md"}
    ended = backtrace_command(*words, "--feedback", str(tmp_path))
    assert ended.status == 2
    assert "holds other files" in ended.err
