"""How fast a class is graded: 10,000 submissions of five problems, most of them right.

    python -m tests.benchmarks.grading [STUDENTS]

Every student's numbers differ in the digits they were written with; three in ten problems have a
mistake that was planted, one in ten is wrong like no other. The peer is reading the same file as
JSON and writing it again.
"""

from __future__ import annotations

import json
import os
import random
import sys
import tempfile
import time
from typing import Any

import numpy as np

from backtrace.homework.assignment import Assignment, read_assignment
from backtrace.homework.grading import grade
from backtrace.homework.submissions import read_submissions
from backtrace.homework.workers import grade_in_processes
from tests.benchmarks.diagnosis import written
from tests.benchmarks.figures import Figures, table

ASSIGNMENT = """
[[problem]]
id = "p1"
formula = "q = x + y; f = q*z"
point = { x = -0.5, y = -1.7, z = -1.3 }
[[problem]]
id = "p2"
formula = "1/(1+exp(-(w0*x0+w1*x1+w2)))"
point = { w0 = 2.1, x0 = -1.3, w1 = -2.9, x1 = -1.8, w2 = -3.2 }
[[problem]]
id = "p3"
formula = "2*(x*y + max(z, w))"
point = { x = 3.1, y = -4.2, z = 2.3, w = -1.4 }
[[problem]]
id = "p4"
formula = "x*y + sigmoid(x)"
point = { x = 0.6, y = -1.4 }
[[problem]]
id = "p5"
formula = "sum(relu(W@x + b)^2)"
point = { W = [[0.3, -0.7], [1.2, 0.4]], x = [1.1, -0.6], b = [0.2, -0.5] }
"""


def submissions(assignment: Assignment, students: int) -> list[dict[str, Any]]:
    chance = random.Random(0)
    found = []
    for student in range(students):
        answers = {}
        for question in assignment.questions:
            record = question.problem.record
            numbers: Any = record.upstreams
            if chance.random() < 0.3:
                numbers = chance.choice(question.problem.plants).gradients
            noise = chance.random() if chance.random() < 0.1 else 0.0
            digits = chance.choice((3, 4, 5, 6))
            answers[question.id] = {
                f"d{name}": written(np.asarray(numbers[index] + noise).tolist(), digits)
                for name, index in record.graph.inputs.items()
            }
        found.append({"student": f"s{student}", "answers": answers})
    return found


def main(students: int = 10_000) -> Figures:
    found, table_rows = {}, []
    assignment = read_assignment(ASSIGNMENT)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "class.jsonl")
        with open(path, "w") as file:
            for one in submissions(assignment, students):
                file.write(json.dumps(one) + "\n")
        start = time.perf_counter()
        with open(path) as file:
            length = sum(len(json.dumps(json.loads(line))) for line in file)
        floor = time.perf_counter() - start
        for jobs in (1, 2):
            start = time.perf_counter()
            read = read_submissions([path])
            rows = (
                grade(assignment, read) if jobs == 1 else grade_in_processes(ASSIGNMENT, read, jobs)
            )
            full = sum(row.is_full for row in rows)
            took = time.perf_counter() - start
            ratio = f"{took / floor:.0f}x"
            table_rows.append(
                [f"{jobs}", f"{took:.1f}", f"{students / took:,.0f}", ratio, f"{full:,}"]
            )
            found |= {f"{jobs} processes / JSON": took / floor, f"{jobs} processes, s": took}
    of = f"{students:,} submissions of {len(assignment.questions)} problems, {length / 1e6:.1f} MB"
    table(
        [f"processes ({of})", "seconds", "a second", "of reading it as JSON", "all right"],
        table_rows,
    )
    return found


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
