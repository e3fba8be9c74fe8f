"""The gates on arrays: every row against its own rule on numbers, or against measured slopes, for a
table of shapes; and planted wrong rules, which the check must catch."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import backtrace
from backtrace.algebra.arrays import ARRAYS, quiet
from backtrace.algebra.complexstep import COMPLEX_STEP, STEP
from backtrace.algebra.floats import FLOATS
from backtrace.formula.parser import parse
from backtrace.formula.shapes import with_shapes
from backtrace.gates import GATES, Gate
from backtrace.graph.backprop import backward
from tests.conftest import PATIENT, ROWS, fixed, inputs, usage
from tests.oracles import measured_gradient

Shapes = tuple[tuple[int, ...], ...]

PAIRS: list[Shapes] = [
    ((2, 3), (2, 3)),
    ((2, 3), (3,)),
    ((3,), (2, 3)),
    ((), (2, 3)),
    ((2, 3), ()),
    ((2, 1), (1, 3)),
    ((2, 1, 3), (4, 1)),
]
"""Broadcasting both ways, axes of length 1, a number on either side."""

MATRICES: list[Shapes] = [
    ((2, 3), (3,)),
    ((3,), (3, 2)),
    ((2, 3), (3, 4)),
    ((3,), (3,)),
    ((1, 3), (3, 1)),
    ((5, 2, 3), (3, 4)),
    ((2, 3), (5, 3, 4)),
    ((5, 2, 3), (5, 3, 1)),
    ((5, 2, 3), (1, 3, 2)),
    ((5, 2, 3), (3,)),
    ((3,), (5, 3, 2)),
]
SQUARE: list[tuple[int, ...]] = [(1, 1), (2, 2), (3, 3), (2, 2, 2)]
ONE = [(4,), (2, 3), (2, 1), (1, 3), (2, 3, 2)]

REDUCED = ("sum", "mean", "prod", "var", "std", "norm", "norm2", "max", "min", "logsumexp")

CASES: list[tuple[str, Shapes]] = [
    *[("x@y", shapes) for shapes in MATRICES],
    *[(f"{name}(x)", (shape,)) for name in REDUCED for shape in ONE],
    *[
        (f"{name}(x, axis={axis})", (shape,))
        for name in (*REDUCED, "softmax", "log_softmax")
        for shape in ONE
        for axis in range(-len(shape), len(shape))
        if not (name == "std" and shape[axis] == 1)  # one entry does not deviate: a kink
    ],
    *[
        (f"{name}(x, axis={axis})", (shape,))
        for name in REDUCED
        for axis, shape in (
            ("(0, 2)", (2, 3, 2)),
            ("(-1, 0)", (2, 3, 2)),
            ("(1, 3)", (1, 2, 2, 3)),
            ("(0, 1)", (2, 3)),
        )
    ],
    *[(f"{n}(x, ddof=1)", (shape,)) for n in ("var", "std") for shape in ((4,), (2, 3))],
    *[(f"{n}(x, axis={a}, ddof=1)", ((3, 3),)) for n in ("var", "std") for a in (0, -1)],
    ("std(x, axis=(0, 2), ddof=2)", ((2, 3, 2),)),
    ("softmax(x, axis=1)", ((2, 3, 2, 2),)),
    ("softmax(x)", ((3,),)),
    ("log_softmax(x)", ((2, 3),)),
    *[("x.T", (shape,)) for shape in ONE],
    ("dot(x, y)", ((3,), (3,))),
    ("dot(x, x)", ((3,),)),
    ("outer(x, y)", ((3,), (2,))),
    ("outer(x, x)", ((3,),)),
    ("reshape(x, 3, 2)", ((2, 3),)),
    ("reshape(x, -1)", ((2, 3),)),
    ("reshape(x, 1, -1, 2)", ((2, 3),)),
    ("x[0]", ((4,),)),
    ("x[-1]", ((2, 3),)),
    ("x[1:3]", ((4,),)),
    ("x[::-1]", ((4,),)),
    ("x[:, 1]", ((2, 3),)),
    ("x[1, 0:2]", ((2, 3),)),
    ("x[0] + x[1]", ((2, 3),)),
    ("concatenate(x, y)", ((2, 3), (1, 3))),
    ("concatenate(x, y, x, axis=1)", ((2, 1), (2, 3))),
    ("concatenate(x, y, axis=-1)", ((2,), (3,))),
    ("stack(x, y)", ((3,), (3,))),
    ("stack(x, y, axis=1)", ((2, 3), (2, 3))),
    ("stack(x, y, axis=-1)", ((), ())),
    ("[x, 2y, 3]", ((), ())),
    ("[[x, 1], [y, 2]]@z", ((), (), (2,))),
    ("affine(x, y, z)", ((2, 3), (3,), (2,))),
    ("affine(x, y, z)", ((2, 3), (3, 4), (4,))),
    ("affine(x, y, z)", ((2, 3), (3, 4), ())),
    ("relu_layer(x, y, z)", ((2, 3), (3,), (2,))),
    ("relu_layer(x, y, z)", ((4, 3), (3, 2), (2,))),
    ("cross_entropy(x, 2)", ((3,),)),
    ("cross_entropy(x, [1, 0])", ((2, 3),)),
    ("expand_dims(x)", ((3,),)),
    ("expand_dims(x, axis=1)*y", ((3,), (3, 2))),
    ("expand_dims(x, axis=-1)", ((2, 3),)),
    ("squeeze(x)", ((1, 3),)),
    ("squeeze(x, axis=1)", ((3, 1, 2),)),
    ("take(x, [1, 0, 1])", ((3, 2),)),
    ("take(x, [2, 2])", ((3,),)),
    ("take(x, [[0, 1], [2, 1]])", ((3, 2),)),
    ("take(x, [[0, 1, 1]])", ((3,),)),
    ("take(x, 1)", ((3, 2),)),
    ("take(x, 1)", ((3,),)),
    ("take(x@y, [0, 0, 1])", ((2, 3), (3, 2))),
    ("pick(x, [1, 0])", ((2, 3),)),
    ("pick(softmax(x), [1, 0])", ((2, 3),)),
    ("pick(x, 2)", ((3,),)),
    ("take(x, [0, -1, 0], axis=1)", ((2, 3),)),
    ("take(x, [[0, 1]], axis=2)", ((2, 3, 2),)),
    ("take(x, -1)", ((3, 2),)),
    ("lookup(x, [0, 1, 1], [2, 0, 0])", ((2, 3),)),
    ("lookup(x, [[0], [1]], [2, -1])", ((2, 3, 2),)),
    ("lookup(x, [0, 1], [1, 0], axis=1)", ((2, 2, 2),)),
    ("pick(x, [[0, -1], [1, 2]])", ((2, 2, 3),)),
    ("one_hot([2, 0, 0], 3)@x", ((3, 2),)),
    ("one_hot(floor(3*x), 3)@y", ((2,), (3, 2))),
    ("swapaxes(x, 0, 1)", ((2, 3),)),
    ("swapaxes(x, 0, -1)*y", ((2, 3, 2), (2, 3, 1))),
    ("permute(x, 2, 0, 1)", ((2, 3, 2),)),
    ("permute(x, 1, 2)", ((2, 3, 2),)),
    ("permute(x, 0, 3, 1, 2)", ((2, 1, 3, 2),)),
    ("flatten(x)", ((2, 1, 3),)),
    ("flatten(x, 1)", ((2, 3, 2),)),
    ("flatten(x, end=1)", ((2, 1, 3, 2),)),
    ("pad(x, 1)", ((2, 1),)),
    ("pad(x, (1, 0))", ((3,),)),
    ("pad(x, ((0, 0), (2, 1)))", ((1, 3),)),
    ("tril(x)", ((3, 3),)),
    ("tril(x, -1)*y", ((2, 3, 3), (3,))),
    ("triu(x, k=1)", ((2, 3),)),
    ("diag(x)", ((3,),)),
    ("diag(x)", ((2, 3),)),
    ("diag(x, 1)", ((3, 3),)),
    ("diag(x, -1)", ((2,),)),
    ("trace(x)", ((2, 3),)),
    ("trace(x@y)", ((2, 3), (3, 2))),
    ('put(x, y, "1")', ((4,), ())),
    ('put(x, y, "-2:")^2', ((4,), (1,))),
    ('put(x, y*y, "0, 1:")', ((2, 3), (2,))),
    ('put(x, y, "..., ::2")', ((2, 2, 3), (2, 2))),
    ('put(x, y, ":, -1")', ((2, 3), (2,))),
    ('put(x, 2, "1:")*y', ((2, 3), (3,))),
    ("cumsum(x)", ((4,),)),
    *[(f"cumsum(x, axis={axis})", ((2, 3, 2),)) for axis in range(-3, 3)],
    *[(f"cumprod(x, axis={axis})", ((2, 3, 2),)) for axis in range(-3, 3)],
    *[
        (f'einsum("{letters}", {", ".join("xyz"[: len(shapes)])})', shapes)
        for letters, *shapes in (
            ("ij,jk->ik", (2, 3), (3, 2)),
            ("ij,jk", (2, 3), (3, 2)),
            ("ii->i", (3, 3)),
            ("ii", (3, 3)),
            ("ij->j", (2, 3)),
            ("ij->", (2, 1)),
            ("ji", (2, 3)),
            ("i,j->ij", (2,), (3,)),
            ("i,i,i->", (3,), (3,), (3,)),
            ("iij,j->i", (2, 2, 3), (3,)),
            ("ij,kl->k", (2, 2), (3, 1)),
            ("bhid,bhjd->bhij", (2, 1, 2, 3), (2, 1, 3, 3)),
        )
    ],
    ('einsum("ij,jk,kl->il", x, x, x)', ((2, 2),)),
    ("conv1d(x, y)", ((1, 4), (2, 1, 2))),
    ("conv1d(x, y, z, stride=2, padding=1)", ((2, 2, 3), (1, 2, 2), (1,))),
    ("conv2d(x, y)", ((1, 3, 3), (1, 1, 2, 2))),
    ("conv2d(x, y, z)", ((2, 1, 3, 3), (2, 1, 2, 1), (2,))),
    ("conv2d(x, y, stride=2, padding=(1, 0))", ((1, 2, 2, 4), (2, 2, 3, 2))),
    ("conv2d(x, x)", ((1, 1, 2, 3),)),
    ("conv2d(x, [[[[1, 2], [0, -1]]]])", ((1, 3, 2),)),
    ("max_pool(x, 2)", ((4, 4),)),
    ("max_pool(x, 2, stride=1)", ((2, 3, 3),)),
    ("max_pool(x, (3, 2), stride=(1, 2), padding=(1, 0))", ((3, 4),)),
    ("max_pool(x, (2,))", ((2, 5),)),
    ("max_pool(x, (2, 1, 2))", ((2, 2, 2),)),
    ("avg_pool(x, 2)", ((4, 4),)),
    ("avg_pool(x, 3, stride=2, padding=1)", ((1, 3, 5),)),
    ("avg_pool(x, (3,), stride=1)", ((5,),)),
    ("attention(x, y, z)", ((2, 2), (3, 2), (3, 1))),
    ("attention(x, y, z, causal=1)", ((1, 3, 1), (1, 2, 1), (1, 2, 2))),
    ("attention(x, x, x)", ((1, 1, 2, 2),)),
    ("attention(x, y, z, [[1, 0, 1], [0, 1, 1]])", ((2, 2), (3, 2), (3, 1))),
    ("attention(x, x, x, [1, 0], causal=1)", ((2, 2, 1),)),
    ("attention(x, y, y, where(x[:, :1] > 0.5, 1, 1))", ((2, 1), (3, 1))),
    ("attention(x, y, [[1, 2], [3, 4]], causal=1)", ((2, 1), (2, 1))),
    ('cross_entropy(x, [1, 0], reduction="sum")', ((2, 3),)),
    ('cross_entropy(x, [1, 0], reduction="none")', ((2, 3),)),
    ('cross_entropy(x, y, reduction="none")', ((2, 3), (2, 3))),
    ('cross_entropy(x, 1, reduction="none")', ((3,),)),
    ("x@y", ((2, 1, 2, 3), (2, 3, 1))),
    ("x@y", ((2, 2, 1, 3), (2, 2, 3, 1))),
    ("squeeze(x)", ((1, 3, 1),)),
    ("squeeze(x, axis=(0, 2))", ((1, 3, 1, 1),)),
    *[(f"{name}(x)", (shape,)) for name in ("det", "inv") for shape in SQUARE],
    *[("logdet(x.T@x)", (shape,)) for shape in SQUARE[:3]],
    ("logdet(x@swapaxes(x, -1, -2))", ((2, 2, 2),)),
    ("solve(x, y)", ((3, 3), (3,))),
    ("solve(x, y)", ((3, 3), (3, 2))),
    ("solve(x, y)", ((2, 2, 2), (2,))),
    ("solve(x, y)", ((2, 2, 2), (2, 3))),
    ("solve(x, y)", ((2, 2), (2, 2, 1))),
    ("solve(x, x)", ((2, 2),)),
    ("kron(x, y)", ((2, 3), (2, 1))),
    ("kron(x, y)", ((3,), (2,))),
    ("kron(x, x)", ((2, 1),)),
    *[(f"sort(x{axis})", ((3, 2),)) for axis in ("", ", axis=0", ", -1", ", axis=-2")],
    ("sort(x)*y", ((4,), (4,))),
    ("sort(x + y, axis=1)", ((2, 3, 2), (3, 1))),
    *[(f"flip(x{axis})", ((2, 3, 2),)) for axis in ("", ", 0", ", axis=-1", ", axis=(0, 2)")],
    ("flip(x)*y", ((3,), (3,))),
    *[(f"roll(x, {n})", ((2, 3),)) for n in (1, -2, 7, "1, axis=0", "2, axis=-1", "1, 1")],
    *[
        (f'{call}, reduction="{how}")', shapes)
        for how in ("mean", "sum", "none")
        for call, *shapes in (
            ("mse(x, y", (2, 3), (3,)),
            ("l1(x, y", (2, 3), (2, 1)),
            ("huber(x, y, delta=0.3", (2, 3), (2, 3)),
            ("bce(x, y", (2, 3), (2, 3)),
            ("bce_with_logits(x, y", (3,), (2, 3)),
            ("nll(x, [2, 0]", (2, 3)),
        )
    ],
    *[(f"{name}(x - 0.5)", ((3,),)) for name in ("norm1", "norm_inf")],
    *[(f"{n}(x, axis={a})", ((2, 3, 2),)) for n in ("norm1", "norm_inf") for a in (0, -1)],
    ("norm(x, ord=1) + norm(x, ord=inf)*norm(x, ord=2)", ((3,),)),
    ('norm(x, ord="fro") - norm(x, axis=0, ord="inf")[0]', ((3, 2),)),
    ("mse(x, y)", ((), (3,))),
    ("l1(x, 0.1)", ((3,),)),
    ("huber(x, y)", ((3,), (3,))),
    ("huber(3*x, y, z)", ((2, 3), (3,), ())),
    ("bce(x, [0, 1, 0.5])", ((3,),)),
    ("nll(log_softmax(x), [0, 2, 1])", ((3, 3),)),
    ("nll(x, 1)", ((3,),)),
    ("layer_norm(x)", ((2, 3),)),
    ("layer_norm(x, y, z)", ((2, 3), (3,), (3,))),
    ("layer_norm(x, y, z, 0.1)", ((2, 3, 2), (2,), (3, 2))),
    ("layer_norm(x, g=y)", ((3,), (3,))),
    ("layer_norm(x, b=y, eps=z)", ((2, 3), (3,), ())),
    ("layer_norm(x, axis=(1, 2))", ((2, 3, 2),)),
    ("layer_norm(x, y, axis=0)", ((3, 2), ())),
    ("batch_norm(x)", ((4,),)),
    ("batch_norm(x, y, z)", ((4, 2), (2,), (2,))),
    ("batch_norm(x, y, z)", ((2, 3, 2, 2), (3,), (3,))),
    ("batch_norm(x, y, z)", ((3, 2, 2), (2, 1), ())),
    ("batch_norm(x, eps=y, axis=1)", ((2, 3), ())),
    ("rms_norm(x)", ((2, 3),)),
    ("rms_norm(x, y, z)", ((2, 3), (3,), ())),
    ("rms_norm(x, y, axis=0)", ((3, 2), (2,))),
    ("cosine_similarity(x, y)", ((3,), (3,))),
    ("cosine_similarity(x, y)", ((2, 3), (3,))),
    ("cosine_similarity(x, y, axis=0)", ((2, 3), (2, 1))),
    ("cosine_similarity(x, y, z)", ((3,), (3,), ())),
    ("cosine_similarity(x, y, 3)", ((3,), (3,))),
    ("cosine_similarity(x, y, eps=4*z)", ((2, 3), (3,), ())),
    ("x@ones(3) + zeros(2)", ((2, 3),)),
    ("ones((2, 3))*x", ((3,),)),
    ("inv(x + 2*eye(3))", ((3, 3),)),
    ("eye(2, 3)@x", ((3,),)),
    ("full(x, 2, 3)*y", ((3,), (2, 3))),
    ("full(x, 2, 3)", ((),)),
    ("full(2, (2,))*x", ((2,),)),
    ("sum(full(x, 2, 3), axis=0)", ((2, 1),)),
    ("x*x@x", ((3,),)),
    ("where(x > y, x^2, 3y)", ((2, 3), (3,))),
    ("max(x, y, z)", ((2, 3), (3,), ())),
    ("hypot(x, y, z)", ((2, 3), (3,), ())),
    ("swish(a) = a*sigmoid(a); swish(x@y)", ((2, 3), (3,))),
    ("g(a, b) = sum(a*b); g(x, y) + g(y, y)", ((2, 3), (3,))),
]


def arrays(shapes: Shapes, seed: int = 0) -> dict[str, Any]:
    """Values between 0.2 and 0.9, where every gate is defined."""
    chance = np.random.default_rng(seed)
    return {name: chance.uniform(0.2, 0.9, s) for name, s in zip("xyz", shapes, strict=False)}


def output_of(formula: str, point: dict[str, Any]) -> Any:
    graph = with_shapes(
        parse(formula, point), {name: np.shape(value) for name, value in point.items()}
    )
    return graph.evaluate(ARRAYS, point)[graph.output]


@pytest.mark.parametrize(("formula", "shapes"), CASES, ids=str)
def test_gradients_are_measured_slopes(formula: str, shapes: Shapes) -> None:
    """Central differences of the forward pass, entry by entry, with a random upstream; and the
    check, which asks SymPy and complex steps, agrees."""
    point = arrays(shapes)
    upstream = np.random.default_rng(1).uniform(-1, 1, np.shape(output_of(formula, point)))
    trace = backtrace.trace(formula, point, upstream=upstream, budget=PATIENT)
    assert trace.ok
    assert {check.verdict for check in trace.checks.values()} == {"agree"}
    assert all(check.symbolic is not None for check in trace.checks.values())
    for name, value in point.items():
        assert np.shape(trace.gradients[name]) == np.shape(value)
        slopes = measured_gradient(
            lambda at, name=name: np.sum(upstream * output_of(formula, {**point, name: at})),
            value,
            step=1e-5,
        )
        assert np.asarray(trace.gradients[name]) == pytest.approx(slopes, rel=1e-6, abs=1e-8)


def test_every_array_gate_is_in_the_table() -> None:
    names = {gate.name for gate in GATES.values() if gate.is_of_arrays}
    used = set()
    for formula, shapes in CASES:
        given = dict(zip("xyz", shapes, strict=False))
        graph = with_shapes(parse(formula, given), given)
        used |= {gate.name for _, _, gate in graph.gates()}
        used |= {
            n.gate.name for node in graph.nodes for c in node.constants for n in c.nodes if n.gate
        }
    assert names <= used


@pytest.mark.parametrize("gate", ROWS)
def test_elementwise_gates_are_themselves_at_every_entry(gate: Gate) -> None:
    """On arrays of any shapes that fit: the value and the gradient of the row on numbers, summed
    over what was repeated."""
    count = 2 if gate.variadic else len(inputs(gate))
    shapes: list[Shapes] = PAIRS if count > 1 else [((2, 3),)]
    for pair in shapes:
        operands = [*pair, (3,)][:count] if count > 2 else list(pair[:count])
        chance = np.random.default_rng(3)
        x = [chance.uniform(0.2, 0.9, shape) for shape in operands]
        text = usage(gate)
        point = dict(zip(inputs(gate), x, strict=True))
        trace = backtrace.trace(text, point, check=False)
        numbers = parse(text, point)
        whole = np.broadcast_shapes(*operands)
        assert np.shape(trace.value) == whole
        spread = [np.broadcast_to(v, whole) for v in x]
        expected = {name: np.zeros(whole) for name in point}
        for place in np.ndindex(whole):
            entry = dict(zip(inputs(gate), [float(v[place]) for v in spread], strict=True))
            values = numbers.evaluate(FLOATS, entry)
            flow = backward(numbers, values, FLOATS)
            assert trace.value[place] == pytest.approx(values[numbers.output], rel=1e-13)
            for name in point:
                expected[name][place] = flow.upstreams[numbers.inputs[name]]
        for name, value in point.items():
            summed = ARRAYS.summed_to(expected[name], np.shape(value))
            np.testing.assert_allclose(trace.gradients[name], summed, rtol=1e-12, atol=1e-14)


SPECIAL = (-math.inf, -1000.0, -2.0, -1.0, -0.5, -0.0, 0.0, 1e-300, 0.5, 1.0, 2.0, 3.0, 1000.0)


@pytest.mark.parametrize("gate", ROWS)
def test_arrays_mean_what_floats_mean_at_the_edges(gate: Gate) -> None:
    """inf, nan and 0 where the scalar algebra has them, forward and local, and no warning."""
    count = 2 if gate.variadic else len(inputs(gate))
    values = SPECIAL if count < 3 else SPECIAL[2:9:2]
    for x in itertools.product(values, repeat=count):
        numbers = [*x, *fixed(gate)]
        expected = [gate.forward(FLOATS, *numbers)]
        expected += [gate.slope(FLOATS, k, expected[0], numbers) for k in range(count)]
        with quiet():
            given = [*(np.array([v]) for v in x), *fixed(gate)]
            found = [gate.forward(ARRAYS, *given)]
            found += [gate.slope(ARRAYS, k, found[0], given) for k in range(count)]
        for a, b in zip(expected, found, strict=True):
            entry = float(np.broadcast_to(b, (1,))[0])
            same = math.isclose(a, entry, rel_tol=1e-12) or (math.isnan(a) and math.isnan(entry))
            assert same, (gate.name, x, expected, found)


@pytest.mark.parametrize("gate", ROWS)
def test_complex_steps_measure_the_slope_of_every_gate(gate: Gate) -> None:
    if gate.is_comparison or gate.name == "detach":
        return
    count = 2 if gate.variadic else len(inputs(gate))
    chance = np.random.default_rng(5)
    for sign in (1, -1):
        x = [*(chance.uniform(0.2, 0.9, 4) * sign for _ in range(count)), *fixed(gate)]
        if gate.name == "pow":
            x[1] = np.array(3.0)
        if not all(
            gate.domain.holds(*entry) for entry in zip(*np.broadcast_arrays(*x), strict=True)
        ):
            continue
        value = gate.forward(ARRAYS, *x)
        for k in range(count):
            if gate.name == "pow" and k == 1 and sign < 0:
                continue
            moved = [*x[:k], x[k] + 1j * STEP, *x[k + 1 :]]
            slope = np.imag(gate.forward(COMPLEX_STEP, *moved)) / STEP
            local = np.broadcast_to(gate.slope(ARRAYS, k, value, x), np.shape(value))
            np.testing.assert_allclose(slope, local, rtol=1e-11, atol=1e-13)


PLANTS = {
    "sign": lambda rule: lambda m, k, u, f, *x: -rule(m, k, u, f, *x),
    "factor": lambda rule: lambda m, k, u, f, *x: 1.001 * rule(m, k, u, f, *x),
    "one more": lambda rule: lambda m, k, u, f, *x: rule(m, k, u, f, *x) + 1,
    "reversed": lambda rule: lambda m, k, u, f, *x: np.asarray(rule(m, k, u, f, *x))[..., ::-1],
}
PLANTED = [
    ("x@y", ((3, 3), (3, 3))),
    ("x.T*z", ((3, 3), (), (3, 3))),
    ("dot(x, y)", ((3,), (3,))),
    ("outer(x, y)", ((3,), (3,))),
    ("z*reshape(x, 3, 2)", ((2, 3), (), (3, 2))),
    ("z*x[1:3]", ((4,), (), (2,))),
    ("z@concatenate(x, y)", ((2,), (3,), (5,))),
    ("z@[x, y]", ((2,), (2,), (2,))),
    ("affine(x, y, z)", ((3, 3), (3,), (3,))),
    ("relu_layer(x, y, z)", ((3, 3), (3,), (3,))),
    ("sum(x*z)", ((3,), (), (3,))),
    ("cross_entropy(x, 1)", ((3,),)),
    ("z@expand_dims(x, axis=1)", ((3,), (), (2, 3))),
    ("z*squeeze(x, axis=1)", ((3, 1), (), (3,))),
    ("z*take(x, [1, 0, 1])", ((3, 2), (), (3, 2))),
    ("z*pick(x, [1, 0])", ((2, 3), (), (2,))),
    *[(f"{name}(x)", ((3,),)) for name in (*REDUCED, "softmax", "log_softmax")],
    ("z*lookup(x, [0, 1, 1], [1, 0, 0])", ((2, 2), (), (3,))),
    ("z*take(x, [1, 0], axis=1)", ((2, 3), (), (2, 2))),
    ("z*swapaxes(x, 0, 2)", ((2, 3, 2), (), (2, 3, 2))),
    ("z*permute(x, 1, 2, 0)", ((3, 3, 3), (), (3, 3, 3))),
    ("z*flatten(x, 1)", ((2, 2, 3), (), (2, 6))),
    ("z*pad(x, 1)", ((2, 2), (), (4, 4))),
    ("z*tril(x)", ((3, 3), (), (3, 3))),
    ("z*triu(x)", ((3, 3), (), (3, 3))),
    ("z*diag(x)", ((3, 3), (), (3,))),
    ("z*diag(x)", ((3,), (), (3, 3))),
    ("z*trace(x)", ((3, 3), (), ())),
    ("z*cumsum(x)", ((3,), (), (3,))),
    ('z*einsum("ii->i", x)', ((3, 3), (), (3,))),
    ('z*einsum("ij->j", x)', ((3, 3), (), (3,))),
    ('einsum("ij,jk->ik", x, y)', ((3, 3), (3, 3))),
    ('z*cross_entropy(x, [1, 0], reduction="none")', ((2, 3), (), (2,))),
    ("z*var(x, ddof=1)", ((3,), (), ())),
    ("z*std(x, axis=(0, 2), ddof=1)", ((2, 3, 2), (), (3,))),
    ("z*max(x, axis=(0, 2))", ((2, 3, 2), (), (3,))),
    ("z*cumprod(x)", ((3,), (), (3,))),
    ("conv1d(x, y, z)", ((1, 4), (2, 1, 2), (2,))),
    ("conv2d(x, y, stride=2, padding=1)", ((1, 3, 3), (1, 1, 2, 2))),
    ("z*max_pool(x, 2, stride=1)", ((3, 3), (), (2, 2))),
    ("z*avg_pool(x, 2, padding=1)", ((3, 3), (), (2, 2))),
    ("attention(x, y, z)", ((2, 2), (3, 2), (3, 2))),
    ("z*det(x)", ((3, 3), (), ())),
    ("z*logdet(x.T@x)", ((3, 3), (), ())),
    ("z*inv(x)", ((3, 3), (), (3, 3))),
    ("z*solve(x, y)", ((3, 3), (3,), (3,))),
    ("z*kron(x, y)", ((3,), (2,), (6,))),
    ("z*sort(x)", ((3, 3), (), (3, 3))),
    ("z*flip(x, 0)", ((3, 3), (), (3, 3))),
    ("z*roll(x, 1)", ((3, 3), (), (3, 3))),
    *[(f"z*{name}(x)", ((3,), (), ())) for name in ("norm1", "norm_inf")],
    *[(f"z*{name}(x, y)", ((3,), (3,), ())) for name in ("mse", "l1", "huber", "bce")],
    ("z*bce_with_logits(x, y)", ((3,), (3,), ())),
    ("z*nll(x, 1)", ((3,), (), ())),
    ("z*layer_norm(x, y)", ((3, 3), (3,), (3, 3))),
    ("z*batch_norm(x, y)", ((3, 3), (3,), (3, 3))),
    ("z*rms_norm(x, y)", ((3, 3), (3,), (3, 3))),
    ("z*cosine_similarity(x, y)", ((3,), (3,), ())),
    ("z*full(x, 3, 2)", ((2,), (), (3, 2))),
]


@pytest.mark.parametrize(("formula", "shapes"), PLANTED, ids=str)
def test_wrong_pullbacks_are_caught(
    formula: str, shapes: Shapes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In every array gate; and the gate is named. What changes no number is not wrong."""
    point = {n: v for n, v in arrays(shapes, seed=2).items() if n in parse(formula).inputs}
    right = backtrace.trace(formula, point, check=False)
    row = next(gate for _, _, gate in right.graph.gates() if gate.is_of_arrays)
    caught = 0
    for plant in PLANTS.values():
        monkeypatch.setitem(GATES, row.name, replace(row, pullback=plant(row.pullback)))
        wrong = backtrace.trace(formula, point)
        monkeypatch.setitem(GATES, row.name, row)
        if all(np.array_equal(right.gradients[n], g) for n, g in wrong.gradients.items()):
            continue
        guilty = {wrong.graph.nodes[c.gate].gate.name for c in wrong.disagreements.values()}
        assert not wrong.ok
        assert guilty == {row.name}
        caught += 1
    assert caught >= 1


def test_a_transposed_weight_gradient_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """dL/dW of a square W, transposed: the shapes fit, and published code has had it so. Caught
    entry by entry, and along random directions where the arrays are large."""
    row = GATES["matmul"]
    assert row.pullback is not None

    def transposed(m: Any, k: int, u: Any, f: Any, x: Any, y: Any) -> Any:
        found = row.pullback(m, k, u, f, x, y)  # type: ignore[misc]
        return found.T if k == 0 else found

    monkeypatch.setitem(GATES, "matmul", replace(row, pullback=transposed))
    for point in (
        {"W": [[0.1, 0.5], [-0.3, 0.8]], "x": [0.2, 0.4]},
        {"W": "randn(300, 300)", "x": "randn(300)"},
    ):
        trace = backtrace.trace("sum((W@x)^2)", point)
        assert trace.checks["W"].verdict == "disagree"
        assert trace.checks["x"].verdict == "agree"
        assert "matmul (#2) is wrong on its own" in trace.checks["W"].reason
        assert not trace.ok


@pytest.mark.parametrize("name", ["mul", "exp", "max", "sigmoid", "add"])
def test_wrong_local_gradients_of_arrays_are_caught(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = GATES[name]
    rule = row.local[0]
    wrong = (lambda m, f, *x: 1.01 * rule(m, f, *x), *row.local[1:])
    monkeypatch.setitem(GATES, name, replace(row, local=wrong, accurate=None))
    formula = usage(row)
    for shape in ((3,), (40, 30)):
        point = {p: np.random.default_rng(7).uniform(0.2, 0.9, shape) for p in row.parameters}
        point |= {"y": point["y"] / 2} if "y" in point else {}
        trace = backtrace.trace(formula, point)
        assert not trace.ok, formula
        guilty = {trace.graph.nodes[c.gate].gate.name for c in trace.disagreements.values()}
        assert guilty == {name}


@pytest.mark.parametrize("x", [-38.0, -300.0, 2.0, -math.inf])
def test_logsumexp_loses_nothing_beside_a_tiny_peak(x: float) -> None:
    """Entry by entry as of numbers: ln(1 + e^-38), not 0."""
    expected = FLOATS.logsumexp(x, 1e-300, x)
    with quiet():
        found = ARRAYS.logsumexp(np.array([x]), 1e-300, np.array([x]))
    assert found[0] == pytest.approx(expected, rel=1e-14, abs=0)
