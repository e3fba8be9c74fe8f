"""What to write instead where a number goes bad: tried, and told only if it helps.

A few spellings that lose their way in 64 bits, and what says the same without: the graph is
searched for them as for gates to fuse, the one is put in the other's place, and both passes are run
again.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from backtrace.algebra.floats import FLOATS
from backtrace.engine import backward
from backtrace.entries import is_finite
from backtrace.formula.parser import parse_definitions
from backtrace.formula.printer import expressions
from backtrace.fusion import fuse
from backtrace.gates import Gate
from backtrace.graph import Graph, Node
from backtrace.notation import number

INSTEAD = (
    ("exp(a)/(exp(a) + exp(b))", "sigmoid(a - b)"),
    ("exp(a)/(exp(b) + exp(a))", "sigmoid(a - b)"),
    ("exp(a)/exp(b)", "exp(a - b)"),
    ("exp(a)*exp(b)", "exp(a + b)"),
    ("exp(a)*exp(-b)", "exp(a - b)"),
    ("log(exp(a)/(exp(a) + exp(b) + exp(c)))", "a - logsumexp(a, b, c)"),
    ("log(exp(a)/(exp(b) + exp(a) + exp(c)))", "a - logsumexp(a, b, c)"),
    ("log(exp(a)/(exp(b) + exp(c) + exp(a)))", "a - logsumexp(a, b, c)"),
    ("log(1/(1 + exp(-x)))", "-softplus(-x)"),
    ("log(sigmoid(x))", "-softplus(-x)"),
    ("log(1 - sigmoid(x))", "-softplus(x)"),
    ("log(exp(a))", "a"),
    ("log(exp(a)*b)", "a + log(b)"),
    ("log(exp(a)/b)", "a - log(b)"),
    ("log(a*b)", "log(a) + log(b)"),
    ("log(a/b)", "log(a) - log(b)"),
    ("log(a^b)", "b*log(a)"),
    ("x*log(x)", "where(x > 0, x*log(x), 0)"),
    ("log(x)*x", "where(x > 0, x*log(x), 0)"),
    ("sqrt(x*x)", "abs(x)"),
    ("sqrt(x^2)", "abs(x)"),
    ("(x^2)^0.5", "abs(x)"),
    ("sqrt(x)*sqrt(x)", "x"),
    ("sqrt(x)^2", "x"),
    ("x/x", "1 + 0*x"),
    ("sin(x)/x", "where(x == 0, 1, sin(x)/where(x == 0, 1, x))"),
    ("(1 - cos(x))/x", "x*square(sin(x/2)/where(x == 0, 1, x/2))/2"),
    ("(exp(x) - 1)/x", "where(x == 0, 1, exp(x/2)*sinh(x/2)/where(x == 0, 1, x/2))"),
    ("where(a > 0, log(a), b)", "where(a > 0, log(where(a > 0, a, 1)), b)"),
    ("where(a > 0, sqrt(a), b)", "where(a > 0, sqrt(where(a > 0, a, 1)), b)"),
    ("(a^b)/(c^b)", "(a/c)^b"),
    ("a*b/c", "a*(b/c)"),
    ("x*log(x/a)", "where(x > 0, x*log(x/a), 0)"),
    ("x/abs(x)", "sign(x)"),
    ("1/(1 - tanh(x)^2)", "cosh(x)^2"),
)
"""(what is written, what to write instead): the same function wherever both are finite."""

_MOST_GATES = 2000
_SHORT, _LONGEST = 20, 40  # characters of an operand, and of what was typed


def cure(graph: Graph, point: Mapping[str, float], asked: Sequence[str], convention: str) -> str:
    """The first of these that helps, in words; "" where none does."""
    if graph.gate_count > _MOST_GATES:
        return ""
    fused = fuse(graph)
    result = _result(fused.graph, point, asked, convention) if fused.groups else None
    if result is not None:
        names = ", ".join(dict.fromkeys(group.gate for group in fused.groups))
        return f"--fuse makes {names} of it: then it is {number(result)}, and all gradients finite"
    for k, (written, instead) in enumerate(INSTEAD):
        gate, other = _pair(k)
        found = fuse(replace(graph, own=(*graph.own, gate)), [gate.name])
        if not found.groups:
            continue
        nodes = [n._replace(gate=other) if n.gate is gate else n for n in found.graph.nodes]
        changed = replace(found.graph, nodes=tuple(nodes))
        result = _result(changed, point, asked, convention)
        if result is not None:
            node = next(node for node in found.graph.nodes if node.gate is gate)
            spoken = _spoken(found.graph, node)
            typed = graph.text[slice(*node.span)] if spoken else ""
            before = typed if 0 < len(typed) <= _LONGEST else _with_names(written, spoken)
            after = _with_names(instead, spoken)
            return f"write {before} as {after}: then it is {number(result)}"
    return ""


def _spoken(graph: Graph, node: Node) -> dict[str, str]:
    """What the parameters of a node's gate are there, if that is short."""
    texts = expressions(graph, _SHORT)
    assert node.gate is not None
    given = [texts[o] if isinstance(o, int) else o.text for o in node.operands]
    if any(not text or len(text) > _SHORT or "#" in text for text in given):
        return {}
    return {
        name: text if text.isalnum() else f"({text})"
        for name, text in zip(node.gate.parameters, given, strict=True)
    }


def _with_names(text: str, names: Mapping[str, str]) -> str:
    named = re.sub(r"\b[abcx]\b", lambda found: names.get(found[0], found[0]), text)
    return re.sub(r"\(\(([^()]*)\)\)", r"(\1)", named)


@functools.cache
def _pair(k: int) -> tuple[Gate, Gate]:
    written, instead = INSTEAD[k]
    names = [name for name in ("a", "b", "c", "x") if re.search(rf"\b{name}\b", written)]
    head = f"({', '.join(names)}) = "
    text = f"written_{k}{head}{written}; instead_{k}{head}{instead}"
    gates = parse_definitions(text)
    return gates[f"written_{k}"], gates[f"instead_{k}"]


def _result(
    graph: Graph, point: Mapping[str, float], asked: Sequence[str], convention: str
) -> float | None:
    """The output, where it and every gradient are finite."""
    values = graph.evaluate(FLOATS, point)
    output: float = values[graph.output]
    if not is_finite(output):
        return None
    upstreams = backward(graph, values, FLOATS, convention=convention).upstreams
    found = [upstreams[graph.inputs[name]] for name in asked if name in graph.inputs]
    return output if all(map(is_finite, found)) else None


__all__ = ["INSTEAD", "cure"]
