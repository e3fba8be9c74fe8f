"""Whoever reads a rule can compute it: with the operands, the upstream and what is in `where`."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import backtrace
from backtrace.gates import GATES
from backtrace.render import View

VECTOR = st.lists(st.floats(-3, 3), min_size=2, max_size=4, unique=True)
RULES = [
    "mean(x)",
    "var(x)",
    "std(x)",
    "norm(x)",
    "norm2(x)",
    "logsumexp(x)",
    "sum(softmax(x)*x)",
    "q = log_softmax(x); sum(q*x)",
    "dot(x, x^2)",
    "cross_entropy(x, 1)",
    "cross_entropy(x, abs(x))",
    "cross_entropy([x, x^2], [0, 1])",
    "cross_entropy([x, x^2], softmax([x, -x]))",
    "f(a) = mean(a); f(x)*var(x, axis=0)",
]
WORDS = {"upstream, to every entry": "upstream*1", "upstream/n, to every entry": "upstream/n"}


def _computed(edge: dict[str, Any], values: dict[str, Any]) -> Any:
    """The rule as Python, every name in it a value."""
    text = WORDS.get(edge["rule"], edge["rule"].removeprefix("0 for a class, else "))
    known: dict[str, Any] = {"upstream": np.asarray(edge["upstream"], dtype=float), "sum": np.sum}
    terms = {t["name"]: t["value"] for t in edge.get("where", ()) if t["value"] is not None}
    axes = [t["is"] for t in edge.get("where", ()) if t["name"] == "sum"]
    if axes == ["along axis -1"]:
        known["sum"] = lambda z: np.sum(z, axis=-1, keepdims=True)
    for name, value in sorted({**values, **terms}.items(), key=lambda pair: -len(pair[0])):
        word = f"v{len(known)}"
        text = re.sub(rf"(?<![\w#]){re.escape(name)}(?!\w)", word, text)
        known[word] = np.asarray(value, dtype=float)
    known["log_softmax"] = lambda z: z - np.log(np.exp(z).sum(-1, keepdims=True))
    known["exp"], known["ln"] = np.exp, np.log
    return eval(text, {"__builtins__": {}}, known)


@given(st.sampled_from(RULES), VECTOR)
@settings(max_examples=60, deadline=None)
def test_a_rule_is_computed_by_what_is_shown(formula: str, x: list[float]) -> None:
    trace = json.loads(backtrace.trace(formula, {"x": x}, check=False).to_json())
    names = {f"#{node['id']}": node["value"] for node in trace["nodes"]}
    names |= {node["name"]: node["value"] for node in trace["nodes"] if node["name"]}
    for edge in trace["edges"]:
        gate = trace["nodes"][edge["gate"]].get("gate")
        if "rule" not in edge or gate not in USED:
            continue
        if gate in ("std", "norm") and abs(trace["nodes"][edge["gate"]]["value"]) < 1e-6:
            continue
        expected = np.asarray(edge["downstream"], dtype=float)
        np.testing.assert_allclose(
            np.broadcast_to(_computed(edge, names), expected.shape), expected, rtol=1e-6, atol=1e-9
        )


USED = {name for name, gate in GATES.items() if gate.terms} | {"norm", "norm2", "dot", "softmax"}


def test_every_name_in_a_rule_is_an_operand_or_a_term() -> None:
    """Single letters and calls in the rules: parameters, the output, terms, or plain words."""
    plain = {"a", "x", "T"}
    for gate in GATES.values():
        for rule in gate.rules:
            left = rule
            for term in gate.terms:
                left = left.replace(term, "")
            letters = set(re.findall(r"(?<![A-Za-z_.])[A-Za-z](?![A-Za-z_])", left))
            assert letters <= {*gate.parameters, gate.output, *gate.terms} | plain, (
                gate.name,
                rule,
            )


@pytest.mark.parametrize("format", ["table", "tree", "markdown"])
def test_terms_are_shown_with_their_numbers(format: str) -> None:
    trace = backtrace.trace("cross_entropy(s, 1)", {"s": [1, 2, 0.5]}, check=False)
    shown = re.sub(r"\s+", " ", trace.show(format, View(width=80))).replace("\\", "")
    assert "upstream*(p - one_hot(1))/n" in shown
    for words in ("p = softmax(s) = [0.2312, 0.6285, 0.1402]", "one_hot(1) = [0, 1, 0]"):
        assert words in shown
    assert "n = 1 (the number of rows)" in shown
    assert "p = softmax(s)" in trace.show(format, View(ascii=True)).replace("\n", " ").replace(
        "      ", ""
    )
