"""What a notebook shows of a trace, beside the picture and the page."""

from __future__ import annotations

from html import escape

from backtrace.graph.record import Record
from backtrace.render._view import View
from backtrace.render.latex import gradient_rows


def framed(picture: str, page: str) -> str:
    """A picture, and the page to step through in a frame of its own."""
    return (
        f"<div>{picture}<details><summary>step by step</summary>"
        f'<iframe srcdoc="{escape(page, quote=True)}" sandbox="allow-scripts" '
        'style="width:100%;height:44rem;border:0" title="backtrace"></iframe></details></div>'
    )


def gradients_in_latex(record: Record, view: View) -> str:
    """$$ df/dx = -4 $$ for every variable."""
    body = " \\\\ ".join(gradient_rows(record, view))
    return f"$\\displaystyle \\begin{{aligned}} {body} \\end{{aligned}}$"
