r"""\begin{cases} x & x > 0 \\ 0 & \text{otherwise} \end{cases}: where(x > 0, x, 0).

The last case must be what is left: it says so (otherwise, else), or its condition is the opposite
of the one before it. Anything else might leave a gap, and is refused.
"""

from __future__ import annotations

from backtrace.formula.latex.items import Item
from backtrace.formula.latex.scripts import Scripts
from backtrace.formula.latex.words import FONTS
from backtrace.formula.token import NAME, Token
from backtrace.language import tell

_IF = ("if", "for", "when", "where", "on")
_ELSE = ("otherwise", "else", "elsewhere", "그외", "그밖에", "그렇지않으면")
_OPPOSITE = {">": "<=", ">=": "<", "<": ">=", "<=": ">", "==": "!=", "!=": "=="}


class Cases(Scripts):
    def _cases(self, item: Item, depth: int) -> list[Token]:
        rows = item.inner
        if len(rows) < 2 or any(len(row) != 2 for row in rows):
            hint = tell("a choice is written where(x > 0, a, b)")
            raise self.error(tell("a case is a value & its condition"), item, hint)
        values = [self._value(row[0], item, depth) for row in rows]
        conditions = [self._condition(row[1], item, depth) for row in rows]
        if any(not condition for condition in conditions[:-1]):
            hint = tell("write \\text{otherwise} for the last case")
            raise self.error(tell("only the last case is what is left"), item, hint)
        if conditions[-1] and not _is_opposite(conditions[-2], conditions[-1]):
            hint = tell("write \\text{otherwise} for the last case")
            raise self.error(tell("it is not clear that these cases are all"), item, hint)
        place = (item.end, item.end)
        found = values[-1]
        for value, condition in reversed(list(zip(values[:-1], conditions[:-1], strict=True))):
            comma = [Token(",", ",", condition[-1].end, condition[-1].end)]
            call = Token(NAME, "where", item.start, item.start)
            opened = Token("(", "(", item.start, item.start)
            inner = [*condition, *comma, *value, *comma, *found]
            found = [call, opened, *inner, Token(")", ")", *place)]
        return found

    def _value(self, cell: list[Item], item: Item, depth: int) -> list[Token]:
        while cell and cell[-1].text in (",", ".", ";"):
            cell = cell[:-1]
        if not cell:
            raise self.error(tell("a case is a value & its condition"), item)
        return self.tokens(cell, depth + 1)

    def _condition(self, cell: list[Item], item: Item, depth: int) -> list[Token]:
        """Its tokens; none of what is left."""
        while cell and cell[-1].text in (",", ".", ";"):
            cell = cell[:-1]
        if cell and _word(cell[0]) in _IF:
            cell = cell[1:]
        if len(cell) == 1 and _word(cell[0]) in _ELSE:
            return []
        found = self.tokens(cell, depth + 1)
        found = [t._replace(kind="==", text="==") if t.kind == "=" else t for t in found]
        if sum(token.kind in _OPPOSITE for token in found) != 1:
            place = (cell[0].start, cell[-1].end) if cell else item
            hint = tell("nest cases for two conditions")
            raise self.error(tell("a condition is one comparison"), place, hint)
        return found


def _word(item: Item) -> str:
    r"""otherwise, of \text{otherwise }."""
    if item.kind != "macro" or item.text not in FONTS:
        return ""
    return "".join(i.text for i in item.inner[-1].inner).strip(",.: ").lower()


def _is_opposite(first: list[Token], second: list[Token]) -> bool:
    """x > 0 and x <= 0, or 0 >= x."""
    sides = []
    for tokens in (first, second):
        at = next(k for k, token in enumerate(tokens) if token.kind in _OPPOSITE)
        left, right = (tuple(t[:2] for t in part) for part in (tokens[:at], tokens[at + 1 :]))
        sides.append((left, tokens[at].kind, right))
    (a, sign, b), (c, other, d) = sides
    turned = {">": "<", "<": ">", ">=": "<=", "<=": ">="}
    same = (a, b) == (c, d) and _OPPOSITE[sign] == other
    return same or ((a, b) == (d, c) and _OPPOSITE[sign] == turned.get(other, other))
