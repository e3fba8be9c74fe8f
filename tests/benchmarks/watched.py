"""The command in a process that notes what its time is spent on; see `phases`.

    python tests/benchmarks/watched.py FILE WORDS ...

Time is told to what was begun last and is not over: a package that is being loaded, or one of
`PHASES`. FILE gets the seconds by name as JSON. It imports next to nothing, so that what the
command loads is seen to be loaded by it.
"""

import sys
import time
from importlib import machinery

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

PHASES = {
    "backtrace.checks.sympy_process": {
        "start": "starting SymPy's process",
        "_Helper.fetch": "waiting for SymPy's process",
        "end": "ending SymPy's process",
    },
    "backtrace.tracing.tracer": {
        "graph_of": "reading",
        "_checked": "the check: slopes and verdicts",
        "trace_given": "faults, notes, the record",
    },
    "backtrace.tracing.passes": {"run": "both passes"},
    "backtrace.render": {"data": "the format"},
    "backtrace.cli.options": {"Destination.write": "writing"},
}
REST = "the command's words"

spent: "dict[str, float]" = {}
_open = [REST]
_since = time.perf_counter()


def _turn() -> None:
    """Tells the time since the last turn to what is open."""
    global _since
    now = time.perf_counter()
    spent[_open[-1]] = spent.get(_open[-1], 0.0) + now - _since
    _since = now


def told_to(phase: str, work: "Callable[..., Any]") -> "Callable[..., Any]":
    def told(*args: object, **named: object) -> object:
        _turn()
        _open.append(phase)
        try:
            return work(*args, **named)
        finally:
            _turn()
            _open.pop()

    return told


def package(name: str) -> str:
    top = name.partition(".")[0]
    return f"loading {'the standard library' if top in sys.stdlib_module_names else top}"


def _watch_loading() -> None:
    for loader in (machinery.SourceFileLoader, machinery.ExtensionFileLoader):
        for step in ("create_module", "exec_module"):
            setattr(loader, step, _loading(getattr(loader, step)))
    find = machinery.PathFinder.find_spec
    machinery.PathFinder.find_spec = lambda name, *more: told_to(package(name), find)(name, *more)  # type: ignore[method-assign,assignment]


def _loading(step: "Callable[..., Any]") -> "Callable[..., Any]":
    def load(self: "Any", given: "Any") -> object:
        name = getattr(given, "__name__", None) or given.name  # a module, or what is to be one
        found = told_to(package(name), step)(self, given)
        if step.__name__ == "exec_module":
            for path, phase in PHASES.get(name, {}).items():
                *holders, last = path.split(".")
                holder = getattr(given, holders[0]) if holders else given
                setattr(holder, last, told_to(phase, getattr(holder, last)))
        return found

    return load


def main() -> None:
    import os

    file, began, process = sys.argv[1], float(os.environ["BEGAN"]), os.getpid()
    spent["Python's start"] = time.time() - began
    stop = os._exit

    def leave(status: int) -> None:
        if os.getpid() == process:
            _turn()
            import json
            import resource

            beside = resource.getrusage(resource.RUSAGE_CHILDREN)
            found = {"spent": spent, "beside": beside.ru_utime + beside.ru_stime}
            found["left"] = time.time()
            with open(file, "w") as out:
                json.dump(found, out)
        stop(status)

    os._exit = leave  # type: ignore[assignment]
    sys.argv[:2] = ["backtrace"]
    sys.path[0] = os.getcwd()
    _turn()
    spent[REST] = 0.0
    _watch_loading()
    from backtrace.__main__ import main as command

    command()


main()
