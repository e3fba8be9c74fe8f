"""The numbers of a saved trace, as JSON has them: none too large, none that is no number.

What is not finite is written as a text: "nan", "inf", "-inf". A blank of a worksheet is null.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

from backtrace.algebra.values import kept
from backtrace.errors import UsageError
from backtrace.language import tell
from backtrace.numbers import Blank

_NOT_FINITE = ("nan", "inf", "-inf")
_MOST_DIGITS = 40  # of a whole number that is kept as it is
_LONGEST = 40  # characters of what is quoted


def parsed(text: str, put_in: Callable[[dict[str, Any]], Any]) -> Any:
    """The JSON; `put_in` may take an object's place. Raises UsageError."""
    try:
        return json.loads(
            text,
            object_hook=put_in,
            parse_int=_whole,
            parse_float=_decimal,
            parse_constant=_refuse_constant,
        )
    except (json.JSONDecodeError, RecursionError) as error:
        raise UsageError(tell("this is not JSON: {error}", error=error)) from None
    except ValueError as error:  # of the numbers, below
        raise UsageError(tell("the saved trace is damaged: {error}", error=error)) from None


def value_of(given: Any) -> Any:
    """A number of the trace, or an array; null is a blank. Raises ValueError."""
    if isinstance(given, list) or hasattr(given, "shape"):
        import numpy as np

        if isinstance(given, list):
            _hold(given)
        return kept(np.array(given, dtype=float))
    if given is None:
        return Blank()
    _hold([given])
    return float(given)


def value_or_none(given: Any) -> Any:
    return None if given is None else value_of(given)


def index_of(given: Any, count: int) -> int:
    """A node's index, of so many nodes. Raises ValueError."""
    if type(given) is not int or not 0 <= given < count:
        raise ValueError(tell("{quoted} is no node of the formula", quoted=_quoted(given)))
    return given


def _hold(rows: list[Any]) -> None:
    """Whether nested lists hold numbers, and the texts that stand for some. Raises ValueError."""
    waiting = [rows]
    while waiting:
        row = waiting.pop()
        kinds = set(map(type, row))
        if list in kinds:
            waiting += [entry for entry in row if type(entry) is list]
        bad = kinds - {int, float, list, str}
        texts = [entry for entry in row if type(entry) is str] if str in kinds else []
        wrong = next((text for text in texts if text not in _NOT_FINITE), None)
        if bad or wrong is not None:
            entry = next(entry for entry in row if type(entry) in bad) if bad else wrong
            raise ValueError(tell("{quoted} is no number", quoted=_quoted(entry)))


def _quoted(entry: Any) -> str:
    text = repr(entry)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _whole(text: str) -> int:
    return int(text) if len(text) <= _MOST_DIGITS else int(_decimal(text))


def _decimal(text: str) -> float:
    """Raises ValueError where it is too large."""
    number = float(text)
    if math.isinf(number):
        shown = (
            text
            if len(text) <= _LONGEST
            else tell("a number of {count:,} characters", count=len(text))
        )
        raise ValueError(tell("{shown} is too large for a 64-bit float", shown=shown))
    return number


def _refuse_constant(text: str) -> float:
    raise ValueError(tell("JSON has no {text}; the trace writes it as a text", text=text))


__all__ = ["index_of", "parsed", "value_of", "value_or_none"]
