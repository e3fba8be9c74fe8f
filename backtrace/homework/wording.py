"""What all formats of grades say in the same words: points, the first slip; text without markup."""

from __future__ import annotations

from backtrace.homework.rows import NOT_GRADED, Row
from backtrace.language import tell


def points_text(points: float) -> str:
    """12.5, 166.66666: points are not rounded to digits."""
    return f"{points:.10f}".rstrip("0").rstrip(".")


def of_worth(points: float, worth: float, by_hand: float = 0.0) -> str:
    """In two decimals at most: 2.5/4; with two points more that are given by hand, 2.5/4+2?"""
    shown = [f"{n:.2f}".rstrip("0").rstrip(".") for n in (points, worth, by_hand)]
    return "/".join(shown[:2]) + f"+{shown[2]}?" * bool(by_hand)


def first_slip(row: Row) -> str:
    """What there is to say of a row, in a few words."""
    if row.error:
        return f"{tell(NOT_GRADED)}: {row.error}"
    if row.is_refused:
        return tell("refused for its form: {reason}", reason=row.reasons[0])
    if row.reasons:
        return row.reasons[0]
    for part in row.parts:
        unread = next((mark for mark in part.marks if mark.reason), None)
        if unread is not None:
            return f"{part.id} {unread.name} {tell(unread.verdict)}: {unread.reason}"
        if part.code:
            return tell("{code} at {id} {fault}", code=part.code, id=part.id, fault=part.fault)
        if part.fault:
            return tell("wrong at {id} {fault}", id=part.id, fault=part.fault)
    missing = [f"{p.id} {m.name}" for p in row.parts for m in p.marks if m.verdict == "missing"]
    return (
        tell(
            "missing: {names}{words}",
            names=", ".join(missing[:4]),
            words=", …" * (len(missing) > 4),
        )
        if missing
        else ""
    )


def escaped(text: str) -> str:
    """Text that is no Markdown and no HTML."""
    text = harmless(text)
    return "".join(f"\\{c}" if c in "\\`*_{}[]()#+!|~$" else c for c in text)


def harmless(text: str) -> str:
    """Nothing that a browser would take for a tag."""
    return text.replace("<", "‹").replace(">", "›").replace("&", "＆")
