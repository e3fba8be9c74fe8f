"""Which calls of NumPy, PyTorch and micrograd make values, change nothing, or are passed over."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection

DATA = frozenset(("array", "tensor", "asarray", "as_tensor", "Tensor", "FloatTensor", "Value"))
SAME = DATA | {"float", "double", "clone", "copy", "contiguous", "item", "requires_grad_"}
MAKERS = frozenset(
    ("zeros", "ones", "eye", "randn", "rand", "arange", "zeros_like", "ones_like", "empty")
)
PASSED_OVER = ("dtype", "device", "requires_grad", "generator", "label")
UNTOUCHED = ("requires_grad_", "zero_", "zero_grad_", "manual_seed_")
_GRADIENT = re.compile(r"d(?:[A-Z]d|fd|Ld|lossd)?_?(?P<a>\w+)|grad_(?P<b>\w+)|(?P<c>\w+)_grad")


def GRADIENTS(name: str, forward: Collection[str]) -> bool:
    """Whether a name is that of a gradient: dW where there is W, dh1, grads, x_grad."""
    found = _GRADIENT.fullmatch(name)
    if name in ("grads", "grad", "dout", "dlogits"):
        return True
    return found is not None and any(part in forward for part in found.groups() if part)


def dotted(node: ast.expr) -> str:
    """np.linalg.norm as it is written; "" for what is no name with dots."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return f"?.{parts[0]}" if parts else ""
    return ".".join([node.id, *reversed(parts)])
