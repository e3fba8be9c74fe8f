"""Lengths that letters stand for: whole numbers that know their polynomial, m*n + 3*n.

A length is an int, a prime for each letter, so that whatever works with shapes works with it; what
is added and multiplied of lengths is a polynomial in the letters beside. The quotient of two is one
where it is even; else there is no polynomial, and NoPolynomial is raised.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

Monomial = tuple[tuple[str, int], ...]
"""Letters with their exponents, in the order of the alphabet; () is 1."""

_ONE: Monomial = ()


class NoPolynomial(Exception):
    """What is asked of lengths is no polynomial in their letters."""


class Length(int):
    """`terms`: the factor of every monomial, none of them 0."""

    terms: dict[Monomial, Fraction]

    def __new__(cls, value: int, terms: Mapping[Monomial, Fraction]) -> Length:
        made = super().__new__(cls, value)
        made.terms = {monomial: factor for monomial, factor in terms.items() if factor}
        return made

    def __add__(self, other: Any) -> Any:
        if not isinstance(other, int):
            return NotImplemented
        terms = dict(self.terms)
        for monomial, factor in terms_of(other).items():
            terms[monomial] = terms.get(monomial, Fraction(0)) + factor
        return Length(int(self) + int(other), terms)

    def __mul__(self, other: Any) -> Any:
        if not isinstance(other, int):
            return NotImplemented
        terms: dict[Monomial, Fraction] = {}
        for one, factor in self.terms.items():
            for two, by in terms_of(other).items():
                both = _times(one, two)
                terms[both] = terms.get(both, Fraction(0)) + factor * by
        return Length(int(self) * int(other), terms)

    def __neg__(self) -> Length:
        return self * -1  # type: ignore[no-any-return]

    def __sub__(self, other: Any) -> Any:
        return self + -1 * other if isinstance(other, int) else NotImplemented

    def __rsub__(self, other: Any) -> Any:
        return -self + other if isinstance(other, int) else NotImplemented

    def __floordiv__(self, other: Any) -> Any:
        return _quotient(self, other) if isinstance(other, int) else NotImplemented

    def __rfloordiv__(self, other: Any) -> Any:
        return _quotient(other, self) if isinstance(other, int) else NotImplemented

    def __reduce__(self) -> Any:
        return Length, (int(self), self.terms)

    __radd__, __rmul__ = __add__, __mul__


def letter(name: str, prime: int) -> Length:
    """A length with a name."""
    return Length(prime, {((name, 1),): Fraction(1)})


def terms_of(n: int) -> Mapping[Monomial, Fraction]:
    """A length's terms; a number is a polynomial without letters."""
    return n.terms if isinstance(n, Length) else {_ONE: Fraction(int(n))} if n else {}


def _times(one: Monomial, two: Monomial) -> Monomial:
    exponents = dict(one)
    for name, exponent in two:
        exponents[name] = exponents.get(name, 0) + exponent
    return tuple(sorted((name, e) for name, e in exponents.items() if e))


def _quotient(a: int, b: int) -> int:
    """a/b, where b is one monomial that every term of a has."""
    if a == b and terms_of(a) == terms_of(b):
        return 1
    terms = terms_of(b)
    if len(terms) != 1:
        raise NoPolynomial
    [(monomial, factor)] = terms.items()
    inverse = tuple((name, -exponent) for name, exponent in monomial)
    found = {_times(one, inverse): by / factor for one, by in terms_of(a).items()}
    is_even = all(exponent > 0 for one in found for _, exponent in one)
    if not is_even or any(by.denominator > 1 for by in found.values()):
        raise NoPolynomial
    return Length(int(a) // int(b), found)


def over(n: int, divisor: int) -> int:
    """n/divisor, which is known to be whole: n*(n - 1)/2."""
    if not isinstance(n, Length):
        return n // divisor
    terms = {monomial: factor / divisor for monomial, factor in n.terms.items()}
    return Length(int(n) // divisor, terms)


def largest(numbers: Iterable[int]) -> tuple[int, ...]:
    """Those of which one is the largest, whatever the letters are (from 1 on): of numbers one, of
    polynomials all that no other is never below."""
    kept: list[int] = []
    for n in numbers:
        if any(_is_never_above(n, other) for other in kept):
            continue
        kept = [other for other in kept if not _is_never_above(other, n)] + [n]
    return tuple(kept)


def _is_never_above(a: int, b: int) -> bool:
    """Whether a <= b for all lengths from 1 on: every power of a letter is at least 1, so what the
    lower terms lack the higher ones may make up for."""
    rest = dict(terms_of(b))
    for monomial, factor in terms_of(a).items():
        rest[monomial] = rest.get(monomial, Fraction(0)) - factor
    owed = {m: -f for m, f in rest.items() if f < 0}
    for monomial in sorted(rest, key=lambda m: sum(e for _, e in m), reverse=True):
        for lower in owed:
            if rest[monomial] > 0 and owed[lower] > 0 and _divides(lower, monomial):
                paid = min(rest[monomial], owed[lower])
                rest[monomial] -= paid
                owed[lower] -= paid
    return not any(owed.values())


def _divides(one: Monomial, other: Monomial) -> bool:
    exponents = dict(other)
    return all(exponents.get(name, 0) >= exponent for name, exponent in one)


def written(n: int) -> str:
    """2mn + 3n, in the order of degrees; 2*batch*n where letters are words; 1,200 of a number."""
    if not isinstance(n, Length):
        return f"{int(n):,}"
    text = ""
    by_degree = sorted(n.terms, key=lambda m: (-sum(e for _, e in m), m))
    for monomial in by_degree:
        factor = n.terms[monomial]
        term = _term(abs(factor), monomial)
        text += (" - " if factor < 0 else " + ") + term if text else "-" * (factor < 0) + term
    return text or "0"


def _term(factor: Fraction, monomial: Monomial) -> str:
    parts = [name + (f"^{e}" if e > 1 else "") for name, e in monomial]
    is_short = all(len(name) == 1 for name, _ in monomial)
    is_short = is_short and all(e == 1 for _, e in monomial[:-1])  # m^2*n is not m^2n
    number = f"{factor.numerator:,}" if factor.numerator != 1 or not parts else ""
    joined = ("" if is_short else "*").join([*[number] * bool(number), *parts])
    return joined + f"/{factor.denominator}" * (factor.denominator > 1)


__all__ = ["Length", "NoPolynomial", "largest", "letter", "over", "written"]
