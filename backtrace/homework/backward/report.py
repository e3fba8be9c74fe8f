"""What was judged as text: as a compiler tells it, JSON (backtrace.check/1), Markdown, and the
annotations of a pull request on GitHub.

`level` is how much is told: 0 right or wrong, 1 the line as well, 2 the slip, 3 the numbers.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from rich.text import Text

from backtrace.code.program import Source
from backtrace.homework.backward.judging import (
    FOLLOWS,
    OK,
    TO_DO,
    UNREAD,
    WRONG,
    Judged,
    LineVerdict,
)
from backtrace.language import marked, tell, tell_many
from backtrace.numbers import json_text, plain, plain_list
from backtrace.render import View
from backtrace.render._terminal import paint, plain_table

SCHEMA = "backtrace.check/1"
_VERSION = re.compile(r"(?<=\w)_v\d+\b")  # of h_v2, which is h in the file
PLACE, MISTAKE, ARITHMETIC = 1, 2, 3
FITS = marked("fits: it {says}")


def table(judged: Judged, view: View, level: int) -> str:
    """Every gradient with its line and its verdict, then the faults, each with its line."""
    shown = plain_table(view)
    shown.add_column(tell("gradient"), style="name", no_wrap=True)
    shown.add_column(tell("line"), justify="right", style="quiet")
    if level >= ARITHMETIC:
        shown.add_column(tell("given"), style="value", overflow="fold")
        shown.add_column(tell("exact"), style="gradient", overflow="fold")
    shown.add_column("", overflow="fold")
    for verdict in judged.verdicts:
        row: list[str | Text] = [view.text(verdict.gradient.name), row_words(judged, verdict)]
        if level >= ARITHMETIC:
            row += [view.value(v) if v is not None else "" for v in (verdict.given, verdict.exact)]
        shown.add_row(*row, mark(verdict, view, level))
    told = "\n".join(map(view.text, remarks(judged, level)))  # lines of code are not folded
    return f"{paint(view, shown)}\n{told}\n"


def mark(verdict: LineVerdict, view: View, level: int) -> Text:
    """The verdict in a word or two, with its sign and colour."""
    is_hidden = level == 0 and verdict.verdict != TO_DO
    mark = "✓ " if verdict.passes else "✗ " if verdict.verdict == WRONG or is_hidden else "· "
    style = "agree" if verdict.passes else "disagree" if verdict.verdict == WRONG else "note"
    words = tell(verdict.verdict)
    if is_hidden:
        words = tell(OK) if verdict.passes else tell(WRONG)
    elif verdict.verdict == UNREAD:
        words = f"{tell(UNREAD)}: {verdict.note}"
    return Text(view.text(("" if view.ascii else mark) + words), style=style)


def remarks(judged: Judged, level: int) -> list[str]:
    """What is to be said, a line each, then whose gradients they are, and how the code was read
    where that is not as written."""
    notes = [*filter(None, [of_result(judged)])]
    notes += [tell("note: {said}", said=said) for said in judged.code.notes]
    return [*_remarks(judged, level), *([""] * bool(notes)), *notes]


def of_result(judged: Judged) -> str:
    """Which result the gradients were held to be of; "" where the code has several."""
    name, row = result_name(judged), judged.code.result_line
    return (
        tell("gradients of {name}, {worded}", name=name, worded=_worded(judged.code.source, row))
        if name
        else ""
    )


def result_name(judged: Judged) -> str:
    """The result as the file calls it; "" for none."""
    if not judged.code.forward:
        return ""
    return tell(" and ").join(
        _VERSION.sub("", n) for n in judged.code.outputs or [judged.code.result]
    )


def _worded(source: Source, line: int) -> str:
    at = source.place(line)
    return tell("line {line}", line=at.line) if at.cell is None else at.words


def _remarks(judged: Judged, level: int) -> list[str]:
    wrong = [v for v in judged.verdicts if not v.passes]
    if not wrong:
        return [tell("all right") if len(judged.verdicts) > 1 else tell("right")]
    if level < PLACE:
        return [tell("not all right")]
    found: list[str] = []
    for verdict in by_line(judged):
        found += [*_told(judged, verdict, level), ""]
    found += _undone(judged)
    return found[:-1] if found[-1] == "" else found


def _undone(judged: Judged) -> list[str]:
    """How many gradients are still to do; how many could not be judged where no fault is told."""
    said = []
    for verdict in (TO_DO, UNREAD):
        count = sum(v.verdict == verdict for v in judged.verdicts)
        is_told = verdict == UNREAD and bool(by_line(judged))
        if count and not is_told:
            whole = len(judged.verdicts)
            if verdict == TO_DO:
                words = tell_many(
                    "{n} of {whole} gradients is still to do",
                    "{n} of {whole} gradients are still to do",
                    n=count,
                    whole=whole,
                )
            else:
                words = tell_many(
                    "{n} of {whole} gradients is not to be judged",
                    "{n} of {whole} gradients are not to be judged",
                    n=count,
                    whole=whole,
                )
            said.append(words)
    return said


def by_line(judged: Judged) -> list[LineVerdict]:
    """The faults in the order of their lines."""
    faults = [v for v in judged.verdicts if v.verdict not in (OK, FOLLOWS, UNREAD, TO_DO)]
    if not faults and judged.fault is not None:
        faults = [judged.fault]
    return sorted(faults, key=lambda v: place(v)[0])


def place(verdict: LineVerdict) -> tuple[int, int, int, int]:
    """Line, column, last line and last column of what is told, as `ast` counts them."""
    node: Any = verdict.line.node if verdict.line is not None else None
    error = verdict.gradient.error
    if node is None and error is not None:
        return error.line, error.column, error.line, error.end or error.column + 1
    line = getattr(node, "lineno", 1)
    column = getattr(node, "col_offset", 0)
    return (
        line,
        column,
        getattr(node, "end_lineno", line),
        getattr(node, "end_col_offset", column + 1),
    )


def _told(judged: Judged, verdict: LineVerdict, level: int) -> list[str]:
    """file:line:column, what is wrong, the line, a caret under the expression."""
    source = judged.code.source
    line, first, last_line, last = place(verdict)
    column = source.column(line, first)
    text = source.text(line)
    end = source.column(line, last) if last_line == line else len(text)
    where = f"{source.path}:{_counted(source, line)}:{column + 1}"
    found = [f"{where}: {standing(verdict)}"]
    indent = len(text) - len(text.lstrip())
    found.append(f"  {text.strip()}")
    found.append("  " + " " * (column - indent) + "^" * max(1, end - column))
    return found + [f"  {said}" for said in sentences(verdict, level)]


def sentences(verdict: LineVerdict, level: int) -> list[str]:
    """What is said below the line of a verdict: of its shape, which slip fits, what is meant."""
    found = [verdict.note] if verdict.note else []
    if level >= MISTAKE:
        found += [tell(FITS, says=edit.says) for edit in verdict.fits]
        if not verdict.fits and verdict.verdict == WRONG:
            found.append(tell("no single slip of those known makes it what it is"))
    if level >= ARITHMETIC and verdict.fits and verdict.fits[0].text:
        found.append(tell("meant: {sub}", sub=_VERSION.sub("", verdict.fits[0].text)))
    return found


def _counted(source: Source, line: int) -> str:
    at = source.place(line)
    return f"{at.line}" if at.cell is None else at.words


def row_words(judged: Judged, verdict: LineVerdict) -> str:
    """The line of a verdict, as people count it; "" for none."""
    row = verdict.gradient.stands or verdict.gradient.row
    return _counted(judged.code.source, row) if row else ""


def as_json(judged: Judged, level: int) -> str:
    return json_text(as_object(judged, level), indent=2) + "\n"


def as_object(judged: Judged, level: int) -> dict[str, Any]:
    """As backtrace.check/1 has it, with the line of every answer."""
    fault = judged.fault
    return {
        "schema": SCHEMA,
        "formula": "; ".join(stage.text for stage in judged.code.forward),
        "file": judged.code.source.path,
        **_result(judged),
        "ok": judged.ok,
        "answers": [_answer(judged, verdict, level) for verdict in judged.verdicts],
        "first_fault": judged.fault_name,
        "twins": [],
        "fits": [
            {"code": edit.code, "says": tell("it {says}", says=edit.says), "meant": edit.text}
            for edit in (fault.fits if fault is not None and level >= MISTAKE else ())
        ],
        "more_fit": 0,
    }


def _result(judged: Judged) -> dict[str, Any]:
    """The result whose gradients they are, and its line."""
    if not judged.code.forward:
        return {}
    at = judged.code.source.place(judged.code.result_line)
    found: dict[str, Any] = {"name": result_name(judged), "line": at.line}
    return {"result": found if at.cell is None else found | {"cell": at.cell}}


def _answer(judged: Judged, verdict: LineVerdict, level: int) -> dict[str, Any]:
    source = judged.code.source
    line, first, _, _ = place(verdict)
    at = source.place(line)
    found: dict[str, Any] = {"name": verdict.gradient.name, "about": verdict.about}
    if verdict.of:
        found["of"] = verdict.of
    if level >= PLACE:
        found |= {"line": at.line, "column": source.column(line, first) + 1}
        if at.cell is not None:
            found["cell"] = at.cell
    found["verdict"] = verdict.verdict
    found["given"] = "" if verdict.given is None else json_text(_plain(verdict.given))
    if level >= PLACE and verdict.exact is not None:
        found["exact"] = _plain(verdict.exact)
    if verdict.note:
        found["note"] = verdict.note
    return found


def _plain(value: Any) -> Any:
    """Numbers as JSON has them; None where there are none."""
    if value is None:
        return None
    array = np.asarray(value, float)
    return plain_list(array) if array.ndim else plain(float(array))


def markdown(judged: Judged, level: int) -> str:
    heads = (tell("gradient"), tell("line"), tell("verdict"))
    rows = [f"| {' | '.join(heads)} |", "|---|---:|---|"]
    for v in judged.verdicts:
        words = tell(v.verdict) if v.verdict != UNREAD else f"{tell(UNREAD)}: {v.note}"
        cells = (f"`{v.gradient.name}`", row_words(judged, v), words)
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    told = "\n".join(remarks(judged, level))
    fence = "```"
    return "\n".join([*rows, "", fence, told, fence]) + "\n"


def standing(verdict: LineVerdict) -> str:
    """dW1 is wrong."""
    name = verdict.gradient.name
    if verdict.verdict == FOLLOWS:
        return tell("{name} follows from an earlier slip", name=name)
    return tell("{name} is {verdict}", name=name, verdict=tell(verdict.verdict))


def github(judged: Judged, level: int) -> str:
    """Annotations that GitHub shows at the lines of a pull request
    (https://docs.github.com/actions: workflow commands)."""
    found = []
    undone = [verdict for verdict in judged.verdicts if verdict.verdict == TO_DO]
    for verdict in [*by_line(judged), *undone]:
        line, first, _, _ = place(verdict)
        column = judged.code.source.column(line, first) + 1
        kind = "notice" if verdict.verdict == TO_DO else "error"
        words = [
            standing(verdict),
            *sentences(verdict, level),
        ]
        message = _escaped("; ".join(words))
        path = _escaped(judged.code.source.path).replace(",", "%2C").replace(":", "%3A")
        found.append(f"::{kind} file={path},line={line},col={column}::{message}")
    return "\n".join(found) + "\n" * bool(found)


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
