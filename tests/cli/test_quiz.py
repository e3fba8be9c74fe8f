"""Practice in the terminal: by a pipe, and by a pseudo-terminal."""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import os
import pathlib
import pty
import re
import select
import shlex
import subprocess
import sys
import termios
import time
from typing import NamedTuple

import pytest

from backtrace.cli import run
from tests.conftest import ROOT, hold_schema

PYTHON = [sys.executable, "-m", "backtrace", "quiz"]
CIRCUIT = ("q = x + y; f = q*z", "x=-2", "y=5", "z=-4")
RIGHT = ("3", "-12", "-4", "3", "-4", "-4")  # q, f, dq, dz, dx, dy
PROMPT = re.compile(r"^(\d+)/(\d+)  (.*) = (.*)$", re.MULTILINE)


class Ended(NamedTuple):
    returncode: int
    stdout: bytes
    stderr: bytes


def piped(*words: str, typed: bytes | str = "", folder: pathlib.Path = ROOT) -> Ended:
    """The command in this process, with pipes for its streams."""
    data = typed.encode() if isinstance(typed, str) else typed
    out, err = io.BytesIO(), io.BytesIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("FORCE_COLOR", raising=False)
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data), "utf-8"))
        patch.setattr(sys, "stdout", io.TextIOWrapper(out, "utf-8", write_through=True))
        patch.setattr(sys, "stderr", io.TextIOWrapper(err, "utf-8", write_through=True))
        status = run(("quiz", *words))
        return Ended(status, out.getvalue(), err.getvalue())


def lines(*answers: str) -> str:
    return "".join(f"{answer}\n" for answer in answers)


def test_a_pipe_reads_as_a_terminal_does() -> None:
    typed = lines(*RIGHT).encode()
    environment = {k: v for k, v in os.environ.items() if k != "FORCE_COLOR"}
    ended = subprocess.run(
        [*PYTHON, *CIRCUIT],
        input=typed,
        capture_output=True,
        env={**environment, "LC_ALL": "C.UTF-8"},
    )
    out = ended.stdout.decode()
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert "\x1b" not in out
    asked = [found[3].split(" ")[0] for found in PROMPT.finditer(out)]
    assert asked == ["q", "f", "dq", "dz", "dx", "dy"]
    assert [found[4] for found in PROMPT.finditer(out)] == list(RIGHT)
    assert out.count("  right\n") == 6
    first, second = out.index("q = 3"), out.index("gradients, from the output back")
    assert first < second < out.index("right at once: 6 of 6")
    before, after = out[:second], out[second:]
    assert before.count("____") == 4  # dq, dz, dx, dy are not known yet
    assert "____" not in after


@pytest.mark.parametrize(
    ("answers", "status", "said"),
    [
        ((*RIGHT[:2], "3", *RIGHT[2:]), 1, "fits mul-not-swapped at #4 mul"),
        ((*RIGHT[:2], "3", "3", *RIGHT[3:]), 1, "dq = 1 × -4 = -4"),
        ((*RIGHT[:2], "?", *RIGHT[2:]), 1, "A mul gate switches"),
        ((*RIGHT[:2], "?", "?", "?", *RIGHT[2:]), 1, "  1 × -4\n"),
        ((*RIGHT[:2], "", *RIGHT[3:]), 1, "skipped: dq = -4"),
        ((*RIGHT[:2], "dx = 3", "1/0", "z", *RIGHT[3:]), 0, "dq is asked for, not dx"),
        (("6/2", "-3*4", "dq=-4", " 3. ", "-4.0", "-4e0"), 0, "right at once: 6 of 6"),
        (("q",), 1, "not reached: 6 of 6"),
        (("3", "q"), 1, "right at once: 1 of 6 (q)"),
        ((), 1, "not reached: 6 of 6"),
        (("3", "4", "5"), 1, "not found: 1 of 6 (f)"),
    ],
)
def test_conversations(answers: tuple[str, ...], status: int, said: str) -> None:
    ended = piped(*CIRCUIT, typed=lines(*answers))
    assert said in ended.stdout.decode()
    assert (ended.returncode, ended.stderr) == (status, b"")


def test_the_record() -> None:
    typed = lines("3", "-12", "3", "-4", "3", "?", "-4", "oops", "q")
    ended = piped(*CIRCUIT, "--json", typed=typed)
    assert (ended.returncode, ended.stderr) == (1, b"")
    hold_schema(ended.stdout.decode())
    record = json.loads(ended.stdout)
    asks = record["problems"][0]["asks"]
    assert {ask["name"]: ask["outcome"] for ask in asks} == {
        "q": "right at once",
        "f": "right at once",
        "dq": "right at the second try",
        "dz": "right at once",
        "dx": "right after a hint",
        "dy": "not reached",
    }
    assert [slip["code"] for slip in record["slips"]] == ["mul-not-swapped"]
    assert (record["ended"], record["ok"], record["right_at_once"]) == ("q", False, 3)
    ended = piped(*CIRCUIT, "--json", typed=lines(*RIGHT))
    assert (json.loads(ended.stdout)["ok"], ended.returncode) == (True, 0)


@pytest.mark.parametrize(
    "words",
    [
        ("(x+y)*max(x, z)",),
        ("--gates", "add,mul,max", "--forks", "1", "--seed", "ada"),
        ("--level", "1"),
        ("--level", "3", "--seed", "ada"),
        ("sum((W@x)^2)", "W:2,2", "x:2"),
        ("sum((W@x)^2)", "W=randn(2,2)", "x=randn(2)", "--seed", "5"),
        ("1/(1+exp(-x*y))", "--fuse"),
        ("softplus(x*y)", "--expand", "x=1", "y=2"),
        ("q = x*y; r = q + x; f = r^2", "--of", "r"),
        ("assignment.toml",),
        ("slip.py",),
        ("layers.py:standardise", "z=randn(2,2)", "scale=2"),
        ("max(x, y)", "x=1", "y=1", "--ask", "gradients"),
        ("--ask", "values"),
    ],
)
def test_every_source_is_answered_by_its_own_record(
    words: tuple[str, ...],
) -> None:
    """What a quiz says is due after a skip is right when it is typed; and what it proposes to
    practise next can be typed."""
    folder = ROOT / "examples"
    folder = folder / "course" if words[0].endswith(".toml") else folder
    skipped = piped(*words, "--json", typed="\n" * 400, folder=folder)
    record = json.loads(skipped.stdout)
    assert (skipped.returncode, skipped.stderr, record["ended"]) == (1, b"", "done")
    exact = [json.dumps(a["exact"]) for p in record["problems"] for a in p["asks"]]
    ended = piped(*words, "--json", typed=lines(*exact), folder=folder)
    assert (ended.returncode, ended.stderr) == (0, b""), json.loads(ended.stdout)
    for described in (record, json.loads(ended.stdout)):
        following = piped(*shlex.split(described["next"])[2:], typed="q\n", folder=folder)
        assert (following.returncode, following.stderr) == (1, b""), described["next"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("x",), "nothing to ask"),
        (("ln(x)", "x=-1"), "there is no answer at this point"),
        (("x*y", "x=1"), "'y' has no value"),
        (("x*y", "--gates", "add"), "--gates makes a formula"),
        (("--level", "1", "--forks", "2"), "--level"),
        (("--gates", "nothing"), "no gate 'nothing'"),
        (("--fuse",), "--fuse is for a formula"),
        (("W@x",), "arrays need shapes"),
        (("W@x", "W:m,n", "x:n"), "lengths that are no numbers"),
        (("-", "x=1"), "standard input"),
        (("nothing.py",), "no file"),
        (("nothing.toml",), "cannot read"),
        (("x*y", "--colr", "never"), "--color"),
        (("relo(x)", "x=1"), "unknown function"),
    ],
)
def test_what_cannot_be_asked(words: tuple[str, ...], said: str) -> None:
    ended = piped(*words, typed="1\n")
    assert (ended.returncode, ended.stdout) == (2, b"")
    assert said in ended.stderr.decode()
    assert ended.stderr.startswith(b"error: ")


@pytest.mark.parametrize(
    "typed",
    [
        b"\xff\xfe\x00\n3\n",
        b"3" * 200_000 + b"\n3\n",
        b"\x1b[31m\n3\n",
        b"\r\n\r\n",
        b"\0\0\0\n3\n",
        "３\n∂\n−4\n".encode(),
    ],
)
def test_bytes_that_are_no_answers(typed: bytes) -> None:
    ended = piped(*CIRCUIT, typed=typed)
    assert (ended.returncode, ended.stderr) == (1, b"")
    assert b"\x1b" not in ended.stdout
    assert b"Traceback" not in ended.stdout


def test_an_endless_line_ends() -> None:
    script = f"{shlex.join([*PYTHON, *CIRCUIT])} < /dev/zero"
    ended = subprocess.run(["bash", "-c", script], capture_output=True, timeout=60)
    assert ended.returncode == 2
    assert b"standard input is no lines with answers" in ended.stderr


def test_ascii_and_narrow() -> None:
    ended = piped(
        "sw(a) = a*sigmoid(a); sw(θ)*y", "θ=1.5", "y=2", "--ascii", "--width", "40", typed="?\n" * 3
    )
    assert ended.stdout.isascii()
    ended = piped(*CIRCUIT, "--color", "always", typed="q\n")
    assert b"\x1b[" in ended.stdout


class Terminal:
    """The command in a pseudo-terminal: `read()` what is on the screen by the next prompt."""

    def __init__(self, *words: str, term: str = "xterm", rows: int = 40) -> None:
        environment = {**os.environ, "TERM": term, "LINES": str(rows), "COLUMNS": "100"}
        environment |= {"LC_ALL": "C.UTF-8"}
        for name in ("FORCE_COLOR", "NO_COLOR"):
            environment.pop(name, None)
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(sys.executable, [*PYTHON, *words], environment)
        self.text = ""

    def read(self, until: str, seconds: float = 60.0) -> str:
        """What came, up to this text."""
        found, deadline = "", time.monotonic() + seconds
        while until not in found and time.monotonic() < deadline:
            if not select.select([self.fd], [], [], 0.2)[0]:
                continue
            try:
                data = os.read(self.fd, 65536)
            except OSError:  # it has ended
                break
            if not data:
                break
            found += data.decode("utf-8", "replace")
        self.text += found
        assert until in found, found
        return found

    def type(self, text: str) -> None:
        os.write(self.fd, text.encode())

    def end(self) -> int:
        with contextlib.suppress(AssertionError):
            self.read("\0")  # never there: until it has ended
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status)


def plain(text: str) -> str:
    """Without colours."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def test_a_terminal_fills_the_wires_as_you_go() -> None:
    terminal = Terminal(*CIRCUIT)
    blanks = []
    for prompt, answer in zip(("1/6", "2/6", "3/6", "4/6", "5/6", "6/6"), RIGHT, strict=True):
        seen = terminal.read(f"{prompt}  ")
        blanks.append(plain(seen.split("\x1b[H\x1b[J")[-1]).count("____"))
        terminal.type(answer + "\n")
    assert terminal.end() == 0
    assert blanks == [6, 5, 4, 3, 2, 1]
    assert "right at once: 6 of 6" in terminal.text


@pytest.mark.parametrize("key", ["\x03", "\x04", "q\n"])
@pytest.mark.parametrize("term", ["xterm", "dumb"])
def test_a_terminal_ends_calmly(key: str, term: str) -> None:
    terminal = Terminal(*CIRCUIT, term=term)
    terminal.read("1/6  ")
    terminal.type("3\n")
    terminal.read("2/6  ")
    terminal.type("4\n")
    terminal.read("once more")
    time.sleep(0.3)
    terminal.type(key)
    assert terminal.end() == 1
    assert "right at once: 1 of 6 (q)" in terminal.text
    assert "practise next:" in terminal.text
    assert "Traceback" not in terminal.text
    assert ("\x1b[H\x1b[J" in terminal.text) is (term == "xterm")


def test_a_low_terminal_is_not_drawn_anew() -> None:
    terminal = Terminal(*CIRCUIT, rows=12)
    terminal.read("1/6  ")
    terminal.type("\n")
    terminal.read("2/6  ")
    terminal.type("q\n")
    assert terminal.end() == 1
    assert "\x1b[H\x1b[J" not in terminal.text


def test_an_interrupt_while_a_pipe_is_read() -> None:
    process = subprocess.Popen(
        [*PYTHON, *CIRCUIT, "--json"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdin is not None
    process.stdin.write(b"3\n")
    process.stdin.flush()
    unread, ends = bytearray(b"1234"), time.monotonic() + 60
    while any(unread) and time.monotonic() < ends:
        time.sleep(0.05)
        fcntl.ioctl(process.stdin, termios.FIONREAD, unread)
    time.sleep(1)  # it is read, and judged at once
    process.send_signal(2)
    out, _ = process.communicate(timeout=60)
    record = json.loads(out)
    assert (process.returncode, record["ended"], record["right_at_once"]) == (1, "interrupted", 1)
