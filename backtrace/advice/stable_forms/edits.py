"""Where a graph holds what a row has written, and the formula's text with the other in its place.

The words that a reader is told are the very edit that was tried: `write A as B`, with B in brackets
where it needs them.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from backtrace.advice.stable_forms.rows import ROWS, Row
from backtrace.errors import BacktraceError, Span
from backtrace.formula.parser import parse, parse_definitions
from backtrace.formula.printer import ELLIPSIS, expressions, spell_constant
from backtrace.gates import GATES, Gate
from backtrace.graph import Constant, Graph, Node
from backtrace.graph.shapes import as_of_arrays
from backtrace.rewrite import expand
from backtrace.rewrite.patterns import Found, Matcher, Pattern
from backtrace.rewrite.spellings import ANY_FIXED

_LETTERS = r"\b[abcxyz]\b"
_MOST_GATES = 2000
_LONGEST = 60  # characters of an operand


class Edit(NamedTuple):
    """A part of a text, and what to write there."""

    span: Span
    before: str
    after: str


class Proposal(NamedTuple):
    """One row, wherever it is found in one text: in the formula's (`gate` "") or in the body of a
    gate of the user's own."""

    row: Row
    edits: tuple[Edit, ...]
    text: str
    gate: str = ""

    @property
    def edited(self) -> str:
        """The text with every edit made."""
        text = self.text
        for (start, end), _, after in sorted(self.edits, reverse=True):
            text = text[:start] + after + text[end:]
        return text


def proposals(graph: Graph) -> Iterator[Proposal]:
    """Everything that could be written otherwise, in the order of the rows: in the formula, inside
    the gates of the user's own, and across these."""
    if graph.gate_count > _MOST_GATES:
        return
    sources: list[tuple[Graph, str, bool]] = [(graph, "", True)]
    for gate in graph.own:
        sources.append((as_of_arrays(gate.inner) if graph.shapes else gate.inner, gate.name, True))
    if any(gate.is_own for _, _, gate in graph.gates()):
        sources.append((expand(graph, only_own=True), "", False))
    found = [_found(source) for source, _, _ in sources]
    for gate in _patterns():
        for (source, name, is_as_typed), matches in zip(sources, found, strict=True):
            if gate.name in matches:
                row = ROWS[int(gate.name.removeprefix("row_"))]
                edits = _apart(
                    [_edit(source, k, match, row, is_as_typed) for k, match in matches[gate.name]]
                )
                if edits:
                    yield Proposal(row, edits, source.text, name)


def _found(graph: Graph) -> dict[str, list[tuple[int, Found]]]:
    """By row, every node that spells out what it has written."""
    matcher = Matcher([p for patterns in _patterns().values() for p in patterns])
    found: dict[str, list[tuple[int, Found]]] = {}
    for index, node in enumerate(graph.nodes):
        matcher.add(node)
        seen = set()
        for match in matcher.matches(index):
            if match.gate.name not in seen:
                seen.add(match.gate.name)
                found.setdefault(match.gate.name, []).append((index, match))
    return found


@functools.cache
def _patterns() -> dict[Gate, list[Pattern]]:
    """Of every row what it has written, as a gate that can be found; and the same with all gates in
    it spelled out."""
    names = {"a", "b", "c", "x", "y", "z"}
    table: dict[Gate, list[Pattern]] = {}
    for number, row in enumerate(ROWS):
        text = row.written.replace("[k]", "[0]").replace("axis", "axis=0")
        letters = [*sorted(names & set(re.findall(_LETTERS, text)))]
        letters += [name for name in ("axis", "k") if re.search(rf"\b{name}\b", row.written)]
        name = f"row_{number}"
        gate = parse_definitions(f"{name}({', '.join(letters)}) = {text}")[name]
        written = as_of_arrays(gate.inner)
        graphs = [written] + [g for g in [expand(written)] if g.nodes != written.nodes]
        table[gate] = [Pattern(gate, _with_any(graph, row), row.written) for graph in graphs]
    return table


def _with_any(graph: Graph, row: Row) -> Graph:
    """With [0] and axis=0 for whatever stands there."""
    nodes = []
    for node in graph.nodes:
        fixed = node.gate.fixed if node.gate is not None else ()
        name = "k" if node.gate is GATES["index"] else "axis"
        if fixed and fixed[0] in ("index", "axis") and re.search(rf"\b{name}\b", row.written):
            operands = list(node.operands)
            operands[-len(fixed)] = Constant(name, fixed=ANY_FIXED)
            node = node._replace(operands=tuple(operands))
        nodes.append(node)
    return replace(graph, nodes=tuple(nodes))


def _edit(graph: Graph, index: int, found: Found, row: Row, is_as_typed: bool) -> Edit | None:
    """The edit that writes the other way what was found at a node; None where its operands have no
    text in that place."""
    given = {}
    for name, operand in zip(found.gate.parameters, found.operands, strict=True):
        text = text_of(graph, operand, is_as_typed)
        if (not text and name != "axis") or len(text) > _LONGEST or ELLIPSIS in text:
            return None
        given[name] = text
    start, end = graph.nodes[index].span
    axis = given.pop("axis", "")
    usual = found.gate.inner.nodes  # softmax goes along the last axis unless it is told another
    defaults = {node.gate.defaults.get("axis") for node in usual if node.gate is not None}
    after = row.instead.replace(", axis", "" if axis in defaults else f", axis={axis}")
    after = after.replace("[k]", f"[{given.pop('k', 'k')}]")
    return Edit((start, end), graph.text[start:end], instantiated(after, given))


def text_of(graph: Graph, operand: int | Constant, is_as_typed: bool) -> str:
    """An operand as it can be written at its gate."""
    if isinstance(operand, Constant):
        return spell_constant(operand).text
    node: Node = graph.nodes[operand]
    if node.name:
        return node.name
    if is_as_typed:
        return graph.text[slice(*node.span)]
    return expressions(graph, _LONGEST)[operand]


def instantiated(template: str, given: dict[str, str]) -> str:
    """The template with texts for its letters, in brackets unless they stand between such."""

    def text(match: re.Match[str]) -> str:
        operand = given.get(match[0], match[0])
        before, after = (
            template[: match.start()].rstrip()[-1:],
            template[match.end() :].lstrip()[:1],
        )
        is_alone = before in ("", "(", ",") and after in ("", ")", ",", ">", "=")
        is_whole = before == "" and after == ""
        is_simple = re.fullmatch(r"\w+(\.\d+)?|\w+\([^()]*\)", operand) is not None
        return operand if is_simple or (is_alone and not is_whole) else f"({operand})"

    whole = re.sub(_LETTERS, text, template)
    return re.sub(r" \+ 0\*\d+(\.\d+)?$", "", whole)  # 0*a keeps a variable, not a number


def _apart(edits: Sequence[Edit | None]) -> tuple[Edit, ...]:
    """Those that do not overlap, the longest first where some do; in the order of the text."""
    kept: list[Edit] = []
    for edit in sorted({e for e in edits if e is not None}, key=lambda e: e.span[0] - e.span[1]):
        start, end = edit.span
        if all(end <= other.span[0] or other.span[1] <= start for other in kept):
            kept.append(edit)
    return tuple(sorted(kept))


def bracketed(proposal: Proposal, names: Sequence[str], own: dict[str, Gate]) -> Proposal:
    """With brackets around what is written instead, wherever it would be read otherwise without."""
    edits = [e._replace(after=f"({e.after})") for e in proposal.edits]
    meant = _read(proposal._replace(edits=tuple(edits)).edited, names, own)
    for place, edit in enumerate(proposal.edits):
        tried = proposal._replace(edits=(*edits[:place], edit, *edits[place + 1 :]))
        if meant is not None and _read(tried.edited, names, own) == meant:
            edits[place] = edit
    return proposal._replace(edits=tuple(edits))


def _read(text: str, names: Sequence[str], own: dict[str, Gate]) -> object:
    """What a text means: its nodes, and those of the gates it defines, these by their names."""
    try:
        graph = parse(text, names, own)
    except BacktraceError:
        return None
    return [
        [(node.gate.name if node.gate else None, *node[1:3]) for node in part.nodes]
        for part in (graph, *(gate.inner for gate in graph.own))
    ]
