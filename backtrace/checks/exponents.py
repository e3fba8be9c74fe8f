"""Exponents that SymPy must not see: it multiplies exact fractions out, 1.0000001^1000000000.

One such power is a single operation in C that nothing can interrupt.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from backtrace.algebra import Algebra
from backtrace.checks.traced import Subject
from backtrace.graph import Node

LARGEST = 10_000


def large_exponent(subject: Subject) -> float:
    """The largest exponent, if it is too large for SymPy; else 0."""
    exponents = list(_exponents(subject.graph.nodes, subject.values, subject.m))
    for node in subject.graph.nodes:
        for constant in node.constants:
            if constant.nodes:
                values = constant.values(subject.m)
                exponents += _exponents(constant.nodes, values, subject.m)
    largest = max(exponents, default=0.0)
    return largest if largest > LARGEST else 0.0


def _exponents(nodes: Sequence[Node], values: Sequence[Any], m: Algebra) -> Iterator[float]:
    """How large the exponents are; also those inside gates of the user's own."""
    for node in nodes:
        if node.gate is None:
            continue
        if node.gate.name == "pow":
            exponent = abs(node.operand_values(values, m)[1])
            yield float(exponent.max() if getattr(exponent, "shape", ()) else exponent)
        elif node.gate.inner is not None:
            inner = node.gate.inner
            operands = dict(zip(node.gate.parameters, node.operand_values(values, m), strict=True))
            yield from _exponents(inner.nodes, inner.evaluate(m, operands), m)
