"""Somebody's backward pass, held against the trace: which line first goes wrong, and by which slip.

    report = check_code(text, "net.py", "", {"X": X})

`figures` has the right numbers and those of the code, at its own point and at two others;
`judging` the verdicts; `edits` what a slip makes of a line; `autograd` judges a class like
micrograd's Value; `checking` is the table of contents, `report` the words.
"""

from __future__ import annotations

from backtrace.homework.backward.checking import check_code
from backtrace.homework.backward.judging import Judged, LineVerdict

__all__ = ["Judged", "LineVerdict", "check_code"]
