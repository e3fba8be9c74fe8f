"""Every benchmark is listed, can be run, is found from docs/speed.md, and its figures in the docs
are those that its command wrote there. Nothing is timed here."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import pathlib
import re
import sys
from typing import Any

import pytest

from tests.benchmarks import BENCHMARKS, PARTS, TOOLS, commands, figures, letters
from tests.benchmarks import __main__ as command

ROOT = figures.ROOT
FOLDER = ROOT / "tests" / "benchmarks"
SPEED = (ROOT / "docs" / "speed.md").read_text("utf-8")
_NEEDS = {"fuzz": "atheris"}
_RUNS = ("watched",)  # a script: it runs the command when it is loaded
BLOCK = re.compile(r"<!-- figures: (\w+) -->\n(.*?)<!-- end of figures -->", re.DOTALL)


def shown() -> list[tuple[str, str, str]]:
    """Of every block of figures: document, benchmark, what stands there."""
    return [
        (str(document.relative_to(ROOT)), name, text)
        for document in figures.documents()
        for name, text in BLOCK.findall(document.read_text("utf-8"))
    ]


def test_every_file_is_listed_once() -> None:
    files = sorted(file.stem for file in FOLDER.glob("*.py") if not file.stem.startswith("__"))
    assert sorted([*BENCHMARKS, *TOOLS, *PARTS]) == files


@pytest.mark.parametrize("name", [*BENCHMARKS, *TOOLS, *PARTS])
def test_every_one_can_be_loaded_and_says_how_to_run_it(name: str) -> None:
    if name in _NEEDS and importlib.util.find_spec(_NEEDS[name]) is None:
        pytest.skip(f"{_NEEDS[name]} is not installed")
    if name in _RUNS:
        compile((FOLDER / f"{name}.py").read_text("utf-8"), name, "exec")
        return
    module = importlib.import_module(f"tests.benchmarks.{name}")
    assert module.__doc__
    if name in BENCHMARKS:
        assert f"python -m tests.benchmarks.{name}" in module.__doc__
        needed = inspect.signature(module.main).parameters.values()
        assert all(p.default is not p.empty for p in needed), "`main()` runs all of it"


@pytest.mark.parametrize("name", BENCHMARKS)
def test_its_figures_are_in_the_docs_and_found_from_speed(name: str) -> None:
    holders = [document for document, of, _ in shown() if of == name]
    assert len(holders) == 1
    holder = pathlib.PurePath(holders[0]).relative_to("docs")
    assert str(holder) == "speed.md" or f"]({holder})" in SPEED
    assert f"`{name}`" in SPEED or figures.begins(name) in SPEED


@pytest.mark.parametrize(("document", "name", "text"), shown())
def test_figures_carry_the_command_that_makes_them(document: str, name: str, text: str) -> None:
    assert name in BENCHMARKS, document
    begins = (
        rf"`python -m tests\.benchmarks {name}` \((by )?20[-\d]+, Python 3\.\d+, \d+ cores, load "
    )
    assert re.match(begins, text), f"{document}: not measured"
    assert "|---" in text


def test_every_command_in_the_docs_is_there() -> None:
    texts = [*(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md"), ROOT / ".ci" / "run"]
    for document in texts:
        for name in re.findall(r"tests\.benchmarks[. ](\w+)", document.read_text("utf-8")):
            assert name in {*BENCHMARKS, *TOOLS}, (document.name, name)


def test_the_record_is_of_benchmarks_that_there_are() -> None:
    recorded = figures.recorded()
    assert recorded
    for name, found in recorded.items():
        assert name in BENCHMARKS
        assert found, name
        assert all(isinstance(v, int | float) and v >= 0 for v in found.values()), name


def test_a_table_holds_a_cell_with_lines_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    figures.table(["a", "b"], [["||x||", "1"]])
    assert capsys.readouterr().out == "| a | b |\n|---|---|\n| \\|\\|x\\|\\| | 1 |\n"


def test_what_moved_is_told_and_what_did_not_is_not() -> None:
    old = {"a": {"x": 1.0, "y": 2.0, "gone": 1.0, "none": 0.0}, "b": {"z": 1.0}}
    new = {"a": {"x": 1.09, "y": 1.7, "new": 1.0, "none": 0.5}}
    told = [" ".join(line.split()) for line in figures.moved(old, new)]
    assert told == [
        "not measured a: gone",
        "not recorded a: new",
        "more a: none 0 -> 0.5",
        "less a: y 2 -> 1.7 (0.85x)",
    ]


def test_recording_some_leaves_the_others(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "RECORD", tmp_path / "figures.json")
    figures.record({"b": {"x": 1.23456}})
    figures.record({"a": {"y": 2.0}})
    assert json.loads((tmp_path / "figures.json").read_text()) == {
        "a": {"y": 2.0},
        "b": {"x": 1.23},
    }


def test_what_is_printed_goes_between_the_marks(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = tmp_path / "docs" / "one.md"
    document.parent.mkdir()
    document.write_text("before\n<!-- figures: a -->\nold\n<!-- end of figures -->\nafter\n")
    monkeypatch.setattr(figures, "ROOT", tmp_path)
    for _ in range(2):
        assert figures.write("a", "| \\1 |\n", "today") == [document]
    assert figures.write("b", "none", "today") == []
    assert document.read_text() == (
        "before\n<!-- figures: a -->\n`python -m tests.benchmarks a` (today):\n\n| \\1 |\n"
        "<!-- end of figures -->\nafter\n"
    )


def test_every_work_runs_in_every_round() -> None:
    ran: list[Any] = []
    found = figures.in_turn({"a": lambda: ran.append("a"), "b": lambda: ran.append("b")}, 2)
    assert ran == ["a", "b"] * 3
    assert found.keys() == {"a", "b"}


def test_the_command_prints_records_and_compares(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def measured() -> figures.Figures:
        print("| figure |")
        return {"work / floor": found.pop()}

    found = [1.5, 1.0]
    document = tmp_path / "docs" / "one.md"
    document.parent.mkdir()
    document.write_text("<!-- figures: letters -->\n<!-- end of figures -->\n")
    monkeypatch.setattr(figures, "ROOT", tmp_path)
    monkeypatch.setattr(figures, "RECORD", tmp_path / "figures.json")
    monkeypatch.setattr(letters, "main", measured)
    monkeypatch.setattr(sys, "argv", ["benchmarks", "letters", "--record"])
    command.main()
    assert figures.recorded() == {"letters": {"work / floor": 1.0}}
    assert "| figure |\n<!-- end of figures -->\n" in document.read_text()
    monkeypatch.setattr(sys, "argv", ["benchmarks", "letters", "--compare"])
    command.main()
    assert "letters: work / floor  1 -> 1.5 (1.50x)" in capsys.readouterr().out
    assert figures.recorded() == {"letters": {"work / floor": 1.0}}
    monkeypatch.setattr(sys, "argv", ["benchmarks", "other"])
    with pytest.raises(SystemExit):
        command.main()


def test_the_memory_of_a_command_is_its_own() -> None:
    large = bytearray(300_000_000)
    large[::4096] = b"x" * len(large[::4096])  # this process has them in memory
    small = commands.run([sys.executable, "-c", "pass"])
    larger = commands.run([sys.executable, "-c", "x = b'x' * 150_000_000"])
    assert small < 100
    assert 140 < larger - small < 200
    del large
