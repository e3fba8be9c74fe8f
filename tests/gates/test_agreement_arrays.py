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
from typing import Any

import numpy as np
import pytest

import backtrace
from backtrace.gates import GATES
from tests.gates.random_arrays import ENTRYWISE, SHAPES, Shape, of_one_array, random_formula
from tests.gates.step import Step
from tests.gates.windowed import JaxWindows, TorchWindows

pytestmark = pytest.mark.bench
COUNT = 2000
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
        sinc, lgamma, digamma = torch.sinc, torch.lgamma, torch.digamma
        polygamma = torch.polygamma
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
        def masked(x: Any, mask: Any) -> Any:
            """Attention of x to itself, where the mask is true."""
            function = torch.nn.functional.scaled_dot_product_attention
            return function(x, x, x, attn_mask=torch.tensor(mask))

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
        broadcast_to, sinc = jnp.broadcast_to, jnp.sinc
        lgamma, digamma = jax.scipy.special.gammaln, jax.scipy.special.digamma
        polygamma = jax.scipy.special.polygamma

        @staticmethod
        def masked(x: Any, mask: Any) -> Any:
            scores = x @ jnp.swapaxes(x, -1, -2) / math.sqrt(x.shape[-1])
            return jax.nn.softmax(jnp.where(mask, scores, -jnp.inf), -1) @ x

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


@pytest.mark.parametrize("library", [torch_library, jax_library])
def test_random_formulas_of_arrays(library: Any) -> None:
    m = library()

    def shape_after(step: Step, *shapes: Shape) -> Shape:
        return tuple(step.apply(m, *(m.array(np.full(shape, 0.5)) for shape in shapes)).shape)

    chance = random.Random(2)
    gates: Counter[str] = Counter()
    compared = skipped = 0
    while compared < COUNT:
        formula = random_formula(chance, shape_after)
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
    # the first come by --fuse alone, the last is met where arrays have more axes
    assert missing <= {"affine", "relu_layer", "permute"}, missing


SPECIAL = [
    Step("sinc({0})", lambda m, a: m.sinc(a)),
    Step("lgamma(sigmoid({0}) + 0.3)", lambda m, a: m.lgamma(m.sigmoid(a) + 0.3)),
    Step("digamma(sigmoid({0}) + 0.3)", lambda m, a: m.digamma(m.sigmoid(a) + 0.3)),
    Step("polygamma(2, sigmoid({0}) + 1)", lambda m, a: m.polygamma(2, m.sigmoid(a) + 1)),
    Step("polygamma(3, exp(tanh({0})))", lambda m, a: m.polygamma(3, m.exp(m.tanh(a)))),
]
"""Not trigamma, which PyTorch has to nine digits; it is the slope of digamma."""


def masked(chance: random.Random, rows: int) -> Step:
    """Attention with a mask in which every row may ask itself, and some others."""
    mask = [[int(i == j or chance.random() < 0.5) for j in range(rows)] for i in range(rows)]
    return Step(
        f"attention({{0}}, {{0}}, {{0}}, {mask})", lambda m, a: m.masked(a, np.array(mask) == 1)
    )


def _chain(chance: random.Random, shape_after: Callable[..., Shape]) -> tuple[Shape, list[Step]]:
    """Some steps one after the other, from an array of up to 4 axes."""
    start = shape = tuple(chance.randint(1, 3) for _ in range(chance.randint(1, 4)))
    steps: list[Step] = []
    while len(steps) < 3:
        draws = [of_one_array, of_one_array, lambda c, _: c.choice(SPECIAL + ENTRYWISE)]
        draws += [lambda c, s: masked(c, s[-2])] * (len(shape) > 1)
        step = chance.choice(draws)(chance, shape)
        after = shape_after(step, shape)
        if 0 < len(after) <= 4 and math.prod(after) <= 100:
            steps.append(step)
            shape = after
    return start, steps


@pytest.mark.parametrize("library", [torch_library, jax_library])
def test_random_formulas_of_up_to_four_axes(library: Any) -> None:
    m, chance = library(), random.Random(4)
    gates: Counter[str] = Counter()
    axes: Counter[int] = Counter()
    compared = skipped = 0

    def shape_after(step: Step, *shapes: Shape) -> Shape:
        return tuple(step.apply(m, *(m.array(np.full(shape, 0.5)) for shape in shapes)).shape)

    while compared < COUNT:
        shape, steps = _chain(chance, shape_after)
        text = "x"
        for step in steps:
            text = step.text.format(f"({text})")
        point = {"x": np.random.default_rng(chance.randrange(2**31)).uniform(-1.5, 1.5, shape)}

        def output(leaves: dict[str, Any], steps: list[Step] = steps) -> Any:
            value = leaves["x"]
            for step in steps:
                value = step.apply(m, value)
            return m.reduce("sum", value * value, None)

        trace = backtrace.trace(f"norm2({text})", point, check=False)
        value, theirs = m.value_and_gradients(output, point)
        largest = max(abs(value), np.max(np.abs(theirs["x"])))
        at_kink = any(note.kind == "kink" for note in trace.notes)
        if at_kink or not np.isfinite(largest) or largest > 1e12:
            skipped += 1
            continue
        assert trace.ok, text
        assert trace.value == pytest.approx(value, rel=1e-9, abs=1e-11), text
        np.testing.assert_allclose(
            trace.gradients["x"], theirs["x"], rtol=1e-7, atol=1e-10 * (1 + largest), err_msg=text
        )
        compared += 1
        axes[len(shape)] += 1
        gates.update({gate.name for _, _, gate in trace.graph.gates()})
    print(f"{compared} formulas equal, {skipped} skipped, {len(gates)} kinds of gate, axes {axes}")
    assert skipped < compared / 2
    assert {"permute", "sinc", "lgamma", "digamma", "polygamma", "attention"} <= set(gates)
    assert min(axes[count] for count in (1, 2, 3, 4)) > COUNT / 10
