"""What a sign means by the shapes it stands between: the field's meaning, or a refusal with both.

docs/meanings.md has the list; here every line of it is held against NumPy, and SymPy reads every
sign a second time.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import backtrace
from backtrace.checks.traced import Budget
from backtrace.errors import FormulaError
from backtrace.formula.parser import parse
from backtrace.formula.printer import source

A = [[1.0, 2.0], [3.0, 5.0]]
B = [[0.5, -1.0], [2.0, 0.25]]
W = [[1.0, -2.0, 0.5], [0.3, 4.0, -1.0]]
POINT: dict[str, Any] = {
    "A": A,
    "B": B,
    "W": W,
    "x": [3.0, -4.0],
    "y": [1.0, 2.0],
    "v": [1.0, -3.0, 2.0],
    "s": -2.0,
    "t": 3.0,
}
Arrays = dict[str, Any]

MEANT: list[tuple[str, Callable[..., Any]]] = [
    ("||x||", lambda x, **_: np.linalg.norm(x)),
    ("‖x‖", lambda x, **_: np.linalg.norm(x)),
    ("∥x∥₂", lambda x, **_: np.linalg.norm(x)),
    ("x/||x||", lambda x, **_: x / np.linalg.norm(x)),
    ("||x||^2", lambda x, **_: x @ x),
    ("‖x‖²", lambda x, **_: x @ x),
    ("||x||_1", lambda x, **_: np.abs(x).sum()),
    ("|x|_1", lambda x, **_: np.abs(x).sum()),
    ("‖x‖_∞", lambda x, **_: np.abs(x).max()),
    ("||x||_inf", lambda x, **_: np.abs(x).max()),
    ("||x - y||_2/2", lambda x, y, **_: np.linalg.norm(x - y) / 2),
    ("2||x||||y||", lambda x, y, **_: 2 * np.linalg.norm(x) * np.linalg.norm(y)),
    ("|s - ||x|||", lambda x, s, **_: abs(s - np.linalg.norm(x))),
    ("|| |s| * x ||", lambda x, s, **_: np.linalg.norm(abs(s) * x)),
    ("||W||", lambda W, **_: np.linalg.norm(W)),
    ("||W||_F^2", lambda W, **_: (W * W).sum()),
    ("||s||", lambda s, **_: abs(s)),
    ("‖s‖₁ + |s|", lambda s, **_: 2 * abs(s)),
    ("x·y", lambda x, y, **_: x @ y),
    ("x⋅y", lambda x, y, **_: x @ y),
    ("A·x", lambda A, x, **_: A @ x),
    ("x·A", lambda A, x, **_: x @ A),
    ("A·B", lambda A, B, **_: A @ B),
    ("W·v·s", lambda W, v, s, **_: W @ v * s),
    ("s·x", lambda s, x, **_: s * x),
    ("s·t", lambda s, t, **_: s * t),
    ("s×x", lambda s, x, **_: s * x),
    ("x⊙y", lambda x, y, **_: x * y),
    ("A∘B", lambda A, B, **_: A * B),
    ("x*y", lambda x, y, **_: x * y),
    ("A*B", lambda A, B, **_: A * B),
    ("(A)(x)", lambda A, x, **_: A @ x),
    ("2A", lambda A, **_: 2 * A),
    ("2(A)(B)", lambda A, B, **_: 2 * A @ B),
    ("(x^T)(y)", lambda x, y, **_: x @ y),
    ("(2x^T)(y)", lambda x, y, **_: 2 * x @ y),
    ("(x)(y^T)", lambda x, y, **_: np.outer(x, y)),
    ("x^T@A@x", lambda A, x, **_: x @ A @ x),
    ("xᵀ·A·x", lambda A, x, **_: x @ A @ x),
    ("W^T", lambda W, **_: W.T),
    ("W^⊤", lambda W, **_: W.T),
    ("Wᵀ@x", lambda W, x, **_: W.T @ x),
    ("A^2", lambda A, **_: A @ A),
    ("A²", lambda A, **_: A @ A),
    ("-A^3/2 + B", lambda A, B, **_: -(A @ A @ A) / 2 + B),
    ("x·A^2·y", lambda A, x, y, **_: x @ A @ A @ y),
    ("q = A^2; q@x", lambda A, x, **_: A @ A @ x),
    ("A^1", lambda A, **_: A),
    ("A**2", lambda A, **_: A * A),
    ("A**-1", lambda A, **_: 1 / A),
    ("sum(W^2)", lambda W, **_: (W**2).sum()),
    ("sum(A^2)", lambda A, **_: (A**2).sum()),
    ("mean((A@B - A)^2)", lambda A, B, **_: ((A @ B - A) ** 2).mean()),
    ("s/2*sum(A^2 + B^2)", lambda A, B, s, **_: s / 2 * (A**2 + B**2).sum()),
    ("q = (A - B)^2; sum(q, axis=1)", lambda A, B, **_: ((A - B) ** 2).sum(1)),
    ("sum(exp(-A^2))", lambda A, **_: np.exp(-(A**2)).sum()),
    ("max(A^2)", lambda A, **_: (A**2).max()),
    ("sum(2^A)", lambda A, **_: (2**A).sum()),
    ("x^2", lambda x, **_: x**2),
    ("(A@x - y)^2", lambda A, x, y, **_: (A @ x - y) ** 2),
    ("W^2", lambda W, **_: W**2),
    ("sum(|A|)", lambda A, **_: np.abs(A).sum()),
    ("mean(|x - y|)", lambda x, y, **_: np.abs(x - y).mean()),
    ("max(|x|)", lambda x, **_: np.abs(x).max()),
    ("abs(x)", lambda x, **_: np.abs(x)),
    ("exp(A)", lambda A, **_: np.exp(A)),
    ("sqrt(A)", lambda A, **_: np.sqrt(A)),
    ("1/A", lambda A, **_: 1 / A),
    ("x/A", lambda A, x, **_: x / A),
    ("log(A)", lambda A, **_: np.log(A)),
    ("std(x) + var(v)", lambda x, v, **_: np.std(x) + np.var(v)),
    ("norm(W)", lambda W, **_: np.linalg.norm(W)),
    ("norm2(W)", lambda W, **_: np.linalg.norm(W) ** 2),
    ("mean(W) + prod(W)", lambda W, **_: np.mean(W) + np.prod(W)),
    ("max(W)", lambda W, **_: np.max(W)),
    ("max(x, y)", lambda x, y, **_: np.maximum(x, y)),
    ("sum(W, axis=1)", lambda W, **_: W.sum(1)),
    ("softmax(W)", lambda W, **_: np.exp(W) / np.exp(W).sum(-1, keepdims=True)),
    ("where(A < B, A, B)", lambda A, B, **_: np.minimum(A, B)),
    ("½x·y", lambda x, y, **_: x @ y / 2),
    ("s^½ + ¾", lambda s, **_: 4.0),
    ("x + ||[3, 4]||", lambda x, **_: x + 5),
    ("s + [1, 2]·[3, 4]", lambda s, **_: s + 11),
    ("f(a, b) = a·b; f(x, y)", lambda x, y, **_: x @ y),
    ("f(a) = a/||a||; f(x)", lambda x, **_: x / np.linalg.norm(x)),
    ("f(a) = sum(a^2); f(A)", lambda A, **_: (A**2).sum()),
]

REFUSED = [
    ("|x|", "abs(x) is entry by entry; ||x|| is its norm"),
    ("x/|x|", "abs(x) is entry by entry; ||x|| is its norm"),
    ("|A|", "abs(A) is entry by entry; det(A) the determinant"),
    ("exp(A^2)", "A**2 is entry by entry, A@A the matrix product"),
    ("norm(A^2)", "A**2 is entry by entry, A@A the matrix product"),
    ("(A^2)[0]", "A**2 is entry by entry, A@A the matrix product"),
    ("sum(A^2) + sum(A^2@x)", ""),
    ("q = A^2; sum(q) + sum(q@x)", "A**2 is entry by entry, A@A the matrix product"),
    ("A^0.5", "A**0.5 is entry by entry; this power of a matrix is no gate"),
    ("A^s", "A**s is entry by entry; this power of a matrix is no gate"),
    ("e^A", "exp(A) is entry by entry; the matrix exponential is no gate"),
    ("2^(A - B)", "2**(A - B) is entry by entry; the matrix exponential is no gate"),
    ("sq(a) = a^2; mean(sq(A))", "a**2 is entry by entry, a@a the matrix product"),
    ("x×y", "x*y is entry by entry, x@y the matrix or dot product"),
    ("(x)(y)", "x@y is the dot product, x*y entry by entry"),
    ("x@y^T", "x@y is the dot product, x*y entry by entry, outer(x, y) the table"),
    ("x·yᵀ", "x@y is the dot product, x*y entry by entry, outer(x, y) the table"),
    ("x^T*y", "x@y is the dot product, x*y entry by entry, outer(x, y) the table"),
    ("x@y.T", "x@y is the dot product, x*y entry by entry, outer(x, y) the table"),
    ("||W||_2", "the Frobenius norm is ||W||_F; the largest singular value is no gate"),
    ("||W||_1", "sum(abs(W)) is over all entries, max(sum(abs(W), axis=0)) the matrix norm"),
    ("‖W‖_∞", "max(abs(W)) is over all entries, max(sum(abs(W), axis=1)) the matrix norm"),
    ("||x||_3", "write sum(|x|^3)^(1/3)"),
    ("||x||_q", "there are ||x||, ||x||_1, ||x||_2, ||x||_F and ||x||_inf"),
    ("2½*s", "write a sign between: ... + 1/2, ... * 1/2"),
    ("s½", "write a sign between: ... + 1/2, ... * 1/2"),
    ("s + [[1, 2], [3, 4]]^2", "[[1, 2], [3, 4]]**2 is entry by entry, [[1, 2], [3, 4]]@[[1, 2]"),
]


def _point(formula: str, names: dict[str, Any] = POINT) -> dict[str, Any]:
    return {name: names[name] for name in parse(formula, names).inputs}


@pytest.mark.parametrize(("formula", "meant"), MEANT, ids=[formula for formula, _ in MEANT])
def test_a_sign_has_its_meaning(formula: str, meant: Callable[..., Any]) -> None:
    point = dict(POINT, s=10.5625) if "½" in formula else POINT
    arrays = {name: np.asarray(value) for name, value in point.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trace = backtrace.trace(formula, _point(formula, point))
    np.testing.assert_allclose(trace.value, meant(**arrays), rtol=1e-12)
    assert trace.ok
    for check in trace.checks.values():
        assert check.verdict in ("agree", "kink")
        assert check.symbolic is not None, check.reason


@pytest.mark.parametrize(("formula", "hint"), REFUSED, ids=[formula for formula, _ in REFUSED])
def test_two_readings_are_refused_with_both(formula: str, hint: str) -> None:
    if not hint:  # each of the two is clear by itself
        assert backtrace.trace(formula, _point(formula), check=False).ok
        return
    with pytest.raises(FormulaError) as refused:
        backtrace.trace(formula, {n: v for n, v in POINT.items() if n in formula})
    assert refused.value.hint.startswith(hint)
    assert refused.value.span is not None
    start, end = refused.value.span
    assert formula[start:end].strip()


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        ("x·y", ["read as dot(x, y)"]),
        ("x/||x||", ["read as x/norm(x)"]),
        ("A^2", ["read as A@A", "A^2 is read as the matrix product A@A; entry by entry is A**2"]),
        (
            "sum(A^2)",
            [
                "A^2 is read entry by entry, as its entries are summed or compared; "
                "the matrix product is A@A"
            ],
        ),
        ("A**2", []),
        ("s·t", []),
        ("||s||", []),
        ("sum(W^2)", []),
        ("x^2", []),
    ],
)
def test_what_was_read_is_shown(formula: str, words: list[str]) -> None:
    trace = backtrace.trace(formula, _point(formula), check=False)
    assert [note.text for note in trace.notes if note.kind == "reading"] == words
    for format in ("table", "tree", "markdown"):
        shown = trace.show(format).replace("\n", " ").replace("`", "")
        assert all(
            text.replace("*", "") in shown.replace("*", "").replace("\\", "") for text in words
        )
    assert backtrace.Trace.from_json(trace.to_json()).notes == trace.notes


@given(
    st.sampled_from(["x·y", "(x)(y)", "x^T·y", "x·y^T", "x*y", "x@y", "x⊙y", "x^2·y", "||x||·y"]),
    st.lists(st.integers(1, 3), max_size=3),
    st.lists(st.integers(1, 3), max_size=3),
)
@settings(max_examples=30, deadline=None)
@pytest.mark.slow
def test_any_shapes_are_read_or_refused(formula: str, x: list[int], y: list[int]) -> None:
    """Whatever the shapes: a clear refusal, or what SymPy reads on its own, and what is printed as
    read is read as the same."""
    chance = np.random.default_rng(7)
    point = {"x": chance.uniform(1, 2, x), "y": chance.uniform(1, 2, y)}
    try:
        trace = backtrace.trace(formula, point)
    except FormulaError as error:
        assert error.hint or "fit" in error.what or "transpose" in error.what  # noqa: PT017
        return
    assert trace.ok
    assert {check.verdict for check in trace.checks.values()} == {"agree"}
    again = backtrace.trace(source(trace.graph), point, check=False)
    np.testing.assert_array_equal(again.value, trace.value)


@pytest.mark.parametrize("formula", ["sum((X@W + b)^2)", "(X@W + b)^2"])
def test_a_stand_in_has_no_squares_that_the_formula_has_not(formula: str) -> None:
    """Cut down to lengths of 2 and 3 in turn, 40x60 would be 2x2, and its square a product."""
    point = {"X": "randn(60, 50)", "W": "randn(50, 40)", "b": "randn(40)"}
    trace = backtrace.trace(formula, point, budget=Budget(symbolic_seconds=60))
    assert trace.ok
    assert all("SymPy agrees" in check.reason for check in trace.checks.values())


_FORMS = ("|{}|", "||{}||", "|{} + 1|", "||{} - 1||", "|1 - {}|", "2*‖1 + {} - 2‖", "({} - 1)")
Pieces = st.SearchStrategy[tuple[str, str]]


def _wrapped(form: str, piece: tuple[str, str]) -> tuple[str, str]:
    """The text, and the same with every pair of bars a call of abs."""
    typed, called = piece
    plain = form.replace("‖", "|").replace("||", "|")
    opening, _, closing = plain.partition("{}")
    opening, closing = opening.replace("|", "abs("), closing.replace("|", ")")
    return form.format(typed), f"{opening}({called}){closing}"


NESTED: Pieces = st.recursive(
    st.sampled_from([("x", "x"), ("y*2", "y*2"), ("(x - y)", "(x - y)")]),
    lambda inner: st.builds(_wrapped, st.sampled_from(_FORMS), inner),
    max_leaves=5,
)


@given(NESTED, NESTED)
@settings(max_examples=60, deadline=None)
def test_bars_of_numbers_are_absolute_values_however_they_nest(
    a: tuple[str, str], b: tuple[str, str]
) -> None:
    formula, called = f"{a[0]} + {b[0]}", f"({a[1]}) + ({b[1]})"
    point = {"x": -2.5, "y": 4.0}
    value = backtrace.trace(formula, _point(formula, point), check=False).value
    assert value == pytest.approx(backtrace.trace(called, _point(called, point), check=False).value)


def test_a_vector_that_lies_may_be_summed_along_its_axis() -> None:
    """An axis is no operand that could lie beside it."""
    for text in ("mean(v.T, axis=-1)", "cumsum(v.T, axis=-1)", "v.T[1]"):
        assert backtrace.trace(text, {"v": [1.0, 2.0]}, check=False).ok, text
