import numpy as np

p = 0.6
X = np.random.randn(4, 3)
W1 = np.random.randn(3, 6)
W2 = np.random.randn(6, 2)
T = np.random.randn(4, 2)
keep = np.array([[1, 0, 1, 1, 0, 1], [0, 1, 1, 1, 1, 0], [1, 1, 0, 1, 1, 1], [1, 1, 1, 0, 0, 1]])
mask = keep / p
a = X @ W1
h = np.maximum(a, 0)
dropped = h * mask
y = dropped @ W2
loss = np.mean((y - T) ** 2)

dy = 2 * (y - T) / y.size
dW2 = dropped.T @ dy
ddropped = dy @ W2.T
dh = ddropped * mask
da = dh * (a > 0)
dW1 = X.T @ da
dX = da @ W1.T
