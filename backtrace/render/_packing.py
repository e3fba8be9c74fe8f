"""Text that repeats itself, packed: what has stood before is named by where and how long (after Ziv
and Lempel 1977). A page unpacks it with a few lines of script; a browser's own unpacking waits."""

from __future__ import annotations

_SHORTEST = 10  # characters; a shorter repetition is no gain
_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-"
_FARTHEST, _LONGEST = len(_DIGITS) ** 3 - 1, len(_DIGITS) ** 2 - 1
_MARK = "~"
_TURNED = str.maketrans('"`', '`"')


def packed(text: str) -> str:
    """Letters as they are; in place of what stood before ~, three digits that say how far back it
    began and two that say how long it is. No way back is the mark itself. Quotes are written as
    grave accents, and these as quotes: JSON would escape a quote."""
    text = text.translate(_TURNED)
    parts: list[str] = []
    seen: dict[str, int] = {}
    at = begin = 0
    while at < len(text):
        key = text[at : at + _SHORTEST]
        there = seen.get(key, -1)
        length = _common(text, there, at) if 0 < at - there <= _FARTHEST and there >= 0 else 0
        if length < _SHORTEST:
            seen[key] = at
            at += 1
            continue
        parts += [_plain(text[begin:at]), _reference(at - there, length)]
        for place in range(at, at + length):
            seen[text[place : place + _SHORTEST]] = place
        at = begin = at + length
    return "".join([*parts, _plain(text[begin:])])


def unpacked(text: str) -> str:
    """The text that was packed."""
    letters: list[str] = []
    at = 0
    while at < len(text):
        if text[at] != _MARK:
            letters.append(text[at])
            at += 1
            continue
        back, length = _number(text[at + 1 : at + 4]), _number(text[at + 4 : at + 6])
        begin = len(letters) - back
        letters += letters[begin : begin + length] if back else [_MARK]
        at += 6
    return "".join(letters).translate(_TURNED)


def _plain(text: str) -> str:
    return text.replace(_MARK, _reference(0, 0))


def _reference(back: int, length: int) -> str:
    size = len(_DIGITS)
    digits = [back // size**2, back // size % size, back % size, length // size, length % size]
    return _MARK + "".join(_DIGITS[digit] for digit in digits)


def _number(digits: str) -> int:
    found = 0
    for digit in digits:
        found = found * len(_DIGITS) + _DIGITS.index(digit)
    return found


def _common(text: str, there: int, here: int) -> int:
    """How long what stands at two places is the same, the first ending before the second begins."""
    most = min(_LONGEST, here - there, len(text) - here)
    length = 0
    while length < most and text[there + length] == text[here + length]:
        length += 1
    return length
