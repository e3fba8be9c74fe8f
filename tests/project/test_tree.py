"""What the repository itself may hold: nothing large, nothing that a command makes."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from tests.conftest import ROOT

MEGABYTE = 1_000_000


def tracked() -> list[str]:
    """Paths of the files under version control; skips where this is no checkout."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
    return [path for path in listed.stdout.decode().split("\0") if path]


def test_no_tracked_file_is_over_a_megabyte() -> None:
    sizes = {path: (ROOT / path).stat().st_size for path in tracked() if (ROOT / path).is_file()}
    assert sizes
    assert {path: size for path, size in sizes.items() if size > MEGABYTE} == {}


def test_no_package_is_tracked() -> None:
    assert [path for path in tracked() if path.endswith((".whl", ".tar.gz", ".tgz"))] == []


REGISTRIES = ("registry." + "npmjs", "files." + "pythonhosted", "pypi." + "org/simple")


def test_no_registry_address_is_named() -> None:
    """Packages come by their clients, from wherever those are told to look."""
    naming = [
        path
        for path in tracked()
        if (ROOT / path).is_file()
        and any(host.encode() in (ROOT / path).read_bytes() for host in REGISTRIES)
    ]
    assert naming == []
