"""Which loops train: somewhere in them a value is changed by its gradient, in whatever form."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from backtrace.code.words import differentiated

_GRADIENTS = re.compile(r"(.*_)?(grads?|gradients?)(_.*)?|d(params?|parameters|weights?)")
_UPDATES = re.compile(
    r"(.*_)?(update|updates|step|sgd|adam|momentum|optimi[sz]e|descend)(_.*)?", re.I
)


def is_update(node: ast.stmt) -> bool:
    """params[k] -= rate*grads[k], W = W - rate*dW, layer.W -= rate*layer.dW: what a value was, and
    its gradient; or a loop over gradients that does so. acc[k] += grads[k] adds gradients up."""
    if isinstance(node, ast.For) and _tells(node.iter, _words(node.iter)):
        names = _words(node.target)
        return all(_descends(inner, names) for inner in node.body)
    target, value = _changed(node)
    name = _base(target)
    if not name or value is None or _is_gradient(name):
        return False
    return _is_of(value, {name}) or (_is_taken_off(node) and _tells(value, {name}))


def _descends(node: ast.stmt, gradients: set[str]) -> bool:
    """p -= rate*g, where g is one of the names of a loop over gradients."""
    target, value = _changed(node)
    name = _base(target)
    if not name or value is None or _is_gradient(name):
        return False
    return _is_taken_off(node) and bool(_words(value) & gradients - {name})


def _is_taken_off(node: ast.stmt) -> bool:
    return any(isinstance(part, ast.Sub | ast.USub) for part in ast.walk(node))


def is_descent(value: ast.expr) -> bool:
    """W - rate*dW, which a function gives back: a value, and its gradient taken off."""
    terms = [*_terms(value)]
    names = {_base(term) for term in terms} - {""}
    others = [term for term in terms if not _base(term)]
    return bool(names) and _is_sub(value) and any(_is_of(term, names) for term in others)


def _is_sub(value: ast.expr) -> bool:
    return isinstance(value, ast.BinOp) and isinstance(value.op, ast.Sub)


def updates_only(body: Iterable[ast.stmt]) -> bool:
    """Whether lines do nothing but that."""
    return all(is_update(node) for node in body)


def is_trained(inside: Iterable[ast.AST]) -> bool:
    """Whether among these parts of a loop a value is changed by its gradient: directly, by what
    is made of it (a velocity, Adam's moments), or by a function that is given both."""
    parts = [*inside]
    made = _made_of_gradients(parts)
    for node in parts:
        if isinstance(node, ast.Call) and _is_step(node):
            return True
        if isinstance(node, ast.stmt) and (is_update(node) or _by_velocity(node, made)):
            return True
    return False


def _changed(node: ast.AST) -> tuple[ast.expr | None, ast.expr | None]:
    """What a statement changes, and by what: `a += b`, `a = a + b`."""
    match node:
        case ast.AugAssign(target=target, op=ast.Add() | ast.Sub(), value=value):
            return target, value
        case ast.Assign(targets=[target], value=ast.BinOp() as value):
            same = ast.unparse(target)
            if any(ast.unparse(p) == same for p in _terms(value)):
                return target, value
    return None, None


def _terms(value: ast.expr) -> Iterator[ast.expr]:
    """The terms of a sum: W and rate*dW of W - rate*dW."""
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add | ast.Sub):
        yield from _terms(value.left)
        yield from _terms(value.right)
    else:
        yield value


def _base(target: ast.expr | None) -> str:
    while isinstance(target, ast.Subscript):
        target = target.value
    if isinstance(target, ast.Attribute):
        return target.attr
    return target.id if isinstance(target, ast.Name) else ""


def _is_gradient(name: str) -> bool:
    return bool(_GRADIENTS.fullmatch(name)) or (name.startswith("d") and name[1:2] != "e")


def _tells(value: ast.expr, names: set[str]) -> bool:
    """Whether a gradient of these names, or a collection of gradients, is in it."""
    return _is_of(value, names) or any(map(_GRADIENTS.fullmatch, _words(value)))


def _is_of(value: ast.expr, names: set[str]) -> bool:
    return any(names.intersection(differentiated(word)) for word in _words(value))


def _words(value: ast.AST) -> set[str]:
    names = {part.id for part in ast.walk(value) if isinstance(part, ast.Name)}
    return names | {part.attr for part in ast.walk(value) if isinstance(part, ast.Attribute)}


def _made_of_gradients(parts: Iterable[ast.AST]) -> set[str]:
    """vw of vw = 0.9*vw - rate*dw: no gradient's name, and called after what they are of."""
    found = set()
    for node in parts:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.BinOp() as value):
                words = _words(value)
                of = {base for word in words - {name} for base in differentiated(word)}
                if name in words and any(name.endswith(base) for base in of):
                    found.add(name)
    return found


def _by_velocity(node: ast.stmt, made: set[str]) -> bool:
    target, value = _changed(node)
    name = _base(target)
    used = _words(value) & made if value is not None else set()
    return bool(name) and name not in made and any(word.endswith(name) for word in used)


def _is_step(node: ast.Call) -> bool:
    """update(params, grads, rate), optimizer.update(W, dW)."""
    name = node.func.attr if isinstance(node.func, ast.Attribute) else _base(node.func)
    given = [*node.args, *(keyword.value for keyword in node.keywords)]
    names = set().union(*map(_words, given)) if given else set()
    return bool(_UPDATES.fullmatch(name)) and any(_tells(part, names) for part in given)
