"""Somebody's backward pass, as it was read: the formula, and the lines of every gradient."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from backtrace.code.losses import Candidate
from backtrace.code.program import Source
from backtrace.code.stages import Stage
from backtrace.code.values import (
    CannotRead,
)


@dataclass(frozen=True, slots=True)
class Line:
    """A line that gives a gradient what it holds: its stage, the expression of the code, and
    whether it adds to what was there, or sets a part of it. Of rows that an array tells, what it
    would be if they were added up."""

    stage: str
    node: ast.AST
    adds: bool = False
    entry: bool = False
    added_up: str = ""


@dataclass(frozen=True, slots=True)
class Gradient:
    """name    as the code has it
    of      the forward names that it may be the gradient of, the likeliest first
    lines   those that it comes from, in order; the last is what it is in the end
    error   why it cannot be read, if it cannot
    stands  the line of the file that gives it what it holds, where that cannot be read; else 0
    """

    name: str
    of: tuple[str, ...]
    lines: tuple[Line, ...] = ()
    error: CannotRead | None = None
    stands: int = 0

    @property
    def final(self) -> str:
        return self.lines[-1].stage if self.lines else ""

    @property
    def row(self) -> int:
        """The line of the file where it is final."""
        node: object = self.lines[-1].node if self.lines else self.error
        return getattr(node, "lineno", getattr(node, "line", 0))


@dataclass(frozen=True, slots=True)
class BackwardPass:
    """source     the file
    forward    the formula, its last stage the result
    stages     the stages of the formula and of the gradients, in order
    point      the values that the code gives its inputs, as texts
    gradients  in the order of the lines where they are final
    upstream   the input that is the gradient of the result; "" where that is 1
    settled    the names among those given that are no inputs
    notes      how the code was read where that is not as written
    helpers    the other lines of the backward pass
    places     the inputs that tell places which are set: dC[ix] = v
    outputs    those of a function that are added up to the result, where it has several
    may_be     the numbers of a script, besides the result, that may be meant, the likeliest first
    """

    source: Source
    forward: tuple[Stage, ...]
    stages: tuple[Stage, ...]
    point: dict[str, str]
    gradients: tuple[Gradient, ...]
    upstream: str = ""
    settled: frozenset[str] = frozenset()
    notes: tuple[str, ...] = field(default=())
    helpers: tuple[Line, ...] = ()
    module: str = ""  # the class whose forward and backward they are
    sums: frozenset[str] = frozenset()  # stages that only add up what others hold
    places: frozenset[str] = frozenset()
    outputs: tuple[str, ...] = ()
    may_be: tuple[Candidate, ...] = ()

    @property
    def result(self) -> str:
        return self.forward[-1].name

    @property
    def result_line(self) -> int:
        """The line of the file that gives the result its value; 0 where there is none."""
        return self.forward[-1].line if self.forward else 0
