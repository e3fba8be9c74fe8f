"""Did you mean ...?"""

from __future__ import annotations


def near_misses(name: str, known: list[str]) -> list[str]:
    """Known names that `name` is probably a misspelling of, the nearest first."""
    import difflib  # only a mistake needs it

    same_but_case = [k for k in known if k.lower() == name.lower()]
    return same_but_case or difflib.get_close_matches(name, known, n=2, cutoff=0.66)
