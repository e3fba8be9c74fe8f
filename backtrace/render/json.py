"""one JSON object, the whole trace (schema backtrace.trace/1)"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from backtrace.algebra.floats import FLOATS
from backtrace.algebra.values import shape_of
from backtrace.formula.printer import expressions, label
from backtrace.graph.record import Call, Check, Edge, Fault, Record
from backtrace.numbers import Blank, json_array, json_encoder, plain, shown_signs
from backtrace.render._rules import repeated, rule_of, terms_of
from backtrace.render._sections import objects
from backtrace.render._view import View

SUFFIX = ".json"
SCHEMA = "backtrace.trace/1"
_LARGE = 100  # entries; what has more can be written beside the JSON


def render(record: Record, view: View) -> str:
    """One object; each node and each edge on a line of its own."""
    return "".join(_lines(_members(record, objects(record, view))))


def encoded(record: Record, view: View) -> bytes:
    """As `render`, in UTF-8: the text is never there as a whole, which of many gates is a part of
    the memory that one sees."""
    out = io.BytesIO()
    for part in _lines(_members(record, objects(record, view))):
        out.write(part.encode("utf-8"))
    return out.getvalue()


def with_store(record: Record, view: View, name: str) -> tuple[str, dict[str, Any]]:
    """As `render`, but with large arrays apart, for a .npz file called `name`."""
    from backtrace.files.numpyfiles import digest

    store = Store()

    def described() -> Iterator[tuple[str, Any]]:
        yield from _members(record, {"arrays": name, **objects(record, view)})
        yield "arrays_sha256", digest(store.arrays)  # by now all of them are known

    return "".join(_lines(described(), store)), store.arrays


def payload(record: Record) -> dict[str, Any]:
    """The object itself, as contract and schema describe it."""
    return {
        key: list(value) if isinstance(value, Iterator) else value
        for key, value in _members(record, {})
    }


def _members(record: Record, more: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The object's keys and values, and `more`. Nodes and edges come one by one: of a large graph
    they are never all there."""
    yield from head(record).items()
    yield "nodes", node_objects(record)
    yield "edges", edge_objects(record)
    yield from tail(record).items()
    yield from more.items()


def head(record: Record) -> dict[str, Any]:
    output = record.graph.output
    return {
        "schema": SCHEMA,
        "formula": record.formula,
        "point": {name: _plain(value) for name, value in record.point.items()},
        "output": {
            "node": output,
            "name": record.graph.nodes[output].name or None,
            "value": _number(record, record.value),
        },
        "granularity": {
            "expand": record.granularity.expand,
            "fused": record.granularity.is_fused,
            "fuse": None if record.granularity.fuse is None else list(record.granularity.fuse),
            "gates": record.granularity.gates,
            "kink": record.granularity.kink,
        },
    }


def tail(record: Record) -> dict[str, Any]:
    return {
        "gradients": {name: _number(record, value) for name, value in record.gradients.items()},
        "checks": {name: check_object(check) for name, check in record.checks.items()},
        "output_check": check_object(record.output_check) if record.output_check else None,
        "notes": [{"kind": n.kind, "node": n.node, "text": n.text} for n in record.notes],
        "fault": _fault_object(record.fault) if record.fault else None,
        "groups": [
            {"gate": g.gate, "node": g.node, "members": list(g.members), "spelling": g.spelling}
            for g in record.groups
        ],
        **({"calls": [call_object(call) for call in record.calls]} if record.calls else {}),
        "ok": record.ok,
    }


def call_object(call: Call) -> dict[str, Any]:
    return {"name": call.name, "members": list(call.members)}


def node_objects(record: Record) -> Iterator[dict[str, Any]]:
    texts = expressions(record.graph)
    exact = next((w for w in record.asked.wordings if w.kind == "exact"), None)
    for index, node in enumerate(record.graph.nodes):
        described: dict[str, Any] = {"id": index}
        if node.gate is not None:
            described |= {
                "kind": "gate",
                "gate": node.gate.name,
                "label": label(node),
                "role": node.gate.role.value,
                "name": node.name or None,
                "expr": texts[index],
                "span": list(node.span),
                "inputs": list(node.inputs),
            }
            constants = [plain(c.value(FLOATS)) for c in node.constants if not c.holds_arrays]
            if constants:
                described["constant"] = constants[0] if len(constants) == 1 else constants
        else:
            kind = "input" if node.is_input else "constant"
            described |= {"kind": kind, "name": node.name or None, "expr": texts[index]}
        if line := record.line_of(index):
            described["line"] = line.line
            if line.cell is not None:
                described["cell"] = line.cell
        if record.has_arrays:
            described["shape"] = list(shape_of(record.values[index]))
        described["value"] = _number(record, record.values[index])
        described["gradient"] = _number(record, record.upstreams[index])
        if exact is not None:
            described["exact"] = {"value": exact.values[index], "gradient": exact.upstreams[index]}
        yield described


def edge_objects(record: Record) -> Iterator[dict[str, Any]]:
    for gate in range(len(record.graph.nodes)):
        for edge in record.edges_of(gate):
            yield _edge_object(record, edge)


def _edge_object(record: Record, edge: Edge) -> dict[str, Any]:
    described = {
        "gate": edge.gate,
        "input": edge.input,
        "operand": edge.operand,
        "upstream": _number(record, edge.upstream),
        "local": None if edge.local is None else _number(record, edge.local),
        "downstream": _number(record, edge.downstream),
    }
    if edge.local is None:
        described["rule"] = rule_of(record, edge)
        if record.has_point and (terms := terms_of(record, edge)):
            described["where"] = [
                {"name": name, "is": says, "value": None if value is None else _plain(value)}
                for name, says, value in terms
            ]
    if record.has_arrays and (words := repeated(record, edge)):
        described["repeated"] = words
    return described


def _number(record: Record, value: Any) -> Any:
    """A number or an array; null where the formula was given no point."""
    return _plain(value) if record.has_point else None


def _plain(value: Any) -> Any:
    """A number as JSON has it; an array stays one until it is written."""
    if type(value) is float:
        return plain(value)
    if isinstance(value, Blank):
        return None
    return value if shape_of(value) else plain(float(value))


def check_object(check: Check) -> dict[str, Any]:
    described: dict[str, Any] = {
        "backprop": _plain(check.backprop),
        "symbolic": None if check.symbolic is None else _plain(check.symbolic),
        "derivative": check.derivative,
        "numeric": _measured(check.numeric),
        "relative_error": _measured(check.relative_error),
        "verdict": check.verdict,
    }
    if check.reason:
        described["reason"] = check.reason
    if check.gate is not None:
        described["gate"] = check.gate
    if check.right is not None:
        described["right"] = _measured(check.right)
    return described


def _fault_object(fault: Fault) -> dict[str, Any]:
    return {
        "direction": fault.direction,
        "node": fault.node,
        "operand": fault.operand,
        "what": fault.what,
        "chain": list(fault.chain),
        "cure": fault.cure,
        "advice": fault.advice,
    }


def _measured(value: Any) -> Any:
    """A measured number keeps its point: -4.0."""
    if value is None or shape_of(value) or math.isfinite(value):
        return value
    return str(plain(value))


class _HasArrays(Exception):
    """JSON's own encoder met an array."""


def writer(store: Store | None = None) -> Callable[[Any], str]:
    """Writes an object on one line; arrays as nested lists, each once however often it is met, or,
    large ones, put into `store`."""
    encode = json_encoder(_refuse)
    known: dict[tuple[tuple[int, ...], bytes], str] = {}

    def array_text(array: Any) -> str:
        if store is not None and array.size > _LARGE:
            return encode({"npz": store.key(array), "shape": list(array.shape)})
        key = (array.shape, array.astype(float).tobytes())
        if key not in known:
            known[key] = json_array(array)
        return known[key]

    def written(value: Any) -> str:
        try:
            return shown_signs(encode(value))
        except _HasArrays:
            if isinstance(value, dict):
                members = (f"{written(name)}: {written(one)}" for name, one in value.items())
                return f"{{{', '.join(members)}}}"
            if isinstance(value, list | tuple):
                return f"[{', '.join(map(written, value))}]"
            return array_text(value)

    return written


def _refuse(_: Any) -> Any:
    raise _HasArrays


class Store:
    """Large arrays that are written beside the JSON; the same array has one key."""

    def __init__(self) -> None:
        self.arrays: dict[str, Any] = {}
        self._keys: dict[int, str] = {}

    def key(self, array: Any) -> str:
        if id(array) not in self._keys:
            self._keys[id(array)] = f"array{len(self.arrays)}"
            self.arrays[self._keys[id(array)]] = array
        return self._keys[id(array)]


def _lines(described: Iterable[tuple[str, Any]], store: Store | None = None) -> Iterator[str]:
    """Readable and fast: a line for every member of the large lists, and for every other key."""
    line = writer(store)
    before = "{\n"
    for key, value in described:
        yield f"{before}  {line(key)}: "
        if isinstance(value, list | Iterator):
            yield from _put("[]", map(line, value))
        elif key == "checks" and value:
            yield from _put("{}", (f"{line(name)}: {line(one)}" for name, one in value.items()))
        else:
            yield line(value)
        before = ",\n"
    yield "\n}\n"


def _put(brackets: str, members: Iterable[str]) -> Iterator[str]:
    """A list, or an object, a line for every member."""
    before, after = brackets[0], brackets[1]
    for member in members:
        yield f"{before}\n    {member}"
        before, after = ",", f"\n  {brackets[1]}"
    yield before + after if before != "," else after
