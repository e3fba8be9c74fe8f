"""Classes that work out gradients by themselves, whatever they call the number they hold."""

from __future__ import annotations

import pytest

from backtrace.homework.backward import check_code

VALUE = """
class Scalar:
    def __init__(self, v, prev=(), local=()):
        self.v = float(v)
        self.g = 0.0
        self.prev, self.local = prev, local
    def __add__(self, o):
        o = o if isinstance(o, Scalar) else Scalar(o)
        return Scalar(self.v + o.v, (self, o), (1.0, 1.0))
    def __mul__(self, o):
        o = o if isinstance(o, Scalar) else Scalar(o)
        return Scalar(self.v * o.v, (self, o), (o.v, self.v))
    def backward(self):
        topo, seen = [], set()
        def visit(n):
            if id(n) in seen:
                return
            seen.add(id(n))
            for p in n.prev:
                visit(p)
            topo.append(n)
        visit(self)
        self.g = 1.0
        for n in reversed(topo):
            for p, l in zip(n.prev, n.local):
                p.g += l * n.g
"""


@pytest.mark.parametrize("name", ["v", "value_", "number", "x", "_data"])
def test_the_number_is_what_the_first_argument_sets(name: str) -> None:
    text = VALUE.replace(".v ", f".{name} ").replace(".v,", f".{name},").replace(".v)", f".{name})")
    judged = check_code(text, "scalar.py")
    assert judged.ok, [(v.gradient.name, v.verdict, v.note) for v in judged.verdicts]
    slip = check_code(text.replace(f"(o.{name}, self.{name})", f"(self.{name}, o.{name})"), "s.py")
    assert {v.gradient.name for v in slip.verdicts if v.verdict == "wrong"} == {
        "__mul__.self",
        "__mul__.o",
    }


@pytest.mark.slow
def test_a_node_that_is_taken_twice_is_told() -> None:
    slip = check_code(VALUE.replace("            seen.add(id(n))\n", ""), "scalar.py")
    assert not slip.ok
