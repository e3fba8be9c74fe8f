"""A sheet of plain strings is what Rich draws of the same table, byte for byte."""

from __future__ import annotations

import random

import pytest
from rich.cells import cell_len

from backtrace.render import View
from backtrace.render._sheet import RULE, RULE_OF_ASCII, Column, Sheet
from backtrace.render._terminal import paint, plain_table

_SIGNS = "abc xyz+-*/() 0123456789_变é—…∂"
_STYLES = ("", "value", "gradient", "gate", "quiet", "name")
_LEAST = 10


def _cell(chance: random.Random, longest: int) -> str:
    return "".join(chance.choices(_SIGNS, k=chance.randint(0, longest))).strip()


@pytest.mark.parametrize("seed", range(100))
def test_a_sheet_is_what_rich_draws(seed: int) -> None:
    chance = random.Random(seed)
    count = chance.randint(2, 8)
    wide = chance.randrange(count)  # the column that is folded
    columns = [
        Column(_cell(chance, 6) or "head", chance.choice(_STYLES), chance.random() < 0.5)
        for _ in range(count)
    ]
    columns[wide] = columns[wide]._replace(is_right=False, least=_LEAST)
    rows = [
        tuple(_cell(chance, 40 if k == wide else 6) for k in range(count))
        for _ in range(chance.randint(1, 12))
    ]
    heads = [column.head for column in columns]
    widths = [max(map(cell_len, cells)) for cells in zip(heads, *rows, strict=True)]
    others = sum(widths) - widths[wide] + 2 * (count - 1)
    is_ascii = chance.random() < 0.2
    for color in (False, True):
        view = View(width=others + chance.randint(_LEAST, 40), color=color, ascii=is_ascii)
        sheet, table = Sheet(columns, RULE_OF_ASCII if is_ascii else RULE), plain_table(view)
        for column in columns:
            table.add_column(
                column.head,
                justify="right" if column.is_right else "left",
                style=column.style or None,
                overflow="ellipsis" if column.least is None else "fold",
                no_wrap=column.least is None,
                min_width=column.least,
            )
        for row in rows:
            sheet.add_row(*row)
            table.add_row(*row)
        assert paint(view, sheet) == paint(view, table)
