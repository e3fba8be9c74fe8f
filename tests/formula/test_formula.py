"""Text -> graph: the grammar, what is kept as written, and what is refused."""

from __future__ import annotations

import pytest

from backtrace.algebra.floats import FLOATS
from backtrace.errors import FormulaError
from backtrace.formula.builder import Builder
from backtrace.formula.parser import parse
from backtrace.formula.printer import expressions, label, source
from backtrace.formula.shapes import with_shapes
from backtrace.gates import GATES
from backtrace.graph import Graph
from backtrace.graph.backprop import backward
from backtrace.graph.record import Granularity
from backtrace.rewrite import rewritten

pytestmark = pytest.mark.small


def labels(formula: str, names: tuple[str, ...] = ()) -> list[str]:
    graph = parse(formula, names)
    return [label(node) for _, node, _ in graph.gates()]


def value(formula: str, **point: float) -> float:
    graph = parse(formula, point)
    return float(graph.evaluate(FLOATS, point)[graph.output])


@pytest.mark.parametrize(
    ("formula", "gates"),
    [
        ("1/(1+exp(-(w0*x0+w1*x1+w2)))", ["mul", "mul", "add", "add", "*-1", "exp", "+1", "1/x"]),
        ("(x+y)*z", ["add", "mul"]),
        ("x-y", ["sub"]),
        ("-(a+b)", ["add", "*-1"]),
        ("x*x", ["mul"]),
        ("a+b+c", ["add", "add"]),
        ("x+(y+z)", ["add", "add"]),
        ("2*(x*y+max(z,w))", ["mul", "max", "add", "*2"]),
        ("x^2", ["^2"]),
        ("x/2 - 1", ["/2", "-1"]),
        ("2^x", ["2^x"]),
        ("1-x", ["1-x"]),
        ("-1*x", ["*-1"]),
        ("x*(1/3) + 2*pi", ["*(1/3)", "+2*pi"]),
        ("sqrt(x)", ["sqrt"]),
        ("max(0, x)", ["max"]),
        ("where(x > 0, x, y)", ["x > 0", "where"]),
        ("x", []),
        ("2+3", []),
    ],
)
def test_gates_are_those_that_were_written(formula: str, gates: list[str]) -> None:
    assert labels(formula) == gates


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("-x^2", -9),
        ("2^-1", 0.5),
        ("2^3^2", 512),
        ("2**3**2", 512),
        ("8-3-2", 3),
        ("8/4/2", 1),
        ("-x*2", -6),
        ("2*-x", -6),
        ("2^-x^2", 2.0**-9),
        ("2x", 6),
        ("2(x+1)", 8),
        ("(x+1)(x-1)", 8),
        ("(x+1)x", 12),
        ("2x^2", 18),
        ("x^2/2", 4.5),
        ("|x-5|", 2),
        ("|x||x|", 9),
        ("2|x-5|x", 12),
        ("||x|-5|", 2),
        ("x²+x³", 36),
        ("x⁻¹", 1 / 3),
        ("√(x+1)", 2),
        ("√9*x", 9),
        ("2√4", 4),
        ("x·x×x⋅x", 81),
        ("x−1", 2),
        ("x÷2", 1.5),
        ("2π", 6.283185307179586),
        ("+x", 3),
        ("--x", 3),
        ("1e3", 1000),
        (".5 + 5.", 5.5),
        ("1e-2x", 0.03),
        ("max(1, x, 2)", 3),
        ("leaky_relu(-x)", -0.03),
        ("leaky_relu(-x, 0.5)", -1.5),
        ("leaky_relu(-x, a=0.5)", -1.5),
        ("leaky_relu(a=0.5, x=-x)", -1.5),
        ("where(x ≥ 3, 1, 2)", 1),
        ("where(x != 3, 1, 2)", 2),
        ("where((x < 3), 1, 2)", 2),
        ("q = x + 1; q*q", 16),
        ("q = x + 1\nf = q*q\n", 16),
        ("# a comment\nx + 1  # another\n\n", 4),
        ("(x +\n 1)", 4),
        ("sin = 2x; sin*sin", 36),
        ("e = x; e^2", 9),
    ],
)
def test_the_grammar(formula: str, expected: float) -> None:
    assert value(formula, x=3.0) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize(
    "name", ["lambda", "if", "class", "None", "S", "N", "E", "I", "beta", "gamma", "α", "Q", "O"]
)
def test_keywords_and_sympy_names_are_variables(name: str) -> None:
    graph = parse(f"{name}*2 + {name}")
    assert list(graph.inputs) == [name]


def test_constants_unless_given_a_value() -> None:
    assert list(parse("e*x").inputs) == ["x"]
    assert list(parse("e*x", ["e"]).inputs) == ["e", "x"]
    assert value("e^x", x=1.0) == pytest.approx(2.718281828459045)
    assert value("exp*2", exp=4.0) == 8  # a function's name, given a value


def test_subscripts_are_digits() -> None:
    assert list(parse("w₀*x₁₂").inputs) == ["w0", "x12"]


def test_inputs_come_first_in_the_order_they_are_written() -> None:
    graph = parse("(z+y)*x + y")
    assert list(graph.inputs.items()) == [("z", 0), ("y", 1), ("x", 2)]


def test_spans_are_places_in_the_text() -> None:
    text = "(x+y)*z"
    graph = parse(text)
    assert [text[slice(*node.span)] for node in graph.nodes] == ["x", "y", "z", "x+y", "(x+y)*z"]


def test_stages_name_gates_and_copies() -> None:
    graph = parse("q = x + y; r = q; s = 2; t = r*s")
    assert list(graph.stages) == ["q", "r", "s", "t"]
    assert [node.gate.name for _, node, _ in graph.gates() if node.gate] == [
        "add",
        "identity",
        "mul",
    ]
    assert graph.nodes[graph.stages["s"]].constants[0].text == "2"


def test_the_output_may_be_an_earlier_stage_or_an_input() -> None:
    assert value("q = 2x; r = q + 1; q", x=3.0) == 6
    assert value("q = 2x; x", x=3.0) == 3


@pytest.mark.parametrize(
    ("formula", "printed"),
    [
        ("(x+y)*z", "(x + y)*z"),
        ("x-(y-z)", "x - (y - z)"),
        ("(x-y)-z", "x - y - z"),
        ("(a^b)^c", "(a^b)^c"),
        ("a^(b^c)", "a^b^c"),
        ("(-x)^2", "(-x)^2"),
        ("-(x^2)", "-x^2"),
        ("x*-y", "x*(-y)"),
        ("x/(y*z)", "x/(y*z)"),
        ("q=x;f=q*2", "q = x; f = q*2"),
        ("leaky_relu(x,0.01)", "leaky_relu(x)"),
        ("|x|", "abs(x)"),
    ],
)
def test_printed_with_the_brackets_it_needs(formula: str, printed: str) -> None:
    assert source(parse(formula)) == printed
    assert parse(printed) == parse(formula)


def test_long_operands_are_left_out_of_expressions() -> None:
    graph = parse("+".join(["x"] * 1000))
    texts = expressions(graph)
    assert texts[1] == "x + x"
    assert texts[-1].startswith("…") or "…" in texts[-1]
    assert max(map(len, texts)) < 300


def test_limits() -> None:
    parse("(" * 64 + "x" + ")" * 64)
    with pytest.raises(FormulaError, match="nested more than 64 deep"):
        parse("(" * 65 + "x" + ")" * 65)
    parse("x" * 64)
    with pytest.raises(FormulaError, match="at most 64 characters"):
        parse("x" * 65)


def test_every_error_has_its_place() -> None:
    """Cutting a formula anywhere gives a formula or an error with a place, never another error."""
    formula = "q = 2|x|y² + leaky_relu(√x, a=.5)^-3; f = where(q >= 1e-3, max(q, 0), -q)"
    for cut in range(len(formula)):
        for text in (formula[:cut], formula[cut:], formula[:cut] + "@" + formula[cut:]):
            error = refusal(text)
            if error is not None:
                assert error.span is not None
                assert 0 <= error.span[0] <= len(text)
                assert error.text == text


def refusal(text: str) -> FormulaError | None:
    try:
        parse(text)
    except FormulaError as error:
        return error
    return None


def graph_of_postfix(words: list[str]) -> Graph:
    """A second kind of source, ten lines: `x y + z *`, with its own places in its own text."""
    builder, stack, at = Builder(" ".join(words)), [], 0
    for word in words:
        span, at = (at, at + len(word)), at + len(word) + 1
        if word in "+*":
            right, left = stack.pop(), stack.pop()
            stack.append(builder.gate(GATES["add" if word == "+" else "mul"], (left, right), span))
        else:
            stack.append((builder.number if word.isdigit() else builder.input)(word, span))
    return builder.finish(stack.pop())


def test_a_second_kind_of_source_emits_into_the_same_builder() -> None:
    graph = graph_of_postfix(["x", "y", "+", "3", "2", "*", "*", "x", "*"])
    assert graph == parse("(x+y)*(3*2)*x")
    assert [graph.text[slice(*node.span)] for node in graph.nodes] == ["x", "y", "+", "*", "*"]
    values = graph.evaluate(FLOATS, {"x": -2.0, "y": 5.0})
    flow = backward(graph, values, FLOATS)
    assert (values[graph.output], flow.upstreams[0], flow.upstreams[1]) == (-36.0, 6.0, -12.0)
    fused, groups = rewritten(graph_of_postfix(["x", "x", "*"]), Granularity(is_fused=True))
    assert [group.gate for group in groups] == ["square"]
    assert fused.text == "x x *"
    with pytest.raises(FormulaError, match="do not fit") as refused:
        with_shapes(graph_of_postfix(["x", "y", "+"]), {"x": (2,), "y": (3,)})
    assert (refused.value.text, refused.value.span) == ("x y +", (4, 5))
