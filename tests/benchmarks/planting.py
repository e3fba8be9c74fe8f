"""Slips planted in the source of a backward pass, as students make them: every kind at every place.

Nothing here knows how the library looks for them.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from tests.benchmarks.programs import Program

_COUNTS = ("N", "n", "m", "D", "batch_size")
_SUMS = ("sum", "mean")
_NO_ARRAYS = {"np", "reg", "lam", "eps", "p", "range", "reversed", "len", "targets", "inputs"}


class Planted(NamedTuple):
    """A program's text with one slip: of which kind, where, and the lines that may be told."""

    kind: str
    text: str
    first: int
    lines: frozenset[int]

    @property
    def line(self) -> str:
        return self.text.splitlines()[self.first - 1].strip()


class Site(NamedTuple):
    """A node of a statement of the backward pass, the statement, and the names there are."""

    node: ast.AST
    statement: ast.stmt
    forward: Sequence[str]
    gradients: Sequence[str]


Slip = Callable[[Site], Iterator[str]]


def planted(program: Program) -> Iterator[Planted]:
    """The program with one slip, for every kind and every place."""
    return planted_in(program.text, program.name)


def planted_in(code: str, name: str = "") -> Iterator[Planted]:
    """The same of a text, or of the function, pair or class of that name in it."""
    tree = ast.parse(code)
    region = [*backward_statements(tree, name)]
    gradients, forward = _names(tree, region)
    seen = {code}
    for statement in region:
        inner = [statement] if not isinstance(statement, ast.For) else [statement, statement.iter]
        parts = [*ast.walk(statement)] if len(inner) == 1 else [statement, *ast.walk(inner[1])]
        for node in parts:
            site = Site(node, statement, forward, gradients)
            for kind, slips in KINDS.items():
                for slip in slips:
                    for new in slip(site):
                        text = _replaced(code, node, new)
                        if text not in seen and _parses(text):
                            seen.add(text)
                            lines = _lines_of(kind, statement, new, region)
                            yield Planted(kind, text, statement.lineno, lines)


def _lines_of(
    kind: str, statement: ast.stmt, new: str, region: Sequence[ast.stmt]
) -> frozenset[int]:
    """The lines that may be told: the statement's; of one that is left out, the one before it; of
    a copy that is left out, the one that changes what is no copy any more."""
    end = statement.end_lineno or statement.lineno
    found = (
        {statement.lineno}
        if isinstance(statement, ast.For)
        else {*range(statement.lineno, end + 1)}
    )
    if new == "pass":
        found |= {max(s.lineno for s in region if s.lineno < statement.lineno)}
    if kind == "changed in place" and isinstance(statement, ast.Assign):
        name = ast.unparse(statement.targets[0])
        found |= {s.lineno for s in region if name in map(ast.unparse, _written_to(s))}
    return frozenset(found)


def backward_statements(tree: ast.Module, name: str) -> Iterator[ast.stmt]:
    """The statements that are no blocks, and the heads of loops, after the loss or of backward."""
    for body in _bodies(tree, name):
        for statement in body:
            for part in ast.walk(statement):
                if isinstance(part, ast.Assign | ast.AugAssign | ast.For | ast.Expr):
                    yield part


def _bodies(tree: ast.Module, name: str) -> Iterator[list[ast.stmt]]:
    if name and "loss" not in name.lower().split("with")[0]:
        wanted = [c for c in tree.body if getattr(c, "name", "") == name] or tree.body
        for node in (n for top in wanted for n in ast.walk(top)):
            if isinstance(node, ast.FunctionDef) and node.name.endswith("backward"):
                yield node.body
        return
    body = tree.body
    if name:
        method = name.rpartition(".")[2]
        found = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name == method]
        body = found[0].body
    sets = [k for k, s in enumerate(body) if re.search(r"\b(loss|cost)\b.*=", ast.unparse(s))]
    yield body[max(sets) + 1 :]


def _names(tree: ast.Module, region: Sequence[ast.stmt]) -> tuple[list[str], list[str]]:
    """The names of gradients, and the other names that the backward pass uses."""
    stored = {
        p.id
        for s in region
        for p in ast.walk(s)
        if isinstance(p, ast.Name) and isinstance(p.ctx, ast.Store)
    }
    stored |= {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id[:4] == "dout"}
    used = {
        p.id
        for s in region
        for p in ast.walk(s)
        if isinstance(p, ast.Name) and isinstance(p.ctx, ast.Load)
    }
    functions = {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)}
    gradients = {n for n in stored if n[0] == "d" and len(n) > 1}
    return sorted(gradients), sorted(used - stored - functions - _NO_ARRAYS - set(_COUNTS))


def _replaced(text: str, node: ast.AST, new: str) -> str:
    lines = text.splitlines()
    first, last = node.lineno - 1, node.end_lineno - 1  # type: ignore[attr-defined]
    before = lines[first][: node.col_offset]  # type: ignore[attr-defined]
    after = lines[last][node.end_col_offset :]  # type: ignore[attr-defined]
    return "\n".join([*lines[:first], before + new + after, *lines[last + 1 :]]) + "\n"


def _parses(text: str) -> bool:
    try:
        ast.parse(text)
    except SyntaxError:
        return False
    return True


def _u(node: ast.AST) -> str:
    text = ast.unparse(node)
    is_plain = isinstance(node, ast.Name | ast.Constant | ast.Call | ast.Attribute | ast.Subscript)
    return text if is_plain else f"({text})"


# the kinds


def _fork_lost(site: Site) -> Iterator[str]:
    """= for +=; the loop over rows that are looked up is another kind."""
    node = site.node
    if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add):
        yield f"{_u(node.target)} = {ast.unparse(node.value)}"


def _axis(site: Site) -> Iterator[str]:
    node = site.node
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return
    if node.func.attr not in _SUMS:
        return
    is_module = isinstance(node.func.value, ast.Name) and node.func.value.id == "np"
    rest = node.args[:1] if is_module else []
    positional = node.args[1:] if is_module else node.args
    given = {k.arg: k.value for k in node.keywords}
    axis = given.get("axis", positional[0] if positional else None)
    keeps = ", keepdims=True" if "keepdims" in given else ""
    begin = f"{_u(node.func)}({', '.join(map(ast.unparse, rest))}" + (", " if rest else "")
    if axis is not None:
        other = 1 if ast.unparse(axis) == "0" else 0
        yield f"{begin}axis={other}{keeps})"
        yield f"{begin.rstrip(', ')})"
        keeps = "" if keeps else ", keepdims=True"
        yield f"{begin}axis={ast.unparse(axis)}{keeps})"
    elif _called_on_array(site):
        yield f"{begin}axis=0)"


def _called_on_array(site: Site) -> bool:
    return not isinstance(site.statement, ast.For)


def _sum_missing(site: Site) -> Iterator[str]:
    node = site.node
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="np"), attr="sum"), args=[inner, *_]):
            yield _u(inner)
        case ast.Call(func=ast.Attribute(value=inner, attr="sum")):
            yield _u(inner)


def _n_less(site: Site) -> Iterator[str]:
    match site.node:
        case ast.BinOp(left=ast.Name(id=n), op=ast.Sub(), right=ast.Constant(value=1)) if (
            n in _COUNTS
        ):
            yield n
        case ast.BinOp(left=left, op=ast.Div(), right=ast.Name(id=n)) if n in _COUNTS:
            yield f"{_u(left)} / ({n} - 1)"
        case ast.AugAssign(target=target, op=ast.Div(), value=ast.Name(id=n)) if n in _COUNTS:
            yield f"{_u(target)} /= {n} - 1"


def _mean_lost(site: Site) -> Iterator[str]:
    match site.node:
        case ast.BinOp(left=ast.Constant(value=1), op=ast.Div(), right=right) if _counts(right):
            yield "1.0"
        case ast.BinOp(left=left, op=ast.Div(), right=right) if _counts(right):
            yield _u(left)
        case ast.AugAssign(op=ast.Div(), value=value) if _counts(value):
            yield "pass"


def _mean_twice(site: Site) -> Iterator[str]:
    match site.node:
        case ast.BinOp(left=left, op=ast.Div(), right=right) if _counts(right):
            yield f"{_u(left)} / {_u(right)} / {_u(right)}"
        case ast.AugAssign(target=target, op=ast.Div(), value=value) if _counts(value):
            yield f"{_u(target)} /= {_u(value)} * {_u(value)}"


def _counts(node: ast.expr) -> bool:
    names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
    text = ast.unparse(node)
    return text in _COUNTS or text == "n - 1" or "len(" in text or ".size" in text or "N" in names


def _mask(site: Site) -> Iterator[str]:
    turned = {ast.Gt: "<", ast.Lt: ">", ast.GtE: "<=", ast.LtE: ">="}
    node = site.node
    if isinstance(node, ast.Compare) and type(node.ops[0]) in turned:
        left, right = _u(node.left), _u(node.comparators[0])
        yield f"{left} {turned[type(node.ops[0])]} {right}"
        sign = {ast.Gt: ">", ast.Lt: "<", ast.GtE: ">=", ast.LtE: "<="}[type(node.ops[0])]
        for other in (*site.gradients, *site.forward):
            if other != left:
                yield f"{other} {sign} {right}"


_ENDS = {"a": "h", "u": "v", "z": "a", "h": "a", "v": "u", "c": "t", "t": "c"}
_ENDS |= {"Z1": "A1", "A1": "Z1", "Z2": "A2", "A2": "Z2", "A": "z", "hpreact": "h"}


def _wrong_end(site: Site) -> Iterator[str]:
    """The value where the pre-activation is due, or the other way round."""
    node = site.node
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in _ENDS:
        ends = (_ENDS[node.id], "hpreact" if node.id == "h" else "")
        yield from filter(None, ends)


def _transposed(site: Site) -> Iterator[str]:
    match site.node:
        case ast.Attribute(value=inner, attr="T"):
            yield _u(inner)
    for left, right, made in _products(site.node):
        yield made(right, left)
        for a, b in ((_turned(left), right), (left, _turned(right))):
            yield made(a, b)
        yield made(_turned(right), _turned(left))


def _turned(text: str) -> str:
    return text.removesuffix(".T") if text.endswith(".T") else f"{text}.T"


def _products(node: ast.AST) -> Iterator[tuple[str, str, Callable[[str, str], str]]]:
    match node:
        case ast.BinOp(left=left, op=ast.MatMult(), right=right):
            yield _u(left), _u(right), lambda a, b: f"{a} @ {b}"
        case ast.Call(func=ast.Attribute(value=ast.Name(id="np"), attr="dot"), args=[left, right]):
            yield _u(left), _u(right), lambda a, b: f"np.dot({a}, {b})"
        case ast.Call(func=ast.Attribute(value=left, attr="dot"), args=[right]):
            yield _u(left), _u(right), lambda a, b: f"{a}.dot({b})"


def _entrywise(site: Site) -> Iterator[str]:
    for left, right, _ in _products(site.node):
        yield f"{left} * {right}"
        yield f"{left.removesuffix('.T')} * {right.removesuffix('.T')}"


def _upstream(site: Site) -> Iterator[str]:
    match site.node:
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            for gone, kept in ((left, right), (right, left)):
                if ast.unparse(gone) in (*site.gradients, "dout"):
                    yield _u(kept)


def _stale(site: Site) -> Iterator[str]:
    """Another layer's variable of the same sort: W1 for W2, dZ3 for dZ2; another gradient."""
    node = site.node
    if not isinstance(node, ast.Name) or not isinstance(node.ctx, ast.Load):
        return
    if any(node is part for part in _written_to(site.statement)):
        return
    stem = node.id.rstrip("0123456789")
    for other in (*site.forward, *site.gradients):
        if other != node.id and other.rstrip("0123456789") == stem:
            yield other
    if node.id in site.gradients:
        place = site.gradients.index(node.id)
        yield from (n for n in site.gradients[max(0, place - 2) : place + 3] if n != node.id)


def _written_to(statement: ast.stmt) -> Iterator[ast.AST]:
    """What a statement changes: dW of dW[0] = 1, dC of np.add.at(dC, i, v)."""
    match statement:
        case ast.Assign(targets=[target]) | ast.AugAssign(target=target):
            while isinstance(target, ast.Subscript):
                target = target.value
            yield target
        case ast.Expr(value=ast.Call(args=[first, *_])):
            yield first


def _in_place(site: Site) -> Iterator[str]:
    match site.node:
        case ast.Call(func=ast.Attribute(value=ast.Name(id="np"), attr="copy"), args=[inner]):
            yield _u(inner)
        case ast.Call(func=ast.Attribute(value=inner, attr="copy"), args=[]):
            yield _u(inner)
        case ast.Assign(
            targets=[target],
            value=ast.BinOp(left=ast.Name(id=name), op=ast.Mult() | ast.Add() as op, right=right),
        ):
            sign = "*" if isinstance(op, ast.Mult) else "+"
            yield f"{name} {sign}= {ast.unparse(right)}; {_u(target)} = {name}"


def _repeated(site: Site) -> Iterator[str]:
    match site.node:
        case ast.Expr(value=ast.Call(args=[of, at, value])) if "add.at" in ast.unparse(site.node):
            yield f"{_u(of)}[{ast.unparse(at)}] = {ast.unparse(value)}"
            yield f"{_u(of)}[{ast.unparse(at)}] += {ast.unparse(value)}"


def _floor(site: Site) -> Iterator[str]:
    match site.node:
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            yield f"{_u(left)} // {_u(right)}"
        case ast.AugAssign(target=target, op=ast.Div(), value=value):
            yield f"{_u(target)} //= {_u(value)}"


def _loop(site: Site) -> Iterator[str]:
    match site.node:
        case ast.Call(func=ast.Name(id="range"), args=[end]):
            yield f"range(1, {ast.unparse(end)})"
            yield f"range({ast.unparse(end)} - 1)"


KINDS: dict[str, tuple[Slip, ...]] = {
    "= for +=": (_fork_lost,),
    "axis or keepdims": (_axis, _sum_missing),
    "n for n-1": (_n_less,),
    "1/N lost": (_mean_lost,),
    "1/N twice": (_mean_twice,),
    "mask": (_mask,),
    "value for pre-activation": (_wrong_end,),
    ".T or factors": (_transposed,),
    "* for @": (_entrywise,),
    "upstream forgotten": (_upstream,),
    "stale variable": (_stale,),
    "changed in place": (_in_place,),
    "index that repeats": (_repeated,),
    "// for /": (_floor,),
    "loop one off": (_loop,),
}
