"""A change that doubles the work is seen: a few ratios, each against a floor or a peer in the same
run, held against those in record.json with a generous limit. No time is compared with a time.

    python -m tests.benchmarks.guard            # exit status 1 where a ratio is above its limit
    python -m tests.benchmarks.guard --record   # writes the ratios down
"""

from __future__ import annotations

import ast
import contextlib
import io
import itertools
import json
import pathlib
import shutil
import sys
import tempfile
import time
from collections.abc import Callable

import numpy as np

import backtrace
from backtrace.code import read_code
from backtrace.formula.letters import in_letters
from backtrace.formula.parser import parse
from backtrace.homework.assignment import read_assignment
from backtrace.homework.grading import grade
from backtrace.homework.submissions import read_submissions, sources_of
from backtrace.numbers import json_array
from tests.benchmarks import (
    grading_code,
    hessians,
    letters,
    live,
    parsing,
    pictures,
    points,
    rows,
    scalars,
    startup,
    windows,
)

RECORD = pathlib.Path(__file__).with_name("record.json")
LIMIT = 1.7  # times what was recorded
MOST = {
    "code of 1,000 lines / as a formula": 3.0,
    "convolution / im2col by hand": 1.5,
    "attention / NumPy by hand": 1.3,
}
"""What a ratio may be at the very most, whatever was recorded."""
_ROUNDS = 15
Ratios = dict[str, float]


def ratio(work: Callable[[], object], floor: Callable[[], object], rounds: int = _ROUNDS) -> float:
    """The quickest of some rounds each, in turn: what disturbs makes nothing quicker."""
    best = [float("inf"), float("inf")]
    for _ in range(rounds):
        for k, run in enumerate((work, floor)):
            began = time.perf_counter()
            run()
            best[k] = min(best[k], time.perf_counter() - began)
    return best[0] / best[1]


def of_formulas() -> Ratios:
    graph = parse(scalars.dag(4_000), scalars.POINT)
    text = scalars.dag(1_000)
    python = text.replace("; ", "\n")
    trace = backtrace.trace(text, scalars.POINT, check=False)
    drawn = backtrace.trace(*pictures.formula(1_000), check=False)
    return {
        "forward and backward / a flat tape": ratio(scalars.ours(graph), scalars.tape(graph)),
        "parsing / ast.parse": ratio(lambda: parse(text), lambda: ast.parse(python)),
        "JSON of a trace / its two passes": ratio(trace.to_json, scalars.ours(trace.graph)),
        "svg of 1,000 gates / parsing them": ratio(
            lambda: drawn.show("svg"), lambda: parse(text), rounds=5
        ),
    }


def of_points() -> Ratios:
    chance = np.random.default_rng(0)
    columns = {name: chance.uniform(-1, 1, points.COUNT) for name in points.NAMES}
    out = {name: np.empty(points.COUNT) for name in backtrace.vectorize(points.FORMULA).results}
    found = {}
    for name, asked in (("many points", False), ("many points, compiled", True)):
        made = backtrace.vectorize(points.FORMULA, compiled=asked)
        found[f"{name} / NumPy by hand"] = ratio(
            lambda made=made: made(columns, out=out), lambda: points.by_hand(columns, out)
        )
    net = list(rows.cases())[-1]
    arrays = backtrace.vectorize(net.formula, over=net.over)
    found["a net at many points / NumPy by hand"] = ratio(
        lambda: arrays(net.columns), rows.in_blocks(net)
    )
    return found


def of_arrays() -> Ratios:
    named = zip(("convolution / im2col", "attention / NumPy"), windows.runs(), strict=True)
    found = {f"{name} by hand": ratio(*case[:2]) for name, case in named}
    array = np.random.default_rng(0).standard_normal(100_000)
    found["JSON of an array / repr"] = ratio(
        lambda: json_array(array), lambda: repr(array.tolist()), rounds=7
    )
    formula, shapes = letters.CASES["two layers"]
    numbers = letters.numbers(shapes)
    found["two layers in letters / with numbers"] = ratio(
        lambda: in_letters(formula, shapes),
        lambda: backtrace.trace(formula, numbers, check=False),
        rounds=7,
    )
    trace = backtrace.trace(hessians.ARRAY, hessians.point(30), wrt=["x"], check=False)
    found["a Hessian / as many backward passes"] = ratio(
        hessians.anew(trace), hessians.gradients(trace, 30), rounds=7
    )
    return found


def of_code() -> Ratios:
    code = parsing.staged(1_000)
    formula = read_code(code, "staged.py").formula
    return {
        "code of 1,000 lines / as a formula": ratio(
            lambda: read_code(code, "staged.py"), lambda: parse(formula)
        ),
        "grading notebooks / parsing them": _graded(6),
    }


def _graded(students: int) -> float:
    """Notebooks with slips and without, none of which is equal to another."""
    assignment = read_assignment(grading_code.ASSIGNMENT)
    texts = list(itertools.islice(grading_code.programs(students), students))
    cells = [json.loads(text)["cells"] for text in texts]
    whole = ["\n".join("".join(cell["source"]) for cell in one) for one in cells]

    def graded() -> None:
        with tempfile.TemporaryDirectory() as folder:
            for k, text in enumerate(texts):
                pathlib.Path(folder, f"s{k}.ipynb").write_text(text, "utf-8")
            read = read_submissions(sources_of([folder], assignment), assignment=assignment)
            assert len(list(grade(assignment, read))) == students

    def parsed() -> None:
        for text in whole:
            with contextlib.suppress(SyntaxError):  # some slips leave no Python
                ast.parse(text)

    return ratio(graded, parsed, rounds=3)


def of_the_page() -> Ratios:
    if shutil.which("node") is None:
        return {}
    with contextlib.redirect_stdout(io.StringIO()):
        found = live.main()
    name = "both passes / flat JavaScript"
    return {f"the page's {name}": found[name]}


def of_commands() -> Ratios:
    commands = {name.split()[-1].strip("()-"): words for name, words in startup.COMMANDS.items()}
    peer = next(iter(startup.COMMANDS.values()))
    return {
        f"{name} command / import sympy": ratio(
            lambda name=name: startup.seconds(commands[name]), lambda: startup.seconds(peer)
        )
        for name in ("checked", "no-check", "help")
    }


def measured() -> Ratios:
    found: Ratios = {}
    for part in (of_formulas, of_points, of_arrays, of_code, of_the_page, of_commands):
        found |= part()
    return found


def main(is_recording: bool) -> int:
    found = measured()
    if is_recording:
        rounded = {name: round(value, 2) for name, value in found.items()}
        RECORD.write_text(json.dumps(rounded, indent=2) + "\n", "utf-8")
        return 0
    record = json.loads(RECORD.read_text("utf-8"))
    worse = 0
    for name, value in found.items():
        is_worse = value > min(LIMIT * record[name], MOST.get(name, float("inf")))
        worse += is_worse
        print(
            f"{'WORSE' if is_worse else 'fine ':<6}{name:<40}{value:6.2f}  was {record[name]:.2f}"
        )
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main("--record" in sys.argv))
