import numpy as np


def affine_forward(x, W, b):
    out = x @ W + b
    return out, (x, W, b)


def affine_backward(dout, cache):
    x, W, b = cache
    dx = dout @ W.T
    dW = x.T @ dout
    db = dout.sum(axis=0)
    return dx, dW, db


def softmax_loss(W, X, y, reg):
    n = X.shape[0]
    scores = X @ W
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    loss = -np.log(p[np.arange(n), y]).mean() + reg * np.sum(W * W)
    dscores = p.copy()
    dscores[np.arange(n), y] -= 1
    dW = X.T @ dscores + 2 * reg * W
    return loss, dW
