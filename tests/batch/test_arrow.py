"""Points from Parquet and Arrow, and to them: the same numbers as from CSV and to CSV."""

from __future__ import annotations

import csv
import io
import pathlib
import sys

import numpy as np
import pytest

pyarrow = pytest.importorskip("pyarrow")
from pyarrow import feather, parquet  # noqa: E402

from backtrace import files  # noqa: E402
from tests.conftest import Command  # noqa: E402

FORMULA = "sigmoid(w*x + b)*x"
NAMES = ("w", "x", "b")


def table(rows: int, kinds: str = "fff") -> pyarrow.Table:
    """`kinds` are the columns': floats, 32-bit floats, whole numbers, truths, decimals."""
    chance = np.random.default_rng(rows)
    numbers = [np.round(chance.uniform(-3, 3, rows)) for _ in NAMES]
    types = {
        "f": pyarrow.float64(),
        "s": pyarrow.float32(),
        "i": pyarrow.int16(),
        "d": pyarrow.decimal128(9, 3),
    }
    made = [
        pyarrow.array(column > 0) if kind == "b" else pyarrow.array(column).cast(types[kind])
        for kind, column in zip(kinds, numbers, strict=True)
    ]
    return pyarrow.table(dict(zip(NAMES, made, strict=True)) | {"id": ["row"] * rows})


def write(found: pyarrow.Table, path: pathlib.Path) -> str:
    if path.suffix == ".parquet":
        parquet.write_table(found, path, row_group_size=50_000)
    elif path.suffix == ".feather":
        feather.write_feather(found, path)
    else:
        with pyarrow.ipc.new_file(path, found.schema) as writer:
            writer.write_table(found, max_chunksize=70_000)
    return str(path)


def as_csv(found: pyarrow.Table, path: pathlib.Path) -> str:
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(NAMES)
        columns = [["" if v is None else float(v) for v in found[n].to_pylist()] for n in NAMES]
        rows.writerows(zip(*columns, strict=True))
    return str(path)


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ".feather"])
@pytest.mark.parametrize("rows", [0, 1, 1000, 150_001])
@pytest.mark.parametrize("out", ["csv", "parquet", "arrow"])
def test_as_from_a_csv(
    suffix: str, rows: int, out: str, tmp_path: pathlib.Path, backtrace_command: Command
) -> None:
    if rows > 1000 and suffix == ".feather":
        return  # it is Arrow
    given = table(rows)
    source = write(given, tmp_path / f"in{suffix}")
    plain = as_csv(given, tmp_path / "in.csv")
    expected = tmp_path / "expected.csv"
    assert backtrace_command(FORMULA, "--points", plain, "-o", str(expected)).err == ""
    target = tmp_path / f"out.{out}"
    ended = backtrace_command(FORMULA, "--points", source, "-o", str(target))
    assert (ended.status, ended.err) == (0, "")
    if out == "csv":
        assert target.read_text() == expected.read_text()
        return
    found = parquet.read_table(target) if out == "parquet" else feather.read_table(target)
    wanted = list(csv.reader(io.StringIO(expected.read_text())))
    assert found.column_names == wanted[0]
    rows_found = [[repr(v) for v in row.values()] for row in found.to_pylist()]
    assert rows_found == wanted[1:]


@pytest.mark.parametrize("kinds", ["fsi", "dib", "bbb"])
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_every_kind_of_number(
    kinds: str, jobs: str, tmp_path: pathlib.Path, backtrace_command: Command
) -> None:
    given = table(500, kinds)
    source = write(given, tmp_path / "in.parquet")
    plain = as_csv(given, tmp_path / "in.csv")
    ended = backtrace_command(FORMULA, "--points", source, "--jobs", jobs)
    assert ended == backtrace_command(FORMULA, "--points", plain)
    assert ended.status == 0


@pytest.mark.parametrize("suffix", [".parquet", ".arrow"])
def test_rows_that_cannot_be_read_are_told_and_null(
    suffix: str, tmp_path: pathlib.Path, backtrace_command: Command
) -> None:
    given = pyarrow.table(
        {"w": [1.0, None, 3.0, 4.0], "x": [1, 2, None, 4], "b": [0.0, 0.0, 0.0, float("nan")]}
    )
    source = write(given, tmp_path / f"in{suffix}")
    target = tmp_path / f"out{suffix}"
    ended = backtrace_command("w*x + b", "--points", source, "-o", str(target))
    assert ended.status == 1
    for words in ("line 2 of the points: w is missing", "line 3 of the points: x is missing"):
        assert words in ended.err
    assert "line 4 of the points: a value is not finite" in ended.err
    found = (parquet.read_table if suffix == ".parquet" else feather.read_table)(target)
    assert found["f"].to_pylist() == [1.0, None, None, None]
    assert found["df/dw"].to_pylist() == [1.0, None, None, None]


@pytest.mark.parametrize("suffix", [".parquet", ".arrow"])
def test_files_that_are_no_table(
    suffix: str, tmp_path: pathlib.Path, backtrace_command: Command
) -> None:
    path = tmp_path / f"in{suffix}"
    whole = pathlib.Path(write(table(100), tmp_path / f"whole{suffix}")).read_bytes()
    words = [pyarrow.array(["a"]), pyarrow.array([[1.0]])]
    broken = [b"", b"PAR1", b"\0" * 100, whole[:-9], whole[: len(whole) // 2], b"w,x,b\n1,2,3\n"]
    for data in broken:
        path.write_bytes(data)
        ended = backtrace_command(FORMULA, "--points", str(path))
        assert ended.status == 2, data[:20]
        assert f"the points are no {suffix[1:].capitalize()}" in ended.err
        assert ended.err.count("\n") <= 2
    for k, column in enumerate(words):
        write(pyarrow.table({"w": [1.0], "x": [1.0], "b": column}), path)
        ended = backtrace_command(FORMULA, "--points", str(path))
        assert ended.status == 2, k
        assert "the column 'b' of the points holds no real numbers" in ended.err
    write(pyarrow.table({"w": [1.0], "x": [1.0]}), path)
    ended = backtrace_command(FORMULA, "--points", str(path))
    assert (ended.status, ended.out) == (2, "")
    assert "the points have no column 'b'" in ended.err
    assert "it has w, x" in ended.err


def test_damage_in_the_middle_leaves_no_half_file(
    tmp_path: pathlib.Path, backtrace_command: Command
) -> None:
    source = pathlib.Path(write(table(150_000), tmp_path / "in.parquet"))
    data = bytearray(source.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 20_000] = b"\xff" * 20_000
    source.write_bytes(data)
    ended = backtrace_command(FORMULA, "--points", str(source), "-o", str(tmp_path / "out.parquet"))
    assert ended.status == 2
    assert not (tmp_path / "out.parquet").exists()


@pytest.mark.parametrize("suffix", [".parquet", ".arrow"])
def test_a_file_that_changes_meanwhile_is_not_called_damaged(
    suffix: str, tmp_path: pathlib.Path, backtrace_command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write(table(3), tmp_path / f"in{suffix}")

    def changed(*_: object) -> int:
        raise files.Changed

    monkeypatch.setattr(files._Watched, "readinto", changed)
    ended = backtrace_command(FORMULA, "--points", source)
    assert ended.status == 2
    assert "it changed while it was read" in ended.err
    assert "the points are no" not in ended.err


def test_without_pyarrow_it_says_what_to_install(
    tmp_path: pathlib.Path, backtrace_command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write(table(3), tmp_path / "in.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    ended = backtrace_command(FORMULA, "--points", source)
    assert ended.status == 2
    assert 'pip install "backtrace-autodiff[arrow]"' in ended.err
