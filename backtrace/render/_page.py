"""What pages share: one file that loads nothing, with the stylesheet of all of them."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Collection, Iterable
from html import escape
from importlib import resources

from backtrace.language import SOURCE, current

_WHOLE_WORDS = "body{word-break:keep-all;overflow-wrap:anywhere}th{white-space:nowrap}"
"""Wide characters would be cut anywhere else, and a heading stood upright."""


def document(
    title: str, body: Iterable[str], script: str = "", styles: Iterable[str] = ("page.css",)
) -> str:
    """A whole page; `body` is HTML, `title` plain text, `styles` are files. Its policy lets in the
    styles and the script that it has itself, and nothing else: no network, no forms."""
    inside = "\n".join(filter(None, body))
    style = "".join(map(asset, styles)) + _WHOLE_WORDS * (current() != SOURCE)
    all_styles = [style, *re.findall(r"<style>(.*?)</style>", inside, re.DOTALL)]
    parts = [
        f'<!DOCTYPE html>\n<html lang="{current()}">\n<head>\n<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f'<meta http-equiv="Content-Security-Policy" content="{_policy(all_styles, script)}">',
        f"<title>{escape(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n<main>",
        inside,
        "</main>",
        f"<script>{script}</script>" * bool(script),
        "</body>\n</html>",
    ]
    return "\n".join(filter(None, parts)) + "\n"


CLASS_STYLES = ("page.css", "class.css")
"""Of pages for a class: code with what is said of it, bars, slips."""


def asset(name: str) -> str:
    return resources.files("backtrace.render").joinpath(name).read_text("utf-8")


def packed(name: str) -> str:
    """A script without what only its readers need: comments on lines of their own, indentation."""
    text = re.sub(r"^ *//.*\n|^ */\*.*?\*/ *\n", "", asset(name), flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"^ +", "", text, flags=re.MULTILINE)


def table(heads: Iterable[str], rows: Iterable[str], numeric: Collection[str] = ()) -> str:
    """A table with these headings, those of columns of numbers to the right; a row is its cells as
    HTML."""
    cells = "".join(
        f'<th scope="col"{" class=n" * (head in numeric)}>{head}</th>' for head in heads
    )
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f"<table>\n<thead><tr>{cells}</tr></thead>\n<tbody>\n{body}\n</tbody></table>"


def heading(text: str) -> str:
    return f"<h2>{escape(text)}</h2>"


def scrolling(inside: str, label: str) -> str:
    """A part that scrolls by itself where it is too wide, with keys as well."""
    region = f'tabindex="0" role="region" aria-label="{escape(label, quote=True)}"'
    return f'<div class="scroll" {region}>\n{inside}</div>'


def _policy(styles: list[str], script: str) -> str:
    """Nothing but these styles and this script: no network, no forms, no other code."""
    allowed = " ".join(map(_digest, styles))
    run = _digest(script) if script else "'none'"
    return (
        f"default-src 'none'; style-src {allowed}; script-src {run}; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
