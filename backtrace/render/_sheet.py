"""A table of plain strings in the house's dress, as Rich would draw it.

Rich takes every cell through measuring, wrapping, padding and cropping, for a cell may be anything.
Here cells are strings, and one column at most is too wide: where there are many rows that is ten
times as quick.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import NamedTuple

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.style import Style
from rich.text import Text

RULE, RULE_OF_ASCII = "─", "-"
_HEAD = "quiet"
_GAP = 2  # cells between columns


class Column(NamedTuple):
    """What stands over a column, the style of its cells, on which side they stand; and how narrow
    it may become by folding them, None where they are not folded."""

    head: str
    style: str = ""
    is_right: bool = False
    least: int | None = None


class Sheet:
    """`rule` is the sign of the line under the heads."""

    def __init__(self, columns: list[Column], rule: str) -> None:
        self.columns = columns
        self.rows: list[tuple[str, ...]] = []
        self._rule = rule

    def add_row(self, *cells: str) -> None:
        self.rows.append(cells)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        widths = self._widths(options.max_width)
        heads = tuple(column.head for column in self.columns)
        quiet, plain = console.get_style(_HEAD), Style.null()
        styles = [console.get_style(column.style) for column in self.columns]
        yield from self._row(heads, widths, [quiet] * len(heads), console)
        yield Segment(self._rule * (sum(widths) + _GAP * (len(widths) - 1)), plain)
        yield Segment.line()
        for row in self.rows:
            yield from self._row(row, widths, styles, console)

    def _widths(self, room: int) -> list[int]:
        """Of every column: its widest cell; of one that is folded, what the others leave."""
        heads = tuple(column.head for column in self.columns)
        widths = [max(map(cell_len, cells)) for cells in zip(heads, *self.rows, strict=True)]
        for k, column in enumerate(self.columns):
            if column.least is not None:
                others = sum(widths) - widths[k] + _GAP * (len(widths) - 1)
                widths[k] = max(min(widths[k], room - others), column.least)
        return widths

    def _row(
        self, cells: tuple[str, ...], widths: list[int], styles: list[Style], console: Console
    ) -> Iterator[Segment]:
        folded = [_folded(*pair, console) for pair in zip(cells, widths, strict=True)]
        for texts in zip_longest(*folded):
            yield from self._line(texts, widths, styles)

    def _line(
        self, texts: tuple[str | None, ...], widths: list[int], styles: list[Style]
    ) -> Iterator[Segment]:
        last = len(widths) - 1
        for k, (text, width, style) in enumerate(zip(texts, widths, styles, strict=True)):
            if text is None:  # another cell of the row goes on
                yield Segment(" " * (width + (k < last)), style)
            else:
                free = " " * (width - cell_len(text))
                yield Segment(free + text if self.columns[k].is_right else text + free, style)
                if k < last:
                    yield Segment(" ", style)
            if k < last:
                yield _BETWEEN
        yield Segment.line()


_BETWEEN = Segment(" ", Style.null())


def _folded(text: str, width: int, console: Console) -> list[str]:
    """A cell's lines."""
    if cell_len(text) <= width:
        return [text]
    return [line.plain for line in Text(text).wrap(console, width, overflow="fold")]
