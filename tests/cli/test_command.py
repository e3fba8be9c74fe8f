"""The command as people use it: options among formulas, pipes, files, exit statuses."""

from __future__ import annotations

import json
import os
import pathlib
import re
import signal
import subprocess
import sys

import click
import pytest

import backtrace
from backtrace.cli.help import SECTIONS
from backtrace.cli.trace import trace as trace_command
from backtrace.render import formats
from tests.conftest import Command

NEURON = ("1/(1+exp(-(w0*x0+w1*x1+w2)))", "w0=2", "x0=-1", "w1=-3", "x1=-2", "w2=-3")
PYTHON = [sys.executable, "-m", "backtrace"]


@pytest.mark.small
@pytest.mark.parametrize(
    ("words", "value"),
    [
        (("-x+y", "x=1", "y=3"), 2),
        (("--x", "x=3"), 3),
        (("-v*x", "v=2", "x=3"), -6),
        (("-2*x", "x=3"), -6),
        (("-o*h", "o=2", "h=3"), -6),
        (("-x+v", "--wrt", "v", "x=1", "v=2"), 1),
        (("--no-check", "x", "x=1"), 1),
        (("x", "--digits=6", "x=1"), 1),
        (("x", "--", "x=1"), 1),
        (("--", "--json", "json=4"), 4),
        (("x*format", "x=2", "format=3"), 6),
        (("trace", "trace*2", "trace=3"), 6),
        (("trace", "gates", "gates=3"), 3),
    ],
)
def test_formulas_that_look_like_options(
    words: tuple[str, ...], value: float, backtrace_command: Command
) -> None:
    front = () if words[0] != "--" and words[-2] != "--" else ("--json", "--no-check")
    ended = backtrace_command(*front, *words, *(() if front else ("--json", "--no-check")))
    assert ended.status == 0, ended.err
    assert json.loads(ended.out)["output"]["value"] == value


@pytest.mark.small
def test_wrt_limits_gradients_and_checks(backtrace_command: Command) -> None:
    ended = backtrace_command("x*y+z", "x=1", "y=2", "z=3", "--wrt", "z, x", "--json")
    described = json.loads(ended.out)
    assert described["gradients"] == {"z": 1, "x": 2}
    assert list(described["checks"]) == ["z", "x"]


@pytest.mark.small
def test_digits_and_width(backtrace_command: Command) -> None:
    ended = backtrace_command(*NEURON, "--no-check", "--digits", "8", "--width", "100")
    assert "0.73105858" in ended.out
    assert max(map(len, ended.out.splitlines())) <= 100


@pytest.mark.small
def test_values_are_constant_formulas(backtrace_command: Command) -> None:
    words = ("a*b*c*d*w₀", "a=1/3", "b=pi/2", "c=sqrt(2)", "d=-1e-3", "w0=+2")
    ended = backtrace_command(*words, "--json", "--no-check")
    point = json.loads(ended.out)["point"]
    assert point == pytest.approx(
        {"a": 1 / 3, "b": 1.5707963267948966, "c": 2**0.5, "d": -0.001, "w0": 2}
    )


@pytest.mark.small
def test_formula_from_a_file_with_comments(
    backtrace_command: Command, tmp_path: pathlib.Path
) -> None:
    file = tmp_path / "formula.txt"
    file.write_bytes("\ufeff# the lecture's first\r\nq = x + y\r\nf = q*z  # done\r\n".encode())
    ended = backtrace_command("--file", str(file), "x=-2", "y=5", "z=-4", "--json", "--no-check")
    assert json.loads(ended.out)["output"] == {"node": 4, "name": "f", "value": -12}


@pytest.mark.small
@pytest.mark.parametrize("suffix", ["json", "jsonl", "txt", "tree"])
def test_output_file_by_suffix(
    suffix: str, backtrace_command: Command, tmp_path: pathlib.Path
) -> None:
    path = tmp_path / f"trace.{suffix}"
    ended = backtrace_command("x*y", "x=2", "y=3", "--no-check", "-o", str(path))
    assert ended == (0, "", "")
    assert "6" in path.read_text("utf-8")
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.small
def test_a_failed_write_leaves_the_old_file(
    backtrace_command: Command, tmp_path: pathlib.Path
) -> None:
    path = tmp_path / "trace.json"
    path.write_text("old")
    assert backtrace_command("x*", "x=2", "-o", str(path)).status == 2
    assert path.read_text() == "old"


@pytest.mark.small
def test_the_schema(backtrace_command: Command) -> None:
    ended = backtrace_command("--json-schema")
    assert json.loads(ended.out)["title"] == "backtrace.trace/1"
    assert ended.status == 0


@pytest.mark.small
def test_help_and_version(backtrace_command: Command) -> None:
    ended = backtrace_command("--help")
    for option in ("--format", "--json", "-o", "--wrt", "--no-check", "--digits", "--ascii"):
        assert option in ended.out
    assert backtrace_command("-h").out == ended.out
    assert backtrace_command("--version").out == f"backtrace {backtrace.__version__}\n"
    assert "NAME" in backtrace_command("gates", "--help").out


@pytest.mark.small
def test_every_option_has_one_heading_and_help_fits(backtrace_command: Command) -> None:
    options = [p.name for p in trace_command.params if isinstance(p, click.Option)]
    assert sorted(options) == sorted(name for names in SECTIONS.values() for name in names)
    for command in ("trace", "check", "grade", "exercise", "quiz", "render", "gates"):
        shown = backtrace_command(command, "--help").out
        assert max(map(len, shown.splitlines())) <= 80
        examples = shown[shown.index("Examples:") :]
        assert examples.count("backtrace ") >= 3, command


@pytest.mark.parametrize("command", ["trace", "render"])
def test_the_help_names_every_format(command: str, backtrace_command: Command) -> None:
    shown = " ".join(backtrace_command(command, "--help").out.split())
    named = re.search(r"table \(default\), ([a-z, ]+) or ([a-z]+)\.", shown)
    assert named is not None
    assert {"table", *named[1].split(", "), named[2]} == set(formats())


@pytest.mark.small
def test_the_catalogue_names_every_gate(backtrace_command: Command) -> None:
    from backtrace.gates import GATES

    for name, gate in GATES.items():
        ended = backtrace_command("gates", name, "--ascii")
        assert ended.status == 0
        assert ended.out.startswith(f"{name}: ")
        assert gate.role.value in ended.out
    assert backtrace_command("gates", "*").out.startswith("mul: ")


def test_a_disagreement_is_exit_status_1_and_names_the_gate(
    backtrace_command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from backtrace.gates import GATES

    wrong = replace(GATES["exp"], local=(lambda m, f, x: 2 * f,))
    monkeypatch.setitem(GATES, "exp", wrong)
    ended = backtrace_command("y*exp(x)", "x=1", "y=2")
    assert ended.status == 1
    assert ended.err.splitlines()[0].startswith("error: the cross-check disagrees about the ")
    assert "the gate exp (#2) is wrong on its own" in ended.err
    assert ended.err.splitlines()[1:3] == ["  y*exp(x)", "    ^^^^^^"]
    assert "disagree" in ended.out


def test_standard_input_and_silence_on_standard_error() -> None:
    ended = subprocess.run(
        [*PYTHON, "-", "x=2"], input=b"q = x^2 # squared\nq + 1\n", capture_output=True
    )
    assert ended.returncode == 0
    assert ended.stderr == b""
    assert b"\x1b" not in ended.stdout


def test_a_closed_pipe_ends_quietly() -> None:
    words = " ".join(map(repr, [*PYTHON, "+".join(["x"] * 3000), "x=1", "--json", "--no-check"]))
    script = f'set -o pipefail; {words} | head -c 10; echo " ${{PIPESTATUS[0]}}"'
    ended = subprocess.run(["bash", "-c", script], capture_output=True)
    assert ended.stderr == b""
    assert ended.stdout.split()[-1] in (b"141", b"0")


def test_ctrl_c_ends_quietly() -> None:
    process = subprocess.Popen(
        [*PYTHON, "-", "x=1"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(2.0)  # it waits for the formula
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out, err) == (130, b"", b"")


@pytest.mark.parametrize(
    ("environment", "words", "coloured"),
    [
        ({}, (), False),
        ({"FORCE_COLOR": "1"}, (), True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, (), False),
        ({"NO_COLOR": "1"}, ("--color", "always"), True),
        ({"FORCE_COLOR": "1"}, ("--color=never",), False),
    ],
)
def test_colour(environment: dict, words: tuple[str, ...], coloured: bool) -> None:
    clean = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR")}
    ended = subprocess.run(
        [*PYTHON, "x*y", "x=1", "y=2", "--no-check", *words],
        capture_output=True,
        env={**clean, **environment},
    )
    assert (b"\x1b[" in ended.stdout) is coloured
    assert ended.returncode == 0


def test_an_ascii_terminal_gets_ascii() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    ended = subprocess.run(
        [*PYTHON, "θ*y # …", "θ=1", "y=2", "--no-check"], capture_output=True, env=environment
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.isascii()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("backtrace --for", "--format"),
        ("backtrace --format t", "table"),
        ("backtrace gates sig", "sigmoid"),
        ("backtrace ga", "gates"),
    ],
)
def test_shell_completion(line: str, expected: str) -> None:
    script = "from backtrace.cli import main; main()"
    environment = {
        **os.environ,
        "_BACKTRACE_COMPLETE": "bash_complete",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(line.split()) - 1),
    }
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, env=environment, text=True
    )
    assert f"plain,{expected}" in ended.stdout.split()


def test_output_goes_through_links_and_pipes(tmp_path: pathlib.Path) -> None:
    target = tmp_path / "target.json"
    target.write_text("old")
    link = tmp_path / "link.json"
    link.symlink_to(target)
    pipe = tmp_path / "pipe.json"
    os.mkfifo(pipe)
    words = ["x*y", "x=2", "y=3", "--no-check", "-o"]
    assert subprocess.run([*PYTHON, *words, str(link)], check=False).returncode == 0
    assert link.is_symlink()
    assert '"value": 6' in target.read_text()
    with subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE) as reader:
        assert subprocess.run([*PYTHON, *words, str(pipe)], check=False).returncode == 0
        assert reader.stdout is not None
        assert b'"value": 6' in reader.stdout.read()
    assert pipe.is_fifo()


@pytest.mark.parametrize(
    ("script", "status"),
    [
        ("{} 'x*y' x=1 y=2 --no-check > /dev/full", 2),
        ("{} 'x*y' x=1 y=2 --no-check >&-", 0),
        ("{} - x=1 <&-", 2),
    ],
)
def test_broken_streams(script: str, status: int) -> None:
    command = " ".join(PYTHON)
    ended = subprocess.run(["bash", "-c", script.format(command)], capture_output=True, text=True)
    assert ended.returncode == status
    assert "Traceback" not in ended.stderr
    assert ended.stderr.startswith("error: ") is (status == 2)
