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
        "scipy",
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
    "alpha": "a",
    "diagonal": "k",
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
    "true_divide": "({0})/({1})",
    "power": "({0})**({1})",
    "pow": "({0})**({1})",
    "square": "({0})**2",
    "reciprocal": "1/({0})",
    "rsqrt": "1/sqrt({0})",
    "mod": "({0}) % ({1})",
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
    "clamp_min": "max({0}, {1})",
    "clamp_max": "min({0}, {1})",
    # matrices
    "matmul": "({0}) @ ({1})",
    "mm": "({0}) @ ({1})",
    "mv": "({0}) @ ({1})",
    "bmm": "({0}) @ ({1})",
    "dot": "({0})·({1})",
    "vdot": "dot({0}, {1})",
    "inner": "dot({0}, {1})",
    "t": "({0}).T",
    "inverse": "inv({0})",
    "identity": "eye({0})",
    "linear": "({0}) @ ({1}).T + ({2})",
    # reductions
    "amax": "max({0})",
    "amin": "min({0})",
    # shapes
    "view": "reshape({0})",
    "ravel": "reshape({0}, -1)",
    "swapdims": "swapaxes({0}, {1}, {2})",
    "diagonal": "diag({0})",
    "fliplr": "flip({0}, 1)",
    "flipud": "flip({0}, 0)",
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
    "softplus": "softplus({0})",
    "masked_fill": "where({1}, {2}, {0})",
}

FLOATS = frozenset(
    (
        *("float", "double", "float_", "float64", "float32", "float16", "bfloat16", "half"),
        *("single", "longdouble"),
    )
)
"""What dtype= may say: all are 64-bit floats here."""

OVER_ALL = frozenset(
    (
        *("sum", "mean", "prod", "max", "min", "amax", "amin", "logsumexp", "norm"),
        *("var", "std", "squeeze", "take", "cumsum", "cumprod", "flip", "roll"),
    )
)
"""Calls that without an axis mean what they mean with axis=None."""

GROWING = frozenset(("view", "unsqueeze", "cat"))
"""Templates whose call takes more arguments than it has places."""

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
        "cumsum",
        "cumprod",
        "flip",
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
