"""The slips of code, by their codes: what each is, and how likely it is beside the others.

A code that `homework.mistakes` has too is the same mistake, told of numbers there, of lines here.
"""

from __future__ import annotations

from typing import NamedTuple


class Code(NamedTuple):
    """is    what somebody did
    cost  how far fetched it is: where edits of several codes make a line right, the cheapest are
          told. 0 is what the line itself gives away, 1 one sign or one name, 2 a part of a formula.
    """

    is_: str
    cost: float


CODES: dict[str, Code] = {
    "fork-lost": Code("= where += is due, or a way back that is left out", 0),
    "repeated-index": Code("an index that repeats is set once where it is to be added to", 0),
    "floor-division": Code("// where / is due", 0),
    "changed-in-place": Code("an array is changed in place that is still needed as it was", 1),
    "loop-bounds": Code("a loop starts or ends one off", 1),
    "added-twice": Code("+= where = is due", 1),
    "transposed": Code("a .T is missing or too many", 1),
    "factors-swapped": Code("the factors of a matrix product are in the wrong order", 1),
    "entry-product": Code("* where @ is due", 1),
    "matrix-product": Code("@ where * is due", 1.5),
    "wrong-axis": Code("a sum or a mean along the wrong axis", 1),
    "keepdims": Code("keepdims is missing or too many", 1),
    "reduction": Code("what is repeated along an axis is not summed over it", 1.5),
    "summed": Code("a sum or a mean where none is due", 1.25),
    "mean-for-sum": Code("a mean where a sum is due, or a sum for a mean", 1),
    "n-or-less": Code("n where n - 1 is due, or n - 1 for n", 1),
    "no-mean": Code("the 1/N of a mean is lost", 1.25),
    "mean-twice": Code("the 1/N of a mean is there twice", 1.25),
    "wrong-count": Code("another count than that of the mean", 1),
    "wrong-mask": Code("a mask of the wrong array, or the wrong way round", 1),
    "no-mask": Code("a mask is forgotten: everything goes back through relu", 1.5),
    "act-at-input": Code("the pre-activation where the activation's value is due", 1),
    "deriv-at-output": Code("the activation's value where the pre-activation is due", 1),
    "wrong-variable": Code("another variable: another layer's, one that is stale", 1),
    "no-upstream": Code("the upstream gradient is forgotten", 1.25),
    "no-local": Code("a local gradient is forgotten", 2),
    "label-kept": Code("the 1 is not taken off at the label", 1.25),
    "softmax-diagonal": Code("the diagonal of softmax's Jacobian alone", 2),
    "other-derivative": Code("the derivative of another activation", 2),
    "sign": Code("a sign is turned", 1),
    "inverted": Code("* where / is due, or / for *", 1.25),
    "factor-two": Code("a factor of 2 is lost or too many", 1.5),
    "pow-rule": Code("the wrong exponent", 1.5),
    "div-rule": Code("the square below the line is lost", 2),
    "extra-factor": Code("a factor too many", 1.5),
    "extra-term": Code("a term too many", 2),
    "lost-term": Code("a term is missing", 2),
    "wrong-number": Code("a number is wrong", 2.5),
    "no-gradient": Code("an operand of an operator gets no gradient", 0),
    "plain-number": Code("an operator takes objects only, and no plain numbers", 0),
    "no-seed": Code("backward() never sets the gradient of the result to 1", 0),
    "order": Code("backward() takes a node before all that use it", 0),
    "node-twice": Code("backward() takes a node more than once", 0),
}
"""Every code that an edit may have, the likeliest kinds beside their like."""
