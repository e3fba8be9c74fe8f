"""The algebra of code: a rule run on names gives the line of NumPy (or PyTorch) that computes it.

    SIGMOID.local[0](Code("np"), name("s"), name("x"))   ->   s * (1 - s)

Every piece knows its shape, so the rules' own questions about shapes are answered as they are
written. What NumPy has no name for is a helper, which the script defines: `helpers` collects them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

from backtrace.algebra import Derived, Value
from backtrace.algebra.codearranged import ArrangedCode
from backtrace.algebra.codeattention import AttentionCode, AttentionTorch
from backtrace.algebra.coded import Coded, Shape, broadcast, coded, index_text, infix
from backtrace.algebra.codewindows import WindowsCode, WindowsTorch
from backtrace.algebra.spelling import Binding

_SAME = (
    *("exp", "expm1", "log", "log1p", "log2", "log10", "sqrt", "cbrt", "sign", "floor", "ceil"),
    *("sin", "cos", "tan", "sinh", "cosh", "tanh", "abs", "hypot", "maximum", "minimum"),
)
_FUNCTIONS = {
    **dict(zip(_SAME, _SAME, strict=True)),
    "asin": "arcsin",
    "acos": "arccos",
    "atan": "arctan",
    "atan2": "arctan2",
}
_NAME = re.compile(r"\b[^\W\d]")
_NAMED = {"pi": math.pi, "e": math.e, "tau": math.tau}


class Code(ArrangedCode, WindowsCode, AttentionCode, Derived):
    """`library` is what functions are called of; `helpers` what the lines need to be defined."""

    of_arrays = True
    as_written = True

    def __init__(self, library: str = "np") -> None:
        self.library = library
        self.helpers: set[str] = set()

    def number(self, text: str) -> Coded:
        if text in _NAMED:
            return Coded(f"np.{text}") if text != "tau" else Coded(repr(math.tau))
        return coded(_plain(text))

    def truth(self, _: Value) -> bool:
        return False

    def divide(self, a: Value, b: Value) -> Coded:
        return infix("/", Binding.PRODUCT, coded(a), coded(b))

    def power(self, a: Value, b: Value) -> Coded:
        return infix("**", Binding.POWER, coded(a), coded(b))

    def square(self, x: Value) -> Coded:
        return infix("**", Binding.POWER, coded(x), coded(2))

    def real(self, x: Value) -> Value:
        return x

    def call(self, name: str, *arguments: Any, shape: Shape | None = None) -> Coded:
        pieces = [coded(a) if not isinstance(a, str) else Coded(a) for a in arguments]
        found = broadcast(*(p.shape for p in pieces)) if shape is None else shape
        return Coded(f"{name}({', '.join(p.text for p in pieces)})", Binding.ATOM, found)

    def helper(self, name: str, *arguments: Any, shape: Shape | None = None) -> Coded:
        self.helpers.add(name)
        return self.call(name, *arguments, shape=shape)

    def __getattr__(self, name: str) -> Callable[..., Coded]:
        if name not in _FUNCTIONS:
            raise AttributeError(name)
        called = f"{self.library}.{self._names().get(name, name)}"

        def function(*values: Value) -> Coded:
            found = self._argument(values[0])
            if len(values) == 1:
                return self.call(called, found)
            for value in values[1:]:
                found = self.call(called, found, self._argument(value))
            return found

        return function

    def mod(self, a: Value, b: Value) -> Coded:
        return self.call(f"{self.library}.remainder", self._argument(a), self._argument(b))

    def floor_divide(self, a: Value, b: Value) -> Coded:
        return self.call(f"{self.library}.floor_divide", self._argument(a), self._argument(b))

    def filled(self, x: Value, a: Value) -> Coded:
        return self.call(f"{self.library}.full_like", x, a, shape=coded(x).shape)

    def _names(self) -> dict[str, str]:
        return _FUNCTIONS

    def _argument(self, value: Value) -> Coded:
        """NumPy takes numbers anywhere."""
        return coded(value)

    def where(self, condition: Value, a: Value, b: Value) -> Coded:
        a, b = self._argument(a), self._argument(b)
        return self.call(f"{self.library}.where", condition, a, b)

    def _compare(self, symbol: str, a: Value, b: Value) -> Coded:
        return infix(symbol, Binding.COMPARISON, coded(a), coded(b))

    def less(self, a: Value, b: Value) -> Coded:
        return self._compare("<", a, b)

    def less_equal(self, a: Value, b: Value) -> Coded:
        return self._compare("<=", a, b)

    def greater(self, a: Value, b: Value) -> Coded:
        return self._compare(">", a, b)

    def greater_equal(self, a: Value, b: Value) -> Coded:
        return self._compare(">=", a, b)

    def equal(self, a: Value, b: Value) -> Coded:
        return self._compare("==", a, b)

    def not_equal(self, a: Value, b: Value) -> Coded:
        return self._compare("!=", a, b)

    def sigmoid(self, x: Value) -> Coded:
        return self.divide(1, coded(1) + self.exp(-coded(x)))

    def logsumexp(self, *values: Value) -> Coded:
        total = self.exp(values[0])
        for value in values[1:]:
            total = total + self.exp(value)
        found: Coded = self.log(total)
        return found

    # what moves entries about, or makes one of many

    def shape(self, x: Value) -> Shape:
        return coded(x).shape

    def matmul(self, a: Coded, b: Coded) -> Coded:
        found = infix("@", Binding.PRODUCT, a, b)
        left, right = (1, *a.shape) if len(a.shape) == 1 else a.shape, b.shape
        column = len(right) == 1
        right = (*right, 1) if column else right
        whole = (*broadcast(left[:-2], right[:-2]), left[-2], right[-1])
        if len(a.shape) == 1:
            whole = (*whole[:-2], whole[-1])
        return Coded(found.text, Binding.PRODUCT, whole[:-1] if column else whole)

    def transpose(self, x: Coded, axes: Sequence[int] | None = None) -> Coded:
        if axes is None or tuple(axes) == tuple(range(len(x.shape)))[::-1]:
            return Coded(f"{x.within(Binding.ATOM)}.T", Binding.ATOM, x.shape[::-1])
        shape = tuple(x.shape[axis] for axis in axes)
        return self.call(f"{self.library}.transpose", x, str(tuple(axes)), shape=shape)

    def reshape(self, x: Coded, shape: Shape) -> Coded:
        if x.shape == tuple(shape):
            return x
        count = math.prod(x.shape)
        known = math.prod(n for n in shape if n != -1)
        whole = tuple(count // known if n == -1 else n for n in shape)
        return self.call(f"{self.library}.reshape", x, str(whole), shape=whole)

    def concatenate(self, values: Sequence[Coded], axis: int) -> Coded:
        first = list(values[0].shape)
        first[axis] = sum(value.shape[axis] for value in values)
        return self._joined("concatenate", values, axis, tuple(first))

    def stack(self, values: Sequence[Value], axis: int) -> Coded:
        pieces = [self._argument(value) for value in values]
        shape = list(pieces[0].shape)
        shape.insert(axis % (len(shape) + 1), len(pieces))
        return self._joined("stack", pieces, axis, tuple(shape))

    def _joined(self, name: str, values: Sequence[Coded], axis: int, shape: Shape) -> Coded:
        listed = f"[{', '.join(value.text for value in values)}]"
        return self.call(f"{self.library}.{name}", listed, str(axis), shape=shape)

    def outer(self, x: Coded, y: Coded) -> Coded:
        return self.call(f"{self.library}.outer", x, y, shape=(*x.shape, *y.shape))

    def pick(self, x: Coded, index: tuple[Any, ...]) -> Coded:
        from numpy import empty

        from backtrace.algebra.arrays import ARRAYS

        shape = ARRAYS.pick(empty(x.shape, bool), index).shape
        text = f"{x.within(Binding.ATOM)}[{index_text(index)}]"
        return Coded(text, Binding.ATOM, shape)

    def put(self, u: Value, index: tuple[Any, ...], shape: Shape) -> Coded:
        where = f"np.s_[{index_text(index)}]"
        return self.helper("put", u, where, str(shape), shape=shape)

    def sum(self, x: Value, axis: Any) -> Coded:
        return self._reduced("sum", coded(x), axis)

    def product(self, x: Value, axis: Any) -> Coded:
        return self._reduced("prod", coded(x), axis)

    def largest(self, x: Value, axis: Any) -> Coded:
        return self._reduced(self._most("max"), coded(x), axis)

    def smallest(self, x: Value, axis: Any) -> Coded:
        return self._reduced(self._most("min"), coded(x), axis)

    def _most(self, name: str) -> str:
        return name

    def _reduced(self, name: str, x: Coded, axis: Any) -> Coded:
        called = f"{self.library}.{name}"
        if axis is None:
            return self.call(called, x, shape=())
        places = _places(axis, len(x.shape))
        shape = tuple(n for k, n in enumerate(x.shape) if k not in places)
        return self.call(called, x, str(axis), shape=shape)

    def aligned(self, u: Value, axis: Any) -> Coded:
        piece = coded(u)
        if axis is None or (not piece.shape and not isinstance(axis, tuple)):
            return piece
        shape = list(piece.shape)
        for place in sorted(_places(axis, len(shape) + len(_places(axis, 1)))):
            shape.insert(place, 1)
        return self.reshape(piece, tuple(shape))

    def spread(self, u: Value, x: Coded, axis: Any) -> Coded:
        whole = self.aligned(u, axis)
        return self.call(f"{self.library}.broadcast_to", whole, str(x.shape), shape=x.shape)

    def summed_to(self, u: Value, shape: Shape) -> Coded:
        piece = coded(u)
        whole = piece.shape
        if whole == tuple(shape):
            return piece
        if len(whole) < len(shape) or not whole:
            return self.call(f"{self.library}.broadcast_to", piece, str(tuple(shape)), shape=shape)
        extra = len(whole) - len(shape)
        axes = tuple(range(extra)) + tuple(
            extra + k for k, n in enumerate(shape) if n == 1 and whole[extra + k] != 1
        )
        left = tuple(n for k, n in enumerate(whole) if k not in axes)
        summed = self.call(f"{self.library}.sum", piece, str(axes), shape=left)
        return self.reshape(summed, shape)

    def erf(self, x: Value) -> Coded:
        return self.helper("erf", x)

    def lgamma(self, x: Value) -> Coded:
        return self.helper("lgamma", x)

    def digamma(self, x: Value) -> Coded:
        return self.helper("digamma", x)

    def trigamma(self, x: Value) -> Coded:
        self.helpers.add("polygamma")
        return self.helper("trigamma", x)

    def polygamma(self, n: Value, x: Value) -> Coded:
        return self.helper("polygamma", n, x) if n else self.digamma(x)

    def sinc(self, x: Value) -> Coded:
        return self.call(f"{self.library}.sinc", self._argument(x))

    def erfc(self, x: Value) -> Coded:
        return self.helper("erfc", x)

    def softmax(self, x: Coded, axis: Any) -> Coded:
        return self.helper("softmax", x, str(axis), shape=x.shape)

    def log_softmax(self, x: Coded, axis: Any) -> Coded:
        return self.helper("log_softmax", x, str(axis), shape=x.shape)

    def logsumexp_along(self, x: Coded, axis: Any) -> Coded:
        found: Coded = self.log(self.sum(self.exp(x), axis))
        return found

    def sum_of_others(self, x: Value, axis: Any) -> Coded:
        piece = coded(x)
        if axis is None or not piece.shape:
            return self.sum(piece, axis) - piece
        return self.aligned(self.sum(piece, axis), axis) - piece

    def others(self, x: Coded, axis: Any) -> Coded:
        return self.helper("others", x, str(axis), shape=x.shape)

    def norm(self, x: Coded, axis: Any) -> Coded:
        found: Coded = self.sqrt(self.sum(self.square(x), axis))
        return found

    def one_hot(self, k: Value, count: int) -> Coded:
        k = coded(k)
        return self.helper("one_hot", k, str(count), shape=(*k.shape, count))


class TorchCode(Code, WindowsTorch, AttentionTorch):
    """The same for PyTorch, whose functions want tensors."""

    def __init__(self) -> None:
        super().__init__("torch")

    def _names(self) -> dict[str, str]:
        plain = {name: name for name in _FUNCTIONS}
        return {**plain, "cbrt": "cbrt", "atan2": "atan2"}

    def __getattr__(self, name: str) -> Callable[..., Coded]:
        if name == "cbrt":
            return lambda *values: self.helper("cbrt", *values)
        return super().__getattr__(name)

    def filled(self, x: Value, a: Value) -> Coded:
        """full_like takes no tensor."""
        ones = self.call("torch.ones_like", x, shape=coded(x).shape)
        return infix("*", Binding.PRODUCT, ones, coded(a))

    def detach(self, x: Value) -> Coded:
        piece = coded(x)
        return Coded(f"{piece.within(Binding.ATOM)}.detach()", shape=piece.shape)

    def floor_divide(self, a: Value, b: Value) -> Coded:
        return self.floor(self.divide(a, b))

    def number(self, text: str) -> Coded:
        return coded(repr(_NAMED[text]) if text in _NAMED else _plain(text))

    def _argument(self, value: Value) -> Coded:
        piece = coded(value)
        if _NAME.search(piece.text):
            return piece
        self.helpers.add("number")
        return Coded(f"number({piece.text})")

    def erf(self, x: Value) -> Coded:
        return self.call("torch.erf", x)

    def lgamma(self, x: Value) -> Coded:
        return self.call("torch.lgamma", x)

    def digamma(self, x: Value) -> Coded:
        return self.call("torch.digamma", x)

    def trigamma(self, x: Value) -> Coded:
        return self.call("torch.polygamma", 1, x)

    def polygamma(self, n: Value, x: Value) -> Coded:
        return self.call("torch.polygamma", n, x)

    def erfc(self, x: Value) -> Coded:
        return self.call("torch.erfc", x)

    def transpose(self, x: Coded, axes: Sequence[int] | None = None) -> Coded:
        """x.T is of matrices alone."""
        if axes is None and len(x.shape) > 2:
            axes = range(len(x.shape))[::-1]
        if len(x.shape) == 2 or axes is None:
            return super().transpose(x, axes)
        shape = tuple(x.shape[axis] for axis in axes)
        return self.call("torch.permute", x, str(tuple(axes)), shape=shape)

    def _most(self, name: str) -> str:
        return f"a{name}"

    def identity(self, shape: Shape) -> Coded:
        return self._of_doubles(super().identity(shape))

    def ones(self, shape: Shape) -> Coded:
        return self._of_doubles(super().ones(shape))

    def full(self, a: Value, shape: Shape) -> Coded:
        found = super().full(a, shape)
        return self._of_doubles(found) if isinstance(a, int) else found

    @staticmethod
    def _of_doubles(made: Coded) -> Coded:
        """What PyTorch makes of a shape is of 32 bits, unless it is told."""
        return Coded(f"{made.text[:-1]}, dtype=torch.float64)", shape=made.shape)

    def logdet(self, x: Coded) -> Coded:
        return self.call("torch.logdet", x, shape=x.shape[:-2])

    def softmax(self, x: Coded, axis: Any) -> Coded:
        return self.call("torch.softmax", x, str(axis), shape=x.shape)

    def log_softmax(self, x: Coded, axis: Any) -> Coded:
        return self.call("torch.log_softmax", x, str(axis), shape=x.shape)


def _places(axis: Any, count: int) -> list[int]:
    """One axis or several, counted from the front."""
    return [a % count for a in (axis if isinstance(axis, tuple) else (axis,))]


def _plain(text: str) -> str:
    """A literal as Python reads it: 007 is 7."""
    try:
        value = float(text)
    except ValueError:
        return text
    return repr(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)
