"""A trace in formulas of arrays: gradients as a textbook derives them, from shapes alone."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from types import MappingProxyType

from backtrace.algebra.matrices import Form, Letters, Matrices, NotInLetters, zero
from backtrace.algebra.matrices.forms import (
    broadcast,
    form,
    is_zero,
    length,
    name,
    ones,
    stage_name,
    total,
)
from backtrace.errors import BacktraceError, UsageError
from backtrace.formula import read
from backtrace.formula.point import known_variables
from backtrace.formula.primes import TAKEN, Dims, length_of, primes_for, with_plain_quotients
from backtrace.formula.sizes import with_sizes
from backtrace.gates import Gate
from backtrace.gates.shapes import without_limits
from backtrace.graph import Constant, Graph
from backtrace.graph.record import Wording
from backtrace.language import tell

FIRST_PRIMES = (2003, 4999)
_LONGEST_VALUE = 400  # names, numbers and functions
_LONGEST_GRADIENTS = 12, 4  # of stages: the first that is longer gets a name, then shorter ones do
_LETTER = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True)
class InLetters:
    """formula     as it is typed
    graph       read with a prime for every letter
    shapes      what was declared, by name: ("m", "n")
    letters     how lengths are written
    values      every node's formula, a stage by its name
    written     every node's formula, a stage too
    upstreams   the gradient that arrives at every node
    downstreams what each gate hands to its inputs, in their order
    long        of stages whose gradient is long, what it is: elsewhere it stands by a name, dh of h
    """

    formula: str
    graph: Graph
    shapes: Mapping[str, Dims]
    letters: Letters
    values: tuple[Form, ...]
    written: tuple[Form, ...]
    upstreams: tuple[Form, ...]
    downstreams: tuple[tuple[Form, ...], ...]
    long: Mapping[int, Form]
    not_zero: tuple[Form, ...] = ()  # what a gradient divides by of its own
    wrt: tuple[str, ...] | None = None  # whose gradients are asked for; None: all

    def by(self, names: Sequence[str]) -> InLetters:
        """The same with the gradients of these inputs alone. Raises UsageError."""
        known_variables(self.graph, names)
        return replace(self, wrt=tuple(names))

    def text(self, a: Form) -> str:
        try:
            return self.letters.spelled(a).text
        except RecursionError:
            raise NotInLetters(tell("what is nested so deep")) from None

    def arriving(self, index: int) -> str:
        """The gradient that arrives at a node, as text; of one with a name, what it is."""
        text = self.text(self.upstreams[index])
        return f"{text} = {self.text(self.long[index])}" if index in self.long else text

    def slope(self, index: int, slot: int) -> str:
        """The local gradient of a gate that works entry by entry, for one of its inputs."""
        node, m = self.graph.nodes[index], Matrices(self.letters.primes)
        assert node.gate is not None
        k = [place for place, o in enumerate(node.operands) if isinstance(o, int)][slot]
        operands = node.operand_values(self.values, m)
        return self.text(form(node.gate.slope(m, k, self.values[index], operands)))

    @cached_property
    def conditions(self) -> tuple[str, ...]:
        """Where the gradients hold, in words; () where that is everywhere away from kinks."""
        return tuple(tell("no entry of {a} is 0", a=self.text(a)) for a in self.not_zero)

    @cached_property
    def indices(self) -> frozenset[str]:
        """The inputs whose values pick entries: classes, rows."""
        named = {node: text for text, node in self.graph.inputs.items()}
        return frozenset(
            named[source]
            for _, node, gate in self.graph.gates()
            for k, source in enumerate(node.operands)
            if isinstance(source, int) and source in named and is_zero(self.upstreams[source])
            if gate.pullback is not None and (k or gate.name == "one_hot")
        )

    @cached_property
    def stages(self) -> dict[str, str]:
        """What every stage that has a name is, as text; then the gradients that have one, in the
        order in which they are worked out."""
        found = {}
        for index, node in enumerate(self.graph.nodes):
            if node.name and not node.is_input and index != self.graph.output:
                found[node.name] = self.text(self.written[index])
        for index, gradient in self.long.items():
            found[self.text(self.upstreams[index])] = self.text(gradient)
        return found

    def stages_of(self, text: str) -> str:
        """The stages that a formula is written in, as statements before it."""
        wanted = set(_LETTER.findall(text))
        kept = []
        for stage, definition in reversed(self.stages.items()):
            if stage in wanted:
                wanted |= set(_LETTER.findall(definition))
                kept.append(f"{stage} = {definition}; ")
        return "".join(reversed(kept))

    @cached_property
    def gradients(self) -> dict[str, str]:
        """Every input's gradient as text in our own grammar; stages stand by their names. What
        picks entries has none."""
        asked = self.graph.inputs if self.wrt is None else self.wrt
        nodes = {n: self.graph.inputs[n] for n in asked if n not in self.indices}
        found = {n: self.text(self.upstreams[node]) for n, node in nodes.items()}
        if any("#" in text for text in found.values()):
            raise NotInLetters(tell("what is written so long"))
        return found


@dataclass(frozen=True)
class Witnessed:
    """verdict  agree, disagree, or skipped where there was nothing to compare
    reason   what disagrees, or why it was not compared
    """

    verdict: str
    reason: str = ""


def derive(formula: str, shapes: Mapping[str, str | Sequence[str | int]]) -> dict[str, str]:
    """The gradient of a formula by each of its inputs, as a formula of arrays in our own grammar.
    `shapes` has the lengths of every input's axes, letters or numbers: "m,n", ("m", "n"), "" for a
    number. Raises FormulaError where shapes do not fit, UsageError for what has no formula.

    >>> import backtrace
    >>> backtrace.derive("sum((W@x - y)^2)", {"W": "m,n", "x": "n", "y": "m"})["W"]
    '2*outer(W@x - y, x)'
    """
    given = {
        name: tuple(d.strip() for d in dims.split(",") if d.strip())
        if isinstance(dims, str)
        else tuple(map(str, dims))
        for name, dims in shapes.items()
    }
    try:
        return dict(in_letters(formula, given).gradients)
    except NotInLetters as error:
        raise UsageError(tell("{error} has no formula of arrays here yet", error=error)) from None


def in_letters(text: str, shapes: Mapping[str, Dims]) -> InLetters:
    """The trace of a formula whose values have these shapes, of letters or numbers (() for a
    number). The result must be a number. Raises FormulaError where shapes do not fit, NotInLetters
    for what has no formula here."""
    found, again = (_with_primes(text, shapes, first) for first in FIRST_PRIMES)
    if found.gradients != again.gradients:  # 2000 was taken for n - 3
        raise NotInLetters(tell("a number that is like a length"))
    return found


def _with_primes(text: str, shapes: Mapping[str, Dims], first: int) -> InLetters:
    """Read with primes from `first` on for the letters."""
    graph, primes = read_with_primes(text, shapes, first)
    found = _of_graph(text, graph, shapes, primes)
    better = with_plain_quotients(text, primes, found.letters.counts)
    if better == primes:
        return found
    return _of_graph(text, _read(text, shapes, better), shapes, better)


def read_with_primes(
    text: str, shapes: Mapping[str, Dims], first: int
) -> tuple[Graph, dict[str, int]]:
    """The graph, and the prime from `first` on that stands for each letter. Raises FormulaError
    where shapes do not fit, UsageError where one is not declared."""
    primes = primes_for(text, shapes, first)
    try:
        graph = _read(text, shapes, primes)
    except BacktraceError as error:
        letters = Letters(primes)
        turned = dict(zip(reversed(primes), primes.values(), strict=True))
        try:  # a window is to fit: of k in h, k is the smaller one
            graph, primes = _read(text, shapes, turned), turned
        except BacktraceError:
            raise _in_letters_too(error, letters) from None
    missing = [n for n in graph.inputs if n not in shapes]
    if missing:
        name_ = missing[0]
        hint = tell("{name}:m,n declares a matrix, {name}:n a vector, {name}: a number", name=name_)
        raise UsageError(tell("'{name}' has no shape", name=name_), hint=hint)
    idle = [n for n in shapes if n not in graph.inputs]
    if idle:
        raise UsageError(tell("'{idle}' does not occur in the formula", idle=idle[0]))
    return graph, primes


def _read(text: str, shapes: Mapping[str, Dims], primes: Mapping[str, int]) -> Graph:
    known = {n: tuple(length_of(d, primes) for d in dims) for n, dims in shapes.items()}
    with without_limits():
        return read(with_sizes(text, primes), known)


def worded(graph: Graph) -> Wording:
    """Every number of a trace of arrays as a formula of arrays, lengths as numbers. Raises
    UsageError for what has no formula here."""
    assert graph.shapes is not None
    known = {name: graph.shapes[node] for name, node in graph.inputs.items()}
    dims = {name: tuple(map(str, shape)) for name, shape in known.items()}
    try:
        found = _of_graph(graph.text, graph, dims, {})
        text = found.text
        return Wording(
            "symbolic",
            tuple(map(text, found.written)),
            tuple(map(text, found.upstreams)),
            tuple(("",) * len(down) for down in found.downstreams),
            tuple(tuple(map(text, down)) for down in found.downstreams),
            tuple(found.gradients.items()),
            _remark(found),
        )
    except NotInLetters as error:
        raise UsageError(tell("{error} has no formula of arrays here yet", error=error)) from None


def _remark(found: InLetters) -> str:
    return (
        tell(
            "the formulas hold where {conditions}", conditions=tell(" and ").join(found.conditions)
        )
        if found.conditions
        else ""
    )


def _of_graph(
    text: str, graph: Graph, shapes: Mapping[str, Dims], primes: Mapping[str, int]
) -> InLetters:
    m = Matrices(primes.values())
    letters = Letters(primes, m.windows)
    values, written = _forward(graph, shapes, primes, m)
    shape = values[graph.output].shape
    if shape:
        what = tell(
            "the result has shape ({shape}), and gradients are of a number",
            shape=letters.shape(shape),
        )
        raise UsageError(what, hint=tell("sum(...) or mean(...) around it"))
    try:
        names = _gradient_names(graph, shapes, primes) if primes else {}
        flow = _backward(graph, values, m, form(1), names)
    except RecursionError:
        raise NotInLetters(tell("what is nested so deep")) from None
    return InLetters(
        text, graph, shapes, letters, tuple(values), tuple(written), *flow, tuple(m.not_zero)
    )


def _in_letters_too(error: BacktraceError, letters: Letters) -> BacktraceError:
    """An error with letters for lengths, the caret where it was."""
    error.what = letters.told_of_shapes(error.what)
    error.hint = letters.told_of_shapes(error.hint)
    if error.text and error.span:
        start, end = (len(letters.told(error.text[:place])) for place in error.span)
        error.text, error.span = letters.told(error.text), (start, end)
    return error


def _forward(
    graph: Graph, shapes: Mapping[str, Dims], primes: Mapping[str, int], m: Matrices
) -> tuple[list[Form], list[Form]]:
    values: list[Form] = []
    written: list[Form] = []
    typed = m.as_typed()
    for index, node in enumerate(graph.nodes):
        if node.is_input:
            written.append(name(node.name, tuple(length_of(d, primes) for d in shapes[node.name])))
            values.append(written[-1])
            continue
        if node.gate is None:
            written.append(form(node.operand_values(values, typed)[0]))
            values.append(written[-1])
            continue
        is_typed = node.gate.is_comparison or node.gate.is_own
        value = form(
            node.gate.forward(typed if is_typed else m, *node.operand_values(values, typed))
        )
        written.append(value)
        if length(value) > _LONGEST_VALUE:  # a sum of a thousand terms: nobody asks for its value
            value = name(f"#{index}", value.shape)
        is_stage = bool(node.name) and index != graph.output
        values.append(stage_name(node.name, value) if is_stage else value)
    return values, written


def _gradient_names(
    graph: Graph, shapes: Mapping[str, Dims], primes: Mapping[str, int]
) -> dict[int, str]:
    """What the gradient of a stage is called: dh of h, with as many _ behind as it takes."""
    taken = {*graph.stages, *graph.inputs, *shapes, *primes, *TAKEN}
    found = {}
    for stage, index in graph.stages.items():
        text = f"d{stage}"
        while text in taken:
            text += "_"
        taken.add(text)
        if index != graph.output:
            found[index] = text
    return found


_Flow = tuple[tuple[Form, ...], tuple[tuple[Form, ...], ...], dict[int, Form]]


def _backward(
    graph: Graph,
    values: Sequence[Form],
    m: Matrices,
    seed: Form,
    names: Mapping[int, str] = MappingProxyType({}),
) -> _Flow:
    """What arrives at every node, `seed` at the output; what every gate hands on; and what the
    gradients are that are long, and have a name by their node."""
    long: dict[int, Form] = {}
    arrived: list[list[Form]] = [[] for _ in values]
    arrived[graph.output].append(seed)
    upstreams: list[Form] = [zero(value.shape) for value in values]
    downstreams: list[tuple[Form, ...]] = [()] * len(values)
    for index in range(len(values) - 1, -1, -1):
        if arrived[index]:  # gradients add at a branch
            upstreams[index] = total([(Fraction(1), down) for down in arrived[index]])
        most = _LONGEST_GRADIENTS[bool(long)]
        if index in names and length(upstreams[index]) > most:
            long[index] = upstreams[index]
            upstreams[index] = name(names[index], long[index].shape)
        node = graph.nodes[index]
        if node.gate is None:
            continue
        handed = []
        operands = node.operand_values(values, m.as_typed())
        for k, source in enumerate(node.operands):
            if isinstance(source, Constant):
                continue
            down = carried(m, node.gate, k, upstreams[index], values[index], operands)
            arrived[source].append(down)
            handed.append(down)
        downstreams[index] = tuple(handed)
    return tuple(upstreams), tuple(downstreams), long


def carried(
    m: Matrices, gate: Gate, k: int, upstream: Form, output: Form, operands: list[Form]
) -> Form:
    """What a gate hands to its input `k`."""
    if is_zero(upstream):
        return zero(operands[k].shape)
    if gate.is_own:
        return _through(m, gate, k, upstream, operands)
    if gate.pullback is not None:
        return form(gate.pullback(m, k, upstream, output, *operands))
    slope = form(gate.slope(m, k, output, operands))
    whole = upstream * slope
    shape = broadcast([whole.shape, output.shape])
    if whole.shape != shape:
        whole = whole * ones(shape)
    return m.summed_to(whole, operands[k].shape)


def _through(m: Matrices, gate: Gate, k: int, upstream: Form, operands: list[Form]) -> Form:
    """What a gate of the user's own hands to its input `k`: the same, on its own little graph."""
    inner: Graph = gate.inner
    name_ = gate.parameters[k]
    if name_ not in inner.inputs:
        return zero(operands[k].shape)
    values = inner.evaluate(m.as_typed(), dict(zip(gate.parameters, operands, strict=True)))
    upstreams, *_ = _backward(inner, list(map(form, values)), m, upstream)
    return upstreams[inner.inputs[name_]]


__all__ = ["Dims", "InLetters", "NotInLetters", "Witnessed", "derive", "in_letters", "with_sizes"]
