"""Nets as courses write them: forward, what is kept for later, the backward pass beside it."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import backtrace
from backtrace.code import read_code

rng = np.random.default_rng(7)
Z, LABELS = rng.normal(size=(4, 3)), [2, 0, 1, 1]
G, B = rng.normal(size=3), rng.normal(size=3)
P, Q, R = rng.normal(size=(3, 2)), rng.normal(size=(3, 2)), rng.normal(size=(3, 2))
U, V = rng.normal(size=(3, 8)), rng.normal(size=(2, 8))
GIVEN: dict[str, Any] = {
    "Z": Z,
    "labels": LABELS,
    "gain": G,
    "bias": B,
    "P": P,
    "Q": Q,
    "R": R,
    "U": U,
    "V": V,
    "h0": rng.normal(size=(4, 2)),
    "c0": rng.normal(size=(4, 2)),
}


def squash(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def normed(z: Any) -> Any:
    return (z - z.mean(0)) / np.sqrt(z.var(0) + 1e-5)


def hinge() -> Any:
    right = Z[range(4), LABELS][:, None]
    return (np.maximum(0, Z - right + 1).sum() - 4) / 4


def cross_entropy(logits: Any, labels: Any) -> Any:
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return -np.log(p[range(len(labels)), labels]).mean()


def attention() -> Any:
    w = np.exp(Z @ P @ (Z @ Q).T / np.sqrt(2))
    return (w / w.sum(1, keepdims=True)) @ (Z @ R)


def gates() -> Any:
    a = Z @ U + GIVEN["h0"] @ V
    kept = squash(a[:, 2:4]) * GIVEN["c0"] + squash(a[:, :2]) * np.tanh(a[:, 6:])
    return squash(a[:, 4:6]) * np.tanh(kept)


NETS: dict[str, tuple[str, str, Callable[[], Any]]] = {
    "hinge loss": (
        """
        def hinge(Z, labels):
            count = Z.shape[0]
            right = Z[np.arange(count), labels]
            over = np.maximum(0, Z - right[:, np.newaxis] + 1.0)
            loss = (np.sum(over) - count) / count
            dZ = (over > 0).astype(float)
            dZ[np.arange(count), labels] -= dZ.sum(axis=1)
            dZ /= count
            return loss, dZ
        """,
        "hinge",
        hinge,
    ),
    "softmax loss": (
        """
        def softmax_loss(Z, labels):
            moved = Z - Z.max(axis=1, keepdims=True)
            logs = moved - np.log(np.exp(moved).sum(axis=1, keepdims=True))
            loss = -logs[np.arange(len(Z)), labels].mean()
            dZ = np.exp(logs)
            dZ[np.arange(len(Z)), labels] -= 1
            return loss, dZ / len(Z)
        """,
        "softmax_loss",
        lambda: cross_entropy(Z, LABELS),
    ),
    "batch norm": (
        """
        def normalise(Z, gain, bias, eps=1e-5):
            N, width = Z.shape
            mean = 1. / N * np.sum(Z, axis=0)
            centred = Z - mean
            spread = np.sqrt(1. / N * np.sum(centred ** 2, axis=0) + eps)
            inverse = 1. / spread
            scaled = centred * inverse
            cache = (scaled, gain, centred, inverse, eps)
            return gain * scaled + bias, cache
        """,
        "normalise",
        lambda: normed(Z) * G + B,
    ),
    "attention": (
        """
        import torch, torch.nn.functional as F
        def attend(Z, P, Q, R):
            q, k, v = Z @ P, Z @ Q, Z @ R
            T, C = q.shape
            weights = F.softmax(q @ k.transpose(0, 1) * C**-0.5, dim=-1)
            return weights @ v
        """,
        "attend",
        attention,
    ),
    "LSTM": (
        """
        def step(Z, h0, c0, U, V):
            H = h0.shape[1]
            a = Z @ U + h0 @ V
            i, f = squash(a[:, :H]), squash(a[:, H:2*H])
            o, g = squash(a[:, 2*H:3*H]), np.tanh(a[:, 3*H:])
            c = f * c0 + i * g
            return o * np.tanh(c), c

        def squash(z):
            return 1 / (1 + np.exp(-z))
        """,
        "step",
        gates,
    ),
}


@pytest.mark.parametrize("net", NETS)
def test_numpys_number_and_the_slope(net: str) -> None:
    text, name, by_hand = NETS[net]
    text = textwrap.dedent(text)
    given = {key: value for key, value in GIVEN.items() if re.search(rf"\b{key}\b", text)}
    program = read_code(text, "net.py", name, given, "")
    trace = backtrace.trace(program.formula, {**program.point, **given})
    np.testing.assert_allclose(trace.value, by_hand(), rtol=1e-10)
    assert trace.ok, {n: c.reason for n, c in trace.checks.items()}


def test_the_updates_are_passed_over() -> None:
    text = """
    x = [0.5, -1.5]
    w = [2.0, 1.0]
    for step in range(1000):
        f = 1 / (1 + math.exp(-(w[0]*x[0] + w[1]*x[1])))
        loss = (f - 1)**2
        dloss = 2*(f - 1)*f*(1 - f)
        w[0] -= 0.1*dloss*x[0]
        w[1] -= 0.1*dloss*x[1]
        print(step, loss)
    """
    program = read_code(textwrap.dedent(text), "net.py", "", {}, "")
    trace = backtrace.trace(program.formula, program.point)
    f = squash(2 * 0.5 - 1.5)
    assert trace.value == pytest.approx((f - 1) ** 2)
    assert trace.gradients["w"] == pytest.approx(2 * (f - 1) * f * (1 - f) * np.array([0.5, -1.5]))


WORDS = """
import torch

n_embd, n_hidden, vocab_size, block_size = 3, 6, 5, 2
g = torch.Generator().manual_seed(2147483647)
C = torch.randn((vocab_size, n_embd), generator=g)
W1 = torch.randn((n_embd * block_size, n_hidden), generator=g) * (5/3)/((n_embd * block_size)**0.5)
b1 = torch.randn(n_hidden, generator=g) * 0.1
W2 = torch.randn((n_hidden, vocab_size), generator=g) * 0.1
b2 = torch.randn(vocab_size, generator=g) * 0.1
bngain = torch.randn((1, n_hidden))*0.1 + 1.0
bnbias = torch.randn((1, n_hidden))*0.1
parameters = [C, W1, b1, W2, b2, bngain, bnbias]
print(sum(p.nelement() for p in parameters))
for p in parameters:
    p.requires_grad = True

batch_size = 4
n = batch_size
Xb, Yb = torch.tensor([[0, 1], [4, 2], [3, 3], [0, 4]]), torch.tensor([2, 0, 1, 4])

emb = C[Xb]
embcat = emb.view(emb.shape[0], -1)
hprebn = embcat @ W1 + b1
bnmeani = 1/n*hprebn.sum(0, keepdim=True)
bndiff = hprebn - bnmeani
bndiff2 = bndiff**2
bnvar = 1/(n-1)*(bndiff2).sum(0, keepdim=True)
bnvar_inv = (bnvar + 1e-5)**-0.5
bnraw = bndiff * bnvar_inv
hpreact = bngain * bnraw + bnbias
h = torch.tanh(hpreact)
logits = h @ W2 + b2
logit_maxes = logits.max(1, keepdim=True).values
norm_logits = logits - logit_maxes
counts = norm_logits.exp()
counts_sum = counts.sum(1, keepdims=True)
counts_sum_inv = counts_sum**-1
probs = counts * counts_sum_inv
logprobs = probs.log()
loss = -logprobs[range(n), Yb].mean()

for p in parameters:
    p.grad = None
for t in [logprobs, probs, counts, counts_sum, counts_sum_inv, norm_logits, logit_maxes, logits]:
    t.retain_grad()
loss.backward()
loss
"""


def test_words_in_twenty_stages() -> None:
    """Embeddings, batch norm and cross entropy in stages, as a lecture spells them out."""
    program = read_code(WORDS, "words.py")
    trace = backtrace.trace(program.formula, program.point)
    p = trace.point
    places, labels = p["Xb"].astype(int), p["Yb"].astype(int)
    z = p["C"][places].reshape(4, -1) @ p["W1"] + p["b1"]
    raw = (z - z.mean(0)) / np.sqrt(z.var(0, ddof=1) + 1e-5)
    logits = np.tanh(p["bngain"] * raw + p["bnbias"]) @ p["W2"] + p["b2"]
    assert trace.value == pytest.approx(cross_entropy(logits, labels))
    assert len(program.stages) == 20
    assert trace.ok, {n: c.reason for n, c in trace.checks.items()}
    assert set(p) == {"C", "W1", "b1", "W2", "b2", "bngain", "bnbias", "Xb", "Yb"}


NEAR = """
near = [[0, 1], [4, 2]]
x = table[near].reshape(2, -1)
y = x @ W
loss = np.sum(y**2)
"""


def test_rows_by_a_list_that_the_code_names() -> None:
    table, W = rng.normal(size=(5, 3)), rng.normal(size=(6, 2))
    program = read_code(NEAR, "near.py", "", {"table": table, "W": W})
    trace = backtrace.trace(program.formula, {**program.point, "table": table, "W": W})
    by_hand = table[[[0, 1], [4, 2]]].reshape(2, -1) @ W
    assert trace.value == pytest.approx((by_hand**2).sum())
    assert trace.ok


HEAD = """
import torch
import torch.nn as nn
from torch.nn import functional as F

B, T, C = 2, 4, 6
x = torch.randn(B, T, C)
head_size = 3
key = nn.Linear(C, head_size, bias=False)
query = nn.Linear(C, head_size, bias=False)
value = nn.Linear(C, head_size, bias=False)
k = key(x)
q = query(x)
wei = q @ k.transpose(-2, -1) * head_size**-0.5
tril = torch.tril(torch.ones(T, T))
wei = wei.masked_fill(tril == 0, float('-inf'))
wei = F.softmax(wei, dim=-1)
v = value(x)
out = wei @ v
"""


def test_attention_with_a_mask() -> None:
    program = read_code(HEAD, "head.py")
    trace = backtrace.trace(program.formula, program.point, check=False)
    p = trace.point
    q, k, v = (p["x"] @ p[f"{name}_weight"].T for name in ("query", "key", "value"))
    scores = q @ np.swapaxes(k, -2, -1) / np.sqrt(3)
    scores = np.where(np.tril(np.ones((4, 4))) == 0, -np.inf, scores)
    w = np.exp(scores - scores.max(-1, keepdims=True))
    np.testing.assert_allclose(trace.value, w / w.sum(-1, keepdims=True) @ v, rtol=1e-12)
    assert any("-1e300" in note for note in program.notes)
