"""What goes wrong with calls, each slip with its own words and its remedy: a function that there is
not, one without brackets, too many arguments."""

from __future__ import annotations

import re
from collections.abc import Mapping

from backtrace.errors import FormulaError, Span, near_misses
from backtrace.formula.in_other_words import call_in_other_words, in_other_words
from backtrace.formula.slips import error_at, is_function, shown_in, span_of
from backtrace.formula.token import NAME, NUMBER, POWER, Token
from backtrace.gates import Gate
from backtrace.language import tell, tell_many

_LAST_NUMBER = re.compile(r",\s*(-?\d+)\s*\)$")
MAKERS = ("randn", "rand", "randint", "zeros", "ones", "eye")
LENGTHS = ("len", "length", "size", "numel", "ndim", "shape")


def not_a_function(
    text: str, tokens: list[Token], at: int, is_variable: bool, gates: Mapping[str, Gate]
) -> FormulaError:
    token = tokens[at]
    name = shown_in(text, token)
    if is_variable:
        what = tell("'{name}' is a variable, not a function", name=name)
        return error_at(
            text, what, span_of(token), tell("for a product write {name}*(...)", name=name)
        )
    if token.text in gates and gates[token.text].operator:
        hint = tell("it is written {formula}", formula=gates[token.text].formula)
        return error_at(
            text,
            tell("'{name}' is an operator here, not a function", name=name),
            span_of(token),
            hint,
        )
    near = near_misses(token.text, [n for n in gates if is_function(n, gates)])
    hint = (
        tell("did you mean {near}?", near=tell(" or ").join(near))
        if near
        else tell("backtrace gates lists the functions")
    )
    if otherwise := in_other_words(text, tokens, at):
        hint = tell("write {otherwise}", otherwise=otherwise)
    elif token.text in MAKERS:
        hint = tell("it makes a value: r in the formula, and r={name}(...) after it", name=name)
    elif token.text in LENGTHS:
        hint = tell("a length is written out, as a number")
    elif not near and len(name) <= 2:
        hint = tell("for a product write {name}*(...)", name=name)
    return error_at(text, tell("unknown function '{name}'", name=name), span_of(token), hint)


def function_without_brackets(text: str, tokens: list[Token], at: int) -> FormulaError:
    token = tokens[at]
    name = shown_in(text, token)
    what = tell("'{name}' is a function and needs brackets", name=name)
    return error_at(text, what, span_of(token), _bracketed(text, tokens, at))


def _bracketed(text: str, tokens: list[Token], at: int) -> str:
    """How a call can be written: sqrt 8x, sin x^2, log^2 x."""
    name, following = shown_in(text, tokens[at]), tokens[at + 1]
    if power := _power(text, tokens, at + 1):  # log^2 x
        after = tokens[at + 1 + (2 if following.kind == "^" else 1)]
        if after.kind in (NAME, NUMBER):
            argument = shown_in(text, after)
            return tell(
                "write {name}({argument}){power}", name=name, argument=argument, power=power
            )
    argument = shown_in(text, following) if following.kind in (NAME, NUMBER) else "..."
    after = tokens[at + 2] if argument != "..." else following
    power = _power(text, tokens, at + 2) if argument != "..." else ""
    if argument != "..." and (power or after.kind == NAME) and not is_function(after.text):
        joined = power or "*" + shown_in(text, after)
        return tell(
            "write {name}({argument}{joined}) or {name}({argument}){joined}",
            name=name,
            argument=argument,
            joined=joined,
        )
    return tell(
        "write {name}({argument}), or give a variable of this name a value: {name}=...",
        name=name,
        argument=argument,
    )


def _power(text: str, tokens: list[Token], at: int) -> str:
    """The power that stands at a place, ^2 or ², as it is written; "" where there is none."""
    if tokens[at].kind == POWER:
        return shown_in(text, tokens[at])
    if tokens[at].kind in ("^", "**") and tokens[at + 1].kind in (NAME, NUMBER):
        return text[tokens[at].start : tokens[at + 1].end]
    return ""


def unknown_keyword(text: str, gate: Gate, token: Token) -> FormulaError:
    hint = tell("it is written {signature}", signature=signature(gate))
    if gate.name == "where":
        hint = tell("equal is written ==: where(x == 0, a, b)")
    return error_at(
        text,
        tell("{name} has no '{shown}='", name=gate.name, shown=shown_in(text, token)),
        span_of(token),
        hint,
    )


def wrong_count(text: str, gate: Gate, given: int, span: Span) -> FormulaError:
    """`given` are the arguments that were not given by their names."""
    takes, most = _how_many(gate)
    hint = tell("it is written {signature}", signature=signature(gate))
    axis = _LAST_NUMBER.search(text[slice(*span)])
    if "axis" in gate.fixed and axis and given == most + 1:
        return _unnamed_axis(text, gate, span, axis)
    if otherwise := call_in_other_words(text[slice(*span)]):
        hint = tell("write {otherwise}", otherwise=otherwise)
    elif most == 1 < given and gate.fixed[:1] == ("axis",) and gate.by_name:
        several = tell("of several numbers {word}([x, y])", word=gate.word)
        hint = tell("{hint}; {several}", hint=hint, several=several)
    what = tell("{name} takes {takes}, not {given}", name=gate.name, takes=takes, given=given)
    return error_at(text, what, span, hint)


def _how_many(gate: Gate) -> tuple[str, int]:
    """How many arguments a call takes beside those that have a name, in words; and the most."""
    least = len(gate.parameters) - len(gate.defaults) - len(gate.optional)
    most = len(gate.parameters) - len(gate.fixed) * gate.by_name
    if gate.variadic:
        return tell("at least 1 argument"), most
    if most <= least:
        return tell_many("{n} argument", "{n} arguments", n=least), least
    if most == least + 1:
        return tell("{least} or {count} arguments", least=least, count=most), most
    return tell("{least} to {count} arguments", least=least, count=most), most


def _unnamed_axis(text: str, gate: Gate, span: Span, axis: re.Match[str]) -> FormulaError:
    """sum(x, 1)."""
    before = text[span[0] : span[0] + axis.start()]
    named = tell("{text}, axis={axi})", text=before, axi=axis[1])
    if gate.name == "norm":
        hint = tell("write {text}) for the 2-norm, or {named}", text=before, named=named)
        return error_at(text, tell("it is not clear whether this is an axis"), span, hint)
    what = tell("the axis of {word} is given by its name", word=gate.word)
    return error_at(text, what, span, tell("write {named}", named=named))


def signature(gate: Gate) -> str:
    """How a function is called: leaky_relu(x, a=0.01), max(x, y, ...), sum(x, axis=...)."""
    free = [p for p in gate.parameters if p not in gate.defaults] + ["..."] * gate.variadic
    if gate.variadic or gate.order is not None:  # einsum(subscripts, x, y, ...)
        free.sort(key=lambda parameter: parameter not in gate.fixed)
    given = [f"{name}={text or '...'}" for name, text in gate.defaults.items()]
    return f"{gate.word}({', '.join([*free, *given])})"


def wrong_order(text: str, gate: Gate, span: Span, is_behind: bool) -> FormulaError:
    """`is_behind`: whether what would do for an order stands behind what should have one."""
    assert gate.order is not None
    given = text[slice(*span)]
    example = f"{gate.word}(2, x)"
    if given.isdigit():
        hint = tell(
            "larger orders leave the range of 64-bit floats; {example} is of the order 2",
            example=example,
        )
    elif is_behind:
        hint = tell(
            "the order comes first: {signature}, as in {example}",
            signature=signature(gate),
            example=example,
        )
    else:
        hint = tell(
            "it is no variable and is not calculated, but written out: {example}", example=example
        )
    what = tell(
        "the order of {word} is a whole number from {order} to {order_order}",
        word=gate.word,
        order=gate.order[0],
        order_order=gate.order[-1],
    )
    return error_at(text, what, span, hint)
