"""Somebody's backward pass, line by line: right ones pass, a planted slip is found at its line."""

from __future__ import annotations

import json
import pathlib
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtrace.errors import BacktraceError
from backtrace.homework.backward import check_code, report
from backtrace.render import View
from tests.conftest import DATA, Command

CODE = DATA / "code" / "backward"
NET = (CODE / "softmax_net.py").read_text()
NORMED = {"x": "randn(4,3)", "gamma": "randn(3)", "beta": "randn(3)"}
Y = "[0,1,2,0,1]"
SIZES: dict[str, object] = {"input_size": "4", "hidden_size": "6", "output_size": "3"}
STACKED: dict[str, object] = {
    "inputs": "4",
    "hidden": "5",
    "outputs": "3",
    "x": "randn(6,4)",
    "t": "[0,1,2,0,1,2]",
}
RIGHT: list[tuple[str, str, dict[str, object]]] = [
    *((name, "", {}) for name in ("softmax_net", "svm", "attention", "lstm", "regression")),
    ("layernorm", "layernorm", dict(NORMED)),
    ("layernorm", "layernorm_backward", dict(NORMED)),
    ("layers", "Affine", {"x": "randn(4,3)", "W": "randn(3,2)", "b": "randn(2)"}),
    ("layers", "Relu", {"x": "randn(4,3)"}),
    ("layers", "Sigmoid", {"x": "randn(4,3)"}),
    ("layers", "MultiplyGate", {"x": "3", "y": "-4"}),
    ("layers", "SoftmaxWithLoss", {"x": "randn(2,3)", "t": "[[0,1,0],[1,0,0]]"}),
    ("losses", "softmax_loss", {"W": "randn(4,3)", "X": "randn(5,4)", "y": Y, "reg": "0.1"}),
    ("losses", "TwoLayerNet.loss", {**SIZES, "X": "randn(5,4)", "y": Y, "reg": "0.1"}),
    ("stacked", "Loss", {"x": "randn(4,3)", "t": "[0,2,1,1]"}),
    ("stacked", "Dense", {"x": "randn(4,3)", "W": "randn(3,2)", "b": "randn(2)"}),
    ("stacked", "Rectify", {"x": "randn(4,3)"}),
    ("stacked", "Net", dict(STACKED)),
    ("stacked", "Net.gradient", dict(STACKED)),
    ("../unit", "", {}),
    ("../embed", "", {}),
    ("../recurrent", "", {}),
    (
        "../standardise",
        "standardise",
        {"z": "randn(4,3)", "scale": "randn(3)", "offset": "[1,2,3]"},
    ),
    ("../layer", "Scale", {"x": "randn(4,3)", "gain": "randn(3)"}),
    ("../layer", "Clipped", {"x": "randn(4,3)"}),
]


@pytest.mark.parametrize(("file", "name", "given"), RIGHT)
def test_right_passes_are_right(file: str, name: str, given: dict[str, object]) -> None:
    judged = check_code((CODE / f"{file}.py").read_text(), f"{file}.py", name, given)
    assert judged.verdicts
    assert judged.ok, [(v.gradient.name, v.verdict, v.note) for v in judged.verdicts]


VARIANTS = [  # other order, other names, other but equal algebra
    ("ds = p.copy()\nds[np.arange(N), y] -= 1\nds /= N", "ds = (p - np.eye(2)[y]) / N"),
    ("da = dh.copy()\nda[a <= 0] = 0", "da = dh * (a > 0)"),
    ("da = dh.copy()\nda[a <= 0] = 0", "da = np.where(a > 0, dh, 0)"),
    ("da = dh.copy()\nda[a <= 0] = 0", "da = dh\nda[h == 0] = 0"),
    ("dW1 = X.T.dot(da)\ndW1 += 0.1*W1", "dW1 = 0.1*W1 + np.dot(X.T, da)"),
    ("db2 = ds.sum(axis=0)", "db2 = np.ones(N) @ ds"),
    ("dh = ds.dot(W2.T)", "dh = (W2 @ ds.T).T"),
    ("dW2 = h.T.dot(ds)", "grad_W2 = np.matmul(h.T, ds)"),
    ("dW2 = h.T.dot(ds)", "dL_dW2 = (ds.T @ h).T"),
    ("db1 = np.sum(da, axis=0)", "tmp = da.T\ndb1 = tmp.sum(1)"),
]


@pytest.mark.parametrize(("old", "new"), VARIANTS)
def test_equal_algebra_is_right(old: str, new: str) -> None:
    assert old in NET
    judged = check_code(NET.replace(old, new), "net.py")
    assert judged.ok, [(v.gradient.name, v.verdict, v.note) for v in judged.verdicts]


PLANTED = [  # what is written, the slip, its line, what it is called
    ("ds /= N\n", "", 16, "no-mean"),
    ("ds /= N", "ds *= N", 17, "inverted"),
    ("ds[np.arange(N), y] -= 1\n", "", 16, "label-kept"),
    ("da[a <= 0] = 0\n", "", 21, "no-mask"),
    ("a <= 0", "a < 0.5", 22, "wrong-number"),
    ("0.1*W1", "0.05*W1", 24, "factor-two"),
    ("dW1 += 0.1", "dW1 = 0.1", 24, "fork-lost"),
    ("dW1 += 0.1*W1\n", "", 23, "lost-term"),
    ("np.sum(da, axis=0)", "np.sum(da)", 25, "wrong-axis"),
    ("db1 = np.sum(da, axis=0)", "db1 = da", 25, "reduction"),
    ("ds.sum(axis=0)", "ds.mean(axis=0)", 19, "mean-for-sum"),
    ("ds.dot(W2.T)", "ds.dot(W2)", 20, "transposed"),
    ("X.T.dot(da)", "X.T.dot(dh)", 23, "wrong-variable"),
    ("X.T.dot(da)", "X.dot(da)", 23, "transposed"),
    ("h.T.dot(ds)", "ds.T.dot(h)", 18, "factors-swapped"),
    ("h.T.dot(ds)", "a.T.dot(ds)", 18, "act-at-input"),
    ("dh.copy()", "-dh.copy()", 21, "sign"),
]


@pytest.mark.parametrize(("right", "wrong", "line", "code"), PLANTED)
def test_a_slip_is_found_at_its_line(right: str, wrong: str, line: int, code: str) -> None:
    assert right in NET
    judged = check_code(NET.replace(right, wrong), "net.py")
    assert judged.fault is not None
    assert judged.fault.row == line
    assert code in [edit.code for edit in judged.fault.fits]


UNWRITTEN = """
import numpy as np
X = np.array([[0.5, -1.2], [1.0, 0.4], [-0.2, 0.8]])
W1 = np.array([[0.3, -0.6, 0.2], [0.8, 0.1, -0.5]])
a = X.dot(W1)
h = np.maximum(0, a)
loss = np.sum(h**2)
dh = ...  # TODO
da = ...  # TODO
dW1 = ...  # TODO
"""
TO_DO = "still to do"


@pytest.mark.parametrize("blank", ["...", "None"])
def test_what_is_still_to_do_is_said(blank: str) -> None:
    text = UNWRITTEN.replace("...", blank)
    judged = check_code(text, "net.py")
    assert [(v.gradient.name, v.verdict, v.row) for v in judged.verdicts] == [
        ("dh", TO_DO, 8),
        ("da", TO_DO, 9),
        ("dW1", TO_DO, 10),
    ]
    assert not judged.ok
    assert judged.fault is None
    assert report.remarks(judged, 2) == [
        "3 of 3 gradients are still to do",
        "",
        "gradients of loss, line 7",
    ]
    assert report.github(judged, 2).splitlines() == [
        f"::notice file=net.py,line={8 + k},col={c}::{name} is still to do"
        for k, (name, c) in enumerate((("dh", 6), ("da", 6), ("dW1", 7)))
    ]
    assert report.table(judged, View(width=80), 0).count(TO_DO) == 3
    filled = text.replace(f"dh = {blank}", "dh = 2*h").replace(f"dW1 = {blank}", "dW1 = X.T @ da")
    judged = check_code(filled, "net.py")
    assert [v.verdict for v in judged.verdicts] == ["ok", TO_DO, "not judged"]
    assert judged.verdicts[2].note == "da is still to do"
    assert judged.verdicts[2].row == 10
    late = filled.replace(f"da = {blank}", f"da = {blank}\nda = dh * (a > 0)")
    assert check_code(late, "net.py").ok


def test_what_is_still_to_do_in_functions_and_dictionaries() -> None:
    pair = """
def scale_forward(x, w):
    return x * w, (x, w)

def scale_backward(dout, cache):
    x, w = cache
    dx, dw = None, None
    dx = dout * w
    return dx, dw
"""
    judged = check_code(pair, "a.py", "scale", {"x": "randn(3)", "w": "2"})
    assert [(v.gradient.name, v.verdict) for v in judged.verdicts] == [("dw", TO_DO), ("dx", "ok")]
    held = UNWRITTEN.replace("dh =", "grads = {}\ngrads['h'] =").replace("da =", "grads['a'] =")
    judged = check_code(held, "a.py")
    assert [(v.gradient.name, v.verdict) for v in judged.verdicts] == [
        ("dh", TO_DO),
        ("da", TO_DO),
        ("dW1", TO_DO),
    ]


NUMBERS = """
x = 1.9
y = -0.7
c = 2.7
q = x + y
f = q * c
df = 1
dq = df * c
dx = {dx}
dy = dq
"""


BY_CHANCE = """
import numpy as np
x = 2.1
q = x * 1.4
r = np.exp(-q)
f = 0.4 * x / r
dr = -0.4 * x / r{square}
dq = -dr * r
dx = 0.4 / r + dq * 1.4
"""


def test_a_slip_that_makes_a_gradient_another_ones_is_told_at_its_line() -> None:
    """Without its square, dr is what goes into the exp."""
    assert check_code(BY_CHANCE.format(square="**2"), "a.py").ok
    judged = check_code(BY_CHANCE.format(square=""), "a.py")
    follows = "follows from an earlier slip"
    assert [v.verdict for v in judged.verdicts] == ["wrong", follows, follows]


def test_a_gradient_that_is_a_mask_is_judged() -> None:
    judged = check_code(NET.replace("da = dh.copy()\nda[a <= 0] = 0", "da = a > 0"), "net.py")
    assert {v.gradient.name: v.verdict for v in judged.verdicts}["da"] == "wrong"
    named = NET.replace("da = dh.copy()\nda[a <= 0] = 0", "keep = a > 0\nda = dh * keep")
    assert check_code(named, "net.py").ok


def test_a_gradient_that_is_a_number_is_judged() -> None:
    def verdicts(dx: str) -> dict[str, str]:
        judged = check_code(NUMBERS.format(dx=dx), "a.py")
        return {v.gradient.name: v.verdict for v in judged.verdicts}

    assert verdicts("dq") == dict.fromkeys(("df", "dq", "dx", "dy"), "ok")
    assert verdicts("1")["dx"] == "wrong"
    assert verdicts("2.7")["dx"] == "right at these numbers only"
    assert "dx" not in verdicts("0.001")  # a step


EMBED = """
import numpy as np
C = np.array([[0.2, -0.4], [0.7, 0.1], [-0.3, 0.9]])
ix = np.array([[2, 0], [2, 1]])
G = np.array([[[1.0, 2.0], [0.5, -1.0]], [[0.3, 0.2], [1.5, 1.0]]])
x = C[ix]
loss = np.sum(x * G)
dx = G
dC = np.zeros_like(C)
np.add.at(dC, ix, dx)
"""


@pytest.mark.parametrize("line", ["dC[ix] += dx", "dC[ix] = dx"])
def test_rows_that_are_looked_up_twice(line: str) -> None:
    assert check_code(EMBED, "embed.py").ok
    judged = check_code(EMBED.replace("np.add.at(dC, ix, dx)", line), "embed.py")
    assert [v.verdict for v in judged.verdicts] == ["ok", "wrong"]
    assert judged.fault is not None
    assert judged.fault.row == 10
    assert [edit.code for edit in judged.fault.fits] == ["repeated-index"]
    given = [[0.5, -1.0], [1.5, 1.0], [0.3, 0.2]]  # as NumPy: the last that is written stays
    assert np.array_equal(judged.fault.given, given)


def test_rows_that_are_looked_up_once_may_be_twice() -> None:
    text = EMBED.replace("[[2, 0], [2, 1]]", "[[2], [0]]")
    text = text.replace(
        "[[[1.0, 2.0], [0.5, -1.0]], [[0.3, 0.2], [1.5, 1.0]]]", "[[[1.0, 2.0]], [[0.3, 0.2]]]"
    )
    judged = check_code(text.replace("np.add.at(dC, ix, dx)", "dC[ix] += dx"), "embed.py")
    assert [v.verdict for v in judged.verdicts] == ["ok", "right at these numbers only"]
    assert judged.fault is not None
    assert [edit.code for edit in judged.fault.fits] == ["repeated-index"]
    every_row_once = text.replace("[[2], [0]]", "[[2], [0], [1]]").replace(
        "[[0.3, 0.2]]]", "[[0.3, 0.2]], [[1.0, 4.0]]]"
    )
    assert check_code(every_row_once.replace("np.add.at(dC, ix, dx)", "dC[ix] = dx"), "p.py").ok


@pytest.mark.parametrize(
    ("right", "wrong", "line", "code"),
    [
        ("+ 2 * reg * W1", "+ reg * W1", 45, "factor-two"),
        ("dscores /= N", "dscores /= D", 40, "wrong-count"),
        ("dh1[h1 <= 0] = 0", "pass", 45, "no-mask"),
        ("np.sum(dh1, axis=0)", "np.sum(dh1, axis=1)", 46, "wrong-axis"),
        ("h1.T.dot(dscores)", "h1.T.dot(dscores.T)", 41, "transposed"),
    ],
)
def test_slips_in_a_class_with_a_loss(right: str, wrong: str, line: int, code: str) -> None:
    text = (CODE / "losses.py").read_text()
    assert right in text
    given = {**SIZES, "X": "randn(5,4)", "y": Y, "reg": "0.1"}
    judged = check_code(text.replace(right, wrong), "losses.py", "TwoLayerNet.loss", given)
    assert judged.fault is not None
    assert judged.fault.row == line
    assert code in [edit.code for edit in judged.fault.fits]


def test_what_comes_after_a_slip_follows() -> None:
    judged = check_code(NET.replace("ds /= N\n", ""), "net.py")
    verdicts = {v.gradient.name: v.verdict for v in judged.verdicts}
    assert verdicts["ds"] == "wrong"
    after = {verdicts[name] for name in ("dW2", "db2", "dh", "da", "dW1", "db1")}
    assert after == {"follows from an earlier slip"}


def test_how_the_code_was_read_is_said() -> None:
    text = "x = 2.0\nfor step in range(100):\n    y = x**2\n    dx = 2*x\n    x -= 0.1*dx\n"
    judged = check_code(text, "train.py")
    assert judged.ok
    assert report.remarks(judged, 2)[-1] == "note: a loop that trains, or has no end, is read once"


def test_numbers_that_hide_a_slip_are_no_excuse() -> None:
    text = "x = 2.0\ny = x**2\ndx = x + 2\n"  # 2x and x + 2 are 4 at 2
    judged = check_code(text, "square.py")
    assert judged.verdicts[0].verdict == "right at these numbers only"
    assert not judged.ok


def test_the_report(tmp_path: pathlib.Path, backtrace_command: Command) -> None:
    path = tmp_path / "net.py"
    path.write_text(NET)
    assert backtrace_command("check", str(path)).status == 0
    path.write_text(NET.replace("h.T.dot(ds)", "ds.T.dot(h)"))
    ended = backtrace_command("check", str(path))
    assert ended.status == 1
    assert f"{path}:18:7: dW2 is wrong\n  dW2 = ds.T.dot(h)\n        ^^^^^^^^^^^" in ended.out
    assert "dW2 is 2x5, W2 is 5x2: transposed?" in ended.out
    assert "its factors in the wrong order" in ended.out
    assert "factors" not in backtrace_command("check", str(path), "--hint-level", "1").out
    assert ":18:" not in backtrace_command("check", str(path), "--hint-level", "0").out
    described = json.loads(backtrace_command("check", str(path), "--json").out)
    assert described["first_fault"] == "dW2"
    answers = {a["name"]: a for a in described["answers"]}
    assert (answers["dW2"]["line"], answers["dW2"]["verdict"]) == (18, "wrong")
    told = backtrace_command("check", str(path), "--format", "github").out
    assert told.startswith("::error file=")
    assert "line=18,col=7::dW2 is wrong" in told
    assert (
        "| `dW2` | 18 | wrong |"
        in backtrace_command("check", str(path), "--format", "markdown").out
    )


@pytest.mark.parametrize(
    ("due", "there", "line", "wrong"),
    [
        ("self.x.T @ dout", "self.x.T @ dout / 6", 29, {"dW1", "dW2"}),
        ("dout.sum(axis=0)", "dout.mean(axis=0)", 30, {"db1", "db2"}),
        ("dout[self.off] = 0", "dout[~self.off] = 0", 42, {"dW1", "db1"}),
        ("return dx / n", "return dx", 59, {"dW1", "dW2", "db1", "db2"}),
        ("layers.reverse()\n", "\n", 29, {"dW1", "db1"}),
    ],
)
def test_a_slip_in_a_layer_is_found_through_the_net_that_stacks_it(
    due: str, there: str, line: int, wrong: set[str]
) -> None:
    text = (CODE / "stacked.py").read_text()
    assert due in text
    judged = check_code(text.replace(due, there), "net.py", "Net", STACKED)
    found = {v.gradient.name for v in judged.verdicts if not v.passes}
    assert wrong <= found
    assert line in {v.row for v in judged.verdicts if v.verdict == "wrong"}


def test_a_closed_form_may_leave_out_what_keeps_a_log_from_0() -> None:
    text = "import numpy as np\nx = np.array([0.2, 0.9])\neps = 1e-7\n"
    text += "s = np.sum(np.log(x + eps))\ndx = 1/x"
    assert check_code(text, "a.py").ok
    assert check_code(text.replace("1/x", "1/(x + eps)"), "a.py").ok
    assert not check_code(text.replace("1e-7", "0.1"), "a.py").ok
    assert not check_code(text.replace("1/x", "2/x"), "a.py").ok


def test_a_lost_axis_that_spoils_what_follows_is_the_fault() -> None:
    text = (
        "import numpy as np\nx = np.array([[0.5, -1.2, 0.3], [1.1, 0.4, -0.7], [0.2, 0.9, 1.4]])\n"
        "e = np.exp(x)\ns = e.sum(axis=1, keepdims=True)\ni = s**-1\np = e*i\n"
        "loss = (p**2).sum()\ndp = 2*p\ndi = (e*dp).sum(axis=1, keepdims=True)\n"
        "ds = -s**-2*di\nde = i*dp + np.ones_like(e)*ds\ndx = e*de"
    )
    assert check_code(text, "a.py").ok
    judged = check_code(text.replace("dp).sum(axis=1, keepdims=True)", "dp).sum(axis=1)"), "a.py")
    assert judged.fault is not None
    assert (judged.fault.gradient.name, judged.fault.row) == ("di", 9)
    assert [edit.code for edit in judged.fault.fits] == ["keepdims"]


def test_a_gradient_of_zeros_is_wrong_beside_one_that_is() -> None:
    text = START + "dW = X @ X\ndX = np.zeros_like(X)\n"
    verdicts = {v.gradient.name: v.verdict for v in check_code(text, "a.py").verdicts}
    assert verdicts["dW"] == verdicts["dX"] == "wrong"


REFUSED = [
    ("x = 1.0\ny = x*2", "", "no gradient is worked out"),
    ("def f_forward(x):\n    return x*2", "f", "there is no f_backward"),
    ("class A:\n    def forward(self, x):\n        return x", "A", "no forward and backward"),
    ("x = 1.0\n", "g", "there is no 'g'"),
    ("x = (", "", "never closed"),
]


@pytest.mark.parametrize(("text", "name", "words"), REFUSED)
def test_what_cannot_be_judged_is_told(text: str, name: str, words: str) -> None:
    with pytest.raises(BacktraceError, match=words):
        check_code(text, "a.py", name, {"x": "2"})


START = """import numpy as np
X = np.array([[0.5, -1.2], [1.0, 0.4]])
W = np.array([[0.3, -0.6], [0.8, 0.1]])
b = np.array([0.1, -0.2])
z = X @ W + b
h = np.maximum(0, z)
loss = (h**2).sum()
"""
LINES = """dV = P @ Q; dV = P*Q; dV = P; dV += P; dV = P.T @ Q; dV = np.sum(P, axis=0)
dV[P > 0] = 0; dV = 2*P; dV = P.sum(); dV = np.zeros_like(P); dV /= 2; t = P*Q; dV = P[0]
dV = [P, Q]; dV = foo(P); del dV; dV, dV = P, Q; dV = np.where(P > 0, Q, 0); W = W - 0.1*dV
dV = None; dV = 'x'
dV = 1/0; dV = P/0.0; dV = np.exp(1000*P); np.add.at(dV, [0, 1], P); dV = P.copy(); h = h*2
z += 1; dV[0] = P[1]"""
FORMS = [line.strip() for line in LINES.replace("\n", ";").split(";")]
NAMES = st.sampled_from(["X", "W", "b", "z", "h", "loss", "dh", "dz", "dW", "db", "dX", "t"])


@st.composite
def written_lines(draw: st.DrawFn) -> str:
    form = draw(st.sampled_from(FORMS))
    words = {"V": draw(st.sampled_from("XWbzh")), "P": draw(NAMES), "Q": draw(NAMES)}
    return re.sub(r"\b(d?)([VPQ])\b", lambda found: found[1] + words[found[2]], form)


@given(st.lists(written_lines(), min_size=1, max_size=7))
@settings(max_examples=60, deadline=None)
@pytest.mark.slow
def test_any_lines_are_judged_or_refused(lines: list[str]) -> None:
    try:
        judged = check_code(START + "\n".join(lines) + "\n", "a.py")
    except BacktraceError:
        return
    assert judged.verdicts
    for level in range(4):
        described = json.loads(report.as_json(judged, level))
        assert described["ok"] is all(a["verdict"] == "ok" for a in described["answers"])
        assert report.github(judged, level).count("::error") <= len(judged.verdicts)


@pytest.mark.parametrize("begun", ["{}", "dict()"])
def test_gradients_in_a_dictionary_of_a_script_add_up(begun: str) -> None:
    text = NET.replace("dW1 =", "grads['W1'] =").replace("dW1 +=", "grads['W1'] +=")
    judged = check_code(f"grads = {begun}\n{text}", "net.py")
    assert judged.ok, [(v.gradient.name, v.verdict) for v in judged.verdicts]
    slip = text.replace("0.1*W1", "0.2*W1")
    fault = check_code(f"grads = {begun}\n{slip}", "net.py").fault
    assert fault is not None
    assert (fault.gradient.name, fault.row) == ("dW1", 25)
