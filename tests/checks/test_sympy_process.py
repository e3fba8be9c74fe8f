"""The helper process: it answers as SymPy here would, outlives nobody, and its end is survived."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from backtrace import cli
from backtrace.checks import symbolic, sympy_process

QUESTION = ("x*y", ["x", "y"], {"x": 2.0, "y": 3.0}, ["x"], 5.0)
COMMAND = [sys.executable, "-m", "backtrace", "(x+y)*z", "x=-2", "y=5", "z=-4"]


@pytest.fixture
def helper(monkeypatch: pytest.MonkeyPatch) -> object:
    monkeypatch.setattr(sympy_process, "_can_run_beside", lambda: hasattr(os, "fork"))
    sympy_process.start(["x*y", "x=2"], "backtrace.checks.symbolic")
    if sympy_process._helper is None:
        pytest.skip("there is no fork here")
    yield sympy_process._helper
    sympy_process.end()


def asked(seconds: float = 5.0) -> object:
    return sympy_process.ask("backtrace.checks.symbolic", "ask", QUESTION, seconds)()


def test_it_answers_as_sympy_does_here(helper: object) -> None:
    assert asked() == symbolic.ask(*QUESTION)
    assert not helper.is_busy
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(sympy_process, "_call")  # so the second question is answered there too
        assert asked() == symbolic.ask(*QUESTION)


def test_without_a_helper_the_answer_is_found_here() -> None:
    assert sympy_process._helper is None
    assert asked() == symbolic.ask(*QUESTION)


def test_a_helper_that_dies_is_replaced(helper: object) -> None:
    os.kill(helper.process, signal.SIGKILL)
    assert asked() == symbolic.ask(*QUESTION)


@pytest.mark.usefixtures("helper")
def test_a_helper_that_does_not_answer_in_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sympy_process, "_GRACE", 0.0)
    question = sympy_process.ask("time", "sleep", (60,), 0.2)
    with pytest.raises(TimeoutError):
        question()


@pytest.mark.usefixtures("helper")
def test_what_loads_too_slowly_there_is_loaded_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """That loading takes long says nothing of how long SymPy thinks about the formula."""
    monkeypatch.setattr(sympy_process, "_LOADING", 0.0)
    assert asked() == symbolic.ask(*QUESTION)


def test_it_knows_the_commands_that_have_no_need_of_it() -> None:
    assert set(cli._COMMANDS) == sympy_process._OTHERS


@pytest.mark.parametrize(
    "words",
    [[], ["check", "x"], ["--help"], ["x", "--no-check"], ["gates"], ["render", "t.json"]],
)
def test_it_is_started_only_where_it_is_needed(words: list[str]) -> None:
    sympy_process.start(words, "backtrace.checks.symbolic")
    assert sympy_process._helper is None


def test_nobody_waits_for_it() -> None:
    """The command's output ends when the command does, also when it ends at once."""
    began = time.monotonic()
    ended = subprocess.run([*COMMAND[:3], "(x+"], capture_output=True)
    assert ended.returncode == 2
    assert time.monotonic() - began < 5
    assert b"error" in ended.stderr


def test_it_leaves_no_process_behind() -> None:
    process = subprocess.Popen(COMMAND, stdout=subprocess.PIPE, start_new_session=True)
    process.communicate(timeout=60)
    assert process.returncode == 0
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


@pytest.mark.parametrize(
    "into",
    ["pipe", *(pytest.param(into, marks=pytest.mark.slow) for into in ("slow pipe", "file"))],
)
def test_the_end_of_the_process_loses_no_output(into: str, tmp_path: object) -> None:
    """More than a pipe holds, whatever it goes to."""
    formula = "+".join(f"{k}*x" for k in range(1, 3000))
    words = [*COMMAND[:3], formula, "x=2", "--json", "--no-check"]
    direct = subprocess.run([*words, "-o", str(tmp_path / "direct.json")])
    assert direct.returncode == 0
    if into == "file":
        with open(tmp_path / "out.json", "wb") as file:
            subprocess.run(words, stdout=file, check=True)
        found = (tmp_path / "out.json").read_bytes()
    else:
        process = subprocess.Popen(words, stdout=subprocess.PIPE)
        time.sleep(1.5 * (into == "slow pipe"))
        found, _ = process.communicate(timeout=60)
        assert process.returncode == 0
    assert found == (tmp_path / "direct.json").read_bytes()
    assert len(found) > 1_000_000
