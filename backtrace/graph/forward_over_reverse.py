"""Second derivatives by forward over reverse: the backward pass, run on numbers that carry their
change along a direction, gives a gradient that carries its own: the Hessian times the direction.

Nothing is written for it: both passes go by the rows of the table, in the algebra of complex steps
(Pearlmutter, "Fast exact multiplication by the Hessian", Neural Computation 6, 1994, in the way of
Martins, Sturdza and Alonso 2003). It costs as much as a few backward passes, of arrays of any size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np

from backtrace.algebra import Value
from backtrace.algebra.arrays import quiet
from backtrace.algebra.complexstep import COMPLEX_STEP, carrying, step_for
from backtrace.graph import Graph
from backtrace.graph.backprop import Backward


def hessian_product(
    graph: Graph,
    point: Mapping[str, Value],
    along: Mapping[str, Value],
    wrt: Iterable[str],
    backward: Callable[..., Backward],
) -> dict[str, Value]:
    """How the gradient by each variable of `wrt` changes per step along a direction, in its shape.
    `along` has an array in the shape of each variable that moves; `backward(graph, values, m)` is
    the backward pass, with its convention and its upstream."""
    step = step_for((point[name], move) for name, move in along.items())
    if step == 0:
        return {name: np.zeros(np.shape(point[name]))[()] for name in wrt}
    with quiet():
        moved = {n: carrying(x, step * np.asarray(along.get(n, 0.0))) for n, x in point.items()}
        values = graph.evaluate(COMPLEX_STEP, moved)
        upstreams = backward(graph, values, COMPLEX_STEP).upstreams
        gradients = {name: upstreams[graph.inputs[name]] for name in wrt}
        return {n: np.asarray(np.imag(gradient) / step)[()] for n, gradient in gradients.items()}
