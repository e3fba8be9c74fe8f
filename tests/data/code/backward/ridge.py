import numpy as np

X = np.random.randn(5, 3)
y = np.random.randn(5, 1)
w = np.random.randn(3, 1)
b = np.random.randn(1)
lam = 0.3
N = len(X)
pred = X @ w + b
residual = pred - y
loss = (residual**2).sum() / N + 0.5 * lam * (w**2).sum()

dresidual = 2 * residual / N
dpred = dresidual
dw = X.T @ dpred + lam * w
db = dpred.sum(axis=0)
dX = dpred @ w.T
