"""backtrace: trace a formula gate by gate, with upstream, local and downstream gradients.

    import backtrace
    t = backtrace.trace("(x+y)*z", {"x": -2, "y": 5, "z": -4})
    t.value, t.gradients["x"], t.nodes, t.edges, t.checks, t.ok
    print(t.show("tree"))

Names are loaded when they are first used, so that `backtrace --help` loads next to nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False  # typing itself takes longer to load than this
if TYPE_CHECKING:
    from typing import Any

    from backtrace.batch.run import vectorize
    from backtrace.errors import BacktraceError
    from backtrace.formula.letters import derive
    from backtrace.gates import GATES
    from backtrace.homework.checking import check
    from backtrace.homework.exercise import exercise
    from backtrace.homework.grading import grade
    from backtrace.tracing.from_code import from_source
    from backtrace.tracing.trace import Trace
    from backtrace.tracing.tracer import trace

__version__ = "0.2.0"
__all__ = [
    "GATES",
    "BacktraceError",
    "Trace",
    "__version__",
    "check",
    "derive",
    "exercise",
    "from_source",
    "grade",
    "trace",
    "vectorize",
]

_HOMES = {
    "BacktraceError": "backtrace.errors",
    "GATES": "backtrace.gates",
    "Trace": "backtrace.tracing.tracer",
    "check": "backtrace.homework.checking",
    "derive": "backtrace.formula.letters",
    "exercise": "backtrace.homework.exercise",
    "from_source": "backtrace.tracing.from_code",
    "grade": "backtrace.homework.grading",
    "trace": "backtrace.tracing.tracer",
    "vectorize": "backtrace.batch.run",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'backtrace' has no attribute '{name}'")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)


def load_ipython_extension(ipython: Any) -> None:
    """`%load_ext backtrace`."""
    from backtrace.cli.notebook import register

    register(ipython)


def __dir__() -> list[str]:
    return sorted(__all__)
