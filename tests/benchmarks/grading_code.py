"""How fast a class's code is graded: 1,000 notebooks of 40 lines, four in ten with a slip.

    python -m tests.benchmarks.grading_code [STUDENTS]

No two notebooks are equal: each has numbers, and some have names and an order of lines, of its own.
The peer is reading the same notebooks as JSON and parsing their cells.
"""

from __future__ import annotations

import ast
import collections
import contextlib
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator

from backtrace.homework.assignment import read_assignment
from backtrace.homework.grading import grade
from backtrace.homework.submissions import read_submissions, sources_of
from backtrace.homework.workers import grade_in_processes
from tests.benchmarks.figures import Figures, table
from tests.benchmarks.planting import planted_in

ASSIGNMENT = """
[[problem]]
id = "net"
code = ""
points = { dW1 = 2, db1 = 1, dW2 = 2, db2 = 1, dW3 = 2, db3 = 1 }
"""
CELLS = (
    """import numpy as np
np.random.seed(SEED)
N, D, H, C = 5, 4, 6, 3
X = np.random.randn(N, D)
y = np.array([0, 2, 1, 0, 2])
W1 = np.random.randn(D, H) * SCALE
b1 = np.random.randn(H) * 0.1
W2 = np.random.randn(H, H) * SCALE
b2 = np.random.randn(H) * 0.1
W3 = np.random.randn(H, C) * SCALE
b3 = np.random.randn(C) * 0.1
reg = RATE
""",
    """# the forward pass
a1 = X.dot(W1) + b1
h1 = np.maximum(0, a1)
a2 = h1.dot(W2) + b2
h2 = np.tanh(a2)
scores = h2.dot(W3) + b3
shifted = scores - np.max(scores, axis=1, keepdims=True)
exps = np.exp(shifted)
probs = exps / np.sum(exps, axis=1, keepdims=True)
data_loss = -np.mean(np.log(probs[np.arange(N), y]))
reg_loss = 0.5 * reg * (np.sum(W1 * W1) + np.sum(W2 * W2) + np.sum(W3 * W3))
loss = data_loss + reg_loss
print("loss", loss)
""",
    """# and back
dscores = probs.copy()
dscores[np.arange(N), y] -= 1
dscores /= N
dW3 = h2.T.dot(dscores)
db3 = np.sum(dscores, axis=0)
dh2 = dscores.dot(W3.T)
da2 = dh2 * (1 - h2 ** 2)
dW2 = h1.T.dot(da2)
db2 = np.sum(da2, axis=0)
dh1 = da2.dot(W2.T)
da1 = dh1.copy()
da1[a1 <= 0] = 0
dW1 = X.T.dot(da1)
db1 = np.sum(da1, axis=0)
dW1, dW2, dW3 = dW1 + reg * W1, dW2 + reg * W2, dW3 + reg * W3
""",
)
_OTHER_NAMES = ({}, {"h1": "hidden1", "h2": "hidden2"}, {"a1": "z1", "a2": "z2", "probs": "p"})
_SUM = "dW1, dW2, dW3 = dW1 + reg * W1, dW2 + reg * W2, dW3 + reg * W3"
_LABELS = "dscores = probs.copy()\ndscores[np.arange(N), y] -= 1\ndscores /= N"
_OTHER_LINES = (
    ("", ""),
    (_SUM, "dW1 += reg * W1\ndW2 += reg * W2\ndW3 += reg * W3"),
    ("da1 = dh1.copy()\nda1[a1 <= 0] = 0", "da1 = dh1 * (a1 > 0)"),
    (_LABELS, "dscores = (probs - np.eye(C)[y]) / N"),
)


def programs(students: int) -> Iterator[str]:
    """A notebook a student, as text."""
    chance = random.Random(0)
    slips = [slip.text for slip in planted_in("\n\n".join(CELLS))]
    for _ in range(students):
        text = chance.choice(slips) if chance.random() < 0.4 else "\n\n".join(CELLS)
        text = text.replace(*chance.choice(_OTHER_LINES))
        for name, other in chance.choice(_OTHER_NAMES).items():
            text = text.replace(name, other)
        for word in ("SEED", "SCALE", "RATE"):
            number = chance.randint(1, 10**6)
            text = text.replace(word, str(number if word == "SEED" else number / 10**6))
        yield json.dumps(
            {
                "cells": [
                    {"cell_type": "code", "source": cell.splitlines(True), "outputs": []}
                    for cell in text.split("\n\n")
                ],
                "metadata": {"language_info": {"name": "python"}},
                "nbformat": 4,
            }
        )


def cpu() -> float:
    """Seconds of CPU so far, of this process and those that have ended."""
    return sum(os.times()[:4])


def main(students: int = 1_000) -> Figures:
    found: Figures = {}
    table_rows = []
    assignment = read_assignment(ASSIGNMENT)
    with tempfile.TemporaryDirectory() as folder:
        for number, text in enumerate(programs(students)):
            with open(os.path.join(folder, f"s{number:04}.ipynb"), "w") as file:
                file.write(text)
        start = time.perf_counter()
        lines = 0
        for name in os.listdir(folder):
            with open(os.path.join(folder, name)) as file:
                cells = json.load(file)["cells"]
            code = "".join("".join(cell["source"]) for cell in cells)
            lines += len(code.splitlines())
            with contextlib.suppress(SyntaxError):  # some slips leave no Python
                ast.parse(code)
        floor = time.perf_counter() - start
        for jobs in (1, 2):
            start, spent = time.perf_counter(), cpu()
            read = read_submissions(sources_of([folder], assignment), assignment=assignment)
            graded = (
                grade(assignment, read) if jobs == 1 else grade_in_processes(ASSIGNMENT, read, jobs)
            )
            rows = list(graded)
            took = time.perf_counter() - start
            states = collections.Counter(row.state for row in rows)
            full = sum(row.is_full for row in rows)
            by_hand = sum(bool(row.by_hand) for row in rows)
            told = [f"{n:,} {name}" for name, n in {"all right": full, "by hand": by_hand}.items()]
            told += [f"{n:,} {state}" for state, n in sorted(states.items())]
            cells = [f"{jobs}", f"{took:.1f}", f"{cpu() - spent:.1f}", f"{took / floor:.0f}x"]
            table_rows.append([*cells, ", ".join(told)])
            found |= {f"{jobs} processes / parsing": took / floor, f"{jobs} processes, s": took}
    of = f"{students:,} notebooks of {lines / students:.0f} lines"
    table([f"processes ({of})", "seconds", "of CPU", "of parsing them", "rows"], table_rows)
    return found


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
