"""A student's code: files of Python and notebooks, read when they are judged and never run.

Python's own rules say how a file is written (`# coding:`, a byte order mark, else UTF-8). Of a
notebook only the cells are kept: what they printed may be many megabytes of pictures.
"""

from __future__ import annotations

import codecs
import io
import json
import os
import tokenize
from dataclasses import dataclass
from typing import Any

from backtrace.errors import by_system
from backtrace.files import Changed, InputFile
from backtrace.homework.submissions.submission import Broken
from backtrace.language import tell

LARGEST_FILE = 10_000_000
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True, slots=True)
class CodeFile:
    """`name` as the student calls it; its text, or the `path` where it is."""

    name: str
    path: str = ""
    text: str = ""

    @property
    def is_notebook(self) -> bool:
        return self.name.lower().endswith(".ipynb")


def text_of(file: CodeFile) -> str:
    """What is in the file; of a notebook the cells alone, as JSON. Raises Broken, and Changed."""
    data = _bytes_of(file)
    if len(data) > LARGEST_FILE:
        raise Broken(tell("larger than {largest_file} MB", largest_file=LARGEST_FILE // 1_000_000))
    if not data.strip():
        raise Broken(tell("it is empty"))
    return _cells_of(data) if file.is_notebook else _python(data)


def _bytes_of(file: CodeFile) -> bytes:
    if not file.path:
        return file.text.encode("utf-8", "surrogatepass")
    try:
        with InputFile(file.path) as source:
            return source.read(LARGEST_FILE + 1)
    except Changed:
        raise
    except OSError as error:
        raise Broken(tell("unreadable: {strerror}", strerror=by_system(error))) from None


def _python(data: bytes) -> str:
    if data.startswith(_UTF16):
        return _decoded(data, "utf-16")
    if b"\0" in data:
        raise Broken(tell("it is no text: it has bytes that are 0"))
    try:
        name, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    except (SyntaxError, UnicodeError, ValueError):
        name = "utf-8"
    return _decoded(data, name)


def _decoded(data: bytes, name: str) -> str:
    try:
        return data.decode(name)
    except UnicodeDecodeError as error:
        what = tell("byte {start} is 0x{data:02x}", start=error.start, data=data[error.start])
        raise Broken(
            tell("not {name} text: {what}; save it as UTF-8", name=name.upper(), what=what)
        ) from None
    except (LookupError, ValueError) as error:  # a coding that is none of texts: hex, idna
        raise Broken(
            tell(
                "its text cannot be read as {name}: {type_name}",
                name=name,
                type_name=type(error).__name__,
            )
        ) from None


def _cells_of(data: bytes) -> str:
    """A notebook's cells of code. Raises Broken for what is none, or of another language."""
    try:
        text = data.decode("utf-16" if data.startswith(_UTF16) else "utf-8-sig")
        found = json.loads(text)
    except UnicodeDecodeError as error:
        raise Broken(tell("no notebook: byte {start} is not UTF-8", start=error.start)) from None
    except (ValueError, RecursionError):
        raise Broken(tell("no notebook: it is not JSON")) from None
    if not isinstance(found, dict):
        raise Broken(tell("no notebook: it has no cells"))
    language = _language(found)
    if not language.startswith(("python", "ipython")):
        raise Broken(tell("a notebook of {language}, not of Python", language=language[:20]))
    return json.dumps({"cells": [{"cell_type": "code", "source": s} for s in _sources(found)]})


def _language(notebook: dict[str, Any]) -> str:
    """What its cells are written in; Python, where it does not say."""
    about = notebook.get("metadata")
    about = about if isinstance(about, dict) else {}
    places = (("language_info", "name"), ("kernelspec", "language"), ("kernelspec", "name"))
    for part, key in places:
        inner = about.get(part)
        said = inner.get(key) if isinstance(inner, dict) else None
        if isinstance(said, str) and said:
            return said.lower()
    return "python"


def _sources(notebook: dict[str, Any]) -> list[str]:
    cells = notebook.get("cells")
    if cells is None and isinstance(notebook.get("worksheets"), list):  # nbformat 3
        sheets = [s for s in notebook["worksheets"] if isinstance(s, dict)]
        cells = [c for s in sheets for c in s.get("cells") or []]
    if not isinstance(cells, list):
        raise Broken(tell("no notebook: it has no cells"))
    found = []
    for cell in cells:
        if isinstance(cell, dict) and cell.get("cell_type") == "code":
            source = cell.get("source", cell.get("input", ""))
            lines = [source] if isinstance(source, str) else source
            if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
                raise Broken(tell("no notebook: a cell of it holds no text"))
            found.append("".join(lines))
    return found


def size_of(file: CodeFile) -> int:
    return os.path.getsize(file.path) if file.path else len(file.text)
