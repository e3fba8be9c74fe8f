"""Small decimals, no two alike: what an array of an exercise holds."""

from __future__ import annotations

import random


def vector(chance: random.Random, count: int) -> list[float]:
    """Different sizes between 0.2 and 1.9, of either sign, none of them whole."""
    sizes = [k / 10 for k in range(2, 20) if k % 10]
    return [size * chance.choice((1, -1)) for size in chance.sample(sizes, count)]


def matrix(chance: random.Random, rows: int, columns: int) -> list[list[float]]:
    flat = vector(chance, rows * columns)
    return [flat[row * columns : (row + 1) * columns] for row in range(rows)]
