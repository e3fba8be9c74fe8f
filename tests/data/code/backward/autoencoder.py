import numpy as np

X = np.random.randn(5, 4)
W = np.random.randn(4, 3) * 0.7
b = np.random.randn(3) * 0.3
c = np.random.randn(4) * 0.3
a = X @ W + b
h = np.tanh(a)
R = h @ W.T + c
E = R - X
loss = 0.5 * np.sum(E**2) / len(X)

dE = E / len(X)
dR = dE
dc = dR.sum(axis=0)
dh = dR @ W
da = dh * (1 - h**2)
db = da.sum(axis=0)
dW = X.T @ da
dW += dR.T @ h
dX = da @ W.T - dE
