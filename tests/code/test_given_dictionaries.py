"""options={'mode': 'train'}: a parameter that is a dictionary, of which code asks for entries."""

from __future__ import annotations

import json
import pathlib

import numpy as np
import pytest

from tests.conftest import Command

TEXT = """
import numpy as np

def forward(x, w, options):
    mode = options["mode"]
    power = options.get("power", 2.0)
    shift = options.get("shift")
    if shift is None:
        shift = 0.0
    if mode == "train":
        out = w * x**power + shift
    else:
        out = w * x
    options["seen"] = out
    return out, (x, w, power)

def backward(dout, cache):
    x, w, power = cache
    dw = dout * x**power
    dx = dout * w * power * x**(power - 1)
    return dx, dw
"""
POINT = ("x=[1.5,2]", "w=[3,-1]")
X, W = np.array([1.5, 2.0]), np.array([3.0, -1.0])


@pytest.fixture
def file(tmp_path: pathlib.Path) -> str:
    path = tmp_path / "layer.py"
    path.write_text(TEXT)
    return str(path)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("options={'mode': 'train'}",), W * X**2),
        (("mode=train",), W * X**2),
        (('options={"mode": "train", "power": 3}',), W * X**3),
        (("mode=train", "power=3.0"), W * X**3),
        (("options={'mode': 'test', 'power': 3}",), W * X),
        (("options = {'mode': 'train', 'shift': [1, -1]}",), W * X**2 + np.array([1, -1])),
    ],
)
def test_entries_are_what_is_given_or_what_the_code_falls_back_on(
    words: tuple[str, ...], expected: np.ndarray, file: str, backtrace_command: Command
) -> None:
    ended = backtrace_command(f"{file}:forward", *words, *POINT, "--format", "json", "--no-check")
    assert ended.status == 0, ended.err
    np.testing.assert_allclose(json.loads(ended.out)["output"]["value"], expected)


@pytest.mark.parametrize(
    "words", [("options={'mode': 'train'}",), ("mode=train", "power=3"), ("mode=train",)]
)
def test_the_backward_pass_is_judged(
    words: tuple[str, ...], file: str, backtrace_command: Command
) -> None:
    right = backtrace_command("check", f"{file}:backward", *words, *POINT)
    assert (right.status, "all right" in right.out) == (0, True), right.out
    path = pathlib.Path(file)
    path.write_text(TEXT.replace("w * power *", "w *"))
    wrong = backtrace_command("check", f"{file}:backward", *words, *POINT)
    assert wrong.status == 1
    assert "dx is wrong" in wrong.out


@pytest.mark.parametrize(
    "word", ["options={", "options={1: 2}", "options={'mode'}", "options={'mode': exit()}", "o={}}"]
)
def test_what_is_no_dictionary_is_refused(word: str, file: str, backtrace_command: Command) -> None:
    ended = backtrace_command(f"{file}:forward", word, *POINT)
    assert ended.status == 2
    assert "dictionary" in ended.err
    assert "hint: " in ended.err


@pytest.mark.parametrize("word", ["moed=train", "zz=3", "options={'moed': 'train'}"])
@pytest.mark.parametrize("words", [("check", "{}:backward"), ("{}:forward",)])
def test_what_the_code_has_nowhere_is_refused(
    word: str, words: tuple[str, ...], file: str, backtrace_command: Command
) -> None:
    ended = backtrace_command(*(w.format(file) for w in words), *POINT, "mode=train", word)
    assert ended.status == 2
    assert "does not occur in" in ended.err


@pytest.mark.parametrize(
    ("forward", "backward"),
    [
        ("forward", "backward"),
        ("forward_pass", "backward_pass"),
        ("relu_forward", "relu_backward"),
        ("linear_activation_forward", "linear_activation_backward"),
    ],
)
def test_pairs_by_what_they_are_called(
    forward: str, backward: str, tmp_path: pathlib.Path, backtrace_command: Command
) -> None:
    path = tmp_path / "pair.py"
    path.write_text(
        TEXT.replace("def forward", f"def {forward}").replace("def backward", f"def {backward}")
    )
    for name in (forward, backward):
        ended = backtrace_command("check", f"{path}:{name}", *POINT, "mode=train")
        assert (ended.status, "all right" in ended.out) == (0, True), ended.err
