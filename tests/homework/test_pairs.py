"""Which functions of a submission a question means: both of the pair, whatever it is called."""

from __future__ import annotations

import ast

import pytest

from backtrace.homework.code_finding import is_undone

PAIRS = [
    ("relu", "relu_forward", "relu_backward"),
    ("relu_backward", "relu_forward", "relu_backward"),
    ("backward", "forward", "backward"),
    ("backward_pass", "forward_pass", "backward_pass"),
]
DONE, UNDONE = "return 1", "raise NotImplementedError"


@pytest.mark.parametrize(("asked", "forward", "backward"), PAIRS)
@pytest.mark.parametrize(("first", "second"), [(DONE, UNDONE), (UNDONE, DONE), (DONE, DONE)])
def test_a_half_that_is_undone_is_seen(
    asked: str, forward: str, backward: str, first: str, second: str
) -> None:
    text = f"def {forward}(x):\n    {first}\ndef {backward}(dout):\n    {second}\n"
    assert is_undone(ast.parse(text), asked) is (UNDONE in (first, second))
