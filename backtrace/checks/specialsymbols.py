"""Special functions for SymPy, where its own are others: sinc with pi, the gamma function's
logarithm left of 0. Their numbers are mpmath's."""

from __future__ import annotations

from typing import Any

import mpmath
import sympy


def _at(expression: Any, precision: int, extra: int = 0) -> Any:
    """The argument as a number of so many bits; None where it is none."""
    x = expression.args[0]._eval_evalf(precision + extra + 10)
    if x is None or not x.is_Float:
        x = expression.args[0]
    return mpmath.mpf(x._to_mpmath(precision + extra + 10)) if x.is_number and x.is_real else None


class LGamma(sympy.Function):  # type: ignore[misc]
    """ln|gamma(x)|, which SymPy's loggamma is not below 0."""

    nargs = 1

    @classmethod
    def eval(cls, x: Any) -> Any:
        """At its poles infinite, so that comparisons with it are decided."""
        is_pole = x.is_Number and x.is_finite and x <= 0 and x == sympy.floor(x)
        return sympy.oo if is_pole else None

    def fdiff(self, argindex: int = 1) -> Any:  # noqa: ARG002
        return sympy.polygamma(0, self.args[0])

    def _eval_evalf(self, precision: int) -> Any:
        with mpmath.workprec(precision + 20):
            x = _at(self, precision)
            if x is None:
                return None
            if x > 0:
                return sympy.Float(mpmath.loggamma(x), precision=precision)
            sine = abs(mpmath.sinpi(x))
            found = mpmath.log(mpmath.pi / sine) - mpmath.loggamma(1 - x) if sine else mpmath.inf
            return sympy.Float(found, precision=precision)


class Sinc(sympy.Function):  # type: ignore[misc]
    """sin(pi*x)/(pi*x) with pi itself, where a formula's pi is the float that stands for it."""

    nargs = 1

    @classmethod
    def eval(cls, x: Any) -> Any:
        if x.is_zero:
            return sympy.Integer(1)
        return sympy.Integer(0) if x.is_Integer else None

    def fdiff(self, argindex: int = 1) -> Any:  # noqa: ARG002
        return SincSlope(self.args[0])

    def _eval_evalf(self, precision: int) -> Any:
        with mpmath.workprec(precision + 20):
            x = _at(self, precision)
            return None if x is None else sympy.Float(mpmath.sincpi(x), precision=precision)


class SincSlope(sympy.Function):  # type: ignore[misc]
    """(cos(pi*x) - sinc(x))/x; near 0 with the bits more that the difference loses."""

    nargs = 1

    @classmethod
    def eval(cls, x: Any) -> Any:
        return sympy.Integer(0) if x.is_zero else None

    def fdiff(self, argindex: int = 1) -> Any:  # noqa: ARG002
        x = self.args[0]
        away = -(sympy.pi**2) * Sinc(x) - 2 * SincSlope(x) / x
        return sympy.Piecewise((-(sympy.pi**2) / 3, sympy.Eq(x, 0)), (away, True))

    def _eval_evalf(self, precision: int) -> Any:
        x = _at(self, precision)
        if x is None:
            return None
        lost = 2 * max(0, -int(mpmath.mag(x))) if x else 0
        with mpmath.workprec(precision + lost + 20):
            x = _at(self, precision, lost)
            found = (mpmath.cospi(x) - mpmath.sincpi(x)) / x if x else mpmath.mpf(0)
            return sympy.Float(found, precision=precision)


__all__ = ["LGamma", "Sinc", "SincSlope"]
