"""The live page's recompute: both passes of about 500 gates, by the page's own JavaScript in Node.

    python -m tests.benchmarks.live

The floor, in the same Node, is the same graph written flat: a line of JavaScript for every gate's
value, one for every product and one for every sum of a gradient, nothing kept but numbers. Skipped
where there is no node.
"""

from __future__ import annotations

import json
import shutil
import subprocess

import backtrace
from backtrace.graph import Graph
from backtrace.render._program import program, source
from tests.benchmarks.figures import Figures, table, told
from tests.benchmarks.scalars import POINT, dag

GATES = 500
_SIGNS = {"add": "+", "sub": "-", "mul": "*"}
_TIMED = """
function seconds(work) {
  for (let k = 0; k < 300; k++) work();
  const taken = [];
  for (let k = 0; k < ROUNDS; k++) {
    const began = process.hrtime.bigint();
    work();
    taken.push(Number(process.hrtime.bigint() - began) / 1e9);
  }
  return taken.sort((a, b) => a - b)[ROUNDS >> 1];
}
const page = () => backward(graphs[0], forward(graphs[0], given), seed);
const at = Object.values(given);
const mine = page().upstreams.slice(0, at.length), theirs = flat(...at);
console.log(JSON.stringify({ page: seconds(page), flat: seconds(() => flat(...at)),
  same: mine.every((u, k) => Math.abs(u - theirs[k]) <= 1e-9 * Math.max(1, Math.abs(u))) }));
"""


def flat(graph: Graph) -> str:
    """A function of the inputs that gives their gradients, without a loop."""
    inputs = list(graph.inputs.values())
    lines = [f"let {', '.join(f'u{k} = 0' for k in range(len(graph.nodes)))}; u{graph.output} = 1;"]
    back = []
    for k, node, gate in graph.gates():
        a, b = node.inputs
        lines.append(f"const v{k} = v{a} {_SIGNS[gate.name]} v{b};")
        product = gate.name == "mul"
        first = f"v{b}" if product else "1"
        second = f"v{a}" if product else "1" if gate.name == "add" else "-1"
        back += [f"u{b} += u{k} * {second};", f"u{a} += u{k} * {first};"]
    given = ", ".join(f"v{k}" for k in inputs)
    gradients = ", ".join(f"u{k}" for k in inputs)
    body = "\n".join([*lines, *reversed(back), f"return [{gradients}];"])
    return f"function flat({given}) {{\n{body}\n}}\n"


def main(rounds: int = 300) -> Figures:
    node = shutil.which("node")
    if node is None:
        print("node: not installed")
        return {}
    trace = backtrace.trace(dag(GATES), POINT, check=False)
    script = (
        f"{source(program(trace), trace)}\nconst ROUNDS = {rounds};\n{flat(trace.graph)}{_TIMED}"
    )
    ended = subprocess.run([node, "-"], input=script, capture_output=True, text=True, check=True)
    taken = json.loads(ended.stdout)
    assert taken["same"], "the page and the flat lines have other gradients"
    ratio = taken["page"] / taken["flat"]
    table(
        [
            f"{trace.graph.gate_count} gates, both passes",
            "a change of a number",
            "against flat lines",
        ],
        [
            ["flat JavaScript", told(taken["flat"]), "1.0x"],
            ["the page", told(taken["page"]), f"{ratio:.1f}x"],
        ],
    )
    return {"both passes / flat JavaScript": ratio, "both passes, s": taken["page"]}


if __name__ == "__main__":
    main()
