"""Many points on a cluster, with Ray (pip install ray): the formula is compiled where the rows are,
and only the sums come back.

    python many_points_ray.py [MILLIONS OF ROWS]
"""

import sys
import time

import numpy as np
import ray

FORMULA = "(1/(1+exp(-(w*x + b))) - y)^2"


def part(seed: int, rows: int) -> tuple[float, float]:
    """The sums of the loss and of its gradient by w, over some rows."""
    import backtrace

    chance = np.random.default_rng(seed)
    x = chance.normal(size=rows)
    found = backtrace.vectorize(FORMULA, wrt=["w"])({"x": x, "y": x > 0, "w": 0.5, "b": 0.1})
    return float(found["f"].sum()), float(found["df/dw"].sum())


def sums(parts: int, rows: int) -> tuple[float, float]:
    """Over all parts. Where a worker dies, Ray runs its part again on another."""
    run = ray.remote(max_retries=-1)(part)
    loss, slope = zip(*ray.get([run.remote(k, rows) for k in range(parts)]), strict=True)
    return sum(loss), sum(slope)


def main(millions: int) -> None:
    ray.init(num_cpus=2, include_dashboard=False, logging_level="error")
    sums(2, 1000)  # loads everything
    began = time.perf_counter()
    loss, slope = sums(millions, 1_000_000)
    taken = time.perf_counter() - began
    ray.shutdown()
    rows = millions * 1e6
    print(f"mean loss {loss / rows:.6f}, its gradient by w {slope / rows:.6f}")
    print(f"{rows / taken / 1e6:.1f} million rows a second", file=sys.stderr)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 4)
