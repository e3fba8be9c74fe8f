"""The algebra of code, of windows that slide over arrays: helpers that the script defines; in
PyTorch its own functions."""

from __future__ import annotations

import math

from backtrace.algebra import Value
from backtrace.algebra.coded import Coded, Shape, coded


def _counts(shape: Shape, sizes: Shape, strides: Shape, padding: Shape) -> Shape:
    lengths = zip(shape[-len(sizes) :], sizes, strides, padding, strict=True)
    return tuple((n + 2 * z - size) // step + 1 for n, size, step, z in lengths)


class WindowsCode:
    helpers: set[str]

    def call(self, name: str, *arguments: object, shape: Shape | None = None) -> Coded:
        raise NotImplementedError

    def helper(self, name: str, *arguments: object, shape: Shape | None = None) -> Coded:
        raise NotImplementedError

    def _loop(self, name: str, *arguments: object, shape: Shape) -> Coded:
        """A helper that goes over the windows, and what that needs."""
        self.helpers |= {"padded", "unpadded", "windows"}
        return self.helper(name, *arguments, shape=shape)

    def convolved(self, x: Coded, w: Coded, strides: Shape, padding: Shape) -> Coded:
        shape = _convolved_shape(x, w, strides, padding)
        told = (str(shape), str(strides), str(padding))
        return self._loop("convolved", x, w, *told, shape=shape)

    def to_convolved(
        self, u: Coded, w: Coded, shape: Shape, strides: Shape, padding: Shape
    ) -> Coded:
        told = (str(shape), str(strides), str(padding))
        return self._loop("to_convolved", u, w, *told, shape=shape)

    def to_kernels(self, u: Coded, x: Coded, shape: Shape, strides: Shape, padding: Shape) -> Coded:
        told = (str(shape), str(strides), str(padding))
        return self._loop("to_kernels", u, x, *told, shape=shape)

    def window_sum(self, x: Coded, sizes: Shape, strides: Shape, padding: Shape) -> Coded:
        shape = _pooled_shape(x, sizes, strides, padding)
        told = (str(shape), str(sizes), str(strides), str(padding))
        return self._loop("window_sum", x, *told, shape=shape)

    def to_window_sum(
        self, u: Value, shape: Shape, sizes: Shape, strides: Shape, padding: Shape
    ) -> Coded:
        told = (str(shape), str(sizes), str(strides), str(padding))
        return self._loop("to_window_sum", u, *told, shape=shape)

    def window_max(self, x: Coded, sizes: Shape, strides: Shape, padding: Shape) -> Coded:
        shape = _pooled_shape(x, sizes, strides, padding)
        told = (str(shape), str(sizes), str(strides), str(padding))
        return self._loop("window_max", x, *told, shape=shape)

    def to_window_max(
        self,
        u: Value,
        f: Coded,
        x: Coded,
        sizes: Shape,
        strides: Shape,
        padding: Shape,
        ties: str = "share",
    ) -> Coded:
        told = (str(sizes), str(strides), str(padding), *[f'"{ties}"'] * (ties != "share"))
        return self._loop("to_window_max", u, f, x, *told, shape=x.shape)


def _convolved_shape(x: Coded, w: Coded, strides: Shape, padding: Shape) -> Shape:
    counts = _counts(x.shape, w.shape[2:], strides, padding)
    return (*x.shape[: -len(counts) - 1], w.shape[0], *counts)


def _pooled_shape(x: Coded, sizes: Shape, strides: Shape, padding: Shape) -> Shape:
    return (*x.shape[: -len(sizes)], *_counts(x.shape, sizes, strides, padding))


class WindowsTorch(WindowsCode):
    """The forward pass in PyTorch's own functions, whose backward pass is its own too."""

    def reshape(self, x: Coded, shape: Shape) -> Coded:
        raise NotImplementedError

    def convolved(self, x: Coded, w: Coded, strides: Shape, padding: Shape) -> Coded:
        called = f"torch.nn.functional.conv{len(strides)}d"
        told = ("None", str(strides), str(padding))
        return self.call(called, x, w, *told, shape=_convolved_shape(x, w, strides, padding))

    def window_max(self, x: Coded, sizes: Shape, strides: Shape, padding: Shape) -> Coded:
        return self._pooled("max", x, sizes, strides, padding)

    def window_sum(self, x: Coded, sizes: Shape, strides: Shape, padding: Shape) -> Coded:
        found = self._pooled("avg", x, sizes, strides, padding)
        return found * math.prod(sizes)

    def _pooled(self, name: str, x: Coded, sizes: Shape, strides: Shape, padding: Shape) -> Coded:
        """PyTorch pools with a batch and channels in front, however many axes there are here."""
        axes, shape = len(sizes), _pooled_shape(x, sizes, strides, padding)
        images = self.reshape(coded(x), (1, -1, *x.shape[-axes:]))
        called = f"torch.nn.functional.{name}_pool{axes}d"
        told = (str(sizes), str(strides), str(padding))
        inner = (*images.shape[:2], *shape[len(shape) - axes :])
        return self.reshape(self.call(called, images, *told, shape=inner), shape)


__all__ = ["WindowsCode", "WindowsTorch"]
