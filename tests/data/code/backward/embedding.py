import numpy as np

C = np.random.randn(5, 3)
W = np.random.randn(6, 4)
b = np.random.randn(4)
ix = np.array([[0, 2], [2, 4], [1, 0]])
y = np.array([3, 0, 1])
n = ix.shape[0]
emb = C[ix]
flat = emb.reshape(n, -1)
logits = flat @ W + b
shifted = logits - logits.max(axis=1, keepdims=True)
p = np.exp(shifted)
p = p / p.sum(axis=1, keepdims=True)
loss = -np.log(p[np.arange(n), y]).mean()

dlogits = p.copy()
dlogits[np.arange(n), y] -= 1
dlogits /= n
dW = flat.T @ dlogits
db = dlogits.sum(axis=0)
dflat = dlogits @ W.T
demb = dflat.reshape(emb.shape)
dC = np.zeros_like(C)
np.add.at(dC, ix, demb)
