"""The algebra of formulas: a trace in which every number is the formula that gives it.

Simplified only as far as a reader would do in passing: 1*z + 0 is z, -(-x) is x, x*(1/y) is x/y,
2*3 is 6. Nothing is expanded, collected or reordered; that is SymPy's part.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from typing import NamedTuple

from backtrace.algebra import Derived, Value
from backtrace.algebra.spelling import Binding, Spelled, call, infix

LONGEST = 1000  # characters; what grows longer is left out, so that long chains stay linear
LEFT_OUT = Spelled("…")

_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")


class Term(NamedTuple):
    """A formula with its sign apart: `body` is what stands after it. `quotient` is (a, b) where the
    body is a/b."""

    body: Spelled
    negative: bool = False
    quotient: tuple[Spelled, Spelled] | None = None

    @property
    def text(self) -> str:
        return self.spelled.text

    @property
    def spelled(self) -> Spelled:
        if not self.negative:
            return self.body
        return Spelled("-" + self.body.within(Binding.PRODUCT), Binding.SIGN)

    @property
    def value(self) -> Fraction | None:
        """The number this is, if it is written as one."""
        if not _NUMBER.fullmatch(self.body.text):
            return None
        return -Fraction(self.body.text) if self.negative else Fraction(self.body.text)

    def __add__(self, other: object) -> Term:
        return _plus(self, term(other))

    def __radd__(self, other: object) -> Term:
        return _plus(term(other), self)

    def __sub__(self, other: object) -> Term:
        return _plus(self, -term(other))

    def __rsub__(self, other: object) -> Term:
        return _plus(term(other), -self)

    def __mul__(self, other: object) -> Term:
        return _times(self, term(other))

    def __rmul__(self, other: object) -> Term:
        return _times(term(other), self)

    def __neg__(self) -> Term:
        if self.value == 0:
            return self
        body = _as_number(self)
        return body._replace(negative=not self.negative)


def term(value: object) -> Term:
    """A number, a spelled formula or a term as a term."""
    if isinstance(value, Term):
        return value
    if isinstance(value, Spelled):
        return _shortened(value)
    assert isinstance(value, int | float)
    return _number(Fraction(value))


def _number(value: Fraction) -> Term:
    size = abs(value)
    if size.denominator == 1:
        return Term(Spelled(str(size.numerator)), value < 0)
    text = f"{size.numerator}/{size.denominator}"
    return Term(Spelled(text, Binding.PRODUCT), value < 0)


def _shortened(body: Spelled, negative: bool = False) -> Term:
    return Term(body if len(body.text) <= LONGEST else LEFT_OUT, negative)


def _as_number(a: Term) -> Term:
    """A comparison that is calculated with counts as 1 or 0."""
    if a.body.binding is not Binding.COMPARISON:
        return a
    return Term(call("where", [a.body, Spelled("1"), Spelled("0")]), a.negative)


def _plus(a: Term, b: Term) -> Term:
    a, b = _as_number(a), _as_number(b)
    if a.value == 0:
        return b
    if b.value == 0:
        return a
    if a.value is not None and b.value is not None and (a.value + b.value).denominator == 1:
        return _number(a.value + b.value)
    if not b.negative:
        return _shortened(infix("+", Binding.SUM, a.spelled, b.body))
    return _shortened(infix("-", Binding.SUM, a.spelled, b.body))


def _times(a: Term, b: Term) -> Term:
    a, b = _as_number(a), _as_number(b)
    negative = a.negative != b.negative
    for one, other in ((a, b), (b, a)):
        if one.value == 0:
            return _number(Fraction(0))
        if one.body.text == "1":
            return other._replace(negative=negative)
    if a.value is not None and b.value is not None and (a.value * b.value).denominator == 1:
        return _number(a.value * b.value)
    for one, other in ((b, a), (a, b)):
        if one.quotient is not None and one.quotient[0].text == "1":
            return _over(other, one.quotient[1], negative)
    return _shortened(infix("*", Binding.PRODUCT, a.body, b.body), negative)


def _over(a: Term, denominator: Spelled, negative: bool) -> Term:
    """a/b; and a/b/b is a/b^2."""
    numerator = a.body
    if a.quotient is not None and a.quotient[1] == denominator:
        numerator = a.quotient[0]
        denominator = infix("^", Binding.POWER, denominator, Spelled("2"))
    body = infix("/", Binding.PRODUCT, numerator, denominator)
    return _shortened(body, negative)._replace(quotient=(numerator, denominator))


def _function(name: str) -> Callable[..., Term]:
    return lambda *values: _shortened(call(name, [term(value).spelled for value in values]))


def _comparison(symbol: str, decide: Callable[[Fraction, Fraction], bool]) -> Callable[..., Term]:
    def compare(a: Value, b: Value) -> Term:
        a, b = _as_number(term(a)), _as_number(term(b))
        if a == b:
            return _number(Fraction(decide(Fraction(0), Fraction(0))))
        if a.value is not None and b.value is not None:
            return _number(Fraction(decide(a.value, b.value)))
        return _shortened(infix(symbol, Binding.COMPARISON, a.spelled, b.spelled))

    return compare


class Symbols:
    """The algebra of formulas; functions keep the name they have in rules."""

    of_arrays = False
    as_written = True

    def number(self, text: str) -> Term:
        if text.startswith("-"):
            return Term(Spelled(text[1:]), True)
        return Term(Spelled(text))

    def name(self, text: str) -> Term:
        return Term(Spelled(text))

    def truth(self, condition: Value) -> bool:
        """Whether it is known to hold: what depends on the point is not."""
        known = term(condition).value
        return known is not None and known != 0

    def divide(self, numerator: Value, denominator: Value) -> Term:
        a, b = _as_number(term(numerator)), _as_number(term(denominator))
        negative = a.negative != b.negative
        if a.value == 0 and b.value != 0:
            return _number(Fraction(0))
        if b.body.text == "1":
            return a._replace(negative=negative)
        if a.value is not None and b.value and (a.value / b.value).denominator == 1:
            return _number(a.value / b.value)
        return _over(a, b.body, negative)

    def power(self, base: Value, exponent: Value) -> Term:
        a, b = _as_number(term(base)), _as_number(term(exponent))
        if b.value == 0:
            return _number(Fraction(1))
        if b.value == 1:
            return a
        return _shortened(infix("^", Binding.POWER, a.spelled, b.spelled))

    def square(self, x: Value) -> Term:
        return self.power(x, 2)

    def where(self, condition: Value, a: Value, b: Value) -> Term:
        known = term(condition).value
        if known is not None:
            return term(a if known else b)
        spelled = [term(condition).spelled, *(_as_number(term(v)).spelled for v in (a, b))]
        return _shortened(call("where", spelled))

    def filled(self, x: Value, a: Value) -> Term:  # noqa: ARG002
        return term(a)

    def floor_divide(self, a: Value, b: Value) -> Term:
        return term(self.floor(self.divide(a, b)))

    def expm1(self, x: Value) -> Term:
        return _plus(term(self.exp(x)), term(-1))

    def log1p(self, x: Value) -> Term:
        return term(self.log(1 + term(x)))

    def normal_cdf(self, x: Value) -> Term:
        return self.divide(1 + self.erf(self.divide(x, self.sqrt(2))), 2)

    def normal_pdf(self, x: Value) -> Term:
        return self.divide(
            self.exp(-self.divide(self.square(x), 2)), self.sqrt(2 * self.number("pi"))
        )

    silu = Derived.silu
    mish = Derived.mish
    gelu = Derived.gelu
    tanh_cdf = Derived.tanh_cdf
    pi = Derived.pi

    less = staticmethod(_comparison("<", lambda a, b: a < b))
    less_equal = staticmethod(_comparison("<=", lambda a, b: a <= b))
    greater = staticmethod(_comparison(">", lambda a, b: a > b))
    greater_equal = staticmethod(_comparison(">=", lambda a, b: a >= b))
    equal = staticmethod(_comparison("==", lambda a, b: a == b))
    not_equal = staticmethod(_comparison("!=", lambda a, b: a != b))
    maximum = staticmethod(_function("max"))
    minimum = staticmethod(_function("min"))

    def __getattr__(self, name: str) -> Callable[..., Term]:
        return _function(name)


SYMBOLS = Symbols()
