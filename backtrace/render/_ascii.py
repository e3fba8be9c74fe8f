"""`--ascii` in formats that have escapes: every character stays what it is, written in 7 bits."""

from __future__ import annotations

import re

_OTHERS = re.compile(r"[^\x00-\x7f]")


def in_json(text: str) -> str:
    """In JSON and JavaScript, whose only such characters are in strings: \\u2202."""
    if text.isascii():
        return text
    return _OTHERS.sub(lambda found: _units(found[0]), text)


def in_markup(text: str) -> str:
    """In XML, HTML and what Graphviz reads: &#8706;"""
    return text.encode("ascii", "xmlcharrefreplace").decode("ascii")


def in_code(text: str) -> str:
    """In Python, whose names stay as they are: signs in its comments."""
    return text.replace("…", "...")


def _units(character: str) -> str:
    data = character.encode("utf-16-be", "surrogatepass")
    pairs = (data[k : k + 2] for k in range(0, len(data), 2))
    return "".join(f"\\u{int.from_bytes(pair, 'big'):04x}" for pair in pairs)
