"""The table of gates: every operation a formula can be made of, one row each.

    arithmetic    + - * / ^ and the sign
    choices       max, min, where and comparisons, abs, sign, floor, ceil
    remainders    clip, x % y, x // y
    elementary    exp, logarithms, roots, trigonometry, hyperbolics, erf
    special       erfc, lgamma and its slopes, sinc
    still         detach, zeros_like: what backprop passes by
    constants     of arrays: ones, zeros, eye, full
    activations   relu and its kin, sigmoid, softplus, silu, gelu, mish
    linear        of arrays: @, .T, dot, outer, indexing, reshape, joining
    arrangement   of arrays: axes in another order, zeros around, triangles, diagonals, running sums
    matrices      of arrays: det, logdet, inv, solve, kron
    einsums       of arrays: einsum
    orders        of arrays: sort, flip, roll
    lookups       of arrays: rows and entries by an array of whole numbers
    entries       of arrays: other entries put at some places
    reductions    of arrays: sum, mean, norm, logsumexp
    extremes      of arrays: max and min of one array
    losses        of arrays: mse, l1, huber, bce, nll
    normalizations  layer_norm, batch_norm, rms_norm, cosine_similarity
    norms         of arrays: norm1, norm_inf
    networks      of arrays: linear layers, softmax, cross_entropy
    windows       of arrays: convolutions, pooling
    attention     of arrays: attention

The parser, the check, every view, `backtrace gates`, the table in docs/ and the tests read this
table; adding a gate touches its row and nothing else.
"""

from __future__ import annotations

from backtrace.gates import (
    activations,
    arithmetic,
    arrangement,
    attention,
    choices,
    constants,
    einsums,
    elementary,
    entries,
    extremes,
    linear,
    lookups,
    losses,
    matrices,
    networks,
    normalizations,
    norms,
    orders,
    reductions,
    remainders,
    special,
    still,
    windows,
)
from backtrace.gates.gate import CONVENTIONS, CROSSED, Domain, Gate, Kink, Role

FAMILIES: dict[str, tuple[Gate, ...]] = {
    "arithmetic": arithmetic.ROWS,
    "choices": choices.ROWS,
    "remainders": remainders.ROWS,
    "elementary": elementary.ROWS,
    "special": special.ROWS,
    "still": still.ROWS,
    "constants": constants.ROWS,
    "activations": activations.ROWS,
    "linear": linear.ROWS,
    "matrices": matrices.ROWS,
    "einsums": einsums.ROWS,
    "arrangement": arrangement.ROWS,
    "orders": orders.ROWS,
    "lookups": lookups.ROWS,
    "entries": entries.ROWS,
    "reductions": reductions.ROWS,
    "extremes": extremes.ROWS,
    "norms": norms.ROWS,
    "losses": losses.ROWS,
    "normalizations": normalizations.ROWS,
    "networks": networks.ROWS,
    "windows": windows.ROWS,
    "attention": attention.ROWS,
}

GATES: dict[str, Gate] = {row.name: row for rows in FAMILIES.values() for row in rows}
"""Every gate by name, in the order a learner meets them."""

__all__ = ["CONVENTIONS", "CROSSED", "FAMILIES", "GATES", "Domain", "Gate", "Kink", "Role"]
