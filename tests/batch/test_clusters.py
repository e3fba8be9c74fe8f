"""The examples for many machines, on two local workers: a worker is killed in the middle, and no
row is lost or counted twice. `.ci/clusters` installs what they need."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import ModuleType

import pytest

from tests.conftest import ROOT

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.filterwarnings("ignore"),  # of packages that are not ours
]
PARTS, ROWS = 60, 200_000


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "examples" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@contextlib.contextmanager
def killing(pids: Callable[[], set[int]], killed: list[int]) -> Iterator[None]:
    """Meanwhile the first worker that is seen is killed, a little after the beginning."""

    def kill() -> None:
        time.sleep(0.3)
        victim = min(pids())
        os.kill(victim, signal.SIGKILL)
        killed.append(victim)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def alone(module: ModuleType) -> tuple[float, float]:
    """The same parts in this process, in the same order."""
    loss, slope = zip(*(module.part(k, ROWS) for k in range(PARTS)), strict=True)
    return sum(loss), sum(slope)


def test_dask_loses_nothing_and_doubles_nothing() -> None:
    distributed = pytest.importorskip("dask.distributed")
    module = example("many_points_dask")
    killed: list[int] = []
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        module.sums(client, 2, 1000)
        workers = set(client.run(os.getpid).values())
        began = time.perf_counter()
        with killing(lambda: workers, killed):
            found = module.sums(client, PARTS, ROWS)
        took = time.perf_counter() - began
        after = set(client.run(os.getpid).values())
    assert found == alone(module)
    assert killed
    assert killed[0] not in after
    assert took > 0.3  # it was killed in the middle


def test_ray_loses_nothing_and_doubles_nothing() -> None:
    ray = pytest.importorskip("ray")
    module = example("many_points_ray")
    killed: list[int] = []
    ray.init(num_cpus=2, include_dashboard=False, logging_level="error")
    try:
        module.sums(2, 1000)
        pid = ray.remote(lambda: os.getpid())
        workers = set(ray.get([pid.remote() for _ in range(20)]))
        began = time.perf_counter()
        with killing(lambda: workers, killed):
            found = module.sums(PARTS, ROWS)
        took = time.perf_counter() - began
    finally:
        ray.shutdown()
    assert found == alone(module)
    assert killed
    assert took > 0.3
