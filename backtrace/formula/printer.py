"""Graph -> text: the parser's way back. What is printed reads as the same graph again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from backtrace.algebra.spelling import Binding, Spelled, call, infix, literal, prefix
from backtrace.gates import Gate
from backtrace.graph import Constant, Graph, Node, run

ELLIPSIS = "…"
_LONGEST_OPERAND = (
    200  # characters; a longer operand is left out, so that 100,000 terms stay linear
)


def expressions(
    graph: Graph,
    longest: int | None = _LONGEST_OPERAND,
    powers: Mapping[int, tuple[int, int]] = MappingProxyType({}),
) -> list[str]:
    """What every node computes, in the written variables and stage names.

    `q = x + y; f = q*z` gives x, y, z, `x + y`, `q*z`. An operand longer than `longest` characters
    is an ellipsis (None: never). Nodes in `powers` are written as this power of a node.
    """
    texts: list[str] = []
    shown: list[Spelled] = []  # as an operand of others: a stage by its name
    for index, node in enumerate(graph.nodes):
        if index in powers:
            base, exponent = powers[index]
            own = infix("^", Binding.POWER, shown[base], Spelled(str(exponent)))
        else:
            own = _spell_node(node, shown)
        texts.append(own.text)
        if node.name:
            own = Spelled(node.name)
        elif longest is not None and len(own.text) > longest:
            own = Spelled(ELLIPSIS)
        shown.append(own)
    return texts


def short_expressions(graph: Graph, longest: int) -> list[str]:
    """As `expressions`, a stage with its name before it (`q = x + y`); but where that is longer
    than `longest` characters, inner gates are referred to by number: `1/#11`."""
    whole = expressions(graph)
    names = [
        Spelled(node.name or f"#{index}") if node.gate is not None or node.name else Spelled(text)
        for index, (node, text) in enumerate(zip(graph.nodes, whole, strict=True))
    ]
    texts = []
    for node, text in zip(graph.nodes, whole, strict=True):
        stage = f"{node.name} = " if node.name and not node.is_input else ""
        is_short = len(stage) + len(text) <= longest
        texts.append(stage + (text if is_short else _spell_node(node, names).text))
    return texts


def source(graph: Graph, powers: bool = True) -> str:
    """The whole formula, one statement per stage: parsing it gives the same graph. Without `powers`
    a matrix times itself is written as the product: `(r + M) @ (r + M)`."""
    texts = expressions(graph, longest=None, powers=_powers(graph) if powers else {})
    statements = [
        f"{node.name} = {texts[index]}"
        for index, node in enumerate(graph.nodes)
        if node.name and not node.is_input
    ]
    output = graph.nodes[graph.output]
    if not output.name or output.is_input:
        statements.append(texts[graph.output])
    elif output.name != graph.nodes[-1].name:
        statements.append(output.name)
    return "; ".join(statements)


def _powers(graph: Graph) -> dict[int, tuple[int, int]]:
    """The matrix products of one unnamed gate with itself: it has one row, and as `a @ a` it would
    be read as two. By node: the gate and the exponent."""
    found: dict[int, tuple[int, int]] = {}
    for index, node in enumerate(graph.nodes):
        if node.gate is None or node.gate.name != "matmul":
            continue
        first, second = node.operands
        if not isinstance(first, int) or not isinstance(second, int):
            continue
        base, exponent = found.get(first, (first, 1))
        is_same = base == second and not (exponent > 1 and graph.nodes[first].name)
        if is_same and graph.nodes[second].gate is not None and not graph.nodes[second].name:
            found[index] = (second, exponent + 1)
    return found


def with_definitions(graph: Graph) -> str:
    """As `source`, after the gates that the formula defines itself."""
    own = [f"{g.name}({', '.join(g.parameters)}) = {g.formula}" for g in graph.own if g.is_own]
    return "; ".join([*own, source(graph)])


def label(node: Node) -> str:
    """What is written in a gate's circle: add, mul, exp; with a constant +1, *-1, 1/x, ^2."""
    gate = node.gate
    if gate is None:
        return node.name or spell_constant(node.constants[0]).text
    if gate.name == "neg":
        return "*-1"
    if gate.is_comparison and not node.constants:
        return gate.operator
    if gate.name == "index":
        return f"[{node.operands[1].text}]" if isinstance(node.operands[1], Constant) else "[]"
    if not node.constants or not gate.operator:
        return (
            gate.word if len(node.inputs) > 0 else _spell_gate(gate, _spelled_constants(node)).text
        )
    if any(constant.nodes and "[" in spell_constant(constant).text for constant in node.constants):
        return gate.name  # an array of numbers is too long for a label
    if gate.is_comparison:
        return _spell_gate(gate, _spelled_constants(node)).text
    first, second = node.operands
    if isinstance(second, Constant):
        return gate.operator + spell_constant(second).within(gate.binding + 1)
    constant = spell_constant(first) if isinstance(first, Constant) else Spelled("x")
    if gate.name in ("add", "mul"):
        return gate.operator + constant.within(gate.binding + 1)
    return constant.within(gate.binding) + gate.operator + "x"


def application(gate: Gate, operands: list[str]) -> str:
    """The gate applied to operands that are written out: exp(1000), 1/0, (-2)^0.5."""
    return _spell_gate(gate, [literal(text) for text in operands]).text


def in_operands(node: Node, texts: Sequence[str]) -> str:
    """What a gate computes, with these texts for its inputs: 3 + 4, exp(1000)."""
    given = iter(texts)
    operands = [
        literal(next(given)) if isinstance(o, int) else spell_constant(o) for o in node.operands
    ]
    return operands[0].text if node.gate is None else _spell_gate(node.gate, operands).text


def filled_in(graph: Graph, numbers: Mapping[str, str]) -> str:
    """The whole formula with numbers for its inputs, in one text: 1/(1 + exp(-(-2)))."""
    shown: list[Spelled] = []
    for node in graph.nodes:
        is_input = node.is_input
        shown.append(literal(numbers[node.name]) if is_input else _spell_node(node, shown))
    return shown[graph.output].text


def spell_constant(constant: Constant) -> Spelled:
    if not constant.nodes:
        return literal(constant.text) if constant.fixed is None else Spelled(constant.text)
    return run(constant.nodes, _spell_leaf, _spell_gate)[-1]


def _spell_leaf(leaf: Node | Constant) -> Spelled:
    return spell_constant(leaf) if isinstance(leaf, Constant) else Spelled(leaf.name)


def _spelled_constants(node: Node) -> list[Spelled]:
    return [spell_constant(o) if isinstance(o, Constant) else Spelled("x") for o in node.operands]


def _spell_node(node: Node, shown: list[Spelled]) -> Spelled:
    if node.is_input:
        return Spelled(node.name)
    operands = [shown[o] if isinstance(o, int) else spell_constant(o) for o in node.operands]
    return operands[0] if node.gate is None else _spell_gate(node.gate, operands)


def _spell_gate(gate: Gate, operands: list[Spelled]) -> Spelled:
    if gate.name == "identity":
        return operands[0]
    if gate.notation is not None:
        return gate.notation(operands)
    if len(operands) == 1 and gate.operator:
        return prefix(gate.operator, gate.binding, operands[0])
    if gate.operator:
        return infix(gate.operator, gate.binding, *operands)
    if gate.fixed:
        return call(gate.word, _with_keyword(gate, operands))
    defaults = [gate.defaults.get(parameter) for parameter in gate.parameters]
    while not gate.variadic and defaults and operands[-1].text == defaults.pop():
        operands = operands[:-1]  # leaky_relu(x, 0.01) is written leaky_relu(x)
    return call(gate.word, operands)


def _without_defaults(gate: Gate, operands: list[Spelled]) -> list[Spelled]:
    """Operands as they are, until one is left out; by their names from there on."""
    found: list[Spelled] = []
    for name, operand in zip(gate.parameters, operands, strict=False):
        is_default = name in gate.defaulted and operand.text == gate.defaults[name]
        is_named = len(found) < gate.parameters.index(name)
        if not is_default:
            found.append(Spelled(f"{name}={operand.text}") if is_named else operand)
    return found


def _with_keyword(gate: Gate, operands: list[Spelled]) -> list[Spelled]:
    """sum(x), sum(x, axis=0), reshape(x, 2, 3), huber(p, t, delta=2), polygamma(2, x)."""
    free, fixed = operands[: -len(gate.fixed)], operands[-len(gate.fixed) :]
    if gate.order is not None:
        return [*fixed, *free]
    if gate.defaulted:
        free = _without_defaults(gate, free)
    for name, value in zip(gate.fixed, fixed, strict=True):
        if name not in gate.defaults:
            free.append(value)
        elif value.text != gate.defaults[name]:
            free.append(Spelled(f"{name}={value.text}"))
    return free
