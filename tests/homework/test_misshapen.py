"""Slips that spoil shapes, and changes in place: read as NumPy reads them, told at their lines."""

from __future__ import annotations

import numpy as np
import pytest

from backtrace import trace
from backtrace.code import read_code
from backtrace.errors import BacktraceError
from backtrace.homework.backward import check_code
from backtrace.homework.backward.judging import Judged

NET = """\
import numpy as np
X = np.array([[0.5, -1.2, 0.3], [1.0, 0.4, -0.7], [-0.2, 0.8, 0.9], [0.6, -0.1, 1.1]])
y = np.array([0, 1, 2, 0])
W1 = np.random.randn(3, 5)
b1 = np.random.randn(5)
W2 = np.random.randn(5, 4)
a = X @ W1 + b1
h = np.maximum(0, a)
s = h @ W2
e = np.exp(s)
p = e / e.sum(axis=1, keepdims=True)
loss = -np.log(p[np.arange(4), y]).sum()

ds = p.copy()
ds[np.arange(4), y] -= 1
dW2 = h.T @ ds
dh = ds @ W2.T
da = dh * (a > 0)
dW1 = X.T @ da
db1 = da.sum(axis=0)
"""
SUM = """\
import numpy as np
x = np.array([[1.0], [2.0]])
c = np.array([[1.0, 2.0], [3.0, 4.0]])
s = x**2
p = c*s
L = p.sum()

dp = np.ones_like(p)
ds = (c*dp).sum(1, keepdims=True)
dc = s*dp
dx = 2*x*ds
"""


def found(text: str) -> tuple[int, list[str]]:
    fault = check_code(text, "net.py").fault
    assert fault is not None
    return fault.row, [edit.code for edit in fault.fits]


def planted(text: str, right: str, wrong: str) -> tuple[str, int]:
    """The text with a slip, and its line."""
    assert text.count(right) == 1
    return text.replace(right, wrong), text[: text.index(right)].count("\n") + 1


@pytest.mark.parametrize(
    ("right", "wrong", "code"),
    [
        ("dh = ds @ W2.T", "dh = ds @ W1.T", "wrong-variable"),
        ("dh = ds @ W2.T", "dh = da0 @ W2.T", ""),
        ("da = dh * (a > 0)", "da = dh * (X > 0)", "wrong-mask"),
        ("dW1 = X.T @ da", "dW1 = X.T @ ds", "wrong-variable"),
        ("dW2 = h.T @ ds", "dW2 = y.T @ ds", "wrong-variable"),
        ("db1 = da.sum(axis=0)", "db1 = da.sum(axis=1)", "wrong-axis"),
        ("ds[np.arange(4), y] -= 1", "ds[np.arange(4), y] = p[np.arange(4)] - 1", ""),
    ],
)
def test_what_fits_nothing_is_told_at_its_line(right: str, wrong: str, code: str) -> None:
    text, line = planted(NET, right, wrong)
    row, codes = found(text)
    assert row == line
    assert codes[:1] == [code] * bool(code)


def test_the_net_and_the_sum_are_right() -> None:
    for text in (NET, SUM):
        judged = check_code(text, "net.py")
        assert judged.ok
        assert len(judged.verdicts) >= 4


def test_a_forward_array_that_is_changed_in_place_is_what_it_is_then() -> None:
    """dc = s*dp, by a way that changes s: right, where s is not needed any more."""
    text = SUM.replace("[[1.0], [2.0]]", "[[1.0, 1.0], [2.0, 2.0]]")
    text = text.replace(".sum(1, keepdims=True)", "")
    assert check_code(text, "net.py").ok
    assert check_code(text.replace("dc = s*dp", "s *= dp; dc = s"), "net.py").ok
    twice = check_code(text.replace("dc = s*dp", "s *= 3*dp; dc = s"), "net.py")
    assert [v.gradient.name for v in twice.verdicts if not v.passes] == ["dc"]


def test_what_is_changed_in_place_keeps_its_shape() -> None:
    text, line = planted(SUM, "dc = s*dp", "s *= dp; dc = s")
    judged: Judged = check_code(text, "net.py")
    fault = judged.fault
    assert fault is not None
    assert fault.row == line
    assert fault.note == "what is changed in place is 2x1 and cannot hold 2x2"
    assert [edit.code for edit in fault.fits] == ["changed-in-place"]


@pytest.mark.parametrize("op", ["*", "+", "-", "/"])
def test_the_same_forward(op: str) -> None:
    text = f"import numpy as np\ns = x**2\ns {op}= c\nL = s.sum()\n"
    point = {"x": [[1.0], [2.0]], "c": [[1.0, 2.0], [3.0, 4.0]]}
    with pytest.raises(
        BacktraceError, match="what is changed in place is 2x1 and cannot hold"
    ) as e:
        read_code(text, "net.py", given=point)
    assert e.value.hint == f"write s = s {op} c"
    plain = read_code(text.replace(f"s {op}= c", f"s = s {op} c"), "net.py", given=point).formula
    x, c = np.array(point["x"]), np.array(point["c"])
    due = {"*": x**2 * c, "+": x**2 + c, "-": x**2 - c, "/": x**2 / c}[op].sum()
    assert trace(plain, point).value == pytest.approx(due)


def test_an_array_that_is_changed_too_early_is_told_where_it_is_changed() -> None:
    text, line = planted(NET, "dW2 = h.T @ ds\n", "h *= ds.sum(); dW2 = h.T @ ds\n")
    row, codes = found(text.replace("da = dh * (a > 0)", "da = dh * (h > 0)"))
    assert (row, codes[:1]) == (line, ["changed-in-place"])


LOOP = """\
import numpy as np
x = np.array([[1.0, 2.0], [3.0, -1.0], [0.5, 2.0]])
b = np.array([0.1, -0.2])
L = 0
for t in range(3):
    L += np.sum(np.exp(x[t] + b))

db = np.zeros_like(b)
for t in range(3):
    dy = np.copy(np.exp(x[t] + b))
    dy *= 1.0
    db += dy
"""


def test_what_a_loop_sets_where_it_is_to_add_up() -> None:
    assert check_code(LOOP, "net.py").ok
    text, line = planted(LOOP, "db += dy", "db = dy")
    assert found(text) == (line, ["fork-lost"])


PARTS = """\
import numpy as np
x = np.array([1.0, 2.0, 3.0])
u = x**2
v = np.exp(x)
L = np.sum(u*v)

du = v
dv = u
dx1 = 2*x*du
dx2 = v*dv
dx = dx1 + dx2
"""


@pytest.mark.parametrize(
    ("right", "wrong"), [("dx2 = v*dv", "dx2 = v"), ("dx1 = 2*x*du", "dx1 = 2*x")]
)
def test_parts_of_a_gradient_are_lines_of_their_own(right: str, wrong: str) -> None:
    assert check_code(PARTS, "net.py").ok
    text, line = planted(PARTS, right, wrong)
    assert found(text)[0] == line
