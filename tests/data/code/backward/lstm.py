import numpy as np

x = np.random.randn(3, 2)
h0 = np.random.randn(3, 4)
c0 = np.random.randn(3, 4)
Wx = np.random.randn(2, 16) * 0.5
Wh = np.random.randn(4, 16) * 0.5
b = np.random.randn(16) * 0.5


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


a = x @ Wx + h0 @ Wh + b
i = sigmoid(a[:, 0:4])
f = sigmoid(a[:, 4:8])
o = sigmoid(a[:, 8:12])
g = np.tanh(a[:, 12:16])
c = f * c0 + i * g
t = np.tanh(c)
h = o * t
loss = np.sum(h * h)

dh = 2 * h
do = dh * t
dt = dh * o
dc = dt * (1 - t**2)
df = dc * c0
dc0 = dc * f
di = dc * g
dg = dc * i
da = np.concatenate([di * i * (1 - i), df * f * (1 - f), do * o * (1 - o), dg * (1 - g**2)], axis=1)
dx = da @ Wx.T
dWx = x.T @ da
dh0 = da @ Wh.T
dWh = h0.T @ da
db = da.sum(axis=0)
