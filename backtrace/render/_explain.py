"""The backward pass in words: what every gate hands back, with the formula and with the numbers."""

from __future__ import annotations

from collections.abc import Iterator

from backtrace.algebra.spelling import Binding
from backtrace.algebra.symbols import SYMBOLS, Term, term
from backtrace.algebra.values import shape_of
from backtrace.formula.printer import expressions, label
from backtrace.graph import Constant, Graph, Node
from backtrace.graph.record import Edge, Record
from backtrace.language import marked, tell
from backtrace.render._rules import local_text, repeated, rule_with_shapes, shape_note, where
from backtrace.render._view import View
from backtrace.render._words import line_words

_MOST_GATES = 60
LONGEST = 60  # characters of an operand that is written out
_SAYS = {
    "add": marked("An add gate distributes: every input gets the upstream gradient unchanged."),
    "sub": marked("A sub gate distributes too, but the second input gets it with its sign turned."),
    "mul": marked(
        "A mul gate switches: each input gets the upstream gradient times the other input."
    ),
    "max": marked("A max gate routes: the largest input gets all of the upstream gradient."),
    "min": marked("A min gate routes: the smallest input gets all of the upstream gradient."),
    "where": marked("where() routes: the branch that was taken gets all of the upstream gradient."),
    "matmul": marked(
        "A matrix product switches: each input gets the upstream gradient times the other "
        "input, transposed so that the shapes fit."
    ),
    "sum": marked("A sum distributes: every entry gets the upstream gradient."),
    "mean": marked("A mean distributes an equal part of the upstream gradient to every entry."),
    "reduce_max": marked("max routes: the largest entry gets all of the upstream gradient."),
    "reduce_min": marked("min routes: the smallest entry gets all of the upstream gradient."),
    "index": marked("Only the entries that were taken get the upstream gradient, the rest get 0."),
    "relu": marked(
        "relu passes the upstream gradient where its input is positive, else it stops it."
    ),
}

KINK = marked("It stands at a kink: no derivative there, its local gradients are a convention.")


def steps(record: Record, view: View) -> Iterator[str]:
    """The lines of the explanation, plain text; a line that begins with spaces belongs to the gate
    above it."""
    name = record.graph.output_name
    if record.graph.gate_count == 0:
        yield tell("There is no gate to go back through.")
        return
    seed = record.upstreams[record.graph.output]
    if record.has_arrays and (shape_of(seed) or seed != 1):
        yield tell(
            "We go back from the output. The gradient that arrives there is {seed}.",
            seed=view.value(seed),
        )
    else:
        yield tell(
            "We go back from the output. {name} changes as {name} does: its gradient is 1.",
            name=name,
        )
    gates = [index for index, _, _ in record.graph.gates()]
    shown = sorted(gates, reverse=True)[:_MOST_GATES]
    texts = expressions(record.graph, LONGEST)
    names = spoken_names(record.graph, texts)
    said: set[str] = set()
    arrived = dict.fromkeys(range(len(record.graph.nodes)), 0)
    for index in shown:
        yield from _gate(record, view, index, texts[index], names, said)
        for edge in record.edges_of(index):
            arrived[edge.input] += 1
            uses = record.graph.consumers[edge.input]
            if len(uses) > 1 and arrived[edge.input] == len(uses):
                yield from _fork(record, view, edge.input, names)
    if len(gates) > len(shown):
        yield tell(
            "... and {count:,} gates before these, in the same way.", count=len(gates) - len(shown)
        )


def _gate(
    record: Record, view: View, index: int, text: str, names: list[str], said: set[str]
) -> Iterator[str]:
    node = record.graph.nodes[index]
    gate = node.gate
    assert gate is not None
    stage = f"{node.name} = " if node.name else ""
    shape = shape_note(shape_of(record.values[index]))
    line = f" ({words})" if (words := line_words(record, index)) else ""
    value = view.value(record.values[index])
    yield tell(
        "#{index} {label}: {stage}{text}{shape} is {value}{line}.",
        index=index,
        label=label(node),
        stage=stage,
        text=text,
        shape=shape,
        value=value,
        line=line,
    )
    rule = rule_sentence(record, index)
    if rule == tell(KINK):
        yield f"  {rule}"
    elif rule not in said:
        said.add(rule)
        yield f"  {rule}"
    for edge in record.edges_of(index):
        yield tell(
            "  to {name}: {product}",
            name=names[edge.input],
            product=_product(record, view, node, edge, names),
        )
        if words := repeated(record, edge):
            yield f"  {words}"


def rule_sentence(record: Record, index: int) -> str:
    """What a gate does with the gradient that arrives."""
    if index in {note.node for note in record.notes if note.kind == "kink"}:
        return tell(KINK)
    return gate_sentence(record.graph.nodes[index])


def gate_sentence(node: Node) -> str:
    """The same away from kinks."""
    gate = node.gate
    assert gate is not None
    if len(node.inputs) == 1 and node.constants and gate.name in ("add", "sub"):
        return tell("To add a constant changes no slope: the upstream gradient goes through.")
    if len(node.inputs) == 1 and node.constants and gate.name == "mul":
        return tell("Its input gets the upstream gradient times the constant.")
    if gate.name in _SAYS:
        return tell(_SAYS[gate.name])
    return tell("It {sentence}.", sentence=gate.role.sentence)


def _product(record: Record, view: View, node: Node, edge: Edge, names: list[str]) -> str:
    """upstream x local = downstream, the local gradient as a formula first."""
    if edge.local is None:
        terms = where(record, edge, view)
        rule = rule_with_shapes(record, edge)
        return f"{rule} = {view.value(edge.downstream)}" + (f", {terms}" if terms else "")
    upstream, downstream = view.value(edge.upstream), view.value(edge.downstream)
    local = local_text(edge, view)
    formula = local_formula(record, node, edge, names)
    between = f" = {upstream} x {local}" if formula not in ("", local) else ""
    return tell(
        "upstream x local = {upstream} x {formula}{between} = {downstream}",
        upstream=upstream,
        formula=formula or local,
        between=between,
        downstream=downstream,
    )


def local_formula(record: Record, node: Node, edge: Edge, names: list[str]) -> str:
    """The local gradient in the operands' names; "" at a kink, and where it has no formula."""
    kinks = {note.node for note in record.notes if note.kind == "kink"}
    if edge.gate in kinks:
        return ""
    return slope_formula(node, edge.gate, edge.operand, names)


def slope_formula(node: Node, index: int, slot: int, names: list[str]) -> str:
    """The same of the gate at `index`, for one of its inputs, away from kinks."""
    gate = node.gate
    assert gate is not None
    if gate.is_own or gate.blocks:
        return ""
    operands = [
        SYMBOLS.number(o.text) if isinstance(o, Constant) and not o.nodes else _name(o, names)
        for o in node.operands
    ]
    position = [k for k, o in enumerate(node.operands) if isinstance(o, int)][slot]
    result = term(gate.forward(SYMBOLS, *operands))
    if result.quotient is None:
        result = _name(index, names)
    rule = term(gate.slope(SYMBOLS, position, result, operands))  # of a/b: -a/b^2, not -f/b
    text = rule.spelled.text
    is_simple = rule.value is not None or rule.spelled.binding >= Binding.SIGN
    return text if is_simple else f"({text})"


def _name(operand: int | Constant, names: list[str]) -> Term:
    return SYMBOLS.name(names[operand] if isinstance(operand, int) else "c")


def spoken_names(graph: Graph, texts: list[str]) -> list[str]:
    """How a node is spoken of: by its name, by what it computes if that is short, or by number."""
    return [
        node.name or (text if len(text) <= 3 else f"#{index}")
        for index, (node, text) in enumerate(zip(graph.nodes, texts, strict=True))
    ]


def _fork(record: Record, view: View, index: int, names: list[str]) -> Iterator[str]:
    uses = record.graph.consumers[index]
    terms = [view.value(record.edge(gate, operand).downstream) for gate, operand in uses[:12]]
    more = tell(" + ... ({count} more)", count=len(uses) - 12) if len(uses) > 12 else ""
    total = view.value(record.upstreams[index])
    times = tell("twice") if len(uses) == 2 else tell("{count} times", count=len(uses))
    yield tell(
        "{name} is used {times}, and gradients add where a value branches:",
        name=names[index],
        times=times,
    )
    yield f"  {' + '.join(terms)}{more} = {total}"
