"""What is said of arrays in words: rules with shapes, what was summed, what was not formed."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import Any

from backtrace.algebra.values import all_at, shape_of
from backtrace.formula.printer import spell_constant
from backtrace.gates import Gate
from backtrace.gates.shapes import Shape, matrix_product, say, size
from backtrace.graph import Constant, Graph
from backtrace.graph.record import Edge, Record
from backtrace.language import marked, tell
from backtrace.numbers import Blank, Formula
from backtrace.render._view import View

_WORTH_SAYING = 1000  # entries of a Jacobian
_MOST_PRODUCTS = 64
_LONGEST = 30  # characters of a constant that stands in a rule
_UNITS = (marked("bytes"), "kB", "MB", "GB", "TB", "PB")
_AXES = {1: (marked("entries"),), 2: (marked("rows"), marked("columns"))}


def rule_with_shapes(record: Record, edge: Edge) -> str:
    """`upstream @ x.T, (2x1)(1x2) = 2x2`: a pullback in the operands' names."""
    rule = rule_of(record, edge)
    shapes = _product_shapes(record, edge)
    return f"{rule}, {shapes}" if shapes else rule


def rule_of(record: Record, edge: Edge) -> str:
    """The pullback in words, with the operands' names for the gate's parameters."""
    node = record.graph.nodes[edge.gate]
    gate = node.gate
    assert gate is not None
    position = _position(record, edge)
    rule = gate.local_rule(position)
    if gate.variadic or gate.is_own:
        return rule
    return _in_names(record, edge, rule)


def rule_in_names(graph: Graph, index: int, k: int) -> str:
    """The pullback of a gate's operand `k` in words, with the operands' names."""
    gate = graph.nodes[index].gate
    assert gate is not None
    rule = gate.local_rule(k)
    return rule if gate.variadic or gate.is_own else _named(graph, index, rule)


def _in_names(record: Record, edge: Edge, rule: str) -> str:
    return _named(record.graph, edge.gate, rule)


def _named(graph: Graph, index: int, rule: str) -> str:
    """A rule's text with the operands' names for the gate's parameters."""
    node = graph.nodes[index]
    assert node.gate is not None
    names = {node.gate.output: node.name or f"#{index}"}
    for parameter, operand in zip(node.gate.parameters, node.operands, strict=False):
        if isinstance(operand, int):
            names[parameter] = graph.nodes[operand].name or f"#{operand}"
        elif operand.fixed is None and len(text := spell_constant(operand).text) <= _LONGEST:
            names[parameter] = text
    return re.sub(
        r"\b[A-Za-z]\b", lambda found: names.get(found.group(), found.group()), rule, flags=re.ASCII
    )


def terms_of(record: Record, edge: Edge) -> list[tuple[str, str, Any]]:
    """What a rule names beside its operands, in words and as a value: p is softmax(s), n is 3."""
    node = record.graph.nodes[edge.gate]
    gate = node.gate
    if edge.local is not None or gate is None or not gate.terms:
        return []
    used = named_terms(gate, _position(record, edge))
    f = record.values[edge.gate]
    operands = [record.values[o] if isinstance(o, int) else o for o in node.operands]
    if any(isinstance(value, Blank | Formula) for value in (f, *operands)):
        return []
    from backtrace.algebra.arrays import ARRAYS, quiet

    x = [o.value(ARRAYS) if isinstance(o, Constant) else o for o in operands]
    found = []
    with quiet():
        for name in used:
            says, value = gate.terms[name](ARRAYS, f, *x)
            if says or value is not None:
                found.append((_in_names(record, edge, name), _in_names(record, edge, says), value))
    return found


def named_terms(gate: Gate, k: int) -> list[str]:
    """Which of a gate's terms its rule for operand `k` names."""
    rule = gate.rules[min(k, len(gate.rules) - 1)]
    whole = (re.compile(rf"\b{re.escape(name)}(?!\w)", re.ASCII) for name in gate.terms)
    return [name for name, pattern in zip(gate.terms, whole, strict=True) if pattern.search(rule)]


def where(record: Record, edge: Edge, view: View) -> str:
    """`where p = softmax(s) = [0.2, 0.8], n = 1 (the number of rows)`; "" where all is named."""
    parts = []
    for name, says, value in terms_of(record, edge):
        if value is None:
            parts.append(f"{name} {says}")
            continue
        shown = view.value(value)
        is_formula = "(" in says or says in (name, "")
        said = f"{says} = {shown}" if says and is_formula else shown
        parts.append(f"{name} = {said}" + (f" ({says})" if says and not is_formula else ""))
    return view.text(tell("where {parts}", parts=", ".join(parts))) if parts else ""


def _position(record: Record, edge: Edge) -> int:
    operands = record.graph.nodes[edge.gate].operands
    return [k for k, operand in enumerate(operands) if isinstance(operand, int)][edge.operand]


def _product_shapes(record: Record, edge: Edge) -> str:
    """(2x1)(1x2) = 2x2, of a rule that is a product of matrices; vectors are columns."""
    node = record.graph.nodes[edge.gate]
    gate = node.gate
    if gate is None or gate.name != "matmul" or len(node.inputs) != 2:
        return ""
    x, y = (shape_of(record.values[source]) for source in node.inputs)
    if len(x) > 2 or len(y) > 2:
        return ""
    left = (1, *x) if len(x) == 1 else x
    right = (*y, 1) if len(y) == 1 else y
    upstream = matrix_product(left, right)
    factors = (upstream, right[::-1]) if edge.operand == 0 else (left[::-1], upstream)
    result = left if edge.operand == 0 else right
    return f"({_told(factors[0])})({_told(factors[1])}) = {_told(result)}"


def _told(shape: Shape) -> str:
    """2x3; of letters m,n."""
    return say(shape) if all(isinstance(n, int) for n in shape) else ",".join(map(str, shape))


def repeated(record: Record, edge: Edge) -> str:
    """`b was repeated over 100 rows: summed over rows`; "" where it was not."""
    whole, axes = shape_of(record.values[edge.gate]), _repeated_axes(record, edge)
    if not axes:
        return ""
    name = record.graph.nodes[edge.input].name or f"#{edge.input}"
    words = tell(" and ").join(f"{_length(whole[k])} {_axis_name(k, len(whole))}" for k in axes)
    return tell(
        "{name} was repeated over {words}: {summed}",
        name=name,
        words=words,
        summed=summed(record, edge),
    )


def _length(n: int | str) -> str:
    """1,000; a letter as it is."""
    return n if isinstance(n, str) else f"{n:,}"


def summed(record: Record, edge: Edge) -> str:
    """`summed over rows`; "" where nothing was repeated."""
    count = len(shape_of(record.values[edge.gate]))
    names = [_axis_name(k, count) for k in _repeated_axes(record, edge)]
    return tell("summed over {names}", names=tell(" and ").join(names)) if names else ""


def _repeated_axes(record: Record, edge: Edge) -> list[int]:
    """The axes of the gate's output that its input was repeated along."""
    whole = shape_of(record.values[edge.gate])
    own = shape_of(record.values[edge.input])
    if edge.local is None:
        return []
    padded = (1,) * (len(whole) - len(own)) + own
    return [k for k, (a, b) in enumerate(zip(whole, padded, strict=True)) if a != b]


def _axis_name(axis: int, count: int) -> str:
    return tell(_AXES[count][axis]) if count in _AXES else tell("axis {axis}", axis=axis)


def product_text(record: Record, edge: Edge, view: View, longest: int = 1000) -> str:
    """`[1, 1] × [2, 3]`, and `, summed over rows` where an operand was repeated; a long upstream
    is called by its name."""
    upstream = view.value(edge.upstream)
    shown = upstream if len(upstream) <= longest else "upstream"
    over = summed(record, edge)
    return f"{shown} × {local_text(edge, view)}{', ' * bool(over)}{over}"


def jacobian_size(record: Record, edge: Edge) -> str:
    """`Jacobian 409,600 x 409,600, 1.3 TB, not formed`."""
    rows = size(shape_of(record.values[edge.gate]))
    columns = size(shape_of(record.values[edge.input]))
    if rows * columns < _WORTH_SAYING:
        return ""
    is_diagonal = edge.local is not None and rows == columns
    kind = tell("diagonal of a Jacobian") if is_diagonal else tell("Jacobian")
    return tell(
        "{kind} {rows:,} x {columns:,}, {bytes}, not formed",
        kind=kind,
        rows=rows,
        columns=columns,
        bytes=_bytes(8.0 * rows * columns),
    )


def _bytes(count: float) -> str:
    unit = 0
    while count >= 1000 and unit < len(_UNITS) - 1:
        count, unit = count / 1000, unit + 1
    return (
        f"{count:.2g} {tell(_UNITS[unit])}" if count < 10 else f"{count:,.0f} {tell(_UNITS[unit])}"
    )


def shape_note(shape: Shape) -> str:
    """` (2x2)`; nothing for a number."""
    return f" ({say(shape)})" if shape else ""


def local_text(edge: Edge, view: View) -> str:
    """The local gradient: the diagonal, or one number where that is the same for every entry."""
    local = edge.local
    if isinstance(local, Blank | Formula) or not shape_of(local):
        return view.number(local)
    return view.value(local * 1.0)


def shown_products(edge: Edge, view: View) -> Iterator[tuple[str, str, str]]:
    """The printed factors and products of an edge's entries, where they are written out."""
    if edge.local is None or shape_of(edge.upstream) != shape_of(edge.downstream):
        return
    if not shape_of(edge.downstream):
        yield view.number(edge.upstream), view.number(edge.local), view.number(edge.downstream)
        return
    if isinstance(edge.downstream, Blank | Formula) or edge.downstream.size > _MOST_PRODUCTS:
        return
    for place in itertools.product(*map(range, edge.downstream.shape)):
        u, s, d = map(view.number, all_at((edge.upstream, edge.local, edge.downstream), place))
        yield u, s, d
