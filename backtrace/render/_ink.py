"""The colours of pictures: contrast at least 5.4 on their ground, apart for the colour-blind too
(Machado 2009; the smallest distance is dE 32). Position says the same: values above, gradients
below."""

from __future__ import annotations

from dataclasses import dataclass

FONT = "DejaVu Sans, Verdana, sans-serif"
NAME_FONT = "DejaVu Serif, Georgia, serif"


@dataclass(frozen=True, slots=True)
class Ink:
    ground: str
    ink: str
    wire: str
    value: str
    gradient: str
    frame: str
    frame_ground: str
    quiet: str


LIGHT = Ink(
    ground="#ffffff",
    ink="#1f2328",
    wire="#57606a",
    value="#00664b",
    gradient="#c23a00",
    frame="#0b5cd5",
    frame_ground="#f0f5ff",
    quiet="#57606a",
)
DARK = Ink(
    ground="#0d1117",
    ink="#e6edf3",
    wire="#8b949e",
    value="#7ee8c0",
    gradient="#ff6f50",
    frame="#6cb0ff",
    frame_ground="#13203a",
    quiet="#9aa4ae",
)
