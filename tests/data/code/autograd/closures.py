"""Numbers that know how to go backward: each operation leaves a function behind."""

import math


class Scalar:
    def __init__(self, data, parents=()):
        self.data = data
        self.grad = 0.0
        self.parents = list(parents)
        self.push = lambda: None

    def __add__(self, other):
        other = other if isinstance(other, Scalar) else Scalar(other)
        total = Scalar(self.data + other.data, (self, other))

        def push():
            self.grad += total.grad
            other.grad += total.grad

        total.push = push
        return total

    def __mul__(self, other):
        other = other if isinstance(other, Scalar) else Scalar(other)
        product = Scalar(self.data * other.data, (self, other))

        def push():
            self.grad += other.data * product.grad
            other.grad += self.data * product.grad

        product.push = push
        return product

    def __pow__(self, exponent):
        power = Scalar(self.data**exponent, (self,))

        def push():
            self.grad += exponent * self.data ** (exponent - 1) * power.grad

        power.push = push
        return power

    def __truediv__(self, other):
        other = other if isinstance(other, Scalar) else Scalar(other)
        ratio = Scalar(self.data / other.data, (self, other))

        def push():
            self.grad += 1 / other.data * ratio.grad
            other.grad += -self.data / other.data**2 * ratio.grad

        ratio.push = push
        return ratio

    def relu(self):
        kept = Scalar(self.data if self.data > 0 else 0.0, (self,))

        def push():
            self.grad += (self.data > 0) * kept.grad

        kept.push = push
        return kept

    def tanh(self):
        t = math.tanh(self.data)
        squashed = Scalar(t, (self,))

        def push():
            self.grad += (1 - t * t) * squashed.grad

        squashed.push = push
        return squashed

    def exp(self):
        grown = Scalar(math.exp(self.data), (self,))

        def push():
            self.grad += grown.data * grown.grad

        grown.push = push
        return grown

    def backward(self):
        order, seen = [], set()

        def visit(node):
            if node not in seen:
                seen.add(node)
                for parent in node.parents:
                    visit(parent)
                order.append(node)

        visit(self)
        self.grad = 1.0
        for node in reversed(order):
            node.push()

    def __neg__(self):
        return self * -1

    def __sub__(self, other):
        return self + (-other)

    def __radd__(self, other):
        return self + other

    def __rmul__(self, other):
        return self * other
