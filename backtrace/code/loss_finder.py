"""The machine that finds the loss of a script among its numbers."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from backtrace.code.losses import (
    Candidate,
    in_order,
    is_called_loss,
    kind_of,
    others,
    without_detach,
)
from backtrace.code.machine import Machine
from backtrace.code.values import Array, Bound, CannotRead, Scope, Unreadable


class LossFinder(Machine):
    """Knows the result of a script that works out gradients by hand."""

    updated_at = -1  # how many stages there were when gradients first changed a value
    may_be: Sequence[Candidate] = ()  # the numbers besides the result that may be meant

    def statement(self, node: ast.stmt, scope: Scope) -> None:
        super().statement(node, scope)
        if self.updates and self.updated_at < 0:
            self.updated_at = len(self.stages)

    def likeliest(self, of: str | Candidate, bases: Sequence[set[str]]) -> str:
        """The stage of the number that is the loss, `bases` being what each gradient may be of; ""
        where it is named or told by the code, or none is found."""
        if isinstance(of, str) and (of or self.output is not None):
            return ""
        found = in_order(self._candidates(bases), self.expression_of)
        if isinstance(of, Candidate):
            same = [c for c in found if (c.name, c.line) == (of.name, of.line)]
            return same[0].stage if same else ""
        unread = self._unread_loss(found)
        if unread is not None:
            raise unread
        if not found:
            return ""
        self.may_be = others(found, self.expression_of)
        return found[0].stage

    def _unread_loss(self, found: Sequence[Candidate]) -> CannotRead | None:
        """Why the loss cannot be read, where its name says that it is one and no other is; no
        other number takes its place."""
        if any(is_called_loss(c.name) for c in found):
            return None
        for name, value in self.module.names.items():
            if isinstance(value, Unreadable) and is_called_loss(name):
                return value.error
        last = self.last[1] if self.last is not None else None
        return last.error if isinstance(last, Unreadable) and not found else None

    def _candidates(self, bases: Sequence[set[str]]) -> list[Candidate]:
        """The numbers that go forward and that some gradient speaks of, each by its likeliest
        name; a name that is given anew is what it is last, before gradients change anything."""
        back = [self._places[b.stage] for b in self.bound if self._is_worked_out(b)]
        begun = min(back, default=len(self.stages))
        latest: dict[str, Bound] = {}
        for one in self.bound:
            place = self._places.get(one.stage, -1)
            if not one.goes_back and place >= 0 and not 0 <= self.updated_at <= place:
                latest[one.name] = one
        found: dict[str, Candidate] = {}
        for name, one in sorted(latest.items(), key=lambda pair: -kind_of(pair[0])):
            place = self._places[one.stage]
            leading = self._leading_to({one.stage})
            leading |= self._leading_to(self._names(without_detach(self.stages[place][1])))
            reached = sum(bool(of & leading) for of in bases)
            if reached and self._is_scalar(one):
                line, late = getattr(one.node, "lineno", 0), place > begun
                kind = kind_of(name)
                found[one.stage] = Candidate(name, one.stage, line, kind, place, reached, late)
        return [*found.values()]

    def _is_worked_out(self, one: Bound) -> bool:
        """Whether it is a gradient's line that is worked out from something, not zeros."""
        node = self.expression_of(one.stage)
        return one.goes_back and node is not None and bool(self._names(node) & self.taken)

    def _is_scalar(self, one: Bound) -> bool:
        try:
            return not self.shape(Array(ast.Name(one.stage)), one.node)
        except CannotRead:
            return False

    def undetach(self, stage: str) -> None:
        """loss = e.sum().item() is checked as e.sum() is."""
        place = self._places.get(stage)
        if place is not None:
            name, node, line = self.stages[place]
            self.stages[place] = (name, without_detach(node), line)
