"""A trace as lines of code: forward, then backward, staged as the lecture writes it."""

from __future__ import annotations

import keyword
from collections.abc import Iterator
from typing import Any

import numpy as np

from backtrace.algebra.code import Code
from backtrace.algebra.coded import Coded, coded
from backtrace.algebra.values import shape_of, size_of
from backtrace.errors import UsageError
from backtrace.formula.printer import expressions, label
from backtrace.graph import Constant
from backtrace.graph.record import Record
from backtrace.language import tell
from backtrace.numbers import Blank
from backtrace.render._windows import WINDOWS
from backtrace.render._words import line_words

MOST_ENTRIES = 20_000
_MOST_GATES = 20_000
_SMALL, _LARGE = 1e-100, 1e100
_RESERVED = ("np", "torch", "numpy", "math", "number", "close")

HELPERS = {
    "put": """def put(u, index, shape):
    whole = np.zeros(shape)
    whole[index] = u
    return whole""",
    "softmax": """def softmax(x, axis):
    powers = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return powers / np.sum(powers, axis=axis, keepdims=True)""",
    "log_softmax": """def log_softmax(x, axis):
    shifted = x - np.max(x, axis=axis, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))""",
    "others": """def others(x, axis):
    flat = np.moveaxis(x, axis, -1) if axis is not None else np.reshape(x, -1)
    parts = [np.prod(np.delete(flat, k, -1), -1) for k in range(flat.shape[-1])]
    found = np.stack(parts, -1)
    return np.moveaxis(found, -1, axis) if axis is not None else np.reshape(found, x.shape)""",
    "one_hot": """def one_hot(k, count):
    return np.equal(np.expand_dims(k, -1), np.arange(count)) * 1.0""",
    "whole": """def whole(i):
    return np.asarray(i).astype(int)""",
    "added_up": """def added_up(u, index, shape):
    found = np.zeros(shape)
    np.add.at(found, index, u)
    return found""",
    "cumsum_back": """def cumsum_back(u, axis):
    return np.flip(np.cumsum(np.flip(u, axis), axis), axis)""",
    "cumprod_back": """def cumprod_back(u, x, axis):
    rows, ups = np.moveaxis(x, axis, -1), np.moveaxis(u, axis, -1)
    count = rows.shape[-1]
    without = np.where(np.eye(count, dtype=bool), 1, rows[..., None, :])
    terms = np.where(np.tri(count, dtype=bool).T, np.cumprod(without, -1), 0)
    return np.moveaxis(np.sum(terms * ups[..., None, :], -1), -1, axis)""",
    "on_diagonal": """def on_diagonal(u, shape, k):
    found = np.zeros(shape)
    places = np.arange(len(u))
    found[places + max(-k, 0), places + max(k, 0)] = u
    return found""",
    "back_in_place": """def back_in_place(u, x, axis, ties):
    ups, given = (np.moveaxis(v, axis, -1) for v in (u, x))
    order = np.argsort(given, -1, kind="stable")
    found = np.empty_like(ups)
    np.put_along_axis(found, order, ups, -1)
    if ties != "each":
        same = given[..., :, None] == given[..., None, :]
        if ties != "mean":
            beside = order if ties == "last" else order[..., ::-1]
            rank = np.argsort(beside, -1)
            same &= np.max(same * (1 + rank[..., None, :]), -1)[..., None] == 1 + rank[..., None, :]
        found = np.sum(same * found[..., None, :], -1) / np.sum(same, -1)
    return np.moveaxis(found, -1, axis)""",
    "logdet": """def logdet(x):
    sign, size = np.linalg.slogdet(x)
    return np.log(sign) + size""",
    "erf": "erf = np.vectorize(math.erf, otypes=[float])",
    "erfc": "erfc = np.vectorize(math.erfc, otypes=[float])",
    "lgamma": "lgamma = np.vectorize(math.lgamma, otypes=[float])",
    "digamma": """def digamma(x):
    \"\"\"Up to 12 by its recurrence, then its series; left of 0 by reflection.\"\"\"
    x = np.asarray(x, dtype=float)
    y = np.where(x > 0, x, 1 - x)
    found = np.zeros(y.shape)
    for _ in range(12):
        found = found - np.where(y < 12, 1 / y, 0)
        y = np.where(y < 12, y + 1, y)
    z = 1 / y**2
    series = z * (1 / 12 - z * (1 / 120 - z * (1 / 252 - z * (1 / 240 - z * (1 / 132 - z / 47.4)))))
    found = found + np.log(y) - 1 / (2 * y) - series
    return found - np.where(x > 0, 0, np.pi / np.tan(np.pi * np.where(x > 0, 0.5, x)))""",
    "trigamma": """def trigamma(x):
    return polygamma(1, x)""",
    "polygamma": """def polygamma(n, x):
    \"\"\"The n-th slope of digamma, by a sum of (x + k)^-(n + 1); for x above -100.\"\"\"
    x, s, count = np.asarray(x, dtype=float), n + 1, 120 + 4 * n
    total = sum((x / (x + k)) ** s for k in range(count))
    y = x + count
    rest = y / n + 1 / 2 + s / (12 * y) - s * (s + 1) * (s + 2) / (720 * y**3)
    rest = rest + s * (s + 1) * (s + 2) * (s + 3) * (s + 4) / (30240 * y**5)
    total = (total + (x / y) ** s * rest) / x
    for k in range(1, s):
        total = total * k / x
    return (-1) ** s * total""",
    **WINDOWS,
}


class Script:
    """Names for all numbers, and the lines that compute them."""

    def __init__(self, record: Record, prefix: str = "") -> None:
        if not record.has_point:
            name = next(iter(record.graph.inputs), "x")
            raise UsageError(tell("a script needs a point: '{name}' has no value", name=name))
        if any(isinstance(n, Blank) for n in (*record.values, *record.upstreams)):
            hint = tell("html, svg, wires, markdown, tikz and latex have boxes to fill in")
            raise UsageError(tell("a script has no blanks"), hint=hint)
        if record.graph.gate_count > _MOST_GATES or sum(map(size_of, record.values)) > 10**6:
            hint = tell("--format jsonl has all")
            raise UsageError(tell("a script of this size is no reading"), hint=hint)
        self.record = record
        taken = set(_RESERVED) | set(HELPERS)
        self.names = [prefix + self._name(index, taken) for index in range(len(record.graph.nodes))]
        self.gradients = [_free(f"d{name}", taken) for name in self.names]
        self._texts = expressions(record.graph, 50)
        self._kinks = {note.node for note in record.notes if note.kind == "kink"}

    def _name(self, index: int, taken: set[str]) -> str:
        node = self.record.graph.nodes[index]
        if node.name:
            return _free(node.name, taken)
        return _free("f" if index == self.record.graph.output else f"v{index}", taken)

    @property
    def is_extreme(self) -> bool:
        """Whether Python's own numbers may raise ZeroDivisionError or OverflowError: some number is
        not finite, or its square may not be."""
        numbers = (np.abs(np.asarray(v)) for v in (*self.record.values, *self.record.upstreams))
        return any(not np.all((n == 0) | ((n > _SMALL) & (n < _LARGE))) for n in numbers)

    def comment(self, index: int) -> str:
        """#3 add: x + y"""
        node = self.record.graph.nodes[index]
        line = f", {words}" if (words := line_words(self.record, index)) else ""
        return f"#{index} {label(node)}: {self._texts[index]}{line}" if node.gate else ""

    def inputs(self) -> Iterator[tuple[str, Any]]:
        """Every input's name and value. Raises UsageError for arrays that are too long to write."""
        for index, node in enumerate(self.record.graph.nodes):
            if node.is_input:
                value = self.record.values[index]
                if size_of(value) > MOST_ENTRIES:
                    what = tell(
                        "'{name}' has {n:,} entries, too many for a script",
                        name=node.name,
                        n=size_of(value),
                    )
                    hint = tell("--arrays npz writes them beside a JSON file")
                    raise UsageError(what, hint=hint)
                yield self.names[index], value

    def forward(self, m: Code) -> Iterator[tuple[int, str]]:
        """(node, code) for every gate and every constant that stands alone."""
        for index, node in enumerate(self.record.graph.nodes):
            if node.is_input:
                continue
            operands = self._operands(index, m)
            found = node.gate.forward(m, *operands) if node.gate else operands[0]
            yield index, coded(found).text

    def backward(self, m: Code) -> Iterator[tuple[int, int, str]]:
        """(gate, operand, code) for every edge, from the output back."""
        graph = self.record.graph
        for index in range(len(graph.nodes) - 1, -1, -1):
            for operand in range(len(graph.inputs_of[index])):
                yield index, operand, self._downstream(index, operand, m)

    def _downstream(self, index: int, operand: int, m: Code) -> str:
        node = self.record.graph.nodes[index]
        gate = node.gate
        assert gate is not None
        slots = [k for k, o in enumerate(node.operands) if not isinstance(o, Constant)]
        k, operands = slots[operand], self._operands(index, m)
        upstream = Coded(self.gradients[index], shape=shape_of(self.record.values[index]))
        output = Coded(self.names[index], shape=upstream.shape)
        own = shape_of(self.record.values[self.record.graph.inputs_of[index][operand]])
        if gate.pullback is not None:
            kink = self.record.granularity.kink
            pullback = gate.pullbacks.get(kink, gate.pullback)
            return coded(pullback(m, k, upstream, output, *operands)).text
        local = self._local(index, operand, k, output, operands, m)
        if gate.blocks and not np.all(np.isfinite(self.record.upstreams[index])):
            return m.summed_to(m.where(m.equal(local, 0), 0, upstream * local), own).text
        if local.text == "1":
            return m.summed_to(upstream, own).text
        if local.text == "-1":
            return m.summed_to(-upstream, own).text
        return m.summed_to(upstream * local, own).text

    def _local(
        self, index: int, operand: int, k: int, output: Coded, operands: list[Any], m: Code
    ) -> Coded:
        """The rule; at a kink the number that the convention gives."""
        node, numbers = self.record.graph.nodes[index], self.record.locals[index][operand]
        gate = node.gate
        assert gate is not None
        is_number = not shape_of(numbers)
        if is_number and (index in self._kinks or (gate.chooses and np.isnan(numbers))):
            return coded(_whole(numbers))
        rule = coded(gate.slope(m, k, output, operands))
        if index in self._kinks and gate.kink is not None:
            constant = [isinstance(o, Constant) for o in node.operands]
            at = gate.kink.at(m, output, *operands)
            convention = gate.kink.rule(self.record.granularity.kink)
            return m.where(at, convention(m, k, output, operands, constant), rule)
        return rule

    def _operands(self, index: int, m: Code) -> list[Any]:
        found: list[Any] = []
        for operand in self.record.graph.nodes[index].operands:
            if isinstance(operand, Constant):
                found.append(operand.value(m))
            else:
                found.append(
                    Coded(self.names[operand], shape=shape_of(self.record.values[operand]))
                )
        return found


def _free(name: str, taken: set[str]) -> str:
    """The name as Python can have it, once."""
    while name in taken or keyword.iskeyword(name) or name in ("print", "float"):
        name += "_"
    taken.add(name)
    return name


def _whole(value: Any) -> Any:
    if not np.isfinite(value):
        return Coded(f"({expected(value)})")
    return int(value) if value == int(value) else float(value)


def literal(value: Any) -> str:
    """A number or an array as Python writes it."""
    if shape_of(value):
        return f"np.array({_listed(value.tolist())})"
    return repr(float(value))


def _listed(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_listed, value))}]"
    return repr(value)


def expected(value: Any) -> str:
    """As `literal`, of what may not be finite."""
    text = literal(value)
    return text.replace("nan", "np.nan").replace("inf", "np.inf")


def aligned(lines: list[tuple[str, str]]) -> Iterator[str]:
    """Code with its comments under one another."""
    width = min(48, max((len(code) for code, comment in lines if comment), default=0))
    for code, comment in lines:
        yield f"{code.ljust(width)}  # {comment}" if comment else code
