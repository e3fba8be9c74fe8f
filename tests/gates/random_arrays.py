"""Random formulas of arrays: some stages over every kind of gate, each written twice, as text for
backtrace and as a library's own functions."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from backtrace.formula import read
from tests.gates.drawn import arranged, of_matrices, of_networks
from tests.gates.step import Step

SHAPES = {"x": (3,), "y": (2, 3), "z": (), "w": (3, 2), "v": (2, 1)}
Shape = tuple[int, ...]


def _named(name: str) -> Step:
    return Step(f"{name}({{0}})", lambda m, a: getattr(m, name)(a))


ENTRYWISE = [
    *map(_named, ("exp", "sin", "cos", "tanh", "atan", "abs", "sigmoid", "relu", "softplus")),
    *map(_named, ("silu", "gelu", "mish")),
    Step("log(1 + {0}**2)", lambda m, a: m.log1p(a * a)),
    Step("sqrt(1 + {0}**2)", lambda m, a: m.sqrt(1 + a * a)),
    Step("-{0}", lambda m, a: -a),
    Step("{0}**2", lambda m, a: a * a),
    Step("{0}**3", lambda m, a: a * a * a),
    Step("1/(2 + cos({0}))", lambda m, a: 1 / (2 + m.cos(a))),
    Step("clip({0}, -0.55, 0.65)", lambda m, a: m.clip(a, -0.55, 0.65)),
    Step("{0} % 0.77", lambda m, a: m.remainder(a, 0.77)),
    Step("{0} // 0.77 + {0}", lambda m, a: m.floor(a / 0.77) + a),
    Step("detach({0})*{0}", lambda m, a: m.detach(a) * a),
    Step("zeros_like({0}) + {0}*ones_like({0})", lambda m, a: a),
    Step("full_like({0}, 2)*{0}", lambda m, a: m.full_like(a, 2) * a),
]
PAIRWISE = [
    Step("{0} + {1}", lambda m, a, b: a + b),
    Step("{0} - {1}", lambda m, a, b: a - b),
    Step("{0}*{1}", lambda m, a, b: a * b),
    Step("{0}/(1 + {1}**2)", lambda m, a, b: a / (1 + b * b)),
    Step("{0}/(3 + exp({1}))", lambda m, a, b: a / (3 + m.exp(b))),
    Step("max({0}, {1})", lambda m, a, b: m.maximum(a, b)),
    Step("min({0}, {1})", lambda m, a, b: m.minimum(a, b)),
    Step("where({0} < {1}, {0}, 2*{1})", lambda m, a, b: m.where(a < b, a, 2 * b)),
    Step("atan2({0}, {1})", lambda m, a, b: m.atan2(a, b)),
    Step("(1 + {0}**2)**{1}", lambda m, a, b: (1 + a * a) ** b),
]
REDUCTIONS = ("sum", "mean", "prod", "var", "std", "norm", "norm2", "max", "min", "logsumexp")


def _reduction(chance: random.Random, rank: int) -> Step:
    name = chance.choice(REDUCTIONS)
    axis = chance.choice([None, *range(-rank, rank)])
    text = f"{name}({{0}})" if axis is None else f"{name}({{0}}, axis={axis})"
    if name == "norm2":
        return Step(text, lambda m, a: m.reduce("sum", a * a, axis))
    return Step(text, lambda m, a: m.reduce(name, a, axis))


def of_one_array(chance: random.Random, shape: Shape) -> Step:
    """An operation that is only of arrays, on one of this shape."""
    rank, size = len(shape), math.prod(shape)
    if chance.random() < 0.5:
        draws = [arranged, arranged, of_networks, of_matrices if rank > 1 else arranged]
        return chance.choice(draws)(chance, shape)
    kind = chance.choice(["reduce", "reduce", "softmax", "transpose", "pick", "reshape", "entropy"])
    if kind == "softmax":
        name, axis = chance.choice(["softmax", "log_softmax"]), chance.randrange(-rank, rank)
        return Step(f"{name}({{0}}, axis={axis})", lambda m, a: getattr(m, name)(a, axis))
    if kind == "transpose":
        return Step("{0}.T", lambda m, a: m.transpose(a))
    if kind == "pick":
        first = chance.randrange(-shape[0], shape[0])
        if rank == 1 or chance.random() < 0.5:
            return Step(f"{{0}}[{first}]", lambda m, a: a[first])
        return Step(f"{{0}}[:, {shape[1] - 1}]", lambda m, a: a[:, shape[1] - 1])
    if kind == "reshape":
        count = chance.choice([d for d in range(1, size + 1) if size % d == 0])
        return Step(f"reshape({{0}}, {count}, -1)", lambda m, a: a.reshape(count, -1))
    if kind == "entropy" and rank <= 2:
        classes = [chance.randrange(shape[-1]) for _ in range(shape[0] if rank == 2 else 1)]
        rows = tuple(range(len(classes)))
        if rank == 1:
            return Step(
                f"cross_entropy({{0}}, {classes[0]})",
                lambda m, a: -m.log_softmax(a, -1)[classes[0]],
            )
        return Step(
            f"cross_entropy({{0}}, {classes})",
            lambda m, a: (
                -sum(m.log_softmax(a, -1)[r, c] for r, c in zip(rows, classes, strict=True))
                / len(classes)
            ),
        )
    return _reduction(chance, rank)


def _of_two_arrays(chance: random.Random, a: Shape, b: Shape) -> Step | None:
    """An operation that is only of arrays, if there is one for these shapes."""
    fitting = []
    if a and b and a[-1] == (b[0] if len(b) == 1 else b[-2]) and broadcast(a[:-2], b[:-2]):
        fitting.append(Step("{0}@{1}", lambda m, a, b: m.matmul(a, b)))
    if len(a) == len(b) == 1:
        fitting.append(Step("outer({0}, {1})", lambda m, a, b: m.outer(a, b)))
        fitting.append(Step("concatenate({0}, {1})", lambda m, a, b: m.concatenate([a, b], 0)))
        if a == b:
            fitting.append(Step("dot({0}, {1})", lambda m, a, b: m.dot(a, b)))
    if a == b:
        axis = chance.randrange(len(a) + 1)
        fitting.append(
            Step(f"stack({{0}}, {{1}}, axis={axis})", lambda m, a, b: m.stack([a, b], axis))
        )
    if len(a) == len(b) == 2 and a[0] == b[0]:
        fitting.append(
            Step("concatenate({0}, {1}, axis=1)", lambda m, a, b: m.concatenate([a, b], 1))
        )
    return chance.choice(fitting) if fitting else None


def broadcast(a: Shape, b: Shape) -> bool:
    try:
        np.broadcast_shapes(a, b)
    except ValueError:
        return False
    return True


class Formula(NamedTuple):
    text: str
    steps: tuple[tuple[Step, tuple[int, ...]], ...]
    last: tuple[int, ...]  # what is summed in the end

    def output(self, m: Any, leaves: dict[str, Any]) -> Any:
        values = [leaves[name] for name in SHAPES]
        for step, operands in self.steps:
            values.append(step.apply(m, *(values[k] for k in operands)))
        return sum(m.reduce("sum", values[k], None) for k in self.last)


def random_formula(chance: random.Random, shape_after: Callable[..., Shape]) -> Formula:
    """Some stages, each of one or two before it, and the sum of all that nobody read.
    `shape_after(step, *shapes)` says what shape comes out of a step."""
    names = list(SHAPES)
    shapes: list[Shape] = list(SHAPES.values())
    steps: list[tuple[Step, tuple[int, ...]]] = []
    count = chance.randint(4, 9)
    while len(steps) < count:
        a, b = (
            min(len(shapes) - 1, int(chance.triangular(0, len(shapes), len(shapes)))) for _ in "ab"
        )
        step = _random_step(chance, shapes[a], shapes[b])
        if step is None:
            continue
        operands = (a, b) if "{1}" in step.text else (a,)
        shape = shape_after(step, *(shapes[k] for k in operands))
        if math.prod(shape) <= 36 and len(shape) <= 4:
            steps.append((step, operands))
            shapes.append(shape)
            names.append(f"a{len(steps)}")
    read = {k for _, operands in steps for k in operands}
    last = tuple(k for k in range(len(shapes)) if k not in read)
    stages = [
        f"{names[len(SHAPES) + k]} = {step.text.format(*(names[o] for o in operands))}"
        for k, (step, operands) in enumerate(steps)
    ]
    ending = " + ".join(f"sum({names[k]})" if shapes[k] else names[k] for k in last)
    return Formula("; ".join([*stages, ending]), tuple(steps), last)


def _random_step(chance: random.Random, a: Shape, b: Shape) -> Step | None:
    kind = chance.random()
    if kind < 0.25:
        return chance.choice(ENTRYWISE)
    if kind < 0.5:
        return chance.choice(PAIRWISE) if broadcast(a, b) else None
    if kind < 0.75:
        return of_one_array(chance, a) if a else None
    return _of_two_arrays(chance, a, b)


def settled(step: Step, *shapes: Shape) -> Shape:
    """What shape comes out of a step, by backtrace's own reading."""
    graph = read(step.text.format("a", "b"), dict(zip("ab", shapes, strict=False)))
    return graph.shapes[graph.output] if graph.shapes is not None else ()


def random_point(chance: random.Random) -> dict[str, Any]:
    """A value for each of the variables, within 1.5 of 0."""
    return {
        name: np.array([chance.uniform(-1.5, 1.5) for _ in range(math.prod(shape))]).reshape(shape)
        for name, shape in SHAPES.items()
    }
