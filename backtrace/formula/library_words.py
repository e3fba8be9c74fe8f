"""Whether a formula has words of NumPy or PyTorch in it, before what reads them is loaded."""

from __future__ import annotations

import re

from backtrace.gates import GATES

_DOT = re.compile(r"\.(?!T\b)[^\W\d]")
_CALL = re.compile(r"\b([^\W\d]\w*+)\s*+\(")
_KEYWORD = re.compile(r"\b(?:dim|keepdims?|correction|unbiased|ord)\s*=")
_KEYWORDS = ("dim", "correction", "unbiased", "ord")  # what a text with one has in it
_OURS = frozenset({*GATES, "dot", "softplus"} - {"clip"})


def has_calls(text: str) -> bool:
    """Whether something may be written as a library's: a dot before a name, or words of theirs."""
    if "." in text and _DOT.search(text) is not None:
        return True
    if "(" not in text:
        return False
    has_keyword = any(word in text for word in _KEYWORDS) and _KEYWORD.search(text) is not None
    return has_keyword or _are_theirs(set(_CALL.findall(text)) - _OURS)


def _are_theirs(names: set[str]) -> bool:
    """Whether one of these names, which are not ours alone, is one of theirs."""
    if not names:
        return False
    from backtrace.formula.readings import READINGS
    from backtrace.formula.spellings import TEMPLATES

    return not names.isdisjoint((*TEMPLATES, *READINGS))
