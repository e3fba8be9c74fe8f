"""the same script with PyTorch's autograd beside the backward pass by hand, gate by gate"""

from __future__ import annotations

from collections.abc import Iterator

from backtrace.algebra.code import Code, TorchCode
from backtrace.algebra.coded import Coded, Shape
from backtrace.graph.record import Record
from backtrace.render._ascii import in_code
from backtrace.render._script import Script, aligned, literal
from backtrace.render._view import View
from backtrace.render.python import backward, forward, head

SUFFIX = ".torch"
IN_ASCII = in_code

_HELPERS = {
    "number": """def number(value):
    return torch.tensor(value, dtype=torch.float64)""",
    "one_hot": """def one_hot_t(k, count):
    return torch.nn.functional.one_hot(torch.as_tensor(k).long(), count).bool()""",
    "put": """def put_t(u, index, shape):
    whole = torch.zeros(shape, dtype=torch.float64)
    whole[index] = u
    return whole""",
    "on_diagonal": """def on_diagonal_t(u, shape, k):
    return torch.diag(u, k)""",
    "whole": """def whole_t(i):
    return torch.as_tensor(i).long()""",
    "cbrt": """def cbrt(x):
    return torch.sign(x) * torch.abs(x) ** (1 / 3)""",
}


class _Torch(TorchCode):
    """Helpers that the NumPy part has too are called by another name here."""

    def helper(self, name: str, *arguments: object, shape: Shape | None = None) -> Coded:
        found = super().helper(name, *arguments, shape=shape)
        if f"def {name}_t(" not in _HELPERS.get(name, ""):
            return found
        return Coded(f"{name}_t{found.text.removeprefix(name)}", shape=found.shape)


def render(record: Record, view: View) -> str:
    script, m = Script(record), Code()
    theirs, torch = Script(record, prefix="t_"), _Torch()
    body = [*forward(script, m), "", *backward(script, m), "", *_autograd(theirs, torch)]
    helpers = [line for name in sorted(torch.helpers) for line in ("", _HELPERS[name], "")]
    lines = [*head(record, view, m, "import torch"), *helpers, *body, *_compared(script, theirs)]
    return "\n".join(lines) + "\n"


def _autograd(script: Script, m: TorchCode) -> Iterator[str]:
    yield "# the same forward pass in PyTorch, and its own backward pass"
    for name, value in script.inputs():
        yield f"{name} = torch.tensor({literal(value)}, dtype=torch.float64, requires_grad=True)"
    lines = []
    for index, code in script.forward(m):
        name = script.names[index]
        is_constant = script.record.graph.nodes[index].gate is None
        text = f"torch.tensor(float({code}))" if is_constant else code
        text = f"{text}.clone()" if text.isidentifier() else text
        lines.append((f"{name} = {text}", script.comment(index)))
    yield from aligned(lines)
    gates = [script.names[index] for index, _, _ in script.record.graph.gates()]
    for name in gates:
        yield f"{name}.retain_grad() if {name}.requires_grad else None"
    output = script.names[script.record.graph.output]
    seed = literal(script.record.upstreams[script.record.graph.output])
    if not script.record.graph.inputs:
        return
    yield f"{output}.backward(torch.tensor({seed}, dtype=torch.float64).expand_as({output}))"


def _compared(ours: Script, theirs: Script) -> Iterator[str]:
    """A line for every node; where PyTorch has another convention at a kink, they may differ."""
    record = ours.record
    yield from ("", "# gate by gate")
    yield "rows = ["
    for index, node in enumerate(record.graph.nodes):
        if node.gate is not None or node.is_input:
            what = f"d{node.name}" if node.name else ours.comment(index)
            yield f"    ({what!r}, {ours.gradients[index]}, {theirs.names[index]}),"
    yield "]"
    yield "for what, by_hand, tensor in rows:"
    yield "    if not tensor.requires_grad:"
    yield "        continue  # no gradient goes there"
    yield "    by_torch = np.zeros_like(by_hand) if tensor.grad is None else tensor.grad.numpy()"
    yield "    same = np.allclose(by_hand, by_torch, rtol=1e-6, atol=1e-9, equal_nan=True)"
    yield "    print('same     ' if same else 'DIFFERENT', what, by_hand, by_torch)"
    if not any(note.kind == "kink" for note in record.notes):
        yield "    assert same, what"
