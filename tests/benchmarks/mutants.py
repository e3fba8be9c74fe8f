"""Mutation testing: rules, precedence, both loops and the algebras are altered in turn, and it is
seen whether the runtime cross-check says so.

    python -m tests.benchmarks.mutants [HOW MANY] [SEED]            all, or so many drawn
    python -m tests.benchmarks.mutants --suite [HOW MANY] [SEED]    and then the tests

Every mutant has a process of its own, forked where NumPy and SymPy are loaded and backtrace is not.
It traces some 1,600 formulas without a check. Where no number changes (in a message, at a kink, in
a rule that is not reached) the check has nothing to find. Where one does, some of these formulas
are traced with the check: an error, a fault or a disagreement is a catch; what is missed is
printed. With --suite the tests are run on those of which the check says nothing.
"""

from __future__ import annotations

import ast
import collections
import contextlib
import copy
import importlib.machinery
import multiprocessing
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any, NamedTuple

import mpmath  # noqa: F401  (loaded once, for all that are forked)
import numpy as np
import sympy  # noqa: F401

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
FILES = (
    *(f"gates/{n}" for n in ("activations", "arithmetic", "choices", "elementary", "linear")),
    *("gates/networks", "gates/reductions", "gates/gate"),
    *(f"gates/{n}" for n in ("remainders", "still", "arrangement", "lookups", "einsums")),
    *("gates/windows", "algebra/windows", "gates/attention", "algebra/attention"),
    *(f"gates/{n}" for n in ("matrices", "orders", "constants", "losses", "normalizations")),
    *("gates/norms", "gates/special", "algebra/solving"),
    *("algebra/__init__", "algebra/floats", "algebra/arrays", "algebra/arranged"),
    *("graph/__init__", "graph/backprop", "graph/backprop_arrays"),
    *("formula/expression", "formula/suffixes", "formula/brackets", "formula/stack"),
    *("formula/parser", "formula/builder", "formula/definitions"),
)
SUITE = (
    *("gates/test_gates", "gates/test_array_gates", "tracing/test_published"),
    *("checks/test_kinks", "tracing/test_arrays", "formula/test_formula"),
    *("graph/test_backprop", "cli/test_hostile", "tracing/test_api"),
)
_SIGNS: dict[type, type] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
}
_RELATIONS: dict[type, type] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_NAMES = {"less": "greater", "greater": "less", "sin": "cos", "cos": "sin", "exp": "expm1"}
_NAMES |= {"maximum": "minimum", "minimum": "maximum", "log": "log1p", "divide": "power"}
_SWAPPED = ("divide", "power", "less", "greater", "matmul", "where")
_SECONDS = 90
_MOST_CHECKED = 3  # changed formulas that are checked, of each mutant
_PRINTED = 1e-6  # a relative change that could be seen in what is printed


class Mutant(NamedTuple):
    file: str
    node: int  # its number in ast.walk's order
    alteration: int


class Case(NamedTuple):
    formula: str
    point: dict[str, Any]
    fuse: bool
    gates: list[str]
    numbers: Any  # what the unaltered code finds, all in one vector
    results: int  # so many of these are the output and the gradients


class Outcome(NamedTuple):
    mutant: Mutant
    kind: str
    words: str
    example: str


def alterations(node: ast.AST) -> Iterator[ast.AST]:
    """A node, altered in each of the ways there are for it."""
    if isinstance(node, ast.BinOp) and type(node.op) in _SIGNS:
        yield ast.BinOp(node.left, _SIGNS[type(node.op)](), node.right)
        if isinstance(node.op, ast.Sub | ast.Div):
            yield ast.BinOp(node.right, node.op, node.left)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.Not):
        yield node.operand
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        yield ast.Constant(node.value + 1)
    if isinstance(node, ast.Constant) and type(node.value) is bool:
        yield ast.Constant(not node.value)
    if isinstance(node, ast.Compare) and type(node.ops[0]) in _RELATIONS:
        yield ast.Compare(
            node.left, [_RELATIONS[type(node.ops[0])](), *node.ops[1:]], node.comparators
        )
    if isinstance(node, ast.BoolOp):
        yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if node.func.attr in _NAMES:
            func = ast.Attribute(node.func.value, _NAMES[node.func.attr], node.func.ctx)
            yield ast.Call(func, node.args, node.keywords)
        if len(node.args) > 1 and node.func.attr in _SWAPPED:
            yield ast.Call(node.func, [*node.args[:-2], *node.args[:-3:-1]], node.keywords)
    if isinstance(node, ast.Attribute) and node.attr == "T":
        yield node.value


def mutants() -> list[Mutant]:
    """All there are: in functions, in rules, and in how strongly an operator binds."""
    found = []
    for file in FILES:
        tree = ast.parse(_path(file).read_text("utf-8"))
        inside = {
            id(inner)
            for outer in ast.walk(tree)
            if isinstance(outer, ast.Lambda | ast.FunctionDef)
            or (isinstance(outer, ast.keyword) and outer.arg == "binding")
            for inner in ast.walk(outer)
        }
        for number, node in enumerate(ast.walk(tree)):
            if id(node) in inside:
                found += [Mutant(file, number, k) for k, _ in enumerate(alterations(node))]
    return found


def _path(file: str) -> pathlib.Path:
    return ROOT / "backtrace" / f"{file}.py"


def altered(mutant: Mutant) -> tuple[ast.Module, str]:
    """The file with that alteration, and what was altered, in words."""
    tree = ast.parse(_path(mutant.file).read_text("utf-8"))
    node: Any = list(ast.walk(tree))[mutant.node]
    other = list(alterations(copy.deepcopy(node)))[mutant.alteration]
    words = f"{mutant.file}.py:{node.lineno}: {ast.unparse(node)} -> {ast.unparse(other)}"

    class Put(ast.NodeTransformer):
        def visit(self, found: ast.AST) -> Any:
            return other if found is node else self.generic_visit(found)

    return ast.fix_missing_locations(Put().visit(tree)), words


def import_altered(mutant: Mutant, tree: ast.Module) -> None:
    """From now on in this process, importing that file gives the altered one."""
    loader, path = importlib.machinery.SourceFileLoader, str(_path(mutant.file))
    original = loader.get_code

    def get_code(self: Any, name: str) -> Any:
        if self.path == path:
            return compile(tree, path, "exec", dont_inherit=True)
        return original(self, name)

    loader.get_code = get_code  # type: ignore[method-assign]


def numbers(trace: Any) -> tuple[list[str], Any, int]:
    """The gates of a trace, all that it prints in one vector, and how much of that is results."""
    results = _vector([trace.value, *trace.gradients.values()])
    rest = [*trace.values, *trace.upstreams]
    for value, slopes in zip(trace.values, trace.locals, strict=True):
        rest += [np.broadcast_to(slope, np.shape(value)) for slope in slopes if slope is not None]
    gates = [gate.name for _, _, gate in trace.graph.gates()]
    return gates, np.concatenate([results, _vector(rest)]), len(results)


def _vector(values: list[Any]) -> Any:
    return np.concatenate([np.ravel(np.asarray(value, float)) for value in values])


def cases(_: object) -> list[Case]:
    """Every gate of numbers at some points, of arrays at some shapes, what others published, and
    random formulas; finite and away from kinks, with what the code as it is says of them."""
    import backtrace
    from backtrace.gates import GATES
    from tests.conftest import points, published, published_arrays, usage
    from tests.gates.test_agreement import random_formula
    from tests.gates.test_array_gates import CASES, arrays

    given: list[tuple[str, dict[str, Any]]] = []
    for gate in GATES.values():
        if not gate.is_of_arrays:
            given += [(usage(gate), point) for point in points(gate, 4)]
            given += [
                (f"z*{usage(gate)}", point | {"z": 1.5})
                for point in points(gate, 1)
                if not gate.operator
            ]
    given += [(formula, arrays(shapes)) for formula, shapes in CASES]
    given += [(case["formula"], case["point"]) for case in (*published(), *published_arrays())]
    chance = random.Random(7)
    for _ in range(200):
        point = {name: round(chance.uniform(-2, 2), 3) for name in "xyz"}
        given.append((f"{random_formula(chance, 3)} - x/y^2*-z", point))
    found = []
    for formula, point in given:
        for fuse in (False, True):
            with contextlib.suppress(backtrace.BacktraceError):
                trace = backtrace.trace(formula, point, check=False, fuse=fuse)
                gates, printed, results = numbers(trace)
                if np.isfinite(printed).all() and not _is_at_kink(trace):
                    found.append(Case(formula, point, fuse, gates, printed, results))
    return found


def _is_at_kink(trace: Any) -> bool:
    """Also where no gradient reaches it."""
    from backtrace.algebra.floats import FLOATS

    if any(note.kind == "kink" for note in trace.notes):
        return True
    if any(np.ndim(value) for value in trace.values):
        return False
    return any(
        gate.kink
        and gate.kink.at(FLOATS, trace.values[index], *node.operand_values(trace.values, FLOATS))
        for index, node, gate in trace.graph.gates()
    )


_CASES: list[Case] = []


def examine(mutant: Mutant) -> Outcome:
    """In a process of its own: what becomes of a mutant."""
    tree, words = altered(mutant)
    import_altered(mutant, tree)
    signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(_SECONDS)
    try:
        kind, example = _examined()
    except TimeoutError:
        kind, example = "loud", "hangs"
    except Exception as error:  # it cannot even be imported
        kind, example = "loud", repr(error)[:80]
    signal.alarm(0)
    return Outcome(mutant, kind, words, example)


def _too_long(*_: object) -> None:
    raise TimeoutError


def _examined() -> tuple[str, str]:
    import backtrace

    changed = []
    for case in _CASES:
        try:
            trace = backtrace.trace(case.formula, case.point, check=False, fuse=case.fuse)
        except TimeoutError:
            raise
        except Exception as error:
            return "loud", f"{case.formula}: {error!r}"[:80]
        if trace.fault is not None:
            return "loud", f"{case.formula}: a fault"
        if not _is_same(case, *numbers(trace)):
            changed.append(case)
    if not changed:
        return "changes nothing", ""
    chosen = random.Random(1).sample(changed, min(_MOST_CHECKED, len(changed)))
    passed = [case for case in chosen if _passes(backtrace, case)]
    if not passed:
        return "caught", ""
    example = f"{passed[0].formula[:60]} {'--fuse ' * passed[0].fuse}({len(changed)} changed)"
    return ("missed" if len(passed) == len(chosen) else "missed in part"), example


def _is_same(case: Case, gates: list[str], now: Any, results: int) -> bool:
    """Whether no number has changed. (What is fused may: then the results are the same.)"""
    before = case.numbers
    if gates != case.gates:
        now, before = now[:results], before[: case.results]
    return now.shape == before.shape and bool(np.allclose(now, before, _PRINTED, 1e-12))


def _passes(backtrace: Any, case: Case) -> bool:
    """Whether nothing is called wrong."""
    try:
        trace = backtrace.trace(case.formula, case.point, fuse=case.fuse)
    except TimeoutError:
        raise
    except Exception:
        return False
    is_silent = trace.lost and trace.fault is None and not trace.disagreements
    return bool(trace.ok or (is_silent and not _names_the_right(trace, case)))


def _names_the_right(trace: Any, case: Case) -> bool:
    """Whether every number that is said to have lost its digits has, beside it, what the code
    printed before it was altered. Lost digits alone are no word on a rule."""
    names = ["", *trace.gradients]
    if len(names) != case.results:  # an array among them
        return False
    before = dict(zip(names, case.numbers[: case.results], strict=True))
    return all(
        np.ndim(check.right) == 0 and np.isclose(float(check.right), before[name], _PRINTED, 1e-12)
        for name, check in trace.lost.items()
    )


def main(count: int | None, seed: int, with_suite: bool) -> None:
    global _CASES
    every = mutants()
    chosen = every if count is None else random.Random(seed).sample(every, min(count, len(every)))
    context = multiprocessing.get_context("fork")
    with context.Pool(1) as pool:
        _CASES = pool.map(cases, [None])[0]
    print(f"{len(chosen)} of {len(every)} mutants, {len(_CASES)} formulas each", flush=True)
    told: collections.Counter[str] = collections.Counter()
    silent = []
    with context.Pool(2, maxtasksperchild=1) as pool:
        for outcome in pool.imap_unordered(examine, chosen, chunksize=1):
            told[outcome.kind] += 1
            if outcome.kind.startswith("missed"):
                print(f"{outcome.kind:<16}{outcome.words}   {outcome.example}", flush=True)
            if sum(told.values()) % 100 == 0:
                print(f"... {dict(told)}", flush=True)
            if outcome.kind not in ("loud", "caught"):
                silent.append(outcome)
    print(dict(told))
    if with_suite:
        _suite(silent)


def _suite(silent: list[Outcome]) -> None:
    """The test-suite on what the check has nothing to say of; survivors are printed."""
    survived = 0
    with tempfile.TemporaryDirectory() as folder:
        copied = pathlib.Path(folder, "project")
        shutil.copytree(ROOT, copied, ignore=shutil.ignore_patterns(".*", "node_modules"))
        for outcome in silent:
            path = copied / "backtrace" / f"{outcome.mutant.file}.py"
            before = path.read_text("utf-8")
            path.write_text(ast.unparse(altered(outcome.mutant)[0]), "utf-8")
            if not _fails(copied):
                survived += 1
                print(f"SURVIVES        {outcome.words}", flush=True)
            path.write_text(before, "utf-8")
    print(f"of {len(silent)} that the check is silent of, {survived} survive the suite")


def _fails(folder: pathlib.Path) -> bool:
    pytest = [sys.executable, "-m", "pytest", "-x", "-q", "-n", "2", "-p", "no:cacheprovider"]
    environment = {
        "PYTHONPATH": str(folder),
        "PATH": "/usr/bin:/bin",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    try:
        ended = subprocess.run(
            [*pytest, *(f"tests/{name}.py" for name in SUITE)],
            cwd=folder,
            env=environment,
            capture_output=True,
            timeout=180,
        )
    except subprocess.TimeoutExpired:
        return True
    return ended.returncode != 0


if __name__ == "__main__":
    asked = [int(word) for word in sys.argv[1:] if word != "--suite"]
    main(asked[0] if asked else None, asked[1] if len(asked) > 1 else 1, "--suite" in sys.argv)
