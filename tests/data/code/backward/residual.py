import numpy as np

x = np.random.randn(4, 3)
W1 = np.random.randn(3, 5)
W2 = np.random.randn(5, 3)
t = np.random.randn(4, 3)
u = x @ W1
v = np.maximum(0.1 * u, u)
w = v @ W2
y = x + w
loss = np.sum((y - t) ** 2) / len(x)

dy = 2 * (y - t) / len(x)
dw = dy.copy()
dx = dy.copy()
dW2 = v.T @ dw
dv = dw @ W2.T
du = np.where(u > 0, dv, 0.1 * dv)
dW1 = x.T @ du
dx += du @ W1.T
