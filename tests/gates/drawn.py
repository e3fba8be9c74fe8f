"""Operations drawn at random, each as text for backtrace and as a library's own functions `m`."""

from __future__ import annotations

import random
from typing import Any

import numpy as np

from tests.gates.step import Step
from tests.gates.windowed import windowed

Shape = tuple[int, ...]


def of_matrices(chance: random.Random, shape: Shape) -> Step:
    """Linear algebra of an array with two axes or more, and arrays that are made by their shape."""
    rows, columns = shape[-2:]
    text = f"({{0}}@swapaxes({{0}}, -1, -2) + 2*eye({rows}))"

    def square(m: Any, a: Any) -> Any:
        return m.matmul(a, m.swapaxes(a, -1, -2)) + m.array(2 * np.eye(rows))

    made = f"full({{0}}, 2, {', '.join(map(str, shape))})"
    steps = [
        Step(f"det({text})", lambda m, a: m.det(square(m, a))),
        Step(f"logdet({text})", lambda m, a: m.logdet(square(m, a))),
        Step(f"inv({text})", lambda m, a: m.inv(square(m, a))),
        Step(f"solve({text}, {{0}})", lambda m, a: m.solve(square(m, a), a)),
        Step(f"ones({columns})*{{0}} + zeros({rows}, 1)", lambda m, a: a),
        Step(made, lambda m, a: m.broadcast_to(a, (2, *shape))),
    ]
    if len(shape) == 2:
        steps.append(Step("kron({0}, {0})", lambda m, a: m.kron(a, a)))
        steps.append(Step(f"kron({{0}}, ones(1, {rows}))", _repeated))
    return chance.choice(steps)


def of_networks(chance: random.Random, shape: Shape) -> Step:
    """Losses and normalizations of an array; its own sine is what it is held against."""
    rank = len(shape)
    axis = chance.randrange(-rank, rank)
    how = chance.choice(("mean", "sum", "none"))
    told = f', reduction="{how}"'
    classes = np.array(np.random.default_rng(len(str(shape))).integers(0, shape[-1], shape[:-1]))
    wide, narrow = "{0}, sin({0})", "sigmoid({0}), sigmoid(sin({0}))"
    steps = [
        Step(f"mse({wide}{told})", lambda m, a: m.loss("mse", a, m.sin(a), how)),
        Step(f"l1({wide}{told})", lambda m, a: m.loss("l1", a, m.sin(a), how)),
        Step(f"huber({wide}, 0.2{told})", lambda m, a: m.loss("huber", a, m.sin(a), how)),
        Step(
            f"bce({narrow}{told})",
            lambda m, a: m.loss("bce", m.sigmoid(a), m.sigmoid(m.sin(a)), how),
        ),
        Step(f"bce_with_logits({wide}{told})", lambda m, a: m.loss("logits", a, m.sin(a), how)),
        Step(f"nll({{0}}, {classes.tolist()}{told})", lambda m, a: m.loss("nll", a, classes, how)),
        Step(
            f"layer_norm({{0}}, {{0}}, 2, 0.01, axis={axis})",
            lambda m, a: a * m.standardized(a, axis, 0.01) + 2,
        ),
        Step(
            f"rms_norm({{0}}, {{0}}, 0.01, axis={axis})",
            lambda m, a: a * a / m.sqrt(m.reduce("mean", a * a, axis, True) + 0.01),
        ),
        Step(f"cosine_similarity({wide}, 0.01, axis={axis})", lambda m, a: m.cosine(a, axis, 0.01)),
    ]
    steps += [
        Step(f"norm1({{0}}, axis={axis})", lambda m, a: m.reduce("sum", m.abs(a), axis)),
        Step(f"norm_inf({{0}}, axis={axis})", lambda m, a: m.reduce("max", m.abs(a), axis)),
    ]
    if rank in (2, 4):
        along = 0 if rank == 2 else (0, 2, 3)
        step = Step("batch_norm({0}, eps=0.01)", lambda m, a: m.standardized(a, along, 0.01))
        steps.append(step)
    return chance.choice(steps)


def _repeated(m: Any, a: Any) -> Any:
    """Every entry as often as there are rows."""
    return m.kron(a, m.array(np.ones((1, a.shape[0]))))


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
        Step(f"sort({{0}}, axis={axis})", lambda m, a: m.sort(a, axis)),
        Step(f"flip({{0}}, axis={axis})", lambda m, a: m.flip(a, axis)),
        Step(f"roll({{0}}, {shape[0]}, axis={axis})", lambda m, a: m.roll(a, shape[0], axis)),
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
