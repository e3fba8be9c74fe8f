import numpy as np


def pool_forward(x):
    H, W = x.shape
    out = np.zeros((H // 2, W // 2))
    for i in range(H // 2):
        for j in range(W // 2):
            out[i, j] = np.max(x[2 * i : 2 * i + 2, 2 * j : 2 * j + 2])
    return out, x


def pool_backward(dout, cache):
    x = cache
    H, W = dout.shape
    dx = np.zeros_like(x)
    for i in range(H):
        for j in range(W):
            window = x[2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
            mask = window == np.max(window)
            dx[2 * i : 2 * i + 2, 2 * j : 2 * j + 2] += mask * dout[i, j]
    return dx
