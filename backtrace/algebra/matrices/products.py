"""Products of matrices as a textbook writes them: transposes at names, a column times a row as an
outer product, what is inverse to its neighbour gone; and the same entries in another shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from backtrace.algebra.matrices.forms import (
    CALL,
    CHAIN,
    EYE,
    ONES,
    OUTER,
    PRODUCT,
    SHAPED,
    SUM,
    TURNED,
    ZERO,
    Form,
    Shape,
    broadcast,
    call,
    is_zero,
    number,
    ones,
    product,
    scalars_apart,
    terms_of,
    total,
    weight,
    whole,
    zero,
)


def turned(a: Form) -> Form:
    """The transpose of a matrix, of every matrix of a batch; a vector is its own, as in the formula
    language."""
    if len(a.shape) < 2:
        return a
    shape = (*a.shape[:-2], a.shape[-1], a.shape[-2])
    match a.kind:
        case "ones" | "zero" | "eye":
            return Form(a.kind, shape)
        case "turned":
            return a.parts[0]  # type: ignore[no-any-return]
        case "outer":
            return outer(a.parts[1], a.parts[0])
        case "chain":
            return chain([turned(part) for part in a.parts[::-1]])
        case "shaped" if 1 in a.shape and len(a.parts[0].shape) == 1:
            return shaped(a.parts[0], shape)
        case "sum" if all(t.shape in (a.shape, ()) for _, t in a.parts):
            return total([(k, turned(t)) for k, t in a.parts])
        case "product" if all(f.shape in (a.shape, ()) for f, _ in a.parts[1]):
            factors = [(turned(f), p) for f, p in a.parts[1]]
            before, core = scalars_apart(a)
            if sum(f.kind == TURNED for f, _ in factors) < 2 or core.kind != PRODUCT:
                return product([number(a.parts[0]), *factors])
            return product([before, Form(TURNED, shape, (core,))])
        case "call" if a.parts[0] == "diag" or _is_symmetric_inverse(a):
            return a
    return Form(TURNED, shape, (a,))


def permuted(a: Form, axes: tuple[int, ...]) -> Form:
    """The axes in another order."""
    count = len(axes)
    if axes == tuple(range(count)):
        return a
    if axes == (*range(count - 2), count - 1, count - 2):
        return turned(a)
    before, core = scalars_apart(a)
    shape = tuple(core.shape[k] for k in axes)
    if core.kind in (ONES, ZERO):
        return product([before, Form(core.kind, shape)])
    if core.kind == TURNED:
        core = core.parts[0]
        axes = tuple({count - 1: count - 2, count - 2: count - 1}.get(k, k) for k in axes)
        return product([before, permuted(core, axes)])
    if core.kind == CALL and core.parts[0] == "permute":
        return product([before, permuted(core.parts[1][0], tuple(core.parts[3][k] for k in axes))])
    made = call("permute", [core], shape, "".join(f", {k}" for k in axes))
    return product([before, replace(made, parts=(*made.parts, axes))])


def _is_symmetric_inverse(a: Form) -> bool:
    inner: Form = a.parts[1][0]
    return bool(a.parts[0] == "inv") and turned(inner) == inner


def outer(a: Form, b: Form) -> Form:
    """The table of products of two vectors' entries."""
    before, a = scalars_apart(a)
    behind, b = scalars_apart(b)
    if is_zero(a) or is_zero(b):
        return zero((*a.shape, *b.shape))
    if a.kind == ONES and b.kind == ONES:
        return product([before, behind, ones((*a.shape, *b.shape))])
    return product([before, behind, Form(OUTER, (*a.shape, *b.shape), (a, b))])


def chain(parts: Sequence[Form]) -> Form:
    """The product of matrices and vectors, from left to right."""
    result = parts[0]
    for part in parts[1:]:
        result = _multiplied(result, part)
    return result


def _multiplied(a: Form, b: Form) -> Form:
    before, a = scalars_apart(a)
    behind, b = scalars_apart(b)
    is_batch = len(a.shape) > 2 or len(b.shape) > 2
    shape = _shape_of_batches(a.shape, b.shape) if is_batch else (*a.shape[:-1], *b.shape[1:])
    if is_zero(a) or is_zero(b):
        return zero(shape)
    return product([before, behind, (_of_batches if is_batch else _of_cores)(a, b, shape)])


def _shape_of_batches(a: Shape, b: Shape) -> Shape:
    """NumPy's: a vector is a row on the left of @ and a column on its right."""
    batch = broadcast([a[:-2], b[:-2]])
    return (*batch, *a[-2:-1], *(b[-1:] if len(b) > 1 else ()))


def _of_batches(a: Form, b: Form, shape: Shape) -> Form:
    """The product of every matrix of a batch; without one on one side, of that with each."""
    if EYE in (a.kind, b.kind):
        other = b if a.kind == EYE else a
        if other.shape == shape:
            return other
    if len(a.shape) > 1 and len(b.shape) > 1 and a.shape[-1] == 1:  # a column times a row
        return whole(product([a, b]), shape)
    if len(a.shape) > 1 and b.kind == ONES and b.shape[-1] == 1:
        return whole(_kept(a, len(a.shape) - 1), shape)
    if len(b.shape) > 1 and a.kind == ONES and a.shape[-2] == 1:
        return whole(_kept(b, len(b.shape) - 2), shape)
    parts = [*(a.parts if a.kind == CHAIN else [a]), *(b.parts if b.kind == CHAIN else [b])]
    if any(len(part.shape) < 2 for part in parts):
        parts = [a, b]
    return Form(CHAIN, shape, tuple(parts))


def _of_cores(a: Form, b: Form, shape: Shape) -> Form:
    """The product of two forms without factors in front."""
    special = _special(a, b, shape)
    if special is not None:
        return special
    parts = [*(a.parts if a.kind == CHAIN else [a]), *(b.parts if b.kind == CHAIN else [b])]
    place = len(a.parts) if a.kind == CHAIN else 1
    if 0 < place < len(parts) and _cancel(parts[place - 1], parts[place]):
        rest = parts[: place - 1] + parts[place + 1 :]
        if not rest:
            return Form(EYE, shape)
        return chain(rest)
    return Form(CHAIN, shape, tuple(parts))


def _kept(a: Form, axis: int) -> Form:
    """The sum along an axis, which stays as one of length 1."""
    from backtrace.algebra.matrices.sums import summed

    return shaped(summed(a, axis), (*a.shape[:axis], 1, *a.shape[axis + 1 :]))


def _special(a: Form, b: Form, shape: Shape) -> Form | None:
    """Products that a textbook writes otherwise; None for the others."""
    if a.kind == EYE or (a.kind == ONES and a.shape == (1, 1)):
        return b
    if b.kind == EYE or (b.kind == ONES and b.shape == (1, 1)):
        return a
    if len(a.shape) == 1 and len(b.shape) == 2:  # x@A is A.T@x
        return chain([turned(b), a])
    column = _vector_of(a, 1)
    row = _vector_of(b, 0)
    if column is not None and row is not None:
        return outer(column, row)
    if len(b.shape) == 2 and (inner := _vector_of(b, 1)) is not None:
        return shaped(chain([a, inner]), shape)
    if len(a.shape) == 2 and (inner := _vector_of(a, 0)) is not None:
        return shaped(chain([turned(b), inner]), shape)
    if a.kind == OUTER:
        if len(b.shape) == 1:
            return product([chain([a.parts[1], b]), a.parts[0]])
        return outer(a.parts[0], chain([turned(b), a.parts[1]]))
    if b.kind == OUTER and len(a.shape) == 2:
        return outer(chain([a, b.parts[0]]), b.parts[1])
    if a.kind == CALL and a.parts[0] == "diag" and len(a.parts[1][0].shape) == 1:
        v = a.parts[1][0]
        return product([shaped(v, (*v.shape, 1)) if len(b.shape) == 2 else v, b])
    if b.kind == CALL and b.parts[0] == "diag" and len(b.parts[1][0].shape) == 1:
        return product([a, b.parts[1][0]])
    if a.kind == ONES and b.kind == ONES and len(a.shape) == len(b.shape) == 1:
        return number(a.shape[0])
    return None


def _vector_of(a: Form, axis: int) -> Form | None:
    """The vector that a column (axis 1) or a row (axis 0) shows."""
    is_so = a.kind == SHAPED and len(a.shape) == 2 and a.shape[axis] == 1
    if is_so and len(a.parts[0].shape) == 1:
        return a.parts[0]  # type: ignore[no-any-return]
    if a.kind == PRODUCT and len(a.parts[1]) == 1:  # 1/x, as a column
        [(inner, exponent)] = a.parts[1]
        vector = _vector_of(inner, axis)
        return None if vector is None else product([number(a.parts[0]), (vector, exponent)])
    if a.kind == ONES and len(a.shape) == 2 and a.shape[axis] == 1:
        return ones((a.shape[1 - axis],))
    return None


def _cancel(a: Form, b: Form) -> bool:
    """Whether one is the inverse of the other."""
    for one, other in ((a, b), (b, a)):
        if one.kind == CALL and one.parts[0] == "inv" and one.parts[1][0] == other:
            return True
        inner = one.parts[0] if one.kind == TURNED else one
        is_inverse = inner.kind == CALL and inner.parts[0] == "inv"
        if one.kind == TURNED and is_inverse and turned(inner.parts[1][0]) == other:
            return True
    return False


def shaped(a: Form, shape: Shape) -> Form:
    """The same entries in another shape."""
    if a.shape == shape:
        return a
    before, core = scalars_apart(a)
    if not core.shape:
        return product([core, ones(shape)])
    if core.kind == SUM:
        parts = total([(k, shaped(whole(t, core.shape), shape)) for k, t in core.parts])
        if weight(terms_of(parts)) < len(core.parts):
            return product([before, parts])
    if core.kind in (ONES, ZERO):
        return product([before, Form(core.kind, shape) if shape else number(core.kind == ONES)])
    if core.kind == PRODUCT and len(core.parts[1]) == 1:  # 1/sum(x), a column
        [(inner, exponent)] = core.parts[1]
        return product([before, number(core.parts[0]), (shaped(inner, shape), exponent)])
    inner = core.parts[0] if core.kind == SHAPED else core
    if inner.shape == shape:
        return product([before, inner])
    return product([before, Form(SHAPED, shape, (inner,))])
