"""Many points on a cluster, with Dask (pip install "dask[distributed]"): the formula is compiled
where the rows are, and only the sums come back.

    python many_points_dask.py [MILLIONS OF ROWS]
"""

import sys
import time

import numpy as np
from dask.distributed import Client, LocalCluster

FORMULA = "(1/(1+exp(-(w*x + b))) - y)^2"


def part(seed: int, rows: int) -> tuple[float, float]:
    """The sums of the loss and of its gradient by w, over some rows."""
    import backtrace

    chance = np.random.default_rng(seed)
    x = chance.normal(size=rows)
    found = backtrace.vectorize(FORMULA, wrt=["w"])({"x": x, "y": x > 0, "w": 0.5, "b": 0.1})
    return float(found["f"].sum()), float(found["df/dw"].sum())


def sums(client: Client, parts: int, rows: int) -> tuple[float, float]:
    """Over all parts. Where a worker dies, Dask runs its parts again on another."""
    found = client.gather(client.map(part, range(parts), [rows] * parts, retries=10))
    loss, slope = zip(*found, strict=True)
    return sum(loss), sum(slope)


def main(millions: int) -> None:
    workers = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(**workers) as cluster, Client(cluster) as client:
        sums(client, 2, 1000)  # loads everything
        began = time.perf_counter()
        loss, slope = sums(client, millions, 1_000_000)
        taken = time.perf_counter() - began
    rows = millions * 1e6
    print(f"mean loss {loss / rows:.6f}, its gradient by w {slope / rows:.6f}")
    print(f"{rows / taken / 1e6:.1f} million rows a second", file=sys.stderr)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 4)
