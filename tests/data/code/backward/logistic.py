import numpy as np

X = np.random.randn(6, 3)
y = np.array([0, 1, 1, 0, 1, 0])
w = np.random.randn(3)
b = 0.2
m = X.shape[0]
z = np.dot(X, w) + b
A = 1 / (1 + np.exp(-z))
cost = -np.sum(y * np.log(A) + (1 - y) * np.log(1 - A)) / m

dA = -(y / A - (1 - y) / (1 - A)) / m
dz = dA * A * (1 - A)
dw = np.dot(X.T, dz)
db = np.sum(dz)
