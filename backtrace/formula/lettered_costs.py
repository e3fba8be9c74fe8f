"""What a formula costs when lengths are letters: its rules counted on polynomials in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from backtrace.algebra.lengths import Length, NoPolynomial, letter, written
from backtrace.algebra.matrices import Letters, NotInLetters
from backtrace.formula.letters import FIRST_PRIMES, Dims, read_with_primes
from backtrace.graph import Graph
from backtrace.graph.costs import Cost
from backtrace.graph.counted import cost_of
from backtrace.language import tell


class LetteredCost(NamedTuple):
    """The graph, read with a prime for each letter; what those are called; and the cost."""

    graph: Graph
    letters: Letters
    cost: Cost

    def shape_of(self, index: int) -> str:
        shapes = self.graph.shapes  # None where all are numbers
        return self.letters.shape(() if shapes is None else shapes[index])


def cost_in_letters(
    text: str,
    shapes: Mapping[str, Dims],
    wrt: Sequence[str] | None = None,
    every: int | None = None,
) -> LetteredCost:
    """The cost of all gradients by `wrt` (None: by every input). Raises FormulaError where shapes
    do not fit, NotInLetters where the cost is no polynomial in the letters."""
    found, again = (_counted(text, shapes, wrt, every, first) for first in FIRST_PRIMES)
    if _terms(found.cost) != _terms(again.cost):
        raise NotInLetters(tell("a number that is like a length"))
    return found


def _counted(
    text: str,
    shapes: Mapping[str, Dims],
    wrt: Sequence[str] | None,
    every: int | None,
    first: int,
) -> LetteredCost:
    graph, primes = read_with_primes(text, shapes, first)
    lengths = {prime: letter(name, prime) for name, prime in primes.items()}
    letters = Letters(primes)

    def length_of(n: int) -> int:
        return n if isinstance(n, Length) or n == 1 else _as_said(n, letters, lengths)

    given = {
        name: tuple(lengths[primes[d]] if d in primes else int(d) for d in dims)
        for name, dims in shapes.items()
    }
    try:
        return LetteredCost(graph, letters, cost_of(graph, given, wrt, every, length_of))
    except NoPolynomial:
        raise NotInLetters(tell("a cost that is no polynomial in the lengths")) from None


def _as_said(n: int, letters: Letters, lengths: Mapping[int, Length]) -> int:
    """A length that the formula names by a number: 2*m, (n - 1) for the prime of n less 1."""
    try:
        text = letters.length(n)
    except NotInLetters:
        return n
    by_name = {written(length): length for length in lengths.values()}
    found = 1
    for factor in text.split("*"):
        words = factor.strip("()").split()
        value = _word(words[0], by_name)
        if len(words) == 3:
            other = _word(words[2], by_name)
            value = value - other if words[1] == "-" else value + other
        found = value * found
    return found


def _word(text: str, by_name: Mapping[str, Length]) -> int:
    return by_name[text] if text in by_name else int(text)


def _terms(cost: Cost) -> list[object]:
    """All counts of a cost, as polynomials."""
    found: list[object] = [_of(cost.kept), _of(cost.forward_mode.passes)]
    for work in (cost.forward, cost.backward, cost.checkpoints.again):
        found += map(_of, (work.multiplications, work.divisions, *work.functions.values()))
    return found


def _of(n: int) -> object:
    return n.terms if isinstance(n, Length) else n


__all__ = ["LetteredCost", "cost_in_letters"]
