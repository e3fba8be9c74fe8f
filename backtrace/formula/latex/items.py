"""What pylatexenc read, as a flat list: characters, macros, groups, matrices, with places."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from backtrace.errors import FormulaError
from backtrace.formula.latex.words import ACCENTS, FONTS, FRACTIONS, LINES, MATRICES
from backtrace.language import tell


class Item(NamedTuple):
    """`kind` is char, macro, group or matrix; `inner` are items of a group, cells of a matrix."""

    kind: str
    text: str
    start: int
    end: int
    inner: Any = ()


@functools.cache
def macros() -> Any:
    """What pylatexenc is told of macros that take arguments and that it does not know."""
    from pylatexenc.latexwalker import get_default_latex_context_db
    from pylatexenc.macrospec import std_macro

    known = get_default_latex_context_db()
    one = [std_macro(name, "{") for name in sorted({*FONTS, *ACCENTS})]
    two = [std_macro(name, "{{") for name in FRACTIONS]
    known.add_context_category("backtrace", macros=[*one, *two], prepend=True)
    return known


def items_of(text: str, nodes: Sequence[Any]) -> Iterator[Item]:
    """The items of pylatexenc's nodes. Raises FormulaError for an environment that is not read."""
    for node in nodes:
        kind = type(node).__name__
        start, end = node.pos, node.pos + node.len
        if kind == "LatexCharsNode":
            for place, character in enumerate(node.chars, start):
                if not character.isspace():
                    yield Item("char", character, place, place + 1)
        elif kind == "LatexGroupNode":
            yield Item("group", "", start, end, list(items_of(text, node.nodelist)))
        elif kind == "LatexMathNode":
            yield from items_of(text, node.nodelist)
        elif kind == "LatexMacroNode":
            yield from _macro(text, node, start, end)
        elif kind == "LatexEnvironmentNode":
            yield from _environment(text, node, start, end)
        elif kind == "LatexSpecialsNode":
            kind = "char" if node.specials_chars in ("~", "&") else "macro"
            if node.specials_chars != "~":
                yield Item(kind, node.specials_chars, start, end)


def _macro(text: str, node: Any, start: int, end: int) -> Iterator[Item]:
    name = node.macroname
    given = [a for a in (node.nodeargd.argnlist if node.nodeargd else []) if a is not None]
    inner = [_argument(text, argument) for argument in given]
    if name in (*FRACTIONS, "sqrt") or name in FONTS | set(ACCENTS):
        if len(inner) < 1 + (name in FRACTIONS):
            what = tell("'\\{name}' needs a group behind it", name=name)
            hint = tell("write \\{name}{{...}}", name=name)
            if name in FRACTIONS:
                what = tell("'\\{name}' needs two groups behind it", name=name)
                hint = tell("write \\{name}{{...}}{{...}}", name=name)
            raise FormulaError(what, text=text, span=(start, start + 1 + len(name)), hint=hint)
        yield Item("macro", name, start, end, inner)
        return
    yield Item("macro", name, start, start + 1 + len(name))
    yield from inner


def _argument(text: str, node: Any) -> Item:
    items = list(items_of(text, [node]))
    if len(items) == 1 and items[0].kind == "group":
        return items[0]
    return Item("group", "", node.pos, node.pos + node.len, items)


def _environment(text: str, node: Any, start: int, end: int) -> Iterator[Item]:
    name = node.environmentname
    if name in LINES:
        yield from (i for i in items_of(text, node.nodelist) if i.text != "&")
    elif name in (*MATRICES, "cases", "dcases"):
        nodes = list(items_of(text, node.nodelist))
        yield Item("matrix", name, start, end, _cells(nodes))
    else:
        hint = tell("there are bmatrix, pmatrix, cases and align")
        what = tell("the environment '{name}' is not read", name=name)
        raise FormulaError(what, text=text, span=(start, end), hint=hint)


def _cells(items: list[Item]) -> list[list[list[Item]]]:
    """Rows of cells: & parts the one, a double backslash the other."""
    rows: list[list[list[Item]]] = [[[]]]
    for item in items:
        if item.kind == "macro" and item.text == "\\":
            rows.append([[]])
        elif item.text == "&":
            rows[-1].append([])
        else:
            rows[-1][-1].append(item)
    return [row for row in rows if row != [[]]]
