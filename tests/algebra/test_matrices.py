"""Gradients in formulas of arrays: against textbooks, against numbers, and read again."""

from __future__ import annotations

import functools
import json
import re
from importlib import resources
from typing import NamedTuple

import jsonschema
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtrace.algebra.arrays import ARRAYS
from backtrace.errors import BacktraceError
from backtrace.formula import read
from backtrace.formula.letters import InLetters, NotInLetters, in_letters, with_sizes
from backtrace.tracing.witnesses import witnessed
from tests.conftest import DATA, Command


class Identity(NamedTuple):
    formula: str
    shapes: dict[str, tuple[str, ...]]
    name: str
    book: str


def _shapes(text: str) -> dict[str, tuple[str, ...]]:
    pairs = (word.split(":") for word in text.split())
    return {name: tuple(d for d in dims.split(",") if d) for name, dims in pairs}


def _identities() -> list[Identity]:
    lines = (DATA / "matrix_identities.txt").read_text("utf-8").splitlines()
    rows = [line.split(" | ") for line in lines if not line.startswith("#")]
    return [Identity(f, _shapes(shapes), name, book) for f, shapes, name, book in rows]


IDENTITIES = _identities()


@pytest.mark.parametrize("identity", IDENTITIES, ids=[f"{i.formula}, {i.name}" for i in IDENTITIES])
def test_the_gradient_is_the_books_and_backprops(identity: Identity) -> None:
    found = in_letters(identity.formula, identity.shapes)
    verdicts = witnessed(found, check=False)
    assert verdicts[identity.name].verdict == "agree", verdicts[identity.name]
    for seed, sizes in enumerate(({}, {"n": 2, "m": 5})):
        ours, theirs = (
            _number(found, text, sizes, seed)
            for text in (found.gradients[identity.name], identity.book)
        )
        assert ours.shape == theirs.shape
        assert ours == pytest.approx(theirs, rel=1e-8, abs=1e-10)


def _number(found: InLetters, text: str, sizes: dict[str, int], seed: int) -> np.ndarray:
    letters = dict.fromkeys(d for dims in found.shapes.values() for d in dims)
    lengths = {d: sizes.get(d, 3 + k % 3) for k, d in enumerate(letters) if not d.isdecimal()}
    chance = np.random.default_rng(seed)
    point = {}
    for name, dims in found.shapes.items():
        shape = [lengths.get(d) or int(d) for d in dims]
        is_index = name in found.indices
        value = chance.integers(0, 2, shape) if is_index else chance.uniform(0.2, 0.9, shape)
        point[name] = value if shape else float(value)
    text = with_sizes(f"{found.stages_of(text)}{text}", lengths)
    graph = read(text, {name: np.shape(value) for name, value in point.items()})
    values = graph.evaluate(ARRAYS, {name: point[name] for name in graph.inputs})
    return np.asarray(values[graph.output], float)


def test_gradients_are_as_short_as_a_textbooks() -> None:
    lengths = [
        (len(in_letters(i.formula, i.shapes).gradients[i.name]), len(i.book)) for i in IDENTITIES
    ]
    assert len(lengths) >= 120
    shorter = sum(own <= book for own, book in lengths)
    assert shorter >= 0.9 * len(lengths)


SCHEMA = json.loads(resources.files("backtrace.schemas").joinpath("letters-1.json").read_text())
FORMULAS = [
    re.fullmatch(r"(.*?)((?: \w+:[\w,]*)+)", line)
    for line in (DATA / "matrix_formulas.txt").read_text("utf-8").splitlines()[1:]
]


@pytest.mark.parametrize("line", FORMULAS, ids=lambda line: line[0])
def test_every_kind_of_gate_is_derived_and_read_again(line: re.Match[str]) -> None:
    found = in_letters(line[1], _shapes(line[2]))
    assert found.gradients
    for name, verdict in witnessed(found, check=False).items():
        assert verdict.verdict == "agree", (name, found.gradients[name], verdict)


@pytest.mark.parametrize(
    ("formula", "gradient"),
    [
        ("sum(2000*x^2)", "2*2000*x"),  # n is read as a prime near 2000
        ("sum(x^2)/2003", "2*x/2003"),
        ("sum(x^2)*4999", "2*4999*x"),
        ("1e-5*mean(x^2)", "2e-05*x/n"),
        ("sum(x)/(n - 1)", None),
        ("sum(40*50*x^2)", None),  # is worked out to 2000: refused, or right
        ("sum(45*111*x)", None),
    ],
)
def test_no_number_is_taken_for_a_length(formula: str, gradient: str | None) -> None:
    try:
        found = in_letters(formula, _shapes("x:n"))
    except NotInLetters:
        assert gradient is None
        return
    assert witnessed(found, check=False)["x"].verdict == "agree"
    assert found.formula == formula
    assert gradient in (None, found.gradients["x"])


@pytest.mark.parametrize(
    "formula",
    [
        "sum(where(x > 0, log(x), 0)*y)",
        "sum(where(x > 0, sqrt(x), y))",
        "sum(y/x*(x > 0))",
        "sum(relu(x)*relu(-y))",
        "sum(max(x, y)*min(x, 0))",
        "sum(abs(x - y)^3)",
        "norm(relu(x) + y)",
    ],
)
def test_masks_hold_where_they_are_0(formula: str) -> None:
    found = in_letters(formula, _shapes("x:n y:n"))
    for name, verdict in witnessed(found, check=False).items():
        assert verdict.verdict == "agree", (name, found.gradients[name], verdict)


@pytest.mark.parametrize(
    ("formula", "shapes"),
    [
        ("sum(log_softmax(z)*softmax(w, axis=0))", "z:m,n w:m,n"),
        ("sum(R*one_hot(y, 3)*sum(one_hot(y, 3)*P, axis=0))", "R:n,3 P:n,3 y:n"),
        ("sum(R*one_hot(y, 3)*sum(one_hot(y, 3)*P, axis=1)[:, None])", "R:n,3 P:n,3 y:n"),
        ("sum(R*one_hot(y, 3)*sum(one_hot(y, 3)*P))", "R:n,3 P:n,3 y:n"),
        ("sum(softmax(w, axis=0), axis=1)@v", "w:m,n v:m"),
    ],
)
def test_what_holds_along_one_axis_is_not_used_along_another(
    formula: str, shapes: str, backtrace_command: Command
) -> None:
    ended = backtrace_command(formula, *shapes.split(), "--json")
    assert set(json.loads(ended.out)["verdicts"].values()) == {"agree"}


REFUSED = [
    ("sum(x)", "x:0", "an axis is not 0 long"),
    ("sum(x)", "x:x", "'x' is a length, and a value"),
    ("sum(x)", "x:e", "'e' is a length, and a name of the formula language"),
    ("sum(x)", "x:n y:n", "'y' does not occur in the formula"),
    ("sum(x*y)", "x:n y:m", "shapes n and m do not fit"),
    ("sum(W@x)", "W:m,n", "'x' has no shape"),
    ("W@x", "W:m,n x:n", "the result has shape (m)"),
    ("sum(x", "x:n", "')'"),
    ("", "x:n", "formula"),
]


@pytest.mark.parametrize(("formula", "shapes", "words"), REFUSED)
def test_what_cannot_be_derived_is_told_in_the_letters(
    formula: str, shapes: str, words: str
) -> None:
    with pytest.raises(BacktraceError) as error:
        in_letters(formula, _shapes(shapes))
    assert words in str(error.value)
    assert "2003" not in str(error.value)


@pytest.mark.parametrize("format", ["table", "json", "markdown", "latex"])
@pytest.mark.parametrize("is_ascii", [False, True])
def test_every_format_has_every_gradient(
    format: str, is_ascii: bool, backtrace_command: Command
) -> None:
    formula = "h = relu(X@W1 + b1); s = h@W2; L = cross_entropy(s, y)"
    shapes = ("X:n,d", "W1:d,k", "b1:k", "W2:k,c", "y:n")
    options = ["--format", format, "--no-check", *["--ascii"] * is_ascii]
    ended = backtrace_command(formula, *shapes, *options)
    assert ended.status == 0
    assert "2003" not in ended.out
    for name in ("X", "W1", "b1", "W2"):
        assert name in ended.out.replace("_{", "").replace("}", "")
    if is_ascii:
        assert ended.out.isascii()
    assert len(ended.out.splitlines()) > 4
    if format == "json":
        found = json.loads(ended.out)
        assert found["simplified"]["W2"] == "h.T@(softmax(s) - one_hot(y, c))/n"
        jsonschema.validate(found, SCHEMA)


SHAPES = _shapes("A:m,n B:m,n M:n,k x:n y:n u:m b:m s:")
_KINDS = {dims: [n for n, d in SHAPES.items() if d == dims] for dims in set(SHAPES.values())}
_FUNCTIONS = ("tanh", "sigmoid", "exp", "relu", "square", "sin", "softplus")


@functools.cache
def _of(dims: tuple[str, ...], depth: int) -> st.SearchStrategy[str]:
    """Formulas of a shape."""
    leaves = [st.sampled_from(_KINDS[dims])] if dims in _KINDS else []
    if depth == 0 and leaves:
        return leaves[0]

    def inner(of: tuple[str, ...]) -> st.SearchStrategy[str]:
        return st.deferred(lambda: _of(of, max(0, depth - 1)))

    ways = [*leaves]
    ways.append(st.builds("({} + {})".format, inner(dims), inner(dims)))
    ways.append(st.builds("({} - {})".format, inner(dims), inner(dims)))
    ways.append(st.builds("({}*{})".format, inner(dims), inner(dims)))
    ways.append(st.builds("({}*{})".format, st.sampled_from(["2", "0.5", "s"]), inner(dims)))
    ways.append(st.builds("{}({})".format, st.sampled_from(_FUNCTIONS), inner(dims)))
    if dims == ("m",):
        ways.append(st.builds("({}@{})".format, inner(("m", "n")), inner(("n",))))
        ways.append(st.builds("sum({}, axis=1)".format, inner(("m", "n"))))
    if dims == ("n",):
        ways.append(st.builds("({}.T@{})".format, st.sampled_from(["A", "B"]), inner(("m",))))
        ways.append(st.builds("mean({}, axis=0)".format, inner(("m", "n"))))
        ways.append(st.builds("softmax({})".format, inner(("n",))))
    if dims == ("m", "n"):
        ways.append(st.builds("outer({}, {})".format, inner(("m",)), inner(("n",))))
        ways.append(st.builds("({} + {})".format, inner(("m", "n")), inner(("n",))))
        ways.append(st.builds("({}[:, None]*{})".format, st.sampled_from("ub"), inner(("m", "n"))))
        ways.append(st.builds("softmax({})".format, inner(("m", "n"))))
        ways.append(st.builds("({}@(M@M.T))".format, inner(("m", "n"))))
    if dims == ():
        ways.append(st.builds("sum({})".format, inner(("m", "n"))))
        ways.append(st.builds("({}@{})".format, st.sampled_from("xy"), inner(("n",))))
        ways.append(st.builds("norm({})".format, inner(("m",))))
    return st.one_of(ways)


@given(_of(("m", "n"), 3), _of(("n",), 2))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_random_formulas_are_backprop_s_numbers_when_they_are_read_again(a: str, b: str) -> None:
    formula = f"sum({a}) + {b}@x"
    used = set(re.findall(r"[A-Za-z]+", formula))
    found = in_letters(formula, {n: d for n, d in SHAPES.items() if n in used})
    assert found.gradients
    for name, verdict in witnessed(found, check=False).items():
        assert verdict.verdict == "agree", (formula, name, found.gradients[name], verdict)


def test_options_are_heeded_or_refused(backtrace_command: Command) -> None:
    words = ("q = sum(W@x); f = q^2", "W:m,n", "x:n", "--no-check")
    assert "∂f/∂W" not in backtrace_command(*words, "--wrt", "x").out
    assert "∂q/∂W (m, n) = outer(ones(m), x)" in backtrace_command(*words, "--of", "q").out
    refused = ("--fuse", "--exact", "--step=0.1", "--format=wires", "--wrt=z")
    for option in refused:
        ended = backtrace_command(*words, option)
        assert (ended.status, ended.out) == (2, "")
