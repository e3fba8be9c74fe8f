"""Every view that has columns or drawn lines, in a language whose characters are two columns wide:
no line is wider than was asked, and columns begin and end where those of their heads do."""

from __future__ import annotations

import itertools
import json
import os
import pathlib
import re
import subprocess
import sys

import pytest
from rich.cells import cell_len

from tests.conftest import Command

KINDS: dict[str, tuple[str, ...]] = {
    "scalar": ("(x+y)*z", "x=-2", "y=5", "z=-4"),
    "neuron": ("1/(1+exp(-(w0*x0+w1)))", "w0=2", "x0=-1", "w1=-3"),
    "fused": ("1/(1+exp(-(w0*x0+w1)))", "w0=2", "x0=-1", "w1=-3", "--fuse"),
    "branches": ("q = x + y; f = max(q, z)*q", "x=-2", "y=5", "z=-4"),
    "stages in Hangul": ("합 = x + y; 결과 = max(합, z)*합", "x=-2", "y=5", "z=-4"),
    "inputs in Hangul": ("가중치*입력 + 편향", "가중치=2", "입력=-1.5", "편향=1/3"),
    "own gates": ("sq(t) = t*t; f = sq(x) + sq(x*y)", "x=2", "y=3"),
    "own gates in Hangul": ("제곱(t) = t*t; f = 제곱(x) + 제곱(x*y)", "x=2", "y=3"),
    "vector": ("sum(x*y)", "x=[1,2,3]", "y=[0.5,-1,2]"),
    "matrix": ("sum(relu(W@x))", "W=[[1,2],[3,-4]]", "x=[1,2]"),
    "net": ("h = relu(W@x + b); 점수 = v@h", "W=[[1,2],[3,-4]]", "x=[1,2]", "b=[1,1]", "v=[1,-1]"),
    "kink": ("relu(x) + abs(x)*y", "x=0", "y=2"),
    "not a number": ("log(x)*y", "x=-1", "y=2"),
}
FORMATS = ("table", "tree", "wires")
MORE = (
    *((), ("--explain",), ("--paths", "{first}"), ("--forward", "{first}"), ("--cost",)),
    *(("--order", "2"), ("--symbolic",), ("--ascii", "--explain")),
)
DRAWN = "│├└╭╰╮╯─"


def widest(text: str) -> int:
    return max(map(cell_len, text.splitlines()), default=0)


def first_of(words: tuple[str, ...]) -> str:
    return next(w.partition("=")[0] for w in words[1:] if "=" in w)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("kind", KINDS)
def test_no_line_is_wider_than_was_asked(
    kind: str, format: str, backtrace_command: Command
) -> None:
    words = KINDS[kind]
    for width, more in itertools.product((60, 80, 120), MORE):
        extra = [word.format(first=first_of(words)) for word in more]
        asked = (*words, "--format", format, "--width", str(width), "--no-check", *extra)
        shown = {k: backtrace_command(*asked, "--lang", k) for k in ("en", "ko")}
        assert shown["ko"].status == shown["en"].status, asked
        assert widest(shown["ko"].out) <= max(width, widest(shown["en"].out)), asked


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("kind", KINDS)
def test_columns_stand_under_their_heads(kind: str, width: int, backtrace_command: Command) -> None:
    """A rule is as wide as its head, and no row has a character where all are free of any: between
    two columns two cells are blank in the head and in every row."""
    shown = backtrace_command(*KINDS[kind], "--lang", "ko", "--width", str(width))
    tables = tables_of(shown.out)
    assert tables or "게이트" in shown.out
    for head, rule, *rows in tables:
        assert cell_len(rule) == max(map(cell_len, (head, *rows))) or rows[0].endswith(VERDICTS)
        assert len(gaps(head, *rows)) >= len(re.split(" {2,}", head.strip())) - 1, head


VERDICTS = ("일치", "꺾이는 점", "건너뜀", "불일치")


def tables_of(text: str) -> list[list[str]]:
    """Every table: its head, its rule, and its rows."""
    lines = text.splitlines()
    starts = [k for k, line in enumerate(lines) if line and set(line) <= set("─-")]
    return [[lines[k - 1], *itertools.takewhile(bool, lines[k:])] for k in starts]


def gaps(*lines: str) -> list[tuple[int, int]]:
    """[from, to) of the cells that are blank in every line, two or more, inside the first."""
    wide = max(map(cell_len, lines))
    drawn = [by_cells(line).ljust(wide) for line in lines]
    blank = [all(line[k] == " " for line in drawn) for k in range(len(by_cells(lines[0])))]
    runs = [(is_blank, len(list(run))) for is_blank, run in itertools.groupby(blank)]
    ends = list(itertools.accumulate(length for _, length in runs))
    found = zip(runs, ends, strict=True)
    return [(end - length, end) for (is_blank, length), end in found if is_blank and length > 1]


def by_cells(line: str) -> str:
    """`line` with one character for every cell."""
    return "".join(c * cell_len(c) for c in line)


ASSIGNMENT = """title = "{title}"
[[problem]]
id = "{first}"
formula = "q = x + y; f = q*z"
point = {{x = -2, y = 5, z = -4}}
ask = ["dx", "dy", "dz", "dq"]
points = {{dx = 1, dy = 1, dz = 1, dq = 1}}
[[problem]]
id = "p2"
formula = "max(x, y)*z"
point = {{x = 2, y = -1, z = 3}}
points = {{dx = 2, dy = 1, dz = 1}}
"""
STUDENTS = ("김철수", "이영희가", "Ada", "남궁민수진아 Long", "x")
ANSWERS = ("-4,-4,3,-4,3,0,2", "3,3,3,3,3,3,2", "-4,4,,-4,abc,0,2", "4,4,-3,4,-3,0,-2", ",,,,,,")


@pytest.fixture
def class_files(tmp_path: pathlib.Path) -> tuple[str, str]:
    """An assignment and the answers of a class, whose names are of both widths."""
    assignment, answers = tmp_path / "hw.toml", tmp_path / "answers.csv"
    assignment.write_text(ASSIGNMENT.format(title="과제 1", first="문제1"), "utf-8")
    heads = ["문제1.dx", "문제1.dy", "문제1.dz", "문제1.dq", "p2.dx", "p2.dy", "p2.dz"]
    rows = [f"{s},{a}" for s, a in zip(STUDENTS, ANSWERS, strict=True)]
    answers.write_text("\n".join([",".join(["student", *heads]), *rows]) + "\n", "utf-8")
    return str(assignment), str(answers)


@pytest.mark.parametrize("ascii", [(), ("--ascii",)])
@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_gradebook_has_its_columns_and_its_width(
    width: int, ascii: tuple[str, ...], class_files: tuple[str, str], backtrace_command: Command
) -> None:
    words = ("grade", *class_files, "--lang", "ko", "--width", str(width), *ascii)
    out = backtrace_command(*words).out
    assert widest(out) <= width
    (head, rule, *rows), *more = tables_of(out)
    assert not more
    assert cell_len(rule) == width
    assert len(rows) == len(STUDENTS)
    ends = [cell_len(head[: head.index(word) + len(word)]) for word in ("점수", "문제1", "p2")]
    for row in rows:
        cells = by_cells(row).ljust(width)
        assert all(cells[end - 1].isdigit() and cells[end] == " " for end in ends), row


@pytest.mark.slow
def test_every_worker_speaks_the_language_of_the_run(
    class_files: tuple[str, str], backtrace_command: Command
) -> None:
    words = ("grade", *class_files, "--lang", "ko")
    for more in (
        (),
        ("--format", "json"),
        ("--format", "csv"),
        ("--summary",),
        ("--format", "html"),
    ):
        one = backtrace_command(*words, *more)
        assert backtrace_command(*words, *more, "--jobs", "2") == one
    graded = json.loads(backtrace_command(*words, "--format", "json", "--jobs", "2").out)
    said = [
        text
        for row in graded["submissions"]
        for problem in row["problems"]
        for text in (*problem["says"], *(a.get("reason", "가") for a in problem["answers"]))
    ]
    assert len(said) > 10
    assert all(any("가" <= c <= "힣" for c in text) for text in said), said


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize(
    "words",
    [
        ("check", "합 = x + y; f = 합*z", "x=-2", "y=5", "z=-4", "합=3", "d합=3", "dx=3", "dz=3"),
        ("check", "relu(W@x)", "W=[[1,2],[3,-4]]", "x=[1,2]", "dW=[[1,2],[3,4]]", "dx=[1,2]"),
        ("check", "(x+y)*z", "x=-2", "y=5", "z=-4", "dx=-4.0001", "dy=1e40", "f=-12.001"),
        ("exercise", "--gates", "add,mul,max", "--forks", "1"),
        ("exercise", "--gates", "add,mul,max", "--format", "tree"),
        ("gates",),
        ("gates", "max"),
        ("gates", "batch_norm"),
        ("x^2*y + exp(y)", "x=1", "y=2", "--order", "2", "--along", "x=1"),
        ("softplus(W@입력)", "W=[[1,2],[3,4]]", "입력=[1,2]", "--order", "2"),
        ("합 = x + y; f = max(합, z)*합", "x=-2", "y=5", "z=-4", "--forward", "x", "--cost"),
        ("합 = x*x + y", "x=-2", "y=5", "--step", "0.1", "--steps", "5"),
        ("1/(1+exp(-x*y))", "x=-2", "y=5", "--compare"),
        ("sum(W@x + b)", "W:m,n", "x:n", "b:m"),
        ("sum(relu(W@x))", "W=[[1,2],[3,-4]]", "x=[1,2]", "--jacobian"),
    ],
    ids=lambda words: " ".join(words)[:40],
)
def test_other_views_keep_their_width(
    words: tuple[str, ...], width: int, backtrace_command: Command
) -> None:
    asked = (*words, "--width", str(width))
    korean, english = (backtrace_command(*asked, "--lang", k) for k in ("ko", "en"))
    assert korean.status == english.status
    assert korean.out, korean.err
    assert widest(korean.out) <= max(width, widest(english.out))
    for head, rule, *rows in tables_of(korean.out):
        if head:  # a catalogue's parts have a rule and no heads
            assert cell_len(rule) <= width
            assert len(gaps(head, *rows)) >= len(re.split(" {2,}", head.strip())) - 1, head


@pytest.mark.parametrize("width", [75, 80, 120])
def test_a_matrix_of_second_derivatives_ends_where_its_heads_end(
    width: int, backtrace_command: Command
) -> None:
    words = ("softplus(W@입력)", "W=[[1,2],[3,4]]", "입력=[1,2]", "--order", "2", "--no-check")
    lines = backtrace_command(*words, "--lang", "ko", "--width", str(width)).out.splitlines()
    names = ("W[0, 0]", "입력[1]")
    head = next(k for k, line in enumerate(lines) if line.startswith("   ") and names[1] in line)
    assert len({cell_len(line) for line in lines[head : head + 7]}) == 1
    begin = {
        len(by_cells(line)) - len(by_cells(line).lstrip()) for line in lines[head + 1 : head + 7]
    }
    assert begin == {2}


@pytest.mark.parametrize("columns", [60, 80, 120])
@pytest.mark.parametrize(
    "command", [(), ("check",), ("exercise",), ("gates",), ("grade",), ("quiz",), ("render",)]
)
def test_what_options_do_stands_in_one_column(
    command: tuple[str, ...],
    columns: int,
    backtrace_command: Command,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    out = backtrace_command(*command, "--help", "--lang", "ko").out
    body = out.partition("예:")[0]
    assert widest(body) <= 80
    for part in body.split("\n\n"):
        lines = [by_cells(line) for line in part.splitlines()]
        options = [line for line in lines if re.match(r"  -", line)]
        starts = {m.start(1) for m in (re.search(r"\S {2,}(\S)", line) for line in options) if m}
        starts |= {len(line) - len(line.lstrip()) for line in lines if line.startswith(" " * 8)}
        assert len(starts) <= 1, part


@pytest.mark.parametrize("kind", KINDS)
def test_lines_that_are_drawn_meet(kind: str, backtrace_command: Command) -> None:
    """In a drawing of wires, what goes up or down at a cell is met there in the next line."""
    for width in (60, 80, 120):
        words = (*KINDS[kind], "--lang", "ko", "--format", "wires", "--width", str(width))
        lines = backtrace_command(*words, "--no-check").out.splitlines()
        if any("배선도를" in line for line in lines):
            continue  # a tree, whose lines only go down to what is below
        rows = [by_cells(line) for line in lines]
        for above, below in itertools.pairwise(rows):
            for k, (a, b) in enumerate(itertools.zip_longest(above, below, fillvalue=" ")):
                down, up = a in "│╮╭├┤┬┼", b in "│╯╰├┤┴┼"
                assert down == up or "●" in (a, b), (words, above, below, k)


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("spoken", ["en", "ko"])
def test_what_is_cut_stays_indented(
    spoken: str, kind: str, width: int, backtrace_command: Command
) -> None:
    """In the steps in words, a line under a gate begins with two blanks, however it is wrapped."""
    words = (*KINDS[kind], "--explain", "--no-check", "--width", str(width), "--lang", spoken)
    out = backtrace_command(*words).out
    steps = out.partition({"en": "step by step\n", "ko": "한 단계씩\n"}[spoken])[2]
    assert steps
    whole = backtrace_command(*words[:-3], "900", *words[-2:]).out
    whole = whole.partition({"en": "step by step\n", "ko": "한 단계씩\n"}[spoken])[2]
    under = [line for line in whole.splitlines() if line.startswith("  ")]
    cut = [line for line in steps.splitlines() if line.startswith("  ")]
    assert " ".join(" ".join(cut).split()) == " ".join(" ".join(under).split())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("format", FORMATS)
def test_ascii_keeps_the_letters_and_no_other_sign(
    format: str, kind: str, backtrace_command: Command
) -> None:
    words = (*KINDS[kind], "--format", format, "--ascii")
    if format != "wires":  # which has no steps
        words = (*words, "--explain")
    korean, english = (backtrace_command(*words, "--lang", k).out for k in ("ko", "en"))
    others = {c for c in korean if not c.isascii()}
    assert others
    assert all("가" <= c <= "힣" for c in others)
    assert "\\u" not in korean
    assert english.isascii()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "cp949", "euc-kr", "utf-8"])
@pytest.mark.parametrize("words", [("x*y", "x=2", "y=3"), ("x*", "x=2"), ("--help",)])
@pytest.mark.parametrize("by", ["--lang", "LANG"])
def test_an_encoding_without_the_letters_gets_english(
    by: str, words: tuple[str, ...], encoding: str
) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "COLUMNS": "80"}
    environment |= {"LANGUAGE": "", "LC_ALL": "", "LC_MESSAGES": ""}
    environment["LANG"] = "ko_KR.UTF-8" if by == "LANG" else "C.UTF-8"
    command = [sys.executable, "-m", "backtrace", *words]
    named = ["--lang", "ko"] if by == "--lang" else []
    ended = subprocess.run([*command, *named], capture_output=True, env=environment)
    out, err = ended.stdout.decode(encoding), ended.stderr.decode(encoding)
    assert "\\u" not in out + err
    if encoding in ("cp949", "euc-kr", "utf-8"):
        assert any("가" <= c <= "힣" for c in out + err)
        return
    noted = err.startswith("note: the output's encoding, ")
    assert noted == (by == "--lang")
    plain = subprocess.run([*command, "--lang", "en"], capture_output=True, env=environment)
    assert out == plain.stdout.decode(encoding)
    assert (err.partition("\n")[2] if noted else err) == plain.stderr.decode(encoding)
