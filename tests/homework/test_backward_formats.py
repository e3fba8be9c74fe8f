"""Every format of a judged backward pass, crossed with every kind of code and how much is told."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser

import pytest

from backtrace.homework.backward import Judged, check_code, page, report, tree
from backtrace.render import View
from tests.conftest import DATA

CODE = DATA / "code"
NET = (CODE / "backward" / "softmax_net.py").read_text("utf-8")
SCALAR = (CODE / "autograd" / "closures.py").read_text("utf-8")
NOTEBOOK = json.dumps(
    {
        "cells": [
            {"cell_type": "markdown", "source": ["# a net"], "metadata": {}},
            {"cell_type": "code", "source": ["%matplotlib inline\n", "x = 2.0"], "metadata": {}},
            {"cell_type": "code", "source": ["y = x**2\n", "dx = x"], "metadata": {}},
        ],
        "metadata": {},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
)
KINDS = {
    "right": (NET, "net.py", ""),
    "wrong": (NET.replace("ds /= N\n", ""), "net.py", ""),
    "shapes": (NET.replace("dW2 = h.T.dot(ds)", "dW2 = ds.T.dot(h)"), "net.py", ""),
    "to do": (NET.replace("dW2 = h.T.dot(ds)", "dW2 = ..."), "net.py", ""),
    "forward": ("x = 3.0\ny = x*x\ndx = 2*x", "a.py", "y = x**3"),
    "class": (SCALAR, "scalar.py", ""),
    "class, wrong": (SCALAR.replace("self.grad += total", "self.grad = total"), "scalar.py", ""),
    "notebook": (NOTEBOOK, "a.ipynb", ""),
    "marks": ("x = 3.0  # <script>alert('[red]')</script>\ny = x*x\ndx = x & 1 # <b>", "a.py", ""),
    "names of its own": ("x = 3.0\n손실 = x*x\nd손실 = 1\ndx = x", "한글 <i>.py", ""),
}


def _judged(kind: str) -> Judged:
    text, path, against = KINDS[kind]
    return check_code(text, path, against=against)


class _Tags(HTMLParser):
    """Raises nothing; counts what is open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.scripts = 0

    def handle_starttag(self, tag: str, _attrs: object) -> None:
        self.scripts += tag == "script"
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("level", range(4))
@pytest.mark.parametrize("is_ascii", [False, True])
def test_every_gradient_is_in_every_format(kind: str, level: int, is_ascii: bool) -> None:
    judged, view = _judged(kind), View(ascii=is_ascii, width=80)
    names = [verdict.gradient.name for verdict in judged.verdicts]
    for text in (report.table(judged, view, level), tree.tree(judged, view, level)):
        assert all(view.text(name) in text for name in names)
        head = text.partition("\n\n")[0]  # the lines of code below are as long as they are
        assert all(len(line) <= 80 for line in head.splitlines())
        assert not is_ascii or text.isascii()
        counted = sum(len(re.findall(rf"\b{word}\b", head)) for word in ("ok", "wrong"))
        assert counted >= sum(v.verdict in ("ok", "wrong") for v in judged.verdicts)
    made = page.page(judged, view, level)
    tags = _Tags()
    tags.feed(made)
    assert not tags.open
    assert tags.scripts == 0
    assert "http" not in made.replace("http-equiv", "")
    described = json.loads(report.as_json(judged, level))
    assert [answer["name"] for answer in described["answers"]] == names
    assert described["ok"] == judged.ok
    annotated = report.github(judged, level).splitlines()
    notices = [line for line in annotated if line.startswith("::notice file=")]
    errors = [line for line in annotated if line.startswith("::error file=")]
    assert annotated == [*errors, *notices]
    assert len(notices) == sum(v.verdict == "still to do" for v in judged.verdicts)
    assert bool(errors) or judged.fault is None


def test_the_page_has_every_line_of_the_code_and_what_is_said_at_it() -> None:
    made = page.page(_judged("wrong"), View(width=80), 2)
    for line in KINDS["wrong"][0].split("\n"):
        assert line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") in made
    assert "fits: it lacks the 1/" in made
    assert "fits" not in page.page(_judged("wrong"), View(width=80), 1)
    assert "cell 2" in page.page(_judged("notebook"), View(width=80), 1)
