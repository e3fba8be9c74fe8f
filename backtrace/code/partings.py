"""Calls that cut an array into parts along an axis: np.split, torch.split, chunk, unbind."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Sequence

from backtrace.code.gatecalls import GateCall, GateCalls
from backtrace.code.operands import part_of_mask
from backtrace.code.values import Array, CannotRead, Known, Several, Value
from backtrace.language import tell

PARTINGS = frozenset(("split", "chunk", "unbind", "hsplit", "vsplit", "tensor_split"))


def parted(machine: GateCalls, call: GateCall) -> Several:
    """The parts, each an array that shows a part of the whole. NumPy's split takes how many parts
    there are, or where each begins; PyTorch's how long each is. Raises CannotRead."""
    placed, named, node = [*call.all_placed], dict(call.named), call.node
    whole = machine.array(placed.pop(0), node)
    if not (whole.name or whole.is_data):
        whole.node = machine.add_stage(whole, "whole", node)
    lengths = machine.shape(whole, node)
    words = ("split_size_or_sections", "split_size", "indices_or_sections", "chunks", "sections")
    how = None
    if call.name != "unbind":
        given = [named.pop(word) for word in words if word in named]
        how = given[0] if given else placed.pop(0) if placed else None
    axis_of = named.pop("dim", named.pop("axis", placed.pop(0) if placed else Known(0)))
    if call.name in ("hsplit", "vsplit"):
        axis_of = Known(int(call.name == "hsplit" and len(lengths) > 1))
    axis = axis_of.value if isinstance(axis_of, Known) else None
    if placed or named or type(axis) is not int or not -len(lengths) <= axis < len(lengths):
        raise CannotRead(tell("it is cut into equal parts along an axis"), node, "np.split(x, 3)")
    axis %= len(lengths)
    if call.name == "unbind":
        cuts: list[ast.expr] = [ast.Constant(k) for k in range(lengths[axis])]
    else:
        ends = _ends(call, _numbers(how), lengths[axis])
        pairs = itertools.pairwise([0, *ends])
        cuts = [ast.Slice(ast.Constant(a), ast.Constant(b)) for a, b in pairs]
    return Several([_part(whole, cut, axis) for cut in cuts], is_tuple=call.library == "torch")


def _numbers(how: Value | None) -> int | list[int] | None:
    match how:
        case Known(value=int() as number) if not isinstance(number, bool):
            return number
        case Known(value=list() | tuple() as numbers):
            return list(numbers)
        case Several(items=items):
            found = [item.value for item in items if isinstance(item, Known)]
            return found if len(found) == len(items) else None
    return None


def _ends(call: GateCall, how: int | Sequence[int] | None, length: int) -> list[int]:
    """Where the parts end."""
    ends: list[int] = []
    is_torch = call.library == "torch" and call.name in ("split", "chunk")
    if not call.library and call.name == "split":
        hint = "np.split(x, 3), torch.split(x, 2)"
        what = tell("'{name}' along an axis is another thing in PyTorch", name=call.name)
        raise CannotRead(what, call.node, hint)
    if isinstance(how, int) and how > 0:
        if call.name == "chunk":
            step = -(-length // how)
        elif is_torch:
            step = how
        else:
            step = length // how if length % how == 0 else 0
        ends = [*range(step, length, step), length] if step else []
    elif how is not None and not isinstance(how, int) and all(type(n) is int for n in how):
        ends = [*itertools.accumulate(how)] if is_torch else [*how, length]
    is_right = bool(ends) and ends[-1] == length and all(a < b for a, b in itertools.pairwise(ends))
    if not is_right or ends[0] <= 0:
        what = tell("{length} entries are not cut into such parts", length=length)
        raise CannotRead(what, call.node)
    return ends


def _part(whole: Array, cut: ast.expr, axis: int) -> Array:
    places: list[ast.expr] = [ast.Slice() for _ in range(axis)]
    place = ast.Tuple([*places, cut]) if axis else cut
    taken = part_of_mask(whole, whole.node, place)
    return Array(taken, whole.is_data, whole.library, whole.kind, whole.is_mask, part_of=whole)
