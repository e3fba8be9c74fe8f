"""Names share what they are bound to, as in Python: whatever lines a program is made of, it is
NumPy's number or a refusal, never another number."""

from __future__ import annotations

import textwrap
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import backtrace
from backtrace.code import read_code
from backtrace.errors import BacktraceError
from tests.conftest import DATA


def by_numpy(text: str) -> Any:
    """What the program computes, run by Python (programs of these tests only); None if it fails."""
    names: dict[str, Any] = {"np": np}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exec(compile(text, "program", "exec"), names)
    except (ArithmeticError, TypeError, ValueError, NameError, LookupError, AttributeError):
        return None
    return names["out"]


def by_us(text: str) -> Any:
    program = read_code(text, "net.py", of="out")
    return backtrace.trace(program.formula, program.point, check=False).value


PROGRAMS = (DATA / "code" / "programs.txt").read_text().split("\n----\n")


@pytest.mark.parametrize("text", PROGRAMS)
def test_programs_have_numpys_number(text: str) -> None:
    np.testing.assert_allclose(by_us(text), by_numpy(text), rtol=1e-12)


PRELUDE = """
a = np.array([[1., 2.], [3., 5.]])
b = np.array([[0.5, -1.], [2., 1.5]])
c = np.ones((2, 2))
s, t = 2.0, 0.5
L, d = [a, b], {'k': c}

def f(p, q=b):
    p = p + q
    return p*q

def g(p):
    p += 1
    return p

class Scale:
    def __init__(self, w):
        self.w = w

    def of(self, x):
        self.last = x
        return self.w*x

    def grow(self):
        self.w *= 2

o = Scale(a)
"""
LINES = """
X = Y; X = Y + Z; X = Y*2; X += Y; X -= 1; X *= Y; X = Y.T; X = Y.copy(); X = Y/(Z*Z + 1)
X = Y.reshape(4).reshape(2, 2); X = np.maximum(Y, 0.5); X = f(Y, Z); X = f(Y); X = g(Y); g(X)
X, Y = Y, X; L.append(X); X = L[-1]; L[0] = X; L[0] += X; d['k'] = X; X = d['k']; d['k'] *= Y
X = Y @ Z; X = Y - Y.mean(axis=0); X = np.asarray(Y); s = X.sum(); t = s; s += 1; s = t*2
X = Y*s; X = Y[::-1]; o.w = X; X = o.of(Y); o.grow(); X = o.last; X = np.array(Y); M = L; M[0] = X
X = L.pop() if len(L) > 2 else X; L = L + [X]; L += [Y]; L = [v*2 for v in L]; X = sum(L)
for v in L: v += 1; for v in L: v = v + 1; for X in [Y, Z]: X = X + 1; for k in range(2): X = X*t
X = Y if len(L) > 2 else Z; s = max(s, t); X = np.where(Y > 1, Y, Z); X = (Y > 1)*Z; X = +Y
X = Y[0] + Z; X = np.stack([Y[0], Z[1]]); X = np.concatenate([Y[:1], Z[1:]]); s = float(s); X = Y**2
X = Y.mean()*Z; X = Y.sum(axis=1, keepdims=True)*Z; X = -Y; X = Y.max(axis=0)*Z
s = s if X is Y else t; d = dict(d)
h = lambda v: v*Z; X = (lambda v, w=2: v*w)(Y); X = X.std()*Y; X = Y.var(axis=0) + Z
"""
LINES_OF = [line.strip() for line in LINES.replace("\n", ";").split(";") if line.strip()]
NAMES = st.sampled_from(["a", "b", "c"])


@st.composite
def programs(draw: st.DrawFn) -> str:
    body = draw(st.lists(st.sampled_from(LINES_OF), min_size=1, max_size=9))
    lines = []
    for line in body:
        names = {word: draw(NAMES) for word in "XYZ"}
        words = [names.get(word, word) for word in _split(line)]
        lines.append("".join(words))
    ending = "out = (a*b + c).sum()*s + t + sum(v.sum() for v in L) + d['k'].sum() + o.w.sum()"
    return "\n".join([PRELUDE, *lines, ending])


def _split(line: str) -> list[str]:
    """Words and what stands between them."""
    found: list[str] = []
    for sign in line:
        is_word = sign.isalnum()
        if found and is_word and found[-1].isalnum():
            found[-1] += sign
        else:
            found.append(sign)
    return found


@given(programs())
@settings(max_examples=150, deadline=None)
def test_any_program_has_numpys_number_or_is_refused(text: str) -> None:
    wanted = by_numpy(text)
    try:
        found = by_us(text)
    except BacktraceError:
        return
    if wanted is not None:
        np.testing.assert_allclose(found, wanted, rtol=1e-9)


def test_most_programs_are_read() -> None:
    """Refusing everything would satisfy the test above: of one line each, these are read."""
    read = []
    for line in LINES_OF:
        text = line.replace("X", "a").replace("Y", "b").replace("Z", "c")
        try:
            by_us(textwrap.dedent(PRELUDE) + text + "\nout = (a*b + c).sum()*s + t")
            read.append(line)
        except BacktraceError:
            pass
    assert len(read) >= 0.9 * len(LINES_OF), set(LINES_OF) - set(read)


@pytest.mark.parametrize("line", ["a = np.asarray(b)", "a = b.reshape(2, 2)", "a = b[:]"])
@pytest.mark.parametrize("test", ["a is b", "a is not b", "b is a"])
def test_what_may_be_one_object_is_no_condition(line: str, test: str) -> None:
    """NumPy's asarray gives the array itself, a reshape another object of the same numbers."""
    text = f"{PRELUDE}\n{line}\nout = a.sum()*(2.0 if {test} else 3.0)\n"
    with pytest.raises(BacktraceError, match="whether these are one object"):
        by_us(text)
    apart = text.replace(line, "a = b.copy()")
    np.testing.assert_allclose(by_us(apart), by_numpy(apart))
    same = text.replace(line, "a = b")
    np.testing.assert_allclose(by_us(same), by_numpy(same))
