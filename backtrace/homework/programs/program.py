"""A program is steps forward, each with what it gives back to its operands.

    Step("z", "X @ w + b", {"w": "X.T @ dz", "b": "dz.sum()"})

The backward pass follows from them: the gradient of a name is the sum of what all steps that use it
give back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Value = float | list[Any]


@dataclass(frozen=True, slots=True)
class Step:
    """name  what the line binds
    text  its right side, as NumPy has it
    back  for every operand that has a gradient, its part of it; d and the step's name is the
          upstream. Of the loss, whose upstream is 1, the parts do without.
    """

    name: str
    text: str
    back: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Program:
    """about   what is computed, in words
    given   the values of the inputs, as Python writes them
    steps   the forward pass, the last the loss
    labels  the inputs that are numbers of classes
    """

    about: str
    given: Mapping[str, Value]
    steps: tuple[Step, ...]
    labels: tuple[str, ...] = ()

    @property
    def loss(self) -> str:
        return self.steps[-1].name

    @property
    def gradients(self) -> dict[str, str]:
        """The right side of every gradient, by its name, from the loss back to the inputs."""
        order = [step.name for step in self.steps[-2::-1]] + list(self.given)
        parts = {name: self._parts(name) for name in order}
        return {f"d{name}": _sum(found) for name, found in parts.items() if found}

    def _parts(self, name: str) -> list[str]:
        return [step.back[name] for step in reversed(self.steps) if name in step.back]


def _sum(parts: list[str]) -> str:
    text = parts[0]
    for part in parts[1:]:
        text += f" - {part[1:]}" if part.startswith("-") else f" + {part}"
    return text
