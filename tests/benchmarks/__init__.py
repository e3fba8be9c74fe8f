"""Benchmarks, each against a peer or a floor in the same run, and what else measures."""

BENCHMARKS = {
    "startup": "Start-up",
    "phases": "Where the time goes",
    "commands": "Whole commands on many gates and entries",
    "scalars": "Forward and backward",
    "scaling": "Growth",
    "parsing": "Parsing",
    "points": "Many points",
    "rows": "Arrays at many points",
    "arrays": "Arrays",
    "windows": "Windows and attention",
    "letters": "Gradients in letters",
    "hessians": "Hessians",
    "live": "The live page",
    "pictures": "Formats and their sizes",
    "folding": "Folded pictures",
    "grading": "Grading of numbers",
    "grading_code": "Grading of notebooks",
    "diagnosis": "Mistakes in numbers",
    "backward": "Mistakes in code",
}
"""The modules whose `main` makes figures of the docs, in the order in which they run."""

TOOLS = ("guard", "fuzz", "mutants")
"""What measures something else: whether the work has doubled, what breaks, what a check misses."""

PARTS = ("figures", "planting", "programs", "variants", "watched")
"""What the others stand on."""
