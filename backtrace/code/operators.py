"""Operators between values: numbers, lists and arrays mean different things by the same sign."""

from __future__ import annotations

import ast

from backtrace.code import known
from backtrace.code.operands import Operands, as_number
from backtrace.code.trees import located
from backtrace.code.values import (
    Array,
    Builtin,
    CannotRead,
    Class,
    Dictionary,
    Function,
    Instance,
    Known,
    Scope,
    Several,
    Value,
    whole_of,
)
from backtrace.language import tell

_NAMES = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "truediv",
    ast.Pow: "pow",
    ast.MatMult: "matmul",
}


class Operators(Operands):
    """Signs, operators, comparisons."""

    def value(self, node: ast.expr, scope: Scope) -> Value:
        raise NotImplementedError

    def is_whole(self, value: Value) -> bool:
        raise NotImplementedError

    def truth(self, node: ast.expr, scope: Scope) -> bool:
        raise NotImplementedError

    def known_entry(self, value: Value) -> Value:
        raise NotImplementedError

    def operated(self, on: Instance, name: str, other: Value | None, node: ast.AST) -> Value:
        raise NotImplementedError

    def _unary(self, node: ast.UnaryOp, scope: Scope) -> Value:
        if isinstance(node.op, ast.Not):
            return Known(not self.truth(node.operand, scope))
        inner = self.value(node.operand, scope)
        if isinstance(inner, Known):
            return Known(known.unary(node, inner.value), inner.measured)
        if isinstance(inner, Instance):
            return self.operated(inner, "neg", None, node)
        array = self.array(inner, node)
        if isinstance(node.op, ast.Invert):
            if not array.is_mask:
                raise CannotRead(tell("'~' is read of yes and no only"), node, "~(x > 0)")
            not_so = ast.Compare(as_number(array).node, [ast.Lt()], [ast.Constant(0.5)])
            return self.made_of(not_so, [array], node, is_mask=True)
        self.refuse_list(array, node)
        if array.is_mask and isinstance(node.op, ast.USub):
            raise CannotRead(tell("'-' is not read of yes and no"), node, "~(x > 0)")
        whole = self.is_whole(array)
        array = as_number(array)
        sign = located(ast.UnaryOp(node.op, array.node), node)
        found = self.made_of(sign, [array], node)
        found.is_whole = whole
        return found

    def _binary(self, node: ast.BinOp, scope: Scope) -> Value:
        """Down the left side in a loop: sums are long."""
        chain = [node]
        while isinstance(chain[-1].left, ast.BinOp):
            chain.append(chain[-1].left)
        value = self.value(chain[-1].left, scope)
        for inner in reversed(chain):
            self.step(inner)
            value = self.binary(inner.op, value, self.value(inner.right, scope), inner)
        return value

    def binary(self, op: ast.operator, left: Value, right: Value, node: ast.AST) -> Value:
        """Two values with an operator between them."""
        if isinstance(left, Known) and isinstance(right, Known):
            if isinstance(left.value, tuple) and isinstance(op, ast.Add):
                return Several([*self.items(left, node), *self.items(right, node)], is_tuple=True)
            is_measured = left.measured or right.measured
            return Known(known.binary(op, left.value, right.value, node), is_measured)
        if isinstance(left, Instance):
            return self.operated(left, _NAMES.get(type(op), "?"), right, node)
        if isinstance(right, Instance):
            return self.operated(right, "r" + _NAMES.get(type(op), "?"), left, node)
        is_list = any(
            isinstance(v, Several) or (isinstance(v, Array) and v.kind == "list")
            for v in (left, right)
        )
        if is_list:
            joined = self._joined(op, left, right, node)
            if joined is not None:
                return joined
        first, second = self.array(left, node), self.array(right, node)
        if "list" in (first.kind, second.kind):
            self._refuse_lists(first, second, node)
        if isinstance(op, ast.BitAnd | ast.BitOr | ast.BitXor | ast.LShift | ast.RShift):
            return self._of_bits(op, [first, second], node)
        if first.is_mask and second.is_mask and not isinstance(op, ast.Mult):
            return self._of_masks(op, [first, second], node)
        if not isinstance(op, ast.Mult) or (first.is_mask and second.is_mask):
            first, second = as_number(first), as_number(second)
        nodes = self.nodes([first, second])
        made = located(ast.BinOp(nodes[0], op, nodes[1]), node)
        found = self.made_of(made, [first, second], node)
        is_kept = isinstance(op, ast.Add | ast.Sub | ast.Mult | ast.FloorDiv | ast.Mod)
        found.is_whole = is_kept and self.is_whole(left) and self.is_whole(right)
        return found

    def _joined(self, op: ast.operator, left: Value, right: Value, node: ast.AST) -> Several | None:
        """Lists are joined by +, and repeated by *; beside an array they are arrays (None)."""
        left, right = self._as_list(left), self._as_list(right)
        if isinstance(op, ast.Add) and not (isinstance(left, Array) or isinstance(right, Array)):
            both = [*self.items(left, node), *self.items(right, node)]
            return Several(both, isinstance(left, Several) and left.is_tuple)
        if isinstance(left, Several) and isinstance(right, Known) and isinstance(op, ast.Mult):
            if type(right.value) is int and len(left.items) * right.value > known.LONGEST:
                raise CannotRead(tell("the list is too long"), node)
            if type(right.value) is not int:
                raise CannotRead(tell("a list is repeated by a whole number"), node)
            return Several(left.items * right.value, left.is_tuple)
        if isinstance(right, Several) and isinstance(left, Known):
            return self._joined(op, right, left, node)
        return None

    def _as_list(self, value: Value) -> Value:
        """A list of numbers that has become an input, as the list that it was."""
        if not isinstance(value, Array) or value.kind != "list":
            return value
        node = self.data_of(value.name)
        if not isinstance(node, ast.List) or not all(
            isinstance(item, ast.Constant) for item in node.elts
        ):
            return value
        return Several([Known(i.value) for i in node.elts if isinstance(i, ast.Constant)])

    def _refuse_lists(self, left: Array, right: Array, node: ast.AST) -> None:
        """A list of Python's own: beside an array of NumPy it is one, alone it joins or fails."""
        is_beside_array = any(not part.kind for part in (left, right))
        if not is_beside_array:
            hint = tell("np.array(x) makes an array of it")
            raise CannotRead(tell("a list of numbers does not add up, it is joined"), node, hint)

    def refuse_list(self, array: Array, node: ast.AST) -> None:
        if array.kind == "list":
            hint = tell("np.array(x) makes an array of it")
            raise CannotRead(tell("a list of numbers is no array"), node, hint)

    def _of_bits(self, op: ast.operator, of: list[Array], node: ast.AST) -> Array:
        """& and | of yes and no; of numbers they are not what they look like."""
        if not all(part.is_mask for part in of):
            is_power = isinstance(op, ast.BitXor)
            hint = tell("a power is x**2 in Python") if is_power else "(x > 0) & (x < 1)"
            what = (
                tell("'^' is no power here") if is_power else tell("bits of numbers are not read")
            )
            raise CannotRead(what, node, hint)
        first, second = self.nodes([as_number(part) for part in of])
        both: ast.expr = ast.BinOp(first, ast.Mult(), second)
        if isinstance(op, ast.BitOr):
            both = ast.Call(ast.Name("max"), [first, second], [])
        elif isinstance(op, ast.BitXor):
            both = ast.BinOp(ast.BinOp(first, ast.Sub(), second), ast.Pow(), ast.Constant(2))
        yes = ast.Compare(both, [ast.Gt()], [ast.Constant(0.5)])
        return self.made_of(yes, of, node, is_mask=True)

    def _of_masks(self, op: ast.operator, of: list[Array], node: ast.AST) -> Array:
        """Yes and no with each other: + says whether one of them holds, in NumPy and PyTorch."""
        if isinstance(op, ast.Add):
            return self._of_bits(ast.BitOr(), of, node)
        if isinstance(op, ast.Sub | ast.MatMult):
            sign = "@" if isinstance(op, ast.MatMult) else "-"
            hint = tell("as numbers: 1.0*(x > 0)")
            raise CannotRead(
                tell("'{sign}' of yes and no is not what it is of numbers", sign=sign), node, hint
            )
        nodes = self.nodes([as_number(part) for part in of])
        made = located(ast.BinOp(nodes[0], op, nodes[1]), node)
        return self.made_of(made, of, node)

    def _comparison(self, node: ast.Compare, scope: Scope) -> Value:
        parts = [self.value(part, scope) for part in (node.left, *node.comparators)]
        parts = [self.known_entry(part) for part in parts]
        if all(isinstance(part, Known) for part in parts):
            return Known(known.compared(node, [p.value for p in parts if isinstance(p, Known)]))
        first, second = parts[0], parts[-1]
        if len(parts) == 2:
            decided = self._decided(node.ops[0], first, second, node)
            if decided is not None:
                return Known(decided)
        arrays = [self.array(part, node) for part in parts]
        if any(array.kind == "list" for array in arrays) and all(a.kind for a in arrays):
            raise CannotRead(
                tell("lists are compared as wholes"), node, tell("np.array(x) makes an array of it")
            )
        if len(parts) > 2 and any(self.shape(a, node) for a in arrays):
            hint = "(0 < x) & (x < 1)"
            raise CannotRead(tell("arrays are compared two at a time"), node, hint)
        nodes = self.nodes([as_number(array) for array in arrays])
        made = located(ast.Compare(nodes[0], node.ops, nodes[1:]), node)
        return self.made_of(made, arrays, node, is_mask=True)

    def _decided(self, op: ast.cmpop, first: Value, second: Value, node: ast.AST) -> bool | None:
        """Comparisons that no number decides: is None, in, == of a text."""
        if isinstance(op, ast.In | ast.NotIn):
            inside = self._is_in(first, second, node)
            return inside == isinstance(op, ast.In)
        if isinstance(op, ast.Is | ast.IsNot):
            same = _is_one(first, second, node)
            return same == isinstance(op, ast.Is)
        for value in (first, second):
            if isinstance(value, Array) and self.is_open(value.name):
                hint = tell("give {name} a value: {name}=...", name=value.name)
                raise CannotRead(tell("the condition is not known"), node, hint)
        is_other = any(
            isinstance(v, Known) and (v.value is None or isinstance(v.value, str))
            for v in (first, second)
        )
        if is_other and isinstance(op, ast.Eq | ast.NotEq):
            return isinstance(op, ast.NotEq)
        if all(isinstance(v, Several | Known) for v in (first, second)):
            items = [self.items(v, node) for v in (first, second)]
            if all(isinstance(v, Known) for part in items for v in part) and isinstance(
                op, ast.Eq | ast.NotEq
            ):
                return (items[0] == items[1]) == isinstance(op, ast.Eq)
        if any(isinstance(v, Class | Builtin | Function) for v in (first, second)):
            return (first is second or first == second) == isinstance(op, ast.Eq)
        return None

    def _is_in(self, first: Value, second: Value, node: ast.AST) -> bool:
        if isinstance(second, Dictionary):
            return self._hashable(first, node) in second.items
        if isinstance(second, Known) and isinstance(second.value, str) and isinstance(first, Known):
            return str(first.value) in second.value
        held = self.items(second, node)
        if isinstance(second, Array) or (isinstance(first, Array) and not first.name):
            raise CannotRead(tell("whether it is in there is not known"), node)
        return any(_is_one(item, first, node) for item in held)


def _is_one(first: Value, second: Value, node: ast.AST) -> bool:
    """Whether two values are one object. Raises CannotRead where that is not known: np.asarray(b)
    may be b itself."""
    if first is second or (isinstance(first, Known) and first == second):
        return True
    wholes = [whole_of(value) for value in (first, second) if isinstance(value, Array)]
    if len(wholes) == 2 and wholes[0] is wholes[1]:
        raise CannotRead(tell("whether these are one object is not known"), node)
    return False
