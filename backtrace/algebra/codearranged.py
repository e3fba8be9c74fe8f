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

    def ones(self, shape: Shape) -> Coded:
        return Coded(f"{self.library}.ones({', '.join(map(str, shape))})", shape=shape)

    def einsum(self, subscripts: str, *values: Value) -> Coded:
        inputs, _, output = subscripts.partition("->")
        pieces = [coded(value) for value in values]
        lengths: dict[str, int] = {}
        for term, piece in zip(inputs.split(","), pieces, strict=True):
            lengths |= dict(zip(term, piece.shape, strict=True))
        shape = tuple(lengths[letter] for letter in output)
        return self.call(f"{self.library}.einsum", f'"{subscripts}"', *pieces, shape=shape)
