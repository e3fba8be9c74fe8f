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
