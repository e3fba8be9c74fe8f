"""Who may import whom, what --help may load, who may print: read from the source, each with a
test that it can fail."""

from __future__ import annotations

import ast
import pathlib
import subprocess
import sys

import pytest

from tests.conftest import ROOT

HOUSE = ROOT / "backtrace"

LOOSE = {"__init__", "__main__", "errors", "language", "numbers"}
"""The modules that stand in no room."""

FLOORS = [
    {"language"},
    {"errors", "numbers"},
    {"algebra", "files"},
    {"gates"},
    {"graph"},
    {"formula", "layout"},
    {"rewrite", "checks", "render", "code"},
    {"advice"},
    {"tracing"},
    {"homework", "batch"},
    {"cli"},
]
"""From the ground up: a room imports from lower floors only, and none beside it on its own floor
(`checks` uses no `rewrite`, `render` no `checks`)."""

PRINTS_OR_EXITS = {"print", "exit", "quit", "input"}
FORBIDDEN_CALLS = {"eval", "exec", "compile", "sympify", "__import__"}


def floor_of(room: str) -> int:
    return next(i for i, rooms in enumerate(FLOORS) if room in rooms)


def room_of(module: str) -> str:
    """backtrace.formula.parser -> formula"""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else ""


def imports(source: str) -> set[str]:
    """Every backtrace module that a source imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            if node.module == "backtrace":
                found |= {f"backtrace.{alias.name}" for alias in node.names}
            else:
                found.add(node.module)
    return {module for module in found if module.split(".")[0] == "backtrace"}


def wrong_arrows(room: str, source: str) -> list[str]:
    allowed = floor_of(room)
    return [
        f"{room} -> {target}"
        for target in sorted({room_of(m) for m in imports(source)} - {room, "", "schemas", "fonts"})
        if floor_of(target) >= allowed
    ]


def sources() -> list[tuple[str, pathlib.Path]]:
    files = [f for f in HOUSE.rglob("*.py") if f.name not in ("__main__.py",)]
    rooms = [(f.relative_to(HOUSE).parts[0].removesuffix(".py"), f) for f in files]
    return [(room, f) for room, f in rooms if room not in ("__init__", "schemas", "fonts")]


@pytest.mark.small
@pytest.mark.parametrize(("room", "file"), sources(), ids=lambda x: str(x).split("backtrace/")[-1])
def test_arrows_point_down(room: str, file: pathlib.Path) -> None:
    assert wrong_arrows(room, file.read_text("utf-8")) == []


@pytest.mark.small
def test_every_room_has_its_floor_and_few_modules_stand_loose() -> None:
    assert {file.stem for file in HOUSE.glob("*.py")} == LOOSE
    rooms = {file.parent.name for file in HOUSE.glob("*/__init__.py")} - {"schemas", "fonts"}
    assert rooms | (LOOSE - {"__init__", "__main__"}) == set().union(*FLOORS)


@pytest.mark.small
def test_a_wrong_arrow_would_be_found() -> None:
    assert wrong_arrows("graph", "def f():\n    from backtrace.formula import parser") == [
        "graph -> formula"
    ]
    assert wrong_arrows("checks", "import backtrace.render") == ["checks -> render"]
    assert wrong_arrows("gates", "from backtrace import cli") == ["gates -> cli"]
    assert wrong_arrows("cli", "from backtrace.tracing.tracer import trace") == []


def calls(source: str) -> set[str]:
    """The functions that are called by their bare name, or as an attribute of a module."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            function = node.func
            if isinstance(function, ast.Name):
                found.add(function.id)
            elif getattr(getattr(function, "value", None), "id", "") in (
                "builtins",
                "sys",
                "sympy",
            ):
                found.add(function.attr)
    return found


@pytest.mark.small
@pytest.mark.parametrize(("room", "file"), sources(), ids=lambda x: str(x).split("backtrace/")[-1])
def test_only_the_command_prints_and_nothing_executes_text(room: str, file: pathlib.Path) -> None:
    made = calls(file.read_text("utf-8"))
    assert not made & FORBIDDEN_CALLS
    if room != "cli":
        assert not made & PRINTS_OR_EXITS


@pytest.mark.small
def test_a_print_would_be_found() -> None:
    assert calls("def f():\n    print(1)\n    builtins.eval('x')") == {"print", "eval"}


@pytest.mark.small
def test_no_utils_and_no_module_named_as_a_function() -> None:
    import backtrace

    names = {file.stem for _, file in sources()}
    assert not names & {"utils", "helpers", "misc", "common"}
    top = {file.stem for file in HOUSE.glob("*.py")}
    assert not top & set(backtrace.__all__)


def loaded_after(code: str) -> set[str]:
    """The top-level modules that a fresh Python has loaded after `code`."""
    script = (
        f"{code}\nimport sys\nprint(*{{m.split('.')[0] for m in sys.modules}}, file=sys.stderr)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(ended.stderr.split())


RUN = "from backtrace.cli import run\nrun({words!r})"


@pytest.mark.parametrize(
    ("words", "absent"),
    [
        (["--help"], {"sympy", "numpy", "mpmath", "rich"}),
        (["--version"], {"sympy", "numpy", "mpmath", "rich"}),
        (["gates"], {"sympy", "numpy", "mpmath"}),
        (["(x+y)*z", "x=1", "y=2", "z=3", "--no-check"], {"sympy", "numpy", "mpmath"}),
        (["x*", "x=1"], {"sympy", "numpy", "mpmath", "rich"}),
        (["x*y", "x=1", "y=2", "--json", "--no-check"], {"sympy", "numpy", "mpmath", "rich"}),
        (["(x+y)*z", "x=1", "y=2", "z=3"], {"numpy"}),
        (["+".join(["x"] * 400), "x=1"], {"sympy", "numpy"}),
    ],
    ids=lambda x: " ".join(sorted(x))[:40] if isinstance(x, list) else "",
)
def test_the_import_budget(words: list[str], absent: set[str]) -> None:
    assert not loaded_after(RUN.format(words=words)) & absent


def test_a_formula_loads_nothing_that_reads_code() -> None:
    words = ["(x+y)*z", "x=1", "y=2", "z=3"]
    script = f"{RUN.format(words=words)}\nimport sys\nprint(*sys.modules, file=sys.stderr)"
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    loaded = set(ended.stderr.split())
    assert "backtrace.cli.trace" in loaded
    assert not {name for name in loaded if name.startswith("backtrace.code")}
    assert "backtrace.tracing.from_code" not in loaded


def test_the_import_budget_can_be_broken() -> None:
    loaded = loaded_after(RUN.format(words=["(x+y)*z", "x=1", "y=2", "z=3"]))
    assert {"sympy", "mpmath", "rich", "click"} <= loaded


def test_completion_loads_neither_sympy_nor_numpy() -> None:
    code = (
        "import os, sys\n"
        "os.environ.update(_BACKTRACE_COMPLETE='bash_complete', COMP_WORDS='backtrace --fo',"
        " COMP_CWORD='1')\n"
        "sys.argv = ['backtrace']\n"
        "from backtrace.cli import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass"
    )
    assert not loaded_after(code) & {"sympy", "numpy", "mpmath"}
