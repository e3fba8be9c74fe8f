"""Somebody's code, judged: the table of contents."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from backtrace.code.autograd import autograd_class
from backtrace.code.backward import read_tree
from backtrace.code.losses import Candidate
from backtrace.code.program import Program, parsed, placed
from backtrace.errors import BacktraceError
from backtrace.formula.point import read_mapping
from backtrace.homework.backward.against import forward_fault
from backtrace.homework.backward.autograd import judge_class
from backtrace.homework.backward.figures import own_point
from backtrace.homework.backward.judging import Court, Judged, NothingToJudge
from backtrace.homework.backward.readings import likeliest
from backtrace.language import tell


def check_code(
    text: str,
    path: str,
    name: str = "",
    given: Mapping[str, object] | None = None,
    of: str = "",
    seed: int = 0,
    against: str = "",
) -> Judged:
    """Judges the backward pass of a file, or of a pair of functions or a class in it, at the values
    that are given and those of the file. A class that works out gradients by itself (micrograd's
    Value) is judged operator by operator. `against` is the formula that the forward lines are to
    compute: where they do not, that is the first verdict. Nothing is executed. Raises
    BacktraceError."""
    source, tree = parsed(text, path)
    autograd = autograd_class(tree, name)
    if autograd is None:
        return _lines(text, path, name, given or {}, of, seed, against)
    with source.told():
        judged = judge_class(source, tree, autograd)
    if name:
        return judged
    try:
        beside = _lines(text, path, name, given or {}, of, seed, against)
    except BacktraceError:  # the file has nothing but the class
        return judged
    return replace(beside, verdicts=(*judged.verdicts, *beside.verdicts))


def _lines(
    text: str,
    path: str,
    name: str,
    given: Mapping[str, object],
    of: str,
    seed: int,
    against: str,
) -> Judged:
    plain = {n: v for n, v in given.items() if not isinstance(v, str) or not v.isidentifier()}
    values = {n: v.value for n, v in read_mapping(plain, seed).items()}
    values |= {n: v for n, v in given.items() if n not in plain}
    source, tree = parsed(text, path)

    def court_of(other: ast.Module, result: str | Candidate) -> Court:
        code = read_tree(source, other, name, values, result)
        again = partial(court_of, result=result)
        point = own_point(code, values, seed)
        try:
            return Court(code, point, (), other, again)
        except BacktraceError as error:  # told at its line, not in the formula that was read
            formula = "; ".join(stage.text for stage in code.forward)
            raise placed(error, Program(source, formula, code.point, code.forward)) from None

    court = court_of(tree, of)
    if not court.code.gradients:
        hint = tell("they are told by their names: dW, dL_dW, grad_W, W_grad")
        raise NothingToJudge(tell("no gradient is worked out in {path}", path=path), hint=hint)
    judged = likeliest(court, partial(court_of, tree)).judged()
    fault = forward_fault(court, against) if against else None
    return replace(judged, verdicts=(fault, *judged.verdicts)) if fault is not None else judged
