"""Somebody's backward pass: the gradients that code works out, line by line, beside its formula.

A script has its loss and then its gradients; a pair of functions NAME_forward and NAME_backward,
and a class with forward and backward, have theirs in what they give back and keep on the object.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from backtrace.code.aliases import changed_in_place
from backtrace.code.calls import bound
from backtrace.code.effects import changed_names, stored_names
from backtrace.code.gradient_lists import GradientLists, line_of_attribute
from backtrace.code.loss_finder import LossFinder
from backtrace.code.losses import Candidate, is_called_loss
from backtrace.code.operands import as_number
from backtrace.code.outputs import Output, last_return, outputs_of, returned_names
from backtrace.code.program import Source, parsed
from backtrace.code.stages import Stage
from backtrace.code.values import (
    Array,
    Bound,
    CannotRead,
    Class,
    Dictionary,
    Function,
    Instance,
    Known,
    Scope,
    Several,
    Unreadable,
    Value,
)
from backtrace.code.words import differentiated
from backtrace.code.writer import written

UPSTREAM = "dout"
_METHODS = ("gradient", "gradients", "backprop", "backpropagation", "loss", "train_step")


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


def read_backward(
    text: str, path: str, name: str = "", given: Mapping[str, object] | None = None, of: str = ""
) -> BackwardPass:
    """The backward pass of a file, or of a pair of functions or a class in it. Raises
    BacktraceError with file, line and caret."""
    source, tree = parsed(text, path)
    return read_tree(source, tree, name, given, of)


def read_tree(
    source: Source,
    tree: ast.Module,
    name: str = "",
    given: Mapping[str, object] | None = None,
    of: str | Candidate = "",
) -> BackwardPass:
    """The same, of a tree that is read already; `of` is the result, by its name or as one of those
    that may be meant."""
    reader = _Reader(given or {})
    with source.told():
        gradients = reader.each_its_own(reader.read_pass(tree, name, of))
        forward = reader.stages_of({reader.result})
        wanted = {reader.result, *(line.stage for g in gradients for line in g.lines)}
        wanted |= reader.after_result()
        stages = reader.stages_of(wanted)
    shown = tuple(reader.shown(gradient) for gradient in gradients)
    reader.keep_point({reader.result, *wanted, *filter(None, [reader.upstream])})
    return BackwardPass(
        source,
        tuple(forward),
        tuple(stages),
        reader.point,
        shown,
        reader.upstream,
        frozenset(reader.settled),
        tuple(reader.notes),
        tuple(reader.line(bound) for bound in reader.bound),
        reader.of_class,
        places=frozenset(reader.places - reader.entries_read),
        outputs=tuple(map(reader.called, reader.outputs)),
        may_be=tuple(reader.may_be),
    )


class _Reader(LossFinder):
    """The machine, which walks backward lines too."""

    keeps_gradients = True
    upstream = ""
    result = ""
    of_class = ""
    outputs: tuple[str, ...] = ()
    left_at: Mapping[str, int] = {}  # where names were given what cannot be read
    changed: frozenset[str] = frozenset()

    def __init__(self, given: Mapping[str, object]) -> None:
        super().__init__(given)
        self.lists = GradientLists()

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

    def read_pass(self, tree: ast.Module, name: str, of: str | Candidate) -> list[Gradient]:
        if not name:
            self.prepare(tree)
            self.block(tree.body, self.module)
            self._log_lists()
            gradients = self._of_bound(self.bound)
            bases = [{*gradient.of} for gradient in gradients]
            self.result = self.likeliest(of, bases) or self._result(str(of), tree)
            self.undetach(self.result)
            return gradients
        self._prepare(tree)
        found = self._beside_and(tree, name)
        if isinstance(found, Class) and "." not in name:
            method = next((m for m in _METHODS if found.find(m)), "")
            if method and not (found.find("forward") and found.find("backward")):
                return self._of_loss(f"{name}.{method}", tree)
            return self._of_class(found, tree)
        base = name.removesuffix("_backward").removesuffix("_forward")
        if {f"{base}_backward", f"{base}_forward"} & self.module.names.keys():
            return self._of_pair(base, tree)
        return self._of_loss(name, tree)

    def _prepare(self, tree: ast.Module) -> None:
        self.prepare(tree)
        self.is_part = True
        forward = self.forward
        self._beside(tree)
        self.forward = forward  # dx = 0.01 beside a function is not the dx inside
        self.bound = [one for one in self.bound if not one.goes_back]
        self.to_do.clear()

    def _beside_and(self, tree: ast.Module, name: str) -> Value:
        first = name.partition(".")[0]
        base = first.removesuffix("_backward").removesuffix("_forward")
        found = self.module.names.get(first) or self.module.names.get(f"{base}_forward")
        if not isinstance(found, Class | Function):
            raise CannotRead(f"there is no '{name}' here", tree, self._all())
        return found

    def each_its_own(self, gradients: list[Gradient]) -> list[Gradient]:
        """db = ds, dh = G are lines of their own: no two gradients have one stage, and none has
        that of a forward name."""
        seen = self._leading_to({self.result}) | self._inputs()
        found = []
        for gradient in sorted(gradients, key=lambda g: g.row):
            if gradient.final and gradient.final in seen:
                last = gradient.lines[-1]
                same = Array(ast.UnaryOp(ast.UAdd(), ast.Name(gradient.final)))
                stage = self.add_stage(same, gradient.name, last.node).id
                line = Line(stage, last.node)
                gradient = Gradient(gradient.name, gradient.of, (line,))
            seen.add(gradient.final)
            found.append(gradient)
        return found

    def _inputs(self) -> set[str]:
        """The inputs, and not what begins a gradient: dW = np.zeros_like(W)."""
        begun = {one.stage for one in self.bound if one.goes_back}
        return {*self.point, *self.given} - {self.upstream, *begun}

    # scripts

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
                error = lines[-1].array.error
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

    # one function that gives back a loss and its gradients

    def _of_loss(self, name: str, tree: ast.Module) -> list[Gradient]:
        """def loss(W, X, y): ... return loss, dW, or a dictionary grads."""
        function, owner = self._function(name, tree)
        values = [*self._parameters(function, owner).values()]
        if owner is not None:
            values, function = values[1:], bound(function, owner)
        returned = self.inlined(function, values, {}, function.node)
        self._log_lists()
        items = returned.items if isinstance(returned, Several) else [returned]
        if isinstance(items[0], Dictionary) and (loss := self._loss_inside()) is not None:
            items = [loss, *items]
        if isinstance(items[0], Unreadable):
            raise items[0].error
        if len(items) < 2 or not isinstance(items[0], Array):
            hint = f"{name}_backward, or return loss, dW"
            raise CannotRead(f"{name} gives back no loss with gradients", function.node, hint)
        self._seeded([items[0]], function.node, is_last=True)
        found = {g.name: g for g in self._of_bound(self.bound)}
        if sum(b.name == UPSTREAM for b in self.bound) > 1:  # what goes from layer to layer
            found.pop(UPSTREAM, None)
        names = returned_names(function)
        for place, item in enumerate(items[1:], 1):
            if isinstance(item, Dictionary):
                pairs = [(self._of_key(str(key)), value) for key, value in item.items.items()]
            else:
                pairs = [(names[place] if place < len(names) else "", item)]
            for given_name, value in pairs:
                value = self.of_list(value)
                of = self._bases(given_name)
                if of and given_name not in found and isinstance(value, Array | Unreadable):
                    inner = Array(ast.Name(of[0]))
                    gradient = self._final(given_name, inner, value, self.bound, function)
                    found[given_name] = replace(gradient, of=of)
        return list(found.values())

    def _of_key(self, key: str) -> str:
        """The gradient that an entry of a dictionary is: dW1 of grads["W1"] and of grads["dW1"]."""
        is_own = key in self.point or key in self.given
        return key if self._bases(key) and not is_own else f"d{key}"

    def _loss_inside(self) -> Array | None:
        """The loss of a method that gives back gradients alone: what is called so, else the last
        number that goes forward."""
        forward = [b for b in self.bound if not b.goes_back and self.is_stage(b.stage)]
        numbers = [b for b in forward if not self.shape(b.array, b.node)]
        called = [b for b in numbers if is_called_loss(b.name)]
        found = (called or numbers)[-1:]
        return found[0].array if found else None

    # pairs of functions

    def _of_pair(self, base: str, tree: ast.Module) -> list[Gradient]:
        forward = self.module.names.get(f"{base}_forward", self.module.names.get(base))
        backward = self.module.names.get(f"{base}_backward")
        if not isinstance(forward, Function) or not isinstance(backward, Function):
            raise CannotRead(
                f"there is no {base}_backward beside {base}_forward", tree, self._all()
            )
        parameters = self._parameters(forward, None)
        returned = self.inlined(forward, list(parameters.values()), {}, forward.node)
        items: list[Value] = returned.items if isinstance(returned, Several) else [returned]
        outputs = outputs_of(forward, backward, items)
        ups, rest = self._given_to(backward, outputs, items, last_return(forward))
        given = self._arguments_of(backward, ups, rest, parameters)
        before = len(self.bound)
        result = self.inlined(backward, given, {}, backward.node)
        self._log_lists()
        return self._of_returned(result, backward, parameters, self.bound[before:])

    def _seeded(self, items: list[Value], node: ast.AST, is_last: bool = False) -> Value:
        """The gradient of what is given back: an input of its shape; of a loss, which is the last
        of all, 1."""
        out = items[0]
        if isinstance(out, Unreadable):
            raise out.error
        if not isinstance(out, Array):
            raise CannotRead("what is given back first is no array", node)
        if not self.is_stage(out.name):
            out.node = self.add_stage(out, "out", node)
        self.result = out.name
        self.undetach(self.result)
        shape = self.shape(out, node)
        if is_last and not shape:
            return Known(1)
        self.upstream = UPSTREAM
        self.taken.add(UPSTREAM)
        self.point[UPSTREAM] = f"randn({', '.join(map(str, shape))})" if shape else "1"
        return Array(ast.Name(UPSTREAM), library=out.library)

    def _upstreams_of(self, outputs: Sequence[Output], node: ast.AST) -> dict[str, Value]:
        """The gradients of several outputs, inputs of their shapes. The result is the sum of all
        outputs times theirs."""
        terms: list[ast.expr] = []
        ups: dict[str, Value] = {}
        for output in outputs:
            array = output.array
            if not self.is_stage(array.name):
                array.node = self.add_stage(array, output.name or "out", node)
            shape = self.shape(array, node)
            up = ast.Name(output.upstream)
            self.taken.add(up.id)
            self.point[up.id] = f"randn({', '.join(map(str, shape))})" if shape else "1"
            product = ast.BinOp(up, ast.Mult(), array.node)
            terms.append(ast.Call(ast.Name("sum"), [product], []) if shape else product)
            ups[up.id] = Array(up, library=array.library)
        total = functools.reduce(lambda a, b: ast.BinOp(a, ast.Add(), b), terms)
        self.outputs = tuple(output.array.name for output in outputs)
        self.result = self.add_stage(Array(total), "out", node).id
        return ups

    def _given_to(
        self, backward: Function, outputs: Sequence[Output], items: list[Value], node: ast.AST
    ) -> tuple[dict[str, Value], list[Value]]:
        """What backward is given as gradients of the outputs, by its arguments' names, and what
        forward has given back besides."""
        first = backward.node.args.args[0].arg
        if len(outputs) < 2:
            return {first: self._seeded(items, node)}, items[1:]
        ups = self._upstreams_of(outputs, node)
        rest = items[1 if isinstance(items[0], Several) else len(outputs) :]
        if outputs[0].is_packed:
            return {first: Several([*ups.values()], is_tuple=True)}, rest
        return ups, rest

    @staticmethod
    def _arguments_of(
        backward: Function,
        ups: Mapping[str, Value],
        rest: list[Value],
        parameters: Mapping[str, Value],
    ) -> list[Value]:
        """The upstreams, then what forward has kept, or arguments of forward by their names."""
        names = [a.arg for a in backward.node.args.args]
        if len(names) - len(ups) == 1 and len(rest) > 1:
            rest = [Several(rest, is_tuple=True)]
        found: list[Value] = []
        for name in names:
            if name in ups:
                found.append(ups[name])
            elif name in parameters:
                found.append(parameters[name])
            elif rest:
                found.append(rest.pop(0))
        return found

    def _of_returned(
        self,
        result: Value,
        backward: Function,
        parameters: Mapping[str, Value],
        bound_inside: list[Bound],
    ) -> list[Gradient]:
        """What backward gives back is the gradients of forward's arguments, by their names or in
        their order; inside are the gradients of the steps between."""
        items = result.items if isinstance(result, Several) else [result]
        inputs = {n: v for n, v in parameters.items() if isinstance(v, Array)}
        found: list[Gradient] = []
        if isinstance(result, Dictionary):
            pairs = [(str(k), v) for k, v in result.items.items()]
        else:
            names = returned_names(backward)
            pairs = [
                (names[place] if place < len(names) and names[place] else f"d{n}", item)
                for place, (item, n) in enumerate(
                    zip(items, [*inputs, *map(str, range(len(items)))], strict=False)
                )
            ]
        order = list(inputs)
        for place, (name, item) in enumerate(pairs):
            item = self.of_list(item)
            bases = [b for b in differentiated(name) if b in inputs]
            base = bases[0] if bases else (order[place] if place < len(order) else "")
            if base and isinstance(item, Array | Unreadable):
                found.append(self._final(name, inputs[base], item, bound_inside, backward))
        inner = self._of_bound(bound_inside)
        known_names = {g.name for g in found}
        return [*(g for g in inner if g.name not in known_names), *found]

    def _final(
        self, name: str, of: Value, item: Value, inside: list[Bound], backward: Function
    ) -> Gradient:
        assert isinstance(of, Array)
        if isinstance(item, Unreadable):
            return Gradient(name, (of.name,), (), item.error)
        assert isinstance(item, Array)
        item = as_number(item)
        if item.is_data or not item.name:
            item.is_data = False
            item.node = self.add_stage(
                item, name, item.node if hasattr(item.node, "lineno") else backward.node
            )
        lines = [b for b in inside if b.array is item] or [
            b for b in inside if b.stage == item.name
        ]
        if not lines:
            lines = [Bound(name, item, item.name, last_return(backward), True)]
        return Gradient(name, (of.name,), tuple(self._lines(lines)))

    # classes

    def _of_class(self, of: Class, tree: ast.Module) -> list[Gradient]:
        forward, backward = of.find("forward"), of.find("backward")
        if not isinstance(forward, Function) or not isinstance(backward, Function):
            raise CannotRead(f"{of.name} has no forward and backward", tree, self._all())
        self.of_class = of.name
        owner = Instance(of)
        start = of.find("__init__")
        if isinstance(start, Function):
            values = [*self._parameters(start, owner).values()][1:]
            self.inlined(bound(start, owner), values, {}, start.node)
        kept = {n: v for n, v in owner.names.items() if isinstance(v, Array)}
        parameters = dict([*self._parameters(forward, owner).items()][1:])
        returned = self.inlined(bound(forward, owner), [*parameters.values()], {}, forward.node)
        is_last = bool(backward.defaults) or len(backward.node.args.args) == 1
        given_back = returned.items if isinstance(returned, Several) else [returned]
        dout = self._seeded([*given_back], forward.node, is_last)
        before = len(self.bound)
        needs = len(backward.node.args.args) - 1 - len(backward.defaults)
        result = self.inlined(bound(backward, owner), [dout] * (needs > 0), {}, backward.node)
        for name, value in owner.names.items():
            if isinstance(value, Several) and any(b in kept for b in differentiated(name)):
                self.lists.note(name, value, line_of_attribute(backward.node, name))
        self._log_lists()
        inside = self.bound[before:]
        found = self._of_returned(result, backward, parameters, inside)
        names = {g.name for g in found}
        for name, value in owner.names.items():
            bases = [b for b in differentiated(name) if b in kept]
            value = self.of_list(value)
            if name not in names and bases and isinstance(value, Array | Unreadable):
                found.append(self._final(name, kept[bases[0]], value, inside, backward))
        return found

    # what is shown

    def after_result(self) -> set[str]:
        """The stages of lines that stand behind the result: what somebody may have meant to use."""
        last = self._places[self.result]
        return {one.stage for one in self.bound if self._places.get(one.stage, -1) > last}

    def line(self, of: Bound) -> Line:
        return replace(next(self._lines([of])), stage=self.called(of.stage))

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
