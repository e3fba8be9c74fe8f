import numpy as np

# the names of gradients are used over
X = np.random.randn(5, 3)
y = np.array([0, 2, 1, 1, 0])
W1 = np.random.randn(3, 6) * 0.8
b1 = np.random.randn(6) * 0.2
W2 = np.random.randn(6, 4) * 0.8
b2 = np.random.randn(4) * 0.2
W3 = np.random.randn(4, 3) * 0.8
N = X.shape[0]

h1 = np.maximum(0, X.dot(W1) + b1)
h2 = np.tanh(h1.dot(W2) + b2)
scores = h2.dot(W3)
p = np.exp(scores)
p /= p.sum(axis=1, keepdims=True)
loss = -np.log(p[np.arange(N), y]).sum() / N

dscores = p.copy()
dscores[np.arange(N), y] -= 1
dscores /= N
dW3 = h2.T.dot(dscores)
dh2 = dscores.dot(W3.T)
dh2 = dh2 * (1 - h2**2)
dW2 = h1.T.dot(dh2)
db2 = dh2.sum(axis=0)
dh1 = dh2.dot(W2.T)
dh1[h1 <= 0] = 0
dW1 = X.T.dot(dh1)
db1 = dh1.sum(axis=0)
dX = dh1.dot(W1.T)
