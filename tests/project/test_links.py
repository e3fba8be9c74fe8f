"""Links in the documents: to files that are there, and to headings that are in them."""

from __future__ import annotations

import pathlib
import re

import pytest

from tests.conftest import ROOT

DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("**/*.md"))]
LINK = re.compile(r"(?<!\\)\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)
CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.MULTILINE | re.DOTALL)


def anchors(text: str) -> set[str]:
    """The headings as a page calls them: small letters, blanks as hyphens, no other signs."""
    headings = HEADING.findall(re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL))
    return {re.sub(r"[^\w\- ]", "", h.lower()).strip().replace(" ", "-") for h in headings}


def broken(document: pathlib.Path, text: str) -> list[str]:
    found = []
    for link in LINK.findall(CODE.sub("", text)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = document if not path else (document.parent / path).resolve()
        is_there = target.exists() and ROOT in (target, *target.parents)
        if is_there and anchor:
            is_there = anchor in anchors(target.read_text("utf-8"))
        if not is_there:
            found.append(link)
    return found


@pytest.mark.small
@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: pathlib.Path) -> None:
    assert broken(document, document.read_text("utf-8")) == []


@pytest.mark.small
def test_a_broken_link_would_be_found() -> None:
    here = ROOT / "README.md"
    assert broken(here, "[a](nowhere.md) [b](#nothing) [c](README.md#backtrace)") == [
        "nowhere.md",
        "#nothing",
    ]
    assert broken(here, "`[a](nowhere.md)` and [d](https://example.org)") == []


@pytest.mark.small
def test_every_document_can_be_reached_from_the_readme() -> None:
    seen, waiting = set(), [ROOT / "README.md"]
    while waiting:
        document = waiting.pop()
        seen.add(document)
        for link in LINK.findall(CODE.sub("", document.read_text("utf-8"))):
            target = (document.parent / link.partition("#")[0]).resolve()
            if target.suffix == ".md" and target.exists() and target not in seen:
                waiting.append(target)
    assert set(DOCUMENTS) <= seen


@pytest.mark.small
def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) < 200
