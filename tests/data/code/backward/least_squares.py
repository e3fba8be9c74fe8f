import numpy as np

X = np.random.randn(4, 3)
t = np.random.randn(4, 2)
W = np.random.randn(3, 5) * 0.8
V = np.random.randn(5, 2) * 0.8

h = np.maximum(0, X @ W)
out = h @ V
loss = ((out - t) ** 2).sum() / 2 + 0.01 * np.sum(V * V)

dout = out - t
dV = h.T @ dout
dV += 0.02 * V
dh = dout @ V.T
dh = dh * (h > 0)
dW = X.T @ dh
dX = dh @ W.T
