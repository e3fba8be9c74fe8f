"""What LaTeX's macros are in our own grammar, and what to do instead of those that are not read."""

from __future__ import annotations

import unicodedata

from backtrace.formula.characters import GREEK_LETTERS
from backtrace.language import marked

_OTHERWISE = {"LAMDA": "lambda", "FINAL SIGMA": "varsigma"}


def _macro_of(letter: str) -> str:
    """α is alpha, Γ is Gamma."""
    _, case, _, name = unicodedata.name(letter).split(" ", 3)
    name = _OTHERWISE.get(name, name).lower()
    return name if case == "SMALL" else name.capitalize()


GREEK = {_macro_of(letter): letter for letter in GREEK_LETTERS}
GREEK |= {"varepsilon": "ε", "varphi": "φ", "vartheta": "θ"}
FUNCTIONS = {
    "exp": "exp",
    "log": "log",
    "ln": "ln",
    "max": "max",
    "min": "min",
    "sin": "sin",
    "cos": "cos",
    "tan": "tan",
    "sinh": "sinh",
    "cosh": "cosh",
    "tanh": "tanh",
    "arcsin": "asin",
    "arccos": "acos",
    "arctan": "atan",
    "det": "det",
}
WORDS = {"tr": "trace", "Tr": "trace", "sgn": "sign"}
"""Functions that are written in upright letters, \\operatorname{tr}, and have another name here."""
SIGNS = {
    "cdot": "·",
    "times": "×",
    "odot": "*",
    "circ": "*",
    "ast": "*",
    "div": "/",
    "le": "<=",
    "leq": "<=",
    "ge": ">=",
    "geq": ">=",
    "ne": "!=",
    "neq": "!=",
    "lt": "<",
    "gt": ">",
}
BARS = {"lVert": "‖", "rVert": "‖", "Vert": "‖", "|": "‖", "lvert": "|", "rvert": "|", "vert": "|"}
SPACES = {",", ";", ":", "!", " ", "quad", "qquad", "left", "right", "big", "Big", "bigl", "bigr"}
SPACES |= {"Bigl", "Bigr", "bigg", "Bigg", "displaystyle", "textstyle", "limits", "nonumber"}
FONTS = {"mathrm", "operatorname", "text", "mathbf", "mathit", "mathcal", "boldsymbol", "bm"}
FONTS |= {"mathsf", "mathtt", "textbf", "textit", "textrm", "operatorname*"}
ACCENTS = {"hat": "hat", "bar": "bar", "tilde": "tilde", "overline": "bar", "widehat": "hat"}
MATRICES = {"bmatrix", "pmatrix", "matrix", "array", "smallmatrix"}
LINES = {"align", "align*", "aligned", "equation", "equation*", "gather", "gather*", "split"}
TRANSPOSED = {"T", "top", "intercal"}
INSTEAD = {
    "partial": marked("backtrace finds the derivatives itself: write the formula alone"),
    "nabla": marked("backtrace finds the gradients itself: write the formula alone"),
    "int": marked("there are no integrals: write what is to be differentiated"),
    "lim": marked("there are no limits: give the point as a value"),
    "infty": marked("there is no infinity: leave it out"),
    "prod": marked("write prod(x)"),
    "otimes": marked("write outer(x, y) or kron(x, y)"),
    "lfloor": marked("write floor(x)"),
    "lceil": marked("write ceil(x)"),
    "sec": marked("write 1/cos(x)"),
    "csc": marked("write 1/sin(x)"),
    "cot": marked("write 1/tan(x)"),
    "pm": marked("write one of the two signs"),
    "begin": marked("there are bmatrix, pmatrix, cases and align"),
}
FRACTIONS = ("frac", "dfrac", "tfrac", "cfrac")
