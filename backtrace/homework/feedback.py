"""A page for each student, as HTML or Markdown: points, verdicts, and what is said of each slip.

A student's name becomes a file's name: its letters and digits stay, in whichever script; what a
file system would take for a path, hide or refuse does not. No two students have one file.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator
from html import escape

from backtrace.files.whole_folders import NewFolder
from backtrace.homework.assignment import Assignment
from backtrace.homework.rows import Mark, Part, Row
from backtrace.homework.verdicts import FOLLOWS
from backtrace.homework.wording import escaped, first_slip, of_worth, points_text
from backtrace.language import tell
from backtrace.render import View
from backtrace.render._page import CLASS_STYLES, document, scrolling, table

SUFFIXES = {"html": ".html", "markdown": ".md"}
_MOST_BYTES = 150  # of a name; a file system takes 255
_KEPT = "-_ .()'"
_DEVICES = {"con", "prn", "aux", "nul"} | {f"{p}{n}" for p in ("com", "lpt") for n in range(10)}


def written(
    assignment: Assignment, rows: Iterable[Row], folder: NewFolder, kind: str, view: View
) -> Iterator[Row]:
    """The rows as they are; each one's page is in the folder once it has gone by."""
    page = _PAGES[kind]
    taken: set[str] = set()
    for row in rows:
        folder.write(file_name(row.student, taken) + SUFFIXES[kind], page(assignment, row, view))
        yield row


def file_name(student: str, taken: set[str]) -> str:
    """A name that no other student has, which is added to `taken`; `김철수`, `Ada Lovelace (2)`."""
    base = _safe(student)
    name, count = base, 1
    while _folded(name) in taken:
        count += 1
        name = f"{base} ({count})"
    taken.add(_folded(name))
    return name


def _safe(student: str) -> str:
    text = unicodedata.normalize("NFC", student)
    kept = "".join(c if c in _KEPT or unicodedata.category(c)[0] in "LMN" else "_" for c in text)
    kept = kept.encode("utf-8", "replace")[:_MOST_BYTES].decode("utf-8", "ignore")
    kept = kept.strip(" .") or "nameless"
    if kept.partition(".")[0].strip().casefold() in _DEVICES:
        kept = f"_{kept}"  # which Windows takes for a device
    return kept if kept.strip("_") else "nameless"


def _folded(name: str) -> str:
    """As file systems compare that tell neither case nor composition."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


# pages


def _points(assignment: Assignment, row: Row) -> str:
    if row.error:
        return tell("{first_slip}. It costs no points.", first_slip=first_slip(row))
    said = tell(
        "{points_text} of {worth_points_text} points",
        points_text=points_text(row.points),
        worth_points_text=points_text(assignment.worth - row.by_hand),
    )
    return said + tell(
        "; {points_text} more are given by hand", points_text=points_text(row.by_hand)
    ) * bool(row.by_hand)


def _words(assignment: Assignment, mark: Mark) -> str:
    """A verdict, and why; of one that pays for a slip, which."""
    if mark.verdict == FOLLOWS and not mark.points and mark.worth and assignment.rubric[FOLLOWS]:
        return tell(
            "{verdict}, in what is not asked for: it costs these points", verdict=tell(mark.verdict)
        )
    return tell(mark.verdict) + (f": {mark.reason}" if mark.reason else "")


def _marked(mark: Mark) -> str:
    return of_worth(mark.points, mark.worth, mark.by_hand) if not mark.by_hand else tell("by hand")


def _heads() -> list[str]:
    return [tell("answer"), tell("verdict"), tell("points")]


def as_html(assignment: Assignment, row: Row, view: View) -> str:
    title = assignment.title or tell("Feedback")
    body = [
        f"<h1>{escape(view.text(title))}</h1>",
        f"<p><b>{escape(view.text(row.student))}</b>: {escape(_points(assignment, row))}</p>",
        *(f'<p class="note">{escape(view.text(reason))}</p>' for reason in row.reasons),
    ]
    for part in row.parts:
        rows = [
            f"<td>{escape(view.text(mark.name))}</td>"
            f"<td>{escape(view.text(_words(assignment, mark)))}</td>"
            f'<td class="n">{_marked(mark)}</td>'
            for mark in part.marks
        ]
        name = view.text(part.id)
        body.append(f"<h2>{escape(name)}</h2>")
        body.append(scrolling(table(_heads(), rows, {tell("points")}), name))
        if part.lines:
            told = escape("\n".join(map(view.text, part.lines)))
            body.append(scrolling(f"<pre>{told}</pre>", tell("what is said of {name}", name=name)))
    return document(f"{view.text(row.student)}: {view.text(title)}", body, styles=CLASS_STYLES)


def as_markdown(assignment: Assignment, row: Row, view: View) -> str:
    title = escaped(view.text(assignment.title or tell("Feedback")))
    found = [f"# {title}", "", f"**{escaped(view.text(row.student))}**: "]
    found[-1] += escaped(_points(assignment, row))
    found += [line for reason in row.reasons for line in ("", escaped(view.text(reason)))]
    for part in row.parts:
        found += ["", f"## {escaped(view.text(part.id))}", ""]
        found += [f"| {' | '.join(_heads())} |", "|---|---|---:|"]
        found += [
            f"| {escaped(view.text(mark.name))} | {escaped(view.text(_words(assignment, mark)))} "
            f"| {_marked(mark)} |"
            for mark in part.marks
        ]
        found += _fenced(part, view)
    return "\n".join(found) + "\n"


def _fenced(part: Part, view: View) -> list[str]:
    """What is said, between fences that none of its lines can close."""
    lines = [view.text(line) for line in part.lines]
    if not lines:
        return []
    longest = max(
        (len(run) for line in lines for run in line.split() if set(run) == {"`"}), default=0
    )
    fence = "`" * max(3, longest + 1)
    return ["", fence, *lines, fence]


_PAGES: dict[str, Callable[[Assignment, Row, View], str]] = {
    "html": as_html,
    "markdown": as_markdown,
}
