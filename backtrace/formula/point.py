"""The point: NAME=VALUE words, and how they are held against the formula's variables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from backtrace.errors import FormulaError, Span, UsageError, ValueGivenError, near_misses
from backtrace.formula.slips import is_function
from backtrace.formula.token import NAME
from backtrace.formula.tokens import tokenize
from backtrace.formula.values import from_python, read_value
from backtrace.gates.shapes import Shape
from backtrace.graph import Count, Graph
from backtrace.language import tell
from backtrace.numbers import number


class Given(NamedTuple):
    """A value (a float or an array), as it was written, and where it was given: `text` is the whole
    word, `span` the name in it."""

    value: Any
    written: str
    text: str = ""
    span: Span | None = None

    @property
    def shape(self) -> Shape:
        return tuple(getattr(self.value, "shape", ()))


def shapes(given: Mapping[str, Given]) -> dict[str, Shape]:
    return {name: value.shape for name, value in given.items()}


def read_words(words: Sequence[str], seed: int = 0) -> dict[str, Given]:
    """The NAME=VALUE words of a command line; random arrays are made from `seed`. Raises
    ValueGivenError."""
    given: dict[str, Given] = {}
    for index, word in enumerate(words):
        name, value = _split(word, words[index + 1 : index + 2])
        where = (0, word.index("="))
        if value.count("[") > value.count("]") and words[index + 1 :]:
            hint = tell("no spaces in a value, or quotes around it: '{name}=[1, 2]'", name=name)
            span = (len(word) - len(value), len(word))
            raise ValueGivenError(tell("the array ends too early"), text=word, span=span, hint=hint)
        if name in given:
            raise ValueGivenError(tell("'{name}' is given twice", name=name), text=word, span=where)
        found = read_value(value, word, len(word) - len(value), name, seed)
        given[name] = Given(found, value, word, where)
    return given


def read_mapping(point: Mapping[str, object], seed: int = 0) -> dict[str, Given]:
    """A point given from Python: numbers, arrays (or nested lists), or texts as on the command
    line."""
    given: dict[str, Given] = {}
    for key, value in point.items():
        if not isinstance(key, str):
            raise ValueGivenError(
                tell("a variable's name is text, not {name}", name=type(key).__name__)
            )
        name = _name(key, key)
        if name in given:
            raise ValueGivenError(tell("'{name}' is given twice", name=name))
        if isinstance(value, str):
            given[name] = Given(read_value(value, value, 0, name, seed), value)
            continue
        found = from_python(value, name)
        given[name] = Given(found, _written(found) if isinstance(found, float) else "")
    return given


def _written(number: float) -> str:
    is_whole = number == int(number) and abs(number) < 1e15
    return str(int(number)) if is_whole else repr(number)


def _split(word: str, following: Sequence[str]) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not equals and word.rstrip("]").strip() and word.endswith("]"):
        hint = tell("a value has no spaces, or stands in quotes: 'x=[1, 2]'")
        raise ValueGivenError(
            tell("'{word}' is not NAME=VALUE", word=word), text=word, span=(0, len(word)), hint=hint
        )
    if not equals:
        hint = tell("values are written NAME=VALUE after the formula: x=-2")
        if following and following[0].startswith("="):
            hint = tell("no spaces around the =: {word}=...", word=word)
        raise ValueGivenError(
            tell("'{word}' is not NAME=VALUE", word=word), text=word, span=(0, len(word)), hint=hint
        )
    if not name.strip():
        hint = tell("no spaces around the =: x=-2")
        raise ValueGivenError(
            tell("a name is missing before '='"), text=word, span=(0, 1), hint=hint
        )
    if value.startswith("="):
        hint = tell("a value takes one =: {name}{value}", name=name, value=value)
        raise ValueGivenError(
            tell("'==' compares"), text=word, span=(len(name), len(name) + 2), hint=hint
        )
    if not value.strip():
        hint = tell("no spaces around the =: {name}=...", name=name) if following else f"{name}=..."
        raise ValueGivenError(
            tell("'{name}' is given no value", name=name), text=word, span=(0, len(word)), hint=hint
        )
    return _name(name, word), value


def _name(name: str, word: str) -> str:
    """A variable's canonical name: w₀ is w0."""
    try:
        tokens = tokenize(name)
    except FormulaError as error:
        raise ValueGivenError(error.what, text=word, span=error.span, hint=error.hint) from None
    if len(tokens) != 2 or tokens[0].kind != NAME:
        hint = tell("a name is made of letters, digits and _, and begins with a letter")
        raise ValueGivenError(
            tell("'{name}' is not a name", name=name), text=word, span=(0, len(name)), hint=hint
        )
    return tokens[0].text


def is_text(value: str) -> bool:
    """Whether what is given is a text, as code compares it (activation=relu), and no number."""
    return value.isidentifier() and value not in ("pi", "e", "tau", "inf", "nan")


def match_point(graph: Graph, given: Mapping[str, Given]) -> dict[str, Any]:
    """The value of every input, in the graph's order. Raises ValueGivenError where one is missing,
    or where a value is given that nothing uses."""
    missing = [name for name in graph.inputs if name not in given]
    if missing:
        raise _missing(graph, given, missing)
    for name, value in given.items():
        if name in graph.inputs:
            continue
        hint = (
            tell("the formula has {inputs}", inputs=", ".join(graph.inputs)) if graph.inputs else ""
        )
        what = tell("'{name}' does not occur in the formula", name=name)
        if name in graph.stages:
            what, hint = (
                tell("'{name}' is computed by the formula", name=name),
                tell("leave {name}=... out", name=name),
            )
        raise ValueGivenError(what, text=value.text, span=value.span, hint=hint)
    for count in graph.counts:
        _refuse_other_count(graph, count, given)
    return {name: given[name].value for name in graph.inputs}


def _refuse_other_count(graph: Graph, count: Count, given: Mapping[str, Given]) -> None:
    """A sum up to n of what has not n entries."""
    value = given[count.name].value if count.name in given else None
    if isinstance(value, float) and value != count.value:
        what = tell(
            "{name} is {given}, and the sum goes over all entries: {name} = {value}",
            name=count.name,
            given=number(value),
            value=count.value,
        )
        hint = tell("a sum of some entries is sum(x[:2])")
        raise ValueGivenError(what, text=graph.text, span=count.span, hint=hint)


def _missing(graph: Graph, given: Mapping[str, Given], missing: list[str]) -> ValueGivenError:
    name = missing[0]
    unused = [g for g in given if g not in graph.inputs]
    near = near_misses(name, unused)
    hint = tell("add {missing} to the command", missing=" ".join(f"{m}=..." for m in missing[:8]))
    if name == "T":
        hint = tell("a transpose is written x.T")
    elif name == "E":
        hint = tell("Euler's number is e; {hint}", hint=hint)
    elif product := _as_product(name, set(given)):
        hint = tell("for a product write {product}", product=product)
    elif call := _as_call(name, set(given)):
        hint = tell("write {otherwise}", otherwise=call)
    elif name.rstrip("0123456789") in unused:
        base = name.rstrip("0123456789")
        count = name[len(base) :]
        hint = tell(
            "for a product write {base}*{count}, for a power {base}^{count}", base=base, count=count
        )
    elif near:
        hint = tell("you gave {near}=...: did you mean {name}=...?", near=near[0], name=name)
    return ValueGivenError(
        tell("'{name}' has no value", name=name),
        text=graph.text,
        span=graph.nodes[graph.inputs[name]].span,
        hint=hint,
    )


def _as_product(name: str, known: set[str]) -> str:
    """`xy` as x*y, when x and y are known."""
    for cut in range(1, len(name)):
        if name[:cut] in known and name[cut:] in known:
            return f"{name[:cut]}*{name[cut:]}"
    return ""


def _as_call(name: str, known: set[str]) -> str:
    """`cosx` as cos(x), `cos2x` as cos(2*x), when x is known."""
    for cut in range(1, len(name)):
        word = {"Σ": "sum", "Π": "prod"}.get(name[:cut], name[:cut])
        rest = name[cut:].lstrip("0123456789")
        if is_function(word) and rest in known:
            number = name[cut : len(name) - len(rest)]
            return f"{word}({number + '*' if number else ''}{rest})"
    return ""


def known_variables(graph: Graph, names: Sequence[str]) -> tuple[str, ...]:
    """The names, each once, if all are variables of the graph. Raises UsageError."""
    for name in names:
        if name not in graph.inputs:
            if not isinstance(name, str) or not name:
                raise UsageError(tell("a variable's name is missing"), hint=tell("x or x,y"))
            near = near_misses(name, list(graph.inputs))
            hint = (
                tell("did you mean {near}?", near=near[0])
                if near
                else tell("it has {inputs}", inputs=", ".join(graph.inputs))
            )
            raise UsageError(tell("the formula has no variable '{name}'", name=name), hint=hint)
    return tuple(dict.fromkeys(names))
