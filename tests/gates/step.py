"""One operation of a random formula, for two readers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple


class Step(NamedTuple):
    """Its text with {0}, {1} for operands, and the same on their arrays."""

    text: str
    apply: Callable[..., Any]  # (library, *operands)
