"""Mutation testing of the table of gates: rules are altered in turn, in a copy of the project, and
the share that is caught is printed: by the runtime cross-check alone, and by the test-suite.

    python -m tests.benchmarks.mutants [HOW MANY] [SEED]

A mutant that changes no number (in a message, a domain's words, a rule that is not reached) is no
failure of either; survivors are printed, to be looked at.
"""

from __future__ import annotations

import ast
import copy
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FILES = ("activations", "arithmetic", "choices", "elementary", "linear", "networks", "reductions")
SUITE = (
    "tests/test_gates.py",
    "tests/test_array_gates.py",
    "tests/test_published.py",
    "tests/test_kinks.py",
    "tests/test_arrays.py",
)
_SIGNS: dict[type, type] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
}
_NAMES = {"less": "greater", "greater": "less", "sin": "cos", "cos": "sin", "exp": "expm1"}
_NAMES |= {"maximum": "minimum", "minimum": "maximum", "log": "log1p", "divide": "power"}
CHECK = """
import backtrace
from backtrace.gates import GATES
from tests.conftest import points, usage
from tests.test_array_gates import CASES, arrays
for gate in GATES.values():
    if not gate.is_of_arrays:
        for point in points(gate, 3):
            trace = backtrace.trace(usage(gate), point)
            assert trace.ok or trace.fault is not None, gate.name
for formula, shapes in CASES[::4]:
    assert backtrace.trace(formula, arrays(shapes)).ok, formula
"""


def alterations(node: ast.AST) -> Iterator[ast.AST]:
    """A node, altered in each of the ways there are for it."""
    if isinstance(node, ast.BinOp) and type(node.op) in _SIGNS:
        yield ast.BinOp(node.left, _SIGNS[type(node.op)](), node.right)
        if isinstance(node.op, ast.Sub | ast.Div):
            yield ast.BinOp(node.right, node.op, node.left)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield node.operand
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield ast.Constant(node.value + 1)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if node.func.attr in _NAMES:
            func = ast.Attribute(node.func.value, _NAMES[node.func.attr], node.func.ctx)
            yield ast.Call(func, node.args, node.keywords)
        if len(node.args) == 2 and node.func.attr in ("divide", "power", "less", "greater"):
            yield ast.Call(node.func, node.args[::-1], node.keywords)
    if isinstance(node, ast.Attribute) and node.attr == "T":
        yield node.value


def mutants() -> list[tuple[str, int, int]]:
    """(file, number of the node, number of the alteration) of all there are."""
    found = []
    for name in FILES:
        tree = ast.parse((ROOT / "backtrace" / "gates" / f"{name}.py").read_text("utf-8"))
        inside = {
            id(inner)
            for outer in ast.walk(tree)
            if isinstance(outer, ast.Lambda | ast.FunctionDef)
            for inner in ast.walk(outer)
        }
        for number, node in enumerate(ast.walk(tree)):
            if id(node) in inside:
                found += [(name, number, k) for k, _ in enumerate(alterations(node))]
    return found


def altered(name: str, number: int, k: int) -> tuple[str, str]:
    """The file's text with that alteration, and what was altered, in words."""
    tree = ast.parse((ROOT / "backtrace" / "gates" / f"{name}.py").read_text("utf-8"))
    node = list(ast.walk(tree))[number]
    other = list(alterations(copy.deepcopy(node)))[k]
    words = f"{name}.py:{node.lineno}: {ast.unparse(node)} -> {ast.unparse(other)}"  # type: ignore[attr-defined]

    class Put(ast.NodeTransformer):
        def visit(self, found: ast.AST) -> ast.AST:
            return other if found is node else self.generic_visit(found)

    return ast.unparse(ast.fix_missing_locations(Put().visit(tree))), words


def main(count: int, seed: int) -> None:
    every = mutants()
    chosen = random.Random(seed).sample(every, min(count, len(every)))
    caught = {"check": 0, "suite": 0, "either": 0}
    with tempfile.TemporaryDirectory() as folder:
        copied = pathlib.Path(folder, "project")
        shutil.copytree(ROOT, copied, ignore=shutil.ignore_patterns(".*", "node_modules"))
        for mutant in chosen:
            text, words = altered(*mutant)
            path = copied / "backtrace" / "gates" / f"{mutant[0]}.py"
            before = path.read_text("utf-8")
            path.write_text(text, "utf-8")
            by_check = _fails([sys.executable, "-c", CHECK], copied)
            pytest = [
                sys.executable,
                "-m",
                "pytest",
                "-x",
                "-q",
                "-n",
                "2",
                "-p",
                "no:cacheprovider",
            ]
            by_suite = _fails([*pytest, *SUITE], copied)
            path.write_text(before, "utf-8")
            caught["check"] += by_check
            caught["suite"] += by_suite
            caught["either"] += by_check or by_suite
            if not by_check:
                print(f"{'suite only' if by_suite else 'SURVIVES':<11}{words}", flush=True)
    print(f"of {len(chosen)} (there are {len(every)}): {caught}")


def _fails(command: list[str], folder: pathlib.Path) -> bool:
    environment = {
        "PYTHONPATH": str(folder),
        "PATH": "/usr/bin:/bin",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    try:
        ended = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, timeout=120
        )
    except subprocess.TimeoutExpired:
        return True
    return ended.returncode != 0


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:]]
    main(*(numbers + [40, 1][len(numbers) :]))
