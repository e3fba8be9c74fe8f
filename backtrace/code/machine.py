"""The machine that walks the code, statement by statement. Nothing is executed."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

from backtrace.code import known
from backtrace.code.expressions import MOST_STEPS, Expressions, Returned, Stage
from backtrace.code.shapes import needed
from backtrace.code.values import CannotRead, Data, Formula, Known, Several, Value
from backtrace.code.words import GRADIENTS, UNTOUCHED, dotted

__all__ = ["Machine", "Stage"]


class Machine(Expressions):
    """Reads a file, or one function of it, as stages."""

    def read(self, tree: ast.Module, name: str, of: str) -> tuple[list[Stage], dict[str, str]]:
        """The stages of the formula, the last its result, and the values of its inputs."""
        self.counts = known.counts(tree)
        scope: dict[str, Value] = {}
        if name:
            self._function_alone(tree, name, scope)
        else:
            self._block(tree.body, scope)
        result = self._last_version(of) if of else self.output or self.last
        if not result:
            hint = "h = np.tanh(W @ x)" if not name else "a function returns what it computes"
            raise CannotRead("nothing is computed here", tree.body[0] if tree.body else tree, hint)
        return self._needed(result, tree), self.point

    def _function_alone(self, tree: ast.Module, name: str, scope: dict[str, Value]) -> None:
        for node in tree.body:
            if isinstance(node, ast.FunctionDef):
                self.functions[node.name] = node
        function = self.functions.get(name)
        if function is None:
            hint = f"there are {', '.join(self.functions)}" if self.functions else ""
            raise CannotRead(f"there is no function '{name}'", tree, hint)
        for node in tree.body:  # what stands beside it: constants, and nothing that fails
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                self._statement(node, scope)
        scope |= self._parameters(function)
        self.depth = 1
        try:
            self._block(function.body, scope)
        except Returned as returned:
            value = returned.value
            first = value.items[0] if isinstance(value, Several) and value.items else value
            self.output = self._as_stage(first, "f", function)

    def _parameters(self, function: ast.FunctionDef) -> dict[str, Value]:
        """Parameters are inputs; those with a number for a default have it, or are counts."""
        arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
        given = function.args.defaults
        without = len(function.args.posonlyargs) + len(function.args.args) - len(given)
        defaults: list[ast.expr | None] = [None] * without
        defaults += [*given, *function.args.kw_defaults]
        found: dict[str, Value] = {}
        for argument, default in zip(arguments, defaults, strict=True):
            name = argument.arg
            if default is not None and name not in self.given:
                value = self._value(default, {})
                is_number = isinstance(value, Known) and type(value.value) in (int, float)
                if not is_number or name in self.counts:
                    found[name] = value
                    continue
                assert isinstance(value, Known)
                self.point[name] = repr(value.value)
            found[name] = Formula(ast.Name(name))
            self.taken.add(name)
        return found

    def _block(self, body: Sequence[ast.stmt], scope: dict[str, Value]) -> None:
        for node in body:
            self.steps += 1
            if self.steps > MOST_STEPS:
                raise CannotRead(f"more than {MOST_STEPS:,} steps", node, "fewer rounds of a loop")
            self._statement(node, scope)

    def _statement(self, node: ast.stmt, scope: dict[str, Value]) -> None:
        match node:
            case ast.Import() | ast.ImportFrom() | ast.Pass() | ast.Assert() | ast.Global():
                pass
            case ast.FunctionDef():
                self.functions[node.name] = node
            case ast.Assign():
                for target in node.targets:
                    self._assign(target, node.value, scope)
            case ast.AnnAssign(value=ast.expr()):
                assert node.value is not None
                self._assign(node.target, node.value, scope)
            case ast.AnnAssign():
                pass
            case ast.AugAssign():
                self._augmented(node, scope)
            case ast.Expr():
                self._expression(node.value, scope)
            case ast.For():
                if not all(map(_is_bookkeeping, node.body)):
                    self._loop(node, scope)
            case ast.If():
                condition = self._value(node.test, scope)
                if not isinstance(condition, Known):
                    hint = "a choice between numbers is np.where(x > 0, a, b)"
                    raise CannotRead("the condition is not known", node.test, hint)
                self._block(node.body if condition.value else node.orelse, scope)
            case ast.With():
                if not any("no_grad" in ast.unparse(item.context_expr) for item in node.items):
                    self._block(node.body, scope)
            case ast.Return():
                if not self.depth:
                    raise CannotRead("'return' stands in no function", node)
                raise Returned(self._returned(node.value, scope))
            case ast.ClassDef():
                pass
            case _:
                what = f"'{type(node).__name__.lower()}' is not read"
                raise CannotRead(what, node, "assignments, for, if, def and return are")

    def _assign(self, target: ast.expr, value: ast.expr, scope: dict[str, Value]) -> None:
        if isinstance(target, ast.Tuple | ast.List):
            self._unpack(target, value, scope)
            return
        if self._is_of_gradients(target, scope) or self._goes_back(target, value, scope):
            return
        if not isinstance(target, ast.Name):
            hint = "give it a name of its own: np.where, concatenate"
            raise CannotRead("a value is put into another", target, hint)
        name = target.id
        if name in self.given and name not in self.taken:
            self.taken.add(name)
            scope[name] = Formula(ast.Name(name))
            return
        found = self._value(value, scope)
        scope[name] = self._bound(name, found, value)

    def _bound(self, name: str, found: Value, node: ast.expr) -> Value:
        """What a name stands for from now on: an input, a stage, or what is known."""
        if isinstance(found, Known):
            if name in self.counts or _is_measured(node) or not known.is_of_numbers(found.value):
                return found
            found = Data(repr(found.value))
        if isinstance(found, Data):
            fresh = self._fresh(name)
            self.point[fresh] = found.text
            return Formula(ast.Name(fresh))
        if isinstance(found, Several):
            return found
        stage = self._as_stage(found, name, node)
        self.last = self.last if self.goes_back else stage
        return Formula(ast.Name(stage))

    def _unpack(
        self, target: ast.Tuple | ast.List, value: ast.expr, scope: dict[str, Value]
    ) -> None:
        if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts):
            for one, part in zip(target.elts, value.elts, strict=True):
                self._assign(one, part, scope)
            return
        if all(self._is_of_gradients(one, scope) for one in target.elts):
            return
        found = self._value(value, scope)
        items = self._items(found, value)
        if len(items) != len(target.elts):
            raise CannotRead(f"{len(items)} values for {len(target.elts)} names", target)
        for one, item in zip(target.elts, items, strict=True):
            if not isinstance(one, ast.Name):
                raise CannotRead("names are due", one)
            is_bound = isinstance(item, Formula) and isinstance(item.node, ast.Name)
            scope[one.id] = item if is_bound else self._bound(one.id, item, value)

    def _augmented(self, node: ast.AugAssign, scope: dict[str, Value]) -> None:
        target = node.target
        if self._is_of_gradients(target, scope) or self._goes_back(target, node.value, scope):
            return
        if not isinstance(target, ast.Name):
            hint = "give it a name of its own: np.where, concatenate"
            raise CannotRead("a value is put into another", target, hint)
        loaded = ast.copy_location(ast.Name(target.id), target)
        self._assign(target, ast.copy_location(ast.BinOp(loaded, node.op, node.value), node), scope)

    def _goes_back(self, target: ast.expr, value: ast.expr, scope: dict[str, Value]) -> bool:
        """Whether a value is made of gradients: w -= rate*grad_w, dz = dh*h."""
        names = {node.id for node in ast.walk(value) if isinstance(node, ast.Name)}
        is_back = bool(names & (self.backward - scope.keys()))
        if is_back and isinstance(target, ast.Name) and target.id not in scope:
            self.backward.add(target.id)
        return is_back

    def _returned(self, node: ast.expr | None, scope: dict[str, Value]) -> Value:
        """What a function gives back; of gradients nothing."""
        if node is None:
            return Known(None)
        parts = node.elts if isinstance(node, ast.Tuple) else [node]
        values = [
            Known(None) if self._goes_back(node, part, scope) else self._value(part, scope)
            for part in parts
        ]
        return Several(values) if isinstance(node, ast.Tuple) else values[0]

    def _is_of_gradients(self, target: ast.expr, scope: dict[str, Value]) -> bool:
        """dW, dh[h <= 0], W.grad, p.data, W.requires_grad: no part of what goes forward."""
        while isinstance(target, ast.Subscript):
            target = target.value
        if isinstance(target, ast.Attribute):
            found = target.attr in ("grad", "data", "requires_grad")
        else:
            known_names = scope.keys() | self.taken
            found = isinstance(target, ast.Name) and (
                target.id in self.backward or GRADIENTS(target.id, known_names)
            )
            if found and isinstance(target, ast.Name):
                self.backward.add(target.id)
        self.goes_back = self.goes_back or (found and not isinstance(target, ast.Attribute))
        return found

    def _expression(self, node: ast.expr, scope: dict[str, Value]) -> None:
        """A call alone: .append() and .backward() matter, prints and plots do not."""
        if isinstance(node, ast.Call) and dotted(node.func) in self.functions:
            self._value(node, scope)
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            return
        self._refuse_in_place(node, scope)
        of = node.func.value
        if node.func.attr == "append" and isinstance(of, ast.Name) and len(node.args) == 1:
            held = scope.get(of.id)
            if isinstance(held, Known) and isinstance(held.value, list):
                held = scope[of.id] = Several([Known(item) for item in held.value])
            if isinstance(held, Several):
                item = self._value(node.args[0], scope)
                if isinstance(item, Formula) and not isinstance(item.node, ast.Name):
                    stage = self._as_stage(item, f"{of.id}_{len(held.items)}", node)
                    self.last = stage
                    item = Formula(ast.Name(stage))
                held.items.append(item)
        if node.func.attr == "backward" and isinstance(of, ast.Name):
            value = scope.get(of.id)
            if isinstance(value, Formula) and isinstance(value.node, ast.Name) and not self.output:
                self.output = value.node.id

    def _refuse_in_place(self, node: ast.Call, scope: dict[str, Value]) -> None:
        """h.relu_(), np.maximum(h, 0, out=h), list.pop(): what changes a value where it stands."""
        assert isinstance(node.func, ast.Attribute)
        name, of = node.func.attr, node.func.value
        held = scope.get(of.id) if isinstance(of, ast.Name) else None
        is_list = isinstance(held, Several) and name not in ("append", "copy", "index", "count")
        is_changed = name.endswith("_") and not name.endswith("__") and name not in UNTOUCHED
        if is_list or is_changed or any(k.arg == "out" for k in node.keywords):
            hint = "give the new value a name: h = torch.relu(h)"
            raise CannotRead(f"'{name}' changes a value where it stands", node, hint)

    def _loop(self, node: ast.For, scope: dict[str, Value]) -> None:
        is_training = any(
            isinstance(inner, ast.Attribute) and inner.attr in ("backward", "step", "zero_grad")
            for inner in ast.walk(node)
        )
        items: Sequence[Any]
        found = self._value(node.iter, scope)
        if isinstance(found, Known) and isinstance(found.value, range) and is_training:
            items = [Known(v) for v in found.value[:1]]
        else:
            items = self._items(found, node.iter)
        for item in items:
            if isinstance(node.target, ast.Name):
                scope[node.target.id] = item
            elif isinstance(node.target, ast.Tuple):
                parts = self._items(item, node.target)
                for one, part in zip(node.target.elts, parts, strict=False):
                    if isinstance(one, ast.Name):
                        scope[one.id] = part
            self._block(node.body, scope)
            if is_training:
                break

    def _last_version(self, name: str) -> str:
        names = [stage.name for stage in self.stages]
        versions = [n for n in names if n == name or n.partition("_v")[0] == name]
        return versions[-1] if versions else name

    def _needed(self, result: str, tree: ast.AST) -> list[Stage]:
        """The stages up to the result, which stands last."""
        names = [stage.name for stage in self.stages]
        if result not in names:
            raise CannotRead(f"'{result}' is not computed here", tree)
        place = names.index(result)
        last = self.stages[place]
        found = [*needed(self.stages[:place], last.node), last]
        wanted = {n.id for stage in found for n in ast.walk(stage.node) if isinstance(n, ast.Name)}
        self.point = {name: text for name, text in self.point.items() if name in wanted}
        return found


def _is_bookkeeping(node: ast.stmt) -> bool:
    """Whether a statement only looks after gradients: p.grad = None, t.retain_grad(), a print."""
    match node:
        case ast.Assign(targets=[ast.Attribute(attr="grad" | "data" | "requires_grad")]):
            return True
        case ast.AugAssign(target=ast.Attribute(attr="grad" | "data")):
            return True
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr=name))):
            return name in ("retain_grad", "zero_", "zero_grad", "requires_grad_", "step")
        case ast.Expr(value=ast.Call(func=ast.Name(id="print"))):
            return True
    return isinstance(node, ast.Pass)


def _is_measured(node: ast.AST) -> bool:
    """Whether a number comes from a length or a shape, and is no input."""
    return any(
        isinstance(part, ast.Call | ast.Attribute | ast.Subscript) for part in ast.walk(node)
    )
