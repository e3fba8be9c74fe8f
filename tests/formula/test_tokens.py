"""The quick way to tokens, of texts made of plain ones alone, against the way that reads all."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backtrace.errors import FormulaError
from backtrace.formula import library_words, tokens
from backtrace.formula.spellings import TEMPLATES
from backtrace.gates import GATES

WORDS = (
    *(
        "x",
        "y",
        "_a",
        "x1",
        "e",
        "E5",
        "a" * 65,
        "dim=",
        "x.T",
        ".sum",
        'axis="inf"',
        "'a'",
        '"ij"',
    ),
    *("0", "1", "00", "0.0", "1e5", "1e400", "1e-400", ".5", "5.", "1.", "..", "1..2", "1_000"),
    *("0x1F", "0x", "2x", "1e", "1e+", "2e", "123456789012345678", "'", "!", "\t", "\r", "\x00"),
    *("*", "**", "^", "+", "-", "/", "//", "%", "@", "(", ")", "[", "]", ",", ":", ".", ";", "\n"),
    *("=", "==", "<", "<=", "!=", "|", "||", " ", "  ", "#c\n", "π", "½", "²", "x₁", "é"),
)


@settings(max_examples=2000)
@given(st.lists(st.sampled_from(WORDS) | st.just(" "), max_size=12).map("".join))
def test_plain_tokens_are_those_of_the_whole_grammar(text: str) -> None:
    quick = tokens._plain(text)
    if quick:
        found, end = tokens._all_kinds(text)
        assert quick == found
        assert not text[end:].strip(" ")


@pytest.mark.parametrize("text", ["(x+y)*z", "q = 2x; 0.5*max(q, 1e-3)^2 - .5/x[1:2]", "x@y.T\n+z"])
def test_formulas_as_they_are_typed_go_the_quick_way(text: str) -> None:
    assert tokens._plain(text)


@pytest.mark.parametrize("text", ["x²", "1..2", "f(x, 'a')", "x # note", "1e400", "a\tb", "x !"])
def test_what_is_not_plain_does_not(text: str) -> None:
    assert not tokens._plain(text)


def test_every_word_of_the_libraries_is_seen() -> None:
    """And no gate of ours is taken for one."""
    for name in sorted({*TEMPLATES} - {"dot", "softplus", *GATES}):
        assert library_words.has_calls(f"q = {name} (x, 1)"), name
        assert not library_words.has_calls(f"q = {name}*x + sin(x)"), name
    for text in ("sum(x, dim=1)", "norm(x, ord =2)", "x.sum()", "clip(x, 0, 1)"):
        assert library_words.has_calls(text)
    for text in ("dim = 3; dim*x", "tanh(x) + max(x, y)", "f_dim(x)", "x.T@x"):
        assert not library_words.has_calls(text), text
    with pytest.raises(FormulaError):
        tokens.tokenize("x ! y")
