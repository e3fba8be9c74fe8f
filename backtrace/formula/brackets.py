"""What opens and closes in an expression: (x + y), f(x, y, axis=0), [x, y], |x|, ‖x‖₁."""

from __future__ import annotations

from backtrace.errors import FormulaError, Span
from backtrace.formula import call_slips, slips
from backtrace.formula.literals import read_literal, spelled
from backtrace.formula.meanings import NORMS
from backtrace.formula.pending import Bracket, Operand, arguments
from backtrace.formula.stack import Stack
from backtrace.formula.token import NAME, NUMBER, SUBSCRIPT, TEXT, Token
from backtrace.gates import Gate
from backtrace.language import tell

DEEPEST_NESTING = 64
SPELLINGS = {"σ": "sigmoid", "log_2": "log2", "log_10": "log10"}
"""What a function is called on blackboards, where that has no value."""


class Brackets(Stack):
    def _open(self, bracket: Bracket) -> None:
        if len(self.brackets) >= DEEPEST_NESTING:
            raise self.error(
                tell(
                    "brackets are nested more than {deepest_nesting} deep",
                    deepest_nesting=DEEPEST_NESTING,
                ),
                bracket.token,
                tell("name the inner part: q = ...; then use q"),
            )
        self.brackets.append(bracket)
        self.operators.append(bracket)
        self.at += 1

    def _refuse_empty(self, token: Token) -> None:
        following = self.tokens[self.at]
        if (token.kind, following.kind) in (("(", ")"), ("[", "]")):
            what = (
                tell("empty brackets ()") if token.kind == "(" else tell("an array without entries")
            )
            raise self.error(what, (token.start, following.end))

    def _call(self, token: Token, power: Token | None = None) -> bool:
        """An open call; `power` is that of sin^2(x)."""
        name = token.text
        if name in SPELLINGS and name not in self.gates and not self._knows(name):
            name = SPELLINGS[name]
            self.builder.is_respelled = True
        if name == self.defining:
            hint = tell("a gate may use the gates before it, and not itself")
            raise self.error(tell("'{name}' is defined by itself", name=name), token, hint)
        if self._knows(name) or not slips.is_function(name, self.gates):
            raise call_slips.not_a_function(
                self.text, self.tokens, self.at, self._knows(name), self.gates
            )
        self._refuse_detached(token, self.gates[name])
        bracket = Bracket(token, len(self.operands), gate=self.gates[name])
        if power is not None:
            bracket.power = power
            self._refuse_other_powers(token, power)
            self.at += 1 + (power.kind == NUMBER)
            self.builder.is_respelled = True
        self._open(bracket)
        self.at += 1
        if self.tokens[self.at].kind == ")":
            raise call_slips.wrong_count(
                self.text, self.gates[name], 0, (token.start, self.tokens[self.at].end)
            )
        return True

    def _refuse_detached(self, token: Token, gate: Gate) -> None:
        """A definition's inside is one gate to the witnesses, who could not hold a part of it."""
        if gate.is_own and any(inner.name == "detach" for _, _, inner in gate.inner.gates()):
            hint = tell("write out what {name} is where it is used", name=gate.name)
            raise self.error(tell("detach is not read inside a definition"), token, hint)

    def _refuse_other_powers(self, function: Token, power: Token) -> None:
        """sin^-1(x): 1/sin(x), or asin(x)?"""
        if not power.text.isdigit() or power.text in ("0", "1"):
            name = function.text
            hint = tell("write ({name}(x))^{text}", name=name, text=power.text)
            if power.text == "-1":
                hint = tell("write 1/{name}(x), or the inverse function's own name", name=name)
            raise self.error(
                tell("it is not clear what the power of {name} is", name=name), power, hint
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
        known = (*bracket.gate.fixed, *bracket.gate.defaulted) or bracket.gate.parameters
        if token.text not in known or not bracket.gate.takes_keywords:
            raise call_slips.unknown_keyword(self.text, bracket.gate, token)
        if token.text in bracket.keywords:
            raise self.error(tell("'{text}' is given twice", text=token.text), token)
        bracket.keywords[token.text] = bracket.commas
        self.at += 2

    def _is_fixed_argument(self, kind: str) -> bool:
        """Whether an argument begins here that is no operand: (0, 2), "ij,jk->ik"."""
        before = self.tokens[self.at - 1].kind if self.at else ""
        if not self.brackets or self.operators[-1] is not self.brackets[-1]:
            return False
        bracket = self.brackets[-1]
        gate = bracket.gate
        if gate is None or not gate.fixed or before not in ("(", ",", "="):
            return False
        if gate.order is not None:  # it stands in front, as a number
            return False
        free = len(gate.parameters) - len(gate.fixed)
        is_behind = not gate.variadic and bracket.commas >= free
        if before == "=":
            return self.tokens[self.at - 2].text in gate.fixed or kind == TEXT
        return is_behind or kind == TEXT

    def _literal(self, token: Token) -> None:
        value, after = read_literal(self.text, self.tokens, self.at)
        if self.tokens[after].kind not in (",", ")"):
            raise slips.operand_missing(self.text, self.tokens, after - 1)
        span = (token.start, self.tokens[after - 1].end)
        self.operands.append(Operand(self.builder.fixed(value, spelled(value), span), *span))
        self.at = after

    def _comma(self) -> bool:
        """True if an operand is due after it."""
        if self.brackets and self.brackets[-1].ends == self.at:
            while self.tokens[self.at].kind != "]":
                self.at += 1
            self._close(self.tokens[self.at])
            return False
        if not self.brackets or self.brackets[-1].gate is None:
            raise slips.comma_outside_call(self.text, self.tokens, self.at)
        self._reduce(0)
        bracket = self.brackets[-1]
        following = self.tokens[self.at + 1 : self.at + 3]
        if bracket.keywords and [token.kind for token in following] != [NAME, "="]:
            hint = tell("arguments given by name come last")
            raise self.error(
                tell("an argument without a name follows one with a name"), following[0], hint
            )
        bracket.commas += 1
        self.at += 1
        return True

    def _close(self, token: Token) -> None:
        if not self.brackets:
            opener = {")": "(", "]": "["}[token.kind]
            raise self.error(
                tell("'{kind}' has no '{opener}' before it", kind=token.kind, opener=opener), token
            )
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
            if bracket.axis:
                axis = self.builder.fixed(bracket.axis, str(bracket.axis), span)
                bracket.keywords["axis"] = len(given)
                given.append(Operand(axis, *span))
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
            hint = tell("write sum(|x|^{of})^(1/{of})", of=of) if of.isdigit() and of != "0" else ""
            known = tell("there are ||x||, ||x||_1, ||x||_2, ||x||_F and ||x||_inf")
            raise self.error(tell("there is no norm '{of}'", of=of), following, hint or known)
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

    def _never_closed(self) -> FormulaError:
        bracket = self.brackets[-1]
        token = self.tokens[self.at]
        if bracket.is_literal and token.text == ";":
            return self.error(tell("';' does not separate rows"), token, "write [[1, 2], [3, 4]]")
        if bracket.is_bar or bracket.is_literal:
            hint = "" if bracket.is_bar else tell("add the missing ']'")
            return self.error(
                tell("'{kind}' is never closed", kind=bracket.token.kind), bracket.token, hint
            )
        place = bracket.token.end
        span = (place, place + 1) if bracket.gate else (bracket.token.start, place)
        return self.error(tell("'(' is never closed"), span, tell("add the missing ')'"))
