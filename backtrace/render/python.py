"""a script for NumPy: forward, then backward by hand, ending in asserts that pass"""

from __future__ import annotations

from collections.abc import Iterator

from backtrace.algebra.code import Code
from backtrace.algebra.values import shape_of
from backtrace.graph.record import Record
from backtrace.render._ascii import in_code
from backtrace.render._script import HELPERS, Script, aligned, expected, literal
from backtrace.render._view import View

SUFFIX = ".py"
IN_ASCII = in_code


def render(record: Record, view: View) -> str:
    script, m = Script(record), Code()
    body = [*forward(script, m), "", *backward(script, m), "", *_asserts(script)]
    return "\n".join([*head(record, view, m), *body]) + "\n"


def head(record: Record, view: View, m: Code, *more: str) -> list[str]:
    """The docstring, what is imported, and the helpers that the lines need."""
    lines = [f'"""{_safe(view.formula(record.formula))}', "", 'Forward, then backward."""', ""]
    lines += ["import math", ""] * bool({"erf", "erfc", "lgamma"} & m.helpers)
    lines += ["import numpy as np", *more, ""]
    for name in sorted(m.helpers):
        lines += ["", HELPERS[name], ""]
    return [*lines, ""] if m.helpers else lines


def _safe(text: str) -> str:
    """What cannot end the docstring."""
    return text.replace("\\", "/").replace('"', "'")


def forward(script: Script, m: Code) -> Iterator[str]:
    is_extreme = script.is_extreme
    if is_extreme:
        yield 'np.seterr(all="ignore")  # floats end here, and NumPy goes on with inf and nan'
    for name, value in script.inputs():
        text = literal(value)
        yield (
            f"{name} = np.float64({text})"
            if is_extreme and not shape_of(value)
            else f"{name} = {text}"
        )
    yield from ("", "# forward pass")
    lines = [
        (f"{script.names[index]} = {code}", script.comment(index))
        for index, code in script.forward(m)
    ]
    yield from aligned(lines)


def backward(script: Script, m: Code) -> Iterator[str]:
    """`+=` where a value branches: gradients add."""
    record, graph = script.record, script.record.graph
    yield "# backward pass"
    seed = record.upstreams[graph.output]
    begun = {graph.output}
    lines = [(f"{script.gradients[graph.output]} = {literal(seed)}", "")]
    for gate, operand, code in script.backward(m):
        if gate not in begun:  # what uses it stands behind it: nothing does, and nothing goes back
            continue
        source = graph.inputs_of[gate][operand]
        name = script.gradients[source]
        is_first = source not in begun
        begun.add(source)
        comment = script.comment(gate)
        if is_first and len(graph.consumers[source]) > 1 and shape_of(record.values[source]):
            lines.append((f"{name} = np.array({code})", comment))  # += writes into it
        elif is_first:
            lines.append((f"{name} = {code}", comment))
        else:
            lines.append((f"{name} += {code}", comment))
    unused = (index for index in range(len(graph.nodes)) if index not in begun)
    lines += [(_nothing(script, index), "not used") for index in unused]
    yield from aligned(lines)


def _nothing(script: Script, index: int) -> str:
    """No gradient arrives there, whatever the value is: 0 times nan would not be 0."""
    shape = shape_of(script.record.values[index])
    return f"{script.gradients[index]} = " + (f"np.zeros({shape})" if shape else "0.0")


def _asserts(script: Script) -> Iterator[str]:
    record, graph = script.record, script.record.graph
    yield "# what backtrace says"
    options = "rtol=1e-6, atol=1e-9, equal_nan=True"
    output = graph.output
    yield f"assert np.allclose({script.names[output]}, {expected(record.value)}, {options})"
    for name, index in graph.inputs.items():
        if name not in record.wrt:
            continue
        number = expected(record.upstreams[index])
        yield f"assert np.allclose({script.gradients[index]}, {number}, {options})"
