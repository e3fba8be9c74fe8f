"""t.argmax(axis=1) of labels is the class of each row; of what is worked out it is refused."""

from __future__ import annotations

import json
import pathlib

import numpy as np
import pytest

from tests.conftest import Command

TEXT = """
import numpy as np

def loss(x, t):
    p = np.exp(x) / np.sum(np.exp(x), axis=1, keepdims=True)
    k = {labels}
    return -np.sum(np.log(p[np.arange(3), k])) / 3

def grads(x, t):
    p = np.exp(x) / np.sum(np.exp(x), axis=1, keepdims=True)
    k = {labels}
    value = -np.sum(np.log(p[np.arange(3), k])) / 3
    dx = p.copy()
    dx[np.arange(3), k] -= {off}
    dx /= 3
    return value, dx
"""
HOT = np.eye(4)[[1, 3, 0]]
X = np.random.default_rng(0).normal(size=(3, 4)).round(2)
POINT = (f"x={X.tolist()}", f"t={HOT.tolist()}")
LABELS = ["t.argmax(axis=1)", "np.argmax(t, axis=1)", "t.argmax(1)", "np.argmax(t, axis=-1)"]


def written(tmp_path: pathlib.Path, labels: str, off: str = "1") -> str:
    path = tmp_path / "labels.py"
    path.write_text(TEXT.format(labels=labels, off=off))
    return str(path)


@pytest.mark.parametrize("labels", LABELS)
def test_the_class_of_each_row(
    labels: str, tmp_path: pathlib.Path, backtrace_command: Command
) -> None:
    file = written(tmp_path, labels)
    ended = backtrace_command(f"{file}:loss", *POINT, "--format", "json")
    assert ended.status == 0, ended.err
    p = np.exp(X) / np.exp(X).sum(axis=1, keepdims=True)
    trace = json.loads(ended.out)
    np.testing.assert_allclose(trace["output"]["value"], -np.log((p * HOT).sum(axis=1)).mean())
    (x,) = (node for node in trace["nodes"] if node["name"] == "x")
    np.testing.assert_allclose(x["gradient"], (p - HOT) / 3, rtol=1e-9)


@pytest.mark.parametrize("labels", LABELS)
def test_the_backward_pass_is_judged(
    labels: str, tmp_path: pathlib.Path, backtrace_command: Command
) -> None:
    right = backtrace_command("check", f"{written(tmp_path, labels)}:grads", *POINT)
    assert right.status == 0, right.out + right.err
    wrong = backtrace_command("check", f"{written(tmp_path, labels, '2')}:grads", *POINT)
    assert wrong.status == 1
    assert "dx is wrong" in wrong.out


@pytest.mark.parametrize("labels", ["p.argmax(axis=1)", "np.argmax(x, axis=1)", "t.argmax(axis=0)"])
def test_of_what_changes_it_is_refused(
    labels: str, tmp_path: pathlib.Path, backtrace_command: Command
) -> None:
    ended = backtrace_command(f"{written(tmp_path, labels)}:loss", *POINT)
    assert ended.status == 2
    assert "argmax" in ended.err
