"""Layers that are stacked in a dictionary, each with its own forward and backward."""

from collections import OrderedDict

import numpy as np


def softmax(scores):
    if scores.ndim == 1:
        e = np.exp(scores - np.max(scores))
        return e / np.sum(e)
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


class Dense:
    def __init__(self, W, b):
        self.W, self.b = W, b
        self.dW = None
        self.db = None
        self.shape = None

    def forward(self, x):
        self.shape = x.shape
        self.x = x.reshape(x.shape[0], -1)
        return self.x @ self.W + self.b

    def backward(self, dout):
        self.dW = self.x.T @ dout
        self.db = dout.sum(axis=0)
        return (dout @ self.W.T).reshape(*self.shape)


class Rectify:
    def forward(self, x):
        self.off = x <= 0
        out = x.copy()
        out[self.off] = 0
        return out

    def backward(self, dout):
        dout[self.off] = 0
        return dout


class Loss:
    def forward(self, x, t):
        self.t = t
        self.y = softmax(x)
        n = self.y.shape[0]
        self.loss = -np.sum(np.log(self.y[np.arange(n), t] + 1e-7)) / n
        return self.loss

    def backward(self, dout=1):
        n = self.t.shape[0]
        if self.t.size == self.y.size:
            return (self.y - self.t) / n
        dx = self.y.copy()
        dx[np.arange(n), self.t] -= 1
        return dx / n


class Net:
    def __init__(self, inputs, hidden, outputs, spread=1.0):
        self.params = {}
        self.params["W1"] = spread * np.random.randn(inputs, hidden)
        self.params["b1"] = np.zeros(hidden)
        self.params["W2"] = spread * np.random.randn(hidden, outputs)
        self.params["b2"] = np.zeros(outputs)
        self.layers = OrderedDict()
        self.layers["first"] = Dense(self.params["W1"], self.params["b1"])
        self.layers["rectify"] = Rectify()
        self.layers["second"] = Dense(self.params["W2"], self.params["b2"])
        self.last = Loss()

    def predict(self, x):
        for layer in self.layers.values():
            x = layer.forward(x)
        return x

    def loss(self, x, t):
        return self.last.forward(self.predict(x), t)

    def gradient(self, x, t):
        self.loss(x, t)
        dout = self.last.backward(1)
        layers = list(self.layers.values())
        layers.reverse()
        for layer in layers:
            dout = layer.backward(dout)
        return {
            "W1": self.layers["first"].dW,
            "b1": self.layers["first"].db,
            "W2": self.layers["second"].dW,
            "b2": self.layers["second"].db,
        }
