"""Which nodes of a graph spell out a gate: one pattern, many ways to write it.

Two subgraphs are the same to a pattern when they compute the same from the same, gate by gate, even
where the formula writes them twice: exp(x) in (exp(x) - 1)/(exp(x) + 1) is two gates, one class.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations
from typing import NamedTuple

from backtrace.algebra.floats import FLOATS
from backtrace.algebra.spelling import Binding
from backtrace.formula.literals import of_default
from backtrace.formula.printer import spell_constant
from backtrace.gates import GATES, Gate
from backtrace.graph import Constant, Graph, Node
from backtrace.rewrite.expansion import Operand, Shapes, operand_shapes
from backtrace.rewrite.spellings import ANY_CLASS, ANY_FIXED, name_of, numbers, series

_MIRRORED = {"less": "greater", "greater": "less"}
_LAST_TWO = (Constant("-2", fixed=(-2,)), Constant("-1", fixed=(-1,)))
_MINUS_ONE, _ONE, _TWO = Constant("-1"), Constant("1"), Constant("2")


_View = tuple[str, tuple[Operand, ...]]
"""A gate's name and its operands."""


_OTHERS = {
    "neg": ("mul",),
    "mul": ("neg", "div", "pow", "square"),
    "square": ("mul", "pow"),
    "pow": ("div", "mul", "square", "sqrt", "exp"),
    **{name: (other,) for name, other in _MIRRORED.items()},
    **dict.fromkeys(("transpose", "permute"), ("swapaxes",)),
}
"""The names that another view of a gate may have."""


class Pattern(NamedTuple):
    """One spelling of a gate, as a graph whose inputs are the gate's parameters."""

    gate: Gate
    graph: Graph
    text: str


class Found(NamedTuple):
    """A match: the gate, its operands, the nodes it was spelled out by, and how."""

    gate: Gate
    operands: tuple[Operand, ...]
    members: frozenset[int]
    spelling: str


class _Binding(NamedTuple):
    """What the parameters stand for so far, and the nodes used."""

    values: tuple[tuple[str, Operand], ...] = ()
    members: frozenset[int] = frozenset()

    def get(self, name: str) -> Operand | None:
        return dict(self.values).get(name)


def names_in(graph: Graph) -> set[str]:
    """The names of a graph's gates, in every view that a pattern may have of them."""
    names = {name_of(node.gate) for node in graph.nodes if node.gate is not None}
    return names.union(*(_OTHERS.get(name, ()) for name in names))


class Matcher:
    """Grows with the graph, node by node, and knows each node's class."""

    def __init__(self, patterns: Sequence[Pattern], shapes: Shapes = None) -> None:
        self._shapes = shapes
        self.nodes: list[Node] = []
        self._classes: list[int] = []
        self._seen: dict[int, list[_View]] = {}  # the views that were asked for
        self._numbers: dict[object, int] = {}
        self._by_root: dict[str, list[tuple[Pattern, frozenset[str]]]] = {}
        for pattern in patterns:
            root = pattern.graph.nodes[pattern.graph.output]
            if root.gate is not None:
                entry = (pattern, _inside(pattern, root))
                self._by_root.setdefault(name_of(root.gate), []).append(entry)

    def add(self, node: Node) -> None:
        self.nodes.append(node)
        self._classes.append(self._class_of(node))

    def replace(self, index: int, node: Node) -> None:
        """Another gate for the last node."""
        self._seen.pop(index, None)
        self.nodes[index] = node
        self._classes[index] = self._class_of(node)

    def match(self, index: int) -> Found | None:
        """The largest gate that this node and those before it spell out; None if none."""
        node = self.nodes[index]
        if node.gate is None:
            return None
        for pattern in sorted(self._candidates(index), key=_rank):
            if pattern.gate is node.gate:
                continue
            found = self._found(pattern, index)
            if found is not None:
                return found
        return None

    def matches(self, index: int) -> Iterator[Found]:
        """Every pattern that this node and those before it spell out."""
        for pattern in self._candidates(index):
            found = self._found(pattern, index)
            if found is not None:
                yield found

    def _candidates(self, index: int) -> list[Pattern]:
        """The patterns of whose gates the last stands here, and the others may stand before it."""
        views = self._views(index)
        roots = sorted({name for name, _ in views})
        patterns = [entry for root in roots for entry in self._by_root.get(root, ())]
        if not patterns:
            return []
        operands = {o for _, operands in views for o in operands if isinstance(o, int)}
        below = {name for operand in operands for name, _ in self._views(operand)}
        return [pattern for pattern, inside in patterns if inside <= below]

    def _found(self, pattern: Pattern, index: int) -> Found | None:
        if pattern.gate.series[0]:
            return self._series(pattern, index)
        for binding in self._fits(pattern.graph, pattern.graph.output, index, _Binding()):
            gate, given = pattern.gate, dict(binding.values)
            operands = tuple(
                given[name] if name in given else _default(gate, name)
                for name in gate.parameters
                if name in given or name in gate.defaults
            )
            named = {*given, *gate.defaults, *gate.optional}
            complete = named.issuperset(gate.parameters)
            depends = any(isinstance(operand, int) for operand in operands)
            if not (complete and depends):
                continue
            shapes = operand_shapes(operands, self._shapes)
            is_meant = gate.is_spelled(pattern.text, shapes)
            known = numbers(gate, shapes) if is_meant else None
            if known is not None and _are_numbers(known, given):
                return Found(gate, operands, binding.members, _with_numbers(pattern.text, known))
        return None

    def _fits(
        self, graph: Graph, part: Operand, there: Operand, binding: _Binding
    ) -> Iterator[_Binding]:
        """Every way in which `there` can be read as the pattern's `part`, given the binding."""
        if isinstance(part, Constant):
            if part.fixed == ANY_FIXED:
                if isinstance(there, Constant) and there.fixed is not None:
                    known = binding.get(part.text)
                    if known is None or self._same(known, there):
                        values = (*binding.values, (part.text, there))
                        yield _Binding(values, binding.members)
            elif part.fixed == ANY_CLASS:
                if isinstance(there, Constant) and (place := _only_entry(there)) is not None:
                    yield _Binding((*binding.values, (part.text, place)), binding.members)
            elif isinstance(there, Constant) and _value(part) == _value(there):
                yield binding
            return
        node = graph.nodes[part]
        if node.is_input:
            known = binding.get(node.name)
            if known is None:
                yield _Binding((*binding.values, (node.name, there)), binding.members)
            elif self._same(known, there):
                yield binding
            return
        if isinstance(there, Constant) or node.gate is None:
            return
        begun = _Binding(binding.values, binding.members | {there})
        for name, operands in self._views(there):
            if name == name_of(node.gate) and len(operands) == len(node.operands):
                for order in _orders(name, operands):
                    yield from self._fit_all(graph, node.operands, order, begun)

    def _fit_all(
        self,
        graph: Graph,
        parts: tuple[Operand, ...],
        there: tuple[Operand, ...],
        binding: _Binding,
    ) -> Iterator[_Binding]:
        if not parts:
            yield binding
            return
        for fitted in self._fits(graph, parts[0], there[0], binding):
            yield from self._fit_all(graph, parts[1:], there[1:], fitted)

    def _series(self, pattern: Pattern, index: int) -> Found | None:
        """sqrt(x^2 + y^2 + ...): the terms of a sum, however it is bracketed."""
        whole, term = series(pattern.gate)
        root = whole.nodes[whole.output].gate
        assert root is not None
        for name, operands in self._views(index):
            if name != name_of(root) or not isinstance(operands[0], int):
                continue
            terms, members = self._terms(operands[0])
            given: list[Operand] = []
            for place in terms:
                fits = self._fits(term, term.output, place, _Binding())
                found = next(fits, None)
                if found is None:
                    break
                given.append(found.values[0][1])
                members |= found.members
            if len(given) == len(terms) > 1:
                return Found(
                    pattern.gate,
                    tuple(given),
                    frozenset(members),
                    pattern.gate.formula_for(len(given)),
                )
        return None

    def _terms(self, index: int) -> tuple[list[Operand], set[int]]:
        """The terms of a sum from left to right, and its additions."""
        terms: list[Operand] = []
        additions: set[int] = set()
        stack: list[Operand] = [index]
        while stack:
            operand = stack.pop()
            node = self.nodes[operand] if isinstance(operand, int) else None
            if node is not None and node.gate is not None and node.gate.name == "add":
                assert isinstance(operand, int)
                additions.add(operand)
                stack += reversed(node.operands)
            else:
                terms.append(operand)
        return terms, additions

    def _views(self, index: int) -> list[_View]:
        """The ways to write what a node computes: its own first."""
        if index not in self._seen:
            self._seen[index] = self._all_views(self.nodes[index])
        return self._seen[index]

    def _all_views(self, node: Node) -> list[_View]:
        if node.gate is None:
            return []
        name, operands = name_of(node.gate), node.operands
        views = [(name, operands)]
        first, second = operands[0], operands[-1]
        if name == "neg":
            views.append(("mul", (_MINUS_ONE, first)))
        elif name == "mul":
            views += [("neg", (b,)) for a, b in ((first, second), (second, first)) if _is(a, -1)]
            views += self._quotients(first, second) + self._quotients(second, first)
            if self._same(first, second):
                views += [("pow", (first, _TWO)), ("square", (first,))]
        elif name == "square":
            views += [("mul", (first, first)), ("pow", (first, _TWO))]
        elif name == "pow":
            if _is(second, -1):
                views.append(("div", (_ONE, first)))
            elif _is(second, 2):
                views += [("mul", (first, first)), ("square", (first,))]
            elif _is(second, 0.5):
                views.append(("sqrt", (first,)))
            elif isinstance(first, Constant) and _value(first) == _value(Constant("e")):
                views.append(("exp", (second,)))
        elif name in _MIRRORED:
            views.append((_MIRRORED[name], (second, first)))
        elif name in ("transpose", "swapaxes", "permute"):
            views += self._swapped(name, operands)
        elif name == "softmax" and self._is_last(first, second):
            views.append((name, (first, _LAST_TWO[1])))
        return views

    def _is_last(self, operand: Operand, axis: Operand) -> bool:
        """Whether an axis is the last, counted from the front."""
        if self._shapes is None or not isinstance(operand, int) or not isinstance(axis, Constant):
            return False
        return axis.fixed == (len(self._shapes[operand]) - 1,)

    def _swapped(self, name: str, operands: tuple[Operand, ...]) -> list[_View]:
        """The last two axes swapped, however that is written."""
        first, *told = operands
        if self._shapes is None or not isinstance(first, int):
            return []
        count = len(self._shapes[first])
        axes = [o.fixed[0] for o in told if isinstance(o, Constant) and o.fixed is not None]
        order = list(range(count))
        if name == "swapaxes":
            order[axes[0]], order[axes[1]] = order[axes[1]], order[axes[0]]
        elif name == "permute" and len(axes[0]) == count:
            order = [axis % count for axis in axes[0]]
        elif name == "permute":
            order[axes[0][0]], order[axes[0][1]] = order[axes[0][1]], order[axes[0][0]]
        else:
            order.reverse()
        if count < 2 or order != [*range(count - 2), count - 1, count - 2]:
            return []
        return [("swapaxes", (first, *_LAST_TWO))]

    def _quotients(self, a: Operand, b: Operand) -> list[_View]:
        """a*b as a division, where b is 1/c or c^-1."""
        if not isinstance(b, int):
            return []
        node = self.nodes[b]
        name = node.gate.name if node.gate else ""
        if name == "div" and _is(node.operands[0], 1):
            return [("div", (a, node.operands[1]))]
        if name == "pow" and _is(node.operands[1], -1):
            return [("div", (a, node.operands[0]))]
        return []

    def _same(self, a: Operand, b: Operand) -> bool:
        if isinstance(a, int) and isinstance(b, int):
            return self._classes[a] == self._classes[b]
        return isinstance(a, Constant) and isinstance(b, Constant) and _value(a) == _value(b)

    def _class_of(self, node: Node) -> int:
        if node.gate is None:
            key: object = (node.name, node.operands)
        else:
            operands = [
                self._classes[o] if isinstance(o, int) else ("constant", _value(o))
                for o in node.operands
            ]
            name = name_of(node.gate)
            key = (name, tuple(sorted(operands, key=repr) if node.gate.commutes else operands))
        return self._numbers.setdefault(key, len(self._numbers))


def _inside(pattern: Pattern, root: Node) -> frozenset[str]:
    """The gates whose results the pattern's last gate takes, where they are always the same."""
    gates = [pattern.graph.nodes[operand].gate for operand in root.inputs]
    return frozenset() if pattern.gate.series[0] else frozenset(name_of(g) for g in gates if g)


def _rank(pattern: Pattern) -> tuple[int, int]:
    """The largest spelling first; of two the more special one, with fewer parameters."""
    return -pattern.graph.gate_count, len(pattern.graph.inputs)


def _orders(name: str, operands: tuple[Operand, ...]) -> Iterator[tuple[Operand, ...]]:
    if name in GATES and GATES[name].commutes and len(operands) <= 3:
        yield from permutations(operands)
    else:
        yield operands


def _are_numbers(known: Mapping[str, Constant], given: Mapping[str, Operand]) -> bool:
    """Whether what a spelling names beside the parameters is what follows from the shapes."""
    return all(
        isinstance(found := given[name], Constant)
        and not found.holds_arrays
        and math.isclose(found.value(FLOATS), number.value(FLOATS), rel_tol=1e-14)
        for name, number in known.items()
        if name in given
    )


def _with_numbers(text: str, known: Mapping[str, Constant]) -> str:
    """A spelling with the numbers written out: .../sqrt(64)."""
    for name, number in known.items():
        text = re.sub(rf"\b{name}\b", spell_constant(number).within(Binding.ATOM), text)
    return text


def _default(gate: Gate, name: str) -> Constant:
    """What a parameter is when a spelling does not have it."""
    text = gate.defaults[name]
    if name in gate.fixed:
        return Constant(text, fixed=(of_default(text),))
    return Constant(text)


def _only_entry(index: Constant) -> Constant | None:
    """The k of x[k], as a number."""
    parts = index.fixed[0] if index.fixed else None
    if isinstance(parts, tuple) and len(parts) == 1 and isinstance(parts[0], int):
        return Constant(str(parts[0])) if parts[0] >= 0 else None
    return None


def _value(constant: Constant) -> object:
    """What two constants have in common that are the same."""
    if constant.fixed is not None:
        return ("fixed", *constant.fixed)
    if constant.holds_arrays:
        return constant
    return float(constant.value(FLOATS))


def _is(operand: Operand, value: float) -> bool:
    return isinstance(operand, Constant) and _value(operand) == value
