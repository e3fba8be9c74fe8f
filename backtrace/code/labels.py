"""Labels that come as rows of 0 and 1: t.argmax(axis=1) of given or written data is what it is."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from backtrace.code.trees import located
from backtrace.code.values import Array, Known, Value

if TYPE_CHECKING:
    from backtrace.code.gatecalls import GateCall, GateCalls


def classes_of(machine: GateCalls, call: GateCall) -> Value | None:
    """The class of each row, as data of whole numbers; None where the rows are not known, or are no
    labels: the place of the largest of numbers that change is no constant."""
    rows, *others = call.all_placed or [Known(None)]
    axis = call.named.get("axis", call.named.get("dim", others[0] if others else Known(None)))
    if not isinstance(rows, Array) or not isinstance(axis, Known) or len(others) > 1:
        return None
    held = machine.data_in(rows.node)
    if held is None:
        return None
    import numpy as np  # where labels are read

    try:
        numbers = np.asarray(held, float)
    except (TypeError, ValueError):
        return None
    is_last = axis.value in (-1, numbers.ndim - 1) or (numbers.ndim == 1 and axis.value is None)
    is_one_hot = np.isin(numbers, (0, 1)).all() and np.all(numbers.sum(axis=-1) == 1)
    if not (is_last and numbers.ndim in (1, 2) and is_one_hot):
        return None
    found = np.argmax(numbers, axis=-1)
    if numbers.ndim == 1:
        return Known(int(found))
    items: list[ast.expr] = [ast.Constant(int(one)) for one in found]
    return Array(located(ast.List(items), call.node), is_data=True)
