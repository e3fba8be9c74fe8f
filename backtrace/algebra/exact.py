"""Exact numbers: 1/3 stays 1/3, sqrt(2), e and pi stay what they are. SymPy keeps them.

A float has no place here: literals are fractions, and what is not defined is nan. Which of two
numbers is larger is decided with 60 digits; two that agree in all of them count as equal.
"""

from __future__ import annotations

from typing import Any

import sympy

from backtrace.algebra import Derived, Value

_DIGITS = 60
_LARGEST_EXPONENT = 10_000
_NAMED = {"pi": sympy.pi, "e": sympy.E, "tau": 2 * sympy.pi}


class TooLarge(ArithmeticError):
    """A power whose exact digits would fill the memory."""


class Exact(Derived):
    """The algebra of SymPy's exact real numbers."""

    as_written = True

    def number(self, text: str) -> Value:
        if text.startswith("-"):
            return -self.number(text[1:])
        return _NAMED[text] if text in _NAMED else sympy.Rational(text)

    def _real(self, value: Any) -> Value:
        value = sympy.Integer(0) + value
        return value if value.is_finite and value.is_extended_real else sympy.nan

    def divide(self, a: Value, b: Value) -> Value:
        return sympy.nan if b == 0 else self._real(sympy.Integer(1) * a / b)

    def power(self, a: Value, b: Value) -> Value:
        if abs(float(b)) > _LARGEST_EXPONENT:
            raise TooLarge
        return sympy.nan if a == 0 and b < 0 else self._real(sympy.Pow(a, b))

    def truth(self, condition: Value) -> bool:
        return bool(condition)

    def where(self, condition: Value, a: Value, b: Value) -> Value:
        return a if condition else b

    def _sign_of(self, a: Value, b: Value) -> int | None:
        """The sign of a - b, or None where one of them is nan."""
        difference = sympy.N(sympy.Integer(0) + a - b, _DIGITS)
        if difference is sympy.nan:
            return None
        if not difference.is_comparable or abs(difference) < sympy.Float(10) ** (10 - _DIGITS):
            return 0
        return 1 if difference > 0 else -1

    def less(self, a: Value, b: Value) -> Value:
        return int(self._sign_of(a, b) == -1)

    def less_equal(self, a: Value, b: Value) -> Value:
        return int(self._sign_of(a, b) in (-1, 0))

    def greater(self, a: Value, b: Value) -> Value:
        return int(self._sign_of(a, b) == 1)

    def greater_equal(self, a: Value, b: Value) -> Value:
        return int(self._sign_of(a, b) in (0, 1))

    def equal(self, a: Value, b: Value) -> Value:
        return int(self._sign_of(a, b) == 0)

    def not_equal(self, a: Value, b: Value) -> Value:
        return int(self._sign_of(a, b) != 0)

    def maximum(self, *values: Value) -> Value:
        largest = sympy.Integer(0) + values[0]
        for value in values[1:]:
            sign = self._sign_of(value, largest)
            if sign is None:
                return sympy.nan
            largest = value if sign > 0 else largest
        return sympy.Integer(0) + largest

    def minimum(self, *values: Value) -> Value:
        return -self.maximum(*(-value for value in values))

    def sign(self, x: Value) -> Value:
        sign = self._sign_of(x, 0)
        return sympy.nan if sign is None else sympy.Integer(sign)

    def abs(self, x: Value) -> Value:
        return -x if self._sign_of(x, 0) == -1 else x

    def floor(self, x: Value) -> Value:
        return sympy.floor(x)

    def ceil(self, x: Value) -> Value:
        return sympy.ceiling(x)

    def hypot(self, *values: Value) -> Value:
        return sympy.sqrt(sum(value * value for value in values))

    def atan2(self, a: Value, b: Value) -> Value:
        return sympy.Integer(0) if a == 0 and b == 0 else self._real(sympy.atan2(a, b))

    def expm1(self, x: Value) -> Value:
        return sympy.exp(x) - 1

    def log1p(self, x: Value) -> Value:
        return self.log(1 + x)

    def log(self, x: Value) -> Value:
        return self._real(sympy.log(x)) if self._sign_of(x, 0) == 1 else sympy.nan

    def log2(self, x: Value) -> Value:
        return self.log(x) / sympy.log(2)

    def log10(self, x: Value) -> Value:
        return self.log(x) / sympy.log(10)

    def cbrt(self, x: Value) -> Value:
        return self.sign(x) * sympy.cbrt(self.abs(x))

    def erfc(self, x: Value) -> Value:
        return 1 - sympy.erf(x)

    def lgamma(self, x: Value) -> Value:
        return self._real(sympy.log(sympy.Abs(sympy.gamma(x))))

    def polygamma(self, n: Value, x: Value) -> Value:
        return self._real(sympy.polygamma(int(n), x))

    def sinc(self, x: Value) -> Value:
        return self._real(sympy.sinc(sympy.pi * x))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        function = getattr(sympy, name)
        return lambda *values: self._real(function(*values))


EXACT = Exact()
