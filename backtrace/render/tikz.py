"""a drawing for LaTeX: plain TikZ with its own coordinates, a document that compiles"""

from __future__ import annotations

from collections.abc import Iterator

from backtrace.graph.record import Record
from backtrace.language import SOURCE, speaking
from backtrace.render._ink import LIGHT
from backtrace.render._latex import escaped, math_name, math_text
from backtrace.render._measures import RADIUS
from backtrace.render._scene import Frame, Line, Scene, Sign, scene
from backtrace.render._view import View

SUFFIX = ".tikz"

_SCALE = 0.021  # cm for a unit of the scene
_PREAMBLE = r"""\documentclass[tikz,border=4pt]{standalone}
\usepackage[T1]{fontenc}
\usepackage{amsmath}
"""


def render(record: Record, view: View) -> str:
    with speaking(SOURCE):  # its fonts are Latin
        drawn = scene(record, view)
    lines = [
        _PREAMBLE.rstrip(),
        *(f"\\definecolor{{{name}}}{{HTML}}{{{code}}}" for name, code in _colours().items()),
        "\\begin{document}",
        f"\\begin{{tikzpicture}}[x={_SCALE}cm, y=-{_SCALE}cm, line width=0.7pt, font=\\small]",
        *_title(drawn),
        *(piece for frame in drawn.frames for piece in _frame(frame)),
        *(piece for line in drawn.lines for piece in _line(line)),
        *(f"  \\fill[btwire] ({_at(x, y)}) circle[radius=1.6pt];" for x, y in drawn.dots),
        *(piece for line in drawn.lines for piece in _branch(line)),
        *(piece for sign in drawn.signs for piece in _sign(sign)),
        "\\end{tikzpicture}",
        "\\end{document}",
    ]
    return "\n".join(lines) + "\n"


def _colours() -> dict[str, str]:
    inks = {"btwire": LIGHT.wire, "btvalue": LIGHT.value, "btgradient": LIGHT.gradient}
    inks |= {"btframe": LIGHT.frame, "btquiet": LIGHT.quiet}
    return {name: colour.lstrip("#").upper() for name, colour in inks.items()}


def _at(x: float, y: float) -> str:
    return f"{x:.1f},{y:.1f}"


def _title(drawn: Scene) -> Iterator[str]:
    y = 38.0
    for line in drawn.title:
        text = f"{{\\texttt{{{escaped(line)}}}}}"
        yield f"  \\node[anchor=base west, inner sep=0] at ({_at(24, y)}) {text};"
        y += 22.0


def _frame(frame: Frame) -> Iterator[str]:
    corner = _at(frame.x + frame.width, frame.y + frame.height)
    yield (
        f"  \\draw[btframe, dashed, rounded corners=5pt, fill=btframe!5] "
        f"({_at(frame.x, frame.y)}) rectangle ({corner});"
    )
    place = _at(frame.x + 16, frame.y)
    look = "anchor=west, fill=white, text=btframe, inner sep=2pt"
    yield f"  \\node[{look}] at ({place}) {{{escaped(frame.label)}}};"


def _line(line: Line) -> Iterator[str]:
    (x, y), *rest = line.points
    pieces = [f"({_at(x, y)})"]
    for index, (to_x, to_y) in enumerate(rest):
        if index % 2 == 1 or abs(to_y - y) < 0.01:
            pieces.append(f"-- ({_at(to_x, to_y)})")
        else:
            middle = (x + to_x) / 2
            pieces.append(
                f".. controls ({_at(middle, y)}) and ({_at(middle, to_y)}) .. ({_at(to_x, to_y)})"
            )
        x, y = to_x, to_y
    yield f"  \\draw[btwire] {' '.join(pieces)};"


def _branch(line: Line) -> Iterator[str]:
    """What a branch carries back, legible where another wire passes."""
    if line.is_branch and line.gradient != "":
        at = _at(line.at[0], line.at[1] + 1)
        yield _number(at, "north west", line.gradient, "btgradient", "\\scriptsize")


def _number(place: str, anchor: str, text: str | None, colour: str, size: str = "") -> str:
    """A number; a blank is a box to write in."""
    if text is None:
        return (
            f"  \\node[anchor={anchor}, draw=btquiet, densely dotted, minimum width=0.9cm, "
            f"minimum height=0.3cm, inner sep=0, yshift={'2pt' if 'south' in anchor else '-2pt'}] "
            f"at ({place}) {{}};"
        )
    shown = math_text(text)
    return (
        f"  \\node[anchor={anchor}, inner sep=1.5pt, text={colour}] at ({place}) {{{size}{shown}}};"
    )


def _sign(sign: Sign) -> Iterator[str]:
    begin, end = sign.wire
    yield f"  \\draw[btwire] ({_at(begin, sign.y)}) -- ({_at(end, sign.y)});"
    if sign.is_gate:
        yield _shape(sign)
        if sign.line:
            below = _at(sign.x, sign.y + sign.height / 2)
            look = "anchor=north, inner sep=2pt, text=btquiet"
            yield f"  \\node[{look}] at ({below}) {{\\tiny {sign.line}}};"
    else:
        name = math_name(sign.label) if sign.kind == "input" else math_text(sign.label)
        yield f"  \\node[anchor=east, inner sep=2pt] at ({_at(begin, sign.y)}) {{{name}}};"
    above = f"{math_name(sign.name)} $=$ " if sign.name else ""
    place = _at(sign.numbers - 2, sign.y)
    if sign.shape:
        higher = _at(sign.numbers - 2, sign.y - 15)
        yield (
            f"  \\node[anchor=south west, inner sep=1.5pt, text=btquiet] at ({higher}) "
            f"{{\\scriptsize {math_text(sign.shape)}}};"
        )
    if sign.value is None:
        yield _number(place, "south west", None, "")
    elif sign.value:
        text = f"{above}\\textcolor{{btvalue}}{{{math_text(sign.value)}}}"
        yield f"  \\node[anchor=south west, inner sep=1.5pt] at ({place}) {{{text}}};"
    if sign.gradient != "":
        yield _number(place, "north west", sign.gradient, "btgradient")


def _shape(sign: Sign) -> str:
    size = f"minimum width={sign.width * _SCALE:.2f}cm, minimum height={sign.height * _SCALE:.2f}cm"
    round_ = "circle" if sign.is_circle else f"rounded corners={RADIUS * _SCALE:.2f}cm"
    label = math_text(sign.label)
    look = f"draw, fill=white, inner sep=0, {round_}, {size}"
    if sign.kind == "box":
        label = math_name(sign.label)
        look = f"draw=btframe, fill=btframe!5, inner sep=0, rounded corners=4pt, {size}"
    return f"  \\node[{look}] at ({_at(sign.x, sign.y)}) {{{label}}};"
