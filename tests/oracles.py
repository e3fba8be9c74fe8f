"""What tests hold gradients against: slopes that are measured, of any function, in any numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def central_difference(function: Callable[[Any], Any], x: Any, step: Any) -> Any:
    """(f(x + h) - f(x - h))/(2h): of floats good to about a third of h's digits, of N-digit numbers
    with a tiny h to nearly all."""
    return (function(x + step) - function(x - step)) / (2 * step)


def measured_gradient(function: Callable[[Any], Any], x: Any, step: float = 1e-6) -> Any:
    """The slope of a number that is a function of an array, by every entry: of x's shape."""
    x = np.asarray(x, dtype=float)
    found = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        moved = np.zeros(x.shape)
        moved[place] = 1.0
        found[place] = central_difference(
            lambda t, moved=moved: function(x + t * moved),  # type: ignore[misc]
            0.0,
            step,
        )
    return found
