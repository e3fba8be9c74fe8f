"""Which characters a formula may hold, and what to say of the others.

Names are made of letters of any script. But nothing is normalised silently: a Cyrillic х or a
fullwidth ｘ is not x, and is refused with its name. What mathematics writes in its own characters
is understood: · × ⊙ − ÷ ² ½ ᵀ √ ‖ π ≤ ≥ ≠ and subscripts (w₀ is w0).
"""

from __future__ import annotations

import re
import unicodedata

from backtrace.language import marked, tell

GREEK_LETTERS = "αβγδεζηθικλμνξπρςστυφχψωΓΔΘΛΞΠΣΦΨΩ"
GREEK = "α-ωΓΔΘΛΞΠΣΦΨΩ"
"""Greek letters as a character class; capitals that look like Latin ones are left out."""

SUBSCRIPT_DIGITS = dict(zip("₀₁₂₃₄₅₆₇₈₉", "0123456789", strict=True))
SUBSCRIPTS = str.maketrans(SUBSCRIPT_DIGITS)
SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")

SYMBOLS = {
    "⋅": "·",
    "⊙": "*",
    "∘": "*",
    "∥": "‖",
    "−": "-",
    "÷": "/",
    "≤": "<=",
    "≥": ">=",
    "≠": "!=",
}
"""Other spellings of an operator."""

FRACTIONS = {
    character: tuple(unicodedata.normalize("NFKC", character).split("⁄"))
    for character in "½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅐⅛⅜⅝⅞⅑⅒"
}
"""½ is ("1", "2")."""

_LOOK_ALIKES = dict(
    zip(
        "АВЕЗКМНОРСТУХаеорсухіјѕԁһԛԝᴠ" + "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧο" + "∗∕–—‒‐⁄’‘“”µ",
        "ABE3KMHOPCTYXaeopcyxijsdhqwv" + "ABEZHIKMNOPTYXo" + "*/----/''\"\"μ",
        strict=True,
    )
)

_WORDS = {
    '"': (marked("text in quotes is not part of a formula"), marked("write names without quotes")),
    "“": (marked("text in quotes is not part of a formula"), marked("write names without quotes")),
    "”": (marked("text in quotes is not part of a formula"), marked("write names without quotes")),
    "{": (marked("'{' is not allowed in a formula"), marked("group with ( )")),
    "}": (marked("'}' is not allowed in a formula"), marked("group with ( )")),
    "!": (marked("'!' is not an operator here"), marked("'not equal' is != inside where()")),
    "&": (marked("'&' is not an operator here"), marked("nest where() to ask for two conditions")),
}


_DERIVES = marked("backtrace finds the derivatives itself: write the formula alone")
_INSTEAD = {
    "⊗": "outer(x, y) or kron(x, y)",
    "⟨": "dot(x, y)",
    "⟩": "dot(x, y)",
    "∑": "sum(x)",
    "∏": "prod(x)",
    "∛": "cbrt(x)",
    "°": "x*pi/180",
    "⌊": "floor(x)",
    "⌋": "floor(x)",
    "⌈": "ceil(x)",
    "⌉": "ceil(x)",
    "†": "x.T",
    "⨯": "x*y",
    "∙": "x·y",
    "•": "x·y",
    "∧": "where(a > 0, where(b > 0, x, y), y)",
    "∨": "where(a > 0, x, where(b > 0, x, y))",
}
"""What is meant by a sign that no formula holds, in signs that it does."""

_OWN = re.compile(f"[A-Za-z0-9_{GREEK}₀-₉\u0300-\u036f]+")


def first_stranger(name: str) -> int | None:
    """Where a name has a character that looks like another (х, ｘ, 𝑥); None where all are letters
    of their own. A letter that looks Latin is its script's beside others of it that do not."""
    is_plainly_cyrillic = not _OWN.search(name) and any(
        unicodedata.name(c, "").startswith("CYRILLIC") and c not in _LOOK_ALIKES for c in name
    )
    for place, character in enumerate(name):
        if unicodedata.combining(character):
            if len(unicodedata.normalize("NFC", name[place - 1 : place + 1])) > 1:
                return place
            continue
        if _OWN.fullmatch(character):
            continue
        is_letter = unicodedata.category(character)[0] in "LM" or character.isdecimal()
        is_other = unicodedata.normalize("NFKC", character) != character
        is_alike = character in _LOOK_ALIKES and not is_plainly_cyrillic
        if not is_letter or is_other or is_alike or character.isdecimal():
            return place
    return None


def refusal(character: str) -> tuple[str, str]:
    """What is wrong with a character that no formula holds, and a hint ("" when there is none)."""
    if character in _WORDS:
        what, hint = _WORDS[character]
        return tell(what), tell(hint)
    if character.isascii() and character.isprintable():
        return tell("'{character}' is not allowed in a formula", character=character), ""
    name = unicodedata.name(character, "")
    code = f"U+{ord(character):04X}"
    meant = _LOOK_ALIKES.get(character) or unicodedata.normalize("NFKC", character)
    hint = ""
    if character in "∂∇":
        hint = tell(_DERIVES)
    elif character in _INSTEAD:
        hint = tell("write {otherwise}", otherwise=_INSTEAD[character])
    elif meant != character and meant.isprintable() and meant.strip():
        hint = tell("did you mean '{meant}'?", meant=meant)
    elif character.isalpha():
        hint = tell("names are made of letters, digits and _")
    return tell("unexpected character {code} {name}", code=code, name=name).rstrip(), hint
