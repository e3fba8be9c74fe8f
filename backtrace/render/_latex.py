"""Text and formulas for LaTeX. What a user typed is escaped, or read and written as mathematics."""

from __future__ import annotations

import re
import unicodedata

from backtrace.render._words import subscript

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\ensuremath{<}",
    ">": r"\ensuremath{>}",
    "|": r"\ensuremath{|}",
    "…": r"\dots{}",
    "−": r"\ensuremath{-}",
    "×": r"\ensuremath{\times}",
    "÷": r"\ensuremath{\div}",
    "√": r"\ensuremath{\surd}",
    "≤": r"\ensuremath{\le}",
    "≥": r"\ensuremath{\ge}",
    "≠": r"\ensuremath{\ne}",
    "·": r"\ensuremath{\cdot}",
    "⋅": r"\ensuremath{\cdot}",
    **{sign: rf"\ensuremath{{_{{{digit}}}}}" for digit, sign in enumerate("₀₁₂₃₄₅₆₇₈₉")},
    **{sign: rf"\ensuremath{{^{{{digit}}}}}" for digit, sign in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")},
    "Σ": r"\ensuremath{\Sigma}",
    "σ": r"\ensuremath{\sigma}",
}
_CAPITALS = (
    *("gamma", "delta", "theta", "lambda", "xi", "pi"),
    *("sigma", "upsilon", "phi", "psi", "omega"),
)
_MATH = {
    "²": "^{2}",
    "³": "^{3}",
    "×": r"\times ",
    "÷": r"\div ",
    "Σ": r"\Sigma ",
    "σ": r"\sigma ",
    "−": "-",
    "…": r"\dots ",
}
_FUNCTIONS = ("exp", "log", "ln", "sin", "cos", "tan", "sinh", "cosh", "tanh", "max", "min")
_TOKEN = re.compile(
    r"[0-9]+\.?[0-9]*(?:e[-−+]?[0-9]+)?|\.[0-9]+|\.T\b|[^\W\d²³][^\W²³]*|#[0-9]+|<=|>=|==|!=|//|.",
    re.DOTALL,
)
_SIGNS = {"<=": r"\le ", ">=": r"\ge ", "==": "=", "!=": r"\ne ", "*": r"\cdot ", "…": r"\dots "}
_SIGNS |= {
    "%": r"\bmod ",
    "//": r"\mathbin{/\!/}",
    "&": r"\&",
    "#": r"\#",
    "{": r"\{",
    "}": r"\}",
    "~": r"\sim ",
    "\\": "",
}
_SIGNS |= {"@": r"\,", ".T": r"^{\top}"}


def escaped(text: str) -> str:
    """Text as text."""
    return "".join(_letter(c) for c in text)


def _letter(character: str) -> str:
    if character in _SPECIAL:
        return _SPECIAL[character]
    return character if character.isascii() else f"\\ensuremath{{{_greek(character)}}}"


def _greek(character: str) -> str:
    """\\alpha for α; what LaTeX has no letter for by its name."""
    name = unicodedata.name(character, "")
    found = re.fullmatch(r"GREEK (SMALL|CAPITAL) LETTER ([A-Z]+)", name)
    if found is None:
        return rf"\text{{{re.sub('[^A-Za-z ]', '', name).lower() or '?'}}}"
    letter = found[2].lower().replace("lamda", "lambda")
    if letter == "omicron":
        return "o"
    has_capital = letter in _CAPITALS
    if found[1] == "CAPITAL":
        return f"\\{letter.capitalize()}" if has_capital else letter[0].upper()
    return f"\\{letter}"


def math_name(name: str) -> str:
    """$w_0$, $\\mathit{hidden}$."""
    return f"${symbol(name)}$"


def symbol(name: str) -> str:
    """The same inside mathematics."""
    base, below = subscript(name)
    if base.isascii():
        letters = base.replace("_", r"\_")
        shown = letters if len(base) == 1 else rf"\mathit{{{letters}}}"
    else:
        shown = "".join(c if c.isascii() else _greek(c) + " " for c in base).replace("_", r"\_")
    return f"{shown}_{{{below}}}" if below else shown


def math_text(text: str) -> str:
    """A number, or what is in a gate."""
    if re.fullmatch(r"[−\-]?[\d.]+e[−\-]?\d+", text):
        mantissa, _, exponent = text.replace("−", "-").partition("e")
        return rf"${mantissa}\cdot 10^{{{exponent}}}$"
    if text.startswith("norm "):
        return rf"\textsf{{norm }}{math_text(text[5:])}"
    if text == "@":
        return r"\texttt{@}"
    if re.fullmatch(r"[\w ]{2,}", text) and text.isascii() and not text[0].isdigit():
        return rf"\textsf{{{escaped(text)}}}"
    return f"${formula(text)}$"


def formula(text: str) -> str:
    """A formula of ours as mathematics, sign by sign: nothing of it is a command."""
    pieces = []
    tokens = _TOKEN.findall(text)
    for index, token in enumerate(tokens):
        following = tokens[index + 1] if index + 1 < len(tokens) else ""
        if token in _SIGNS or token in _MATH:
            pieces.append(_SIGNS.get(token) or _MATH.get(token, ""))
        elif token == "^":
            pieces.append("^")
            if len(following) > 1 or following == "-":
                pieces.append(r"\wedge " if not following[0].isdigit() else "")
        elif token[0].isdecimal() or (token[0] == "." and len(token) > 1):
            pieces.append(_number(token, index > 0 and tokens[index - 1] == "^"))
        elif token[0].isalpha() or token[0] == "_":
            pieces.append(_word(token, following == "("))
        elif token.startswith("#") and len(token) > 1:
            pieces.append(f"v_{{{token[1:]}}}")
        elif token.isascii():
            pieces.append(token)
        else:
            pieces.append(_greek(token))
    return "".join(pieces)


def _number(token: str, is_exponent: bool) -> str:
    mantissa, _, exponent = token.replace("−", "-").partition("e")
    text = rf"{mantissa}\cdot 10^{{{exponent}}}" if exponent else token
    return f"{{{text}}}" if is_exponent else text


def _word(token: str, is_called: bool) -> str:
    if token in _FUNCTIONS and is_called:
        return rf"\{token}"
    if is_called or (token.isascii() and len(subscript(token)[0]) > 1 and token in ("pi", "tau")):
        return rf"\operatorname{{{token}}}".replace("_", r"\_") if is_called else f"\\{token}"
    return symbol(token)
