import numpy as np

X = np.random.randn(4, 3)
Wq = np.random.randn(3, 2)
Wk = np.random.randn(3, 2)
Wv = np.random.randn(3, 2)
G = np.random.randn(4, 2)
q = X @ Wq
k = X @ Wk
v = X @ Wv
scores = q @ k.T / np.sqrt(2)
weights = np.exp(scores) / np.sum(np.exp(scores), axis=1, keepdims=True)
out = weights @ v
loss = np.sum(out * G)

dout = G
dv = weights.T @ dout
dweights = dout @ v.T
dscores = weights * (dweights - np.sum(dweights * weights, axis=1, keepdims=True))
dq = dscores @ k / np.sqrt(2)
dk = dscores.T @ q / np.sqrt(2)
dWq = X.T @ dq
dWk = X.T @ dk
dWv = X.T @ dv
dX = dq @ Wq.T + dk @ Wk.T + dv @ Wv.T
