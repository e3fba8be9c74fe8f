"""Formulas of arrays in LaTeX, as they are written on a blackboard: 2(Wx - y)x^T."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from backtrace.algebra.matrices.forms import CHAIN, NUMBER, OUTER, PRODUCT, Form
from backtrace.algebra.matrices.spelled import Letters
from backtrace.algebra.spelling import Binding, Spelled

_COMPARED = {
    "less": "<",
    "less_equal": r"\le",
    "greater": ">",
    "greater_equal": r"\ge",
    "equal": "=",
    "==": "=",
    "not_equal": r"\ne",
}
_FUNCTIONS = ("exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh", "max", "min", "det")
_CALLED = {"log": r"\ln", "sigmoid": r"\sigma"}


class Latex:
    """`name` writes the name of a variable."""

    def __init__(self, letters: Letters, name: Callable[[str], str]) -> None:
        self.letters = letters
        self.name = name

    def text(self, a: Form) -> str:
        return self._spelled(a).text

    def _spelled(self, a: Form) -> Spelled:
        match a.kind:
            case "name":
                return Spelled(self.name(a.parts[0]))
            case "number":
                return self._number(a.parts[0])
            case "ones":
                return Spelled(rf"\mathbf{{1}}_{{{self._lengths(a.shape)}}}")
            case "zero":
                return Spelled(rf"\mathbf{{0}}_{{{self._lengths(a.shape)}}}")
            case "eye":
                return Spelled(rf"I_{{{self.letters.length(a.shape[0])}}}")
            case "sum":
                return self._sum(a)
            case "product":
                return self._product(a)
            case "chain":
                return self._chain(a)
            case "turned":
                return Spelled(rf"{self._atom(a.parts[0])}^\top", Binding.POWER)
            case "outer":
                left, right = a.parts
                text = rf"{self._factor(left)}\,{self._atom(right)}^\top"
                return Spelled(text, Binding.PRODUCT)
            case "shaped":
                return self._shaped(a.parts[0], a.shape)
            case "picked":
                text = rf"{self._atom(a.parts[0])}_{{{self.letters.index(a.parts[1])}}}"
                return Spelled(text, Binding.POWER)
            case "looked up":
                inner, axis, places = a.parts
                at = ", ".join([*[":"] * axis, *(self._spelled(p).text for p in places)])
                text = rf"{self._atom(inner)}_{{{at}}}"
                return Spelled(text, Binding.POWER)
            case "placed":
                inner, index = a.parts[:2]
                put = rf"\operatorname{{put}}_{{{self.letters.index(index)}}}"
                return Spelled(rf"{put}({self._spelled(inner).text})")
        return self._call(a)

    def _shaped(self, inner: Form, shape: tuple[int, ...]) -> Spelled:
        """A column for a vector is not said; other shapes are."""
        if [n for n in shape if n != 1] == [n for n in inner.shape if n != 1]:
            return self._spelled(inner)
        word = rf"\operatorname{{reshape}}_{{{self._lengths(shape)}}}"
        return Spelled(rf"{word}({self._spelled(inner).text})")

    def _lengths(self, shape: tuple[int, ...]) -> str:
        return r" \times ".join(self.letters.length(n).replace("*", "") for n in shape)

    def _atom(self, a: Form) -> str:
        spelled = self._spelled(a)
        return spelled.text if spelled.binding >= Binding.ATOM else _bracketed(spelled.text)

    def _factor(self, a: Form) -> str:
        spelled = self._spelled(a)
        return spelled.text if spelled.binding > Binding.PRODUCT else _bracketed(spelled.text)

    def _chain(self, a: Form) -> Spelled:
        """W^T(Wx - y): a vector before a vector is turned, so that the product is a number."""
        parts = [self._factor(part) for part in a.parts]
        if len(a.parts[0].shape) == 1:
            parts[0] = rf"{self._atom(a.parts[0])}^\top"
        return Spelled(r"\,".join(parts), Binding.PRODUCT)

    def _number(self, value: Fraction) -> Spelled:
        above, below = self._quotient(value)
        sign = "-" if value < 0 else ""
        text = _joined(above) or "1"
        if below:
            text = rf"\frac{{{text}}}{{{_joined(below)}}}"
        return Spelled(sign + text, Binding.SIGN if sign else Binding.ATOM)

    def _quotient(self, value: Fraction) -> tuple[list[str], list[str]]:
        """What stands above and below of a number's size."""
        above, below = self.letters.quotient(value)
        return [*map(_in_tens, above)], [*map(_in_tens, below)]

    def _sum(self, a: Form) -> Spelled:
        text = ""
        for factor, term in sorted(a.parts, key=lambda part: part[0] < 0):
            size = abs(factor)
            if term.kind == NUMBER:
                shown = self._number(size * term.parts[0])
            elif size != 1 and term.kind == PRODUCT:
                shown = self._product(Form(PRODUCT, a.shape, (size * term.parts[0], term.parts[1])))
            elif size != 1 or self._spelled(term).binding <= Binding.SUM:
                shown = self._product(Form(PRODUCT, a.shape, (size, ((term, Fraction(1)),))))
            else:
                shown = self._spelled(term)
            sign = ("-" if factor < 0 else "") if not text else " - " if factor < 0 else " + "
            text += sign + shown.text
        return Spelled(text, Binding.SUM)

    def _product(self, a: Form) -> Spelled:
        factor, factors = self.letters.with_means(*a.parts)
        arrays = sum(bool(f.shape) for f, p in factors if p > 0)
        above = [self._power(f, p, arrays == 1) for f, p in factors if p > 0]
        below = [self._power(f, -p, False) for f, p in factors if p < 0]
        plain = [t for t, (f, p) in zip(above, _above(factors), strict=True) if not f.shape]
        whole = [t for t, (f, p) in zip(above, _above(factors), strict=True) if f.shape]
        if arrays > 1:
            whole = [r" \odot ".join(whole)]
        over, under = self._quotient(factor)
        over = [*over, *plain, *whole]
        under = [*under, *below]
        text = _joined(over) or "1"
        if under:
            text = rf"\frac{{{text}}}{{{_joined(under)}}}"
        sign = "-" if factor < 0 else ""
        return Spelled(sign + text, Binding.SIGN if sign else Binding.PRODUCT)

    def _power(self, a: Form, exponent: Fraction, is_single: bool) -> str:
        if exponent == 1:
            is_plain = a.kind in (CHAIN, OUTER) and (is_single or not a.shape)
            return self._spelled(a).text if is_plain else self._factor(a)
        if exponent == Fraction(1, 2):
            return rf"\sqrt{{{self._spelled(a).text}}}"
        circled = r"\circ " if len(a.shape) == 2 else ""
        return rf"{self._atom(a)}^{{{circled}{self._number(exponent).text}}}"

    def _call(self, a: Form) -> Spelled:
        word, arguments = a.parts[:2]
        texts = [self._spelled(argument).text for argument in arguments]
        if word in _COMPARED:
            return Spelled(rf"[{texts[0]} {_COMPARED[word]} {texts[1]}]")
        if word == "einsum":
            return Spelled(rf"\operatorname{{einsum}}_{{{a.parts[2]}}}({', '.join(texts)})")
        if word == "inv":
            return Spelled(rf"{self._atom(arguments[0])}^{{-1}}", Binding.POWER)
        if word == "norm":
            return Spelled(rf"\lVert {texts[0]} \rVert")
        if word == "pow":
            return Spelled(rf"{self._atom(arguments[0])}^{{{texts[1]}}}", Binding.POWER)
        after = _words(self.letters.after(a.parts[2]))
        plain = rf"\{word}" if word in _FUNCTIONS else rf"\operatorname{{{_words(word)}}}"
        return Spelled(rf"{_CALLED.get(word, plain)}({', '.join(texts)}{after})")


def _above(factors: Any) -> list[tuple[Form, Fraction]]:
    return [(f, p) for f, p in factors if p > 0]


def _in_tens(text: str) -> str:
    """1e-05 as a power of ten."""
    digits, _, exponent = text.partition("e")
    if not exponent or not exponent.lstrip("+-").isdigit():
        return text.replace("*", r"\,")
    power = f"10^{{{int(exponent)}}}"
    return power if digits == "1" else rf"{digits} \cdot {power}"


def _joined(texts: list[str]) -> str:
    return r"\,".join(texts)


def _bracketed(text: str) -> str:
    return f"({text})"


def _words(text: str) -> str:
    return text.replace("_", r"\_")
