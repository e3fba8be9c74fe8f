import numpy as np

x = np.random.randn(7)
w = np.random.randn(3)
b = 0.4
n = len(x) - len(w) + 1
z = np.zeros(n)
for i in range(n):
    z[i] = np.sum(x[i : i + 3] * w) + b
a = np.tanh(z)
loss = np.sum(a**2)

da = 2 * a
dz = da * (1 - a**2)
dx = np.zeros_like(x)
dw = np.zeros_like(w)
for i in range(n):
    dx[i : i + 3] += w * dz[i]
    dw += x[i : i + 3] * dz[i]
db = dz.sum()
