import numpy as np


def forward(W1, b1, W2, b2, W3, b3, X, Y):
    m = X.shape[1]
    Z1 = W1 @ X + b1
    A1 = np.tanh(Z1)
    Z2 = W2 @ A1 + b2
    A2 = np.maximum(0, Z2)
    Z3 = W3 @ A2 + b3
    A3 = 1 / (1 + np.exp(-Z3))
    cost = -1 / m * np.sum(Y * np.log(A3) + (1 - Y) * np.log(1 - A3))
    return cost, (Z1, A1, Z2, A2, A3)


W1, b1 = np.random.randn(4, 3) * 0.5, np.random.randn(4, 1) * 0.1
W2, b2 = np.random.randn(5, 4) * 0.5, np.random.randn(5, 1) * 0.1
W3, b3 = np.random.randn(1, 5) * 0.5, np.random.randn(1, 1) * 0.1
X = np.random.randn(3, 6)
Y = np.array([[0, 1, 1, 0, 1, 0]])
cost, (Z1, A1, Z2, A2, A3) = forward(W1, b1, W2, b2, W3, b3, X, Y)
m = X.shape[1]

dZ3 = A3 - Y
dW3 = 1 / m * np.dot(dZ3, A2.T)
db3 = 1 / m * np.sum(dZ3, axis=1, keepdims=True)
dA2 = np.dot(W3.T, dZ3)
dZ2 = np.multiply(dA2, Z2 > 0)
dW2 = 1 / m * np.dot(dZ2, A1.T)
db2 = 1 / m * np.sum(dZ2, axis=1, keepdims=True)
dA1 = np.dot(W2.T, dZ2)
dZ1 = np.multiply(dA1, 1 - np.power(A1, 2))
dW1 = 1 / m * np.dot(dZ1, X.T)
db1 = 1 / m * np.sum(dZ1, axis=1, keepdims=True)
