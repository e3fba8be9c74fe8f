"""The backward passes of tests/data/code/backward: what each is called with, and what NumPy makes
of it. They are our own files, and run here; the library runs nobody's."""

from __future__ import annotations

import ast
import inspect
import pathlib
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from backtrace.code.words import differentiated
from backtrace.formula.point import read_mapping

FOLDER = pathlib.Path(__file__).parent.parent / "data" / "code" / "backward"
_STEP = 1e-6
Numbers = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Program:
    """A file, the function, pair or class in it ("" for all of it), and the arguments."""

    file: str
    name: str = ""
    given: Mapping[str, str] | None = None

    @cached_property
    def text(self) -> str:
        return (FOLDER / f"{self.file}.py").read_text()

    @cached_property
    def arguments(self) -> Numbers:
        return {n: _array(v.value) for n, v in read_mapping(dict(self.given or {}), 0).items()}

    @property
    def checked_with(self) -> dict[str, object]:
        return dict(self.given or {})

    def __str__(self) -> str:
        return f"{self.file}:{self.name}" if self.name else self.file


def _array(value: Any) -> Any:
    array = np.asarray(value, float)
    if array.ndim and np.all(array == np.round(array)) and np.all(array >= 0):
        return array.astype(int)
    return array if array.ndim else float(array)


_NORMED = {"x": "randn(4,3)", "gamma": "randn(3)", "beta": "randn(3)"}
_STATE = "randn(3,4)"
_AFFINE = {"x": "randn(4,2,3)", "w": "randn(6,2)", "b": "randn(2)"}
_RNN = {
    "x": "randn(3,2)",
    "prev_h": _STATE,
    "Wx": "randn(2,4)",
    "Wh": "randn(4,4)",
    "b": "randn(4)",
}
_LSTM = {**_RNN, "prev_c": _STATE, "Wx": "randn(2,16)", "Wh": "randn(4,16)", "b": "randn(16)"}
_LABELS = "[0,1,2,0,1]"
_NET = {"input_size": "4", "hidden_size": "6", "output_size": "3"}
_IMAGE = {"x": "randn(2,2,4,3)", "w": "randn(2,2,2,2)", "b": "randn(2)"}

PROGRAMS = (
    *(Program(name) for name in ("softmax_net", "svm", "attention", "lstm", "regression")),
    *(Program(name) for name in ("dropout", "rnn", "embedding", "logistic", "ridge", "makemore")),
    *(Program(name) for name in ("gru", "autoencoder", "residual", "deep_net", "conv1d")),
    *(Program(name) for name in ("same_name", "least_squares")),
    Program("layernorm", "layernorm", _NORMED),
    Program("batchnorm", "batchnorm", _NORMED),
    Program("batchnorm_closed", "batchnorm", _NORMED),
    Program("batchnorm_class", "BatchNormalization", _NORMED),
    Program("rnn_step", "rnn_step", _RNN),
    Program("lstm_step", "lstm_step", _LSTM),
    Program("convolution", "conv", _IMAGE),
    Program("maxpool", "pool", {"x": "randn(4,6)"}),
    Program("cs231n", "affine", _AFFINE),
    Program("cs231n", "relu", {"x": "randn(4,3)"}),
    Program("cs231n", "affine_relu", _AFFINE),
    Program("layers", "Affine", {"x": "randn(4,3)", "W": "randn(3,2)", "b": "randn(2)"}),
    Program("layers", "Relu", {"x": "randn(4,3)"}),
    Program("layers", "Sigmoid", {"x": "randn(4,3)"}),
    Program("layers", "MultiplyGate", {"x": "3", "y": "-4"}),
    Program("layers", "SoftmaxWithLoss", {"x": "randn(2,3)", "t": "[[0,1,0],[1,0,0]]"}),
    Program(
        "losses", "softmax_loss", {"W": "randn(4,3)", "X": "randn(5,4)", "y": _LABELS, "reg": "0.1"}
    ),
    Program("losses", "TwoLayerNet.loss", {"X": "randn(5,4)", "y": _LABELS, "reg": "0.1", **_NET}),
)


@dataclass(frozen=True)
class Ran:
    """Gradients by their names, the result where one input is another, and the inputs."""

    gradients: Numbers
    result: Callable[[str, Any], float]
    inputs: Numbers


def gradients(program: Program, text: str) -> Numbers:
    """The gradients by their names, as NumPy computes them. Raises what NumPy raises."""
    return _quietly(lambda: _run(program, text).gradients)


def slopes(program: Program) -> Numbers:
    """What the gradients of the inputs are, measured: central differences of the forward pass."""
    return _quietly(lambda: _measured(program))


def _quietly(of: Callable[[], Numbers]) -> Numbers:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        np.random.seed(0)
        return of()


def _run(program: Program, text: str) -> Ran:
    space: Numbers = {"__name__": "program"}
    exec(compile(text, program.file, "exec"), space)  # our own file
    if not program.name:
        return _of_script(space, text)
    if f"{program.name}_backward" in space:
        return _of_pair(space, program)
    if (
        "." in program.name
        or program.name not in space
        or not isinstance(space[program.name], type)
    ):
        return _of_loss(space, program)
    return _of_class(space, program)


def _of_script(space: Numbers, text: str) -> Ran:
    tree = ast.parse(text)
    is_loss = [_sets(node, ("loss", "cost")) for node in tree.body]
    last = max(place for place, found in enumerate(is_loss) if found)

    def result(name: str, value: Any) -> float:
        body = [n for n in tree.body[: last + 1] if not _is_made(n)]
        own = {**{n: v for n, v in space.items() if not n.startswith("d")}, name: value}
        exec(compile(ast.Module(body, []), "forward", "exec"), own)
        return float(own.get("loss", own.get("cost")))

    found = {n: v for n, v in space.items() if n[0] == "d" and isinstance(v, np.ndarray | float)}
    inputs = {
        n: v for n, v in space.items() if any(_sets(t, (n,)) and _is_made(t) for t in tree.body)
    }
    return Ran(found, result, inputs)


def _sets(node: ast.stmt, names: tuple[str, ...]) -> bool:
    return any(
        isinstance(part, ast.Name) and part.id in names and isinstance(part.ctx, ast.Store)
        for part in ast.walk(node)
    )


def _is_made(node: ast.stmt) -> bool:
    """Whether a statement gives an input its value."""
    text = ast.unparse(node)
    return isinstance(node, ast.Assign) and ("random" in text or "np.array(" in text)


def _of_pair(space: Numbers, program: Program) -> Ran:
    forward, backward = space[f"{program.name}_forward"], space[f"{program.name}_backward"]
    out, cache = forward(**_copied(program.arguments))
    dout = np.random.default_rng(3).normal(size=np.shape(out))

    def result(name: str, value: Any) -> float:
        arguments = {**program.arguments, name: value}
        return float(np.sum(forward(**_copied(arguments))[0] * dout))

    given = backward(dout.copy(), cache)
    names = _returned(ast.parse(program.text), f"{program.name}_backward")
    values = given if isinstance(given, tuple) else (given,)
    return Ran(dict(zip(names, values, strict=False)), result, program.arguments)


def _copied(numbers: Numbers) -> Numbers:
    return {n: np.copy(v) if np.ndim(v) else v for n, v in numbers.items()}


def _returned(tree: ast.Module, name: str) -> list[str]:
    found = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name == name]
    value = [n for n in ast.walk(found[-1]) if isinstance(n, ast.Return)][-1].value
    parts = value.elts if isinstance(value, ast.Tuple | ast.List) else [value]
    return [part.id for part in parts if isinstance(part, ast.Name)]


def _of_class(space: Numbers, program: Program) -> Ran:
    made, arguments = space[program.name], program.arguments
    taken = [n for n in inspect.signature(made).parameters if n in arguments]

    def forward(given: Numbers) -> tuple[Any, Any]:
        given = _copied(given)
        layer = made(*(given.pop(n) for n in taken))
        return layer, layer.forward(**given)

    layer, out = forward(arguments)
    dout = np.random.default_rng(3).normal(size=np.shape(out)) if np.ndim(out) else np.float64(1)

    def result(name: str, value: Any) -> float:
        return float(np.sum(forward({**arguments, name: value})[1] * dout))

    given = layer.backward(np.copy(dout)[()])
    values = given if isinstance(given, tuple | list) else (given,)
    order = [n for n in arguments if n not in taken]
    found = dict(zip([f"d{n}" for n in order], values, strict=False))
    found |= {f"d{n}": getattr(layer, f"d{n}") for n in taken}
    return Ran(found, result, arguments)


def _of_loss(space: Numbers, program: Program) -> Ran:
    owner, _, method = program.name.partition(".")
    given = {n: v for n, v in program.arguments.items() if n not in _NET}
    if not method:
        loss = space[owner]
        names = _returned(ast.parse(program.text), owner)[1:]
        found = dict(zip(names, loss(**_copied(given))[1:], strict=False))
        return Ran(found, lambda n, v: float(loss(**_copied({**given, n: v}))[0]), given)
    net = space[owner](**{n: int(v) for n, v in program.arguments.items() if n in _NET})

    def result(name: str, value: Any) -> float:
        held = {**net.params}
        net.params[name] = value
        try:
            return float(getattr(net, method)(**_copied(given))[0])
        finally:
            net.params = held

    grads = getattr(net, method)(**_copied(given))[1]
    return Ran({f"d{n}": v for n, v in grads.items()}, result, {**given, **net.params})


def _measured(program: Program) -> Numbers:
    ran = _run(program, program.text)
    inputs = {n: v for n, v in ran.inputs.items() if _is_free(v)}
    measured = {}
    for name in ran.gradients:
        of = next((base for base in differentiated(name) if base in inputs), None)
        if of is not None:
            measured[name] = _slope(ran.result, of, inputs[of])
    return measured


def _is_free(value: Any) -> bool:
    return isinstance(value, float) or (isinstance(value, np.ndarray) and value.dtype.kind == "f")


def _slope(result: Callable[[str, Any], float], name: str, value: Any) -> Any:
    array = np.asarray(value, float)
    found = np.zeros(array.shape)
    for place in np.ndindex(array.shape):
        ends = []
        for step in (_STEP, -_STEP):
            moved = array.copy()
            moved[place] += step
            ends.append(result(name, moved if array.ndim else float(moved)))
        found[place] = (ends[0] - ends[1]) / (2 * _STEP)
    return found
