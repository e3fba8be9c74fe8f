"""The README's and the guide's blocks are run: what they show is what the command prints.

    ```console
    $ backtrace "x*y" x=2 y=3
    (its exact output)
    ```

`pytest tests/project/test_transcripts.py --regen -n 0` writes the outputs anew. Lines of Python
that begin with >>> are doctests; the table of gates in docs/ is made from the table.
"""

from __future__ import annotations

import doctest
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

from backtrace.cli import catalogue
from tests.conftest import ROOT

DOCUMENTS = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("**/*.md")),
]
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
GATES_TABLE = re.compile(r"(<!-- gates -->\n\n)(.*?)(\n<!-- /gates -->)", re.DOTALL)
NEEDS = ("jq",)
READMES = [ROOT / "README.md", ROOT / "docs" / "ko" / "README.md"]


def called(document: pathlib.Path) -> str:
    """Where it stands: there is a README in every language."""
    return document.relative_to(ROOT).as_posix()


def split(block: str) -> list[tuple[str, str]]:
    """(command, output) pairs."""
    pairs = re.split(r"^\$ (.*)\n", block, flags=re.MULTILINE)[1:]
    return list(zip(pairs[::2], pairs[1::2], strict=True))


def run(command: str, folder: pathlib.Path) -> str:
    """What a shell prints, both streams, in a folder with the examples' files."""
    binaries = pathlib.Path(sys.executable).parent
    environment = {
        "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(folder),
        "LC_ALL": "C.UTF-8",
        "TERM": "dumb",
    }
    ended = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=60,
    )
    return ended.stdout.decode("utf-8")


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    for file in (ROOT / "examples").iterdir():
        if file.is_dir():
            shutil.copytree(file, tmp_path / file.name)
        elif file.suffix != ".md":
            shutil.copy(file, tmp_path)
    return tmp_path


def commands(document: pathlib.Path) -> int:
    return len(re.findall(r"(?m)^\$ ", document.read_text("utf-8")))


@pytest.mark.parametrize(
    "document",
    [d if commands(d) <= 3 else pytest.param(d, marks=pytest.mark.slow) for d in DOCUMENTS],
    ids=called,
)
def test_transcripts(
    document: pathlib.Path, folder: pathlib.Path, request: pytest.FixtureRequest
) -> None:
    text = document.read_text("utf-8")
    blocks = BLOCK.findall(text)
    is_told = ">>> " in text or "<!-- figures: " in text  # which tests/benchmarks make
    assert blocks or is_told, f"{document.name} shows no transcript"
    for block in blocks:
        shown = ""
        for command, output in split(block):
            if any(tool in command.split() and not shutil.which(tool) for tool in NEEDS):
                printed = output
            else:
                printed = run(command, folder)
            shown += f"$ {command}\n{printed}"
        if request.config.getoption("--regen"):
            text = text.replace(block, shown)
        else:
            assert block == shown
    if request.config.getoption("--regen"):
        document.write_text(text, "utf-8")


@pytest.mark.parametrize("document", DOCUMENTS, ids=called)
def test_python_blocks(document: pathlib.Path, folder: pathlib.Path) -> None:
    here = pathlib.Path.cwd()
    os.chdir(folder)
    try:
        failed, _ = doctest.testfile(str(document), module_relative=False, verbose=False)
    finally:
        os.chdir(here)
    assert failed == 0


def test_the_table_of_gates(request: pytest.FixtureRequest) -> None:
    readme = ROOT / "docs" / "reference" / "gates.md"
    text = readme.read_text("utf-8")
    found = GATES_TABLE.search(text)
    assert found is not None
    if request.config.getoption("--regen"):
        table = catalogue.markdown()
        readme.write_text(GATES_TABLE.sub(lambda m: m[1] + table + m[3], text), "utf-8")
    else:
        assert found[2] == catalogue.markdown()


@pytest.mark.parametrize("readme", READMES, ids=called)
def test_the_readme_opens_with_two_commands_that_ci_runs(readme: pathlib.Path) -> None:
    commands = re.search(r"```sh\n(.*?)```", readme.read_text("utf-8"), re.DOTALL)
    assert commands is not None
    assert len(commands[1].strip().splitlines()) == 2
    test_command = commands[1].strip().splitlines()[1]
    assert "pytest" in test_command
    assert test_command in (ROOT / ".ci" / "run").read_text("utf-8")


def what_a_reader_finds(readme: pathlib.Path) -> dict[str, list[str]]:
    """The commands and where links lead, but for the language and the links to one another."""
    text = readme.read_text("utf-8")
    commands = [line for line in text.splitlines() if line.startswith(("$ ", "python3 "))]
    links = [(readme.parent / link).resolve() for link in re.findall(r"\]\(([^)]+)\)", text)]
    return {
        "headings": re.findall(r"^#+ ", text, re.MULTILINE),
        "commands": [re.sub(r" --lang \w+", "", command) for command in commands],
        "links": [called(link) for link in links if link not in READMES],
    }


@pytest.mark.parametrize("readme", READMES[1:], ids=called)
def test_the_readme_of_another_language_has_all_of_it(readme: pathlib.Path) -> None:
    assert what_a_reader_finds(readme) == what_a_reader_finds(READMES[0])


def test_a_wrong_transcript_would_be_found(folder: pathlib.Path) -> None:
    block = '$ backtrace "x*y" x=2 y=3 --json --no-check | grep -c gate\n999\n'
    [(command, output)] = split(block)
    assert run(command, folder) != output
