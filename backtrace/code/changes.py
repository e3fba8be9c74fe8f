"""What changes a value where it stands: h += b, x[0] = 3, x[x < 0] = 0.

An array that is changed is changed under all its names. Where another name shows a part of it, or
shows it in another shape, that part would change too: this is refused, never guessed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from backtrace.code.calls import Calls
from backtrace.code.masked import of_whole_arrays
from backtrace.code.operands import as_number, is_made
from backtrace.code.rows import Rows
from backtrace.code.values import (
    Array,
    CannotRead,
    Class,
    Dictionary,
    Function,
    Instance,
    Known,
    Module,
    Scope,
    Several,
    Value,
    whole_of,
)
from backtrace.code.writer import written
from backtrace.gates.shapes import say
from backtrace.language import marked, tell

HELD_AS = ("data", "value", "val")  # what classes of the code's own call the number they hold
_NUMBER = re.compile(r"[-+\d.e]+")  # np.array(3.0): an array, of one number
_HINT = marked("give the new value a name of its own: b = a + 1")

_GRADIENTS = ("grads", "grad", "gradients")  # what people call a dictionary of them


def held_in(of: Class) -> tuple[str, ...]:
    """The attributes that may hold the number of an object, the likeliest first: those with a
    usual name, and what __init__ makes of its first argument: self.v = float(v)."""
    start = of.find("__init__")
    if not isinstance(start, Function) or len(start.node.args.args) < 2:
        return HELD_AS
    owner, given = (argument.arg for argument in start.node.args.args[:2])
    for node in ast.walk(start.node):
        for target, value in _pairs_of(node):
            names = {part.id for part in ast.walk(value) if isinstance(part, ast.Name)}
            match target:
                case ast.Attribute(value=ast.Name(id=name)) if name == owner and given in names:
                    return (*HELD_AS, target.attr)
    return HELD_AS


def _pairs_of(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """What an assignment gives what: of `self.v, self.g = v, 0.0` one by one."""
    match node:
        case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)):
            yield from zip(targets, values, strict=False)
        case ast.Assign(targets=[target], value=value):
            yield target, value
        case ast.AnnAssign(target=target, value=ast.expr() as value):
            yield target, value


class Changes(Calls):
    """Assignments to names, attributes, entries; and what is changed in place."""

    def bind(self, name: str, found: Value, scope: Scope, node: ast.AST) -> Value:
        """What a name stands for from now on: an input, a stage, or what is known."""
        value = self.named(found, name, scope, node)
        scope.bind(name, value)
        return value

    def named(self, found: Value, name: str, scope: Scope | None, node: ast.AST) -> Value:
        """The value, with a stage or an input for what is to be remembered."""
        match found:
            case Array(is_data=True, is_mask=True):
                made = self.add_input(as_number(found), name, scope)
                found.node = ast.Compare(made, [ast.Gt()], [ast.Constant(0.5)])
                found.is_data = False
            case Array(is_data=True):
                found.node, found.is_data = self.add_input(found, name, scope), False
            case Array() if not (found.name or found.is_mask):  # yes and no stay comparisons
                if self.without_gradient:
                    found.node = self.detached(found, node).node
                found.node = self.add_stage(found, name, node, scope)
            case Several():
                for place, item in enumerate(found.items):
                    self._inside(item, f"{name}_{place}", scope, node)
            case Instance():
                self._named_number(found, name, scope, node)
            case Module():
                for key, item in found.names.items():
                    self._inside(item, f"{name}_{_word(key)}", scope, node)
            case Dictionary():
                for key, item in found.items.items():
                    is_name = isinstance(key, str) and key.isidentifier()
                    inner = key if is_name else f"{name}_{_word(key)}"
                    self._inside(item, inner, scope, node)
                    if is_name and self.keeps_gradients:
                        found.items[key] = self._parameter_of(item, inner, scope, node)
        return found

    def _named_number(self, of: Instance, name: str, scope: Scope | None, node: ast.AST) -> None:
        """x = Value(2.0), of a class of the code's own: the number that it holds is called x."""
        for word in held_in(of.of):
            held = of.names.get(word)
            if isinstance(held, Known) and type(held.value) in (int, float):
                held = of.names[word] = self.array(held, node)
            if isinstance(held, Array):
                self.named(held, name, scope, node)
                self.call_it(held.name, name)
                return

    def _inside(self, item: Value, name: str, scope: Scope | None, node: ast.AST) -> None:
        """What stands in a list is worked out once, and random numbers are drawn once."""
        is_literal = isinstance(item, Array) and item.is_data and not is_made(item.node)
        if isinstance(item, Array | Several | Dictionary | Module) and not is_literal:
            self.named(item, name, scope, node)

    def _parameter_of(self, item: Value, name: str, scope: Scope | None, node: ast.AST) -> Value:
        """{"w": np.array([1.0, 2.0]), "b": 0.0}: inputs, of which there may be gradients."""
        if isinstance(item, Known) and type(item.value) is float and not item.measured:
            item = self.array(item, node)
        return self.named(item, name, scope, node) if isinstance(item, Array) else item

    def append(self, of: Several, item: Value, node: ast.Call, scope: Scope) -> None:
        """An entry more: states.append(h) is states_3."""
        assert isinstance(node.func, ast.Attribute)
        self._inside(item, f"{base_name(node.func.value)}_{len(of.items)}", scope, node)
        of.items.append(item)

    # in place

    def change(self, of: Array, new: Array, name: str, scope: Scope, node: ast.AST) -> None:
        """The array has a new value, under all its names. Raises CannotRead where others that
        are still needed would change with it."""
        self._refuse_shared(of, node)
        if of.is_whole and not (new.is_whole or self.is_whole(new)):
            hint = tell("write one of its numbers with a point: np.array([1.0, 2])")
            raise CannotRead(tell("an array of whole numbers keeps whole ones only"), node, hint)
        if self.begins and self._is_alone(of) and self.revalued(of.name, new.node):
            return
        new.is_data = False
        begun = of.name.partition("_v")[0]
        of.node = self.add_stage(new, begun or name, node, None if begun else scope)
        of.is_data = False

    def replace(self, of: Array, new: Array, name: str, scope: Scope, node: ast.AST) -> None:
        """As `change`; data is an input's other value, or an input of its own."""
        if not new.is_data:
            self.change(of, new, name, scope, node)
            return
        self._refuse_shared(of, node)
        if not (self._is_alone(of) and self.revalued(of.name, new.node)):
            of.node = self.add_input(new, name, scope)
        of.is_data = False

    def _is_alone(self, of: Array) -> bool:
        """Whether nothing else is the input that it is: no copy of it, and nothing computed."""
        is_copied = any(other is not of and other.name == of.name for other in self._held())
        return bool(of.name) and not is_copied and not self.is_used(of.name)

    def is_changed_in_place(self, of: Value, node: ast.AST) -> bool:
        """Whether `a += 1` changes the array that a is; a number is replaced by a new one."""
        if not isinstance(of, Array) or of.kind == "number":
            return False
        return not self._is_number(of, node)

    def refuse_other_shape(self, of: Array, new: Array, node: ast.AugAssign) -> None:
        """Raises CannotRead where `a += b` has another shape than a, which NumPy and PyTorch
        refuse: the array stays as long as it is."""
        try:
            own = self.shape(of, node)
        except CannotRead:
            return
        other = self.shape(new, node)
        if own != other:
            holds = say(own) if own else tell("a number")
            what = tell(
                "what is changed in place is {holds} and cannot hold {other}",
                holds=holds,
                other=say(other),
            )
            plain = ast.BinOp(ast.Name(ast.unparse(node.target)), node.op, node.value)
            hint = tell(
                "write {unparse} = {plain_unparse}",
                unparse=ast.unparse(node.target),
                plain_unparse=ast.unparse(plain),
            )
            raise CannotRead(what, node, hint)

    def _is_number(self, of: Array, node: ast.AST) -> bool:
        """Whether it is a number and no array of one: what NumPy's sums and entries are."""
        try:
            has_axes = bool(self.shape(of, node))
        except CannotRead:
            return False
        is_array = of.name in self.point and bool(_NUMBER.fullmatch(self.point[of.name]))
        return not has_axes and self.library_of(of) != "torch" and not is_array

    def _refuse_shared(self, of: Array, node: ast.AST) -> None:
        """A part of another array, or an array of which parts are still held: what they are
        after the change is not known, so none of them is read any more."""
        held = [*self._held()]
        if of.part_of is None and not any(array.part_of is not None for array in held):
            return
        whole = whole_of(of)
        shared = [
            other
            for other in held
            if other is not of and whole_of(other) is whole and not self._is_number(other, node)
        ]
        if shared:
            what = tell(
                "{shown} and {shared_shown} are one array, of which both would change",
                shown=_shown(of),
                shared_shown=_shown(shared[0]),
            )
            error = CannotRead(what, node, tell(_HINT))
            for array in (of, whole, *shared):
                array.error = error
            raise error

    def _held(self) -> Iterator[Array]:
        """Every array that a name, a list, an object still holds."""
        waiting: list[Value | Scope] = [*self.open_scopes]
        seen: set[int] = set()
        while waiting:
            value = waiting.pop()
            if id(value) in seen:
                continue
            seen.add(id(value))
            match value:
                case Array():
                    yield value
                    if value.part_of is not None and value.part_of.part_of is not None:
                        waiting.append(value.part_of)
                case Scope():
                    waiting += value.names.values()
                    waiting += [value.outer] if value.outer is not None else []
                case Several():
                    waiting += value.items
                case Dictionary() | Instance() | Module():
                    held = value.items if isinstance(value, Dictionary) else value.names
                    waiting += held.values()
                case Function():
                    waiting += [value.scope, *([value.owner] if value.owner else [])]
                case Class():
                    waiting += [*value.names.values(), *value.bases]

    open_scopes: list[Scope]

    # entries

    def set_entry(self, target: ast.Subscript, found: Value, scope: Scope, node: ast.AST) -> None:
        """x[i] = v: of a list, of a dictionary, or as a new value of the array x."""
        of = self.value(target.value, scope)
        match of:
            case Dictionary():
                key = self.key(target.slice, scope)
                word = key if isinstance(key, str) and key.isidentifier() else None
                name = word or f"{base_name(target)}_{_word(key)}"
                gradient = self.gradient_in(target, scope)
                if gradient and self.keeps_gradients:
                    found = self.due(gradient, found, node)
                value = of.items[key] = self.named(found, name, scope, node)
                if gradient and isinstance(value, Array):
                    self.log_gradient(gradient, value, node)
                return
            case Several() if not of.is_tuple:
                place = self.value(target.slice, scope)
                if not isinstance(place, Known) or not -len(of.items) <= place.value < len(
                    of.items
                ):
                    raise CannotRead(tell("there is no such entry"), node)
                at = place.value % len(of.items)
                of.items[at] = self.named(found, f"{base_name(target)}_{at}", scope, node)
                return
            case Instance():
                raise CannotRead(tell("entries of objects are not set"), node)
        array = self.array(of, node)
        self.instead = None
        new = self.put(array, target.slice, self.array(found, node), scope, node)
        self.change(array, new, base_name(target), scope, node)
        self.log(base_name(target), array, node, entry=True, instead=self.instead)

    def set_where(self, target: ast.Subscript, value: ast.expr, scope: Scope) -> bool:
        """z[mask] = np.exp(x[mask]), which is where(mask, exp(x), z); False for anything else."""
        whole = of_whole_arrays(target, value)
        mask = self.mask(target.slice, scope) if whole is not None else None
        if whole is None or mask is None:
            return False
        of = self.array(self.value(target.value, scope), value)
        made = self.array(self.value(whole.value, scope), value)
        shapes = {self.shape(array, value) for array in (as_number(mask), of, made)}
        numbers = (self.array(self.value(ast.Name(n), scope), value) for n in whole.alone)
        if len(shapes) > 1 or any(self.shape(number, value) for number in numbers):
            return False
        nodes = self.nodes([mask, made, of])
        call = ast.Call(ast.Name("where"), nodes, [])
        new = self.made_of(call, [mask, made, of], value)
        self.change(of, new, base_name(target), scope, value)
        self.log(base_name(target), of, value, entry=True)
        return True

    def gradient_in(self, target: ast.expr, scope: Scope) -> str:
        """dW1 for grads['W1'], an entry of a dictionary; "" for what is no gradient's place."""
        if not isinstance(target, ast.Subscript) or base_name(target) not in _GRADIENTS:
            return ""
        if not isinstance(self.value(target.value, scope), Dictionary):
            return ""
        return self.gradient_of_key(str(self.key(target.slice, scope)))

    def gradient_of_key(self, key: str) -> str:
        """The gradient that an entry of a dictionary is: dW1 of grads["W1"]."""
        return f"d{key}"

    def due(self, name: str, found: Value, node: ast.AST) -> Value:
        raise NotImplementedError

    def log_gradient(self, name: str, array: Array, node: ast.AST) -> None:
        raise NotImplementedError

    def log(
        self,
        name: str,
        array: Array,
        node: ast.AST,
        adds: bool = False,
        entry: bool = False,
        instead: ast.expr | None = None,
    ) -> None:
        raise NotImplementedError

    def add_at(self, node: ast.Call, scope: Scope) -> None:
        """np.add.at(a, i, v): v added to the rows of a, as often as i names them."""
        of, places, value = (self.array(self.value(part, scope), part) for part in node.args)
        lengths = self.shape(of, node)
        if not lengths:
            raise CannotRead(tell("a number has no rows to add to"), node)
        a, i, v = self.nodes([of, places, value])
        rows = Rows(a, lengths, i, self.shape(places, node))
        new = self.made_of(rows.with_added(v), [of, places, value], node)
        name = base_name(node.args[0])
        self.change(of, new, name, scope, node)
        self.log(name, of, node, adds=True)

    def put(self, of: Array, index: ast.expr, value: Array, scope: Scope, node: ast.AST) -> Array:
        """The array with other entries at an index: by a mask `where`, else `put`."""
        mask = self.mask(index, scope)
        if mask is not None:
            if value.kind != "number" and self.shape(value, node):
                hint = tell("np.where(mask, y, x) takes arrays")
                raise CannotRead(tell("only a number is put where a mask says yes"), node, hint)
            if self.shape(as_number(mask), node) != self.shape(of, node):
                hint = tell("np.where(mask[:, None], 0, x) says which axis is meant")
                raise CannotRead(tell("the mask has another shape than the array"), node, hint)
            nodes = self.nodes([mask, value, of])
            made: ast.expr = ast.Call(ast.Name("where"), nodes, [])
            found = self.made_of(made, [mask, value, of], node)
            found.is_whole = self.is_whole(value)
            return found
        rows = self._row_mask(of, index, value, scope, node)
        if rows is not None:
            return rows
        place, _ = self.place(of, index, scope)
        at = _index_text(place)
        if not at and not isinstance(index, ast.Tuple | ast.Slice):
            return self._put_rows(of, place, value, node)
        if not at:
            hint = tell("whole numbers and slices are: x[0, 1:3] = v")
            raise CannotRead(tell("places that an array tells are not set"), node, hint)
        if of.is_data:
            of.node, of.is_data = self.add_input(of, "made", scope), False
        made = ast.Call(ast.Name("put"), [*self.nodes([of, value]), ast.Constant(at)], [])
        found = self.made_of(made, [of, value], node)
        found.is_whole = self.is_whole(value)
        return found

    def _put_rows(self, of: Array, place: ast.expr, value: Array, node: ast.AST) -> Array:
        """dC[ix] = v, dC[ix] += v: rows that an array names, the last one staying where it names
        a row twice. What adding up would have made of it is remembered."""
        lengths = self.shape(of, node)
        if not lengths:
            raise CannotRead(tell("a number has no rows to set"), node)
        if of.is_data:
            of.node, of.is_data = self.add_input(of, "made"), False
        whole, v = self.nodes([of, value])
        rows = Rows(whole, lengths, place, self.shape(Array(place), node))
        self.places |= self._names(place)
        added = ast.BinOp(v, ast.Sub(), rows.taken) if self.is_adding else v
        self.instead = rows.with_added(added)
        found = self.made_of(rows.with_set(v), [of, value], node)
        found.is_data = False
        return found

    places: set[str]  # the arrays that tell places which are set
    is_adding = False  # whether `put` is what `+=` does
    instead: ast.expr | None = None

    def _row_mask(
        self, of: Array, index: ast.expr, value: Array, scope: Scope, node: ast.AST
    ) -> Array | None:
        """margins[np.arange(n), y] = 0: one entry of each row, by `where` and `one_hot`."""
        if not isinstance(index, ast.Tuple) or len(index.elts) != 2:
            return None
        rows, columns = index.elts
        if any(isinstance(part, ast.Slice | ast.Constant) for part in (rows, columns)):
            return None
        if not self._is_every_row(self.value(rows, scope), of, rows):
            return None
        whole_numbers = self.is_whole(value)
        shape = () if value.kind == "number" else self.shape(value, node)
        if shape and shape != self.shape(of, node)[:-1]:
            raise CannotRead(tell("one number for each row is due"), node, "x[0, 1] = v")
        if shape:  # beside the columns
            across = ast.Tuple([ast.Slice(), ast.Constant(None)])
            value = Array(ast.Subscript(value.node, across), value.is_data, value.library)
        chosen = self.array(self.value(columns, scope), columns)
        count = ast.Constant(self.shape(of, node)[-1])
        places, number, whole = self.nodes([chosen, value, of])
        hot = ast.Compare(
            ast.Call(ast.Name("one_hot"), [places, count], []), [ast.Gt()], [ast.Constant(0.5)]
        )
        made = ast.Call(ast.Name("where"), [hot, number, whole], [])
        found = self.made_of(made, [value, of], node)
        found.is_whole = whole_numbers
        return found

    def mask(self, index: ast.expr, scope: Scope) -> Array | None:
        if isinstance(index, ast.Slice | ast.Tuple | ast.Constant):
            return None
        value = self.value(index, scope)
        return value if isinstance(value, Array) and value.is_mask else None


def _index_text(place: ast.expr) -> str:
    """An index of whole numbers and slices as the gate `put` has it; "" for any other."""
    parts = place.elts if isinstance(place, ast.Tuple) else [place]
    for part in parts:
        inside = [*ast.walk(part)]
        is_plain = all(
            isinstance(p, ast.Slice | ast.Constant | ast.UnaryOp | ast.USub) for p in inside
        )
        if not is_plain or any(isinstance(p, ast.Constant) and p.value is None for p in inside):
            return ""
    return ", ".join(written(part)[0] for part in parts)


def _shown(array: Array) -> str:
    return array.name or tell("a part")


def base_name(target: ast.expr) -> str:
    """The name that something is put into: x for x[0], W for self.W[0]."""
    while isinstance(target, ast.Subscript):
        target = target.value
    if isinstance(target, ast.Attribute):
        return target.attr
    return target.id if isinstance(target, ast.Name) else "made"


def _word(key: object) -> str:
    """A key as a part of a name: 3, -1 as m1."""
    text = str(key).replace("-", "m")
    return text if text.isidentifier() or text.isalnum() else "entry"
