import numpy as np
X = np.array([[0.5, -1.2, 0.3], [1.0, 0.4, -0.7], [-0.2, 0.8, 0.9], [0.6, -0.1, 1.1]])
y = np.array([0, 1, 1, 0])
W1 = np.random.randn(3, 5) * 0.7
b1 = np.random.randn(5) * 0.1
W2 = np.random.randn(5, 2) * 0.7
b2 = np.random.randn(2) * 0.1
N = X.shape[0]
a = X.dot(W1) + b1
h = np.maximum(0, a)
s = h.dot(W2) + b2
p = np.exp(s - s.max(axis=1, keepdims=True))
p = p / p.sum(axis=1, keepdims=True)
loss = -np.log(p[np.arange(N), y]).mean() + 0.05*np.sum(W1*W1)
ds = p.copy()
ds[np.arange(N), y] -= 1
ds /= N
dW2 = h.T.dot(ds)
db2 = ds.sum(axis=0)
dh = ds.dot(W2.T)
da = dh.copy()
da[a <= 0] = 0
dW1 = X.T.dot(da)
dW1 += 0.1*W1
db1 = np.sum(da, axis=0)
