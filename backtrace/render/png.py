"""the picture as pixels: needs `pip install "backtrace-autodiff[png]"`"""

from __future__ import annotations

from importlib import resources

from backtrace.errors import UsageError
from backtrace.graph.record import Record
from backtrace.language import tell
from backtrace.render import svg
from backtrace.render._scene import scene
from backtrace.render._view import View

SUFFIX = ".png"
IS_BINARY = True

_ZOOM = 2.0
_MOST_PIXELS = 40_000_000
_FONTS = ("DejaVuSans.ttf", "DejaVuSerif-Italic.ttf")


def render(record: Record, view: View) -> bytes:
    """The SVG drawn by resvg, with the fonts that come with the package: the same pixels on every
    machine. Raises UsageError where resvg is not installed, or the picture too large."""
    try:
        from resvg_py import svg_to_bytes
    except ImportError:
        raise UsageError(
            tell("a PNG needs the package resvg-py"), hint='pip install "backtrace-autodiff[png]"'
        ) from None
    drawn = scene(record, view)
    pixels = drawn.width * drawn.height
    if pixels > _MOST_PIXELS:
        raise UsageError(
            tell("the picture has {pixels:,.0f} million pixels", pixels=pixels / 1e6),
            hint=tell("-o picture.svg has no limit"),
        )
    zoom = min(_ZOOM, (_MOST_PIXELS / pixels) ** 0.5)
    folder = resources.files("backtrace.fonts")
    with resources.as_file(folder) as path:
        found = svg_to_bytes(
            svg_string=svg.render(record, view),
            zoom=zoom,
            skip_system_fonts=True,
            font_files=[str(path / name) for name in _FONTS],
            font_family="DejaVu Sans",
            sans_serif_family="DejaVu Sans",
            serif_family="DejaVu Serif",
        )
    return bytes(found)
