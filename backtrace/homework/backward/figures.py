"""Numbers at a point: what every gradient is, and what the code's lines make of it."""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any

import numpy as np

from backtrace.algebra.arrays import ARRAYS, quiet
from backtrace.algebra.values import shape_of
from backtrace.code.backward_pass import BackwardPass
from backtrace.errors import BacktraceError
from backtrace.formula.kept import read_once
from backtrace.formula.point import read_mapping
from backtrace.graph import Graph
from backtrace.language import tell
from backtrace.tracing import passes
from backtrace.tracing.request import Request

_CLOSE = 1e-6
_NEAR_ZERO = 1e-9
_MOST_TEXTS = 4_096
_SMALL = 1e-2  # an eps, a rate: kept at other points
_GUARD = 1e-5  # what is added to keep away from log(0) and 1/0


class Figures:
    """One point. `right` has the gradient of every forward name, `own` what the code computes."""

    def __init__(self, of: BackwardPass, point: Mapping[str, Any], graphs: Graphs) -> None:
        self._of = of
        self._graphs = graphs
        self.point = dict(point)
        self._mended: Mapping[str, Any] = {}
        self._as_written: Figures | None = None

    def mended(self, values: Mapping[str, Any]) -> Figures:
        """The same point, where stages of the code have other values than they are written to."""
        found = Figures(self._of, self.point, self._graphs)
        found._mended, found._as_written = values, self
        return found

    @cached_property
    def right(self) -> dict[str, Any]:
        """The gradient of every input and stage of the formula, and of every node by its number
        (#3). Raises BacktraceError."""
        if self._as_written is not None:
            return self._as_written.right
        return self._gradients(self._graphs.forward)

    def is_right(self, value: Any, of: str, factor: float = 1.0) -> bool:
        """Whether a value is the gradient of a forward name, times a factor. Where the formula adds
        1e-7 to keep away from log(0), the gradient without that is right too: a closed form has
        none."""
        is_input = of in self._graphs.forward.inputs
        if agree(value, factor * self.right[of], is_input):
            return True
        due = self._unguarded.get(of)
        if due is None or not np.all(np.isfinite(due)):
            return False
        return agree(value, factor * due, is_input)

    @cached_property
    def _unguarded(self) -> dict[str, Any]:
        if self._as_written is not None:
            return self._as_written._unguarded
        tiny = {n for n, v in self.point.items() if not shape_of(v) and 0 < abs(v) <= _GUARD}
        graph = self._graphs.without(tiny)
        return {} if graph is None else self._gradients(graph)

    def _gradients(self, graph: Graph) -> dict[str, Any]:
        of = self._of
        upstream = self.point[of.upstream] if of.upstream else None
        own = {name: self.point[name] for name in graph.inputs}
        passed = passes.on_arrays(graph, own, Request(upstream=upstream))
        names = {**graph.inputs, **graph.stages}
        found = {}
        for node in range(len(graph.nodes)):
            shape = shape_of(passed.values[node])
            upstream = np.asarray(passed.flow.upstreams[node], float)
            found[f"#{node}"] = np.broadcast_to(upstream, shape)
        return {**{name: found[f"#{node}"] for name, node in names.items()}, **found}

    @cached_property
    def own(self) -> dict[str, Any]:
        """Every input and stage of the code, its gradients among them; none for a line whose
        shapes do not fit."""
        found = dict(self.point)
        for stage in self._of.stages:
            value = self._mended.get(stage.name)
            if value is None:
                value = self._graphs.value(stage.expression, found)
            if value is not None:
                found[stage.name] = value
        return found


class Graphs:
    """The formula's graph, and those of single lines, read once for all points of their shapes."""

    def __init__(self, of: BackwardPass, shapes: Mapping[str, tuple[int, ...]]) -> None:
        self._stages = of.forward
        self._shapes = shapes
        self.forward = _graph("; ".join(stage.text for stage in of.forward), shapes)
        self._read: dict[tuple[str, tuple[Any, ...]], Graph | None] = {}

    def without(self, tiny: Collection[str]) -> Graph | None:
        """The formula without the numbers next to 0 that are added in it, those of these names
        among them; None where there are none."""
        remover = _Unguarded(tiny)
        texts = []
        for stage in self._stages:
            tree = remover.visit(ast.parse(stage.expression, mode="eval"))
            texts.append(f"{stage.name} = {ast.unparse(tree)}")
        try:
            return _graph("; ".join(texts), self._shapes) if remover.found else None
        except BacktraceError:
            return None

    def inside(self, name: str) -> list[str]:
        """The nodes of a stage that have no name of their own, from it backwards: what goes into
        its relu."""
        return [node for node in self._behind(name) if node.startswith("#")]

    def into(self, name: str) -> list[str]:
        """The stages and inputs that go into a stage: a of h, where h = relu(a)."""
        return [node for node in self._behind(name) if not node.startswith("#")]

    def _behind(self, name: str) -> list[str]:
        graph = self.forward
        named = {node: called for called, node in (*graph.inputs.items(), *graph.stages.items())}
        waiting = [graph.stages[name]] if name in graph.stages else []
        found: list[str] = []
        while waiting:
            for source in graph.inputs_of[waiting.pop()]:
                found.append(named.get(source, f"#{source}"))
                if source not in named:
                    waiting.append(source)
        return found

    def value(self, text: str, names: Mapping[str, Any]) -> Any:
        """What an expression is with these values of its names; None where it has no value."""
        try:
            wanted = names_in(text)
        except SyntaxError:  # an edit that makes no sense
            return None
        point = {name: names[name] for name in wanted if name in names}
        shapes = {name: shape_of(value) for name, value in point.items()}
        key = (text, tuple(shapes.items()))
        if key not in self._read:
            try:
                self._read[key] = _graph(text, shapes)
            except BacktraceError:
                self._read[key] = None
        graph = self._read[key]
        if graph is None or not graph.inputs.keys() <= point.keys():
            return None
        try:
            with quiet():
                inputs = {name: point[name] for name in graph.inputs}
                return graph.evaluate(ARRAYS, inputs)[graph.output]
        except (BacktraceError, ArithmeticError, ValueError, IndexError, TypeError):
            return None

    def why_not(self, text: str, names: Mapping[str, Any]) -> str:
        """Why an expression has no value: shapes that do not fit."""
        try:
            _graph(text, {n: shape_of(v) for n, v in names.items() if n in names_in(text)})
        except BacktraceError as error:
            return error.what
        return tell("it has no value")


class _Unguarded(ast.NodeTransformer):
    """p + 1e-7 as p."""

    def __init__(self, tiny: Collection[str]) -> None:
        self.tiny = tiny
        self.found = False

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.op, ast.Add | ast.Sub) and self._is_tiny(node.right):
            self.found = True
            return node.left
        if isinstance(node.op, ast.Add) and self._is_tiny(node.left):
            self.found = True
            return node.right
        return node

    def _is_tiny(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Name):
            return node.id in self.tiny
        number = node.value if isinstance(node, ast.Constant) else 0
        return isinstance(number, float) and 0 < number <= _GUARD


def _graph(text: str, shapes: Mapping[str, tuple[int, ...]]) -> Graph:
    return read_once(text, shapes)


@lru_cache(maxsize=_MOST_TEXTS)
def names_in(text: str) -> tuple[str, ...]:
    """The names in an expression, each once."""
    parts = ast.walk(ast.parse(text, mode="eval"))
    return tuple(dict.fromkeys(node.id for node in parts if isinstance(node, ast.Name)))


def leading(stages: Mapping[str, str]) -> dict[str, set[str]]:
    """The names that every stage is made of, directly or by others; `stages` has the expression of
    each, in their order."""
    found: dict[str, set[str]] = {}
    for name, text in stages.items():
        direct = {*names_in(text)}
        found[name] = direct.union(*(found.get(inner, set()) for inner in direct))
    return found


def agree(given: Any, right: Any, is_input: bool = False) -> bool:
    """Whether they are the same numbers in the same shape. Axes of length 1 make no difference to
    a step between; an input's gradient may lack them where `x -= rate*dx` is as good without."""
    if given is None or right is None:
        return False
    a, b = np.asarray(given, float), np.asarray(right, float)
    if a.shape != b.shape:
        if [n for n in a.shape if n != 1] != [n for n in b.shape if n != 1]:
            return False
        if is_input and b.ndim and a.shape != b.shape[b.ndim - a.ndim :]:
            return False
        a = a.reshape(b.shape)
    scale = max(float(np.max(np.abs(b), initial=0.0)), _NEAR_ZERO)
    is_close = np.abs(a - b) <= _CLOSE * scale
    return bool(np.all(is_close | ~np.isfinite(b)))


def own_point(of: BackwardPass, given: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """The code's own values, and those that are given."""
    written = {name: text for name, text in of.point.items() if name not in given}
    values = {name: value.value for name, value in read_mapping(written, seed).items()}
    numbers = {n: v for n, v in given.items() if not isinstance(v, str)}
    return {**values, **{n: v for n, v in numbers.items() if n not in of.settled}}


def other_points(
    point: Mapping[str, Any],
    moved: Collection[str],
    seeds: Sequence[int],
    places: Collection[str] = (),
) -> list[dict[str, Any]]:
    """Points of the same shapes, away from kinks and coincidences. Only those in `moved` change,
    and of them whole numbers (labels, indices) and small numbers (an eps) stay; but where an
    array tells `places` that are set, one is named twice."""
    found = []
    for seed in seeds:
        chance = np.random.default_rng(seed)
        other = {}
        for name, value in point.items():
            array = np.asarray(value, float)
            other[name] = _repeated(value) if name in places else value
            if name in moved and not _is_kept(array):
                size = 0.5 * min(float(np.std(array)) or 1.0, 1.0) + 0.1
                there = array + chance.normal(0, size, array.shape)
                other[name] = there if array.ndim else float(there)
        found.append(other)
    return found


def _repeated(value: Any) -> Any:
    """Indices of which one is there twice; what names every row once may be a permutation, which
    repeats nothing."""
    array = np.array(value)
    flat = array.reshape(-1)
    if len(flat) < 2 or sorted(flat) == list(range(len(flat))) or len(set(flat)) < len(flat):
        return value
    flat[-1] = flat[0]
    return array


def _is_kept(array: Any) -> bool:
    if array.ndim == 0:
        return abs(float(array)) <= _SMALL
    return bool(np.all(array == np.round(array))) and _is_index(array)


def _is_index(array: Any) -> bool:
    """Whether it may be labels or indices: none below 0, not all the same."""
    return bool(np.all(array >= 0)) and len(np.unique(array)) > 1 and float(np.max(array)) < 1e4
