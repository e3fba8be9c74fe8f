"""backtrace: trace a formula gate by gate, with upstream, local and downstream gradients.

import backtrace
t = backtrace.trace("(x+y)*z", {"x": -2, "y": 5, "z": -4})
t.value, t.gradients["x"], t.nodes, t.edges, t.checks, t.ok
print(t.show("tree"))
"""

from __future__ import annotations

from backtrace.errors import BacktraceError
from backtrace.gates import GATES
from backtrace.tracer import Trace, trace

__version__ = "0.1.0"
__all__ = ["GATES", "BacktraceError", "Trace", "__version__", "trace"]
