"""Which characters a formula may hold, and what to say of the others.

Nothing is normalised silently: a Cyrillic х or a fullwidth ｘ is not x, and is refused with its
name. What mathematics writes in its own characters is understood: · × ⋅ − ÷ ² ³ √ π ≤ ≥ ≠ and
subscripts (w₀ is w0).
"""

from __future__ import annotations

import unicodedata

GREEK = "α-ωΓΔΘΛΞΠΣΦΨΩ"
"""Greek letters as a character class; capitals that look like Latin ones are left out."""

SUBSCRIPT_DIGITS = dict(zip("₀₁₂₃₄₅₆₇₈₉", "0123456789", strict=True))
SUBSCRIPTS = str.maketrans(SUBSCRIPT_DIGITS)
SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")

SYMBOLS = {
    "·": "*",
    "×": "*",
    "⋅": "*",
    "−": "-",
    "÷": "/",
    "≤": "<=",
    "≥": ">=",
    "≠": "!=",
    "**": "^",
}
"""Other spellings of an operator."""

_LOOK_ALIKES = dict(
    zip(
        "АВЕЗКМНОРСТУХаеорсухіјѕԁһԛԝᴠ" + "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧο" + "∗∕–—‒‐⁄’‘“”µ",
        "ABE3KMHOPCTYXaeopcyxijsdhqwv" + "ABEZHIKMNOPTYXo" + "*/----/''\"\"μ",
        strict=True,
    )
)

_WORDS = {
    '"': ("text in quotes is not part of a formula", "write names without quotes"),
    "“": ("text in quotes is not part of a formula", "write names without quotes"),
    "”": ("text in quotes is not part of a formula", "write names without quotes"),
    "%": ("'%' is not an operator here", "write a percentage as /100"),
    "{": ("'{' is not allowed in a formula", "group with ( )"),
    "}": ("'}' is not allowed in a formula", "group with ( )"),
    "!": ("'!' is not an operator here", "'not equal' is != inside where()"),
    "&": ("'&' is not an operator here", "nest where() to ask for two conditions"),
}


def refusal(character: str) -> tuple[str, str]:
    """What is wrong with a character that no formula holds, and a hint ("" when there is none)."""
    if character in _WORDS:
        return _WORDS[character]
    if character.isascii() and character.isprintable():
        return f"'{character}' is not allowed in a formula", ""
    name = unicodedata.name(character, "")
    code = f"U+{ord(character):04X}"
    meant = _LOOK_ALIKES.get(character) or unicodedata.normalize("NFKC", character)
    hint = ""
    if meant != character and meant.isprintable() and meant.strip():
        hint = f"did you mean '{meant}'?"
    elif character.isalpha():
        hint = "names are made of letters a-z, Greek letters, digits and _"
    return f"unexpected character {code} {name}".rstrip(), hint
