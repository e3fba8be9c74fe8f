"""A trace as a program that a page runs: the graph, and every gate's rules as JavaScript.

The functions are written from the table's rows by `algebra.javascript`; each is there once, however
many gates use it. `passes.js` walks the graph with them, as `graph.backprop` does.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from backtrace.algebra.javascript import NotWrittenError, files_for, literal, written
from backtrace.algebra.values import Value, shape_of, size_of
from backtrace.formula.printer import label
from backtrace.gates import Gate
from backtrace.graph import Constant, Graph, Node
from backtrace.graph.record import Practice, Record
from backtrace.language import tell
from backtrace.numbers import Blank, Formula, json_text
from backtrace.render._page import packed
from backtrace.render._rules import named_terms

MOST_GATES = 2000
MOST_ENTRIES = 100
"""So many numbers of one input are fields."""

_MOST_COMPUTED = 20_000
"""Entries of all values together."""


class StillError(Exception):
    """Why a page does not compute: a sentence."""


@dataclass
class Program:
    """`graphs` as JSON, the trace's first, then those of its own gates; `functions` as JavaScript,
    named by their places."""

    numbers: Any
    convention: str
    graphs: list[dict[str, Any]] = field(default_factory=list)
    functions: list[str] = field(default_factory=list)
    _own: dict[int, int] = field(default_factory=dict)
    _places: dict[str, int] = field(default_factory=dict)

    def function(self, rule: Callable[..., Value], *values: Value) -> int:
        """The place of what a rule of these values is in JavaScript."""
        text = written(rule, self.numbers, *values)
        if text not in self._places:
            self._places[text] = len(self.functions)
            self.functions.append(text)
        return self._places[text]

    def graph(self, graph: Graph, values: Sequence[Value]) -> int:
        """The place of a graph whose nodes have these values at the point."""
        place = len(self.graphs)
        made: dict[str, Any] = {}
        self.graphs.append(made)
        nodes = [self._node(graph, index, values) for index in range(len(graph.nodes))]
        made |= {"nodes": nodes, "inputs": graph.inputs, "output": graph.output}
        return place

    def _node(self, graph: Graph, index: int, values: Sequence[Value]) -> dict[str, Any]:
        node = graph.nodes[index]
        gate = node.gate
        if gate is None:
            return {} if node.is_input else {"value": values[index]}
        operands = [o for o in node.operands if not _is_fixed(o)]
        made: dict[str, Any] = {
            "x": [o if isinstance(o, int) else o.value(self.numbers) for o in operands],
            "from": [int(isinstance(o, int)) for o in operands],
        }
        if gate.blocks:
            made["blocks"] = True
        if gate.is_comparison:
            made["compares"] = True
        if gate.pullback is not None:
            made["moves" if gate.moves and not gate.is_own else "pulls"] = True
        if gate.inner is not None:
            return made | self._own_gate(node, gate, values)
        try:
            return made | self._rules(node, gate, values, index)
        except NotWrittenError:
            raise StillError(
                tell("a page cannot compute {label} anew", label=label(node))
            ) from None

    def _own_gate(self, node: Node, gate: Gate, values: Sequence[Value]) -> dict[str, Any]:
        """A gate that the formula defines: a graph in the graph."""
        given = node.operand_values(values, self.numbers)
        inner = gate.inner.evaluate(self.numbers, dict(zip(gate.parameters, given, strict=True)))
        key = id(gate)
        if key not in self._own or self.numbers.of_arrays:
            self._own[key] = self.graph(gate.inner, inner)
        return {"own": self._own[key], "names": gate.parameters}

    def _rules(self, node: Node, gate: Gate, values: Sequence[Value], index: int) -> dict[str, Any]:
        given = node.operand_values(values, self.numbers)
        free = [k for k, o in enumerate(node.operands) if isinstance(o, int)]
        named = [v for v, o in zip(given, node.operands, strict=True) if not _is_fixed(o)]
        f = values[index]

        def of(rule: Callable[..., Value], *more: Value) -> int:
            """A rule's place; what is fixed (an axis, an index) is in it."""

            def whole(m: Any, *names: Value) -> Value:
                first, rest = names[: len(more)], iter(names[len(more) :])
                x = [
                    v if _is_fixed(o) else next(rest)
                    for v, o in zip(given, node.operands, strict=True)
                ]
                return rule(m, *first, *x)

            return self.function(whole, *more, *named)

        made: dict[str, Any] = {"f": of(gate.forward)}
        if gate.pullback is not None:
            back = gate.pullbacks.get(self.convention, gate.pullback)
            made["back"] = [
                of(lambda m, u, f, *x, k=k: back(m, k, u, f, *x), _ones(f), f) for k in free
            ]
            made |= self._terms(gate, free, of, f, given)
        else:
            made["local"] = [
                of(lambda m, f, *x, k=k: gate.slope(m, k, f, list(x)), f) for k in free
            ]
        if gate.chooses:
            made["chooses"] = True
        if gate.kink is not None:
            at, rule = gate.kink.at, gate.kink.rule(self.convention)
            constant = [isinstance(o, Constant) for o in node.operands]
            made["at"] = of(lambda m, f, *x: at(m, f, *x), f)
            if gate.pullback is None:
                made["kink"] = [
                    of(lambda m, f, *x, k=k: rule(m, k, f, list(x), constant), f) for k in free
                ]
        return made

    def _terms(
        self, gate: Gate, free: list[int], of: Callable[..., int], f: Value, given: list[Value]
    ) -> dict[str, Any]:
        """The numbers that its rules name, for each input; -1 where one is words alone."""
        if not gate.terms:
            return {}
        found = []
        for k in free:
            places = []
            for name in named_terms(gate, k):
                says, value = gate.terms[name](self.numbers, f, *given)
                if value is not None:
                    term = gate.terms[name]
                    places.append(of(lambda m, f, *x, term=term: term(m, f, *x)[1], f))
                elif says:
                    places.append(-1)
            found.append(places)
        return {"terms": found}


def program(record: Record) -> Program:
    """The program of a trace. Raises StillError where a page cannot compute it anew."""
    graph = record.graph
    if not record.has_point or any(isinstance(v, Blank | Formula) for v in record.values):
        raise StillError("")
    if graph.gate_count > MOST_GATES:
        raise StillError(
            tell(
                "a page computes up to {most_gates:,} gates anew, not {gate_count:,}",
                most_gates=MOST_GATES,
                gate_count=graph.gate_count,
            )
        )
    if sum(max(1, size_of(value)) for value in record.values) > _MOST_COMPUTED:
        raise StillError(tell("its arrays are too large to be computed anew in a page"))
    made = Program(_numbers(record), record.granularity.kink)
    with _quiet(record):
        made.graph(graph, record.values)
    return made


def _numbers(record: Record) -> Any:
    """The algebra that the trace's numbers are of."""
    if record.has_arrays:
        from backtrace.algebra.arrays import ARRAYS

        return ARRAYS
    from backtrace.algebra.floats import FLOATS

    return FLOATS


def _quiet(record: Record) -> Any:
    if record.has_arrays:
        from backtrace.algebra.arrays import quiet

        return quiet()
    from contextlib import nullcontext

    return nullcontext()


def source(made: Program, record: Record) -> str:
    """The program as JavaScript, with what it stands on (of the functions only the files that it
    calls) and both passes."""
    functions = ",".join(made.functions)
    called = frozenset(re.findall(r"\bm\.(\w+)\(", functions))
    files = files_for(called)
    seed = record.upstreams[record.graph.output]
    point = {name: record.values[index] for name, index in record.graph.inputs.items()}
    sheet = _sheet(record.asked.practice)
    return (
        f"{''.join(map(packed, files))}const sheet={script(sheet)};const functions=[{functions}];"
        f"const graphs={script(made.graphs)};const seed={script(seed)};const given={script(point)};"
        f"\n{packed('passes.js')}"
    )


def _sheet(practice: Practice | None) -> dict[str, Any]:
    """What practice asks by. Slips are the same at most points: at every wire their sentences and
    gates (by turns) stand once, and a point has their numbers in this order, None of the others.
    """
    if practice is None:
        return {"says": [], "slips": {}, "points": [{"given": 0, "numbers": {}}], "skip": []}
    orders: dict[str, dict[tuple[int, int, int], int]] = {}
    points = []
    for point in practice.points:
        numbers: dict[str, list[Value | None]] = {}
        for wire, slips in point.slips.items():
            order, own = orders.setdefault(wire, {}), numbers.setdefault(wire, [])
            seen: Counter[tuple[int, int]] = Counter()
            for says, gate, number in slips:
                place = order.setdefault((says, gate, seen[says, gate]), len(order))
                seen[says, gate] += 1
                own += [None] * (place + 1 - len(own))
                own[place] = number
        points.append({"given": point.given or 0, "numbers": numbers})
    slips_of = {
        wire: [part for says, gate, _ in order for part in (says, gate)]
        for wire, order in orders.items()
    }
    return {"says": practice.says, "slips": slips_of, "points": points, "skip": practice.skip}


def _ones(like: Value) -> Value:
    return like * 0.0 + 1.0 if shape_of(like) else 1.0


def _is_fixed(operand: int | Constant) -> bool:
    return isinstance(operand, Constant) and operand.fixed is not None


def _key(key: str) -> str:
    return key if key.isascii() and key.isidentifier() else json_text(key)


def script(value: Any) -> str:
    """Lists and mappings of numbers and arrays as JavaScript; nothing is undefined there."""
    if value is None:
        return ""
    if isinstance(value, dict):
        return f"{{{','.join(f'{_key(key)}:{script(entry)}' for key, entry in value.items())}}}"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple | list):
        return f"[{','.join(map(script, value))}]"
    return literal(value)
