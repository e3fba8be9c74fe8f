"""The formulas of a lecture on backpropagation, each as a student goes through its page in a real
Chromium: every step there and back, another number, a shared address, practice to full score."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import backtrace
from tests.render.conftest import Open
from tests.render.test_browser import where
from tests.render.test_page_practice import answer

NEURON = {"w0": 2, "x0": -1, "w1": -3, "x1": -2, "w2": -3}
TWO_LAYERS = {"W1": [[0.1, -0.5], [0.7, 0.2], [-0.4, 0.3]], "x": [1.5, -0.6]}
CASES: dict[str, tuple[Any, ...]] = {
    "circuit": ("(x+y)*z", {"x": -2, "y": 5, "z": -4}),
    "its stages": ("q = x + y; f = q*z", {"x": -2, "y": 5, "z": -4}),
    "neuron": ("1/(1+exp(-(w0*x0+w1*x1+w2)))", NEURON),
    "neuron in stages": ("dot = w0*x0 + w1*x1 + w2; f = 1/(1 + exp(-dot))", NEURON),
    "neuron fused": ("1/(1+exp(-(w0*x0+w1*x1+w2)))", NEURON, {"fuse": True}),
    "patterns": ("2*(x*y + max(z, w))", {"x": 3, "y": -4, "z": 2, "w": -1}),
    "branches": ("(x+y)*max(y, z)", {"x": 1, "y": 2, "z": 0}),
    "slopes": ("exp(a*x) + (c + x) + 1/x", {"a": 0.5, "x": 1.4, "c": -2}),
    "activations": (
        "tanh(x) + max(0.1*x, x) + sigmoid(x) + where(x > 0, x, exp(x) - 1)",
        {"x": -0.7},
    ),
    "maxout": ("max(w1*x + b1, w2*x + b2)", {"w1": 1, "x": 2, "b1": -1, "w2": -2, "b2": 3}),
    "entrywise": ("sum(w*max(0, x))", {"w": [2, -1, 3], "x": [1, -2, 0.5]}),
    "norm": ("q = W@x; f = sum(q^2)", {"W": [[0.1, 0.5], [-0.3, 0.8]], "x": [0.2, 0.4]}),
    "two layers": (
        "h = max(0, W1@x); s = W2@h; L = sum((s - t)^2)",
        {**TWO_LAYERS, "W2": [[0.3, -0.2, 0.5], [1, 0.4, -0.6]], "t": [0, 1]},
    ),
    "regression": ("e = X@w - y; sum(e^2)/3", {"X": [[1, 2], [3, 4]], "w": [1, -1], "y": [0, 1]}),
}

HIDDEN = (
    "() => document.querySelectorAll('.drawing:not([hidden]) .later, .card > svg .later').length"
)
GRADIENTS = """() => Object.fromEntries([...document.querySelectorAll('[data-gradient]')]
  .map(cell => [cell.dataset.gradient, cell.dataset.value]))"""


def until(page: Any, holds: str) -> None:
    """Waits for what the next frame brings; the page's policy lets nothing be polled inside it."""
    for _ in range(200):
        if page.evaluate(holds):
            return
        page.wait_for_timeout(20)
    raise AssertionError(holds)


def opened_of(opened: Open, case: tuple[Any, ...], **more: object) -> Any:
    return opened(case[:2], options=dict(*case[2:]), **more)


def hold(page: Any, case: tuple[Any, ...], point: dict[str, Any]) -> None:
    """Every gradient of the page is that of a trace at this point."""
    trace = backtrace.trace(case[0], point, check=False, **dict(*case[2:]))
    found = page.evaluate(GRADIENTS)
    assert set(found) == set(trace.gradients)
    for name, written in found.items():
        mine = np.asarray(json.loads(written))
        np.testing.assert_allclose(mine, trace.gradients[name], rtol=1e-12, atol=1e-15)


@pytest.mark.browser
@pytest.mark.parametrize("kind", CASES)
def test_a_lecture_s_formula_is_stepped_changed_and_practised(opened: Open, kind: str) -> None:
    case = CASES[kind]
    page = opened_of(opened, case, with_practice=True)
    gates = page.evaluate("gates.length")

    for k in range(1, 2 * gates + 1):  # there
        page.keyboard.press("ArrowRight")
        way, n = ("forward", k) if k <= gates else ("backward", k - gates)
        assert where(page) == f"{way} {n} / {gates}"
        assert page.locator(".steps li.current").inner_text() != ""
    assert page.evaluate(HIDDEN) == 0
    hold(page, case, case[1])
    for _ in range(2 * gates):  # and back
        page.keyboard.press("ArrowLeft")
    assert where(page) == "the inputs"

    for name, value in case[1].items():  # each number changed in turn
        moved = np.round(np.asarray(value, float) * 1.25 + 0.375, 6)
        entries = moved.ravel().tolist()
        for place, field in enumerate(page.locator(f'[data-input="{name}"]').all()):
            field.fill(str(entries[place]))
        until(page, "document.body.classList.contains('moved')")
        page.evaluate("compute(), draw()")  # what waits for the next frame
        hold(page, case, {**case[1], name: moved.tolist()})
        page.locator("#reset").press("Enter")
    hold(page, case, case[1])

    page.locator("#kind").select_option("vu")
    page.locator("#begin").press("Enter")
    asked = page.evaluate("quiz.asks.length")
    assert asked >= gates
    for _ in range(asked):  # by the digits that are shown: the keys alone, Enter answers
        shown = page.evaluate("cell(valueOf(quiz.asks[quiz.current].join('')))")
        page.keyboard.type(shown)
        page.keyboard.press("Enter")
    said = page.locator("#verdict").inner_text()
    assert f"{asked} of {asked} right at once." in said
    hold(page, case, case[1])


@pytest.mark.browser
@pytest.mark.parametrize("kind", CASES)
def test_a_wrong_guess_is_told_and_what_is_skipped_is_shown(opened: Open, kind: str) -> None:
    page = opened_of(opened, CASES[kind], with_practice=True)
    page.locator("#begin").press("Enter")
    asked = page.evaluate("quiz.asks.length")
    right = page.evaluate("cell(valueOf(quiz.asks[quiz.current].join('')))")
    wrong = "[" + ", ".join(["777"] * (right.count(",") + 1)) + "]" if "[" in right else "777"
    assert "Once more" in answer(page, wrong)
    assert "is" in answer(page, wrong)
    for _ in range(asked - 1):
        answer(page, "")
    said = page.locator("#verdict").inner_text()
    assert f"0 of {asked} right at once." in said
    assert "1 not found." in said


@pytest.mark.browser
def test_the_address_has_the_open_box_too(opened: Open) -> None:
    from tests.render.test_folding import LSTM

    page = opened(LSTM)
    assert page.evaluate("opened") == 0
    page.locator(".drawing:not([hidden]) [data-open]", has_text="f").first.press("Enter")
    address = page.evaluate("location.hash")
    box = page.evaluate("drawings[opened].opens")
    assert address == f"#step=0&open={box}"
    page.locator('[data-input="x"]').fill("0.5")
    until(page, "location.hash.includes('x=0.5')")
    page.keyboard.press("Escape")
    address = page.evaluate("location.hash")
    assert address == f"#x=0.5&step=68&open={box}"
    again = opened(LSTM, address)
    assert again.evaluate("[opened, now, point.x]") == page.evaluate("[opened, now, point.x]")
    again.evaluate("location.hash = '#step=3&open=all'")
    until(again, "opened === sheets.length - 1")
    assert again.evaluate("[now, point.x]") == [3, 1.2]
    for odd in ("#7", "#step=7&open=x", "#step=7&open=99999", "#open=3", "#step=7&open="):
        again.evaluate(f"location.hash = '{odd}'")
        until(again, "opened === 0")
    again.locator("#unfold").press("Enter")
    assert again.evaluate("location.hash").endswith("&open=all")


@pytest.mark.browser
def test_inputs_may_be_called_what_the_address_is_made_of(opened: Open) -> None:
    page = opened(("open*step", {"open": 2, "step": 3}))
    page.locator('[data-input="open"]').fill("5")
    until(page, "location.hash === '#open=5&step=2'")
    page.locator('[data-input="step"]').fill("7")
    until(page, "location.hash === '#open=5,step=7&step=2'")
    again = opened(("open*step", {"open": 2, "step": 3}), page.evaluate("location.hash"))
    assert again.evaluate("point") == {"open": 5, "step": 7}
    only = opened(("open*step", {"open": 2, "step": 3}), "#step=9&step=1")
    assert only.evaluate("[point.step, now]") == [9, 1]
