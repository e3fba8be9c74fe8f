"""Tangents and second derivatives of random formulas of arrays against PyTorch's and JAX's:

    pip install -e ".[test,bench]" && pytest -m bench

jax.jvp and jax.hessian, torch.func.jvp and torch.func.hessian, in 64 bits.
"""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import numpy as np
import pytest

import backtrace
from tests.gates.random_arrays import SHAPES, Formula, random_formula, random_point, settled
from tests.gates.test_agreement_arrays import jax_library, torch_library

pytestmark = [
    pytest.mark.bench,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # torch.func loads torch.jit
]
COUNT = 100
HESSIANS = 10
NAMES = list(SHAPES)


def by_jax(m: Any, formula: Formula, point: dict[str, Any], along: dict[str, Any]) -> Any:
    """The tangent of the output, the Hessian times the direction, and how to ask for all of it."""
    import jax

    leaves = {n: m.array(v) for n, v in point.items()}
    moves = {n: m.array(v) for n, v in along.items()}

    def output(values: dict[str, Any]) -> Any:
        return formula.output(m, values)

    _, tangent = jax.jvp(output, (leaves,), (moves,))
    _, product = jax.jvp(jax.grad(output), (leaves,), (moves,))
    return float(tangent), product, lambda: jax.hessian(output)(leaves)


def by_torch(m: Any, formula: Formula, point: dict[str, Any], along: dict[str, Any]) -> Any:
    import torch

    leaves = {n: m.array(v) for n, v in point.items()}
    moves = {n: m.array(v) for n, v in along.items()}

    def output(values: dict[str, Any]) -> Any:
        return formula.output(m, values)

    _, tangent = torch.func.jvp(output, (leaves,), (moves,))
    _, product = torch.func.jvp(torch.func.grad(output), (leaves,), (moves,))
    return float(tangent), product, lambda: torch.func.hessian(output)(leaves)


@pytest.mark.parametrize(
    ("library", "ask"), [(jax_library, by_jax), (torch_library, by_torch)], ids=["jax", "torch"]
)
def test_random_formulas_along_directions(library: Any, ask: Any) -> None:
    m = library()
    chance = random.Random(7)
    told: Counter[str] = Counter()
    while told["compared"] < COUNT:
        formula = random_formula(chance, settled)
        point, along = random_point(chance), random_point(chance)
        trace = backtrace.trace(formula.text, point, check=False)
        if any(note.kind == "kink" for note in trace.notes) or not trace.ok:
            told["at a kink or not finite"] += 1
            continue
        try:
            tangent, product, whole = ask(m, formula, point, along)
        except (NotImplementedError, RuntimeError) as error:  # an operation it has no rule for
            told[f"refused: {type(error).__name__}"] += 1
            continue
        theirs = {n: np.asarray(product[n], dtype=float) for n in NAMES}
        if not all(np.isfinite(v).all() for v in theirs.values()):
            told["not finite there"] += 1
            continue
        mine = sum(float(trace.tangents(n, along[n])[trace.graph.output]) for n in NAMES)
        found = trace.hessian_product(along).product
        size = max(1e-3, *(float(np.max(np.abs(v))) for v in theirs.values()))
        assert mine == pytest.approx(tangent, rel=1e-8, abs=1e-8 * size), formula.text
        for name in NAMES:
            np.testing.assert_allclose(
                found[name], theirs[name], rtol=1e-7, atol=1e-8 * size, err_msg=formula.text
            )
        told["compared"] += 1
        if told["whole"] < HESSIANS:
            _hold_whole(trace, whole(), size)
            told["whole"] += 1
    print(dict(told))
    assert sum(told.values()) < 3 * COUNT


def _hold_whole(trace: backtrace.Trace, theirs: Any, size: float) -> None:
    found = trace.hessian()
    blocks = [
        [
            np.reshape(np.asarray(theirs[a][b], dtype=float), (np.size(trace.point[a]), -1))
            for b in found.variables
        ]
        for a in found.variables
    ]
    np.testing.assert_allclose(found.entries, np.block(blocks), rtol=1e-7, atol=1e-8 * size)
    assert (found.verdict, found.reason) == ("agree", "")
