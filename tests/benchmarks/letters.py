"""Gradients in letters, W:m,n x:n y:m: the derivation, and the derivation with its witnesses.

    python -m tests.benchmarks.letters

The floor is the same formula traced with numbers, without its check. The peer is SymPy's own
derivative by matrices (`MatrixSymbol`, `.diff`) of the same function, where SymPy has one: it knows
products and traces, no softmax, and gives no trace.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import backtrace
from backtrace.formula.letters import in_letters
from backtrace.tracing.witnesses import witnessed
from tests.benchmarks.figures import Figures, in_turn, table, told

ROUNDS = 7
CASES: dict[str, tuple[str, dict[str, tuple[str, ...]]]] = {
    "least squares": ("sum((W@x - y)^2)", {"W": ("m", "n"), "x": ("n",), "y": ("m",)}),
    "a form": ("x@A@x", {"A": ("n", "n"), "x": ("n",)}),
    "a trace": ("trace(A@B)", {"A": ("m", "n"), "B": ("n", "m")}),
    "two layers": (
        "h = max(0, X@V + b); L = cross_entropy(h@W + c, y)",
        {"X": ("N", "d"), "V": ("d", "p"), "b": ("p",), "W": ("p", "k"), "c": ("k",), "y": ("N",)},
    ),
}
LENGTHS = {"m": 3, "n": 4, "N": 5, "d": 4, "p": 6, "k": 3}


def sympys() -> dict[str, Callable[[], Any]]:
    """SymPy's derivatives by every input."""
    import sympy

    m, n = sympy.symbols("m n", integer=True, positive=True)
    W, A, B = (
        sympy.MatrixSymbol(name, *of) for name, of in (("W", (m, n)), ("A", (m, n)), ("B", (n, m)))
    )
    x, y, S = (
        sympy.MatrixSymbol(name, *of) for name, of in (("x", (n, 1)), ("y", (m, 1)), ("S", (n, n)))
    )
    rest = W * x - y

    def fresh(of: Callable[[], Any]) -> Callable[[], Any]:
        def work() -> Any:
            sympy.core.cache.clear_cache()  # it would only look up what it found before
            return of()

        return work

    return {
        "least squares": fresh(lambda: [(rest.T * rest).diff(v) for v in (W, x, y)]),
        "a form": fresh(lambda: [(x.T * S * x).diff(v) for v in (S, x)]),
        "a trace": fresh(lambda: [sympy.Trace(A * B).diff(v) for v in (A, B)]),
    }


def numbers(shapes: dict[str, tuple[str, ...]]) -> dict[str, str]:
    """A point of these shapes, as it is typed."""
    lengths = {name: [str(LENGTHS[d]) for d in dims] for name, dims in shapes.items()}
    return {n: f"{'zeros' if n == 'y' else 'randn'}({','.join(of)})" for n, of in lengths.items()}


def main(rounds: int = ROUNDS) -> Figures:
    peers, rows, found = sympys(), [], {}
    for name, (formula, shapes) in CASES.items():
        works: dict[str, Callable[[], Any]] = {
            "numbers": lambda f=formula, s=shapes: backtrace.trace(f, numbers(s), check=False),
            "letters": lambda f=formula, s=shapes: in_letters(f, s),
            "checked": lambda f=formula, s=shapes: witnessed(in_letters(f, s)),
        }
        if name in peers:
            works["SymPy"] = peers[name]
        taken = in_turn(works, rounds)
        ratios = {n: taken[n] / taken["numbers"] for n in ("letters", "checked")}
        found |= {f"{name}, {n} / numbers": ratio for n, ratio in ratios.items()}
        peer = "-"
        if "SymPy" in taken:
            peer = f"{told(taken['SymPy'])} ({taken['SymPy'] / taken['numbers']:.1f}x)"
            found[f"{name}, letters / SymPy"] = taken["letters"] / taken["SymPy"]
        cells = [f"{told(taken[n])} ({ratio:.1f}x)" for n, ratio in ratios.items()]
        rows.append([f"{name}: `{formula}`", told(taken["numbers"]), *cells, peer])
    table(
        ["", "with numbers, no check", "in letters", "with its witnesses", "SymPy by matrices"],
        rows,
    )
    return found


if __name__ == "__main__":
    main()
