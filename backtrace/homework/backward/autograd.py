"""A class of somebody's own that works out gradients: each operator judged as a gate, and whether
`backward` takes every node once, after all that use it."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from backtrace.code.autograd import (
    INPUTS,
    NUMBER,
    OBJECT,
    PLAIN,
    SAME,
    STEPS,
    UPSTREAM,
    Autograd,
    MethodReader,
    NoLocalGradient,
    Operation,
)
from backtrace.code.backward_pass import BackwardPass, Gradient, Line
from backtrace.code.program import Source
from backtrace.code.values import CannotRead
from backtrace.homework.backward.composed import wrong_values
from backtrace.homework.backward.edit import Edit
from backtrace.homework.backward.factor_edits import LOCAL_LOST
from backtrace.homework.backward.figures import agree, own_point
from backtrace.homework.backward.judging import (
    IN_GENERAL,
    OK,
    UNREAD,
    WRONG,
    Court,
    Judged,
    LineVerdict,
)
from backtrace.homework.backward.orders import are_same, slips_of_order
from backtrace.language import tell
from backtrace.numbers import number

_MEANT: dict[str, Callable[..., float]] = {
    "__add__": lambda a, b: a + b,
    "__sub__": lambda a, b: a - b,
    "__mul__": lambda a, b: a * b,
    "__truediv__": lambda a, b: a / b,
    "__pow__": lambda a, b: a**b,
    "__neg__": lambda a: -a,
    "__radd__": lambda a, b: b + a,
    "__rsub__": lambda a, b: b - a,
    "__rmul__": lambda a, b: b * a,
    "__rtruediv__": lambda a, b: b / a,
    "exp": math.exp,
    "log": math.log,
    "tanh": math.tanh,
    "sin": math.sin,
    "cos": math.cos,
    "sqrt": math.sqrt,
    "relu": lambda a: max(a, 0.0),
    "sigmoid": lambda a: 1 / (1 + math.exp(-a)),
}
"""What a method of this name is to give."""
_ARITHMETIC = {"__add__": "+", "__sub__": "-", "__mul__": "*", "__truediv__": "/"}
_CASES = (OBJECT, NUMBER, SAME)


def judge_class(source: Source, tree: ast.Module, of: Autograd) -> Judged:
    """The verdicts on every method, in the order of the file. Raises CannotRead."""
    notes: dict[str, None] = {}
    found: list[LineVerdict] = []
    for method in of.methods:
        tried = _Method(source, tree, of, method)
        found += tried.verdicts()
        notes |= dict.fromkeys(note for case in tried.read.values() for note in case.code.notes)
    found += _of_composed(tree, of)
    if of.backward is not None:
        found.append(_order(source, tree, of, of.backward, found))
    gradients = tuple(verdict.gradient for verdict in found)
    code = BackwardPass(source, (), (), {}, gradients, notes=tuple(notes))
    return Judged(code, tuple(found))


def _of_composed(tree: ast.Module, of: Autograd) -> Iterator[LineVerdict]:
    """Of operators that are made of others those that give another value than is meant."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == of.name:
            for method, given, own, due, note in wrong_values(node, _MEANT):
                line = Line("", given)
                gradient = Gradient(method.name, (), (line,))
                yield LineVerdict(gradient, method.name, WRONG, line, (), own, due, note, "value")


class _Method:
    """One operator, with two objects, with one below 0, with a plain number, and with itself."""

    def __init__(
        self, source: Source, tree: ast.Module, of: Autograd, method: ast.FunctionDef
    ) -> None:
        self.name, self.node = method.name, method
        self.read: dict[str, Operation] = {}
        self.errors: dict[str, CannotRead] = {}
        is_binary = len(method.args.args) > 1
        for case in _CASES if is_binary else (OBJECT,):
            try:
                self.read[case] = MethodReader(source, tree, of).operation(method, case)
            except CannotRead as error:
                self.errors[case] = error

    def verdicts(self) -> Iterator[LineVerdict]:
        if not self.read:
            error = next(iter(self.errors.values()))
            yield _unread(self.name, error)
            return
        courts = {case: _court(op.code, op.operands) for case, op in self.read.items()}
        value = self._of_value(courts)
        if value is not None:
            yield value
            return
        found: dict[str, LineVerdict] = {}
        for case, court in courts.items():
            if case == SAME and not all(verdict.passes for verdict in found.values()):
                continue
            for verdict in court.judged().verdicts:
                name = verdict.gradient.name
                if name not in found or (found[name].passes and not verdict.passes):
                    earlier = self.read[case].earlier.get(name.rpartition(".")[2])
                    found[name] = _told(verdict, case, _of_earlier(verdict, court, earlier))
        yield from found.values()
        yield from self._of_plain_number()

    def _of_value(self, courts: Mapping[str, Court]) -> LineVerdict | None:
        """The verdict on a method that does not give what one of its name is to give: then its
        gradients are of something else."""
        meant = _MEANT.get(self.name)
        if meant is None:
            return None
        for case, court in courts.items():
            operation, count = self.read[case], len(self.node.args.args)
            own = court.figures[0].own.get(operation.value)
            operands = [court.figures[0].point[name] for name in operation.operands]
            operands += [operands[0] if case == SAME else PLAIN] * (count - len(operands))
            try:
                due = meant(*operands)
            except (ValueError, ArithmeticError, TypeError):  # log below 0, a power of other names
                continue
            if not isinstance(due, complex) and not agree(own, due):
                values = tell(" and ").join(map(number, operands))
                given = tell("nothing") if own is None else number(float(own))
                note = tell(
                    "of {values} it gives {given}, and {number} is due",
                    values=values,
                    given=given,
                    number=number(due),
                )
                gradient = Gradient(self.name, (), (Line(operation.value, self.node),))
                line = _line_of_value(self.node)
                return LineVerdict(gradient, self.name, WRONG, line, (), own, due, note, "value")
        return None

    def _of_plain_number(self) -> Iterator[LineVerdict]:
        """x + 1: where an object is taken, a plain number is too, in Python's arithmetic."""
        error = self.errors.get(NUMBER)
        if error is None or OBJECT not in self.read or self.name not in _ARITHMETIC:
            return
        operand = self.node.args.args[1].arg
        note = tell(
            "it fails where {operand} is a plain number: x {arithmetic} 1",
            operand=operand,
            arithmetic=_ARITHMETIC[self.name],
        )
        says = tell(
            "takes {operand} for an object without asking: isinstance() is due", operand=operand
        )
        gradient = Gradient(f"{self.name}.{operand}", (), (), error)
        fits = (Edit("plain-number", says, ""),)
        yield LineVerdict(gradient, self.name, WRONG, None, fits, note=note)


def _court(code: BackwardPass, operands: Sequence[str] = ()) -> Court:
    """Its numbers, at a point with operands below 0 too."""
    point = own_point(code, {}, 0)
    return Court(code, point, [{**point, **{name: -point[name] for name in operands}}])


def _unread(name: str, error: CannotRead) -> LineVerdict:
    return LineVerdict(Gradient(name, (), (), error), "", UNREAD, None, note=error.what)


def _told(verdict: LineVerdict, case: str, fits: tuple[Edit, ...]) -> LineVerdict:
    """The verdict with the case that it was found in."""
    if verdict.passes:
        return verdict
    words = tell("where both operands are one object: x*x") if case == SAME else ""
    if isinstance(verdict.gradient.error, NoLocalGradient):
        return replace(verdict, verdict=WRONG)
    if verdict.verdict == IN_GENERAL:
        words = tell("right above 0, and not below")
    note = "; ".join(filter(None, (verdict.note, words)))
    said = WRONG if verdict.verdict == IN_GENERAL else verdict.verdict
    found = tuple(map(_of_upstream, fits or verdict.fits))
    return replace(verdict, verdict=said, note=note, fits=found)


def _of_upstream(edit: Edit) -> Edit:
    """dout is what has come back to the node; to others it is an input like the rest."""
    if edit.code == "no-local" and edit.says == tell(LOCAL_LOST, name=UPSTREAM):
        return edit._replace(
            code="no-upstream", says=tell("forgets what has come back: times out.grad")
        )
    return edit


def _of_earlier(verdict: LineVerdict, court: Court, earlier: str | None) -> tuple[Edit, ...]:
    """Slips with the gradient that an operand has from elsewhere: = for +=, nothing added."""
    final = verdict.gradient.final
    if verdict.passes or earlier is None or not final:
        return ()
    own = [(f.own.get(final), f.point[earlier], f.right[verdict.of]) for f in court.figures]
    if any(value is None for value, _, _ in own):
        return ()
    if isinstance(verdict.gradient.lines[-1].node, ast.FunctionDef):  # no line has set it
        return (Edit("no-gradient", tell("gives this operand no gradient"), ""),)
    if all(agree(value + before, right) for value, before, right in own):
        says = tell("is set with = where += is due: a value that is used twice loses a gradient")
        return (Edit("fork-lost", says, ""),)
    return ()


def _line_of_value(method: ast.FunctionDef) -> Line:
    """Where a method works out what it gives back."""
    for part in method.body:
        if isinstance(part, ast.Assign | ast.Return) and isinstance(part.value, ast.Call):
            return Line("", part.value)
    return Line("", method.body[-1])


# the order of nodes


def _order(
    source: Source,
    tree: ast.Module,
    of: Autograd,
    method: ast.FunctionDef,
    before: Sequence[LineVerdict],
) -> LineVerdict:
    """The verdict on `backward`, once the operators that it is tried with are right."""
    used = {f"__{operation}__" for _, operation, _, _ in STEPS}
    if any(v.gradient.name.partition(".")[0] in used and not v.passes for v in before):
        note = tell("it is judged once {names} are right", names=tell(" and ").join(sorted(used)))
        return LineVerdict(
            Gradient("backward", (), (_at(method),)), "", UNREAD, _at(method), note=note
        )
    try:
        code = MethodReader(source, tree, of).order(method)
    except CannotRead as error:
        return _unread("backward", error)
    court = _court(code)
    verdicts = court.judged().verdicts
    gradient = Gradient("backward", (), (_at(method),))
    if all(verdict.passes for verdict in verdicts):
        return LineVerdict(gradient, "backward", OK, _at(method))
    own = {_node(v): float(v.given) for v in verdicts if v.given is not None}
    inputs = dict(zip(INPUTS, map(float, court.figures[0].point.values()), strict=False))
    fits = [edit for edit, made in slips_of_order(inputs) if are_same(own, made)]
    wrong = next(v for v in verdicts if not v.passes)
    said = "; ".join(
        f"{name} = {a}*{b}" if op == "mul" else f"{name} = {a} + {b}" for name, op, a, b in STEPS
    )
    note = tell(
        "in {said} the gradient of {node} is {number}",
        said=said,
        node=_node(wrong),
        number=number(float(wrong.exact)),
    )
    if wrong.given is not None:
        note += tell(", and here {number}", number=number(float(wrong.given)))
    return LineVerdict(gradient, "backward", WRONG, _at(method), tuple(fits[:1]), note=note)


def _at(method: ast.FunctionDef) -> Line:
    """The loop over all nodes, else the method."""
    loops = [part for part in method.body if isinstance(part, ast.For | ast.While)]
    if not loops:
        head = ast.Name(method.name, lineno=method.lineno, col_offset=method.col_offset + 4)
        head.end_lineno, head.end_col_offset = head.lineno, head.col_offset + len(method.name)
        return Line("", head)
    last = loops[-1]
    return Line("", last.iter if isinstance(last, ast.For) else last.test)


def _node(verdict: LineVerdict) -> str:
    """Which node of the formula that `backward` is tried at it is of."""
    return verdict.gradient.name.rpartition(".")[2]
