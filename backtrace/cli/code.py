"""Values that are given to code on a command line: numbers, arrays, and texts that it compares."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from backtrace.errors import UsageError, near_misses
from backtrace.language import tell

if TYPE_CHECKING:
    from backtrace.code import Program

Reading = Callable[[Mapping[str, object], str], "Program"]
"""Reads code with the values that are given, and the name that is the result."""


def read_with_values(
    read: Reading, values: Sequence[str], seed: int, of: str
) -> tuple[Program, list[str]]:
    """The code with these values, and the NAME=VALUE words of its inputs, its own values among
    them. Raises BacktraceError."""
    from dataclasses import replace

    from backtrace.formula.point import read_words

    values = _entries(values)
    texts = [word for word in values if _is_text(word)]
    values = [word for word in values if word not in texts]
    given = read_words(values, seed)
    program = read(known_values([*values, *texts], seed), of)
    named = [word.partition("=")[0].strip() for word in texts]
    refuse_unknown(named, "\n".join(program.source.lines))
    own = [f"{n}={text}" for n, text in program.point.items() if n not in given]
    idle = sorted(program.idle & given.keys())
    if idle:
        said = tell("left out, because the result does not need it: {idle}", idle=", ".join(idle))
        program = replace(program, notes=(*program.notes, said))
    settled = {found.text for n, found in given.items() if n in (*program.settled, *idle)}
    return program, [*(word for word in values if word not in settled), *own]


def known_values(words: Sequence[str], seed: int) -> dict[str, object]:
    """The NAME=VALUE words as values for code: numbers, arrays, texts. Raises BacktraceError."""
    from backtrace.formula.point import read_words

    words = _entries(words)
    texts = [word for word in words if _is_text(word)]
    given = read_words([word for word in words if word not in texts], seed)
    known: dict[str, object] = {name: found.value for name, found in given.items()}
    return known | {w.partition("=")[0]: w.partition("=")[2] for w in texts}


def refuse_unknown(names: Iterable[str], text: str) -> None:
    """Raises UsageError for a value of what code has nowhere."""
    there = set(re.findall(r"[^\W\d]\w*", text))
    for name in names:
        if name not in there:
            near = tell(" or ").join(near_misses(name, sorted(there)))
            hint = tell("did you mean {near}?", near=near) if near else ""
            raise UsageError(tell("'{name}' does not occur in the code", name=name), hint=hint)


def _entries(words: Sequence[str]) -> list[str]:
    """bn_param={'mode': 'train'} is mode=train: code asks for what is in a dictionary by its key.
    Raises UsageError."""
    found: list[str] = []
    for word in words:
        name, _, value = word.partition("=")
        if not value.lstrip().startswith("{"):
            found.append(word)
            continue
        import ast

        hint = tell("{name}={{'mode': 'train', 'eps': 1e-5}}, or mode=train", name=name)
        try:
            held = ast.literal_eval(value.strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            raise UsageError(tell("{name} is no dictionary", name=name), hint=hint) from None
        if not isinstance(held, dict) or not all(isinstance(key, str) for key in held):
            raise UsageError(tell("{name} is no dictionary with names", name=name), hint=hint)
        found += [f"{key}={entry}" for key, entry in held.items()]
    return found


def _is_text(word: str) -> bool:
    """Whether a word gives a text: activation=relu."""
    from backtrace.formula.point import is_text

    return is_text(word.partition("=")[2])
