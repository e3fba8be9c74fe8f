"""One expression, by operator precedence with a stack of its own: linear, and never recursive.

An operand is due, then an operator, in turn; brackets and calls are marks on the stack of
operators. What is read is emitted to the Builder in postfix order.
"""

from __future__ import annotations

import functools
import re

from backtrace.algebra.spelling import Binding
from backtrace.errors import Span
from backtrace.formula import call_slips, slips
from backtrace.formula.meanings import OF_NUMBERS, SIDE_BY_SIDE
from backtrace.formula.pending import Bracket, Operand, Operator
from backtrace.formula.suffixes import ROOT, Suffixes
from backtrace.formula.token import BREAK, END, NAME, NUMBER, POWER, SIDE, SUBSCRIPT, TEXT, Token
from backtrace.gates import GATES, Gate
from backtrace.language import tell

NAMED_CONSTANTS = ("e", "pi", "tau")
INFIX = {
    row.operator: row.name for row in GATES.values() if row.operator and len(row.parameters) == 2
} | OF_NUMBERS
"""Which gate an operator between two operands is, of numbers."""
_WORDS = ("if", "else", "for", "in", "is", "lambda", "return", "where", "with", "at", "of", "by")
_ENDS_AN_ARGUMENT = (END, BREAK, "+", "-", ")", "]", ",", "<", "<=", ">", ">=", "==", "!=")
_UNCLEAR = ("div", "mod", "floordiv", "pow")  # before a product without a sign
_LOW_LINE = re.compile(r"(?<=[^\W\d_])_(?=[0-9]+$)")


class ExpressionReader(Suffixes):
    """Reads expressions from `tokens`, beginning at `at` and leaving it behind what was read."""

    @functools.cached_property
    def _plain(self) -> dict[str, tuple[Gate, Binding]]:
        """The gates of the signs that nearly all operators are, and how tightly they bind."""
        gates = {sign: self.gates[INFIX[sign]] for sign in ("+", "-", "*", "/")}
        return {sign: (gate, gate.binding) for sign, gate in gates.items()}

    def read(self) -> int:
        """The emission of the expression that begins here and ends with its statement."""
        due = True
        tokens, operands, operators = self.tokens, self.operands, self.operators
        known, new = self._known, tuple.__new__
        plain = self._plain
        while True:
            at = self.at
            token = tokens[at]
            kind, text, start, end = token
            # an operand that is a variable or a stage, and + - * /, are nearly all there is
            if due and kind == NAME and text in known:
                following = tokens[at + 1]
                if following[0] not in ("(", "="):
                    operands.append(new(Operand, (known[text], start, end)))
                    at = self.at = at + 1
                    due, token, kind = False, following, following[0]
            if not due and kind in plain:
                gate, binding = plain[kind]
                if operators and operators[-1].binding >= binding:
                    self._reduce(binding)
                operators.append(new(Operator, (gate, binding, token, False, "")))
                self.at = at + 1
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
        if kind in ("(", TEXT) and self._is_fixed_argument(kind):
            self._literal(token)
        elif kind == NUMBER:
            self._push(self.builder.number(token.text, (token.start, token.end)), token)
        elif kind == NAME:
            return self._name(token)
        elif kind in ("(", "|", "‖", "["):
            gate = self.gates["stack"] if kind == "[" else None
            self._open(Bracket(token, len(self.operands), gate))
            self._refuse_empty(token)
            return True
        elif kind == "-":
            self._refuse_sign_after_root(token)
            self._prefix("neg", Binding.SIGN, token)
            return True
        elif kind == "√":
            self._prefix("sqrt", ROOT, token)
            return True
        elif kind == "+":
            self.at += 1  # a plus sign does nothing
            return True
        else:
            if kind in (END, BREAK) and self.brackets and self.tokens[self.at - 1].kind in "(|‖[,":
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
        if not self._knows(name) and slips.is_function(name, self.gates):
            return self._function_without_brackets(token)
        self._push(self._variable(name, span), token)
        return False

    def _variable(self, name: str, span: Span) -> int:
        """The emission of a stage, a variable or a constant of that name."""
        if not self._knows(name):
            if name in NAMED_CONSTANTS:
                return self.builder.number(name, span)
            name = self._same_name(name)
        if name not in self._known:
            found = self.stages.get(name)
            self._known[name] = self.builder.input(name, span) if found is None else found
        return self._known[name]

    def _same_name(self, name: str) -> str:
        """w_0 and w0 are one name: as it is given, or was written first."""
        if not name[-1].isdigit():
            return name
        plain = without_low_line(name)
        known = (*self.stages, *self.names, *self.builder.inputs)
        same = next((other for other in known if without_low_line(other) == plain), name)
        self.builder.is_respelled |= same != name
        return same

    def _function_without_brackets(self, token: Token) -> bool:
        """sin x, where x is all that follows; sin^2(x)."""
        gate = self.gates[token.text]
        at = self.at + 1
        kinds = [t.kind for t in self.tokens[at : at + 3]]
        is_simple = not gate.is_of_arrays and len(gate.parameters) == 1 and not gate.variadic
        power = kinds[:2] == ["^", NUMBER] or kinds[:1] == [POWER]
        if is_simple and power and kinds[2 - (kinds[0] == POWER)] == "(":
            return self._call(token, self.tokens[at + (kinds[0] == "^")])
        if is_simple and kinds == ["^", "-", NUMBER]:
            what = tell("it is not clear what the power of {text} is", text=token.text)
            hint = tell("write 1/{text}(x), or the inverse function's own name", text=token.text)
            raise self.error(what, self.tokens[at + 1], hint)
        is_one_thing = kinds[:1] in ([NAME], [NUMBER]) and kinds[1] in _ENDS_AN_ARGUMENT
        if not is_simple or not is_one_thing:
            raise call_slips.function_without_brackets(self.text, self.tokens, self.at)
        self.builder.is_respelled = True
        argument = self.tokens[at]
        span = (argument.start, argument.end)
        if argument.kind == NUMBER:
            emission = self.builder.number(argument.text, span)
        elif slips.is_function(argument.text, self.gates) and not self._knows(argument.text):
            raise call_slips.function_without_brackets(self.text, self.tokens, self.at)
        else:
            emission = self._variable(argument.text, span)
        self._apply(gate, [Operand(emission, *span)], token.start, argument.end)
        self.at += 2
        return False

    def _operator(self, token: Token) -> bool:
        """Reads one token after an operand; True if an operand is due after it."""
        kind = token.kind
        if kind in (")", "]"):
            self._close(token)
            return False
        if kind in INFIX:
            if kind in ("<", "<=", ">", ">=", "==", "!="):
                self._refuse_comparison_outside_where(token)
            if kind == "%":
                slips.refuse_percentage(self.text, self.tokens, self.at)
            if kind == "^" and self._is_transpose(self.tokens[self.at + 1]):
                self._transpose(token)
                return False
            self._infix(self.gates[INFIX[kind]], token)
            return True
        if kind == "ᵀ":
            self._transpose(token)
            return False
        if kind == POWER:
            self._superscript(token)
            return False
        if kind == "[":
            return self._index(token)
        if kind == "." and self.tokens[self.at + 1].text == "T":
            self._transpose(token)
            return False
        if kind in ("|", "‖") and self.brackets and self.brackets[-1].closer == kind:
            self._close(token)
            return False
        if kind == ",":
            return self._comma()
        if kind == SIDE:
            self._implicit_product(token)
            self.at += 1
            return True
        joins = kind == NAME and token.text in slips.JOINERS and not self._knows(token.text)
        if kind in (NAME, "(", "|", "‖", "√") and not joins and self._ends_a_factor(kind):
            self._implicit_product(token)
            return True
        raise slips.operator_missing(self.text, self.tokens, self.at)

    def _prefix(self, name: str, binding: int, token: Token) -> None:
        self.operators.append(Operator(self.gates[name], binding, token, True, ""))
        self.at += 1

    def _infix(self, gate: Gate, token: Token) -> None:
        to_the_right = gate.binding is Binding.POWER
        if to_the_right:
            self._refuse_unclear_power(token)
        self._reduce(gate.binding + to_the_right)
        self.builder.has_comparisons |= gate.is_comparison
        sign = token.kind if token.kind in OF_NUMBERS else ""
        self.operators.append(Operator(gate, gate.binding, token, False, sign))
        self.at += 1

    def _refuse_sign_after_root(self, token: Token) -> None:
        if self.at and self.tokens[self.at - 1].kind == "√":
            raise self.error(
                tell("it is not clear what √ takes here"), token, tell("add brackets: √(-x)")
            )

    def _ends_a_factor(self, following: str) -> bool:
        """Whether what was read last may be followed by a factor without a sign between."""
        before = self.tokens[self.at - 1]
        if before.kind == NAME and following == NAME:  # W x
            is_word = self._is_word(self.tokens[self.at]) or self._is_word(before)
            is_word |= bool(self.brackets) and self.brackets[-1].is_literal  # [a b]: a comma?
            self.builder.is_respelled |= not is_word
            return not is_word and not slips.is_derivative(self.tokens, self.at)
        if before.kind == NAME and following in ("|", "‖"):  # λ‖w‖
            is_named = self._knows(before.text) or before.text not in self.gates
            is_factor = is_named and not self._is_word(before) and self._is_first_bar()
            self.builder.is_respelled |= is_factor
            return is_factor
        return before.kind in (NUMBER, ")", "|", "‖", POWER, SUBSCRIPT, "ᵀ")

    def _is_first_bar(self) -> bool:
        """Whether no bar stands before this one in its term: |a|b|c| has two readings."""
        for token in reversed(self.tokens[: self.at]):
            if token.kind in ("|", "‖"):
                return False
            if token.kind in ("+", "-", "=", ",", "(", "[", BREAK):
                break
        return True

    def _is_word(self, token: Token) -> bool:
        """A word of Python's or of a sentence, which is no factor unless it has a value."""
        return token.text in _WORDS and not self._knows(token.text)

    def _implicit_product(self, token: Token) -> None:
        for operator in reversed(self.operators):
            if isinstance(operator, Bracket):
                break
            if operator.binding == ROOT:
                hint = tell("add brackets: {text}(...)", text=self.text[operator.token.start])
                raise self.error(tell("it is not clear what √ takes here"), operator.token, hint)
            if token.kind == SIDE and operator.gate.name == "pow":
                continue  # a group says how far it goes
            if not operator.is_prefix and operator.gate.name in _UNCLEAR:
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
        self.operators.append(Operator(gate, gate.binding, token, False, SIDE_BY_SIDE))


def without_low_line(name: str) -> str:
    """w_0 and w0 are one name."""
    return _LOW_LINE.sub("", name) if name[-1:].isdigit() else name
