"""How well mistakes are found: every applicable one, planted at every gate of the published cases.

    python -m tests.benchmarks.diagnosis

A slip is planted, everything after it is computed with it, the numbers are rounded to 4 digits as
a student would, and the check is asked: where is it, and what is it? From the gradient of one
input, of all inputs, and of the value and gradient of every gate. Then the other way round: how
many right answers are called wrong, and how many wrong ones pass, at 2, 3 and 4 digits.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backtrace.algebra.values import identical, is_finite
from backtrace.formula.point import read_mapping
from backtrace.graph.record import Granularity
from backtrace.homework.answers import from_mapping
from backtrace.homework.checking import Report, hold
from backtrace.homework.problem import Plant, Problem, problem_of
from tests.benchmarks.figures import Figures, table
from tests.conftest import published, published_arrays

DIGITS = (2, 3, 4)


@dataclass
class Score:
    """Of `planted` mistakes that change a number: how many were seen at the right place, named
    alone, and named among the first three."""

    planted: int = 0
    unseen: int = 0
    place: int = 0
    unique: int = 0
    top: int = 0


@dataclass
class Alarms:
    """Right answers called wrong, and wrong ones that pass, at some number of digits."""

    right: int = 0
    called_wrong: int = 0
    wrong: int = 0
    let_through: int = 0


def written(value: Any, digits: int = 4, style: str = "g") -> str:
    """As a student writes it: so many significant digits (or decimals), whole numbers whole."""
    if isinstance(value, list):
        return f"[{', '.join(written(entry, digits, style) for entry in value)}]"
    if value == int(value) and abs(value) < 1e6:
        return str(int(value))
    return f"{value:#.{digits}{style}}"


def answer_sets(problem: Problem, plant: Plant) -> Iterator[tuple[str, dict[str, Any]]]:
    """What a student hands in who has made the mistake: one number, all inputs, everything."""
    record = problem.record
    graph = record.graph
    inputs = {f"d{n}": plant.gradients[i] for n, i in graph.inputs.items()}
    changed = [
        n for n, i in graph.inputs.items() if not identical(inputs[f"d{n}"], record.upstreams[i])
    ]
    if changed:
        yield "one number", {f"d{changed[0]}": inputs[f"d{changed[0]}"]}
        yield "all inputs", inputs
    yield (
        "full trace",
        {
            **{f"#{index}": plant.values[index] for index, _, _ in graph.gates()},
            **{f"d#{index}": plant.gradients[index] for index in range(len(graph.nodes))},
        },
    )


def held(
    problem: Problem, numbers: dict[str, Any], digits: int = 4, style: str = "g"
) -> Report | None:
    """The report on numbers as a student writes them; None where one is not finite."""
    if not all(map(is_finite, numbers.values())):
        return None
    texts = {name: written(np.asarray(v).tolist(), digits, style) for name, v in numbers.items()}
    graph = problem.record.graph
    return hold(problem, from_mapping(texts, graph, graph.output_name))


def score(found: Score, report: Report, plant: Plant) -> None:
    if report.ok:
        found.unseen += 1
        return
    found.planted += 1
    names = [{fit.code, *fit.also} for fit in report.fits]
    found.place += report.fault is not None and report.fault.answer.node == plant.node
    found.unique += bool(names) and all(plant.code in codes for codes in names)
    found.top += any(plant.code in codes for codes in names[:3])


def problems(cases: Sequence[dict[str, Any]]) -> list[Problem]:
    return [
        problem_of(case["formula"], read_mapping(case["point"]), Granularity()) for case in cases
    ]


def measure(asked: Sequence[Problem], per_case: int = 10_000) -> dict[str, Score]:
    scores = {name: Score() for name in ("one number", "all inputs", "full trace")}
    for problem in asked:
        plants = problem.plants
        for plant in plants[:: max(1, len(plants) // per_case)]:
            for name, numbers in answer_sets(problem, plant):
                report = held(problem, numbers)
                if report is not None:
                    score(scores[name], report, plant)
    return scores


def alarms(asked: Sequence[Problem], per_case: int = 10_000) -> dict[int, Alarms]:
    """At 2, 3 and 4 digits; of answers that give every input's gradient."""
    found = {digits: Alarms() for digits in DIGITS}
    for problem in asked:
        record, graph = problem.record, problem.record.graph
        right = {f"d{n}": record.upstreams[i] for n, i in graph.inputs.items()}
        for digits, alarm in found.items():
            for numbers, style in ((right, "g"), (rounded_on_the_way(problem, digits), "f")):
                report = held(problem, numbers, digits, style)
                alarm.right += report is not None
                alarm.called_wrong += report is not None and not report.ok
            for plant in problem.plants[:: max(1, len(problem.plants) // per_case)]:
                wrong = {f"d{n}": plant.gradients[i] for n, i in graph.inputs.items()}
                if not identical(wrong, right):
                    report = held(problem, wrong, digits)
                    alarm.wrong += report is not None
                    alarm.let_through += report is not None and report.ok
    return found


def rounded_on_the_way(problem: Problem, digits: int) -> dict[str, Any]:
    """Every step rounded to so many decimals, as many students work."""
    from backtrace.homework.replay import Own

    run = problem.replay(Own(touch=lambda value: np.round(value, digits)))
    graph = problem.record.graph
    return {f"d{n}": run.gradients[i] for n, i in graph.inputs.items()}


def share(count: int, whole: int) -> str:
    return f"{100 * count / max(1, whole):.1f}%"


def main(per_case: int = 10_000) -> Figures:
    asked = problems([*published(), *published_arrays()])
    found, rows = {}, []
    for name, s in measure(asked, per_case).items():
        shares = [share(n, s.planted) for n in (s.place, s.unique, s.top)]
        if name != "full trace":
            shares[0] = "-"  # the place is often not among the answers
        rows.append([name, f"{s.planted:,}", *shares, f"{s.unseen:,}"])
        found[f"{name}, not named alone, share"] = 1 - s.unique / max(1, s.planted)
        found[f"{name}, not among the first three, share"] = 1 - s.top / max(1, s.planted)
    heads = ("mistakes", "place found", "named alone", "among the first three", "no change")
    table([f"asked for, of {len(asked)} published cases", *heads], rows)
    print()
    rows = []
    for digits, a in alarms(asked, per_case).items():
        called, through = share(a.called_wrong, a.right), share(a.let_through, a.wrong)
        rows.append([f"{digits}", f"{a.right:,}", called, f"{a.wrong:,}", through])
        found[f"{digits} digits, right called wrong, share"] = a.called_wrong / max(1, a.right)
        found[f"{digits} digits, wrong let through, share"] = a.let_through / max(1, a.wrong)
    table(["digits", "right", "called wrong", "wrong", "let through"], rows)
    return found


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
