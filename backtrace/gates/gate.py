"""What a gate is: one row of the table, and the four roles a gate can play in the backward flow."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Any

from backtrace.algebra import Algebra, Value
from backtrace.algebra.spelling import SPELLING, Binding, Spelled
from backtrace.gates.shapes import Shape, broadcast
from backtrace.language import marked, tell
from backtrace.numbers import one_line


class Role(Enum):
    """What a gate does with the gradient that arrives at its output (CS231n, lecture 4)."""

    DISTRIBUTOR = "distributor"
    SWITCHER = "switcher"
    ROUTER = "router"
    SCALER = "scaler"

    @property
    def word(self) -> str:
        """Its name as it is shown."""
        return tell(_WORDS[self])

    @property
    def sentence(self) -> str:
        return tell(_SENTENCES[self])


_WORDS = {
    Role.DISTRIBUTOR: marked("distributor"),
    Role.SWITCHER: marked("switcher"),
    Role.ROUTER: marked("router"),
    Role.SCALER: marked("scaler"),
}
_SENTENCES = {
    Role.DISTRIBUTOR: marked(
        "hands the upstream gradient to every input unchanged (up to its sign)"
    ),
    Role.SWITCHER: marked("hands each input the upstream gradient times the other input"),
    Role.ROUTER: marked("hands the upstream gradient to the winning input, and zero to the rest"),
    Role.SCALER: marked("multiplies the upstream gradient by a local slope"),
}


CONVENTIONS = ("minimum-norm", "left", "right", "split", "torch", "jax")
"""What a gate may be asked to do at a kink; the first is what it does unasked."""

CROSSED = ()
"""The slopes of a gate by each of its two inputs are the other input, as those of x*y are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """Where a gate is defined: in words, and as a test on float inputs."""

    says: str
    holds: Callable[..., bool]


EVERYWHERE = Domain(says=marked("all real numbers"), holds=lambda *x: True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kink:
    """The points where a gate has no derivative, and the subgradient it uses there.

    at(m, f, *x)                 1 where the inputs `x` (output `f`) stand at a kink, else 0
    local(m, k, f, x, constant)  the local gradient of input `k` there; `constant[j]` says whether
                                 operand j is a constant (a tied constant takes a max for itself)
    says                       the convention in words, for notes and the catalogue
    others                     the same for other conventions, where they differ

    The convention is the minimum-norm subgradient, PyTorch's stated rule
    (https://pytorch.org/docs/stable/notes/autograd.html, "Gradients for non-differentiable
    functions"): of all slopes that fit, the one nearest to zero. On request: the one-sided slopes
    `left` and `right`, `split` (the mean of the two; 1/n for ties), and what `torch` and `jax` do.
    """

    at: Callable[..., Value]
    local: Callable[..., Value]
    says: str
    others: Mapping[str, Callable[..., Value]] = field(default_factory=lambda: MappingProxyType({}))

    def rule(self, convention: str) -> Callable[..., Value]:
        return self.others.get(convention, self.local)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Gate:
    """One primitive operation: given f = forward(x...), and upstream = dL/df, backprop computes
    dL/dx_k = upstream * local[k](f, x...).

    forward(m, *x)     the value, in any algebra `m`
    local[k](m, f, *x) df/dx_k, given the output f; a gate of any number of inputs has one rule
                       local[0](m, f, x_k), the same for each
    accurate(m, k, f, *x)  df/dx_k in a form that keeps the digits which `local` loses in rounded
                       numbers (1 - t^2 where t is nearly 1); text and exact numbers go by `local`
    formula            the same function in the formula language: of primitives for a gate that is
                       made of others (sigmoid), of itself for one that is not (exp)
    sympy              SymPy's name for a gate that is primitive there too; "" for the others
    operator, binding  how it is written, when it is not written name(x, y)
    defaults           what a parameter is when it is left out: leaky_relu(x) is leaky_relu(x, 0.01)
    cure               advice for where this gate overflows or has no finite slope
    commutes           whether the operands may stand in any order
    is_own             whether the user's formula defines it
    is_flat            whether it is constant between its jumps (sign, floor, ceil)
    spellings          other usual ways to write the formula; fusion knows the gate by these too
    numbers            what the formula names that is no parameter but follows from the operands'
                       shapes: {"s": (*shapes) -> "sqrt(64)"}
    series             for a gate of any number of inputs, its formula as (whole, term): hypot is
                       ("sqrt(_)", "x^2"), with as many terms as inputs where _ stands

    On arrays a gate works entry by entry, operands repeated to a common shape, unless it has a

    pullback(m, k, u, f, *x)  the downstream gradient of input k, in its shape, given upstream `u`:
                       for gates whose Jacobian is never formed. `local` is then empty
    pullbacks          the same for other conventions at kinks, where they differ
    rules              the pullbacks in words, of `upstream` and the parameters; or a local gradient
                       that is no calculus
    dead(m, f, *x)     1 at the entries of the output where a gate with a pullback lets nothing
                       through, as a relu does; not asked where 0 is only what the numbers give
    terms              what else the rules name, `p`: {"p": (m, f, *x) -> (in words, its value)};
                       no value where a word is explained, neither where there is nothing to say
    shape(*shapes)     the output's shape, given the operands'; raises ShapeError
    fixed              the parameters that are no numbers and have no gradient: axis, an index
    order              what whole numbers its fixed parameter may be, where that is an order and
                       written before the others: polygamma(2, x)
    by_name            whether those are given by their names alone: sum(x, axis=0)
    optional           the last of the others, where a call may leave them out: a bias
    reduction          the name of the gate that this one is when it is given one array
    called             how formulas call it, where that is not its name
    products(*shapes)  how many products of numbers it takes, where that is not one an entry
    notation           how it is written, when that is no operator and no call: x[0], x.T
    spells(*shapes)    whether the formula is this gate for operands of these shapes
    only               the same of single spellings, by their text, where they hold for fewer shapes
    inner              an own gate's graph
    of_shapes(shapes)  the gate itself made for these shapes: an own gate's inner gates have theirs
    """

    name: str
    summary: str
    parameters: tuple[str, ...]
    role: Role
    forward: Callable[..., Value]
    local: tuple[Callable[..., Value], ...]
    formula: str
    accurate: Callable[..., Value] | None = None
    sympy: str = ""
    operator: str = ""
    binding: Binding = Binding.ATOM
    variadic: bool = False
    defaults: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    domain: Domain = EVERYWHERE
    kink: Kink | None = None
    output: str = "f"
    cure: str = ""
    commutes: bool = False
    is_own: bool = False
    is_flat: bool = False
    spellings: tuple[str, ...] = ()
    numbers: Mapping[str, Callable[..., str]] = field(default_factory=lambda: MappingProxyType({}))
    series: tuple[str, str] = ("", "")
    pullback: Callable[..., Value] | None = None
    pullbacks: Mapping[str, Callable[..., Value]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    rules: tuple[str, ...] = ()
    dead: Callable[..., Value] | None = None
    terms: Mapping[str, Callable[..., tuple[str, Value]]] = field(
        default_factory=lambda: MappingProxyType({})
    )
    shape: Callable[..., Shape] = broadcast
    fixed: tuple[str, ...] = ()
    order: range | None = None
    by_name: bool = False
    optional: tuple[str, ...] = ()
    reduction: str = ""
    called: str = ""
    notation: Callable[[list[Spelled]], Spelled] | None = None
    products: Callable[..., int] | None = None
    spells: Callable[..., bool] = lambda *shapes: True
    only: Mapping[str, Callable[..., bool]] = field(default_factory=lambda: MappingProxyType({}))
    inner: Any = None
    of_shapes: Callable[[tuple[Shape, ...]], Gate] | None = None
    pair: tuple[int, ...] | None = field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        object.__setattr__(self, "pair", self._pair())

    def __repr__(self) -> str:
        return one_line(f"<Gate {self.written}: {self.summary}>")

    def _pair(self) -> tuple[int, ...] | None:
        """What the rules of a smooth gate of two inputs always give: two fixed numbers, or CROSSED,
        each the other's input. None where that depends; found by asking the rules themselves."""
        if self.kink is not None or self.blocks or self.variadic or len(self.local) != 2:
            return None
        x, y = object(), object()
        try:
            slopes = tuple(rule(None, None, x, y) for rule in self.local)
        except (TypeError, AttributeError):  # it calculates
            return None
        if all(type(slope) is int for slope in slopes):
            return slopes
        return CROSSED if slopes[0] is y and slopes[1] is x else None

    @property
    def word(self) -> str:
        """Its name in formulas."""
        return self.called or self.name

    @property
    def is_of_arrays(self) -> bool:
        """Whether it means something to arrays only."""
        return self.pullback is not None and not self.is_own

    @property
    def uses_arrays(self) -> bool:
        """Whether it is one of arrays, or, an own gate, made of such."""
        return self.is_of_arrays or (self.inner is not None and self.inner.uses_arrays)

    @property
    def blocks(self) -> bool:
        """Whether a local gradient of 0 ends the way back, whatever flows: in a router, and where a
        function is flat by nature (floor). A product with 0 is no block: 0 * inf stays nan."""
        return self.role is Role.ROUTER or self.is_flat

    @property
    def chooses(self) -> bool:
        """Whether its slopes depend on what is larger: of a nan there is no telling."""
        has_rule = self.pullback is None and not self.is_own
        return self.kink is not None and not self.is_comparison and has_rule

    @property
    def moves(self) -> bool:
        """Whether it only hands entries on: then so it does with where a gradient has arrived."""
        return self.role in (Role.ROUTER, Role.DISTRIBUTOR)

    @property
    def takes_keywords(self) -> bool:
        """Whether an argument can be given by its name: leaky_relu(x, a=0.1)."""
        is_listed = (self.variadic and not self.fixed) or self.order is not None
        return not is_listed and not self.is_own

    @property
    def defaulted(self) -> tuple[str, ...]:
        """The operands that have a default, beside parameters that are no operands."""
        if not self.fixed:
            return ()
        return tuple(p for p in self.parameters if p in self.defaults and p not in self.fixed)

    @property
    def is_composite(self) -> bool:
        """Whether its formula is made of other gates: it can be expanded, and fused to."""
        primitive = self.sympy or self.operator or self.name == "identity"
        return not primitive and self.formula != self.written

    def is_spelled(self, text: str, shapes: tuple[Any, ...]) -> bool:
        """Whether a spelling is this gate for operands of these shapes."""
        holds = self.only.get(text)
        return self.spells(*shapes) and (holds is None or holds(*shapes))

    @property
    def written(self) -> str:
        """The gate on its parameters, as a formula calls it."""
        free = [p for p in self.parameters if p not in self.fixed or p not in self.defaults]
        if self.order is not None:
            free.sort(key=lambda parameter: parameter not in self.fixed)
        return f"{self.word}({', '.join(free)})"

    def formula_for(self, count: int) -> str:
        """The formula for `count` inputs, which are then named x0, x1, ..."""
        whole, term = self.series
        if not whole:
            return self.formula
        terms = (re.sub(r"\bx\b", f"x{k}", term) for k in range(count))
        return whole.replace("_", " + ".join(terms))

    @property
    def is_comparison(self) -> bool:
        return self.binding is Binding.COMPARISON

    def local_rule(self, k: int) -> str:
        """The local gradient of input k as text, from the rule itself: `s*(1 - s)`; in words where
        the row has such, as those with a pullback have."""
        if self.rules and (self.pullback is not None or not self.is_own):
            return tell(self.rules[min(k, len(self.rules) - 1)])
        names = [Spelled(name) for name in self.parameters]
        inputs = names[k : k + 1] if self.variadic else names
        rule = self.local[0 if self.variadic else k](SPELLING, Spelled(self.output), *inputs)
        return rule.text if isinstance(rule, Spelled) else str(rule)

    def slope(self, m: Algebra, k: int, f: Value, x: list[Value]) -> Value:
        """df/dx_k away from kinks."""
        if self.accurate is not None and not m.as_written:
            return self.accurate(m, k, f, *x)
        return self.slope_as_written(m, k, f, x)

    def slope_as_written(self, m: Algebra, k: int, f: Value, x: list[Value]) -> Value:
        """df/dx_k by the rule that is shown, with the output f as it is given."""
        return self.local[0](m, f, x[k]) if self.variadic else self.local[k](m, f, *x)
