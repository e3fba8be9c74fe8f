"""A graph's rules run once on shapes, forward and backward, in the algebra that counts.

What is counted is what the rules of the table say, each input on its own: nothing is written down
for a gate. A gate of the user's own is worked out again for its way back, as backprop does it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

from backtrace.algebra.counting import Counted, Counting
from backtrace.algebra.lengths import largest
from backtrace.gates import Gate
from backtrace.gates.shapes import Shape
from backtrace.graph import Constant, Graph, Node
from backtrace.graph.costs import BYTES, Checkpoints, Cost, ForwardMode, GateCost, Work

Inside = tuple[str, int]
"""What a gate holds beside its value: ("inside", its node)."""


def cost_of(
    graph: Graph,
    shapes: Mapping[str, Shape],
    wrt: Collection[str] | None = None,
    every: int | None = None,
    length_of: Callable[[int], int] = lambda n: n,
) -> Cost:
    """The cost of all gradients by `wrt` (None: by every input), for inputs of these shapes. With
    checkpoints every so many gates; None: the square root of their number. `length_of` makes the
    lengths that a formula names those of letters. Raises NoPolynomial where letters do not say."""
    asked = graph.inputs if wrt is None else wrt
    walk = _Walk(graph, Counting(length_of), {graph.inputs[name] for name in asked})
    walk.forward({name: walk.m.made(shape, graph.inputs[name]) for name, shape in shapes.items()})
    walk.backward(walk.m.made(walk.m.shape(walk.values[graph.output])))
    return _Summary(walk, sum(math.prod(shapes[name]) for name in asked)).cost(every)


class _Walk:
    """Values, and for each gate what was done forward and backward, and what that read."""

    def __init__(self, graph: Graph, m: Counting, asked: Collection[int]) -> None:
        self.graph = graph
        self.m = m
        self.values: list[Any] = []
        self.needed = set(asked)  # the nodes whose gradient leads to one that is asked for
        for index, sources in enumerate(graph.inputs_of):
            if not self.needed.isdisjoint(sources):
                self.needed.add(index)
        self.ahead: dict[int, Work] = {}
        self.back: dict[int, Work] = {}
        self.reads: dict[int, set[Any]] = {}

    def forward(self, inputs: Mapping[str, Any], names: bool = True) -> None:
        """`names`: whether values say which node they are of; inside an own gate they do not."""
        for index, node in enumerate(self.graph.nodes):
            if node.gate is None:
                self.values.append(self._leaf(node, inputs))
                continue
            with self.m.apart() as (counts, _):
                value = _value(self.m, node.gate, self._operands(node))
            self.ahead[index] = _work(counts)
            found = self.m.made(self.m.shape(value), index if names else None)
            if isinstance(value, Counted) and value.holds is not None:
                found.holds = value.holds
                found.holds.source = ("inside", index) if names else None
            self.values.append(found)

    def _leaf(self, node: Node, inputs: Mapping[str, Any]) -> Any:
        if node.is_input:
            return inputs[node.name]
        return self._constant(node.operands[0])  # type: ignore[arg-type]

    def _constant(self, constant: Constant) -> Any:
        """Worked out once and for all: it counts nowhere."""
        with self.m.apart():
            return constant.value(self.m)

    def _operands(self, node: Node) -> list[Any]:
        return [
            self._constant(o) if isinstance(o, Constant) else self.values[o] for o in node.operands
        ]

    def backward(self, seed: Any) -> dict[int, Any]:
        """The upstream of every node that a gradient reaches."""
        upstreams: dict[int, Any] = {self.graph.output: seed}
        for index in range(len(self.graph.nodes) - 1, -1, -1):
            node = self.graph.nodes[index]
            if node.gate is None or index not in upstreams or index not in self.needed:
                continue
            operands = self._operands(node)
            with self.m.apart() as (counts, reads):
                rules = _Rules(self.m, node.gate, self.values[index], operands)
                for k, source in enumerate(node.operands):
                    if not isinstance(source, int) or source not in self.needed:
                        continue
                    down = rules.down(k, upstreams[index])
                    if down is not None and source not in upstreams:
                        upstreams[source] = self.m.made(self.m.shape(self.values[source]))
            self.back[index], self.reads[index] = _work(counts), reads
        return upstreams


def _value(m: Counting, gate: Gate, operands: list[Any]) -> Any:
    if gate.inner is None:
        return gate.forward(m, *operands)
    return _inside(m, gate, operands).values[gate.inner.output]


def _inside(m: Counting, gate: Gate, operands: list[Any]) -> _Walk:
    """The way forward inside an own gate, counted where it stands."""
    inner = gate.inner
    walk = _Walk(inner, m, inner.inputs.values())
    walk.forward(dict(zip(gate.parameters, operands, strict=True)), names=False)
    for work in walk.ahead.values():
        _add(m, work)
    return walk


class _Rules:
    """The rules of one gate, for one input after the other."""

    def __init__(self, m: Counting, gate: Gate, output: Any, operands: list[Any]) -> None:
        self.m = m
        self.gate = gate
        self.output = output
        self.operands = operands
        self._own: dict[str, bool] | None = None

    def down(self, k: int, upstream: Any) -> Any:
        """What goes down to input k; None: nothing, whatever flows."""
        m, gate, output = self.m, self.gate, self.output
        if gate.inner is not None:
            return self._down_inside(k, upstream)
        if gate.pullback is not None:
            return gate.pullback(m, k, upstream, output, *self.operands)
        return self._downstream(k, upstream, gate.slope_as_written(m, k, output, self.operands))

    def _downstream(self, k: int, upstream: Any, slope: Any) -> Any:
        if not isinstance(slope, Counted) and slope == 0 and self.gate.blocks:
            return None
        return self.m.summed_to(self.m.times(upstream, slope), self.m.shape(self.operands[k]))

    def _down_inside(self, k: int, upstream: Any) -> Any:
        """Backprop through an own gate, for all its inputs at once; of numbers the slopes, from a
        seed of 1."""
        gate, m = self.gate, self.m
        name = gate.parameters[k]
        if self._own is None:
            m.read(*self.operands)
            walk = _inside(m, gate, self.operands)
            reached = walk.backward(m.made(m.shape(self.output)))
            for index, work in walk.back.items():
                _add(m, work)
                m.reads |= walk.reads[index]
            inputs = gate.inner.inputs
            self._own = {n: inputs[n] in reached for n in inputs}
        if not self._own.get(name, False):
            return None
        if gate.pullback is not None:
            return upstream
        return self._downstream(k, upstream, m.made(m.shape(self.operands[k])))


def _work(counts: Mapping[str, int]) -> Work:
    functions = {n: c for n, c in counts.items() if n not in ("multiply", "divide")}
    return Work(counts.get("multiply", 0), counts.get("divide", 0), functions)


def _add(m: Counting, work: Work) -> None:
    m.add_up("multiply", work.multiplications)
    m.add_up("divide", work.divisions)
    for name, count in work.functions.items():
        m.add_up(name, count)


def _total(works: Iterator[Work]) -> Work:
    found = Work()
    for work in works:
        found = found.plus(work)
    return found


class _Stretch(NamedTuple):
    """Gates one after the other: those that are worked out again, and what they need from before
    them."""

    again: frozenset[int]
    before: frozenset[int]


class _Summary:
    """What a walk comes to, in each of the ways to all gradients."""

    def __init__(self, walk: _Walk, entries: int) -> None:
        self.walk = walk
        self.entries = entries
        self.gates = [index for index, _, _ in walk.graph.gates()]

    def cost(self, every: int | None) -> Cost:
        walk = self.walk
        read = set().union(*walk.reads.values()) if walk.reads else set()
        gates = []
        for index in self.gates:
            reads = tuple(sorted(r for r in walk.reads.get(index, ()) if isinstance(r, int)))
            back = walk.back.get(index, Work())
            gates.append(GateCost(index, walk.ahead[index], back, self._bytes(index, read), reads))
        ahead, back = _total(g.forward for g in gates), _total(g.backward for g in gates)
        kept = sum(gate.kept for gate in gates)
        tangents = ForwardMode(self.entries, ahead.plus(back), self._held())
        stretch = every or max(1, round(math.sqrt(len(self.gates))))
        return Cost(tuple(gates), ahead, back, kept, tangents, self._checkpoints(stretch))

    def _size(self, index: int) -> int:
        return BYTES * math.prod(self.walk.m.shape(self.walk.values[index]))

    def _bytes(self, index: int, read: Collection[Any]) -> int:
        """Of a gate's value and of what it holds, as far as these are read."""
        found = self._size(index) if index in read else 0
        if ("inside", index) in read:
            holds = self.walk.values[index].holds
            found = found + BYTES * math.prod(holds.shape)
        return found

    def _held(self) -> tuple[int, ...]:
        """The bytes of all values that are in use when a gate has been worked out, and of as many
        tangents: a value goes when the last gate that needs it is done."""
        last = {source: gate for gate in self.gates for source in self.walk.graph.inputs_of[gate]}
        ends: dict[int, list[int]] = {}
        for source, gate in last.items():
            ends.setdefault(gate, []).append(source)
        changes: list[int] = []
        gone = 0
        for gate in self.gates:
            changes.append(2 * self._size(gate) - gone)
            leaving = [source for source in ends.get(gate, ()) if source in self.walk.ahead]
            gone = 2 * sum(map(self._size, leaving))
        return largest(accumulate(changes, initial=0))

    def _checkpoints(self, every: int) -> Checkpoints:
        """From the last stretch to the first, which needs nothing."""
        starts = range(0, len(self.gates), every)
        checkpoints: set[int] = set()
        most: list[int] = []
        again: list[int] = []
        for start in reversed(starts):
            members = self.gates[start : start + every]
            read = set().union(*(self.walk.reads.get(index, set()) for index in members))
            is_last = start == starts[-1]
            stretch = self._stretch(members, read, checkpoints, is_last)
            inside = [i for i in members if i not in checkpoints]
            most.append(sum(self._bytes(index, read) for index in inside))
            most[-1] = most[-1] + sum(
                self._bytes(i, read - {i}) for i in members if i in checkpoints
            )
            again += stretch.again
            checkpoints |= stretch.before
        always = sum(map(self._size, checkpoints))
        work = _total(self.walk.ahead[index] for index in again)
        held = largest([always + n for n in most] or [0])
        return Checkpoints(every, tuple(sorted(checkpoints)), work, held)

    def _stretch(
        self, members: Sequence[int], read: set[Any], kept: Collection[int], is_last: bool
    ) -> _Stretch:
        """The last stretch has just been worked out."""
        own = set(members)
        before = {r for r in read if isinstance(r, int) and r not in own and r in self.walk.ahead}
        if is_last:
            return _Stretch(frozenset(), frozenset(before))
        again: set[int] = set()
        wanted = {r for r in read if r in own and r not in kept}
        wanted |= {r[1] for r in read if isinstance(r, tuple)}
        for index in reversed(members):
            if index not in wanted:
                continue
            again.add(index)
            for source in self.walk.graph.inputs_of[index]:
                if source in own and source not in kept:
                    wanted.add(source)
                elif source not in own and source in self.walk.ahead:
                    before.add(source)
        return _Stretch(frozenset(again), frozenset(before))


__all__ = ["cost_of"]
