"""Functions of 64-bit floats, in forms that keep the digits which the textbook's forms lose.

e^(-x^2) at x = 26 has lost three digits to the rounding of x^2 alone, erfc(x/sqrt(2)) as many to
that of x/sqrt(2), e^(a - b) to that of a - b. Here each is put together of a part that is exact
and a small rest. Numbers of many digits have no need of it.
"""

from __future__ import annotations

import math

from backtrace.algebra import Algebra, Derived, Value

_GRID = 128.0
_FAR = 40.0  # e^(-x^2/2) is 0 in floats from 38.6 on, e^(-(x + 0.0447*x^3)) long before

# sqrt(1/2) and sqrt(8/pi), each as a number of few bits, whose products here are exact, and a rest
_ROOT = (0.70703125, "0.00007553118654752440084436210484903928483594")
_SLOPE = (1.595703125, "0.00006599660573071175978423973752747390343452")
_CUBIC = (46887 / 2**20, "0.044715")  # a number of few bits near the second
_LOW = -37.0  # below, the normal distribution function is too small for all digits
_TINY = -600.0  # e^-600 times e^-128 is still held with all digits, e^-728 is not


class Rounded(Derived):
    """What an algebra of 64-bit floats gets for free."""

    def times_exp(self: Algebra, a: Value, y: Value) -> Value:
        """a*e^y, also where e^y alone is too small for a float of all digits."""
        is_tiny = self.less(y, _TINY)
        lift = self.where(is_tiny, 128.0, 0.0)
        return (a * self.exp(y + lift)) * self.where(is_tiny, self.exp(-128.0), 1.0)

    def difference_exp(self: Algebra, a: Value, b: Value) -> Value:
        """The rounding of a - b (Knuth's two-sum) made up for."""
        d = a - b
        from_a = a - d
        rest = (a - (d + from_a)) - (b - from_a)
        return self.exp(d) * (1 + self.where(self.equal(rest, rest), rest, 0.0))

    def gaussian(self: Algebra, x: Value, scale: Value) -> Value:
        """For a scale of 1 or 1/2."""
        head, rest = _parts(self, x)
        return self.exp(-scale * (head * head)) * self.exp(-scale * ((2 * head + rest) * rest))

    def sinc(self: Algebra, x: Value) -> Value:
        """By the sine of what x is off from a whole number, which is exact."""
        is_zero = self.equal(x, 0)
        off = _off_even(self, x)
        near = self.where(self.less(self.abs(off), 0.5), off, self.sign(off) - off)
        y = self.where(is_zero, 1.0, self.pi() * x)
        return self.where(is_zero, 1.0, self.divide(self.sin(self.pi() * near), y))

    def sinc_slope(self: Algebra, x: Value) -> Value:
        """Near 0, where cos(pi*x) and sinc(x) are both nearly 1, the series of their difference."""
        is_near = self.less(self.abs(x), 0.5)
        inside = self.where(is_near, x, 0.0)
        y = self.pi() * inside
        square, total = y * y, 0.0
        for k in range(12, 0, -1):
            total = square * total + (-1) ** k * 2 * k / math.factorial(2 * k + 1)
        away = self.where(is_near, 1.0, x)
        cosine = self.sin(self.pi() * (0.5 - self.abs(_off_even(self, away))))
        far = self.divide(cosine - self.sinc(away), away)
        return self.where(is_near, self.pi() * y * total, far)

    def normal_pdf(self: Algebra, x: Value) -> Value:
        return self.divide(self.gaussian(x, 0.5), self.sqrt(2 * self.number("pi")))

    def normal_cdf(self: Algebra, x: Value) -> Value:
        """erfc(z)/2 at z = -x/sqrt(2), and what the rounding of z changes by its slope."""
        head, rest = _parts(self, -x)
        exact = head * _ROOT[0]
        tail = head * self.number(_ROOT[1]) + rest * self.sqrt(self.number("0.5"))
        z = exact + tail
        z_rest = (exact - z) + tail
        slope = self.divide(2 * self.exp(-(z * z)), self.sqrt(self.number("pi")))
        return self.divide(self.erfc(z) - z_rest * slope, 2)

    def tanh_cdf(self: Algebra, x: Value) -> Value:
        """1/(1 + e^-2u) by e^-|2u| as the product of two."""
        exact, rest = _twice_inner(self, self.abs(x))
        z = self.exp(-exact) * self.exp(-rest)
        return self.divide(self.where(self.greater_equal(x, 0), 1, z), 1 + z)

    def silu(self: Algebra, x: Value) -> Value:
        return _exp_tail(self, x, x, Derived.silu(self, x))

    def silu_slope(self: Algebra, x: Value) -> Value:
        return _exp_tail(self, x, 1 + x, Derived.silu_slope(self, x))

    def mish(self: Algebra, x: Value) -> Value:
        return _exp_tail(self, x, x, Derived.mish(self, x))

    def mish_slope(self: Algebra, x: Value) -> Value:
        return _exp_tail(self, x, 1 + x, Derived.mish_slope(self, x))

    def gelu(self: Algebra, x: Value) -> Value:
        far = self.maximum(-_FAR, self.minimum(x, _LOW))
        tail = _density_tail(self, far, -_mills(self, far))
        return self.where(self.less(x, _LOW), tail, Derived.gelu(self, x))

    def gelu_slope(self: Algebra, x: Value) -> Value:
        far = self.maximum(-_FAR, self.minimum(x, _LOW))
        tail = _density_tail(self, far, far - self.divide(_mills(self, far), far))
        return self.where(self.less(x, _LOW), tail, Derived.gelu_slope(self, x))


def _off_even(m: Algebra, x: Value) -> Value:
    """x less the even number nearest to it: from -1 to 1."""
    return x - 2 * m.floor(x * 0.5 + 0.5)


def _parts(m: Algebra, x: Value) -> tuple[Value, Value]:
    """x, cut at the ends beyond which nothing changes, as a multiple of 1/128, whose square is
    exact, and a rest of at most 1/256."""
    near = m.maximum(-_FAR, m.minimum(x, _FAR))
    head = m.floor(near * _GRID + 0.5) * (1 / _GRID)
    return head, near - head


def _twice_inner(m: Algebra, x: Value) -> tuple[Value, Value]:
    """sqrt(8/pi)*(x + 0.044715*x^3) as an exact part and a small rest."""
    head, rest = _parts(m, x)
    square, square_rest = head * head, (2 * head + rest) * rest
    cubic = m.number(_CUBIC[1])
    factor = 1 + _CUBIC[0] * square  # exact; 1 + 0.044715*x^2 is that and
    factor_rest = (cubic - _CUBIC[0]) * square + cubic * square_rest
    short = m.floor(factor * 1024.0 + 0.5) * (1 / 1024.0)
    product = head * short
    product_rest = head * ((factor - short) + factor_rest) + rest * (factor + factor_rest)
    whole = _SLOPE[0] + m.number(_SLOPE[1])
    return _SLOPE[0] * product, m.number(_SLOPE[1]) * product + whole * product_rest


def _exp_tail(m: Algebra, x: Value, a: Value, above: Value) -> Value:
    """a*e^x where x is below -40, else `above`."""
    tail = m.times_exp(a, m.minimum(x, -_FAR))
    return m.where(m.less(x, -_FAR), tail, above)


def _density_tail(m: Algebra, x: Value, a: Value) -> Value:
    """a times the normal density at x, also where the density is too small for all digits."""
    head, rest = _parts(m, x)
    near = m.exp(-0.5 * ((2 * head + rest) * rest))
    return m.times_exp(m.divide(a * near, m.sqrt(2 * m.pi())), -0.5 * head * head)


def _mills(m: Algebra, x: Value) -> Value:
    """|x| times the normal distribution function over its density, for x below -37: the
    asymptotic series (Abramowitz and Stegun 26.2.12), whose eighth term is below 2^-53."""
    square = m.divide(1, x * x)
    total: Value = 1.0
    for n in (13, 11, 9, 7, 5, 3, 1):
        total = 1 - n * square * total
    return total
