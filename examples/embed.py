import numpy as np

C = np.array([[0.2, -0.4], [0.7, 0.1], [-0.3, 0.9]])
ix = np.array([2, 0, 2])
x = C[ix]
loss = np.sum(x**2)

dx = 2 * x
dC = np.zeros_like(C)
dC[ix] += dx
