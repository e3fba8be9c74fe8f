"""What a Jacobian looks like that is too large to form: from its products with vectors.

A backward pass from u gives u.T @ J, whatever the size of J. So much can be told from few of them:

    rows        u with a single 1 gives a row: some are looked at, and speak for themselves
    blocks      where u is 0 outside some blocks, u.T @ J is 0 outside the same ones. Two blocks
                differ in a bit of their numbers: with a u of random entries for each bit and each
                of its two values, no entry outside the blocks that is not 0 stays unseen
    rank        so many products with random u span as many dimensions as the rows of J do, where
                these are fewer

Nothing is claimed that was not measured: rows that were not looked at are not told of.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from backtrace.gates.shapes import Shape
from backtrace.language import tell

Product = Callable[[Any], Sequence[Any]]
"""u, in a row, to u.T @ J by every variable, each in a row."""

_MOST_LOOKS = 32  # rows that are looked at, and random products
_LEAST_LOOKS = 2
_MOST_KEPT = 16_000_000  # numbers
_MOST_WORK = 2_000_000_000  # numbers that products may compute, in all
_MOST_TRIED = 4  # partitions into blocks
_RANK = 1e-10  # a singular value below so much of the largest is rounding
_SAME = 1e-12


@dataclass
class Products:
    """The products of a Jacobian, each made once for all variables: `rows` entries are computed
    from arrays of so many `columns` each; one product takes `work` numbers."""

    rows: int
    columns: Sequence[int]
    product: Product
    work: int
    made: int = 0
    kept: dict[Hashable, Sequence[Any]] = field(default_factory=dict)

    @property
    def looks(self) -> int:
        """How many rows are looked at."""
        by_size = _MOST_KEPT // (4 * max(1, sum(self.columns)))
        by_work = _MOST_WORK // (8 * max(1, self.work))
        return max(_LEAST_LOOKS, min(_MOST_LOOKS, by_size, by_work))

    @property
    def left(self) -> int:
        """How many more products are worth their time."""
        return max(0, _MOST_WORK // max(1, self.work) - self.made)

    def of(self, key: Hashable, u: Any) -> Sequence[Any]:
        """The product with a vector; what has the same key is the same."""
        if key in self.kept:
            return self.kept[key]
        found = self.product(u)
        self.made += 1
        if (len(self.kept) + 1) * sum(self.columns) <= _MOST_KEPT:
            self.kept[key] = found
        return found

    def random(self, key: Hashable, chosen: Any = 1.0) -> Sequence[Any]:
        """The product with a vector of random entries, 0 where they are not chosen."""
        chance = np.random.default_rng(zlib.crc32(repr(key).encode()))
        return self.of(key, chance.standard_normal(self.rows) * chosen)

    def ones(self) -> Sequence[Any]:
        return self.of("ones", np.ones(self.rows))


@dataclass(frozen=True)
class Sketch:
    """What was measured: `looked` are the rows that were looked at, as `seen`; `random` has the
    products with random vectors in its rows."""

    products: Products
    which: int
    output: Shape
    variable: Shape
    looked: Any
    seen: Any
    random: Any

    @property
    def rows(self) -> int:
        return self.products.rows

    @property
    def columns(self) -> int:
        return self.products.columns[self.which]


def look(products: Products, which: int, output: Shape, variable: Shape) -> Sketch:
    """Some rows, and as many random products, of the Jacobian by the variable `which`."""
    rows = products.rows
    count = min(products.looks, rows)
    looked = np.sort(np.random.default_rng(0).choice(rows, count, replace=False))
    seen = [products.of(("row", int(i)), _unit(rows, i))[which] for i in looked]
    random = [products.random(("random", k))[which] for k in range(count)]
    return Sketch(products, which, output, variable, looked, np.array(seen), np.array(random))


def _unit(rows: int, place: int) -> Any:
    unit = np.zeros(rows)
    unit[place] = 1.0
    return unit


def told(sketch: Sketch) -> str:
    """The structure in words; what holds of the rows alone that were looked at says so."""
    if not (np.isfinite(sketch.seen).all() and np.isfinite(sketch.random).all()):
        return tell("not told: its products are not finite")
    if not (sketch.random.any() or sketch.seen.any()):
        return tell("zero")
    if sketch.rows == 1 or sketch.columns == 1:
        return tell("one row") if sketch.rows == 1 else tell("one column")
    blocks = blocks_of(sketch)
    if blocks == sketch.rows == sketch.columns:
        return _diagonal(sketch)
    return "; ".join(_facts(sketch, blocks))


def _diagonal(sketch: Sketch) -> str:
    """Its entries are the product with ones."""
    entries = sketch.products.ones()[sketch.which]
    if (entries == 1).all():
        return tell("the identity")
    count = int(np.count_nonzero(entries))
    if not count:
        return tell("zero, but for rounding")
    return (
        tell("diagonal")
        if count == entries.size
        else tell("diagonal, {count:,} entries are not 0", count=count)
    )


def _facts(sketch: Sketch, blocks: int) -> Iterator[str]:
    """Blocks, then what is in them, if they are not full; of what has none also the rank."""
    rows, columns, seen = sketch.rows, sketch.columns, sketch.seen
    many = tell("the {count} rows looked at", count=len(seen))
    parts = 1
    if blocks > 1:
        parts = blocks
        yield tell(
            "block diagonal: {blocks:,} blocks of {rows:,} x {columns:,}",
            blocks=blocks,
            rows=rows // blocks,
            columns=columns // blocks,
        )
    for count, words in _tied(sketch) if blocks == 1 else ():
        parts = max(parts, count)
        yield words
    if ((seen != 0).sum(1) == 1).all() and (seen[seen != 0] == 1).all():
        yield tell("{many} are one-hot", many=many)
        return
    if _rows_are_same(sketch):
        yield tell("{many} are the same", many=many)
        return
    share = np.count_nonzero(seen) / seen.size
    if share * parts < 1:
        yield tell("in {many} {x:.2g}% is not 0", many=many, x=100 * share)
    elif parts == 1:
        yield tell("{many} are dense", many=many)
    rank = _rank(sketch.random)
    if rank < len(sketch.random):
        yield tell("rank {rank}", rank=rank)
    elif parts == 1:
        yield tell("rank at least {rank}", rank=rank)


def _rows_are_same(sketch: Sketch) -> bool:
    """Those that were looked at are, and a random product is that row times the sum of its u."""
    row = sketch.seen[0]
    if not (sketch.seen == row).all():
        return False
    again = sketch.products.ones()[sketch.which]
    return bool(np.all(np.abs(again - sketch.rows * row) <= _SAME * sketch.rows * np.abs(row)))


def _rank(products: Any) -> int:
    """Of what spans the rows: exact, with probability 1, where it is not the number of products."""
    sizes = np.linalg.svd(products, compute_uv=False)
    return int(np.count_nonzero(sizes > _RANK * sizes[0]))


def blocks_of(sketch: Sketch) -> int:
    """The largest number of equal blocks on the diagonal outside which all is 0, 1 where none was
    found: those that the rows looked at allow are tried, the finest first."""
    rows, columns = sketch.rows, sketch.columns
    counts = (n for n in _divisors(math.gcd(rows, columns)) if n > 1)
    fitting = (
        n
        for n in counts
        if _fits(sketch, sketch.looked * n // rows, _places(sketch) * n // columns)
    )
    for _, count in zip(range(_MOST_TRIED), fitting, strict=False):
        labels = np.arange(rows) * count // rows, np.arange(columns) * count // columns
        if is_within(sketch, ("blocks", count), *labels, count):
            return count
    return 1


def _divisors(number: int) -> list[int]:
    """The largest first."""
    small = [d for d in range(1, math.isqrt(number) + 1) if number % d == 0]
    return sorted({*small, *(number // d for d in small)}, reverse=True)


def _places(sketch: Sketch) -> Any:
    """The columns of the entries of the rows looked at that are not 0, row by row."""
    return np.nonzero(sketch.seen)[1]


def _fits(sketch: Sketch, of_rows: Any, of_places: Any) -> bool:
    """Whether every row that was looked at is 0 in the columns that have another label."""
    return bool((of_rows[np.nonzero(sketch.seen)[0]] == of_places).all())


def is_within(sketch: Sketch, key: Hashable, rows: Any, columns: Any, count: int) -> bool:
    """Whether no row has an entry that is not 0 in a column with another label; False where that
    takes too many products. `rows` and `columns` have labels below `count`."""
    bits = (count - 1).bit_length()
    if 2 * bits > sketch.products.left:
        return False
    for bit in range(bits):
        for side in (0, 1):
            found = sketch.products.random((key, bit, side), (rows >> bit) & 1 == side)
            if found[sketch.which][(columns >> bit) & 1 != side].any():
                return False
    return True


def _tied(sketch: Sketch) -> Iterator[tuple[int, str]]:
    """The axes along which entries depend on entries with the same index alone: so many blocks,
    that do not stand one behind the other."""
    for a, n in enumerate(sketch.output):
        for b, length in enumerate(sketch.variable):
            if n != length or n == 1:
                continue
            rows, columns = _along(sketch.output, a), _along(sketch.variable, b)
            if not _fits(sketch, rows[sketch.looked], columns[_places(sketch)]):
                continue
            if is_within(sketch, ("axes", a, b), rows, columns, n):
                size = f"{sketch.rows // n:,} x {sketch.columns // n:,}"
                on = tell("index i of axis {a} depends on index i of axis {b} alone", a=a, b=b)
                yield (
                    n,
                    tell("{number:,} scattered blocks of {size}: {on}", number=n, size=size, on=on),
                )


def _along(shape: Shape, axis: int) -> Any:
    """The index along an axis, of every entry."""
    return np.arange(math.prod(shape)) // math.prod(shape[axis + 1 :]) % shape[axis]
