"""Text in XML 1.0: escaped, without the characters that it cannot hold."""

from __future__ import annotations

import re
from xml.sax.saxutils import escape, quoteattr

_NONE_OF_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def text(of: str) -> str:
    return escape(_allowed(of))


def attribute(of: str) -> str:
    """With its quotes."""
    return quoteattr(_allowed(of))


def _allowed(of: str) -> str:
    return _NONE_OF_XML.sub("\ufffd", of)
