"""How a number is written, on every surface: whole numbers whole, else 4 significant digits."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

DIGITS = 4
BLANK_TEXT = "____"


class Blank(float):
    """A number, or an array of some shape, that is left out: what somebody is to write. `answer` is
    what belongs there, for pages that check it."""

    shape: tuple[int, ...]
    answer: Any

    def __new__(cls, answer: Any = None) -> Blank:
        blank = super().__new__(cls, "nan")
        blank.shape = tuple(getattr(answer, "shape", ()))
        blank.answer = answer
        return blank


class Formula(float):
    """A number, or an array of some shape, that is told by its formula: `text`. The lengths of its
    axes are text too."""

    shape: tuple[str, ...]
    text: str

    def __new__(cls, text: str, shape: tuple[str, ...] = ()) -> Formula:
        formula = super().__new__(cls, "nan")
        formula.text, formula.shape = text, shape
        return formula

    def __add__(self, other: object) -> Formula:
        """What two of them are together, as it is written out."""
        assert isinstance(other, Formula)
        return Formula(f"{self.text} + {other.text}", self.shape)


_EXACT_WHOLE = 2.0**53  # up to here a float with no fraction is a whole number in JSON
_LARGEST_WHOLE = 1e15  # above it neighbouring floats are no longer told apart by their digits


def number(value: float, digits: int = DIGITS) -> str:
    """-12, 0.3679, 1.235e4, 6.02e23, inf; never -0, and no zeros at the end."""
    if not math.isfinite(value):
        if isinstance(value, Blank):
            return BLANK_TEXT
        if isinstance(value, Formula):
            return value.text
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    if value == int(value) and abs(value) < _LARGEST_WHOLE:
        return str(int(value))
    text = f"{value:.{digits}g}"
    mantissa, _, exponent = text.partition("e")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return f"{mantissa}e{int(exponent)}" if exponent else mantissa


LONGEST_LINE = 160


def one_line(text: str) -> str:
    """What a REPL shows of an object: its text in one line, cut where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_LINE else line[: LONGEST_LINE - 1] + "…"


SHORT, _FIRST = 6, 3
"""Up to so many entries an array is written in full."""


def array(value: Any, digits: int = DIGITS) -> str:
    """[0.2, 0.4], [[1, 2], [3, 4]]; a long one by its first entries: [[1, 2, 3, …], …]."""
    if isinstance(value, Blank | Formula) or not getattr(value, "shape", ()):
        return number(value, digits)
    if value.size <= SHORT:
        return nested(value.tolist(), digits)
    row = value.shape[-1]
    entries = [number(float(entry), digits) for entry in value.flat[: min(row, _FIRST)]]
    entries += ["…"] * (row > _FIRST)
    depth = len(value.shape)
    return f"{'[' * depth}{', '.join(entries)}{'], …' * (depth - 1)}]"


def norm(value: Any, digits: int = DIGITS) -> str:
    """` norm 279.9`, for an array that is not written out."""
    if getattr(value, "size", 0) <= SHORT:
        return ""
    largest = float(abs(value).max())
    if not largest or not math.isfinite(largest):
        return f"  norm {number(largest, digits)}"
    scaled = value / largest
    return f"  norm {number(largest * float((scaled * scaled).sum()) ** 0.5, digits)}"


def nested(value: Any, digits: int = DIGITS) -> str:
    """Nested lists of numbers as text."""
    if isinstance(value, list):
        return f"[{', '.join(nested(entry, digits) for entry in value)}]"
    return number(float(value), digits)


def plain_list(array: Any) -> Any:
    """A NumPy array as nested lists of numbers as JSON has them."""
    floats = array.astype(float)
    if not bool((abs(floats) < _EXACT_WHOLE).all()):  # also where some are nan
        return _listed(floats.tolist())
    whole = floats == floats.astype("int64")
    if whole.all():
        return floats.astype("int64").tolist()
    mixed = floats.astype(object)
    mixed[whole] = floats[whole].astype("int64")
    return mixed.tolist()


def _listed(value: Any) -> Any:
    return [_listed(v) for v in value] if isinstance(value, list) else plain(value)


def json_array(array: Any) -> str:
    """`plain_list` as JSON: whole arrays at a time, since of a million entries every object and
    every call is a second."""
    floats = array.astype(float)
    first = floats.flat[0] if floats.size else 0.0
    if bool((floats == first).all()):
        return _repeated(plain(float(first)), floats.shape)
    is_large = bool((abs(floats) >= _EXACT_WHOLE).any())
    has_others = not bool((abs(floats) < math.inf).all())
    whole = floats == floats.round()
    if not is_large and bool(whole.all()):
        return repr(floats.astype("int64").tolist())
    if is_large and bool((whole & (abs(floats) >= _EXACT_WHOLE) & (abs(floats) < math.inf)).any()):
        return json_encoder(None)(plain_list(array))  # there whole ones are told from others singly
    text = repr_of(floats + 0.0, floats.size)  # + 0.0: no -0.0
    if bool(whole.any()):
        text = text.replace(".0,", ",").replace(".0]", "]")
    if has_others:
        text = text.replace("inf", '"inf"').replace('-"inf"', '"-inf"').replace("nan", '"nan"')
    return text


_WORTH_LOADING = 2_000  # numbers
_SMALL = "0.0000"
_DIGITS = re.compile(r"(\d)(\d*)")
_EXPONENT = re.compile(r"e([+-]?)(\d+)")


def repr_of(floats: Any, count: int) -> str:
    """`repr` of nested lists of `count` floats, or of an array as such: by orjson, where there are
    many and it is installed (`pip install "backtrace-autodiff[fast]"`), in a tenth of the time."""
    is_array = hasattr(floats, "tolist")
    if count < _WORTH_LOADING:
        return repr(floats.tolist() if is_array else floats)
    try:
        import orjson
    except ImportError:
        return repr(floats.tolist() if is_array else floats)
    given = floats.astype(float, order="C", copy=False) if is_array else floats
    text = orjson.dumps(given, option=orjson.OPT_SERIALIZE_NUMPY).decode()
    if "null" in text:  # its inf and nan
        return repr(floats.tolist() if is_array else floats)

    def exponent(found: re.Match[str]) -> str:
        return f"e{found[1] or '+'}{found[2]:0>2}"

    text = _small_ones(text)
    return (_EXPONENT.sub(exponent, text) if "e" in text else text).replace(",", ", ")


def _small_ones(text: str) -> str:
    """1.25e-05, as Python writes it, for 0.0000125. (To split a text takes a third of what a
    pattern takes that looks through it.)"""
    first, *rest = text.split(_SMALL)
    parts = [first]
    for part in rest:
        found = _DIGITS.match(part)
        if found is None or parts[-1][-1:].isdigit():  # of 10.00005
            parts.append(_SMALL + part)
        else:
            digits = f"{found[1]}.{found[2]}" if found[2] else found[1]
            parts.append(f"{digits}e-05{part[found.end() :]}")
    return "".join(parts)


def _repeated(entry: float | int | str | None, shape: tuple[int, ...]) -> str:
    """An array whose entries are one, as JSON."""
    text = json_encoder(None)(entry)
    for length in reversed(shape):
        text = f"[{', '.join([text] * length)}]"
    return text


def plain(value: float) -> float | int | str | None:
    """A number as JSON has it: whole ones whole, "nan", "inf" and "-inf" as texts, a blank null."""
    if not math.isfinite(value):
        if isinstance(value, Blank):
            return None
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    whole = int(value)
    return whole if whole == value and abs(whole) < _EXACT_WHOLE else value


def json_number(value: float) -> str:
    """`plain`, as JSON."""
    text = repr(value)
    if text[-1] == "0" and text[-2] == ".":
        return (text[:-2] if value else "0") if -_EXACT_WHOLE < value < _EXACT_WHOLE else text
    return f'"{text}"' if text[-1] in "fn" else text  # inf, nan


_OBEYED = re.compile("[\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


def json_text(value: Any, indent: int | None = None) -> str:
    """`value` as JSON, letters as they are; what a terminal would obey is written as an escape, so
    that nothing is lost and nothing is hidden."""
    return shown_signs(json_encoder(None, indent)(value))


def json_encoder(
    default: Callable[[Any], Any] | None, indent: int | None = None
) -> Callable[[Any], str]:
    """Writes one value after the other as JSON, letters as they are; `default` says what becomes of
    a value that JSON does not know."""
    import json  # where it is used: most commands do not write it

    encoder = json.JSONEncoder(ensure_ascii=False, allow_nan=False, indent=indent, default=default)
    return encoder.encode


def shown_signs(text: str) -> str:
    """JSON with what a terminal would obey as escapes."""
    if text.isascii() and "\x7f" not in text:
        return text
    return _OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
