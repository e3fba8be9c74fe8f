"""What a user's type checker sees: .ci/build runs mypy --strict on this, the package installed."""

import backtrace

trace = backtrace.trace("(x+y)*z", {"x": -2, "y": 5, "z": -4})
is_right: bool = trace.ok
seconds: list[str] = [entry.formula for entry in trace.hessian()]
picture: str = trace.show("svg")
largest: float = trace.paths("x").total
digits: tuple[str, ...] = trace.to_digits(50).upstreams
backtrace.trace(3)  # type: ignore[arg-type]
trace.descend("fast")  # type: ignore[arg-type]
