"""Which number of a script is the loss: the one that is called so, else the last that gradients
speak of. Lines between it and the first gradient (a root of it, an accuracy, a step) are helpers.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

_CALLED = re.compile(
    r"(total_?|final_?|full_?)?(loss|cost|objective|obj|loss_?fn)(_?total|_?value|_?val)?"
    r"|손실|손실값|손실함수|총손실|전체손실|비용|오차|損失|誤差",
    re.IGNORECASE,
)
_LETTERS = frozenset(("L", "J", "E", "error", "err", "Error", "lossval", "목적함수"))
_FORMULAS = re.compile(r"mse|sse|sst?r|rss|mae|nll|b?ce|xent|(binary_)?cross_?entropy|hinge", re.I)
_PART = re.compile(
    r"(.*_)?(loss|losses|cost|error|err|objective)\d*(_.*)?|.*(loss|손실|오차)", re.I
)
_METRIC = re.compile(
    r"(.*_)?(acc|accuracy|r2|r_?squared|rmse|ppl|perplexity|psnr|score|f1|precision|recall|metric"
    r"|step|correct|hits?|norm|정확도|正解率|精度)\d*(_.*)?",
    re.IGNORECASE,
)
IS_LOSS, IS_LETTER, IS_FORMULA, IS_PART, IS_NUMBER, IS_METRIC = range(6)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A number that may be the result.

    name      as the code has it
    stage     its stage
    line      of the file
    kind      how likely its name makes it: IS_LOSS before IS_METRIC
    place     of its stage among all
    reached   how many gradients are of what leads to it
    is_late   whether it stands behind the first gradient
    """

    name: str
    stage: str
    line: int
    kind: int
    place: int
    reached: int
    is_late: bool


def kind_of(name: str) -> int:
    """How likely a name is that of a loss."""
    if _CALLED.fullmatch(name):
        return IS_LOSS
    if name in _LETTERS:
        return IS_LETTER
    if _METRIC.fullmatch(name):
        return IS_METRIC
    if _FORMULAS.fullmatch(name):
        return IS_FORMULA
    return IS_PART if _PART.fullmatch(name) else IS_NUMBER


def is_called_loss(name: str) -> bool:
    """Whether a name says that it is the loss, as a whole and not a part of it."""
    return kind_of(name) in (IS_LOSS, IS_LETTER, IS_FORMULA)


def in_order(
    found: Iterable[Candidate], made_of: Callable[[str], ast.expr | None]
) -> list[Candidate]:
    """The likeliest first: by names, then those before the gradients, those that more gradients
    speak of, the later ones. `made_of` has the expression of a stage."""
    candidates = [*found]
    parts = {c.stage for c in candidates if c.kind == IS_PART}

    def key(one: Candidate) -> tuple[int, bool, int, int]:
        kind = one.kind
        if kind == IS_NUMBER and any(is_scaled(one.stage, part, made_of) for part in parts):
            kind = IS_PART  # total = data_loss + reg_loss
        return kind, one.is_late and kind != IS_LOSS, -one.reached, -one.place

    return sorted(candidates, key=key)


def others(
    ordered: Sequence[Candidate], made_of: Callable[[str], ast.expr | None]
) -> list[Candidate]:
    """The candidates besides the first that may be meant. A number of which the first is the
    multiple, or a sum with more, is not: gradients that are right for it lack 1/N, or a term."""
    first = ordered[0]
    return [one for one in ordered[1:] if not is_scaled(first.stage, one.stage, made_of)]


def is_scaled(stage: str, of: str, made_of: Callable[[str], ast.expr | None]) -> bool:
    """Whether a stage is another number with factors and terms alone: f = s/N, f = s + r."""
    waiting: list[ast.expr] = [ast.Name(stage)]
    seen = {stage}
    while waiting:
        match waiting.pop():
            case ast.Name(id=name):
                if name == of:
                    return stage != of
                inner = made_of(name)
                if inner is not None and (name == stage or name not in seen):
                    seen.add(name)
                    waiting.append(inner)
            case ast.BinOp(op=ast.Add() | ast.Sub() | ast.Mult(), left=left, right=right):
                waiting += [left, right]
            case ast.BinOp(op=ast.Div(), left=left):
                waiting.append(left)
            case ast.UnaryOp(operand=operand):
                waiting.append(operand)
            case ast.Call(func=ast.Name(id="where"), args=[_, left, right]):  # of an if
                waiting += [left, right]
    return False


def without_detach(node: ast.expr) -> ast.expr:
    """loss.item(), float(loss): the loss itself, whose gradients are asked for."""
    while (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "detach"
        and len(node.args) == 1
    ):
        node = node.args[0]
    return node
