"""What goes backward in a file: gradients, and what is made of them. It is not in the formula."""

from __future__ import annotations

import ast
from collections.abc import Collection

from backtrace.code.inplace import InPlace
from backtrace.code.losses import is_called_loss
from backtrace.code.trees import every_part
from backtrace.code.values import Instance, Scope, Value
from backtrace.code.words import is_gradient, may_be_gradient

_ATTRIBUTES = ("grad", "data", "requires_grad")


class Gradients(InPlace):
    """Tells forward lines from backward ones, by names."""

    backward: set[str]  # the names of gradients
    forward: frozenset[str]  # names that look like a gradient's and are none
    goes_back: bool  # whether gradients have begun: what follows is no result
    training: int  # how many training loops are open
    output: Value | None
    updates: int  # how often a value was changed by gradients: w -= rate*dw

    def is_of_gradients(self, target: ast.expr, scope: Scope) -> bool:
        """dW, dh[h <= 0], W.grad, p.data, W.requires_grad: no part of what goes forward."""
        if not self.names_tell:
            return False
        while isinstance(target, ast.Subscript):
            target = target.value
        if isinstance(target, ast.Attribute):
            return self._is_attribute(target, scope) and not self._is_kept(target.attr)
        found = (
            isinstance(target, ast.Name)
            and target.id not in self.forward
            and (target.id in self.backward or self._is_named_as_one(target.id, scope))
        )
        if found and isinstance(target, ast.Name):
            self.backward.add(target.id)
            self.goes_back = True
        return found and not self.keeps_gradients

    def _is_named_as_one(self, name: str, scope: Scope) -> bool:
        if not may_be_gradient(name):
            return False
        forward = self._forward_names(scope)
        return is_gradient(name, forward, self._is_after_loss(forward))

    def _is_after_loss(self, forward: Collection[str]) -> bool:
        """Whether what goes back may have begun, in code whose backward lines are judged."""
        return self.keeps_gradients and (self.goes_back or any(map(is_called_loss, forward)))

    def _is_kept(self, attribute: str) -> bool:
        """Whether it is walked and judged: self.dW; W.grad is PyTorch's own."""
        return self.keeps_gradients and attribute not in _ATTRIBUTES

    def _is_attribute(self, target: ast.Attribute, scope: Scope) -> bool:
        owner = scope.find(target.value.id) if isinstance(target.value, ast.Name) else None
        if isinstance(owner, Instance):  # of an object of the code's own: self.dW, not self.data
            return is_gradient(target.attr, owner.names.keys() | self._forward_names(scope))
        return target.attr in _ATTRIBUTES and not (target.attr == "data" and self.is_early)

    @property
    def is_early(self) -> bool:
        """Whether nothing has gone back yet: values are given to what is to be trained."""
        return not (self.goes_back or self.training or self.updates or self.output)

    def _forward_names(self, scope: Scope) -> set[str]:
        names = set(self.taken)
        reach: Scope | None = scope
        while reach is not None:
            names |= reach.names.keys()
            reach = reach.outer
        return names

    def is_made_of_gradients(self, target: ast.expr, value: ast.expr, scope: Scope) -> bool:
        """Whether a value is made of gradients: w -= rate*grad_w, dz = dh*h, p += -h*p.grad."""
        if not self.names_tell:
            return False
        is_back = any(
            (isinstance(n, ast.Name) and self._is_gradient(n.id, scope))
            or (isinstance(n, ast.Attribute) and n.attr == "grad")
            for n in every_part(value)
        )
        if is_back and isinstance(target, ast.Name):
            if scope.find(target.id) is None:
                self.backward.add(target.id)
            elif target.id not in self.backward and not self._is_product(value):
                self.updates += 1
                return True
        return is_back and not self.keeps_gradients

    def _is_product(self, value: ast.expr) -> bool:
        """h = h*dout: no step of training, which adds, and so read where gradients are."""
        products = ast.Mult | ast.Div | ast.MatMult
        return (
            self.keeps_gradients and isinstance(value, ast.BinOp) and isinstance(value.op, products)
        )

    def _is_gradient(self, name: str, scope: Scope) -> bool:
        return name in self.backward and (self.keeps_gradients or scope.find(name) is None)
