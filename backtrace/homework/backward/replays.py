"""The lines of a backward pass, worked out once more from right gradients, or with other lines in
their place."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np

from backtrace.algebra.values import shape_of
from backtrace.code.backward_pass import BackwardPass, Gradient, Line
from backtrace.homework.backward.figures import Figures, Graphs, agree, leading, names_in

_MOST_TESTED = 60
_NO_EVIDENCE = 1e-6  # a gradient that is 0 is right times any factor


class Replays:
    """What every gradient is in the end, what is due, and what its own lines make of it."""

    def __init__(
        self,
        code: BackwardPass,
        graphs: Graphs,
        figures: Sequence[Figures],
        named_only: Collection[str] = (),
        late: Mapping[str, float] = MappingProxyType({}),
        meant: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """`named_only` are the gradients of no node without a name; `late` those that carry a
        factor, as 1/N comes later; `meant` says of last stages what they are the gradients of."""
        self.code = code
        self.graphs = graphs
        self.figures = figures
        self.stages = {stage.name: stage.expression for stage in code.stages}
        self.order = {name: place for place, name in enumerate(self.stages)}
        self.forward = [stage.name for stage in code.forward]
        self.inputs = list(graphs.forward.inputs)
        self.named_only = frozenset(named_only)
        self.meant = dict(meant)
        self.finals = self._finals()
        self.given_late = dict(late)
        self.late = dict(late)
        self._find_late()

    def _finals(self) -> dict[str, str]:
        """The forward name of every gradient's last stage."""
        found: dict[str, str] = {}
        for gradient in self.code.gradients:
            if gradient.final:
                found.setdefault(gradient.final, self.of(gradient))
        later = [final for final, of in found.items() if self._is_finished_later(final, of)]
        return {final: of for final, of in found.items() if final not in later}

    def _is_finished_later(self, final: str, of: str) -> bool:
        """Whether a number that is not yet the gradient becomes it in a line that follows:
        dx[...] -= 1; return dx / n."""
        is_right = all(f.is_right(f.own.get(final), of) for f in self.figures) if of else True
        if is_right or final in self.meant or final not in self.stages:
            return False
        names = {final}
        for name, text in self.stages.items():
            if name != final and names & {*names_in(text)}:
                names.add(name)
                if all(f.is_right(f.own.get(name), of) for f in self.figures):
                    return True
        return False

    def of(self, gradient: Gradient) -> str:
        """Which version of a forward name a gradient is of: the one whose numbers it has, else the
        last of its shape."""
        if gradient.final in self.meant:
            return self.meant[gradient.final]
        known = [n for n in gradient.of if n in self.figures[0].right]
        if not known:
            return ""
        own = self.figures[0].own.get(gradient.final)
        for name in self.possible(gradient):
            if all(f.is_right(f.own.get(gradient.final), name) for f in self.figures):
                return name
        for name in known:
            if agree(own, self.figures[0].right[name]):
                return name
        shape = shape_of(own)
        same = [n for n in known if shape_of(self.figures[0].right[n]) == shape]
        return (same or known)[0]

    def possible(self, gradient: Gradient) -> list[str]:
        """What a gradient may be of: the versions of its forward name, the last one first, and
        what goes into the gates that make them; where its name is used over, under a name too."""
        known = [n for n in gradient.of if n in self.figures[0].right]
        if gradient.final in self.named_only:
            return known
        inside = [node for name in known for node in self.graphs.inside(name)]
        over = [n for name in known for n in self.graphs.into(name)] * (len(gradient.lines) > 1)
        return [*dict.fromkeys([*known, *inside, *over])]

    # 1/N that comes later

    def _find_late(self) -> None:
        """The steps between that carry a constant factor, as 1/N comes later, which some input's
        gradient that is made of them shows, being right."""
        for final, of in sorted(self.finals.items(), key=lambda pair: self.order.get(pair[0], 0)):
            if not of or final in self.late or (of in self.inputs and final not in self._of_steps):
                continue
            factor = self.factor(final, of)
            sources = {self.late.get(name, 1.0) for name in self.leading_to(final)} - {1.0}
            if of in self.inputs:
                self.late |= {final: factor} if factor in sources else {}
            elif factor is None and len(sources) == 1:
                self.late[final] = sources.pop()  # it is wrong by itself, of what is late
            elif factor is not None and factor != 1.0 and (sources or self._comes_right(final)):
                self.late[final] = factor

    @cached_property
    def _of_steps(self) -> set[str]:
        """The last stages of names that were those of steps between in earlier rounds: dA of a
        loop over layers, in the end that of X."""
        return {
            gradient.final
            for gradient in self.code.gradients
            if len(gradient.lines) > 1 and not {*gradient.of} <= {*self.inputs}
        }

    def factor(self, final: str, name: str) -> float | None:
        """By how much the code's own numbers are more than is right, if that is one factor."""
        found = None
        for figures in self.figures:
            own, right = figures.own.get(final), figures.right[name]
            if own is None or shape_of(own) != shape_of(right) or not np.any(right):
                return None
            of = np.asarray(right, float)
            ratio = float(np.sum(own * of) / np.sum(of * of))
            if not np.isfinite(ratio) or not ratio or not agree(own, ratio * of):
                return None
            if found is not None and abs(ratio - found) > 1e-6 * abs(found):
                return None
            found = ratio
        return None if found is None else float(f"{found:.9g}")

    def _comes_right(self, final: str) -> bool:
        """Whether an input's gradient that is made of it is right."""
        for gradient in self.code.gradients:
            of = self.finals.get(gradient.final, "")
            if of in self.inputs and final in self.leading_to(gradient.final):
                if gradient.final in self.meant or not self._is_telling(of):
                    continue
                if all(f.is_right(f.own.get(gradient.final), of) for f in self.figures):
                    return True
        return False

    def _is_telling(self, of: str) -> bool:
        """Whether a gradient says something of what it is made of: 0 times any factor is 0."""
        return bool(np.any(np.abs(self.figures[0].right[of]) > _NO_EVIDENCE))

    def due(self, final: str, of: str, figures: Figures) -> Any:
        """What a gradient is to be, before the 1/N that comes later."""
        factor = self.late.get(final, 1.0)
        return figures.right[of] if factor == 1.0 else factor * np.asarray(figures.right[of], float)

    def is_due(self, value: Any, gradient: Gradient, of: str, figures: Figures) -> bool:
        return figures.is_right(value, of, self.late.get(gradient.final, 1.0))

    def follows(self, gradient: Gradient, of: str, figures: Figures) -> bool:
        """Whether the gradient's own lines make it right of right gradients."""
        values = self.replayed(self.own_stages(gradient), self.start(gradient, figures), {})
        if values is None:
            return False
        return self.is_due(values.get(gradient.final), gradient, of, figures)

    def is_mended(self, gradient: Gradient, of: str) -> bool:
        """Whether it is right since others are put right."""
        if not self.meant or gradient.final in self.meant:
            return False
        own = [(figures.own.get(gradient.final), figures) for figures in self.figures]
        return all(self.is_due(value, gradient, of, figures) for value, figures in own)

    # lines

    def leading_to(self, final: str) -> set[str]:
        """The names that a stage is made of."""
        return self._leading.get(final, set())

    @cached_property
    def _leading(self) -> dict[str, set[str]]:
        return leading(self.stages)

    @cached_property
    def _direct(self) -> dict[str, set[str]]:
        return {name: {*names_in(text)} for name, text in self.stages.items()}

    def own_stages(self, gradient: Gradient) -> list[str]:
        """The stages of the backward pass that lead to a gradient, others' last ones not among
        them, in order."""
        wanted = {gradient.final}
        found = []
        forward = set(self.forward)
        for name in reversed(self.stages):
            if name not in wanted or name in forward:
                continue
            if name in self.finals and name != gradient.final:
                continue
            found.append(name)
            wanted |= self._direct[name]
        return found[::-1]

    @cached_property
    def steps(self) -> list[str]:
        """All stages of the backward pass, in order."""
        forward = set(self.forward)
        lines = {line.stage for line in self.code.helpers}
        return [n for n in self.stages if n not in forward and n in lines]

    @cached_property
    def innocent(self) -> set[str]:
        """The stages of gradients that are right, not put right, and that would not be if these
        were others."""
        found: set[str] = set()
        for gradient in self.code.gradients:
            of = self.finals.get(gradient.final, "")
            is_put_right = gradient.final in self.meant
            if of and not is_put_right and self._is_telling(of) and self._is_right(gradient, of):
                own = self.own_stages(gradient)
                found |= {name for name in own if self._matters(name, gradient, own)}
        return found

    def _is_right(self, gradient: Gradient, of: str) -> bool:
        final = gradient.final
        return all(self.is_due(f.own.get(final), gradient, of, f) for f in self.figures)

    def _matters(self, name: str, gradient: Gradient, own: Sequence[str]) -> bool:
        """Whether a gradient is another where a stage is times 1.37: what is subtracted from
        itself may be anything."""
        if len(own) > _MOST_TESTED:
            return True
        start = self.start(gradient, self.figures[0])
        values = self.replayed(own, start, {name: f"({self.stages[name]}) * 1.37"})
        plain = self.replayed(own, start, {})
        if values is None or plain is None:
            return True
        return not agree(values[gradient.final], plain[gradient.final])

    def start(self, gradient: Gradient, figures: Figures) -> dict[str, Any]:
        """What there is before a gradient's own lines: others' gradients are right."""
        right = {
            final: self.due(final, of, figures)
            for final, of in self.finals.items()
            if of and final != gradient.final
        }
        return {**figures.own, **right}

    def replayed(
        self,
        own_stages: Sequence[str],
        start: Mapping[str, Any],
        instead: Mapping[str, str],
        final: str = "",
    ) -> dict[str, Any] | None:
        """The values with those of the lines, as far as the `final` one; `instead` has expressions
        that are tried in a stage's place. None where one has no value."""
        values = dict(start)
        for name in own_stages:
            found = self.graphs.value(instead.get(name, self.stages[name]), values)
            if found is None:
                return None
            values[name] = found
            if name == final:
                break
        return values

    def line(self, gradient: Gradient, stage: str) -> Line | None:
        """The line of the file that a stage comes from."""
        if stage in self._lines:
            return self._lines[stage]
        return next((line for line in gradient.lines if line.stage == stage), None)

    @cached_property
    def _lines(self) -> dict[str, Line]:
        return {line.stage: line for line in reversed(self.code.helpers)}
