"""Calls of NumPy, PyTorch and what is like them: values that they make, arrays that they only
show in another way, and gates, which stay calls in the formula."""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping, Sequence

from backtrace.code import known
from backtrace.code.containers import Containers
from backtrace.code.gatecalls import IN_PLACE, GateCall
from backtrace.code.makers import made_value
from backtrace.code.modules import made_module
from backtrace.code.operands import are_yes_or_no, as_number, yes_and_no
from backtrace.code.partings import PARTINGS, parted
from backtrace.code.values import (
    Array,
    Builtin,
    CannotRead,
    Dictionary,
    Known,
    Scope,
    Several,
    Value,
)
from backtrace.code.words import (
    CALLED,
    CHANGERS,
    COPIES,
    DATA,
    DETACHED,
    MAKERS,
    PREFIXES,
    SAME,
    UNTOUCHED,
    WHOLE,
)
from backtrace.language import tell

_LIBRARY = {"np": "numpy", "torch": "torch", "F": "torch", "jnp": "numpy", "special": "numpy"}
_RANDOM = ("numpy.random", "random", "torch.random", "jax.random")
_GENERATORS = ("default_rng", "RandomState", "Generator", "manual_seed", "seed", "PRNGKey")

_WHOLE_KINDS = ("int", "long", "bool", "short", "byte")
_COPYING = ("numpy.sort", "torch.sort", "jax.numpy.sort")  # x.sort() sorts x


class Library(Containers):
    """What the modules of PREFIXES have, and what arrays have behind a dot."""

    def called_with(self, called: Value, placed: list[Value], node: ast.AST) -> Value:
        raise NotImplementedError

    def library(self, path: str, node: ast.Call, scope: Scope) -> Value:
        """The function that a path of names means: numpy.linalg.norm, relu."""
        module, _, name = path.rpartition(".")
        if name in _GENERATORS:
            self.notes += [tell("random numbers are backtrace's own (--seed)")] * (not self.notes)
            return Builtin("numpy.random")
        if name in ("tqdm", "trange") and node.args:
            inner = self.value(node.args[0], scope)
            is_count = name == "trange" and isinstance(inner, Known)
            return Known(range(inner.value)) if is_count and isinstance(inner, Known) else inner
        if path in ("torch.device", "torch.cuda.is_available"):
            return Known(False if path.endswith("available") else "cpu")
        if module == "torch.optim" or name in ("DataLoader", "SummaryWriter"):
            return Builtin(path)
        if module == "torch.nn" and name != "Parameter":
            return made_module(name, *self.arguments(node, scope), node)
        if name == "Value" and module:
            return self._value_of_micrograd(node, scope)
        if name == "Parameter" and module.startswith("torch.nn"):
            return self.value(node.args[0], scope)
        is_changed = name in CHANGERS and path not in _COPYING
        if name.endswith("_") and not name.endswith("__") and node.args:
            placed, named = self.arguments(node, scope)
            first = self.array(placed[0], node)
            return self.changed_by_call(node.args[0], first, name, (placed[1:], named), node, scope)
        if is_changed:
            raise CannotRead(
                tell("'{name}' changes a value where it stands", name=name), node, tell(IN_PLACE)
            )
        is_random = module in _RANDOM or (module == "torch" and name in MAKERS)
        if name in MAKERS and (is_random or module in PREFIXES or not module):
            placed, named = self.arguments(node, scope)
            made = made_value(self, name, placed, named, node)
            made.library = _LIBRARY.get(PREFIXES.get(module, ""), "") or made.library
            made.is_whole = self._makes_whole(name, placed, named)
            return made
        prefix = self._prefix(module)
        if prefix is None or (not prefix and name not in CALLED | PARTINGS):
            hint = tell("functions of the file, of NumPy and of PyTorch are")
            raise CannotRead(tell("'{path}' is not read", path=path), node, hint)
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
        if name == "outer" and library == "numpy":
            placed = [self._flat(value, node) for value in placed]
        if name in PARTINGS:
            return parted(self, GateCall(name, placed, named, node, prefix, library))
        return self.gate(GateCall(name, placed, named, node, prefix, library))

    def changed_by_call(
        self,
        called: ast.expr,
        of: Array,
        name: str,
        given: tuple[Sequence[Value], Mapping[str, Value]],
        node: ast.Call,
        scope: Scope,
    ) -> Value:
        raise NotImplementedError

    def _flat(self, value: Value, node: ast.AST) -> Value:
        """What NumPy's outer makes of a column: a vector."""
        if not isinstance(value, Array) or value.kind or len(self.shape(value, node)) < 2:
            return value
        count = ast.Constant(math.prod(self.shape(value, node)))
        made = ast.Call(ast.Attribute(as_number(value).node, "reshape"), [count], [])
        return self.made_of(made, [value], node)

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

    def _makes_whole(self, name: str, placed: list[Value], named: Mapping[str, Value]) -> bool:
        """Whether a maker makes whole numbers, as arange(3) and zeros_like of such do."""
        if "dtype" in named:
            return False
        if name.endswith("_like"):
            return isinstance(placed[0], Array) and placed[0].is_whole
        is_filled = name == "full" and len(placed) == 2 and self.is_whole(placed[1])
        return is_filled or (name == "arange" and all(map(self.is_whole, placed)))

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
            raise CannotRead(tell("{name}() of nothing", name=name), node)
        first = placed[0]
        self.refuse_whole(named.get("dtype"), first, node)
        if isinstance(first, Array) and not first.kind:
            copied = name in COPIES
            return Array(
                first.node, first.is_data, library, "", first.is_mask, None if copied else first
            )
        array = self.stacked(first, node)
        if are_yes_or_no(first) and not array.is_mask:
            array = yes_and_no(array)
            return Array(array.node, array.is_data, library, is_mask=True)
        is_whole = self.is_whole(first) and "dtype" not in named and bool(library)
        return Array(array.node, array.is_data, library, is_whole=is_whole)

    def stacked(self, value: Value, node: ast.AST) -> Array:
        """A list as an array: written out where it is of numbers, else stacked."""
        if not isinstance(value, Several):
            return self.array(value, node)
        parts = [self.stacked(item, node) for item in value.items]
        if not parts:
            raise CannotRead(tell("an empty list is no array"), node)
        if all(part.is_data for part in parts):
            return Array(ast.List([part.node for part in parts]), is_data=True)
        called = ast.Call(ast.Name("stack"), self.nodes(parts), [])
        return self.made_of(called, parts, node)

    def refuse_whole(self, kind: Value | None, value: Value | None, node: ast.AST) -> None:
        """dtype=int: numbers are cut off, which has no slope; whole numbers stay what they are."""
        word = getattr(kind, "path", "") or getattr(kind, "value", "")
        if not isinstance(word, str) or not any(w in word.lower() for w in _WHOLE_KINDS):
            return
        if value is None or not self.is_whole(value):
            hint = tell("np.floor(x) is read, and has a slope of 0")
            raise CannotRead(tell("numbers are cut off to whole ones"), node, hint)

    def is_whole(self, value: Value) -> bool:
        """Whether all numbers of it are whole for certain."""
        match value:
            case Known():
                return type(value.value) in (int, bool, range)
            case Several():
                return all(map(self.is_whole, value.items))
            case Array():
                return value.is_mask or value.is_whole or _is_whole(value.node)
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
            self.refuse_whole(kind, of, node)
        if name == "requires_grad_":
            return of
        if name in DETACHED and not of.is_data:
            if self.library_of(of) == "torch" or name == "detach":
                found = self.detached(of, node)
                found.library = "numpy" if name == "numpy" else of.library
                return found
            return of
        if of.is_mask:
            return as_number(of)
        part_of = None if name in COPIES else of
        kind_of = "" if name in ("copy", "clone") else of.kind
        node_of = of.node
        if part_of is None and self.keeps_gradients and of.name:
            node_of = ast.UnaryOp(ast.UAdd(), of.node)  # a copy has a line of its own
        same = Array(node_of, of.is_data, of.library, kind_of, of.is_mask, part_of)
        same.is_whole = of.is_whole and name in ("copy", "clone")
        same.library = {"numpy": "numpy", "from_numpy": "torch"}.get(name, of.library)
        return same

    # methods

    def method(self, of: Value, name: str, node: ast.Call, scope: Scope) -> Value:
        """x.sum(axis=0), rows.append(x), params.items()."""
        if isinstance(of, Several):
            return self._of_list_method(of, name, node, scope)
        if isinstance(of, Dictionary):
            return self._of_dictionary(of, name, node, scope)
        if isinstance(of, Known) and isinstance(of.value, str):
            placed, named = self.arguments(node, scope)
            return Known(known.of_text(of.value, name, self.plain(placed, node), node))
        array = self.array(of, node)
        placed, named = self.arguments(node, scope)
        if name == "get" and self.is_open(array.name):
            return self._got(array, placed, node)
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
        if name == "type" and len(placed) == 1:
            name = "to"
        if name in SAME or name in DETACHED:
            return self._same(name, array, placed, named, node)
        if name == "bool" and not placed:
            made = ast.Compare(self.nodes([as_number(array)])[0], [ast.NotEq()], [ast.Constant(0)])
            return array if array.is_mask else self.made_of(made, [array], node, is_mask=True)
        if name in WHOLE:
            kind = placed[0] if placed else named.get("dtype", Known("int"))
            self.refuse_whole(kind, array, node)
            return as_number(array)
        is_changed = name.endswith("_") and not name.endswith("__") and name not in UNTOUCHED
        if is_changed or (name == "fill" and isinstance(node.func, ast.Attribute)):
            assert isinstance(node.func, ast.Attribute)
            return self.changed_by_call(node.func.value, array, name, (placed, named), node, scope)
        if name in CHANGERS:
            raise CannotRead(
                tell("'{name}' changes a value where it stands", name=name), node, tell(IN_PLACE)
            )
        if name == "fill_" or array.kind == "list":
            raise CannotRead(tell("'.{name}()' of a list is not read", name=name), node)
        library = self.library_of(array)
        if name in PARTINGS:  # of an array, which NumPy's have no method for
            return parted(self, GateCall(name, placed, named, node, library="torch", of=array))
        return self.gate(GateCall(name, placed, named, node, library=library, of=array))


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
