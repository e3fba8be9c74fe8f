"""Large graphs: no recursion, and work that grows as the gates do."""

from __future__ import annotations

import sys

import pytest

import backtrace
from backtrace.algebra.floats import FLOATS
from backtrace.cli import run
from backtrace.errors import FormulaError
from backtrace.formula.parser import parse
from backtrace.formula.tokens import MOST_TOKENS, tokenize


@pytest.mark.slow
def test_a_sum_of_100_000_terms_and_a_tower_of_signs() -> None:
    graph = parse("+".join(["x"] * 100_000))
    assert graph.gate_count == 99_999
    assert graph.evaluate(FLOATS, {"x": 1.0})[-1] == 100_000
    assert parse("-" * 20_000 + "x").gate_count == 20_000
    assert parse("^".join(["x"] * 20_000)).gate_count == 19_999
    assert parse("+".join(["1"] * 20_000)).gate_count == 0


@pytest.mark.parametrize("most", [1000, pytest.param(MOST_TOKENS, marks=pytest.mark.slow)])
def test_more_tokens_than_allowed(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backtrace.formula.tokens.MOST_TOKENS", most)
    with pytest.raises(FormulaError, match=f"more than {most:,} tokens"):
        tokenize("+" * (most + 1))


def recurrence(lines: int) -> str:
    return "a0 = x*y + 1\n" + "".join(f"a{i} = a{i - 1}*y + 1\n" for i in range(1, lines))


@pytest.mark.slow
def test_100_000_gates_from_a_file_to_a_checked_table(
    tmp_path_factory: pytest.TempPathFactory, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path_factory.mktemp("scale") / "formula.txt"
    file.write_text(recurrence(50_000))
    assert run(["--file", str(file), "x=1", "y=0.5"]) == 0
    out = capsys.readouterr().out
    assert "symbolic check skipped: 100,000 gates" in out
    assert "gates not shown" in " ".join(out.split())
    assert out.count("agree") == 2
    assert len(out) < 20_000


@pytest.mark.slow
def test_the_slope_still_speaks_for_100_000_gates() -> None:
    trace = backtrace.trace(recurrence(50_000), {"x": 1.0, "y": 0.5})
    assert trace.ok
    for check in trace.checks.values():
        assert check.verdict == "agree"
        assert check.numeric == pytest.approx(check.backprop, rel=1e-12)


def steps(lines: int) -> int:
    """How many lines of Python a trace executes: work that no busy machine can blur."""
    count = 0

    def line(_: object, event: str, __: object) -> object:
        nonlocal count
        count += event == "line"
        return line

    text = recurrence(lines)
    sys.settrace(line)
    try:
        trace = backtrace.trace(text, {"x": 1.0, "y": 0.5}, check=False)
        trace.show("json")
    finally:
        sys.settrace(None)
    return count


@pytest.mark.parametrize("few", [50, pytest.param(200, marks=pytest.mark.slow)])
def test_the_work_grows_as_the_gates_do(few: int) -> None:
    steps(10)  # what is loaded and compiled the first time
    small, large = steps(few), steps(4 * few)
    assert 3.5 < large / small < 4.5
