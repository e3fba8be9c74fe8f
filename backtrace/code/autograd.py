"""A class of somebody's own that works out gradients by itself: its operators, each as a gate.

What a method gives back knows how to go backward: by a function inside the method that adds to
`.grad` (as micrograd has it), or by a tuple of local gradients beside its children (as microgpt has
it). Each method is walked alone, with operands whose numbers and gradients are inputs.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from backtrace.code.backward_pass import BackwardPass, Gradient, Line
from backtrace.code.calls import bound
from backtrace.code.changes import HELD_AS, held_in
from backtrace.code.machine import Machine
from backtrace.code.operands import as_number
from backtrace.code.program import Source
from backtrace.code.stages import Stage
from backtrace.code.values import (
    Array,
    CannotRead,
    Class,
    Function,
    Instance,
    Known,
    Scope,
    Several,
    Unreadable,
    Value,
)
from backtrace.language import marked, tell

UPSTREAM, EARLIER = "dout", "earlier"
OBJECT, NUMBER, SAME = marked("an object"), marked("a plain number"), marked("the same object")
_VALUES = {"first": 0.8, "second": 1.7, UPSTREAM: 1.3, EARLIER: 0.35}
PLAIN = 2.5
_ADDED = "_added"
_MOST_CHILDREN = 4

INPUTS = ("a", "b")
STEPS = (
    ("c", "mul", "a", "b"),
    ("d", "add", "c", "a"),
    ("e", "mul", "d", "c"),
    ("f", "add", "e", "d"),
    ("g", "mul", "f", "c"),
    ("h", "mul", "c", "f"),
    ("k", "add", "g", "h"),
)
"""The formula that `backward` is tried at: its nodes are used at different depths, so that an order
of nodes that is wrong, or a node that is taken twice, gives other numbers."""


@dataclass(frozen=True, slots=True)
class Autograd:
    """name      the class
    grad      the attribute that its gradients are kept in
    methods   those that work out local gradients themselves, in order
    backward  the method that goes through all nodes; None where there is none
    """

    name: str
    grad: str
    methods: tuple[ast.FunctionDef, ...]
    backward: ast.FunctionDef | None


def autograd_class(tree: ast.Module, name: str = "") -> Autograd | None:
    """The class of this kind in a file: by its name, else the first."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and name in ("", node.name):
            grad = _gradient_attribute(node)
            if grad:
                defined = [n for n in node.body if isinstance(n, ast.FunctionDef)]
                methods = [n for n in defined if _is_operation(n, node, grad)]
                backward = [n for n in defined if n.name == "backward"]
                if methods:
                    return Autograd(node.name, grad, tuple(methods), (*backward, None)[0])
    return None


def _gradient_attribute(of: ast.ClassDef) -> str:
    """What functions inside methods add to, or `backward` does: self.grad."""
    begun = {
        part.attr
        for part in ast.walk(of)
        if isinstance(part, ast.Attribute) and isinstance(part.ctx, ast.Store)
    }
    found = Counter(
        target.attr
        for method in of.body
        if isinstance(method, ast.FunctionDef) and method.name != "__init__"
        for target in _set_inside(method)
        if target.attr in begun
    )
    return found.most_common(1)[0][0] if found else ""


def _set_inside(method: ast.FunctionDef) -> Iterator[ast.Attribute]:
    """The attributes that a function inside a method sets, or a loop of `backward`."""
    for inner in ast.walk(method):
        is_inside = isinstance(inner, ast.FunctionDef) and inner is not method
        if is_inside or (method.name == "backward" and isinstance(inner, ast.For)):
            for part in ast.walk(inner):
                targets = part.targets if isinstance(part, ast.Assign) else []
                targets = [part.target] if isinstance(part, ast.AugAssign) else targets
                for target in targets:
                    if isinstance(target, ast.Attribute) and target.attr not in HELD_AS:
                        yield target


def _is_operation(method: ast.FunctionDef, of: ast.ClassDef, grad: str) -> bool:
    """Whether a method makes an object itself, with what goes backward from it."""
    if method.name in ("__init__", "backward", "__repr__", "__str__", "zero_grad"):
        return False
    makes = [
        part
        for part in ast.walk(method)
        if isinstance(part, ast.Call)
        and isinstance(part.func, ast.Name)
        and part.func.id in (of.name, "cls")
        and len(part.args) + len(part.keywords) > 1
    ]
    return bool(makes) or any(target.attr == grad for target in _set_inside(method))


@dataclass(frozen=True, slots=True)
class Operation:
    """A method as a formula: what it gives back is the stage `value`."""

    code: BackwardPass
    value: str
    operands: tuple[str, ...]  # the inputs that hold the numbers of its operands, in order
    earlier: Mapping[str, str]  # by operand the input that is its gradient from elsewhere


class NoLocalGradient(CannotRead):
    """A child that an object has no local gradient for."""


class MethodReader(Machine):
    """Walks one method. Its gradients are numbers like others here."""

    keeps_gradients = True
    names_tell = False
    is_strict = False

    def __init__(self, source: Source, tree: ast.Module, of: Autograd) -> None:
        super().__init__({})
        self.source = source
        self.prepare(tree)
        self.is_part = True
        self._beside(tree)
        self.of = of
        found = self.module.names.get(of.name)
        if not isinstance(found, Class):
            raise CannotRead(tell("the class {name} cannot be read", name=of.name), tree)
        self.kind = found
        self.bound.clear()
        self.is_strict = True

    def give_up(self, node: ast.stmt, error: CannotRead, scope: Scope) -> None:
        """A line of a method that cannot be read ends the walk: what it does is not guessed."""
        if self.is_strict:
            raise error
        super().give_up(node, error, scope)

    # operands

    def input(self, name: str, value: float) -> Array:
        free = self.fresh(name)
        self.point[free] = repr(value)
        return Array(ast.Name(free), kind="number")

    def operand(self, name: str, value: float, node: ast.AST) -> Instance:
        """An object that holds an input, and has a gradient from elsewhere already."""
        made = self.made_object(self.kind, [self.input(name, value)], {}, node)
        made.names[self.of.grad] = self.input(f"{EARLIER}_{name}", _VALUES[EARLIER])
        return made

    def held(self, of: Value, node: ast.AST) -> Array:
        """The number that an object holds."""
        if isinstance(of, Instance):
            for word in held_in(self.kind):
                if word in of.names:
                    return self.array(of.names[word], node)
        raise CannotRead(tell("this gives back no {name}", name=self.of.name), node)

    # a method

    def operation(self, method: ast.FunctionDef, case: str) -> Operation:
        """The method as a formula with the gradients that it gives its operands. Raises
        CannotRead."""
        found = self.kind.find(method.name)
        assert isinstance(found, Function)
        names = [argument.arg for argument in method.args.args][:2]
        first = self.operand(names[0], _VALUES["first"], method)
        operands = {names[0]: first}
        given: list[Value] = []
        if len(names) > 1:
            second = self._second(names[1], case, first, method)
            given = [second]
            if isinstance(second, Instance) and second is not first:
                operands[names[1]] = second
        out = self.inlined(bound(found, first), given, {}, method)
        if not isinstance(out, Instance):
            raise CannotRead(
                tell("{name} gives back no {of_name}", name=method.name, of_name=self.of.name),
                method,
            )
        held = self.held(out, method)
        if held.is_data:
            raise CannotRead(
                tell("what {name} gives back depends on no operand", name=method.name), method
            )
        if not self.is_stage(held.name):
            held.node = self.add_stage(held, "out", method)
        backward = [f for f in out.names.values() if isinstance(f, Function) and f.owner is None]
        grads = [operand.names[self.of.grad] for operand in operands.values()]
        earlier: dict[str, str] = {}
        if backward and not self._locals(out):
            earlier = {
                n: g.name for n, g in zip(operands, grads, strict=True) if isinstance(g, Array)
            }
            code = self._by_function(method, out, backward[-1], operands, held)
        else:
            code = self._by_locals(method, out, operands, held)
        inputs = tuple(self.held(operand, method).name for operand in operands.values())
        return Operation(code, self.called(held.name), inputs, earlier)

    def _second(self, name: str, case: str, first: Instance, node: ast.AST) -> Value:
        if case == SAME:
            return first
        return Known(PLAIN) if case == NUMBER else self.operand(name, _VALUES["second"], node)

    def _by_function(
        self,
        method: ast.FunctionDef,
        out: Instance,
        backward: Function,
        operands: dict[str, Instance],
        held: Array,
    ) -> BackwardPass:
        """The function inside is called; each operand's gradient is to grow by upstream * local.
        The formula is dout*out + earlier_x*x + ..., whose gradients are these sums."""
        upstream = self.input(UPSTREAM, _VALUES[UPSTREAM])
        out.names[self.of.grad] = upstream
        terms: list[ast.expr] = [ast.BinOp(upstream.node, ast.Mult(), held.node)]
        for operand in operands.values():
            earlier = self.array(operand.names[self.of.grad], method)
            terms.append(ast.BinOp(earlier.node, ast.Mult(), self.held(operand, method).node))
        whole = terms[0]
        for term in terms[1:]:
            whole = ast.BinOp(whole, ast.Add(), term)
        result = self.add_stage(Array(whole), "whole", method).id
        self.bound.clear()
        self.inlined(backward, [], {}, backward.node)
        gradients = []
        for name, operand in operands.items():
            value = operand.names.get(self.of.grad)
            of = self.held(operand, method).name
            gradients.append(self._grown(f"{method.name}.{name}", of, value, backward.node))
        return self.passed(result, gradients)

    def _grown(self, called: str, of: str, value: Value | None, node: ast.AST) -> Gradient:
        """The gradient of an operand after the function was called."""
        if isinstance(value, Unreadable):
            return Gradient(called, (of,), (), value.error)
        if value is None or (isinstance(value, Array) and value.name.startswith(EARLIER)):
            return self._unmoved(called, of, value, node)
        array = self.array(value, node)
        if not self.is_stage(array.name):
            array = Array(self.add_stage(array, self.of.grad, node))
        leading = self._leading_to({array.name})
        led = [b for b in self.bound if b.stage in leading and self.is_stage(b.stage)]
        lines = [Line(b.stage, b.node, b.adds) for b in led]
        own = [line for line in lines if line.stage == array.name or self._is_grad(line.stage)]
        at = next((b.node for b in self.bound if b.array is value), node)
        return Gradient(called, (of,), tuple(own) or (Line(array.name, at),))

    def _is_grad(self, stage: str) -> bool:
        return any(b.stage == stage and b.name == self.of.grad for b in self.bound)

    def _unmoved(self, called: str, of: str, value: Value | None, node: ast.AST) -> Gradient:
        """No line has given it anything: it is what it was."""
        earlier = value.node if isinstance(value, Array) else ast.Constant(0)
        stage = self.add_stage(Array(ast.UnaryOp(ast.UAdd(), earlier)), self.of.grad, node).id
        return Gradient(called, (of,), (Line(stage, node),))

    def _locals(self, out: Instance) -> tuple[list[Value], list[Value], str] | None:
        """The children and the local gradients of an object, and the attribute of these."""
        children: list[Value] = []
        found: tuple[list[Value], str] | None = None
        for name, value in out.names.items():
            if not isinstance(value, Several) or not 0 < len(value.items) <= _MOST_CHILDREN:
                continue
            if all(isinstance(item, Instance) for item in value.items):
                children = children or value.items
            elif all(isinstance(item, Array | Known) for item in value.items):
                found = (value.items, name)
        return (children, *found) if children and found else None

    def _by_locals(
        self,
        method: ast.FunctionDef,
        out: Instance,
        operands: dict[str, Instance],
        held: Array,
    ) -> BackwardPass:
        """The local gradients stand beside the children; the upstream is 1."""
        found = self._locals(out)
        if found is None:
            raise CannotRead(
                tell("{name} keeps nothing that goes backward", name=method.name), method
            )
        children, locals_, attribute = found
        places = self._places_in(method, attribute, len(locals_))
        gradients = []
        for name, operand in operands.items():
            called, of = f"{method.name}.{name}", self.held(operand, method).name
            mine = [k for k, child in enumerate(children) if child is operand]
            if not mine or mine[-1] >= len(locals_):
                error = NoLocalGradient(
                    tell("there is no local gradient for {name}", name=name), places[0]
                )
                gradients.append(Gradient(called, (of,), (), error))
                continue
            total: ast.expr | None = None
            for k in mine:
                node = as_number(self.array(locals_[k], places[0])).node
                total = node if total is None else ast.BinOp(total, ast.Add(), node)
            assert total is not None
            if isinstance(total, ast.Name):
                total = ast.UnaryOp(ast.UAdd(), total)
            at = places[mine[0]] if mine[0] < len(places) else places[0]
            stage = self.add_stage(Array(total), "local", at).id
            gradients.append(Gradient(called, (of,), (Line(stage, at),)))
        return self.passed(held.name, gradients)

    def _places_in(self, method: ast.FunctionDef, attribute: str, count: int) -> Sequence[ast.AST]:
        """Where the local gradients stand in the method's text."""
        start = self.kind.find("__init__")
        names = [a.arg for a in start.node.args.args][1:] if isinstance(start, Function) else []
        kept = attribute.strip("_")
        calls = [
            part
            for part in ast.walk(method)
            if isinstance(part, ast.Call)
            and isinstance(part.func, ast.Name)
            and part.func.id == self.of.name
            and len(part.args) + len(part.keywords) > 1
        ]
        for call in calls:
            given = dict(zip(names, call.args, strict=False))
            given |= {word.arg: word.value for word in call.keywords if word.arg}
            for name, node in given.items():
                if name.strip("_") == kept:
                    if isinstance(node, ast.Tuple | ast.List) and len(node.elts) == count:
                        return node.elts
                    return [node] * count
        return [calls[0] if calls else method] * count

    # all nodes

    def order(self, method: ast.FunctionDef) -> BackwardPass:
        """`backward`, of a formula in which every node but the last is used twice, at different
        depths. Raises CannotRead."""
        nodes: dict[str, Instance] = {}
        for name, value in zip(INPUTS, _VALUES.values(), strict=False):
            nodes[name] = self.made_object(self.kind, [self.input(name, value)], {}, method)
        for name, operation, first, second in STEPS:
            made = self.operated(nodes[first], operation, nodes[second], method)
            if not isinstance(made, Instance):
                raise CannotRead(
                    tell(
                        "__{operation}__ gives back no {name}",
                        operation=operation,
                        name=self.of.name,
                    ),
                    method,
                )
            held = self.held(made, method)
            held.node = self.add_stage(held, name, method)
            nodes[name] = made
        found = self.kind.find(method.name)
        assert isinstance(found, Function)
        self.bound.clear()
        self.inlined(bound(found, nodes[STEPS[-1][0]]), [], {}, method)
        gradients = []
        for name, node in nodes.items():
            found_here = self.array(node.names.get(self.of.grad, Known(0)), method)
            whole = Array(ast.UnaryOp(ast.UAdd(), found_here.node))
            stage = self.add_stage(whole, "grad", method).id
            of = self.held(node, method).name
            gradients.append(Gradient(f"backward.{name}", (of,), (Line(stage, method),)))
        return self.passed(self.held(nodes[STEPS[-1][0]], method).name, gradients)

    # what is read

    def passed(self, result: str, gradients: Sequence[Gradient]) -> BackwardPass:
        """All that was walked, as a formula with its gradients."""
        wanted = {result, *(line.stage for g in gradients for line in g.lines)}
        forward, stages = self.stages_of({result}), self.stages_of(wanted)
        self.keep_point(wanted)
        lines = [Line(b.stage, b.node, b.adds, b.entry) for b in self.bound]
        shown = tuple(map(self._shown, lines))
        split, added = _added_alone(stages, shown)
        return BackwardPass(
            self.source,
            tuple(forward),
            tuple(split),
            self.point,
            tuple(replace(g, lines=tuple(map(self._shown, g.lines))) for g in gradients),
            notes=tuple(self.notes),
            helpers=(*shown, *added),
            sums=frozenset(line.stage.removesuffix(_ADDED) for line in added),
        )

    def _shown(self, line: Line) -> Line:
        return replace(line, stage=self.called(line.stage))


def _added_alone(stages: Sequence[Stage], lines: Sequence[Line]) -> tuple[list[Stage], list[Line]]:
    """What `self.grad += x` adds as a stage of its own, which is judged by itself."""
    adding = {line.stage: line.node for line in lines if isinstance(line.node, ast.AugAssign)}
    found: list[Stage] = []
    added: list[Line] = []
    for stage in stages:
        tree = ast.parse(stage.expression, mode="eval").body
        node = adding.get(stage.name)
        if isinstance(node, ast.AugAssign) and isinstance(tree, ast.BinOp):
            part = f"{stage.name}{_ADDED}"
            found.append(Stage(part, f"{part} = {ast.unparse(tree.right)}", stage.line))
            whole = ast.BinOp(tree.left, tree.op, ast.Name(part))
            stage = Stage(stage.name, f"{stage.name} = {ast.unparse(whole)}", stage.line)
            added.append(Line(part, node.value))
        found.append(stage)
    return found, added
