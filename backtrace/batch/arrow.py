"""Points and results as Parquet or Arrow: needs `pip install "backtrace-autodiff[arrow]"`.

Batch by batch, so that a file of any size takes the memory of one batch. A null is a missing value.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np

from backtrace.batch.pieces import Piece, finite
from backtrace.errors import UsageError
from backtrace.files import Changed
from backtrace.language import tell

SUFFIXES = {".parquet": "parquet", ".arrow": "arrow", ".feather": "arrow"}
_ROWS = 65_536  # at once


def pieces(
    file: BinaryIO, format: str, names: Sequence[str], count: Callable[[int], None]
) -> Iterator[Piece]:
    """The points of a file, row 1 first. `count` is told how many bytes are read. Raises UsageError
    where the file is none of this format, or has not these columns."""
    pyarrow = _pyarrow()
    with _refused(format, pyarrow):
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        schema, batches = _PARTS[format](file)
    _hold_columns(schema, names, pyarrow)

    def found() -> Iterator[Piece]:
        first, told = 1, 0
        with _refused(format, pyarrow):
            for share, batch in batches(list(names)):
                yield _piece(batch, names, first)
                first += batch.num_rows
                count(round(share * size) - told)
                told = round(share * size)

    return found()


def written(parts: Iterator[tuple[dict[str, Any], Any]], format: str, names: Sequence[str]) -> Any:
    """The file's bytes, batch by batch. `parts` are results and which of their rows could not be
    read: those are null."""
    pyarrow = _pyarrow()
    schema = pyarrow.schema([(name, pyarrow.float64()) for name in names])
    sink = _Sink()
    with _writer(sink, format, schema, pyarrow) as writer:
        for found, unread in parts:
            columns = [pyarrow.array(found[name], mask=unread) for name in names]
            writer.write_batch(pyarrow.record_batch(columns, schema=schema))
            yield sink.taken()
    yield sink.taken()


def _pyarrow() -> Any:
    try:
        import pyarrow
    except ImportError:
        raise UsageError(
            tell("Parquet and Arrow need the package pyarrow"),
            hint='pip install "backtrace-autodiff[arrow]"',
        ) from None
    return pyarrow


@contextlib.contextmanager
def _refused(format: str, pyarrow: Any) -> Iterator[None]:
    """What pyarrow says of a file that it cannot read, in one line."""
    try:
        yield
    except Changed:
        raise  # it is no fault of its form
    except (pyarrow.ArrowException, OSError) as error:
        said = str(error).strip().split("\n")[0][:200]
        raise UsageError(
            tell("the points are no {format}: {said}", format=format.capitalize(), said=said)
        ) from None


_Batches = Callable[[list[str]], Iterator[tuple[float, Any]]]


def _of_parquet(file: BinaryIO) -> tuple[Any, _Batches]:
    from pyarrow.parquet import ParquetFile

    source = ParquetFile(file)

    def batches(names: list[str]) -> Iterator[tuple[float, Any]]:
        rows = 0
        for batch in source.iter_batches(batch_size=_ROWS, columns=names):
            rows += batch.num_rows
            yield rows / source.metadata.num_rows, batch

    return source.schema_arrow, batches


def _of_arrow(file: BinaryIO) -> tuple[Any, _Batches]:
    import pyarrow

    source = pyarrow.ipc.open_file(file)

    def batches(_: list[str]) -> Iterator[tuple[float, Any]]:
        for k in range(source.num_record_batches):
            batch = source.get_batch(k)
            for start in range(0, batch.num_rows, _ROWS):
                yield (k + 1) / source.num_record_batches, batch.slice(start, _ROWS)

    return source.schema, batches


_PARTS = {"parquet": _of_parquet, "arrow": _of_arrow}


def _hold_columns(schema: Any, names: Sequence[str], pyarrow: Any) -> None:
    """Raises UsageError where a column is missing, is there twice, or holds no real numbers."""
    for name in names:
        found = schema.get_all_field_indices(name)
        if len(found) != 1:
            what = tell("the points have no column '{name}'", name=name)
            if found:
                what = tell("the points have {count} columns '{name}'", count=len(found), name=name)
            hint = tell("it has {names}", names=", ".join(schema.names[:20]) or tell("nothing"))
            raise UsageError(what, hint=hint)
        kind, types = schema.field(found[0]).type, pyarrow.types
        if not any(
            is_kind(kind)
            for is_kind in (types.is_integer, types.is_floating, types.is_boolean, types.is_decimal)
        ):
            raise UsageError(
                tell("the column '{name}' of the points holds no real numbers", name=name)
            )


def _piece(batch: Any, names: Sequence[str], first: int) -> Piece:
    columns = {}
    missing: dict[int, str] = {}
    for name in names:
        column = batch.column(batch.schema.get_field_index(name))
        columns[name] = np.array(
            column.cast("float64", safe=False).to_numpy(zero_copy_only=False), dtype=float
        )
        for k in np.flatnonzero(column.is_null().to_numpy(zero_copy_only=False)).tolist():
            missing.setdefault(k, tell("{name} is missing", name=name))
    return finite(columns, np.arange(first, first + batch.num_rows), missing)


@contextlib.contextmanager
def _writer(sink: _Sink, format: str, schema: Any, pyarrow: Any) -> Iterator[Any]:
    if format == "parquet":
        from pyarrow.parquet import ParquetWriter

        writer = ParquetWriter(sink, schema)
    else:
        writer = pyarrow.ipc.new_file(sink, schema)
    with writer:
        yield writer


class _Sink(io.RawIOBase):
    """Takes what is written, to be taken on."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._length = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        self._length += len(self._parts[-1])
        return len(self._parts[-1])

    def tell(self) -> int:
        return self._length

    def taken(self) -> bytes:
        found = b"".join(self._parts)
        self._parts.clear()
        return found
