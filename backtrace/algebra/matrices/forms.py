"""Formulas of arrays: what a trace is made of where shapes are known and numbers are not.

A form is simplified as it is made, as far as a textbook would: numbers stand in front, 0 and 1 are
gone, equal terms are collected.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

Shape = tuple[int, ...]

NAME, NUMBER, ONES, ZERO, EYE = "name", "number", "ones", "zero", "eye"
SUM, PRODUCT, CHAIN, TURNED, OUTER = "sum", "product", "chain", "turned", "outer"
CALL, ENTRYWISE, SHAPED = "call", "entrywise", "shaped"
PICKED, PLACED, LOOKED_UP = "picked", "placed", "looked up"
Index = tuple[Any, ...]


class NotInLetters(Exception):
    """What no formula of arrays is known for, in words."""


@dataclass(frozen=True, eq=False)
class Form:
    """kind   one of the words above
    shape  the lengths of its axes
    parts  what it is made of: a sum has (factor, form) pairs; a product its factor and (form,
           exponent) pairs, entry by entry; a chain the matrices that are multiplied; a call the
           function's name, its forms and what follows them as text (and the axis that a softmax
           or joined arrays go along)
    """

    kind: str
    shape: Shape
    parts: tuple[Any, ...] = ()
    _hash: int = field(init=False, repr=False, default=0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((self.kind, self.shape, self.parts)))

    def __hash__(self) -> int:
        return self._hash  # once: what is inside has its own already

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return (
            isinstance(other, Form)
            and self._hash == other._hash
            and (self.kind, self.shape, self.parts) == (other.kind, other.shape, other.parts)
        )

    def __add__(self, other: object) -> Form:
        return total([(Fraction(1), self), (Fraction(1), form(other))])

    def __radd__(self, other: object) -> Form:
        return total([(Fraction(1), form(other)), (Fraction(1), self)])

    def __sub__(self, other: object) -> Form:
        return total([(Fraction(1), self), (Fraction(-1), form(other))])

    def __rsub__(self, other: object) -> Form:
        return total([(Fraction(1), form(other)), (Fraction(-1), self)])

    def __mul__(self, other: object) -> Form:
        return product([self, form(other)])

    def __rmul__(self, other: object) -> Form:
        return product([form(other), self])

    def __neg__(self) -> Form:
        return product([number(-1), self])


def form(value: object) -> Form:
    """A number as a form; a form as it is."""
    return value if isinstance(value, Form) else number(value)


def number(value: Any) -> Form:
    if isinstance(value, float):
        square = round(value * value)
        if value > 1 and value != int(value) and math.isclose(value * value, square, rel_tol=1e-14):
            return Form(PRODUCT, (), (Fraction(1), ((number(square), Fraction(1, 2)),)))
        value = Fraction(repr(value))  # 0.01 as 1/100, as it was written
    return Form(NUMBER, (), (Fraction(value),))


def name(text: str, shape: Shape) -> Form:
    return Form(NAME, shape, (text,))


def stage_name(text: str, value: Form) -> Form:
    """The name of a stage; of a softmax it is kept along which axis its entries add up to 1."""
    axis = adds_up_along(value)
    return Form(NAME, value.shape, (text,) if axis is None else (text, axis))


def adds_up_along(a: Form) -> int | None:
    """The axis along which the entries of a softmax, or of one_hot, add up to 1; None of anything
    else."""
    if a.kind == NAME and len(a.parts) > 1:
        return int(a.parts[1])
    if a.kind == CALL and a.parts[0] == "one_hot":
        return len(a.shape) - 1
    is_softmax = a.kind == CALL and a.parts[0] == "softmax"
    return int(a.parts[3]) if is_softmax else None


def ones(shape: Shape) -> Form:
    return Form(ONES, shape) if shape else number(1)


def zero(shape: Shape) -> Form:
    return Form(ZERO, shape) if shape else number(0)


def broadcast(shapes: Iterable[Shape]) -> Shape:
    """The common shape that arrays are repeated to, as NumPy has it."""
    result: list[int] = []
    for shape in shapes:
        short, long = sorted((list(shape), result), key=len)
        short = [1] * (len(long) - len(short)) + short
        result = [b if a == 1 else a for a, b in zip(long, short, strict=True)]
    return tuple(result)


def is_zero(a: Form) -> bool:
    return a.kind == ZERO or (a.kind == NUMBER and a.parts[0] == 0)


# entry by entry


def product(factors: Sequence[Form | tuple[Form, Fraction]]) -> Form:
    """The product entry by entry, with exponents where pairs are given."""
    pairs = [f if isinstance(f, tuple) else (f, Fraction(1)) for f in factors]
    shape = broadcast(f.shape for f, _ in pairs)
    factor = Fraction(1)
    found: dict[Form, Fraction] = {}
    for inner, power in _opened(pairs):
        if inner.kind == NUMBER and (power.denominator == 1) and (inner.parts[0] or power > 0):
            factor *= inner.parts[0] ** int(power)
        elif is_zero(inner) and power > 0:
            return zero(shape)
        elif inner.kind != ONES:
            found[inner] = found.get(inner, Fraction(0)) + power
    if not factor:
        return zero(shape)
    kept = {inner: power for inner, power in found.items() if power}
    if broadcast(inner.shape for inner in kept) != shape:
        kept[ones(shape)] = Fraction(1)
    hot = _with_one_hot(kept)
    if hot is not None:
        return product([number(factor), hot])
    if factor < 0:
        factor, kept = _with_sign_inside(factor, kept)
    ordered = sorted(kept.items(), key=lambda pair: (bool(pair[0].shape), pair[0].kind != NAME))
    if not ordered:
        return number(factor)
    if factor == 1 and len(ordered) == 1 and ordered[0][1] == 1:
        return ordered[0][0]
    return Form(PRODUCT, shape, (factor, tuple(ordered)))


def _with_sign_inside(
    factor: Fraction, factors: dict[Form, Fraction]
) -> tuple[Fraction, dict[Form, Fraction]]:
    """-(y - 1)*x as (1 - y)*x."""
    for inner, exponent in factors.items():
        if inner.kind == SUM and exponent == 1 and any(k < 0 for k, _ in inner.parts):
            other = Form(SUM, inner.shape, tuple((-k, term) for k, term in inner.parts))
            if other in factors:
                break
            kept = {other if f == inner else f: p for f, p in factors.items()}
            return -factor, kept
    return factor, factors


def _summed_with(hot: Form, other: Form) -> list[tuple[Form, Fraction]] | None:
    """The factors of p, of other = sum(h*p) along the classes, which are the last axis; None for
    other sums."""
    inner = other.parts[0] if other.kind == SHAPED else other
    is_row = other.kind == SHAPED and other.shape == (*hot.shape[:-1], 1)
    if len(hot.shape) > 1 and not is_row:
        return None
    if inner.kind != CALL or inner.parts[0] != "sum" or inner.shape != hot.shape[:-1]:
        return None
    [of] = inner.parts[1]
    after = "" if len(hot.shape) == 1 else f", axis={len(hot.shape) - 1}"
    is_picked = of.kind == PRODUCT and (hot, Fraction(1)) in of.parts[1] and of.shape == hot.shape
    if not is_picked or inner.parts[2] != after:
        return None
    return [(number(of.parts[0]), Fraction(1)), *((f, p) for f, p in of.parts[1] if f != hot)]


def _with_one_hot(factors: Mapping[Form, Fraction]) -> Form | None:
    """What a one-hot row picks is what it multiplies: h*sum(h*p) is h*p, row by row."""
    for hot, exponent in factors.items():
        if hot.kind != CALL or hot.parts[0] != "one_hot" or exponent != 1:
            continue
        for other, power in factors.items():
            rest = [(f, p) for f, p in factors.items() if f not in (hot, other)]
            if other.kind == SUM and power == 1:
                return total([(k, product([*rest, hot, term])) for k, term in other.parts])
            picked = _summed_with(hot, other)
            if picked is not None:
                return product([*rest, hot, *((f, p * power) for f, p in picked)])
    return None


def _opened(pairs: Iterable[tuple[Form, Fraction]]) -> Iterable[tuple[Form, Fraction]]:
    """Products inside products, and a sum's common factor, taken apart."""
    for inner, power in pairs:
        if inner.kind == PRODUCT:
            factor, factors = inner.parts
            is_whole = power.denominator == 1
            if not is_whole:  # sqrt(x^2) is |x|
                yield inner, power
                continue
            yield number(factor), power
            yield from ((f, p * power) for f, p in factors)
        else:
            yield inner, power


def total(terms: Sequence[tuple[Fraction, Form]]) -> Form:
    """The sum of terms, each with a factor; equal ones are collected, and products of sums are
    multiplied out where that leaves fewer terms."""
    shape = broadcast(term.shape for _, term in terms)
    flat = [(k * inner_k, inner) for k, term in terms for inner_k, inner in terms_of(term)]
    kept = _collected(flat)
    opened = _collected([pair for term in kept for pair in _multiplied_out(*term)])
    if _weight_of(opened) < _weight_of(kept):
        kept = opened
    if not kept:
        return zero(shape)
    kept = _repeated_by_others(kept, shape)
    if broadcast(inner.shape for _, inner in kept) != shape:
        return product([total(kept), ones(shape)])
    if len(kept) == 1:
        return product([number(kept[0][0]), kept[0][1]])
    sizes = {abs(k) for k, _ in kept}
    if len(sizes) == 1 and sizes != {1}:
        size = sizes.pop()
        return product([number(size), Form(SUM, shape, tuple((k / size, t) for k, t in kept))])
    return Form(SUM, shape, tuple(kept))


def _weight_of(terms: Iterable[tuple[Fraction, Form]]) -> int:
    """How much there is to write."""
    return sum(length(term) + (abs(k) != 1) for k, term in terms)


@functools.lru_cache(maxsize=4096)
def length(a: Form) -> int:
    """How many names, numbers and functions a form is written with."""
    if a.kind == SUM:
        return _weight_of(a.parts)
    if a.kind == PRODUCT:
        return int(a.parts[0] != 1) + sum(length(f) + int(p != 1) for f, p in a.parts[1])
    if a.kind in (CALL, ENTRYWISE):
        return 1 + sum(map(length, a.parts[1]))
    inner: int = sum(length(part) for part in a.parts if isinstance(part, Form))
    return max(1, inner)


def _repeated_by_others(
    terms: list[tuple[Fraction, Form]], shape: Shape
) -> list[tuple[Fraction, Form]]:
    """What a sum repeats by itself is not written out: x + ones(n) is x + 1."""
    bare = [(k, _bare(term)) for k, term in terms]
    whole = [new for (_, term), (_, new) in zip(terms, bare, strict=True) if new == term]
    if broadcast(term.shape for term in whole) != shape:
        return terms
    changed = [
        (k * inner_k, inner)
        for (k, new), (_, old) in zip(bare, terms, strict=True)
        for inner_k, inner in ([(Fraction(1), old)] if new == old else terms_of(new))
    ]
    return _collected(changed)


def _bare(a: Form) -> Form:
    """Without the ones that it is repeated by, and without axes of length 1 in front."""
    if a.kind == ONES:
        return number(1)
    if a.kind == SHAPED and a.shape[0] == 1 and len(a.parts[0].shape) == len(a.shape) - 1:
        return a.parts[0]  # type: ignore[no-any-return]
    if a.kind == PRODUCT:
        factors = [(_bare(f), p) for f, p in a.parts[1] if f.kind != ONES]
        if len(factors) < len(a.parts[1]):
            return product([number(a.parts[0]), *factors])
    return a


def _collected(terms: Iterable[tuple[Fraction, Form]]) -> list[tuple[Fraction, Form]]:
    """Equal terms as one, numbers behind, 0 left out."""
    found: dict[object, tuple[Fraction, Form]] = {}
    constant = Fraction(0)
    for factor, term in terms:
        if term.kind == NUMBER:
            constant += factor * term.parts[0]
        elif not is_zero(term):
            before, first = found.get(_in_any_order(term), (Fraction(0), term))
            found[_in_any_order(term)] = (before + factor, first)
    kept = [(k, term) for k, term in found.values() if k]
    return [*kept, (constant, number(1))] if constant else kept


def _in_any_order(term: Form) -> object:
    """What products of the same factors have alike: a*b is b*a."""
    return (term.parts[0], frozenset(term.parts[1])) if term.kind == PRODUCT else term


def _multiplied_out(factor: Fraction, term: Form) -> list[tuple[Fraction, Form]]:
    """a*(b + c) as a*b and a*c; of several sums the first."""
    if term.kind == SUM:
        return [(factor * k, inner) for k, inner in term.parts]
    if term.kind == PRODUCT:
        for place, (inner, exponent) in enumerate(term.parts[1]):
            if inner.kind == SUM and exponent == 1:
                rest = [*term.parts[1][:place], *term.parts[1][place + 1 :]]
                made = [(k, product([*rest, part])) for k, part in inner.parts]
                return [
                    (factor * term.parts[0] * k * inner_k, one)
                    for k, part in made
                    for inner_k, one in terms_of(part)
                ]
    return [(factor, term)]


def terms_of(a: Form) -> list[tuple[Fraction, Form]]:
    """A sum's terms; of anything else its number in front, and the rest."""
    if a.kind == SUM:
        return list(a.parts)
    if a.kind != PRODUCT or a.parts[0] == 1:
        return [(Fraction(1), a)]
    factor, factors = a.parts
    return [(factor, product(factors))]


def power(a: Form, exponent: Form) -> Form:
    if exponent.kind == NUMBER:
        return product([(a, exponent.parts[0])])
    return call("pow", [a, exponent], broadcast([a.shape, exponent.shape]), is_entrywise=True)


def call(
    word: str, arguments: Sequence[Form], shape: Shape, after: str = "", is_entrywise: bool = False
) -> Form:
    return Form(ENTRYWISE if is_entrywise else CALL, shape, (word, tuple(arguments), after))


def scalars_apart(a: Form) -> tuple[Form, Form]:
    """A form as a number times an array: 2*lam*A is 2*lam and A."""
    if a.kind != PRODUCT or not a.shape:
        return number(1), a
    factor, factors = a.parts
    plain = [(f, p) for f, p in factors if not f.shape]
    rest = [(f, p) for f, p in factors if f.shape]
    return product([number(factor), *plain]), product(rest)


def weight(terms: list[tuple[Fraction, Form]]) -> int:
    """How many terms there are beside numbers."""
    return sum(term.kind not in (NUMBER, ONES, ZERO) for _, term in terms)


def whole(a: Form, shape: Shape) -> Form:
    """Repeated to a shape."""
    return a if a.shape == shape else product([a, ones(shape)])
