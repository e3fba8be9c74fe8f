"""PyTorch's layers as objects: nn.Linear(3, 4), nn.Conv2d(1, 8, 3), nn.CrossEntropyLoss().

A layer's weights are inputs, with random values in the range that PyTorch draws them from
(https://pytorch.org/docs/stable/nn.html: Linear from -1/sqrt(n) to 1/sqrt(n)).
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from backtrace.code.values import Array, CannotRead, Instance, Known, Module, Several, Value
from backtrace.language import tell

if TYPE_CHECKING:
    from backtrace.code.library import Library

_FUNCTIONS = {
    "ReLU": "relu(x)",
    "Tanh": "tanh(x)",
    "Sigmoid": "sigmoid(x)",
    "GELU": "gelu(x)",
    "SiLU": "silu(x)",
    "ELU": "elu(x, alpha)",
    "LeakyReLU": "leaky_relu(x, negative_slope)",
    "Softplus": "softplus(x)",
    "Softmax": "softmax(x, axis=dim)",
    "LogSoftmax": "log_softmax(x, axis=dim)",
    "Identity": "x",
    "Flatten": "torch.flatten(x, start_dim, end_dim)",
    "CrossEntropyLoss": "F.cross_entropy(x, y)",
    "NLLLoss": "F.nll_loss(x, y)",
    "MSELoss": "F.mse_loss(x, y)",
    "L1Loss": "F.l1_loss(x, y)",
    "BCELoss": "F.binary_cross_entropy(x, y)",
    "BCEWithLogitsLoss": "F.binary_cross_entropy_with_logits(x, y)",
}
_LAYERS = {
    "Linear": ("x @ weight.T + bias", "x @ weight.T"),
    "Embedding": ("weight[x]", "weight[x]"),
    "LayerNorm": (
        "(x - mean(x, axis=-1, keepdims=True))/sqrt(var(x, axis=-1, keepdims=True) + eps)"
        "*weight + bias",
        "",
    ),
    **{
        f"Conv{n}d": tuple(f"F.conv{n}d(x, weight, {b}, stride, padding)" for b in ("bias", "None"))
        for n in (1, 2)
    },
}
_POOLS = {
    f"{kind}Pool{n}d": f"F.{kind.lower()}_pool{n}d" for kind in ("Max", "Avg") for n in (1, 2)
}
_FUNCTIONS |= {kind: f"{name}(x, kernel_size, stride, padding)" for kind, name in _POOLS.items()}
_SETTINGS = {
    "ELU": ("alpha",),
    "LeakyReLU": ("negative_slope",),
    "Softmax": ("dim",),
    "LogSoftmax": ("dim",),
    "Linear": ("in_features", "out_features", "bias"),
    "Embedding": ("num_embeddings", "embedding_dim"),
    "LayerNorm": ("normalized_shape", "eps"),
    "Flatten": ("start_dim", "end_dim"),
}
_WINDOW = ("kernel_size", "stride", "padding")
_SETTINGS |= {
    f"Conv{n}d": ("in_channels", "out_channels", *_WINDOW, "dilation", "groups", "bias")
    for n in (1, 2)
}
_SETTINGS |= {
    kind: (*_WINDOW, "dilation", "return_indices", "ceil_mode")
    if kind.startswith("Max")
    else (*_WINDOW, "ceil_mode", "count_include_pad")
    for kind in _POOLS
}
_DEFAULTS = {"alpha": 1.0, "negative_slope": 0.01, "bias": True, "eps": 1e-5}
_DEFAULTS |= {"stride": 1, "padding": 0, "start_dim": 1, "end_dim": -1}
_ONLY = {"dilation": 1, "groups": 1, "return_indices": 0, "ceil_mode": 0, "count_include_pad": 1}
"""What may be said as long as it changes nothing."""
_WEIGHTS = {
    "Linear": {
        "weight": "(2*rand(out_features, in_features) - 1)/in_features**0.5",
        "bias": "(2*rand(out_features) - 1)/in_features**0.5",
    },
    "Embedding": {"weight": "randn(num_embeddings, embedding_dim)"},
    "LayerNorm": {"weight": "ones(normalized_shape)", "bias": "zeros(normalized_shape)"},
}
_WEIGHTS |= {
    f"Conv{n}d": {
        "weight": f"(2*rand(out_channels, in_channels{', kernel_size' * n}) - 1)/{fan}",
        "bias": f"(2*rand(out_channels) - 1)/{fan}",
    }
    for n, fan in ((n, f"(in_channels*kernel_size**{n})**0.5") for n in (1, 2))
}


def made_module(
    kind: str, placed: Sequence[Value], named: Mapping[str, Value], node: ast.AST
) -> Module:
    """nn.Linear(3, 4): the layer with its weights. Raises CannotRead for what is not read."""
    if kind in ("Sequential", "ModuleList"):
        is_list = len(placed) == 1 and isinstance(placed[0], Several)
        layers = placed[0].items if is_list and isinstance(placed[0], Several) else placed
        return Module(kind, dict(enumerate(layers)))
    if kind not in _FUNCTIONS and kind not in _LAYERS:
        hint = tell("read are {names}, ...", names=", ".join([*_LAYERS, *_FUNCTIONS][:8]))
        if kind.startswith("Dropout"):
            hint = tell("it is random: nn.Identity() is what it is when a net is used")
        raise CannotRead(tell("'nn.{kind}' is not read", kind=kind), node, hint)
    words = _SETTINGS.get(kind, ())
    given = {**dict(zip(words, placed, strict=False)), **named}
    reduction = given.pop("reduction", None) if kind.endswith("Loss") else None
    unknown = given.keys() - set(words) - {"inplace", "device", "dtype", "approximate"}
    if unknown or len(placed) > len(words):
        raise CannotRead(tell("'nn.{kind}' with these arguments is not read", kind=kind), node)
    for word in _ONLY.keys() & set(words):
        value = given.pop(word, Known(_ONLY[word]))
        if not isinstance(value, Known) or value.value != _ONLY[word]:
            raise CannotRead(
                tell("'nn.{kind}' with another {word} is not read", kind=kind, word=word), node
            )
    if kind in _POOLS and given.get("stride", Known(None)) == Known(None):
        given["stride"] = given.get("kernel_size", Known(None))
    settings = _settings([word for word in words if word not in _ONLY], given, node)
    if isinstance(reduction, Known) and isinstance(reduction.value, str):
        settings["reduction"] = ast.Constant(reduction.value)
    weights: dict[object, Value] = {}
    for name, text in _WEIGHTS.get(kind, {}).items():
        if name != "bias" or "bias" not in settings:
            weights[name] = Array(_filled(text, settings), is_data=True, library="torch")
    return Module(kind, weights, settings)


def _settings(
    words: Sequence[str], given: Mapping[str, Value], node: ast.AST
) -> dict[str, ast.expr]:
    """The numbers that a layer is made with; bias only where there is none."""
    found: dict[str, ast.expr] = {}
    for word in words:
        value = given.get(word, Known(_DEFAULTS.get(word)))
        if not isinstance(value, Known) or not isinstance(value.value, int | float):
            raise CannotRead(tell("{word} is a number that is known", word=word), node)
        if word != "bias" or not value.value:
            found[word] = ast.Constant(value.value)
    return found


def applied(machine: Library, of: Module, placed: Sequence[Value], node: ast.AST) -> Value:
    """layer(x), loss(x, y)."""
    if of.kind == "Sequential":
        value = placed[0]
        for inner in of.names.values():
            value = machine.called_with(inner, [value], node)
        return value
    if of.kind in _LAYERS:
        with_bias, without = _LAYERS[of.kind]
        text = with_bias if "bias" in of.names or not without else without
    else:
        text = _FUNCTIONS.get(of.kind, "")
    if "reduction" in of.settings:
        text = f"{text[:-1]}, reduction=reduction)"
    arrays = {"x": machine.array(placed[0], node)} if placed else {}
    if of.kind == "LayerNorm" and placed and not arrays["x"].name and not arrays["x"].is_data:
        arrays["x"].node = machine.add_stage(arrays["x"], "entered", node)
    if len(placed) > 1:
        arrays["y"] = machine.array(placed[1], node)
    wanted = {n.id for n in ast.walk(ast.parse(text)) if isinstance(n, ast.Name)}
    if not text or {"x", "y"} & wanted != arrays.keys():
        raise CannotRead(
            tell("'nn.{kind}' of {count} values is not read", kind=of.kind, count=len(placed)), node
        )
    arrays |= {str(k): v for k, v in of.names.items() if isinstance(v, Array)}
    parts = dict(zip(arrays, machine.nodes(list(arrays.values())), strict=True))
    made = machine.made_of(_filled(text, {**of.settings, **parts}), list(arrays.values()), node)
    made.library = "torch"
    return made


def is_set(of: Module, name: str, value: Value, node: ast.AST) -> bool:
    """Whether layer.weight = ... gives the layer another weight; None takes its bias away. What a
    layer only carries along (layer.note = 1) is nothing to it. Raises CannotRead for the rest."""
    if of.kind in ("Sequential", "ModuleList") or name in of.settings or name in ("training", "p"):
        raise CannotRead(tell("'.{attr}' is not set", attr=name), node)
    if name == "bias" and value == Known(None):
        of.names.pop(name, None)
        return False
    if name not in of.names and name not in _WEIGHTS.get(of.kind, ()):
        return False
    if not isinstance(value, Array):
        raise CannotRead(tell("a number or an array is due"), node)
    return True


def weights_of(of: Instance | Module, node: ast.AST) -> list[Value]:
    """The parameters of a layer, or of an object that holds layers, in the order they were made.
    Raises CannotRead where an object holds arrays itself: which of them are parameters?"""
    found: list[Value] = []
    waiting: list[Value] = [of]
    seen: set[int] = set()
    while waiting:
        value = waiting.pop(0)
        if isinstance(value, Module | Instance) and id(value) not in seen:
            seen.add(id(value))
            held = [*value.names.values()]
            if isinstance(value, Instance) and any(isinstance(one, Array) for one in held):
                raise CannotRead(tell("which arrays are parameters is not known"), node)
            waiting = [*held, *waiting]
        elif isinstance(value, Array) and not any(value is one for one in found):
            found.append(value)
    return found


class _Filled(ast.NodeTransformer):
    def __init__(self, parts: Mapping[str, ast.expr]) -> None:
        self.parts = parts

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return copy.deepcopy(self.parts.get(node.id, node))


def _filled(text: str, parts: Mapping[str, ast.expr]) -> ast.expr:
    """A template with expressions in the places of its names."""
    filled: ast.expr = _Filled(parts).visit(ast.parse(text, mode="eval").body)
    for inner in ast.walk(filled):
        for place in ("lineno", "end_lineno", "col_offset", "end_col_offset"):
            inner.__dict__.pop(place, None)
    return filled
