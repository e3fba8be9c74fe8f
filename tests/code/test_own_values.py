"""Classes of the micrograd kind that stand in the code: their own methods are walked, so a mistake
in one of them shows."""

from __future__ import annotations

import math

import pytest

import backtrace
from backtrace.code import read_code

VALUE = """
import math

class Value:
    def __init__(self, data, _children=(), _op=''):
        self.data = data
        self.grad = 0.0
        self._backward = lambda: None
        self._prev = set(_children)

    def __add__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data + other.data, (self, other), '+')

        def _backward():
            self.grad += out.grad
            other.grad += out.grad
        out._backward = _backward
        return out

    def __mul__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        out = Value(self.data * other.data, (self, other), '*')
        return out

    def __rmul__(self, other):
        return self * other

    def __neg__(self):
        return self * -1

    def __sub__(self, other):
        return self + (-other)

    def tanh(self):
        t = math.tanh(self.data)
        return Value(t, (self,), 'tanh')

    def backward(self):
        topo, visited = [], set()

        def build(v):
            if v not in visited:
                visited.add(v)
                for child in v._prev:
                    build(child)
                topo.append(v)
        build(self)
        for node in reversed(topo):
            node._backward()

x1, x2 = Value(2.0), Value(0.5)
w1 = Value(-3.0)
w2 = Value(1.0)
b = Value(6.5)
"""
NEURON = "n = x1*w1 + x2*w2 + b\no = n.tanh()\no.backward()\n"


def test_a_neuron_of_own_values() -> None:
    program = read_code(VALUE + NEURON, "engine.py")
    trace = backtrace.trace(program.formula, program.point)
    assert trace.ok
    value = math.tanh(2 * -3 + 0.5 + 6.5)
    assert trace.value == pytest.approx(value)
    assert trace.gradients["w1"] == pytest.approx(2 * (1 - value**2))
    assert set(trace.point) == {"x1", "x2", "w1", "w2", "b"}


def test_a_mistake_in_a_method_shows() -> None:
    wrong = VALUE.replace("self.data * other.data", "self.data + other.data")
    program = read_code(wrong + NEURON, "engine.py")
    trace = backtrace.trace(program.formula, program.point, check=False)
    assert trace.value == pytest.approx(math.tanh((2 - 3) + (0.5 + 1) + 6.5))


@pytest.mark.parametrize(
    ("text", "by_hand"),
    [
        ("y = 2*x1 - w1", 7.0),
        ("y = sum([x1, w1, b], Value(0.0))", 5.5),
        ("xs = [x1, w1]\nws = [w2, b]\ny = sum((a*c for a, c in zip(xs, ws)), b)", -11.0),
        ("y = -x1*x1", -4.0),
    ],
)
def test_arithmetic_of_own_values(text: str, by_hand: float) -> None:
    program = read_code(VALUE + text, "engine.py")
    trace = backtrace.trace(program.formula, program.point)
    assert trace.value == pytest.approx(by_hand)
    assert trace.ok
