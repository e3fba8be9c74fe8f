"""A page for the class: how the points fall, the commonest slips, a row for every student.

A slip has the picture of its gate, and the lines of code that made it; whose lines they are is not
said. The page is one file that loads nothing.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

from backtrace.homework.assignment import Assignment
from backtrace.homework.backward.report import FITS as FITS_LINE
from backtrace.homework.gate_pictures import Gate, gate_of_answer, gate_of_line, picture
from backtrace.homework.report import FITS as FITS_ANSWER
from backtrace.homework.rows import GRADED, Row
from backtrace.homework.wording import first_slip, of_worth, points_text
from backtrace.language import tell
from backtrace.render import View
from backtrace.render._page import CLASS_STYLES, document, heading, scrolling, table

UNKNOWN = "unknown"
_BARS = 12  # of the histogram, at most
_MOST_SLIPS = 12
_MOST_LINES = 6  # of code, of one slip


@dataclass(slots=True)
class _Slips:
    """Everybody's slips of one kind: how many made it, the gate where it is made, the lines of code
    that made it, and what is said of it."""

    count: int = 0
    gate: Gate | None = None
    lines: Counter[str] = field(default_factory=Counter)
    says: str = ""


def class_page(assignment: Assignment, rows: Iterable[Row], view: View) -> Iterator[str]:
    """The page, in one piece: its first lines speak of all rows."""
    seen = list(rows)
    title = view.text(assignment.title or tell("Grades"))
    body = [
        f"<h1>{escape(title)}</h1>",
        f"<p>{escape(_in_words(assignment, seen))}</p>",
        heading(tell("Points")),
        _histogram(assignment, [row for row in seen if row.state == GRADED]),
        *_slip_parts(assignment, seen, view),
        heading(tell("Everybody")),
        scrolling(_everybody(assignment, seen, view), tell("everybody")),
    ]
    yield document(title, body, styles=CLASS_STYLES)


def _in_words(assignment: Assignment, rows: Sequence[Row]) -> str:
    graded = [row for row in rows if row.state == GRADED]
    said = [tell("{count:,} submissions", count=len(rows))]
    counts = Counter(row.state for row in rows)
    said += [
        tell("{n:,} {state}", n=n, state=tell(state))
        for state, n in counts.items()
        if state != GRADED
    ]
    if graded:
        mean = sum(row.points for row in graded) / len(graded)
        said.append(tell("{of_worth} points on average", of_worth=of_worth(mean, assignment.worth)))
    if by_hand := sum(bool(row.by_hand) for row in rows):
        said.append(tell("{by_hand:,} with points to be given by hand", by_hand=by_hand))
    return ", ".join(said)


# points


def _histogram(assignment: Assignment, rows: Sequence[Row]) -> str:
    """A bar for each number of points from which others are as many points on; the last one is for
    all points."""
    worth = assignment.worth
    step = max(1, math.ceil(worth / _BARS)) if worth >= 1 else max(worth, 1e-9) / 4
    bars = max(1, math.ceil(worth / step))
    counts = Counter(min(bars, int(row.points / step + 1e-9)) for row in rows)
    most = max(counts.values(), default=1)
    lines = []
    for bar in range(bars, -1, -1):
        count = counts[bar]
        low = points_text(min(bar * step, worth))
        drawn = (
            f'<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
            f'<rect width="{100 * count / most:.4g}" height="10"/></svg>'
        )
        lines.append(f'<td class="n">{low}</td><td class="n">{count:,}</td><td>{drawn}</td>')
    heads = [tell("from"), tell("students"), tell("as a bar")]
    made = table(heads, lines, set(heads[:2]))
    return made.replace("<table>", '<table class="bars">', 1)


# slips


def _slip_parts(assignment: Assignment, rows: Sequence[Row], view: View) -> Iterator[str]:
    found = _counted(assignment, rows)
    if not found:
        return
    yield heading(tell("The commonest slips"))
    order = sorted(found, key=lambda key: (-found[key].count, key))
    for problem, at, code in order[:_MOST_SLIPS]:
        slips = found[problem, at, code]
        head = escape(
            view.text(tell("{code} at {at} ({problem})", code=tell(code), at=at, problem=problem))
        )
        yield f'<section class="slip"><h3><span class="times">{slips.count:,}×</span> {head}</h3>'
        if slips.says or code == UNKNOWN:
            slips.says = slips.says or tell("no single slip of those known makes it what it is")
            yield f"<p>{escape(view.text(slips.says))}</p>"
        if slips.gate is not None and (drawn := picture(slips.gate, view)):
            yield scrolling(
                drawn,
                view.text(
                    tell(
                        "the gate of {code} at {at} ({problem})", code=code, at=at, problem=problem
                    )
                ),
            )
        yield (
            _lines(
                slips.lines,
                view.text(
                    tell("{code} at {at} ({problem})", code=tell(code), at=at, problem=problem)
                ),
                view,
            )
            + "</section>"
        )
    if len(order) > _MOST_SLIPS:
        more = tell("and {count:,} more kinds", count=len(order) - _MOST_SLIPS)
        yield f'<p class="note">{escape(more)}</p>'


def _lines(lines: Counter[str], slip: str, view: View) -> str:
    """The lines that made a slip, the commonest first."""
    if not lines:
        return ""
    shown = [
        f"{escape(view.text(line))}" + (f'  <span class="times">{n:,}×</span>' if n > 1 else "")
        for line, n in sorted(lines.items(), key=lambda pair: (-pair[1], pair[0]))[:_MOST_LINES]
    ]
    told = "\n".join(shown)
    return scrolling(f"<pre>{told}</pre>", tell("the lines that made {slip}", slip=slip))


def _counted(assignment: Assignment, rows: Sequence[Row]) -> Mapping[tuple[str, str, str], _Slips]:
    """By problem, the answer that is spoilt, and the slip."""
    formulas = {question.id: question for question in assignment.formulas}
    found: dict[tuple[str, str, str], _Slips] = {}
    for part in (part for row in rows for part in row.parts if part.code):
        for fault in part.faults:  # every line that is wrong by itself
            key = part.id, fault.at, fault.code or UNKNOWN
            slips = found.setdefault(key, _Slips())
            slips.count += 1
            slips.lines[fault.text] += 1
            slips.says = slips.says or _fitting(fault.says)
            slips.gate = slips.gate or gate_of_line(fault)
        if part.id in formulas:
            slips = found.setdefault((part.id, part.fault, part.code), _Slips())
            slips.count += 1
            if slips.count == 1:
                slips.gate = gate_of_answer(part.fault, formulas[part.id].problem.record)
                slips.says = _fitting(part.lines)
    return found


def _fitting(said: Sequence[str]) -> str:
    """The sentence that says which slip fits."""
    begins = tuple(tell(words).partition("{")[0] for words in (FITS_ANSWER, FITS_LINE))
    return next((line for line in said if line.startswith(begins)), "")


# everybody


def _everybody(assignment: Assignment, rows: Sequence[Row], view: View) -> str:
    ids = [question.id for question in assignment.questions]
    lines = []
    for row in rows:
        cells = [of_worth(row.points, assignment.worth - row.by_hand, row.by_hand)]
        cells += [of_worth(part.points, part.worth, part.by_hand) for part in row.parts]
        if row.error:
            cells = ["–"] * (len(ids) + 1)
        numbers = "".join(f'<td class="n">{cell}</td>' for cell in cells)
        name, says = escape(view.text(row.student)), escape(view.text(first_slip(row)))
        lines.append(f'<td>{name}</td>{numbers}<td class="says">{says}</td>')
    heads = [
        tell("student"),
        tell("points"),
        *(escape(view.text(id)) for id in ids),
        tell("first slip"),
    ]
    return table(heads, lines, set(heads[1:-1]))
