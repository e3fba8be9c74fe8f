"""Variables that only choose: indices and classes. Nothing moves with them, so no direction moves
them; between whole numbers they mean nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from backtrace.algebra.arrays import ARRAYS, quiet
from backtrace.gates import Gate
from backtrace.graph import Graph


def only_choose(graph: Graph, values: Sequence[Any]) -> frozenset[str]:
    """The variables that reach the output as what a rule calls an index or a class alone."""
    heard, chosen = {graph.output}, set[int]()
    with quiet():
        for index in range(graph.output, -1, -1):
            node = graph.nodes[index]
            if node.gate is None or index not in heard | chosen:
                continue
            operands = node.operand_values(values, ARRAYS)
            for k, source in enumerate(node.operands):
                if isinstance(source, int):
                    chooses = _chooses(node.gate, k, values[index], operands)
                    (heard if index in heard and not chooses else chosen).add(source)
    return frozenset(n for n, index in graph.inputs.items() if index in chosen - heard)


def _chooses(gate: Gate, k: int, value: Any, operands: list[Any]) -> bool:
    """Whether the rule of an operand is 0 by its own words, and is so here: a class, and not a
    row of probabilities."""
    if gate.pullback is None or gate.is_own or k >= len(gate.rules):
        return False
    if not gate.rules[k].startswith("0"):
        return False
    ones = np.ones(np.shape(value))[()]
    return not np.any(gate.pullback(ARRAYS, k, ones, value, *operands))
