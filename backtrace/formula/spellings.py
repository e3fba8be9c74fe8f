"""What NumPy, PyTorch and the math module call our gates: a name, and the same in our own grammar.

    maximum(a, b)    max({0}, {1})        x.dot(W)    ({0})·({1})        F.mse_loss(p, y)    ...

`{0}` is the first argument (of a method what stands before the dot), `{1?}` one that may be left
out. Keywords have our names in KEYWORDS. A name that is not here is called as it is.
"""

from __future__ import annotations

LIBRARIES = frozenset(
    (
        "np",
        "numpy",
        "torch",
        "math",
        "jnp",
        "jax",
        "F",
        "nn",
        "functional",
        "special",
        "linalg",
        "lax",
    )
)
"""Prefixes that fall away, where they are no variable."""

CONSTANTS = {"pi": "pi", "e": "e", "tau": "tau", "newaxis": "None"}

KEYWORDS = {
    "dim": "axis",
    "axis": "axis",
    "axes": "axis",
    "keepdim": "keepdims",
    "keepdims": "keepdims",
    "negative_slope": "a",
    "num_classes": "n",
    "min": "lo",
    "max": "hi",
    "a_min": "lo",
    "a_max": "hi",
    "correction": "ddof",
    "ddof": "ddof",
}

TEMPLATES = {
    # arithmetic
    "add": "({0}) + ({1})",
    "subtract": "({0}) - ({1})",
    "sub": "({0}) - ({1})",
    "multiply": "({0})*({1})",
    "mul": "({0})*({1})",
    "negative": "-({0})",
    "neg": "-({0})",
    "divide": "({0})/({1})",
    "div": "({0})/({1})",
    "true_divide": "({0})/({1})",
    "power": "({0})**({1})",
    "pow": "({0})**({1})",
    "square": "({0})**2",
    "reciprocal": "1/({0})",
    "rsqrt": "1/sqrt({0})",
    "mod": "({0}) % ({1})",
    "remainder": "({0}) % ({1})",
    "floor_divide": "({0}) // ({1})",
    # elementary functions
    "absolute": "abs({0})",
    "fabs": "abs({0})",
    "arcsin": "asin({0})",
    "arccos": "acos({0})",
    "arctan": "atan({0})",
    "arctan2": "atan2({0}, {1})",
    "expit": "sigmoid({0})",
    "logaddexp": "logsumexp({0}, {1})",
    "maximum": "max({0}, {1})",
    "minimum": "min({0}, {1})",
    "fmax": "max({0}, {1})",
    "fmin": "min({0}, {1})",
    "stop_gradient": "detach({0})",
    # matrices
    "matmul": "({0}) @ ({1})",
    "mm": "({0}) @ ({1})",
    "mv": "({0}) @ ({1})",
    "bmm": "({0}) @ ({1})",
    "dot": "({0})·({1})",
    "vdot": "dot({0}, {1})",
    "inner": "dot({0}, {1})",
    "t": "({0}).T",
    "linear": "({0}) @ ({1}).T + ({2})",
    # reductions
    "amax": "max({0})",
    "amin": "min({0})",
    # shapes
    "view": "reshape({0})",
    "ravel": "reshape({0}, -1)",
    "unsqueeze": "expand_dims({0})",
    "cat": "concatenate({0})",
    # what is the same number
    "clone": "({0})",
    "copy": "({0})",
    "item": "({0})",
    "float": "({0})",
    "double": "({0})",
    "contiguous": "({0})",
    "numpy": "({0})",
    "cpu": "({0})",
    "cuda": "({0})",
    "asarray": "({0})",
    "array": "({0})",
    "as_tensor": "({0})",
    "tensor": "({0})",
    # losses
    "mse_loss": "mean((({0}) - ({1}))**2)",
    "l1_loss": "mean(abs(({0}) - ({1})))",
    "binary_cross_entropy": "-mean(({1})*log({0}) + (1 - ({1}))*log(1 - ({0})))",
    "binary_cross_entropy_with_logits": "mean(softplus({0}) - ({1})*({0}))",
    "softplus": "softplus({0})",
}

REDUCTIONS = frozenset(
    (
        "sum",
        "mean",
        "prod",
        "max",
        "min",
        "amax",
        "amin",
        "logsumexp",
        "norm",
        "softmax",
        "log_softmax",
        "expand_dims",
        "unsqueeze",
        "squeeze",
    )
)
"""Calls whose second argument is an axis, where they are methods or of a library."""

SPREADS = frozenset(("var", "std"))
"""NumPy divides by n and PyTorch by n - 1, unless they are told."""

OPENED = frozenset(("concatenate", "cat", "stack", "hstack", "vstack"))
"""Calls whose first argument is a list of arrays."""

SHAPED = frozenset(("reshape", "view"))
"""Calls whose last arguments are a shape, in brackets or not."""
