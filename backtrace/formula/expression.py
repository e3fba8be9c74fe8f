"""One expression, by operator precedence with a stack of its own: linear, and never recursive.

An operand is due, then an operator, in turn; brackets and calls are marks on the stack of
operators. What is read is emitted to the Builder in postfix order.
"""

from __future__ import annotations

from collections.abc import Mapping

from backtrace.algebra.spelling import Binding
from backtrace.errors import FormulaError, Span
from backtrace.formula import slips
from backtrace.formula.builder import Builder
from backtrace.formula.indices import read_index
from backtrace.formula.pending import Bracket, Operand, Operator, arguments
from backtrace.formula.tokens import BREAK, END, NAME, NUMBER, POWER, Token
from backtrace.gates import GATES, Gate

DEEPEST_NESTING = 64
NAMED_CONSTANTS = ("e", "pi", "tau")
INFIX = {
    row.operator: row.name for row in GATES.values() if row.operator and len(row.parameters) == 2
}
"""Which gate an operator between two operands is."""

_ROOT = Binding.ATOM + 1  # √ takes what stands next to it, before any power


class ExpressionReader:
    """Reads expressions from `tokens`, beginning at `at` and leaving it behind what was read.

    `names` are the variables that have a value, `stages` what the statements before have named,
    `gates` what can be called: the table, and what the formula has defined.
    """

    def __init__(
        self,
        text: str,
        tokens: list[Token],
        builder: Builder,
        names: frozenset[str],
        gates: Mapping[str, Gate],
    ) -> None:
        self.text = text
        self.gates = gates
        self.tokens = tokens
        self.builder = builder
        self.names = names
        self.defining = ""  # the gate whose definition this is
        self.stages: dict[str, int] = {}
        self._known: dict[str, int] = {}  # emissions of names that have been read
        self._plain = {sign: gates[INFIX[sign]] for sign in ("+", "-", "*", "/")}
        self.at = 0
        self.operands: list[Operand] = []
        self.operators: list[Operator | Bracket] = []
        self.brackets: list[Bracket] = []

    def read(self) -> int:
        """The emission of the expression that begins here and ends with its statement."""
        due = True
        tokens, operands, operators = self.tokens, self.operands, self.operators
        known, plain = self._known, self._plain
        while True:
            token = tokens[self.at]
            kind = token[0]
            # an operand that is a variable or a stage, and + - * /, are nearly all there is
            if due:
                if kind == NAME and token[1] in known and tokens[self.at + 1][0] not in ("(", "="):
                    operands.append(Operand(known[token[1]], token[2], token[3]))
                    self.at += 1
                    due = False
                    continue
            elif kind in plain:
                gate = plain[kind]
                self._reduce(gate.binding)
                operators.append(Operator(gate, gate.binding, token, False))
                self.at += 1
                due = True
                continue
            if token.kind == BREAK and token.text == "\n" and self.brackets:
                self.at += 1  # inside brackets a formula may go over several lines
                continue
            if due:
                due = self._operand(token)
            elif kind in (END, BREAK):
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
        elif kind in ("(", "|", "["):
            gate = self.gates["stack"] if kind == "[" else None
            self._open(Bracket(token, len(self.operands), gate))
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
            if kind in (END, BREAK) and self.brackets and self.tokens[self.at - 1].kind in "(|[,":
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
            self._known[name] = self.stages[name]
            self._push(self.stages[name], token)
        elif name in self.names:
            self._known[name] = self.builder.input(name, span)
            self._push(self._known[name], token)
        elif name in NAMED_CONSTANTS:
            self._push(self.builder.number(name, span), token)
        elif slips.is_function(name, self.gates):
            raise slips.function_without_brackets(self.text, token, following)
        else:
            self._known[name] = self.builder.input(name, span)
            self._push(self._known[name], token)
        return False

    def _operator(self, token: Token) -> bool:
        """Reads one token after an operand; True if an operand is due after it."""
        kind = token.kind
        if kind in INFIX:
            if kind in ("<", "<=", ">", ">=", "==", "!="):
                self._refuse_comparison_outside_where(token)
            self._infix(self.gates[INFIX[kind]], token)
            return True
        if kind == POWER:
            self._superscript(token)
            return False
        if kind in (")", "]"):
            self._close(token)
            return False
        if kind == "[":
            self._index(token)
            return False
        if kind == "." and self.tokens[self.at + 1].text == "T":
            self._transpose(token)
            return False
        if kind == "|" and self.brackets and self.brackets[-1].is_bar:
            self._close(token)
            return False
        if kind == ",":
            self._comma()
            return True
        joins = kind == NAME and token.text in slips.JOINERS and not self._knows(token.text)
        if kind in (NAME, "(", "|", "√") and not joins and self._ends_a_factor():
            self._implicit_product(token)
            return True
        raise slips.operator_missing(self.text, self.tokens, self.at)

    def _prefix(self, name: str, binding: int, token: Token) -> None:
        self.operators.append(Operator(self.gates[name], binding, token, is_prefix=True))
        self.at += 1

    def _infix(self, gate: Gate, token: Token) -> None:
        to_the_right = gate.binding is Binding.POWER
        if to_the_right:
            self._refuse_unclear_power(token)
        self._reduce(gate.binding + to_the_right)
        self.operators.append(Operator(gate, gate.binding, token, is_prefix=False))
        self.at += 1

    def _reduce(self, binding: int) -> None:
        """Applies the pending operators that bind at least as tightly, back to the last bracket."""
        operators, operands = self.operators, self.operands
        while operators:
            operator = operators[-1]
            if isinstance(operator, Bracket) or operator.binding < binding:
                break
            operators.pop()
            gate, _, token, is_prefix = operator
            right = operands.pop()
            if is_prefix:
                self._apply(gate, [right], token.start, right.end)
                continue
            left = operands.pop()
            if self.builder.has_comparisons:
                self._refuse_stray_comparison(gate, [left, right])
            emission = self.builder.gate(gate, (left[0], right[0]), (left[1], right[2]))
            operands.append(Operand(emission, left[1], right[2]))

    def _apply(self, gate: Gate, operands: list[Operand], start: int, end: int) -> None:
        if self.builder.has_comparisons or gate.name == "where":
            self._refuse_stray_comparison(gate, operands)
        emissions = tuple([operand[0] for operand in operands])
        emission = self.builder.gate(gate, emissions, (start, end))
        self.operands.append(Operand(emission, start, end))

    def _refuse_stray_comparison(self, gate: Gate, operands: list[Operand]) -> None:
        for position, operand in enumerate(operands):
            is_condition = gate.name == "where" and position == 0
            if self.builder.is_comparison(operand.emission) is not is_condition:
                what = (
                    "where() needs a comparison as its first argument"
                    if is_condition
                    else "a comparison can only be the condition of where()"
                )
                raise self.error(what, (operand.start, operand.end), "where(x > 0, a, b)")

    def _superscript(self, token: Token) -> None:
        self._refuse_unclear_power(token)
        base = self.operands.pop()
        power = self.builder.number(token.text, (token.start, token.end))
        self._apply(
            self.gates["pow"], [base, Operand(power, token.start, token.end)], base.start, token.end
        )
        self.at += 1

    def _index(self, token: Token) -> None:
        """x[0], x[1:3, -1]: the operand that was read last, and which of its entries."""
        self._refuse_after_power(token)
        array = self.operands.pop()
        index, text, self.at = read_index(self.text, self.tokens, self.at)
        end = self.tokens[self.at - 1].end
        fixed = Operand(self.builder.fixed(index, text, (token.start, end)), token.start, end)
        self._apply(self.gates["index"], [array, fixed], array.start, end)

    def _transpose(self, token: Token) -> None:
        self._refuse_after_power(token)
        array = self.operands.pop()
        self.at += 2
        self._apply(self.gates["transpose"], [array], array.start, self.tokens[self.at - 1].end)

    def _refuse_after_power(self, token: Token) -> None:
        """x²[0], x².T: of the power, or of its base?"""
        if self.tokens[self.at - 1].kind == POWER:
            raise self.error("it is not clear what this belongs to", token, "add brackets: (x²)[0]")

    def _refuse_unclear_power(self, token: Token) -> None:
        last = self.operators[-1] if self.operators else None
        unclear = isinstance(last, Operator) and last.binding == _ROOT
        if unclear or self.tokens[self.at - 1].kind == POWER:
            raise self.error(
                "it is not clear what the power belongs to", token, "add brackets: √(x^2) or (√x)^2"
            )

    def _refuse_sign_after_root(self, token: Token) -> None:
        if self.at and self.tokens[self.at - 1].kind == "√":
            raise self.error("it is not clear what √ takes here", token, "add brackets: √(-x)")

    def _ends_a_factor(self) -> bool:
        """Whether what was read last may be followed by a factor without a sign between."""
        return self.tokens[self.at - 1].kind in (NUMBER, ")", "|", POWER)

    def _implicit_product(self, token: Token) -> None:
        for operator in reversed(self.operators):
            if isinstance(operator, Bracket):
                break
            if operator.binding == _ROOT:
                hint = f"add brackets: {self.text[operator.token.start]}(...)"
                raise self.error("it is not clear what √ takes here", operator.token, hint)
            if not operator.is_prefix and operator.gate.name in ("div", "pow"):
                left, right = self.operands[-2], self.operands[-1]
                raise slips.unclear_product(
                    self.text,
                    operator.token,
                    (left.start, left.end),
                    (right.start, token.start),
                    token,
                )
            if not operator.is_prefix:
                break
        gate = self.gates["mul"]
        self._reduce(gate.binding)
        self.operators.append(Operator(gate, gate.binding, token, is_prefix=False))

    def _open(self, bracket: Bracket) -> None:
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
        if (token.kind, following.kind) in (("(", ")"), ("[", "]")):
            what = "empty brackets ()" if token.kind == "(" else "an array without entries"
            raise self.error(what, (token.start, following.end))

    def _call(self, token: Token) -> None:
        name = token.text
        if name == self.defining:
            hint = "a gate may use the gates before it, and not itself"
            raise self.error(f"'{name}' is defined by itself", token, hint)
        if not slips.is_function(name, self.gates):
            raise slips.not_a_function(self.text, token, self._knows(name), self.gates)
        bracket = Bracket(token, len(self.operands), gate=self.gates[name])
        self._open(bracket)
        self.at += 1
        if self.tokens[self.at].kind == ")":
            raise slips.wrong_count(
                self.text, self.gates[name], 0, (token.start, self.tokens[self.at].end)
            )

    def _is_keyword(self) -> bool:
        return bool(
            self.brackets
            and self.brackets[-1].gate
            and not self.brackets[-1].is_literal
            and self.operators[-1] is self.brackets[-1]
            and self.tokens[self.at - 1].kind in ("(", ",")
        )

    def _keyword(self, token: Token) -> None:
        bracket = self.brackets[-1]
        assert bracket.gate is not None
        if token.text == "axis" and bracket.gate.reduction and bracket.commas == 1:
            bracket.gate = self.gates[bracket.gate.reduction]
        known = bracket.gate.fixed or bracket.gate.parameters
        if token.text not in known or not bracket.gate.takes_keywords:
            raise slips.unknown_keyword(self.text, bracket.gate, token)
        if token.text in bracket.keywords:
            raise self.error(f"'{token.text}' is given twice", token)
        bracket.keywords[token.text] = bracket.commas
        self.at += 2

    def _comma(self) -> None:
        if not self.brackets or self.brackets[-1].gate is None:
            raise slips.comma_outside_call(self.text, self.tokens, self.at)
        self._reduce(0)
        bracket = self.brackets[-1]
        following = self.tokens[self.at + 1 : self.at + 3]
        if bracket.keywords and [token.kind for token in following] != [NAME, "="]:
            hint = "arguments given by name come last"
            raise self.error(
                "an argument without a name follows one with a name", following[0], hint
            )
        bracket.commas += 1
        self.at += 1

    def _close(self, token: Token) -> None:
        if not self.brackets:
            opener = {")": "(", "]": "["}[token.kind]
            raise self.error(f"'{token.kind}' has no '{opener}' before it", token)
        bracket = self.brackets[-1]
        if bracket.closer != token.kind:
            raise self._never_closed()
        self._reduce(0)
        self.brackets.pop()
        self.operators.pop()
        if bracket.gate is not None:
            given = self.operands[bracket.base :]
            del self.operands[bracket.base :]
            span = (bracket.token.start, token.end)
            self._apply(bracket.gate, arguments(bracket, given, span, self.builder), *span)
        elif bracket.is_bar:
            self._apply(self.gates["abs"], [self.operands.pop()], bracket.token.start, token.end)
        else:
            inner = self.operands.pop()
            self.operands.append(Operand(inner.emission, bracket.token.start, token.end))
        self.at += 1

    def _refuse_comparison_outside_where(self, token: Token) -> None:
        for bracket in reversed(self.brackets):
            if bracket.gate is not None or bracket.is_bar:
                if bracket.gate is self.gates["where"] and bracket.commas == 0:
                    return
                break
        raise slips.comparison_outside_where(self.text, token)

    def _push(self, emission: int, token: Token) -> None:
        self.operands.append(Operand(emission, token.start, token.end))
        self.at += 1

    def _knows(self, name: str) -> bool:
        return name in self.names or name in self.stages or name in self.builder.inputs

    def _never_closed(self) -> FormulaError:
        bracket = self.brackets[-1]
        token = self.tokens[self.at]
        if bracket.is_literal and token.text == ";":
            return self.error("';' does not separate rows", token, "write [[1, 2], [3, 4]]")
        if bracket.is_bar or bracket.is_literal:
            hint = "" if bracket.is_bar else "add the missing ']'"
            return self.error(f"'{bracket.token.kind}' is never closed", bracket.token, hint)
        place = bracket.token.end
        span = (place, place + 1) if bracket.gate else (bracket.token.start, place)
        return self.error("'(' is never closed", span, "add the missing ')'")

    def error(self, what: str, place: Token | Span, hint: str = "") -> FormulaError:
        span = (place.start, place.end) if isinstance(place, Token) else place
        return FormulaError(what, text=self.text, span=span, hint=hint)
