"""What is written behind an operand: x², x[0], x[:, None], C[i], x.T, xᵀ."""

from __future__ import annotations

from backtrace.algebra.spelling import Binding
from backtrace.formula.brackets import Brackets
from backtrace.formula.indices import end_of_call, is_looked_up, parts_of, read_index
from backtrace.formula.pending import Bracket, Operand, Operator
from backtrace.formula.token import END, NAME, NUMBER, POWER, Token
from backtrace.formula.tokens import tokenize
from backtrace.language import tell

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
        if self._is_lookup(token):
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

    def _is_lookup(self, token: Token) -> bool:
        """Opens C[i], x[:, i], x[i, j] and p[range(n), k], which are take(C, i),
        take(x, i, axis=1), lookup(x, i, j) and pick(p, k)."""
        parts = parts_of(self.tokens, self.at)
        if not parts:
            raise self.error(tell("'[' is never closed"), token, tell("add the missing ']'"))
        written = [self.tokens[start:end] for start, end in parts]
        arrays = [k for k, part in enumerate(written) if is_looked_up(part)]
        if not arrays:
            return False
        if self._is_of_each_row(written):
            self._open_lookup(token, "pick", parts[1:2])
            return True
        # a whole number beside an array is looked up with it, as NumPy does
        chosen = [k for k, part in enumerate(written) if k in arrays or _is_whole(part)]
        first, last = chosen[0], chosen[-1]
        kinds = {"".join(t.text for t in part) for k, part in enumerate(written) if k not in chosen}
        if chosen == [1] and len(written) == 2 and kinds == {"..."}:
            self._open_lookup(token, "take", parts[1:], -1)
            return True
        apart = chosen != list(range(first, last + 1))
        if apart or "None" in kinds or "..." in kinds:
            hint = tell("look them up one after the other: y = x[:, :, 0]; y[i]")
            what = tell("index arrays beside None, ... or apart from each other are not read")
            raise self.error(what, (token.start, self.tokens[parts[-1][1]].end), hint)
        if kinds - {":"}:
            self._pick_first(token, written, chosen)
        name = "take" if len(chosen) == 1 else "lookup"
        self._open_lookup(token, name, parts[first : last + 1], first)
        return True

    def _is_of_each_row(self, written: list[list[Token]]) -> bool:
        """Whether it is p[range(n), k], p[np.arange(n), k]."""
        first = written[0]
        is_range = first[0].text in ("range", "arange") and len(first) > 2
        return is_range and len(written) == 2 and end_of_call(first, 1) == len(first)

    def _pick_first(self, token: Token, written: list[list[Token]], chosen: list[int]) -> None:
        """The slices of x[i, 1:3], before anything is looked up."""
        texts = [":" if k in chosen else "".join(t.text for t in p) for k, p in enumerate(written)]
        index, text, _ = read_index("", tokenize(f"[{', '.join(texts)}]"), 0)
        array = self.operands.pop()
        span = (token.start, token.end)
        fixed = Operand(self.builder.fixed(index, text, span), *span)
        self._apply(self.gates["index"], [array, fixed], array.start, token.end)

    def _open_lookup(
        self, token: Token, name: str, parts: list[tuple[int, int]], axis: int = 0
    ) -> None:
        """Goes on with the parts that are looked up; behind them the bracket closes."""
        self.builder.is_respelled = True
        self.at = parts[0][0] - 1
        bracket = Bracket(token, len(self.operands) - 1, self.gates[name], commas=1)
        bracket.axis, bracket.ends = axis, parts[-1][1]
        self._open(bracket)

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
            raise self.error(
                tell("it is not clear what this belongs to"), token, tell("add brackets: (x²)[0]")
            )

    def _refuse_unclear_power(self, token: Token) -> None:
        last = self.operators[-1] if self.operators else None
        unclear = isinstance(last, Operator) and last.binding == ROOT
        if unclear or self.tokens[self.at - 1].kind == POWER:
            raise self.error(
                tell("it is not clear what the power belongs to"),
                token,
                tell("add brackets: √(x^2) or (√x)^2"),
            )


def _is_whole(part: list[Token]) -> bool:
    """Whether a part of an index is one entry: 0, -1."""
    return [token.kind for token in part] in ([NUMBER], ["-", NUMBER])
