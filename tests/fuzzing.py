"""What is done with noise: one function per door that a stranger's text comes in by. Each raises on
anything but a result or one calm error, so a short seeded run, the corpus in tests/data and the
coverage-guided run (tests/benchmarks/fuzz.py) ask the same."""

from __future__ import annotations

import contextlib
import io
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence

import backtrace
from backtrace.batch.columns import opened
from backtrace.cli import run
from backtrace.errors import BacktraceError

CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f‪-‮⁦-⁩]")
FORMATS = ("table", "tree", "wires", "markdown", "latex", "svg", "html", "mermaid", "dot")
BETWEEN = "\x1e"
"""Between the parts of a text: formula and values, or the words of a command line."""


def calm(text: object) -> None:
    """No control character, nor one that turns the direction of writing, comes through."""
    found = CONTROLS.search(str(text).replace("\r", ""))
    assert not found, found


@contextlib.contextmanager
def errors_are_calm() -> Iterator[None]:
    try:
        yield
    except BacktraceError as error:
        calm(error)


def formula(text: str) -> None:
    """Traced, shown in a format that the text's length chooses, saved, and read back the same."""
    written, *values = text.split(BETWEEN)
    point = {name: value for name, value in zip("xyz", values, strict=False) if value}
    with errors_are_calm():
        trace = backtrace.trace(written, point, check=False, fuse=len(text) % 3 == 0)
        saved = trace.to_json()
        assert backtrace.Trace.from_json(saved).to_json() == saved
        calm(trace.show(FORMATS[len(text) % len(FORMATS)]))


def saved(text: str) -> None:
    with errors_are_calm():
        trace = backtrace.Trace.from_json(text)
        calm(trace.show(FORMATS[len(text) % len(FORMATS)]))


def answers(text: str) -> None:
    given = dict(zip(("dx", "x+y", "f", "dq"), text.split(BETWEEN), strict=False))
    with errors_are_calm():
        backtrace.check("(x+y)*z", {"x": -2, "y": 5, "z": -4}, given)


def points(text: str) -> None:
    points_of(text.encode("utf-8", "replace"))


def points_of(data: bytes) -> None:
    for head, suffix in ((b"x,y\n", ".csv"), (b"", ".csv"), (b"", ".jsonl"), (b"", ".npz")):
        with errors_are_calm():
            source = opened(io.BytesIO(head + data), suffix, ["x"], lambda _: None)
            for piece in map(source.read, source.chunks):
                assert len(piece.columns["x"]) == len(piece.lines)


def quiz(text: str) -> None:
    """A formula to be asked for, and what is typed at it, line by line."""
    written, *typed = text.replace("\0", "").split(BETWEEN)
    words = ["quiz", "--", written] if written else ["quiz"]
    before, sys.stdin = sys.stdin, io.StringIO("\n".join(typed))
    try:
        with _in_a_folder() as (out, err):
            status = run(words)
    finally:
        sys.stdin = before
    assert status in (0, 1, 2), status
    assert (status == 2) == ("error: " in err.getvalue())
    calm(err.getvalue())
    calm(out.getvalue())


def command(text: str) -> None:
    """A command line, in a folder of its own. Left out: words that write outside it, that open a
    browser, that start processes or wait for standard input."""
    words = text.replace("\0", "").split(BETWEEN)  # no command line can hold that character
    writes = any(word.startswith(("-o", "--o")) for word in words)
    if "-" in words or any(w.startswith(("--open", "--jobs")) for w in words):
        return
    if writes and any("/" in word or ".." in word for word in words):
        return
    if words[0] not in ("check", "grade", "exercise", "render", "gates", "trace"):
        words.insert(1, "--no-check")
    with _in_a_folder() as (out, err):
        status = run(words)
    assert status in (0, 1, 2), status
    assert "Traceback" not in err.getvalue()
    calm(err.getvalue())
    if not _are_colored(words):
        calm(out.getvalue())
    assert (status == 2) == err.getvalue().startswith("error: ") or status == 1


@contextlib.contextmanager
def _in_a_folder() -> Iterator[tuple[io.StringIO, io.StringIO]]:
    before = os.getcwd()
    out, err = io.StringIO(), io.StringIO()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                yield out, err
        finally:
            os.chdir(before)


def _are_colored(words: Sequence[str]) -> bool:
    return any(word.startswith("--color") for word in words)


DOORS: dict[str, Callable[[str], None]] = {
    "formula": formula,
    "command": command,
    "saved": saved,
    "answers": answers,
    "points": points,
    "quiz": quiz,
}
