"""einsum: sums of products, by letters for the axes: einsum("ij,jk->ik", x, y) is x @ y.

A letter that is not in the output is summed over; one that stands twice at an array is its
diagonal.
Backwards it is the same with u in an operand's place (Laue, Mitterreiter and Giesen, "A simple and
efficient tensor calculus", 2020).
"""

from __future__ import annotations

import string
from typing import Any

from backtrace.algebra import Value
from backtrace.algebra.spelling import Spelled
from backtrace.gates.gate import Gate, Role
from backtrace.gates.shapes import MOST_AXES, Shape, ShapeError, say, size
from backtrace.language import marked, tell, tell_many

_HINT = marked(
    'einsum("ij,jk->ik", A, B): letters for every axis of every array, then those that are left'
)

_MOST_ARRAYS = 24  # the order of the products is looked for, in the cube of their number


def _letters(subscripts: str, count: int) -> tuple[list[str], str]:
    """The letters of each operand, and of the output: without an arrow those that stand once, in
    the order of the alphabet. Raises ShapeError."""
    text = subscripts.replace(" ", "")
    if "." in text:
        raise ShapeError(tell("... is not read in einsum"), tell("write a letter for every axis"))
    inputs, arrow, output = text.partition("->")
    terms = inputs.split(",")
    if not (inputs + output).replace(",", "").isalpha() or "," in output or ">" in output:
        raise ShapeError(tell("'{subscripts}' is not read", subscripts=subscripts), tell(_HINT))
    if len(terms) != count:
        arrays = tell_many("{n} array", "{n} arrays", n=count)
        raise ShapeError(
            tell(
                "'{subscripts}' is of {count} arrays, not of {arrays}",
                subscripts=subscripts,
                count=len(terms),
                arrays=arrays,
            ),
            tell(_HINT),
        )
    joined = "".join(terms)
    if not arrow:
        output = "".join(sorted(c for c in set(joined) if joined.count(c) == 1))
    for letter in output:
        if output.count(letter) > 1 or letter not in joined:
            raise ShapeError(
                tell("'{letter}' of the output stands there twice, or at no array", letter=letter),
                tell(_HINT),
            )
    return terms, output


def _lengths(terms: list[str], shapes: tuple[Shape, ...]) -> dict[str, int]:
    """How long each letter's axis is. Raises ShapeError where two do not fit."""
    found: dict[str, int] = {}
    for term, shape in zip(terms, shapes, strict=True):
        if len(term) != len(shape):
            words = tell(
                "'{term}' has {count} letters, and shape {shape} {shape_count} axes",
                term=term,
                count=len(term),
                shape=say(shape),
                shape_count=len(shape),
            )
            raise ShapeError(words, tell(_HINT))
        for letter, length in zip(term, shape, strict=True):
            if found.setdefault(letter, length) != length:
                raise ShapeError(
                    tell(
                        "'{letter}' is an axis of {found} and one of {length}",
                        letter=letter,
                        found=found[letter],
                        length=length,
                    )
                )
    return found


def _shape(*operands: Any) -> Shape:
    *shapes, subscripts = operands
    if len(shapes) > _MOST_ARRAYS:
        raise ShapeError(
            tell("einsum of more than {most} arrays", most=_MOST_ARRAYS),
            tell("in parts: einsum of what einsum gives"),
        )
    terms, output = _letters(subscripts, len(shapes))
    lengths = _lengths(terms, tuple(shapes))
    if len(output) > MOST_AXES:
        raise ShapeError(
            tell(
                "an array has at most {most_axes} axes, not {count}",
                most_axes=MOST_AXES,
                count=len(output),
            )
        )
    return tuple(lengths[letter] for letter in output)


def _products(*operands: Any) -> int:
    *shapes, subscripts = operands
    terms, _ = _letters(subscripts, len(shapes))
    return size(tuple(_lengths(terms, tuple(shapes)).values())) * len(shapes)


def _forward(m: Any, *operands: Any) -> Value:
    *arrays, subscripts = operands
    terms, output = _letters(subscripts, len(arrays))
    return m.einsum(f"{','.join(terms)}->{output}", *arrays)


def _back(m: Any, k: int, u: Value, _: Value, *operands: Any) -> Value:
    """The upstream in the operand's place. A diagonal goes back onto a diagonal, by an identity;
    what was summed over alone is repeated, by ones."""
    *arrays, subscripts = operands
    terms, output = _letters(subscripts, len(arrays))
    own, shape = terms[k], m.shape(arrays[k])
    others = [*terms[:k], *terms[k + 1 :]]
    given, labels = [u, *arrays[:k], *arrays[k + 1 :]], [output, *others]
    free = iter(sorted(set(string.ascii_letters) - set("".join(terms))))
    target = ""
    for letter, length in zip(own, shape, strict=True):
        name = letter
        if letter in target:
            name = next(free)
            given.append(m.identity((length, length)))
            labels.append(letter + name)
        elif letter not in "".join([output, *others]):
            given.append(m.ones((length,)))
            labels.append(letter)
        target += name
    return m.einsum(f"{','.join(labels)}->{target}", *given)


def _written(operands: list[Spelled]) -> Spelled:
    *arrays, subscripts = (operand.text for operand in operands)
    return Spelled(f"einsum({', '.join([subscripts, *arrays])})")


EINSUM = Gate(
    name="einsum",
    summary=marked('sums of products, by letters for the axes: einsum("ij,jk->ik", x, y) is x@y'),
    parameters=("x", "y", "subscripts"),
    variadic=True,
    role=Role.SWITCHER,
    forward=_forward,
    local=(),
    formula="einsum(x, y, subscripts)",
    pullback=_back,
    rules=(marked("einsum of upstream and the other arrays, to the letters of this one"),),
    shape=_shape,
    fixed=("subscripts",),
    notation=_written,
    products=_products,
)

ROWS = (EINSUM,)
