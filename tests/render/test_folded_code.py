"""Functions of code as boxes: each call is one, with the gates that its lines made."""

from __future__ import annotations

import random

import pytest

import backtrace
from backtrace.render import View
from backtrace.render._at_first import drawing
from backtrace.render._boxes import boxes
from backtrace.tracing.trace import Trace

LSTM = """
import math
def sigmoid(z):
    return 1 / (1 + math.exp(-z))
def gate(x, h, w, u, b):
    return sigmoid(w * x + u * h + b)
x, h, c, w, u, b = 1.2, 0.4, -0.7, 0.5, -0.3, 0.1
f = gate(x, h, w, u, b)
i = gate(x, h, u, b, w)
o = gate(x, h, b, w, u)
g = math.tanh(w * x + b)
c_1 = f * c + i * g
h_1 = o * math.tanh(c_1)
"""


def traced(text: str) -> Trace:
    return backtrace.from_source(text, check=False)


def test_every_call_is_a_box_of_its_own() -> None:
    trace = traced(LSTM)
    assert [call.name for call in trace.calls] == ["gate", "sigmoid"] * 3
    assert [len(call.members) for call in trace.calls] == [8, 4] * 3
    drawn = drawing(trace, View(fold="all"))
    names = [box.name for box in drawn.folded.values()]
    assert names == ["gate", "gate", "gate", "g", "c_1", "h_1"]
    assert [node.name for node in drawn.graph.nodes if node.gate][:3] == ["f", "i", "o"]
    assert Trace.from_json(trace.to_json()) == trace


def test_what_is_given_to_a_function_is_none_of_its_own() -> None:
    text = (
        "def double(z):\n    return z * 2 + 1\nx = 3.0\ny = double(x * x + x) - double(double(x))\n"
    )
    trace = traced(text)
    assert [len(call.members) for call in trace.calls] == [2, 2, 2]
    first, *nested = trace.calls
    assert not set(first.members) & {m for call in nested for m in call.members}


def test_a_layer_takes_its_part_of_the_weights_into_its_box() -> None:
    text = """
import numpy as np
def layer(x, W, b):
    return np.tanh(x @ W + b)
x, ws, bs = np.ones((2, 3)), np.ones((4, 3, 3)), np.ones((4, 3))
h = x
for k in range(3):
    h = layer(h, ws[k], bs[k])
part = ws[3]
h = layer(h, part, bs[3])
loss = h.sum() + part.sum()
"""
    drawn = drawing(traced(text), View(fold="all"))
    layers = [place for place, box in drawn.folded.items() if box.name == "layer"]
    assert len(layers) == 4
    sources = [{drawn.graph.nodes[k].name for k in drawn.graph.inputs_of[p]} for p in layers]
    assert sources[:3] == [{"x", "ws", "bs"}, {"h", "ws", "bs"}, {"h_v2", "ws", "bs"}]
    assert sources[3] == {"h_v3", "part", "bs"}  # which is used elsewhere too


@pytest.mark.parametrize("seed", range(15))
def test_random_programs_have_a_box_for_every_call_with_one_result(seed: int) -> None:
    """Each function has its own constant, so that every gate says whose it is."""
    chance = random.Random(seed)
    lines = ["import math", "x = 0.3", "y = -0.2"]
    count = chance.randrange(1, 5)
    for k in range(count):
        inner = f"f{chance.randrange(k)}(a * b)" if k and chance.random() < 0.7 else "math.sin(a)"
        lines += [f"def f{k}(a, b):", f"    t = {inner} + {k}.5", "    return t * b + a"]
    names = ["x", "y"]
    calls = 0
    for k in range(chance.randrange(2, 6)):
        one, other = chance.choice(names), chance.choice(names)
        lines.append(f"s{k} = f{chance.randrange(count)}({one}, {other} + 1) * {k + 2}")
        names.append(f"s{k}")
        calls += 1
    lines.append(f"L = {' + '.join(names)}")
    lines = [line.replace("(a * b)", "(a * b, b)") for line in lines]
    trace = traced("\n".join(lines))
    outer = [
        c for c in trace.calls if not any(set(c.members) < set(d.members) for d in trace.calls)
    ]
    assert len(outer) == calls
    for call in trace.calls:
        own = [trace.graph.nodes[m] for m in call.members]
        depth = sum(set(other.members) <= set(call.members) for other in trace.calls)
        assert len(own) >= 3 * depth
        marks = {c.text for node in own for c in node.constants if c.text.endswith(".5")}
        assert f"{call.name[1:]}.5" in marks
        assert len(marks) == len(
            {o.name for o in trace.calls if set(o.members) <= set(call.members)}
        )
    found = {box.members for box in boxes(trace)}
    assert {call.members for call in trace.calls} <= found
