"""The logarithm of the gamma function and its derivatives, of one 64-bit float.

All stand on the zeta function of Hurwitz, a sum of positive terms that loses nothing. Near a zero
of the function itself (lgamma at 1 and 2, digamma at 1.46) the series around that zero is taken, so
that the digits are those of the small number. Left of 0 by reflection. (Abramowitz and Stegun 6.1
and 6.3; Cody, Strecok and Thacher, "Chebyshev approximations for the psi function", 1973, have the
zero in two parts.)
"""

from __future__ import annotations

import functools
import math

_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)
_FAR = 12.0
"""From where on the series by Bernoulli's numbers has all digits."""

_MIDDLE = 0.3
"""How near the middle between two poles, times the power, their terms cancel each other."""

_PI = (31415926535897932384626433832795028841972, 10**40)

_ZERO = 1.4616321449683622
_ZERO_REST = 9.549995429965697e-17
_AROUND = 0.6
"""How far the series around digamma's zero is taken: its radius is 1.46."""
_TERMS = 44
_BETWEEN = 1.28
"""Where lgamma goes from the series around 1 to that around 2."""

_RATE = 0.42278433509846713
"""1 less Euler's constant: the slope of lgamma at 2."""


def hurwitz(s: int, x: float) -> float:
    """The sum of (x + k)^-s over all k from 0, for s from 2 and x that is no pole."""
    nearest, total = _from_the_nearest(s, x)
    return total * nearest ** (1 - s)


def _from_the_nearest(s: int, x: float) -> tuple[float, float]:
    """The x + k that is nearest 0, and hurwitz times its (s - 1)-th power, which no float is too
    small for: the first terms, and the rest by Euler and Maclaurin."""
    steps = max(0, round(-x))
    nearest = x + steps
    first = max(0, math.ceil(max(_FAR, 3 * s) - x))
    terms = [_power(s, nearest, k - steps) for k in range(first)]
    rest = _power(s, nearest, first - steps)
    x += first
    terms += [rest * (x / (s - 1)), rest / 2]
    factor = rest * s / x / 2
    for k, bernoulli in enumerate(_BERNOULLI, start=1):
        terms.append(bernoulli * factor)
        factor *= (s + 2 * k - 1) * (s + 2 * k) / ((2 * k + 1) * (2 * k + 2)) / (x * x)
    return nearest, math.fsum(terms) / nearest


def _sign(s: int) -> int:
    """(-1)^s"""
    return -1 if s % 2 else 1


def _power(s: int, nearest: float, step: int) -> float:
    """((nearest + step)/nearest)^-s; by the logarithm of what that is off from 1 or -1, so that no
    rounding is taken s times."""
    if nearest * step >= 0:
        return math.exp(-s * math.log1p(step / nearest))
    return _sign(s) * math.exp(-s * math.log1p(-(step + 2 * nearest) / nearest))


@functools.cache
def _around_two() -> tuple[float, ...]:
    """(zeta(k) - 1)/k with signs: lgamma(2 + z) has it before z^k."""
    return tuple((-1) ** k * hurwitz(k, 2.0) / k for k in range(2, _TERMS))


@functools.cache
def _around_zero() -> tuple[float, ...]:
    """What digamma has before the powers of the distance from its zero."""
    return tuple((-1) ** (k + 1) * hurwitz(k + 1, _ZERO) for k in range(1, _TERMS))


def _polynomial(factors: tuple[float, ...], z: float) -> float:
    total = 0.0
    for factor in reversed(factors):
        total = total * z + factor
    return total


def _turn(x: float) -> float:
    """x less the nearest whole number, of which sin(pi*x) and its like know only this."""
    return x - round(x)


def _cotangent(x: float) -> float:
    """Of pi*x; near its zeros by the tangent, whose argument is then exact."""
    off = _turn(x)
    if abs(off) <= 0.25:
        return 1 / math.tan(math.pi * off)
    return math.copysign(math.tan(math.pi * (0.5 - abs(off))), off)


def lgamma(x: float) -> float:
    """ln|gamma(x)|; inf at the poles, 0, -1, -2, ..."""
    if not math.isfinite(x):
        return x if math.isnan(x) else math.inf
    if x <= 0.5:
        if x <= 0 and x == math.floor(x):
            return math.inf
        if x > 0:
            return lgamma(1.0 + x) - math.log(x)
        sine = abs(math.sin(math.pi * _turn(x)))
        return math.log(math.pi / sine) - lgamma(1.0 - x) if sine > 1e-300 else -math.log(-x)
    if x < 2.5:
        z = x - (1.0 if x < _BETWEEN else 2.0)
        near_two = z * (_RATE + z * _polynomial(_around_two(), z))
        return near_two - math.log1p(z) if x < _BETWEEN else near_two
    if x < _FAR:
        product = 1.0
        while x >= 2.5:
            x -= 1.0
            product *= x
        return math.fsum((math.log(product), lgamma(x)))
    try:
        return math.lgamma(x)
    except OverflowError:
        return math.inf


def digamma(x: float) -> float:
    """The slope of lgamma; at 0 infinite, at the poles below none."""
    if not math.isfinite(x):
        return math.inf if x == math.inf else math.nan
    if x <= 0:
        if x == math.floor(x):
            return -math.copysign(math.inf, x) if x == 0 else math.nan
        mirrored = 1.0 - x
        rest = (1.0 - mirrored) - x  # what it was rounded off by
        return digamma(mirrored) + rest * trigamma(mirrored) - math.pi * _cotangent(x)
    terms = []
    if x >= _FAR:
        inverse = 1 / (x * x) if x < 1e150 else 0.0
        power = inverse
        terms = [math.log(x), -0.5 / x]
        for k, bernoulli in enumerate(_BERNOULLI, start=1):
            terms.append(-bernoulli * power / (2 * k))
            power *= inverse
        return math.fsum(terms)
    while x >= _ZERO + _AROUND:  # down, where what is added is positive
        x -= 1.0
        terms.append(1 / x)
    if x < _ZERO - _AROUND:
        terms.append(-1 / x)
        x += 1.0
    z = (x - _ZERO) - _ZERO_REST
    found = z * _polynomial(_around_zero(), z)
    return math.fsum([*terms, found]) if terms else found


def trigamma(x: float) -> float:
    return polygamma(1, x)


def polygamma(n: int, x: float) -> float:
    """The n-th slope of digamma, n from 0 to 170, whose factorial is still a float. Left of 0 by
    what is the same from pole to pole: a sum over all of them, less those right of 0."""
    n = int(n)
    if n == 0:
        return digamma(x)
    if not math.isfinite(x):
        return (0.0 if n % 2 else -0.0) if x == math.inf else math.nan
    if x > 0:
        return _sum(n, x)
    if x == math.floor(x):
        return math.inf if n % 2 else math.nan
    turn, sign = _turn(x), _sign(n + 1)
    if n % 2 == 0 and (n + 1) * (0.5 - abs(turn)) < _MIDDLE:
        return _mirrored(n, x) - math.factorial(n) * _slope_of_cotangent(n, _cotangent(x))
    return _sum(n, turn) + sign * (_mirrored(n, turn) - _mirrored(n, x))


def _mirrored(n: int, x: float) -> float:
    """_sum of 1 - x, whose rounding counts n + 1 times."""
    mirrored = 1.0 - x
    rest = (1.0 - mirrored) - x
    return _sum(n, mirrored) * (1 - (n + 1) * rest / mirrored)


def _sum(n: int, x: float) -> float:
    """n! hurwitz(n + 1, x), and a sign. n!/x^n is taken of whole numbers: none is too large."""
    nearest, total = _from_the_nearest(n + 1, x)
    above, below = nearest.as_integer_ratio()
    try:
        size: float = math.factorial(n) * below**n / above**n
    except OverflowError:
        size = math.inf if n % 2 == 0 or nearest > 0 else -math.inf
    return _sign(n + 1) * size * total


def _slope_of_cotangent(n: int, cotangent: float) -> float:
    """The n-th derivative of pi*cot(pi*x) over n!, a polynomial in the cotangent."""
    return _polynomial(_factors_of_cotangent(n), cotangent)


@functools.cache
def _factors_of_cotangent(n: int) -> tuple[float, ...]:
    """Each is the slope of the last by the cotangent, times -(1 + cot^2)."""
    factors = [0, 1]
    for _ in range(n):
        slopes = [k * factor for k, factor in enumerate(factors)][1:]
        factors = [-(a + b) for a, b in zip([*slopes, 0, 0], [0, 0, *slopes], strict=True)]
    above, below = _PI[0] ** (n + 1), math.factorial(n) * _PI[1] ** (n + 1)
    return tuple(factor * above / below for factor in factors)


__all__ = ["digamma", "hurwitz", "lgamma", "polygamma", "trigamma"]
