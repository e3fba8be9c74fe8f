"""The live page: what it computes anew in a real Chromium is what Python computes, whatever the
formula, wherever its numbers are moved to."""

from __future__ import annotations

import json
import math
import random
import re
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest

import backtrace
from backtrace.render import View
from backtrace.render._program import StillError, program, source
from backtrace.render._scene import scene
from backtrace.render.svg import description
from tests.conftest import published, published_arrays
from tests.gates import random_arrays, test_agreement
from tests.gates.step import Step
from tests.render.conftest import Open

browser_only = pytest.mark.browser
KINKS = [
    "relu(x) + relu(y)*z",
    "max(x, y)*min(x, z)",
    "abs(x - y)*z",
    "where(x < y, x^2, y*z)",
    "g(a, b) = a*relu(b); g(x, y) + g(y, z)",
    "h(a) = max(a, 0)^2; g(a) = h(a) - h(-a); g(x)*y + z",
    "sum(max([x, y, z], 0))",
    "hinge = max(0, 1 - x*y); hinge*z",
]
FAULTS = [
    "x*log(y) + z",
    "sqrt(x)*y/z",
    "asin(x)^y + z",
    "where(x > 0, log(x), 0)*y + z",
    "x^y*z",
    "exp(exp(x*y)) - z",
    "x % y + x // z",
]
ENDS = (0, 1, -1, 2, -0.0, 1e-300, 1e300, 800)


def written(value: Any) -> str:
    """A value as the page's address has it."""
    return json.dumps(np.asarray(value).tolist()).replace(" ", "")


def address(point: dict[str, Any]) -> str:
    return "#" + ",".join(f"{quote(name)}={written(value)}" for name, value in point.items())


def close(mine: float, theirs: float) -> bool:
    if math.isnan(mine) or math.isnan(theirs):
        return math.isnan(mine) and math.isnan(theirs)
    return mine == theirs or abs(mine - theirs) <= 1e-12 * max(1, abs(mine), abs(theirs))


NUMBERS = """() => ({
  output: document.querySelector('[data-output]').dataset.value,
  values: state.values.map(x => m.entries(x).map(String)),
  upstreams: state.upstreams.map(x => m.entries(x).map(String)),
  kinks: state.kinks,
  gradients: Object.fromEntries([...document.querySelectorAll('[data-gradient]')]
    .map(e => [e.dataset.gradient, e.dataset.value])),
})"""


def hold(page: Any, formula: str, point: dict[str, Any]) -> None:
    """The page, moved to a point by its address, has the numbers of a trace there."""
    page.evaluate("to => { location.hash = to; fromAddress(); }", address(point))
    compare(formula, point, page.evaluate(NUMBERS))


def compare(formula: str, point: dict[str, Any], found: dict[str, Any]) -> None:
    trace = backtrace.trace(formula, point, check=False)
    for kind, mine in (("values", trace.values), ("upstreams", trace.upstreams)):
        for index, (value, theirs) in enumerate(zip(mine, found[kind], strict=True)):
            entries = np.ravel(np.asarray(value, float)).tolist()
            pairs = zip(entries, map(float, theirs), strict=True)
            assert all(close(a, b) for a, b in pairs), (formula, point, kind, index, theirs)
    kinks = sorted({note.node for note in trace.notes if note.kind == "kink"})
    assert found["kinks"] == kinks, (formula, point)
    for name, text in found.get("gradients", {}).items():
        entries = [float(entry) for entry in re.findall(r"[^][,\s]+", text)]
        due = np.ravel(np.asarray(trace.gradients[name], float)).tolist()
        assert all(close(a, b) for a, b in zip(due, entries, strict=True)), (formula, point, name)


def shape_after(step: Step, *shapes: tuple[int, ...]) -> tuple[int, ...]:
    point = {name: np.full(shape, 0.5) for name, shape in zip("pq", shapes, strict=False)}
    return np.shape(backtrace.trace(step.text.format("p", "q"), point, check=False).value)


def moved(chance: random.Random, shape: tuple[int, ...]) -> Any:
    drawn = [round(chance.uniform(-1.5, 1.5), 6) for _ in range(math.prod(shape))]
    return np.array(drawn).reshape(shape) if shape else drawn[0]


def is_live(formula: str, point: dict[str, Any]) -> bool:
    try:
        program(backtrace.trace(formula, point, check=False))
    except StillError:
        return False
    return True


def scalar_cases(count: int) -> list[tuple[str, dict[str, Any]]]:
    chance = random.Random(19)
    found = []
    while len(found) < count:
        formula = f"x*y + z*{test_agreement.random_formula(chance, 4)}"
        found.append((formula, {name: round(chance.uniform(-2, 2), 3) for name in "xyz"}))
    return found


def array_cases(count: int) -> list[tuple[str, dict[str, Any]]]:
    chance = random.Random(20)
    found = []
    while len(found) < count:
        formula = random_arrays.random_formula(chance, shape_after).text
        point = {name: moved(chance, shape) for name, shape in random_arrays.SHAPES.items()}
        if is_live(formula, point):
            found.append((formula, point))
    return found


PASSES = """(point) => {
  const values = forward(graphs[0], point), back = backward(graphs[0], values, seed);
  const told = (all) => all.map(x => m.entries(x).map(String));
  return {values: told(values), upstreams: told(back.upstreams), kinks: back.kinks};
}"""


def computed(page: Any, formula: str, points: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the page's script computes at these points, in Chromium, without its page around it."""
    trace = backtrace.trace(formula, points[0], check=False)
    scripts = source(program(trace), trace)
    given = [{n: _entries(v) for n, v in point.items()} for point in points]
    return page.evaluate(f"(points) => {{ {scripts}; return points.map({PASSES}); }}", given)


def _entries(value: Any) -> Any:
    if not np.ndim(value):
        return float(value)
    return {"s": list(np.shape(value)), "d": np.ravel(value).tolist()}


@browser_only
@pytest.mark.parametrize("part", range(4))
@pytest.mark.parametrize("cases", [scalar_cases, array_cases])
def test_random_formulas(opened: Open, cases: Any, part: int) -> None:
    page, chance = opened(("x", {"x": 1})), random.Random(part)
    for formula, point in cases(120)[part::4]:
        points = [{n: moved(chance, np.shape(v)) for n, v in point.items()} for _ in range(5)]
        for at, found in zip(points, computed(page, formula, points), strict=True):
            compare(formula, at, found)


@browser_only
def test_pages_of_random_formulas(opened: Open) -> None:
    chance = random.Random(7)
    for formula, point in [*scalar_cases(8), *array_cases(8)]:
        page = opened((formula, point))
        for _ in range(3):
            hold(page, formula, {n: moved(chance, np.shape(v)) for n, v in point.items()})
        page.context.close()


@browser_only
@pytest.mark.parametrize("formula", [*KINKS, *FAULTS])
def test_kinks_and_faults_wherever_it_is_moved(opened: Open, formula: str) -> None:
    page = opened((formula, {"x": 0.5, "y": 0.75, "z": 2}))
    chance = random.Random(formula)
    for _ in range(12):
        hold(page, formula, {name: chance.choice(ENDS) for name in "xyz"})


@browser_only
def test_published_exercises_at_their_own_points(opened: Open) -> None:
    for case in [*published()[::3], *published_arrays()]:
        if is_live(case["formula"], case["point"]):
            page = opened((case["formula"], case["point"]))
            hold(page, case["formula"], case["point"])
            page.context.close()


def test_what_cannot_be_computed_anew_is_still_and_says_so() -> None:
    long = backtrace.trace(" + ".join(["x"] * 2500), {"x": 1}, check=False)
    large = backtrace.trace("sum(x^2)", {"x": np.ones(30_000)}, check=False)
    for trace, words in ((long, "up to 2,000 gates"), (large, "arrays are too large")):
        with pytest.raises(StillError, match=words):
            program(trace)
    page = large.show("html")
    assert "The numbers stand still: its arrays are too large" in page
    assert "data-input" not in page


@browser_only
def test_fields_sliders_reset_and_the_address(opened: Open) -> None:
    page = opened(("(x + y)*z", {"x": -2, "y": 5, "z": -4}))
    page.get_by_label("x", exact=True).fill("3")
    page.locator("[data-output][data-value='-32']").wait_for()
    assert page.evaluate("location.hash") == "#x=3&step=4"
    assert page.locator("[data-gradient=z]").inner_text() == "8"
    page.get_by_label("slider of y").evaluate("s => { s.value = 1; s.oninput(); }")
    page.locator("[data-output][data-value='-16']").wait_for()
    assert page.get_by_label("y", exact=True).input_value() == "1"
    page.get_by_label("x", exact=True).fill("")
    assert page.get_by_label("x", exact=True).get_attribute("aria-invalid") == "true"
    page.get_by_role("button", name="Reset").click()
    assert page.locator("#told").inner_text() == "f = −12"
    assert page.evaluate("location.hash") == "#4"
    assert page.get_by_role("button", name="Reset").is_disabled()


@browser_only
@pytest.mark.parametrize(
    ("at", "value"),
    [
        ("#x=3,y=-2&step=3", "-4"),
        ("#y=1e2", "-392"),
        ("#x=nonsense,z=2", "6"),
        ("#nobody=3,x=0", "-20"),
        ("#x=[1,2]", "-12"),
        ("#x=%zz,=,,y", "-12"),
        ("#3", "-12"),
        ("#x=inf", "-inf"),
    ],
)
def test_an_address_opens_its_numbers(opened: Open, at: str, value: str) -> None:
    page = opened(("(x + y)*z", {"x": -2, "y": 5, "z": -4}), at)
    assert page.locator("[data-output]").get_attribute("data-value") == value


@browser_only
def test_what_if(opened: Open) -> None:
    page = opened(("q = x*x; q*y", {"x": 3, "y": 2}))
    page.locator("#by").fill("0.1")
    assert "= 12 × 0.1 = 1.2; truly by 1.22, from 18 to 19.22" in page.locator("#then").inner_text()
    page.locator("path.press").last.dispatch_event("click")
    assert page.locator("#which").input_value() == "1"
    page.locator("#which").select_option("2")
    assert "= 2 × 0.1 = 0.2; truly by 0.2" in page.locator("#then").inner_text()


@browser_only
def test_words_follow_the_numbers(opened: Open) -> None:
    page = opened(("relu(x)*y", {"x": 2, "y": 3}), "#4")
    steps = page.locator(".steps li.current")
    assert "upstream 3 × local 1 = downstream 3 → x" in steps.inner_text()
    page.get_by_label("x", exact=True).fill("0")
    page.locator("[data-output][data-value='0']").wait_for()
    assert "It stands at a kink" in steps.inner_text()
    assert (
        "#2 relu is at a kink: at 0 the slope is taken as 0"
        in page.locator("#remarks").inner_text()
    )
    title = page.locator("svg g[role=button] title").first
    assert title.text_content() == "#2 relu: relu(x) = 0, gradient 3"
    page.get_by_label("y", exact=True).fill("-4")
    page.locator("[data-gradient=x][data-value='0']").wait_for()
    page.keyboard.press("Escape")
    page.evaluate("show(2)")
    assert "Forward. 0*(−4) = 0" in steps.inner_text()


@browser_only
def test_numbers_are_written_as_python_writes_them(opened: Open) -> None:
    from backtrace.numbers import number as ours

    page = opened(("x*1", {"x": 1}))
    chance = random.Random(4)
    numbers = [chance.uniform(-1, 1) * 10 ** chance.randint(-12, 18) for _ in range(3000)]
    numbers += [k / 2**j for k in (1, 3, 5, 17, 1001, 12345, 99995) for j in range(14)]
    numbers += [0.0, -0.0, 1e15, 1e16, 9999.5, 99995.0, 0.00012345, 5e-324, math.inf, -math.inf]
    found = page.evaluate(
        "given => given.map(x => number(Number(x)))",
        [repr(x).replace("inf", "Infinity") for x in numbers],
    )
    assert found == [ours(x) for x in numbers]


@browser_only
def test_five_hundred_gates_are_computed_within_a_frame(opened: Open) -> None:
    steps = "; ".join(f"s{k + 1} = tanh(s{k}*x) + s{k}" for k in range(170))
    page = opened((f"s0 = x*y; {steps}", {"x": 0.1, "y": 0.5}))
    times = page.evaluate(
        "() => Array.from({length: 30}, () => { const t = performance.now(); compute();"
        " return performance.now() - t; })"
    )
    peer = page.evaluate(  # the same sums and functions in one plain loop
        "() => Array.from({length: 30}, () => { const t = performance.now(); let s = 1; for (let"
        " k = 0; k < 170000; k++) s = Math.tanh(s * 0.1) + s; return performance.now() - t; })"
    )
    assert sorted(times)[15] < 20 * sorted(peer)[15]


AS_DRAWN = [
    (("(x+y)*z", {"x": -2, "y": 5, "z": -4}), {}),
    (("max(x, y) + abs(x - y)", {"x": 1, "y": 1}), {"kink": "torch"}),
    (("max(x, y) + relu(x - y)", {"x": 1, "y": 1}), {"kink": "split"}),
    (("1/(1 + exp(-(w*x + b)))", {"w": 2, "x": -1, "b": 0.5}), {"fuse": True}),
    (("g(a) = a*tanh(a); q = g(x)/g(y); log(q)", {"x": 0.3, "y": -2}), {}),
    (("log(x)*y", {"x": 0, "y": 2}), {}),
    (("x^y + 1e-7*y^(1/3)", {"x": 2, "y": 0.5}), {"wrt": ["y"]}),
    (("sum((W@x - y)^2)", {"W": [[1, 2], [3, 4]], "x": [1, -1], "y": [0, 1]}), {}),
    (("W@x + norm(x)", {"W": [[1, 2], [3, 4]], "x": [0, 0]}), {}),
    (("cross_entropy(relu(X@W), k)", {"X": np.eye(8), "W": np.ones((8, 4)), "k": [1] * 8}), {}),
    (("sum(softmax(x, axis=0)*y[None, :])", {"x": [[1.0], [2]], "y": [1, 2, 3.5]}), {}),
    (("einsum('ij,jk->', A, B)", {"A": [[1, 2.5]], "B": [[1e9], [-1e-9]]}), {}),
]
TEXTS = """() => [...document.querySelectorAll('[data-n], [data-w], svg text, svg title')]
  .map(e => e.textContent)"""


@browser_only
@pytest.mark.parametrize(("case", "options"), AS_DRAWN)
def test_what_the_script_draws_is_what_python_drew(
    opened: Open, case: tuple[str, dict[str, Any]], options: dict[str, Any]
) -> None:
    still = opened(case, java_script_enabled=False, options=options).evaluate(TEXTS)
    page = opened(case, "#999", options=options)
    assert page.locator("#where").inner_text().startswith("backward")
    assert page.evaluate(TEXTS) == still
    record = backtrace.trace(*case, check=False, **options)
    told = description(scene(record, View()), View())
    assert page.locator("svg desc").first.text_content() == told  # the script's, in a live page
