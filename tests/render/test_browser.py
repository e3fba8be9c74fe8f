"""The page in a real Chromium, and Mermaid's own reading of our text. `.ci/browser` gets what this
needs: pytest -m browser"""

from __future__ import annotations

import json
import pathlib
from collections.abc import Callable

import pytest

import backtrace
from backtrace.gates import GATES
from backtrace.render import View, draw
from backtrace.render._words import number_text
from tests.conftest import ROOT, points, published, published_arrays, usage
from tests.render.conftest import Open

pytestmark = pytest.mark.browser

VENDOR = ROOT / ".ci" / "vendor"
NEURON = ("1/(1+exp(-(w0*x0+w1*x1+w2)))", {"w0": 2, "x0": -1, "w1": -3, "x1": -2, "w2": -3})
FORK = ("(x+y)*max(y,z)", {"x": 1, "y": 2, "z": 0})
LAYER = ("L = sum(relu(W@x + b)^2)", {"W": [[1, -2], [3, 4]], "x": [1, 2], "b": 3})
STATES = """() => [...document.querySelectorAll('svg text')]
  .filter(e => getComputedStyle(e).visibility === 'visible').map(e => e.textContent)"""


def where(page: object) -> str:
    return page.locator("#where").inner_text()


def said(page: object) -> str:
    return page.locator(".steps li.current").inner_text()


def test_keys_go_forward_and_back(opened: Open) -> None:
    page = opened(NEURON)
    assert where(page) == "the inputs"
    assert "0.7311" not in page.evaluate(STATES)
    for _ in range(8):
        page.keyboard.press("ArrowRight")
    assert where(page) == "forward 8 / 8"
    seen = page.evaluate(STATES)
    assert "0.7311" in seen
    assert "−0.5344" not in seen
    page.keyboard.press("ArrowRight")
    assert where(page) == "backward 1 / 8"
    assert "upstream 1 × local -1/#11^2 = −0.5344 = downstream −0.5344 → #11" in said(page)
    assert "−0.5344" in page.evaluate(STATES)
    page.keyboard.press("ArrowLeft")
    assert where(page) == "forward 8 / 8"
    page.keyboard.press("End")
    assert where(page) == "backward 8 / 8"
    assert page.url.endswith("#16")
    assert "0.3932" in page.evaluate(STATES)
    page.keyboard.press("Home")
    assert where(page) == "the inputs"
    page.keyboard.press("ArrowLeft")
    assert where(page) == "the inputs"


def test_every_gate_s_value_comes_at_its_step(opened: Open) -> None:
    page = opened(NEURON)
    values = ["−2", "6", "4", "1", "−1", "0.3679", "1.368", "0.7311"]
    start = page.evaluate(STATES)
    for step in range(1, 9):
        page.keyboard.press("ArrowRight")
        now = page.evaluate(STATES)
        assert len(now) == len(start) + step + (1 if step == 17 else 0)
        assert values[step - 1] in now


def test_the_sum_at_a_fork_builds_up(opened: Open) -> None:
    page = opened(FORK)
    page.goto(page.url.split("#")[0] + "#5")  # max has sent 3, add nothing yet
    assert "gradients add at y: 3 + …" in said(page)
    first = page.evaluate(STATES)
    page.keyboard.press("ArrowRight")
    assert "gradients add at y: 3 + 2 = 5" in said(page)
    assert "5" in page.evaluate(STATES)
    assert "5" not in first


def test_hover_and_tab_show_upstream_local_downstream(opened: Open) -> None:
    page = opened(FORK)
    gates = page.locator("svg g[role=button]")
    assert gates.count() == 3
    gates.nth(2).hover()
    assert "A mul gate switches" in said(page)
    assert "upstream 1 × local #4 = 2 = downstream 2 → #3" in said(page)
    page.mouse.move(2, 2)
    assert "The inputs" in said(page)
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.getAttribute('role')") == "button":
            break
    assert "An add gate distributes" in said(page)
    page.keyboard.press("Enter")
    assert where(page) == "backward 3 / 3"


def test_a_click_goes_to_the_gate(opened: Open) -> None:
    page = opened(FORK)
    page.locator("svg g[role=button]").nth(1).click()
    assert "A max gate routes" in said(page)
    assert where(page) == "backward 2 / 3"


def test_slider_and_buttons(opened: Open) -> None:
    page = opened(FORK)
    page.locator("#at").fill("4")
    assert where(page) == "backward 1 / 3"
    assert page.locator("#at").get_attribute("aria-valuetext") == "backward 1 / 3"
    page.locator("#next").click()
    assert where(page) == "backward 2 / 3"
    page.locator("#back").click()
    page.locator("#back").click()
    assert where(page) == "forward 3 / 3"


def test_space_plays_to_the_end_and_stops(opened: Open) -> None:
    page = opened(FORK, clock=True)
    page.keyboard.press(" ")
    assert page.locator("#play").get_attribute("aria-label") == "pause"
    page.clock.run_for(1200)
    assert where(page) == "forward 1 / 3"
    page.keyboard.press(" ")
    page.clock.run_for(5000)
    assert where(page) == "forward 1 / 3"
    page.keyboard.press(" ")
    page.clock.run_for(20_000)
    assert where(page) == "backward 3 / 3"
    assert page.locator("#play").get_attribute("aria-label") == "play"


@pytest.mark.parametrize(
    ("at", "words"),
    [
        ("#4", "backward 1 / 3"),
        ("#0", "the inputs"),
        ("#999", "backward 3 / 3"),
        ("#-5", "the inputs"),
        ("#nonsense", "the inputs"),
        ("#1.5e400", "backward 3 / 3"),
        ("#2.7", "forward 2 / 3"),
    ],
)
def test_deep_links(opened: Open, at: str, words: str) -> None:
    page = opened(FORK, at)
    assert where(page) == words
    page.evaluate("location.hash = '#2'")
    page.wait_for_function("document.getElementById('where').value === 'forward 2 / 3'")


def test_without_script_all_is_there(opened: Open) -> None:
    page = opened(NEURON, java_script_enabled=False)
    body = page.locator("body")
    text = body.inner_text()
    for number in ("0.7311", "−0.5898", "0.3932"):
        assert number in text
    assert text.count("Forward.") == text.count("Backward.") == 8
    assert not page.locator(".controls").is_visible()
    assert "0.3932" in page.locator("svg text").all_text_contents()
    assert page.locator("svg text.later").count() == 0


@pytest.mark.parametrize("case", [NEURON, FORK, LAYER], ids=["neuron", "fork", "layer"])
def test_a_phone_scrolls_only_the_picture(opened: Open, case: tuple) -> None:
    page = opened(case, "#3", viewport={"width": 390, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    gate = page.locator("svg g.on")
    box = gate.bounding_box()
    page.locator("#next").click()
    assert box is not None
    shown = page.locator("svg g.on").bounding_box()
    assert shown["x"] >= 0
    assert shown["x"] < 390


def test_reduced_motion_and_dark(opened: Open) -> None:
    moving = "getComputedStyle(document.querySelector('svg g circle')).transitionDuration"
    assert opened(FORK).evaluate(moving) != "0s"
    assert opened(FORK, reduced_motion="reduce").evaluate(moving) == "0s"
    ground = "getComputedStyle(document.body).backgroundColor"
    assert opened(FORK, color_scheme="dark").evaluate(ground) == "rgb(13, 17, 23)"
    assert opened(FORK, color_scheme="light").evaluate(ground) == "rgb(255, 255, 255)"


def test_blanks_check_themselves(opened: Open) -> None:
    page = opened(("(x+y)*z", {"x": -2, "y": 5, "z": -4}), blanks="all")
    value = page.get_by_label("value of #4")
    for text, verdict in [
        ("-12", "right"),
        ("−12.0", "right"),
        ("-1.2e1", "right"),
        ("12", "wrong"),
        ("-12.4", "wrong"),
        ("twelve", "wrong"),
        ("", ""),
    ]:
        value.fill(text)
        assert value.get_attribute("class") == verdict, text
    value.fill("3")
    assert value.get_attribute("aria-invalid") == "true"
    page.keyboard.press("ArrowRight")  # in a box, arrows are the text's
    assert where(page) == "the inputs"


def test_a_sigmoid_rounded_to_two_digits_is_right(opened: Open) -> None:
    page = opened(NEURON, blanks="values")
    value = page.get_by_label("value of #12")
    for text, verdict in [
        ("0.73", "right"),
        ("0.7311", "right"),
        (".7", "right"),
        ("0.72", "wrong"),
    ]:
        value.fill(text)
        assert value.get_attribute("class") == verdict, text


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("at", ["", "#2", "#6"])
def test_axe_finds_no_violation(opened: Open, scheme: str, width: int, at: str) -> None:
    for case, blanks in ((NEURON, ""), (FORK, "all"), (LAYER, "")):
        page = opened(
            case,
            at,
            blanks,
            color_scheme=scheme,
            viewport={"width": width, "height": 844},
            bypass_csp=True,
        )
        page.evaluate((VENDOR / "axe.min.js").read_text("utf-8"))
        found = page.evaluate("async () => (await axe.run()).violations")
        assert [(v["id"], [n["html"][:200] for n in v["nodes"]]) for v in found] == []


@pytest.fixture(scope="module")
def mermaid(browser: object) -> Callable[[str], str]:
    page = browser.new_page()
    page.set_content("<body></body>")
    page.add_script_tag(path=VENDOR / "mermaid.min.js")
    page.evaluate("mermaid.initialize({startOnLoad: false, securityLevel: 'strict'})")

    def read(text: str) -> str:
        return page.evaluate(
            """async text => {
                await mermaid.parse(text);
                document.body.innerHTML = (await mermaid.render('g', text)).svg;
                return document.body.innerText;
            }""",
            text,
        )

    return read


def test_mermaid_reads_every_published_case(mermaid: Callable[[str], str]) -> None:
    for case in [*published(), *published_arrays()]:
        trace = backtrace.trace(case["formula"], case["point"], check=False)
        if trace.graph.gate_count > 40:
            continue
        text = mermaid(draw(trace, "mermaid", View()))
        assert not set("°¶ß") & set(text), case["formula"]
        assert number_text(trace.value, View()) in text


def test_mermaid_reads_every_gate(mermaid: Callable[[str], str]) -> None:
    for gate in GATES.values():
        if not gate.is_of_arrays:
            trace = backtrace.trace(usage(gate), points(gate, 1)[0], check=False)
            assert not set("°¶ß") & set(mermaid(draw(trace, "mermaid", View()))), gate.name


def test_mermaid_shows_names_as_they_are(mermaid: Callable[[str], str]) -> None:
    formula = "gate_1(a) = a^2; q_2 = where(α_1 < x_y, α_1, ω); gate_1(q_2) * x_y"
    point = {"α_1": 1.5, "x_y": 2.5, "ω": -0.5}
    text = mermaid(draw(backtrace.trace(formula, point, check=False), "mermaid", View()))
    for name in ("α₁", "x_y", "ω", "<", "where", "gate_1", "q_2 = 1.5"):
        assert name in text


def test_the_screenshot_of_the_readme(opened: Open, request: pytest.FixtureRequest) -> None:
    """Written anew with --regen; browsers differ in their pixels, so they are not compared."""
    page = opened(NEURON, "#13", viewport={"width": 1200, "height": 590})
    path = ROOT / "examples" / "page.png"
    if request.config.getoption("--regen"):
        page.screenshot(path=path)
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert json.dumps(where(page)) == '"backward 5 / 8"'


def test_a_deep_link_shows_its_gate_and_home_the_inputs(opened: Open) -> None:
    formula = " + ".join(f"exp({name})" for name in "abcdefgh")
    case = (f"1/(1+exp(-({formula})))", dict.fromkeys("abcdefgh", 0.1))
    page = opened(case, "#18", viewport={"width": 700, "height": 700}, fold="none")
    card = page.locator(".card").bounding_box()
    gate = page.locator("svg g.on").bounding_box()
    assert card["x"] <= gate["x"] <= card["x"] + card["width"]
    page.keyboard.press("End")
    page.keyboard.press("Home")
    assert page.evaluate("document.querySelector('.card').scrollLeft") == 0


def test_a_printed_page_has_everything(opened: Open) -> None:
    page = opened(NEURON)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    assert "0.3932" in page.evaluate(STATES)
    assert not page.locator(".controls").is_visible()
    assert page.locator(".steps li").last.is_visible()
    card, svg = page.locator(".card").bounding_box(), page.locator("svg").bounding_box()
    assert svg["width"] <= card["width"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_of_a_class_fits_a_phone_and_asks_for_nothing(
    browser: object, tmp_path: pathlib.Path, scheme: str
) -> None:
    from backtrace.cli import run

    course = ROOT / "examples" / "course"
    words = ["grade", str(course / "assignment.toml"), str(course / "submissions")]
    run([*words, "-o", str(tmp_path / "page.html"), "--feedback", str(tmp_path / "fb")])
    context = browser.new_context(
        viewport={"width": 390, "height": 800}, color_scheme=scheme, bypass_csp=True
    )
    faults: list[str] = []
    for path in [tmp_path / "page.html", *(tmp_path / "fb").glob("*.html")]:
        page = context.new_page()
        page.on("console", lambda message: faults.append(message.text))
        page.on("requestfailed", lambda request: faults.append(request.url))
        page.goto(f"file://{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path.name
        page.evaluate((VENDOR / "axe.min.js").read_text("utf-8"))
        found = page.evaluate("async () => (await axe.run()).violations")
        assert [(v["id"], [n["html"][:200] for n in v["nodes"]]) for v in found] == []
        shown = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (shown == "rgb(255, 255, 255)") == (scheme == "light")
    context.close()
    assert faults == []
