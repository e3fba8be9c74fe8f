"""`if` on numbers that inputs make: what both branches do, each entry and name by `where`.

    if margin > 0:              loss += where(margin > 0, margin, 0)
        loss += margin          reads as
        count = n               count = where(margin > 0, n, count)

Lines of a branch whose condition does not hold leave everything as it was, which is what where()
does: of the two values that a name may have it takes one, and its gradient goes to that one alone.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from backtrace.code.assignments import Assignments, loaded
from backtrace.code.operands import as_number
from backtrace.code.values import Array, CannotRead, Scope, Unreadable, Value
from backtrace.language import tell

# what changes nothing: x + 0, x*1
_NEUTRAL: dict[type[ast.operator], int] = {ast.Add: 0, ast.Sub: 0, ast.Mult: 1, ast.Div: 1}


class Branches(Assignments):
    """Walks `if`."""

    def branch(self, node: ast.If, scope: Scope) -> None:
        """The branch that is taken; both, where that depends on numbers.

        Raises CannotRead where it does and a line does more than to set names and entries.
        """
        test = self._condition(node.test, scope)
        if isinstance(test, bool):
            self.block(node.body if test else node.orelse, scope)
        else:
            self._both(node, test, scope)

    def block(self, body: Sequence[ast.stmt], scope: Scope) -> None:
        raise NotImplementedError

    def statement(self, node: ast.stmt, scope: Scope) -> None:
        raise NotImplementedError

    def _condition(self, node: ast.expr, scope: Scope) -> bool | Array:
        """Whether it holds, or the yes or no that the inputs make."""
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            inner = self._condition(node.operand, scope)
            return not inner if isinstance(inner, bool) else self._not(inner, node, scope)
        if isinstance(node, ast.BoolOp):
            return self._several_conditions(node, scope)
        value = self.value(node, scope)
        is_open = (
            isinstance(value, Array) and value.is_mask and not self.shape(as_number(value), node)
        )
        return value if isinstance(value, Array) and is_open else self.truth_of(value, node)

    def _several_conditions(self, node: ast.BoolOp, scope: Scope) -> bool | Array:
        """a and b, a or b; what stands behind one that decides is not asked for."""
        is_and = isinstance(node.op, ast.And)
        found: list[Array] = []
        for part in node.values:
            one = self._condition(part, scope)
            if isinstance(one, Array):
                found.append(one)
            elif one != is_and:
                return one
        if not found:
            return is_and
        op = ast.BitAnd() if is_and else ast.BitOr()
        whole = found[0]
        for one in found[1:]:
            whole = self.array(self.binary(op, whole, one, node), node)
        return whole

    def _not(self, test: Array, node: ast.expr, scope: Scope) -> Array:
        inverted = ast.UnaryOp(ast.Invert(), self._hidden(test, node, scope))
        return self.array(self.value(ast.copy_location(inverted, node), scope), node)

    def _hidden(self, value: Value, node: ast.AST, scope: Scope) -> ast.Name:
        """A name that no code has, for what is worked out already."""
        name = f"?{len(scope.names)}"
        scope.names[name] = value
        return ast.copy_location(ast.Name(name, ast.Load()), node)

    # both branches

    def _both(self, node: ast.If, test: Array, scope: Scope) -> None:
        for line in [*_lines(node.body), *_lines(node.orelse)]:
            if not _is_of_values(line):
                hint = tell("a choice between numbers is np.where(x > 0, a, b)")
                raise CannotRead(tell("the condition is not known"), node.test, hint)
        open_names: set[str] = set()
        self._branch_lines(node.body, test, open_names, scope)
        if node.orelse:
            self._branch_lines(node.orelse, self._not(test, node.test, scope), open_names, scope)
        for name in open_names:
            what = tell("'{name}' has a value in one branch only", name=name)
            hint = tell("give it one before the if")
            scope.bind(name, Unreadable(CannotRead(what, node, hint)))

    def _branch_lines(
        self, body: Sequence[ast.stmt], test: Array, open_names: set[str], scope: Scope
    ) -> None:
        """The lines of a branch, each where `test` holds. `open_names` are those that a branch
        before has given a value which they had not before, and then those of this one."""
        for line in body:
            match line:
                case ast.If():
                    inner = self._condition(line.test, scope)
                    if isinstance(inner, bool):
                        self._branch_lines(
                            line.body if inner else line.orelse, test, open_names, scope
                        )
                        continue
                    yes = self.array(self.binary(ast.BitAnd(), test, inner, line), line)
                    self._branch_lines(line.body, yes, open_names, scope)
                    other = self._not(inner, line.test, scope)
                    no = self.array(self.binary(ast.BitAnd(), test, other, line), line)
                    self._branch_lines(line.orelse, no, open_names, scope)
                case ast.Assign(targets=[target]):
                    self._chosen_value(line, target, test, open_names, scope)
                case ast.AugAssign():
                    self._chosen_change(line, test, scope)

    def _chosen_value(
        self, line: ast.Assign, target: ast.expr, test: Array, new: set[str], scope: Scope
    ) -> None:
        """x = v, where the test holds."""
        value = line.value
        if isinstance(target, ast.Name) and scope.find(target.id) is None:
            new.add(target.id)
        else:
            first = self.value(value, scope)
            old = self.value(ast.copy_location(loaded(target), target), scope)
            chosen = self._where(test, first, old, value)
            value = self._hidden(chosen, value, scope)
            if isinstance(target, ast.Name):
                new.discard(target.id)
        self.statement(ast.copy_location(ast.Assign([target], value), line), scope)

    def _chosen_change(self, line: ast.AugAssign, test: Array, scope: Scope) -> None:
        """x += v, where the test holds: elsewhere it adds nothing."""
        added = self.array(self.value(line.value, scope), line.value)
        none = Array(ast.Constant(_NEUTRAL[type(line.op)]), is_data=True, kind="number")
        chosen = self._of_where(test, added, none, line.value)
        value = self._hidden(chosen, line.value, scope)
        self.statement(ast.copy_location(ast.AugAssign(line.target, line.op, value), line), scope)

    def _where(self, test: Array, first: Value, second: Value, node: ast.AST) -> Array:
        one, other = self.array(first, node), self.array(second, node)
        lists = "list" in (one.kind, other.kind)
        if lists or self._shape_of_part(one, node) != self._shape_of_part(other, node):
            hint = tell("np.where(mask, y, x) takes arrays")
            raise CannotRead(tell("the condition is not known"), node, hint)
        return self._of_where(test, one, other, node)

    def _shape_of_part(self, part: Array, node: ast.AST) -> tuple[int, ...]:
        return () if part.kind == "number" else self.shape(part, node)

    def _of_where(self, test: Array, first: Array, second: Array, node: ast.AST) -> Array:
        parts = [test, as_number(first), as_number(second)]
        made = ast.Call(ast.Name("where"), self.nodes(parts), [])
        found = self.made_of(made, parts, node)
        found.is_whole = self.is_whole(first) and self.is_whole(second)
        found.is_data = False
        return found


def _lines(body: Sequence[ast.stmt]) -> list[ast.stmt]:
    """The lines of a branch, and of those inside."""
    found: list[ast.stmt] = []
    waiting = [*reversed(body)]
    while waiting:
        line = waiting.pop()
        found.append(line)
        if isinstance(line, ast.If):
            waiting += [*line.body, *line.orelse]
    return found


def _is_of_values(line: ast.stmt) -> bool:
    """Whether a line only gives names and entries other values, prints, or does nothing."""
    match line:
        case ast.Assign(targets=[ast.Name() | ast.Subscript() | ast.Attribute()]):
            return True
        case ast.AugAssign(op=op):
            return type(op) in _NEUTRAL
        case ast.Expr(value=ast.Constant() | ast.Call(func=ast.Name(id="print"))):
            return True
    return isinstance(line, ast.If | ast.Pass)


def continued_as_branch(body: Sequence[ast.stmt]) -> Sequence[ast.stmt]:
    """`if test: continue` and the rest of a round, as the rest in an `else`."""
    for place, line in enumerate(body):
        match line:
            case ast.If(body=[ast.Continue()], orelse=[]) if place + 1 < len(body):
                rest = [*continued_as_branch(body[place + 1 :])]
                made = ast.If(line.test, [ast.Pass()], rest)
                return [*body[:place], ast.copy_location(made, line)]
    return body
