"""Second derivatives of arrays: the Hessian, with what it looks like, and its product with a
direction; and how nodes move along a direction. Worked out in `graph`, judged in `checks`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from backtrace.algebra.values import kept, shape_of, size_of
from backtrace.checks import directions
from backtrace.checks.choosing import only_choose
from backtrace.checks.traced import TOLERANCE, Budget, Subject
from backtrace.errors import UsageError
from backtrace.formula.point import known_variables, read_mapping
from backtrace.gates.shapes import say
from backtrace.graph.directions import ForwardMode, Hessian, HessianProduct
from backtrace.graph.record import KINK
from backtrace.language import tell
from backtrace.tracing.jacobians import blocks

MOST_ENTRIES = 100
_ROUNDED = 64.0 * 2.0**-52


def forward_mode(
    subject: Subject,
    name: str,
    along: Mapping[str, object] | None,
    convention: str,
    budget: Budget,
) -> ForwardMode:
    """How every node changes as one variable moves along a direction, else along all ones."""
    moves = read_directions(subject, along or {})
    others = [other for other in moves if other != name]
    if others:
        what = tell(
            "the direction moves {others}, and the tangents are by {name}",
            others=", ".join(others),
            name=name,
        )
        raise UsageError(
            what,
            hint=tell(
                "{name}=... in its shape, or the tangents by {other}", name=name, other=others[0]
            ),
        )
    move = moves.get(name, _ones(subject.point[name]))
    asked = replace(subject, wrt=(name,))
    return directions.forward_mode(asked, name, move, bool(moves), convention, budget)


def product(
    subject: Subject, along: Mapping[str, object] | None, convention: str, budget: Budget
) -> HessianProduct:
    """The Hessian by the variables asked for times a direction, else all ones of these."""
    moves = read_directions(subject, along or {})
    asked = _moving(subject)
    chosen = moves or {name: _ones(subject.point[name]) for name in asked.wrt}
    return directions.product(asked, chosen, bool(moves), convention, budget)


def fits(subject: Subject) -> bool:
    """Whether the Hessian is small enough to be written out."""
    return _count(_moving(subject)) <= MOST_ENTRIES


def _moving(subject: Subject) -> Subject:
    """Asked for all but indices and classes, which nothing moves with."""
    standing = only_choose(subject.graph, subject.values)
    moving = tuple(name for name in subject.wrt if name not in standing)
    return replace(subject, wrt=moving or subject.wrt)


def _count(subject: Subject) -> int:
    """Of all entries of the variables asked for."""
    return sum(size_of(subject.point[name]) for name in subject.wrt)


def hessian(subject: Subject, convention: str, budget: Budget) -> Hessian:
    """All of it. Raises UsageError where there are more than MOST_ENTRIES entries."""
    subject = _moving(subject)
    names, point, count = tuple(subject.wrt), subject.point, _count(subject)
    if count > MOST_ENTRIES:
        what = tell(
            "the Hessian by {names} is {count:,} x {count:,}: too large to form",
            names=", ".join(names),
            count=count,
        )
        hint = tell(
            "its product with a direction, or by at most {most_entries} entries (--wrt)",
            most_entries=MOST_ENTRIES,
        )
        raise UsageError(what, hint=hint)
    columns = []
    for unit in np.eye(count):
        along = directions.split(subject, unit)
        found = directions.products(subject, along)
        columns.append(np.concatenate([np.reshape(found[name], -1) for name in names]))
    entries = np.stack(columns, 1) if columns else np.zeros((0, 0))
    held = directions.on_hessian(subject, entries, convention, budget)
    entries = np.where(held.holes, np.nan, entries)
    shapes = tuple(shape_of(point[name]) for name in names)
    is_one = held.verdict.verdict != KINK and bool(np.isfinite(entries).all())
    eigenvalues = _eigenvalues(entries) if is_one else ()
    bare = np.where(held.zeros & ~held.holes, 0.0, entries)
    looks = (structure(bare, names, shapes), _parts(bare, names, shapes))
    bends = (definiteness(eigenvalues), eigenvalues)
    return Hessian(names, shapes, kept(entries), *looks, *bends, held.how, *held.verdict)


def _eigenvalues(entries: Any) -> tuple[float, ...]:
    """Of a symmetric matrix; those that rounding does not tell from 0 as 0."""
    found = np.linalg.eigvalsh((entries + entries.T) / 2)
    least = _ROUNDED * len(found) * float(np.max(np.abs(found), initial=0.0))
    return tuple(np.where(np.abs(found) <= least, 0.0, found).tolist())


def read_directions(subject: Subject, along: Mapping[str, object]) -> dict[str, Any]:
    """Every direction in its variable's shape; a number stands for every entry. Raises UsageError
    or ValueGivenError."""
    known_variables(subject.graph, list(along))
    found = {}
    for name, given in read_mapping(along).items():
        found[name] = _in_shape(name, given.value, subject.point[name])
    return found


def _in_shape(name: str, value: Any, like: Any) -> Any:
    shape, wanted = shape_of(value), shape_of(like)
    if shape and shape != wanted:
        its = (
            tell("shape {wanted}", wanted=say(wanted))
            if wanted
            else tell("no shape: it is a number")
        )
        what = tell(
            "the direction of {name} has shape {shape}, and {name} has {its}",
            name=name,
            shape=say(shape),
            its=its,
        )
        raise UsageError(what, hint=tell("a number stands for every entry"))
    if not np.isfinite(value).all():
        raise UsageError(tell("the direction of {name} is not finite", name=name))
    return np.array(np.broadcast_to(np.asarray(value, dtype=float), wanted))[()]


def _ones(like: Any) -> Any:
    return np.ones(shape_of(like))[()]


def structure(entries: Any, names: Sequence[str], shapes: Sequence[tuple[int, ...]]) -> str:
    """What a Hessian looks like."""
    count, used = len(entries), entries != 0
    if not np.isfinite(entries).all():
        return tell("not finite") if np.isnan(entries).all() else tell("not finite everywhere")
    if not used.any():
        return tell("zero")
    if count == 1:
        return tell("one number")
    if not (used & ~np.eye(count, dtype=bool)).any():
        first = entries[0, 0]
        is_one = bool((np.diag(entries) == first).all())
        if not is_one:
            return tell("diagonal")
        return tell("the identity") if first == 1 else tell("a multiple of the identity")
    if len(names) > 1 and not _meet(used, shapes):
        return tell("block diagonal, a block for each of {names}", names=", ".join(names))
    even = tell(", symmetric") if _is_symmetric(entries) else tell(", not symmetric")
    found = blocks(used)
    if found > 1:
        side = count // found
        is_by_row = len(names) == 1 and len(shapes[0]) > 1 and found == shapes[0][0]
        each = tell(", one for each row of {name}", name=names[0]) * is_by_row
        return tell(
            "block diagonal: {found} blocks of {side} x {side}{each}{even}",
            found=found,
            side=side,
            each=each,
            even=even,
        )
    share = int(used.sum())
    filled = (
        tell("dense")
        if share == used.size
        else tell("{share:,} of {size:,} entries are not 0", share=share, size=used.size)
    )
    return filled + even


def _is_symmetric(entries: Any) -> bool:
    return bool((np.abs(entries - entries.T) <= TOLERANCE * np.max(np.abs(entries))).all())


def _parts(
    entries: Any, names: Sequence[str], shapes: Sequence[tuple[int, ...]]
) -> tuple[str, ...]:
    """What each variable's own block looks like, where there are several."""
    found, start = [], 0
    for name, shape in zip(names, shapes, strict=True):
        end = start + math.prod(shape)
        found.append(structure(entries[start:end, start:end], [name], [shape]))
        start = end
    return tuple(found) if len(names) > 1 else ()


def _meet(used: Any, shapes: Sequence[tuple[int, ...]]) -> bool:
    """Whether an entry of one variable has a second derivative with one of another."""
    owner = np.repeat(np.arange(len(shapes)), [math.prod(shape) for shape in shapes])
    return bool((used & (owner[:, None] != owner[None, :])).any())


def definiteness(eigenvalues: Sequence[float]) -> str:
    """What the eigenvalues say of the way the output bends; "" where there are none, or all are
    0."""
    above, below = sum(value > 0 for value in eigenvalues), sum(value < 0 for value in eigenvalues)
    flat = len(eigenvalues) - above - below
    if not above and not below:
        return ""
    if above and below:
        zero = tell(", {flat} 0", flat=flat) if flat else ""
        return tell(
            "indefinite: {above} of {count} eigenvalues above 0, {below} below{zero}",
            above=above,
            count=len(eigenvalues),
            below=below,
            zero=zero,
        )
    if not flat:
        return tell("positive definite") if above else tell("negative definite")
    count = len(eigenvalues)
    if above:
        return tell(
            "positive semidefinite: {flat} of {count} eigenvalues are 0", flat=flat, count=count
        )
    return tell(
        "negative semidefinite: {flat} of {count} eigenvalues are 0", flat=flat, count=count
    )
