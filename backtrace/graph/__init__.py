"""A graph is a tuple of nodes in evaluation order: every node's inputs stand before it.

    (x+y)*z   ->   x   y   z   add(0, 1)   mul(3, 2)

The inputs come first, in the order they are first written, then the gates as they are evaluated.
So forward is a `for`, backward is a `for` over `reversed`, and nothing recurses: 100,000 gates
work as 3 do. Constants are no nodes: a gate holds them as operands (`+1`, `*-1`, `1/x`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

from backtrace.algebra import Algebra, Value
from backtrace.errors import Span
from backtrace.gates import Gate
from backtrace.gates.shapes import Shape
from backtrace.language import tell
from backtrace.numbers import LONGEST_LINE, one_line

T = TypeVar("T")
_MOST_TOLD = 8  # operands, in a REPL


class Constant(NamedTuple):
    """A number in the formula: as written ("0.5", "-1", "pi"), or what computes it (`1/3`).

    `nodes` is a little graph of constants, empty for a number. Constants get no gradient.
    `fixed` is what a parameter that is no number stands for: (axis,), an index, a shape. Two that
    differ only in their `span` are equal.
    """

    text: str
    nodes: tuple[Node, ...] = ()
    span: Span = (0, 0)
    fixed: tuple[Any, ...] | None = None

    def __eq__(self, other: object) -> bool:
        return type(other) is Constant and self[:2] + self[3:] == other[:2] + other[3:]

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self[:2] + self[3:])

    def __repr__(self) -> str:
        return one_line(f"<Constant {self.text}>")

    @property
    def holds_arrays(self) -> bool:
        """Whether it takes arrays to compute it: [1, 2], sum([1, 2])."""
        return any(node.gate is not None and node.gate.uses_arrays for node in self.nodes)

    def value(self, m: Algebra) -> Value:
        """The number in algebra `m`: a float, an exact fraction, 50 digits."""
        if self.fixed is not None:
            return self.fixed[0]
        return self.values(m)[-1] if self.nodes else m.number(self.text)

    def values(self, m: Algebra) -> list[Value]:
        """What its own nodes compute, one by one."""
        return run(self.nodes, lambda leaf: leaf_value(leaf, m, {}), _forward_in(m))


class Node(NamedTuple):
    """An input (no gate), a constant that stands alone, or a gate and its operands.

    operands   for each parameter of the gate the index of an earlier node, or a Constant
    name       the input's name, or the stage's (`q = x + y`); "" for an unnamed gate
    span       where in the text, [start, end); two nodes that differ only here are equal
    """

    gate: Gate | None
    operands: tuple[int | Constant, ...] = ()
    name: str = ""
    span: Span = (0, 0)

    def __eq__(self, other: object) -> bool:
        return type(other) is Node and self[:3] == other[:3]

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self[:3])

    def __repr__(self) -> str:
        if self.gate is None:
            return one_line(f"<Node {self.name}>")
        operands = [f"#{o}" if isinstance(o, int) else o.text for o in self.operands[:_MOST_TOLD]]
        operands += ["…"] * (len(self.operands) > _MOST_TOLD)
        name = f"{self.name} = " * bool(self.name)
        return one_line(f"<Node {name}{self.gate.name}({', '.join(operands)})>")

    @property
    def is_input(self) -> bool:
        return self.gate is None and not self.operands

    @property
    def inputs(self) -> tuple[int, ...]:
        """The nodes this gate reads, in operand order: x*x reads x twice."""
        return tuple([operand for operand in self.operands if type(operand) is int])

    @property
    def constants(self) -> tuple[Constant, ...]:
        """The numbers among the operands."""
        return tuple(
            [o for o in self.operands if type(o) is Constant and o.fixed is None],
        )

    def operand_values(self, values: Sequence[Value], m: Algebra) -> list[Value]:
        """What the gate's forward is handed, given every earlier node's value in algebra `m`."""
        return [o.value(m) if isinstance(o, Constant) else values[o] for o in self.operands]


class Count(NamedTuple):
    """A variable that says how many entries a sum has, and what it must be therefore."""

    name: str
    value: int
    span: Span


class Summed(NamedTuple):
    """A stage that stands in a sum over an index, as one that has so many axes."""

    name: str
    axes: tuple[int, ...]
    span: Span


@dataclass(frozen=True)
class Graph:
    """The nodes of a formula, and which of them is its output (the last, unless an earlier stage
    or an input alone is the result). Raises ValueError where a node reads one that is not before
    it: the invariant that every pass relies on. `own` are the gates it defines itself.

    `shapes` is every node's shape where arrays are given (`graph.shapes` settles them); None where
    all are numbers, or nothing is given yet.

    `signs` are the gates that were written with a sign whose meaning the shapes decide, by their
    place: (the gate it is of numbers, the sign); `readings` say how such were read. `read_as` is
    the formula in our own grammar, where the text was written in another. `counts` are what the
    limits of its sums say of variables, `summed` the stages that stand in them.
    """

    nodes: tuple[Node, ...]
    output: int
    text: str = field(default="", compare=False)
    own: tuple[Gate, ...] = field(default=(), compare=False)
    signs: Mapping[Span, tuple[str, str]] = field(default_factory=dict, compare=False)
    readings: tuple[str, ...] = field(default=(), compare=False)
    read_as: str = field(default="", compare=False)
    shapes: tuple[Shape, ...] | None = field(default=None, compare=False)
    counts: tuple[Count, ...] = field(default=(), compare=False)
    summed: tuple[Summed, ...] = field(default=(), compare=False)

    def __post_init__(self) -> None:
        for index, node in enumerate(self.nodes):
            for operand in node.operands:
                if isinstance(operand, int) and not 0 <= operand < index:
                    raise ValueError(
                        tell(
                            "node {index} reads node {operand}, which is not before it",
                            index=index,
                            operand=operand,
                        )
                    )
        if not 0 <= self.output < len(self.nodes):
            raise ValueError(tell("output {output} is no node", output=self.output))

    def __repr__(self) -> str:
        counts = f"{len(self.nodes):,} nodes, {self.gate_count:,} gates"
        return one_line(f"<Graph of {counts}: {self.text[:LONGEST_LINE]}>")

    @cached_property
    def inputs(self) -> dict[str, int]:
        """Every input's name and index, in the order they are first written."""
        return {node.name: index for index, node in enumerate(self.nodes) if node.is_input}

    @cached_property
    def stages(self) -> dict[str, int]:
        """Every named stage and its index."""
        return {n.name: i for i, n in enumerate(self.nodes) if n.name and not n.is_input}

    @cached_property
    def output_name(self) -> str:
        """What the output is called: its stage's name, or f (L where f is a variable)."""
        name = self.nodes[self.output].name
        if name and self.output not in self.inputs.values():
            return name
        taken = {*self.inputs, *self.stages}
        return next(n for n in ("f", "L", "F", "output", "_") if n not in taken or n == "_")

    @cached_property
    def uses_arrays(self) -> bool:
        """Whether some gate, or some constant, takes arrays to compute."""
        return any(
            (node.gate is not None and node.gate.uses_arrays)
            or any(constant.holds_arrays for constant in node.constants)
            for node in self.nodes
        )

    @cached_property
    def inputs_of(self) -> tuple[tuple[int, ...], ...]:
        """`node.inputs` of every node."""
        return tuple([node.inputs for node in self.nodes])

    @cached_property
    def edge_count(self) -> int:
        return sum(map(len, self.inputs_of))

    @cached_property
    def gate_count(self) -> int:
        return sum(node.gate is not None for node in self.nodes)

    @cached_property
    def consumers(self) -> tuple[tuple[tuple[int, int], ...], ...]:
        """For each node the (gate, position among that gate's inputs) of every edge that leaves it.

        A node with several is a fork: its gradient is the sum of what comes back along them.
        """
        edges: list[list[tuple[int, int]]] = [[] for _ in self.nodes]
        for index, sources in enumerate(self.inputs_of):
            for position, source in enumerate(sources):
                edges[source].append((index, position))
        return tuple(map(tuple, edges))

    @cached_property
    def unused(self) -> tuple[int, ...]:
        """The gates whose value goes nowhere, and which are not the output: `r` in `r = x*y; x`."""
        gates = (index for index, node in enumerate(self.nodes) if node.gate is not None)
        return tuple(k for k in gates if not self.consumers[k] and k != self.output)

    def evaluate(self, m: Algebra, point: Mapping[str, Value]) -> list[Value]:
        """Every node's value in algebra `m`, with the inputs given by name."""
        values: list[Value] = []
        append = values.append
        for gate, operands, name, _ in self.nodes:
            if gate is None:
                append(operands[0].value(m) if operands else point[name])  # type: ignore[union-attr]
                continue
            if len(operands) == 2:
                a, b = operands
                if type(a) is int and type(b) is int:
                    append(gate.forward(m, values[a], values[b]))
                    continue
            given = [values[o] if type(o) is int else o.value(m) for o in operands]  # type: ignore[union-attr]
            append(gate.forward(m, *given))
        return values

    def gates(self) -> Iterator[tuple[int, Node, Gate]]:
        """(index, node, gate) of every gate, in evaluation order."""
        for index, node in enumerate(self.nodes):
            if node.gate is not None:
                yield index, node, node.gate

    def leads_to(self, index: int, is_meant: Callable[[int], bool]) -> bool:
        """Whether a node that is meant depends on this one: a condition decides about a gradient
        where it leads to a where() that the gradient reached."""
        seen, waiting = {index}, [index]
        while waiting:
            for user, _ in self.consumers[waiting.pop()]:
                if is_meant(user):
                    return True
                if user not in seen:
                    seen.add(user)
                    waiting.append(user)
        return False

    def ancestors(self, target: int) -> set[int]:
        """Every node that `target` depends on, itself included."""
        found = {target}
        for index in range(target, -1, -1):
            if index in found:
                found.update(self.inputs_of[index])
        return found


def run(
    nodes: tuple[Node, ...],
    leaf: Callable[[Node | Constant], T],
    apply: Callable[[Gate, list[T]], T],
) -> list[T]:
    """One value per node: `leaf` for inputs and constants, `apply` for gates, in order."""
    values: list[T] = []
    for node in nodes:
        if node.gate is not None:
            values.append(
                apply(
                    node.gate,
                    [values[o] if type(o) is int else leaf(o) for o in node.operands],  # type: ignore[arg-type]
                )
            )
        elif node.operands:
            values.append(leaf(node.operands[0]))  # type: ignore[arg-type]
        else:
            values.append(leaf(node))
    return values


def leaf_value(leaf: Node | Constant, m: Algebra, point: Mapping[str, Value]) -> Value:
    """What an input or a constant is at a point, in algebra `m`."""
    return leaf.value(m) if isinstance(leaf, Constant) else point[leaf.name]


def _forward_in(m: Algebra) -> Callable[[Gate, list[Value]], Value]:
    return lambda gate, values: gate.forward(m, *values)
