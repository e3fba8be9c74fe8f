"""A sign that Python has not, or has with another meaning: `x*c_mod*y` is x % y as we mean it.

Python's own precedence stays, that of *; the object in the middle sees both sides.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Meaning = Callable[[Any, Any], Any]


class Held:
    """A sign that has been given one side, and waits for the other."""

    __array_ufunc__ = None  # NumPy hands it over instead of looking into it

    def __init__(self, meaning: Meaning, side: Any) -> None:
        self._meaning = meaning
        self._side = side

    def __mul__(self, right: Any) -> Any:
        return self._meaning(self._side, right)

    def __rpow__(self, base: Any) -> Any:
        return self._meaning(base, self._side)


class Between:
    """The sign, between two signs of a product."""

    __array_ufunc__ = None

    def __init__(self, meaning: Meaning) -> None:
        self.meaning = meaning

    def __rmul__(self, left: Any) -> Held:
        return Held(self.meaning, left)
