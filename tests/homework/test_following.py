"""Right lines behind a slip are never told as wrong, however they use the names over."""

from __future__ import annotations

import pytest

from backtrace.homework.backward import Judged, check_code
from backtrace.homework.backward.judging import FOLLOWS, IN_GENERAL, UNREAD, WRONG
from tests.benchmarks.programs import PROGRAMS

TEXTS = {str(program): program for program in PROGRAMS}


def judged(program: str, right: str, wrong: str) -> Judged:
    of = TEXTS[program]
    assert right in of.text
    return check_code(of.text.replace(right, wrong), of.file, of.name, of.checked_with)


def faults(found: Judged) -> list[tuple[str, int, list[str]]]:
    wrong = [v for v in found.verdicts if v.verdict in (WRONG, IN_GENERAL)]
    return [(v.gradient.name, v.row, [fit.code for fit in v.fits]) for v in wrong]


NORM = "batchnorm_class:BatchNormalization"
SLIPS = [  # the one fault that is told: its name, its line, what fits
    ("same_name", "dscores /= N", "pass", ("dscores", 21, "no-mean")),
    ("same_name", "dscores[np.arange(N), y] -= 1", "pass", ("dscores", 22, "label-kept")),
    ("same_name", "dscores.dot(W3.T)", "-dscores.dot(W3.T)", ("dh2", 24, "sign")),
    ("same_name", "dscores.dot(W3.T)", "W3.dot(dscores.T)", ("dh2", 24, "factors-swapped")),
    ("same_name", "(1 - h2**2)", "(1 - h2)", ("dh2", 25, "pow-rule")),
    ("same_name", "dh2.dot(W2.T)", "2 * dh2.dot(W2.T)", ("dh1", 28, "factor-two")),
    ("same_name", "h1 <= 0", "h1 > 0", ("dh1", 29, "wrong-mask")),
    ("least_squares", "dout = out - t", "dout = 2 * (out - t)", ("dout", 12, "factor-two")),
    ("least_squares", "dout @ V.T", "dout * V", ("dh", 15, "entry-product")),
    ("least_squares", "dh * (h > 0)", "dh * (h < 0)", ("dh", 16, "wrong-mask")),
    (NORM, "dxc += (2.0", "dxc = (2.0", ("dxc", 29, "fork-lost")),
    (NORM, "dmu = np.sum(dxc, axis=0)", "dmu = np.sum(dxc, axis=1)", ("dmu", 30, "wrong-axis")),
    (NORM, "dx = dxc - dmu", "dx = dxn - dmu", ("dx", 31, "wrong-variable")),
]


@pytest.mark.parametrize(
    ("program", "right", "wrong", "fault"),
    [pytest.param(*s, marks=[pytest.mark.slow] if s[0] == "same_name" else []) for s in SLIPS],
)
def test_one_slip_is_one_fault(
    program: str, right: str, wrong: str, fault: tuple[str, int, str]
) -> None:
    name, row, code = fault
    [(given_name, given_row, codes)] = faults(judged(program, right, wrong))
    assert (given_name, given_row) == (name, row)
    assert code in codes


@pytest.mark.parametrize(
    ("program", "slips", "found"),
    [
        (
            "least_squares",
            [("dout = out - t", "dout = 2 * (out - t)"), ("dh * (h > 0)", "dh * (h < 0)")],
            [("dout", 12, ["factor-two"]), ("dh", 16, ["wrong-mask"])],
        ),
        pytest.param(
            "same_name",
            [("dscores /= N", "pass"), ("X.T.dot(dh1)", "-X.T.dot(dh1)")],
            [("dscores", 21, ["no-mean"]), ("dW1", 30, ["sign"])],
            marks=pytest.mark.slow,
        ),
    ],
)
def test_two_slips_are_two_faults(
    program: str, slips: list[tuple[str, str]], found: list[tuple[str, int, list[str]]]
) -> None:
    of, text = TEXTS[program], TEXTS[program].text
    for right, wrong in slips:
        assert text.count(right) == 1
        text = text.replace(right, wrong)
    assert faults(check_code(text, of.file)) == found


FIRST = """
import numpy as np
X = np.random.randn(4, 3)
t = np.random.randn(4, 5)
W = np.random.randn(3, 5)
h = np.maximum(0, X @ W)
loss = ((h - t) ** 2).sum()
dh = {}
dh[h <= 0] = 0
dW = X.T @ dh
"""


def test_the_first_version_of_a_gradient_is_at_fault() -> None:
    assert check_code(FIRST.format("2 * (h - t)"), "a.py").ok
    found = check_code(FIRST.format("h - t"), "a.py")
    assert faults(found) == [("dh", 8, ["factor-two"])]
    assert {v.gradient.name: v.verdict for v in found.verdicts}["dW"] == FOLLOWS
    assert found.verdicts[0].of == "h"


MEAN = """
import numpy as np
X = np.random.randn(6, 3)
t = np.random.randn(6, 4)
W = np.random.randn(3, 4)
out = X @ W
loss = np.mean((out - t) ** 2)
dout = {}
dW = X.T @ dout
"""


@pytest.mark.parametrize(
    ("line", "codes"),
    [
        ("2 * (out - t) / out.size", []),
        ("2 * (out - t)", ["no-mean"]),
        ("2 * (out - t) / out.shape[0]", ["wrong-count"]),
        ("(out - t) / out.size", ["factor-two"]),
        ("2 * (out - t) / out.size * 2", ["factor-two"]),
        ("(out - t) / 6", ["factor-two"]),
    ],
)
def test_a_mean_over_all_entries(line: str, codes: list[str]) -> None:
    told = faults(check_code(MEAN.format(line), "a.py"))
    assert [fits for _, _, fits in told] == ([codes] if codes else [])


SKIPPED = """
import numpy as np
x, t = np.random.randn(4, 3), np.random.randn(4, 2)
W1, W2 = np.random.randn(3, 5), np.random.randn(5, 2)
z = x @ W1
h = {activation}
out = z @ W2
loss = np.sum((out - t)**2)
dout = 2*(out - t)
dW2 = h.T @ dout
dh = dout @ W2.T
dz = {back}
dW1 = x.T @ dz
"""


@pytest.mark.parametrize(
    ("activation", "back"),
    [("np.maximum(0, z)", "dh * (z > 0)"), ("np.tanh(z)", "dh * (1 - h**2)")],
)
def test_a_value_that_no_forward_line_uses(activation: str, back: str) -> None:
    """The net goes past the activation, and the way back through it: that is said of its gradient,
    and the first line that is wrong uses its value."""
    found = check_code(SKIPPED.format(activation=activation, back=back), "skipped.py")
    [unused] = [v for v in found.verdicts if v.gradient.name == "dh"]
    assert unused.verdict == UNREAD
    assert "does not depend on h: has a forward line left it out?" in unused.note
    assert found.fault is not None
    assert (found.fault.gradient.name, found.fault.fits[0].code) == ("dW2", "wrong-variable")


@pytest.mark.parametrize(
    ("back", "code"),
    [
        ("np.where(z < 0, 0, dh)", "extra-factor"),
        ("dh * (z > 0)", "extra-factor"),
        ("dh.copy()\ndz[z < 0] = 0", "changed-in-place"),
    ],
)
def test_a_mask_that_no_forward_line_has(back: str, code: str) -> None:
    text = SKIPPED.format(activation="z", back=back).replace("z @ W2", "h @ W2")
    [(name, _, codes)] = faults(check_code(text, "masked.py"))
    assert (name, code) == ("dz", codes[0])
