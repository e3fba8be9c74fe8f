"""The command line's words, told apart before click sees them.

    backtrace -x+y x=1 --digits 6     ->   --digits 6 -- -x+y x=1

A word is an option only if its part before `=` is exactly the name of one: -x+y, --x and -2*x are
formulas. click, left alone, would take -x+v for the option -v with something around it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from backtrace.errors import UsageError
from backtrace.language import tell

EVERYTHING = "*"
"""What an option without its optional value stands for."""

_MISSPELT = re.compile(r"--[A-Za-z][A-Za-z-]{2,}")


def arrange(words: Sequence[str], takes_value: Mapping[str, bool | None]) -> list[str]:
    """The words with options first, then `--`, then the rest in order.

    `takes_value` holds every option's spelling, and whether a value follows it; None where it may
    have one, which then comes with `=` only (--fuse=sigmoid). Raises UsageError for a word that
    looks like a misspelt long option, and for a value that is missing.
    """
    options: list[str] = []
    rest: list[str] = []
    position = 0
    while position < len(words):
        word = words[position]
        position += 1
        if word == "--":
            rest += words[position:]
            break
        name, equals, value = word.partition("=")
        if name not in takes_value:
            _refuse_misspelt(name, takes_value)
            rest.append(word)
        elif takes_value[name] is None and equals and not value:
            raise UsageError(
                tell("{name}= names nothing", name=name),
                hint=tell("{name} alone means all", name=name),
            )
        elif takes_value[name] is None:
            options.append(f"{name}={value or EVERYTHING}")
        elif not takes_value[name]:
            if equals:
                raise UsageError(
                    tell("{name} takes no value", name=name), text=word, span=(0, len(word))
                )
            options.append(name)
        elif equals:
            options += [name, value]
        elif position < len(words):
            options += [name, words[position]]
            position += 1
        else:
            raise UsageError(tell("{name} needs a value", name=name), hint=f"{name}=...")
    return [*options, "--", *rest]


def _refuse_misspelt(word: str, known: Mapping[str, bool | None]) -> None:
    match = _MISSPELT.fullmatch(word)
    if match is None:
        return
    import difflib  # only a mistake needs it

    long_names = [name for name in known if name.startswith("--")]
    near = difflib.get_close_matches(word.lower(), long_names, n=1, cutoff=0.75)
    if near:
        raise UsageError(
            tell("there is no option {word}", word=word),
            text=word,
            span=(0, len(word)),
            hint=tell(
                "did you mean {near}? (a formula that begins so goes after --)", near=near[0]
            ),
        )
