"""One expression, by operator precedence with a stack of its own: linear, and never recursive.

An operand is due, then an operator, in turn; brackets and calls are marks on the stack of
operators. What is read is emitted to the Builder in postfix order.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from backtrace.algebra.spelling import Binding
from backtrace.errors import FormulaError, Span
from backtrace.formula import slips
from backtrace.formula.builder import Builder
from backtrace.formula.indices import end_of_call, read_index
from backtrace.formula.meanings import NORMS, OF_NUMBERS, SIDE_BY_SIDE
from backtrace.formula.pending import Bracket, Operand, Operator, arguments
from backtrace.formula.token import BREAK, END, NAME, NUMBER, POWER, SIDE, SUBSCRIPT, Token
from backtrace.gates import GATES, Gate

DEEPEST_NESTING = 64
NAMED_CONSTANTS = ("e", "pi", "tau")
INFIX = {
    row.operator: row.name for row in GATES.values() if row.operator and len(row.parameters) == 2
} | OF_NUMBERS
"""Which gate an operator between two operands is, of numbers."""

SPELLINGS = {"σ": "sigmoid"}
"""What a function is called on blackboards, where that has no value."""

_WORDS = ("if", "else", "for", "in", "is", "lambda", "return", "where", "with", "at", "of", "by")
_ENDS_AN_ARGUMENT = (END, BREAK, "+", "-", ")", "]", ",", "<", "<=", ">", ">=", "==", "!=")
_LOW_LINE = re.compile(r"(?<=[^\W\d_])_(?=[0-9]+$)")
_ROOT = Binding.ATOM + 1  # √ takes what stands next to it, before any power


def _without_low_line(name: str) -> str:
    return _LOW_LINE.sub("", name) if name[-1:].isdigit() else name


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
                operators.append(Operator(gate, gate.binding, token, False, ""))
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
            self._prefix("sqrt", _ROOT, token)
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
        plain = _without_low_line(name)
        known = (*self.stages, *self.names, *self.builder.inputs)
        same = next((other for other in known if _without_low_line(other) == plain), name)
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
            what = f"it is not clear what the power of {token.text} is"
            hint = f"write 1/{token.text}(x), or the inverse function's own name"
            raise self.error(what, self.tokens[at + 1], hint)
        is_one_thing = kinds[:1] in ([NAME], [NUMBER]) and kinds[1] in _ENDS_AN_ARGUMENT
        if not is_simple or not is_one_thing:
            raise slips.function_without_brackets(self.text, self.tokens, self.at)
        self.builder.is_respelled = True
        argument = self.tokens[at]
        span = (argument.start, argument.end)
        if argument.kind == NUMBER:
            emission = self.builder.number(argument.text, span)
        elif slips.is_function(argument.text, self.gates) and not self._knows(argument.text):
            raise slips.function_without_brackets(self.text, self.tokens, self.at)
        else:
            emission = self._variable(argument.text, span)
        self._apply(gate, [Operand(emission, *span)], token.start, argument.end)
        self.at += 2
        return False

    def _operator(self, token: Token) -> bool:
        """Reads one token after an operand; True if an operand is due after it."""
        kind = token.kind
        if kind in INFIX:
            if kind in ("<", "<=", ">", ">=", "==", "!="):
                self._refuse_comparison_outside_where(token)
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
        if kind in (")", "]"):
            self._close(token)
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
            self._comma()
            return True
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
        sign = token.kind if token.kind in OF_NUMBERS else ""
        self.operators.append(Operator(gate, gate.binding, token, False, sign))
        self.at += 1

    def _reduce(self, binding: int) -> None:
        """Applies the pending operators that bind at least as tightly, back to the last bracket."""
        operators, operands = self.operators, self.operands
        while operators:
            operator = operators[-1]
            if isinstance(operator, Bracket) or operator.binding < binding:
                break
            operators.pop()
            gate, _, token, is_prefix, sign = operator
            right = operands.pop()
            if is_prefix:
                self._apply(gate, [right], token.start, right.end)
                continue
            left = operands.pop()
            if self.builder.has_comparisons:
                self._refuse_stray_comparison(gate, [left, right])
            span = (left[1], right[2])
            if sign:
                self.builder.signs[span] = (gate.name, sign)
            emission = self.builder.gate(gate, (left[0], right[0]), span)
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
        self.builder.signs[base.start, token.end] = ("pow", "^")
        self._apply(
            self.gates["pow"], [base, Operand(power, token.start, token.end)], base.start, token.end
        )
        self.at += 1

    def _index(self, token: Token) -> bool:
        """x[0], x[1:3, -1]: the operand that was read last, and which of its entries."""
        self._refuse_after_power(token)
        if self._is_new_axis():
            return False
        if self._is_lookup():
            return True
        array = self.operands.pop()
        index, text, self.at = read_index(self.text, self.tokens, self.at)
        end = self.tokens[self.at - 1].end
        fixed = Operand(self.builder.fixed(index, text, (token.start, end)), token.start, end)
        self._apply(self.gates["index"], [array, fixed], array.start, end)
        return False

    def _is_new_axis(self) -> bool:
        """x[:, None], x[None, :], x[None]: the same entries with one axis more."""
        end = self.at + 1
        while end - self.at < 5 and self.tokens[end].kind not in ("]", END):
            end += 1
        inside = "".join(token.text for token in self.tokens[self.at + 1 : end])
        place = {"None": 0, "None,:": 0, ":,None": 1}.get(inside)
        if place is None or self.tokens[end].kind != "]" or self._knows("None"):
            return False
        array = self.operands.pop()
        span = (self.tokens[self.at].start, self.tokens[end].end)
        axis = Operand(self.builder.fixed(place, str(place), span), *span)
        self.at = end + 1
        self.builder.is_respelled = True
        self._apply(self.gates["expand_dims"], [array, axis], array.start, span[1])
        return True

    def _is_lookup(self) -> bool:
        """Opens C[i] and p[range(n), k], which are take(C, i) and pick(p, k)."""
        at, token = self.at, self.tokens[self.at]
        first = self.tokens[at + 1]
        name = "take"
        if first.kind == NAME and first.text in ("range", "arange"):
            after = end_of_call(self.tokens, at + 2)
            if after is None or self.tokens[after].kind != ",":
                return False
            name, at = "pick", after
        else:
            follows = ("]", "+", "-", "*", "[") if first.kind == NAME else ("+", "-", "*")
            if first.kind not in (NAME, NUMBER) or self.tokens[at + 2].kind not in follows:
                return False
        self.builder.is_respelled = True
        self.at = at
        bracket = Bracket(token, len(self.operands) - 1, self.gates[name], commas=1)
        self._open(bracket)
        return True

    def _is_transpose(self, token: Token) -> bool:
        """Whether x^T is the transpose: where values are given, and none of that name."""
        is_name = token.kind == NAME and token.text == "T" and not self._knows("T")
        return token.kind == "⊤" or (is_name and bool(self.names))

    def _transpose(self, token: Token) -> None:
        """x.T, x^T, xᵀ"""
        if token.kind == ".":
            self._refuse_after_power(token)
        else:
            self._refuse_unclear_power(token)
        array = self.operands.pop()
        self.at += 1 if token.kind == "ᵀ" else 2
        end = self.tokens[self.at - 1].end
        self.builder.signs[array.start, end] = ("transpose", token.kind)
        self._apply(self.gates["transpose"], [array], array.start, end)

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

    def _ends_a_factor(self, following: str) -> bool:
        """Whether what was read last may be followed by a factor without a sign between."""
        before = self.tokens[self.at - 1]
        if before.kind == NAME and following == NAME:  # W x
            is_word = self._is_word(self.tokens[self.at]) or self._is_word(before)
            is_word |= bool(self.brackets) and self.brackets[-1].is_literal  # [a b]: a comma?
            self.builder.is_respelled |= not is_word
            return not is_word and not slips.is_derivative(self.tokens, self.at)
        return before.kind in (NUMBER, ")", "|", "‖", POWER, SUBSCRIPT, "ᵀ")

    def _is_word(self, token: Token) -> bool:
        """A word of Python's or of a sentence, which is no factor unless it has a value."""
        return token.text in _WORDS and not self._knows(token.text)

    def _implicit_product(self, token: Token) -> None:
        for operator in reversed(self.operators):
            if isinstance(operator, Bracket):
                break
            if operator.binding == _ROOT:
                hint = f"add brackets: {self.text[operator.token.start]}(...)"
                raise self.error("it is not clear what √ takes here", operator.token, hint)
            if token.kind == SIDE and operator.gate.name == "pow":
                continue  # a group says how far it goes
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
        self.operators.append(Operator(gate, gate.binding, token, False, SIDE_BY_SIDE))

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

    def _call(self, token: Token, power: Token | None = None) -> bool:
        """An open call; `power` is that of sin^2(x)."""
        name = token.text
        if name in SPELLINGS and name not in self.gates and not self._knows(name):
            name = SPELLINGS[name]
            self.builder.is_respelled = True
        if name == self.defining:
            hint = "a gate may use the gates before it, and not itself"
            raise self.error(f"'{name}' is defined by itself", token, hint)
        if self._knows(name) or not slips.is_function(name, self.gates):
            raise slips.not_a_function(
                self.text, self.tokens, self.at, self._knows(name), self.gates
            )
        bracket = Bracket(token, len(self.operands), gate=self.gates[name])
        if power is not None:
            bracket.power = power
            self._refuse_other_powers(token, power)
            self.at += 1 + (power.kind == NUMBER)
            self.builder.is_respelled = True
        self._open(bracket)
        self.at += 1
        if self.tokens[self.at].kind == ")":
            raise slips.wrong_count(
                self.text, self.gates[name], 0, (token.start, self.tokens[self.at].end)
            )
        return True

    def _refuse_other_powers(self, function: Token, power: Token) -> None:
        """sin^-1(x): 1/sin(x), or asin(x)?"""
        if not power.text.isdigit() or power.text in ("0", "1"):
            name = function.text
            hint = f"write ({name}(x))^{power.text}"
            if power.text == "-1":
                hint = f"write 1/{name}(x), or the inverse function's own name"
            raise self.error(f"it is not clear what the power of {name} is", power, hint)

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
            if bracket.power is not None:
                self._raised(bracket.power, span)
        elif bracket.is_bar:
            self._bars(bracket, token)
        else:
            inner = self.operands.pop()
            self.operands.append(Operand(inner.emission, bracket.token.start, token.end))
            if bracket.is_mask and self.builder.is_comparison(inner.emission):
                self._as_numbers(bracket.token.start, token.end)
        self.at += 1

    def _as_numbers(self, start: int, end: int) -> None:
        """(a > 0) outside where(): 1 where it holds, 0 elsewhere."""
        condition = self.operands.pop()
        ends = (Operand(self.builder.number(t, (end, end)), end, end) for t in ("1", "0"))
        self.builder.is_respelled = True
        self._apply(self.gates["where"], [condition, *ends], start, end)

    def _raised(self, power: Token, span: Span) -> None:
        """The power of a call, sin^2(x)."""
        base = self.operands.pop()
        number = self.builder.number(power.text, (power.start, power.end))
        self._apply(self.gates["pow"], [base, Operand(number, power.start, power.end)], *span)

    def _bars(self, bracket: Bracket, token: Token) -> None:
        """|x|, ‖x‖, ‖x‖₁: of numbers the absolute value."""
        following = self.tokens[self.at + 1]
        of = following.text if following.kind == SUBSCRIPT else ""
        self.at += following.kind == SUBSCRIPT
        start, end = bracket.token.start, self.tokens[self.at].end
        kind = "‖" + NORMS.get(of, "?") if token.kind == "‖" or of else "|"
        if kind == "‖?":
            hint = f"write sum(|x|^{of})^(1/{of})" if of.isdigit() and of != "0" else ""
            known = "there are ||x||, ||x||_1, ||x||_2, ||x||_F and ||x||_inf"
            raise self.error(f"there is no norm '{of}'", following, hint or known)
        inner = self.operands.pop()
        reduce = {"‖1": "sum", "‖inf": "max"}.get(kind)
        self.builder.signs[start, end] = (reduce or "abs", kind)
        self._apply(self.gates["abs"], [inner], start, end)
        if reduce:
            entries = [self.operands.pop()]
            if self.gates[reduce].fixed:
                entries.append(Operand(self.builder.fixed(None, "", (start, end)), start, end))
            self._apply(self.gates[reduce], entries, start, end)

    def _refuse_comparison_outside_where(self, token: Token) -> None:
        for bracket in reversed(self.brackets):
            if bracket.gate is not None or bracket.is_bar:
                if bracket.gate is self.gates["where"] and bracket.commas == 0:
                    return
                break
        if self.brackets and self.brackets[-1].is_group:
            self.brackets[-1].is_mask = True
            return
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
