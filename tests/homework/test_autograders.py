"""The course of examples/course-code, as Gradescope, GitHub and nbgrader would run it.

Gradescope and GitHub are simulated: their folders and their commands, without their machines.
nbgrader is the real one, where it is installed (pip install nbgrader): pytest -m bench.
"""

from __future__ import annotations

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

from tests.conftest import ROOT

COURSE = ROOT / "examples" / "course-code"
BIN = pathlib.Path(sys.executable).parent
_PATH = {**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "LC_ALL": "C.UTF-8"}


def copied(submission: str, to: pathlib.Path) -> None:
    """What one student hands in."""
    to.mkdir(parents=True)
    source = COURSE / "submissions" / submission
    if source.is_dir():
        shutil.copytree(source, to, dirs_exist_ok=True)
    else:
        shutil.copy(source, to)


POINTS = {"ada": 12, "ben.ipynb": 6, "cho.py": 5, "김철수.py": 0}


@pytest.mark.parametrize("submission", POINTS)
def test_gradescope(tmp_path: pathlib.Path, submission: str) -> None:
    copied(submission, tmp_path / "submission")
    (tmp_path / "source").mkdir()
    (tmp_path / "results").mkdir()
    shutil.copy(COURSE / "assignment.toml", tmp_path / "source")
    shutil.copy(COURSE / "gradescope" / "run_autograder", tmp_path)
    environment = {**_PATH, "AUTOGRADER": str(tmp_path)}
    subprocess.run([str(tmp_path / "run_autograder")], env=environment, check=True)
    found = json.loads((tmp_path / "results" / "results.json").read_text())
    assert found["score"] == POINTS[submission]
    assert found["score"] == sum(test.get("score", 0) for test in found["tests"])
    assert sum(test.get("max_score", 0) for test in found["tests"]) == 12
    assert {test["status"] for test in found["tests"]} <= {"passed", "failed"}
    assert {test["visibility"] for test in found["tests"]} == {"visible"}


def test_gradescope_with_an_assignment_that_is_none(tmp_path: pathlib.Path) -> None:
    for name in ("submission", "source", "results"):
        (tmp_path / name).mkdir()
    (tmp_path / "source" / "assignment.toml").write_text("title = ")
    script = COURSE / "gradescope" / "run_autograder"
    environment = {**_PATH, "AUTOGRADER": str(tmp_path)}
    subprocess.run([str(script)], env=environment, check=True, stderr=subprocess.DEVNULL)
    found = json.loads((tmp_path / "results" / "results.json").read_text())
    assert "not graded" in found["output"]


@pytest.mark.parametrize("submission", POINTS)
def test_github(tmp_path: pathlib.Path, submission: str) -> None:
    """The last command of the workflow, in a checkout: its annotations are of files that are there,
    and the notice that Classroom reads has the points."""
    repository = tmp_path / "checkout"
    copied(submission, repository)
    (repository / ".github").mkdir()
    shutil.copy(COURSE / "assignment.toml", repository / ".github")
    workflow = (COURSE / "github" / "classroom.yml").read_text()
    command = re.findall(r"- run: (.*)", workflow)[-1]
    ended = subprocess.run(
        ["bash", "-c", command], cwd=repository, env=_PATH, capture_output=True, text=True
    )
    assert ended.returncode == (0 if POINTS[submission] == 12 else 1)
    commands = re.findall(r"^::(\w+) ([^:]*)::(.*)$", ended.stdout, re.MULTILINE)
    assert len(commands) == len(ended.stdout.splitlines())
    for path, line in re.findall(r"file=([^,]+),line=(\d+)", ended.stdout):
        assert int(line) <= len((repository / path).read_text().splitlines())
    (report,) = [text for _, about, text in commands if "Autograding report" in about]
    assert json.loads(report) == {"totalPoints": POINTS[submission], "maxPoints": 12}


WRITTEN = {
    "ada": ("    dx = dout @ W.T\n    dW = x.T @ dout\n    db = dout.sum(axis=0)\n", 5),
    "ben": ("    dx = dout @ W.T\n    dW = dout.T @ x\n    db = dout.sum(axis=0)\n", 3),
    "cho": ("    # YOUR CODE HERE\n    raise NotImplementedError()\n", 0),
}


@pytest.mark.bench
def test_nbgrader(tmp_path: pathlib.Path) -> None:
    """The real one: release, three students, autograde, and what its gradebook holds."""
    api = pytest.importorskip("nbgrader.api")
    shutil.copytree(COURSE / "nbgrader", tmp_path, dirs_exist_ok=True)

    def nbgrader(*words: str) -> None:
        command = [sys.executable, "-m", "nbgrader", *words]
        subprocess.run(command, cwd=tmp_path, env=_PATH, check=True, capture_output=True)

    nbgrader("generate_assignment", "ps1", "--create")
    for student, (lines, _) in WRITTEN.items():
        shutil.copytree(tmp_path / "release" / "ps1", tmp_path / "submitted" / student / "ps1")
        path = tmp_path / "submitted" / student / "ps1" / "affine.ipynb"
        notebook = json.loads(path.read_text())
        for cell in notebook["cells"]:
            text = "".join(cell["source"])
            begun, _, rest = text.partition(
                "    # YOUR CODE HERE\n    raise NotImplementedError()\n"
            )
            cell["source"] = (begun + lines + rest if rest else text).splitlines(True)
        path.write_text(json.dumps(notebook))
    nbgrader("autograde", "ps1")
    with api.Gradebook(f"sqlite:///{tmp_path}/gradebook.db") as gradebook:
        found = {s.student.id: s.score for s in gradebook.assignment_submissions("ps1")}
    assert found == {student: points for student, (_, points) in WRITTEN.items()}
