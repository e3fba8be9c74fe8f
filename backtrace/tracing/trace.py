"""A trace: what happened at one point, how it is shown, and what else can be asked of it.

t = backtrace.trace("(x+y)*z", {"x": -2, "y": 5, "z": -4})
t.value, t.gradients["x"]        the numbers (graph.record)
t.show("tree"), t.save("t.svg")  in any format
t.hessian(), t.to_digits(50)     computed when it is asked, once
t.showing(t.hessian()).show()    and shown with the rest
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from backtrace import render
from backtrace.algebra.values import Value
from backtrace.errors import UsageError
from backtrace.gates.shapes import ShapeError
from backtrace.graph.costs import Cost
from backtrace.graph.directions import ForwardMode, Hessian, HessianProduct
from backtrace.graph.paths import Routes
from backtrace.graph.record import (
    Descent,
    Jacobian,
    Note,
    Record,
    SecondDerivative,
    Wording,
)
from backtrace.language import tell
from backtrace.numbers import LONGEST_LINE, array, one_line
from backtrace.render import View
from backtrace.tracing import questions
from backtrace.tracing.request import Request

if TYPE_CHECKING:
    from backtrace.graph.paths_arrays import ArrayRoutes

T = TypeVar("T")

_DAMAGE = (AttributeError, ShapeError, TypeError, ValueError)
_MOST_DRAWN = 300  # nodes, in a notebook
_MOST_TOLD = 4  # variables, in a REPL

_Told = Wording | Descent | Cost | ForwardMode | Hessian | HessianProduct
Answer = _Told | Sequence[SecondDerivative] | Sequence[Jacobian]
"""What a question gives, to be shown with the trace."""


class Origin(NamedTuple):
    """How the values were written (1/3 is 1/3, not a float), and what was asked."""

    written: Mapping[str, str] = MappingProxyType({})
    request: Request = Request()


UNKNOWN = Origin()


@dataclass(frozen=True, eq=False, repr=False)
class Trace(Record):
    """A record that can show itself, and answer what follows from it. Answers are kept."""

    origin: Origin = UNKNOWN

    def __repr__(self) -> str:
        named = [f"{name} = {array(value)}" for name, value in [*self.point.items()][:_MOST_TOLD]]
        state = "right" if self.ok else "wrong"
        if not self.has_point:
            return one_line(f"<Trace {self.formula[:LONGEST_LINE]}>")
        told = f"{state}, {self.graph.output_name} = {array(self.value)} at {', '.join(named)}"
        return one_line(f"<Trace {told}: {self.formula[:LONGEST_LINE]}>")

    def show(self, format: str = "table", view: View | None = None) -> str:
        """The trace as text in one of `backtrace.render.formats()`."""
        return render.draw(self, format, view or View())

    def to_json(self) -> str:
        """The object that `backtrace --json` prints (schema backtrace.trace/1)."""
        return self.show("json")

    @classmethod
    def from_json(cls, text: str, arrays: Mapping[str, Any] | None = None) -> Trace:
        """A trace that `to_json` wrote; `arrays` is the .npz file beside it, if there is one (what
        `numpy.load` gives). Raises UsageError where it is damaged."""
        from backtrace.tracing import saved

        trace = cls(**saved.read(text, {} if arrays is None else arrays))
        request = Request(trace.granularity, trace.wrt, questions.arrived(trace))
        trace = replace(trace, origin=Origin(request=request))
        try:  # what the schema cannot say: every number where a number is due
            for format in render.PLAIN:
                trace.show(format)
        except (ArithmeticError, LookupError, *_DAMAGE) as e:
            raise UsageError(
                tell("the saved trace is damaged: {name} {e}", name=type(e).__name__, e=e)
            ) from None
        return trace

    def save(self, path: str | os.PathLike[str], view: View | None = None) -> None:
        """Writes the trace to a file, in the format of its suffix. Whole or not at all."""
        name = os.fspath(path)
        from backtrace import files

        files.write(name, render.data(self, render.format_of(name), view or View()))

    def showing(self, *answers: Answer) -> Trace:
        """The trace with answers that every format shows beside its numbers.

        >>> import backtrace
        >>> t = backtrace.trace("x*y", {"x": 2, "y": 3})
        >>> "gradient descent" in t.showing(t.descend(0.1)).show()
        True
        """
        asked = self.asked
        notes = self.notes
        for answer in answers:
            if isinstance(answer, Wording):
                shown = answer._replace(remark="")
                asked = asked._replace(wordings=(*asked.wordings, shown))
                notes += (Note(answer.kind, answer.remark),) * bool(answer.remark)
            elif isinstance(answer, Descent):
                asked = asked._replace(descent=answer)
            elif isinstance(answer, Cost):
                asked = asked._replace(cost=answer)
            elif isinstance(answer, ForwardMode):
                asked = asked._replace(forward=(*asked.forward, answer))
            elif isinstance(answer, Hessian):
                asked = asked._replace(hessian=answer)
            elif isinstance(answer, HessianProduct):
                asked = asked._replace(product=answer)
            elif all(isinstance(entry, SecondDerivative) for entry in answer):
                asked = asked._replace(seconds=(*asked.seconds, *answer))
            else:
                asked = asked._replace(jacobians=(*asked.jacobians, *answer))
        return replace(self, asked=asked, notes=notes)

    def of(self, name: str) -> Trace:
        """The trace whose result is the stage `name`, by what that needs alone. Raises UsageError
        where there is no such stage.

        >>> import backtrace
        >>> backtrace.trace("q = x + y; f = q*z", {"x": -2, "y": 5, "z": -4}).of("q").gradients
        {'x': 1.0, 'y': 1.0}
        """
        return self._once(("of", name), lambda: questions.of(self, name))

    def formulas(self) -> Wording:
        """Every value, upstream, local and downstream gradient as a formula in the names of the
        variables and the stages, per node and edge; where the trace was checked, `simplified` has
        SymPy's form of each derivative. No point is needed. Of arrays the formulas are of arrays,
        `2*outer(W@x - y, x)`; raises UsageError where one has none.

        >>> import backtrace
        >>> backtrace.trace("x^2*y", {"x": 2, "y": 3}).formulas().upstreams[0]
        'y*(2*x)'
        """
        return self._once("formulas", lambda: questions.formulas(self))

    def exactly(self) -> Wording:
        """Every number exactly, 1/3 or sqrt(2)/2, from the values as they were written; `remark`
        says how the floats agree. Raises UsageError for arrays, and where exact arithmetic takes
        too long or cannot do it.

        >>> import backtrace
        >>> backtrace.trace("x/y", {"x": 1, "y": 3}).exactly().values[-1]
        '1/3'
        """
        return self._once("exactly", lambda: questions.exactly(self))

    def to_digits(self, digits: int) -> Wording:
        """Every number to so many significant digits (1 to 1000), the values read as they were
        written: 0.1 is a tenth. Raises UsageError for arrays.

        >>> import backtrace
        >>> backtrace.trace("x*pi", {"x": "0.1"}).to_digits(20).values[-1]
        '0.31415926535897932385'
        """
        return self._once(("digits", digits), lambda: questions.to_digits(self, digits))

    def hessian(self) -> tuple[SecondDerivative, ...] | Any:  # of arrays a Hessian; none narrows it
        """The second derivatives of the output, each pair of the first 12 variables once: SymPy's
        formula and value, and the measured slope of backprop's own gradient, with the verdict on
        the two. Without a point the formulas alone.

        Of arrays, and where an upstream was given, a `Hessian`: one matrix by every entry of the
        variables asked for (indices and classes left out), (n, n) for n entries in all, counted row
        by row, with its structure and eigenvalues, held against the measured slope of the gradient.
        Of an output that is an array it is that of its sum, weighed by the upstream. Raises
        UsageError above 100 entries.

        >>> import backtrace
        >>> [entry.symbolic for entry in backtrace.trace("x^2*y", {"x": 2, "y": 3}).hessian()]
        [6.0, 4.0, 0.0]
        >>> found = backtrace.trace("sum(x^3)", {"x": [1, 2]}).hessian()
        >>> found.entries.tolist(), found.structure, found.definiteness
        ([[6.0, 0.0], [0.0, 12.0]], 'diagonal', 'positive definite')
        """
        return self._once("hessian", lambda: questions.hessian(self))

    def second_derivatives(
        self, along: Mapping[str, object] | None = None
    ) -> tuple[SecondDerivative, ...] | Hessian | HessianProduct:
        """`hessian()` where that fits, and no direction is given; else `hessian_product(along)`.

        >>> import backtrace
        >>> t = backtrace.trace("sum(x^2)", {"x": "ones(101)"})
        >>> type(t.second_derivatives()).__name__
        'HessianProduct'
        """
        if along is None and questions.has_small_hessian(self):
            return self.hessian()
        return self.hessian_product(along)

    def hessian_product(self, along: Mapping[str, object] | None = None) -> HessianProduct:
        """The Hessian times a direction v (`along`: by variable a number, an array in its shape, or
        its text), without forming it: how the gradient by each variable asked for changes per step
        along v, by forward over reverse (Pearlmutter 1994), and the same measured. Without `along`
        v is all ones. Raises UsageError for a direction that does not fit.

        >>> import backtrace
        >>> t = backtrace.trace("sum((W@x)^2)", {"W": [[1, 2], [3, 4]], "x": [1, 1]})
        >>> t.hessian_product({"W": [[1, 0], [0, 0]]}).product["x"].tolist()
        [8.0, 4.0]
        """
        if along is not None:
            return questions.hessian_product(self, along)
        return self._once("product", lambda: questions.hessian_product(self, None))

    def jacobians(self) -> tuple[Jacobian, ...]:
        """Of every gate by each of its inputs, where one of the two is an array, then of the output
        by every variable asked for (`gate` is None). Entries count row by row; one that is too
        large (over 4,096 rows or 1,000,000 entries) has None, and is told by its products.

        >>> import backtrace
        >>> t = backtrace.trace("max(0, x)", {"x": [1, -2]})
        >>> [jacobian.structure for jacobian in t.jacobians()]
        ['diagonal', 'diagonal']
        """
        return self._once("jacobians", lambda: questions.jacobians(self))

    def jacobian(self, name: str) -> Jacobian:
        """The output's by one variable: a row for each entry of the output, a column for each of
        the variable; too large a one has no `entries`. Raises UsageError for another name.

        >>> import backtrace
        >>> t = backtrace.trace("W@x", {"W": [[1, 2], [3, 4]], "x": [5, 6]})
        >>> t.jacobian("x").entries.tolist()
        [[1.0, 2.0], [3.0, 4.0]]
        """
        return questions.jacobian(self, name)

    def tangents(self, name: str, along: object = None) -> tuple[Value, ...]:
        """Forward mode: the change of every node per step of one variable along a direction, each
        in its node's shape, in the graph's order: of a number its derivative. `along` is an array
        in the variable's shape, a number for every entry, or its text; without it all ones. Raises
        UsageError for a direction that does not fit, and for a name that is no variable.

        >>> import backtrace
        >>> backtrace.trace("(x+y)*z", {"x": -2, "y": 5, "z": -4}).tangents("x")
        (1.0, 0.0, 0.0, 1.0, -4.0)
        >>> t = backtrace.trace("W@x", {"W": [[1, 2], [3, 4]], "x": [5, 6]})
        >>> t.tangents("x", along=[1, 0])[-1].tolist()
        [1.0, 3.0]
        """
        if along is not None:
            return questions.tangents(self, name, along)
        return self._once(("tangents", name), lambda: questions.tangents(self, name, None))

    def forward_mode(self, name: str, along: object = None) -> ForwardMode:
        """The tangents, with the dot-product test: u . Jv by tangents and v . J.T u by backprop are
        one number found in two ways, and the measured slope along v is the third. Arguments and
        errors as of `tangents`.

        >>> import backtrace
        >>> t = backtrace.trace("sum(W@x)", {"W": [[1, 2], [3, 4]], "x": [5, 6]})
        >>> found = t.forward_mode("W", along=[[1, 0], [0, 1]])
        >>> found.by_tangents, found.by_gradients, found.measured, found.verdict
        (11.0, 11.0, 11.0, 'agree')
        """
        if along is not None:
            return questions.forward_mode(self, name, along)
        return self._once(("forward", name), lambda: questions.forward_mode(self, name, None))

    def paths(self, name: str, most: int = 8) -> Routes | ArrayRoutes:
        """The `most` largest routes from a variable to the output, each with the product of its
        local gradients; how many there are; and their sum, which is the gradient. Of arrays each
        has what it adds to the gradient, in the variable's shape, and its norm; and where the flow
        is stopped is said by entries. Raises UsageError for a name that is no variable.

        >>> import backtrace
        >>> backtrace.trace("x*y + x", {"x": 2, "y": 3}).paths("x").total
        4.0
        """
        return self._once(("paths", name, most), lambda: questions.paths(self, name, most))

    def descend(
        self, rate: float, steps: int = 1, tick: Callable[[], None] = lambda: None
    ) -> Descent:
        """So many steps (1 to 1,000,000) of `rate` times the gradient by the variables asked for,
        down from the point: the output before and after each, and where they end. `tick` is called
        after every step. Raises UsageError where the output is an array.

        >>> import backtrace
        >>> backtrace.trace("(x-3)^2", {"x": 0}).descend(0.5).outputs
        (9.0, 0.0)
        """
        key = ("descend", rate, steps)
        return self._once(key, lambda: questions.descend(self, rate, steps, tick))

    def cost(self, every: int | None = None) -> Cost:
        """What the gradients by the variables asked for cost: every gate's multiplications forward
        and backward and the bytes that are kept for the way back, counted by running its rules on
        shapes; and forward mode and checkpoints beside reverse mode. With checkpoints `every` so
        many gates: the square root of their number. Raises UsageError where that is no number
        from 1. No point is needed.

        >>> import backtrace
        >>> cost = backtrace.trace("W@x", {"W": [[1, 2], [3, 4]], "x": [5, 6]}).cost()
        >>> cost.forward.multiplications, cost.backward.multiplications, cost.kept
        (4, 8, 0)
        """
        return self._once(("cost", every), lambda: questions.cost(self, every))

    def explain(self) -> str:
        """The backward pass in words, gate by gate, as a teacher would tell it.

        >>> import backtrace
        >>> "A mul gate switches" in backtrace.trace("x*y", {"x": 2, "y": 3}).explain()
        True
        """
        return self._once("explain", lambda: questions.explain(self))

    def _once(self, key: object, make: Callable[[], T]) -> T:
        if key not in self._answers:
            self._answers[key] = make()
        found: T = self._answers[key]
        return found

    @cached_property
    def _answers(self) -> dict[object, Any]:
        return {}

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        """In a notebook: the picture, or the table where it cannot be shown or would not help."""
        found = {"text/plain": self.show("table").rstrip("\n")}
        if len(self.graph.nodes) <= _MOST_DRAWN:
            found |= {"image/svg+xml": self._repr_svg_(), "text/html": self._repr_html_()}
        return found

    def _repr_svg_(self) -> str:
        return self.show("svg")

    def _repr_html_(self) -> str:
        """The picture; and the page that steps forward and backward, to be opened below it."""
        from backtrace.render._notebook import framed

        return framed(self.show("svg"), self.show("html"))

    def _repr_latex_(self) -> str:
        """The gradients, each with its formula's value."""
        from backtrace.render._notebook import gradients_in_latex

        return gradients_in_latex(self, View())
