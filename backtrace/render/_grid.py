"""A drawing of characters: wires that know where they go, and words on top of them."""

from __future__ import annotations

from rich.text import Text

from backtrace.language import cells

LEFT, RIGHT, UP, DOWN = 1, 2, 4, 8
_GLYPHS = {
    LEFT | RIGHT: "─",
    UP | DOWN: "│",
    LEFT | DOWN: "╮",
    LEFT | UP: "╯",
    RIGHT | DOWN: "╭",
    RIGHT | UP: "╰",
    LEFT | RIGHT | DOWN: "┬",
    LEFT | RIGHT | UP: "┴",
    LEFT | UP | DOWN: "┤",
    RIGHT | UP | DOWN: "├",
    LEFT | RIGHT | UP | DOWN: "┼",
    LEFT: "─",
    RIGHT: "─",
    UP: "│",
    DOWN: "│",
}
_ASCII = {"─": "-", "│": "|"}


class Grid:
    """Cells by (row, column). Where two wires cross that do not meet, the upright one is whole and
    the other has a gap."""

    def __init__(self, is_ascii: bool) -> None:
        self._is_ascii = is_ascii
        self._wires: dict[tuple[int, int], tuple[int, int]] = {}
        self._words: dict[tuple[int, int], tuple[str, str]] = {}
        self._dots: set[tuple[int, int]] = set()

    def across(self, row: int, start: int, end: int, wire: int) -> None:
        """A wire from column to column."""
        for column in range(start, end + 1):
            ways = (LEFT if column > start else 0) | (RIGHT if column < end else 0)
            self._add(row, column, ways, wire)

    def upright(self, column: int, start: int, end: int, wire: int) -> None:
        for row in range(min(start, end), max(start, end) + 1):
            ways = (UP if row > min(start, end) else 0) | (DOWN if row < max(start, end) else 0)
            self._add(row, column, ways, wire)

    def _add(self, row: int, column: int, ways: int, wire: int) -> None:
        before, other = self._wires.get((row, column), (0, wire))
        if other != wire and before:
            if ways & (LEFT | RIGHT) and before & (UP | DOWN):
                return
            if before & (LEFT | RIGHT) and ways & (UP | DOWN):
                before = 0
        self._wires[row, column] = (before | ways, wire)

    def join(self, row: int, column: int, ways: int) -> None:
        """Wires that meet: whatever comes here goes on together."""
        before, wire = self._wires.get((row, column), (0, -1))
        self._wires[row, column] = (before | ways, wire)

    def dot(self, row: int, column: int) -> None:
        """A wire branches here; without a dot, wires that touch come together."""
        self._dots.add((row, column))

    def write(self, row: int, column: int, text: str, style: str) -> None:
        for character in text:
            self._words[row, column] = (character, style)
            for behind in range(1, cells(character)):  # a wide one takes the next cell too
                self._words[row, column + behind] = ("", style)
            column += cells(character)

    def lines(self) -> list[Text]:
        taken = {**dict.fromkeys(self._wires), **dict.fromkeys(self._words)}
        if not taken:
            return []
        last_row = max(row for row, _ in taken)
        found = []
        for row in range(last_row + 1):
            columns = [column for r, column in taken if r == row]
            line = Text()
            for column in range(max(columns, default=-1) + 1):
                line.append(*self._cell(row, column))
            found.append(line)
        return found

    def _cell(self, row: int, column: int) -> tuple[str, str]:
        if (row, column) in self._words:
            return self._words[row, column]
        ways, _ = self._wires.get((row, column), (0, 0))
        glyph = _GLYPHS.get(ways, " ")
        if (row, column) in self._dots:
            return "o" if self._is_ascii else "●", "quiet"
        if self._is_ascii and glyph != " ":
            glyph = _ASCII.get(glyph, "+")
        return glyph, "quiet"
