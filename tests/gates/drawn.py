"""Operations drawn at random, each as text for backtrace and as a library's own functions `m`."""

from __future__ import annotations

import random

import numpy as np

from tests.gates.step import Step
from tests.gates.windowed import windowed

Shape = tuple[int, ...]


def arranged(chance: random.Random, shape: Shape) -> Step:
    """Entries set out in another way, looked up, added up, or seen through windows."""
    rank = len(shape)
    axis, other = chance.randrange(-rank, rank), chance.randrange(rank)
    order = chance.sample(range(rank), rank)
    k = chance.choice((0, 0, 1, -1)) if min(shape[-2:]) > 1 else 0
    letters = "abcd"[:rank]
    pairs = tuple((chance.randrange(2), chance.randrange(2)) for _ in shape)
    places = [chance.randrange(-shape[axis], shape[axis]) for _ in range(chance.randint(1, 3))]
    along, at = (slice(None),) * (axis % rank), np.array(places)
    steps = [
        Step(f"swapaxes({{0}}, {axis}, {other})", lambda m, a: m.swapaxes(a, axis, other)),
        Step("flatten({0})", lambda m, a: a.reshape(-1)),
        Step(
            'put({0}, 2, "0")',
            lambda m, a: m.concatenate([m.full_like(a[:1], 2), a[1:]], 0),
        ),
        Step(f"pad({{0}}, {pairs if rank > 1 else pairs[0]})", lambda m, a: m.pad(a, pairs)),
        Step(f"cumsum({{0}}, axis={axis})", lambda m, a: m.cumsum(a, axis)),
        Step(f"cumprod({{0}}, axis={axis})", lambda m, a: m.cumprod(a, axis)),
        Step(f"take({{0}}, {places}, axis={axis})", lambda m, a: a[(*along, at)]),
        Step(f"expand_dims({{0}}, axis={other})", lambda m, a: a[(slice(None),) * other + (None,)]),
        Step(
            f'einsum("{letters},{letters}->{letters[other]}", {{0}}, {{0}})',
            lambda m, a: m.einsum(f"{letters},{letters}->{letters[other]}", a, a),
        ),
        Step(
            f"one_hot({[place % shape[0] for place in places]}, {shape[0]})@{{0}}",
            lambda m, a: m.matmul(m.array(np.eye(shape[0])[np.array(places) % shape[0]]), a),
        )
        if rank < 3
        else Step("squeeze({0})", lambda m, a: a.reshape([n for n in shape if n != 1])),
    ]
    if rank > 1:
        rows = [chance.randrange(-shape[0], shape[0]) for _ in places]
        columns = [chance.randrange(-shape[1], shape[1]) for _ in places]
        i, j = np.array(rows), np.array(columns)
        steps += [
            Step(f"lookup({{0}}, {rows}, {columns})", lambda m, a: a[i, j]),
            Step(f"tril({{0}}, {k})", lambda m, a: m.tril(a, k)),
            Step(f"triu({{0}}, {k})", lambda m, a: m.triu(a, k)),
            Step("squeeze({0})", lambda m, a: a.reshape([n for n in shape if n != 1])),
        ]
    if rank > 2:
        text = ", ".join(map(str, order))
        steps.append(Step(f"permute({{0}}, {text})", lambda m, a: m.permute(a, order)))
    if rank <= 2:
        steps.append(Step(f"diag({{0}}, {k})", lambda m, a: m.diag(a, k)))
    if rank == 2:
        each = [chance.randrange(-shape[1], shape[1]) for _ in range(shape[0])]
        here, there = np.arange(shape[0]), np.array(each)
        steps.append(Step("trace({0})", lambda m, a: m.trace(a)))
        steps.append(Step(f"pick({{0}}, {each})", lambda m, a: a[here, there]))
    return chance.choice([*steps, *windowed(chance, shape)])
