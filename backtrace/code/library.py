"""Calls of NumPy, PyTorch and what is like them: values that they make, arrays that they only
show in another way, and gates, which stay calls in the formula."""

from __future__ import annotations

import ast
from collections.abc import Mapping, Sequence

from backtrace.code import known
from backtrace.code.expressions import as_number
from backtrace.code.indexing import Indexing
from backtrace.code.makers import made_value
from backtrace.code.values import (
    Array,
    Builtin,
    CannotRead,
    Dictionary,
    Known,
    Scope,
    Several,
    Unreadable,
    Value,
)
from backtrace.code.words import (
    CALLED,
    CHANGERS,
    COPIES,
    DATA,
    DETACHED,
    MAKERS,
    PASSED_OVER,
    PREFIXES,
    SAME,
    UNTOUCHED,
    VIEWS,
    WHOLE,
)

_LIBRARY = {"np": "numpy", "torch": "torch", "F": "torch", "jnp": "numpy", "special": "numpy"}
_PAIRED = ("max", "min", "median", "mode", "sort", "topk", "kthvalue", "cummax", "cummin")
_RANDOM = ("numpy.random", "random", "torch.random", "jax.random")
_GENERATORS = ("default_rng", "RandomState", "Generator", "manual_seed", "seed", "PRNGKey")
_TURNED = ("transpose", "swapaxes", "permute")
_JOINED = ("concatenate", "cat", "stack", "hstack", "vstack", "column_stack", "dstack")


class Library(Indexing):
    """What the modules of PREFIXES have, and what arrays have behind a dot."""

    def arguments(self, node: ast.Call, scope: Scope) -> tuple[list[Value], dict[str, Value]]:
        raise NotImplementedError

    def append(self, of: Several, item: Value, node: ast.Call, scope: Scope) -> None:
        raise NotImplementedError

    def library(self, path: str, node: ast.Call, scope: Scope) -> Value:
        """The function that a path of names means: numpy.linalg.norm, relu."""
        module, _, name = path.rpartition(".")
        if name in _GENERATORS:
            return Builtin("numpy.random")
        if path in ("micrograd.engine.Value",):
            return self._value_of_micrograd(node, scope)
        if module in ("torch.nn", "torch.optim") and name == "Parameter":
            return self.value(node.args[0], scope)
        if (name.endswith("_") and not name.endswith("__")) or name in CHANGERS:
            raise CannotRead(f"'{name}' changes a value where it stands", node, _IN_PLACE)
        is_random = module in _RANDOM or (module == "torch" and name in MAKERS)
        if name in MAKERS and (is_random or module in PREFIXES or not module):
            placed, named = self.arguments(node, scope)
            made = made_value(self, name, placed, named, node)
            made.library = _LIBRARY.get(PREFIXES.get(module, ""), "") or made.library
            return made
        prefix = self._prefix(module)
        if prefix is None or (not prefix and name not in CALLED):
            hint = "functions of the file, of NumPy and of PyTorch are"
            raise CannotRead(f"'{path}' is not read", node, hint)
        placed, named = self.arguments(node, scope)
        library = _LIBRARY.get(prefix.partition(".")[0], "")
        if name in DATA:
            return self._as_array(name, placed, named, node, library)
        if name in SAME or name in DETACHED:
            return self._same(name, self.array(placed[0], node), placed[1:], named, node)
        if name in known.MATHEMATICS and all(isinstance(v, Known) for v in placed):
            numbers = [v.value for v in placed if isinstance(v, Known)]
            if all(type(v) in (int, float) for v in numbers):
                is_measured = any(v.measured for v in placed if isinstance(v, Known))
                return Known(known.called(name, numbers, node), is_measured)
        return self._gate(_dotted(prefix, name), name, placed, named, node, library)

    @staticmethod
    def _prefix(module: str) -> str | None:
        """What a formula calls the module; None for one that is not read."""
        if not module:
            return ""
        if module in PREFIXES:
            return PREFIXES[module]
        for known_module, prefix in PREFIXES.items():
            if module.startswith(f"{known_module}.") and not module.startswith("torch.nn"):
                return prefix + module.removeprefix(known_module)
        return None

    def _value_of_micrograd(self, node: ast.Call, scope: Scope) -> Value:
        value = self.value(node.args[0], scope)
        array = self.array(value, node)
        return Array(array.node, array.is_data, "torch", "number")

    def _as_array(
        self,
        name: str,
        placed: Sequence[Value],
        named: Mapping[str, Value],
        node: ast.AST,
        library: str,
    ) -> Array:
        """np.array([...]): numbers as an array; entries that depend on inputs are stacked."""
        if not placed:
            raise CannotRead(f"{name}() of nothing", node)
        first = placed[0]
        self._refuse_whole(named.get("dtype"), first, node)
        if isinstance(first, Array) and not first.kind:
            copied = name in COPIES
            return Array(
                first.node, first.is_data, library, "", first.is_mask, None if copied else first
            )
        array = self._stacked(first, node)
        return Array(array.node, array.is_data, library)

    def _stacked(self, value: Value, node: ast.AST) -> Array:
        """A list as an array: written out where it is of numbers, else stacked."""
        if not isinstance(value, Several):
            return self.array(value, node)
        parts = [self._stacked(item, node) for item in value.items]
        if not parts:
            raise CannotRead("an empty list is no array", node)
        if all(part.is_data for part in parts):
            return Array(ast.List([part.node for part in parts]), is_data=True)
        called = ast.Call(ast.Name("stack"), self.nodes(parts), [])
        return self._made_of(called, parts, node)

    def _refuse_whole(self, kind: Value | None, value: Value | None, node: ast.AST) -> None:
        """dtype=int: numbers are cut off, which has no slope; whole numbers stay what they are."""
        word = getattr(kind, "path", "") or getattr(kind, "value", "")
        if not isinstance(word, str) or not any(w in word for w in ("int", "long", "bool")):
            return
        if value is None or not self.is_whole(value):
            hint = "np.floor(x) is read, and has a slope of 0"
            raise CannotRead("numbers are cut off to whole ones", node, hint)

    def is_whole(self, value: Value) -> bool:
        """Whether all numbers of it are whole for certain."""
        match value:
            case Known():
                return type(value.value) in (int, bool, range)
            case Several():
                return all(map(self.is_whole, value.items))
            case Array():
                return value.is_mask or _is_whole(value.node)
        return False

    def _same(
        self,
        name: str,
        of: Array,
        placed: Sequence[Value],
        named: Mapping[str, Value],
        node: ast.AST,
    ) -> Array:
        """x.float(), x.clone(), x.detach(): the same numbers."""
        for kind in (*placed, named.get("dtype")):
            self._refuse_whole(kind, of, node)
        if name == "requires_grad_":
            return of
        if name in DETACHED and not of.is_data:
            if self.library_of(of) == "torch" or name == "detach":
                return self.detached(of, node)
            return of
        if of.is_mask:
            return as_number(of)
        part_of = None if name in COPIES else of
        kind_of = "" if name in ("copy", "clone") else of.kind
        return Array(of.node, of.is_data, of.library, kind_of, of.is_mask, part_of)

    # gates

    def _gate(
        self,
        function: ast.expr,
        name: str,
        placed: Sequence[Value],
        named: Mapping[str, Value],
        node: ast.AST,
        library: str,
        of: Array | None = None,
    ) -> Value:
        """A call that stays one in the formula; `of` is what stands before the dot."""
        if name == "squeeze" and not named and len(placed) == (of is None):
            return self._squeezed(of if of is not None else self.array(placed[0], node), node)
        if name in _TURNED:
            return self._turned(name, of, placed, named, node, library)
        if name not in CALLED:
            raise CannotRead(f"'{name}' is not read", node, _GATES)
        if "out" in named:
            raise CannotRead(f"'{name}' changes a value where it stands", node, _IN_PLACE)
        if isinstance(named.get("inplace"), Known) and named["inplace"] != Known(False):
            raise CannotRead(f"'{name}' changes a value where it stands", node, _IN_PLACE)
        self._refuse_whole(named.get("dtype"), None, node)
        if name in _JOINED and placed and isinstance(placed[0], Several):
            arrays = [self.array(item, node) for item in placed[0].items]
            nodes: list[ast.expr] = [ast.List(self.nodes(arrays))]
            rest = [self.array(value, node) for value in placed[1:]]
            arrays += rest
            nodes += [part.node for part in rest]
        else:
            arrays = [of] if of is not None else []
            arrays += [self._argument(value, node) for value in placed]
            if name != "where":
                arrays = [as_number(array) for array in arrays]
            nodes = self.nodes(arrays)
        if of is not None:
            function = ast.Attribute(nodes.pop(0), name)
        library = library or next((a.library for a in arrays if a.library), "")
        library = library or (next(iter(self.libraries)) if len(self.libraries) == 1 else "")
        keywords = [
            ast.keyword(key, self._argument(value, node).node)
            for key, value in named.items()
            if key not in PASSED_OVER
        ]
        is_paired = self._is_paired(name, placed, named, library, node, of is not None)
        if name in ("var", "std"):
            keywords += self._spread(name, named, library, node)
        called = ast.copy_location(ast.Call(function, nodes, keywords), node)
        shown = arrays[0] if arrays and name in VIEWS else None
        result = self._made_of(called, arrays, node, part_of=shown)
        result.library = library
        if library and library != "numpy":
            result.kind = ""
        if is_paired:
            refused = CannotRead("the places of entries are not read", node, "the values are")
            return Several([result, Unreadable(refused)], is_tuple=True)
        return result

    def _squeezed(self, of: Array, node: ast.AST) -> Array:
        """squeeze() of all axes of length 1."""
        lengths = [length for length in self.shape(of, node) if length != 1]
        shape: list[ast.expr] = [ast.Constant(length) for length in lengths]
        made: ast.expr = ast.Call(ast.Attribute(of.node, "reshape"), shape, [])
        if not lengths:
            made = ast.Call(ast.Name("sum"), [of.node], [])
        return self._made_of(made, [of], node, of.is_mask, part_of=of)

    def _turned(
        self,
        name: str,
        of: Array | None,
        placed: Sequence[Value],
        named: Mapping[str, Value],
        node: ast.AST,
        library: str,
    ) -> Array:
        """transpose, swapaxes, permute: NumPy's transpose takes all axes, PyTorch's swaps two."""
        array = of if of is not None else self.array(placed[0], node)
        given = [*(placed if of is not None else placed[1:]), *named.values()]
        axes: list[int] = []
        for value in given:
            is_one = isinstance(value, Known) and type(value.value) is int
            held = [value] if is_one else self.items(value, node)
            axes += [v.value for v in held if isinstance(v, Known) and type(v.value) is int]
        count = len(self.shape(array, node))
        is_swap = name == "swapaxes" or (name == "transpose" and library == "torch")
        if name == "transpose" and not library and len(axes) == 2 and count != 2:
            hint = "x.permute(0, 2, 1), np.swapaxes(x, 1, 2)"
            raise CannotRead("'transpose' of two axes is another thing in PyTorch", node, hint)
        order = list(range(count))
        wanted = [axis % count for axis in axes if -count <= axis < count]
        if len(wanted) != len(axes) or len(axes) not in ((2,) if is_swap else (0, count)):
            raise CannotRead(f"these are not the axes of {count}", node, "axes are counted from 0")
        if is_swap:
            first, second = wanted
            order[first], order[second] = second, first
        else:
            order = wanted or order[::-1]
        if sorted(order) != list(range(count)):
            raise CannotRead("an axis stands there twice", node)
        made: ast.expr = array.node
        if order == list(range(count))[::-1]:
            made = ast.Attribute(array.node, "T") if count > 1 else array.node
        elif order != list(range(count)):
            axes_node = ast.Tuple([ast.Constant(axis) for axis in order])
            made = ast.Call(_dotted("np", "transpose"), [array.node, axes_node], [])
        turned = self._made_of(made, [array], node, array.is_mask, part_of=array)
        turned.library = array.library or library
        return turned

    def _argument(self, value: Value, node: ast.AST) -> Array:
        """An argument of a gate: numbers, arrays, and texts and None as they are."""
        if isinstance(value, Known) and (
            value.value is None or isinstance(value.value, str | bool)
        ):
            return Array(ast.Constant(value.value), is_data=True, kind="number")
        if isinstance(value, Known) and isinstance(value.value, tuple):
            return Array(
                ast.Tuple([ast.Constant(v) for v in value.value]), is_data=True, kind="number"
            )
        if (
            isinstance(value, Several)
            and value.is_tuple
            and all(isinstance(v, Known) and type(v.value) in (int, tuple) for v in value.items)
        ):
            parts = [self._argument(item, node).node for item in value.items]
            return Array(ast.Tuple(parts), is_data=True, kind="number")
        return self.array(value, node)

    def _is_paired(
        self,
        name: str,
        placed: Sequence[Value],
        named: Mapping[str, Value],
        library: str,
        node: ast.AST,
        is_method: bool,
    ) -> bool:
        """Whether it gives values and places: torch's x.max(1). NumPy's gives the values."""
        if name not in _PAIRED:
            return False
        others = list(placed) if is_method else list(placed[1:])
        is_axis = bool(others) and isinstance(others[0], Known)
        if not (is_axis or "dim" in named or "axis" in named):
            return False
        if not library:
            hint = f"np.{name}(x, axis=1), or torch.{name}(x, dim=1).values"
            raise CannotRead(f"'{name}' along an axis is another thing in PyTorch", node, hint)
        return library == "torch"

    def _spread(
        self,
        name: str,
        named: Mapping[str, Value],
        library: str,
        node: ast.AST,
    ) -> list[ast.keyword]:
        """var and std: NumPy divides by n, PyTorch by n - 1, unless they are told."""
        if any(word in named for word in ("ddof", "unbiased", "correction")):
            return []
        if not library:
            hint = "say ddof=0 (NumPy) or unbiased=True (PyTorch)"
            raise CannotRead(f"'{name}' divides by n or by n - 1", node, hint)
        return [ast.keyword("ddof", ast.Constant(int(library == "torch")))]

    # methods

    def method(self, of: Value, name: str, node: ast.Call, scope: Scope) -> Value:
        """x.sum(axis=0), rows.append(x), params.items()."""
        if isinstance(of, Several):
            return self._of_list_method(of, name, node, scope)
        if isinstance(of, Dictionary):
            return self._of_dictionary(of, name, node, scope)
        if isinstance(of, Known) and isinstance(of.value, str):
            raise CannotRead(f"'.{name}()' of a text is not read", node)
        array = self.array(of, node)
        placed, named = self.arguments(node, scope)
        if name in ("size", "dim", "numel", "nelement", "ndimension"):
            shape = self.shape(array, node)
            if name == "size" and placed and isinstance(placed[0], Known):
                return Known(shape[placed[0].value], measured=True)
            if name == "size":
                return Known(shape, measured=True)
            count = 1
            for length in shape:
                count *= length
            count = len(shape) if name in ("dim", "ndimension") else count
            return Known(count, measured=True)
        if name in SAME or name in DETACHED:
            return self._same(name, array, placed, named, node)
        if name in WHOLE:
            kind = placed[0] if placed else named.get("dtype", Known("int"))
            self._refuse_whole(kind, array, node)
            return as_number(array)
        is_changed = name.endswith("_") and not name.endswith("__") and name not in UNTOUCHED
        if is_changed or name in CHANGERS:
            raise CannotRead(f"'{name}' changes a value where it stands", node, _IN_PLACE)
        if name == "fill_" or array.kind == "list":
            raise CannotRead(f"'.{name}()' of a list is not read", node)
        function = ast.Attribute(array.node, name)
        return self._gate(function, name, placed, named, node, self.library_of(array), array)

    def _of_list_method(self, of: Several, name: str, node: ast.Call, scope: Scope) -> Value:
        placed, _ = self.arguments(node, scope)
        match name:
            case "append" if len(placed) == 1:
                self.append(of, placed[0], node, scope)
            case "extend" if len(placed) == 1:
                for item in self.items(placed[0], node):
                    self.append(of, item, node, scope)
            case "insert" if len(placed) == 2 and isinstance(placed[0], Known):
                self.append(of, placed[1], node, scope)
                of.items.insert(placed[0].value, of.items.pop())
            case "reverse":
                of.items.reverse()
            case "copy":
                return Several(list(of.items), of.is_tuple)
            case "pop" if of.items and (not placed or isinstance(placed[0], Known)):
                at = placed[0].value if placed and isinstance(placed[0], Known) else -1
                if not -len(of.items) <= at < len(of.items):
                    raise CannotRead("there is no such entry", node)
                return of.items.pop(at)
            case "add" if len(placed) == 1:
                if placed[0] not in of.items:
                    of.items.append(placed[0])
            case _:
                raise CannotRead(f"'.{name}()' of a list is not read", node)
        return Known(None)

    def _of_dictionary(self, of: Dictionary, name: str, node: ast.Call, scope: Scope) -> Value:
        placed, named = self.arguments(node, scope)
        keys: list[Value] = [k if isinstance(k, Value) else Known(k) for k in of.items]
        match name:
            case "keys":
                return Several(keys)
            case "values":
                return Several(list(of.items.values()))
            case "items":
                pairs = zip(keys, of.items.values(), strict=True)
                return Several([Several([key, value], is_tuple=True) for key, value in pairs])
            case "copy":
                return Dictionary(dict(of.items))
            case "get" if placed:
                key = self._hashable(placed[0], node)
                return of.items.get(key, placed[1] if len(placed) > 1 else Known(None))
            case "update" if not placed or isinstance(placed[0], Dictionary):
                for other in placed:
                    of.items |= other.items if isinstance(other, Dictionary) else {}
                of.items |= named
                return Known(None)
        raise CannotRead(f"'.{name}()' of a dictionary is not read", node)


_GATES = "backtrace gates lists the functions"
_IN_PLACE = "give the new value a name: h = torch.relu(h)"


def _dotted(prefix: str, name: str) -> ast.expr:
    """np.linalg.norm as nodes; a name alone where there is no prefix."""
    if not prefix:
        return ast.Name(name)
    first, *more = prefix.split(".")
    node: ast.expr = ast.Name(first)
    for part in (*more, name):
        node = ast.Attribute(node, part)
    return node


def _is_whole(node: ast.expr) -> bool:
    """Whether numbers that are written out, or made by randint, are all whole."""
    match node:
        case ast.Constant():
            return type(node.value) in (int, bool)
        case ast.List():
            return all(map(_is_whole, node.elts))
        case ast.UnaryOp():
            return _is_whole(node.operand)
        case ast.Call(func=ast.Name(id="randint" | "one_hot" | "floor")):
            return True
    return False
