"""The algebra of code, of what sets entries out in another way: x[whole(i)], np.tril, np.einsum."""

from __future__ import annotations

from collections.abc import Sequence

from backtrace.algebra import Value
from backtrace.algebra.coded import Coded, Shape, broadcast, coded
from backtrace.algebra.spelling import Binding


class ArrangedCode:
    library: str

    def call(self, name: str, *arguments: object, shape: Shape | None = None) -> Coded:
        raise NotImplementedError

    def helper(self, name: str, *arguments: object, shape: Shape | None = None) -> Coded:
        raise NotImplementedError

    def reshape(self, x: Coded, shape: Shape) -> Coded:
        raise NotImplementedError

    def looked_up(self, x: Coded, axis: int, *indices: Value) -> Coded:
        text = f"{x.within(Binding.ATOM)}[{self._whole_index(axis, indices)}]"
        return Coded(text, Binding.ATOM, self._looked_up_shape(x.shape, axis, indices))

    def added_up(self, u: Value, shape: Shape, axis: int, *indices: Value) -> Coded:
        where = f"np.s_[{self._whole_index(axis, indices)}]"
        return self.helper("added_up", u, where, str(shape), shape=shape)

    def _whole_index(self, axis: int, indices: Sequence[Value]) -> str:
        return ", ".join([*[":"] * axis, *(self.helper("whole", i).text for i in indices)])

    def _looked_up_shape(self, shape: Shape, axis: int, indices: Sequence[Value]) -> Shape:
        found = broadcast(*(coded(i).shape for i in indices))
        return (*shape[:axis], *found, *shape[axis + len(indices) :])

    def flip(self, x: Coded, axis: int | tuple[int, ...] | None) -> Coded:
        axes = range(len(x.shape)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
        return self.call(f"{self.library}.flip", x, str(tuple(axes)), shape=x.shape)

    def roll(self, x: Coded, shift: int, axis: int | None) -> Coded:
        along = [] if axis is None else [str(axis)]
        return self.call(f"{self.library}.roll", x, str(shift), *along, shape=x.shape)

    def in_order(self, x: Coded, axis: int) -> Coded:
        found = self.call(f"{self.library}.sort", x, str(axis), shape=x.shape)
        return found if self.library == "np" else Coded(f"{found.text}.values", shape=x.shape)

    def back_in_place(self, u: Coded, x: Coded, axis: int, ties: str) -> Coded:
        return self.helper("back_in_place", u, x, str(axis), f'"{ties}"', shape=x.shape)

    def tril(self, x: Coded, k: int) -> Coded:
        return self.call(f"{self.library}.tril", x, str(k), shape=x.shape)

    def triu(self, x: Coded, k: int) -> Coded:
        return self.call(f"{self.library}.triu", x, str(k), shape=x.shape)

    def cumsum(self, x: Coded, axis: int) -> Coded:
        return self.call(f"{self.library}.cumsum", x, str(axis), shape=x.shape)

    def cumprod(self, x: Coded, axis: int) -> Coded:
        return self.call(f"{self.library}.cumprod", x, str(axis), shape=x.shape)

    def cumsum_back(self, u: Coded, axis: int) -> Coded:
        return self.helper("cumsum_back", u, str(axis), shape=u.shape)

    def cumprod_back(self, u: Coded, x: Coded, axis: int) -> Coded:
        return self.helper("cumprod_back", u, x, str(axis), shape=x.shape)

    def diagonal(self, x: Coded, k: int) -> Coded:
        count = min(x.shape[0] + min(k, 0), x.shape[1] - max(k, 0))
        return self.call(f"{self.library}.diagonal", x, str(k), shape=(count,))

    def on_diagonal(self, u: Coded, shape: Shape, k: int) -> Coded:
        return self.helper("on_diagonal", u, str(shape), str(k), shape=shape)

    def identity(self, shape: Shape) -> Coded:
        return Coded(f"{self.library}.eye({', '.join(map(str, shape))})", shape=shape)

    def det(self, x: Coded) -> Coded:
        return self.call(f"{self.library}.linalg.det", x, shape=x.shape[:-2])

    def logdet(self, x: Coded) -> Coded:
        return self.helper("logdet", x, shape=x.shape[:-2])

    def inv(self, x: Coded) -> Coded:
        return self.call(f"{self.library}.linalg.inv", x, shape=x.shape)

    def solve(self, a: Coded, b: Coded) -> Coded:
        """NumPy's own idea of a vector beside a batch has changed: a column is one."""
        is_vector = len(b.shape) == 1
        if is_vector and len(a.shape) > 2:
            column = self.reshape(b, (*b.shape, 1))
            found = self.solve(a, column)
            return self.reshape(found, found.shape[:-1])
        shape = b.shape if is_vector else (*broadcast(a.shape[:-2], b.shape[:-2]), *b.shape[-2:])
        return self.call(f"{self.library}.linalg.solve", a, b, shape=shape)

    def kron(self, x: Coded, y: Coded) -> Coded:
        shape = tuple(a * b for a, b in zip(x.shape, y.shape, strict=True))
        return self.call(f"{self.library}.kron", x, y, shape=shape)

    def ones(self, shape: Shape) -> Coded:
        return Coded(f"{self.library}.ones({shape})", shape=shape)

    def full(self, a: Value, shape: Shape) -> Coded:
        if isinstance(a, Coded) and a.shape == shape:
            return a
        if isinstance(a, int):
            return Coded(f"{self.library}.{'ones' if a else 'zeros'}({shape})", shape=shape)
        return self.call(f"{self.library}.broadcast_to", self._argument(a), str(shape), shape=shape)

    def _argument(self, value: Value) -> Coded:
        raise NotImplementedError

    def einsum(self, subscripts: str, *values: Value) -> Coded:
        inputs, _, output = subscripts.partition("->")
        pieces = [coded(value) for value in values]
        lengths: dict[str, int] = {}
        for term, piece in zip(inputs.split(","), pieces, strict=True):
            lengths |= dict(zip(term, piece.shape, strict=True))
        shape = tuple(lengths[letter] for letter in output)
        return self.call(f"{self.library}.einsum", f'"{subscripts}"', *pieces, shape=shape)
