"""Cells and lines longer than Python's reader of CSV takes, at every door a table comes in by."""

from __future__ import annotations

import pathlib

import pytest

from tests.conftest import Command

LONG = "1" * 200_000
TABLES = {
    "a cell": f"name,answer\ndx,{LONG}\n",
    "a quote": f'name,answer\ndx,"{LONG}\n',
    "a quoted cell": f'name,answer\ndx,"{LONG}"\n',
    "a head": f"{LONG}\n1\n",
    "one line": LONG,
    "brackets": "[" * 200_000,
}
DOORS = (
    ("check", "x*y", "x=2", "y=3", "--answers"),
    ("grade", "assignment.toml"),
    ("x*y", "y=3", "--points"),
    ("x*y", "y=3", "--format", "jsonl", "--points"),
    ("sum(x)", "x=@"),
)


@pytest.mark.parametrize("door", DOORS, ids=lambda door: door[0])
@pytest.mark.parametrize("suffix", ["csv", "json", "jsonl", "txt"])
@pytest.mark.parametrize("table", TABLES)
def test_long_cells_are_told_of_in_short(
    table: str,
    suffix: str,
    door: tuple[str, ...],
    backtrace_command: Command,
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "assignment.toml").write_text(
        '[[problem]]\nformula = "x*y"\npoint = {x = 2, y = 3}\n', "utf-8"
    )
    path = tmp_path / f"long.{suffix}"
    path.write_text(TABLES[table], "utf-8")
    is_value = door[-1].endswith("@")
    words = (*door[:-1], f"{door[-1]}{path.name}") if is_value else (*door, path.name)
    ended = backtrace_command(*words)
    assert ended.status in (0, 1, 2), ended.err[:300]
    assert len(ended.err) < 2000, ended.err[:300]
    assert len(ended.out) < 5000, ended.out[:300]
    assert ended.status != 2 or ended.err.startswith("error: ")
