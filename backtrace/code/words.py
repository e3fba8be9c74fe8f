"""Names that libraries have: which make values, change nothing, or change what they are given."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable

from backtrace.formula.readings import READINGS
from backtrace.formula.spellings import LIBRARIES, TEMPLATES
from backtrace.gates import GATES

PREFIXES = {
    "numpy": "np",
    "autograd.numpy": "np",
    "cupy": "np",
    "torch": "torch",
    "torch.nn.functional": "F",
    "math": "math",
    "jax.numpy": "jnp",
    "scipy.special": "special",
    "torch.special": "torch.special",
    "jax.scipy.special": "special",
    "jax.nn": "jax",
}
"""The modules whose functions are read, and what they are called in a formula."""

IMPLIED = {
    "np": "numpy",
    "numpy": "numpy",
    "torch": "torch",
    "F": "torch.nn.functional",
    "nn": "torch.nn",
    "math": "math",
    "random": "random",
    "jnp": "jax.numpy",
    "jax": "jax",
    "plt": "matplotlib.pyplot",
    "Value": "micrograd.engine.Value",
}
"""What names mean in a piece of code whose imports are left out."""

DATA = frozenset(("array", "tensor", "asarray", "as_tensor", "Tensor", "FloatTensor", "from_numpy"))
COPIES = frozenset(("array", "tensor", "copy", "clone", "Tensor", "FloatTensor"))
SAME = frozenset(
    (
        *("float", "double", "clone", "copy", "contiguous", "requires_grad_", "to", "cpu", "cuda"),
        *("asarray", "as_tensor", "ascontiguousarray", "asanyarray", "atleast_1d"),
    )
)
DETACHED = frozenset(("detach", "item", "tolist", "numpy"))
WHOLE = frozenset(("int", "long", "astype"))
MAKERS = frozenset(
    (
        *("zeros", "ones", "eye", "identity", "full", "empty", "arange", "linspace"),
        *("zeros_like", "ones_like", "full_like", "empty_like", "randn_like", "rand_like"),
        *("randn", "rand", "randint", "normal", "uniform", "standard_normal", "random", "integers"),
        *("random_sample", "gauss"),
    )
)
CHANGERS = frozenset(
    (
        *("fill_diagonal", "copyto", "put", "place", "putmask", "put_along_axis", "shuffle"),
        *("fill", "sort", "resize", "itemset", "setfield", "partition", "at"),
    )
)
"""NumPy's functions and methods that change an array where it stands."""

PASSED_OVER = ("dtype", "device", "requires_grad", "generator", "label", "inplace")
UNTOUCHED = ("requires_grad_", "zero_grad_", "manual_seed_")
VIEWS = frozenset(
    (
        *("reshape", "view", "ravel", "squeeze", "unsqueeze", "expand_dims", "transpose", "t"),
        *("permute", "swapaxes", "moveaxis", "broadcast_to", "expand", "expand_as", "flatten"),
        *("asarray", "as_tensor", "ascontiguousarray", "contiguous", "float", "double", "to"),
        *("cpu", "cuda", "view_as", "from_numpy", "numpy", "detach", "diagonal", "diag", "split"),
        *("flip", "fliplr", "flipud"),
        *("chunk", "unbind", "narrow", "select", "atleast_2d", "atleast_1d", "T", "mT", "real"),
    )
)
"""What may show the same numbers in another shape: a change of one is a change of the other."""

PURE = re.compile(
    r"(print|plt|plot|show|draw|display|log|check|assert|save(?!_for_backward)|time|sys|os|warn|tqdm)"
)
"""Calls that look at arrays and leave them alone, whatever module they are of."""

CONSTANTS = {
    f"{module}.{name}": value
    for module in ("numpy", "math", "torch", "jax.numpy", "autograd.numpy")
    for name, value in (("pi", math.pi), ("e", math.e), ("newaxis", None), ("inf", math.inf))
} | {"math.tau": math.tau}

CALLED = frozenset((*GATES, *TEMPLATES, *READINGS, "abs", "max", "min", "sum"))
WITHOUT_PREFIX = CALLED | MAKERS | DATA
"""Functions that are read where nothing says whose they are."""

_WRITTEN = {"max", "min", "sum", "abs", "where", "stack", "pick", "put", "detach", "permute"}
"""Functions that the machine itself writes."""


def reserved_names(called: Iterable[str]) -> frozenset[str]:
    """The names that no stage takes where these functions are called: they would be called too."""
    written = {word for name in called for word in _WORD.findall(TEMPLATES.get(name, name))}
    return frozenset(GATES.keys() & (written | _WRITTEN)) | LIBRARIES


_WORD = re.compile(r"[^\W\d]\w*")
_GRADIENT = re.compile(r"d(?:[A-Z]d|fd|Ld|lossd)?_?(?P<a>\w+)|(?P<c>\w+)_grad")
_QUOTIENT = re.compile(r"d[A-Za-z]\w*?_d_?(?P<a>\w+)")
_SPELLED = re.compile(r"grad_?(?P<a>\w+)|(?P<b>\w+)_gradient|nabla_?(?P<c>\w+)")
_SHORT = re.compile(r"g_?(?P<a>\w+)|delta_?(?P<b>\w+)")
_ALWAYS = re.compile(r"grads?|grad_\w+|dout|dlogits")


_OF = (
    re.compile(r"d_?(?P<name>\w+)"),
    re.compile(r"d[A-Za-z]\w*?_?d_?(?P<name>\w+)"),
    re.compile(r"grad_(?P<name>\w+)"),
    re.compile(r"(?P<name>\w+)_grad"),
    re.compile(r"d(?P<name>\w+)"),
    re.compile(r"(?:grad|nabla_?|delta_?|g_?)(?P<name>\w+)"),
    re.compile(r"(?P<name>\w+)_gradient"),
)


def differentiated(name: str) -> list[str]:
    """What a gradient's name may be the gradient of: W of dW, dfdW, dL_dW, grad_W, W_grad, gW."""
    matches = (pattern.fullmatch(name) for pattern in _OF)
    return list(dict.fromkeys(match["name"] for match in matches if match))


def may_be_gradient(name: str) -> bool:
    """Whether it is written as a gradient's name, of whatever name."""
    return any(p.fullmatch(name) for p in (_GRADIENT, _QUOTIENT, _SPELLED, _SHORT, _ALWAYS))


def is_gradient(name: str, forward: Collection[str], after_loss: bool = False) -> bool:
    """Whether a name is that of a gradient: dW where there is W, dh1, grad_y, x_grad; behind the
    loss gW and deltaW too, which may be forward names before it, and dx1, dx2, parts of dx."""
    if _ALWAYS.fullmatch(name):
        return True
    patterns = (_GRADIENT, _QUOTIENT, _SPELLED, *((_SHORT,) if after_loss else ()))
    found = [match for p in patterns if (match := p.fullmatch(name))]
    parts = [part for match in found for part in match.groups() if part]
    parts += [part.rstrip("0123456789") for part in parts if after_loss]
    return any(part in forward for part in parts)
