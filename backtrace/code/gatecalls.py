"""Calls that stay calls in the formula: gates, under the names that NumPy and PyTorch have for
them. Where the libraries mean different things by one name, the call is written so that it means
one of them."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from backtrace.code.indexing import Indexing
from backtrace.code.labels import classes_of
from backtrace.code.operands import as_number
from backtrace.code.trees import located
from backtrace.code.values import Array, CannotRead, Known, Several, Unreadable, Value
from backtrace.code.words import CALLED, PASSED_OVER, VIEWS
from backtrace.language import marked, tell

_PAIRED = ("max", "min", "median", "mode", "sort", "topk", "kthvalue", "cummax", "cummin")
_JOINED = ("concatenate", "cat", "stack", "column_stack", "dstack")
_SUMMED = ("dot", "matmul", "mm", "bmm", "inner", "vdot", "einsum")
_ALONG = frozenset(
    (
        *("sum", "mean", "prod", "max", "min", "amax", "amin", "var", "std", "logsumexp"),
        *("softmax", "log_softmax", "cumsum"),
    )
)
IN_PLACE = marked("give the new value a name: h = torch.relu(h)")
_GATES = marked("backtrace gates lists the functions")


@dataclass(slots=True)
class GateCall:
    """A call, its arguments worked out. `of` is the array before the dot, `module` what a formula
    calls the module (np, torch, F), `library` whose meaning of the name it is."""

    name: str
    placed: list[Value]
    named: dict[str, Value]
    node: ast.AST
    module: str = ""
    library: str = ""
    of: Array | None = None

    @property
    def all_placed(self) -> list[Value]:
        """With what stands before the dot."""
        return [self.of, *self.placed] if self.of is not None else self.placed


_KEEP_WHOLE = {"sum", "prod", "max", "min", "maximum", "minimum", "abs", "reshape"}


class GateCalls(Indexing):
    """Writes a call into the formula."""

    def gate(self, call: GateCall) -> Value:
        """The call's value. Raises CannotRead for what is no gate."""
        special = _SPECIAL.get(call.name)
        if special is not None:
            found = special(self, call)
            if found is not None:
                return found
        if call.name not in CALLED:
            raise CannotRead(tell("'{name}' is not read", name=call.name), call.node, tell(_GATES))
        inplace = call.named.get("inplace", Known(False))
        if "out" in call.named or inplace != Known(False):
            raise CannotRead(
                tell("'{name}' changes a value where it stands", name=call.name),
                call.node,
                tell(IN_PLACE),
            )
        self.refuse_whole(call.named.get("dtype"), None, call.node)
        if call.name in _ALONG:
            _name_the_axis(call)
        return self._called_gate(call)

    def _called_gate(self, call: GateCall) -> Value:
        arrays, nodes = self._operands(call)
        if call.of is not None:
            function: ast.expr = ast.Attribute(nodes.pop(0), call.name)
        else:
            function = dotted(call.module, call.name)
        call.library = call.library or next((a.library for a in arrays if a.library), "")
        call.library = call.library or (
            next(iter(self.libraries)) if len(self.libraries) == 1 else ""
        )
        keywords = [
            ast.keyword(key, self.argument(value, call.node).node)
            for key, value in call.named.items()
            if key not in PASSED_OVER
        ]
        is_paired = self._is_paired(call)
        keywords += self._spread(call)
        called = located(ast.Call(function, nodes, keywords), call.node)
        shown = arrays[0] if arrays and call.name in VIEWS else None
        result = self.made_of(called, arrays, call.node, part_of=shown)
        result.library = call.library
        result.is_whole = call.name in _KEEP_WHOLE and all(map(self.is_whole, arrays))
        if call.library == "torch":
            result.kind = ""
        if is_paired:
            error = CannotRead(
                tell("the places of entries are not read"),
                call.node,
                tell("the places are not read, only the values: x.max(1).values"),
            )
            return Several([result, Unreadable(error)], is_tuple=True)
        return result

    def _operands(self, call: GateCall) -> tuple[list[Array], list[ast.expr]]:
        first = call.placed[0] if call.placed else None
        if call.name in _JOINED and isinstance(first, Several):
            arrays = [self.array(item, call.node) for item in first.items]
            rest = [self.argument(value, call.node) for value in call.placed[1:]]
            nodes: list[ast.expr] = [ast.List(self.nodes(arrays))]
            return arrays + rest, [*nodes, *(part.node for part in rest)]
        arrays = [self.argument(value, call.node) for value in call.all_placed]
        if call.name in _SUMMED and len(arrays) > 1 and all(array.is_mask for array in arrays):
            what = tell("'{sign}' of yes and no is not what it is of numbers", sign=call.name)
            raise CannotRead(what, call.node, tell("as numbers: 1.0*(x > 0)"))
        if call.name != "where":
            arrays = [as_number(array) for array in arrays]
        return arrays, self.nodes(arrays)

    def refuse_whole(self, kind: Value | None, value: Value | None, node: ast.AST) -> None:
        raise NotImplementedError

    def argument(self, value: Value, node: ast.AST) -> Array:
        """An argument of a gate: numbers, arrays, and texts and None as they are."""
        if isinstance(value, Known) and (
            value.value is None or isinstance(value.value, str | bool)
        ):
            return Array(ast.Constant(value.value), is_data=True, kind="number")
        if isinstance(value, Known) and isinstance(value.value, tuple):
            return Array(
                ast.Tuple([ast.Constant(v) for v in value.value]), is_data=True, kind="number"
            )
        if (
            isinstance(value, Several)
            and value.is_tuple
            and all(isinstance(v, Known) and type(v.value) in (int, tuple) for v in value.items)
        ):
            parts = [self.argument(item, node).node for item in value.items]
            return Array(ast.Tuple(parts), is_data=True, kind="number")
        return self.array(value, node)

    def _is_paired(self, call: GateCall) -> bool:
        """Whether it gives values and places: torch's x.max(1). NumPy's gives the values."""
        if call.name == "sort":
            return call.module == "torch"
        if call.name not in _PAIRED or not {"axis", "dim"} & call.named.keys():
            return False
        if not call.library:
            hint = tell("np.{name}(x, axis=1), or torch.{name}(x, dim=1).values", name=call.name)
            what = tell("'{name}' along an axis is another thing in PyTorch", name=call.name)
            raise CannotRead(what, call.node, hint)
        return call.library == "torch"

    @staticmethod
    def _spread(call: GateCall) -> list[ast.keyword]:
        """var and std: NumPy divides by n, PyTorch by n - 1, unless they are told."""
        is_told = {"ddof", "unbiased", "correction"} & call.named.keys()
        if call.name not in ("var", "std") or is_told:
            return []
        if not call.library:
            hint = tell("say ddof=0 (NumPy) or unbiased=True (PyTorch)")
            raise CannotRead(
                tell("'{name}' divides by n or by n - 1", name=call.name), call.node, hint
            )
        return [ast.keyword("ddof", ast.Constant(int(call.library == "torch")))]


# names that mean other things by what they are given: None where nothing is special


def _larger(machine: GateCalls, call: GateCall) -> Value | None:
    """torch.max(a, b) is the larger of two: an axis is a whole number."""
    is_of_two = call.of is None and len(call.placed) == 2
    if call.library == "torch" and is_of_two and not isinstance(call.placed[1], Known):
        call.name = f"{call.name}imum"
        return machine.gate(call)
    return None


def _laid(machine: GateCalls, call: GateCall) -> Value:
    """vstack and hstack: rows on each other, columns beside each other."""
    items = machine.items(call.placed[0], call.node)
    arrays = [machine.array(item, call.node) for item in items]
    are_vectors = all(len(machine.shape(array, call.node)) == 1 for array in arrays)
    nodes: list[ast.expr] = [ast.List(machine.nodes(arrays))]
    word = "stack" if are_vectors and call.name == "vstack" else "concatenate"
    axis = ast.keyword("axis", ast.Constant(int(call.name == "hstack" and not are_vectors)))
    return machine.made_of(ast.Call(dotted("np", word), nodes, [axis]), arrays, call.node)


def _multiplied(machine: GateCalls, call: GateCall) -> None:
    """dot of more than two axes is not the matrix product of all of them."""
    last = machine.array(call.all_placed[-1], call.node)
    if len(machine.shape(last, call.node)) > 2:
        hint = tell("a @ b multiplies the last axis of a by the last but one of b")
        raise CannotRead(tell("dot of more than two axes is not read"), call.node, hint)


def _masked(machine: GateCalls, call: GateCall) -> Value | None:
    """scores.masked_fill(mask, value): value where the mask says yes."""
    if call.of is None or len(call.placed) != 2:
        return None
    placed = [call.placed[0], call.placed[1], call.of]
    return machine.gate(GateCall("where", placed, {}, call.node, library=call.library))


def _squeezed(machine: GateCalls, call: GateCall) -> Value | None:
    """squeeze() of all axes of length 1."""
    if call.named or len(call.all_placed) != 1:
        return None
    of = machine.array(call.all_placed[0], call.node)
    lengths = [length for length in machine.shape(of, call.node) if length != 1]
    shape: list[ast.expr] = [ast.Constant(length) for length in lengths]
    made = ast.Call(ast.Attribute(of.node, "reshape"), shape, [])
    if not lengths:
        made = ast.Call(ast.Name("sum"), [of.node], [])
    return machine.made_of(made, [of], call.node, of.is_mask, part_of=of)


def _expanded(machine: GateCalls, call: GateCall) -> Value | None:
    """b.expand_as(x): repeated to the shape of x."""
    if call.of is None or call.named or len(call.placed) != 1:
        return None
    of, like = call.of, machine.array(call.placed[0], call.node)
    own, other = machine.nodes([of, like])
    made = ast.BinOp(own, ast.Add(), ast.Call(ast.Name("zeros_like"), [other], []))
    return machine.made_of(made, [of, like], call.node)


def _turned(machine: GateCalls, call: GateCall) -> Value:
    """transpose, swapaxes, permute: NumPy's transpose takes all axes, PyTorch's swaps two."""
    array = machine.array(call.all_placed[0], call.node)
    axes = _axes([*call.all_placed[1:], *call.named.values()], machine, call.node)
    count = len(machine.shape(array, call.node))
    is_swap = call.name == "swapaxes" or (call.name == "transpose" and call.library == "torch")
    if call.name == "transpose" and not call.library and len(axes) == 2 and count != 2:
        hint = "x.permute(0, 2, 1), np.swapaxes(x, 1, 2)"
        raise CannotRead(
            tell("'transpose' of two axes is another thing in PyTorch"), call.node, hint
        )
    order = _order(axes, count, is_swap, call.node)
    made: ast.expr = array.node
    if order == list(range(count))[::-1]:
        made = ast.Attribute(array.node, "T") if count > 1 else array.node
    elif order != list(range(count)):
        axes_in_order = [ast.Constant(axis) for axis in order]
        made = ast.Call(ast.Name("permute"), [array.node, *axes_in_order], [])
    turned = machine.made_of(made, [array], call.node, array.is_mask, part_of=array)
    turned.library = array.library or call.library
    return turned


def _axes(given: Sequence[Value], machine: GateCalls, node: ast.AST) -> list[int]:
    axes: list[int] = []
    for value in given:
        is_one = isinstance(value, Known) and type(value.value) is int
        held = [value] if is_one else machine.items(value, node)
        axes += [v.value for v in held if isinstance(v, Known) and type(v.value) is int]
    return axes


def _order(axes: list[int], count: int, is_swap: bool, node: ast.AST) -> list[int]:
    """The axes in their new order."""
    order = list(range(count))
    wanted = [axis % count for axis in axes if -count <= axis < count]
    if len(wanted) != len(axes) or len(axes) not in ((2,) if is_swap else (0, count)):
        raise CannotRead(
            tell("these are not the axes of {count}", count=count),
            node,
            tell("axes are counted from 0"),
        )
    if is_swap:
        first, second = wanted
        order[first], order[second] = second, first
        return order
    if sorted(wanted) != order and wanted:
        raise CannotRead(tell("an axis stands there twice"), node)
    return wanted or order[::-1]


def _name_the_axis(call: GateCall) -> None:
    """The axis by its name, wherever it stands: x.std(0, keepdim=True)."""
    at = 0 if call.of is not None else 1
    is_axis = len(call.placed) == at + 1 and not isinstance(call.placed[at], Array)
    if is_axis and not {"axis", "dim"} & call.named.keys():
        *call.placed, call.named["axis"] = call.placed


_SPECIAL: dict[str, Callable[[GateCalls, GateCall], Value | None]] = {
    "max": _larger,
    "min": _larger,
    "vstack": _laid,
    "hstack": _laid,
    "dot": _multiplied,
    "masked_fill": _masked,
    "squeeze": _squeezed,
    "expand_as": _expanded,
    "transpose": _turned,
    "swapaxes": _turned,
    "permute": _turned,
    "argmax": classes_of,
}


def dotted(prefix: str, name: str) -> ast.expr:
    """np.linalg.norm as nodes; a name alone where there is no prefix."""
    if not prefix:
        return ast.Name(name)
    first, *more = prefix.split(".")
    node: ast.expr = ast.Name(first)
    for part in (*more, name):
        node = ast.Attribute(node, part)
    return node
