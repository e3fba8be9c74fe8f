"""Pictures of formulas in letters: every wire has its formula above and its gradient below."""

from __future__ import annotations

import html
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator

import pytest

from backtrace.formula.letters import InLetters, Witnessed, in_letters
from backtrace.numbers import Formula, array, number
from backtrace.render import View, data, draw
from backtrace.render._lettered_record import as_record
from tests.algebra.test_matrices import FORMULAS
from tests.conftest import Command
from tests.render.test_lettered_steps import NET, shapes_of

PICTURES = ("svg", "dot", "mermaid", "tikz", "html")
SQUARE = ("sum((W@x - y)^2)", "W:m,n", "x:n", "y:m")


def agreed(found: InLetters) -> dict[str, Witnessed]:
    return {name: Witnessed("agree", "") for name in found.gradients}


def texts_of(svg: str) -> Iterator[str]:
    """Everything that is written in a picture, its parts joined."""
    for element in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text"):
        yield "".join(element.itertext())


@pytest.mark.parametrize("line", FORMULAS, ids=lambda line: line[0])
def test_every_kind_of_gate_is_drawn(line: re.Match[str]) -> None:
    """Each gradient is under its wire (what is long is cut there, and read out in full), no number
    is missing, and no prime stands for a letter."""
    found = in_letters(line[1], shapes_of(*line[2].split()))
    record = as_record(found, agreed(found))
    primes = "|".join(map(str, found.letters.primes)) or "none"
    for format in PICTURES:
        text = draw(record, format, View())
        assert not re.search(r"(?<![\w.])nan(?![\w(])", text), format
        if format == "svg":
            written = " ".join(texts_of(text))
            read_out = html.unescape(re.findall(r"<desc[^>]*>(.*?)</desc>", text, re.S)[0])
            assert not re.search(rf"(?<!\d)({primes})(?!\d)", written + read_out)
            for gradient in found.gradients.values():
                assert gradient in read_out
                if len(gradient) <= 40:
                    assert gradient.replace("-", "−") in written
        if format == "html":
            for gradient in found.gradients.values():
                assert f">{html.escape(gradient)}</td>" in text


@pytest.mark.small
def test_what_is_on_the_wires() -> None:
    found = in_letters(SQUARE[0], shapes_of(*SQUARE[1:]))
    written = list(texts_of(draw(as_record(found, {}), "svg", View())))
    for text in ("m×n", "2*outer(W@x − y, x)", "W@x", "2*(W@x − y)", "ones(m)"):
        assert text in written
    page = draw(as_record(found, agreed(found)), "html", View())
    assert "W: m, n   x: n   y: m" in page
    assert "upstream @ x.T, (m,1)(1,n) = m,n" in page
    assert "each formula is read again" in page
    assert "SymPy, and by a measured slope" not in page


@pytest.mark.small
def test_gradients_that_add_are_written_out_step_by_step() -> None:
    found = in_letters("x@A@x + sum(x)", shapes_of("x:n", "A:n,n"))
    page = html.unescape(draw(as_record(found, agreed(found)), "html", View()))
    assert "gradients add at x" in page
    assert "ones(n) + A.T@x" in page
    assert data(as_record(found, {}), "png", View()).startswith(b"\x89PNG")


@pytest.mark.small
def test_a_formula_is_shown_as_it_is() -> None:
    value = Formula("2*W.T@x", ("n",))
    assert number(value) == array(value) == View(full=True).value(value) == "2*W.T@x"
    assert (value + Formula("y")).text == "2*W.T@x + y"
    assert value.shape == ("n",)


@pytest.mark.slow
def test_the_command(backtrace_command: Command, tmp_path: object) -> None:
    for format in (*PICTURES, "html"):
        ended = backtrace_command(*NET, "--format", format)
        assert ended.status == 0
        assert "softmax" in ended.out, format
    for option in ("--explain", "--cost"):
        refused = backtrace_command(*SQUARE, "--format", "svg", option)
        assert refused.err.startswith(f"error: {option} has no place in svg")
    refused = backtrace_command(*SQUARE, "--format", "wires")
    assert "there are table, markdown, json, latex, svg" in refused.err
    ended = backtrace_command(*SQUARE, "-o", f"{tmp_path}/a.png")
    assert (ended.status, ended.out) == (0, "")
