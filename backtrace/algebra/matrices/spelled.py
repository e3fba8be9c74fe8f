"""Formulas of arrays as text in our own grammar, lengths as the letters that stand for them."""

from __future__ import annotations

import functools
import itertools
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import Any

from backtrace.algebra.matrices.forms import (
    CALL,
    CHAIN,
    ENTRYWISE,
    NUMBER,
    PRODUCT,
    SHAPED,
    SUM,
    Form,
    NotInLetters,
    number,
    product,
)
from backtrace.algebra.spelling import Binding, Spelled, call
from backtrace.language import tell

LARGEST = 1000  # a whole number that stands for itself: letters have far larger primes
_LONG = re.compile(r"(?<![\d.])\d{4,}(?![\d.])")
_ONE = Fraction(1)
_NEAR = 9  # n - 1 and its like
_NONE: Mapping[int, tuple[int, int, int]] = MappingProxyType({})


class Letters:
    """What lengths are called: `primes` has the prime that stands for each letter, `windows`
    what other lengths are: (base + off)//stride."""

    def __init__(
        self, primes: Mapping[str, int], windows: Mapping[int, tuple[int, int, int]] = _NONE
    ) -> None:
        self._windows = windows
        self.primes = tuple(primes.values())
        self._letters = {prime: letter for letter, prime in primes.items()}
        pairs = itertools.combinations_with_replacement(primes, 2)
        products = {primes[a] * primes[b]: f"{a}*{b}" for a, b in pairs}
        self._products = {**self._letters, **products}

    @property
    def counts(self) -> Iterable[tuple[int, int, int]]:
        """What other lengths are: (base + off)//stride."""
        return self._windows.values()

    def length(self, n: int) -> str:
        """A length, or a product of such, as text: m, m*n, 2*m, (n - 1). Raises NotInLetters."""
        if n == 0 or not self._letters:
            return str(n)
        if n in self._windows:
            return self._count_of(*self._windows[n])
        found, rest = self._factors(n)
        if any("//" in letter for letter in found) and (near := self._near(n)):
            return near[0]  # h + 1, and not 2*((h + 1)//2)
        if rest > LARGEST:
            near = self._near(rest) or self._sums(rest)
            if not near:
                raise NotInLetters(tell("a length that is no product of the letters"))
            found.append(near[0])
        elif rest != 1 or not found:
            found.insert(0, str(rest))
        return "*".join(found)

    def _count_of(self, base: int, off: int, stride: int) -> str:
        """(h - 2), (h - k + 1), ((h + 1)//2): so many windows."""
        text = "*".join(a for p, a in self._letters.items() if base % p == 0) or str(base)
        if -off > LARGEST:  # less the length of a window
            prime = min(self.primes, key=lambda prime: abs(prime + off))
            text += f" - {self._letters[prime]}"
            off += prime
        if abs(off) > LARGEST:
            raise NotInLetters(tell("a length that is no product of the letters"))
        text += f" {'-' if off < 0 else '+'} {abs(off)}" * bool(off)
        if stride == 1:
            return f"({text})" if " " in text else text
        return f"(({text})//{stride})" if " " in text else f"({text}//{stride})"

    def place(self, n: int) -> str:
        """A place in an axis, from its end with a sign."""
        return f"-{self.length(-n)}" if n < 0 else self.length(n)

    def _factors(self, n: int) -> tuple[list[str], int]:
        """The letters whose product a number is, and what is left of it."""
        found = []
        for prime, letter in self._letters.items():
            while n and n % prime == 0:
                n //= prime
                found.append(letter)
        for count, way in self._windows.items():
            while 1 < count <= n and n % count == 0:
                n //= count
                found.append(self._count_of(*way))
        return found, n

    def _near(self, n: int) -> list[str]:
        """n - 1, 2*(n - 1), m*n - 1 and their like."""
        found = []
        for times in range(1, _NEAR):
            for value, letter in self._named():
                off = n // times - value
                if n % times == 0 and 0 < abs(off) <= _NEAR:
                    sign = "-" if off < 0 else "+"
                    found.append(f"{times}*" * (times > 1) + f"({letter} {sign} {abs(off)})")
        return found

    def _named(self) -> Iterator[tuple[int, str]]:
        yield from self._products.items()
        for n, way in self._windows.items():
            yield n, self._count_of(*way)

    def _sums(self, n: int) -> list[str]:
        """What joined arrays have: m + n."""
        items = list(self._letters.items())
        return [f"({b} + {a})" for p, a in items for q, b in items if p + q == n]

    def told(self, text: str) -> str:
        """A text that speaks of lengths, with the letters: mxn for 2003x2099. Only what is exactly
        a length, a product or a sum of such is one."""
        return _LONG.sub(self._told, text) if self._letters else text

    def told_of_shapes(self, text: str) -> str:
        """The same of a text in which every long number is a length: (h - 2) too."""
        return _LONG.sub(lambda match: (self._near(int(match[0])) or match)[0], self.told(text))

    def _told(self, match: re.Match[str]) -> str:
        found, rest = self._factors(int(match[0]))
        if rest == 1:
            return "*".join(found)
        if found and rest <= _NEAR:
            return "*".join([str(rest), *found])
        return (self._sums(int(match[0])) or [match[0]])[0]

    def shape(self, shape: tuple[int, ...]) -> str:
        return ", ".join(self.length(n) for n in shape)

    def spelled(self, a: Form) -> Spelled:
        """A form as text; a comparison that stands alone as where(x > 0, 1, 0). Raises
        NotInLetters."""
        found = self._spelled(a)
        if found.binding is Binding.COMPARISON:
            return Spelled(f"where({found.text}, 1, 0)")
        return found

    def _spelled(self, a: Form) -> Spelled:
        match a.kind:
            case "name":
                return Spelled(a.parts[0])
            case "number":
                return self._number(a.parts[0])
            case "ones":
                return Spelled(f"ones({self.shape(a.shape)})")
            case "zero":
                return Spelled(f"zeros({self.shape(a.shape)})")
            case "eye":
                return Spelled(f"eye({self.length(a.shape[0])})")
            case "sum":
                return self._sum(a)
            case "product":
                return self._product(a)
            case "chain":
                return Spelled("@".join(map(self._factor, a.parts)), Binding.PRODUCT)
            case "turned":
                inner = self.spelled(a.parts[0]).within(Binding.ATOM)
                return Spelled(f"{inner}.{'T' if len(a.shape) == 2 else 'mT'}")
            case "outer":
                return call("outer", [self.spelled(part) for part in a.parts])
            case "call" | "entrywise":
                return self._call(a)
            case "picked":
                text = self.spelled(a.parts[0]).within(Binding.ATOM)
                return Spelled(f"{text}[{self.index(a.parts[1])}]")
            case "looked up":
                return self._looked_up(a)
            case "placed":
                inner, index, *fill = a.parts
                given = self.spelled(inner).text
                zeros = f"zeros({self.shape(a.shape)})"
                if fill:
                    zeros = f"full({self.spelled(fill[0]).text}, {self.shape(a.shape)})"
                return Spelled(f'put({zeros}, {given}, "{self.index(index)}")')
        assert a.kind == SHAPED
        return self._shaped(a)

    def looked_up_at(self, a: Form) -> str:
        """What stands between the brackets of a lookup: i, j or :, i."""
        _, axis, places = a.parts
        return ", ".join([*[":"] * axis, *(self.spelled(place).text for place in places)])

    def _looked_up(self, a: Form) -> Spelled:
        return Spelled(f"{self.spelled(a.parts[0]).within(Binding.ATOM)}[{self.looked_up_at(a)}]")

    def index(self, index: tuple[Any, ...]) -> str:
        """Some of the entries: 1:3, :, 0."""
        texts = []
        for part in index:
            if isinstance(part, int):
                texts.append(str(part))
                continue
            start, stop = ("" if n is None else self.place(n) for n in part[:2])
            step = "" if part[2] in (None, 1) else f":{part[2]}"
            texts.append(f"{'' if start == '0' else start}:{stop}{step}")
        return ", ".join(texts)

    def _factor(self, a: Form) -> str:
        """A factor of a matrix product."""
        return self._spelled(a).within(Binding.POWER)

    def _call(self, a: Form) -> Spelled:
        word, arguments, after = a.parts[:3]
        read = self._spelled if word in ("where", *_SIGNS) else self.spelled
        spelled = [read(argument) for argument in arguments]
        if word == "einsum":
            return Spelled(f'einsum("{after}", {", ".join(s.text for s in spelled)})')
        if word == "pow":
            base, exponent = spelled
            sign = _raised(*arguments)
            text = f"{base.within(Binding.ATOM)}{sign}{exponent.within(Binding.POWER)}"
            return Spelled(text, Binding.POWER)
        if word in _SIGNS:
            text = f" {_SIGNS[word]} ".join(s.within(Binding.SUM) for s in spelled)
            return Spelled(text, Binding.COMPARISON)
        if word == "permute" and len(moved := [k for k, a in enumerate(a.parts[3]) if k != a]) == 2:
            return Spelled(f"swapaxes({spelled[0].text}, {moved[0]}, {moved[1]})")
        return Spelled(f"{word}({', '.join(s.text for s in spelled)}{self.after(after)})")

    def after(self, text: str) -> str:
        """What follows a function's arrays, lengths in letters: padding=(k - 1)."""
        if not self._letters:
            return text
        return _LONG.sub(lambda match: self.length(int(match[0])), text)

    def _shaped(self, a: Form) -> Spelled:
        inner, shape = a.parts[0], a.shape
        text = self.spelled(inner).within(Binding.ATOM)
        if len(inner.shape) == 1 and len(shape) == 2 and 1 in shape:
            return Spelled(f"{text}[:, None]" if shape[1] == 1 else f"{text}[None, :]")
        if [n for n in shape if n != 1] == list(inner.shape):
            places = ", ".join("None" if n == 1 else ":" for n in shape)
            return Spelled(f"{text}[{places}]")
        lengths = [self.length(n) for n in shape]
        composed = [k for k, length in enumerate(lengths) if "*" in length or "(" in length]
        if len(composed) == 1:  # what is left over
            lengths[composed[0]] = "-1"
        return Spelled(f"reshape({self.spelled(inner).text}, {', '.join(lengths)})")

    def quotient(self, value: Fraction) -> tuple[list[str], list[str]]:
        """What stands above and below of a number's size: numbers, then letters."""
        above, top = self._factors(abs(value.numerator))
        below, bottom = self._factors(value.denominator)
        plain = Fraction(top, bottom)
        if is_decimal(plain) and not (plain.numerator > LARGEST and self._near(plain.numerator)):
            return [f"{float(plain):.12g}", *above], below
        top, bottom = self._unreduced(plain.numerator, plain.denominator)
        over = [self.length(top)] * (top != 1)
        under = [self.length(bottom)] * (bottom != 1)
        return [*over, *above], [*under, *below]

    def _unreduced(self, top: int, bottom: int) -> tuple[int, int]:
        """2/(n - 1), where that was reduced to 1/k: times what makes a length of it again."""
        for times in range(1, _NEAR):
            raised = (top * times, bottom * times)
            if all(n <= LARGEST or self._is_said(n) for n in raised):
                return raised
        return top, bottom

    def _is_said(self, n: int) -> bool:
        return self._factors(n)[1] <= LARGEST or bool(self._near(n))

    def _number(self, value: Fraction) -> Spelled:
        above, below = self.quotient(value)
        text = "*".join(above) or "1"
        under = "*".join(below)
        text += f"/({under})" if "*" in under else f"/{under}" * bool(under)
        if value < 0:
            return Spelled(f"-{text}", Binding.SIGN)
        is_plain = len(above) < 2 and not below
        return Spelled(text, Binding.ATOM if is_plain else Binding.PRODUCT)

    def _sum(self, a: Form) -> Spelled:
        terms = sorted(a.parts, key=lambda term: term[0] < 0)  # what is taken away stands behind
        text = ""
        for factor, term in terms:
            spelled = self._times(abs(factor), term)
            shown = spelled.within(Binding.PRODUCT)
            if not text:
                text = f"-{shown}" if factor < 0 else shown
            else:
                text += f" {'-' if factor < 0 else '+'} {shown}"
        return Spelled(text, Binding.SUM)

    def _times(self, factor: Fraction, a: Form) -> Spelled:
        if factor == 1:
            return self.spelled(a)
        if a.kind == NUMBER:
            return self._number(factor * a.parts[0])
        if a.kind == PRODUCT:
            return self._product(Form(PRODUCT, a.shape, (factor * a.parts[0], a.parts[1])))
        return self._product(Form(PRODUCT, a.shape, (factor, ((a, Fraction(1)),))))

    def _product(self, a: Form) -> Spelled:
        """2*lam*A/m: numbers, then numbers without a name, then arrays, then what divides."""
        masks = [f for f, p in a.parts[1] if p == 1 and is_mask(f)]
        if masks and any(is_partial(f, p) for f, p in a.parts[1] if f not in masks):
            return self._where(masks[0], a)
        factor, factors = self.with_means(*a.parts)
        above = [pair for pair in factors if pair[1] > 0]
        below = [(f, -p) for f, p in factors if p < 0]
        is_single = sum(bool(f.shape) for f, _ in above) == 1
        over, under = self.quotient(factor)
        texts = [*over, *(self._power(f, p, is_single) for f, p in above)] or ["1"]
        divisors = [*under, *(self._power(f, p, False) for f, p in below)]
        text = "*".join(texts)
        if divisors:
            joined = "*".join(divisors)
            is_long = len(divisors) > 1 or (under and "*" in joined and joined[0] != "(")
            text += f"/({joined})" if is_long else f"/{joined}"
        if factor < 0:
            return Spelled(f"-{text}", Binding.SIGN)
        return Spelled(text, Binding.PRODUCT)

    def _where(self, mask: Form, a: Form) -> Spelled:
        """log(x)*(x > 0) as where(x > 0, log(x), 0): behind the mask there is no number."""
        rest = product([number(a.parts[0]), *((f, p) for f, p in a.parts[1] if f != mask)])
        inside = f"{self._spelled(mask).text}, {self.spelled(rest).text}"
        return Spelled(f"where({inside}, 0)")

    def with_means(self, factor: Fraction, factors: Any) -> tuple[Fraction, Any]:
        """sum(x)/n as mean(x)."""
        found = []
        for inner, exponent in factors:
            sum_ = inner.parts[0] if inner.kind == SHAPED else inner
            if sum_.kind == CALL and sum_.parts[0] == "sum" and exponent == 1:
                [of] = sum_.parts[1]
                count = math.prod(of.shape) // math.prod(sum_.shape)
                if factor.denominator % count == 0 and count > 1:
                    factor *= count
                    mean = Form(CALL, sum_.shape, ("mean", *sum_.parts[1:]))
                    inner = mean if inner is sum_ else Form(SHAPED, inner.shape, (mean,))
            found.append((inner, exponent))
        return factor, found

    def _power(self, a: Form, exponent: Fraction, is_single: bool) -> str:
        if exponent == 1:
            spelled = self._spelled(a)
            is_chain = a.kind == CHAIN and is_single
            return spelled.text if is_chain else spelled.within(Binding.POWER)
        if exponent == Fraction(1, 2):
            shown = self.spelled(a).text
            is_bracketed = a.kind == NUMBER and shown.startswith("(")
            return f"sqrt{shown}" if is_bracketed else f"sqrt({shown})"
        shown = self.spelled(a).within(Binding.ATOM)
        text = self._number(exponent)
        said = text.text if text.binding is Binding.ATOM else f"({text.text})"
        return f"{shown}{_raised(a)}{said}"


def _raised(*given: Form) -> str:
    """The sign of a power: of a square matrix ^ has two readings, and ** is entry by entry. A
    letter beside a number may be that number."""
    ends = [sorted(a.shape[-2:]) for a in given if len(a.shape) > 1]
    return "**" if any(1 < m <= LARGEST < n or m == n > 1 for m, n in ends) else "^"


_PARTIAL = ("log", "log1p", "log2", "log10", "asin", "acos", "pow", "inv", "logdet", "det", "norm")


def is_mask(a: Form) -> bool:
    return a.kind == ENTRYWISE and a.parts[0] in _SIGNS


@functools.lru_cache(maxsize=4096)
def is_partial(a: Form, exponent: Fraction = _ONE) -> bool:
    """Whether it may have no value somewhere: 1/x, sqrt(x), log(x)."""
    if exponent < 0 or exponent.denominator != 1:
        return True
    if a.kind == SUM:
        return any(is_partial(term) for _, term in a.parts)
    if a.kind == PRODUCT:
        return any(is_partial(f, p) for f, p in a.parts[1])
    if a.kind in (CALL, ENTRYWISE):
        return a.parts[0] in _PARTIAL or any(map(is_partial, a.parts[1]))
    return any(is_partial(part) for part in a.parts if isinstance(part, Form))


def is_decimal(value: Fraction) -> bool:
    """Whether it was written with a point: 0.01, 1.5; a half is 1/2."""
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return rest == 1 and value.denominator > 4


_SIGNS = {
    "less": "<",
    "less_equal": "<=",
    "greater": ">",
    "greater_equal": ">=",
    "equal": "==",
    "==": "==",
    "not_equal": "!=",
}
