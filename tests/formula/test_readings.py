"""What NumPy's and PyTorch's calls mean beyond their names: NumPy's own numbers, PyTorch's with
`pytest -m bench`; and what two libraries read in two ways is refused."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import backtrace
from backtrace.errors import BacktraceError
from backtrace.formula import read
from backtrace.formula.printer import source

CHANCE = np.random.default_rng(0)
VALUES: dict[str, Any] = {
    "A": CHANCE.uniform(0.2, 0.9, (3, 3)) + np.eye(3),
    "B": CHANCE.uniform(0.2, 0.9, (2, 3, 3)) + np.eye(3),
    "X": CHANCE.uniform(0.2, 0.9, (2, 3)),
    "Z": CHANCE.uniform(0.2, 0.9, (2, 3)),
    "W": CHANCE.uniform(0.2, 0.9, (3, 2)),
    "T": CHANCE.uniform(0.2, 0.9, (2, 3, 4)),
    "Q": CHANCE.uniform(0.2, 0.9, (2, 2, 3, 4)),
    "v": CHANCE.uniform(0.2, 0.9, 3),
    "k": np.array([0, 2]),
}
OF_NUMPY = [
    *("np.transpose(T, (0, 2, 1))", "np.transpose(T)", "np.transpose(T, axes=[2, 0, 1])"),
    *("T.transpose(0, 2, 1)", "T.transpose((1, 0, 2))", "X.transpose(1, 0)"),
    *("np.swapaxes(T, 0, 2)", "T.swapaxes(1, 2)", "X.flatten()", "X.ravel()", "np.ravel(X)"),
    *("np.squeeze(T[:1])", "T[:1].squeeze(0)", "T[:1].squeeze(axis=0)"),
    *("np.expand_dims(X, (0, 2))", "np.pad(X, 1)", "np.pad(X, ((1, 0), (0, 2)))"),
    *("np.pad(X, [(1, 0), (0, 2)])", "np.pad(X, (1, 2), mode='constant')"),
    *("np.pad(X, (1, 2), 'constant', constant_values=0)", "np.cumsum(v)", "X.cumsum(1)"),
    *("np.cumsum(X, axis=0)", "np.cumprod(v)", "np.tril(X)", "np.triu(X, 1)", "np.tril(X, k=1)"),
    *("np.diag(v)", "np.diag(X)", "np.trace(X)", "X.trace()", "np.diagonal(X)"),
    *("np.mod(X, .3)", "np.remainder(X, .3)", "np.var(X, ddof=1)", "np.std(X, axis=(0, 1))"),
    *("np.std(X, 0, ddof=1)", "v.var(ddof=1)", "np.sum(T, axis=(0, 2))", "T.sum((0, 2))"),
    *("np.sum(T, (0, 1))", "T.mean(axis=(1, 2), keepdims=True)", "np.sum(X, axis=None)"),
    *("np.max(T, axis=(1, 2))", "np.prod(T, axis=(0, 2))", "np.mean(X, dtype=np.float64)"),
    *("np.take(X, [0, 1], axis=1)", "np.take(X, [0, 4])", "X.take([0, 4])"),
    *("np.take(X, k, axis=1)", "np.einsum('ij,jk->ik', X, W)"),
    *("np.einsum('ij,kj->ik', X, X, optimize=True)", "np.linalg.norm(X)", "np.linalg.norm(v)"),
    *("np.linalg.norm(v, 1)", "np.linalg.norm(v, ord=np.inf)", "np.linalg.norm(T, np.inf, -1)"),
    *("np.linalg.norm(X, axis=1)", "np.linalg.norm(X, ord=1, axis=1)"),
    *("np.linalg.norm(X, 1, 1)", "np.linalg.norm(X, np.inf, axis=0)"),
    *("np.linalg.norm(X, ord='fro')", "np.max(X, 1)[0]", "np.max(X, axis=1, keepdims=True)[0]"),
    *("np.clip(X, .3, .5)", "np.clip(X, None, .5)", "np.clip(X, a_min=.3, a_max=None)"),
    *("np.zeros_like(X, dtype=float)", "np.full_like(X, 2)", "np.concatenate([X, Z], 1)"),
    *("np.dot(T, v[[0, 1, 2, 0]])", "T @ T.swapaxes(-1, -2)", "np.sum([v, v], 0)"),
    *("np.linalg.inv(A)", "np.linalg.det(A)", "np.linalg.solve(A, v)", "np.linalg.solve(A, W)"),
    *("np.linalg.det(B)", "np.linalg.inv(B)", "np.linalg.solve(B, W)", "np.kron(X, W)"),
    *("np.ones(3)*v", "np.ones((2, 3))*X", "np.zeros((2, 3)) + X", "np.eye(3) @ v"),
    *("np.full((2, 3), 2)*X", "np.full((2, 3), v)", "np.eye(2, 3) @ v", "np.identity(3)*A"),
    *("np.sort(X)", "np.sort(X, axis=0)", "np.sort(T, 1)", "np.sort(X)[0]", "np.flip(X)"),
    *("np.flip(X, 0)", "np.flip(T, axis=(0, 2))", "np.fliplr(X)", "np.flipud(X)"),
    *("np.roll(X, 1)", "np.roll(X, shift=-1, axis=1)", "np.roll(v, 2)", "np.roll(X, 1, 0)"),
    *("X // .3 - np.floor_divide(X, -.3)", "v.dot(T[0])"),
]
OF_TORCH = [
    *("torch.transpose(T, 1, 2)", "torch.transpose(X, 0, 1)", "T.transpose(1, 2)"),
    *("T.transpose(-2, -1)", "T.permute(0, 2, 1)", "torch.permute(T, (2, 0, 1))", "T.mT"),
    *("T.permute((2, 0, 1))", "X.t()", "T.flatten(1)", "torch.flatten(T, 1, 2)"),
    *("torch.flatten(T, start_dim=1)", "T[:1].squeeze(dim=0)", "X.unsqueeze(-1)"),
    *("torch.unsqueeze(X, 0)", "F.pad(X, (1, 2))", "F.pad(X, (1, 2, 0, 1))"),
    *("F.pad(T, (1, 2, 0, 1))", "F.pad(T, [1, 2], value=0)", "F.pad(T, (1, 2), 'constant', 0)"),
    *("torch.cumsum(X, dim=1)", "torch.tril(X, diagonal=-1)", "torch.remainder(X, .3)"),
    *("torch.var(X)", "torch.var(X, dim=0, unbiased=False)", "torch.var(X, 0, correction=0)"),
    *("X.std(dim=1, unbiased=True)", "X.std(dim=1)", "T.sum(dim=(0, 2), keepdim=True)"),
    *("F.one_hot(k, 3)", "F.one_hot(k, num_classes=3)", "torch.index_select(X, 1, k)"),
    *("torch.einsum('bij->b', T)", "torch.norm(X)", "torch.norm(X, 1)", "X.norm(2)", "X.norm(1)"),
    *("torch.norm(X, p=2, dim=1)", "X.norm(dim=1)", "X.norm(p=1, dim=1, keepdim=True)"),
    *("torch.linalg.norm(X)", "torch.dot(v, v)", "F.softmax(X, dim=1)", "torch.softmax(X, 1)"),
    *("F.log_softmax(X, -1)", "F.gelu(X)", "F.gelu(X, approximate='tanh')"),
    *("torch.max(X, dim=1)[0]", "torch.max(X, 1)[0]", "torch.max(X, 1).values"),
    *("X.max(dim=1)[0]", "X.max(1, keepdim=True).values", "torch.max(X, Z)", "X.amax(1)"),
    *("F.cross_entropy(X, k)", "F.cross_entropy(X, k, reduction='sum')"),
    *("F.cross_entropy(X, k, reduction='none')", "F.cross_entropy(X, Z, reduction='none')"),
    *("F.nll_loss(F.log_softmax(X, dim=1), k)", "F.mse_loss(X, Z, reduction='sum')"),
    *("F.nll_loss(F.log_softmax(X, dim=1), k, reduction='none')", "F.mse_loss(X, Z)"),
    *("F.mse_loss(X, Z, reduction='none')", "F.l1_loss(X, Z, reduction='sum')"),
    *("F.binary_cross_entropy(X, Z)", "F.binary_cross_entropy(X, Z, reduction='sum')"),
    "F.binary_cross_entropy_with_logits(X, Z, reduction='none')",
    *("torch.clamp(X, max=.5)", "torch.clamp(X, .3)", "X.clamp_min(.3)", "X.clamp(.3, .5)"),
    *("torch.zeros_like(X, dtype=torch.float64)", "torch.div(X, Z, rounding_mode='floor')"),
    *("torch.div(X, Z)", "F.elu(X, alpha=.5)", "F.leaky_relu(X - .5, .2)", "X.detach()*X"),
    *("torch.sort(X)[0]", "torch.sort(X, 0)[0]", "torch.sort(X, dim=0).values", "X.sort()[0]"),
    *("torch.sort(X, descending=True)[0]", "X.sort(dim=0, descending=True).values"),
    "torch.sort(v, stable=True)[0]",
    *("torch.flip(X, (0,))", "torch.flip(T, dims=[0, 2])", "X.flip((1,))", "X.fliplr()"),
    *("torch.roll(X, 1)", "torch.roll(X, shifts=-1, dims=1)", "X.roll(1, 0)"),
    *("F.huber_loss(X, Z)", "F.huber_loss(X, Z, reduction='sum', delta=.2)"),
    *("F.huber_loss(X, Z, 'none')", "F.smooth_l1_loss(X, Z)", "F.smooth_l1_loss(X, Z, beta=1.0)"),
    *("F.layer_norm(X, (3,))", "F.layer_norm(X, [3], v, v)", "F.layer_norm(X, (3,), eps=1e-3)"),
    *("F.layer_norm(T, (3, 4))", "F.layer_norm(T, (3, 4), T[0], bias=T[1], eps=.1)"),
    *("F.layer_norm(X, (3,), None, v)", "F.rms_norm(X, (3,), v, 1e-3)"),
    *("F.rms_norm(T, [3, 4], eps=.1)", "F.batch_norm(X, None, None, v, v, True)"),
    *(
        "F.batch_norm(T, None, None, training=True)",
        "F.batch_norm(X, None, None, training=True, eps=.1)",
    ),
    "F.batch_norm(T, None, None, weight=v, bias=v, training=True)",
    *("F.cosine_similarity(X, Z)", "F.cosine_similarity(X, v, dim=-1, eps=1e-3)"),
    *("torch.cosine_similarity(T, T[0], 0)", "F.cosine_similarity(X, 0*X)"),
    *("torch.linalg.inv(A)", "torch.inverse(B)", "torch.linalg.det(A)", "torch.det(B)"),
    *("torch.logdet(A)", "A.det()", "A.inverse()", "A.logdet()", "torch.linalg.solve(A, v)"),
    *("torch.linalg.solve(B, W)", "torch.kron(X, W)", "torch.full((2, 3), 2.)*X"),
    *("torch.ones(2, 3, dtype=torch.float64)*X", "torch.eye(3, dtype=torch.float64) @ v"),
    *("torch.cat([X, Z], dim=1)", "torch.stack([X, Z], 1)", "X.masked_fill(X > .5, -1)"),
    *("F.conv2d(Q, Q[:, :, :2, :3])", "F.conv2d(Q, Q[:, :, 1:], v[:2], 2, padding=(1, 0))"),
    "torch.conv2d(Q[0], Q[:1, :, :1], bias=None, stride=(1, 2), padding='valid', groups=1)",
    *("F.conv1d(T, T[:, :, :2], v[:2], padding=1)", "F.conv2d(input=Q, weight=Q, padding=1)"),
    *("F.max_pool2d(Q, 2)", "F.max_pool2d(T, (2, 3), 1, 1)", "F.max_pool1d(X, 2, stride=1)"),
    *("F.max_pool2d(Q, kernel_size=[2], stride=None)", "F.avg_pool2d(Q, 3, stride=1, padding=1)"),
    *("F.avg_pool1d(T, 3, padding=1)", "F.avg_pool2d(T, (3, 2), ceil_mode=False)"),
    *("F.max_pool2d(Q - Q, 2, 1, 1)", "F.max_pool2d(F.relu(Q - 0.5), 2, dilation=1)"),
    "F.scaled_dot_product_attention(Q, Q*Q, Q + 1)",
    "F.scaled_dot_product_attention(T, T[:, :2], value=T[:, 1:], attn_mask=None, dropout_p=0.0)",
    "F.scaled_dot_product_attention(Q, Q*Q, Q[..., 1:], is_causal=True)",
    *("Q @ Q.transpose(-2, -1)", "torch.logsumexp(T, dim=(0, 2))", "T.view(2, -1)"),
]
REFUSED = [
    ("X.transpose(0, 1)", "transpose(0, 1) of a matrix: NumPy leaves it as it is, PyTorch swaps"),
    ("X.flatten('F')", "start is a whole number"),
    ("np.pad(X, 1, mode='edge')", 'pad with "edge" is not read'),
    ("np.pad(X, 1, constant_values=3)", "zeros alone are put around an array"),
    ("F.pad(X, (1, 2), value=1.5)", "zeros alone are put around an array"),
    ("functional.pad(X, 1)", "F.pad takes a pair of numbers for each axis"),
    ("linalg.pad(X, 1)", "pad has two readings"),
    ("np.cumsum(X)", "along which axis of shape 2x3?"),
    ("np.trace(X, 1)", "trace takes 1 argument, not 2"),
    ("np.fmod(X, .3)", "fmod has the sign of x, as in C"),
    ("math.remainder(X, .3)", "math.remainder rounds to the nearest quotient"),
    ("X.var(0)", "'.var' divides by n or by n - 1"),
    ("np.sum(X, where=X)", "sum has no 'where='"),
    ("np.max(X, where=X)", "max with where= needs initial="),
    ("np.sum(X, dtype=int)", "numbers here are 64-bit floats"),
    ("np.add(X, X, out=X)", "out= is not read"),
    ("np.reshape(X, (3, 2), order='F')", "reshape has no 'order='"),
    ("F.one_hot(k)", "one_hot takes 2 arguments, not 1"),
    ("np.log(X, 2)", "log takes 1 argument, not 2"),
    ("np.linalg.norm(X, 1)", "of a matrix this norm is the largest column sum"),
    ("np.linalg.norm(X, np.inf)", "of a matrix this norm is the largest row sum"),
    ("norm(X, ord=1)", "of a matrix this norm is the largest column sum"),
    ("norm(v, ord=3)", "the norm of order 3 is not read"),
    ("np.linalg.norm(X, 2)", "of a matrix this norm is the largest singular value"),
    ("np.linalg.norm(X, ord='nuc')", 'the norm of order "nuc" is not read'),
    ("torch.linalg.norm(X, 1)", "of a matrix this norm is the largest column sum"),
    ("torch.dot(X, X)", "dot takes two vectors of one length"),
    ("F.softmax(X)", "F.softmax is not told its axis"),
    ("special.softmax(X)", "special.softmax is not told its axis"),
    ("nn.gelu(X)", "which gelu?"),
    ("torch.max(X, 1)[1]", "the places of the largest are not read"),
    ("np.maximum(X, Z, v)", "maximum takes 2 arguments here"),
    ("np.hypot(X, Z, v)", "hypot takes two arrays"),
    ("F.cross_entropy(X, k, weight=v)", "cross_entropy has no 'weight='"),
    ("F.cross_entropy(X, k, v)", "cross_entropy takes 2 arguments, not 3"),
    ("F.cross_entropy(X, k, label_smoothing=.1)", "cross_entropy has no 'label_smoothing='"),
    ("F.cross_entropy(X, k, ignore_index=0)", "cross_entropy has no 'ignore_index='"),
    ("F.mse_loss(X, Z, size_average=False)", "mse_loss has no 'size_average='"),
    ("F.mse_loss(X, Z, v)", "mse_loss takes 2 arguments here"),
    ("F.mse_loss(X, Z, reduction='batchmean')", 'there is no reduction "batchmean"'),
    ("torch.div(X, Z, rounding_mode='trunc')", 'rounding by "trunc" is not read'),
    ("F.relu(X, inplace=True)", "relu has no 'inplace='"),
    ("torch.sort(X)[1]", "the places of the sorted are not read"),
    ("np.sort(X, axis=None)", "with axis=None all entries are one row"),
    ("np.sort(X, kind='stable')", "sort has no 'kind='"),
    ("torch.roll(X, (1, 1), (0, 1))", "shift is a whole number"),
    ("F.smooth_l1_loss(X, Z, beta=2)", "smooth_l1_loss divides by its beta"),
    ("F.huber_loss(X, Z, weight=v)", "huber has no 'weight='"),
    ("F.layer_norm(X)", "normalized_shape is the lengths of the last axes"),
    ("F.layer_norm(X, v)", "normalized_shape is the lengths of the last axes"),
    ("F.rms_norm(X, (3,))", "without eps it is that of the kind of float"),
    ("F.batch_norm(X, v, v)", "batch_norm by running statistics"),
    ("F.batch_norm(X, v, v, training=False)", "batch_norm by running statistics"),
    ("F.batch_norm(T, None, None, k, k, True)", "do not fit"),
    ("F.cosine_similarity(v, v)", "there is no axis 1 in shape 3"),
    ("mse(X, Z, v)", "mse takes 2 arguments, not 3"),
    ("mse(X, Z, reduction='max')", "there is no reduction 'max'"),
    ("huber(X, Z, 1, delta=2)", "'delta' is given twice"),
    ("np.linalg.slogdet(A)", "'slogdet' is not read"),
    ("torch.linalg.solve(A, v, left=False)", "solve has no 'left='"),
    ("torch.linalg.solve(B, X)", "one matrix to NumPy and a batch of vectors to PyTorch"),
    ("np.ones(3, dtype=int)*v", "numbers here are 64-bit floats"),
    ("np.full((2, 3))*X", "full takes a shape and what is repeated to it"),
    ("np.eye(3, k=1) @ v", "eye has no 'k='"),
    ("F.softplus(X, beta=2)", "softplus has no 'beta='"),
    ("np.dot(X[:, :2], Q[0])", "has two readings"),
    ("np.inner(X, X)", "dot takes two vectors of one length"),
    ("np.concatenate(X)", "concatenate takes a list of arrays"),
    ("np.stack(X)", "stack takes a list of arrays"),
    ("np.concatenate([X, Z], axis=None)", "an axis is a whole number"),
    ("jax.nn.softmax(X, axis=None)", "an axis is a whole number"),
    ("X.data*X", ".data has no gradient in PyTorch, elsewhere it is x"),
    ("np.array(X, dtype=int)", "numbers here are 64-bit floats"),
    ("np.einsum('...i->...', X)", "... is not read in einsum"),
    ("F.conv2d(Q, Q, dilation=2)", "conv2d with dilation=2 is not read"),
    ("F.conv2d(Q, Q, v, 1, 0, 1, 2)", "conv2d with groups=2 is not read"),
    ("F.conv2d(Q, Q, padding='same')", "padding is said in numbers"),
    ("F.conv2d(Q, Q, stride=(2,))", "stride is one number or 2"),
    ("F.conv2d(Q)", "conv2d takes x, w and a bias"),
    ("F.conv2d(Q, Q, transposed=1)", "conv2d has no 'transposed='"),
    ("F.conv2d(Q, T)", "conv2d does not take shapes 2x2x3x4 and 2x3x4"),
    ("jnp.conv2d(Q, Q)", "'jnp.conv2d' is not read"),
    ("F.max_pool2d(Q, 2, ceil_mode=True)", "max_pool2d with ceil_mode=True is not read"),
    ("F.max_pool2d(Q, 2, return_indices=True)", "max_pool2d with return_indices=True is not"),
    ("F.max_pool2d(Q, (2, 2, 2))", "max_pool2d slides windows along 2 axes"),
    ("F.max_pool2d(Q, 2, padding=2)", "padding is at most half of a window"),
    ("F.avg_pool2d(Q, 2, count_include_pad=False)", "avg_pool2d with count_include_pad=False"),
    ("F.avg_pool2d(Q, 2, divisor_override=3)", "avg_pool2d with divisor_override=3 is not read"),
    ("F.scaled_dot_product_attention(X, X, X, X)", "a mask is added to the scores, or chooses"),
    ("F.scaled_dot_product_attention(X, X, X, dropout_p=.1)", "with dropout_p=.1 is not read"),
    ("F.scaled_dot_product_attention(X, X, X, scale=1)", "with scale=1 is not read"),
    ("F.scaled_dot_product_attention(X, X)", "takes three arrays"),
    ("F.scaled_dot_product_attention(X, X, W)", "do not fit: K has 2 rows, V 3"),
    ("F.scaled_dot_product_attention(X, W, W)", "rows of Q have 3 entries, rows of K 2"),
    ("F.scaled_dot_product_attention(X, T, T)", "attention does not take shapes 2x3, 2x3x4 and"),
    ("nn.max_pool(Q, (2, 2))", "'max_pool' of a library is not read"),
    ("np.einsum('ij,jk', X)", "'ij,jk' is of 2 arrays, not of 1 array"),
]


def point_of(text: str) -> dict[str, Any]:
    return {n: v for n, v in VALUES.items() if re.search(rf"(?<![\w.]){n}(?!\w|\s*=[^=])", text)}


@pytest.mark.parametrize("text", OF_NUMPY)
def test_numpys_own_number(text: str) -> None:
    if text == "np.linalg.solve(B, W)" and np.__version__.startswith("1."):
        pytest.skip("NumPy 1 takes W for vectors here, which do not fit")
    trace = backtrace.trace(text, point_of(text))
    expected = eval(text, {**VALUES, "np": np})
    assert np.shape(trace.value) == np.shape(expected)
    np.testing.assert_allclose(trace.value, expected, rtol=1e-12, atol=1e-15)
    assert trace.ok, {name: check.reason for name, check in trace.checks.items()}


@pytest.mark.parametrize("text", [*OF_NUMPY, *OF_TORCH])
def test_what_was_read_reads_again(text: str) -> None:
    trace = backtrace.trace(text, point_of(text), check=False)
    shapes = {name: np.shape(value) for name, value in trace.point.items()}
    assert source(read(source(trace.graph), shapes)) == source(trace.graph)


@pytest.mark.parametrize(("text", "what"), REFUSED)
def test_what_has_two_readings_or_is_not_known_is_refused(text: str, what: str) -> None:
    with pytest.raises(BacktraceError) as refused:
        backtrace.trace(text, point_of(text), check=False)
    assert what in refused.value.what


def test_what_is_read_as_numpys_is_said() -> None:
    trace = backtrace.trace("X.max(1)[0]*v", point_of("X.max(1)[0]*v"), check=False)
    np.testing.assert_array_equal(trace.value, VALUES["X"].max(1)[0] * VALUES["v"])
    said = [note.text for note in trace.notes if note.kind == "reading"]
    assert any("read as NumPy's first entry" in text for text in said)


@pytest.mark.bench
@pytest.mark.parametrize("text", OF_TORCH)
def test_pytorchs_own_number(text: str) -> None:
    torch = pytest.importorskip("torch")
    point = point_of(text)
    leaves = {
        n: torch.tensor(v) if n == "k" else torch.tensor(v, requires_grad=True)
        for n, v in point.items()
    }
    names = {**leaves, "torch": torch, "F": torch.nn.functional}
    expected = eval(text, names)
    upstream = np.asarray(CHANCE.uniform(0.5, 1, tuple(expected.shape)))
    trace = backtrace.trace(text, point, upstream=upstream, kink="torch")
    np.testing.assert_allclose(trace.value, expected.detach().numpy(), rtol=1e-9)
    if not expected.requires_grad:
        return
    expected.backward(torch.tensor(upstream))
    for name, leaf in leaves.items():
        if name != "k":
            theirs = np.zeros_like(point[name]) if leaf.grad is None else leaf.grad.numpy()
            np.testing.assert_allclose(trace.gradients[name], theirs, rtol=1e-9, atol=1e-12)
