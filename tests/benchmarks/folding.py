"""Laying out a folded picture of 1,000 gates: 40 stages of 25 gates, each stage a box.

    python -m tests.benchmarks.folding

The floor is laying out a graph that has as many gates as the folded picture has boxes. Beside it
the same 1,000 gates laid out one by one, and the trace itself without its check.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import backtrace
from backtrace.render import View
from backtrace.render._scene import scene
from tests.benchmarks import pictures
from tests.benchmarks.figures import Figures, in_turn, table, told

ROUNDS = 5
STAGES, IN_EACH = 40, 25


def staged() -> tuple[str, dict[str, float]]:
    """Every stage reads what stages near it gave, several times."""
    chance, names, stages = random.Random(0), ["x", "y", "z"], []
    for stage in range(STAGES):
        near = names[-4:]
        signs = (f" {'+*-'[k % 3]} {chance.choice(near)}" for k in range(IN_EACH - 1))
        stages.append(f"s{stage} = tanh({near[-1]}{''.join(signs)})")
        names.append(f"s{stage}")
    return "; ".join(stages), {"x": 0.9, "y": 1.1, "z": 0.7}


def main(rounds: int = ROUNDS) -> Figures:
    text, point = staged()
    trace = backtrace.trace(text, point, check=False)
    few = backtrace.trace(*pictures.formula(STAGES), check=False)
    works: dict[str, Callable[[], object]] = {
        f"{STAGES} gates, the floor": lambda: scene(few, View(fold="none")),
        f"{trace.graph.gate_count:,} gates in {STAGES} boxes": lambda: scene(
            trace, View(fold="all")
        ),
        f"{trace.graph.gate_count:,} gates one by one": lambda: scene(trace, View(fold="none")),
        "the trace, no check": lambda: backtrace.trace(text, point, check=False),
    }
    taken = in_turn(works, rounds)
    floor, folded, flat, _ = taken.values()
    table(
        ["laid out", "time", "against the floor"],
        [[name, told(seconds), f"{seconds / floor:.1f}x"] for name, seconds in taken.items()],
    )
    return {
        "folded / as many gates": folded / floor,
        "folded / one by one": folded / flat,
        "folded, s": folded,
    }


if __name__ == "__main__":
    main()
