"""Formulas of arrays, held against numbers: read again as they are printed, each gradient is to be
backprop's at random values of two sets of sizes; and that is held against SymPy and slopes."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any

from backtrace.errors import BacktraceError
from backtrace.formula import read
from backtrace.formula.letters import Dims, InLetters, Witnessed, with_sizes
from backtrace.graph.record import AGREE, DISAGREE, SKIPPED
from backtrace.language import tell

_SIZES = ((3, 4, 5, 2), (2, 5, 3, 4))
_LARGER = 4
_LEAST_SIZE = 2
_MANY_LARGER = 13
_LEAST = (-0.9, 0.2)  # where random values begin
_ATTEMPTS = 8
_INDEX = re.compile(r"\[[^][]*\]")
_NUMBER = re.compile(r"\d{1,4}")
_CLOSE = 1e-7


def witnessed(
    found: InLetters, check: bool = True, texts: Mapping[str, str] | None = None
) -> dict[str, Witnessed]:
    """The verdict on every gradient's formula, or on those that `texts` give, by input; without
    `check` backprop's numbers are believed."""
    given = found.gradients if texts is None else texts
    verdicts = {name: Witnessed(AGREE) for name in given}
    for seed, lengths in enumerate(_SIZES):
        try:
            sizes, point, right = _at(found, lengths, seed, check and not seed)
        except BacktraceError as error:
            return {name: Witnessed(SKIPPED, error.what) for name in verdicts}
        for name, text in given.items():
            if verdicts[name].verdict == AGREE:
                verdicts[name] = _compared(found, text, sizes, point, right[name])
    return verdicts


def _at(
    found: InLetters, lengths: Sequence[int], seed: int, check: bool
) -> tuple[dict[str, int], dict[str, Any], dict[str, Any]]:
    """Sizes for the letters, larger ones where these are too small for the formula (x[2:]), and in
    order where one letter is to be below another (a window in an axis); values of such sizes
    and backprop's gradients there."""
    letters = _letters(found.shapes)
    least = max(map(int, _NUMBER.findall("".join(_INDEX.findall(found.formula)))), default=0)
    sizes = dict(zip(letters, [n + least for n in lengths] * 9, strict=False))
    larger = {letter: n + _LARGER for letter, n in sizes.items()}
    rising = {letter: n for n, letter in enumerate(letters, _LEAST_SIZE + seed)}
    falling = {letter: n for n, letter in enumerate(letters[::-1], _LEAST_SIZE + seed)}
    many = {letter: n + _MANY_LARGER for letter, n in sizes.items()}
    for tried in (sizes, larger, falling, rising):
        try:
            return tried, *_numbers(found, tried, seed, check)
        except BacktraceError:
            continue
    return many, *_numbers(found, many, seed, check)


def _letters(shapes: Mapping[str, Dims]) -> list[str]:
    return list(dict.fromkeys(d for dims in shapes.values() for d in dims if not d.isdecimal()))


def _numbers(
    found: InLetters, sizes: Mapping[str, int], seed: int, check: bool
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Random values of these sizes, of both signs where that goes, and backprop's gradients there,
    which with `check` SymPy and measured slopes have to confirm. What picks entries gets whole
    numbers. Raises BacktraceError where no values are found that have finite gradients."""
    import numpy as np

    from backtrace.checks.traced import Budget
    from backtrace.tracing.tracer import trace

    text = with_sizes(found.formula, sizes)
    for low, attempt in itertools.product(_LEAST, range(_ATTEMPTS)):
        chance = np.random.default_rng((seed, attempt) if attempt else seed)
        point: dict[str, Any] = {}
        for name, dims in found.shapes.items():
            shape = [sizes.get(d, 0) or int(d) for d in dims]
            is_index = name in found.indices
            value = chance.integers(0, 2, shape) if is_index else chance.uniform(low, 0.9, shape)
            point[name] = value if shape else float(value)
        traced = trace(text, point, check=False)
        numbers = (traced.value, *traced.gradients.values())
        if all(np.all(np.isfinite(np.asarray(n, float))) for n in numbers):
            break
    else:
        raise BacktraceError(tell("no values were found where its gradients are finite"))
    if check and trace(text, point, budget=Budget(symbolic_work=0)).disagreements:
        raise BacktraceError(tell("backprop itself is in doubt here"))
    return point, dict(traced.gradients)


def _compared(
    found: InLetters, text: str, sizes: Mapping[str, int], point: Mapping[str, Any], right: Any
) -> Witnessed:
    """The formula, read and evaluated, against a number or an array."""
    import numpy as np

    from backtrace.algebra.arrays import ARRAYS, quiet

    whole = f"{found.stages_of(text)}{text}"
    try:
        graph = read(with_sizes(whole, sizes), {n: np.shape(v) for n, v in point.items()})
    except BacktraceError as error:
        return Witnessed(DISAGREE, tell("it is not read again: {what}", what=error.what))
    with quiet():
        values = graph.evaluate(ARRAYS, {n: point[n] for n in graph.inputs})
    own, due = np.asarray(values[graph.output], float), np.asarray(right, float)
    if own.shape != due.shape:
        return Witnessed(
            DISAGREE,
            tell(
                "it has shape {shape}, and backprop's is {due_shape}",
                shape=own.shape,
                due_shape=due.shape,
            ),
        )
    scale = max(1.0, float(np.max(np.abs(due), initial=0.0)))
    if not np.all(np.abs(own - due) <= _CLOSE * scale):
        return Witnessed(
            DISAGREE, tell("it is another number than backprop's at sizes {dict}", dict=dict(sizes))
        )
    return Witnessed(AGREE)
