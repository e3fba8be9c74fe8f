"""What a user's type checker sees: .ci/build runs mypy --strict on this, the package installed."""

import backtrace

trace = backtrace.trace("(x+y)*z", {"x": -2, "y": 5, "z": -4})
is_right: bool = trace.ok
seconds: list[str] = [entry.formula for entry in trace.hessian()]
picture: str = trace.show("svg")
largest: float = trace.paths("x").total
digits: tuple[str, ...] = trace.to_digits(50).upstreams
function: backtrace.Trace = backtrace.trace(lambda x: x**2, {"x": 3}, of="", wrt=["x"])
code: float = backtrace.from_source("y = x*2", {"x": 3}, of="y").gradients["x"]
backtrace.from_source(3)  # type: ignore[arg-type]
backtrace.trace(3)  # type: ignore[arg-type]
trace.descend("fast")  # type: ignore[arg-type]
