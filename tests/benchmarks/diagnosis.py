"""How well mistakes are found: every applicable one, planted at every edge of the published cases.

    python -m tests.benchmarks.diagnosis

A slip is planted, everything after it is computed with it, the numbers are rounded to 4 digits as
a student would, and the check is asked: where is it, and what is it? From the gradient of one
input, of all inputs, and of all inputs and stages.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import backtrace
from backtrace.homework.answers import from_mapping
from backtrace.homework.checking import hold
from backtrace.homework.mistakes import MISTAKES
from backtrace.homework.replay import Own, place, replay
from backtrace.homework.verdicts import TOLERANCE
from tests.conftest import published


@dataclass
class Score:
    planted: int = 0
    silent: int = 0
    place: int = 0
    unique: int = 0
    top: int = 0


def four_digits(value: float) -> str:
    """As a student writes it: 4 significant digits, whole numbers whole."""
    if value == int(value) and abs(value) < 1e6:
        return str(int(value))
    return f"{value:.4g}"


def plants(trace: Any) -> Iterator[tuple[str, int, int, Any]]:
    """(code, gate, slot, slip) of every slip at every edge."""
    for gate, sources in enumerate(trace.graph.inputs_of):
        for slot, source in enumerate(sources):
            at = place(trace, gate, slot, list(trace.values))
            for mistake in MISTAKES:
                for slip in mistake.slips(at):
                    yield mistake.code, gate, slot, slip
            if len(trace.graph.consumers[source]) > 1:
                yield "fork-lost", gate, slot, lambda u: 0 * u


def measure(cases: list[dict], per_case: int = 10_000) -> dict[str, Score]:
    scores = {"one number": Score(), "all inputs": Score(), "with stages": Score()}
    for case in cases:
        trace = backtrace.trace(case["formula"], case["point"], check=False)
        graph, output = trace.graph, trace.graph.output_name
        for code, gate, slot, slip in list(plants(trace))[:per_case]:
            wrong = replay(trace, Own(slips={(gate, slot): slip}))
            node = graph.inputs_of[gate][slot]
            inputs = {f"d{n}": wrong.gradients[i] for n, i in graph.inputs.items()}
            stages = {f"d{n}": wrong.gradients[i] for n, i in graph.stages.items()}
            changed = [n for n, i in graph.inputs.items() if inputs[f"d{n}"] != trace.upstreams[i]]
            sets: dict[str, dict[str, float]] = {
                "one number": {f"d{changed[0]}": inputs[f"d{changed[0]}"]} if changed else {},
                "all inputs": inputs,
                "with stages": {**inputs, **stages},
            }
            for name, numbers in sets.items():
                score(scores[name], trace, output, numbers, code, node, bool(changed))
    return scores


def score(
    found: Score,
    trace: Any,
    output: str,
    numbers: dict[str, float],
    code: str,
    node: int,
    changed: bool,
) -> None:
    if not changed or not numbers or not all(map(math.isfinite, numbers.values())):
        found.silent += 1
        return
    texts = {name: four_digits(float(value)) for name, value in numbers.items()}
    answers = from_mapping(texts, trace.graph, output)
    report = hold(trace, {}, answers, TOLERANCE)
    if report.ok:
        found.silent += 1
        return
    found.planted += 1
    codes = [fit.code for fit in report.fits]
    found.place += report.fault is not None and report.fault.answer.node == node
    found.unique += set(codes) == {code}
    found.top += code in codes[:3]


def main() -> None:
    scores = measure(published())
    print(f"{'from':<12}{'planted':>9}{'place':>8}{'unique':>8}{'top 3':>8}{'no change':>11}")
    for name, s in scores.items():
        share = [f"{100 * n / max(1, s.planted):.0f}%" for n in (s.place, s.unique, s.top)]
        print(f"{name:<12}{s.planted:>9}{share[0]:>8}{share[1]:>8}{share[2]:>8}{s.silent:>11}")


if __name__ == "__main__":
    main()
