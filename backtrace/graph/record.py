"""What happened: plain frozen values, no algorithm.

A Record holds a graph, the point, and for every gate what came in, what went out and what each
edge carried back. Everything a view shows is here; `backtrace.tracing.tracer` makes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, NamedTuple

from backtrace.algebra.values import Value, identical, is_finite, shape_of
from backtrace.gates import CONVENTIONS
from backtrace.graph import Graph
from backtrace.graph.costs import Cost
from backtrace.graph.directions import ForwardMode, Hessian, HessianProduct
from backtrace.language import marked, tell
from backtrace.numbers import Blank

AGREE, LOST, DISAGREE, WRONG_AT_KINK, KINK, SKIPPED = VERDICTS = (
    marked("agree"),
    marked("lost digits"),
    marked("disagree"),
    marked("wrong at kink"),
    marked("kink"),
    marked("skipped"),
)
READ_AS = marked("read as {formula}")


def is_read_as(note: str) -> bool:
    """Whether a note says how the whole formula was read."""
    return note.startswith(tell(READ_AS).partition("{")[0])


class Edge(NamedTuple):
    """One input of one gate, and the gradient that flowed back along it.

    gate, input   node indices; `operand` is the position among the gate's inputs (x*x has two)
    downstream    upstream times local; exactly 0 where a router blocks the way, whatever flows

    Of arrays, `local` is the diagonal of the Jacobian, or None where the gate has a pullback
    instead; `downstream` has the shape of the input.
    """

    gate: int
    input: int
    operand: int
    upstream: Value
    local: Value
    downstream: Value


class TracedNode(NamedTuple):
    """A node with its numbers: `gradient` is its upstream, summed over its consumers."""

    id: int
    name: str
    gate: str
    value: Value
    gradient: Value


class Check(NamedTuple):
    """One variable's gradient (or the output's value) as three witnesses have it.

    backprop        the trace's own
    symbolic        SymPy's derivative of its own reading of the text, at the point, to 15 digits
    derivative      that derivative as a formula
    numeric         the measured slope: central differences through the graph with many digits
    relative_error  the largest difference to backprop, relative to the larger of the two
    verdict         agree, lost digits, disagree, wrong at kink, kink or skipped
    reason          why it is not a plain agree; "" otherwise
    gate            where it first goes wrong, when it disagrees, where the digits were lost, or
                    which stands at the kink: the node index
    right           where 64-bit floats have lost digits that are shown: the number with more of
                    them; where kinks cancel: the derivative that both sides have
    """

    backprop: Value
    symbolic: Value | None = None
    derivative: Any = None
    numeric: Value | None = None
    relative_error: float | None = None
    verdict: str = SKIPPED
    reason: str = ""
    gate: int | None = None
    right: Value | None = None


class SourceLine(NamedTuple):
    """The line of the code that a gate comes from; of a notebook the line in its cell, where cells
    of code are counted from 1."""

    line: int
    cell: int | None = None

    @property
    def words(self) -> str:
        if self.cell is None:
            return tell("line {line}", line=self.line)
        return tell("cell {cell}, line {line}", cell=self.cell, line=self.line)

    @property
    def short(self) -> str:
        return str(self.line) if self.cell is None else f"{self.cell}:{self.line}"


class Note(NamedTuple):
    """Something a careful teacher would say: a tie at a kink, an overflow that healed."""

    kind: str
    text: str
    node: int | None = None


class Group(NamedTuple):
    """Gates that spell out a bigger one: its name, the node that gives its value, the nodes that
    spell it out (in the graph before it is fused; the last is the one it takes the place of), and
    the spelling they were found by."""

    gate: str
    node: int
    members: tuple[int, ...]
    spelling: str


class Call(NamedTuple):
    """A function of the code, called: its name, and the gates that its lines made, in evaluation
    order; those of functions that it calls are among them."""

    name: str
    members: tuple[int, ...]


class Granularity(NamedTuple):
    """What was done to the graph before it was traced: gates opened, groups fused (all where
    `fuse` is None and `is_fused`), by the definitions in `gates` too; and the convention at kinks.
    """

    expand: bool = False
    is_fused: bool = False
    fuse: tuple[str, ...] | None = None
    gates: str = ""
    kink: str = CONVENTIONS[0]

    def with_definitions(self, formula: str) -> str:
        """The formula, after the definitions it may use."""
        return f"{self.gates}\n{formula}" if self.gates else formula


AS_WRITTEN = Granularity()


class Wording(NamedTuple):
    """Every number of a trace in other words: as formulas (`kind` "symbolic"), "exact", or to so
    many digits. Per node, and per edge of its gate, as in Record; `simplified` has SymPy's form of
    the derivatives, by variable; `remark` says how exact numbers and floats agree."""

    kind: str
    values: tuple[str, ...]
    upstreams: tuple[str, ...]
    locals: tuple[tuple[str, ...], ...]
    downstreams: tuple[tuple[str, ...], ...]
    simplified: tuple[tuple[str, str], ...] = ()
    remark: str = ""


class SecondDerivative(NamedTuple):
    """One entry of the Hessian: SymPy's formula ("" where it has none) and value, and the measured
    slope of backprop's own gradient; the verdict on the two."""

    first: str
    second: str
    formula: str
    symbolic: float | None
    numeric: float | None
    verdict: str


class Jacobian(NamedTuple):
    """All derivatives of a gate (None: of the output) by one node, as a matrix: `entries` has a row
    for every entry of the one and a column for every entry of the other; None where it is too
    large. `structure` says what it looks like: where it was not formed, by so many `products` of it
    with vectors, and no more than these tell."""

    gate: int | None
    input: int
    rows: int
    columns: int
    entries: Any
    structure: str
    products: int = 0


class Descent(NamedTuple):
    """Steps against the gradient: the output before the first and after each, and where the
    variables that were moved have ended."""

    rate: float
    outputs: tuple[float, ...]
    point: Mapping[str, Value]


Slip = tuple[int, int, Value]
"""What a slip makes of a number: which sentence says it, the gate, the wrong number."""


class SlippedPoint(NamedTuple):
    """The numbers of a point for practice, None for the trace's own; and by wire (v3 the value of
    node 3, u3 its gradient) what slips make of its number."""

    given: Mapping[str, Value] | None
    slips: Mapping[str, tuple[Slip, ...]]


class Practice(NamedTuple):
    """What a page needs to ask for the numbers of a trace and to name slips: their sentences, the
    points, and nodes that are not asked for (classes, which have no slope)."""

    says: tuple[str, ...]
    points: tuple[SlippedPoint, ...]
    skip: tuple[int, ...] = ()


class Asked(NamedTuple):
    """What was asked of a trace and is shown beside its numbers: these in other words, the entries
    of the Hessian (each pair of variables once), Jacobians, steps down the gradient, the cost; of
    arrays tangents, the Hessian as a matrix, its product with a direction."""

    wordings: tuple[Wording, ...] = ()
    seconds: tuple[SecondDerivative, ...] = ()
    jacobians: tuple[Jacobian, ...] = ()
    descent: Descent | None = None
    cost: Cost | None = None
    forward: tuple[ForwardMode, ...] = ()
    hessian: Hessian | None = None
    product: HessianProduct | None = None
    practice: Practice | None = None

    @property
    def verdicts(self) -> list[tuple[str, str, str]]:
        """(of what, the verdict, its reason) for all that has one of its own."""
        found = [
            (tell("the tangents by {variable}", variable=f.variable), f.verdict, f.reason)
            for f in self.forward
        ]
        for answer in (self.hessian, self.product):
            if answer is not None:
                found.append((tell("the second derivatives"), answer.verdict, answer.reason))
        for s in self.seconds:
            found.append(
                (
                    tell(
                        "the second derivative by {first}, {second}", first=s.first, second=s.second
                    ),
                    s.verdict,
                    "",
                )
            )
        return found


WRONG = (DISAGREE, LOST, WRONG_AT_KINK)

NOTHING_ASKED = Asked()


class Fault(NamedTuple):
    """Where a number first goes bad, and what became of it.

    direction  "forward": the gate's value is not finite while its inputs are;
               "backward": the edge's downstream is not finite while its upstream is
    node       the gate; `operand` the input position of a backward fault
    what       one line that names the gate, its inputs and the reason
    chain      the nodes it spread through, from the origin on
    cure       what to write instead, which was tried; "" where nothing helps
    advice     what can be said in general, which was not; "" where there is nothing
    """

    direction: str
    node: int
    operand: int
    what: str
    chain: tuple[int, ...]
    cure: str = ""
    advice: str = ""

    @property
    def hint(self) -> str:
        return self.cure or self.advice


@dataclass(frozen=True, eq=False)
class Record:
    """One formula traced at one point.

    values, upstreams   one number or array per node of the graph, in its order
    locals, downstreams per node one number or array per gate input (`node.inputs`), () for leaves
    checks              by variable; empty when the check was not asked for
    asked               what is shown beside these numbers
    granularity, groups how the graph was reshaped; the groups that were fused, or that could be
    lines               of a formula that was read from code: per node the line it comes from, None
                        for inputs; else ()
    calls               the calls of the code's own functions that have made gates, in their order
    """

    formula: str
    point: Mapping[str, Value]
    graph: Graph
    values: tuple[Value, ...]
    upstreams: tuple[Value, ...]
    locals: tuple[tuple[Value, ...], ...]
    downstreams: tuple[tuple[Value, ...], ...]
    wrt: tuple[str, ...]
    checks: Mapping[str, Check]
    output_check: Check | None
    notes: tuple[Note, ...]
    fault: Fault | None
    granularity: Granularity = AS_WRITTEN
    groups: tuple[Group, ...] = ()
    asked: Asked = NOTHING_ASKED
    lines: tuple[SourceLine | None, ...] = ()
    calls: tuple[Call, ...] = ()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Record):
            return NotImplemented
        names = [field.name for field in fields(Record)]
        return all(identical(getattr(self, name), getattr(other, name)) for name in names)

    __hash__ = None  # type: ignore[assignment]

    @cached_property
    def has_point(self) -> bool:
        """Whether there are numbers: a formula without a point is traced as formulas only."""
        return len(self.point) == len(self.graph.inputs)

    @cached_property
    def has_arrays(self) -> bool:
        """Whether some value is an array, or some gate one of arrays."""
        return any(map(shape_of, self.values)) or any(
            gate.pullback is not None for _, _, gate in self.graph.gates()
        )

    def line_of(self, index: int) -> SourceLine | None:
        """Where in the code a node comes from; None where there is no code, or it is an input."""
        return self.lines[index] if self.lines else None

    @property
    def open_groups(self) -> tuple[Group, ...]:
        """The groups whose gates all stand here, because they are not fused."""
        return () if self.granularity.is_fused else self.groups

    @property
    def value(self) -> Value:
        """The output."""
        return self.values[self.graph.output]

    @cached_property
    def gradients(self) -> Mapping[str, Value]:
        """The output's derivative by each variable asked for."""
        return {name: self.upstreams[self.graph.inputs[name]] for name in self.wrt}

    @cached_property
    def nodes(self) -> tuple[TracedNode, ...]:
        return tuple(
            TracedNode(index, node.name, node.gate.name if node.gate else "", value, gradient)
            for index, (node, value, gradient) in enumerate(
                zip(self.graph.nodes, self.values, self.upstreams, strict=True)
            )
        )

    @cached_property
    def edges(self) -> tuple[Edge, ...]:
        """Every edge, in evaluation order of its gate."""
        return tuple(
            edge for index in range(len(self.graph.nodes)) for edge in self.edges_of(index)
        )

    def edges_of(self, gate: int) -> list[Edge]:
        """The edges from a gate back to its inputs, in operand order."""
        return [self.edge(gate, operand) for operand in range(len(self.locals[gate]))]

    def edge(self, gate: int, operand: int) -> Edge:
        """The edge from a gate back to one of its inputs."""
        return Edge(
            gate,
            self.graph.inputs_of[gate][operand],
            operand,
            self.upstreams[gate],
            self.locals[gate][operand],
            self.downstreams[gate][operand],
        )

    def forks(self) -> list[tuple[int, list[Edge]]]:
        """Every node with several consumers, and the edges whose downstreams its gradient sums."""
        return [
            (index, [self.edge(gate, operand) for gate, operand in uses])
            for index, uses in enumerate(self.graph.consumers)
            if len(uses) > 1
        ]

    @property
    def disagreements(self) -> dict[str, Check]:
        """The checks that failed, by variable; the output's own under ""."""
        all_checks = {"": self.output_check, **self.checks}
        return {name: c for name, c in all_checks.items() if c and c.verdict == DISAGREE}

    @property
    def lost(self) -> dict[str, Check]:
        """The numbers whose shown digits 64-bit floats have lost, likewise."""
        all_checks = {"": self.output_check, **self.checks}
        return {name: c for name, c in all_checks.items() if c and c.verdict == LOST}

    @property
    def wrong_at_kinks(self) -> dict[str, Check]:
        """The gradients that are not the derivative, which both sides of a kink have."""
        return {n: check for n, check in self.checks.items() if check.verdict == WRONG_AT_KINK}

    @property
    def ok(self) -> bool:
        """No check disagrees, no digits are lost, no derivative is missed at a kink, and every
        reported number is finite."""
        if not self.has_point:
            return True
        numbers = [n for n in (self.value, *self.gradients.values()) if not isinstance(n, Blank)]
        is_right = not (self.disagreements or self.lost or self.wrong_at_kinks)
        is_right = is_right and not any(verdict in WRONG for _, verdict, _ in self.asked.verdicts)
        ended = self.asked.descent is None or is_finite(self.asked.descent.outputs[-1])
        return is_right and ended and self.fault is None and all(map(is_finite, numbers))
