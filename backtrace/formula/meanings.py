"""What a sign means by the shapes of what it stands between: x·y, ||x||, A^2, |x|, x^T.

The parser reads every sign as it is of numbers, and keeps which it was. Here, with the shapes in
hand, a gate becomes what the sign means of arrays. What has two readings is decided by what the
result is used for, where that decides it (`sum(W^2)`, `mean(|y - p|)`), and refused with both
where it does not. docs/meanings.md has the list.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import NamedTuple

from backtrace.formula.characters import SUPERSCRIPTS
from backtrace.gates import GATES, Gate
from backtrace.gates.shapes import Shape, ShapeError, say
from backtrace.graph import Constant, Graph, Node
from backtrace.language import tell

OF_NUMBERS = {"·": "mul", "×": "mul", "**": "pow", "^": "pow"}
"""Signs whose meaning depends on shapes, and the gate each is of numbers."""

SIDE_BY_SIDE = "side by side"
"""The sign of a product that is written without one: 2x, (A)(x)."""

NORMS = {"": "", "2": "2", "F": "F", "1": "1", "inf": "inf", "infty": "inf", "∞": "inf"}
"""The subscripts that a norm can have."""

_LONGEST_POWER = 8  # of a matrix: A^8 is seven products
_RAISED = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+")
_BY_ENTRIES = replace(GATES["pow"], operator="**")

_SUMMED, _MULTIPLIED, _OUTPUT, _UNCLEAR, _MADE_NEW = 1, 2, 4, 8, 16
_OF_ENTRIES = {
    *("sum", "mean", "prod", "var", "std", "reduce_max", "reduce_min", "reduce_logsumexp"),
    *("softmax", "log_softmax", "cross_entropy"),
}
_OF_ONE_ARRAY = ("max", "min", "logsumexp")  # reductions where they have one operand
_SIMPLE = re.compile(r"-?[\w.]*|\w+\([^()]*\)|\(.*\)|\|.*\||\[.*\]")
_OF_MATRICES = ("matmul", "dot", "outer", "affine", "relu_layer")
_KEEP = ("add", "sub", "neg", "identity", "transpose")


class Step(NamedTuple):
    """A gate, and its operands: indices, constants."""

    gate: Gate
    operands: tuple[int | Constant, ...]


class Meanings:
    """Reads the signs among `nodes`, those of a graph or of a constant in it, one by one in order.
    `shapes` are the inputs'. `is_whole` says that what its last node gives is the output: of an own
    gate, and of a constant, nobody knows what it is used for."""

    def __init__(
        self, graph: Graph, nodes: Sequence[Node], shapes: Mapping[str, Shape], is_whole: bool
    ) -> None:
        self._graph = graph
        self._nodes = nodes
        self._shapes = shapes
        self._is_whole = is_whole
        self._rows: set[int] = set()  # vectors that lie: x^T
        self._by_entries: set[int] = set()  # an array times something, by * or ⊙
        self.sentences: list[str] = []
        self.is_rewritten = False

    def steps(self, index: int, node: Node, given: Sequence[Shape], at: int) -> list[Step]:
        """The gates that a node stands for, the first of which will be number `at`; `index` is its
        place among the nodes as they were written, `node` reads those that they have become.
        Raises ShapeError."""
        gate = node.gate
        assert gate is not None
        name, sign = self._graph.signs.get(node.span, ("", ""))
        if name != gate.name:
            sign = ""
        self._refuse_lying(gate, sign, index, node, given)
        self._refuse_mixed(sign, index, given)
        found = self._read(sign, index, node, given, at)
        if sign and [step.gate for step in found] != [gate]:
            self.is_rewritten |= found[0].gate is not _BY_ENTRIES
        self._lies(node.operands, found, given, at)
        return found

    def _read(
        self, sign: str, index: int, node: Node, given: Sequence[Shape], at: int
    ) -> list[Step]:
        assert node.gate is not None
        as_it_is = [Step(node.gate, node.operands)]
        if not sign or not any(given):
            return as_it_is
        if sign in ("·", "×", SIDE_BY_SIDE):
            return [Step(GATES[self._product(sign, index, node, given)], node.operands)]
        if sign == "|":
            self._refuse_unclear_bars(index, given[0])
        elif sign.startswith("‖"):
            return self._norm(sign, index, node, given[0])
        elif node.gate.name == "pow":
            return self._power(sign, index, node, given, at)
        return as_it_is

    # products

    def _product(self, sign: str, index: int, node: Node, given: Sequence[Shape]) -> str:
        x, y = given
        if not x or not y:
            return "mul"
        a, b = self._texts(index)
        if sign == "×":
            hint = tell("{a}*{b} is entry by entry, {a}@{b} the matrix or dot product", a=a, b=b)
            raise ShapeError(tell("× of arrays has several readings"), hint)
        if sign == "·" and len(y) > 2 and len(x) > 1:
            hint = tell(
                "{a}@{b} goes along the axes in front; np.dot takes every pair, as einsum can",
                a=a,
                b=b,
            )
            raise ShapeError(
                tell(
                    "{a}·{b} of shapes {x} and {y} has two readings", a=a, b=b, x=say(x), y=say(y)
                ),
                hint,
            )
        if max(len(x), len(y)) > 1:
            return "matmul"
        lie = [o in self._rows for o in node.operands]
        if sign == SIDE_BY_SIDE and lie[1] and not lie[0]:
            return "outer"
        if sign == SIDE_BY_SIDE and not lie[0]:
            hint = tell("{a}@{b} is the dot product, {a}*{b} entry by entry", a=a, b=b)
            raise ShapeError(tell("two vectors side by side have no product"), hint)
        return "dot"

    def _refuse_lying(
        self, gate: Gate, sign: str, index: int, node: Node, given: Sequence[Shape]
    ) -> None:
        """x@y.T, x·y^T, x^T*y of vectors: NumPy's reading is not that of columns and rows."""
        if not self._rows or len(node.operands) != 2 or gate.fixed:
            return
        lie = [o in self._rows for o in node.operands]
        if lie[0] == lie[1] or [len(s) for s in given if isinstance(s, tuple)] != [1, 1]:
            return
        product = gate.name == "mul" and sign in ("", "×")
        if not product and not (lie[1] and (gate.name == "matmul" or sign == "·")):
            return
        a, b = (_untransposed(text) for text in self._texts(index))
        hint = tell(
            "{a}@{b} is the dot product, {a}*{b} entry by entry, outer({a}, {b}) the table",
            a=a,
            b=b,
        )
        what = tell("a vector has no rows and columns: this product has two readings")
        raise ShapeError(what, hint)

    def _refuse_mixed(self, sign: str, index: int, given: Sequence[Shape]) -> None:
        """u ⊙ W x: is it u ⊙ W that x is multiplied by, or u that goes with W x?"""
        gate, (left, *_), _, (start, _) = self._nodes[index]
        if gate is None or gate.name != "mul" or sign == "×":
            return
        is_open = isinstance(left, int) and self._nodes[left].span[0] == start  # no bracket before
        goes_on = is_open and left in self._by_entries
        if goes_on and sign and all(given):
            assert isinstance(left, int)
            b = self._texts(index)[1]
            first, second = self._texts(left)
            hint = tell(
                "write ({first}*{second})@{b}, or {first}*({second}@{b})",
                first=first,
                second=second,
                b=b,
            )
            raise ShapeError(tell("it is not clear which product comes first"), hint)
        if goes_on or (not sign and given[0]):
            self._by_entries.add(index)

    def _lies(
        self, written: Sequence[object], found: list[Step], given: Sequence[Shape], at: int
    ) -> None:
        """Whether the result is a vector that lies: of x^T, 2*x^T, x^T@W."""
        (gate, operands), *more = found
        if more:
            return
        if gate.name == "transpose":
            lies = len(given[0]) == 1 and operands[0] not in self._rows
        elif gate.name == "matmul":
            lies = operands[0] in self._rows and len(given[1]) > 1
        else:
            others = [s for o, s in zip(written, given, strict=True) if o not in self._rows]
            lies = gate.pullback is None and not any(others) and len(others) < len(written)
        if lies:
            self._rows.add(at)

    # norms and absolute values

    def _norm(self, sign: str, index: int, node: Node, shape: Shape) -> list[Step]:
        assert node.gate is not None
        (inner, *_) = self._texts(index)
        if len(shape) > 1 and sign == "‖2":
            hint = tell(
                "the Frobenius norm is ||{inner}||_F; the largest singular value is no gate",
                inner=inner,
            )
            raise ShapeError(tell("the 2-norm of a matrix is its largest singular value"), hint)
        if len(shape) > 1 and sign in ("‖1", "‖inf"):
            word, axis = ("sum", 0) if sign == "‖1" else ("max", 1)
            inner = inner[: inner.rfind("_")].strip("()|‖")  # what was typed is the whole norm
            hint = tell("{word}(abs({inner})) is over all entries, ", word=word, inner=inner)
            hint += tell(
                "max(sum(abs({inner}), axis={axis})) the matrix norm", inner=inner, axis=axis
            )
            raise ShapeError(
                tell("||{inner}||_{sign} of a matrix has two readings", inner=inner, sign=sign[1:]),
                hint,
            )
        if sign in ("‖1", "‖inf"):
            return [Step(node.gate, node.operands)]
        axis_none = Constant("", (), node.span, (None,))
        return [Step(GATES["norm"], (node.operands[0], axis_none))]

    def _refuse_unclear_bars(self, index: int, shape: Shape) -> None:
        uses = self._uses(index)
        if uses and not uses & ~(_SUMMED | _MULTIPLIED | _MADE_NEW):
            return
        (inner,) = self._texts(index)
        inner = inner[1:-1] if inner.startswith("(") else inner
        other = (
            "||" + inner + tell("|| is its norm")
            if len(shape) == 1
            else "det(" + inner + tell(") the determinant")
        )
        hint = tell("abs({inner}) is entry by entry; {other}", inner=inner, other=other)
        raise ShapeError(
            tell(
                "|{inner}| of an array of shape {shape} has two readings",
                inner=inner,
                shape=say(shape),
            ),
            hint,
        )

    # powers

    def _power(
        self, sign: str, index: int, node: Node, given: Sequence[Shape], at: int
    ) -> list[Step]:
        base, exponent = given
        as_it_is = [Step(GATES["pow"], node.operands)]
        is_square = len(base) > 1 and base[-1] == base[-2] > 1 and not exponent
        is_exponential = len(exponent) > 1 and exponent[-1] == exponent[-2] > 1 and not base
        if not is_square and not is_exponential:
            return as_it_is
        if sign == "**":
            return [Step(_BY_ENTRIES, node.operands)]
        a, b = self._texts(index)
        times = self._whole(self._nodes[index].operands[1]) if is_square else None
        if times == 1:
            return as_it_is
        uses = self._uses(index)
        if uses == _SUMMED and (times is None or times > 0):
            if times is not None:
                words = tell(
                    "{a}^{b} is read entry by entry, as its entries are summed or compared",
                    a=a,
                    b=b,
                )
                self.sentences.append(
                    tell(
                        "{words}; the matrix product is {products}",
                        words=words,
                        products=_products(a, times),
                    )
                )
            return as_it_is
        if is_exponential:
            by_entries = f"exp({b})" if a == "e" else f"{a}**{b}"
            hint = tell(
                "{by_entries} is entry by entry; the matrix exponential is no gate",
                by_entries=by_entries,
            )
            raise ShapeError(tell("{a}^{b} of a square matrix has two readings", a=a, b=b), hint)
        if times is None or times == 0:
            hint = tell("{a}**{b} is entry by entry; this power of a matrix is no gate", a=a, b=b)
            raise ShapeError(tell("{a}^{b} of a square matrix has two readings", a=a, b=b), hint)
        if uses & ~(_OUTPUT | _MULTIPLIED) or not uses or not 0 < times <= _LONGEST_POWER:
            return self._refuse_power(a, b, times)
        words = tell(
            "{a}^{b} is read as the matrix product {products}",
            a=a,
            b=b,
            products=_products(a, times),
        )
        self.sentences.append(tell("{words}; entry by entry is {a}**{b}", words=words, a=a, b=b))
        factor = node.operands[0]
        steps = [Step(GATES["matmul"], (factor, factor))]
        for more in range(times - 2):
            steps.append(Step(GATES["matmul"], (at + more, factor)))
        return steps

    def _refuse_power(self, a: str, b: str, times: int) -> list[Step]:
        matrix = tell("{products} the matrix product", products=_products(a, times))
        if times < 0:
            matrix = (
                tell("inv({a}) the inverse", a=a)
                if times == -1
                else tell("powers of inv({a}) the matrix's", a=a)
            )
        elif times > _LONGEST_POWER:
            matrix = tell("a longer matrix product is written out")
        hint = tell("{a}**{b} is entry by entry, {matrix}", a=a, b=b, matrix=matrix)
        raise ShapeError(tell("{a}^{b} of a square matrix has two readings", a=a, b=b), hint)

    def _whole(self, operand: int | Constant) -> int | None:
        """The whole number that an exponent is; None for any other."""
        if isinstance(operand, int) and self._nodes[operand].gate is None:
            operand = next(iter(self._nodes[operand].operands), operand)  # inside a constant
        text = operand.text if isinstance(operand, Constant) else ""
        return int(text) if text.removeprefix("-").isdigit() and len(text) < 5 else None

    # what a result is used for

    def _uses(self, index: int) -> int:
        uses = self._all_uses[index] or _OUTPUT
        return uses if self._is_whole or not uses & _OUTPUT else uses | _UNCLEAR

    @cached_property
    def _all_uses(self) -> list[int]:
        """For every node what becomes of its entries, on all the ways to the output."""
        last = len(self._nodes) - 1
        output = self._graph.output if self._nodes is self._graph.nodes else last
        found = [0] * len(self._nodes)
        found[output] = _OUTPUT
        for index in reversed(range(len(found))):
            for position, source in enumerate(self._nodes[index].operands):
                if isinstance(source, int) and self._nodes[index].gate is not None:
                    found[source] |= self._use(self._nodes[index], position, found[index])
        return found

    def _use(self, node: Node, position: int, later: int) -> int:
        gate, operands = node.gate, node.operands
        assert gate is not None
        free = sum(not (isinstance(o, Constant) and o.fixed) for o in operands)
        if gate.name in _OF_ENTRIES or (gate.name in _OF_ONE_ARRAY and free == 1):
            return _SUMMED
        if gate.name in _OF_MATRICES:
            return _MULTIPLIED
        if gate.is_own or (gate.is_of_arrays and gate.name not in _KEEP):
            return _UNCLEAR
        name, sign = self._graph.signs.get(node.span, ("", ""))
        if gate.name == "mul" or (gate.name == "div" and position == 0):
            if self._is_number(operands[1 - position]):
                return later
            if name == gate.name and sign in ("·", SIDE_BY_SIDE):
                return later | _MULTIPLIED
        elif gate.name in _KEEP:
            return later
        return later if later in (0, _SUMMED) else later | _MADE_NEW

    def _is_number(self, operand: int | Constant) -> bool:
        """Whether it is one for certain."""
        if isinstance(operand, Constant):
            return not operand.holds_arrays
        node = self._nodes[operand]
        return node.is_input and not self._shapes.get(node.name, ())

    def _texts(self, index: int) -> list[str]:
        """The operands of a node, as they were typed."""
        found = []
        for operand in self._nodes[index].operands:
            source = operand if isinstance(operand, Constant) else self._nodes[operand]
            text = self._graph.text[slice(*source.span)]
            text = text.translate(SUPERSCRIPTS) if _RAISED.fullmatch(text) else text
            found.append(text if _SIMPLE.fullmatch(text) else f"({text})")
        return found


def _untransposed(text: str) -> str:
    text = text[1:-1] if text.startswith("(") else text
    return re.sub(r"(\.T|ᵀ|\s*\^\s*[T⊤])$", "", text)


def _products(a: str, times: int) -> str:
    return "@".join([a] * times)
