"""Values that are given to code on a command line: numbers, arrays, and texts that it compares."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from backtrace.code import Program

Reading = Callable[[Mapping[str, object], str], "Program"]
"""Reads code with the values that are given, and the name that is the result."""


def read_with_values(
    read: Reading, values: Sequence[str], seed: int, of: str
) -> tuple[Program, list[str]]:
    """The code with these values, and the NAME=VALUE words of its inputs, its own values among
    them. Raises BacktraceError."""
    from backtrace.formula.point import read_words

    texts = {word.partition("=")[0]: word for word in values if _is_text(word)}
    values = [word for word in values if word not in texts.values()]
    given = read_words(values, seed)
    known: dict[str, object] = {n: found.value for n, found in given.items()}
    known |= {n: word.partition("=")[2] for n, word in texts.items()}
    program = read(known, of)
    own = [f"{n}={text}" for n, text in program.point.items() if n not in given]
    settled = {found.text for n, found in given.items() if n in program.settled}
    return program, [*(word for word in values if word not in settled), *own]


def _is_text(word: str) -> bool:
    """Whether what is given is a text, as code compares it: activation=relu."""
    _, sign, value = word.partition("=")
    return bool(sign) and value.isidentifier() and value not in ("pi", "e", "tau", "inf", "nan")
