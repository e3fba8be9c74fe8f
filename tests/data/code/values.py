# a graph of scalar Value objects
from micrograd.engine import Value

p = Value(1.25)
q = Value(-0.5)
r = p * q + p
s = (r + 2).relu()
t = s**2 / q
t.backward()
print(p.grad, q.grad)
