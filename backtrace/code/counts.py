"""Which names are counts, axes, shapes or indices, and no inputs, as the code as a whole tells."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from backtrace.code.trees import every_part

_SHAPED = (
    *("range", "zeros", "ones", "eye", "full", "randn", "rand", "randint", "arange", "empty"),
    *("reshape", "view", "transpose", "permute", "expand", "one_hot", "normal", "uniform"),
    *("unsqueeze", "squeeze", "expand_dims", "swapaxes", "linspace", "standard_normal"),
    *("Linear", "Embedding", "LayerNorm", "tril", "triu", "repeat"),
)
_NAMED = ("axis", "dim", "size", "shape", "num_classes", "keepdims", "keepdim", "ddof")


def counts(tree: ast.AST) -> tuple[set[str], set[str]]:
    """The names that serve somewhere as a count, an axis, a shape or an index, with those that
    these are worked out from; and those that begin what is added up later (loss = 0)."""
    found: set[str] = set()
    added: set[str] = set()
    made: dict[str, set[str]] = {}
    parameters = _parameters(tree)
    for node in every_part(tree):
        match node:
            case ast.AugAssign(target=ast.Name(id=name)):
                added.add(name)
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                made.setdefault(name, set()).update(_worked_out(value))
            case ast.Call():
                added |= _appended(node)
                found |= _of_call(node)
                for name, part in zip(parameters.get(_called(node), ()), node.args, strict=False):
                    made.setdefault(name, set()).update(_worked_out(part))
            case ast.Subscript():
                found |= _names(node.slice)
            case ast.BinOp(op=ast.FloorDiv() | ast.Mod()):
                found |= _names(node)
            case ast.comprehension() | ast.For():
                found |= _names(node.iter) if isinstance(node.iter, ast.Call) else set()
    waiting = list(found)
    while waiting:
        for name in made.get(waiting.pop(), ()):
            if name not in found:
                found.add(name)
                waiting.append(name)
    return found, added


def _parameters(tree: ast.AST) -> dict[str, list[str]]:
    """What the functions of the code call their arguments; of a class those of its __init__."""
    found: dict[str, list[str]] = {}
    for node in every_part(tree):
        if isinstance(node, ast.FunctionDef) and node.name not in found:
            found[node.name] = [a.arg for a in node.args.args if a.arg != "self"]
        elif isinstance(node, ast.ClassDef):
            for start in node.body:
                if isinstance(start, ast.FunctionDef) and start.name == "__init__":
                    found[node.name] = [a.arg for a in start.args.args][1:]
    return found


def _called(node: ast.Call) -> str:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    return name or (node.func.id if isinstance(node.func, ast.Name) else "")


def _of_call(node: ast.Call) -> set[str]:
    name = _called(node)
    parts: list[Iterable[str]] = [_names(k.value) for k in node.keywords if k.arg in _NAMED]
    if name in _SHAPED:
        parts += [_names(part) for part in node.args]
    return set().union(*parts)


def _appended(node: ast.Call) -> set[str]:
    is_appended = isinstance(node.func, ast.Attribute) and node.func.attr in ("append", "extend")
    return (
        _names(node.func.value) if is_appended and isinstance(node.func, ast.Attribute) else set()
    )


def _worked_out(node: ast.expr) -> set[str]:
    """The names that a number is worked out from by arithmetic: H = 4*n."""
    if isinstance(node, ast.Name):
        return {node.id}
    if isinstance(node, ast.BinOp):
        return _worked_out(node.left) | _worked_out(node.right)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "int":
        return set().union(*map(_worked_out, node.args))
    return set()


def _names(node: ast.AST) -> set[str]:
    """The names of values in an expression: of C[iy] and len(x) inside of it nothing else is."""
    found: set[str] = set()
    waiting = [node]
    while waiting:
        part = waiting.pop()
        if isinstance(part, ast.Name):
            found.add(part.id)
        elif isinstance(part, ast.Attribute):
            continue
        elif isinstance(part, ast.Call):
            is_range = isinstance(part.func, ast.Name) and part.func.id in ("range", "int")
            waiting += part.args if is_range else []
        elif isinstance(part, ast.Compare):
            continue
        else:
            waiting += ast.iter_child_nodes(part)
    return found
