"""Pictures: every format draws every case, twice the same, well-formed, with nothing of the user's
text as markup; and the layout keeps its promises."""

from __future__ import annotations

import itertools
import json
import math
import random
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from dataclasses import replace
from html.parser import HTMLParser

import pytest

import backtrace
from backtrace.errors import UsageError
from backtrace.gates import GATES
from backtrace.layout import arrange
from backtrace.layout.heights import least_squares
from backtrace.layout.layers import layered
from backtrace.layout.ordering import crossings, ordered
from backtrace.render import View, data, draw, formats, svg
from backtrace.render._ink import DARK, LIGHT
from backtrace.render._measures import text_width
from backtrace.render._scene import Scene, scene
from backtrace.tracing.worksheet import blanked
from tests.conftest import ROOT, Command, points, published, published_arrays, usage

NEURON = ("1/(1+exp(-(w0*x0+w1*x1+w2)))", {"w0": 2, "x0": -1, "w1": -3, "x1": -2, "w2": -3})
FORK = ("x*x + x*y + max(x,y,z,2)", {"x": 1, "y": 3, "z": 0})
PICTURES = ("svg", "html", "dot", "mermaid", "tikz", "latex")
VOID = {"meta", "input", "br", "img", "hr", "link"}


class Balanced(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, _: object) -> None:
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.open:
            assert self.open.pop() == tag


def well_formed(format: str, text: str) -> None:
    if format == "svg":
        ET.fromstring(text)
    if format == "html":
        reader = Balanced()
        reader.feed(text)
        assert reader.open == []
        found = re.search(r'id="data">(.*?)</script>', text, re.DOTALL)
        if found:
            json.loads(found[1])
    if format in ("tikz", "latex", "dot"):
        plain = re.sub(r"\\.", "", text)
        assert plain.count("{") == plain.count("}")


@pytest.mark.parametrize("case", [*published(), *published_arrays()], ids=lambda case: case["id"])
def test_pictures_of_every_published_case(case: dict) -> None:
    for options in ({}, {"fuse": True}):
        trace = backtrace.trace(case["formula"], case["point"], check=False, **options)
        for format in PICTURES:
            text = draw(trace, format, View())
            assert text == draw(trace, format, View())
            well_formed(format, text)


@pytest.mark.parametrize("gate", list(GATES.values()), ids=lambda gate: gate.name)
def test_pictures_of_every_gate(gate: backtrace.gates.Gate) -> None:
    if gate.is_of_arrays:
        return
    trace = backtrace.trace(usage(gate), points(gate, 1)[0], check=False)
    for format in PICTURES:
        well_formed(format, draw(trace, format, View()))


def test_pixels() -> None:
    trace = backtrace.trace(*NEURON, check=False)
    found = data(trace, "png", View())
    assert found[:8] == b"\x89PNG\r\n\x1a\n"
    assert found == data(trace, "png", View())
    assert len(found) > 20_000  # the text is there: without fonts it is dropped


def test_a_missing_resvg_is_an_error_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "resvg_py", None)
    with pytest.raises(UsageError, match="resvg-py") as found:
        data(backtrace.trace(*NEURON, check=False), "png", View())
    assert "pip install" in found.value.hint


# the layout


def boxes(drawn: Scene) -> list[tuple[int, float, float, float, float]]:
    return [
        (s.index, s.x - s.width / 2, s.wire[1], s.y - s.height / 2, s.y + s.height / 2)
        for s in drawn.signs
    ]


def random_formula(chance: random.Random, gates: int) -> tuple[str, dict[str, float]]:
    names = [f"x{k}" for k in range(5)]
    stages = []
    for k in range(gates):
        a, b = chance.choice(names), chance.choice(names)
        stages.append(f"s{k} = {a} {chance.choice('+-*')} {b}")
        names.append(f"s{k}")
    used = " + ".join(names)
    return "; ".join([*stages, f"f = {used}"]), {f"x{k}": 0.3 + k for k in range(5)}


SCENES = [NEURON, FORK, *[random_formula(random.Random(k), 6 + 4 * k) for k in range(5)]]


@pytest.mark.parametrize("case", SCENES, ids=lambda case: case[0][:20])
def test_nothing_lies_over_anything(case: tuple) -> None:
    """No two nodes or their numbers meet, and no wire goes through a foreign gate."""
    drawn = scene(backtrace.trace(*case, check=False), View())
    found = boxes(drawn)
    for k, (_, left, right, top, low) in enumerate(found):
        for _, other_left, other_right, other_top, other_low in found[:k]:
            is_apart = right <= other_left or other_right <= left
            assert is_apart or low <= other_top or other_low <= top
    shapes = {
        s.index: (s.x - s.width / 2, s.x + s.width / 2, s.y - s.height / 2, s.y + s.height / 2)
        for s in drawn.signs
        if s.kind == "gate"
    }
    for line in drawn.lines:
        for (x0, y0), (x1, y1) in zip(line.points, line.points[1:], strict=False):
            for gate, (left, right, top, low) in shapes.items():
                if gate not in (line.gate, line.source) and abs(y0 - y1) < 1:
                    meets = x0 < right and left < x1 and top < y0 < low
                    assert not meets, (line.source, line.gate, gate)
    assert all(0 <= s.wire[1] <= drawn.width and 0 < s.y < drawn.height for s in drawn.signs)


def test_operands_enter_in_their_order() -> None:
    drawn = scene(backtrace.trace("x - y/x", {"x": 2, "y": 3}, check=False), View())
    for gate in (2, 3):
        ends = [line.points[-1][1] for line in drawn.lines if line.gate == gate]
        assert ends == sorted(ends)
        assert len(set(ends)) == 2


def test_both_wires_of_a_square_are_there() -> None:
    drawn = scene(backtrace.trace("x*x", {"x": 3}, check=False), View())
    assert [line.gradient for line in drawn.lines] == ["3", "3"]
    assert len({line.points[-1] for line in drawn.lines}) == 2
    assert len(drawn.dots) == 1


def test_the_lecture_s_formulas_have_no_crossings() -> None:
    for case in (NEURON, ("(x+y)*z", {}), ("(x+y)*max(y,z)", {})):
        graph = backtrace.trace(case[0], case[1] or {"x": 1, "y": 2, "z": 3}, check=False).graph
        wires = [(s, g) for g, sources in enumerate(graph.inputs_of) for s in sources]
        assert arrange([46.0] * len(graph.nodes), wires, [True] * len(graph.nodes)).crossings == 0


READ = [
    ("softmax(q@k.T/sqrt(2))@v", {name: [[1, 2], [3, 4]] for name in "qkv"}),
    ("a*b + c*d + tanh(b)*a", dict.fromkeys("abcd", 1)),
    *SCENES,
]


@pytest.mark.parametrize("case", READ, ids=lambda case: case[0][:20])
def test_inputs_stand_in_reading_order_where_that_adds_no_crossing(case: tuple) -> None:
    graph = backtrace.trace(*case, check=False).graph
    count = len(graph.nodes)
    wires = [(s, g) for g, sources in enumerate(graph.inputs_of) for s in sources]
    placed = layered(count, wires, [False] * count, False)
    columns = ordered(placed)
    fewest = crossings(columns, placed)
    for column in columns:
        for k in range(len(column) - 1):
            pair = column[k : k + 2]
            if max(pair) < count and all(graph.nodes[p].gate is None for p in pair):
                column[k : k + 2] = pair[::-1]
                assert pair == sorted(pair) or crossings(columns, placed) > fewest
                column[k : k + 2] = pair


def test_least_squares_is_the_best_of_all() -> None:
    chance = random.Random(3)
    for _ in range(50):
        count = chance.randrange(1, 6)
        wanted = [chance.uniform(-5, 5) for _ in range(count)]
        weights = [chance.uniform(0.1, 3) for _ in range(count)]
        gaps = [chance.uniform(0, 2) for _ in range(count - 1)]
        shifts = [0.0, *itertools.accumulate(gaps)]
        heights = [*([0.0] * count), *wanted]  # each is drawn to one that stands beside it
        least_squares(
            [(k, [(count + k, 0.0, weights[k])], weights[k], shifts[k]) for k in range(count)],
            heights,
        )
        found = heights[:count]
        assert heights[count:] == wanted
        assert all(b - a >= gap - 1e-9 for a, b, gap in zip(found, found[1:], gaps, strict=False))
        cost = sum(w * (y - t) ** 2 for w, y, t in zip(weights, found, wanted, strict=True))
        for _ in range(40):
            other = [y + chance.uniform(-0.2, 0.2) for y in found]
            if all(b - a >= gap for a, b, gap in zip(other, other[1:], gaps, strict=False)):
                assert cost <= 1e-9 + sum(
                    w * (y - t) ** 2 for w, y, t in zip(weights, other, wanted, strict=True)
                )


def test_a_graph_that_no_picture_can_show_is_refused() -> None:
    trace = backtrace.trace("+".join(["x"] * 4200), {"x": 1}, check=False)
    with pytest.raises(UsageError, match="picture"):
        draw(trace, "svg", View())


# what is in them


def test_a_picture_says_every_number() -> None:
    trace = backtrace.trace(*NEURON, check=False)
    text = draw(trace, "svg", View())
    root = ET.fromstring(text)
    said = {e.text for e in root.iter() if e.tag.endswith("text")}
    for value in (*trace.values, *trace.upstreams):
        assert View().number(value).replace("-", "−") in said
    assert root.attrib["role"] == "img"
    assert "gradient" in next(e.text for e in root.iter() if e.tag.endswith("desc"))
    assert "sigmoid" in said  # the group that could be fused, in its notch
    fused = backtrace.trace(*NEURON, check=False, fuse=True)
    assert "σ" in {e.text for e in ET.fromstring(draw(fused, "svg", View())).iter()}


def test_two_pictures_share_a_page() -> None:
    texts = [draw(backtrace.trace(*case, check=False), "svg", View()) for case in (NEURON, FORK)]
    names = [set(re.findall(r'(?:id|class)="([\w-]+)', text)) for text in texts]
    assert not names[0] & names[1]


def contrast(one: str, other: str) -> float:
    """WCAG 2: https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio"""

    def luminance(colour: str) -> float:
        parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("ink", [LIGHT, DARK])
def test_the_colours_have_contrast(ink: object) -> None:
    for name in ("ink", "value", "gradient", "frame", "quiet"):
        assert contrast(getattr(ink, name), ink.ground) >= 4.5, name
    assert contrast(ink.value, ink.ground) >= 5.3


def test_a_page_loads_nothing() -> None:
    text = draw(backtrace.trace(*FORK, check=False), "html", View())
    assert "default-src 'none'" in text
    assert not re.search(r'(?:src|href)="(?!#)', text)
    assert not re.search("https?:", re.sub(r'xmlns="[^"]*"', "", text))
    assert "unsafe-inline" not in text


@pytest.mark.parametrize("format", ["svg", "html", "mermaid", "dot", "tikz", "latex"])
def test_names_are_never_markup(format: str) -> None:
    """Comparisons, Greek, underscores, own gates: all escaped."""
    point = {"α_1": 1.5, "x_y": 2.5, "ω": -0.5}
    formula = "gate_1(a) = a^2; q_2 = where(α_1 < x_y, α_1, ω); gate_1(q_2) * x_y"
    text = draw(backtrace.trace(formula, point, check=False), format, View(width=200))
    well_formed(format, text)
    assert "<x_y" not in text.replace(" ", "")


def test_blanks_are_boxes() -> None:
    trace = blanked(backtrace.trace("(x+y)*z", {"x": -2, "y": 5, "z": -4}, check=False), "all")
    svg, page = draw(trace, "svg", View()), draw(trace, "html", View())
    assert svg.count("stroke-dasharray") >= 1
    assert "−12" not in svg
    assert page.count("<input inputmode") == 14  # 11 in the table, 3 gradients
    assert 'data-answer="-12.0"' in page
    for format in ("dot", "mermaid", "markdown", "wires"):
        assert "____" in draw(trace, format, View())
    assert "underline" in draw(trace, "latex", View())
    assert "densely dotted" in draw(trace, "tikz", View())


def test_formats_without_a_point() -> None:
    trace = backtrace.trace("(x+y)*z")
    for format in (*PICTURES, "wires"):
        assert draw(trace, format, View())
    for format in ("python", "torch"):
        with pytest.raises(UsageError, match="point"):
            draw(trace, format, View())


# other people's programs, where they are installed


@pytest.mark.skipif(not shutil.which("dot"), reason="Graphviz is not installed")
@pytest.mark.parametrize("case", [NEURON, FORK], ids=["neuron", "fork"])
def test_graphviz_reads_it(case: tuple) -> None:
    text = draw(backtrace.trace(*case, check=False), "dot", View())
    ended = subprocess.run(["dot", "-Tsvg"], input=text.encode(), capture_output=True)
    assert ended.returncode == 0
    assert not ended.stderr
    assert b"0.3932" in ended.stdout or b"max" in ended.stdout


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex is not installed")
@pytest.mark.parametrize("format", ["tikz", "latex"])
def test_pdflatex_compiles_it(format: str, tmp_path: object) -> None:
    cases = [NEURON, FORK, ("q = sin(α_1)*x_2^3; f = q/hidden", {"α_1": 1, "x_2": 2, "hidden": 3})]
    cases += [("L = sum(relu(W@x + b)^2)", {"W": [[1, -2], [3, 4]], "x": [1, 2], "b": 3})]
    for case in cases:
        (tmp_path / "a.tex").write_text(draw(backtrace.trace(*case, check=False), format, View()))
        ended = subprocess.run(
            ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "a.tex"],
            cwd=tmp_path,
            capture_output=True,
        )
        assert ended.returncode == 0, ended.stdout[-1500:].decode("latin-1")


# the command


def test_render_draws_a_saved_trace(backtrace_command: Command, tmp_path: object) -> None:
    path = str(tmp_path / "t.json")
    assert backtrace_command(*FORK[:1], "x=1", "y=3", "z=0", "-o", path).status == 0
    direct = backtrace_command(*FORK[:1], "x=1", "y=3", "z=0", "--format", "svg")
    again = backtrace_command("render", path, "--format", "svg")
    assert again.out == direct.out
    assert again.status == 0
    assert backtrace_command("render", str(tmp_path / "none.json")).status == 2
    (tmp_path / "bad.json").write_text("{}")
    assert backtrace_command("render", str(tmp_path / "bad.json")).status == 2


def test_every_format_by_its_name(backtrace_command: Command) -> None:
    for format in formats():
        if format != "png":
            shown = backtrace_command("x*y", "x=2", "y=3", "--format", format, "--no-check")
            assert shown.status == 0
            assert shown.out


def test_the_picture_of_the_readme_is_today_s() -> None:
    picture = ROOT / "examples" / "neuron.svg"
    assert picture.read_text("utf-8") == draw(backtrace.trace(*NEURON, check=False), "svg", View())


def test_ids_heed_what_is_written_and_no_last_digit() -> None:
    """Python 3.12 sums floats more exactly: the same picture has the same bytes there."""
    drawn = scene(backtrace.trace(*NEURON, check=False), View(), has_title=False)
    nudged = replace(drawn, width=math.nextafter(drawn.width, 1e9))
    assert svg.name_of(nudged) == svg.name_of(drawn)
    assert svg.name_of(replace(drawn, width=drawn.width + 1)) != svg.name_of(drawn)


def test_a_notebook_gets_the_picture_and_the_page() -> None:
    trace = backtrace.trace(*NEURON, check=False)
    bundle = trace._repr_mimebundle_()
    assert bundle["image/svg+xml"] == trace._repr_svg_() == trace.show("svg")
    assert "<iframe" in bundle["text/html"]
    assert "<svg" in bundle["text/html"]
    assert trace._repr_latex_().startswith("$")
    registered = {}

    class Shell:
        def register_magic_function(self, function: object, kind: str, name: str) -> None:
            registered[name] = (function, kind)

    backtrace.load_ipython_extension(Shell())
    function, kind = registered["backtrace"]
    assert kind == "line_cell"
    assert function("(x+y)*z x=-2 y=5 z=-4").value == -12
    assert function("'x + y' x=1 y=2").value == 3


def test_text_widths_are_the_font_s() -> None:
    """Within a tenth of DejaVu Sans, which resvg measures."""
    assert text_width("0000000000", 10) == pytest.approx(63.6, rel=0.1)
    assert text_width("−", 10) == pytest.approx(8.4, rel=0.1)


# what fresh eyes found


def test_a_formula_of_a_file_has_a_readable_title() -> None:
    text = "# the neuron\ndot = w0*x0\nf = 1/(1+exp(-dot))  # sigmoid\n"
    trace = backtrace.trace(text, {"w0": 1, "x0": 2}, check=False)
    for format in PICTURES:
        drawn = draw(trace, format, View())
        assert "# the neuron" not in drawn
        assert "\\n" not in drawn.replace("\\noindent", "").replace("\\node", "")
    assert scene(trace, View()).title == ("dot = w0*x0; f = 1/(1+exp(-dot))",)


FRAMED = [
    ("1/(1+exp(-(x+y))) * tanh(1/(1+exp(-x)))", {"x": 1, "y": 2}),
    ("1/(1+exp(-a)) + 1/(1+exp(-b)) + 1/(1+exp(-c))", {"a": 1, "b": 2, "c": 3}),
    (
        "i=1/(1+exp(-(a*x+b*h))); f=1/(1+exp(-(c*x+d*h))); o=1/(1+exp(-(u*x+v*h))); "
        "g=tanh(p*x+q*h); cn=f*c0+i*g; hn=o*tanh(cn)",
        dict.fromkeys("abcduvpqxh", 0.5) | {"c0": 0.3},
    ),
]


@pytest.mark.parametrize("case", FRAMED, ids=["two", "three", "lstm"])
def test_every_frame_has_its_room(case: tuple) -> None:
    trace = backtrace.trace(*case, check=False)
    drawn = scene(trace, View(fold="none"))
    assert len(drawn.frames) == len(trace.groups)
    below_title = 24 + 22 * len(drawn.title)
    for k, frame in enumerate(drawn.frames):
        assert frame.y - 8 >= below_title
        assert frame.x + frame.width <= drawn.width
        for other in drawn.frames[:k]:
            is_above = frame.y + frame.height <= other.y - 8
            assert is_above or other.y + other.height <= frame.y - 8 or frame.x > other.x + 1


def test_a_bus_has_a_dot_wherever_it_branches() -> None:
    drawn = scene(
        backtrace.trace("2*x + 3 - 4/x + x^3 + 5^x + 7 - x", {"x": 2}, check=False), View()
    )
    assert len(drawn.dots) == 4


def test_a_page_says_what_the_terminal_says() -> None:
    page = draw(backtrace.trace(*FORK), "html", View())
    assert page.count("✓ agree") == 3
    page = draw(backtrace.trace("exp(x)*y", {"x": 1000, "y": 2}), "html", View())
    assert "it overflows a 64-bit float" in page
    assert "advice: " in page  # nothing was tried that helps
    page = draw(backtrace.trace("log(sum(exp(x)))", {"x": [1000, 1001]}), "html", View())
    assert "cure: " in page


def test_latex_cuts_arrays_between_entries() -> None:
    trace = backtrace.trace("sum(x)*sum(W)", {"x": [0.125] * 9, "W": [[1, 2], [3, 4]]}, check=False)
    text = draw(trace, "latex", View())
    assert r"[0.125, 0.125, 0.125, 0.125, \dots]" in text
    assert r"\begin{bmatrix} 1 & 2 \\ 3 & 4 \end{bmatrix}" in text


def test_latex_breaks_long_sums() -> None:
    formula = "+".join(f"sin({k}*x)" for k in range(1, 21))
    text = draw(backtrace.trace(formula, {"x": 1}, check=False), "latex", View())
    assert max(map(len, text.splitlines())) < 260
    assert "+ -" not in text


def test_worksheets_keep_their_secrets() -> None:
    trace = blanked(backtrace.trace("exp(x)*y+x", {"x": 1, "y": 2}, check=False), "gradients")
    for format in ("python", "torch"):
        with pytest.raises(UsageError, match="blanks"):
            draw(trace, format, View())
    assert "nan" not in draw(trace, "latex", View())
    steps = draw(trace, "html", View()).split('<ol class="steps"')[1].split("</ol>")[0]
    assert re.findall("× local ([^ ]+)", steps) == ["____"] * steps.count("× local")


def test_pictures_that_differ_have_other_ids() -> None:
    trace = backtrace.trace("x*y", {"x": 1, "y": 3.14159}, check=False)
    shown = [
        draw(trace, "svg", View()),
        draw(trace, "svg", View(digits=2)),
        draw(blanked(trace, "all"), "svg", View()),
    ]
    assert len({re.search('id="(b[0-9a-f]+)-t"', text)[1] for text in shown}) == 3


@pytest.mark.parametrize("option", ["--exact", "--symbolic", "--explain", "--paths=x"])
def test_what_a_picture_has_no_place_for_is_refused(
    backtrace_command: Command, option: str
) -> None:
    ended = backtrace_command("x*y", "x=1", "y=2", "--format", "svg", option)
    assert ended.status == 2
    assert "has no place in svg" in ended.err
