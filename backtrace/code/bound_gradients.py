"""The machine that knows which gradients its lines have bound, by their names."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from backtrace.code.aliases import changed_in_place
from backtrace.code.backward_pass import Gradient, Line
from backtrace.code.effects import changed_names, stored_names
from backtrace.code.gradient_lists import GradientLists
from backtrace.code.loss_finder import LossFinder
from backtrace.code.operands import as_number
from backtrace.code.values import (
    Array,
    Bound,
    CannotRead,
    Instance,
    Scope,
    Unreadable,
    Value,
)
from backtrace.code.words import differentiated
from backtrace.code.writer import written


class BoundGradients(LossFinder):
    """The machine, which walks backward lines too."""

    keeps_gradients = True
    upstream = ""
    result = ""
    of_class = ""
    outputs: tuple[str, ...] = ()
    left_at: Mapping[str, int] = {}  # where names were given what cannot be read
    left_after: Mapping[str, tuple[Bound | None, CannotRead]] = {}  # behind which line, and why
    changed: frozenset[str] = frozenset()

    def __init__(self, given: Mapping[str, object]) -> None:
        super().__init__(given)
        self.lists = GradientLists()
        self.owners: list[Instance] = []

    def prepare(self, tree: ast.Module) -> None:
        super().prepare(tree)
        self.changed = frozenset(changed_in_place(tree))

    def bind(self, name: str, found: Value, scope: Scope, node: ast.AST) -> Value:
        """A gradient is a stage of its own, so that its line is judged: do = t, da = (a > 0)."""
        if name in self.backward and isinstance(found, Array) and not found.error:
            own = node.id if isinstance(node, ast.Name) else ""
            is_apart = bool(own) and not self.changed.intersection((name, own))
            if found.is_mask:
                found = as_number(found)
            elif found.name and (is_apart or _is_copy(node)):
                made: ast.expr = ast.copy_location(ast.UnaryOp(ast.UAdd(), found.node), node)
                found = self.made_of(made, [found], node)
        self.lists.note(name, found if name in self.backward else None, node)
        return super().bind(name, found, scope, node)

    def of_list(self, value: Value) -> Value:
        """A list that is a gradient as the array that it stands for; else the value itself."""
        return self.lists.array_of(value)

    def _log_lists(self) -> None:
        """dw = [3.0, 9.0]: judged as the array that it stands for, where it is of the shape of
        what it is the gradient of, or has nothing but numbers."""
        for name, of, node in self.lists.open():
            if not self._bases(name):
                continue
            try:
                array = self.array(of, node)
                self.shape(array, node)
            except CannotRead:
                continue
            array.kind = ""
            if array.is_data or self._is_shape_of(array, name, node):
                self.named(array, name, None, node)
                self.lists.settle(of, array)
                self.log_gradient(name, array, node)

    def _is_shape_of(self, array: Array, name: str, node: ast.AST) -> bool:
        shape = self.shape(array, node)
        return any(self.shape(Array(ast.Name(of)), node) == shape for of in self._bases(name))

    def _leave_out(self, node: ast.stmt, error: CannotRead, scope: Scope) -> None:
        super()._leave_out(node, error, scope)
        names = [*stored_names(node), *changed_names(node, scope.find)]
        self.left_at = {**self.left_at, **dict.fromkeys(names, node.lineno)}
        for name in names:
            last = next((one for one in reversed(self.bound) if one.name == name), None)
            self.left_after = {**self.left_after, name: (last, error)}

    def each_its_own(self, gradients: list[Gradient]) -> list[Gradient]:
        """db = ds, dh = G are lines of their own: no two gradients have one stage, and none has
        that of a forward name or a step between."""
        seen = self._leading_to({self.result}) | self._inputs()
        found = []
        for gradient in sorted(gradients, key=lambda g: g.row):
            if gradient.final and (gradient.final in seen or self._is_anothers(gradient)):
                last = next(one for one in gradient.lines if one.stage == gradient.final)
                same = Array(ast.UnaryOp(ast.UAdd(), ast.Name(gradient.final)))
                stage = self.add_stage(same, gradient.name, last.node).id
                line = Line(stage, last.node)
                gradient = Gradient(gradient.name, gradient.of, (line,))
            seen.add(gradient.final)
            found.append(gradient)
        return found

    def _is_anothers(self, gradient: Gradient) -> bool:
        """Whether another name's line made what it ends with, in the last of several rounds: dby =
        dy in a loop."""
        made = next((one for one in self.bound if one.stage == gradient.final), None)
        is_of_rounds = len({line.stage for line in gradient.lines}) > 1
        return is_of_rounds and made is not None and made.name != gradient.name

    def _inputs(self) -> set[str]:
        """The inputs, and not what begins a gradient: dW = np.zeros_like(W)."""
        begun = {one.stage for one in self.bound if one.goes_back}
        return {*self.point, *self.given} - {self.upstream, *begun}

    def _of_bound(self, bound: list[Bound]) -> list[Gradient]:
        """The gradients among what lines have bound, by their names."""
        held: dict[str, list[Bound]] = {}
        for one in bound:
            if one.goes_back:
                held.setdefault(one.name, []).append(one)
        found = []
        for name, lines in held.items():
            of = self._bases(name)
            if of:
                error = lines[-1].array.error or self._left_behind(lines[-1])
                stands = self.left_at.get(name, 0) if error else 0
                told = () if error else tuple(self._lines(lines))
                found.append(Gradient(name, of, told, error, stands))
        for name in () if self.is_part else self.backward:
            value = self.module.names.get(name)
            if isinstance(value, Unreadable) and (of := self._bases(name)):
                found = [g for g in found if g.name != name]
                stands = self.left_at.get(name, 0)
                found.append(Gradient(name, of, (), value.error, stands))
        for name, to_do in self.to_do.items():
            if of := self._bases(name):
                found = [g for g in found if g.name != name]
                found.append(Gradient(name, of, (), to_do))
        order = {stage: place for place, (stage, _, _) in enumerate(self.stages)}
        return sorted(found, key=lambda g: order.get(g.final, len(order)))

    def _left_behind(self, last: Bound) -> CannotRead | None:
        """Why a later line that gives the name what it holds cannot be read, if there is one."""
        before, error = self.left_after.get(last.name, (None, None))
        return error if before is last else None

    def _bases(self, name: str) -> tuple[str, ...]:
        """The forward stages and inputs that a gradient's name speaks of, the last one first."""
        bases = differentiated(name)
        if name in ("grad", "grads"):
            return ()
        found: list[str] = []
        for base in bases:
            versions = [b.stage for b in self.bound if b.name == base and not b.goes_back]
            if not versions and (base in self.point or base in self.given or self.is_stage(base)):
                versions = [base]
            found += versions[::-1]
        return tuple(dict.fromkeys(found))

    def note_owner(self, owner: Instance) -> None:
        if all(owner is not one for one in self.owners):
            self.owners.append(owner)

    def of_objects(self, known: Sequence[Gradient]) -> list[Gradient]:
        """What layers of a script keep, net.dW beside net.W: each layer's is a gradient of its
        own, called after its array where a name is taken."""
        found: list[Gradient] = []
        for owner in self.owners:
            for attribute, value in owner.names.items():
                bases = [b for b in differentiated(attribute) if b in owner.names]
                of = owner.names[bases[0]] if bases else None
                if not isinstance(of, Array) or not of.name or not isinstance(value, Array):
                    continue
                lines = [b for b in self.bound if b.array is value]
                if not lines or value.is_data or not self.is_stage(value.name):
                    continue
                taken = {g.name for g in (*known, *found)}
                name = attribute if attribute not in taken else f"d{self.called(of.name)}"
                found.append(Gradient(name, (of.name,), tuple(self._lines(lines))))
        return found

    def gradient_of_key(self, key: str) -> str:
        """The gradient that an entry of a dictionary is: dW1 of grads["W1"] and of grads["dW1"]."""
        is_own = key in self.point or key in self.given
        return key if self._bases(key) and not is_own else f"d{key}"

    # what is shown

    def after_result(self) -> set[str]:
        """The stages of lines that stand behind the result: what somebody may have meant to use."""
        last = self._places[self.result]
        return {one.stage for one in self.bound if self._places.get(one.stage, -1) > last}

    def line(self, of: Bound) -> Line:
        """The line of a step; of what a function of the code gave back, the one inside it."""
        made = self._made_inside(of)
        return replace(next(self._lines([of])), stage=self.called(of.stage), node=made)

    def _made_inside(self, of: Bound) -> ast.AST:
        made = self.expression_of(of.stage)
        own, inner = (getattr(node, "lineno", 0) for node in (of.node, made))
        end = getattr(of.node, "end_lineno", None) or own
        is_elsewhere = bool(inner) and not own <= inner <= end
        is_handed_on = isinstance(of.node, ast.Call | ast.Name) and not (of.adds or of.entry)
        return made if made is not None and is_elsewhere and is_handed_on else of.node

    def _lines(self, found: Sequence[Bound]) -> Iterator[Line]:
        for one in found:
            instead = written(one.instead, self._called)[0] if one.instead is not None else ""
            yield Line(one.stage, one.node, one.adds, one.entry, instead)

    def shown(self, gradient: Gradient) -> Gradient:
        lines = tuple(replace(one, stage=self.called(one.stage)) for one in gradient.lines)
        of = tuple(self.called(name) for name in gradient.of)
        return replace(gradient, of=of, lines=lines)


def _is_copy(node: ast.AST) -> bool:
    """dh.copy(), np.copy(dh): an array of its own."""
    called = node.func if isinstance(node, ast.Call) else None
    return isinstance(called, ast.Attribute) and called.attr in ("copy", "clone")
