"""Numbers that stand for the letters of lengths: primes, so that a product tells its letters."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

from backtrace.algebra.matrices.sliding import Count
from backtrace.algebra.matrices.spelled import LARGEST
from backtrace.errors import UsageError
from backtrace.formula.expression import NAMED_CONSTANTS
from backtrace.gates import GATES
from backtrace.language import tell

Dims = tuple[str, ...]

TAKEN = frozenset((*GATES, *NAMED_CONSTANTS))
_APART = 90  # far enough that n - 1 and n + 1 are told apart
_LONGEST = 1_000_000
_TRIED = 50_000
_SMALL = (2, 3, 5, 7, 11, 13)


def primes_for(text: str, shapes: Mapping[str, Dims], first: int) -> dict[str, int]:
    """A prime from `first` on for every letter, none that stands in the formula. Raises UsageError
    for a letter that is something else."""
    found: dict[str, int] = {}
    candidate = first
    for letter in dict.fromkeys(d for dims in shapes.values() for d in dims if not d.isdecimal()):
        if letter in shapes or letter in TAKEN:
            kind = tell("a value") if letter in shapes else tell("a name of the formula language")
            raise UsageError(
                tell("'{letter}' is a length, and {kind}", letter=letter, kind=kind),
                hint=tell("another letter"),
            )
        if re.search(rf"(?:^|[;\n])\s*{re.escape(letter)}\s*=(?!=)", text):
            raise UsageError(
                tell("'{letter}' is a length, and a stage", letter=letter),
                hint=tell("another letter"),
            )
        while not _is_prime(candidate) or str(candidate) in text:
            candidate += 1
        found[letter] = candidate
        candidate += _APART
    return found


def with_plain_quotients(
    text: str, primes: Mapping[str, int], counts: Iterable[Count]
) -> dict[str, int]:
    """Larger primes in the same order, so that every (n + off)//stride is a number without small
    factors, which fractions keep: mean(x[::2]) has 1/((n + 1)//2). The same where there is none."""
    ways: dict[int, set[tuple[int, int]]] = {prime: set() for prime in primes.values()}
    for base, off, stride in counts:
        if stride > 1 and off < stride and base in ways:  # what windows leave, not what is padded
            ways[base].add((off, stride))
    found: dict[str, int] = {}
    candidate = 0
    for letter, prime in sorted(primes.items(), key=lambda item: item[1]):
        stride = max((stride for _, stride in ways[prime]), default=1)
        candidate = max(candidate, prime * stride)
        end = candidate + _TRIED
        while not _is_plain(candidate, ways[prime]) or str(candidate) in text:
            candidate += 1
            if candidate > end:
                return dict(primes)
        found[letter] = candidate
        candidate += _APART
    return {letter: found[letter] for letter in primes}


def _is_plain(n: int, ways: Collection[tuple[int, int]]) -> bool:
    quotients = [(n + off) // stride for off, stride in ways]
    is_plain = all(q > LARGEST and all(q % k for k in _SMALL) for q in quotients)
    return is_plain and _is_prime(n)


def _is_prime(n: int) -> bool:
    return all(n % k for k in range(2, int(n**0.5) + 1))


def length_of(dim: str, primes: Mapping[str, int]) -> int:
    """A letter's prime, a number as it is. Raises UsageError."""
    length = primes[dim] if dim in primes else int(dim)
    if not 0 < length <= _LONGEST:
        raise UsageError(
            tell("an axis is not {dim} long", dim=dim), hint=tell("a letter, or a number above 0")
        )
    return length
