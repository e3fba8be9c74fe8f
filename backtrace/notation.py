"""How a number is written, on every surface: whole numbers whole, else 4 significant digits."""

from __future__ import annotations

import math

DIGITS = 4
_EXACT_WHOLE = 2.0**53  # up to here a float with no fraction is a whole number in JSON
_LARGEST_WHOLE = 1e15  # above it neighbouring floats are no longer told apart by their digits


def number(value: float, digits: int = DIGITS) -> str:
    """-12, 0.3679, 1.235e4, 6.02e23, inf; never -0, and no zeros at the end."""
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    if value == int(value) and abs(value) < _LARGEST_WHOLE:
        return str(int(value))
    text = f"{value:.{digits}g}"
    mantissa, _, exponent = text.partition("e")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return f"{mantissa}e{int(exponent)}" if exponent else mantissa


def plain(value: float) -> float | int | str:
    """A number as JSON has it: whole ones whole, "nan", "inf" and "-inf" as texts."""
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    return int(value) if value == int(value) and abs(value) < _EXACT_WHOLE else value
