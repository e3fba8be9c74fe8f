"""What a function gives back, by name; and which of it a backward pass takes a gradient for."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from backtrace.code.values import Array, Function, Several, Value
from backtrace.code.words import differentiated


@dataclass(frozen=True, slots=True)
class Output:
    """An array that forward gives back, and the argument of backward that is its gradient;
    `is_packed` where one argument holds the gradients of all."""

    array: Array
    name: str
    upstream: str
    is_packed: bool = False


def outputs_of(forward: Function, backward: Function, items: Sequence[Value]) -> list[Output]:
    """The outputs that backward takes gradients for, in forward's order: of `return next_h, next_c,
    cache` those that dnext_h and dnext_c are of, by their names, else in order."""
    names = returned_names(forward)
    first = items[0]
    is_nested = isinstance(first, Several) and len(items) > 1
    if isinstance(first, Several) and is_nested:
        arrays, names = first.items, returned_names(forward, inside=True)
    else:
        arrays = [*items]
    count = next((k for k, v in enumerate(arrays) if not isinstance(v, Array)), len(arrays))
    found = [v for v in arrays[:count] if isinstance(v, Array)]
    called = [names[k] if k < len(names) else "" for k in range(count)]
    arguments = [a.arg for a in backward.node.args.args]
    if is_nested and len(arguments) <= 2:  # dh, dc = dout
        return [
            Output(array, name, f"d{name}" if name else f"dout_{k}", True)
            for k, (array, name) in enumerate(zip(found, called, strict=True))
        ]
    ups = _upstreams(arguments, [a.arg for a in forward.node.args.args], called, is_nested)
    return [
        Output(found[k], called[k], up) for k, up in sorted(_matched(ups, called).items()) if up
    ]


def _upstreams(
    arguments: Sequence[str], given: Sequence[str], called: Sequence[str], is_nested: bool
) -> list[str]:
    """The arguments of backward that are gradients of outputs: the first, and those after it that
    are called after an output, or like a gradient where outputs stand together."""
    found = [*arguments[:1]]
    for name in arguments[1:]:
        of = differentiated(name)
        is_of = bool(set(of) & {*called}) or (is_nested and bool(of))
        if name in given or name in called or not is_of:
            break
        found.append(name)
    return found


def _matched(ups: Sequence[str], called: Sequence[str]) -> dict[int, str]:
    """Which output each of the upstreams is of, by its place."""
    found: dict[int, str] = {}
    waiting = []
    for up in ups:
        places = [k for k, name in enumerate(called) if name and name in differentiated(up)]
        if places and places[0] not in found:
            found[places[0]] = up
        else:
            waiting.append(up)
    free = [k for k in range(len(called)) if k not in found]
    return found | dict(zip(free, waiting, strict=False))


def last_return(function: Function) -> ast.AST:
    returns = [n for n in ast.walk(function.node) if isinstance(n, ast.Return)]
    return returns[-1] if returns else function.node


def returned_names(function: Function, inside: bool = False) -> list[str]:
    """What a function calls what it gives back, or the parts of the first of it; "" for what is
    no name."""
    last = last_return(function)
    value = last.value if isinstance(last, ast.Return) else None
    parts = value.elts if isinstance(value, ast.Tuple | ast.List) else [value]
    if inside:
        parts = parts[0].elts if isinstance(parts[0], ast.Tuple | ast.List) else []
    found = []
    for part in parts:
        if isinstance(part, ast.Attribute) and part.attr in ("T", "mT"):
            part = part.value  # dx.T is called dx
        if isinstance(part, ast.Name):
            found.append(part.id)
        else:
            found.append(part.attr if isinstance(part, ast.Attribute) else "")
    return found
