"""Every gate of the table in letters: its gradients are read again and right, or it is refused in
words that are listed."""

from __future__ import annotations

import re

import pytest

from backtrace.formula.letters import InLetters, NotInLetters, in_letters
from backtrace.gates import GATES
from backtrace.tracing.witnesses import witnessed
from tests.algebra.test_matrices import _shapes
from tests.conftest import DATA, Command

CONSTANTS = ("ones", "zeros", "eye", "full")
"""Gates that are worked out where a formula is read."""


def _lines(name: str) -> list[str]:
    lines = (DATA / name).read_text("utf-8").splitlines()
    return [line for line in lines if not line.startswith("#")]


def _parted(line: str) -> tuple[str, dict[str, tuple[str, ...]]]:
    match = re.fullmatch(r"(.*?)((?: \w+:[\w,]*)+)", line)
    assert match is not None, line
    return match[1], _shapes(match[2])


DERIVED = _lines("letters_gates.txt")
REFUSED = [line.split(" ! ") for line in _lines("letters_refused.txt")]


def _is_right(found: InLetters) -> None:
    verdicts = witnessed(found, check=False)
    assert verdicts
    for name, verdict in verdicts.items():
        assert verdict.verdict == "agree", (name, found.gradients[name], verdict)


@pytest.mark.parametrize("line", DERIVED)
def test_gradients_are_read_again_and_right(line: str) -> None:
    _is_right(in_letters(*_parted(line)))


WRAPPINGS = ("({0}*0.5 + 0.2)", "tanh({0})", "{0}_stage")


@pytest.mark.parametrize("line", DERIVED)
def test_so_they_are_of_what_is_worked_out(line: str) -> None:
    """Instead of every input a sum, a function, a stage; not of what picks entries."""
    formula, shapes = _parted(line)
    names = set(shapes) - in_letters(formula, shapes).indices

    def word(match: re.Match[str]) -> str:
        return wrapping.format(match[0]) if match[0] in names else match[0]

    for wrapping in WRAPPINGS:
        stages = (f"{n}_stage = sin({n})/2 + {n}; " for n in sorted(names))
        wrapped = re.sub(r'"[^"]*"|(?<![\w.])[^\W\d]\w*', word, formula)
        is_stage = wrapping == WRAPPINGS[-1]
        _is_right(in_letters("".join(stages) * is_stage + wrapped, shapes))


@pytest.mark.parametrize(("line", "words"), REFUSED)
def test_what_is_refused_is_listed_with_its_words(line: str, words: str) -> None:
    with pytest.raises(NotInLetters) as error:
        in_letters(*_parted(line))
    assert str(error.value) == words


@pytest.mark.slow
def test_every_gate_is_derived_or_listed() -> None:
    met = set()
    for line in DERIVED:
        found = in_letters(*_parted(line))
        met |= {gate.name for _, _, gate in found.graph.gates()}
        met |= {name for name in CONSTANTS if f"{name}(" in line}
    refused = {name for name in GATES if any(f"{name}(" in line for line, _ in REFUSED)}
    assert set(GATES) - met <= refused


def test_where_a_gradient_holds_is_said(backtrace_command: Command) -> None:
    words = ("prod(X@w)", "X:m,n", "w:n", "--no-check")
    assert "where no entry of X@w is 0" in backtrace_command(*words).out
    for format in ("markdown", "json", "latex"):
        assert "no entry of" in backtrace_command(*words, "--format", format).out
    numbers = ("prod(x)", "x=[1, 2]", "--symbolic", "--no-check")
    assert "hold where no entry of x is 0" in " ".join(backtrace_command(*numbers).out.split())
    assert "where" not in backtrace_command("sum(x)", "x:n", "--no-check").out
