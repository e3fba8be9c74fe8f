"""A stage as the result: of `q = x + y; f = q*z` the result q is `q = x + y`.

The text is cut at its statements, so that whoever reads it next, SymPy too, reads what is left.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import accumulate, pairwise
from typing import NamedTuple

from backtrace.errors import FormulaError, Span, UsageError, near_misses
from backtrace.formula import latex
from backtrace.formula.expression import without_low_line
from backtrace.formula.parser import Statement, parse_definitions, parse_statements
from backtrace.formula.token import NAME
from backtrace.formula.tokens import tokenize
from backtrace.graph import Graph
from backtrace.language import tell, tell_many

_MOST_TOLD = 6


class Cut(NamedTuple):
    """What is left of a formula, and which of its stages and variables are not needed for that;
    `begins` has where every statement that is left begins in the text, and where it did."""

    result: str
    text: str
    stages: tuple[str, ...]
    variables: tuple[str, ...]
    begins: tuple[tuple[int, int], ...]

    def span_before(self, span: Span) -> Span:
        """Where in the whole formula a part of the text was."""
        now, then = max(pair for pair in self.begins if pair[0] <= span[0])
        return (span[0] - now + then, span[1] - now + then)

    @property
    def note(self) -> str:
        """In words, what was left out; "" where that is nothing."""
        if not self.stages:
            return ""
        more = len(self.stages) - _MOST_TOLD
        names = [*self.stages[:_MOST_TOLD], *[tell("{more} more", more=more)] * (more > 0)]
        return tell_many(
            "left out, because {result} does not need it: {names}",
            "left out, because {result} does not need them: {names}",
            n=len(self.stages),
            result=self.result,
            names=", ".join(names),
        )


def cut(text: str, of: str, names: Collection[str] = (), definitions: str = "") -> Cut:
    """The formula whose result is the stage `of`, with the stages that this needs; where gates are
    all that is defined, the gate `of` as a formula. `names` are the variables that have a value,
    `definitions` are gates beside the table's. Raises FormulaError, or UsageError where no stage
    has that name."""
    graph, statements = parse_statements(text, names, parse_definitions(definitions))
    named = [s if s.name else s._replace(name=graph.output_name) for s in statements]
    result = _statement(of, graph, named)
    before = named[: named.index(result) + 1]
    if result.parameters:
        kept = [s for s in before if s.parameters]
        variables = set(result.parameters)
    else:
        needed = graph.ancestors(graph.stages.get(result.name, graph.output))
        stages = {result.name, *(graph.nodes[index].name for index in needed)}
        kept = [s for s in before if s.parameters or s.name in stages]
        variables = {name for name, index in graph.inputs.items() if index in needed}
    staying = set(kept)
    left, begins = _joined(text, named, kept)
    return Cut(
        result.name,
        left,
        tuple(s.name for s in named if s not in staying),
        tuple(name for name in graph.inputs if name not in variables),
        begins,
    )


def _statement(of: str, graph: Graph, statements: list[Statement]) -> Statement:
    """The last one of that name. Raises UsageError."""
    by_name = {statement.name: statement for statement in statements}
    name = _canonical(of)
    same = [n for n in by_name if without_low_line(n) == without_low_line(name)]
    if name in by_name or len(same) == 1:
        return by_name[name if name in by_name else same[0]]
    near = near_misses(name, list(by_name))
    hint = (
        tell("did you mean {near}?", near=tell(" or ").join(near))
        if near
        else tell("it has {by_name}", by_name=", ".join(by_name))
    )
    if name in graph.inputs:
        raise UsageError(
            tell("'{of}' is a variable, and no stage of the formula", of=of), hint=hint
        )
    raise UsageError(tell("the formula has no stage '{of}'", of=of), hint=hint)


def _canonical(name: str) -> str:
    """w₀ is w0."""
    try:
        tokens = tokenize(name)
    except FormulaError:
        return name
    return tokens[0].text if len(tokens) == 2 and tokens[0].kind == NAME else name


def _joined(
    text: str, statements: list[Statement], kept: list[Statement]
) -> tuple[str, tuple[tuple[int, int], ...]]:
    """The statements that are kept, as they were typed and with what parts them; and where each
    begins, now and before."""
    if len(kept) == len(statements):
        return text, ((0, 0),)
    if latex.is_latex(text):
        starts, between = [s.tokens[0] for s in kept], "; "
        typed = [text[slice(*s.tokens)] for s in kept]
    else:
        starts, between = [s.place[0] for s in kept], ""
        following = {s: after.place[0] for s, after in pairwise(statements)}
        typed = [text[s.place[0] : following[s]] for s in kept[:-1]]
        typed.append(text[slice(*kept[-1].place)].rstrip())
    around = "$" if between else ""
    lengths = [len(part) + len(between) for part in typed]
    begins = accumulate(lengths[:-1], initial=len(around))
    return f"{around}{between.join(typed)}{around}", tuple(zip(begins, starts, strict=True))
