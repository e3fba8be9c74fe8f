"""A page's steps: one for every gate forward, then one for every gate back, in words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape
from typing import Any

from backtrace.algebra.values import Value
from backtrace.formula.printer import expressions, in_operands, label
from backtrace.graph.record import Edge, Record
from backtrace.language import tell
from backtrace.numbers import Blank, Formula
from backtrace.render._bound import bound, cell_text
from backtrace.render._explain import KINK, gate_sentence, slope_formula, spoken_names
from backtrace.render._rules import rule_with_shapes, terms_of
from backtrace.render._view import View
from backtrace.render._words import EMPTY, gradient_words, line_words, number_text, symbol

_FIRST_PLACE = 0xE000
"""Of the letters that stand for numbers while a formula is spelled: Unicode's private ones."""

_LONGEST = 60  # characters of an array among the numbers of a forward step


class Steps:
    """The steps of a record; `name` is what the picture's ids begin with."""

    def __init__(self, record: Record, view: View, name: str) -> None:
        self.record = record
        self.view = view
        self.name = name
        self.gates = [index for index, _, _ in record.graph.gates()]
        self._texts = expressions(record.graph, 60)
        self._names = spoken_names(record.graph, self._texts)
        self._kinks = {note.node for note in record.notes if note.kind == "kink"}

    def data(self, is_live: bool) -> dict[str, Any]:
        """What the script needs: the gates, and where it does not compute them itself, how far each
        sum has come after each step back."""
        arrived: dict[int, Value] = {}
        backward = [] if is_live else reversed(self.gates)
        return {
            "name": self.name,
            "sums": [list(self._sums(gate, arrived)) for gate in backward],
            "gates": self.gates,
            "count": len(self.record.graph.nodes),
            "output": self.record.graph.output,
        }

    def _sums(self, gate: int, arrived: dict[int, Value]) -> Iterator[tuple[int, str]]:
        """What has come back to each input of a gate so far."""
        for edge in self.record.edges_of(gate):
            so_far = arrived.get(edge.input)
            is_blank = isinstance(edge.downstream, Blank)
            if so_far is None or is_blank:
                arrived[edge.input] = edge.downstream
            else:
                arrived[edge.input] = so_far + edge.downstream
        for source in dict.fromkeys(self.record.graph.inputs_of[gate]):
            yield source, number_text(arrived[source], self.view) or ""

    def items(self) -> Iterator[str]:
        """Every step in words."""
        inputs = tell("<b>The inputs</b> have their values; every gate waits for its own.")
        yield f"<li><p>{inputs}</p></li>\n"
        for gate in self.gates:
            yield f"<li>{self._forward(gate)}</li>\n"
        arrived: dict[int, list[str]] = {}
        for gate in reversed(self.gates):
            yield f"<li>{''.join(self._backward(gate, arrived))}</li>\n"

    def _forward(self, gate: int) -> str:
        """1 + 0.3679 = 1.368, then what that is a number of."""
        node, view = self.record.graph.nodes[gate], self.view
        stage = f"{node.name} = " if node.name else ""
        what = escape(view.text(f"#{gate} {symbol(label(node))}: {stage}{self._texts[gate]}"))
        line = f" ({words})" if (words := line_words(self.record, gate)) else ""
        value = bound(self.record.values[gate], view, f"v{gate}")
        numbers = self._in_numbers(gate)
        word = tell("Forward.")
        forward = f"<b>{word}</b>"
        if not numbers:
            return f"<p>{forward} {what} = {value}{line}</p>"
        return f"<p>{forward} {numbers} = {value}</p><p>{what}{line}</p>"

    def _in_numbers(self, gate: int) -> str:
        """The gate on its inputs' numbers; "" of formulas, blanks and what is too long to read."""
        node, record = self.record.graph.nodes[gate], self.record
        values = [record.values[source] for source in node.inputs]
        shown = [gradient_words(value, self.view) for value in values]
        if not values or any(isinstance(value, Blank | Formula) for value in values):
            return ""
        if sum(map(len, shown)) > _LONGEST or any(text.startswith("norm") for text in shown):
            return ""
        letters = [chr(_FIRST_PLACE + k) for k in range(len(values))]
        text = in_operands(node, letters)
        pieces = []
        for piece in re.split(f"([{letters[0]}-{letters[-1]}])", text):
            if piece not in letters:
                pieces.append(escape(self.view.text(piece)))
                continue
            k = letters.index(piece)
            has_brackets = _needs_brackets(text, piece)
            pieces.append(bound(values[k], self.view, f"v{node.inputs[k]}", has_brackets))
        return "".join(pieces)

    def _backward(self, gate: int, arrived: dict[int, list[str]]) -> Iterator[str]:
        word = tell("Backward.")
        yield f"<p><b>{word}</b> {self._head(gate)}</p>"
        for edge in self.record.edges_of(gate):
            yield f"<p>{self._product(edge)}</p>"
            uses = self.record.graph.consumers[edge.input]
            if len(uses) > 1:
                terms = arrived.setdefault(edge.input, [])
                terms.append(self._number(edge.downstream, f"d{gate}.{edge.operand}"))
                yield f"<p>{self._sum(edge.input, terms, len(uses))}</p>"

    def _head(self, gate: int) -> str:
        """What the gate does with the gradient that arrives; both sentences where it has a kink."""
        node, view = self.record.graph.nodes[gate], self.view
        head = escape(view.text(f"#{gate} {symbol(label(node))}. "))
        sentence = escape(view.text(gate_sentence(node)))
        if node.gate is None or node.gate.kink is None:
            return head + sentence
        return head + self._either(gate, sentence, escape(tell(KINK)))

    def _either(self, gate: int, smooth: str, kink: str) -> str:
        """What holds away from the gate's kink, and what at it: one of the two is shown."""
        at, off = (" hidden", "") if gate not in self._kinks else ("", " hidden")
        both = f"<span data-smooth={gate}{off}>{smooth}</span>"
        return both + f"<span data-kink={gate}{at}>{kink}</span>" * bool(kink)

    def _number(self, value: Value, key: str) -> str:
        return bound(value, self.view, key)

    def _product(self, edge: Edge) -> str:
        record, view = self.record, self.view
        gate, operand = edge.gate, edge.operand
        to = escape(view.text(f" → {self._names[edge.input]}"))
        downstream = self._number(edge.downstream, f"d{gate}.{operand}")
        if edge.local is None:
            rule = escape(times(rule_with_shapes(record, edge)))
            terms = self._terms(edge)
            how = tell("downstream = {rule} = {downstream}", rule=rule, downstream=downstream)
            return f"{how}{', ' * bool(terms)}{terms}{to}"
        upstream = self._number(edge.upstream, f"u{gate}")
        if isinstance(edge.local, Blank):  # whoever fills it in finds it
            return _told(upstream, EMPTY, downstream) + to
        local = f"{self._formula(edge)}{_cell(edge.local, view, f'l{gate}.{operand}')}"
        return _told(upstream, local, downstream) + to

    def _formula(self, edge: Edge) -> str:
        """`exp(x) = `, before the local gradient's number; it holds away from kinks."""
        node = self.record.graph.nodes[edge.gate]
        formula = slope_formula(node, edge.gate, edge.operand, self._names)
        if not formula or _is_number(formula):
            return ""
        shown = f"{escape(self.view.text(formula))} = "
        if node.gate is None or node.gate.kink is None:
            return shown
        return self._either(edge.gate, shown, "")

    def _terms(self, edge: Edge) -> str:
        """where p = softmax(s) = [0.2, 0.8]"""
        parts = []
        for k, (name, says, value) in enumerate(terms_of(self.record, edge)):
            if value is None:
                parts.append(escape(self.view.text(f"{name} {says}")))
                continue
            key = f"t{edge.gate}.{edge.operand}.{k}"
            shown = _cell(value, self.view, key)
            is_formula = "(" in says or says in (name, "")
            before = f"{says} = " if says and is_formula else ""
            after = f" ({says})" if says and not is_formula else ""
            parts.append(
                f"{escape(self.view.text(f'{name} = {before}'))}{shown}"
                f"{escape(self.view.text(after))}"
            )
        return tell("where {terms}", terms=", ".join(parts)) if parts else ""

    def _sum(self, source: int, terms: list[str], uses: int) -> str:
        """x is used twice, gradients add: 2 + 3 = 5."""
        name = escape(self.view.text(self._names[source]))
        total = self._number(self.record.upstreams[source], f"u{source}")
        if len(terms) < uses:
            so_far = f"{' + '.join(terms)} + …"
            return tell("gradients add at {name}: {terms}", name=name, terms=so_far)
        added = f"{' + '.join(terms)} = {total}"
        return tell("gradients add at {name}: {terms}", name=name, terms=added)


def _told(upstream: str, local: str, downstream: str) -> str:
    return tell(
        "upstream {upstream} × local {local} = downstream {downstream}",
        upstream=upstream,
        local=local,
        downstream=downstream,
    )


def _cell(value: Value, view: View, key: str) -> str:
    return f"<span data-n={key}>{escape(cell_text(value, view))}</span>"


def _needs_brackets(text: str, letter: str) -> bool:
    """Whether a negative number in the letter's place is written in brackets: behind an operator,
    and under a power."""
    place = text.index(letter)
    return text[:place].rstrip()[-1:] in tuple("+-*/^") or text[place + 1 :][:1] == "^"


def _is_number(text: str) -> bool:
    return re.fullmatch(r"[-−]?[\d./e]+", text) is not None


def times(rule: str) -> str:
    """(2×1)(1×2) = 2×2"""
    return re.sub(r"(?<=\d)x(?=\d)", "×", rule)
