"""Options crossed with kinds of answers: what is asked for is there, or is refused in words; and
stages that lead nowhere are in every view."""

from __future__ import annotations

import json
import pathlib
import random
import re
from html import unescape

import pytest

import backtrace
from backtrace.render import View, draw, formats, is_text
from tests.conftest import Command
from tests.render.test_pictures import well_formed

NUMBERS = ("q = x + y; f = q*z/(1 + exp(-x))", "x=-2", "y=5", "z=-4")
MODES = {
    **{name: (*NUMBERS, "--format", name) for name in formats() if is_text(name)},
    "compare": (*NUMBERS, "--compare"),
    "compare in JSON": (*NUMBERS, "--compare", "--json"),
    "worksheet": (*NUMBERS, "--blank", "all"),
    "points": (*NUMBERS[:1], "z=-4", "--points", "points.csv"),
    "shapes": ("sum(relu(W@x))", "W:m,n", "x:n"),
    "shapes of numbers": ("x*y", "x:", "y:"),
    "no point": NUMBERS[:1],
}
OPTIONS = (
    *(("--symbolic",), ("--exact",), ("--precision", "30"), ("--order", "2"), ("--explain",)),
    *(("--paths", "x"), ("--forward", "x"), ("--cost",), ("--jacobian",), ("--step", "0.1")),
    *(("--order", "2", "--along", "x=3"), ("--cost", "--every", "2"), ("--every", "2")),
    *(("--steps", "3"), ("--along", "x=3"), ("--order", "3"), ("--jobs", "2", "--steps", "3")),
)
AS_IT_IS = {
    *(("shapes", "--symbolic"), ("shapes of numbers", "--symbolic"), ("no point", "--symbolic")),
    *(("compare in JSON", "--jacobian"), *((name, "--jacobian") for name in formats())),
}
"""Formulas are all that shapes have; a Jacobian of numbers is their gradient."""


@pytest.fixture
def a_folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "points.csv").write_text("x,y\n1,2\n3,4\n", "utf-8")
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("a_folder")
@pytest.mark.parametrize("mode", MODES)
def test_what_is_asked_for_is_shown_or_refused(mode: str, backtrace_command: Command) -> None:
    plain = backtrace_command(*MODES[mode], "--no-check")
    for option in OPTIONS:
        ended = backtrace_command(*MODES[mode], "--no-check", *option)
        assert ended.status in (0, 2), (option, ended.err)
        if ended.status == 2:
            assert ended.out == ""
            assert ended.err.startswith("error: "), option
        elif (mode, option[0]) not in AS_IT_IS:
            assert ended.out != plain.out, option


@pytest.mark.usefixtures("a_folder")
@pytest.mark.parametrize("mode", ["points", "shapes"])
@pytest.mark.parametrize("option", ["--full", "--arrays=npz", "--upstream=2", "--compare"])
def test_what_is_of_one_trace_is_refused(
    mode: str, option: str, backtrace_command: Command
) -> None:
    ended = backtrace_command(*MODES[mode], option)
    assert (ended.status, ended.out) == (2, "")
    assert option.partition("=")[0] in ended.err


def test_the_seed_is_that_of_fixed_arrays_too(
    backtrace_command: Command, tmp_path: pathlib.Path
) -> None:
    points = tmp_path / "points.csv"
    points.write_text("x\n1\n2\n", "utf-8")
    words = ("sum(w)*x", "w=randn(3)", "--wrt", "x")
    for seed in ("0", "5"):
        many = backtrace_command(*words, "--points", str(points), "--seed", seed)
        one = backtrace_command(*words, "x=1", "--seed", seed, "--json", "--no-check")
        first = float(many.out.splitlines()[1].split(",")[1])
        assert first == pytest.approx(json.loads(one.out)["output"]["value"], rel=1e-15)


def with_loose_ends(chance: random.Random) -> str:
    """Stages of which some lead to the output, and others nowhere."""
    names, stages = ["x", "y"], []
    for k in range(chance.randrange(3, 7)):
        sign = chance.choice("+-*")
        stages.append(f"s{k} = {chance.choice(names)} {sign} {chance.choice(names)} {sign} 0.37")
        names.append(f"s{k}")
    return "; ".join([*stages, f"{chance.choice(names)}*x"])


def read_out(text: str) -> set[str]:
    """The numbers in a view, whatever surrounds them."""
    plain = unescape(re.sub(r"<[^>]*>", " ", text)).replace("−", "-")
    return set(re.findall(r"-?\d+(?:\.\d+)?", plain))


@pytest.mark.parametrize("seed", range(12))
def test_every_value_and_gradient_is_in_every_view(seed: int) -> None:
    chance = random.Random(seed)
    formula = with_loose_ends(chance)
    trace = backtrace.trace(formula, {"x": 1.3, "y": -0.7}, check=False)
    view = View(width=400, fold="none", digits=5)
    due = {view.number(trace.values[index]) for index, _, _ in trace.graph.gates()}
    due |= {view.number(gradient) for gradient in trace.upstreams}  # at forks their sum
    for format in formats():
        if is_text(format) and format not in ("json", "jsonl", "python", "torch"):
            assert due <= read_out(draw(trace, format, view)), (format, formula)


KINDS = {
    "numbers": ("x*y - x^2", {"x": -2, "y": 3}),
    "a kink": ("max(x, y)*relu(z)", {"x": 2, "y": 2, "z": 0}),
    "arrays": ("sum(relu(W@x))", {"W": [[1, -2], [3, 4]], "x": [0.5, -1]}),
    "not finite": ("log(x)*y", {"x": -1, "y": 2}),
    "Greek": ("θ₁*α + β²", {"θ₁": 2, "α": -3, "β": 1}),
    "wide": ("가중치*입력 + 편향", {"가중치": 2, "입력": -3, "편향": 1}),
    "no point": ("x² − y÷2", {}),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("format", [name for name in formats() if is_text(name)])
def test_ascii_is_ascii(format: str, kind: str) -> None:
    formula, point = KINDS[kind]
    if format in ("python", "torch") and (not point or kind in ("Greek", "wide")):
        return  # names in code stay as they are, and a script needs a point
    trace = backtrace.trace(formula, point, check=False)
    shown, plain = draw(trace, format, View()), draw(trace, format, View(ascii=True))
    assert plain.isascii()
    if format == "json":
        assert json.loads(plain) == json.loads(shown)
    if format == "jsonl":
        assert [*map(json.loads, plain.splitlines())] == [*map(json.loads, shown.splitlines())]
    if format in ("svg", "html"):
        well_formed(format, plain)


@pytest.mark.parametrize(
    "formula", ["sum(softmax(W@x))", "sum(relu(W)*x) + norm(x)", "cross_entropy(W@x, 1)"]
)
@pytest.mark.parametrize("format", ["latex", "tikz"])
def test_words_in_latex_are_english(formula: str, format: str, backtrace_command: Command) -> None:
    words = (formula, "W=[[1,2],[3,-4]]", "x=[1,2]", "--no-check", "--format", format)
    assert backtrace_command(*words, "--lang", "ko").out == backtrace_command(*words).out


@pytest.mark.parametrize("wrt", ["x", "y", "z", "x,z"])
def test_scripts_end_in_the_gradients_that_are_asked_for(
    wrt: str, backtrace_command: Command
) -> None:
    code = backtrace_command(*NUMBERS, "--wrt", wrt, "--no-check", "--format", "python").out
    asserted = re.findall(r"^assert np\.allclose\(d(\w+),", code, re.MULTILINE)
    assert sorted(asserted) == wrt.split(",")


def test_an_upstream_without_a_point_is_refused_by_its_name(backtrace_command: Command) -> None:
    ended = backtrace_command("x*y", "--upstream", "3")
    assert ended.status == 2
    assert "--upstream" in ended.err
    assert "--symbolic" not in ended.err


@pytest.mark.parametrize("format", ["gradescope", "github"])
@pytest.mark.parametrize("option", ["--summary", "--score"])
def test_what_autograders_read_is_one_whole(
    format: str, option: str, backtrace_command: Command
) -> None:
    ended = backtrace_command("grade", "a.toml", "a.json", "--format", format, option)
    assert (ended.status, ended.out) == (2, "")
    assert f"{option} has no place in {format}" in ended.err


@pytest.mark.parametrize("format", ["latex", "tikz"])
@pytest.mark.parametrize(
    "sign", ["θ₁*x", "x²", "x⁴", "√x", "x·y", "x≤y", "x≥y", "x≠y", "x×y", "x÷y"]
)
def test_signs_in_latex_are_signs(sign: str, format: str) -> None:
    formula = f"where({sign}, x, y)" if sign[1] in "≤≥≠" else f"({sign})*y"
    text = draw(backtrace.trace(formula, check=False), format, View())
    assert text.isascii()
    words = "subscript|superscript|middle|square root|than|equal|sign"
    assert not re.search(words, text)
