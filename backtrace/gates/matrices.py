"""Linear algebra of square matrices: det, logdet, inv, solve; and kron, of any two.

(Giles, "Collected matrix derivative results for forward and reverse mode algorithmic
differentiation", 2008, sections 2.2 and 2.3.) With more than two axes the first are a batch of
matrices, but for kron. A matrix that has no inverse is a fault; its determinant has a slope.
"""

from __future__ import annotations

from typing import Any

from backtrace.algebra import Value
from backtrace.gates.gate import Domain, Gate, Role
from backtrace.gates.linear import flipped
from backtrace.gates.shapes import Shape, ShapeError, broadcast, say, size
from backtrace.language import marked, tell


def _for_each(m: Any, u: Value, x: Value) -> Value:
    """The upstream of one number a matrix, to be multiplied by matrices."""
    return u if len(m.shape(x)) == 2 else m.aligned(u, (-2, -1))


def _square(x: Shape) -> Shape:
    if len(x) < 2 or x[-1] != x[-2]:
        raise ShapeError(tell("it takes a square matrix, not shape {x}", x=say(x)))
    return x


def _has_inverse(x: Value) -> bool:
    from backtrace.algebra.arrays import ARRAYS

    return not ARRAYS.truth(ARRAYS.is_singular(x))


def _is_above_zero(x: Value) -> bool:
    from backtrace.algebra.arrays import ARRAYS

    return not ARRAYS.truth(ARRAYS.less_equal(ARRAYS.det(x), 0)) and _has_inverse(x)


_SAYS = marked("a matrix that has an inverse in 64-bit floats")
_CURE = marked(
    "its rows depend on one another; of a matrix nearby, x + 0.001*eye(3), there is an inverse"
)


def _cubes(x: Shape, *_: Any) -> int:
    count = x[-1] ** 3
    for n in x[:-2]:
        count *= n
    return count


def _det_pullback(m: Any, u: Value, f: Value, x: Value) -> Value:
    """u*f*inv(x).T, the cofactors; of a matrix without an inverse these themselves."""
    upstream = _for_each(m, u, x)
    inverse = m.inv(x)
    slopes = _for_each(m, f, x) * flipped(m, inverse)
    if m.truth(m.not_equal(inverse, inverse)):  # nan, of some at least
        slopes = m.where(m.equal(slopes, slopes), slopes, m.cofactors(x))
    return upstream * slopes


DET = Gate(
    name="det",
    summary=marked("the determinant of a square matrix"),
    parameters=("x",),
    role=Role.SCALER,
    forward=lambda m, x: m.det(x),
    local=(),
    formula="det(x)",
    pullback=lambda m, k, u, f, x: _det_pullback(m, u, f, x),
    rules=("upstream*f*inv(x).T",),
    shape=lambda x: _square(x)[:-2],
    products=_cubes,
)

LOGDET = Gate(
    name="logdet",
    summary=marked("the logarithm of the determinant, without its overflow"),
    parameters=("x",),
    role=Role.SCALER,
    forward=lambda m, x: m.logdet(x),
    local=(),
    formula="ln(det(x))",
    pullback=lambda m, k, u, f, x: _for_each(m, u, x) * flipped(m, m.inv(x)),
    rules=("upstream*inv(x).T",),
    shape=lambda x: _square(x)[:-2],
    products=_cubes,
    domain=Domain(says=marked("a determinant above 0"), holds=_is_above_zero),
    cure=marked("exchange two rows, which turns its sign; ln(abs(det(x))) takes both"),
)

INV = Gate(
    name="inv",
    summary=marked("the inverse of a square matrix"),
    parameters=("x",),
    role=Role.SCALER,
    forward=lambda m, x: m.inv(x),
    local=(),
    formula="inv(x)",
    pullback=lambda m, k, u, f, x: -m.matmul(m.matmul(flipped(m, f), u), flipped(m, f)),
    rules=("-f.T @ upstream @ f.T",),
    shape=_square,
    products=_cubes,
    domain=Domain(says=_SAYS, holds=_has_inverse),
    cure=_CURE,
)


def _solution(A: Shape, b: Shape) -> Shape:
    _square(A)
    if b == A[:-1] and len(b) > 1:
        words = tell(
            "solve of {a} and {b}: one matrix to NumPy and a batch of vectors", a=say(A), b=say(b)
        )
        raise ShapeError(
            tell("{words} to PyTorch", words=words), tell("b[..., None] is a batch of columns")
        )
    rows = b[0] if len(b) == 1 else b[-2] if b else 0
    if rows != A[-1]:
        words = tell("solve takes a square matrix and as many rows on the right, not {b}", b=say(b))
        raise ShapeError(tell("{words} for {a}", words=words, a=say(A)))
    if len(b) == 1:
        return (*A[:-2], *b)
    return (*broadcast(A[:-2], b[:-2]), *b[-2:])


def _solve_pullback(m: Any, k: int, u: Value, f: Value, A: Value, b: Value) -> Value:
    """dL/db = inv(A).T @ u, and dL/dA = -dL/db @ f.T."""
    is_plain = len(m.shape(A)) == 2
    if len(m.shape(b)) == 1 and is_plain:
        back = m.solve(m.transpose(A), u)
        return back if k else -m.outer(back, f)
    if len(m.shape(b)) == 1:
        u, f = (m.reshape(v, (*m.shape(v), 1)) for v in (u, f))
    back = m.solve(flipped(m, A), u)
    if k == 0:
        return m.summed_to(-m.matmul(back, flipped(m, f)), m.shape(A))
    whole = m.shape(b) if len(m.shape(b)) > 1 else (*m.shape(b), 1)
    return m.reshape(m.summed_to(back, whole), m.shape(b))


SOLVE = Gate(
    name="solve",
    summary=marked("the x of A@x = b; of a matrix b column by column"),
    parameters=("A", "b"),
    role=Role.SCALER,
    forward=lambda m, A, b: m.solve(A, b),
    local=(),
    formula="inv(A)@b",
    pullback=_solve_pullback,
    rules=("-outer(solve(A.T, upstream), f)", "solve(A.T, upstream)"),
    shape=_solution,
    products=_cubes,
    domain=Domain(says=_SAYS, holds=lambda A, b: _has_inverse(A)),
    cure=_CURE,
)


def _blocks(x: Shape, y: Shape) -> Shape:
    if not 1 <= len(x) == len(y) <= 2:
        words = tell(
            "kron takes two matrices or two vectors, not shapes {x} and {y}", x=say(x), y=say(y)
        )
        raise ShapeError(words)
    return tuple(a * b for a, b in zip(x, y, strict=True))


def _kron_pullback(m: Any, k: int, u: Value, x: Value, y: Value) -> Value:
    """Every entry of x is multiplied by all of y: the upstream as a table of blocks, row by row."""
    rows, blocks = m.shape(x), m.shape(y)
    parted = m.reshape(u, tuple(n for pair in zip(rows, blocks, strict=True) for n in pair))
    if len(rows) == 2:
        parted = m.transpose(parted, (0, 2, 1, 3))
    table = m.reshape(parted, (size(rows), size(blocks)))
    if k == 0:
        return m.reshape(m.matmul(table, m.reshape(y, (size(blocks),))), rows)
    return m.reshape(m.matmul(m.reshape(x, (size(rows),)), table), blocks)


KRON = Gate(
    name="kron",
    summary=marked("the Kronecker product: a block x[i, j]*y for every entry of x"),
    parameters=("x", "y"),
    role=Role.SWITCHER,
    forward=lambda m, x, y: m.kron(x, y),
    local=(),
    formula="kron(x, y)",
    pullback=lambda m, k, u, f, x, y: _kron_pullback(m, k, u, x, y),
    rules=(
        marked("upstream, its blocks times y, each summed"),
        marked("upstream, its blocks times their entries of x, summed"),
    ),
    shape=_blocks,
)

ROWS = (DET, LOGDET, INV, SOLVE, KRON)
