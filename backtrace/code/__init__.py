"""Python code as a formula: what a file of NumPy or PyTorch computes, read and never run.

    program = read_code(open("net.py").read(), "net.py")
    program.formula      h = np.tanh(X @ W + b); loss = (h**2).mean()
    program.point        {"X": "[[1, 2]]", "W": "randn(2, 3)", ...}

Python's own `ast` reads it; `machine` walks it: assignments become stages, functions are inlined,
loops over what is known are unrolled. What it cannot read is an error with its line. `functions`
has what is read in a running Python: functions, and cells of notebooks.
"""

from __future__ import annotations

from backtrace.code.program import Program, placed, read_code

__all__ = ["Program", "placed", "read_code"]
