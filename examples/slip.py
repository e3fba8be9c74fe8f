import numpy as np

X = np.array([[0.5, -1.2], [1.0, 0.4], [-0.2, 0.8]])
y = np.array([0, 1, 1])
W1 = np.array([[0.3, -0.6, 0.2], [0.8, 0.1, -0.5]])
W2 = np.array([[0.2, -0.4], [0.7, 0.1], [-0.3, 0.9]])
a = X.dot(W1)
h = np.maximum(0, a)
s = h.dot(W2)
p = np.exp(s) / np.exp(s).sum(axis=1, keepdims=True)
loss = -np.log(p[np.arange(3), y]).mean()

ds = p.copy()
ds[np.arange(3), y] -= 1
dW2 = h.T.dot(ds)
dh = ds.dot(W2.T)
da = dh.copy()
da[a <= 0] = 0
dW1 = da.T.dot(X)
