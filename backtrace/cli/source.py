"""The formula's text: from the command line, a file, or standard input."""

from __future__ import annotations

import sys
from typing import BinaryIO

from backtrace.errors import FormulaError, UsageError
from backtrace.files import InputFile

MOST_BYTES = 64 * 1024 * 1024


def formula_and_values(words: tuple[str, ...], file: str | None) -> tuple[str, tuple[str, ...]]:
    """The formula and the NAME=VALUE words; with a file every word is a value."""
    if file is not None:
        return read_file(file), words
    if not words:
        raise UsageError("a formula is missing", hint='try backtrace "(x+y)*z" x=-2 y=5 z=-4')
    formula, values = words[0], words[1:]
    if formula == "-":
        return _decode(_read(sys.stdin.buffer), "standard input"), values
    _refuse_value_first(formula, values)
    _refuse_forgotten(formula, values)
    return formula, values


def read_file(path: str) -> str:
    if path == "-":
        return _decode(_read(sys.stdin.buffer), "standard input")
    try:
        with InputFile(path) as file:
            return _decode(_read(file), path)
    except OSError as error:
        raise UsageError(f"cannot read '{path}': {error.strerror or error}") from None


def _read(file: BinaryIO) -> bytes:
    data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise UsageError(f"the formula is longer than {MOST_BYTES >> 20} MB")
    return data


def _decode(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        what = f"{name} is not UTF-8 text: byte {error.start} is 0x{data[error.start]:02x}"
        raise UsageError(what) from None


def _refuse_forgotten(formula: str, values: tuple[str, ...]) -> None:
    """x=-2 y=5: values, and no formula before them."""
    name, equals, value = formula.partition("=")
    if equals and name.strip().isidentifier() and all("=" in word for word in values):
        try:
            float(value)
        except ValueError:
            return
        hint = f'backtrace "FORMULA" {" ".join((formula, *values))}'
        raise UsageError("the formula is missing: this is a value", hint=hint)


def _refuse_value_first(formula: str, values: tuple[str, ...]) -> None:
    """x=-2 "(x+y)*z": the formula goes first. (q=x+y alone is a formula with a named output.)"""
    later = next((word for word in values if "=" not in word), None)
    if later is not None and formula.partition("=")[1] and ";" not in formula:
        raise FormulaError(
            "the formula goes before the values",
            text=formula,
            span=(0, len(formula)),
            hint=f'backtrace "{later}" {formula} ...',
        )


__all__ = ["formula_and_values", "read_file"]
