"""Practice in the page, in a real Chromium, by the keyboard alone: every kind of formula, answered
rightly, by every slip, with hints, and with what is no number."""

from __future__ import annotations

import math
import pathlib
import re
from typing import Any

import numpy as np
import pytest

import backtrace
from backtrace.cli import run
from backtrace.homework.page_practice import MOST_GATES, practice_of
from tests.render.conftest import Open
from tests.render.test_browser import VENDOR

TWO = {"x": 2, "y": 3}
KINDS = {
    "number": ("q = x + y; q*z", {"x": -2, "y": 5, "z": -4}),
    "neuron": ("1/(1+exp(-(w0*x0+w1*x1+w2)))", {"w0": 2, "x0": -1, "w1": -3, "x1": -2, "w2": -3}),
    "fork": ("(x+y)*max(y,z)", {"x": 1, "y": 2, "z": 0}),
    "fused": ("sigmoid(w*x + b)^2", {"w": 2, "x": -1, "b": 0.5}),
    "own": ("g(a, b) = a*tanh(b); g(x, y) + g(y, x)", {"x": 0.4, "y": -1.2}),
    "vector": ("sum(w*x)^2", {"w": [1, 2, 3], "x": [0.5, -1, 2]}),
    "matrix": ("sum((W@x - y)^2)", {"W": [[1, 2], [3, 4]], "x": [1, -1], "y": [0, 1]}),
    "net": (
        "cross_entropy(relu(X@W)@V, k)",
        {"X": [[1, 2], [3, -1]], "W": [[1, 0.5], [2, 1]], "V": [[1, 2], [0, 1]], "k": [0, 1]},
    ),
    "one gate": ("exp(x)", {"x": 0.5}),
    "long": ("; ".join(["s0 = x*y", *(f"s{k + 1} = s{k} + x" for k in range(9))]), TWO),
}
HIDDEN = """() => [...document.querySelectorAll('main *')].filter(e => e.checkVisibility() &&
  !e.children.length && !e.closest('.practice, h1, .at')).map(e => e.textContent)"""


@pytest.fixture
def practising(opened: Open) -> Any:
    def begin(case: tuple, kind: str = "vu") -> Any:
        page = opened(case, with_practice=True)
        page.locator("#kind").select_option(kind)
        page.locator("#begin").press("Enter")
        return page

    return begin


def answer(page: Any, text: str) -> str:
    page.locator("#answer").fill(text)
    page.locator("#answer").press("Enter")
    return page.locator("#verdict").inner_text()


PLAINLY = "x => m.isArray(x) ? nested(x.s, x.d, plain) : plain(x)"


def right_answer(page: Any) -> str:
    return page.evaluate(f"({PLAINLY})(valueOf(quiz.asks[quiz.current].join('')))")


@pytest.mark.browser
@pytest.mark.parametrize("kind", KINDS)
def test_right_answers_are_right_at_once(practising: Any, kind: str) -> None:
    page = practising(KINDS[kind])
    count = page.evaluate("quiz.asks.length")
    for k in range(count):
        assert page.locator("#question").inner_text().startswith(f"{k + 1} of {count}: ")
        assert page.evaluate("document.activeElement.id") == "answer"
        said = answer(page, right_answer(page))
    assert f"{count} of {count} right at once." in said
    assert page.evaluate("document.activeElement.id") == "begin"
    assert page.evaluate("document.body.classList.contains('practising')") is False


@pytest.mark.browser
@pytest.mark.parametrize("kind", KINDS)
def test_every_slip_is_named(practising: Any, kind: str) -> None:
    page = practising(KINDS[kind])
    named = 0
    for _ in range(page.evaluate("quiz.asks.length")):
        slips = page.evaluate(
            f"slipsAt(quiz.asks[quiz.current]).map(([k, g, x]) => [sheet.says[k], ({PLAINLY})(x)])"
        )
        right = right_answer(page)
        for sentence, number in slips[:1]:
            said = answer(page, number)
            if "Right: " in said:  # no other at the digits that are told
                break
            assert "That is what comes of a slip: " in said
            assert sentence in said or len(slips) > 2
            named += 1
        else:
            answer(page, right)
    assert named > 0 or kind == "one gate"


@pytest.mark.browser
def test_nothing_tells_the_answers(practising: Any) -> None:
    page = practising(("x*y + exp(z)", {"x": 3.25, "y": 1.75, "z": 0.3}))
    shown = " ".join(page.evaluate(HIDDEN))
    titles = " ".join(page.locator("svg title, svg desc").all_text_contents())
    for number in ("5.6875", "5.688", "1.35", "7.037"):
        assert number not in shown
        assert number not in titles
    page.keyboard.press("Escape")
    page.locator("svg g[role=button]").first.dispatch_event("mouseenter")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.evaluate("show(4)")
    assert "7.037" not in " ".join(page.evaluate(HIDDEN))
    assert "?" in page.locator("svg text").all_text_contents()


@pytest.mark.browser
def test_hints_come_in_three_degrees(practising: Any) -> None:
    page = practising(KINDS["fork"], "u")
    page.locator("svg g").filter(has_text="y").first.dispatch_event("click")
    while "gradient of y" not in page.locator("#question").inner_text():
        answer(page, right_answer(page))
    first, second, third = (answer(page, "?") for _ in range(3))
    assert "used twice, and gradients add" in first
    assert "An add gate distributes" in first
    assert "upstream × local" in second
    assert re.search(r"\d × 1 \+ \d × 1", third)
    assert "Hint 3 of 3" in answer(page, "?")
    answer(page, right_answer(page))
    page.locator("#leave").press("Enter")
    assert "1 right after a hint." in page.locator("#verdict").inner_text()


@pytest.mark.browser
@pytest.mark.parametrize("text", ["x", "1/", "--2", "1e", "[1, 2", "NaN?", "2 3"])
def test_what_is_no_number_costs_nothing(practising: Any, text: str) -> None:
    page = practising(KINDS["number"])
    assert "is no number" in answer(page, text)
    assert page.evaluate("quiz.tries") == 0


@pytest.mark.browser
@pytest.mark.parametrize("text", ["3", "3.0", "+3", "6/2", " 3 ", "3e0", "30e-1"])
def test_a_number_is_right_however_it_is_written(practising: Any, text: str) -> None:
    page = practising(KINDS["number"])
    assert answer(page, text).startswith("Right: the value of q is 3.")


@pytest.mark.browser
def test_twice_wrong_shows_the_arithmetic_and_goes_on(practising: Any) -> None:
    page = practising(KINDS["number"])
    assert "Once more" in answer(page, "7")
    said = answer(page, "8")
    assert "the value of q is 3: −2 + 5 = 3" in said
    assert page.evaluate("[...quiz.results.values()]") == ["not found"]
    said = answer(page, "")
    assert page.evaluate("[...quiz.results.values()]") == ["not found", "skipped"]


@pytest.mark.browser
def test_any_order_by_a_press_on_a_gate(practising: Any) -> None:
    page = practising(KINDS["number"])
    page.locator("svg g[role=button]").nth(1).dispatch_event("click")
    assert "the value of f" in page.locator("#question").inner_text()


@pytest.mark.browser
def test_other_numbers_are_telling_ones(opened: Open) -> None:
    page = opened(KINDS["number"], with_practice=True)
    page.locator("#kind").select_option("vu")
    page.locator("#numbers").select_option("1")
    page.locator("#begin").press("Enter")
    point = page.evaluate("point")
    assert point != {"x": -2, "y": 5, "z": -4}
    trace = backtrace.trace(KINDS["number"][0], point, check=False)
    assert math.isclose(float(right_answer(page)), trace.values[3])
    page.locator("#leave").press("Enter")
    assert "0 of 6 right at once." in page.locator("#verdict").inner_text()
    page.locator("#reset").press("Enter")
    assert page.evaluate("point") == {"x": -2, "y": 5, "z": -4}


@pytest.mark.browser
@pytest.mark.parametrize(
    ("formula", "point", "right", "wrong"),
    [
        ("3*relu(x)", {"x": 0}, ["0", "1.5", "3", "1/3", "2.99"], ["-0.1", "3.1", "−1"]),
        ("abs(x)*y + x", {"x": 0, "y": 2}, ["-1", "1", "3", "0", "−1"], ["3.2", "-1.1"]),
        ("-2*max(x, y*y)", {"x": 4, "y": 2}, ["0", "-2", "-1"], ["0.5", "-2.5", "2"]),
        ("x*abs(x)", {"x": 0}, ["0"], ["1", "-1"]),
    ],
)
def test_at_a_kink_what_lies_between_its_slopes_will_do(
    practising: Any, formula: str, point: dict[str, float], right: list[str], wrong: list[str]
) -> None:
    """As `quiz` and `check` have it."""

    def said(text: str) -> str:
        page = practising((formula, point), "u")
        place = page.evaluate("quiz.asks.findIndex(([, node]) => data.names[node] === 'x')")
        page.evaluate(f"ask({place})")
        return answer(page, text)

    heard = [said(text) for text in right]
    assert [text.lower().startswith("right:") for text in heard] == [True] * len(right)
    assert any("here is a kink" in text for text in heard) == (len(right) > 1)
    for text in wrong:
        assert "is not" in said(text), text


@pytest.mark.browser
def test_axe_finds_nothing_while_practising(opened: Open) -> None:
    for scheme in ("light", "dark"):
        page = opened(KINDS["fork"], with_practice=True, bypass_csp=True, color_scheme=scheme)
        page.locator("#begin").press("Enter")
        answer(page, "99")
        page.evaluate((VENDOR / "axe.min.js").read_text("utf-8"))
        found = page.evaluate("async () => (await axe.run()).violations")
        assert [(v["id"], [n["html"][:200] for n in v["nodes"]]) for v in found] == []


@pytest.mark.parametrize("kind", KINDS)
def test_the_sheet_has_the_slips_of_every_wire(kind: str) -> None:
    formula, point = KINDS[kind]
    trace = backtrace.trace(formula, point, check=False)
    practice = practice_of(trace)
    assert practice is not None
    assert practice.points[0].given is None
    assert len(practice.points) == (1 if trace.has_arrays else 4)
    for key, slips in practice.points[0].slips.items():
        right = (trace.values if key[0] == "v" else trace.upstreams)[int(key[1:])]
        for which, gate, number in slips:
            assert practice.says[which]
            assert trace.graph.nodes[gate].gate is not None
            assert np.shape(number) == np.shape(right)
            assert not np.array_equal(number, right)


@pytest.mark.parametrize(
    ("formula", "point"),
    [
        ("x", {"x": 1}),
        ("log(x)", {"x": 0}),
        (" + ".join(["x"] * (MOST_GATES + 2)), {"x": 1}),
    ],
)
def test_where_nothing_is_practised(formula: str, point: dict[str, float]) -> None:
    assert practice_of(backtrace.trace(formula, point, check=False)) is None


def test_the_command_writes_it(tmp_path: pathlib.Path) -> None:
    page = tmp_path / "page.html"
    run(["x*y + x", "x=2", "y=3", "-o", str(page)])
    assert "not the other factor" in page.read_text("utf-8")
