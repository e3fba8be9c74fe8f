"""the chain rule written out, aligned, for homework in LaTeX: a document that compiles"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from backtrace.algebra.values import Value, shape_of
from backtrace.formula.printer import short_expressions
from backtrace.graph.record import Edge, Record
from backtrace.language import SOURCE, speaking
from backtrace.numbers import Blank
from backtrace.render._explain import local_formula
from backtrace.render._latex import escaped, formula, symbol
from backtrace.render._rules import rule_of, summed
from backtrace.render._view import View
from backtrace.render._words import line_label, title_of

SUFFIX = ".tex"

_HEAD = r"""\documentclass{article}
\usepackage[T1]{fontenc}
\usepackage{amsmath}
\allowdisplaybreaks
\setlength{\jot}{6pt}
\begin{document}"""
_MOST_ENTRIES = 4  # of an array, on an axis
_MOST_TERMS = 3  # of a sum, in a line


def render(record: Record, view: View) -> str:
    with speaking(SOURCE):  # what surrounds the formulas is English, and its fonts are Latin
        return _document(record, view)


def _document(record: Record, view: View) -> str:
    chain = _Chain(record, view)
    lines = [
        _HEAD,
        f"\\noindent\\texttt{{{escaped(title_of(record, view))}}}",
        *_point(record, view),
        "",
        "\\paragraph{Forward}",
        *_aligned(chain.forward()),
        "\\paragraph{Backward}",
        *_aligned(chain.backward()),
        "\\end{document}",
    ]
    return "\n".join(lines) + "\n"


def _aligned(rows: Iterator[str]) -> Iterator[str]:
    found = list(rows)
    if not found:
        yield "Nothing to do."
        return
    yield "\\begin{align*}"
    yield " \\\\\n".join(f"  {row}" for row in found)
    yield "\\end{align*}"


def _point(record: Record, view: View) -> Iterator[str]:
    pairs = [f"${symbol(n)} = {_number(v, view)}$" for n, v in record.point.items()]
    if pairs:
        yield f"at {', '.join(pairs)}"


def _number(value: Value, view: View) -> str:
    """A number; an array by its first entries; a blank as a line to write on."""
    if isinstance(value, Blank):
        return r"\underline{\hspace{3em}}"
    if shape_of(value):
        return _array(value, view)
    text = view.number(value)
    mantissa, _, exponent = text.partition("e")
    if text in ("nan", "inf", "-inf"):
        return {"nan": r"\text{nan}", "inf": r"\infty", "-inf": r"-\infty"}[text]
    return rf"{mantissa} \cdot 10^{{{exponent}}}" if exponent else text


def _array(value: Any, view: View) -> str:
    """A vector in a line, a matrix in brackets, each cut after some entries; else the shape."""
    if value.ndim == 1:
        shown = [_number(entry, view) for entry in value[:_MOST_ENTRIES].tolist()]
        dots = [r"\dots"] * (len(value) > _MOST_ENTRIES)
        return f"[{', '.join(shown + dots)}]"
    if value.ndim == 2 and max(value.shape) <= _MOST_ENTRIES:
        rows = [" & ".join(_number(entry, view) for entry in row) for row in value.tolist()]
        inner = " \\\\ ".join(rows)
        return rf"\begin{{bmatrix}} {inner} \end{{bmatrix}}"
    shape = r" \times ".join(map(str, value.shape))
    return rf"({shape} \text{{, norm }} {view.number(float((value * value).sum()) ** 0.5)})"


def _factor(value: Value, view: View) -> str:
    """A number as a factor: a negative one in brackets."""
    text = _number(value, view)
    return f"({text})" if text.startswith("-") else text


def _rule(rule: str) -> str:
    """A pullback of the upstream u: mathematics, or words where it is said in words."""
    if re.search("[a-z]{2,} [a-z]{2,}", rule):
        return rf"\text{{{escaped(rule).replace('upstream', '$u$')}}}"
    return formula(rule.replace("upstream", "u"))


def _sum(terms: list[str]) -> str:
    """Some terms a line."""
    lines = [" + ".join(terms[k : k + _MOST_TERMS]) for k in range(0, len(terms), _MOST_TERMS)]
    return " \\\\\n  &\\quad + ".join(lines)


class _Chain:
    def __init__(self, record: Record, view: View) -> None:
        self.record = record
        self.view = view
        self._texts = short_expressions(record.graph, 40)
        self._names = [node.name or f"v_{k}" for k, node in enumerate(record.graph.nodes)]
        output = record.graph.output
        if not record.graph.nodes[output].name:
            self._names[output] = record.graph.output_name

    def forward(self) -> Iterator[str]:
        """q &= x + y = 3"""
        names = self._spoken()
        for index, node, _ in self.record.graph.gates():
            text = names[index].partition(" = ")[2] if node.name else names[index]
            row = f"{symbol(self._names[index])} &= {formula(text)}"
            if self.record.has_point:
                row += f" = {_number(self.record.values[index], self.view)}"
            if line := line_label(self.record, index):
                row += rf" \tag*{{\footnotesize {line}}}"
            yield row

    def _spoken(self) -> list[str]:
        """What every gate computes, of inputs, stages and the gates before it."""
        return short_expressions(self.record.graph, 0)

    def backward(self) -> Iterator[str]:
        """Every gradient, from the output back: the sum over its uses."""
        graph = self.record.graph
        for index in range(len(graph.nodes) - 1, -1, -1):
            node = graph.nodes[index]
            if node.gate is None and not node.is_input:
                continue
            left = self.gradient(index)
            if index == graph.output:
                seed = _number(self.record.upstreams[index], self.view)
                yield f"{left} &= {seed if self.record.has_point else 1}"
                continue
            uses = graph.consumers[index]
            if not uses:
                yield f"{left} &= 0"
                continue
            edges = [self.record.edge(gate, operand) for gate, operand in uses]
            row = f"{left} &= {_sum([self._term(edge) for edge in edges])}"
            if self.record.has_point:
                between = " = " if len(edges) <= _MOST_TERMS else " \\\\\n  &= "
                if all(edge.local is not None for edge in edges):
                    row += between + _sum([self._product(edge) for edge in edges])
                row += f"{between}{_number(self.record.upstreams[index], self.view)}"
            yield row

    def gradient(self, index: int) -> str:
        output = symbol(self._names[self.record.graph.output])
        return rf"\frac{{\partial {output}}}{{\partial {symbol(self._names[index])}}}"

    def _term(self, edge: Edge) -> str:
        """The upstream times the local gradient, as a formula where it is a simple one."""
        upstream = self.gradient(edge.gate)
        if edge.local is None:
            return rf"\bigl[{_rule(rule_of(self.record, edge))}\bigr]_{{u={upstream}}}"
        node = self.record.graph.nodes[edge.gate]
        nodes = self.record.graph.nodes
        names = [n.name or f"#{k}" for k, n in enumerate(nodes)]
        names[self.record.graph.output] = self._names[self.record.graph.output]
        local = local_formula(self.record, node, edge, names)
        if local == "1":
            return upstream
        if not local:
            gate, source = self._names[edge.gate], self._names[edge.input]
            local_text = rf"\frac{{\partial {symbol(gate)}}}{{\partial {symbol(source)}}}"
        else:
            local_text = formula(local)
            local_text = f"({local_text})" if local_text.startswith("-") else local_text
        return rf"{upstream} {self._times(edge)} {local_text}"

    def _times(self, edge: Edge) -> str:
        """Entry by entry, where both are arrays."""
        has_point = self.record.has_point
        return (
            r"\odot" if has_point and shape_of(edge.upstream) and shape_of(edge.local) else r"\cdot"
        )

    def _product(self, edge: Edge) -> str:
        if isinstance(edge.local, Blank):
            return _number(edge.local, self.view)
        upstream = _factor(edge.upstream, self.view)
        product = rf"{upstream} {self._times(edge)} {_factor(edge.local * 1.0, self.view)}"
        over = summed(self.record, edge)
        return rf"{product} \text{{ ({over})}}" if over else product


def gradient_rows(record: Record, view: View) -> Iterator[str]:
    """df/dx &= -4, for every variable that was asked for."""
    chain = _Chain(record, view)
    for name, value in record.gradients.items():
        left = chain.gradient(record.graph.inputs[name])
        yield f"{left} &= {_number(value, view)}" if record.has_point else left
