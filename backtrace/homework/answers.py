"""Answers, kept as the text that was typed: its digits say how closely it is to be read.

f=-12  q=3            values of the output and of stages
dx=-4  dq=-4          gradients, by the lecture's own names
df/dx=-4  dfdx=-4     the same, also ∂f/∂x; of f, L, loss or the output's own name
#3=3   d#3=-4         the same of a gate without a name, by its number in the trace
dW=[[0.088,0.176]]    arrays
dz=x+y                formulas, compared as functions
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backtrace.errors import FormulaError, Span, UsageError, ValueGivenError, near_misses
from backtrace.formula.parser import parse
from backtrace.formula.values import read_value
from backtrace.graph import Graph
from backtrace.language import tell

_NUMBERED = re.compile(r"(d?)#([0-9]{1,7})", re.ASCII)
_QUOTIENT = re.compile(r"[d∂]\s*(\w+)\s*/\s*[d∂]\s*(\w+|#[0-9]{1,7})")
_D = ("d", "∂")
_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Answer:
    """name       as it was typed: dx, q
    node       what it is about; `is_gradient` whether it is the node's gradient or its value
    text       as it was typed
    value      the number or array; None for a formula
    units      one unit of the last digit that was typed, entry by entry like `value`
    formula    the graph of a formula; None for a number
    """

    name: str
    node: int
    is_gradient: bool
    text: str
    value: Any
    units: Any
    formula: Graph | None = None
    word: str = ""
    span: Span | None = None


def split_words(words: Sequence[str], graph: Graph, output: str) -> tuple[list[str], list[str]]:
    """The words that give the formula's inputs a value, and those that are answers."""
    values: list[str] = []
    answers: list[str] = []
    for word in words:
        name = word.partition("=")[0].strip()
        is_answer = "=" in word and name not in graph.inputs and _is_known(name, graph, output)
        (answers if is_answer else values).append(word)
    return values, answers


def _is_known(name: str, graph: Graph, output: str) -> bool:
    """Whether it is, or is written like, what an answer is called."""
    if _NUMBERED.fullmatch(name) or _QUOTIENT.fullmatch(name):
        return True
    return bool(_readings(name, graph, output))


def read_answers(words: Sequence[str], graph: Graph, output: str) -> list[Answer]:
    """The answers among the words. Raises ValueGivenError or UsageError."""
    found = []
    for word in words:
        name, _, text = word.partition("=")
        found.append(_answer(name.strip(), text, graph, output, word))
    return each_once(found)


def from_mapping(answers: Mapping[str, Any], graph: Graph, output: str) -> list[Answer]:
    """The answers of a file: numbers (kept as they were written, if as text), arrays, formulas."""
    found = []
    for name, value in answers.items():
        text = as_text(value)
        if text is None:
            raise ValueGivenError(
                tell("'{name}' is answered by no number, list or formula", name=name)
            )
        found.append(_answer(name, text, graph, output, ""))
    return each_once(found)


def read_file(path: str, text: str) -> dict[str, Any]:
    """NAME -> answer, from JSON, TOML or CSV (two columns: name, answer). Raises UsageError."""
    try:
        if path.endswith(".toml"):
            import tomllib

            found: Any = tomllib.loads(text, parse_float=str)
        elif path.endswith(".csv"):
            found = once(_csv_rows(path, text))
        else:
            found = json.loads(
                text,
                parse_float=str,
                parse_int=str,
                parse_constant=_refuse_constant,
                object_pairs_hook=once,
            )
    except (ValueError, RecursionError) as error:
        raise UsageError(
            tell("cannot read the answers in '{path}': {error}", path=path, error=error)
        ) from None
    if not isinstance(found, dict):
        raise UsageError(
            tell("'{path}' holds no names with answers", path=path), hint='{"dx": -4, "dy": -4}'
        )
    return {str(name): value for name, value in found.items()}


def once(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """A mapping. Raises ValueError for a name that is there twice."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(tell("'{name}' is there twice", name=name))
        found[name] = value
    return found


def _refuse_constant(text: str) -> float:
    raise ValueError(tell("{text} is no answer", text=text))


def _csv_rows(path: str, text: str) -> Iterator[tuple[str, str]]:
    import csv
    import io

    for line, row in enumerate(_read(path, csv.reader(io.StringIO(text))), 1):
        if not row or (line == 1 and [cell.strip() for cell in row] == ["name", "answer"]):
            continue
        if len(row) != 2:
            raise UsageError(
                tell("'{path}', line {line}: a name and an answer are due", path=path, line=line)
            )
        yield row[0].strip(), row[1].strip()


def _read(path: str, rows: Any) -> Iterator[list[str]]:
    """The rows of a CSV. Raises UsageError."""
    import csv

    try:
        yield from rows
    except csv.Error as error:
        line = rows.line_num
        what = tell("'{path}', line {line}: no CSV: {error}", path=path, line=line, error=error)
        raise UsageError(what) from None


def as_text(value: Any) -> str | None:
    """An answer as it was written; None of what is no text, number or list of such."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or value is None:
        return None
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, int | float):
        return repr(value)
    if not isinstance(value, list | tuple):
        return None
    try:
        entries = [as_text(entry) for entry in value]
    except RecursionError:
        return None
    return None if None in entries else f"[{', '.join(map(str, entries))}]"


def each_once(answers: list[Answer]) -> list[Answer]:
    """Raises ValueGivenError where something is answered twice."""
    seen: set[tuple[int, bool]] = set()
    for answer in answers:
        key = (answer.node, answer.is_gradient)
        if key in seen:
            raise ValueGivenError(
                tell("'{name}' is answered twice", name=answer.name), text=answer.word
            )
        seen.add(key)
    return answers


def _target(name: str, graph: Graph, output: str) -> tuple[int, bool] | None:
    """(node, whether its gradient): q is a stage's value, dq its gradient, f the output. Raises
    ValueGivenError where it can be read in two ways, or is the gradient of something else."""
    found = _readings(name, graph, output)
    if len({target for target, _ in found}) > 1:
        said = tell(" or ").join(what for _, what in found)
        hint = tell(
            "d{output}/d... is a gradient, and #N node N's value: d#N its gradient", output=output
        )
        raise ValueGivenError(
            tell("'{name}' is {said}", name=name, said=said),
            text=name,
            span=(0, len(name)),
            hint=hint,
        )
    return found[0][0] if found else None


def _readings(name: str, graph: Graph, output: str) -> list[tuple[tuple[int, bool], str]]:
    """Everything that the name can mean: what it is about, and that in words."""
    values = {**graph.stages, output: graph.output}
    everything = {**graph.inputs, **values}
    found: list[tuple[tuple[int, bool], str]] = []
    if name in values:
        found.append(((values[name], False), tell("the value of {name}", name=name)))
    numbered = _NUMBERED.fullmatch(name)
    if numbered and int(numbered[2]) < len(graph.nodes):
        found.append(((int(numbered[2]), numbered[1] == "d"), name))
    quotient = _QUOTIENT.fullmatch(name)
    outputs = _output_names(graph, output)
    if quotient and quotient[1] not in outputs and quotient[1] in everything:
        kind = tell("a variable") if quotient[1] in graph.inputs else tell("a stage")
        raise ValueGivenError(
            tell(
                "{quotient} is {kind} here, and gradients are those of the output, {output}",
                quotient=quotient[1],
                kind=kind,
                output=output,
            ),
            text=name,
            span=quotient.span(1),
            hint=f"d{output}/d{quotient[2]}",
        )
    of = [name[1:]] if name[:1] in _D else []
    if quotient and quotient[1] in outputs:
        of.append(quotient[2])
    of += [name[len(out) + 2 :] for out in outputs if name.startswith((f"d{out}d", f"∂{out}∂"))]
    for one in of:
        node = everything.get(one)
        number = re.fullmatch("#([0-9]{1,7})", one, re.ASCII)
        if node is None and number and int(number[1]) < len(graph.nodes):
            node = int(number[1])
        if node is not None:
            found.append(((node, True), tell("the gradient of {one}", one=one)))
    return found


def _output_names(graph: Graph, output: str) -> list[str]:
    """What the output may be called in df/dx: by its name, and by the lecture's."""
    own = [n for n, node in graph.stages.items() if node == graph.output]
    taken = {*graph.inputs, *graph.stages}
    return list(dict.fromkeys([output, *own, *(n for n in ("f", "L", "loss") if n not in taken)]))


def target_of(name: str, graph: Graph) -> tuple[int, bool] | None:
    """(node, whether its gradient), or None. Raises ValueGivenError where it could be two."""
    return _target(name.strip(), graph, graph.output_name)


def read_answer(name: str, text: str, graph: Graph) -> Answer:
    """One answer. Raises ValueGivenError."""
    return _answer(name.strip(), text, graph, graph.output_name, "")


def is_answer_name(name: str, graph: Graph) -> bool:
    """Whether it is the name of a number of the graph: q, dq, #3."""
    return len({target for target, _ in _readings(name, graph, graph.output_name)}) == 1


def _answer(name: str, text: str, graph: Graph, output: str, word: str) -> Answer:
    try:
        target = _target(name, graph, output)
    except ValueGivenError as error:
        place = error.span or (0, len(name))
        raise ValueGivenError(error.what, text=word or name, span=place, hint=error.hint) from None
    if target is None:
        known = [f"d{n}" for n in (*graph.inputs, *graph.stages)] + [*graph.stages, output]
        near = near_misses(name, known)
        names = list(dict.fromkeys(known))[:12]
        hint = (
            tell("did you mean {near}?", near=near[0])
            if near
            else tell("it can be {names}", names=", ".join(names))
        )
        raise ValueGivenError(
            tell("'{name}' is no answer to this formula", name=name),
            text=word,
            span=(0, len(name)),
            hint=hint,
        )
    if not text.strip():
        raise ValueGivenError(tell("'{name}' has no answer", name=name), text=word or text)
    offset = len(word) - len(text) if word else 0
    whole = word or text
    if _NUMBER.fullmatch(text):
        number = float(text)
        if math.isfinite(number):
            return Answer(name, *target, text, number, _unit(text), None, word)
    try:
        formula = parse(text, graph.inputs.keys())
    except FormulaError as error:
        start, end = error.span or (0, len(text))
        span = (start + offset, end + offset)
        raise ValueGivenError(error.what, text=whole, span=span, hint=error.hint) from None
    if formula.inputs:
        variables = {**graph.inputs, **graph.stages}
        unknown = [n for n in formula.inputs if n not in variables]
        if unknown:
            what = tell("'{unknown}' is no variable here", unknown=unknown[0])
            hint = tell("a formula has {variables}", variables=", ".join(variables)) if word else ""
            raise ValueGivenError(what, text=whole, span=(offset, len(whole)), hint=hint)
        return Answer(name, *target, text, None, None, formula, word)
    value = read_value(text, whole, offset)
    return Answer(name, *target, text, value, _units(text, value), None, word)


def _units(text: str, value: Any) -> Any:
    """One unit of the last digit, for every number in the text; 0 for what was computed (1/3)."""
    numbers = _NUMBER.findall(text)
    shape = getattr(value, "shape", ())
    if not shape:
        return _unit(text.strip()) if _NUMBER.fullmatch(text.strip()) else 0.0
    import numpy as np

    if len(numbers) != value.size:
        return np.zeros(shape)
    return np.array([_unit(number) for number in numbers]).reshape(shape)


def _unit(number: str) -> float:
    """0.01 for 0.39; 1 for -4; 1e-5 for 1.23e-3."""
    mantissa, _, exponent = number.lower().partition("e")
    decimals = len(mantissa.partition(".")[2])
    return float(10.0 ** (int(exponent or 0) - decimals))


def decimals(answers: Sequence[Answer]) -> int:
    """How many digits after the point the answers have: what each step may be rounded to. Whole
    numbers may have been rounded once, from the two that people work with."""
    units = [float(u) for a in answers for u in _flat(a.units) if u and u < 1]
    return max((round(-math.log10(unit)) for unit in units), default=2)


def _flat(units: Any) -> list[float]:
    if units is None:
        return []
    return units.reshape(-1).tolist() if getattr(units, "shape", ()) else [units]
