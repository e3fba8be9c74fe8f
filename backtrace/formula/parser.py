"""Tokens -> Graph, by operator precedence with a stack of its own: linear, and never recursive.

The graph keeps what was written, gate for gate: `x-y` is one subtraction, `a+b+c` two additions
from left to right, `x*x` one multiplication that reads x twice. Nothing is simplified, reordered,
folded or shared.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import NamedTuple

from backtrace.algebra.spelling import Binding
from backtrace.errors import FormulaError, Span
from backtrace.formula import slips
from backtrace.formula.builder import Builder
from backtrace.formula.tokens import BREAK, END, NAME, NUMBER, POWER, Token, tokenize
from backtrace.gates import GATES, Gate
from backtrace.graph import Graph

DEEPEST_NESTING = 64
NAMED_CONSTANTS = ("e", "pi", "tau")
INFIX = {
    row.operator: row.name for row in GATES.values() if row.operator and len(row.parameters) == 2
}
"""Which gate an operator between two operands is."""

_ROOT = Binding.ATOM + 1  # √ takes what stands next to it, before any power


def parse(text: str, names: Collection[str] = ()) -> Graph:
    """The graph of a formula. `names` are the variables that have a value: e, pi and tau are
    constants unless they are among them, and a function's name is a variable if it is.

    Raises FormulaError, with the place.
    """
    return _Parser(text, frozenset(names)).graph()


class _Operand(NamedTuple):
    """What an operator can take: an emission, and its place with the brackets around it."""

    emission: int
    start: int
    end: int


class _Operator(NamedTuple):
    gate: Gate
    binding: int
    token: Token
    is_prefix: bool


@dataclass(slots=True)
class _Bracket:
    """An open ( or |, or a call; `base` is how many operands stood before it."""

    token: Token
    base: int
    gate: Gate | None = None
    commas: int = 0
    keywords: dict[str, int] = field(default_factory=dict)

    @property
    def is_bar(self) -> bool:
        return self.token.kind == "|"


class _Parser:
    def __init__(self, text: str, names: frozenset[str]) -> None:
        self.text = text
        self.names = names
        self.tokens = tokenize(text)
        self.at = 0
        self.builder = Builder(text)
        self.stages: dict[str, int] = {}
        self.operands: list[_Operand] = []
        self.operators: list[_Operator | _Bracket] = []
        self.brackets: list[_Bracket] = []

    # statements ---------------------------------------------------------------------------------

    def graph(self) -> Graph:
        result = None
        unnamed: Span | None = None
        while True:
            while self.tokens[self.at].kind == BREAK:
                self.at += 1
            if self.tokens[self.at].kind == END:
                break
            if unnamed:
                raise self.error(
                    "only the last statement may go without a name",
                    unnamed,
                    "give it one: q = ...",
                )
            start = self.tokens[self.at].start
            name = self._assigned_name()
            result = self._expression()
            if name is None:
                unnamed = (start, self.tokens[self.at].start)
            else:
                result = self._name_stage(name, result, start)
        if result is None:
            raise self.error(
                "the formula is empty", (0, 0), 'try backtrace "(x+y)*z" x=-2 y=5 z=-4'
            )
        return self.builder.finish(result)

    def _assigned_name(self) -> Token | None:
        token, following = self.tokens[self.at], self.tokens[self.at + 1 : self.at + 2]
        if token.kind != NAME or not following or following[0].kind != "=":
            return None
        if token.text in self.stages:
            raise self.error(
                f"'{token.text}' is assigned twice", token, "give every stage a name of its own"
            )
        if token.text in self.builder.inputs:
            raise self.error(
                f"'{token.text}' is used above as a variable",
                token,
                "give the stage a name of its own",
            )
        self.at += 2
        return token

    def _name_stage(self, name: Token, result: int, start: int) -> int:
        if name.text in self.builder.inputs:
            raise self.error(
                f"'{name.text}' is defined by itself", name, "give the stage a new name"
            )
        span = (start, self.tokens[self.at - 1].end)
        stage = self.builder.stage(result, name.text, GATES["identity"], span)
        self.stages[name.text] = stage
        return stage

    # one expression: an operand is due, then an operator, in turn --------------------------------

    def _expression(self) -> int:
        due = True
        while True:
            token = self.tokens[self.at]
            if token.kind == BREAK and token.text == "\n" and self.brackets:
                self.at += 1  # inside brackets a formula may go over several lines
                continue
            if due:
                due = self._operand(token)
            elif token.kind in (END, BREAK):
                break
            else:
                due = self._operator(token)
        if self.brackets:
            raise self._never_closed()
        self._reduce(0)
        return self.operands.pop().emission

    def _operand(self, token: Token) -> bool:
        """Reads one token where an operand is due; True if it is still due after it."""
        kind = token.kind
        if kind == NUMBER:
            self._push(self.builder.number(token.text, (token.start, token.end)), token)
        elif kind == NAME:
            return self._name(token)
        elif kind == "(" or kind == "|":
            self._open(_Bracket(token, len(self.operands)))
            self._refuse_empty(token)
            return True
        elif kind == "-":
            self._refuse_sign_after_root(token)
            self._prefix("neg", Binding.SIGN, token)
            return True
        elif kind == "√":
            self._prefix("sqrt", _ROOT, token)
            return True
        elif kind == "+":
            self.at += 1  # a plus sign does nothing
            return True
        else:
            if kind in (END, BREAK) and self.brackets and self.tokens[self.at - 1].kind in "(|,":
                raise self._never_closed()
            raise slips.operand_missing(self.text, self.tokens, self.at)
        return False

    def _name(self, token: Token) -> bool:
        following = self.tokens[self.at + 1]
        name = token.text
        span = (token.start, token.end)
        if following.kind == "(":
            self._call(token)
            return True
        if following.kind == "=" and self._is_keyword():
            self._keyword(token)
            return True
        if name in self.stages:
            self._push(self.stages[name], token)
        elif name in self.names:
            self._push(self.builder.input(name, span), token)
        elif name in NAMED_CONSTANTS:
            self._push(self.builder.number(name, span), token)
        elif slips.is_function(name):
            raise slips.function_without_brackets(self.text, token, following)
        else:
            self._push(self.builder.input(name, span), token)
        return False

    def _operator(self, token: Token) -> bool:
        """Reads one token after an operand; True if an operand is due after it."""
        kind = token.kind
        if kind in INFIX:
            if kind in ("<", "<=", ">", ">=", "==", "!="):
                self._refuse_comparison_outside_where(token)
            self._infix(GATES[INFIX[kind]], token)
            return True
        if kind == POWER:
            self._superscript(token)
            return False
        if kind == ")":
            self._close(token)
            return False
        if kind == "|" and self.brackets and self.brackets[-1].is_bar:
            self._close(token)
            return False
        if kind == ",":
            self._comma()
            return True
        if kind in (NAME, "(", "|", "√") and self._ends_a_factor(self.tokens[self.at - 1]):
            self._implicit_product(token)
            return True
        raise slips.operator_missing(self.text, self.tokens, self.at)

    # operators ----------------------------------------------------------------------------------

    def _prefix(self, name: str, binding: int, token: Token) -> None:
        self.operators.append(_Operator(GATES[name], binding, token, is_prefix=True))
        self.at += 1

    def _infix(self, gate: Gate, token: Token) -> None:
        to_the_right = gate.binding is Binding.POWER
        if to_the_right:
            self._refuse_unclear_power(token)
        self._reduce(gate.binding + to_the_right)
        self.operators.append(_Operator(gate, gate.binding, token, is_prefix=False))
        self.at += 1

    def _reduce(self, binding: int) -> None:
        """Applies the pending operators that bind at least as tightly, back to the last bracket."""
        while self.operators:
            operator = self.operators[-1]
            if isinstance(operator, _Bracket) or operator.binding < binding:
                break
            self.operators.pop()
            right = self.operands.pop()
            if operator.is_prefix:
                self._apply(operator.gate, [right], operator.token.start, right.end)
            else:
                left = self.operands.pop()
                self._apply(operator.gate, [left, right], left.start, right.end)

    def _apply(self, gate: Gate, operands: list[_Operand], start: int, end: int) -> None:
        for position, operand in enumerate(operands):
            is_condition = gate.name == "where" and position == 0
            if self.builder.is_comparison(operand.emission) is not is_condition:
                what = (
                    "where() needs a comparison as its first argument"
                    if is_condition
                    else "a comparison can only be the condition of where()"
                )
                raise self.error(what, (operand.start, operand.end), "where(x > 0, a, b)")
        emissions = tuple(operand.emission for operand in operands)
        emission = self.builder.gate(gate, emissions, (start, end))
        self.operands.append(_Operand(emission, start, end))

    def _superscript(self, token: Token) -> None:
        self._refuse_unclear_power(token)
        base = self.operands.pop()
        power = self.builder.number(token.text, (token.start, token.end))
        self._apply(
            GATES["pow"], [base, _Operand(power, token.start, token.end)], base.start, token.end
        )
        self.at += 1

    def _refuse_unclear_power(self, token: Token) -> None:
        last = self.operators[-1] if self.operators else None
        unclear = isinstance(last, _Operator) and last.binding == _ROOT
        if unclear or self.tokens[self.at - 1].kind == POWER:
            raise self.error(
                "it is not clear what the power belongs to", token, "add brackets: √(x^2) or (√x)^2"
            )

    def _refuse_sign_after_root(self, token: Token) -> None:
        if self.at and self.tokens[self.at - 1].kind == "√":
            raise self.error("it is not clear what √ takes here", token, "add brackets: √(-x)")

    def _ends_a_factor(self, token: Token) -> bool:
        """Whether what stands there may be followed by a factor without a sign between."""
        return token.kind in (NUMBER, ")", "|", POWER)

    def _implicit_product(self, token: Token) -> None:
        pending = [o for o in self.operators[-2:] if isinstance(o, _Operator) and not o.is_prefix]
        if pending and self.operators[-1:] and not isinstance(self.operators[-1], _Bracket):
            operator = pending[-1]
            if operator.gate.name in ("div", "pow"):
                left, right = self.operands[-2], self.operands[-1]
                raise slips.unclear_product(
                    self.text,
                    operator.token,
                    (left.start, left.end),
                    (right.start, token.start),
                    token,
                )
        gate = GATES["mul"]
        self._reduce(gate.binding)
        self.operators.append(_Operator(gate, gate.binding, token, is_prefix=False))

    # brackets and calls -------------------------------------------------------------------------

    def _open(self, bracket: _Bracket) -> None:
        if len(self.brackets) >= DEEPEST_NESTING:
            raise self.error(
                f"brackets are nested more than {DEEPEST_NESTING} deep",
                bracket.token,
                "name the inner part: q = ...; then use q",
            )
        self.brackets.append(bracket)
        self.operators.append(bracket)
        self.at += 1

    def _refuse_empty(self, token: Token) -> None:
        following = self.tokens[self.at]
        if token.kind == "(" and following.kind == ")":
            raise self.error("empty brackets ()", (token.start, following.end))

    def _call(self, token: Token) -> None:
        name = token.text
        if not slips.is_function(name):
            raise slips.not_a_function(self.text, token, self._knows(name))
        bracket = _Bracket(token, len(self.operands), gate=GATES[name])
        self._open(bracket)
        self.at += 1
        if self.tokens[self.at].kind == ")":
            raise slips.wrong_count(
                self.text, GATES[name], 0, (token.start, self.tokens[self.at].end)
            )

    def _is_keyword(self) -> bool:
        return bool(
            self.brackets
            and self.brackets[-1].gate
            and self.operators[-1] is self.brackets[-1]
            and self.tokens[self.at - 1].kind in ("(", ",")
        )

    def _keyword(self, token: Token) -> None:
        bracket = self.brackets[-1]
        assert bracket.gate is not None
        if token.text not in bracket.gate.parameters or bracket.gate.variadic:
            raise slips.unknown_keyword(self.text, bracket.gate, token)
        if token.text in bracket.keywords:
            raise self.error(f"'{token.text}' is given twice", token)
        bracket.keywords[token.text] = bracket.commas
        self.at += 2

    def _comma(self) -> None:
        if not self.brackets or self.brackets[-1].gate is None:
            raise slips.comma_outside_call(self.text, self.tokens, self.at)
        self._reduce(0)
        self.brackets[-1].commas += 1
        self.at += 1

    def _close(self, token: Token) -> None:
        if not self.brackets:
            raise self.error("')' has no '(' before it", token)
        bracket = self.brackets[-1]
        if bracket.is_bar is not (token.kind == "|"):
            raise self._never_closed()
        self._reduce(0)
        self.brackets.pop()
        self.operators.pop()
        if bracket.gate is not None:
            self._apply(
                bracket.gate, self._arguments(bracket, token), bracket.token.start, token.end
            )
        elif bracket.is_bar:
            self._apply(GATES["abs"], [self.operands.pop()], bracket.token.start, token.end)
        else:
            inner = self.operands.pop()
            self.operands.append(_Operand(inner.emission, bracket.token.start, token.end))
        self.at += 1

    def _arguments(self, bracket: _Bracket, token: Token) -> list[_Operand]:
        """The call's operands in the order of the gate's parameters, defaults filled in."""
        gate, span = bracket.gate, (bracket.token.start, token.end)
        assert gate is not None
        given = self.operands[bracket.base :]
        del self.operands[bracket.base :]
        if gate.variadic:
            return given
        keyword_at = set(bracket.keywords.values())
        positional = [operand for i, operand in enumerate(given) if i not in keyword_at]
        chosen = dict(zip(gate.parameters, positional, strict=False))
        for name, index in bracket.keywords.items():
            if name in chosen:
                raise self.error(f"'{name}' is given twice", span)
            chosen[name] = given[index]
        for name, text in gate.defaults.items():
            if name not in chosen:
                chosen[name] = _Operand(self.builder.number(text, span), *span)
        if len(positional) > len(gate.parameters) or len(chosen) < len(gate.parameters):
            raise slips.wrong_count(self.text, gate, len(given), span)
        return [chosen[name] for name in gate.parameters]

    def _refuse_comparison_outside_where(self, token: Token) -> None:
        for bracket in reversed(self.brackets):
            if bracket.gate is not None or bracket.is_bar:
                if bracket.gate is GATES["where"] and bracket.commas == 0:
                    return
                break
        raise slips.comparison_outside_where(self.text, token)

    # helpers ------------------------------------------------------------------------------------

    def _push(self, emission: int, token: Token) -> None:
        self.operands.append(_Operand(emission, token.start, token.end))
        self.at += 1

    def _knows(self, name: str) -> bool:
        return name in self.names or name in self.stages or name in self.builder.inputs

    def _never_closed(self) -> FormulaError:
        bracket = self.brackets[-1]
        if bracket.is_bar:
            return self.error("'|' is never closed", bracket.token)
        place = bracket.token.end
        span = (place, place + 1) if bracket.gate else (bracket.token.start, place)
        return self.error("'(' is never closed", span, "add the missing ')'")

    def error(self, what: str, place: Token | Span, hint: str = "") -> FormulaError:
        span = (place.start, place.end) if isinstance(place, Token) else place
        return FormulaError(what, text=self.text, span=span, hint=hint)
