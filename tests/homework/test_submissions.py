"""Submissions as they come: the same class in every file that spreadsheets and forms make of it."""

from __future__ import annotations

import csv
import datetime
import io
import json
import pathlib
import tempfile
import zipfile
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backtrace.errors import UsageError
from backtrace.homework.assignment import read_assignment
from backtrace.homework.grading import Row, grade
from backtrace.homework.submissions import read_submissions
from backtrace.homework.submissions.cells import Signs, as_typed
from backtrace.homework.submissions.encodings import encoding_of
from backtrace.homework.submissions.submission import Unreadable
from tests.conftest import SCHEMAS, Command

TWO = """
[columns]
"Matrikelnummer" = "student"
"Q1 dL/dx" = "p1.dx"
[[problem]]
id = "p1"
formula = "q = x + y; f = q*z"
point = { x = -2, y = 5, z = -4 }
ask = ["dq", "dx", "dz"]
[[problem]]
id = "p2"
formula = "x*y"
point = { x = 2.5, y = 0.5 }
ask = ["dx", "dy"]
"""
ONE = TWO[TWO.index("[[problem]]") : TWO.rindex("[[problem]]")]
ASKED = read_assignment(TWO)
PLACES = [("p1", "dq"), ("p1", "dx"), ("p1", "dz"), ("p2", "dx"), ("p2", "dy")]
RIGHT = ["-4", "-4", "3", "0.5", "2.5"]


def rows_of(name: str, data: str | bytes, assignment: str = TWO) -> list[Row]:
    asked = read_assignment(assignment)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, name)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        read = list(read_submissions([str(path)], assignment=asked))
    return list(grade(asked, read))


def told(rows: list[Row]) -> list[tuple[str, float]]:
    return [(row.student, row.points) for row in rows]


# one class, written in every way

NAMES = st.sampled_from(["ada", "Bob Smith", "Zoé", "Müller, Jörg", "김민수", "O'Hara", "x;y", "7"])
ANSWERS = st.lists(
    st.sampled_from([None, "-4", "3", "0.5", "2.5", "-4.0", "1e-3", "-.25", "x", "1/3"]),
    min_size=5,
    max_size=5,
)
CLASSES = st.dictionaries(NAMES, ANSWERS, min_size=1, max_size=4)
Class = dict[str, list[str | None]]


def wide(students: Class) -> list[list[str]]:
    header = ["Student", *(f"{id}.{name}".upper() for id, name in PLACES)]
    return [
        header,
        *([student, *(a or "" for a in answers)] for student, answers in students.items()),
    ]


def long(students: Class) -> list[list[str]]:
    rows = [["Student", "Problem", "Answer", "Value", "When"]]
    for student, answers in students.items():
        for (id, name), answer in zip(PLACES, answers, strict=True):
            rows.append([student, id, name, answer or "", "monday"])
    return rows


def spread(students: Class) -> list[list[str]]:
    """The rows of all students in turn."""
    first, *rows = long(students)
    return [first, *sorted(rows, key=lambda row: PLACES.index((row[1], row[2])))]


def by_problem(students: Class) -> list[list[str]]:
    rows = [["student", "problem", "answers"]]
    for student, answers in students.items():
        for id in ("p1", "p2"):
            words = [
                f"{name}={answer}"
                for (of, name), answer in zip(PLACES, answers, strict=True)
                if of == id and answer
            ]
            rows.append([student, id, " ".join(words)])
    return rows


def as_csv(rows: list[list[str]], parting: str, comma: bool, end: str) -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=parting, lineterminator=end)
    for number, row in enumerate(rows):
        cells = [c.replace(".", ",") if comma and number and _is_decimal(c) else c for c in row]
        writer.writerow(cells)
    return text.getvalue()


def _is_decimal(cell: str) -> bool:
    return "." in cell and cell.strip("-+.0123456789e") == ""


def as_book(rows: list[list[str]]) -> bytes:
    book = openpyxl.Workbook()
    book.create_sheet("notes").append(["what this is"])
    for row in rows:
        book.worksheets[0].append([_cell(cell) for cell in row])
    held = io.BytesIO()
    book.save(held)
    return held.getvalue()


def _cell(cell: str) -> Any:
    try:
        return float(cell) if cell != "7" else cell
    except ValueError:
        return cell


def expected(students: Class) -> list[tuple[str, float]]:
    whole = [{"student": s, "answers": nested(answers)} for s, answers in students.items()]
    return told(list(grade(ASKED, whole)))


def nested(answers: list[str | None]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {"p1": {}, "p2": {}}
    for (id, name), answer in zip(PLACES, answers, strict=True):
        if answer is not None:
            found[id][name] = answer
    return found


@given(
    CLASSES,
    st.sampled_from([wide, long, spread, by_problem]),
    st.sampled_from([(",", False), (";", False), (";", True), ("\t", False), ("\t", True)]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"]),
    st.sampled_from(["\n", "\r\n"]),
)
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@pytest.mark.slow
def test_every_dialect_and_layout(
    students: Class, layout: Any, dialect: tuple[str, bool], encoding: str, end: str
) -> None:
    text = as_csv(layout(students), *dialect, end)
    rows = rows_of("class.csv", text.encode(encoding))
    if layout is not by_problem or all(any(answers) for answers in students.values()):
        assert told(rows) == expected(students)
    assert not any(row.reasons for row in rows)


@given(CLASSES, st.sampled_from([wide, long, spread, by_problem]))
@settings(max_examples=25, deadline=None)
def test_workbooks(students: Class, layout: Any) -> None:
    assert told(rows_of("class.xlsx", as_book(layout(students)))) == expected(students)


@given(CLASSES, st.sampled_from(["list", "lines", "top", "dotted"]))
@settings(max_examples=40, deadline=None)
def test_json(students: Class, shape: str) -> None:
    entries: list[dict[str, Any]] = []
    for student, answers in students.items():
        by = nested(answers)
        if shape == "top":
            entries.append({"Student": student, **by})
        elif shape == "dotted":
            flat = {f"{id}.{n}": a for id, named in by.items() for n, a in named.items()}
            entries.append({"student": student, "answers": flat})
        else:
            entries.append({"student": student, "answers": by})
    if shape == "lines":
        rows = rows_of("class.jsonl", "\n".join(map(json.dumps, entries)))
    else:
        rows = rows_of("class.json", json.dumps(entries))
    assert told(rows) == expected(students)


@pytest.mark.parametrize(
    ("encoding", "name"), [("cp1252", "Zoé Müller"), ("cp949", "김민수"), ("cp1252", "L’Hôpital")]
)
def test_encodings_of_spreadsheets(encoding: str, name: str) -> None:
    data = f"student,p2.dx,p2.dy\n{name},0.5,2.5\n".encode(encoding)
    [row] = rows_of("class.csv", data)
    assert (row.student, row.points) == (name, 2)
    assert any(encoding in note for note in row.notes)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["Zoë", "José", "Müller", "Ann", "L’Hôpital"]),
    st.sampled_from(["½", "-¼", "¾", "1÷4", "–¼", "—0.25", "§4", "“ok”"]),
    st.sampled_from([",", ";", "\t"]),
)
def test_signs_of_a_spreadsheet_in_cp1252(name: str, cell: str, sign: str) -> None:
    """A fraction or a dash beside no letter is no sign of another encoding."""
    found = encoding_of(f"student{sign}p2.dx\r\n{name}{sign}{cell}\r\n".encode("cp1252"))
    assert (found.name, found.others) == ("cp1252", ())


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 2349), min_size=1, max_size=12), st.sampled_from(["", "a", " 1"]))
def test_hangul_is_not_read_as_fractions(places: list[int], behind: str) -> None:
    name = bytes(b for p in places for b in (0xB0 + p // 94, 0xA1 + p % 94)) + behind.encode()
    found = encoding_of(b"student,p2.dx\n" + name + b",0.5\n")
    if found.name == "utf-8":
        assert name.decode("utf-8")  # a few syllables are letters there: 찼 is á
        return
    assert "cp949" in (found.name, *found.others)
    if set("½¼¾÷§¿¡") & set(name.decode("cp1252", "replace")):
        assert found.name == "cp949"


def test_the_words_of_another_encoding_are_not_garbled() -> None:
    for text, encoding in (("山田太郎", "shift_jis"), ("Łukasz", "cp1250"), ("Женя", "cp1251")):
        assert encoding_of(f"student,p2.dx\n{text},0.5\n".encode(encoding)).name == "utf-8"


# what a cell is


@pytest.mark.parametrize(
    ("text", "signs", "read"),
    [
        ("−0.25", Signs(), "-0.25"),
        ("–4", Signs(), "-4"),
        ("-.2", Signs(), "-.2"),
        ("1/3", Signs(), "1/3"),
        ("0,25", Signs(commas_part=False), "0.25"),
        ("1.234,5", Signs(commas_part=False), "1234.5"),
        ("1,234.5", Signs(), "1234.5"),
        ("1,234", Signs(commas_part=False, decimal=","), "1.234"),
        ("- 4", Signs(), "-4"),
        ("－４", Signs(), "-4"),
        ("[1, 2]", Signs(commas_part=False), "[1, 2]"),
        ("2*x*y", Signs(), "2*x*y"),
        ("max(x, 0)", Signs(commas_part=False), "max(x, 0)"),
        ("q*z", Signs(), "q*z"),
        ("—4", Signs(), "-4"),
        ("-1⁄4", Signs(), "-1/4"),
        ("= -1/4", Signs(), "-1/4"),
        ("=−0,25", Signs(commas_part=False), "-0.25"),
        ("\u200b-0.25\u200e", Signs(), "-0.25"),
        ("x == y", Signs(), "x == y"),
        ("==1", Signs(), "==1"),
    ],
)
def test_a_cell(text: str, signs: Signs, read: str) -> None:
    assert as_typed(text, signs) == read


@pytest.mark.parametrize(
    ("text", "signs", "why"),
    [
        ("1,234", Signs(commas_part=False), "two readings"),
        ("0,25", Signs(), "has a comma"),
        ("1/3/2026", Signs(), "a date"),
        ("3-Jan", Signs(), "a date"),
        ("1.234", Signs(commas_part=False, decimal=","), "two readings"),
        ("1,2,3", Signs(), "several commas"),
    ],
)
def test_a_cell_of_two_readings_is_refused(text: str, signs: Signs, why: str) -> None:
    read = as_typed(text, signs)
    assert isinstance(read, Unreadable)
    assert why in read.reason


# what is refused, and what is left out


def test_columns_that_mean_nothing_are_named_once() -> None:
    text = "Timestamp,Matrikelnummer,Q1 dL/dx,p2.dy,Score\n1/2,ada,-4,2.5,0\n1/3,bob,-4,2.5,0\n"
    first, second = rows_of("form.csv", text)
    assert (first.student, first.points, second.points) == ("ada", 2, 2)
    [note] = first.notes
    assert note.endswith("form.csv: the columns Timestamp, Score mean nothing here")
    assert not second.notes


def test_one_problem_needs_no_problems_name() -> None:
    text = "student,dq,dx,dz\nada,-4,-4,3\n"
    assert told(rows_of("class.csv", text, ONE)) == [("ada", 3)]
    assert told(rows_of("ada.json", '{"dq": -4, "dx": "-4", "dz": 3}', ONE)) == [("ada", 3)]


@pytest.mark.parametrize(
    ("name", "text", "what"),
    [
        ("a.csv", "student,grade\nada,1\n", "the columns are student, grade"),
        ("a.csv", "student,p1.dq,P1.dq\nada,1,1\n", "same name"),
        ("a.csv", "student,p1.dq\nada,1,2\n", "3 cells, and 2 are due"),
        ("a.json", '{"student": "ada"}', "no 'answers' in it"),
        ("a.json", '{"student": "ada", "answer": 4}', "no 'answers' in it"),
        ("a.json", '{"student": "ada", "answers": [1]}', "'answers' is no object"),
        ("a.json", '{"student": "ada", "answers": {"dx": 1}}', "p1.dx or p2.dx is due"),
        ("a.xlsx", "student,p1.dq\nada,1\n", "it is no .xlsx workbook"),
        ("a.csv", b"PK\x03\x04rest", "a zip file"),
        ("a.ods", b"rest", "a .ods file: save it as CSV UTF-8"),
        ("a.csv", b"\xd0\xcf\x11\xe0", "an Excel file of the old kind"),
    ],
)
def test_a_refused_file_says_what_it_has_and_what_would_do(
    name: str, text: str | bytes, what: str
) -> None:
    rows = rows_of(name, text)
    assert any(what in reason for row in rows for reason in row.reasons), rows
    assert sum(row.points for row in rows) == 0


def test_a_refused_row_has_its_students_name() -> None:
    rows = rows_of("class.csv", "student,p1.dq\nada,-4\nbob,-4,9\n")
    assert [(row.student, row.is_refused) for row in rows] == [("ada", False), ("bob", True)]
    [row] = rows_of("class.jsonl", '{"student": "cho"}')
    assert (row.student, row.is_refused) == ("cho", True)


def test_a_date_in_a_workbook_is_no_answer() -> None:
    rows = [
        ["student", "p2.dx", "p2.dy"],
        ["ada", datetime.date(2026, 3, 1), 2.5],
        ["bob", True, 2.5],
    ]
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)  # type: ignore[union-attr]
    held = io.BytesIO()
    book.save(held)
    ada, bob = rows_of("class.xlsx", held.getvalue())
    assert (ada.points, bob.points) == (1, 1)
    assert "is a date" in ada.parts[1].marks[0].reason
    assert "TRUE is no number" in bob.parts[1].marks[0].reason


def test_two_sheets_of_answers_are_refused_with_both() -> None:
    book = openpyxl.Workbook()
    for title in ("monday", "tuesday"):
        sheet = book.create_sheet(title)
        sheet.append(["student", "p2.dx"])
    held = io.BytesIO()
    book.save(held)
    [row] = rows_of("class.xlsx", held.getvalue())
    assert "'monday' and 'tuesday'" in row.reasons[0]


@given(st.integers(0, 4000), st.binary(min_size=0, max_size=3))
@settings(max_examples=60, deadline=None)
def test_a_damaged_workbook_is_refused_or_read(place: int, put: bytes) -> None:
    data = as_book(wide({"ada": list(RIGHT)}))
    place %= len(data)
    rows = rows_of("class.xlsx", data[:place] + put + data[place + len(put) + 1 :])
    assert all(not row.error for row in rows)
    assert rows


def test_a_workbook_that_unpacks_to_too_much_is_refused() -> None:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/workbook.xml", b"0" * 110_000_000)
    [row] = rows_of("class.xlsx", held.getvalue())
    assert "unpacks to more than" in row.reasons[0]


@pytest.mark.parametrize("name", ["a.csv", "a.json", "a.jsonl", "a.tsv"])
@given(
    st.one_of(
        st.binary(max_size=200), st.text(alphabet='student,;\t"\n{}:p1.dq[]-4\ufeff', max_size=200)
    )
)
@settings(max_examples=80, deadline=None)
def test_anything_is_a_row_or_a_refusal(name: str, data: str | bytes) -> None:
    for row in rows_of(name, data):
        assert not row.error
        assert row.points >= 0


@pytest.mark.parametrize(
    ("toml", "what"),
    [
        ('[columns]\n"Q1" = 3', "'Q1' is called 3"),
        ('columns = "x"', "columns is a table"),
        ('decimal = ";"', "decimal is"),
    ],
)
def test_the_assignments_words_are_held(toml: str, what: str) -> None:
    problem = '\n[[problem]]\nformula = "x*y"\npoint = { x = 1, y = 2 }\n'
    with pytest.raises(UsageError, match=what):
        read_assignment(toml + problem)


def test_the_command_says_notes_once(tmp_path: pathlib.Path, backtrace_command: Command) -> None:
    (tmp_path / "assignment.toml").write_text(TWO)
    (tmp_path / "a.csv").write_text("student;p2.dx;p2.dy;when\nada;0,5;2,5;x\nbob;0,5;2,5;y\n")
    for jobs in ("1", "2"):
        ended = backtrace_command(
            "grade", str(tmp_path / "assignment.toml"), str(tmp_path / "a.csv"), "--jobs", jobs
        )
        assert ended.err.count("the column when means nothing here") == 1
        assert "2/5" in ended.out


@pytest.mark.parametrize("level", ["0", "1", "2", "3"])
@pytest.mark.parametrize("summary", [[], ["--summary"]])
def test_the_schemas_hold_what_is_printed(
    level: str, summary: list[str], tmp_path: pathlib.Path, backtrace_command: Command
) -> None:
    """The fixture validates: graded, refused, missing, unreadable and strange rows."""
    (tmp_path / "assignment.toml").write_text(TWO)
    text = "student,p1.dq,p2.dx,p2.dy\nada,-4,0.5,2.5\nbob,nan,1/0,\ncho,9,9\n,1,2,3\n"
    (tmp_path / "a.csv").write_text(text)
    words = ("grade", str(tmp_path / "assignment.toml"), str(tmp_path / "a.csv"), *summary)
    ended = backtrace_command(*words, "--format", "json", "--hint-level", level)
    title = json.loads(ended.out)["schema"]
    assert title in SCHEMAS
    assert not SCHEMAS[title].is_valid({**json.loads(ended.out), "title": 3})


def test_checks_follow_their_schema(backtrace_command: Command) -> None:
    for words in (
        ("x*y", "x=1", "y=2", "dx=3", "dy=1"),
        ("sum((W@x)^2)", "W=[[1,2]]", "x=[1,2]", "dW=[[1,2]]", "dx=[1]"),
        ("ln(x)", "x=2", "dx=nan"),
    ):
        for level in "0123":
            ended = backtrace_command("check", *words, "--json", "--hint-level", level)
            assert ended.out == "" or json.loads(ended.out)["schema"] == "backtrace.check/1"
