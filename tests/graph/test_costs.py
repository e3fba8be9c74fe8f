"""What a graph costs, held against doing it: numbers that count when they are multiplied, values
that are spoilt where nothing reads them, and a way back from checkpoints alone."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import numpy as np
import pytest

import backtrace
from backtrace.algebra.arrays import ARRAYS, quiet
from backtrace.algebra.lengths import Length
from backtrace.errors import UsageError
from backtrace.formula.lettered_costs import cost_in_letters
from backtrace.formula.letters import with_sizes
from backtrace.gates import Gate
from backtrace.graph import Constant, Graph
from backtrace.graph.costs import BYTES, Cost, Work
from tests.conftest import ROWS, points, usage
from tests.gates.drawn import arranged, of_matrices, of_networks
from tests.gates.test_array_gates import CASES, arrays
from tests.graph.tallied import DONE, numbers, tallied

Values = list[Any]


def _traced(formula: str, point: dict[str, Any]) -> backtrace.Trace:
    return backtrace.trace(formula, point, check=False)


def _counted(work: Work) -> dict[str, int]:
    named = {"multiply": work.multiplications, "divide": work.divisions, **work.functions}
    return {name: count for name, count in named.items() if count}


def _operands(graph: Graph, index: int, values: Values, m: Any) -> list[Any]:
    return [
        _quietly(o, m) if isinstance(o, Constant) else values[o]
        for o in graph.nodes[index].operands
    ]


def _quietly(constant: Constant, m: Any) -> Any:
    """Worked out by floats, then numbers of the algebra: a constant costs nothing."""
    value = constant.value(ARRAYS)
    return numbers(value) if m is not ARRAYS and isinstance(value, np.ndarray) else value


def _down(m: Any, gate: Gate, k: int, upstream: Any, output: Any, operands: list[Any]) -> Any:
    if gate.pullback is not None:
        return gate.pullback(m, k, upstream, output, *operands)
    slope = gate.slope_as_written(m, k, output, operands)
    product = upstream * slope
    shape = np.broadcast_shapes(np.shape(product), np.shape(output))
    return m.summed_to(np.broadcast_to(product, shape)[()], np.shape(operands[k]))


def _needed(trace: backtrace.Trace) -> set[int]:
    found = {trace.graph.inputs[name] for name in trace.wrt}
    for index, sources in enumerate(trace.graph.inputs_of):
        if found & set(sources):
            found.add(index)
    return found


def assert_counted(trace: backtrace.Trace) -> None:
    """Every gate's work, forward and backward, is what its rules do with numbers that count."""
    m, graph = tallied(), trace.graph
    needed, arrived = _needed(trace), {graph.output}
    cost = trace.cost()
    values: Values = [numbers(value) for value in trace.values]
    counted = {gate.node: gate for gate in cost.gates}
    assert list(counted) == [index for index, _, _ in graph.gates()]
    for index in reversed(counted):
        gate, node = graph.nodes[index].gate, graph.nodes[index]
        assert gate is not None
        operands = _operands(graph, index, values, m)
        DONE.clear()
        gate.forward(m, *operands)
        assert _counted(counted[index].forward) == dict(DONE), f"{gate.name} forward"
        DONE.clear()
        if index in arrived and index in needed:
            upstream = numbers(np.full(np.shape(values[index]), 0.7))
            for k, source in enumerate(node.operands):
                if isinstance(source, int) and source in needed:
                    _down(m, gate, k, upstream, values[index], operands)
                    if not (gate.is_flat or gate.is_comparison):
                        arrived.add(source)
        assert _counted(counted[index].backward) == dict(DONE), f"{gate.name} backward"


@pytest.mark.parametrize("gate", ROWS)
def test_every_gate_of_numbers(gate: Gate) -> None:
    trace = _traced(usage(gate), points(gate, 1)[0])
    assert_counted(trace)
    assert_unread_is_not_needed(trace)


OWN = ("swish", "g(a")


@pytest.mark.parametrize(("formula", "shapes"), CASES, ids=str)
def test_every_gate_of_arrays(formula: str, shapes: tuple[tuple[int, ...], ...]) -> None:
    trace = _traced(formula, arrays(shapes))
    if not formula.startswith(OWN):
        assert_counted(trace)
    assert_unread_is_not_needed(trace)
    assert_checkpoints_do(trace)


def _gradients(trace: backtrace.Trace, values: Values) -> dict[int, Any]:
    """Every node's gradient, by the rules as they are written, from these values."""
    graph = trace.graph
    upstreams: dict[int, Any] = {graph.output: np.ones(np.shape(trace.value))[()]}
    with quiet():
        for index, node, gate in reversed(list(graph.gates())):
            if index not in upstreams:
                continue
            operands = _operands(graph, index, values, ARRAYS)
            for k, source in enumerate(node.operands):
                if isinstance(source, int):
                    down = _down(ARRAYS, gate, k, upstreams[index], values[index], operands)
                    upstreams[source] = upstreams.get(source, 0) + down
    return upstreams


def _same(one: dict[int, Any], other: dict[int, Any]) -> None:
    assert one.keys() == other.keys()
    for index, gradient in one.items():
        np.testing.assert_allclose(gradient, other[index], rtol=1e-9, atol=1e-12)


def assert_unread_is_not_needed(trace: backtrace.Trace) -> None:
    """A value that no gate reads on the way back may be any other."""
    read = {index for gate in trace.cost().gates for index in gate.reads}
    spoilt = [
        value if index in read else np.asarray(value) * 0.9 + 0.01
        for index, value in enumerate(trace.values)
    ]
    _same(_gradients(trace, list(trace.values)), _gradients(trace, spoilt))
    for gate in trace.cost().gates:
        size = np.size(trace.values[gate.node]) * BYTES
        assert gate.kept == size * (gate.node in read) + _held_inside(trace, gate.node)


def _held_inside(trace: backtrace.Trace, index: int) -> int:
    """Attention holds its weights for the way back: a row of Q by a row of K."""
    node = trace.graph.nodes[index]
    if node.gate is None or node.gate.name != "attention":
        return 0
    Q, K, _ = _operands(trace.graph, index, list(trace.values), ARRAYS)[:3]
    return BYTES * int(np.prod(np.shape(Q)[:-1])) * np.shape(K)[-2]


def assert_checkpoints_do(trace: backtrace.Trace) -> None:
    """From the inputs and the checkpoints alone each stretch is worked out again, and has all that
    its way back reads; so much is worked out, and so many bytes are kept."""
    gates = [index for index, _, _ in trace.graph.gates()]
    for every in {1, 2, 3, max(1, len(gates))}:
        cost = trace.cost(every)
        points = cost.checkpoints
        assert points.every == every
        forward = {gate.node: _counted(gate.forward) for gate in cost.gates}
        reads = {gate.node: gate.reads for gate in cost.gates}
        again: Counter[str] = Counter()
        kept = [0]
        for start in range(0, len(gates), every):
            members = gates[start : start + every]
            for index in _worked_out(trace, members, reads, points.nodes):
                again.update(forward[index])
            needed = {read for index in members for read in reads[index]} & set(members)
            sizes = [np.size(trace.values[i]) * BYTES for i in needed - set(points.nodes)]
            kept.append(sum(sizes) + sum(_held_inside(trace, i) for i in members))
        assert dict(again) == _counted(points.again)
        always = sum(np.size(trace.values[i]) * BYTES for i in points.nodes)
        assert points.kept == (always + max(kept),)
    assert trace.cost(max(1, len(gates))).checkpoints.kept == (trace.cost().kept,)


def _worked_out(
    trace: backtrace.Trace,
    members: list[int],
    reads: dict[int, tuple[int, ...]],
    checkpoints: tuple[int, ...],
) -> set[int]:
    """The gates of a stretch that are worked out for its way back, from what stands."""
    graph, own = trace.graph, set(members)
    stands = {i for i, node in enumerate(graph.nodes) if node.gate is None} | set(checkpoints)
    is_last = members[-1] == [index for index, _, _ in graph.gates()][-1]
    if is_last:
        stands |= own  # the last has just been worked out
    found: set[int] = set()

    def make(index: int) -> None:
        if index in stands or index in found:
            return
        assert index in own, "a stretch needs what is no checkpoint"
        found.add(index)
        for source in graph.inputs_of[index]:
            make(source)

    for index in members:
        for read in reads[index]:
            make(read)
        if _held_inside(trace, index) and index not in found and not is_last:
            found.add(index)
            for source in graph.inputs_of[index]:
                make(source)
    return found


def _random(chance: random.Random) -> tuple[str, dict[str, Any]]:
    """A formula of some steps over all array gates, on arrays of up to 4 axes."""
    shape = tuple(chance.randint(1, 3) for _ in range(chance.randint(1, 4)))
    text, generator = "x", np.random.default_rng(chance.randrange(2**31))
    point = {"x": generator.uniform(0.2, 0.9, shape)}
    for _ in range(chance.randint(1, 3)):
        kinds = [arranged, of_networks] + [of_matrices] * (len(shape) > 1)
        step = chance.choice(kinds)(chance, shape)
        tried = step.text.format(f"({text})")
        found = np.shape(_traced(tried, point).value)
        if not found or len(found) > 4 or np.prod(found) > 60:
            continue
        text, shape = tried, found
    return text, point


@pytest.mark.parametrize("seed", range(60))
def test_random_formulas_of_arrays(seed: int) -> None:
    trace = _traced(*_random(random.Random(seed)))
    assert_counted(trace)
    assert_unread_is_not_needed(trace)
    assert_checkpoints_do(trace)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(60, 1000))
def test_a_thousand_random_formulas_of_arrays(seed: int) -> None:
    test_random_formulas_of_arrays(seed)


NET = "h = relu(X@W1 + b1); s = h@W2 + b2; L = cross_entropy(s, y)"
NET_POINT = {
    "X": "randn(4, 3)",
    "W1": "randn(3, 5)",
    "b1": "randn(5)",
    "W2": "randn(5, 2)",
    "b2": "randn(2)",
    "y": "[0, 1, 0, 1]",
}


def test_the_net_of_the_lecture() -> None:
    """Twice the multiplications backward, but for the data, whose gradient nobody asks for."""
    trace = backtrace.trace(NET, NET_POINT, wrt=["W1", "b1", "W2", "b2"], check=False)
    cost = trace.cost()
    first, second = 4 * 3 * 5, 4 * 5 * 2
    by_gate = {gate.node: gate for gate in cost.gates}
    matmuls = [i for i, _, gate in trace.graph.gates() if gate.name == "matmul"]
    assert [by_gate[i].forward.multiplications for i in matmuls] == [first, second]
    assert [by_gate[i].backward.multiplications for i in matmuls] == [first, 2 * second]
    assert cost.forward_mode.passes == 3 * 5 + 5 + 5 * 2 + 2
    assert cost.kept == BYTES * (4 * 5 + 4 * 5 + 4 * 2)  # before the relu, behind it, the scores
    assert_counted(trace)
    assert_checkpoints_do(trace)
    fused = backtrace.trace(NET, NET_POINT, fuse=True, check=False)
    assert_counted(fused)
    assert fused.cost().kept == BYTES * (4 * 5 + 4 * 2)  # relu_layer reads what it gives


def test_an_own_gate_is_worked_out_again_for_its_way_back() -> None:
    inside = backtrace.trace("sum(tanh(X@W)^2)", {"X": "randn(2, 3)", "W": "randn(3, 2)"})
    alone = inside.cost()
    own = backtrace.trace("g(a, b) = sum(tanh(a@b)^2); g(X, W)", inside.point).cost()
    assert own.forward == alone.forward
    assert own.backward == alone.forward.plus(alone.backward)
    assert (own.kept, alone.kept) == (0, BYTES * 4)  # of tanh, for itself and the square
    of_numbers = backtrace.trace("g(a) = a*exp(a); g(x)", {"x": 2}).cost()
    assert _counted(of_numbers.forward) == {"multiply": 1, "exp": 1}
    assert _counted(of_numbers.backward) == {"multiply": 1 + 3 + 1, "exp": 1}


def test_hundreds_of_gates_a_gate_and_none() -> None:
    chain = "x" + "*x" * 400
    cost = backtrace.trace(chain, {"x": 1.001}, check=False).cost()
    assert (cost.forward.multiplications, cost.backward.multiplications) == (400, 800)
    assert cost.kept == BYTES * 399  # all but the last
    assert cost.checkpoints.every == 20
    assert cost.checkpoints.again.multiplications == 399 - 19 - 19  # but the last stretch, and
    assert cost.checkpoints.kept == (BYTES * (19 + 19),)  # what stands is not worked out again
    nothing = backtrace.trace("x", {"x": 3}).cost()
    assert (nothing.gates, nothing.kept, nothing.both) == ((), 0, Work())
    assert backtrace.trace("x*y").cost().forward.multiplications == 1  # without a point


def test_a_point_that_breaks_the_numbers_costs_the_same() -> None:
    right = backtrace.trace("sum(log(x))", {"x": [1.0, 2.0]}).cost()
    for x in ([0.0, -1.0], [1e-320, 1.0]):
        assert backtrace.trace("sum(log(x))", {"x": x}).cost() == right


def test_every_is_a_whole_number_from_1() -> None:
    trace = backtrace.trace("x*y", {"x": 1, "y": 2})
    for every in (0, -3, 2.5, True):
        with pytest.raises(UsageError, match="checkpoint"):
            trace.cost(every)  # type: ignore[arg-type]
    assert trace.cost(10**9).checkpoints.kept == (trace.cost().kept,)


# in letters

LETTERED = [
    ("sum((W@x - y)^2)", {"W": "m,n", "x": "n", "y": "m"}),
    (NET, {"X": "n,d", "W1": "d,k", "b1": "k", "W2": "k,c", "b2": "c", "y": "n"}),
    ("mean(layer_norm(X, g, b)^2)", {"X": "n,d", "g": "d", "b": "d"}),
    ("sum(attention(Q, K, V))", {"Q": "b,n,d", "K": "b,k,d", "V": "b,k,c"}),
    ("logdet(A) + trace(inv(A)@C)", {"A": "n,n", "C": "n,n"}),
    ("sum(solve(A, b))", {"A": "n,n", "b": "n"}),
    ("sum(W[1:]*u)", {"W": "n,d", "u": "d"}),
    ("sum(reshape(W, -1)^2) + sum(reshape(V, n, m)@W)", {"W": "m,n", "V": "m,n"}),
    ("sum(cumprod(x)) + prod(y)", {"x": "n", "y": "m"}),
    ('sum(einsum("bij,bjk->bik", A, B))', {"A": "b,2,n", "B": "b,n,k"}),
    ("f(a) = a*sigmoid(a); sum(f(X@w))", {"X": "m,n", "w": "n"}),
    ("sum(softmax(X)*ones(n, d)) + lam*norm2(X)", {"X": "n,d", "lam": ""}),
    ("sum(conv1d(x, w))", {"x": "1,n", "w": "f,1,3"}),
]


def _at(n: int, lengths: dict[str, int]) -> int:
    """A polynomial's value."""
    if not isinstance(n, Length):
        return n
    total = sum(
        factor * np.prod([lengths[name] ** e for name, e in monomial], dtype=object)
        for monomial, factor in n.terms.items()
    )
    assert total == int(total)
    return int(total)


def _all_counts(cost: Cost) -> list[Any]:
    works = [cost.forward, cost.backward, cost.checkpoints.again]
    works += [work for gate in cost.gates for work in (gate.forward, gate.backward)]
    found: list[Any] = [cost.kept, cost.forward_mode.passes, *(gate.kept for gate in cost.gates)]
    for work in works:
        found += [work.multiplications, work.divisions, *sorted(work.functions.items())]
    return found


@pytest.mark.parametrize(("formula", "shapes"), LETTERED, ids=str)
def test_letters_are_the_numbers_at_any_sizes(formula: str, shapes: dict[str, str]) -> None:
    """Polynomials at two sets of sizes are what is counted at these; and the largest of several is
    one of those that were kept."""
    dims = {name: tuple(filter(None, text.split(","))) for name, text in shapes.items()}
    found = cost_in_letters(formula, dims).cost
    letters = sorted({d for ds in dims.values() for d in ds if not d.isdecimal()})
    for sizes in ((5, 7, 4, 6, 3), (9, 4, 8, 5, 11)):
        lengths = dict(zip(letters, sizes, strict=False))
        point = {
            name: np.full([lengths.get(d) or int(d) for d in ds], 0.5)[()]
            for name, ds in dims.items()
        }
        if "cross_entropy" in formula:
            point["y"] = point["y"] * 0
        counted = backtrace.trace(with_sizes(formula, lengths), point, check=False).cost()
        assert [
            (n[0], _at(n[1], lengths)) if isinstance(n, tuple) else _at(n, lengths)
            for n in _all_counts(found)
        ] == _all_counts(counted)
        for several, one in (
            (found.forward_mode.held, counted.forward_mode.held),
            (found.checkpoints.kept, counted.checkpoints.kept),
        ):
            assert (max(_at(n, lengths) for n in several),) == one
