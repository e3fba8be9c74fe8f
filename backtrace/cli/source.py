"""The formula's text: from the command line, a file, or standard input."""

from __future__ import annotations

import os
import re
import sys
from typing import BinaryIO

from backtrace.errors import FormulaError, UsageError, by_system, near_misses
from backtrace.files import InputFile
from backtrace.language import tell

_CODE = (".py", ".ipynb")
MOST_BYTES = 64 * 1024 * 1024


DECLARED = re.compile(r"(?P<name>[^\W\d]\w*):(?P<dims>\w*(?:,\w+)*)")
"""A word that declares a shape: W:m,n."""


def formula_and_values(words: tuple[str, ...], file: str | None) -> tuple[str, tuple[str, ...]]:
    """The formula and the NAME=VALUE words; with a file every word is a value."""
    if file is not None:
        return read_file(file), words
    if not words:
        raise UsageError(
            tell("a formula is missing"), hint=tell('try backtrace "(x+y)*z" x=-2 y=5 z=-4')
        )
    formula, values = words[0], words[1:]
    if formula == "-":
        return _decode(_read(sys.stdin.buffer), tell("standard input")), values
    _refuse_value_first(formula, values)
    _refuse_forgotten(formula, values)
    return formula, values


def code_in(
    words: tuple[str, ...], file: str | None, is_python: bool
) -> tuple[str, str, tuple[str, ...]] | None:
    """The file of Python code that is named, a function in it ("" for the whole), and the values;
    None where it is a formula."""
    if file is not None:
        is_code = is_python or file.endswith(_CODE)
        return (file, "", words) if is_code else None
    first, rest = (words or ("",))[0], words[1:]
    if first == "-" and is_python:
        return "-", "", rest
    found = code_at(first)
    return (*found, rest) if found is not None else None


def code_at(word: str) -> tuple[str, str] | None:
    """FILE.py, FILE.py:NAME or FILE.ipynb: the path and the name; None for what is none. Raises
    UsageError where there is no such file."""
    path, colon, name = word.rpartition(":") if ":" in word else (word, "", "")
    if colon and not all(part.isidentifier() for part in name.split(".")):
        return None
    if not path.endswith(_CODE):
        return None
    if not os.path.exists(path):
        raise UsageError(tell("there is no file '{path}'", path=path), hint=_near_files(path))
    return path, name


def _near_files(path: str) -> str:
    """The files of code in that folder whose names are like it."""
    folder, name = os.path.split(path)
    try:
        entries = sorted(entry for entry in os.listdir(folder or ".") if entry.endswith(_CODE))
    except OSError:
        return tell("there is no folder '{folder}' either", folder=folder)
    known = {os.path.splitext(entry)[0]: os.path.join(folder, entry) for entry in entries}
    near = near_misses(os.path.splitext(name)[0], list(known))
    return (
        tell("did you mean {near}?", near=tell(" or ").join(known[stem] for stem in near))
        if near
        else ""
    )


def result_named(
    of: str, formula: str, values: tuple[str, ...], definitions: str = ""
) -> tuple[str, tuple[str, ...], str]:
    """--of: the formula whose result is that stage, the values without those that only other
    stages need, and a note of what was left out ("" for nothing)."""
    from backtrace.formula.results import cut

    named = {word: word.partition("=")[0].strip() for word in values if "=" in word}
    found = cut(formula, of, set(named.values()), definitions)
    values = tuple(word for word in values if named.get(word) not in found.variables)
    return found.text, values, found.note


def read_file(path: str) -> str:
    if path == "-":
        return _decode(_read(sys.stdin.buffer), tell("standard input"))
    try:
        with InputFile(path) as file:
            return _decode(_read(file), path)
    except OSError as error:
        raise UsageError(
            tell("cannot read '{path}': {strerror}", path=path, strerror=by_system(error))
        ) from None


def _read(file: BinaryIO) -> bytes:
    data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise UsageError(
            tell("the formula is longer than {most_bytes} MB", most_bytes=MOST_BYTES >> 20)
        )
    return data


def _decode(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        what = tell(
            "{name} is not UTF-8 text: byte {start} is 0x{data:02x}",
            name=name,
            start=error.start,
            data=data[error.start],
        )
        raise UsageError(what) from None


def _refuse_forgotten(formula: str, values: tuple[str, ...]) -> None:
    """x=-2 y=5: values, and no formula before them."""
    name, equals, value = formula.partition("=")
    if equals and name.strip().isidentifier() and all("=" in word for word in values):
        try:
            float(value)
        except ValueError:
            return
        hint = tell('backtrace "FORMULA" {names}', names=" ".join((formula, *values)))
        raise UsageError(tell("the formula is missing: this is a value"), hint=hint)


def _refuse_value_first(formula: str, values: tuple[str, ...]) -> None:
    """x=-2 "(x+y)*z": the formula goes first. (q=x+y alone is a formula with a named output, and
    W:m,n behind sum(W, axis=0) a shape.)"""
    later = next((w for w in values if "=" not in w and not DECLARED.fullmatch(w)), None)
    if later is not None and formula.partition("=")[1] and ";" not in formula:
        raise FormulaError(
            tell("the formula goes before the values"),
            text=formula,
            span=(0, len(formula)),
            hint=tell('backtrace "{later}" {formula} ...', later=later, formula=formula),
        )


__all__ = ["DECLARED", "code_in", "formula_and_values", "read_file", "result_named"]
