"""The machine that knows which gradients functions give back: a loss with its gradients, a pair
NAME_forward and NAME_backward."""

from __future__ import annotations

import ast
import copy
import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace

from backtrace.code.backward_pass import Gradient
from backtrace.code.bound_gradients import BoundGradients
from backtrace.code.calls import bound
from backtrace.code.losses import is_called_loss
from backtrace.code.operands import as_number
from backtrace.code.outputs import Output, last_return, outputs_of, returned_names
from backtrace.code.values import (
    Array,
    Bound,
    CannotRead,
    Dictionary,
    Function,
    Instance,
    Known,
    Several,
    Unreadable,
    Value,
)
from backtrace.code.words import differentiated
from backtrace.language import tell

UPSTREAM = "dout"
_LOSSES = ("loss", "cost", "compute_loss", "compute_cost", "calc_loss", "loss_function")


def as_given(parameters: Mapping[str, Value]) -> dict[str, Value]:
    """The inputs as they are now, of which backward may change some in place."""
    return {n: copy.copy(v) if isinstance(v, Array) else v for n, v in parameters.items()}


def pair_of(name: str) -> tuple[str, str]:
    """What the functions of a pair are called, by the name of one of them, or of both: relu_forward
    and relu_backward of relu, forward_pass and backward_pass."""
    if "backward" in name or "forward" in name:
        return name.replace("backward", "forward"), name.replace("forward", "backward")
    return f"{name}_forward", f"{name}_backward"


class ReturnedGradients(BoundGradients):
    """Walks a function, or a pair of them, whose arguments are inputs."""

    # one function that gives back a loss and its gradients

    def _of_loss(self, name: str, tree: ast.Module) -> list[Gradient]:
        """def loss(W, X, y): ... return loss, dW, or a dictionary grads."""
        function, owner = self._function(name, tree)
        values = [*self._parameters(function, owner).values()]
        if owner is not None:
            values, function = values[1:], bound(function, owner)
        beside = self._loss_beside(function, owner, values) if owner is not None else None
        returned = self.inlined(function, values, {}, function.node)
        self._log_lists()
        items = returned.items if isinstance(returned, Several) else [returned]
        if isinstance(items[0], Dictionary) and (loss := beside or self._loss_inside()) is not None:
            items = [loss, *items]
        if isinstance(items[0], Unreadable):
            raise items[0].error
        if len(items) < 2 or not isinstance(items[0], Array):
            hint = tell("{name}_backward, or return loss, dW", name=name)
            raise CannotRead(
                tell("{name} gives back no loss with gradients", name=name), function.node, hint
            )
        self._seeded([items[0]], function.node, is_last=True)
        found = {g.name: g for g in self._of_bound(self.bound)}
        if sum(b.name == UPSTREAM for b in self.bound) > 1:  # what goes from layer to layer
            found.pop(UPSTREAM, None)
        names = returned_names(function)
        for place, item in enumerate(items[1:], 1):
            if isinstance(item, Dictionary):
                pairs = [
                    (self.gradient_of_key(str(key)), value) for key, value in item.items.items()
                ]
            else:
                pairs = [(names[place] if place < len(names) else "", item)]
            for given_name, value in pairs:
                value = self.of_list(value)
                of = self._bases(given_name)
                if isinstance(value, Unreadable):  # an earlier line is not what is given back
                    found.pop(given_name, None)
                if of and given_name not in found and isinstance(value, Array | Unreadable):
                    inner = Array(ast.Name(of[0]))
                    gradient = self._final(given_name, inner, value, self.bound, function)
                    found[given_name] = replace(gradient, of=of)
        return list(found.values())

    def _loss_beside(
        self, function: Function, owner: Instance, values: Sequence[Value]
    ) -> Value | None:
        """The loss that another method of the class works out from the same arguments, which this
        one gives back gradients of: net.loss(x, t) beside net.gradient(x, t)."""
        inside = [*ast.walk(function.node)]
        called = {part.attr for part in inside if isinstance(part, ast.Attribute)}
        stored = {p.id for p in inside if isinstance(p, ast.Name) and isinstance(p.ctx, ast.Store)}
        loss = next((m for n in _LOSSES if isinstance(m := owner.of.find(n), Function)), None)
        if loss is None or loss.node is function.node or called.intersection(_LOSSES):
            return None
        if any(map(is_called_loss, stored)):
            return None
        given = dict(zip([a.arg for a in function.node.args.args][1:], values, strict=False))
        needed = [a.arg for a in loss.node.args.args][1:]
        if not given.keys() >= {*needed[: len(needed) - len(loss.defaults)]}:
            return None
        named = {name: given[name] for name in needed if name in given}
        returned = self.inlined(bound(loss, owner), [], named, loss.node)
        found = returned.items[0] if isinstance(returned, Several) else returned
        if isinstance(found, Array) and not self.is_stage(found.name):
            found.node = self.add_stage(found, "loss", last_return(loss))
        return found

    def _loss_inside(self) -> Array | None:
        """The loss of a method that gives back gradients alone: what is called so, else the last
        number that goes forward."""
        forward = [b for b in self.bound if not b.goes_back and self.is_stage(b.stage)]
        numbers = [b for b in forward if not self.shape(b.array, b.node)]
        called = [b for b in numbers if is_called_loss(b.name)]
        found = (called or numbers)[-1:]
        return found[0].array if found else None

    # pairs of functions

    def _of_pair(self, pair: tuple[str, str], tree: ast.Module) -> list[Gradient]:
        base = pair[0].removesuffix("_forward")
        forward = self.module.names.get(pair[0], self.module.names.get(base))
        backward = self.module.names.get(pair[1])
        if not isinstance(forward, Function) or not isinstance(backward, Function):
            what = tell(
                "there is no {backward} beside {forward}", backward=pair[1], forward=pair[0]
            )
            raise CannotRead(what, tree, self._all())
        parameters = self._parameters(forward, None)
        returned = self.inlined(forward, list(parameters.values()), {}, forward.node)
        items: list[Value] = returned.items if isinstance(returned, Several) else [returned]
        outputs = outputs_of(forward, backward, items)
        ups, rest = self._given_to(backward, outputs, items, last_return(forward))
        given = self._arguments_of(backward, ups, rest, parameters)
        before = len(self.bound)
        parameters = as_given(parameters)
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
            raise CannotRead(tell("what is given back first is no array"), node)
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
