import numpy as np

X = np.random.randn(6, 3)
y = np.random.randn(6)
w = np.random.randn(3)
b = 0.3
n = len(y)
error = X.dot(w) + b - y
loss = np.sum(error**2) / (2 * n)

derror = error / n
dw = X.T.dot(derror)
db = np.sum(derror)
dX = np.outer(derror, w)
