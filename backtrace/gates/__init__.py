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
from backtrace.language import marked

FAMILIES: dict[str, tuple[Gate, ...]] = {
    marked("arithmetic"): arithmetic.ROWS,
    marked("choices"): choices.ROWS,
    marked("remainders"): remainders.ROWS,
    marked("elementary"): elementary.ROWS,
    marked("special"): special.ROWS,
    marked("still"): still.ROWS,
    marked("constants"): constants.ROWS,
    marked("activations"): activations.ROWS,
    marked("linear"): linear.ROWS,
    marked("matrices"): matrices.ROWS,
    marked("einsums"): einsums.ROWS,
    marked("arrangement"): arrangement.ROWS,
    marked("orders"): orders.ROWS,
    marked("lookups"): lookups.ROWS,
    marked("entries"): entries.ROWS,
    marked("reductions"): reductions.ROWS,
    marked("extremes"): extremes.ROWS,
    marked("norms"): norms.ROWS,
    marked("losses"): losses.ROWS,
    marked("normalizations"): normalizations.ROWS,
    marked("networks"): networks.ROWS,
    marked("windows"): windows.ROWS,
    marked("attention"): attention.ROWS,
}

GATES: dict[str, Gate] = {row.name: row for rows in FAMILIES.values() for row in rows}
"""Every gate by name, in the order a learner meets them."""

__all__ = ["CONVENTIONS", "CROSSED", "FAMILIES", "GATES", "Domain", "Gate", "Kink", "Role"]
