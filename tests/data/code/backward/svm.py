import numpy as np

X = np.array([[0.5, -1.2, 0.3], [1.0, 0.4, -0.7], [-0.2, 0.8, 0.9], [0.6, -0.1, 1.1]])
y = np.array([0, 1, 2, 0])
W = np.random.randn(3, 4) * 0.5
b = np.random.randn(4) * 0.5
N = X.shape[0]
scores = X @ W + b
correct = scores[np.arange(N), y][:, None]
margins = np.maximum(0, scores - correct + 1)
margins[np.arange(N), y] = 0
loss = np.sum(margins) / N + 0.1 * np.sum(W**2)

dscores = (margins > 0) * 1.0
dscores[np.arange(N), y] = -np.sum(margins > 0, axis=1)
dscores = dscores / N
dW = X.T @ dscores
dW += 0.2 * W
db = np.sum(dscores, axis=0)
dX = dscores @ W.T
