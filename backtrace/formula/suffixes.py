"""What is written behind an operand: x², x[0], x[:, None], C[i], x.T, xᵀ."""

from __future__ import annotations

from backtrace.algebra.spelling import Binding
from backtrace.formula.brackets import Brackets
from backtrace.formula.indices import end_of_call, read_index
from backtrace.formula.pending import Bracket, Operand, Operator
from backtrace.formula.token import END, NAME, NUMBER, POWER, Token

ROOT = Binding.ATOM + 1  # √ takes what stands next to it, before any power


class Suffixes(Brackets):
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
        unclear = isinstance(last, Operator) and last.binding == ROOT
        if unclear or self.tokens[self.at - 1].kind == POWER:
            raise self.error(
                "it is not clear what the power belongs to", token, "add brackets: √(x^2) or (√x)^2"
            )
