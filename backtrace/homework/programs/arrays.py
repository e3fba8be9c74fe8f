"""Programs of arrays: a neuron (level 3), a net of two layers (4), batch norm (5)."""

from __future__ import annotations

import random
from typing import NamedTuple

from backtrace.homework.programs.program import Program, Step, Value
from backtrace.homework.programs.values import matrix, vector
from backtrace.language import tell


class _Activation(NamedTuple):
    """{a} goes in, {o} comes out; what comes back to {a} is {d} times the local gradient."""

    text: str
    back: str


_ACTIVATIONS = (
    _Activation("np.maximum(0, {a})", "{d} * ({a} > 0)"),
    _Activation("np.tanh({a})", "{d} * (1 - {o}**2)"),
    _Activation("1 / (1 + np.exp(-{a}))", "{d} * {o} * (1 - {o})"),
)


def _activated(kind: _Activation, before: str, name: str) -> Step:
    words = {"a": before, "o": name, "d": f"d{name}"}
    return Step(name, kind.text.format(**words), {before: kind.back.format(**words)})


def _affine(name: str, x: str, weights: str, bias: str, passes: bool = True) -> Step:
    """x @ W + b; x has a gradient where it is no data."""
    back = {weights: f"{x}.T @ d{name}", bias: f"d{name}.sum(axis=0)"}
    if passes:
        back = {x: f"d{name} @ {weights}.T", **back}
    return Step(name, f"{x} @ {weights} + {bias}", back)


def neuron(chance: random.Random) -> Program:
    """One neuron, or two beside each other, on a few examples."""
    rows, columns, units = chance.choice((2, 3)), chance.choice((2, 3)), chance.choice((1, 2))
    given: dict[str, Value] = {"X": matrix(chance, rows, columns)}
    if units == 1:
        given |= {"w": vector(chance, columns), "b": chance.choice((0.3, -0.2, 0.4))}
        given |= {"t": vector(chance, rows)}
        first = Step("z", "X @ w + b", {"w": "X.T @ dz", "b": "dz.sum()"})
    else:
        given |= {"W": matrix(chance, columns, units), "b": vector(chance, units)}
        given |= {"t": matrix(chance, rows, units)}
        first = _affine("z", "X", "W", "b", passes=False)
    second = _activated(chance.choice(_ACTIVATIONS), "z", "h")
    return Program(tell("a neuron"), given, (first, second, _squared(chance, "h", rows * units)))


def _squared(chance: random.Random, out: str, count: int) -> Step:
    """A squared error in one of its three spellings."""
    text, part = chance.choice(
        (
            (f"np.mean(({out} - t)**2)", f"2 * ({out} - t) / {count}"),
            (f"np.sum(({out} - t)**2)", f"2 * ({out} - t)"),
            (f"0.5 * np.sum(({out} - t)**2)", f"{out} - t"),
        )
    )
    return Step("loss", text, {out: part})


def two_layers(chance: random.Random) -> Program:
    """Two layers and a softmax loss, with or without a penalty on the weights."""
    rows, inside, hidden, classes = 3, 2, chance.choice((2, 3)), chance.choice((2, 3))
    labels = [chance.randrange(classes) for _ in range(rows - 2)]
    labels += chance.sample(range(classes), 2)
    given: dict[str, Value] = {
        "X": matrix(chance, rows, inside),
        "y": labels,
        "W1": matrix(chance, inside, hidden),
        "b1": vector(chance, hidden),
        "W2": matrix(chance, hidden, classes),
        "b2": vector(chance, classes),
    }
    penalty = chance.choice(("", "0.1", "0.05"))
    steps = (
        _affine("a", "X", "W1", "b1", passes=False),
        _activated(chance.choice(_ACTIVATIONS), "a", "h"),
        _affine("s", "h", "W2", "b2"),
        Step("p", "np.exp(s) / np.exp(s).sum(axis=1, keepdims=True)", {}),
        _cross_entropy(rows, classes, penalty),
    )
    return Program(tell("a net of two layers with a softmax loss"), given, steps, ("y",))


def _cross_entropy(rows: int, classes: int, penalty: str) -> Step:
    """The loss of p = softmax(s), whose gradient goes to s at once."""
    text = f"-np.log(p[np.arange({rows}), y]).mean()"
    back = {"s": f"(p - np.eye({classes})[y]) / {rows}"}
    if penalty:
        text += f" + {penalty} * np.sum(W1**2)"
        back["W1"] = f"2 * {penalty} * W1"
    return Step("loss", text, back)


def batch_norm(chance: random.Random) -> Program:
    """Batch norm in its single steps, on a few examples, then a squared error."""
    rows, columns = chance.choice((3, 4)), 2
    given: dict[str, Value] = {
        "x": matrix(chance, rows, columns),
        "gamma": vector(chance, columns),
        "beta": vector(chance, columns),
        "t": matrix(chance, rows, columns),
    }
    eps = chance.choice(("1e-5", "1e-3"))
    return Program(
        tell("batch norm"), given, (*_normed(rows, eps), _squared(chance, "out", rows * 2))
    )


def _normed(rows: int, eps: str) -> tuple[Step, ...]:
    return (
        Step("mu", "x.mean(axis=0)", {"x": f"dmu / {rows}"}),
        Step("xc", "x - mu", {"x": "dxc", "mu": "-dxc.sum(axis=0)"}),
        Step("var", "(xc**2).mean(axis=0)", {"xc": f"2 * xc * dvar / {rows}"}),
        Step("std", f"np.sqrt(var + {eps})", {"var": "0.5 * dstd / std"}),
        Step(
            "xhat",
            "xc / std",
            {"xc": "dxhat / std", "std": "-(dxhat * xc / std**2).sum(axis=0)"},
        ),
        Step(
            "out",
            "gamma * xhat + beta",
            {
                "xhat": "dout * gamma",
                "gamma": "(dout * xhat).sum(axis=0)",
                "beta": "dout.sum(axis=0)",
            },
        ),
    )
