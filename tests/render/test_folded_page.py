"""The page of a folded picture in a real Chromium: boxes open in place and fold again, and every
drawing has the numbers of the trace, wherever they are moved to."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

import backtrace
from backtrace.render import View, draw
from backtrace.render._boxes import boxes
from backtrace.render._drawings import drawings
from backtrace.render._folding import folded, inside
from backtrace.render._packing import packed, unpacked
from backtrace.render._scene import scene, with_open
from backtrace.render._words import number_text
from tests.render.conftest import Open
from tests.render.test_browser import VENDOR, where
from tests.render.test_folding import GATES, LAYERS, LSTM, OWN, close, meets, random_case

OF_ARRAYS = (
    "q = X@A; k = X@B; s = q@k.T/2; e = exp(s*2 + 1); "
    "p = e/sum(e, axis=1, keepdims=True); L = sum((p@X - Y)^2)",
    {
        "X": [[1, 0.5], [-0.3, 2]],
        "A": [[0.2, 1], [-1, 0.4]],
        "B": [[1, 0], [0.5, -1]],
        "Y": [[1, 0], [0, 1]],
    },
)
CASES = {"lstm": LSTM, "layers": LAYERS, "own": OWN, "arrays": OF_ARRAYS}

SHOWN = """() => drawings.map(({ids}, k) => ({
  signs: nodes.filter(n => id(`${ids}-${n}`)).map(n => [n,
    ...['v', 'r'].map(kind => id(`${ids}-${n}`).querySelector(`.${name}-${kind}`)?.textContent)]),
  branches: pieces.filter(p => !p.isWire && p.element.id.startsWith(`${ids}-t`))
    .map(p => [p.ways, p.element.querySelector('text').textContent]),
}))"""


def hold(page: Any, formula: str, point: dict[str, Any], count: int) -> None:
    """Every drawing says what a trace at this point says."""
    trace = backtrace.trace(formula, point, check=False)
    found = page.evaluate(SHOWN)
    assert len(found) == count
    for drawn in found:
        for node, value, gradient in drawn["signs"]:
            assert value == number_text(trace.values[node], View())
            assert gradient == number_text(trace.upstreams[node], View())
        for ways, text in drawn["branches"]:
            sent = [trace.downstreams[gate][k] for gate, k in reversed(ways)]
            assert text == number_text(sum(sent[1:], start=sent[0]), View())


@pytest.mark.browser
@pytest.mark.parametrize("kind", CASES)
def test_every_drawing_has_the_numbers_wherever_they_are_moved(opened: Open, kind: str) -> None:
    formula, point = CASES[kind]
    page = opened((formula, point), fold="all")
    count = page.evaluate("drawings.length")
    assert count > 3
    page.keyboard.press("End")
    hold(page, formula, point, count)
    chance = random.Random(kind)
    moved = {n: np.round(np.asarray(v) + chance.uniform(-1, 1), 3) for n, v in point.items()}
    words = ",".join(f"{n}={v.tolist()}".replace(" ", "") for n, v in moved.items())
    page.evaluate(f"location.hash = '#{words}&step=9999'")
    page.wait_for_function("document.body.classList.contains('moved')")
    hold(page, formula, {n: v.tolist() for n, v in moved.items()}, count)


@pytest.mark.browser
def test_a_press_opens_a_box_and_another_folds_it(opened: Open) -> None:
    page = opened(LSTM, fold="all")
    seen = page.locator(".drawing:not([hidden])")
    assert seen.locator("[data-open]").count() == 6
    assert seen.locator("circle[class$=-o]").count() == 0
    box = seen.locator("[data-open]", has_text="i").first
    box.locator("rect").click()
    assert seen.locator("[data-fold]").get_attribute("aria-expanded") == "true"
    assert seen.locator("[data-fold] text").inner_html() == "i"
    assert seen.locator("[data-open]").count() == 6  # five, and the sigmoid in it
    page.keyboard.press("Enter")  # the frame has the keys
    assert seen.locator("[data-fold]").count() == 0
    assert page.evaluate("document.activeElement.dataset.open") is not None
    page.keyboard.press(" ")
    assert seen.locator("[data-fold]").count() == 1
    seen.locator("[data-open]", has_text="sigmoid").locator("rect").click()
    assert seen.locator("[data-fold]").count() == 2
    assert page.evaluate("document.activeElement.textContent") == "sigmoid"
    page.keyboard.press("Enter")
    assert [seen.locator("[data-fold] text").inner_html()] == ["i"]
    page.locator("#unfold").click()
    assert seen.locator("circle[class$=-o]").count() == 34
    page.locator("#fold").click()
    assert seen.locator("[data-open]").count() == 6
    assert where(page) == "the inputs"


@pytest.mark.browser
@pytest.mark.parametrize("kind", CASES)
def test_the_box_of_the_step_s_gate_is_marked(opened: Open, kind: str) -> None:
    page = opened(CASES[kind], fold="all")
    homes = page.evaluate("drawings.map(d => d.home)")
    gates = page.evaluate("gates")
    for step, gate in enumerate(gates, 1):
        page.keyboard.press("ArrowRight")
        on = page.evaluate("[...document.querySelectorAll('g.on')].map(e => e.id)")
        wanted = [home.get(str(gate), gate) for home in homes]
        assert [int(one.split("-")[1]) for one in on] == wanted, step
    for gate in reversed(gates):  # a wire flows where the gate's own is drawn, or one of its box
        page.keyboard.press("ArrowRight")
        flowing = page.evaluate("pieces.filter(p => p.element.matches('.flow')).map(p => p.ways)")
        meant = page.evaluate(
            f"pieces.filter(p => p.isWire && p.ways.some(([g]) => g === {gate})).map(p => p.ways)"
        )
        assert flowing == meant != []


@pytest.mark.browser
def test_practice_shows_every_gate(opened: Open) -> None:
    page = opened(LSTM, fold="all", with_practice=True)
    page.locator("#begin").press("Enter")
    assert page.evaluate("opened === sheets.length - 1")
    assert "?" in page.locator(".drawing:not([hidden]) svg").text_content()
    page.locator("#leave").click()


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 390])
def test_axe_and_a_phone(opened: Open, scheme: str, width: int) -> None:
    size = {"width": width, "height": 844}
    page = opened(LSTM, "#40", fold="all", color_scheme=scheme, viewport=size, bypass_csp=True)
    page.evaluate((VENDOR / "axe.min.js").read_text("utf-8"))
    for state in (0, 1, page.evaluate("sheets.length - 1")):
        page.evaluate(f"open({state})")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        found = page.evaluate("async () => (await axe.run()).violations")
        assert [(v["id"], [n["html"][:200] for n in v["nodes"]]) for v in found] == []
    if width == 1200:
        page.evaluate("open(0)")
        card = page.locator(".card").bounding_box()
        assert page.locator(".drawing:not([hidden]) svg").bounding_box()["width"] <= card["width"]


@pytest.mark.browser
def test_without_script_the_boxes_are_there(opened: Open) -> None:
    page = opened(LSTM, fold="all", java_script_enabled=False)
    assert page.locator("svg").count() == 1
    assert "h_1" in page.locator("svg text").all_text_contents()
    assert not page.locator("#unfold").is_visible()


@pytest.mark.browser
def test_a_page_that_stands_still_opens_its_boxes_too(opened: Open) -> None:
    formula = "q = sum(exp(-x)*x); r = tanh(q)*q + q; r*q"
    page = opened((formula, {"x": np.full(30_000, 0.001)}), fold="all")
    assert page.evaluate("typeof graphs") == "undefined"
    page.locator(".drawing:not([hidden]) [data-open] rect").first.click()
    assert page.locator(".drawing:not([hidden]) [data-fold]").count() == 1
    page.keyboard.press("End")
    assert where(page).startswith("backward")


# what needs no browser


@pytest.mark.parametrize("seed", range(12))
def test_an_open_box_stands_where_it_stood(seed: int) -> None:
    """Every gate in one place, nothing over anything, and the frame holds the box's own alone."""
    formula, point, options = random_case(seed)
    trace = backtrace.trace(formula, point, check=False, **options)
    found = boxes(trace)
    for place, box in enumerate(found[:6]):
        drawn = with_open(trace, View(), found, place)
        assert meets(drawn) == []
        seen = [s.index for s in drawn.signs]
        hidden = [m for s in drawn.signs if s.box for m in s.box.members[:-1]]
        assert sorted([*seen, *hidden]) == list(range(len(trace.graph.nodes)))
        frame = next(f for f in drawn.frames if f.box is box)
        for s in drawn.signs:
            is_in = frame.x < s.x < frame.x + frame.width and frame.y < s.y < frame.y + frame.height
            assert is_in == (s.index in box.members)
        assert all(0 <= s.wire[1] <= drawn.width and 0 < s.y < drawn.height for s in drawn.signs)


@pytest.mark.parametrize("seed", range(12))
def test_the_inside_of_a_box_has_the_record_s_numbers(seed: int) -> None:
    formula, point, options = random_case(seed)
    trace = backtrace.trace(formula, point, check=False, **options)
    found = boxes(trace)
    for place, box in enumerate(found):
        drawn = inside(trace, box, [b for b in found if b.parent == place])
        for k, index in enumerate(drawn.nodes_of):
            assert close(drawn.values[k], trace.values[index])
            assert (k in drawn.ports) == (index not in box.members)
            arrived = [drawn.downstreams[g][i] for g, i in drawn.graph.consumers[k]]
            if k not in drawn.ports and index != box.output:
                assert np.allclose(sum(arrived), trace.upstreams[index], equal_nan=True)
        whole = folded(trace, [box])
        at = next(k for k, b in whole.folded.items() if b is box)
        for k, source in enumerate(whole.graph.inputs_of[at]):
            port = drawn.nodes_of.index(whole.nodes_of[source])
            sent = [drawn.downstreams[g][i] for g, i in drawn.graph.consumers[port]]
            assert np.allclose(sum(sent), whole.downstreams[at][k], equal_nan=True)


@pytest.mark.parametrize("seed", range(40))
def test_what_is_packed_is_unpacked(seed: int) -> None:
    chance = random.Random(seed)
    letters = chance.choice(["ab", "~`\"'\\<", "xyz 𝑥é~", '0123456789." '])
    pieces = ["".join(chance.choices(letters, k=chance.randrange(40))) for _ in range(6)]
    text = "".join(chance.choices(pieces, k=chance.randrange(60)))
    assert unpacked(packed(text)) == text


@pytest.mark.slow
def test_folded_pages_are_small() -> None:
    steps = "; ".join(f"s{k + 1} = tanh(s{k})*sigmoid(s{k}) + gelu(s{k})" for k in range(12))
    sixty = (f"s0 = x*y; {steps}", {"x": 1, "y": 0.5})
    for case in (sixty, LSTM, LAYERS):
        trace = backtrace.trace(*case, check=False)
        page = draw(trace, "html", View(fold="all"))
        assert len(page.encode()) < 200_000
        assert len(drawings(trace, View(fold="all")).told) == len(boxes(trace)) + 2
        assert draw(trace, "html", View(fold="all")) == page


def test_many_boxes_have_two_drawings() -> None:
    steps = "; ".join(f"s{k + 1} = tanh(s{k}*x) + s{k}" for k in range(40))
    trace = backtrace.trace(f"s0 = x*y; {steps}", {"x": 0.1, "y": 0.5}, check=False)
    assert len(drawings(trace, View()).told) == 2


def test_own_gates_open_level_by_level() -> None:
    formula = f"{GATES}q = unit(x, y, z)*unit(y, z, x) + unit(z, x, y); r = q*2 + x; q*r + y"
    trace = backtrace.trace(formula, {"x": 1, "y": 2, "z": 3}, check=False, expand=True)
    found = boxes(trace)
    assert [box.name for box in found if box.parent is None] == ["q", "r"]
    labels = {s.label for s in scene(trace, View(fold="all")).signs if s.box}
    assert labels == {"q", "r"}
    place = next(k for k, box in enumerate(found) if box.name == "q")
    drawn = with_open(trace, View(), found, place)
    assert sorted(s.label for s in drawn.signs if s.box) == ["r", "unit", "unit", "unit"]
