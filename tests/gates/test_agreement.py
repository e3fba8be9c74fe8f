"""Values and gradients against PyTorch's and JAX's own automatic differentiation, in 64 bits:

    pip install -e ".[test,bench]" && pytest -m bench

A gate's forward is written in their functions by the table's rule; the gradient is theirs alone.
"""

from __future__ import annotations

import json
import math
import random
from typing import Any

import pytest

import backtrace
from backtrace.algebra import Derived
from backtrace.formula.parser import parse
from tests.conftest import published

pytestmark = pytest.mark.bench
_RENAMED = {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2"}
_RANDOM = 2000


class Theirs(Derived):
    """Rules on the numbers of another library."""

    of_arrays = False

    def __init__(self, module: Any, make: Any, functions: dict[str, Any]) -> None:
        self.module, self.make, self.functions = module, make, functions

    def number(self, text: str) -> Any:
        named = {"pi": math.pi, "e": math.e, "tau": math.tau}
        return self.make(named.get(text) or float(text))

    def divide(self, a: Any, b: Any) -> Any:
        return self.make(a) / self.make(b)

    def power(self, a: Any, b: Any) -> Any:
        return self.make(a) ** self.make(b)

    def where(self, condition: Any, a: Any, b: Any) -> Any:
        return self.module.where(condition, self.make(a), self.make(b))

    def __getattr__(self, name: str) -> Any:
        found = self.functions.get(name) or getattr(self.module, _RENAMED.get(name, name), None)
        found = found or getattr(self.module, name)

        def call(*values: Any) -> Any:
            result = self.make(values[0])
            if len(values) == 1:
                return found(result)
            for value in values[1:]:
                result = found(result, self.make(value))
            return result

        return call


def torch_gradients(formula: str, point: dict[str, float]) -> tuple[float, dict[str, float]]:
    torch = pytest.importorskip("torch")

    def make(value: Any) -> Any:
        return value if torch.is_tensor(value) else torch.tensor(value, dtype=torch.float64)

    special = {
        "cbrt": lambda x: torch.sign(x) * torch.abs(x) ** (1 / 3),
        "erf": torch.special.erf,
        "erfc": torch.special.erfc,
    }
    special |= {"equal": torch.eq, "not_equal": torch.ne, "logsumexp": torch.logaddexp}
    special |= {"sigmoid": torch.sigmoid, "softplus": torch.nn.functional.softplus}
    graph = parse(formula, point)
    leaves = {n: torch.tensor(v, dtype=torch.float64, requires_grad=True) for n, v in point.items()}
    output = graph.evaluate(Theirs(torch, make, special), leaves)[graph.output]
    if not output.requires_grad:
        return float(output), dict.fromkeys(point, 0.0)
    slopes = torch.autograd.grad(output, list(leaves.values()), allow_unused=True)
    return float(output.detach()), {
        n: 0.0 if s is None else float(s) for n, s in zip(leaves, slopes, strict=True)
    }


def jax_gradients(formula: str, point: dict[str, float]) -> tuple[float, dict[str, float]]:
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    special = {"logsumexp": jax.numpy.logaddexp, "sigmoid": jax.nn.sigmoid}
    special |= {"softplus": jax.nn.softplus}
    special |= {"erf": jax.scipy.special.erf, "erfc": jax.scipy.special.erfc}
    m = Theirs(jax.numpy, lambda value: jax.numpy.asarray(value, dtype=float), special)
    graph = parse(formula, point)

    def output(values: dict[str, Any]) -> Any:
        return m.make(graph.evaluate(m, values)[graph.output])

    value, slopes = jax.value_and_grad(output)({n: m.make(float(v)) for n, v in point.items()})
    return float(value), {name: float(slope) for name, slope in slopes.items()}


def agree(formula: str, point: dict[str, float], theirs: Any) -> bool:
    """Whether it could be compared: no kink, all finite. Fails where the two differ."""
    try:
        trace = backtrace.trace(formula, point, check=False)
    except backtrace.BacktraceError:  # a constant that is not finite
        return False
    if not trace.ok or any(note.kind in ("kink", "overflow") for note in trace.notes):
        return False
    value, slopes = theirs(formula, point)
    if not math.isfinite(value) or not all(map(math.isfinite, slopes.values())):
        return False  # nan from a branch that is not taken: a stated difference
    assert trace.value == pytest.approx(value, rel=1e-9, abs=1e-12), (formula, point)
    for name, slope in trace.gradients.items():
        assert slope == pytest.approx(slopes[name], rel=1e-6, abs=1e-9), (formula, point, name)
    return True


def random_formula(chance: random.Random, depth: int) -> str:
    if depth == 0 or chance.random() < 0.15:
        return chance.choice(["x", "y", "z", "2", "0.5", "1.5"])
    one, other = random_formula(chance, depth - 1), random_formula(chance, depth - 1)
    unary = ("sin", "cos", "exp", "tanh", "sigmoid", "softplus", "atan", "abs", "relu", "sqrt")
    kinds = [
        *(f"({one} {sign} {other})" for sign in "+-*/"),
        *(f"{name}({one})" for name in unary),
        f"max({one}, {other})",
        f"min({one}, {other})",
        f"where({one} < {other}, {one}, {other})",
        f"({one})^2",
        f"log(1 + ({one})^2)",
    ]
    return chance.choice(kinds)


@pytest.mark.parametrize("theirs", [torch_gradients, jax_gradients])
def test_published_cases(theirs: Any) -> None:
    cases = [c for c in published() if all(map(math.isfinite, c["point"].values()))]
    compared = [agree(case["formula"], case["point"], theirs) for case in cases]
    assert sum(compared) > len(cases) / 2, json.dumps([c["id"] for c in cases])


@pytest.mark.parametrize("theirs", [torch_gradients, jax_gradients])
def test_random_formulas(theirs: Any) -> None:
    chance, compared = random.Random(1), 0
    for k in range(_RANDOM):
        formula = f"{random_formula(chance, 4)} + 0*x*y*z"
        point = {name: chance.uniform(-2, 2) for name in "xyz"}
        compared += agree(formula, point, theirs)
        assert compared >= k / 3 - 10
