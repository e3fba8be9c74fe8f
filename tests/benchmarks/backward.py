"""Slips planted at every gradient line of right programs: is the line found, is the slip named?

python -m tests.benchmarks.backward
"""

from __future__ import annotations

import ast
import collections
import pathlib
import re
from collections.abc import Iterator
from typing import NamedTuple

from backtrace.code.words import is_gradient
from backtrace.errors import BacktraceError
from backtrace.homework.backward import check_code
from backtrace.homework.backward.edits import Around, edits

PROGRAMS = pathlib.Path(__file__).parent.parent / "data" / "code" / "backward"
NORMED = {"x": "randn(4,3)", "gamma": "randn(3)", "beta": "randn(3)"}
AFFINE = {"x": "randn(4,3)", "W": "randn(3,2)", "b": "randn(2)"}
CASES: list[tuple[str, str, dict[str, object]]] = [
    *((name, "", {}) for name in ("softmax_net", "svm", "attention", "lstm", "regression")),
    ("layernorm", "layernorm", dict(NORMED)),
    ("layers", "Affine", dict(AFFINE)),
    ("layers", "Sigmoid", {"x": "randn(4,3)"}),
]


class Planted(NamedTuple):
    text: str
    line: int
    code: str


def gradient_lines(text: str) -> Iterator[ast.Assign | ast.AugAssign]:
    names = {n.id for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Name)}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Assign | ast.AugAssign):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            while isinstance(target, ast.Subscript):
                target = target.value
            name = getattr(target, "attr", getattr(target, "id", ""))
            if is_gradient(name, names | {"out"}) and node.end_lineno == node.lineno:
                yield node


def planted(text: str, most: int) -> Iterator[Planted]:
    """The program with one slip, for every line and every kind of slip: a slip is an edit too."""
    lines = text.splitlines()
    for node in gradient_lines(text):
        written = lines[node.lineno - 1]
        names = sorted({n.id for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Name)})
        seen: collections.Counter[str] = collections.Counter()
        for edit in edits(ast.unparse(node.value), Around({}, names[:0], ())):
            if seen[edit.code] >= most or edit.code in ("wrong-variable",):
                continue
            seen[edit.code] += 1
            text_of = re.sub(r"(?<![\w.])(sum|mean|where)\(", r"np.\1(", edit.text)
            changed = written[: node.value.col_offset] + text_of
            rest = written[node.value.end_col_offset or len(written) :]
            new = [*lines[: node.lineno - 1], changed + rest, *lines[node.lineno :]]
            yield Planted("\n".join(new) + "\n", node.lineno, edit.code)
        if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
            changed = written.replace("+=", "=", 1)
            new = [*lines[: node.lineno - 1], changed, *lines[node.lineno :]]
            yield Planted("\n".join(new) + "\n", node.lineno, "fork-lost")


def main(most: int = 2) -> dict[str, int]:
    """Counts over all programs, printed; and the slips that were not found."""
    counts: collections.Counter[str] = collections.Counter()
    for file, name, given in CASES:
        text = (PROGRAMS / f"{file}.py").read_text()
        for slip in planted(text, most):
            try:
                judged = check_code(slip.text, f"{file}.py", name, given)
            except BacktraceError:
                counts["refused"] += 1
                continue
            if judged.ok:
                counts["without effect"] += 1
                continue
            counts["planted"] += 1
            fault = judged.fault
            line = fault.row if fault else 0
            counts["line found"] += line == slip.line
            codes = [edit.code for edit in fault.fits] if fault else []
            counts["named"] += bool(codes)
            if line != slip.line or not codes:
                print(
                    file, slip.line, line, slip.code, codes, slip.text.splitlines()[slip.line - 1]
                )
    print(dict(counts))
    return counts


if __name__ == "__main__":
    main()
