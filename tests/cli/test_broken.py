"""When the world breaks: signals at any moment, streams and places that fail, odd terminals and
inputs. Outputs are whole or absent; every end is one of the exit statuses that are promised."""

from __future__ import annotations

import errno
import io
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import backtrace
from backtrace.errors import BacktraceError
from backtrace.files import Changed, InputFile, _Watched, write_pieces
from backtrace.homework.submissions import read_submissions

PYTHON = [sys.executable, "-m", "backtrace"]
POINT = ["(x+y)*z", "x=-2", "y=5", "z=-4"]
INTERRUPTED = """
import os, signal, sys
count, at, number = 0, int(sys.argv.pop(1)), int(sys.argv.pop(1))
from backtrace.__main__ import main

def called(*_):
    global count
    count += 1
    if count == at:
        sys.setprofile(None)
        os.kill(os.getpid(), number)

sys.setprofile(called)
main()
"""


def interrupted(at: int, number: int, words: list[str]) -> subprocess.CompletedProcess[bytes]:
    """The command, which gets a signal at its `at`-th call of a function."""
    script = [sys.executable, "-c", INTERRUPTED, str(at), str(int(number))]
    return subprocess.run([*script, *words], capture_output=True, timeout=60)


def moments() -> list[int]:
    """Close together at first, and out to where the command has ended."""
    return [3, 5, 10, *[int(20 * 1.6**k) for k in range(26)]]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_at_any_moment(number: int, tmp_path: pathlib.Path) -> None:
    """Quiet, with its own exit status, and a file that is whole or not there."""
    whole = subprocess.run([*PYTHON, *POINT, "--json"], capture_output=True, check=True).stdout
    path = tmp_path / "out.json"
    seen = set()
    for at in moments():
        ended = interrupted(at, number, [*POINT, "-o", str(path)])
        assert ended.stderr == b"", (at, ended.stderr)
        assert ended.returncode in (0, 128 + number, -number), at
        seen.add(ended.returncode)
        assert [p.name for p in tmp_path.iterdir()] in ([], ["out.json"]), at
        if path.exists():
            assert path.read_bytes() == whole
            path.unlink()
    assert 0 in seen
    assert len(seen) > 1


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ([*POINT, "-o", "/dev/full"], 2),
        ([*POINT, "-o", "/nowhere/at/all.json"], 2),
        ([*POINT, "-o", "/proc/version.json"], 2),
        (["--file", "/dev/zero"], 2),
        (["x", "--points", "/dev/zero"], 2),
        (["--file", "/"], 2),
        ([f"{'a' * 1000} + 1"], 2),
        (["x*y", f"{'a' * 1000}=1"], 2),
    ],
    ids=lambda value: str(value)[:40],
)
def test_places_that_fail(words: list[str], status: int) -> None:
    began = time.monotonic()
    ended = subprocess.run([*PYTHON, *words], capture_output=True, timeout=60)
    assert ended.returncode == status
    assert ended.stderr.startswith(b"error: ")
    assert b"Traceback" not in ended.stderr
    assert time.monotonic() - began < 20


def test_no_file_is_left_where_the_disk_is_full(tmp_path: pathlib.Path) -> None:
    """The limit on a file's size stands in for the disk's."""
    words = [*PYTHON, "+".join(["x"] * 400), "x=1", "--no-check", "-o", str(tmp_path / "o.json")]
    limited = f"trap '' XFSZ; ulimit -f 1; exec {' '.join(map(repr, words))}"
    ended = subprocess.run(["bash", "-c", limited], capture_output=True, timeout=60)
    assert ended.returncode == 2
    assert b"cannot write" in ended.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "environment",
    [
        {"TERM": "dumb"},
        {"TERM": ""},
        {"COLUMNS": "20"},
        {"COLUMNS": "0"},
        {"COLUMNS": "many"},
        {"LC_ALL": "C", "LANG": "C"},
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "utf-16"},
        {"HOME": "/nonexistent", "XDG_CONFIG_HOME": "/proc"},
        {"TMPDIR": "/nonexistent"},
        {"NO_COLOR": "1", "FORCE_COLOR": "1"},
        {"PYTHONUTF8": "0", "LC_ALL": "POSIX"},
    ],
    ids=str,
)
def test_any_environment(environment: dict[str, str]) -> None:
    ended = subprocess.run(
        [*PYTHON, *POINT], capture_output=True, env={**os.environ, **environment}, timeout=60
    )
    assert ended.returncode == 0
    assert ended.stderr == b""
    assert b"-12" in ended.stdout.replace(b"\x00", b"")


@pytest.mark.parametrize("width", range(20, 100, 7))
def test_no_line_of_numbers_is_cut(width: int) -> None:
    for format in ("table", "tree", "wires"):
        words = [*PYTHON, *POINT, "--no-check", "--format", format, "--width", str(width)]
        ended = subprocess.run(words, capture_output=True, check=True, text=True)
        assert all(len(line) <= width for line in ended.stdout.splitlines()), format
        assert "-12" in ended.stdout


@pytest.mark.parametrize("word", [b"\xff\xfe", b"x=\xff", b"x*\xc3("])
def test_arguments_that_are_no_text(word: bytes) -> None:
    ended = subprocess.run([*map(os.fsencode, PYTHON), word], capture_output=True, timeout=60)
    assert ended.returncode == 2
    assert ended.stderr.startswith(b"error: ")
    assert b"Traceback" not in ended.stderr


@pytest.mark.slow
def test_fifty_megabytes_of_formula(tmp_path: pathlib.Path) -> None:
    """Refused for its tokens, soon; and without them, read."""
    (tmp_path / "long.txt").write_text("x" + "+x" * 25_000_000)
    (tmp_path / "wide.txt").write_text("x " + "# " + "y" * 50_000_000 + "\n")
    began = time.monotonic()
    ended = subprocess.run(
        [*PYTHON, "--file", str(tmp_path / "long.txt"), "x=1"], capture_output=True, timeout=300
    )
    assert ended.returncode == 2
    assert b"tokens" in ended.stderr
    assert time.monotonic() - began < 40
    ended = subprocess.run(
        [*PYTHON, "--file", str(tmp_path / "wide.txt"), "x=1", "--json"], capture_output=True
    )
    assert ended.returncode == 0


def test_an_input_that_grows_while_it_is_read(tmp_path: pathlib.Path) -> None:
    """The results appended to the points they are made of would never end."""
    path = tmp_path / "points.csv"
    path.write_text("x,y\n" + "1,2\n" * 400_000)
    with path.open("ab") as end:
        words = ["x*y", "--points", str(path), "--format", "csv"]
        ended = subprocess.run([*PYTHON, *words], stdout=end, stderr=subprocess.PIPE, timeout=60)
    assert ended.returncode == 2
    assert ended.stderr.decode() == (
        f"error: cannot read '{path}': it changed while it was read; run this again\n"
    )


def test_no_result_of_an_input_that_changes(tmp_path: pathlib.Path) -> None:
    """Neither shorter nor longer nor other: what was written beside the output is taken away."""
    for change in (b"", b"1\n" * 400_000, b"2\n" * 300_000):
        source, target = tmp_path / "in.csv", tmp_path / "out.csv"
        source.write_bytes(b"1\n" * 300_000)
        os.utime(source, (1, 1))
        with InputFile(str(source)) as file:
            pieces = iter(lambda: file.read(1000), b"")
            next(pieces)
            source.write_bytes(change)
            with pytest.raises(Changed):
                write_pieces(str(target), pieces)
        assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


@pytest.mark.parametrize("name", ["x.npy", "x.csv", "x.json"])
def test_a_value_from_a_file_that_changes(
    name: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / name
    rows = np.arange(60_000.0).reshape(20_000, 3)
    if name == "x.npy":
        np.save(path, rows)
    elif name == "x.csv":
        np.savetxt(path, rows, delimiter=",")
    else:
        path.write_text(json.dumps(rows.tolist()))
    assert backtrace.trace("sum(x)", {"x": f"@{path}"}, check=False).value == rows.sum()
    states = iter(range(10**6))
    monkeypatch.setattr(_Watched, "_state", lambda _: next(states))  # never twice the same
    with pytest.raises(BacktraceError, match="it changed while it was read; run this again"):
        backtrace.trace("sum(x)", {"x": f"@{path}"}, check=False)


def test_submissions_that_change(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No grade is given for what nobody may have written."""
    answers = tmp_path / "class.csv"
    answers.write_text("student,problem,answers\nada,p,dx=3 dy=2\n")
    assert next(iter(read_submissions([str(answers)]))).student == "ada"
    states = iter(range(10**6))
    monkeypatch.setattr(_Watched, "_state", lambda _: next(states))
    with pytest.raises(BacktraceError, match=r"class\.csv': it changed while it was read"):
        list(read_submissions([str(answers)]))


def test_a_pipe_has_no_state_to_change() -> None:
    ended = subprocess.run(
        [*PYTHON, "x*y", "--points", "/dev/stdin", "--format", "csv"],
        input=b"x,y\n2,3\n",
        capture_output=True,
        timeout=60,
    )
    assert (ended.returncode, ended.stdout.splitlines()[1]) == (0, b"6.0,3.0,2.0")


@pytest.mark.parametrize(
    "words",
    [
        ["sum(α1*x)", "α1=2", "x=@값.npy", "-o", "naïve.json"],
        ["α1*x", "α1=2", "x=3"],
        ["--file", "größe.txt", "α1=2", "x=3"],
        ["sum(α1*x)", "α1=2", "x=@값.npy"],
        ["α1*x", "α1=2", "x=3", "-o", "naïve.json"],
    ],
    ids=" ".join,
)
def test_the_c_locale_reads_utf_8(words: list[str], tmp_path: pathlib.Path) -> None:
    """Without Python's own coercion to UTF-8: the words' bytes are UTF-8 all the same."""
    (tmp_path / "größe.txt").write_text("α1*x", "utf-8")
    np.save(tmp_path / "값.npy", np.array([1.0, 2.0]))
    plain = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "PATH": "/usr/bin:/bin"}
    ended = subprocess.run(
        [sys.executable, "-m", "backtrace", *words],
        env={**plain, "PYTHONPATH": str(pathlib.Path(backtrace.__file__).parents[1])},
        cwd=tmp_path,
        capture_output=True,
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == b""
    if "-o" in words:
        assert json.loads((tmp_path / "naïve.json").read_text("utf-8"))["point"]["α1"] == 2


def test_a_protected_file_is_left_alone(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "kept.json"
    path.write_text("mine")
    path.chmod(0o444)
    ended = subprocess.run([*PYTHON, *POINT, "-o", str(path)], capture_output=True, text=True)
    assert ended.returncode == 2
    assert "error: cannot write 'kept.json': it is protected from writing" in ended.stderr
    assert "hint: chmod u+w 'kept.json'" in ended.stderr
    assert path.read_text() == "mine"
    assert [p.name for p in tmp_path.iterdir()] == ["kept.json"]


def test_a_file_of_two_names_keeps_both(tmp_path: pathlib.Path) -> None:
    path, other = tmp_path / "a.json", tmp_path / "b.json"
    path.write_text("x" * 100_000)  # longer than what comes
    os.link(path, other)
    assert subprocess.run([*PYTHON, *POINT, "-o", str(path)]).returncode == 0
    assert path.samefile(other)
    assert json.loads(other.read_text("utf-8"))["output"]["value"] == -12
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.json", "b.json"]


def test_a_file_of_two_names_is_whole_whatever_happens(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C in the middle, a full disk, a broken one: the old, the new, or the new beside it."""
    path, other = tmp_path / "a.txt", tmp_path / "b.txt"
    old, new = "old" * 1000, "new text" * 1000
    copy, broken = shutil.copyfileobj, [KeyboardInterrupt]

    def copied(source: io.BufferedReader, target: io.BufferedRandom) -> None:
        target.write(source.read(5))
        if broken:
            raise broken.pop()
        source.seek(0)
        target.seek(0)
        copy(source, target)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(shutil, "copyfileobj", copied)
    path.write_text(old)
    os.link(path, other)
    with pytest.raises(KeyboardInterrupt):
        write_pieces(str(path), [new])
    assert path.read_text() == other.read_text() == new
    with monkeypatch.context() as patched:
        patched.setattr(os, "posix_fallocate", full)
        with pytest.raises(BacktraceError, match=r"cannot write '.*a.txt': No space left"):
            write_pieces(str(path), [old])
    assert other.read_text() == new
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.txt", "b.txt"]
    broken.append(OSError(errno.EIO, "Input/output error"))
    with pytest.raises(BacktraceError, match="to its end: Input/output error") as told:
        write_pieces(str(path), [old])
    kept = told.value.hint.partition("'")[2].rstrip("'")
    assert pathlib.Path(kept).read_text() == old


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_keeps_its_owner(tmp_path: pathlib.Path) -> None:
    path = tmp_path / "theirs.txt"
    path.write_text("old")
    os.chown(path, 1234, 1234)
    write_pieces(str(path), ["new"])
    assert (path.read_text(), path.stat().st_uid) == ("new", 1234)
    assert [p.name for p in tmp_path.iterdir()] == ["theirs.txt"]


def test_links_are_followed_and_circles_are_not(tmp_path: pathlib.Path) -> None:
    for name, target in (("link", "new.txt"), ("a", "b"), ("b", "a")):
        (tmp_path / name).symlink_to(target)
    write_pieces(str(tmp_path / "link"), ["text"])
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "new.txt").read_text() == "text"
    with pytest.raises(BacktraceError, match="cannot write"):
        write_pieces(str(tmp_path / "a"), ["text"])
    assert (tmp_path / "a").is_symlink()


def test_a_trace_and_its_arrays_are_written_both_or_not_at_all(tmp_path: pathlib.Path) -> None:
    path, arrays = tmp_path / "t.json", tmp_path / "t.npz"
    words = [*PYTHON, "sum(x^2)", "x=randn(200)", "--no-check", "--arrays", "npz", "-o", str(path)]
    subprocess.run(words, check=True)
    before = path.read_bytes(), arrays.read_bytes()
    path.chmod(0o444)
    ended = subprocess.run([*words, "--seed", "1"], capture_output=True)
    assert ended.returncode == 2
    assert (path.read_bytes(), arrays.read_bytes()) == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["t.json", "t.npz"]
