"""Methods of lists, dictionaries and texts, which change them where they stand."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

from backtrace.code.gatecalls import GateCalls
from backtrace.code.values import Array, CannotRead, Dictionary, Known, Scope, Several, Value
from backtrace.language import tell


class Containers(GateCalls):
    """rows.append(x), params.items()."""

    def arguments(self, node: ast.Call, scope: Scope) -> tuple[list[Value], dict[str, Value]]:
        raise NotImplementedError

    def append(self, of: Several, item: Value, node: ast.Call, scope: Scope) -> None:
        raise NotImplementedError

    def plain(self, values: Sequence[Value], node: ast.AST) -> list[Any]:
        """Numbers, texts and lists of them, as Python has them."""
        found: list[Any] = []
        for value in values:
            if isinstance(value, Several):
                found.append(self.plain(value.items, node))
            elif isinstance(value, Known):
                found.append(value.value)
            else:
                raise CannotRead(tell("this depends on numbers"), node)
        return found

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
                    raise CannotRead(tell("there is no such entry"), node)
                return of.items.pop(at)
            case "add" if len(placed) == 1:
                if placed[0] not in of.items:
                    of.items.append(placed[0])
            case _:
                raise CannotRead(tell("'.{name}()' of a list is not read", name=name), node)
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
        raise CannotRead(tell("'.{name}()' of a dictionary is not read", name=name), node)

    def _got(self, parameter: Array, placed: Sequence[Value], node: ast.Call) -> Value:
        """p.get("eps", 1e-5) of a parameter that has no value: what is given as eps, else that."""
        key = self._hashable(placed[0], node) if placed else None
        if not isinstance(key, str):
            raise CannotRead(tell("'.{name}()' of a dictionary is not read", name="get"), node)
        held = self.dictionaries.setdefault(parameter.name, Dictionary()).items
        if key not in held:
            other = placed[1] if len(placed) > 1 else Known(None)
            held[key] = self.opened(key) if key in self.given else other
        return held[key]

    def opened(self, name: str) -> Value:
        raise NotImplementedError
