"""NumPy's files from anybody: damaged, hostile, foreign. A clear error before any output, or the
right arrays; never another exception, never another number."""

from __future__ import annotations

import io
import json
import pathlib
import re
import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import backtrace
from backtrace.errors import BacktraceError, UsageError
from backtrace.files.numpyfiles import Archive, digest, read_npy
from backtrace.render import View
from backtrace.render.json import with_store
from tests.conftest import Ended

ARRAYS = {"x": np.linspace(0, 1, 50), "W": np.arange(12.0).reshape(3, 4).T}
Command = Callable[..., Ended]


def saved(compress: bool = False, **arrays: np.ndarray) -> bytes:
    data = io.BytesIO()
    (np.savez_compressed if compress else np.savez)(data, **(arrays or ARRAYS))
    return data.getvalue()


def npy(array: np.ndarray) -> bytes:
    data = io.BytesIO()
    np.save(data, array)
    return data.getvalue()


def opened(data: bytes) -> dict[str, np.ndarray]:
    return dict(Archive(lambda: io.BytesIO(data), "the file"))


def with_header(header: str) -> bytes:
    text = header.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + b"\0" * 64


def zipped(data: bytes, method: int = zipfile.ZIP_STORED, name: str = "x.npy") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr(name, data)
    return out.getvalue()


def encrypted(data: bytes) -> bytes:
    place = re.compile(rb"(PK\x01\x02....)\x00\x00", re.DOTALL)
    return place.sub(lambda found: found[1] + b"\x01\x00", data)


HUGE = "{'descr': '<f8', 'fortran_order': False, 'shape': (100000000000,), }"
BAD: dict[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "text": lambda: b"x,y\n1,2\n",
    "no member": lambda: zipped(b"")[-22:],
    "truncated": lambda: saved()[:300],
    "half": lambda: saved()[: len(saved()) // 2],
    "encrypted": lambda: encrypted(saved()),
    "bzip2": lambda: zipped(npy(ARRAYS["x"]), zipfile.ZIP_BZIP2),
    "lzma": lambda: zipped(npy(ARRAYS["x"]), zipfile.ZIP_LZMA),
    "no npy": lambda: zipped(b"hello"),
    "huge shape": lambda: zipped(with_header(HUGE)),
    "negative shape": lambda: zipped(with_header(HUGE.replace("100000000000", "-1"))),
    "many axes": lambda: zipped(with_header(HUGE.replace("100000000000", "1,1,1,0,1,9"))),
    "an expression": lambda: zipped(with_header("__import__('os').getpid()")),
    "deep": lambda: zipped(with_header("(" * 100)),
    "objects": lambda: saved(x=np.array([{}, 1], dtype=object)),
    "words": lambda: saved(x=np.array(["a", "b"])),
    "complex": lambda: saved(x=np.array([1j])),
    "bomb": lambda: zipped(npy(np.zeros(300 << 17)), zipfile.ZIP_DEFLATED),
    "longer": lambda: zipped(npy(ARRAYS["x"]) + b"more"),
    "two of one name": lambda: saved(x=ARRAYS["x"], y=ARRAYS["x"]).replace(b"y.npy", b"x.npy"),
    "checksum": lambda: re.sub(
        rb"(PK\x01\x02.{12}).{4}", rb"\1\0\0\0\0", saved(), count=1, flags=re.DOTALL
    ),
    "records": lambda: saved(x=np.zeros(3, "f8,i4")),
    "version 3": lambda: zipped(b"\x93NUMPY\x03\x00" + b"\0" * 64),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_of_points_is_an_error_before_any_output(
    kind: str, tmp_path: pathlib.Path, backtrace_command: Command
) -> None:
    path, out = tmp_path / "points.npz", tmp_path / "out.csv"
    path.write_bytes(BAD[kind]())
    ended = backtrace_command("x^2", "--points", str(path))
    assert (ended.status, ended.out) == (2, ""), ended.err
    assert ended.err.startswith("error: ")
    assert "error in backtrace" not in ended.err
    assert len(ended.err) < 400
    assert backtrace_command("x^2", "--points", str(path), "-o", str(out)).status == 2
    assert not out.exists()


@pytest.mark.parametrize("kind", BAD)
def test_beside_a_trace_it_matters_only_where_it_is_asked_for(
    kind: str, tmp_path: pathlib.Path, backtrace_command: Command
) -> None:
    plain, large = tmp_path / "plain.json", tmp_path / "large.json"
    assert backtrace_command("x*y", "x=2", "y=3", "-o", str(plain)).status == 0
    words = ["sum(x^2)", "x=randn(200)", "--no-check", "--arrays", "npz", "-o", str(large)]
    assert backtrace_command(*words).status == 0
    for path in (plain, large):
        path.with_suffix(".npz").write_bytes(BAD[kind]())
    assert backtrace_command("render", str(plain)).status == 0
    ended = backtrace_command("render", str(large))
    assert (ended.status, ended.out) == (2, "")
    assert "error in backtrace" not in ended.err


def test_arrays_of_another_run_are_refused(
    tmp_path: pathlib.Path, backtrace_command: Command
) -> None:
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    for path, seed in ((first, "1"), (second, "2")):
        words = ["sum(x^2)", "x=randn(200)", "--seed", seed, "--no-check", "--arrays", "npz"]
        assert backtrace_command(*words, "-o", str(path)).status == 0
    good = backtrace_command("render", str(first))
    assert good.status == 0
    first.with_suffix(".npz").write_bytes(second.with_suffix(".npz").read_bytes())
    ended = backtrace_command("render", str(first))
    assert (ended.status, ended.out) == (2, "")
    assert "are not those it was saved with" in ended.err
    told = json.loads(first.read_text("utf-8"))
    del told["arrays_sha256"]  # saved by an earlier version
    first.write_text(json.dumps(told), "utf-8")
    assert backtrace_command("render", str(first)).status == 0


@pytest.mark.parametrize("compress", [False, True])
def test_good_files_are_read(compress: bool) -> None:
    found = opened(saved(compress))
    assert found.keys() == ARRAYS.keys()
    assert all(np.array_equal(found[name], ARRAYS[name]) for name in ARRAYS)
    assert digest(found) == digest(ARRAYS)
    assert digest({"x": ARRAYS["x"]}) != digest({"x": ARRAYS["x"] + 1e-16})


@given(st.integers(0, len(saved()) - 1), st.integers(1, 255), st.booleans())
@settings(max_examples=150, deadline=None)
def test_any_byte_changed_is_an_error_or_nothing(at: int, change: int, compress: bool) -> None:
    data = bytearray(saved(compress))
    data[at % len(data)] ^= change
    try:
        found = opened(bytes(data))
    except UsageError:  # and no other
        return
    for name in ARRAYS.keys() & found.keys():
        assert np.array_equal(found[name], ARRAYS[name])


@given(st.integers(0, 2000))
@settings(max_examples=60, deadline=None)
def test_any_cut_is_an_error(at: int) -> None:
    data = saved()
    if at < len(data):
        with pytest.raises(UsageError):
            opened(data[:at])


@given(st.binary(max_size=300))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_an_error(data: bytes) -> None:
    for given_ in (data, b"\x93NUMPY\x01\x00" + data, b"\x93NUMPY\x02\x00" + data):
        with pytest.raises(UsageError):
            read_npy(io.BytesIO(given_), len(given_), "it")


def test_a_value_from_a_bad_npy(tmp_path: pathlib.Path, backtrace_command: Command) -> None:
    for data in (with_header(HUGE), npy(ARRAYS["x"])[:200], b"\x93NUMPY\x09\x00"):
        path = tmp_path / "x.npy"
        path.write_bytes(data)
        ended = backtrace_command("sum(x)", f"x=@{path}")
        assert (ended.status, ended.out) == (2, "")
        assert "damaged" in ended.err or "version" in ended.err


def test_two_arrays_in_one_npy_are_refused() -> None:
    """numpy.save twice into one file: the first alone is not what somebody meant."""
    data = npy(ARRAYS["x"])
    for more in (data, b"\0"):
        with pytest.raises(UsageError, match=f"declares 400 bytes and has {400 + len(more)}"):
            read_npy(io.BytesIO(data + more), len(data + more), "it")


def test_an_npy_that_python_2_wrote() -> None:
    data = with_header("{'descr': '<f8', 'fortran_order': False, 'shape': (8L,), }")
    assert read_npy(io.BytesIO(data), len(data), "it").tolist() == [0] * 8


def test_what_does_not_fit_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backtrace.files.numpyfiles.memory", lambda: 1000)
    with pytest.raises(UsageError, match="would unpack to"):
        opened(saved())


def test_no_room_is_made_for_what_is_only_declared() -> None:
    """Two gigabytes of zeros in two megabytes: none of them is unpacked."""
    block = zlib.compressobj(9, zlib.DEFLATED, -15)
    zeros = block.compress(bytes(1 << 20)) + block.flush(zlib.Z_FULL_FLUSH)
    packed = zeros * 2048 + block.flush()  # what follows a full flush knows nothing of before
    data, sizes = zipped(packed), struct.pack("<II", len(packed), 2048 << 20)
    for mark, method, size in ((b"PK\x03\x04", 8, 18), (b"PK\x01\x02", 10, 20)):
        at = data.rindex(mark)
        data = data[: at + method] + b"\x08\0" + data[at + method + 2 :]
        data = data[: at + size] + sizes + data[at + size + 8 :]
    tracemalloc.start()
    try:
        with pytest.raises(UsageError, match=r"has 2,\d+,\d+ bytes and would unpack to 2,147,483"):
            opened(data)
        assert tracemalloc.get_traced_memory()[1] < 10e6
    finally:
        tracemalloc.stop()


def test_arrays_that_fail_while_numpy_reads_them(tmp_path: pathlib.Path) -> None:
    """numpy.load reads an array when it is asked for it: its errors come in the middle of ours."""
    trace = backtrace.trace("sum(x^2)", {"x": "randn(200)"}, check=False)
    text, arrays = with_store(trace, View(), "t.npz")
    data = bytearray(saved(**arrays))
    data[1000] ^= 1
    (tmp_path / "t.npz").write_bytes(data)
    with np.load(tmp_path / "t.npz") as found, pytest.raises(BacktraceError, match="array0"):
        backtrace.Trace.from_json(text, found)
    assert backtrace.Trace.from_json(text, arrays) == trace
    for bad in (arrays["array0"] * 1j, arrays["array0"].astype(str), [1.0] * 200, None):
        with pytest.raises(BacktraceError):
            backtrace.Trace.from_json(text, {**arrays, "array0": bad})
    old = json.loads(text)  # before there were digests a shape could tell
    del old["arrays_sha256"]
    assert backtrace.Trace.from_json(json.dumps(old), arrays) == trace
    with pytest.raises(BacktraceError, match="are not those it was saved with"):
        backtrace.Trace.from_json(json.dumps(old), {**arrays, "array0": np.ones(3)})
