"""Every comparison, one after the other: python -m tests.benchmarks

Peers (`pip install -e ".[bench]"`) that are not installed are skipped by name.
"""

from tests.benchmarks import arrays, parsing, pictures, points, scalars, scaling, startup

for title, run in {
    "Start-up": lambda: startup.main(15),
    "Parsing": parsing.main,
    "Scalars": scalars.main,
    "Growth": lambda: scaling.main(3),
    "Many points": points.main,
    "Arrays": arrays.main,
    "Pictures": pictures.main,
}.items():
    print(f"\n## {title}\n", flush=True)
    run()
