"""Numbers that keep the local gradients of what they are made of."""

import math


class Scalar:
    __slots__ = ("value", "grad", "made_of", "slopes")

    def __init__(self, value, made_of=(), slopes=()):
        self.value = value
        self.grad = 0
        self.made_of = made_of
        self.slopes = slopes

    def __add__(self, other):
        other = other if isinstance(other, Scalar) else Scalar(other)
        return Scalar(self.value + other.value, (self, other), (1, 1))

    def __mul__(self, other):
        other = other if isinstance(other, Scalar) else Scalar(other)
        return Scalar(self.value * other.value, (self, other), (other.value, self.value))

    def __pow__(self, k):
        return Scalar(self.value**k, (self,), (k * self.value ** (k - 1),))

    def log(self):
        return Scalar(math.log(self.value), (self,), (1 / self.value,))

    def exp(self):
        return Scalar(math.exp(self.value), (self,), (math.exp(self.value),))

    def relu(self):
        return Scalar(max(0, self.value), (self,), (float(self.value > 0),))

    def sigmoid(self):
        s = 1 / (1 + math.exp(-self.value))
        return Scalar(s, (self,), (s * (1 - s),))

    def backward(self):
        nodes = []
        met = set()

        def walk(node):
            if node in met:
                return
            met.add(node)
            for child in node.made_of:
                walk(child)
            nodes.append(node)

        walk(self)
        self.grad = 1
        for node in nodes[::-1]:
            for child, slope in zip(node.made_of, node.slopes):
                child.grad += slope * node.grad

    def __neg__(self):
        return self * -1

    def __sub__(self, other):
        return self + -other

    def __truediv__(self, other):
        return self * other**-1
