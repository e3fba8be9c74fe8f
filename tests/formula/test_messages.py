"""Every message is tested as text: a table of command lines and the whole of what they print on
standard error."""

from __future__ import annotations

import math
import re
import shlex
import statistics
from collections.abc import Callable

import numpy as np
import pytest

import backtrace
from backtrace.errors import BacktraceError, FormulaError
from backtrace.formula.in_other_words import OF_ONE, OF_TWO
from backtrace.formula.parser import parse
from tests.conftest import Command

pytestmark = pytest.mark.small

MESSAGES = [
    (
        '"(x+y)*z" y=5 z=-4',
        """\
error: 'x' has no value
  (x+y)*z
   ^
hint: add x=... to the command
""",
    ),
    (
        '"relo(x)" x=1',
        """\
error: unknown function 'relo'
  relo(x)
  ^^^^
hint: did you mean relu?
""",
    ),
    (
        "x X=1",
        """\
error: 'x' has no value
  x
  ^
hint: you gave X=...: did you mean x=...?
""",
    ),
    (
        "xy x=1 y=2",
        """\
error: 'xy' has no value
  xy
  ^^
hint: for a product write x*y
""",
    ),
    (
        "x*y x=-2y",
        """\
error: 'y' is not a number
  x=-2y
      ^
hint: a space missing? x=-2 y=...
""",
    ),
    (
        "x x = -2",
        """\
error: 'x' is not NAME=VALUE
  x
  ^
hint: no spaces around the =: x=...
""",
    ),
    (
        "x x= -2",
        """\
error: 'x' is given no value
  x=
  ^^
hint: no spaces around the =: x=...
""",
    ),
    (
        "x x=2,5",
        """\
error: a comma can only stand between the arguments of a function
  x=2,5
     ^
hint: a decimal point? 2.5
""",
    ),
    (
        '"2,5*x" x=1',
        """\
error: a comma can only stand between the arguments of a function
  2,5*x
   ^
hint: a decimal point? 2.5
""",
    ),
    (
        "x==2",
        """\
error: '==' is only allowed in where()
  x==2
   ^^
hint: a value is given after the formula: x=2
""",
    ),
    (
        "x x==2",
        """\
error: '==' compares
  x==2
   ^^
hint: a value takes one =: x=2
""",
    ),
    (
        'x=-2 y=5 "x*y"',
        """\
error: the formula goes before the values
  x=-2
  ^^^^
hint: backtrace "x*y" x=-2 ...
""",
    ),
    (
        "x+y x=1 y=2 z=3",
        """\
error: 'z' does not occur in the formula
  z=3
  ^
hint: the formula has x, y
""",
    ),
    (
        '"q = x + 1; q*q" x=1 q=2',
        """\
error: 'q' is computed by the formula
  q=2
  ^
hint: leave q=... out
""",
    ),
    (
        "x x=1 x=2",
        """\
error: 'x' is given twice
  x=2
  ^
""",
    ),
    (
        '"(x+y" x=1 y=2',
        """\
error: '(' is never closed
  (x+y
  ^
hint: add the missing ')'
""",
    ),
    (
        '"x+y)" x=1 y=2',
        """\
error: ')' has no '(' before it
  x+y)
     ^
""",
    ),
    (
        '"sin x*y" x=1 y=2',
        """\
error: 'sin' is a function and needs brackets
  sin x*y
  ^^^
hint: write sin(x), or give a variable of this name a value: sin=...
""",
    ),
    (
        "1/2x x=1",
        """\
error: it is not clear what '/' takes here
  1/2x
  ^^^^
hint: write (1/2)*x or 1/(2*x)
""",
    ),
    (
        "2^3x x=1",
        """\
error: it is not clear what '^' takes here
  2^3x
  ^^^^
hint: write (2^3)*x or 2^(3*x)
""",
    ),
    (
        '"x(y+1)" x=1 y=2',
        """\
error: 'x' is a variable, not a function
  x(y+1)
  ^
hint: for a product write x*(...)
""",
    ),
    (
        '"x 2" x=1',
        """\
error: an operator is missing before '2'
  x 2
    ^
hint: write x*2 for a product
""",
    ),
    (
        '"exp(x, 2)" x=1',
        """\
error: exp takes 1 argument, not 2
  exp(x, 2)
  ^^^^^^^^^
hint: it is written exp(x)
""",
    ),
    (
        '"leaky_relu(x, slope=2)" x=1',
        """\
error: leaky_relu has no 'slope='
  leaky_relu(x, slope=2)
                ^^^^^
hint: it is written leaky_relu(x, a=0.01)
""",
    ),
    (
        '"q = x; q = 2*x; q" x=1',
        """\
error: 'q' is assigned twice
  q = x; q = 2*x; q
         ^
hint: give every stage a name of its own
""",
    ),
    (
        '"x = x + 1" x=1',
        """\
error: 'x' is defined by itself
  x = x + 1
  ^
hint: give the stage a new name
""",
    ),
    (
        '"x + 1\ny = 2*(x +" x=1',
        """\
error: only the last statement may go without a name
  line 1:
  x + 1
  ^^^^^
hint: give it one: q = ...
""",
    ),
    (
        '"a = x + 1\ny = 2*a +" x=1',
        """\
error: '+' needs something on its right
  line 2:
  y = 2*a +
          ^
""",
    ),
    (
        '"х+1" x=1',
        """\
error: unexpected character U+0445 CYRILLIC SMALL LETTER HA
  х+1
  ^
hint: did you mean 'x'?
""",
    ),
    (
        "'x\x1b[31m+1' x=1",
        """\
error: unexpected character U+001B
  x\\x1b[31m+1
   ^^^^
""",
    ),
    (
        "x**9**9**9 x=1",
        """\
error: the constant 9^9^9 is inf
  x**9**9**9
     ^^^^^^^
hint: it overflows a 64-bit float, divides by 0, or is not a real number
""",
    ),
    (
        "x x=nan",
        """\
error: nan is not a value: a value must be a finite number
  x=nan
    ^^^
""",
    ),
    (
        "x x=1/0",
        """\
error: the value is inf, and a value must be a finite number
  x=1/0
    ^^^
""",
    ),
    (
        "x --fromat tree x=1",
        """\
error: there is no option --fromat
  --fromat
  ^^^^^^^^
hint: did you mean --format? (a formula that begins so goes after --)
""",
    ),
    (
        "x x=1 --format tre",
        """\
error: there is no format 'tre'
hint: did you mean tree?
""",
    ),
    (
        "x x=1 --wrt y",
        """\
error: the formula has no variable 'y'
hint: it has x
""",
    ),
    (
        "x=1 y=2",
        """\
error: the formula is missing: this is a value
hint: backtrace "FORMULA" x=1 y=2
""",
    ),
    (
        "x% x=1",
        """\
error: '%' needs something on its right
  x%
   ^
hint: a percentage is written /100
""",
    ),
    (
        '"where(x>0 and y>0, 1, 2)" x=1 y=2',
        """\
error: 'and' cannot join conditions
  where(x>0 and y>0, 1, 2)
            ^^^
hint: two conditions: where(a > 0, where(b > 0, x, y), y)
""",
    ),
    (
        '"where(x=0, 1, 2)" x=1',
        """\
error: where has no 'x='
  where(x=0, 1, 2)
        ^
hint: equal is written ==: where(x == 0, a, b)
""",
    ),
    (
        '"leaky_relu(a=2, x)" x=1',
        """\
error: an argument without a name follows one with a name
  leaky_relu(a=2, x)
                  ^
hint: arguments given by name come last
""",
    ),
    (
        "'1/--2x' x=1",
        """\
error: it is not clear what '/' takes here
  1/--2x
  ^^^^^^
hint: write (1/2)*x or 1/(2*x)
""",
    ),
    (
        "√2x x=1",
        """\
error: it is not clear what √ takes here
  √2x
  ^
hint: add brackets: √(...)
""",
    ),
    (
        "'swish(a) = a*swish(a); swish(x)' x=1",
        """\
error: 'swish' is defined by itself
  swish(a) = a*swish(a); swish(x)
               ^^^^^
hint: a gate may use the gates before it, and not itself
""",
    ),
    (
        "'relu(a) = a; relu(x)' x=1",
        """\
error: 'relu' is a gate already
  relu(a) = a; relu(x)
  ^^^^
hint: it means max(0, x); give your gate another name
""",
    ),
    (
        "'g(a) = a*w; g(x)' x=1 w=2",
        """\
error: 'w' is not a parameter of g
  g(a) = a*w; g(x)
           ^
hint: it has a
""",
    ),
    (
        "'g(a) = a*a; g(x, 2)' x=1",
        """\
error: g takes 1 argument, not 2
  g(a) = a*a; g(x, 2)
              ^^^^^^^
hint: it is written g(a)
""",
    ),
    (
        "x x=1 --json --format tree",
        """\
error: --json and --format tree exclude each other
""",
    ),
    (
        "x x=1 -o picture.bmp",
        """\
error: no format has the suffix '.bmp'
hint: choose one with --format, or a suffix of .dot, .html, .json, .jsonl, .tex, \
.md, .mmd, .png, .py, .svg, .txt, .tikz, .torch, .tree, .wires
""",
    ),
    (
        "x x=1 -o /nowhere/at/all.json",
        """\
error: cannot write '/nowhere/at/all.json': No such file or directory
""",
    ),
    (
        "--file /nowhere.txt",
        """\
error: cannot read '/nowhere.txt': No such file or directory
""",
    ),
    (
        "",
        """\
error: a formula is missing
hint: try backtrace "(x+y)*z" x=-2 y=5 z=-4
""",
    ),
    (
        "'' x=1",
        """\
error: the formula is empty
hint: try backtrace "(x+y)*z" x=-2 y=5 z=-4
""",
    ),
    (
        "x x=1 --digits 0",
        """\
error: invalid value for '--digits': 0 is not in the range 1<=x<=17
""",
    ),
    (
        "x x=1 --width",
        """\
error: --width needs a value
hint: --width=...
""",
    ),
    (
        "x x=1 --ascii=yes",
        """\
error: --ascii takes no value
  --ascii=yes
  ^^^^^^^^^^^
""",
    ),
    (
        '"1/(1+exp(-x))" x=1 --fuse=sigmod',
        """\
error: no gate 'sigmod' that is known to fuse to
hint: did you mean sigmoid?
""",
    ),
    (
        '"x*y" x=1 y=2 --fuse=sin',
        """\
error: no gate 'sin' that is made of others to fuse to
hint: there are square, clip, log1p, expm1, log2, log10, cbrt, hypot, tanh, sinc, relu, \
leaky_relu, elu, selu, sigmoid, softplus, logsumexp, silu, swish, gelu, gelu_tanh, mish, \
hardtanh, dot, logdet, solve, trace, norm, norm2, reduce_logsumexp, mse, l1, huber, bce, \
bce_with_logits, nll, batch_norm, layer_norm, rms_norm, cosine_similarity, affine, relu_layer, \
softmax, log_softmax, cross_entropy, attention
""",
    ),
    (
        "x x=1 --gates /nowhere.txt",
        """\
error: cannot read '/nowhere.txt': No such file or directory
""",
    ),
    (
        "gates sigmoyd",
        """\
error: there is no gate 'sigmoyd'
hint: did you mean sigmoid?
""",
    ),
]


@pytest.mark.parametrize(("line", "message"), MESSAGES, ids=[line for line, _ in MESSAGES])
def test_the_whole_message(line: str, message: str, backtrace_command: Command) -> None:
    ended = backtrace_command(*shlex.split(line))
    assert ended.err == message
    assert ended.out == ""
    assert ended.status == 2


WRONG_NUMBERS = [
    (
        '"exp(exp(exp(exp(x))))" x=9',
        """\
error: forward: exp(8103) is inf: it overflows a 64-bit float
  exp(exp(exp(exp(x))))
          ^^^^^^^^^^^
hint: 64-bit floats end at 1.798e308, and this is about 1e3519: work with its logarithm, \
exp(x) = 8103
""",
    ),
    (
        '"y*log(x)" x=-1 y=2',
        """\
error: forward: log(-1) is nan: log needs x > 0
  y*log(x)
    ^^^^^^
hint: keep the argument above 0, or add a small constant to it
""",
    ),
    (
        '"1/(1+exp(-x))" x=-1000',
        """\
error: backward: exp(1000) overflowed, so its local gradient is inf: 0 x inf = nan
  1/(1+exp(-x))
       ^^^^^^^
hint: --fuse makes sigmoid of it: then it is 0, and all gradients finite
""",
    ),
    (
        '"sqrt(x*y)" x=0 y=1',
        """\
error: backward: the local gradient of sqrt(0) is inf: 1 x inf = inf
  sqrt(x*y)
  ^^^^^^^^^
hint: write sqrt(x*y) as where(x*y > 0, sqrt(x*y), 0): then it is 0; no derivative, ∂f/∂x set to 0
""",
    ),
]


@pytest.mark.parametrize(("line", "message"), WRONG_NUMBERS, ids=[r[0] for r in WRONG_NUMBERS])
def test_a_number_that_goes_wrong(line: str, message: str, backtrace_command: Command) -> None:
    """Exit status 1; the trace is still printed, and standard error names the origin."""
    ended = backtrace_command(*shlex.split(line))
    assert ended.err == message
    assert "upstream" in ended.out
    assert ended.status == 1


HINTS = [
    ("sum(x, 1)", "sum(x, axis=1)"),
    ("mean(x*y, -1)", "mean(x*y, axis=-1)"),
    ("norm(x, 2)", "norm(x)"),
    ("sec(x)", "1/cos(x)"),
    ("d/dx x^2", "x^2"),
    ("dy/dx sin(x)", "sin(x)"),
    ("sqrt 8x", "sqrt(8*x)"),
    ("sin x*y", "sin(x)"),
    ("1/2x", "(1/2)*x"),
    ("a 2", "a*2"),
    ("sin x^2", "sin(x)^2"),
    ("log² x", "log(x)²"),
    ("exp x y", "exp(x*y)"),
    ("1 000*x", "1*000"),
    ("50% x", "50 % x"),
    ("x⊗y", "outer(x, y)"),
    ("⌊x⌋", "floor(x)"),
    ("∑x", "sum(x)"),
    ("var(x, 1)", "var(x, axis=1)"),
    ("log(x, 10)", "log(x)/log(10)"),
    ("sqrt(x + 1, 3)", "(x + 1)^(1/3)"),
    ("a/-b c", "(a/-b)*c"),
    *((f"{name}(2*x + 1)", "") for name in OF_ONE),
    *((f"{name}(x, y)", "") for name in OF_TWO),
]


@pytest.mark.parametrize(("typed", "said"), HINTS, ids=[typed for typed, _ in HINTS])
def test_a_hint_once_followed_can_be_read(typed: str, said: str) -> None:
    with pytest.raises(FormulaError) as refused:
        parse(typed)
    assert not said or said in _said(refused.value)
    for written in _said(refused.value):
        parse(written)


MEANT: dict[str, Callable[[float], float]] = {
    "sec": lambda x: 1 / math.cos(x),
    "csc": lambda x: 1 / math.sin(x),
    "cot": lambda x: 1 / math.tan(x),
    "tg": math.tan,
    "sech": lambda x: 1 / math.cosh(x),
    "csch": lambda x: 1 / math.sinh(x),
    "coth": lambda x: 1 / math.tanh(x),
    "asinh": math.asinh,
    "acosh": math.acosh,
    "atanh": math.atanh,
    "lg": math.log10,
    "ld": math.log2,
    "sgn": lambda x: math.copysign(1, x),
    "heaviside": lambda x: float(x > 0),
    "trunc": math.trunc,
    "round": round,
    "frac": lambda x: x - math.floor(x),
    "gamma": math.gamma,
    "factorial": lambda x: math.gamma(x + 1),
    "Φ": lambda x: statistics.NormalDist().cdf(x),
    "logit": lambda x: math.log(x / (1 - x)),
    "softsign": lambda x: x / (1 + abs(x)),
    "relu6": lambda x: min(max(x, 0), 6),
    "radians": math.radians,
    "degrees": math.degrees,
}
TWINS = {"cosec": "csc", "ctg": "cot", "cotan": "cot", "lb": "ld", "signum": "sgn", "int": "trunc"}
TWINS |= {"step": "heaviside", "Gamma": "gamma", "Γ": "gamma", "deg2rad": "radians"}
TWINS |= {"rad2deg": "degrees"}
OF_ARRAYS = {"avg", "average", "tr", "Tr", "rms"}


@pytest.mark.parametrize("name", [name for name in OF_ONE if name not in OF_ARRAYS])
def test_what_is_no_gate_is_written_as_what_it_is(name: str) -> None:
    """The hint has the number that the function has."""
    plain = re.sub("^arc?(?=(sin|cos|tan)h$)", "a", name)
    meant = MEANT[TWINS.get(plain, plain)]
    within = {"acosh": (0.7,), "atanh": (-0.4, -0.1), "logit": (-0.4, -0.1)}
    with pytest.raises(FormulaError) as refused:
        parse(f"{name}(2*x + 1)")
    written = _said(refused.value)[0]
    for x in within.get(plain, (0.3, 1.2)):
        found = backtrace.trace(written, {"x": x}, check=False).value
        assert found == pytest.approx(float(meant(2 * x + 1)), rel=1e-12)


@pytest.mark.parametrize(
    ("formula", "point", "written"),
    [
        ("cosx", {"x": 1}, "cos(x)"),
        ("cos2x", {"x": 1}, "cos(2*x)"),
        ("Σx", {"x": [1, 2]}, "sum(x)"),
        ("x2", {"x": 3}, "x*2"),
        ("A⁻¹", {"A": [[1, 2], [3, 4]]}, "A**-1"),
        ("np.round(x)", {"x": 1.5}, "floor(x + 1/2)"),
        ("x.trunc()", {"x": 1.5}, "sign(x)*floor(abs(x))"),
        ("np.average(x)", {"x": [1, 2]}, "mean(x)"),
        ("torch.dist(x, y)", {"x": [1, 2], "y": [3, 5]}, "norm(x - y)"),
        (r"\lfloor x \rfloor", {"x": 1.5}, "floor(x)"),
        (r"2\sec x", {"x": 1}, "1/cos(x)"),
    ],
)
def test_a_hint_about_values_once_followed_can_be_read(
    formula: str, point: dict[str, object], written: str
) -> None:
    with pytest.raises(BacktraceError) as refused:
        backtrace.trace(formula, point, check=False)
    assert re.search(rf"(?<!\S){re.escape(written)}(?![^\s,])", refused.value.hint)
    assert np.all(np.isfinite(backtrace.trace(written, point, check=False).value))


@pytest.mark.parametrize("name", ["sum", "mean", "prod", "norm", "var", "std", "softmax", "norm1"])
@pytest.mark.parametrize("call", ["{}(x, y, z)", "{}(x, y, z, axis=0)"])
def test_how_many_arguments_there_may_be(name: str, call: str) -> None:
    """What is given by its name is not among those that there may be, nor among those given."""
    with pytest.raises(FormulaError, match=f"{name} takes 1 argument, not 3") as refused:
        parse(call.format(name))
    several = refused.value.hint.rpartition("of several numbers ")[2]
    found = backtrace.trace(several, {"x": 1, "y": 2}, check=False).value
    assert np.all(np.isfinite(found))


def _said(error: FormulaError) -> list[str]:
    """What the hint says to write: its alternatives, without the words around them."""
    _, is_said, rest = error.hint.partition("write ")
    assert is_said, error.hint
    rest = rest.split(", or give")[0]
    rest = rest.split(", or 1000")[0]
    parts = re.split(r",? or | for (?:a product|the 2-norm)", rest)
    return [part for part in parts if part]
