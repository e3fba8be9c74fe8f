"""What people mistype in a formula, each slip with its own words and its remedy."""

from __future__ import annotations

import re
from collections.abc import Mapping

from backtrace.errors import FormulaError, Span, near_misses
from backtrace.formula.spellings import LIBRARIES
from backtrace.formula.token import BREAK, END, NAME, NUMBER, POWER, TEXT, Token
from backtrace.gates import GATES, Gate
from backtrace.language import tell, tell_many

_LAST_NUMBER = re.compile(r",\s*(-?\d+)\s*\)$")
MAKERS = ("randn", "rand", "randint", "zeros", "ones", "eye")
OTHERWISE = {"sec": "1/cos(x)", "csc": "1/sin(x)", "cot": "1/tan(x)", "sech": "1/cosh(x)"}
"""Functions that are no gates, in those that are."""

JOINERS = ("and", "or", "not")


def is_function(name: str, gates: Mapping[str, Gate] = GATES) -> bool:
    """Whether a formula may call it: sin is one, add is written +, and index x[0]."""
    row = gates.get(name)
    return row is not None and not (row.operator or row.called or name == "index")


def _error(text: str, what: str, span: Span, hint: str = "") -> FormulaError:
    return FormulaError(what, text=text, span=span, hint=hint)


def _span(token: Token) -> Span:
    return (token.start, token.end)


def _shown(text: str, token: Token) -> str:
    return text[token.start : token.end][:40]


def not_a_function(
    text: str, tokens: list[Token], at: int, is_variable: bool, gates: Mapping[str, Gate]
) -> FormulaError:
    token = tokens[at]
    name = _shown(text, token)
    if is_variable:
        what = tell("'{name}' is a variable, not a function", name=name)
        return _error(text, what, _span(token), tell("for a product write {name}*(...)", name=name))
    if token.text in gates and gates[token.text].operator:
        hint = tell("it is written {formula}", formula=gates[token.text].formula)
        return _error(
            text,
            tell("'{name}' is an operator here, not a function", name=name),
            _span(token),
            hint,
        )
    near = near_misses(token.text, [n for n in gates if is_function(n, gates)])
    hint = (
        tell("did you mean {near}?", near=tell(" or ").join(near))
        if near
        else tell("backtrace gates lists the functions")
    )
    if token.text in OTHERWISE:
        hint = tell("write {otherwise}", otherwise=OTHERWISE[token.text])
    elif token.text in MAKERS:
        hint = tell("it makes a value: r in the formula, and r={name}(...) after it", name=name)
    elif not near and len(name) <= 2:
        hint = tell("for a product write {name}*(...)", name=name)
    return _error(text, tell("unknown function '{name}'", name=name), _span(token), hint)


def function_without_brackets(text: str, tokens: list[Token], at: int) -> FormulaError:
    token, following = tokens[at], tokens[at + 1]
    after = tokens[at + 2] if following.kind == NUMBER else None
    name = _shown(text, token)
    argument = _shown(text, following) if following.kind in (NAME, NUMBER) else "..."
    if after is not None and after.kind == NAME:  # sqrt 8x
        factor = _shown(text, after)
        hint = tell(
            "write {name}({argument}*{factor}) or {name}({argument})*{factor}",
            name=name,
            argument=argument,
            factor=factor,
        )
        what = tell("'{name}' is a function and needs brackets", name=name)
        return _error(text, what, _span(token), hint)
    hint = tell(
        "write {name}({argument}), or give a variable of this name a value: {name}=...",
        name=name,
        argument=argument,
    )
    return _error(
        text, tell("'{name}' is a function and needs brackets", name=name), _span(token), hint
    )


def operand_missing(text: str, tokens: list[Token], at: int) -> FormulaError:
    """An operand is due and something else stands there."""
    token, before = tokens[at], tokens[at - 1] if at else None
    shown = _shown(text, token)
    opens = before is None or before.kind in ("(", "|", "‖", "[", ",", BREAK, "=")
    if token.kind in ("'", TEXT):
        return _quoted(text, token)
    if token.kind == "*" and before is not None and before.kind == "*":
        both = text[before.start : token.end]
        return _error(
            text,
            tell("'{both}' is not an operator", both=both),
            (before.start, token.end),
            tell("a power is ** or ^"),
        )
    if before is not None and not opens and token.kind in (END, BREAK, ")", "]", ","):
        hint = (
            tell("to go on in the next line, put the whole in brackets")
            if token.text == "\n"
            else ""
        )
        hint = tell("a percentage is written /100") if before.kind == "%" else hint
        return _error(
            text,
            tell("'{shown}' needs something on its right", shown=_shown(text, before)),
            _span(before),
            hint,
        )
    if token.kind in (*"*·×/%@^<>", "//", "**", "<=", ">=", "==", "!=", POWER):
        return _error(
            text, tell("'{shown}' needs something on its left", shown=shown), _span(token)
        )
    if token.kind in (END, BREAK):
        return _error(text, tell("the formula ends where a value is due"), _span(token))
    if token.kind in (")", "]", ","):
        return _error(
            text, tell("something is missing before '{shown}'", shown=shown), _span(token)
        )
    return _error(text, tell("unexpected '{shown}'", shown=shown), _span(token))


def _quoted(text: str, token: Token) -> FormulaError:
    return _error(
        text,
        tell("text in quotes is not part of a formula"),
        _span(token),
        tell("write names without quotes"),
    )


def operator_missing(text: str, tokens: list[Token], at: int) -> FormulaError:
    """An operator is due and something else stands there."""
    token, before = tokens[at], tokens[at - 1]
    shown = _shown(text, token)
    if token.kind == "'":
        return _error(
            text,
            tell("a prime is not part of a name"),
            _span(token),
            tell(
                "a transpose is {shown}.T; backtrace finds derivatives itself",
                shown=_shown(text, before),
            ),
        )
    if token.kind == "=":
        return _error(
            text,
            tell("'=' can only name a stage, at the start of a statement"),
            _span(token),
            "q = x + y; f = q*z",
        )
    if token.kind == NAME and token.text in JOINERS:
        hint = tell("two conditions: where(a > 0, where(b > 0, x, y), y)")
        return _error(
            text, tell("'{shown}' cannot join conditions", shown=shown), _span(token), hint
        )
    if is_derivative(tokens, at):
        rest = text[token.start :].strip()
        hint = tell("backtrace finds the derivatives itself: write {rest}", rest=rest)
        span = (tokens[at - 3].start, before.end)
        return _error(text, tell("a formula is not told to be differentiated"), span, hint)
    if token.kind in (NAME, NUMBER, "(", "|", "‖", "√"):
        hint = tell(
            "write {shown}*{other_shown} for a product",
            shown=_shown(text, before),
            other_shown=shown,
        )
        if before.kind not in (NAME, NUMBER) or token.kind not in (NAME, NUMBER):
            hint = tell("write * for a product")
        elif token.kind == NAME and token.text in ("if", "else"):
            hint = tell("a choice is written where(x > 0, a, b)")
        elif _is_in_array(tokens, at):
            hint = tell("the entries of an array are separated by commas: [1, 2]")
        return _error(
            text, tell("an operator is missing before '{shown}'", shown=shown), _span(token), hint
        )
    hint = _after_dot(text, tokens, at) if token.kind == "." else ""
    return _error(text, tell("unexpected '{shown}'", shown=shown), _span(token), hint)


def _after_dot(text: str, tokens: list[Token], at: int) -> str:
    """np.sum(x), x.sum(), x.shape, a.npy."""
    before, after = tokens[at - 1], tokens[at + 1]
    if after.text in ("npy", "csv", "json", "txt"):
        return tell("a file is given with @: x=@{text}", text=text.strip())
    if before.text in LIBRARIES:
        return tell(
            "backtrace gates lists the functions; they are written without a library's name"
        )
    if after.text == "shape":
        return tell("a shape is written out: reshape(x, 2, 3)")
    return tell("a transpose is written x.T; a function f(x)")


def is_derivative(tokens: list[Token], at: int) -> bool:
    """Whether d/dx or dy/dx stands before this token."""
    if at < 3:
        return False
    over, slash, under = tokens[at - 3 : at]
    is_quotient = slash.kind == "/" and over.kind == under.kind == NAME
    return is_quotient and over.text[0] == "d" == under.text[0] and len(under.text) > 1


def _is_in_array(tokens: list[Token], at: int) -> bool:
    """Whether the innermost bracket that is open here is a [."""
    closed = 0
    for token in reversed(tokens[:at]):
        closed += token.kind in (")", "]")
        if token.kind in ("(", "["):
            if not closed:
                return token.kind == "["
            closed -= 1
    return False


def unclear_product(
    text: str, operator: Token, left: Span, right: Span, token: Token
) -> FormulaError:
    """`1/2x`, `2^3x`: two readings, so neither."""
    symbol = _shown(text, operator)
    a, b = text[slice(*left)].strip(), text[slice(*right)].strip()
    c = _shown(text, token) if token.kind == NAME else "(...)"
    hint = ""
    if len(a) + len(b) < 40:
        hint = tell(
            "write ({a}{symbol}{b})*{c} or {a}{symbol}({b}*{c})", a=a, symbol=symbol, b=b, c=c
        )
    return _error(
        text,
        tell("it is not clear what '{symbol}' takes here", symbol=symbol),
        (left[0], token.end),
        hint,
    )


def unknown_keyword(text: str, gate: Gate, token: Token) -> FormulaError:
    hint = tell("it is written {signature}", signature=signature(gate))
    if gate.name == "where":
        hint = tell("equal is written ==: where(x == 0, a, b)")
    return _error(
        text,
        tell("{name} has no '{shown}='", name=gate.name, shown=_shown(text, token)),
        _span(token),
        hint,
    )


def wrong_count(text: str, gate: Gate, given: int, span: Span) -> FormulaError:
    least = len(gate.parameters) - len(gate.defaults) - len(gate.optional)
    takes = (
        tell("at least 1 argument")
        if gate.variadic
        else tell_many("{n} argument", "{n} arguments", n=least)
    )
    if gate.optional:  # what is given by its name is no argument of these
        takes = tell(
            "{least} or {other_least} arguments",
            least=least,
            other_least=least + len(gate.optional),
        )
    elif gate.defaults:
        takes = tell("{least} or {count} arguments", least=least, count=len(gate.parameters))
    hint = tell("it is written {signature}", signature=signature(gate))
    axis = _LAST_NUMBER.search(text[slice(*span)])
    if "axis" in gate.fixed and axis and given == len(gate.parameters):
        named = tell(
            "{text}, axis={axi})", text=text[span[0] : span[0] + axis.start()], axi=axis[1]
        )
        if gate.name == "norm":
            hint = tell(
                "write {text}) for the 2-norm, or {named}",
                text=text[span[0] : span[0] + axis.start()],
                named=named,
            )
            return _error(text, tell("it is not clear whether this is an axis"), span, hint)
        return _error(
            text,
            tell("the axis of {word} is given by its name", word=gate.word),
            span,
            tell("write {named}", named=named),
        )
    return _error(
        text,
        tell("{name} takes {takes}, not {given}", name=gate.name, takes=takes, given=given),
        span,
        hint,
    )


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
    return _error(text, what, span, hint)


def comma_outside_call(text: str, tokens: list[Token], at: int) -> FormulaError:
    token, before, after = tokens[at], tokens[at - 1], tokens[at + 1]
    hint = ""
    if before.kind == after.kind == NUMBER:
        hint = tell(
            "a decimal point? {shown}.{text_shown}",
            shown=_shown(text, before),
            text_shown=_shown(text, after),
        )
    return _error(
        text, tell("a comma can only stand between the arguments of a function"), _span(token), hint
    )


def comparison_outside_where(text: str, token: Token) -> FormulaError:
    shown = _shown(text, token)
    hint = tell("where(x > 0, a, b) is a where x > 0, else b")
    if token.kind == "==":
        hint = tell("a value is given after the formula: x=2")
    return _error(
        text, tell("'{shown}' is only allowed in where()", shown=shown), _span(token), hint
    )
