"""Somebody's backward pass: the gradients that code works out, line by line, beside its formula.

A script has its loss and then its gradients; a pair of functions NAME_forward and NAME_backward,
and a class with forward and backward, have theirs in what they give back and keep on the object.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping

from backtrace.code.backward_pass import BackwardPass, Gradient
from backtrace.code.calls import bound
from backtrace.code.gradient_lists import line_of_attribute
from backtrace.code.losses import Candidate
from backtrace.code.program import Source, parsed
from backtrace.code.returned_gradients import ReturnedGradients, as_given, pair_of
from backtrace.code.values import (
    Array,
    CannotRead,
    Class,
    Function,
    Instance,
    Several,
    Unreadable,
    Value,
)
from backtrace.code.words import differentiated
from backtrace.language import tell

_METHODS = ("gradient", "gradients", "backprop", "backpropagation", "loss", "train_step")


def read_backward(
    text: str, path: str, name: str = "", given: Mapping[str, object] | None = None, of: str = ""
) -> BackwardPass:
    """The backward pass of a file, or of a pair of functions or a class in it. Raises
    BacktraceError with file, line and caret."""
    source, tree = parsed(text, path)
    return read_tree(source, tree, name, given, of)


def read_tree(
    source: Source,
    tree: ast.Module,
    name: str = "",
    given: Mapping[str, object] | None = None,
    of: str | Candidate = "",
) -> BackwardPass:
    """The same, of a tree that is read already; `of` is the result, by its name or as one of those
    that may be meant."""
    reader = _Reader(given or {})
    with source.told():
        gradients = reader.each_its_own(reader.read_pass(tree, name, of))
        forward = reader.stages_of({reader.result})
        wanted = {reader.result, *(line.stage for g in gradients for line in g.lines)}
        wanted |= reader.after_result()
        stages = reader.stages_of(wanted)
    shown = tuple(reader.shown(gradient) for gradient in gradients)
    reader.keep_point({reader.result, *wanted, *filter(None, [reader.upstream])})
    return BackwardPass(
        source,
        tuple(forward),
        tuple(stages),
        reader.point,
        shown,
        reader.upstream,
        frozenset(reader.settled),
        tuple(reader.notes),
        tuple(reader.line(bound) for bound in reader.bound),
        reader.of_class,
        places=frozenset(reader.places - reader.entries_read),
        outputs=tuple(map(reader.called, reader.outputs)),
        may_be=tuple(reader.may_be),
    )


class _Reader(ReturnedGradients):
    """Walks a script, a function, a pair or a class."""

    def read_pass(self, tree: ast.Module, name: str, of: str | Candidate) -> list[Gradient]:
        if not name:
            self.prepare(tree)
            self.block(tree.body, self.module)
            self._log_lists()
            gradients = self._of_bound(self.bound)
            gradients += self.of_objects(gradients)
            bases = [{*gradient.of} for gradient in gradients]
            self.result = self.likeliest(of, bases) or self._result(str(of), tree)
            self.undetach(self.result)
            return gradients
        self._prepare(tree)
        found = self._beside_and(tree, name)
        if isinstance(found, Class) and "." not in name:
            method = next((m for m in _METHODS if found.find(m)), "")
            if method and not (found.find("forward") and found.find("backward")):
                return self._of_loss(f"{name}.{method}", tree)
            return self._of_class(found, tree)
        pair = pair_of(name)
        is_called_so = name in pair and not name.endswith(("_backward", "_forward"))
        there = self.module.names.keys() & pair
        if len(there) == 2 or (there and not is_called_so):
            return self._of_pair(pair, tree)
        return self._of_loss(name, tree)

    def _prepare(self, tree: ast.Module) -> None:
        self.prepare(tree)
        self.is_part = True
        forward = self.forward
        self._beside(tree)
        self.forward = forward  # dx = 0.01 beside a function is not the dx inside
        self.bound = [one for one in self.bound if not one.goes_back]
        self.to_do.clear()

    def _beside_and(self, tree: ast.Module, name: str) -> Value:
        first = name.partition(".")[0]
        found = self.module.names.get(first) or self.module.names.get(pair_of(first)[0])
        if not isinstance(found, Class | Function):
            raise CannotRead(tell("there is no '{name}' here", name=name), tree, self._all())
        return found

    def _of_class(self, of: Class, tree: ast.Module) -> list[Gradient]:
        forward, backward = of.find("forward"), of.find("backward")
        if not isinstance(forward, Function) or not isinstance(backward, Function):
            raise CannotRead(
                tell("{name} has no forward and backward", name=of.name), tree, self._all()
            )
        self.of_class = of.name
        owner = Instance(of)
        start = of.find("__init__")
        if isinstance(start, Function):
            values = [*self._parameters(start, owner).values()][1:]
            self.inlined(bound(start, owner), values, {}, start.node)
        kept: Mapping[str, Value] = {n: v for n, v in owner.names.items() if isinstance(v, Array)}
        parameters = dict([*self._parameters(forward, owner).items()][1:])
        returned = self.inlined(bound(forward, owner), [*parameters.values()], {}, forward.node)
        is_last = bool(backward.defaults) or len(backward.node.args.args) == 1
        given_back = returned.items if isinstance(returned, Several) else [returned]
        dout = self._seeded([*given_back], forward.node, is_last)
        before = len(self.bound)
        needs = len(backward.node.args.args) - 1 - len(backward.defaults)
        parameters, kept = as_given(parameters), as_given(kept)
        result = self.inlined(bound(backward, owner), [dout] * (needs > 0), {}, backward.node)
        for name, value in owner.names.items():
            if isinstance(value, Several) and any(b in kept for b in differentiated(name)):
                self.lists.note(name, value, line_of_attribute(backward.node, name))
        self._log_lists()
        inside = self.bound[before:]
        found = self._of_returned(result, backward, parameters, inside)
        names = {g.name for g in found}
        for name, value in owner.names.items():
            bases = [b for b in differentiated(name) if b in kept]
            value = self.of_list(value)
            if name not in names and bases and isinstance(value, Array | Unreadable):
                found.append(self._final(name, kept[bases[0]], value, inside, backward))
        return found
