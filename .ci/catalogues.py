"""The catalogues of sentences in other languages, by Babel: collected from the source, compiled.

    python .ci/catalogues.py           compiles every backtrace.po to the .mo that is read
    python .ci/catalogues.py update    first brings every .po up to what the source says now
    python .ci/catalogues.py update fr begins a catalogue of French

A build of the package compiles too (pyproject.toml names this file as a hook of hatchling).
"""

from __future__ import annotations

import io
import json
import os
import pathlib
import re
import sys
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # not a build
    BuildHookInterface = object

PACKAGE = pathlib.Path(__file__).resolve().parent.parent / "backtrace"
KEYWORDS: Any = {"tell": None, "marked": None, "tell_many": (1, 2), "marked_many": (1, 2)}
IN_SCRIPTS = re.compile(r'\b(?:tell|marked)\(\s*"((?:[^"\\]|\\.)*)"')
"""Also in a template of JavaScript, and in what is given to another sentence: where Babel does not
look."""
DATES = (
    "POT-Creation-Date",
    "PO-Revision-Date",
    "Last-Translator",
    "Generated-By",
    "Language-Team",
)


def collected() -> Catalog:
    """Every sentence of the source."""
    catalogue = Catalog(fuzzy=False)
    found = extract_from_dir(
        PACKAGE,
        method_map=[("**.py", "python")],
        keywords=KEYWORDS,
        strip_comment_tags=True,
    )
    for _, _, message, _, _ in found:
        catalogue.add(message)
    for file in sorted(PACKAGE.rglob("*.js")):
        for text in IN_SCRIPTS.findall(file.read_text("utf-8")):
            catalogue.add(json.loads(f'"{text}"'))
    return catalogue


def read(file: pathlib.Path) -> Catalog:
    with file.open("rb") as stream:
        return read_po(stream, locale=file.parent.parent.name, domain="backtrace")


def files() -> list[pathlib.Path]:
    return sorted(PACKAGE.glob("locale/*/LC_MESSAGES/backtrace.po"))


def text_of(catalogue: Catalog) -> bytes:
    """The catalogue as its file has it: sorted, nothing in it that changes with every run."""
    catalogue.header_comment = "# The sentences of backtrace in another language."
    stream = io.BytesIO()
    write_po(stream, catalogue, width=100, no_location=True, sort_output=True, ignore_obsolete=True)
    lines = stream.getvalue().decode("utf-8").splitlines(keepends=True)
    return "".join(
        line for line in lines if not line.startswith(tuple(f'"{d}' for d in DATES))
    ).encode()


def update(file: pathlib.Path) -> None:
    """New sentences stand in it without a translation, those that are gone are taken out."""
    language = file.parent.parent.name
    catalogue = read(file) if file.exists() else Catalog(locale=language, fuzzy=False)
    catalogue.update(collected(), no_fuzzy_matching=True)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text_of(catalogue))


def compile_all() -> None:
    for file in files():
        compiled, waiting = file.with_suffix(".mo"), file.with_suffix(f".{os.getpid()}")
        with waiting.open("wb") as stream:
            write_mo(stream, read(file))
        waiting.replace(compiled)


class CustomBuildHook(BuildHookInterface):  # type: ignore[misc, valid-type]
    def initialize(self, *_: Any) -> None:
        compile_all()


def main(words: list[str]) -> None:
    if words[:1] == ["update"]:
        named = [PACKAGE / "locale" / word / "LC_MESSAGES" / "backtrace.po" for word in words[1:]]
        for file in named or files():
            update(file)
    compile_all()


if __name__ == "__main__":
    main(sys.argv[1:])
