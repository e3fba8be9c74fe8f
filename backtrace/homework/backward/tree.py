"""Gradients as a tree: from the result backwards, each under the last of those it is made of."""

from __future__ import annotations

from rich.text import Text
from rich.tree import Tree

from backtrace.homework.backward.figures import names_in
from backtrace.homework.backward.judging import Judged, LineVerdict
from backtrace.homework.backward.report import mark, remarks, row_words
from backtrace.language import tell
from backtrace.render import View
from backtrace.render._terminal import paint


def tree(judged: Judged, view: View, level: int) -> str:
    """Every gradient with its line and its verdict, then the faults, each with its line."""
    result = judged.code.forward[-1].name if judged.code.forward else judged.code.source.path
    root = Tree(Text(view.text(result), style="name"), guide_style="quiet")
    branches: dict[str, Tree] = {}
    for verdict in judged.verdicts:
        made_of = sources(judged, verdict)
        above = [branches[final] for final in made_of if final in branches]
        branch = (above[-1] if above else root).add(_words(judged, verdict, view, level))
        if verdict.about == "gradient":
            branches[verdict.gradient.final] = branch
    told = "\n".join(map(view.text, remarks(judged, level)))
    return f"{paint(view, root)}\n{told}\n"


def _words(judged: Judged, verdict: LineVerdict, view: View, level: int) -> Text:
    text = Text(view.text(verdict.gradient.name), style="name")
    if row := row_words(judged, verdict):
        text.append(
            tell("   line {row}", row=row) if row.isdecimal() else f"   {row}", style="quiet"
        )
    return text.append("   ").append_text(mark(verdict, view, level))


def sources(judged: Judged, verdict: LineVerdict) -> list[str]:
    """The last stages of the gradients that one is made of, in the order of their lines; not of
    those that these are made of."""
    finals = {v.gradient.final for v in judged.verdicts if v.about == "gradient"}
    finals -= {"", verdict.gradient.final}
    wanted = {verdict.gradient.final}
    found: list[str] = []
    for stage in reversed(judged.code.stages):
        if stage.name in wanted:
            if stage.name in finals:
                found.append(stage.name)
            else:
                wanted |= {*names_in(stage.expression)}
    return found[::-1]
