"""Random formulas of arrays against PyTorch's and JAX's automatic differentiation, in 64 bits:

    pip install -e ".[test,bench]" && pytest -m bench

Every step of a formula is written twice, as text for backtrace and as their own functions, so that
neither the parser nor a gate's rules are on both sides.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest

import backtrace
from backtrace.gates import GATES
from tests.gates.drawn import arranged, of_matrices, of_networks
from tests.gates.step import Step
from tests.gates.windowed import JaxWindows, TorchWindows

pytestmark = pytest.mark.bench
COUNT = 2000
SHAPES = {"x": (3,), "y": (2, 3), "z": (), "w": (3, 2), "v": (2, 1)}
Shape = tuple[int, ...]
Function = Callable[..., Any]


def torch_library() -> Any:
    torch = pytest.importorskip("torch")

    class Torch(TorchWindows):
        exp, sin, cos, tanh, atan = torch.exp, torch.sin, torch.cos, torch.tanh, torch.atan
        log1p, sqrt, abs, sigmoid = torch.log1p, torch.sqrt, torch.abs, torch.sigmoid
        relu, softplus = torch.relu, torch.nn.functional.softplus
        silu, gelu, mish = (getattr(torch.nn.functional, n) for n in ("silu", "gelu", "mish"))
        maximum, minimum, where, atan2 = torch.maximum, torch.minimum, torch.where, torch.atan2
        matmul, outer, dot = torch.matmul, torch.outer, torch.dot

        @staticmethod
        def array(value: Any) -> Any:
            return torch.tensor(value, dtype=torch.float64)

        @staticmethod
        def reduce(name: str, x: Any, axis: int | None, keeps: bool = False) -> Any:
            if keeps:
                return getattr(torch, name)(x, axis, keepdim=True)
            if axis is None:
                x, axis = x.reshape(-1), 0
            extra = {"var": {"correction": 0}, "std": {"correction": 0}}.get(name, {})
            if name in ("max", "min"):
                return getattr(torch, f"a{name}")(x, axis)
            if name == "norm":
                return torch.linalg.vector_norm(x, dim=axis)
            return getattr(torch, name)(x, axis, **extra)

        @staticmethod
        def transpose(x: Any) -> Any:
            return x.permute(*range(x.ndim - 1, -1, -1))

        @staticmethod
        def concatenate(values: Any, axis: int) -> Any:
            return torch.cat(values, axis)

        @staticmethod
        def stack(values: Any, axis: int) -> Any:
            return torch.stack(values, axis)

        @staticmethod
        def softmax(x: Any, axis: int) -> Any:
            return torch.softmax(x, axis)

        @staticmethod
        def log_softmax(x: Any, axis: int) -> Any:
            return torch.log_softmax(x, axis)

        swapaxes, permute, tril, triu = torch.swapaxes, torch.permute, torch.tril, torch.triu
        diag, trace, cumsum, cumprod = torch.diag, torch.trace, torch.cumsum, torch.cumprod
        einsum, floor, clip = torch.einsum, torch.floor, torch.clamp
        full_like, remainder = torch.full_like, torch.remainder

        roll, broadcast_to = torch.roll, torch.broadcast_to
        det, inv, logdet = torch.linalg.det, torch.linalg.inv, torch.logdet
        solve = torch.linalg.solve

        @staticmethod
        def loss(name: str, x: Any, y: Any, how: str) -> Any:
            """nll_loss has the classes behind the batch."""
            F = torch.nn.functional
            if name == "nll":
                rows, classes = x.reshape(-1, x.shape[-1]), torch.tensor(y.reshape(-1))
                found = F.nll_loss(rows, classes, reduction=how)
                return found.reshape(y.shape) if how == "none" else found
            if name == "huber":
                return F.huber_loss(x, y, reduction=how, delta=0.2)
            words = {"bce": "binary_cross_entropy", "logits": "binary_cross_entropy_with_logits"}
            return getattr(F, words.get(name, f"{name}_loss"))(x, y, reduction=how)

        @staticmethod
        def standardized(x: Any, axis: Any, eps: float) -> Any:
            """PyTorch's own, where the axis is the last or the batch is normalized."""
            F = torch.nn.functional
            if isinstance(axis, tuple) or (axis == 0 and x.ndim == 2 and len(x) > 1):
                return F.batch_norm(x, None, None, training=True, eps=eps)
            moved = x.movedim(axis, -1)
            return F.layer_norm(moved, moved.shape[-1:], eps=eps).movedim(-1, axis)

        @staticmethod
        def cosine(x: Any, axis: int, eps: float) -> Any:
            return torch.nn.functional.cosine_similarity(x, torch.sin(x), axis, eps)

        @staticmethod
        def kron(x: Any, y: Any) -> Any:
            """Its own fails where an array is a view of another."""
            return torch.kron(x.contiguous(), y.contiguous())

        @staticmethod
        def sort(x: Any, axis: int) -> Any:
            return torch.sort(x, axis).values

        @staticmethod
        def flip(x: Any, axis: int) -> Any:
            return torch.flip(x, (axis,))

        @staticmethod
        def detach(x: Any) -> Any:
            return x.detach()

        @staticmethod
        def pad(x: Any, pairs: Any) -> Any:
            return torch.nn.functional.pad(x, [n for pair in reversed(pairs) for n in pair])

        @staticmethod
        def value_and_gradients(function: Function, point: dict[str, Any]) -> Any:
            leaves = {n: Torch.array(v).requires_grad_() for n, v in point.items()}
            value = function(leaves)
            found = torch.autograd.grad(value, list(leaves.values()), allow_unused=True)
            return value.item(), {
                n: np.zeros(np.shape(point[n])) if g is None else g.numpy()
                for n, g in zip(leaves, found, strict=True)
            }

    return Torch


def jax_library() -> Any:
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    jnp = jax.numpy

    class Jax(JaxWindows):
        exp, sin, cos, tanh, atan = jnp.exp, jnp.sin, jnp.cos, jnp.tanh, jnp.arctan
        log1p, sqrt, abs, sigmoid = jnp.log1p, jnp.sqrt, jnp.abs, jax.nn.sigmoid
        relu, softplus, silu, mish = jax.nn.relu, jax.nn.softplus, jax.nn.silu, jax.nn.mish
        maximum, minimum, where, atan2 = jnp.maximum, jnp.minimum, jnp.where, jnp.arctan2
        matmul, outer, dot, transpose = jnp.matmul, jnp.outer, jnp.dot, jnp.transpose
        softmax, log_softmax = jax.nn.softmax, jax.nn.log_softmax
        concatenate, stack = jnp.concatenate, jnp.stack
        swapaxes, permute, tril, triu = jnp.swapaxes, jnp.transpose, jnp.tril, jnp.triu
        diag, trace, cumsum, cumprod = jnp.diag, jnp.trace, jnp.cumsum, jnp.cumprod
        einsum, floor, clip, pad = jnp.einsum, jnp.floor, jnp.clip, jnp.pad
        full_like, remainder, detach = jnp.full_like, jnp.remainder, jax.lax.stop_gradient

        @staticmethod
        def loss(name: str, x: Any, y: Any, how: str) -> Any:
            found = {
                "mse": lambda: (x - y) ** 2,
                "l1": lambda: jnp.abs(x - y),
                "huber": lambda: jnp.where(
                    jnp.abs(x - y) <= 0.2, (x - y) ** 2 / 2, 0.2 * (jnp.abs(x - y) - 0.1)
                ),
                "bce": lambda: -y * jnp.log(x) - (1 - y) * jnp.log(1 - x),
                "logits": lambda: jax.nn.softplus(x) - y * x,
                "nll": lambda: -jnp.take_along_axis(x, jnp.asarray(y)[..., None], -1)[..., 0],
            }[name]()
            return found if how == "none" else getattr(jnp, how)(found)

        @staticmethod
        def standardized(x: Any, axis: Any, eps: float) -> Any:
            return jax.nn.standardize(x, axis, epsilon=eps)

        @staticmethod
        def cosine(x: Any, axis: int, eps: float) -> Any:
            y = jnp.sin(x)
            p, q = (jnp.maximum(jnp.sqrt(jnp.sum(v * v, axis)), eps) for v in (x, y))
            return jnp.sum(x * y, axis) / (p * q)

        sort, flip, roll, kron = jnp.sort, jnp.flip, jnp.roll, jnp.kron
        det, inv, solve = jnp.linalg.det, jnp.linalg.inv, jnp.linalg.solve
        broadcast_to = jnp.broadcast_to

        @staticmethod
        def logdet(x: Any) -> Any:
            return jnp.linalg.slogdet(x)[1]

        @staticmethod
        def gelu(x: Any) -> Any:
            return jax.nn.gelu(x, approximate=False)

        @staticmethod
        def array(value: Any) -> Any:
            return jnp.asarray(value, dtype=float)

        @staticmethod
        def reduce(name: str, x: Any, axis: int | None, keeps: bool = False) -> Any:
            if keeps:
                return getattr(jnp, name)(x, axis, keepdims=True)
            if name == "logsumexp":
                return jax.scipy.special.logsumexp(x, axis)
            if name == "norm":
                return jnp.sqrt(jnp.sum(x * x, axis))
            return getattr(jnp, name)(x, axis)

        @staticmethod
        def value_and_gradients(function: Function, point: dict[str, Any]) -> Any:
            leaves = {n: Jax.array(v) for n, v in point.items()}
            value, found = jax.value_and_grad(function)(leaves)
            return float(value), {n: np.asarray(g) for n, g in found.items()}

    return Jax


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


def _of_one_array(chance: random.Random, shape: Shape) -> Step:
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


def random_formula(chance: random.Random, m: Any) -> Formula:
    """Some stages, each of one or two before it, and the sum of all that nobody read. What shape
    comes out of a step is the library's own answer."""
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
        shape = tuple(step.apply(m, *(m.array(np.full(shapes[k], 0.5)) for k in operands)).shape)
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
        return _of_one_array(chance, a) if a else None
    return _of_two_arrays(chance, a, b)


@pytest.mark.parametrize("library", [torch_library, jax_library])
def test_random_formulas_of_arrays(library: Any) -> None:
    m = library()
    chance = random.Random(2)
    gates: Counter[str] = Counter()
    compared = skipped = 0
    while compared < COUNT:
        formula = random_formula(chance, m)
        point = {
            name: np.array([chance.uniform(-1.5, 1.5) for _ in range(math.prod(shape))]).reshape(
                shape
            )
            for name, shape in SHAPES.items()
        }
        trace = backtrace.trace(formula.text, point, check=False)
        value, theirs = m.value_and_gradients(lambda leaves, f=formula: f.output(m, leaves), point)
        known = [value, *(np.max(np.abs(g)) for g in theirs.values())]
        at_kink = any(note.kind == "kink" for note in trace.notes)
        if at_kink or not np.isfinite(known).all() or max(map(abs, known)) > 1e12:
            skipped += 1
            continue
        assert trace.ok, formula.text
        scale = max(map(abs, known))
        assert trace.value == pytest.approx(value, rel=1e-9, abs=1e-11), formula.text
        for name, gradient in trace.gradients.items():
            np.testing.assert_allclose(
                gradient, theirs[name], rtol=1e-7, atol=1e-10 * (1 + scale), err_msg=formula.text
            )
        compared += 1
        constants = [c for node in trace.graph.nodes for c in node.constants]
        gates.update({gate.name for _, _, gate in trace.graph.gates()})
        gates.update({n.gate.name for c in constants for n in c.nodes if n.gate is not None})
    print(f"{compared} formulas equal, {skipped} skipped, {len(gates)} kinds of gate")
    assert skipped < compared / 2
    missing = {gate.name for gate in GATES.values() if gate.is_of_arrays} - set(gates)
    assert missing <= {"affine", "relu_layer"}, missing  # those come by --fuse alone
