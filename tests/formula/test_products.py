"""Products of arrays in a row, numbers and entries in LaTeX: one meaning, or refused."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import backtrace
from backtrace.errors import BacktraceError

POINT: dict[str, Any] = {
    "u": np.array([4.0, 5.0, 7.0]),
    "v": np.array([1.0, 2.0, -3.0]),
    "A": np.array([[2.0, 1.0, 0.0], [1.0, 3.0, 1.0], [0.5, 1.0, 4.0]]),
    "B": np.array([[1.0, 2.0, 3.0], [4.0, -5.0, 6.0], [7.0, 8.0, 10.0]]),
    "c": 1.5,
    "x": 2.0,
}
SIGNS = {
    "": ("{} {}", "{} {}"),
    "⊙": (r"{} \odot {}", "{} ⊙ {}"),
    "·": (r"{} \cdot {}", "{}·{}"),
}


def value_of(text: str) -> Any:
    """With the values that the formula has a use for; None where it is refused."""
    point = dict(POINT)
    while True:
        try:
            return backtrace.trace(text, point, check=False).value
        except BacktraceError as error:
            if "does not occur" not in error.what:
                return None
            del point[error.what.split("'")[1]]


def product(left: Any, sign: str, right: Any) -> Any:
    is_of_arrays = sign != "⊙" and np.ndim(left) and np.ndim(right)
    return left @ right if is_of_arrays else left * right


def from_the_left(names: list[str], signs: list[str]) -> Any:
    pairs = zip(signs, names[1:], strict=True)
    return reduce(lambda left, p: product(left, p[0], POINT[p[1]]), pairs, POINT[names[0]])


def entries_last(names: list[str], signs: list[str]) -> Any:
    """With the products by ⊙ after all others."""
    groups: list[tuple[list[str], list[str]]] = [([names[0]], [])]
    for sign, name in zip(signs, names[1:], strict=True):
        if sign == "⊙":
            groups.append(([name], []))
        else:
            groups[-1][0].append(name)
            groups[-1][1].append(sign)
    return reduce(lambda left, right: left * right, [from_the_left(*g) for g in groups])


@given(st.lists(st.sampled_from("uvABcx"), min_size=2, max_size=5), st.data())
def test_what_is_read_is_read_so_from_either_end(names: list[str], data: Any) -> None:
    many = st.lists(
        st.sampled_from(sorted(SIGNS)), min_size=len(names) - 1, max_size=len(names) - 1
    )
    signs = data.draw(many)
    way = data.draw(st.sampled_from((0, 1)))
    text = names[0]
    for sign, name in zip(signs, names[1:], strict=True):
        text = SIGNS[sign][way].format(text, name)
    found = value_of(text)
    if found is None:
        return
    for reading in (from_the_left, entries_last):
        try:
            expected = reading(names, signs)
        except ValueError:
            continue
        np.testing.assert_allclose(found, expected, rtol=1e-9, err_msg=text)


NUMBERS = ["1e-3", "2.5e2", ".5e1", "1E-2", "1e−3", "3e+2"]


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize(
    "way", [r"{} \cdot x", "{}x", "{} x", r"\frac{{{}}}{{1}} x", "{}*x", "x*{}"]
)
def test_a_number_is_one_in_every_notation(number: str, way: str) -> None:
    expected = 2 * float(number.replace("−", "-"))
    found = value_of(way.format(number))
    np.testing.assert_allclose(found, expected, rtol=1e-15)


def test_e_and_what_follows_is_no_number() -> None:
    assert value_of(r"2e-x \cdot 1") == pytest.approx(2 * np.e - 2)
    assert value_of("2e - 3") == pytest.approx(2 * np.e - 3)
    assert value_of(r"2e^{-3} \cdot 1") == pytest.approx(2 * np.exp(-3))


ENTRIES = ["u[0]", "u[-1]", "u[1:]", "A[0, 1]", "A[:, 0]", "A[0][1]", "A[1, :]", "(A)[0]", "u [1]"]


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize(
    "way", [r"{} \cdot c", r"c \cdot {}", r"\frac{{{}}}{{c}}", r"\exp({}) \cdot 1"]
)
def test_entries_in_latex_are_those_of_our_own_grammar(entry: str, way: str) -> None:
    ours = {r"{} \cdot c": "{}*c", r"c \cdot {}": "c*{}", r"\frac{{{}}}{{c}}": "{}/c"}
    plain = ours.get(way, "exp({})").format(entry)
    found, expected = value_of(way.format(entry)), value_of(plain)
    assert expected is not None
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_of_a_number_a_bracket_is_a_factor() -> None:
    assert value_of(r"c[x + 1] \cdot 1") == 4.5
    assert value_of(r"\log \mathrm{softmax}(u)[0]") == value_of("log(softmax(u)[0])")


REFUSED = [
    (r"u \odot A v", "which product comes first"),
    ("u*A v", "which product comes first"),
    (r"A \odot x B v", "which product comes first"),
    (r"2\frac{1}{2}", "what the fraction is"),
    (r"x + 3\tfrac12", "what the fraction is"),
    (r"x[0] \cdot c", "a number has no entries"),
    (r"\log |x|^2", "what 'log' takes"),
    (r"\log |x| c", "what 'log' takes"),
]


@pytest.mark.parametrize(("typed", "what"), REFUSED, ids=lambda text: text)
def test_two_readings_are_refused(typed: str, what: str) -> None:
    used = {name: value for name, value in POINT.items() if name in typed.replace("cdot", "")}
    with pytest.raises(BacktraceError, match=what):
        backtrace.trace(typed, used)


SAME = [
    (r"v^\mathsf{T} A u", "v.T@A@u"),
    (r"v^{\mathrm{T}} A u", "v.T@A@u"),
    (r"\log_2 x", "log2(x)"),
    (r"\log_{10}(x)", "log10(x)"),
    ("log_2(x)", "log2(x)"),
    (r"A v \odot u", "(A@v)*u"),
    (r"\log \det A", "log(det(A))"),
    (r"\operatorname{tr}(A)", "trace(A)"),
    (r"\log \|u\|", "log(norm(u))"),
    (r"\log \left|x - 5\right|", "log(abs(x - 5))"),
    (r"x^2 \|u\|^2 \|v\|", "(x^2)*norm(u)^2*norm(v)"),
    (r"\left|\left|x\right|\right| \left|c\right|", "abs(abs(x))*abs(c)"),
    (r"|x|^2|c|^2 \cdot 1", "abs(x)^2*abs(c)^2"),
    (r"u \odot (A v)", "u*(A@v)"),
]


@pytest.mark.parametrize(("typed", "ours"), SAME, ids=lambda text: text)
def test_what_is_read(typed: str, ours: str) -> None:
    np.testing.assert_allclose(value_of(typed), value_of(ours), rtol=1e-12)
