"""Slips planted in right programs: is the line found, is the slip named?

    python -m tests.benchmarks.backward

Every kind of slip is planted at every place of every program where NumPy gives other numbers for
it, or none. The slip counts as named where what the line is said to have meant is what it was
before the slip, the same function of its names; or where its code is that of the planted kind (for
the wrong variable, that alone is not enough).
"""

from __future__ import annotations

import ast
import collections
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from backtrace.algebra.values import shape_of
from backtrace.code.backward import read_backward
from backtrace.code.backward_pass import BackwardPass
from backtrace.errors import BacktraceError
from backtrace.homework.backward import Judged, check_code
from backtrace.homework.backward.figures import Graphs, agree, own_point
from backtrace.homework.backward.judging import IN_GENERAL, WRONG
from backtrace.homework.backward.trees import expression
from tests.benchmarks.figures import Figures, table
from tests.benchmarks.planting import Planted, planted
from tests.benchmarks.programs import PROGRAMS, Program, gradients, slopes

CODES = {
    "= for +=": {"fork-lost", "repeated-index"},
    "axis or keepdims": {"wrong-axis", "reduction", "keepdims"},
    "n for n-1": {"n-or-less"},
    "1/N lost": {"no-mean"},
    "1/N twice": {"mean-twice"},
    "mask": {"wrong-mask"},
    "value for pre-activation": {"act-at-input", "deriv-at-output"},
    ".T or factors": {"transposed", "factors-swapped"},
    "* for @": {"entry-product"},
    "upstream forgotten": {"no-upstream"},
    "stale variable": set(),
    "changed in place": {"changed-in-place"},
    "index that repeats": {"repeated-index"},
    "// for /": {"floor-division"},
    "loop one off": {"loop-bounds"},
}
_NO_PROGRAM = (NameError, IndexError)  # what nobody hands in: it stops at a name, or behind an end


@dataclass
class Score:
    """Of `planted` slips that change a number: at how many the line was found, the slip named
    alone, and named among the first three; `missed` were called right, and at `blamed` another
    line, which nobody changed, was called wrong."""

    planted: int = 0
    line: int = 0
    alone: int = 0
    three: int = 0
    missed: int = 0
    blamed: int = 0

    def __add__(self, other: Score) -> Score:
        return Score(*(getattr(self, n) + getattr(other, n) for n in self.__dataclass_fields__))

    def __str__(self) -> str:
        shares = [
            f"{100 * n / max(1, self.planted):5.1f} %" for n in (self.line, self.alone, self.three)
        ]
        return f"{self.planted:5} {' '.join(shares)} {self.missed:5} {self.blamed:6}"


@cache
def _right(program: Program) -> dict[str, Any]:
    return gradients(program, program.text)


@cache
def _inputs(program: Program) -> frozenset[str]:
    return frozenset(slopes(program))


@cache
def _code(program: Program) -> BackwardPass:
    return read_backward(program.text, program.file, program.name, _values(program))


@cache
def _values(program: Program) -> dict[str, Any]:
    from backtrace.formula.point import read_mapping

    return {n: v.value for n, v in read_mapping(program.checked_with, 0).items()}


def effect(program: Program, slip: Planted) -> str:
    """What NumPy makes of it: "numbers" of an input's gradient that differ, "stops", "none", or
    "nothing" to run at all."""
    try:
        own = gradients(program, slip.text)
    except _NO_PROGRAM:
        return "nothing"
    except (ValueError, TypeError):
        return "stops"
    right = _right(program)
    wanted = [n for n in right if n in _inputs(program)]
    is_same = all(n in own and _is_same(own[n], right[n]) for n in wanted)
    return "none" if is_same else "numbers"


def _is_same(own: Any, right: Any) -> bool:
    """Whether `x -= rate*dx` does the same with both."""
    try:
        moved = np.zeros(np.shape(right))
        moved += own
    except ValueError:
        return False
    return np.size(own) == np.size(right) and np.allclose(moved, right, rtol=1e-6, atol=1e-9)


def score(program: Program, slip: Planted, judged: Judged) -> Score:
    fault = judged.fault
    if judged.ok or fault is None:
        return Score(1, missed=1)
    line = fault.row in slip.lines
    named = [line and is_named(program, slip, judged, edit) for edit in fault.fits]
    alone = len(named) == 1 and named[0]
    blamed = bool(blamed_lines(slip, judged))
    return Score(1, int(line), int(alone), int(any(named[:3])), blamed=int(blamed))


def blamed_lines(slip: Planted, judged: Judged) -> list[int]:
    """The lines that are called wrong, and are as they were."""
    wrong = [v.row for v in judged.verdicts if v.verdict in (WRONG, IN_GENERAL)]
    return [row for row in wrong if row not in slip.lines]


def is_named(program: Program, slip: Planted, judged: Judged, edit: Any) -> bool:
    if edit.code in CODES[slip.kind]:
        return True
    fault = judged.fault
    stage = fault.line.stage if fault is not None and fault.line is not None else ""
    before = {s.name: s.expression for s in _code(program).stages}.get(stage)
    if fault is not None and _line(program, fault.row) == _in_python(edit.text):
        return True
    return before is not None and _is_one(_graphs(program), before, edit.text, _point(program))


def _line(program: Program, row: int) -> str:
    """What stands on the right of = in a line of the right program."""
    nodes = ast.walk(ast.parse(program.text))
    values = [
        n.value for n in nodes if isinstance(n, ast.Assign | ast.AugAssign) and n.lineno == row
    ]
    return _in_python(ast.unparse(values[0])) if values else ""


def _in_python(text: str) -> str:
    return ast.unparse(expression(text))


@cache
def _point(program: Program) -> dict[str, Any]:
    return own_point(_code(program), _values(program), 0)


@cache
def _graphs(program: Program) -> Graphs:
    return Graphs(_code(program), {n: shape_of(v) for n, v in _point(program).items()})


def _is_one(graphs: Graphs, a: str, b: str, point: dict[str, Any]) -> bool:
    """Whether two expressions are one function of their names, at values that have nothing to do
    with each other."""
    chance = np.random.default_rng(5)
    names = {n.id for text in (a, b) for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Name)}
    known = _known(graphs, point)
    values: dict[str, Any] = {}
    for name in sorted(names & known.keys()):
        twin = next((other for other in values if agree(known[other], known[name])), None)
        is_kept = name in point and np.all(np.asarray(point[name]) == np.round(point[name]))
        free = 0.5 + chance.random(shape_of(known[name]))
        values[name] = known[name] if is_kept else free if twin is None else values[twin]
    given, due = graphs.value(b, values), graphs.value(a, values)
    return due is not None and agree(given, due)


_KNOWN: dict[int, dict[str, Any]] = {}


def _known(graphs: Graphs, point: dict[str, Any]) -> dict[str, Any]:
    """The value of every name of the right program."""
    if id(graphs) not in _KNOWN:
        found = dict(point)
        program = next(p for p in PROGRAMS if _graphs(p) is graphs)
        for stage in _code(program).stages:
            found[stage.name] = graphs.value(stage.expression, found)
        _KNOWN[id(graphs)] = {n: v for n, v in found.items() if v is not None}
    return _KNOWN[id(graphs)]


def slips(
    programs: Iterable[Program] = PROGRAMS, step: int = 1
) -> Iterator[tuple[Program, Planted]]:
    """Those that change something, every `step`th of them."""
    found = 0
    for program in programs:
        for slip in planted(program):
            found += 1
            if found % step == 0 and effect(program, slip) in ("numbers", "stops"):
                yield program, slip


def measure(
    programs: Iterable[Program] = PROGRAMS, step: int = 1, tell: bool = False
) -> dict[str, Score]:
    """The score by kind of slip."""
    scores: dict[str, Score] = collections.defaultdict(Score)
    for program, slip in slips(programs, step):
        try:
            judged = check_code(slip.text, program.file, program.name, program.checked_with)
        except BacktraceError as error:
            scores[slip.kind] += Score(1)
            if tell:
                print(f"refused  {program} {slip.kind}:{slip.first} {slip.line}   {error.what}")
            continue
        found = score(program, slip, judged)
        scores[slip.kind] += found
        if tell and (found.blamed or not (found.alone and found.line)):
            _tell(program, slip, judged, found)
    return dict(scores)


def _tell(program: Program, slip: Planted, judged: Judged, found: Score) -> None:
    words = "missed" if found.missed else "not line" if not found.line else "not named"
    words = words if not found.three else "among 3" if not found.alone else "named"
    fault = judged.fault
    row = fault.row if fault else 0
    fits = [(e.code, e.text) for e in fault.fits] if fault else []
    note = fault.note if fault else ""
    print(f"{words:9} {program} {slip.kind}:{slip.first} said {row}  {slip.line}   {fits} {note}")
    if found.blamed:
        print(f"    blamed {blamed_lines(slip, judged)}")


def main(step: int = 1, chosen: Iterable[Program] = PROGRAMS, tell: bool = False) -> Figures:
    scores = measure(chosen, step, tell)
    whole = sum(scores.values(), Score())
    heads = ("slips", "line found", "named alone", "among three", "missed", "blamed")
    rows = {**scores, f"all, in {len(tuple(chosen))} programs": whole}
    table(
        ["slip", *heads],
        [[kind, *str(found).replace(" %", "%").split()] for kind, found in rows.items()],
    )
    return {
        f"{name}, share": count / max(1, whole.planted)
        for name, count in {
            "line not found": whole.planted - whole.line,
            "not named alone": whole.planted - whole.alone,
            "not among three": whole.planted - whole.three,
            "called right": whole.missed,
            "another line blamed": whole.blamed,
        }.items()
    }


if __name__ == "__main__":
    named = [p for p in PROGRAMS if len(sys.argv) < 3 or str(p) in sys.argv[2:]]
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1, named, tell=True)
